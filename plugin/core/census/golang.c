#include "census/golang.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * runtime.mstats: last_gc_unix, pause_total_ns, pause_ns[256], pause_end[256], numgc, numforcedgc,
 * gc_cpu_fraction, last_gc_nanotime. It is found by the first, which is in pause_end as well; times
 * are taken from the last one, which no step of the clock moves.
 */
#define PAUSES 256
#define AT_PAUSE_ENDS (8 * (2 + PAUSES))
#define AT_CYCLES (8 * (2 + 2 * PAUSES))
#define AT_END (AT_CYCLES + 16)
/* 2001 to 2096, in nanoseconds since 1970 */
#define UNIX_NS_MIN UINT64_C(1000000000000000000)
#define UNIX_NS_MAX UINT64_C(4000000000000000000)

/* A runtime.MemStats that the program keeps begins alike, with two flags at this place. */
#define MONO_NS_MIN 1000000

#define DATA_BYTES_MAX (UINT64_C(64) << 20)
#define TRIED_MAX 16384 /* of what looks like one of the tables at first sight */
#define SEARCH_PAGES_MAX 65536
#define SPANS_MIN 8
#define SPANS_MAX (UINT64_C(1) << 27)
#define SPANS_CHECKED 128
#define GOOD_MIN 4
#define ODD_MAX 8
#define GO_PAGE_BYTES 8192
#define GO_PAGES_MAX (UINT64_C(1) << 27)
/* Of a span, objects and what describes them; the rest is too small for one more. */
#define USED_SHARE_MIN 0.7
#define LINES 64
/* Spans that are neighbours in the list are so in memory. */
#define RUN_SPANS 64

enum { STATE_DEAD, STATE_IN_USE, STATE_MANUAL };

/* Where the fields of runtime.mspan are. All versions: startAddr at 24, npages at 32. */
struct pl_census_go_layout {
	uint8_t elements;
	uint8_t elements_bytes;
	uint8_t alloc_bits;
	uint8_t alloc_count;
	uint8_t span_class;
	uint8_t state;
	uint8_t element_bytes;
};
enum { AT_START = 24, AT_PAGES = 32, SPAN_BYTES = 120 };

static const struct pl_census_go_layout layouts[] = {
	{ 50, 2, 64, 96, 98, 99, 104 },    /* 1.22 to 1.27 */
	{ 56, 8, 72, 104, 106, 107, 112 }, /* 1.21: pinnerBits */
	{ 56, 8, 72, 96, 98, 99, 104 },    /* 1.19, 1.20 */
};
#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

/* A key: the bytes of an object, and what it is. */
#define KEY_NO_POINTERS 1u
#define KEY_STACK 2u
#define KEY_SHIFT 2

static const uint16_t size_classes[] = {
	8,     16,    24,    32,    48,    64,    80,    96,    112,   128,   144,   160,
	176,   192,   208,   224,   240,   256,   288,   320,   352,   384,   416,   448,
	480,   512,   576,   640,   704,   768,   896,   1024,  1152,  1280,  1408,  1536,
	1792,  2048,  2304,  2688,  3072,  3200,  3456,  4096,  4864,  5376,  6144,  6528,
	6784,  6912,  8192,  9472,  9728,  10240, 10880, 12288, 13568, 14336, 16384, 18432,
	19072, 20480, 21760, 24576, 27264, 28672, 32768,
};
#define SIZE_CLASSES (sizeof(size_classes) / sizeof(size_classes[0]))

struct span {
	uint64_t start;
	uint64_t pages;
	uint64_t elements;
	uint64_t element_bytes;
	uint64_t alloc_bits;
	uint16_t alloc_count;
	uint8_t span_class;
	uint8_t state;
};

/* A slice of Go's: its elements are words here. */
struct slice {
	uint64_t address;
	uint64_t count;
	uint64_t capacity;
};

static uint16_t half_at(const uint8_t *bytes, size_t at)
{
	uint16_t half;

	memcpy(&half, bytes + at, sizeof(half));
	return half;
}

