/*
 * What every mapping holds, estimated from windows of 512 pages of proc_pid_pagemap(5).
 *
 * For a process of which smaps would hold the mmap lock for too long: a window holds it for some
 * microseconds. Knows which windows to read and what they say of the rest; refuses to read them.
 * Pure: the memory is the caller's, no clock.
 *
 * Address space is cut into blocks of `stride` windows, of which one is read each, at a place that
 * is drawn once and for all by the block's number: readings of one stride look at the same windows,
 * so what they differ by is what has changed, and arenas at round addresses are not all read at
 * their first window. Small mappings are read whole, all of them or one of so many. What lies in
 * mappings without a window is taken from their like.
 */
#ifndef PL_REGIONS_WINDOWS_H
#define PL_REGIONS_WINDOWS_H

#include "regions/regions.h"

#define PL_WINDOW_PAGES 512
#define PL_WINDOW_STRIDE_MAX 65536

/* Pages of one kind or another. */
struct pl_window_pages {
	uint64_t all;
	uint64_t anon;  /* resident and anonymous */
	uint64_t file;  /* resident, of a file or of shared memory */
	uint64_t swap;  /* in swap */
	uint64_t alone; /* resident, and mapped by no other process */
};

struct pl_window_mapping {
	uint64_t start;
	uint64_t end;
	uint8_t kind;                /* of its like */
	uint32_t read_count;         /* windows */
	struct pl_window_pages read; /* what they held */
	double last_share;           /* of the last of them, anonymous or in swap */
	double difference2_sum;      /* of the shares of neighbours, squared */
};

#define PL_WINDOW_KINDS 12

/* Mappings that are like each other: what was read in them. */
struct pl_window_kind {
	struct pl_window_pages read;
	uint32_t mapping_count;
	double share_sum;
	double share2_sum;
	uint64_t unread_pages; /* of mappings without a window */
	double unread_pages2_sum;
};

struct pl_windows {
	uint64_t page_bytes;
	uint32_t stride;
	struct pl_window_mapping *mappings;
	size_t count;
	size_t capacity;
	size_t at; /* in the second pass over the text */
	struct pl_window_kind kinds[PL_WINDOW_KINDS];
	struct pl_region_scan *scan;

	/* the estimate: memory that is anonymous or in swap, and half its interval of 95 % */
	double used_bytes;
	double half_bytes;
};

/* `mappings` holds `capacity` of them: the number of lines will do. */
void pl_windows_init(struct pl_windows *windows, uint64_t page_bytes,
                     struct pl_window_mapping *mappings, size_t capacity);

/* Takes the text of PID/maps; `scan` is scratch. Returns 0, -EBADMSG, or -E2BIG past the capacity.
 */
int pl_windows_take(struct pl_windows *windows, struct pl_region_scan *scan, const char *text,
                    size_t len);

/*
 * Chooses the stride, a power of two, such that at most `most` windows are read, and half of that
 * unless `before` (the stride of the last reading; 0: none) will still do. Returns how many are.
 */
size_t pl_windows_plan(struct pl_windows *windows, size_t most, uint32_t before);

/* Where to read. Begins as zeros. */
struct pl_window_cursor {
	size_t mapping;
	uint64_t next; /* address; 0: at the beginning of the mapping */
	uint64_t address;
	size_t page_count;
};

/* The next window, or the part of it that is in the mapping. Returns false at the end. */
bool pl_windows_next(const struct pl_windows *windows, struct pl_window_cursor *cursor);

/* Counts the entries of pagemap that were read at the cursor. */
void pl_windows_count(struct pl_windows *windows, const struct pl_window_cursor *cursor,
                      const uint64_t *entries);

/* Fills used_bytes and half_bytes. */
void pl_windows_estimate(struct pl_windows *windows);

/* The text once more: every mapping classed, with what it is estimated to hold. Returns as
 * pl_regions_end(). */
int pl_windows_end(struct pl_windows *windows, struct pl_region_scan *scan, const char *text,
                   size_t len, uint64_t thread_count, struct pl_region_snapshot *out);

#endif
