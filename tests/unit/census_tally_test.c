/* From counts to what is told: growth, error, chance, order. */
#include <math.h>
#include <stdlib.h>

#include "census/entries.h"
#include "census/pages.h"
#include "tap.h"

#define OLD_PAGES 256
#define NEW_PAGES 64
#define PAGES (OLD_PAGES + PL_CENSUS_STEPS * NEW_PAGES)

struct world {
	struct pl_census_hits hits[PL_CENSUS_LOOKS];
	struct pl_census_cells cells[PL_CENSUS_LOOKS];
	uint8_t strata[PAGES];
	bool gone[PAGES];
	struct pl_census_panel panel;
};

/* 10240 old pages, a fortieth of which is read; new ones are all read. */
static void begin(struct world *world)
{
	*world = (struct world){ 0 };
	world->panel = (struct pl_census_panel){ .stratum = world->strata,
		                                     .gone = world->gone,
		                                     .page_count = PAGES,
		                                     .total = { 10240, 64, 64, 64, 64, 64 },
		                                     .sampled = { OLD_PAGES, 64, 64, 64, 64, 64 },
		                                     .at = { 0, 0.2, 0.4, 0.6, 0.8, 1 } };
	for (size_t i = OLD_PAGES; i < PAGES; i++)
		world->strata[i] = (uint8_t)(1 + (i - OLD_PAGES) / NEW_PAGES);
}

static void put(struct world *world, unsigned look, uint64_t key, uint32_t page, unsigned count)
{
	struct pl_census_hits *hits = &world->hits[look];

	for (unsigned i = 0; i < count; i++) {
		if (hits->count == hits->capacity) {
			hits->capacity = hits->capacity * 2 + 1024;
			hits->hits = realloc(hits->hits, hits->capacity * sizeof(*hits->hits));
			if (!hits->hits)
				exit(1);
		}
		hits->hits[hits->count++] =
			(struct pl_census_hit){ .key = key, .page = page, .word = (uint16_t)i };
	}
}

#define KEYS_MAX 8

static const struct pl_census_heap heap = { 4e7, 1e5, 0 };

struct told {
	struct pl_census_growth growth[KEYS_MAX];
	size_t count;
};

static void tell(void *ctx, const struct pl_census_growth *growth)
{
	struct told *told = ctx;

	if (told->count < KEYS_MAX)
		told->growth[told->count++] = *growth;
}

static struct told compare(struct world *world)
{
	struct told told = { 0 };

	for (size_t i = 0; i < PL_CENSUS_LOOKS; i++) {
		pl_census_hits_sort(&world->hits[i]);
		if (pl_census_cells_count(&world->hits[i], &world->cells[i]) < 0)
			exit(1);
	}
	pl_census_tally(world->cells, &world->panel, tell, &told);
	for (size_t i = 0; i < PL_CENSUS_LOOKS; i++) {
		pl_census_hits_free(&world->hits[i]);
		pl_census_cells_free(&world->cells[i]);
	}
	return told;
}

static void test_leak_on_new_pages(void)
{
	struct world world;
	struct told told;
	double chance = 1;

	begin(&world);
	for (unsigned look = 0; look < PL_CENSUS_LOOKS; look++)
		for (uint32_t page = 0; page < OLD_PAGES; page++)
			put(&world, look, 100, page, 3);
	for (uint32_t page = OLD_PAGES; page < PAGES; page++)
		put(&world, PL_CENSUS_LOOKS - 1, 100, page, 20);
	told = compare(&world);
	is_num(told.count, 1, "one kind of object");
	is_near(told.growth[0].growth_count, 320 * 20, 1e-6, "all new ones are counted");
	is_near(told.growth[0].before_count, 10240 * 3, 1e-6, "and what was there before");
	is_near(told.growth[0].steps[2], 64 * 20, 1e-6, "look by look");
	is_num(told.growth[0].page_count, 320, "on so many pages");
	ok(told.growth[0].z > 10, "beyond chance");
	ok(pl_census_is_candidate(&told.growth[0], 1000, &heap, &chance) && chance < 1e-6,
	   "to be told");
	ok(pl_census_steady(&told.growth[0], &world.panel), "little by little");
}

