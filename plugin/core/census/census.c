#include "census/census.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "census/golang.h"
#include "census/large.h"
#include "census/runtime.h"

/* Of larger heaps a part of the windows stands for all: 4096 windows of 2 MiB are 8 GiB. */
#define WINDOWS_MAX 4096
#define CANDIDATES_MAX 192
#define LOSSES_MAX 32
/* Of the heap, in the interval: less may be the allocator's own affair. */
#define CLEAR_GROWTH_SHARE 0.005
/* Of the new pages, one of so many is read at least, if that is not so many times what else is. */
#define NEW_PAGES_PART 8
#define FAST_GROWTH_FACTOR 4
/* So much more is suggested when nothing was found. */
#define MORE_TIME 4
#define MORE_TIME_S 120
#define MORE_PAGES 4
/* Of the pages that are read; where fewer show chunks of malloc, the heap is not glibc's. */
#define CHUNKED_SHARE_MIN 0.1
#define CHUNKS_PER_PAGE_MAX (PL_CENSUS_PAGE_WORDS_MAX / 4)
#define PERCENT_95 1.96
#define LOOK_ERROR_SHARE 0.005 /* of a growth */
/* Objects of Python that are asked how large they are; fewer do not tell it. */
#define PYTHON_MEASURED_MAX 512
#define PYTHON_MEASURED_MIN 4
/* Before an object is what the collector and the instance's dictionary need. */
#define PYTHON_TYPE_AT_MAX 40

struct pl_census {
	struct pl_census_options options;
	struct pl_census_target target;
	struct pl_census_runtime runtime;
	struct pl_census_go go; /* of a Go program: its spans are the pages that are read */
	uint64_t random;
	double share; /* of the windows that are looked at */
	double begun_s;
	double ended_s;
	double cpu_s;
	double held_s;               /* by the last look */
	unsigned looks;              /* taken */
	double due[PL_CENSUS_LOOKS]; /* parts of the interval */
	uint64_t pages_read;
	uint64_t chunked_pages; /* of them, with chunks of malloc */
	uint64_t swapped_count;
	struct pl_census_pages first;   /* present at the first look */
	struct pl_census_pages seen;    /* at any look */
	struct pl_census_pages current; /* at the last one */
	/* the pages that are read: those of the first look, then the new ones */
	uint64_t *addresses;
	uint8_t *strata;
	bool *gone;
	struct pl_census_panel panel;
	struct pl_census_cells cells[PL_CENSUS_LOOKS];
	struct pl_census_larges larges[PL_CENSUS_LOOKS];
	struct pl_census_hits hits; /* of the last look */
	uint64_t *page;             /* buffer */
	struct pl_census_chunk *chunks;
};

static double thread_cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint32_t old_pages_max(const struct pl_census *census)
{
	return census->options.page_count *
	       (census->runtime.go ? PL_CENSUS_GO_SPANS_FACTOR : PL_CENSUS_OLD_PAGES_FACTOR);
}

static uint32_t new_pages_max(const struct pl_census *census)
{
	return old_pages_max(census) / 8;
}

/* Where a heap grows fast, its objects are large: of one that takes many pages, a single one shows
 * its begin, so that more of them are read. Go's spans tell all that is in them. */
static uint32_t new_pages_most(const struct pl_census *census)
{
	return new_pages_max(census) * (census->runtime.go ? 1 : FAST_GROWTH_FACTOR);
}

void pl_census_free(struct pl_census *census)
{
	if (!census)
		return;
	pl_census_target_close(&census->target);
	pl_census_go_close(&census->go);
	pl_census_pages_free(&census->first);
	pl_census_pages_free(&census->seen);
	pl_census_pages_free(&census->current);
	for (size_t i = 0; i < PL_CENSUS_LOOKS; i++) {
		pl_census_cells_free(&census->cells[i]);
		pl_census_large_free(&census->larges[i]);
	}
	pl_census_hits_free(&census->hits);
	free(census->addresses);
	free(census->strata);
	free(census->gone);
	free(census->page);
	free(census->chunks);
	free(census);
}

static bool peek(void *ctx, uint64_t address, uint64_t *out)
{
	struct pl_census *census = ctx;
	const struct pl_census_space *space = &census->target.space;

	/* what is no address at all shall cost no system call */
	return pl_census_mapping_find(space->mappings, space->mapping_count, address) &&
	       pl_census_target_word(&census->target, address, out);
}

