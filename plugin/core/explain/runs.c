#include "explain/runs.h"

#include <math.h>

#include "explain/internal.h"
#include "explain/regression.h"
#include "trend/trend.h"

#define MOST_RUNS 16
#define LEAST_RUNS 3
#define LEAST_BLOCKS 2

/* A held count is a cause when the bytes for each are much the same in most of the runs. */
#define LEAST_SHARE_OF_RUNS 0.75
#define MOST_SCATTER 0.25 /* a robust deviation, as a share of the median */

#define LEAST_RUNS_OF_FLOWS 6 /* that differ in what they did */
#define MOST_ERROR 0.2        /* of a share, for it to be known */
#define SHARE_OF_CAUSE 0.5
#define SHARE_OF_NONE 0.4
#define LEAST_VARIATION 0.15 /* of a flow from run to run, to speak for or against it */
#define WORSE_FIT 0.05
#define WORSE_FIT_OF_CONNECTIONS 0.15

/* A series in the blocks of a run, the open one too: a short run has little else. */
struct levels {
	size_t n;
	struct pl_point p[PL_HISTORY_SLOTS + 1];
};

static void load(const struct pl_history *h, enum pl_level level, enum pl_series series,
                 struct levels *out)
{
	const struct pl_block *open = &h->open[level];

	out->n = pl_history_points(h, level, series, PL_HISTORY_SLOTS, out->p);
	if ((open->present >> series) & 1)
		out->p[out->n++] = (struct pl_point){
			((double)h->open_index[level] + 0.5) * pl_history_block_s(level),
			(double)open->value[series],
		};
}

/* The blocks after the start of the run, which is no part of its growth either. */
static void leave_start_out(struct levels *levels, double from_s)
{
	size_t first = 0;

	while (first + LEAST_BLOCKS < levels->n && levels->p[first].t_s < from_s)
		first++;
	levels->n -= first;
	for (size_t i = 0; i < levels->n; i++)
		levels->p[i] = levels->p[i + first];
}

static double rise_of(const struct levels *levels)
{
	return levels->n >= LEAST_BLOCKS ? levels->p[levels->n - 1].y - levels->p[0].y : 0;
}

/* The least of a block is what it began with, of the count and of the memory alike. */
static double held(const struct levels *u, const struct levels *count, double grown)
{
	if (count->n != u->n || count->n < LEAST_BLOCKS || !(rise_of(u) > 0))
		return -1;
	return fmax(rise_of(count), 0) * grown / rise_of(u);
}

/* What the closed blocks added up to, for as long as the growth lasted. */
static double flowed(const struct levels *flow, double block_s, double clock_s, bool is_level)
{
	double sum = 0;

	if (flow->n == 0)
		return -1;
	for (size_t i = 0; i < flow->n; i++)
		sum += flow->p[i].y;
	if (is_level)
		return sum / (double)flow->n * 0.75 * clock_s / 3600;
	/* the open block has lasted for a part of its length alone */
	const double lasted_s =
		fmin(clock_s, flow->p[flow->n - 1].t_s + block_s / 2) - (flow->p[0].t_s - block_s / 2);

	return lasted_s > 0 ? sum / lasted_s * 0.75 * clock_s : -1;
}

void pl_explain_run(const struct pl_history *h, const struct pl_run *run,
                    struct pl_run_drivers *out)
{
	const enum pl_level level = pl_history_level_since(h, PL_LEVEL_30MIN, 0);
	struct levels u;
	struct levels other;

	*out = (struct pl_run_drivers){ .known = 0 };
	load(h, level, PL_SERIES_U, &u);
	leave_start_out(&u, h->clock_s / 4);
	for (unsigned d = 0; d < PL_DRIVER_COUNT; d++) {
		const struct pl_driver_kind *kind = pl_explain_driver((enum pl_driver)d);

		if (kind->series == PL_SERIES_COUNT)
			continue;
		load(h, level, kind->series, &other);
		if (kind->is_held)
			leave_start_out(&other, h->clock_s / 4);
		const double amount =
			kind->is_held ? held(&u, &other, run->grown)
						  : flowed(&other, pl_history_block_s(level), h->clock_s, kind->is_level);

		if (amount < 0)
			continue;
		out->known |= 1U << d;
		out->amount[d] = (float)amount;
	}
}

static bool is_known(const struct pl_run_drivers *drivers, enum pl_driver driver)
{
	return (drivers->known >> driver) & 1;
}

/* The bytes for each of a held count, when they are much the same in the runs. */
static bool explain_held(const struct pl_run *runs, const struct pl_run_drivers *drivers, size_t n,
                         enum pl_driver driver, struct pl_attribution *out)
{
	double per_unit[MOST_RUNS];
	double scatter[MOST_RUNS];
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		const double amount = (double)drivers[i].amount[driver];

		if (is_known(&drivers[i], driver) && amount >= pl_explain_driver(driver)->least_rise &&
		    runs[i].grown > 0)
			per_unit[count++] = runs[i].grown / amount;
	}
	if ((double)count < LEAST_SHARE_OF_RUNS * (double)n)
		return false;
	const double middle = pl_trend_median(per_unit, count);

	for (size_t i = 0; i < count; i++)
		scatter[i] = fabs(per_unit[i] - middle);
	const double sigma = 1.4826 * pl_trend_median(scatter, count);

	if (sigma > MOST_SCATTER * middle)
		return false;
	out->share[driver] = 1;
	out->share_error[driver] = (float)(sigma / middle / sqrt((double)count));
	pl_explain_set_per_unit(out, middle, fmax(sigma, 0.05 * middle) / sqrt((double)count));
	return true;
}

