/*
 * Large chunks of glibc's malloc, each a mapping of its own, counted one by one.
 *
 * A request of 128 KiB or more (M_MMAP_THRESHOLD) is mapped by itself, so that a sample of pages
 * hardly meets their begins; but they are few, and where one ends the next one begins.
 */
#ifndef PL_CENSUS_LARGE_H
#define PL_CENSUS_LARGE_H

#include "census/tally.h"
#include "census/target.h"

struct pl_census_large {
	uint64_t bytes;
	uint64_t address;
};

/* Ordered by size, then address. */
struct pl_census_larges {
	struct pl_census_large *chunks;
	size_t count;
};

#define PL_CENSUS_LARGES_MAX 16384 /* more are left out */

/* The key of a size, unlike that of any chunk inside a heap: with glibc's own flag. */
#define PL_CENSUS_LARGE_FLAG 2u

/* Returns 0 or -ENOMEM. */
int pl_census_large_find(struct pl_census_target *target, struct pl_census_larges *out);
void pl_census_large_free(struct pl_census_larges *larges);

/* Calls `each` for every size, as pl_census_tally(). Here all is seen: there is no error. */
void pl_census_large_tally(const struct pl_census_larges looks[PL_CENSUS_LOOKS],
                           pl_census_growth_fn *each, void *ctx);

#endif
