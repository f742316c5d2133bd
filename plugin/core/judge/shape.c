/* The dearer questions about a growth: does it saturate, and does it only follow the load? */
#include <math.h>

#include "judge/internal.h"
#include "trend/trend.h"

/* The finest level whose ring reaches back over `span_s`. */
static enum pl_level level_over(double span_s)
{
	unsigned level = PL_LEVEL_30MIN;

	while (level + 1 < PL_LEVEL_COUNT &&
	       pl_history_block_s((enum pl_level)level) * PL_HISTORY_SLOTS < span_s)
		level++;
	return (enum pl_level)level;
}

/* Growth over [from, to] by the robust slope of the points in it; false with too few of them. */
static bool growth_between(const struct pl_point *p, size_t n, double from_s, double to_s,
                           double *out)
{
	size_t first = 0;
	size_t end;

	while (first < n && p[first].t_s < from_s)
		first++;
	for (end = first; end < n && p[end].t_s <= to_s; end++)
		;
	if (end - first < 3)
		return false;
	*out = pl_trend_theil_sen(p + first, end - first) * (to_s - from_s);
	return true;
}

bool pl_judge_saturation(const struct pl_judge_input *input, double origin_s,
                         struct pl_saturation *out)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	size_t steps;
	double last_step_s;
	double early;
	double late;
	const double now_s = input->history->clock_s;
	const double age_s = now_s - origin_s;
	const double first_s = fmax(0, origin_s + age_s / 4); /* history begins at 0 */
	const enum pl_level level = level_over(now_s - first_s);
	const size_t n =
		pl_history_points(input->history, level, input->series, PL_HISTORY_MAX_POINTS, p);

	(void)pl_trend_destep(p, n, 3, 0.2, 8, &steps, &last_step_s);
	/* From a quarter of the age (or the first that is known) to the geometric mean, to now. */
	const double a0 = first_s - origin_s;
	const double am = sqrt(a0 * age_s);
	if (!(a0 > 0 && am > a0 && age_s > am))
		return false;
	if (!growth_between(p, n, first_s, origin_s + am, &early) ||
	    !growth_between(p, n, origin_s + am, now_s, &late))
		return false;
	out->line = (age_s - am) / (am - a0);
	out->log = out->line * (a0 + am) / (am + age_s);
	out->ratio = early > 0 ? fmin(late / early, 99) : late > 0 ? 99 : 0;
	return true;
}

/* Two series of one level side by side, where both are present. */
static size_t pair_up(const struct pl_point *a, size_t na, const struct pl_point *b, size_t nb,
                      double *x, double *y, struct pl_point *out)
{
	size_t n = 0;
	size_t j = 0;

	for (size_t i = 0; i < na; i++) {
		while (j < nb && b[j].t_s < a[i].t_s)
			j++;
		if (j == nb)
			break;
		if (b[j].t_s > a[i].t_s)
			continue;
		x[n] = a[i].y;
		y[n] = b[j].y;
		out[n] = b[j];
		n++;
	}
	return n;
}

/* Share of growth left after taking out what moves with the load from block to block. */
static double left_after_following(const double *x, const double *y, struct pl_point *p, size_t n,
                                   double growth)
{
	double dx[PL_HISTORY_MAX_POINTS];
	double dy[PL_HISTORY_MAX_POINTS];

	for (size_t i = 1; i < n; i++) {
		dx[i - 1] = x[i] - x[i - 1];
		dy[i - 1] = y[i] - y[i - 1];
	}
	if (pl_trend_correlation(dx, dy, n - 1) < 0.6)
		return 1;
	const double per_load = pl_trend_regression(dx, dy, n - 1);
	for (size_t i = 0; i < n; i++)
		p[i].y = y[i] - per_load * x[i];
	const double left = pl_trend_theil_sen(p, n) * (p[n - 1].t_s - p[0].t_s);
	return left / growth;
}

/* Two ramps always correlate: a load that grows as much as the level does leaves it open. */
static double left_after_ramp(const double *x, const double *y, const struct pl_point *load,
                              size_t n, double growth)
{
	double minima[4];

	(void)pl_trend_minima(load, n, 4, minima);
	const double load_growth = minima[3] - minima[0];
	if (!(minima[0] > 0) ||
	    !(minima[1] > minima[0] && minima[2] > minima[1] && minima[3] > minima[2]))
		return 1;
	if (pl_trend_correlation(x, y, n) < 0.85)
		return 1;
	const double elasticity = (growth / fmax(y[0], 1)) / (load_growth * 4 / 3 / minima[0]);
	return elasticity > 1.5 ? 1 : 0;
}

double pl_judge_unexplained(const struct pl_judge_input *input, enum pl_level level, size_t n,
                            double growth)
{
	static const enum pl_series loads[] = { PL_SERIES_CPU, PL_SERIES_READ };
	struct pl_point level_points[PL_HISTORY_MAX_POINTS];
	struct pl_point load[PL_HISTORY_MAX_POINTS];
	struct pl_point both[PL_HISTORY_MAX_POINTS];
	double x[PL_HISTORY_MAX_POINTS];
	double y[PL_HISTORY_MAX_POINTS];
	double least = 1;
	const enum pl_series series = input->series == PL_SERIES_U ? PL_SERIES_U_MEAN : input->series;

	if (level < PL_LEVEL_30MIN)
		return 1;
	const size_t ny = pl_history_points(input->history, level, series, n, level_points);
	for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++) {
		const size_t nx = pl_history_points(input->history, level, loads[i], n, load);
		const size_t pairs = pair_up(load, nx, level_points, ny, x, y, both);
		if (pairs < 12)
			continue;
		least = fmin(least, left_after_following(x, y, both, pairs, growth));
		least = fmin(least, left_after_ramp(x, y, load, nx, growth));
	}
	return least;
}
