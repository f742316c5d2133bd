#include "explain/attribution.h"

#include <math.h>

#include "explain/internal.h"
#include "explain/regression.h"
#include "trend/trend.h"

#define HOUR_S 3600.0
#define MIB 1048576.0

/* A held count is a cause when it rises with the series: by this share, and this closely. */
#define LEAST_RISE_SHARE 0.1
#define LEAST_CORRELATION 0.9
#define LEAST_HELD_POINTS 6

#define LEAST_POINTS 12 /* for a regression of several columns */
#define MOST_ERROR 0.3  /* of a share, for it to be known */
#define SHARE_OF_CAUSE 0.5
#define SHARE_OF_NONE 0.4
#define LEAST_VARIATION 0.15 /* of a flow, for it to speak for time alone */
#define LEAST_LIKENESS 0.2
/* How much worse than the best a driver may fit, by the share of the squares that it takes from
 * what time leaves. Of connections only the least of each block is known. */
#define WORSE_FIT 0.02
#define WORSE_FIT_OF_CONNECTIONS 0.15

static const struct pl_driver_kind drivers[PL_DRIVER_COUNT] = {
	[PL_DRIVER_NONE] = { "", PL_CAUSE_UNKNOWN, PL_SERIES_COUNT, false, false, 0, 1 },
	[PL_DRIVER_CONNECTIONS] = { "connection held", PL_CAUSE_CONNECTIONS, PL_SERIES_CONNECTIONS,
	                            true, false, 16, 1 },
	[PL_DRIVER_THREADS] = { "thread", PL_CAUSE_THREADS, PL_SERIES_THREADS, true, false, 8, 1 },
	[PL_DRIVER_FDS] = { "fd", PL_CAUSE_FDS, PL_SERIES_FDS, true, false, 16, 1 },
	[PL_DRIVER_OPENED] = { "connection opened", PL_CAUSE_CONNECTIONS, PL_SERIES_OPENED, false,
	                       false, 0, 1 },
	[PL_DRIVER_CONNECTION_HOURS] = { "connection hour", PL_CAUSE_CONNECTIONS, PL_SERIES_CONNECTIONS,
	                                 false, true, 0, 1 },
	[PL_DRIVER_CPU] = { "CPU second", PL_CAUSE_WORK, PL_SERIES_CPU, false, false, 0, 1e6 },
	[PL_DRIVER_READ] = { "MiB read", PL_CAUSE_WORK, PL_SERIES_READ, false, false, 0, MIB },
	[PL_DRIVER_WRITTEN] = { "MiB written", PL_CAUSE_WORK, PL_SERIES_WRITTEN, false, false, 0, MIB },
	[PL_DRIVER_TIME] = { "hour", PL_CAUSE_TIME, PL_SERIES_COUNT, false, false, 0, 1 },
};

const char *pl_driver_unit(enum pl_driver driver)
{
	return (unsigned)driver < PL_DRIVER_COUNT ? drivers[driver].unit : "";
}

const struct pl_driver_kind *pl_explain_driver(enum pl_driver driver)
{
	return &drivers[(unsigned)driver < PL_DRIVER_COUNT ? driver : PL_DRIVER_NONE];
}

/* Blocks of several series at the same times; absent values are carried on from the one before. */
struct blocks {
	size_t n;
	double t_s[PL_HISTORY_MAX_POINTS];
	double y[PL_HISTORY_MAX_POINTS];
	double x[PL_HISTORY_MAX_POINTS];
	double load[PL_HISTORY_MAX_POINTS];
	double held[PL_HISTORY_MAX_POINTS];
	bool has_load;
	bool has_held;
};

/* The values of a series at the times of `b`. False when it is missing at more than a few. */
static bool align(const struct pl_history *h, enum pl_level level, enum pl_series series,
                  const struct blocks *b, double *out)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	const size_t count = pl_history_points(h, level, series, PL_HISTORY_MAX_POINTS, p);
	size_t missing = 0;
	size_t j = 0;

	if (count == 0)
		return false;
	for (size_t i = 0; i < b->n; i++) {
		while (j + 1 < count && p[j].t_s < b->t_s[i])
			j++;
		missing += p[j].t_s < b->t_s[i] || p[j].t_s > b->t_s[i];
		out[i] = p[j].y;
	}
	return missing * 8 <= b->n;
}

static bool varies(const double *v, size_t n)
{
	/* align() has written all n, which the analyzer loses sight of */
	double least = v[0]; /* NOLINT(clang-analyzer-core.uninitialized.Assign) */
	double most = v[0];

	for (size_t i = 1; i < n; i++) {
		least = fmin(least, v[i]); /* NOLINT(clang-analyzer-core.CallAndMessage) */
		most = fmax(most, v[i]);
	}
	return most - least > 1e-3 * fabs(most) && most > least;
}