/* Counts what is on one page; one that is not present holds nothing. */
static void read_page(struct pl_census *census, uint32_t index, struct pl_census_hits *hits)
{
	const size_t word_count = (size_t)(census->target.page_bytes / 8);
	size_t chunk_count = 0;

	if (!pl_census_pages_has(&census->current, census->addresses[index]) ||
	    !pl_census_target_page(&census->target, census->addresses[index], census->page))
		return;
	census->pages_read++;
	if (census->runtime.chunks)
		chunk_count = pl_census_chunks_find(census->page, word_count, census->addresses[index],
		                                    peek, census, census->chunks, CHUNKS_PER_PAGE_MAX);
	census->chunked_pages += chunk_count > 0;
	pl_census_words_find(&census->target.space, census->page, word_count, index, census->chunks,
	                     chunk_count, hits);
}

/* Reads the first `count` pages and keeps their counts as those of this look. */
static int read_pages(struct pl_census *census, uint32_t count, bool keep_hits)
{
	struct pl_census_hits hits = { 0 };
	int err;

	for (uint32_t i = 0; i < count; i++)
		read_page(census, i, &hits);
	explicit_bzero(census->page, (size_t)census->target.page_bytes);
	pl_census_hits_sort(&hits);
	err = pl_census_cells_count(&hits, &census->cells[census->looks]);
	if (err == 0 && keep_hits)
		census->hits = hits;
	else
		pl_census_hits_free(&hits);
	if (err == 0 && census->runtime.chunks)
		err = pl_census_large_find(&census->target, &census->larges[census->looks]);
	return err;
}

static int see_present(struct pl_census *census)
{
	struct pl_census_pages present;
	const int err = pl_census_target_present(&census->target, census->share, census->options.seed,
	                                         &present, &census->swapped_count);

	if (err < 0)
		return err;
	pl_census_pages_free(&census->current);
	census->current = present;
	return 0;
}

static int take_go_look(struct pl_census *census)
{
	const struct pl_census_go_sample sample = { .indices = census->addresses,
		                                        .strata = census->strata,
		                                        .old_max = old_pages_max(census),
		                                        .new_max = new_pages_max(census),
		                                        .random = &census->random };
	const int err = pl_census_go_look(&census->go, &census->target, census->looks, &sample,
	                                  &census->panel, &census->cells[census->looks]);

	census->pages_read = census->go.pages_read;
	return err;
}

static int take_first_look(struct pl_census *census)
{
	const uint64_t windows = pl_census_target_window_count(&census->target);
	const uint64_t most =
		census->options.windows_max > 0 ? census->options.windows_max : WINDOWS_MAX;
	int err;

	if (census->runtime.go)
		return take_go_look(census);
	census->share = windows > most ? (double)most / (double)windows : 1;
	err = see_present(census);
	if (err < 0)
		return err;
	if (pl_census_pages_count(&census->current) == 0)
		return -ENODATA;
	err = pl_census_pages_join(&census->first, &census->current);
	if (err == 0)
		err = pl_census_pages_join(&census->seen, &census->current);
	if (err < 0)
		return err;
	census->panel.sampled[0] = (uint32_t)pl_census_pages_pick(
		&census->current, old_pages_max(census), &census->random, census->addresses);
	census->panel.total[0] = (double)pl_census_pages_count(&census->current) / census->share;
	census->panel.page_count = census->panel.sampled[0];
	return read_pages(census, census->panel.page_count, false);
}

static size_t new_pages_wanted(const struct pl_census *census, uint64_t fresh_count)
{
	const uint64_t part = fresh_count / NEW_PAGES_PART;

	if (part < new_pages_max(census))
		return new_pages_max(census);
	return part < new_pages_most(census) ? (size_t)part : new_pages_most(census);
}

