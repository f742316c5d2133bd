#include "regions/windows.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "regions/internal.h"

#define MIB UINT64_C(1048576)

/* proc_pid_pagemap(5) */
#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define ENTRY_SWAPPED (UINT64_C(1) << 62)
#define ENTRY_FILE (UINT64_C(1) << 61) /* or shared memory */
#define ENTRY_ALONE (UINT64_C(1) << 56)

#define SMALL_WINDOWS 8        /* up to so many, a mapping is read whole or not at all */
#define ARENA_BYTES (64 * MIB) /* glibc, malloc/arena.c */
#define KERNEL_HALF (UINT64_C(1) << 63)
#define NORMAL_95 1.96
#define READ_LEAST 4 /* windows of a mapping that their differences tell something of */
#define VARIANCE_UNKNOWN (1.0 / 12) /* of a share of which nothing is known */

void pl_windows_init(struct pl_windows *windows, uint64_t page_bytes,
                     struct pl_window_mapping *mappings, size_t capacity)
{
	*windows = (struct pl_windows){
		.page_bytes = page_bytes, .mappings = mappings, .capacity = capacity, .stride = 1
	};
}

static uint64_t window_bytes(const struct pl_windows *windows)
{
	return windows->page_bytes * PL_WINDOW_PAGES;
}

static bool begins_with(const struct pl_mapping *m, const char *prefix)
{
	const size_t len = strlen(prefix);

	return m->name_len >= len && memcmp(m->name, prefix, len) == 0;
}

/* What holds no pages that count, or is beyond what pagemap tells of. */
static bool is_empty(const struct pl_mapping *m)
{
	return (!m->readable && !m->writable && !m->executable) || m->end > KERNEL_HALF ||
	       begins_with(m, "/anon_hugepage");
}

/* Mappings of one kind and size are filled alike. */
static uint8_t kind_of(const struct pl_mapping *m)
{
	const uint64_t size_bytes = pl_mapping_size_bytes(m);
	const unsigned size = size_bytes < 16 * MIB ? 0 : size_bytes < 128 * MIB ? 1 : 2;
	const unsigned what = m->shared ? 3 : m->inode != 0 ? 2 : m->name_len > 0 ? 1 : 0;

	return (uint8_t)(what * 3 + size);
}

static void take_mapping(void *ctx, const struct pl_mapping *m)
{
	struct pl_windows *windows = ctx;

	/* one place more than there is room for says that there were too many */
	if (windows->count < windows->capacity)
		windows->mappings[windows->count] = (struct pl_window_mapping){
			.start = m->start, .end = is_empty(m) ? m->start : m->end, .kind = kind_of(m)
		};
	windows->count++;
}