void pl_census_go_close(struct pl_census_go *go)
{
	free(go->lines);
	free(go->line_addresses);
	go->lines = NULL;
	go->line_addresses = NULL;
}

static void forget_lines(struct pl_census_go *go, const struct pl_census_target *target)
{
	explicit_bzero(go->lines, (size_t)target->page_bytes * LINES);
	for (size_t i = 0; i < LINES; i++)
		go->line_addresses[i] = UINT64_MAX;
}

/* The page of records at `base`, NULL when it is not there. It is read once in a while. */
static const uint8_t *line_of(struct pl_census_go *go, struct pl_census_target *target,
                              uint64_t base)
{
	const size_t index = (size_t)(base / target->page_bytes % LINES);
	uint8_t *line = go->lines + index * (size_t)target->page_bytes;

	if (go->line_addresses[index] == base)
		return line;
	go->line_addresses[index] = UINT64_MAX;
	if (!pl_census_target_mapping(target, base) || !pl_census_target_page(target, base, line))
		return NULL;
	go->pages_read++;
	go->line_addresses[index] = base;
	return line;
}

static bool read_records(struct pl_census_go *go, struct pl_census_target *target, uint64_t address,
                         void *out, size_t size)
{
	size_t used = 0;

	while (used < size) {
		const uint64_t at = address + used;
		const uint64_t within = at % target->page_bytes;
		const size_t part = size - used < target->page_bytes - within
		                        ? size - used
		                        : (size_t)(target->page_bytes - within);
		const uint8_t *line = at < address ? NULL : line_of(go, target, at - within);

		if (!line)
			return false;
		memcpy((uint8_t *)out + used, line + within, part);
		used += part;
	}
	return true;
}

/* False for what is no record of a span by this layout. */
static bool read_span(struct pl_census_go *go, struct pl_census_target *target, uint64_t address,
                      const struct pl_census_go_layout *layout, struct span *out)
{
	uint8_t bytes[SPAN_BYTES];

	if (address % 8 != 0 || !read_records(go, target, address, bytes, sizeof(bytes)))
		return false;
	*out = (struct span){
		.start = pl_census_word_at(bytes, AT_START),
		.pages = pl_census_word_at(bytes, AT_PAGES),
		.elements = layout->elements_bytes == 2 ? half_at(bytes, layout->elements)
		                                        : pl_census_word_at(bytes, layout->elements),
		.element_bytes = pl_census_word_at(bytes, layout->element_bytes),
		.alloc_bits = pl_census_word_at(bytes, layout->alloc_bits),
		.alloc_count = half_at(bytes, layout->alloc_count),
		.span_class = bytes[layout->span_class],
		.state = bytes[layout->state],
	};
	return out->state <= STATE_MANUAL && out->start % GO_PAGE_BYTES == 0;
}

/* Whether a span in use is one: the numbers of its record must fit each other. */
static bool is_filled(const struct span *span)
{
	const double bytes = (double)span->pages * GO_PAGE_BYTES;
	const double used = (double)span->elements * (double)span->element_bytes;

	if (span->pages == 0 || span->pages > GO_PAGES_MAX || span->elements == 0 ||
	    span->elements > PL_CENSUS_GO_OBJECTS_MAX || span->alloc_bits == 0 ||
	    span->alloc_bits % 8 != 0)
		return false;
	return used <= bytes && used >= USED_SHARE_MIN * bytes && span->alloc_count <= span->elements;
}

/*
 * Whether the slice is that of all spans, by some of its elements and one layout. The program runs
 * meanwhile: a few records may be half written.
 */