/* Chooses some of the pages that no look before has seen. */
static int take_new_pages(struct pl_census *census)
{
	const unsigned look = census->looks;
	const uint32_t first = census->panel.page_count;
	struct pl_census_pages fresh;
	uint64_t fresh_count;
	int err = pl_census_pages_minus(&census->current, &census->seen, &fresh);

	if (err < 0)
		return err;
	fresh_count = pl_census_pages_count(&fresh);
	census->panel.sampled[look] = (uint32_t)pl_census_pages_pick(
		&fresh, new_pages_wanted(census, fresh_count), &census->random, census->addresses + first);
	census->panel.total[look] = (double)fresh_count / census->share;
	census->panel.page_count += census->panel.sampled[look];
	memset(census->strata + first, (int)look, census->panel.sampled[look]);
	err = pl_census_pages_join(&census->seen, &census->current);
	pl_census_pages_free(&fresh);
	return err;
}

static int find_gone(struct pl_census *census)
{
	struct pl_census_pages gone;
	const int err = pl_census_pages_minus(&census->first, &census->current, &gone);

	if (err < 0)
		return err;
	census->panel.gone_total = (double)pl_census_pages_count(&gone) / census->share;
	for (uint32_t i = 0; i < census->panel.sampled[0]; i++) {
		census->gone[i] = pl_census_pages_has(&gone, census->addresses[i]);
		census->panel.gone_sampled += census->gone[i];
	}
	pl_census_pages_free(&gone);
	return 0;
}

static int take_later_look(struct pl_census *census)
{
	const bool is_last = census->looks == PL_CENSUS_LOOKS - 1;
	int err = pl_census_target_refresh(&census->target);

	if (err == 0 && census->runtime.go)
		return take_go_look(census);
	if (err == 0)
		err = see_present(census);
	if (err == 0)
		err = take_new_pages(census);
	if (err == 0 && is_last)
		err = find_gone(census);
	if (err < 0)
		return err;
	return read_pages(census, is_last ? census->panel.page_count : census->panel.sampled[0],
	                  is_last);
}

static int allocate(struct pl_census *census)
{
	const size_t pages =
		old_pages_max(census) + (size_t)new_pages_most(census) * (PL_CENSUS_LOOKS - 1);

	census->addresses = calloc(pages, sizeof(*census->addresses));
	census->strata = calloc(pages, sizeof(*census->strata));
	census->gone = calloc(pages, sizeof(*census->gone));
	census->page = calloc(1, (size_t)census->target.page_bytes);
	census->chunks = calloc(CHUNKS_PER_PAGE_MAX, sizeof(*census->chunks));
	census->panel.stratum = census->strata;
	census->panel.gone = census->gone;
	census->first.page_bytes = census->target.page_bytes;
	census->seen.page_bytes = census->target.page_bytes;
	census->current.page_bytes = census->target.page_bytes;
	return census->addresses && census->strata && census->gone && census->page && census->chunks
	           ? 0
	           : -ENOMEM;
}

static struct pl_census_options within_limits(const struct pl_census_options *options)
{
	struct pl_census_options limited = *options;

	if (limited.page_count < PL_CENSUS_PAGES_MIN)
		limited.page_count = PL_CENSUS_PAGES_MIN;
	if (limited.page_count > PL_CENSUS_PAGES_MAX)
		limited.page_count = PL_CENSUS_PAGES_MAX;
	return limited;
}

static int find_runtime(struct pl_census *census)
{
	int err = pl_census_runtime_find(&census->target, &census->runtime);

	if (err < 0 || !census->runtime.go)
		return err;
	err = pl_census_go_find(&census->target, &census->go);
	census->runtime.go = err == 0;
	if (err == 0)
		census->runtime.instead = NULL;
	return err == -ENOENT ? 0 : err;
}

/* Looks at equal distances would miss what comes and goes in the same rhythm. */
static void plan_looks(struct pl_census *census)
{
	for (unsigned i = 1; i < PL_CENSUS_STEPS; i++) {
		const double jitter = (double)(pl_census_random(&census->random) >> 11) * 0x1p-53;

		census->due[i] = (i - 0.2 + 0.4 * jitter) / PL_CENSUS_STEPS;
	}
	census->due[PL_CENSUS_STEPS] = 1;
}

