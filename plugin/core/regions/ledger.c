#include "regions/ledger.h"

#include <string.h>

#define LEAST_GROWTH_BYTES (UINT64_C(1) << 20) /* that the time since the middle can tell from */
#define KEEPS_PACE 0.75
#define OTHER_WINDOW 1.7
#define OTHER_METHOD                                                                               \
	0.02 /* of it all, that two ways of reading may differ by beside their errors */

bool pl_region_in_set(enum pl_region region, enum pl_region_set set)
{
	if (set == PL_REGIONS_SHARED)
		return region >= PL_REGION_SHMEM && region <= PL_REGION_ZGC;
	return region <= PL_REGION_LIBRARY;
}

static bool overlap(const struct pl_region_place *a, const struct pl_region_place *b)
{
	return a->start < b->end && b->start < a->end;
}

static bool is_same(const struct pl_region_place *a, const struct pl_region_place *b)
{
	if (a->region != b->region || a->name_hash != b->name_hash)
		return false;
	return a->name_hash != 0 || overlap(a, b);
}

static uint64_t growth_of(const struct pl_ledger_place *entry)
{
	const uint64_t used = entry->place.used_bytes;

	return used > entry->base_bytes ? used - entry->base_bytes : 0;
}

static bool is_worth_less(const struct pl_ledger_place *a, const struct pl_ledger_place *b)
{
	if (growth_of(a) != growth_of(b))
		return growth_of(a) < growth_of(b);
	return a->place.used_bytes < b->place.used_bytes;
}

static void remove_entry(struct pl_ledger *ledger, uint32_t i)
{
	ledger->places[i] = ledger->places[--ledger->place_count];
}

/* One mapping covers several ranges that were apart: they have merged. */
static void merge_rest(struct pl_ledger *ledger, uint32_t into, const struct pl_region_place *seen,
                       uint64_t *seen_bytes, struct pl_region_place *ranges)
{
	for (uint32_t i = into + 1; i < ledger->place_count;) {
		if (!is_same(&ledger->places[i].place, seen)) {
			i++;
			continue;
		}
		ledger->places[into].base_bytes += ledger->places[i].base_bytes;
		seen_bytes[into] += seen_bytes[i];
		seen_bytes[i] = seen_bytes[ledger->place_count - 1];
		ranges[i] = ranges[ledger->place_count - 1];
		remove_entry(ledger, i);
	}
}

/* Gives what was seen to the entry that it belongs to. False when there is none. */
static bool match(struct pl_ledger *ledger, const struct pl_region_place *seen,
                  uint64_t *seen_bytes, struct pl_region_place *ranges)
{
	for (uint32_t i = 0; i < ledger->place_count; i++) {
		if (!is_same(&ledger->places[i].place, seen))
			continue;
		if (seen->name_hash == 0)
			merge_rest(ledger, i, seen, seen_bytes, ranges);
		if (seen_bytes[i] == 0) {
			ranges[i] = *seen;
		} else {
			ranges[i].start = seen->start < ranges[i].start ? seen->start : ranges[i].start;
			ranges[i].end = seen->end > ranges[i].end ? seen->end : ranges[i].end;
		}
		seen_bytes[i] += seen->used_bytes;
		return true;
	}
	return false;
}

/* mremap(2) moves what it enlarges: the largest range of the class that is gone and no larger. */
static struct pl_ledger_place *find_moved(struct pl_ledger *ledger,
                                          const struct pl_region_place *seen)
{
	struct pl_ledger_place *found = NULL;

	if (seen->name_hash != 0)
		return NULL;
	for (uint32_t i = 0; i < ledger->place_count; i++) {
		struct pl_ledger_place *entry = &ledger->places[i];

		if (entry->place.used_bytes > 0 || entry->place.region != seen->region ||
		    entry->place.name_hash != 0 || entry->base_bytes == 0 ||
		    entry->place.end - entry->place.start > seen->end - seen->start)
			continue;
		if (!found || entry->base_bytes > found->base_bytes)
			found = entry;
	}
	return found;
}