static bool fits(struct pl_census_go *go, struct pl_census_target *target,
                 const struct slice *slice, const struct pl_census_go_layout *layout)
{
	const uint64_t checked = slice->count < SPANS_CHECKED ? slice->count : SPANS_CHECKED;
	uint64_t good = 0;
	uint64_t odd = 0;
	struct span span;
	uint64_t address;

	for (uint64_t i = 0; i < checked; i++) {
		if (!read_records(go, target, slice->address + i * slice->count / checked * 8, &address,
		                  sizeof(address)))
			return false;
		if (!read_span(go, target, address, layout, &span))
			odd++;
		else if (is_filled(&span))
			good += span.state != STATE_MANUAL; /* the record of a dead one is left as it was */
		else
			odd += span.state == STATE_IN_USE;
		if (odd > ODD_MAX)
			return false;
	}
	return good >= GOOD_MIN + odd;
}

static bool is_slice(const struct pl_census_target *target, const struct slice *slice)
{
	const struct pl_census_mapping *mapping;

	if (slice->count < SPANS_MIN || slice->count > slice->capacity || slice->capacity > SPANS_MAX ||
	    slice->address == 0 || slice->address % 8 != 0)
		return false;
	mapping = pl_census_target_mapping(target, slice->address);
	return mapping && mapping->inode == 0 && mapping->writable &&
	       mapping->end - slice->address >= slice->capacity * 8;
}

/* The list of all spans as it is now. */
static bool read_slice(struct pl_census_go *go, struct pl_census_target *target, struct slice *out)
{
	uint64_t words[3];

	if (pl_census_target_read(target, go->spans_address, words, sizeof(words)) != sizeof(words))
		return false;
	*out = (struct slice){ words[0], words[1], words[2] };
	return is_slice(target, out);
}

/* What is looked for in the program's data. */
struct search {
	struct pl_census_go *go;
	struct pl_census_target *target;
	uint64_t span_count; /* of the longest list of spans so far */
	unsigned tried;
};

/* A program may be full of what looks like it. */
static bool may_try(struct search *search)
{
	return search->go->pages_read < SEARCH_PAGES_MAX && search->tried++ < TRIED_MAX;
}

/* The words at `address` may be a slice. */
static void try_slice(struct search *search, uint64_t address, const uint64_t words[3])
{
	const struct slice slice = { words[0], words[1], words[2] };

	if (slice.count <= search->span_count || !is_slice(search->target, &slice) || !may_try(search))
		return;
	for (size_t i = 0; i < LAYOUTS; i++)
		if (fits(search->go, search->target, &slice, &layouts[i])) {
			search->go->spans_address = address;
			search->go->layout = &layouts[i];
			search->span_count = slice.count;
			return;
		}
}

/* The number of collections, when the word at `address` is the end of the last one; else 0. */
static uint32_t cycles_at(struct pl_census_target *target, uint64_t address, uint64_t end_ns)
{
	uint32_t cycles;
	uint64_t last_ns;
	uint64_t mono_ns;

	if (pl_census_target_read(target, address + AT_CYCLES, &cycles, sizeof(cycles)) !=
	        sizeof(cycles) ||
	    cycles == 0 ||
	    !pl_census_target_word(
			target, address + AT_PAUSE_ENDS + UINT64_C(8) * ((cycles - 1) % PAUSES), &last_ns) ||
	    last_ns != end_ns || !pl_census_target_word(target, address + AT_END, &mono_ns) ||
	    mono_ns < MONO_NS_MIN)
		return 0;
	return cycles;
}

/* What the word at `address`, and the three before it, may be the end of. */
static void try_word(struct search *search, uint64_t address, const uint64_t words[4])
{
	struct pl_census_go *go = search->go;
	const uint64_t ns = words[3];

	if (go->stats_address == 0 && ns >= UNIX_NS_MIN && ns <= UNIX_NS_MAX && may_try(search) &&
	    cycles_at(search->target, address, ns) > 0)
		go->stats_address = address;
	/* pcHeader, and the slice of names that lies behind it */
	if (go->module.text == 0 && words[0] != 0 && words[1] > words[0] && words[2] != 0 &&
	    words[2] == words[3] && may_try(search))
		(void)pl_census_go_is_module(search->target, address - 24, words, &go->module);
	try_slice(search, address - 16, words + 1);
}