int pl_census_begin(struct pl_census **out, const struct pl_procfs *fs, const struct pl_host *host,
                    int32_t pid, const struct pl_census_options *options, double now_s)
{
	const double cpu_before_s = thread_cpu_s();
	struct pl_census *census = calloc(1, sizeof(*census));
	int err;

	if (!census)
		return -ENOMEM;
	census->options = within_limits(options);
	census->random = options->seed;
	plan_looks(census);
	census->begun_s = now_s;
	census->ended_s = now_s;
	err = pl_census_target_open(&census->target, fs, host, pid);
	if (err == 0)
		err = find_runtime(census);
	if (err == 0)
		err = allocate(census);
	census->target.space.python = census->runtime.python;
	if (err == 0 && !census->runtime.instead)
		err = take_first_look(census);
	if (err < 0) {
		pl_census_free(census);
		return err;
	}
	census->looks = 1;
	census->held_s = census->target.held_s;
	census->cpu_s += thread_cpu_s() - cpu_before_s;
	*out = census;
	return 0;
}

double pl_census_due_s(const struct pl_census *census)
{
	if (census->runtime.instead || census->looks == PL_CENSUS_LOOKS)
		return -1;
	return census->begun_s + census->options.interval_s * census->due[census->looks];
}

void pl_census_stretch(struct pl_census *census, double interval_s)
{
	census->options.interval_s = interval_s;
}

double pl_census_held_s(const struct pl_census *census)
{
	return census->held_s;
}

int pl_census_step(struct pl_census *census, double now_s)
{
	const double cpu_before_s = thread_cpu_s();
	const double held_before_s = census->target.held_s;
	int err;

	if (pl_census_due_s(census) < 0)
		return 0;
	census->panel.at[census->looks] = now_s - census->begun_s;
	err = take_later_look(census);
	census->cpu_s += thread_cpu_s() - cpu_before_s;
	census->held_s = census->target.held_s - held_before_s;
	if (err < 0)
		return err;
	census->looks++;
	census->ended_s = now_s;
	return 0;
}

/* Growths that may be told, the surest first when there are too many. */
struct candidates {
	struct pl_census_candidate *list;
	size_t count;
	size_t tried[PL_CENSUS_KEY_KINDS];
	struct pl_census_heap heap;
	size_t loss_count; /* behind the others */
	const struct pl_census_panel *panel;
	bool counting; /* only how many were tried */
	bool unsteady; /* one grew beyond chance, but not little by little */
};

/* Keeps the greatest losses. */
static void consider_loss(struct candidates *candidates, const struct pl_census_growth *growth)
{
	struct pl_census_candidate *losses = candidates->list + CANDIDATES_MAX;
	size_t at = candidates->loss_count;

	if (at == LOSSES_MAX)
		for (size_t i = at = 0; i < LOSSES_MAX; i++)
			if (losses[i].growth.growth_count > losses[at].growth.growth_count)
				at = i;
	if (candidates->loss_count == LOSSES_MAX &&
	    losses[at].growth.growth_count < growth->growth_count)
		return;
	candidates->loss_count += at == candidates->loss_count;
	losses[at] = (struct pl_census_candidate){
		.growth = *growth, .is_loss = true, .named = { .key = growth->key, .kind = growth->kind }
	};
}

/* What a collection leaves goes up and down with what was new as it ran. */
static bool is_lost(const struct candidates *candidates, const struct pl_census_growth *growth)
{
	struct pl_census_growth turned = *growth;

	turned.growth_count = -growth->growth_count;
	for (size_t i = 0; i < PL_CENSUS_STEPS; i++)
		turned.steps[i] = -growth->steps[i];
	return growth->kind != PL_CENSUS_KEY_GO || pl_census_steady(&turned, candidates->panel);
}

static void consider(void *ctx, const struct pl_census_growth *growth)
{
	struct candidates *candidates = ctx;
	size_t at = candidates->count;
	double chance;

	if (candidates->counting) {
		candidates->tried[growth->kind] += growth->page_count >= 3;
		if (pl_census_is_loss(growth) && is_lost(candidates, growth))
			candidates->heap.lost_bytes -=
				growth->growth_count * (double)pl_census_sized_bytes(growth);
		return;
	}
	if (growth->kind == PL_CENSUS_KEY_POINTER && pl_census_is_loss(growth))
		consider_loss(candidates, growth);
	if (!pl_census_is_candidate(growth, candidates->tried[growth->kind], &candidates->heap,
	                            &chance))
		return;
	if (at == CANDIDATES_MAX)
		for (size_t i = at = 0; i < CANDIDATES_MAX; i++)
			if (candidates->list[i].growth.z < candidates->list[at].growth.z)
				at = i;
	if (candidates->count == CANDIDATES_MAX && candidates->list[at].growth.z > growth->z)
		return;
	candidates->count += at == candidates->count;
	candidates->list[at] = (struct pl_census_candidate){
		.growth = *growth, .chance = chance, .named = { .key = growth->key, .kind = growth->kind }
	};
}

