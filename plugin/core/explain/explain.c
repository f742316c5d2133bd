#include "explain/explain.h"

#include <math.h>
#include <stdio.h>

#include "trend/trend.h"

/* What a growth may come with, the root of the others first: a connection brings an fd. */
static const struct {
	enum pl_series series;
	enum pl_cause cause;
	double least_growth;
} companions[] = {
	{ PL_SERIES_CONNECTIONS, PL_CAUSE_CONNECTIONS, 16 },
	{ PL_SERIES_THREADS, PL_CAUSE_THREADS, 8 },
	{ PL_SERIES_FDS, PL_CAUSE_FDS, 16 },
};

static const enum pl_series works[] = { PL_SERIES_CPU, PL_SERIES_READ, PL_SERIES_FAULTS };

#define LEAST_CORRELATION 0.9
#define LEAST_VARIATION 0.15 /* of the work per block, to tell work from time */

struct pair {
	double x[PL_HISTORY_MAX_POINTS];
	double y[PL_HISTORY_MAX_POINTS];
	size_t n;
};

/* The finest full level that reaches back to `since_s`, or a coarser one that evens out noise. */
static enum pl_level level_for(const struct pl_history *h, double since_s)
{
	unsigned level = PL_LEVEL_30MIN;

	while (level < PL_LEVEL_1D &&
	       pl_history_block_s((enum pl_level)level) * PL_HISTORY_SLOTS < h->clock_s - since_s)
		level++;
	return (enum pl_level)level;
}

static void pair_series(const struct pl_history *h, enum pl_series x, enum pl_series y,
                        double since_s, struct pair *out)
{
	struct pl_point a[PL_HISTORY_MAX_POINTS];
	struct pl_point b[PL_HISTORY_MAX_POINTS];
	const enum pl_level level = level_for(h, since_s);
	const size_t na = pl_history_points(h, level, x, PL_HISTORY_MAX_POINTS, a);
	const size_t nb = pl_history_points(h, level, y, PL_HISTORY_MAX_POINTS, b);
	size_t j = 0;

	out->n = 0;
	for (size_t i = 0; i < na; i++) {
		while (j < nb && b[j].t_s < a[i].t_s)
			j++;
		if (j == nb)
			break;
		if (b[j].t_s > a[i].t_s || a[i].t_s < since_s)
			continue;
		out->x[out->n] = a[i].y;
		out->y[out->n++] = b[j].y;
	}
}

/* Whether the level of y rose together with the count x since the growth began. */
static bool grows_with(const struct pair *p, double least_growth)
{
	if (p->n < 6)
		return false;
	const size_t last = p->n - 1;
	const double rise = (p->x[last] + p->x[last - 1]) / 2 - (p->x[0] + p->x[1]) / 2;
	if (rise < fmax(least_growth, 0.1 * p->x[0]))
		return false;
	return pl_trend_correlation(p->x, p->y, p->n) > LEAST_CORRELATION;
}

/* Sum of squares of dy left by the best multiple of w: a regression through the origin. */
static double left_by(const double *w, const double *dy, size_t n)
{
	double ww = 0;
	double wy = 0;
	double yy = 0;

	for (size_t i = 0; i < n; i++) {
		ww += w[i] * w[i];
		wy += w[i] * dy[i];
		yy += dy[i] * dy[i];
	}
	return ww > 0 ? yy - wy * wy / ww : yy;
}

/* Work against elapsed time as what increments are proportional to; only a varying work can tell.
 */
static enum pl_cause work_or_time(const struct pl_history *h, enum pl_series series, double since_s)
{
	enum pl_cause cause = PL_CAUSE_UNKNOWN;

	for (size_t k = 0; k < sizeof works / sizeof works[0]; k++) {
		struct pair p;
		double dy[PL_HISTORY_MAX_POINTS];
		double ones[PL_HISTORY_MAX_POINTS];
		double mean = 0;
		double variance = 0;
		pair_series(h, works[k], series, since_s, &p);
		if (p.n < 10)
			continue;
		const size_t n = p.n - 1;
		for (size_t i = 0; i < n; i++) {
			dy[i] = p.y[i + 1] - p.y[i];
			ones[i] = 1;
			mean += p.x[i + 1] / (double)n;
		}
		for (size_t i = 0; i < n; i++)
			variance += (p.x[i + 1] - mean) * (p.x[i + 1] - mean) / (double)n;
		if (!(mean > 0) || sqrt(variance) < LEAST_VARIATION * mean)
			continue;
		const double by_work = left_by(p.x + 1, dy, n);
		const double by_time = left_by(ones, dy, n);
		if (by_work < 0.8 * by_time)
			return PL_CAUSE_WORK;
		if (by_time < 0.8 * by_work)
			cause = PL_CAUSE_TIME;
	}
	return cause;
}

enum pl_cause pl_explain_cause(const struct pl_history *h, enum pl_series series, double since_s)
{
	struct pair p;

	for (size_t i = 0; i < sizeof companions / sizeof companions[0]; i++) {
		if (companions[i].series == series)
			return companions[i].cause;
		pair_series(h, companions[i].series, series, since_s, &p);
		if (grows_with(&p, companions[i].least_growth))
			return companions[i].cause;
	}
	return work_or_time(h, series, since_s);
}

const char *pl_explain_where(const struct pl_history *h, enum pl_series series, double since_s)
{
	struct pair p;

	if (series == PL_SERIES_SHMEM)
		return "shmem";
	if (series != PL_SERIES_U)
		return "unknown";
	pair_series(h, PL_SERIES_HEAP, series, since_s, &p);
	if (p.n < 4)
		return "anon";
	const double heap = p.x[p.n - 1] - p.x[0];
	const double all = p.y[p.n - 1] - p.y[0];
	return all > 0 && heap > 0.6 * all ? "heap" : "anon";
}

const char *pl_explain_metric(enum pl_series series)
{
	static const char *const names[PL_SERIES_COUNT] = {
		[PL_SERIES_U] = "anon",       [PL_SERIES_SHMEM] = "shmem",
		[PL_SERIES_UNTOUCHED] = "vm", [PL_SERIES_THREADS] = "threads",
		[PL_SERIES_FDS] = "fds",      [PL_SERIES_CONNECTIONS] = "connections",
	};
	return names[series] ? names[series] : "anon";
}
