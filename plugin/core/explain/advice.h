/*
 * What to do about a leak: how to contain it until it is fixed, and the least intrusive next step
 * to find it, by cause, place and runtime.
 *
 * Knows sentences alone. Costs are named where they are known from the tool's own documentation.
 */
#ifndef PL_EXPLAIN_ADVICE_H
#define PL_EXPLAIN_ADVICE_H

#include "explain/attribution.h"
#include "regions/regions.h"
#include "sample/cgroup.h"

#define PL_ADVICE_MOST 6
#define PL_ADVICE_STEPS 4

/* Writes at most `most` pointers to constant sentences. Returns how many. */
size_t pl_advice_contain(enum pl_driver driver, enum pl_region region, uint32_t runtimes,
                         const char **out, size_t most);

struct pl_next_step {
	const char *step;
	const char *cost;
};

/* What contains a pool whose processes leak only together; `by_number`: they become ever more. */
const char *pl_advice_pool(bool by_number);

/*
 * What an object census is good for, where nothing was read of it yet. False where it sees nothing:
 * the heaps of managed runtimes, memory that is shared or belongs to stacks.
 */
bool pl_advice_census(enum pl_region region, uint32_t runtimes, struct pl_next_step *out);

/* How to look at what piles up, where that can be counted: connections, threads, descriptors.
 * Returns how many. */
size_t pl_advice_count(enum pl_driver driver, uint32_t runtimes, struct pl_next_step *out,
                       size_t most);

/* What a server of this name tells about its own memory; false: nothing is known of it. */
bool pl_advice_program(const char *comm, struct pl_next_step *out);

/* For the most specific runtime among `runtimes`, the allocator's own steps first where it grows.
 * Returns how many. */
size_t pl_advice_next(enum pl_region region, uint32_t runtimes, struct pl_next_step *out,
                      size_t most);

/*
 * The same for memory that no process explains, by the part that grows. *contain is NULL where
 * there is nothing but a limit and a restart.
 */
void pl_advice_cgroup(enum pl_cgroup_part part, const char **contain, struct pl_next_step *next);

#endif