static void add_rest(void *ctx, const struct pl_census_growth *growth)
{
	struct candidates *candidates = ctx;

	pl_census_entries_add_rest(candidates->list, &candidates->count, growth);
}

static int name_candidates(struct pl_census *census, struct candidates *candidates)
{
	struct pl_census_named *named = calloc(candidates->count + 1, sizeof(*named));
	int err;

	if (!named)
		return -ENOMEM;
	for (size_t i = 0; i < candidates->count; i++)
		named[i] = candidates->list[i].named;
	err = pl_census_names_find(&census->target, census->options.symbols_dir, named,
	                           candidates->count);
	for (size_t i = 0; i < candidates->count; i++)
		candidates->list[i].named = named[i];
	free(named);
	return err;
}

static bool has_chunks(const struct pl_census *census)
{
	return census->runtime.chunks &&
	       (double)census->chunked_pages >= CHUNKED_SHARE_MIN * (double)census->pages_read;
}

/* Where the table is not in the object, its place tells nothing of the object's size. */
static void measure_apart(const struct pl_census *census, struct pl_census_candidate *candidate)
{
	const uint64_t bytes = candidate->named.name.object_bytes;

	candidate->in_chunks = has_chunks(census);
	candidate->object_bytes = candidate->in_chunks ? pl_census_chunk_bytes(bytes) : bytes;
}

/* The bytes that an object of Python takes, by where it lies; 0 when that does not tell. */
static uint64_t python_bytes(struct pl_census *census, const struct pl_census_hit *hit)
{
	/* of the pair that was counted the second word is the type: the object begins one before it */
	const uint64_t address = census->addresses[hit->page] + (hit->word - UINT64_C(1)) * 8;

	if (hit->chunk_bytes > 0)
		return hit->offset_bytes <= PYTHON_TYPE_AT_MAX ? hit->chunk_bytes : 0;
	return pl_census_python_block_bytes(&census->target, address);
}

/*
 * Objects of Python lie among others of their size, and strings are of any size: told is the mean
 * of those on new pages, where what piles up is. Leaves alone what shows too few.
 */
static void measure_python(struct pl_census *census, const struct pl_census_hit *hits, size_t count,
                           struct pl_census_candidate *candidate)
{
	const uint64_t by_type_bytes = candidate->named.name.object_bytes;
	const size_t step = count / PYTHON_MEASURED_MAX + 1;
	double bytes[2] = { 0 }; /* on old pages, on new ones */
	uint32_t seen[2] = { 0 };

	for (size_t i = 0; i < count; i += step) {
		const bool is_new = census->strata[hits[i].page] > 0;
		const uint64_t one = python_bytes(census, &hits[i]);

		bytes[is_new] += (double)one;
		seen[is_new] += one > 0;
	}
	const bool use_new = seen[1] >= PYTHON_MEASURED_MIN;

	if (seen[use_new] >= PYTHON_MEASURED_MIN)
		candidate->object_bytes = (uint64_t)(bytes[use_new] / seen[use_new] + 0.5);
	else if (by_type_bytes > 0)
		candidate->object_bytes = by_type_bytes;
}

static void measure(struct pl_census *census, struct pl_census_candidate *candidate)
{
	const struct pl_census_hits *hits = &census->hits;
	const struct pl_census_named *named = &candidate->named;
	size_t first = 0;
	size_t end;

	if (named->name.apart && named->name.object_bytes > 0) {
		measure_apart(census, candidate);
		return;
	}
	while (first < hits->count &&
	       (hits->hits[first].kind != named->kind || hits->hits[first].key != named->key))
		first++;
	for (end = first; end < hits->count && hits->hits[end].kind == named->kind &&
	                  hits->hits[end].key == named->key;)
		end++;
	if (named->kind == PL_CENSUS_KEY_SIZE)
		candidate->object_bytes = named->name.object_bytes;
	else
		pl_census_entries_measure(hits->hits + first, end - first, candidate);
	if (named->kind == PL_CENSUS_KEY_PYTHON && !candidate->in_chunks)
		measure_python(census, hits->hits + first, end - first, candidate);
	if (candidate->object_bytes == 0)
		candidate->object_bytes = named->name.object_bytes;
}

