#include "trend/trend.h"

#include <math.h>
#include <string.h>

#define MAX_PAIRS (PL_HISTORY_MAX_POINTS * (PL_HISTORY_MAX_POINTS - 1) / 2)

/* The k-th smallest, by Hoare's selection; reorders v. */
static double select_kth(double *v, size_t n, size_t k)
{
	size_t low = 0;
	size_t high = n - 1;

	while (low < high) {
		const double pivot = v[low + (high - low) / 2];
		size_t i = low;
		size_t j = high;
		for (;;) {
			/* the pivot stops both, which the analyzer cannot know */
			while (v[i] < pivot) /* NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult) */
				i++;
			while (v[j] > pivot) /* NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult) */
				j--;
			if (i >= j)
				break;
			const double swap = v[i];
			v[i++] = v[j];
			v[j--] = swap;
		}
		/* Everything up to j is at most the pivot, everything past it at least. */
		if (k <= j)
			high = j;
		else
			low = j + 1;
	}
	return v[k];
}

double pl_trend_median(double *v, size_t n)
{
	if (n == 0)
		return 0;
	const double upper = select_kth(v, n, n / 2);
	if (n % 2 == 1)
		return upper;
	return (upper + select_kth(v, n, n / 2 - 1)) / 2;
}

double pl_trend_theil_sen(const struct pl_point *p, size_t n)
{
	double slopes[MAX_PAIRS];
	size_t count = 0;

	if (n > PL_HISTORY_MAX_POINTS)
		n = PL_HISTORY_MAX_POINTS;
	const size_t apart = n / 3 > 0 ? n / 3 : 1;
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + apart; j < n; j++)
			if (p[j].t_s > p[i].t_s)
				slopes[count++] = (p[j].y - p[i].y) / (p[j].t_s - p[i].t_s);
	return pl_trend_median(slopes, count);
}

double pl_trend_sigma(const struct pl_point *p, size_t n, double slope_per_s)
{
	double r[PL_HISTORY_MAX_POINTS];
	double copy[PL_HISTORY_MAX_POINTS];

	if (n > PL_HISTORY_MAX_POINTS)
		n = PL_HISTORY_MAX_POINTS;
	if (n < 3)
		return 0;
	for (size_t i = 0; i < n; i++)
		r[i] = p[i].y - slope_per_s * (p[i].t_s - p[0].t_s);
	memcpy(copy, r, n * sizeof *r);
	const double middle = pl_trend_median(copy, n);
	for (size_t i = 0; i < n; i++)
		r[i] = fabs(r[i] - middle);
	return 1.4826 * pl_trend_median(r, n);
}

static void mean_of(const struct pl_point *p, size_t n, double *t_s, double *y)
{
	double sum_t = 0;
	double sum_y = 0;

	for (size_t i = 0; i < n; i++) {
		sum_t += p[i].t_s;
		sum_y += p[i].y;
	}
	*t_s = n ? sum_t / (double)n : 0;
	*y = n ? sum_y / (double)n : 0;
}

void pl_trend_fit(const struct pl_point *p, size_t n, struct pl_trend_line *out)
{
	struct pl_trend_line line = { .slope_per_s = 0 };
	double tt = 0;
	double ty = 0;

	mean_of(p, n, &line.mean_t_s, &line.level);
	*out = line;
	if (n < 3)
		return;
	for (size_t i = 0; i < n; i++) {
		const double t = p[i].t_s - line.mean_t_s;
		tt += t * t;
		ty += t * (p[i].y - line.level);
	}
	if (!(tt > 0))
		return;
	line.slope_per_s = ty / tt;
	double rr = 0;
	double lagged = 0;
	double before = 0;
	for (size_t i = 0; i < n; i++) {
		const double r = p[i].y - line.level - line.slope_per_s * (p[i].t_s - line.mean_t_s);
		rr += r * r;
		lagged += r * before;
		before = r;
	}
	/* An AR(1) error of correlation rho leaves (1 - rho) / (1 + rho) of the points to count. */
	const double rho = rr > 0 ? fmin(fmax(lagged / rr, 0), 0.98) : 0;
	line.slope_error = sqrt(rr / (double)(n - 2) / tt * (1 + rho) / (1 - rho));
	line.residual_sigma = pl_trend_sigma(p, n, line.slope_per_s);
	*out = line;
}

double pl_trend_drift(const struct pl_point *p, size_t n, size_t lags, double quantum)
{
	double d[PL_HISTORY_MAX_POINTS];

	if (n > PL_HISTORY_MAX_POINTS)
		n = PL_HISTORY_MAX_POINTS;
	if (n < 4)
		return 0;
	const size_t m = n - 1;
	const double mean = (p[m].y - p[0].y) / (double)m;
	for (size_t i = 0; i < m; i++)
		d[i] = p[i + 1].y - p[i].y - mean;
	double variance = 0;
	for (size_t lag = 0; lag <= lags && lag < m; lag++) {
		const double weight = lag == 0 ? 1 : 2 * (1 - (double)lag / (double)(lags + 1));
		double sum = 0;
		for (size_t i = lag; i < m; i++)
			sum += d[i] * d[i - lag];
		variance += weight * sum / (double)m;
	}
	/* A rounding error at either end is the least that the sum of all increments can be off. */
	variance = fmax(variance, quantum * quantum / (double)m);
	if (!(variance > 0))
		return mean > 0 ? HUGE_VAL : 0;
	return mean / sqrt(variance / (double)m);
}

