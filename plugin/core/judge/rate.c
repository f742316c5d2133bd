#include <math.h>

#include "judge/internal.h"
#include "trend/trend.h"

#define LAST_DAYS_S (1.65 * PL_DAY_S)
#define LEAST_GAINS 6 /* half a day of pairs of blocks, two hours each */
#define DAY_BENDS 2.5

static size_t points_since(const struct pl_judge_input *input, double since_s, struct pl_point *p)
{
	const enum pl_level finest = pl_history_is_fine(input->series) ? PL_LEVEL_5MIN : PL_LEVEL_30MIN;
	const enum pl_level level = pl_history_level_since(input->history, finest, since_s);
	size_t n = pl_history_points(input->history, level, input->series, PL_HISTORY_MAX_POINTS, p);
	size_t first = 0;
	while (first < n && p[first].t_s < since_s)
		first++;
	for (size_t i = first; i < n; i++)
		p[i - first] = p[i];
	return n - first;
}

/*
 * Where the growth began: the last bend after which it is much steeper than before. Looked for
 * over all of the history first, then more closely.
 */
static double onset(const struct pl_judge_input *input, double window_begin_s, double slope_per_s)
{
	double since_s = input->not_before_s;

	for (int round = 0; round < 3; round++) {
		struct pl_point p[PL_HISTORY_MAX_POINTS];
		double left_over;
		const size_t n = points_since(input, since_s, p);
		const size_t bend = pl_trend_bend(p, n, &left_over);
		if (bend < 2 || left_over > 0.7)
			break;
		const double before = pl_trend_theil_sen(p, bend + 1);
		const double after = pl_trend_theil_sen(p + bend, n - bend);
		/* Not a bend into this growth: a rise before it that was no slower. */
		if (before > 0.5 * slope_per_s && before < 2 * after)
			break;
		const double bend_s = p[bend].t_s;
		if (bend_s > window_begin_s + 0.6 * (input->history->clock_s - window_begin_s))
			break;
		if (bend_s <= since_s)
			break;
		since_s = bend_s;
	}
	return since_s;
}

/*
 * The slope between equal times of day, which a daily cycle does not bend: the median of what was
 * gained in 24 hours. *sigma is the spread of those gains, as of a single value. Needs a day and
 * half of blocks since `since_s`; returns false without.
 */
static bool slope_by_days(const struct pl_judge_input *input, double since_s, double *slope_per_s,
                          double *sigma)
{
	const bool recent = input->history->clock_s - since_s < 4 * PL_DAY_S;
	const enum pl_level level = recent ? PL_LEVEL_2H : PL_LEVEL_8H;
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	double gained[PL_HISTORY_MAX_POINTS];
	const size_t n =
		pl_history_points(input->history, level, input->series, PL_HISTORY_MAX_POINTS, p);
	size_t count = 0;

	for (size_t i = 0, j = 0; i < n; i++) {
		if (p[i].t_s < since_s + PL_DAY_S)
			continue;
		while (p[j].t_s < p[i].t_s - PL_DAY_S - 1)
			j++;
		if (p[j].t_s < p[i].t_s - PL_DAY_S + 1)
			gained[count++] = p[i].y - p[j].y;
	}
	if (count < LEAST_GAINS)
		return false;
	const double median = pl_trend_median(gained, count);
	for (size_t i = 0; i < count; i++)
		gained[i] = fabs(gained[i] - median);
	*slope_per_s = median / PL_DAY_S;
	*sigma = 1.4826 * pl_trend_median(gained, count) / sqrt(2);
	return true;
}

double pl_judge_gained_in_a_day(const struct pl_judge_input *input)
{
	const double since_s = fmax(0, input->history->clock_s - LAST_DAYS_S);
	double slope_per_s;
	double sigma;

	if (!slope_by_days(input, since_s, &slope_per_s, &sigma))
		return HUGE_VAL;
	return slope_per_s * PL_DAY_S;
}

/*
 * Where the day bends the series more than the days differ, the days are asked: those since the
 * growth began, or the last ones where that was but this morning, as far as one can see by then.
 */
static void rate_by_days(const struct pl_judge_input *input, struct pl_evidence *e)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	double since_s = e->since_s;
	double slope_per_s;
	double sigma;

	if (!input->settings->season)
		return;
	if (!slope_by_days(input, since_s, &slope_per_s, &sigma)) {
		since_s = fmax(input->not_before_s, input->history->clock_s - LAST_DAYS_S);
		if (!slope_by_days(input, since_s, &slope_per_s, &sigma))
			return;
	}
	const size_t n = points_since(input, since_s, p);
	if (slope_per_s <= 0 || n < 4 || pl_trend_sigma(p, n, slope_per_s) < DAY_BENDS * sigma)
		return;
	const double half = 2 * sigma * sqrt(2) / PL_DAY_S + 0.05 * slope_per_s;
	e->rate_per_s = slope_per_s;
	e->rate_low = slope_per_s - half;
	e->rate_high = slope_per_s + half;
	e->leaked = slope_per_s * (input->history->clock_s - e->since_s);
}

void pl_judge_rate(const struct pl_judge_input *input, struct pl_evidence *e)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	struct pl_trend_line line;
	struct pl_trend_line first;
	struct pl_trend_line second;
	double since_s = onset(input, e->begin_s, e->rate_per_s);
	size_t n = points_since(input, since_s, p);

	if (n < 8) {
		since_s = e->begin_s;
		n = points_since(input, since_s, p);
	}
	if (n < 4)
		return;
	pl_trend_fit(p, n, &line);
	pl_trend_fit(p, n / 2, &first);
	pl_trend_fit(p + n / 2, n - n / 2, &second);
	const double slope = pl_trend_theil_sen(p, n);
	const double halves = fabs(second.slope_per_s - first.slope_per_s);
	const double half = 2 * line.slope_error + 0.15 * halves + 0.03 * fabs(slope);
	e->rate_per_s = slope;
	e->rate_low = slope - half;
	e->rate_high = slope + half;
	e->since_s = since_s;
	e->leaked = slope * (input->history->clock_s - since_s);
	rate_by_days(input, e);
	/* what flattens would get there later, if at all */
	if (input->limit > 0 && e->rate_per_s > 0 && e->reason != PL_REASON_DECELERATING)
		e->to_limit_s = fmax(0, (input->limit - input->used) / e->rate_per_s);
}