static double heap_bytes(const struct pl_census *census)
{
	if (census->runtime.go)
		return census->go.live_first_bytes;
	return census->panel.total[0] * (double)census->target.page_bytes;
}

static double heap_growth_bytes(const struct pl_census *census)
{
	if (census->runtime.go)
		return census->go.live_last_bytes - census->go.live_first_bytes;
	const double last = (double)pl_census_pages_count(&census->current) / census->share;

	return (last - census->panel.total[0]) * (double)census->target.page_bytes;
}

/* What was seen lies between these: of the objects of a collected heap, between two collections. */
static double seen_s(const struct pl_census *census, bool is_collected)
{
	if (is_collected)
		return census->go.end_last_s - census->go.end_first_s;
	return census->ended_s - census->begun_s;
}

static enum pl_census_kind kind_of(const struct pl_census_name *name)
{
	if (name->class == PL_CENSUS_CLASS_SIZE)
		return PL_CENSUS_SIZE;
	return name->is_type ? PL_CENSUS_TYPE : PL_CENSUS_POINTER;
}

/* A look is no instant, however much of the heap it sees; and a collection leaves what was new as
 * it ran as well: as much as chance would, or more. */
static double error_of(const struct pl_census *census, const struct pl_census_growth *growth)
{
	const double growth_count = fmax(growth->growth_count, 0);
	const double error = hypot(growth->error_count, LOOK_ERROR_SHARE * growth_count);

	return census->runtime.go ? hypot(error, sqrt(growth_count)) : error;
}

static void write_entry(const struct pl_census *census, const struct pl_census_candidate *candidate,
                        struct pl_census_entry *out)
{
	const bool is_collected =
		census->runtime.go && pl_census_go_object_bytes(candidate->growth.key) > 0;
	const double interval_s = seen_s(census, is_collected);
	const double growth_bytes_per_s =
		heap_growth_bytes(census) / seen_s(census, census->runtime.go);
	const double rate_per_s = candidate->growth.growth_count / interval_s;
	const double error_per_s = PERCENT_95 * error_of(census, &candidate->growth) / interval_s;

	*out = (struct pl_census_entry){
		.kind = kind_of(&candidate->named.name),
		.named_by = candidate->named.name.named_by,
		.objects_per_s = rate_per_s,
		.low_per_s = fmax(0, rate_per_s - error_per_s),
		.high_per_s = rate_per_s + error_per_s + candidate->growth.unseen_count / interval_s,
		.object_bytes = candidate->object_bytes,
		.bytes_per_s = rate_per_s * (double)candidate->object_bytes,
		.share = -1,
		.confidence = 1 - candidate->chance,
	};
	if (growth_bytes_per_s > 0)
		out->share = fmin(1, out->bytes_per_s / growth_bytes_per_s);
	memcpy(out->name, candidate->named.name.name, sizeof(out->name));
	memcpy(out->detail, candidate->named.name.detail, sizeof(out->detail));
}

/* Collections of a collected heap that ended in between; only what they left is counted. */
static uint32_t cycles_of(const struct pl_census *census)
{
	return census->go.cycles_last - census->go.cycles_first;
}

double pl_census_longer_s(const struct pl_census *census)
{
	const uint32_t steps = census->looks > 0 ? census->looks - 1 : 0;

	if (!census->runtime.go || steps == 0 || census->looks == PL_CENSUS_LOOKS)
		return 0;
	/* collections come when they like: twice as many as are needed are to be expected */
	return cycles_of(census) * PL_CENSUS_STEPS >= 2 * PL_CENSUS_GO_CYCLES_MIN * steps
	           ? 0
	           : 2 * census->options.interval_s;
}

static bool has_too_few_cycles(const struct pl_census *census)
{
	return census->runtime.go &&
	       (cycles_of(census) < PL_CENSUS_GO_CYCLES_MIN || !(seen_s(census, true) > 0));
}

