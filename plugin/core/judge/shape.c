/* The dearer questions about a growth: does it saturate, and does it only follow the load? */
#include <math.h>

#include "judge/internal.h"
#include "trend/trend.h"

/* Correlation of increments from which on a level is said to move with the load. */
#define LEAST_FOLLOWING 0.6

/* The kernel tells CPU time in ticks of 10 ms: growth beside a few of them has no shape. */
#define LEAST_WORK_US 1e6

/* From so long a stretch on, a daily cycle is taken out before saturation is measured. */
#define LEAST_FLATTENED_S (60 * PL_HOUR_S)

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

/*
 * Growth in the later part over growth in the earlier one; p's times count from 0 at the origin.
 * From a quarter of the way (or from `known`, the first that is) to the geometric mean, to `now`.
 */
static bool ratio_of(const struct pl_point *p, size_t n, double known, double now,
                     struct pl_saturation *out)
{
	double early;
	double late;
	const double first = fmax(known, now / 4);
	const double middle = sqrt(first * now);

	if (!(first > 0 && middle > first && now > middle))
		return false;
	if (!growth_between(p, n, first, middle, &early) || !growth_between(p, n, middle, now, &late))
		return false;
	out->line = (now - middle) / (middle - first);
	out->log = out->line * (first + middle) / (middle + now);
	out->ratio = early > 0 ? fmin(late / early, 99) : late > 0 ? 99 : 0;
	return true;
}

/*
 * Replaces the times of p by the CPU time spent since the origin, counted back from `total`.
 * Returns how many points are left: those of blocks whose CPU time is known.
 */
static size_t count_work(const struct pl_history *h, enum pl_level level, double total,
                         struct pl_point *p, size_t n)
{
	struct pl_point cpu[PL_HISTORY_MAX_POINTS];
	size_t k = pl_history_points(h, level, PL_SERIES_CPU, PL_HISTORY_MAX_POINTS, cpu);
	double after = 0;

	/* Finer blocks that are not part of a closed one yet. */
	for (unsigned l = 0; l <= (unsigned)level; l++)
		if (h->open[l].present & (1U << PL_SERIES_CPU))
			after += (double)h->open[l].value[PL_SERIES_CPU];
	size_t at = n;
	for (size_t i = n; i-- > 0;) {
		while (k > 0 && cpu[k - 1].t_s > p[i].t_s)
			after += cpu[--k].y;
		if (k == 0 || cpu[k - 1].t_s < p[i].t_s)
			break;
		p[--at] = (struct pl_point){ total - after - cpu[k - 1].y / 2, p[i].y };
	}
	for (size_t i = at; i < n; i++)
		p[i - at] = p[i];
	return n - at;
}

/* Each value becomes the least within half a day of it: what comes and goes with the day is gone.
 */
static void flatten_days(struct pl_point *p, size_t n)
{
	double least[PL_HISTORY_MAX_POINTS];

	for (size_t i = 0; i < n; i++) {
		least[i] = p[i].y;
		for (size_t j = i; j-- > 0 && p[j].t_s >= p[i].t_s - 0.5 * PL_DAY_S;)
			least[i] = fmin(least[i], p[j].y);
		for (size_t j = i + 1; j < n && p[j].t_s <= p[i].t_s + 0.5 * PL_DAY_S; j++)
			least[i] = fmin(least[i], p[j].y);
	}
	for (size_t i = 0; i < n; i++)
		p[i].y = least[i];
}

bool pl_judge_saturation(const struct pl_judge_input *input, double origin_s, double work_us,
                         struct pl_saturation *out)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	size_t steps;
	double last_step_s;
	const double age_s = input->history->clock_s - origin_s;
	const enum pl_level level = level_over(fmin(input->history->clock_s, 0.75 * age_s));
	size_t n = pl_history_points(input->history, level, input->series, PL_HISTORY_MAX_POINTS, p);

	(void)pl_trend_destep(p, n, 3, 0.2, 8, &steps, &last_step_s);
	/* Not against work: the least of a day would stand beside the work of another hour. */
	if (!(work_us > 0) && fmin(input->history->clock_s, 0.75 * age_s) >= LEAST_FLATTENED_S)
		flatten_days(p, n);
	if (!(work_us > 0)) {
		for (size_t i = 0; i < n; i++)
			p[i].t_s -= origin_s;
		return ratio_of(p, n, fmax(-origin_s, 0), age_s, out);
	}
	n = count_work(input->history, level, work_us, p, n);
	return n > 0 && work_us - fmax(p[0].t_s, work_us / 4) >= LEAST_WORK_US &&
	       ratio_of(p, n, p[0].t_s, work_us, out);
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

static const enum pl_series loads[] = { PL_SERIES_CPU, PL_SERIES_READ };
#define LOAD_COUNT (sizeof loads / sizeof loads[0])

/* The series side by side with one of the loads, over the newest `n` blocks. */
struct beside {
	struct pl_point load[PL_HISTORY_MAX_POINTS];
	size_t load_n;
	struct pl_point point[PL_HISTORY_MAX_POINTS];
	double x[PL_HISTORY_MAX_POINTS];
	double y[PL_HISTORY_MAX_POINTS];
	size_t n;
};