size_t pl_trend_minima(const struct pl_point *p, size_t n, size_t parts, double *minima)
{
	size_t filled = 0;
	size_t i = 0;

	if (n == 0)
		return 0;
	const double begin_s = p[0].t_s;
	const double span_s = p[n - 1].t_s - begin_s;
	for (size_t part = 0; part < parts; part++) {
		const double end_s = begin_s + span_s * (double)(part + 1) / (double)parts;
		const bool last = part + 1 == parts;
		bool any = false;
		double least = part > 0 ? minima[part - 1] : p[0].y;
		for (; i < n && (last || p[i].t_s < end_s); i++) {
			least = any ? fmin(least, p[i].y) : p[i].y;
			any = true;
		}
		minima[part] = least;
		filled += any;
	}
	return filled;
}

double pl_trend_destep(struct pl_point *p, size_t n, size_t max_steps, double share, double outlier,
                       size_t *step_count, double *last_step_t_s)
{
	double sizes[PL_HISTORY_MAX_POINTS];
	double taken = 0;

	*step_count = 0;
	*last_step_t_s = 0;
	if (n < 4 || n > PL_HISTORY_MAX_POINTS)
		return 0;
	const double rise = p[n - 1].y - p[0].y;
	if (!(rise > 0))
		return 0;
	for (size_t i = 1; i < n; i++)
		sizes[i - 1] = fabs(p[i].y - p[i - 1].y);
	const double usual = pl_trend_median(sizes, n - 1);
	while (*step_count < max_steps) {
		size_t at = 1;
		for (size_t i = 2; i < n; i++)
			if (p[i].y - p[i - 1].y > p[at].y - p[at - 1].y)
				at = i;
		const double height = p[at].y - p[at - 1].y;
		if (height <= share * rise || height <= outlier * usual)
			break;
		for (size_t i = at; i < n; i++)
			p[i].y -= height - usual;
		taken += height - usual;
		*last_step_t_s = fmax(*last_step_t_s, p[at].t_s);
		++*step_count;
	}
	return taken;
}

/*
 * Squared residuals of the best line y = a + b t + c max(0, t - bend) by the normal equations;
 * with no bend (c fixed at 0) when `bent` is false.
 */
static double bent_residuals(const struct pl_point *p, size_t n, double bend_s, bool bent)
{
	double mean_t;
	double mean_y;
	double mean_h = 0;
	double tt = 0;
	double th = 0;
	double hh = 0;
	double ty = 0;
	double hy = 0;
	double yy = 0;

	mean_of(p, n, &mean_t, &mean_y);
	for (size_t i = 0; i < n; i++)
		mean_h += fmax(0, p[i].t_s - bend_s) / (double)n;
	for (size_t i = 0; i < n; i++) {
		const double t = p[i].t_s - mean_t;
		const double h = fmax(0, p[i].t_s - bend_s) - mean_h;
		const double y = p[i].y - mean_y;
		tt += t * t;
		th += t * h;
		hh += h * h;
		ty += t * y;
		hy += h * y;
		yy += y * y;
	}
	if (!bent)
		return tt > 0 ? yy - ty * ty / tt : yy;
	const double det = tt * hh - th * th;
	if (!(det > 1e-9 * tt * hh))
		return tt > 0 ? yy - ty * ty / tt : yy;
	const double b = (ty * hh - hy * th) / det;
	const double c = (hy * tt - ty * th) / det;
	return yy - b * ty - c * hy;
}

size_t pl_trend_bend(const struct pl_point *p, size_t n, double *left_over)
{
	size_t best = 0;
	*left_over = 1;

	if (n < 8)
		return 0;
	const double straight = bent_residuals(p, n, 0, false);
	double least = straight;
	for (size_t i = 2; i + 2 < n; i++) {
		const double rest = bent_residuals(p, n, p[i].t_s, true);
		if (rest >= least)
			continue;
		least = rest;
		best = i;
	}
	if (straight > 0)
		*left_over = fmax(least, 0) / straight;
	return best;
}

double pl_trend_drawdown(const struct pl_point *p, size_t n)
{
	double deepest = 0;

	double peak = n ? p[0].y : 0;

	for (size_t i = 1; i < n; i++) {
		deepest = fmax(deepest, peak - p[i].y);
		peak = fmax(peak, p[i].y);
	}
	return deepest;
}

static void moments(const double *a, const double *b, size_t n, double *aa, double *ab, double *bb)
{
	double mean_a = 0;
	double mean_b = 0;

	*aa = *ab = *bb = 0;
	for (size_t i = 0; i < n; i++) {
		mean_a += a[i] / (double)n;
		mean_b += b[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		*aa += (a[i] - mean_a) * (a[i] - mean_a);
		*ab += (a[i] - mean_a) * (b[i] - mean_b);
		*bb += (b[i] - mean_b) * (b[i] - mean_b);
	}
}

double pl_trend_correlation(const double *a, const double *b, size_t n)
{
	double aa;
	double ab;
	double bb;

	moments(a, b, n, &aa, &ab, &bb);
	return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

double pl_trend_regression(const double *a, const double *b, size_t n)
{
	double aa;
	double ab;
	double bb;

	moments(a, b, n, &aa, &ab, &bb);
	return aa > 0 ? ab / aa : 0;
}

double pl_trend_unproportional(const double *a, const double *b, size_t n)
{
	double aa = 0;
	double ab = 0;
	double bb = 0;

	for (size_t i = 0; i < n; i++) {
		aa += a[i] * a[i];
		ab += a[i] * b[i];
		bb += b[i] * b[i];
	}
	return aa > 0 ? bb - ab * ab / aa : bb;
}