/* What would see slower leaks. */
static void write_more(const struct pl_census *census, char *out, size_t size)
{
	const unsigned interval_s = (unsigned)fmax(census->options.interval_s * MORE_TIME, MORE_TIME_S);
	const uint32_t pages = census->options.page_count * MORE_PAGES < PL_CENSUS_PAGES_MAX
	                           ? census->options.page_count * MORE_PAGES
	                           : PL_CENSUS_PAGES_MAX;
	struct pl_census_panel panel = census->panel;

	if (census->runtime.go) {
		snprintf(out, size, ": look again over a longer --interval%s",
		         panel.sampled[0] < panel.total[0] ? ", with more --pages" : "");
		return;
	}
	panel.sampled[0] = pages * PL_CENSUS_OLD_PAGES_FACTOR;
	if (panel.sampled[0] > panel.total[0])
		panel.sampled[0] = (uint32_t)panel.total[0];
	snprintf(out, size, ": --interval %u --pages %u could tell a leak from %.1f objects/s on",
	         interval_s, pages, pl_census_floor_count(&panel, 4) / interval_s);
}

/* To look longer would not help. */
static const char without_types[] =
	"the heap grew, but no type of object by more than chance: what has no type that shows can be "
	"told by its size with glibc's malloc only; the allocator's or the program's own statistics "
	"tell more";

static bool has_no_sizes(const struct pl_census *census)
{
	return !has_chunks(census) && !census->runtime.go;
}

static const char *why_nothing(const struct pl_census *census, const struct candidates *candidates,
                               const struct pl_census_report *report)
{
	const double grown_bytes = report->heap_growth_per_s * report->interval_s;

	if (candidates->unsteady)
		return "what grew did so at once or up and down, not little by little: look again over a "
			   "longer --interval";
	if (grown_bytes <= 0)
		return "the heap did not grow, nor any kind of object by more than chance";
	if (grown_bytes < CLEAR_GROWTH_SHARE * report->heap_bytes)
		return "the heap hardly grew, and no kind of object by more than chance";
	return has_no_sizes(census) ? without_types
	                            : "the heap grew, but no kind of object by more than chance "
	                              "(buffers of many sizes, or that become larger, are not told)";
}

/* Why nothing is told, and what was not seen. */
static void write_reason(const struct pl_census *census, const struct candidates *candidates,
                         struct pl_census_report *out)
{
	const double swapped_mib = (double)census->swapped_count / census->share *
	                           (double)census->target.page_bytes / (1 << 20);
	const char *why = "";
	const char *sizes = "";
	char more[112] = "";
	char swap[64] = "";

	if (census->runtime.instead) {
		snprintf(out->reason, sizeof(out->reason),
		         "the objects of %s cannot be told from outside; %s", census->runtime.name,
		         census->runtime.instead);
		return;
	}
	if (has_too_few_cycles(census)) {
		snprintf(out->reason, sizeof(out->reason),
		         "what the garbage collector finds alive is counted, and it ended %u times in "
		         "between (once in two minutes at least): look again over a longer --interval",
		         (unsigned)cycles_of(census));
		return;
	}
	if (out->inconclusive) {
		why = why_nothing(census, candidates, out);
		if (!candidates->unsteady && out->heap_growth_per_s > 0 && why != without_types)
			write_more(census, more, sizeof(more));
		if (has_no_sizes(census) && why != without_types)
			sizes = "; sizes of objects without a type can be told with glibc's malloc only";
	}
	if (swapped_mib > 0)
		snprintf(swap, sizeof(swap), "%s%.1f MiB in swap were not seen", why[0] ? "; " : "",
		         swapped_mib);
	snprintf(out->reason, sizeof(out->reason), "%s%s%s%s", why, more, sizes, swap);
}

/* An object of Python is one of its type's alone: what is too much of the sum is error. */
static void fit_shares(struct pl_census_report *report)
{
	double sum = 0;

	for (size_t i = 0; i < report->entry_count; i++)
		if (report->entries[i].kind == PL_CENSUS_TYPE && report->entries[i].share > 0)
			sum += report->entries[i].share;
	for (size_t i = 0; i < report->entry_count && sum > 1; i++)
		if (report->entries[i].kind == PL_CENSUS_TYPE && report->entries[i].share > 0)
			report->entries[i].share /= sum;
}

/* Small objects of CPython lie in pools of its own, and most of its heap with them. */
static const char *allocator_of(const struct pl_census *census)
{
	if (!census->runtime.chunks || has_chunks(census))
		return census->runtime.allocator;
	return census->runtime.python ? "CPython's own" : "unknown";
}