struct flow {
	bool known;
	bool varies;
	double share;
	double error;
	double residual;
	double per_unit;
	double per_unit_error;
};

/* How fast each run grew beside how fast a flow went: what is left at none of it is time's. */
static void explain_flow(const struct pl_run *runs, const struct pl_run_drivers *drivers, size_t n,
                         enum pl_driver driver, struct flow *out)
{
	struct pl_regression fit;
	double x[MOST_RUNS];
	double y[MOST_RUNS];
	double mean_x = 0;
	double mean_y = 0;
	double squares = 0;

	*out = (struct flow){ .known = false };
	for (size_t i = 0; i < n; i++) {
		const double lasted_s = runs[i].end_s - runs[i].begin_s;

		if (!is_known(&drivers[i], driver) || !(lasted_s > 0))
			return;
		x[i] = (double)drivers[i].amount[driver] / lasted_s;
		y[i] = runs[i].grown / lasted_s;
		mean_x += x[i] / (double)n;
		mean_y += y[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++)
		squares += (x[i] - mean_x) * (x[i] - mean_x);
	if (!(mean_x > 0) || !(mean_y > 0))
		return;
	out->varies = sqrt(squares / (double)n) >= LEAST_VARIATION * mean_x;
	pl_regression_begin(&fit, y, n);
	pl_regression_column(&fit, x);
	if (!out->varies || !pl_regression_solve(&fit))
		return;
	out->known = true;
	out->share = fit.slope[0] * mean_x / mean_y;
	out->error = 2 * fit.error[0] * mean_x / mean_y;
	out->residual = fit.residual;
	out->per_unit = fit.slope[0] * pl_explain_driver(driver)->units;
	out->per_unit_error = fit.error[0] * pl_explain_driver(driver)->units;
}

static double spread_of(const struct pl_run *runs, size_t n)
{
	double mean = 0;
	double squares = 0;

	for (size_t i = 0; i < n; i++)
		mean += runs[i].grown / (runs[i].end_s - runs[i].begin_s) / (double)n;
	for (size_t i = 0; i < n; i++) {
		const double d = runs[i].grown / (runs[i].end_s - runs[i].begin_s) - mean;

		squares += d * d / (double)n;
	}
	return squares;
}

/* Connections before work, as within a process. */
static void explain_flows(const struct pl_run *runs, const struct pl_run_drivers *drivers, size_t n,
                          struct pl_attribution *out)
{
	struct flow found[PL_DRIVER_COUNT] = { 0 };
	double least_residual = INFINITY;
	bool refuted = false;

	for (unsigned d = PL_DRIVER_OPENED; d < PL_DRIVER_TIME; d++) {
		struct flow *f = &found[d];

		explain_flow(runs, drivers, n, (enum pl_driver)d, f);
		f->known = f->known && f->error <= MOST_ERROR;
		if (!f->known)
			continue;
		out->share[d] = (float)fmin(fmax(f->share, 0), 1);
		out->share_error[d] = (float)(f->error / 2);
		if (f->share - f->error > SHARE_OF_CAUSE)
			least_residual = fmin(least_residual, f->residual);
		refuted |= f->share + f->error < SHARE_OF_NONE;
	}
	for (unsigned d = PL_DRIVER_OPENED; d < PL_DRIVER_TIME; d++) {
		const struct flow *f = &found[d];
		const double worse = pl_explain_driver((enum pl_driver)d)->cause == PL_CAUSE_CONNECTIONS
		                         ? WORSE_FIT_OF_CONNECTIONS
		                         : WORSE_FIT;

		if (!f->known || !(f->share - f->error > SHARE_OF_CAUSE) ||
		    f->residual > least_residual + worse * spread_of(runs, n))
			continue;
		pl_explain_conclude(out, (enum pl_driver)d);
		pl_explain_set_per_unit(out, f->per_unit, f->per_unit_error);
		return;
	}
	if (refuted && !isfinite(least_residual)) {
		pl_explain_conclude(out, PL_DRIVER_TIME);
		out->share[PL_DRIVER_TIME] = 1;
	}
}

void pl_explain_runs(const struct pl_run *runs, const struct pl_run_drivers *drivers, size_t n,
                     struct pl_attribution *out)
{
	pl_explain_clear(out);
	if (n < LEAST_RUNS || n > MOST_RUNS)
		return;
	for (size_t i = 0; i < n; i++)
		if (!(runs[i].end_s > runs[i].begin_s))
			return;
	for (unsigned d = PL_DRIVER_CONNECTIONS; d <= PL_DRIVER_FDS; d++)
		if (explain_held(runs, drivers, n, (enum pl_driver)d, out)) {
			pl_explain_conclude(out, (enum pl_driver)d);
			return;
		}
	if (n >= LEAST_RUNS_OF_FLOWS)
		explain_flows(runs, drivers, n, out);
}