/* The mean of U is what load moves; of the other series only the minima are kept. */
static void load_blocks(const struct pl_history *h, enum pl_level level, enum pl_series series,
                        double since_s, struct blocks *b)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	const enum pl_series of = series == PL_SERIES_U ? PL_SERIES_U_MEAN : series;
	const size_t count = pl_history_points(h, level, of, PL_HISTORY_MAX_POINTS, p);

	b->n = 0;
	for (size_t i = 0; i < count; i++) {
		if (p[i].t_s < since_s)
			continue;
		b->t_s[b->n] = p[i].t_s;
		b->y[b->n++] = p[i].y;
	}
	b->has_load = b->n > 0 && align(h, level, PL_SERIES_CPU, b, b->load) && varies(b->load, b->n);
	b->has_held =
		b->n > 0 && align(h, level, PL_SERIES_CONNECTIONS, b, b->held) && varies(b->held, b->n);
}

/* What a flow had added up to by the middle of each block; a gap goes on at the rate before. */
static void add_up(const struct blocks *b, double block_s, bool is_level, double *x)
{
	double sum = 0;
	double before = x[0];

	for (size_t i = 0; i < b->n; i++) {
		const double now = is_level ? x[i] * block_s / HOUR_S : x[i];
		const double gap = i > 0 ? (b->t_s[i] - b->t_s[i - 1]) / block_s - 1 : 0;

		if (i > 0)
			sum += before / 2 + fmax(gap, 0) * before + now / 2;
		before = now;
		x[i] = sum;
	}
}

/*
 * Whether a flow comes and goes, rather than being steady but for errors in its measurement: those
 * would make its share look small. By how much it varies, and whether neighbours are alike.
 */