static void search_mapping(struct search *search, const struct pl_census_mapping *mapping,
                           uint64_t *page, uint64_t *left_bytes)
{
	const uint64_t page_bytes = search->target->page_bytes;
	uint64_t words[4] = { 0 }; /* the last ones, of the page before as well */

	for (uint64_t at = mapping->start; at < mapping->end && *left_bytes >= page_bytes;
	     at += page_bytes) {
		*left_bytes -= page_bytes;
		if (!pl_census_target_page(search->target, at, page)) {
			memset(words, 0, sizeof(words));
			continue;
		}
		for (size_t i = 0; i < page_bytes / 8; i++) {
			const uint64_t address = at + i * 8;

			memmove(words, words + 1, 3 * sizeof(words[0]));
			words[3] = page[i];
			try_word(search, address, words);
		}
	}
}

/* The program's own data: what is mapped of its file to be written, and what follows that. */
static int search_data(struct search *search)
{
	const struct pl_census_space *space = &search->target->space;
	uint64_t left_bytes = DATA_BYTES_MAX;
	uint64_t *page = malloc((size_t)search->target->page_bytes);
	const struct pl_census_mapping *first;

	if (!page)
		return -ENOMEM;
	first = space->module_count > 0 ? &space->mappings[space->modules[0].first_mapping] : NULL;
	for (const struct pl_census_mapping *at = first;
	     at && at < space->mappings + space->mapping_count; at++) {
		if (at > first && at->inode != first->inode && (at->inode != 0 || at->start != at[-1].end))
			break;
		if (at->readable && at->writable && !at->shared)
			search_mapping(search, at, page, &left_bytes);
	}
	explicit_bzero(page, (size_t)search->target->page_bytes);
	free(page);
	return search->go->stats_address != 0 && search->go->layout ? 0 : -ENOENT;
}

int pl_census_go_find(struct pl_census_target *target, struct pl_census_go *out)
{
	struct pl_census_go go = { .lines = calloc(LINES, (size_t)target->page_bytes),
		                       .line_addresses = calloc(LINES, sizeof(uint64_t)) };
	struct search search = { .go = &go, .target = target };
	int err = go.lines && go.line_addresses ? 0 : -ENOMEM;

	if (err == 0) {
		forget_lines(&go, target);
		err = search_data(&search);
	}
	if (err < 0)
		pl_census_go_close(&go);
	else
		*out = go;
	return err;
}

/* Reads the bits of the objects that the last collection found alive; returns their words, or 0. */
static size_t read_live(struct pl_census_go *go, struct pl_census_target *target,
                        const struct span *span, uint64_t *bits)
{
	const size_t words = (size_t)((span->elements + 63) / 64);

	if (!is_filled(span) || !read_records(go, target, span->alloc_bits, bits, words * 8))
		return 0;
	if (span->elements % 64 != 0)
		bits[words - 1] &= (UINT64_C(1) << (span->elements % 64)) - 1;
	return words;
}

static uint32_t live_of(struct pl_census_go *go, struct pl_census_target *target,
                        const struct span *span)
{
	uint64_t bits[PL_CENSUS_GO_OBJECTS_MAX / 64];
	const size_t words = read_live(go, target, span, bits);
	uint32_t live = 0;

	for (size_t i = 0; i < words; i++)
		live += (uint32_t)__builtin_popcountll(bits[i]);
	return live;
}

uint64_t pl_census_go_object_bytes(uint64_t key)
{
	return key & KEY_STACK ? 0 : key >> KEY_SHIFT;
}

