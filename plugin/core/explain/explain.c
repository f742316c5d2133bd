#include "explain/explain.h"

#include <math.h>
#include <stdio.h>

#include "trend/trend.h"

#define LEAST_PAIRS 4
#define LEAST_RISE_BYTES (4.0 * 1024 * 1024) /* where there are fewer */

struct pair {
	double x[PL_HISTORY_MAX_POINTS];
	double y[PL_HISTORY_MAX_POINTS];
	size_t n;
};

static void pair_series(const struct pl_history *h, enum pl_series x, enum pl_series y,
                        double since_s, struct pair *out)
{
	struct pl_point a[PL_HISTORY_MAX_POINTS];
	struct pl_point b[PL_HISTORY_MAX_POINTS];
	const enum pl_level level = pl_history_level_since(h, PL_LEVEL_30MIN, since_s);
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

/* The youngest pair, of a block that is still open: the first hours have few that are closed. */
static void pair_open(const struct pl_history *h, enum pl_series x, enum pl_series y,
                      enum pl_level level, struct pair *out)
{
	const struct pl_block *block = &h->open[level];
	const uint16_t wanted = (uint16_t)(1U << x | 1U << y);

	if ((block->present & wanted) != wanted || out->n == PL_HISTORY_MAX_POINTS)
		return;
	out->x[out->n] = (double)block->value[x];
	out->y[out->n++] = (double)block->value[y];
}

const char *pl_explain_where(const struct pl_history *h, enum pl_series series, double since_s)
{
	struct pair p;

	if (series == PL_SERIES_SHMEM)
		return "shmem";
	if (series != PL_SERIES_U)
		return "unknown";
	pair_series(h, PL_SERIES_HEAP, series, since_s, &p);
	const bool is_short = p.n < LEAST_PAIRS;

	if (is_short) {
		pair_open(h, PL_SERIES_HEAP, series, PL_LEVEL_30MIN, &p);
		pair_open(h, PL_SERIES_HEAP, series, PL_LEVEL_1MIN, &p);
	}
	if (p.n < 2)
		return "anon";
	const double heap = p.x[p.n - 1] - p.x[0];
	const double all = p.y[p.n - 1] - p.y[0];
	return all > (is_short ? LEAST_RISE_BYTES : 0) && heap > 0.6 * all ? "heap" : "anon";
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