static void insert(struct pl_ledger *ledger, const struct pl_ledger_place *entry)
{
	uint32_t least = 0;

	if (ledger->place_count < PL_LEDGER_PLACES) {
		ledger->places[ledger->place_count++] = *entry;
		return;
	}
	for (uint32_t i = 1; i < PL_LEDGER_PLACES; i++)
		if (is_worth_less(&ledger->places[i], &ledger->places[least]))
			least = i;
	if (is_worth_less(&ledger->places[least], entry)) {
		if (ledger->places[least].base_bytes > ledger->unseen_bytes)
			ledger->unseen_bytes = ledger->places[least].base_bytes;
		ledger->places[least] = *entry;
	} else if (entry->base_bytes > ledger->unseen_bytes) {
		ledger->unseen_bytes = entry->base_bytes;
	}
}

static void add_newcomer(struct pl_ledger *ledger, const struct pl_region_place *seen,
                         bool is_first)
{
	struct pl_ledger_place *moved = find_moved(ledger, seen);
	struct pl_ledger_place entry = { .place = *seen };

	if (moved) {
		moved->place = *seen;
		return;
	}
	/* it may have been there, too small to be kept */
	entry.base_bytes = ledger->unseen_bytes;
	if (is_first || entry.base_bytes > seen->used_bytes)
		entry.base_bytes = seen->used_bytes;
	insert(ledger, &entry);
}

static void update_places(struct pl_ledger *ledger, const struct pl_region_snapshot *snapshot,
                          bool is_first)
{
	uint64_t seen_bytes[PL_LEDGER_PLACES] = { 0 };
	struct pl_region_place ranges[PL_LEDGER_PLACES] = { 0 };
	bool matched[PL_SNAPSHOT_PLACES] = { false };

	for (uint32_t i = 0; !is_first && i < snapshot->place_count; i++)
		matched[i] = match(ledger, &snapshot->places[i], seen_bytes, ranges);
	for (uint32_t i = 0; i < ledger->place_count; i++) {
		struct pl_region_place *place = &ledger->places[i].place;

		if (seen_bytes[i] > 0) {
			place->start = ranges[i].start;
			place->end = ranges[i].end;
		}
		place->used_bytes = seen_bytes[i];
	}
	for (uint32_t i = 0; i < snapshot->place_count; i++)
		if (!matched[i])
			add_newcomer(ledger, &snapshot->places[i], is_first);
}

static void update_points(struct pl_ledger *ledger)
{
	if (ledger->reading_count == 0)
		ledger->base = ledger->middle = ledger->next = ledger->now;
	else if (ledger->now.time_s - ledger->base.time_s >=
	         2 * (ledger->next.time_s - ledger->base.time_s)) {
		ledger->middle = ledger->next;
		ledger->next = ledger->now;
	}
}

static double sum_used(const uint64_t *used_bytes)
{
	double sum = 0;

	for (size_t i = 0; i < PL_REGION_COUNT; i++)
		sum += (double)used_bytes[i];
	return sum;
}

/* By more than two ways of reading differ. */
static bool has_clearly_grown(const struct pl_ledger *ledger,
                              const struct pl_region_snapshot *snapshot)
{
	uint64_t used_bytes[PL_REGION_COUNT];
	const double was = sum_used(ledger->base.used_bytes);

	for (size_t i = 0; i < PL_REGION_COUNT; i++)
		used_bytes[i] = pl_region_used_bytes(&snapshot->totals[i]);

	const double is = sum_used(used_bytes);
	const double error =
		(double)ledger->error_share * was + (double)snapshot->error_share * is + OTHER_METHOD * is;

	return ledger->reading_count > 0 && is - was > 2 * error;
}

/* Begins anew, or with the places alone: what a mapping held was estimated by others like it. */
static void change_method(struct pl_ledger *ledger, const struct pl_region_snapshot *snapshot)
{
	if (!has_clearly_grown(ledger, snapshot))
		*ledger = (struct pl_ledger){ 0 };
	ledger->window_stride = snapshot->window_stride;
	ledger->place_count = 0;
	ledger->unseen_bytes = 0;
}