/* Counts one span; false when there is nothing in it. */
static bool count_span(struct pl_census_go *go, struct pl_census_target *target,
                       const struct slice *spans, uint64_t index, struct pl_census_cell *out)
{
	struct span span;
	uint64_t address;
	uint64_t flags;
	uint32_t count;

	if (!read_records(go, target, spans->address + index * 8, &address, sizeof(address)) ||
	    !read_span(go, target, address, go->layout, &span) || span.element_bytes == 0 ||
	    span.element_bytes > UINT64_MAX >> (KEY_SHIFT + 8))
		return false;
	if (span.state == STATE_IN_USE) {
		flags = span.span_class & 1 ? KEY_NO_POINTERS : 0;
		count = live_of(go, target, &span);
	} else {
		/* small stacks of goroutines; nothing else there is counted by the runtime */
		flags = KEY_STACK;
		count = span.state == STATE_MANUAL ? span.alloc_count : 0;
	}
	*out = (struct pl_census_cell){ .key = span.element_bytes << KEY_SHIFT | flags,
		                            .count = (uint16_t)count,
		                            .kind = PL_CENSUS_KEY_GO };
	return count > 0;
}

static int compare_cells(const void *left, const void *right)
{
	const struct pl_census_cell *a = left;
	const struct pl_census_cell *b = right;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return (a->page > b->page) - (a->page < b->page);
}

/* Counts the spans of the panel. */
static int count_spans(struct pl_census_go *go, struct pl_census_target *target,
                       const struct slice *spans, const struct pl_census_go_sample *sample,
                       const struct pl_census_panel *panel, struct pl_census_cells *out)
{
	struct pl_census_cells found = { calloc((size_t)panel->page_count + 1, sizeof(*found.cells)),
		                             0 };

	if (!found.cells)
		return -ENOMEM;
	go->live_last_bytes = 0;
	for (uint32_t i = 0; i < panel->page_count; i++) {
		struct pl_census_cell *cell = &found.cells[found.count];
		const uint8_t stratum = sample->strata[i];

		if (!count_span(go, target, spans, sample->indices[i], cell))
			continue;
		cell->page = i;
		go->live_last_bytes += (double)(cell->key >> KEY_SHIFT) * cell->count *
		                       panel->total[stratum] / panel->sampled[stratum];
		found.count++;
	}
	forget_lines(go, target);
	qsort(found.cells, found.count, sizeof(*found.cells), compare_cells);
	*out = found;
	return 0;
}

bool pl_census_go_objects_of(struct pl_census_go *go, struct pl_census_target *target,
                             uint64_t index, struct pl_census_go_objects *out)
{
	struct span span;
	struct slice spans;
	uint64_t address;

	if (!read_slice(go, target, &spans) || index >= spans.count ||
	    !read_records(go, target, spans.address + index * 8, &address, sizeof(address)) ||
	    !read_span(go, target, address, go->layout, &span) || span.element_bytes == 0 ||
	    span.pages > GO_PAGES_MAX)
		return false;
	out->start = span.start;
	out->bytes = span.element_bytes;
	if (span.state == STATE_IN_USE) {
		out->count = span.elements;
		return read_live(go, target, &span, out->bits) > 0;
	}
	out->count = span.pages * GO_PAGE_BYTES / span.element_bytes;
	if (out->count > PL_CENSUS_GO_OBJECTS_MAX)
		out->count = PL_CENSUS_GO_OBJECTS_MAX;
	memset(out->bits, 0xff, sizeof(out->bits));
	return span.state == STATE_MANUAL && span.alloc_count > 0;
}

/* Adds at most `want` of the spans from `first` to `end` to the panel: all, or runs of them. */
static void choose(const struct pl_census_go_sample *sample, struct pl_census_panel *panel,
                   unsigned look, uint64_t first, uint64_t end, uint32_t want)
{
	const uint32_t before = panel->page_count;
	const uint64_t total = end - first;
	const uint64_t runs = total <= want ? 1 : want / RUN_SPANS > 0 ? want / RUN_SPANS : 1;
	const uint64_t run = total <= want ? total : want / runs < total ? want / runs : total;

	for (uint64_t i = 0; i < runs; i++) {
		const uint64_t from = first + i * total / runs;
		const uint64_t to = first + (i + 1) * total / runs;
		const uint64_t spare = to - from > run ? to - from - run : 0;
		const uint64_t start =
			from + (spare > 0 ? pl_census_random(sample->random) % (spare + 1) : 0);

		for (uint64_t j = start; j < start + run && j < end; j++) {
			sample->indices[panel->page_count] = j;
			sample->strata[panel->page_count++] = (uint8_t)look;
		}
	}
	panel->sampled[look] = panel->page_count - before;
	panel->total[look] = (double)total;
}

