/* The sum of a match: what cannot be added is told of the worst member. */
#include "engine/group.h"
#include "tap.h"

static void add(struct pl_group_sum *sum, uint64_t fds, uint64_t limit)
{
	struct pl_values values = { 0 };
	const struct pl_group_member member = { &values, false };

	pl_values_set(&values, PL_M_FDS, fds);
	if (limit > 0)
		pl_values_set(&values, PL_M_RLIMIT_NOFILE, limit);
	pl_group_sum_add(sum, &member);
}

int main(void)
{
	static const struct pl_values no_counters;
	struct pl_group_sum sum;
	struct pl_values values;
	uint64_t fds = 0;

	pl_group_sum_begin(&sum);
	ok(sum.fds_of_limit <= 0, "without members nothing is known of descriptors");
	add(&sum, 900, 0);
	ok(sum.fds_of_limit <= 0, "nor without a limit");
	add(&sum, 500, 100000);
	add(&sum, 96, 100);
	add(&sum, 900, 1000);
	is_near(sum.fds_of_limit, 0.96, 1e-9, "the one that is closest to its own limit counts");
	pl_group_sum_end(&sum, &no_counters, &values);
	ok(pl_values_get(&values, PL_M_FDS, &fds) && fds == 2396, "whatever the sum is");
	return tap_done();
}