/* A hole among old pages that no page of the sample was in. */
static void test_unseen(void)
{
	struct world world;
	struct told told;

	begin(&world);
	for (uint32_t page = OLD_PAGES; page < PAGES; page++)
		put(&world, PL_CENSUS_LOOKS - 1, 100, page, 20);
	told = compare(&world);
	is_near(told.growth[0].unseen_count, 39 * 20, 1e-6,
	        "where no old page gained, what as many as one stands for may have");
	begin(&world);
	for (uint32_t page = OLD_PAGES; page < PAGES; page++)
		put(&world, PL_CENSUS_LOOKS - 1, 100, page, 20);
	put(&world, PL_CENSUS_LOOKS - 1, 100, 3, 1);
	told = compare(&world);
	is_near(told.growth[0].growth_count, 6400 + 40, 1e-6, "one more on an old page");
	is_near(told.growth[0].unseen_count, 644, 1e-6,
	        "is no hole that was filled, which there may be, up to a tenth of the growth");
	begin(&world);
	for (uint32_t page = OLD_PAGES; page < PAGES; page++)
		put(&world, PL_CENSUS_LOOKS - 1, 100, page, 20);
	put(&world, PL_CENSUS_LOOKS - 1, 100, 3, 15);
	told = compare(&world);
	is_num(told.growth[0].unseen_count, 0, "one that was seen stands for the others");
}

static void test_churn(void)
{
	struct world world;
	struct told told;
	double chance;
	uint64_t state = 5;
	unsigned alarms = 0;

	for (unsigned round = 0; round < 20; round++) {
		begin(&world);
		for (unsigned look = 0; look < PL_CENSUS_LOOKS; look++)
			for (uint32_t page = 0; page < OLD_PAGES; page++)
				put(&world, look, 100, page, (unsigned)(pl_census_random(&state) % 8));
		told = compare(&world);
		alarms += told.count == 1 && pl_census_is_candidate(&told.growth[0], 1, &heap, &chance);
	}
	is_num(alarms, 0, "what comes and goes is not told");
}

/* A few objects on new pages may have come from old ones, of which the sample saw none. */
static void test_moved(void)
{
	struct world world;
	struct told told;
	double chance;

	begin(&world);
	for (uint32_t page = OLD_PAGES; page < OLD_PAGES + 100; page++)
		put(&world, PL_CENSUS_LOOKS - 1, 100, page, 1);
	told = compare(&world);
	ok(told.count == 1 && !pl_census_is_candidate(&told.growth[0], 1, &heap, &chance),
	   "a hundred objects may have moved from ten thousand pages");
}

static void test_sizes(void)
{
	const struct pl_census_growth growth = {
		.kind = PL_CENSUS_KEY_SIZE, .key = 96, .growth_count = 10000, .z = 20, .page_count = 200
	};
	const struct pl_census_heap grown = { 4e7, 9e5, 0 };
	const struct pl_census_heap still = { 4e7, 1e4, 0 };
	const struct pl_census_heap large = { 4e9, 9e5, 0 };
	const struct pl_census_heap swelling = { 4e7, 2e7, 0 };
	const struct pl_census_heap changing = { 4e7, 1.5e6, 2e6 };
	double chance;

	ok(pl_census_is_candidate(&growth, 10, &grown, &chance), "a size that the heap grew with");
	ok(!pl_census_is_candidate(&growth, 10, &still, &chance), "but not one that it did not");
	ok(!pl_census_is_candidate(&growth, 10, &large, &chance), "nor one that hardly matters");
	ok(!pl_census_is_candidate(&growth, 10, &swelling, &chance),
	   "nor one that is a small part of what grew");
	ok(!pl_census_is_candidate(&growth, 10, &changing, &chance),
	   "nor one of buffers that only pass through it as they grow");
}

static void test_gone(void)
{
	struct world world;
	struct told told;

	begin(&world);
	world.panel.gone_total = 400;
	for (uint32_t page = 0; page < OLD_PAGES; page++) {
		for (unsigned look = 0; look < PL_CENSUS_LOOKS; look++)
			if (page >= 10 || look == 0)
				put(&world, look, 100, page, 2);
		world.gone[page] = page < 10;
		world.panel.gone_sampled += page < 10;
	}
	told = compare(&world);
	is_near(told.growth[0].growth_count, -800, 1e-6, "pages that are gone take objects along");
}