static bool put_beside(const struct pl_judge_input *input, enum pl_level level, size_t n,
                       enum pl_series load, struct beside *out)
{
	struct pl_point points[PL_HISTORY_MAX_POINTS];
	/* The mean is what moves with the load; the least of a block need not. */
	const enum pl_series series = input->series == PL_SERIES_U ? PL_SERIES_U_MEAN : input->series;

	if (level < PL_LEVEL_30MIN)
		return false;
	const size_t ny = pl_history_points(input->history, level, series, n, points);
	out->load_n = pl_history_points(input->history, level, load, n, out->load);
	out->n = pair_up(out->load, out->load_n, points, ny, out->x, out->y, out->point);
	return out->n >= 12;
}

/* How the level moves with the load from block to block; 0 when it does not. */
static double moves_by(const struct beside *b)
{
	double dx[PL_HISTORY_MAX_POINTS];
	double dy[PL_HISTORY_MAX_POINTS];

	for (size_t i = 1; i < b->n; i++) {
		dx[i - 1] = b->x[i] - b->x[i - 1];
		dy[i - 1] = b->y[i] - b->y[i - 1];
	}
	if (pl_trend_correlation(dx, dy, b->n - 1) < LEAST_FOLLOWING)
		return 0;
	return pl_trend_regression(dx, dy, b->n - 1);
}

bool pl_judge_unload(const struct pl_judge_input *input, enum pl_level level, size_t n,
                     struct pl_point *p, size_t *count)
{
	for (size_t i = 0; i < LOAD_COUNT; i++) {
		struct beside b;
		double mean = 0;
		if (!put_beside(input, level, n, loads[i], &b))
			continue;
		const double per_load = moves_by(&b);
		if (!(per_load > 0))
			continue;
		for (size_t k = 0; k < b.n; k++)
			mean += b.x[k] / (double)b.n;
		for (size_t k = 0; k < b.n; k++)
			p[k] = (struct pl_point){ b.point[k].t_s, b.y[k] - per_load * (b.x[k] - mean) };
		*count = b.n;
		return true;
	}
	return false;
}

/* Share of growth left after taking out what moves with the load from block to block. */
static double left_after_following(struct beside *b, double growth)
{
	const double per_load = moves_by(b);

	if (!(per_load > 0))
		return 1;
	for (size_t i = 0; i < b->n; i++)
		b->point[i].y = b->y[i] - per_load * b->x[i];
	const double span_s = b->point[b->n - 1].t_s - b->point[0].t_s;
	return pl_trend_theil_sen(b->point, b->n) * span_s / growth;
}

/* Two ramps always correlate: a load that grows as much as the level does leaves it open. */
static double left_after_ramp(const struct beside *b, double growth)
{
	double minima[4];

	(void)pl_trend_minima(b->load, b->load_n, 4, minima);
	const double load_growth = minima[3] - minima[0];
	if (!(minima[0] > 0) ||
	    !(minima[1] > minima[0] && minima[2] > minima[1] && minima[3] > minima[2]))
		return 1;
	if (pl_trend_correlation(b->x, b->y, b->n) < 0.85)
		return 1;
	const double elasticity = (growth / fmax(b->y[0], 1)) / (load_growth * 4 / 3 / minima[0]);
	return elasticity > 1.5 ? 1 : 0;
}

/* Share of the growth of mappings that is no mere slack beside memory that grows by itself. */
static double left_beside_memory(const struct pl_judge_input *input, enum pl_level level, size_t n,
                                 double growth)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	double minima[4];

	n = pl_history_points(input->history, level, PL_SERIES_U, n, p);
	if (n < 4)
		return 1;
	(void)pl_trend_minima(p, n, 4, minima);
	return 1 - fmax(minima[3] - minima[0], 0) * 4 / 3 / growth;
}

double pl_judge_unexplained(const struct pl_judge_input *input, enum pl_level level, size_t n,
                            double growth)
{
	double least = 1;

	if (input->series == PL_SERIES_UNTOUCHED)
		least = left_beside_memory(input, level, n, growth);
	for (size_t i = 0; i < LOAD_COUNT; i++) {
		struct beside b;
		if (!put_beside(input, level, n, loads[i], &b))
			continue;
		least = fmin(least, left_after_ramp(&b, growth));
		least = fmin(least, left_after_following(&b, growth));
	}
	return least;
}

double pl_judge_work_fits(const struct pl_judge_input *input, enum pl_level level, size_t n)
{
	struct beside b;
	double dy[PL_HISTORY_MAX_POINTS];
	double ones[PL_HISTORY_MAX_POINTS];

	if (!put_beside(input, level, n, PL_SERIES_CPU, &b))
		return 0;
	for (size_t i = 1; i < b.n; i++) {
		dy[i - 1] = b.y[i] - b.y[i - 1];
		ones[i - 1] = 1;
	}
	/* From the middle of one block to that of the next: half of the work of each. */
	for (size_t i = 0; i + 1 < b.n; i++)
		b.x[i] = (b.x[i] + b.x[i + 1]) / 2;
	const double by_work = pl_trend_unproportional(b.x, dy, b.n - 1);
	return by_work > 0 ? pl_trend_unproportional(ones, dy, b.n - 1) / by_work : 0;
}
