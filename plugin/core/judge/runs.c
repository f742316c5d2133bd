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

/* A warm-up slows down within the run; a leak's runs do not, on the median. */
#define LEAST_EVENNESS 0.8

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
		.evenness = early > 0 ? late / early : 0,
	};
	return true;
}

/* Medians over the runs, and the error of that of the rates. */
struct typical {
	double rate;
	double rate_error;
	double evenness;
};

static struct typical typical_of(const struct pl_run *runs, size_t n)
{
	struct typical t;
	double v[MAX_RUNS];

	for (size_t i = 0; i < n; i++)
		v[i] = runs[i].evenness;
	t.evenness = pl_trend_median(v, n);
	for (size_t i = 0; i < n; i++)
		v[i] = runs[i].rate_per_s;
	t.rate = pl_trend_median(v, n);
	for (size_t i = 0; i < n; i++)
		v[i] = fabs(runs[i].rate_per_s - t.rate);
	t.rate_error = 1.4826 * pl_trend_median(v, n) / sqrt((double)n);
	return t;
}

static bool is_alike(const struct pl_run *r, const struct typical *t, const struct pl_floor *floor)
{
	return r->rate_per_s > t->rate / ALIKE && r->rate_per_s < t->rate * ALIKE &&
	       r->grown > fmax(floor->growth / 2, floor->share * r->level);
}

bool pl_judge_runs(const struct pl_run *runs, size_t n, double alike_from_s,
                   const struct pl_settings *settings, struct pl_evidence *out)
{
	const struct pl_floor floor = pl_judge_floor(PL_SERIES_U, settings);
	double covered_s = 0;
	double begin_s = HUGE_VAL;
	double end_s = 0;
	double grown = 0;
	size_t alike = 0;

	if (n < LEAST_RUNS || n > MAX_RUNS)
		return false;
	const struct typical typical = typical_of(runs, n);
	for (size_t i = 0; i < n; i++) {
		begin_s = fmin(begin_s, runs[i].begin_s);
		end_s = fmax(end_s, runs[i].end_s);
		covered_s += runs[i].end_s - runs[i].begin_s;
		grown += runs[i].grown;
		alike += is_alike(&runs[i], &typical, &floor);
	}
	if (covered_s < LEAST_COVERAGE * (end_s - begin_s) || alike * 4 < n * 3 ||
	    typical.evenness < LEAST_EVENNESS)
		return false;
	const double since_s = alike_from_s >= 0 ? fmin(alike_from_s, begin_s) : begin_s;
	const double margin = 3 * typical.rate_error + 0.05 * typical.rate;
	*out = (struct pl_evidence){
		.leaking = end_s - since_s > 18 * PL_HOUR_S || !settings->season,
		.growing = true,
		.reason = PL_REASON_RUNS,
		.begin_s = begin_s,
		.end_s = end_s,
		.growth = grown / (double)n,
		.rate_per_s = typical.rate,
		.rate_low = typical.rate - margin,
		.rate_high = typical.rate + margin,
		.since_s = since_s,
		.leaked = grown,
		.to_limit_s = -1,
	};
	return true;
}