static float shared_size_bytes(const struct pl_region_snapshot *snapshot)
{
	uint64_t sum_bytes = 0;

	for (unsigned i = 0; i < PL_REGION_COUNT; i++)
		if (pl_region_in_set((enum pl_region)i, PL_REGIONS_SHARED))
			sum_bytes += snapshot->totals[i].size_bytes;
	return (float)sum_bytes;
}

void pl_ledger_update(struct pl_ledger *ledger, const struct pl_region_snapshot *snapshot,
                      double time_s, uint64_t work_us)
{
	const bool is_other = ledger->window_stride != snapshot->window_stride;

	if (is_other)
		change_method(ledger, snapshot);
	ledger->error_share = snapshot->error_share;
	update_places(ledger, snapshot, is_other || ledger->reading_count == 0);
	ledger->now.time_s = time_s;
	ledger->now.work_us = work_us;
	ledger->swap_bytes = ledger->lazyfree_bytes = ledger->huge_bytes = 0;
	for (size_t i = 0; i < PL_REGION_COUNT; i++) {
		const struct pl_region_total *total = &snapshot->totals[i];

		ledger->now.used_bytes[i] = pl_region_used_bytes(total);
		ledger->seen |= (uint32_t)(total->resident_bytes > 0) << i;
		ledger->resident_bytes[i] = total->resident_bytes;
		ledger->pss_bytes[i] = total->pss_bytes;
		ledger->swap_bytes += total->swap_bytes;
		ledger->lazyfree_bytes += total->lazyfree_bytes;
		ledger->huge_bytes += total->huge_bytes;
	}
	for (size_t i = 0; i < PL_ANON_SIZES; i++)
		ledger->anon_by_size[i] = pl_region_used_bytes(&snapshot->anon_by_size[i]);
	ledger->shared_size_bytes = shared_size_bytes(snapshot);
	if (ledger->reading_count == 0) {
		ledger->base_shared_size_bytes = ledger->shared_size_bytes;
		memcpy(ledger->base_anon_by_size, ledger->anon_by_size, sizeof(ledger->anon_by_size));
		ledger->base_stack_count = snapshot->stack_count;
		ledger->base_mapping_count = snapshot->mapping_count;
	}
	update_points(ledger);
	ledger->runtimes = snapshot->runtimes;
	ledger->stack_count = snapshot->stack_count;
	ledger->mapping_count = snapshot->mapping_count;
	ledger->heap_is_full = snapshot->heap_is_full;
	ledger->heap_most_bytes = (float)snapshot->heap_most_bytes;
	ledger->reading_count++;
}

static uint64_t rise(const struct pl_ledger_point *from, const struct pl_ledger_point *to,
                     size_t region)
{
	const uint64_t was = from->used_bytes[region];
	const uint64_t is = to->used_bytes[region];

	return is > was ? is - was : 0;
}

static uint64_t rise_of_set(const struct pl_ledger_point *from, const struct pl_ledger_point *to,
                            enum pl_region_set set)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PL_REGION_COUNT; i++)
		if (pl_region_in_set((enum pl_region)i, set))
			sum += rise(from, to, i);
	return sum;
}

/* Growth for each CPU second, since the middle and before it. */
static bool outgrows_work(const struct pl_ledger *ledger, size_t region)
{
	const double work_before = (double)ledger->middle.work_us - (double)ledger->base.work_us;
	const double work_since = (double)ledger->now.work_us - (double)ledger->middle.work_us;
	const double before = (double)rise(&ledger->base, &ledger->middle, region);
	const double since = (double)rise(&ledger->middle, &ledger->now, region);

	if (work_before <= 0 || work_since <= 0 || before <= 0)
		return false;
	return since / work_since >= KEEPS_PACE * before / work_before;
}

static const struct pl_ledger_point *choose_start(const struct pl_ledger *ledger,
                                                  enum pl_region_set set)
{
	const uint64_t all = rise_of_set(&ledger->base, &ledger->now, set);
	const uint64_t late = rise_of_set(&ledger->middle, &ledger->now, set);

	return late >= LEAST_GROWTH_BYTES && late >= all / 10 ? &ledger->middle : &ledger->base;
}

