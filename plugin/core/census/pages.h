/*
 * Sets of pages: which are present, which are new, and which of them are read.
 *
 * Knows addresses only, in windows of 512 pages. Pure but for the memory of the set itself.
 */
#ifndef PL_CENSUS_PAGES_H
#define PL_CENSUS_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PL_CENSUS_WINDOW_PAGES 512
#define PL_CENSUS_WINDOW_WORDS (PL_CENSUS_WINDOW_PAGES / 64)

struct pl_census_window {
	uint64_t base; /* address of its first page, a multiple of the window's size */
	uint64_t bits[PL_CENSUS_WINDOW_WORDS];
};

/* Zero-initialise, but for page_bytes; windows ascend. */
struct pl_census_pages {
	uint64_t page_bytes;
	struct pl_census_window *windows;
	size_t count;
	size_t capacity;
};

void pl_census_pages_free(struct pl_census_pages *pages);

/* The window of `base`, which must not be below that of the last call; new ones are empty. NULL
 * when out of memory. The pointer holds until the next call. */
struct pl_census_window *pl_census_pages_append(struct pl_census_pages *pages, uint64_t base);

bool pl_census_pages_has(const struct pl_census_pages *pages, uint64_t address);
uint64_t pl_census_pages_count(const struct pl_census_pages *pages);

/* *out becomes the pages of `a` that are not in `b`. Returns 0 or -ENOMEM, *out empty then. */
int pl_census_pages_minus(const struct pl_census_pages *a, const struct pl_census_pages *b,
                          struct pl_census_pages *out);

/* Adds the pages of `from` to `into`. Returns 0 or -ENOMEM, `into` unchanged then. */
int pl_census_pages_join(struct pl_census_pages *into, const struct pl_census_pages *from);

/*
 * A systematic sample: one page of each of `want` equal parts, at a place of its own in each.
 * Returns how many addresses were written: `want`, or all pages when there are fewer. *state is the
 * random generator's.
 */
size_t pl_census_pages_pick(const struct pl_census_pages *pages, size_t want, uint64_t *state,
                            uint64_t *out);

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014 */
uint64_t pl_census_random(uint64_t *state);

#endif