static void test_unsteady(void)
{
	struct pl_census_panel panel = { .at = { 0, 0.2, 0.4, 0.6, 0.8, 1 } };
	struct pl_census_growth growth = { .growth_count = 1000, .steps = { 200, 200, 200, 200, 200 } };

	ok(pl_census_steady(&growth, &panel), "a straight line is steady");
	growth =
		(struct pl_census_growth){ .growth_count = 1000, .steps = { 300, 100, 300, 100, 200 } };
	ok(pl_census_steady(&growth, &panel), "one that wavers too");
	growth = (struct pl_census_growth){ .growth_count = 1000, .steps = { 0, 0, 1000, 0, 0 } };
	ok(!pl_census_steady(&growth, &panel), "a single step is not");
	growth =
		(struct pl_census_growth){ .growth_count = 1000, .steps = { 900, -700, 900, -300, 200 } };
	ok(!pl_census_steady(&growth, &panel), "nor is up and down");
	growth = (struct pl_census_growth){ .growth_count = 1000, .steps = { 600, 250, 100, 40, 10 } };
	ok(!pl_census_steady(&growth, &panel), "nor is what fills up");
}

static struct pl_census_candidate candidate(const char *name, enum pl_census_class class,
                                            double growth_count, uint64_t object_bytes)
{
	struct pl_census_candidate out = { .growth = { .growth_count = growth_count },
		                               .object_bytes = object_bytes,
		                               .in_chunks = true };

	out.named.name.class = class;
	snprintf(out.named.name.name, sizeof(out.named.name.name), "%s", name);
	return out;
}

static void test_order(void)
{
	struct pl_census_candidate list[8] = {
		candidate("144-byte chunks", PL_CENSUS_CLASS_SIZE, 1000, 144),
		candidate("std::_Sp_counted", PL_CENSUS_CLASS_LIBRARY, 1000, 144),
		candidate("Session", PL_CENSUS_CLASS_TYPE, 600, 144),
		candidate("Session", PL_CENSUS_CLASS_TYPE, 400, 144),
		candidate("noise", PL_CENSUS_CLASS_TYPE, 20, 4000),
		candidate("unnamed", PL_CENSUS_CLASS_NONE, 5000, 32),
		candidate("4112-byte chunks", PL_CENSUS_CLASS_SIZE, 1000, 4112),
		candidate("on_close", PL_CENSUS_CLASS_FUNCTION, 1000, 0),
	};

	is_num(pl_census_entries_order(list, 8), 4, "what is explained, small or mute is left out");
	is_str(list[0].named.name.name, "Session", "a type of the program comes first");
	is_num(list[0].growth.growth_count, 1000, "with all its tables together");
	is_str(list[1].named.name.name, "on_close", "then a function");
	is_str(list[2].named.name.name, "std::_Sp_counted", "then a type of the library");
	is_str(list[3].named.name.name, "4112-byte chunks", "then a size that nothing explains");
	list[0] = candidate("drift", PL_CENSUS_CLASS_TYPE, 10, 48);
	list[1] = candidate("4112-byte chunks", PL_CENSUS_CLASS_SIZE, 1000, 4112);
	is_num(pl_census_entries_order(list, 2), 1, "a type beside which far more buffers pile up");
	is_str(list[0].named.name.name, "4112-byte chunks", "is not what leaks");
}

/* Of a stripped program: functions by their offsets, strings by what they are. */
static void test_nameless(void)
{
	struct pl_census_candidate list[5] = {
		candidate("srv+0x19b0", PL_CENSUS_CLASS_FUNCTION, 1000, 80),
		candidate("srv+0x2400", PL_CENSUS_CLASS_FUNCTION, 900, 64),
		candidate("\"waiting\"", PL_CENSUS_CLASS_STRING, 1010, 80),
		candidate("\"retry\"", PL_CENSUS_CLASS_STRING, 100, 64),
		candidate("srv+0x30c8", PL_CENSUS_CLASS_STRING, 1005, 80),
	};

	list[0].named.name.named_by = list[1].named.name.named_by = "offset";
	list[2].named.name.named_by = list[3].named.name.named_by = "string";
	list[4].named.name.named_by = "offset";
	is_num(pl_census_entries_order(list, 5), 5, "what has no name is told");
	is_str(list[0].named.name.name, "\"waiting\"", "after the string of the same objects");
	is_str(list[1].named.name.name, "srv+0x19b0", "but with it");
	is_str(list[2].named.name.name, "srv+0x2400", "and before what tells of others, or of few");
	list[0] = candidate("on_close", PL_CENSUS_CLASS_FUNCTION, 1000, 80);
	list[1] = candidate("\"waiting\"", PL_CENSUS_CLASS_STRING, 1010, 80);
	list[0].named.name.named_by = "symbol";
	is_num(pl_census_entries_order(list, 2), 2, "a function with a name");
	is_str(list[0].named.name.name, "on_close", "tells more than a string");
}

