#include "engine/group.h"

#include <math.h>
#include <string.h>

enum rule {
	RULE_SUM,
	RULE_LOWEST, /* limits: the one that bites first */
	RULE_ALONE,  /* means nothing when added */
};

static enum rule rule_of(enum pl_metric metric)
{
	if (metric >= PL_M_LIMIT && metric <= PL_M_HOST_MEMORY)
		return RULE_LOWEST;
	if (metric >= PL_M_HOST_USED && metric <= PL_M_MAPS)
		return RULE_ALONE; /* several processes count against the same limit */
	return metric == PL_M_RSS_PEAK || metric == PL_M_IDLE_WINDOW ? RULE_ALONE : RULE_SUM;
}

double pl_group_fds_of_limit(const struct pl_values *values)
{
	uint64_t open;
	uint64_t limit;

	if (!pl_values_get(values, PL_M_FDS, &open) ||
	    !pl_values_get(values, PL_M_RLIMIT_NOFILE, &limit) || limit == 0)
		return 0;
	return (double)open / (double)limit;
}

void pl_group_sum_begin(struct pl_group_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
}

void pl_group_sum_add(struct pl_group_sum *sum, const struct pl_group_member *member)
{
	sum->member_count++;
	sum->newborn_count += member->newborn;
	sum->fds_of_limit = fmax(sum->fds_of_limit, pl_group_fds_of_limit(member->values));
	for (size_t i = 0; i < PL_METRIC_COUNT; i++) {
		const enum pl_metric metric = (enum pl_metric)i;
		uint64_t value;

		if (!pl_values_get(member->values, metric, &value))
			continue;
		if (rule_of(metric) != RULE_LOWEST)
			sum->value[i] += value;
		else if (sum->have[i] == 0 || value < sum->value[i])
			sum->value[i] = value;
		sum->have[i]++;
	}
}

static bool is_complete(const struct pl_group_sum *sum, enum pl_metric metric)
{
	const uint32_t have = sum->have[metric];

	if (have == 0)
		return false;
	if (rule_of(metric) == RULE_LOWEST)
		return true;
	if (rule_of(metric) == RULE_ALONE)
		return sum->member_count == 1;
	if (pl_metric_info(metric)->tier == PL_TIER_PULSE)
		return have == sum->member_count;
	return have + sum->newborn_count >= sum->member_count && have * 2 >= sum->member_count;
}

/* Resident pages are counted by every process that maps them; PSS shares them out. */
static void share_out(const struct pl_group_sum *sum, struct pl_values *out)
{
	static const struct {
		enum pl_metric counted;
		enum pl_metric shared;
	} pairs[] = {
		{ PL_M_ANON, PL_M_PSS_ANON },
		{ PL_M_FILE, PL_M_PSS_FILE },
		{ PL_M_SHMEM, PL_M_PSS_SHMEM },
		{ PL_M_SWAP, PL_M_SWAP_PSS },
	};

	if (sum->member_count < 2)
		return;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pl_values_has(out, pairs[i].shared))
			pl_values_set(out, pairs[i].counted, out->value[pairs[i].shared]);
		else if (sum->have[pairs[i].shared] > 0 || sum->newborn_count > 0)
			pl_values_clear(out, pairs[i].counted); /* a gap, rather than a jump */
}

void pl_group_sum_end(const struct pl_group_sum *sum, const struct pl_values *counters,
                      struct pl_values *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < PL_METRIC_COUNT; i++) {
		const enum pl_metric metric = (enum pl_metric)i;

		if (pl_metric_info(metric)->kind == PL_COUNTER) {
			if (sum->have[i] > 0 && pl_values_has(counters, metric))
				pl_values_set(out, metric, counters->value[i]);
		} else if (is_complete(sum, metric)) {
			pl_values_set(out, metric, sum->value[i]);
		}
	}
	share_out(sum, out);
}

void pl_group_count(struct pl_values *counters, const struct pl_values *before,
                    const struct pl_values *after, bool from_birth)
{
	for (size_t i = 0; i < PL_METRIC_COUNT; i++) {
		const enum pl_metric metric = (enum pl_metric)i;
		uint64_t total = 0;
		uint64_t was = 0;
		uint64_t is;

		if (pl_metric_info(metric)->kind != PL_COUNTER || !pl_values_get(after, metric, &is))
			continue;
		if (!pl_values_get(before, metric, &was) && !from_birth)
			was = is;
		(void)pl_values_get(counters, metric, &total);
		pl_values_set(counters, metric, total + (is > was ? is - was : 0));
	}
}
