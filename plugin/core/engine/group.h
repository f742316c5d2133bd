/*
 * The processes of a match, added up.
 *
 * Pages that several of them share are counted once where PSS is known. Counters of the sum only
 * rise, whoever comes and goes.
 */
#ifndef PL_ENGINE_GROUP_H
#define PL_ENGINE_GROUP_H

#include "base/values.h"
#include "config/settings.h"

/* One tick's sum under way. */
struct pl_group_sum {
	uint32_t member_count;
	uint32_t newborn_count; /* members too young to have had a dear read */
	double fds_of_limit;    /* of the member that is closest to its RLIMIT_NOFILE; 0: not known */
	uint32_t have[PL_METRIC_COUNT];
	uint64_t value[PL_METRIC_COUNT];
};

struct pl_group_member {
	const struct pl_values *values;
	bool newborn;
};

/* The share of RLIMIT_NOFILE that a process has open; 0: not known. */
double pl_group_fds_of_limit(const struct pl_values *values);

void pl_group_sum_begin(struct pl_group_sum *sum);
void pl_group_sum_add(struct pl_group_sum *sum, const struct pl_group_member *member);

/*
 * Writes the gauges that all members yielded into *out, and those of `counters`. A dear gauge may
 * be missing of newborn members, if they are not the most.
 */
void pl_group_sum_end(const struct pl_group_sum *sum, const struct pl_values *counters,
                      struct pl_values *out);

/*
 * Adds to a group's running counters what a member's counters rose by from `before` to `after`.
 * With `from_birth` the whole of what it has counted, for one that was not there at the last tick.
 */
void pl_group_count(struct pl_values *counters, const struct pl_values *before,
                    const struct pl_values *after, bool from_birth);

#endif