/* Rust: what was made in one place has another table than what was made in another one. */
static void test_losses(void)
{
	struct pl_census_candidate list[4] = {
		candidate("Ping", PL_CENSUS_CLASS_TYPE, 14000, 32),
		candidate("Upload", PL_CENSUS_CLASS_TYPE, 29000, 96),
		candidate("Ping", PL_CENSUS_CLASS_TYPE, -13600, 32),
		candidate("Upload", PL_CENSUS_CLASS_TYPE, -14000, 96),
	};
	const struct pl_census_growth loss = { .kind = PL_CENSUS_KEY_POINTER,
		                                   .growth_count = -14000,
		                                   .error_count = 900 };
	const struct pl_census_growth luck = { .kind = PL_CENSUS_KEY_POINTER,
		                                   .growth_count = -1400,
		                                   .error_count = 900 };

	list[2].is_loss = list[3].is_loss = true;
	list[1].growth.error_count = list[3].growth.error_count = 500;
	is_num(pl_census_entries_join(list, 4), 1, "what only took another's place did not grow");
	is_str(list[0].named.name.name, "Upload", "what grew in all is left");
	is_num(list[0].growth.growth_count, 15000, "by what it grew in all");
	ok(pl_census_is_loss(&loss) && !pl_census_is_loss(&luck), "a loss is more than luck");
}

static void test_parts(void)
{
	struct pl_census_panel panel = { .at = { 0, 0.2, 0.4, 0.6, 0.8, 1 } };
	struct pl_census_candidate list[4] = {
		candidate("int", PL_CENSUS_CLASS_ATOM, 1100, 32),
		candidate("Error", PL_CENSUS_CLASS_TYPE, 1000, 96),
		candidate("4112-byte chunks", PL_CENSUS_CLASS_SIZE, 5000, 4112),
		candidate("Steady", PL_CENSUS_CLASS_TYPE, 1000, 96),
	};
	bool unsteady = false;

	for (size_t i = 0; i < 4; i++)
		for (size_t step = 0; step < PL_CENSUS_STEPS; step++)
			list[i].growth.steps[step] = list[i].growth.growth_count / PL_CENSUS_STEPS;
	list[1].growth.steps[0] = 1000;
	list[1].growth.steps[1] = list[1].growth.steps[2] = list[1].growth.steps[3] = 0;
	list[1].growth.steps[4] = 0;
	is_num(pl_census_entries_drop_unsteady(list, 4, &panel, &unsteady), 2,
	       "what came at once is not told, nor its parts");
	ok(unsteady, "but said");
	ok(list[0].named.name.class == PL_CENSUS_CLASS_SIZE &&
	       list[1].named.name.class == PL_CENSUS_CLASS_TYPE,
	   "what grew otherwise is, and what tells as much");
}

/* Chunks of 64 bytes, some of which are of 80 because 16 would have been left. */
static void test_rest(void)
{
	struct pl_census_candidate list[2] = {
		candidate("64-byte chunks", PL_CENSUS_CLASS_SIZE, 800, 64),
		candidate("80-byte chunks", PL_CENSUS_CLASS_SIZE, 200, 80),
	};
	struct pl_census_growth rest = { .key = 80, .kind = PL_CENSUS_KEY_SIZE, .growth_count = 200 };
	size_t count = 2;

	list[0].growth.key = 64;
	list[1].growth.key = 80;
	list[0].growth.kind = list[1].growth.kind = PL_CENSUS_KEY_SIZE;
	rest.kind = PL_CENSUS_KEY_POINTER;
	pl_census_entries_add_rest(list, &count, &rest);
	is_num(count, 2, "a pointer is no rest");
	rest.kind = PL_CENSUS_KEY_SIZE;
	rest.growth_count = 600;
	pl_census_entries_add_rest(list, &count, &rest);
	is_num(count, 2, "what grows nearly as much is a kind of its own");
	rest.growth_count = 200;
	rest.error_count = 150;
	pl_census_entries_add_rest(list, &count, &rest);
	is_num(count, 2, "and what is hardly known is nothing");
	rest.error_count = 30;
	pl_census_entries_add_rest(list, &count, &rest);
	ok(count == 1 && list[0].growth.key == 64, "chunks with what was too small to split off");
	is_num(list[0].growth.growth_count, 1000, "are counted among those that were asked for");
	rest.key = 96;
	pl_census_entries_add_rest(list, &count, &rest);
	is_num(list[0].growth.growth_count, 1000, "others are not");
}

