/* The same program over its restarts: what no single run is long enough to show. */
#include <math.h>

#include "judge/internal.h"
#include "trend/trend.h"

#define LEAST_RUN_S 1800.0
#define LEAST_RUNS 3
#define MAX_RUNS 16

/* A service is started again at once; a job of cron's leaves time between its runs. */
#define LEAST_COVERAGE 0.8

/* Runs are alike when their rates are within this factor of the median. */
#define ALIKE 2.5

bool pl_judge_run(const struct pl_judge_input *input, struct pl_run *out)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	const double lasted_s = input->history->clock_s;
	unsigned level = PL_LEVEL_1MIN;

	if (lasted_s < LEAST_RUN_S)
		return false;
	while (level < PL_LEVEL_1D && pl_history_block_s((enum pl_level)level) * 48 < lasted_s)
		level++;
	size_t n = pl_history_points(input->history, (enum pl_level)level, input->series,
	                             PL_HISTORY_MAX_POINTS, p);
	size_t first = 0;
	while (first < n && p[first].t_s < lasted_s / 4)
		first++;
	n -= first;
	if (n < 6)
		return false;
	const double slope = pl_trend_theil_sen(p + first, n);
	const double early = pl_trend_theil_sen(p + first, n / 2);
	const double late = pl_trend_theil_sen(p + first + n / 2, n - n / 2);
	*out = (struct pl_run){
		.rate_per_s = slope,
		.grown = slope * 0.75 * lasted_s,
		.level = p[first].y,
		.even = late > 0.5 * early,
	};
	return true;
}

static void median_and_error(const struct pl_run *runs, size_t n, double *median, double *error)
{
	double v[MAX_RUNS];

	for (size_t i = 0; i < n; i++)
		v[i] = runs[i].rate_per_s;
	*median = pl_trend_median(v, n);
	for (size_t i = 0; i < n; i++)
		v[i] = fabs(runs[i].rate_per_s - *median);
	*error = 1.4826 * pl_trend_median(v, n) / sqrt((double)n);
}

bool pl_judge_runs(const struct pl_run *runs, size_t n, const struct pl_settings *settings,
                   struct pl_evidence *out)
{
	const struct pl_floor floor = pl_judge_floor(PL_SERIES_U, settings);
	double covered_s = 0;
	double begin_s = HUGE_VAL;
	double end_s = 0;
	double grown = 0;
	double rate;
	double error;
	size_t alike = 0;

	if (n < LEAST_RUNS || n > MAX_RUNS)
		return false;
	median_and_error(runs, n, &rate, &error);
	for (size_t i = 0; i < n; i++) {
		const struct pl_run *r = &runs[i];
		begin_s = fmin(begin_s, r->begin_s);
		end_s = fmax(end_s, r->end_s);
		covered_s += r->end_s - r->begin_s;
		grown += r->grown;
		alike += r->even && r->rate_per_s > rate / ALIKE && r->rate_per_s < rate * ALIKE &&
		         r->grown > fmax(floor.growth / 2, floor.share * r->level);
	}
	const bool waited = end_s - begin_s > 18 * PL_HOUR_S || !settings->season;
	if (!waited || covered_s < LEAST_COVERAGE * (end_s - begin_s) || alike * 4 < n * 3)
		return false;
	*out = (struct pl_evidence){
		.leaking = true,
		.growing = true,
		.reason = PL_REASON_RUNS,
		.begin_s = begin_s,
		.end_s = end_s,
		.growth = grown / (double)n,
		.rate_per_s = rate,
		.rate_low = rate - 3 * error - 0.05 * rate,
		.rate_high = rate + 3 * error + 0.05 * rate,
		.since_s = begin_s,
		.leaked = grown,
		.to_limit_s = -1,
	};
	return true;
}