/* How many collections there were, and when the last one ended. */
static int read_cycles(struct pl_census_go *go, struct pl_census_target *target)
{
	uint64_t unix_ns;
	uint64_t end_ns;

	if (!pl_census_target_word(target, go->stats_address, &unix_ns) ||
	    !pl_census_target_word(target, go->stats_address + AT_END, &end_ns))
		return -ESRCH;
	go->cycles_last = cycles_at(target, go->stats_address, unix_ns);
	go->end_last_s = (double)end_ns * 1e-9;
	return go->cycles_last > 0 ? 0 : -ESRCH;
}

int pl_census_go_look(struct pl_census_go *go, struct pl_census_target *target, unsigned look,
                      const struct pl_census_go_sample *sample, struct pl_census_panel *panel,
                      struct pl_census_cells *out)
{
	struct slice spans;
	int err;

	if (!read_slice(go, target, &spans) || spans.count < go->span_count)
		return -ESRCH;
	forget_lines(go, target);
	err = read_cycles(go, target);
	if (err < 0)
		return err;
	choose(sample, panel, look, go->span_count, spans.count,
	       look == 0 ? sample->old_max : sample->new_max);
	go->span_count = spans.count;
	err = count_spans(go, target, &spans, sample, panel, out);
	if (look == 0) {
		go->cycles_first = go->cycles_last;
		go->end_first_s = go->end_last_s;
		go->live_first_bytes = go->live_last_bytes;
	}
	panel->all_looks = true; /* the runtime uses records again, for any class */
	panel->at[look] = go->end_last_s - go->end_first_s;
	return err;
}

static void describe_size(uint64_t bytes, char *out, size_t size)
{
	if (bytes < 1024 || bytes % 1024 != 0)
		snprintf(out, size, "%llu-byte", (unsigned long long)bytes);
	else
		snprintf(out, size, "%llu KiB", (unsigned long long)(bytes / 1024));
}

void pl_census_go_name(uint64_t key, struct pl_census_name *out)
{
	const uint64_t bytes = key >> KEY_SHIFT;
	const char *of = key & KEY_NO_POINTERS ? "without pointers" : "with pointers";
	char what[32];
	size_t class = 0;

	out->object_bytes = bytes;
	if (key & KEY_STACK) {
		out->class = PL_CENSUS_CLASS_TYPE;
		out->is_type = true;
		out->named_by = "stack";
		snprintf(out->name, sizeof(out->name), "goroutine");
		snprintf(out->detail, sizeof(out->detail), "its stack of %llu KiB",
		         (unsigned long long)(bytes / 1024));
		return;
	}
	out->class = PL_CENSUS_CLASS_SIZE;
	out->named_by = "size class";
	describe_size(bytes, what, sizeof(what));
	snprintf(out->name, sizeof(out->name), "%s objects %s", what, of);
	while (class < SIZE_CLASSES && size_classes[class] != bytes)
		class ++;
	if (class < SIZE_CLASSES)
		snprintf(out->detail, sizeof(out->detail), "a type of %u to %u bytes%s",
		         class > 0 ? size_classes[class - 1] + 1u : 1u, (unsigned)bytes,
		         key & KEY_NO_POINTERS ? ": a string, []byte or numbers" : "");
	else
		snprintf(out->detail, sizeof(out->detail), "each a span of its own%s",
		         key & KEY_NO_POINTERS ? ": []byte or the like" : "");
}