/* Rust: tables in a Vec, which is copied to a larger place now and then. */
static void test_apart(void)
{
	static const double jumps[PL_CENSUS_STEPS] = { -100, 0, 900, 100, 50 };
	struct pl_census_panel panel = { .at = { 0, 0.2, 0.4, 0.6, 0.8, 1 } };
	struct pl_census_candidate list[3] = {
		candidate("Codec", PL_CENSUS_CLASS_TYPE, 950, 0),
		candidate("Filter", PL_CENSUS_CLASS_TYPE, 400, 0),
		candidate("160-byte chunks", PL_CENSUS_CLASS_SIZE, 1000, 160),
	};
	bool unsteady = false;

	list[0].named.name.apart = list[1].named.name.apart = true;
	list[0].named.name.object_bytes = 144;
	list[1].named.name.object_bytes = 140;
	memcpy(list[0].growth.steps, jumps, sizeof(jumps));
	memcpy(list[1].growth.steps, jumps, sizeof(jumps));
	list[2].growth.kind = PL_CENSUS_KEY_SIZE;
	list[2].growth.key = 160;
	for (size_t i = 0; i < PL_CENSUS_STEPS; i++)
		list[2].growth.steps[i] = 200;
	pl_census_entries_count_apart(list, 3);
	is_num(list[0].growth.growth_count, 1000, "a type is counted by the chunks that hold it");
	is_num(list[1].growth.growth_count, 400, "not by those that hold far more");
	is_num(pl_census_entries_drop_unsteady(list, 3, &panel, &unsteady), 2,
	       "and is as steady as they are");
	ok(unsteady && (list[0].growth.growth_count > 999 && list[1].growth.growth_count > 999),
	   "which the other is not");
	list[0].named.name.apart = false;
	list[0].growth.growth_count = 950;
	pl_census_entries_count_apart(list, 1);
	is_num(list[0].growth.growth_count, 950, "what is in its object is counted by itself");
}

static void test_measure(void)
{
	struct pl_census_hit hits[6] = { 0 };
	struct pl_census_candidate out = { 0 };

	for (uint16_t i = 0; i < 6; i++)
		hits[i] = (struct pl_census_hit){ .page = 1, .word = (uint16_t)(i * 14) };
	pl_census_entries_measure(hits, 6, &out);
	is_num(out.object_bytes, 112, "objects side by side are as large as their distance");
	for (size_t i = 0; i < 6; i++)
		hits[i].chunk_bytes = 96;
	hits[3].offset_bytes = hits[4].offset_bytes = hits[5].offset_bytes = hits[2].offset_bytes = 24;
	pl_census_entries_measure(hits, 6, &out);
	ok(out.object_bytes == 96 && out.in_chunks && out.offset_bytes == 24, "or as their chunks");
	for (uint16_t i = 0; i < 6; i++)
		hits[i] = (struct pl_census_hit){ .page = 1,
			                              .word = (uint16_t)(100 + 5 * i),
			                              .chunk_bytes = 496,
			                              .offset_bytes = 24 + 40u * i };
	pl_census_entries_measure(hits, 6, &out);
	ok(out.object_bytes == 40 && !out.in_chunks, "many in one chunk are elements of an array");
	for (uint16_t i = 0; i < 6; i++)
		hits[i].word = (uint16_t)(100 + 62 * i + 5 * i);
	pl_census_entries_measure(hits, 6, &out);
	ok(out.object_bytes == 496 && out.in_chunks, "one in each, wherever, is not");
	pl_census_entries_measure(hits, 0, &out);
	is_num(out.object_bytes, 0, "nothing tells nothing");
}

int main(void)
{
	test_leak_on_new_pages();
	test_unseen();
	test_churn();
	test_moved();
	test_sizes();
	test_gone();
	test_unsteady();
	test_order();
	test_nameless();
	test_losses();
	test_parts();
	test_rest();
	test_apart();
	test_measure();
	is_near(pl_census_chance(4, 10), 20 * exp(-8), 1e-12, "the bound on chance");
	is_num(pl_census_chance(-1, 10), 1, "what fell did not grow");
	return tap_done();
}