int pl_windows_take(struct pl_windows *windows, struct pl_region_scan *scan, const char *text,
                    size_t len)
{
	windows->count = 0;
	pl_parse_smaps_init(&scan->parser, take_mapping, windows);
	pl_parse_smaps_feed(&scan->parser, text, len);
	if (pl_parse_smaps_finish(&scan->parser) < 0 || windows->count == 0)
		return -EBADMSG;
	if (windows->count <= windows->capacity)
		return 0;
	windows->count = 0;
	return -E2BIG;
}

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014 */
static uint64_t scatter(uint64_t z)
{
	z += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t window_count(const struct pl_windows *windows, const struct pl_window_mapping *m)
{
	const uint64_t bytes = window_bytes(windows);

	return m->end > m->start ? (m->end - 1) / bytes - m->start / bytes + 1 : 0;
}

/* One of so many small mappings is read. */
static bool is_chosen(const struct pl_windows *windows, const struct pl_window_mapping *m,
                      uint32_t stride)
{
	const uint32_t one_of = stride < SMALL_WINDOWS ? 1 : stride / SMALL_WINDOWS;

	return scatter(m->start / windows->page_bytes) % one_of == 0;
}

/* The window that is read of a block. */
static uint64_t chosen_window(uint64_t block, uint32_t stride)
{
	return block * stride + scatter(block) % stride;
}

/* The first window from `window` on that is read. */
static uint64_t next_window(uint64_t window, uint32_t stride)
{
	const uint64_t block = window / stride;
	const uint64_t chosen = chosen_window(block, stride);

	return chosen >= window ? chosen : chosen_window(block + 1, stride);
}

/* Up to a window or two, which is good enough to plan with. */
static size_t planned_count(const struct pl_windows *windows, uint32_t stride)
{
	size_t count = 0;

	for (size_t i = 0; i < windows->count; i++) {
		const struct pl_window_mapping *m = &windows->mappings[i];
		const uint64_t here = window_count(windows, m);

		if (here <= SMALL_WINDOWS)
			count += is_chosen(windows, m, stride) ? here : 0;
		else
			count += here / stride + (here % stride != 0);
	}
	return count;
}

size_t pl_windows_plan(struct pl_windows *windows, size_t most, uint32_t before)
{
	uint32_t stride = 1;
	size_t count;

	while (stride < PL_WINDOW_STRIDE_MAX && planned_count(windows, stride) > most / 2)
		stride *= 2;
	/* what is compared is best read alike */
	if (before > 0 && before <= PL_WINDOW_STRIDE_MAX && (before & (before - 1)) == 0 &&
	    before < stride * 8 && planned_count(windows, before) <= most)
		stride = before;
	count = planned_count(windows, stride);
	windows->stride = stride;
	return count;
}

bool pl_windows_next(const struct pl_windows *windows, struct pl_window_cursor *cursor)
{
	const uint64_t bytes = window_bytes(windows);

	for (; cursor->mapping < windows->count; cursor->mapping++, cursor->next = 0) {
		const struct pl_window_mapping *m = &windows->mappings[cursor->mapping];
		const uint64_t from = cursor->next > m->start ? cursor->next : m->start;
		const bool is_small = window_count(windows, m) <= SMALL_WINDOWS;
		uint64_t window = from / bytes;
		uint64_t end;

		if (from >= m->end || (is_small && !is_chosen(windows, m, windows->stride)))
			continue;
		if (!is_small)
			window = next_window(window, windows->stride);
		cursor->address = window * bytes > from ? window * bytes : from;
		if (cursor->address >= m->end)
			continue;
		end = (window + 1) * bytes < m->end ? (window + 1) * bytes : m->end;
		cursor->page_count = (size_t)((end - cursor->address) / windows->page_bytes);
		cursor->next = end;
		return true;
	}
	return false;
}

static void add_pages(struct pl_window_pages *sum, const struct pl_window_pages *part)
{
	sum->all += part->all;
	sum->anon += part->anon;
	sum->file += part->file;
	sum->swap += part->swap;
	sum->alone += part->alone;
}

static double share_of(const struct pl_window_pages *pages)
{
	return pages->all > 0 ? (double)(pages->anon + pages->swap) / (double)pages->all : 0;
}

void pl_windows_count(struct pl_windows *windows, const struct pl_window_cursor *cursor,
                      const uint64_t *entries)
{
	struct pl_window_mapping *m = &windows->mappings[cursor->mapping];
	struct pl_window_pages pages = { .all = cursor->page_count };
	double difference;

	for (size_t i = 0; i < cursor->page_count; i++) {
		const uint64_t entry = entries[i];

		pages.swap += (entry & ENTRY_SWAPPED) != 0;
		if (!(entry & ENTRY_PRESENT))
			continue;
		pages.anon += !(entry & ENTRY_FILE);
		pages.file += (entry & ENTRY_FILE) != 0;
		pages.alone += (entry & ENTRY_ALONE) != 0;
	}
	difference = share_of(&pages) - m->last_share;
	if (m->read_count > 0)
		m->difference2_sum += difference * difference;
	m->last_share = share_of(&pages);
	m->read_count++;
	add_pages(&m->read, &pages);
}

static uint64_t pages_of(const struct pl_windows *windows, const struct pl_window_mapping *m)
{
	return (m->end - m->start) / windows->page_bytes;
}

static void sum_kinds(struct pl_windows *windows)
{
	memset(windows->kinds, 0, sizeof(windows->kinds));
	for (size_t i = 0; i < windows->count; i++) {
		const struct pl_window_mapping *m = &windows->mappings[i];
		struct pl_window_kind *kind = &windows->kinds[m->kind];
		const double pages = (double)pages_of(windows, m);

		if (m->read_count == 0) {
			kind->unread_pages += pages_of(windows, m);
			kind->unread_pages2_sum += pages * pages;
			continue;
		}
		add_pages(&kind->read, &m->read);
		kind->mapping_count++;
		kind->share_sum += share_of(&m->read);
		kind->share2_sum += share_of(&m->read) * share_of(&m->read);
	}
}

/* Of the shares of mappings of a kind. */
static double kind_variance(const struct pl_window_kind *kind)
{
	const double n = kind->mapping_count;

	if (kind->mapping_count < 2)
		return VARIANCE_UNKNOWN;
	return fmax(0, kind->share2_sum - kind->share_sum * kind->share_sum / n) / (n - 1);
}

/*
 * Of what a mapping holds, in pages: by the differences of neighbours, for windows near each other
 * are filled alike (Wolter, "Introduction to Variance Estimation", systematic samples).
 */
static double mapping_variance(const struct pl_windows *windows, const struct pl_window_mapping *m)
{
	const double pages = (double)pages_of(windows, m);
	const double left_out = 1 - (double)m->read.all / pages;
	const double block = (double)windows->stride * PL_WINDOW_PAGES;
	const double n = m->read_count;
	double variance;

	if (m->read.all == 0 || left_out <= 0)
		return 0;
	if (m->read_count < READ_LEAST)
		return pages * pages * left_out * VARIANCE_UNKNOWN / n;
	variance = m->difference2_sum / (2 * (n - 1));
	/* what is filled up to a point ends somewhere between two windows */
	return pages * pages * left_out * variance / n + block * block * left_out / 12;
}

/* What a mapping is taken to hold of one sort of pages. */
static double estimate(const struct pl_windows *windows, const struct pl_window_mapping *m,
                       size_t sort)
{
	const struct pl_window_pages *read =
		m->read_count > 0 ? &m->read : &windows->kinds[m->kind].read;
	uint64_t counted;

	if (read->all == 0)
		return 0;
	memcpy(&counted, (const char *)read + sort, sizeof(counted));
	return (double)pages_of(windows, m) * (double)counted / (double)read->all;
}

#define ESTIMATE(windows, m, sort) estimate(windows, m, offsetof(struct pl_window_pages, sort))

void pl_windows_estimate(struct pl_windows *windows)
{
	double pages = 0;
	double variance = 0;

	sum_kinds(windows);
	for (size_t i = 0; i < windows->count; i++) {
		const struct pl_window_mapping *m = &windows->mappings[i];

		pages += ESTIMATE(windows, m, anon) + ESTIMATE(windows, m, swap);
		variance += mapping_variance(windows, m);
	}
	for (size_t i = 0; i < PL_WINDOW_KINDS; i++) {
		const struct pl_window_kind *kind = &windows->kinds[i];
		const double unread = (double)kind->unread_pages;
		const double n = kind->mapping_count > 0 ? kind->mapping_count : 1;

		variance += kind_variance(kind) * (kind->unread_pages2_sum + unread * unread / n);
	}
	windows->used_bytes = pages * (double)windows->page_bytes;
	windows->half_bytes = NORMAL_95 * sqrt(variance) * (double)windows->page_bytes;
}

/* The fields that smaps would have, as far as pagemap tells. */
static void fill_fields(struct pl_mapping *m, const struct pl_windows *windows,
                        const struct pl_window_mapping *from)
{
	const double bytes = (double)windows->page_bytes;
	const double anon_bytes = bytes * ESTIMATE(windows, from, anon);

	m->bytes[PL_SMAPS_RSS] = (uint64_t)(anon_bytes + bytes * ESTIMATE(windows, from, file));
	m->bytes[PL_SMAPS_PSS] = (uint64_t)(bytes * ESTIMATE(windows, from, alone));
	m->bytes[PL_SMAPS_ANONYMOUS] = (uint64_t)anon_bytes;
	m->bytes[PL_SMAPS_SWAP] = (uint64_t)(bytes * ESTIMATE(windows, from, swap));
	/* VmFlags would tell; glibc asks for its arenas so */
	m->no_reserve = m->start % ARENA_BYTES == 0 && m->end % ARENA_BYTES == 0;
}

static void class_mapping(void *ctx, const struct pl_mapping *m)
{
	struct pl_windows *windows = ctx;
	struct pl_mapping filled = *m;

	if (windows->at < windows->count)
		fill_fields(&filled, windows, &windows->mappings[windows->at]);
	windows->at++;
	pl_regions_add(windows->scan, &filled);
}

int pl_windows_end(struct pl_windows *windows, struct pl_region_scan *scan, const char *text,
                   size_t len, uint64_t thread_count, struct pl_region_snapshot *out)
{
	int err;

	pl_regions_begin(scan);
	windows->scan = scan;
	windows->at = 0;
	pl_parse_smaps_init(&scan->parser, class_mapping, windows);
	pl_parse_smaps_feed(&scan->parser, text, len);
	err = pl_regions_end(scan, thread_count, out);
	if (err < 0)
		return err;
	out->window_stride = windows->stride;
	out->error_share =
		windows->used_bytes > 0 ? (float)(windows->half_bytes / windows->used_bytes) : 0;
	return 0;
}
