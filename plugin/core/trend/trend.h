/*
 * Arithmetic on points in time. Knows no processes, no units of the values and no thresholds.
 *
 * Pure. Points are in rising order of time; every function copes with any count, also 0, and with
 * uneven distances. Slopes are per second.
 */
#ifndef PL_TREND_TREND_H
#define PL_TREND_TREND_H

#include "history/history.h"

/* Median; reorders `v`. 0 for none. */
double pl_trend_median(double *v, size_t n);

/*
 * Slope by Theil and Sen (JASA 63, 1968): the median of the slopes between pairs. Of n points only
 * pairs at least n / 3 apart count: near ones are mostly noise, and many. At most
 * PL_HISTORY_MAX_POINTS points. 0 for fewer than two.
 */
double pl_trend_theil_sen(const struct pl_point *p, size_t n);

/* Least squares line, with what its residuals say of its own error. */
struct pl_trend_line {
	double slope_per_s;
	double level; /* at the mean time of the points */
	double mean_t_s;
	double slope_error;    /* standard error, inflated by the autocorrelation of the residuals */
	double residual_sigma; /* robust: 1.4826 times the median absolute residual */
};

/* A line through the points; with fewer than three everything but the level is 0. */
void pl_trend_fit(const struct pl_point *p, size_t n, struct pl_trend_line *out);

/* The residuals' robust sigma about the line with this slope. */
double pl_trend_sigma(const struct pl_point *p, size_t n, double slope_per_s);

/*
 * Mean of the increments over its standard error after Newey and West (Econometrica 55, 1987),
 * with Bartlett weights over `lags`. Stays honest near a unit root, where rank tests accuse every
 * random walk. `quantum` is the resolution of the values: it keeps ties from claiming certainty.
 */
double pl_trend_drift(const struct pl_point *p, size_t n, size_t lags, double quantum);

/*
 * Splits the time of the points evenly in `parts` and gives the least value of each. A part
 * without points repeats the one before it. Returns how many parts had points.
 */
size_t pl_trend_minima(const struct pl_point *p, size_t n, size_t parts, double *minima);

/*
 * Takes out upward steps: single increments that are both more than `share` of the whole rise and
 * `outlier` times the median increment's size, at most `max_steps`, the largest first. Points after
 * a step are lowered by its height less the usual increment. Returns the sum of what was taken.
 */
double pl_trend_destep(struct pl_point *p, size_t n, size_t max_steps, double share, double outlier,
                       size_t *step_count, double *last_step_t_s);

/*
 * Where the points bend: the index at which two joined lines fit best, and the share of the squared
 * residuals of a single line that the two lines leave. Returns 0 for fewer than 8 points.
 */
size_t pl_trend_bend(const struct pl_point *p, size_t n, double *left_over);

/* Greatest fall from an earlier point to a later one. */
double pl_trend_drawdown(const struct pl_point *p, size_t n);

/* Pearson's correlation of two arrays; 0 when one of them does not vary. */
double pl_trend_correlation(const double *a, const double *b, size_t n);

/* Slope of the regression of b on a (with intercept); 0 when a does not vary. */
double pl_trend_regression(const double *a, const double *b, size_t n);

/* Sum of squares of b that the best multiple of a leaves: a regression through the origin. */
double pl_trend_unproportional(const double *a, const double *b, size_t n);

#endif