static bool comes_and_goes(const double *x, size_t n)
{
	double mean = 0;
	double squares = 0;
	double lagged = 0;

	for (size_t i = 0; i < n; i++)
		mean += x[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (x[i] - mean) * (x[i] - mean);
	for (size_t i = 1; i < n; i++)
		lagged += (x[i] - mean) * (x[i - 1] - mean);
	return mean > 0 && sqrt(squares / (double)n) >= LEAST_VARIATION * mean &&
	       lagged >= LEAST_LIKENESS * squares;
}

/* How a flow explains the series beside time and the level of the load. */
struct explained {
	bool known;
	bool can_refute;
	double share;
	double error;
	double fit; /* share of the squares left by time alone that it explains */
	double per_unit;
	double per_unit_error;
};

static void add_load(struct pl_regression *r, const struct blocks *b)
{
	if (b->has_load)
		pl_regression_column(r, b->load);
	if (b->has_held)
		pl_regression_column(r, b->held);
}

static void explain_flow(const struct pl_history *h, enum pl_level level, struct blocks *b,
                         enum pl_driver driver, struct explained *out)
{
	const double block_s = pl_history_block_s(level);
	struct pl_regression with_time;
	struct pl_regression alone;
	struct pl_regression time_alone;

	out->known = false;
	if (b->n < LEAST_POINTS || !align(h, level, drivers[driver].series, b, b->x))
		return;
	out->can_refute = comes_and_goes(b->x, b->n);
	add_up(b, block_s, drivers[driver].is_level, b->x);
	if (!(b->x[b->n - 1] > 0))
		return;
	pl_regression_begin(&with_time, b->y, b->n);
	pl_regression_column(&with_time, b->x);
	pl_regression_column(&with_time, b->t_s);
	add_load(&with_time, b);
	pl_regression_begin(&alone, b->y, b->n);
	pl_regression_column(&alone, b->x);
	add_load(&alone, b);
	pl_regression_begin(&time_alone, b->y, b->n);
	pl_regression_column(&time_alone, b->t_s);
	add_load(&time_alone, b);
	if (!pl_regression_solve(&with_time) || !pl_regression_solve(&alone) ||
	    !pl_regression_solve(&time_alone))
		return;
	const double flow = with_time.slope[0] * b->x[b->n - 1];
	const double time = with_time.slope[1] * (b->t_s[b->n - 1] - b->t_s[0]);

	if (!(flow + time > 0))
		return;
	out->known = true;
	out->share = flow / (flow + time);
	out->error = with_time.error[0] * b->x[b->n - 1] / (flow + time);
	out->fit = time_alone.residual > 0 ? 1 - with_time.residual / time_alone.residual : 0;
	out->per_unit = alone.slope[0] * drivers[driver].units;
	out->per_unit_error = alone.error[0] * drivers[driver].units;
}

/* Blocks of two lengths: the finer ones show the day better, the coarser ones reach back. */
static void explain_best(const struct pl_history *h, enum pl_series series, double since_s,
                         enum pl_driver driver, struct explained *out)
{
	const enum pl_level coarse = pl_history_level_since(h, PL_LEVEL_30MIN, since_s);
	struct blocks b;
	struct explained finer = { .known = false };

	load_blocks(h, coarse, series, since_s, &b);
	explain_flow(h, coarse, &b, driver, out);
	if (coarse <= PL_LEVEL_30MIN)
		return;
	load_blocks(h, (enum pl_level)(coarse - 1), series, since_s, &b);
	explain_flow(h, (enum pl_level)(coarse - 1), &b, driver, &finer);
	if (finer.known && (!out->known || finer.error < out->error))
		*out = finer;
}

void pl_explain_set_per_unit(struct pl_attribution *out, double value, double error)
{
	if (!(value > 0) || !(error < value))
		return;
	out->per_unit = (float)value;
	out->per_unit_low = (float)(value - 2 * error > 0 ? value - 2 * error : 0);
	out->per_unit_high = (float)(value + 2 * error);
}

/* Levels of a held count and of the series that rose together since the growth began. */
static bool explain_held(const struct pl_history *h, enum pl_series series, double since_s,
                         enum pl_driver driver, struct pl_attribution *out)
{
	const enum pl_level level = pl_history_level_since(h, PL_LEVEL_30MIN, since_s);
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	struct pl_regression fit;
	struct blocks b;
	const size_t count = pl_history_points(h, level, series, PL_HISTORY_MAX_POINTS, p);

	b.n = 0;
	for (size_t i = 0; i < count; i++)
		if (p[i].t_s >= since_s) {
			b.t_s[b.n] = p[i].t_s;
			b.y[b.n++] = p[i].y;
		}
	if (b.n < LEAST_HELD_POINTS || !align(h, level, drivers[driver].series, &b, b.x))
		return false;
	const size_t last = b.n - 1;
	const double rise = (b.x[last] + b.x[last - 1]) / 2 - (b.x[0] + b.x[1]) / 2;
	const double grown = (b.y[last] + b.y[last - 1]) / 2 - (b.y[0] + b.y[1]) / 2;

	if (rise < fmax(drivers[driver].least_rise, LEAST_RISE_SHARE * b.x[0]) || !(grown > 0) ||
	    pl_trend_correlation(b.x, b.y, b.n) <= LEAST_CORRELATION)
		return false;
	pl_regression_begin(&fit, b.y, b.n);
	pl_regression_column(&fit, b.x);
	if (!pl_regression_solve(&fit) || !(fit.slope[0] > 0))
		return false;
	out->share[driver] = (float)fmin(fit.slope[0] * rise / grown, 1);
	out->share_error[driver] = (float)(fit.error[0] * rise / grown);
	pl_explain_set_per_unit(out, fit.slope[0], fit.error[0]);
	return true;
}

void pl_explain_clear(struct pl_attribution *out)
{
	*out = (struct pl_attribution){ .cause = PL_CAUSE_UNKNOWN, .driver = PL_DRIVER_NONE };
	for (size_t i = 0; i < PL_DRIVER_COUNT; i++)
		out->share[i] = -1;
}

void pl_explain_conclude(struct pl_attribution *out, enum pl_driver driver)
{
	out->driver = (uint8_t)driver;
	out->cause = (uint8_t)drivers[driver].cause;
}

/* Connections before work: whoever is served over a connection makes work as well. */
static void explain_flows(const struct pl_history *h, enum pl_series series, double since_s,
                          struct pl_attribution *out)
{
	struct explained found[PL_DRIVER_COUNT] = { 0 };
	double best_fit = -INFINITY;
	bool refuted = false;

	for (unsigned d = PL_DRIVER_OPENED; d < PL_DRIVER_TIME; d++) {
		struct explained *e = &found[d];

		explain_best(h, series, since_s, (enum pl_driver)d, e);
		if (!e->known || e->error > MOST_ERROR)
			continue;
		out->share[d] = (float)fmin(fmax(e->share, 0), 1);
		out->share_error[d] = (float)e->error;
		if (e->share - e->error > SHARE_OF_CAUSE)
			best_fit = fmax(best_fit, e->fit);
		refuted |= e->can_refute && e->share + e->error < SHARE_OF_NONE;
	}
	for (unsigned d = PL_DRIVER_OPENED; d < PL_DRIVER_TIME; d++) {
		const struct explained *e = &found[d];
		const double worse =
			drivers[d].cause == PL_CAUSE_CONNECTIONS ? WORSE_FIT_OF_CONNECTIONS : WORSE_FIT;

		if (out->share[d] < 0 || !(e->share - e->error > SHARE_OF_CAUSE) ||
		    e->fit < best_fit - worse)
			continue;
		pl_explain_conclude(out, (enum pl_driver)d);
		pl_explain_set_per_unit(out, e->per_unit, e->per_unit_error);
		return;
	}
	if (refuted && !isfinite(best_fit)) {
		pl_explain_conclude(out, PL_DRIVER_TIME);
		out->share[PL_DRIVER_TIME] = 1;
	}
}

void pl_explain_attribute(const struct pl_history *h, enum pl_series series, double since_s,
                          struct pl_attribution *out)
{
	pl_explain_clear(out);
	for (unsigned d = PL_DRIVER_CONNECTIONS; d <= PL_DRIVER_FDS; d++) {
		if (drivers[d].series == series) {
			pl_explain_conclude(out, (enum pl_driver)d);
			return;
		}
		if (explain_held(h, series, since_s, (enum pl_driver)d, out)) {
			pl_explain_conclude(out, (enum pl_driver)d);
			return;
		}
	}
	if (series == PL_SERIES_U || series == PL_SERIES_SHMEM || series == PL_SERIES_UNTOUCHED)
		explain_flows(h, series, since_s, out);
}
