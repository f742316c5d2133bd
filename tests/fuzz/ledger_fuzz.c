/*
 * The growth ledger over any sequence of readings: whatever maps merge, split, move, come and go,
 * nothing is counted twice, rows are bounded and in order, and every share is one.
 *
 * The input: a byte of settings, then readings, each a byte of how many places it has and two
 * bytes for each of them.
 */
#include "fuzz.h"

#include <math.h>

#include "regions/ledger.h"

#define PAGE_BYTES UINT64_C(4096)
#define READINGS_MAX 64
#define ROWS_MAX 8

struct input {
	const uint8_t *data;
	size_t size;
	size_t at;
};

static uint8_t next_byte(struct input *in)
{
	return in->at < in->size ? in->data[in->at++] : 0;
}

/* Named ones are known by their name, so each name stands once, as the scan sees to. */
static void make_place(struct input *in, uint32_t i, uint64_t *address,
                       struct pl_region_place *place)
{
	const uint8_t shape = next_byte(in);
	const uint8_t size = next_byte(in);
	const uint64_t span = PAGE_BYTES << (shape & 7);

	*address += (uint64_t)(shape >> 3 & 3) * span;
	*place = (struct pl_region_place){ .start = *address,
		                               .end = *address + span * (size % 16 + 1),
		                               .region = (uint8_t)(shape >> 5 & 3) };
	/* all of it, a part or nothing is there */
	place->used_bytes = (place->end - place->start) / 16 * (size >> 4);
	if (shape >> 7)
		place->name_hash = i + 1;
	*address = place->end;
}

static void make_snapshot(struct input *in, uint32_t stride, struct pl_region_snapshot *out)
{
	uint64_t address = PAGE_BYTES * next_byte(in);

	memset(out, 0, sizeof(*out));
	out->window_stride = stride;
	out->place_count = next_byte(in) % (PL_SNAPSHOT_PLACES + 1);
	for (uint32_t i = 0; i < out->place_count; i++) {
		struct pl_region_place *place = &out->places[i];
		struct pl_region_total *total;

		make_place(in, i, &address, place);
		total = &out->totals[place->region];
		total->resident_bytes += place->used_bytes;
		total->referenced_bytes += place->used_bytes / (1 + i % 3);
		total->mapping_count++;
		out->mapping_count++;
	}
}

static void expect_places(const struct pl_ledger *ledger, const struct pl_region_snapshot *snapshot)
{
	uint64_t told_bytes = 0;
	uint64_t seen_bytes = 0;

	fuzz_expect(ledger->place_count <= PL_LEDGER_PLACES);
	for (uint32_t i = 0; i < snapshot->place_count; i++)
		seen_bytes += snapshot->places[i].used_bytes;
	for (uint32_t i = 0; i < ledger->place_count; i++) {
		const struct pl_region_place *place = &ledger->places[i].place;

		told_bytes += place->used_bytes;
		fuzz_expect(place->region < PL_REGION_COUNT && place->start < place->end);
		for (uint32_t j = 0; place->name_hash != 0 && j < i; j++)
			fuzz_expect(ledger->places[j].place.name_hash != place->name_hash ||
			            ledger->places[j].place.region != place->region);
	}
	/* what has no row is left out, but nothing has two */
	fuzz_expect(told_bytes <= seen_bytes);
}

static void expect_points(const struct pl_ledger *ledger, const struct pl_region_snapshot *snapshot)
{
	fuzz_expect(ledger->base.time_s <= ledger->middle.time_s);
	fuzz_expect(ledger->middle.time_s <= ledger->next.time_s);
	fuzz_expect(ledger->next.time_s <= ledger->now.time_s);
	for (size_t i = 0; i < PL_REGION_COUNT; i++)
		fuzz_expect(ledger->now.used_bytes[i] == pl_region_used_bytes(&snapshot->totals[i]));
}

static void expect_shares(const struct pl_ledger *ledger, enum pl_region_set set, size_t most)
{
	struct pl_region_share shares[ROWS_MAX];
	const size_t count = pl_ledger_shares(ledger, set, shares, most);
	double sum = 0;

	fuzz_expect(count <= most);
	for (size_t i = 0; i < count; i++) {
		fuzz_expect(pl_region_in_set(shares[i].region, set) && shares[i].growth_bytes > 0);
		fuzz_expect(shares[i].share > 0 && shares[i].share <= 1);
		fuzz_expect(i == 0 || shares[i].growth_bytes <= shares[i - 1].growth_bytes);
		sum += shares[i].share;
	}
	fuzz_expect(sum < 1.000001);
}

static void expect_growing(const struct pl_ledger *ledger, size_t most)
{
	const struct pl_ledger_place *rows[ROWS_MAX];
	const size_t count = pl_ledger_growing(ledger, rows, most);
	uint64_t before_bytes = UINT64_MAX;

	fuzz_expect(count <= most);
	for (size_t i = 0; i < count; i++) {
		fuzz_expect(rows[i] >= ledger->places && rows[i] < ledger->places + ledger->place_count);
		fuzz_expect(rows[i]->place.used_bytes > rows[i]->base_bytes);

		const uint64_t grown_bytes = rows[i]->place.used_bytes - rows[i]->base_bytes;

		fuzz_expect(grown_bytes <= before_bytes);
		before_bytes = grown_bytes;
	}
}

static void expect_idle(const struct pl_region_idle *idle)
{
	for (size_t i = 0; i < PL_REGION_COUNT; i++) {
		const double share = pl_region_idle_share(idle, (enum pl_region)i);

		fuzz_expect(isfinite(share) && share >= -1 && share <= 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pl_region_snapshot snapshot;
	struct input in = { .data = data, .size = size };
	struct pl_ledger ledger = { 0 };
	struct pl_region_idle idle = { 0 };
	const size_t most = 1 + next_byte(&in) % ROWS_MAX;
	double time_s = 0;

	for (unsigned n = 0; n < READINGS_MAX && in.at < size; n++) {
		const uint8_t how = next_byte(&in);
		const uint32_t readings_before = ledger.reading_count;
		const uint32_t stride_before = ledger.window_stride;

		/* mostly read whole, now and then as a sample */
		make_snapshot(&in, how >= 0xf0 ? how & 3u : 0, &snapshot);
		time_s += how & 0x3f;
		pl_ledger_update(&ledger, &snapshot, time_s, (uint64_t)n * 1000);
		fuzz_expect(ledger.reading_count == readings_before + 1 ||
		            (stride_before != snapshot.window_stride && ledger.reading_count == 1));
		expect_places(&ledger, &snapshot);
		expect_points(&ledger, &snapshot);
		expect_shares(&ledger, PL_REGIONS_ANONYMOUS, most);
		expect_shares(&ledger, PL_REGIONS_SHARED, most);
		expect_growing(&ledger, most);
		pl_region_idle_update(&idle, &snapshot, 20 + (how & 1) * 100);
		expect_idle(&idle);
	}
	return 0;
}