size_t pl_ledger_shares(const struct pl_ledger *ledger, enum pl_region_set set,
                        struct pl_region_share *out, size_t most)
{
	const struct pl_ledger_point *start;
	uint64_t all;
	size_t count = 0;

	if (ledger->reading_count < 2)
		return 0;
	start = choose_start(ledger, set);
	all = rise_of_set(start, &ledger->now, set);
	for (size_t i = 0; i < PL_REGION_COUNT; i++) {
		const uint64_t growth_bytes = rise(start, &ledger->now, i);
		const struct pl_region_share share = { .region = (enum pl_region)i,
			                                   .growth_bytes = growth_bytes,
			                                   .share =
			                                       all > 0 ? (double)growth_bytes / (double)all : 0,
			                                   .outgrows_work = outgrows_work(ledger, i) };
		size_t at = count;

		if (growth_bytes == 0 || !pl_region_in_set((enum pl_region)i, set))
			continue;
		while (at > 0 && out[at - 1].growth_bytes < growth_bytes)
			at--;
		if (at == most)
			continue;
		if (count == most)
			count--;
		memmove(&out[at + 1], &out[at], (count - at) * sizeof(*out));
		out[at] = share;
		count++;
	}
	return count;
}

size_t pl_ledger_growing(const struct pl_ledger *ledger, const struct pl_ledger_place **out,
                         size_t most)
{
	size_t count = 0;

	for (uint32_t i = 0; i < ledger->place_count; i++) {
		const struct pl_ledger_place *entry = &ledger->places[i];
		size_t at = count;

		if (growth_of(entry) == 0)
			continue;
		while (at > 0 && is_worth_less(out[at - 1], entry))
			at--;
		if (at == most)
			continue;
		if (count == most)
			count--;
		memmove(&out[at + 1], &out[at], (count - at) * sizeof(*out));
		out[at] = entry;
		count++;
	}
	return count;
}

/* Nobody touches what was given back until the kernel takes it: no leak's idleness. */
static uint64_t idle_of(const struct pl_region_total *total)
{
	const uint64_t touched = total->referenced_bytes + total->lazyfree_bytes;

	return total->resident_bytes > touched ? total->resident_bytes - touched : 0;
}

uint64_t pl_region_idle_bytes(const struct pl_region_snapshot *snapshot)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PL_REGION_COUNT; i++)
		if (pl_region_in_set((enum pl_region)i, PL_REGIONS_ANONYMOUS))
			sum += idle_of(&snapshot->totals[i]);
	return sum;
}

void pl_region_idle_update(struct pl_region_idle *idle, const struct pl_region_snapshot *snapshot,
                           double window_s)
{
	const double longer = window_s > idle->window_s ? window_s : idle->window_s;
	const double shorter = window_s > idle->window_s ? idle->window_s : window_s;

	if (longer > OTHER_WINDOW * shorter)
		idle->reading_count = 0;
	idle->window_s = window_s;
	for (size_t i = 0; i < PL_REGION_COUNT; i++) {
		idle->used_bytes[i] = idle->next_used_bytes[i];
		idle->idle_bytes[i] = idle_of(&snapshot->totals[i]);
		idle->next_used_bytes[i] = pl_region_used_bytes(&snapshot->totals[i]);
	}
	/* where the first window began is not known by class */
	if (idle->reading_count == 1) {
		memcpy(idle->base_used_bytes, idle->used_bytes, sizeof(idle->used_bytes));
		memcpy(idle->base_idle_bytes, idle->idle_bytes, sizeof(idle->idle_bytes));
	}
	idle->reading_count++;
}

double pl_region_idle_share(const struct pl_region_idle *idle, enum pl_region region)
{
	const double growth = (double)idle->used_bytes[region] - (double)idle->base_used_bytes[region];
	double share;

	if (idle->reading_count < 3 || growth < (double)LEAST_GROWTH_BYTES)
		return -1;
	share = ((double)idle->idle_bytes[region] - (double)idle->base_idle_bytes[region]) / growth;
	return share < 0 ? 0 : share > 1 ? 1 : share;
}