static void write_report(const struct pl_census *census, const struct candidates *candidates,
                         struct pl_census_report *out)
{
	const double interval_s = seen_s(census, census->runtime.go);

	*out = (struct pl_census_report){
		.runtime = census->runtime.name,
		.allocator = allocator_of(census),
		.interval_s = interval_s,
		.pages_read = census->pages_read,
		.held_s = census->target.held_s,
		.page_bytes = census->target.page_bytes,
		.heap_bytes = heap_bytes(census),
	};
	if (interval_s > 0) {
		out->heap_growth_per_s = heap_growth_bytes(census) / interval_s;
		out->floor_objects_per_s =
			census->runtime.go ? NAN : pl_census_floor_count(&census->panel, 4) / interval_s;
		out->floor_bytes_per_s = NAN;
		if (!has_no_sizes(census) && candidates->heap.bytes > 0)
			out->floor_bytes_per_s = pl_census_size_floor_bytes(&candidates->heap) / interval_s;
	}
	for (size_t i = 0; i < candidates->count && i < PL_CENSUS_ENTRIES_MAX; i++)
		write_entry(census, &candidates->list[i], &out->entries[out->entry_count++]);
	if (census->runtime.python)
		fit_shares(out);
	out->inconclusive = out->entry_count == 0;
	write_reason(census, candidates, out);
}

static int compare_looks(struct pl_census *census, struct candidates *candidates)
{
	int err;

	candidates->heap.bytes = heap_bytes(census);
	candidates->heap.growth_bytes = heap_growth_bytes(census);
	candidates->panel = &census->panel;
	for (unsigned i = 1; i < PL_CENSUS_LOOKS; i++)
		census->panel.at[i] /= census->panel.at[PL_CENSUS_LOOKS - 1];
	for (unsigned pass = 0; pass < 2; pass++) {
		candidates->counting = pass == 0;
		pl_census_tally(census->cells, &census->panel, consider, candidates);
		pl_census_large_tally(census->larges, consider, candidates);
	}
	pl_census_tally(census->cells, &census->panel, add_rest, candidates);
	/* losses are of no interest where nothing was gained */
	if (candidates->count > 0) {
		memmove(candidates->list + candidates->count, candidates->list + CANDIDATES_MAX,
		        candidates->loss_count * sizeof(*candidates->list));
		candidates->count += candidates->loss_count;
	}
	err = name_candidates(census, candidates);
	if (err < 0)
		return err;
	candidates->count = pl_census_entries_join(candidates->list, candidates->count);
	pl_census_entries_count_apart(candidates->list, candidates->count);
	candidates->count = pl_census_entries_drop_unsteady(candidates->list, candidates->count,
	                                                    &census->panel, &candidates->unsteady);
	for (size_t i = 0; i < candidates->count; i++)
		measure(census, &candidates->list[i]);
	candidates->count = pl_census_entries_order(candidates->list, candidates->count);
	for (size_t i = 0; i < candidates->count && i < PL_CENSUS_ENTRIES_MAX; i++)
		if (candidates->list[i].growth.kind == PL_CENSUS_KEY_GO)
			pl_census_go_point(&census->go, &census->target, census->addresses, census->cells,
			                   candidates->list[i].growth.key, &candidates->list[i].named.name);
	return 0;
}

int pl_census_finish(struct pl_census *census, struct pl_census_report *out)
{
	const double cpu_before_s = thread_cpu_s();
	const double held_before_s = census->target.held_s;
	struct candidates candidates = { .list = calloc(CANDIDATES_MAX + LOSSES_MAX,
		                                            sizeof(*candidates.list)) };
	int err = 0;

	if (!candidates.list)
		return -ENOMEM;
	if (!census->runtime.instead && census->looks < PL_CENSUS_LOOKS)
		err = -EAGAIN;
	else if (!census->runtime.instead && !has_too_few_cycles(census))
		err = compare_looks(census, &candidates);
	if (err == 0) {
		write_report(census, &candidates, out);
		out->cpu_s = census->cpu_s + thread_cpu_s() - cpu_before_s;
	}
	census->held_s = census->target.held_s - held_before_s;
	free(candidates.list);
	return err;
}
