#include "explain/regression.h"

#include <math.h>

#define COLUMNS PL_REGRESSION_COLUMNS
#define LEAST_PIVOT 1e-9 /* of a column of unit length, after the others are taken out */
#define MOST_CORRELATION 0.9

static double centre(const double *from, size_t n, double *out)
{
	double mean = 0;
	double squares = 0;

	for (size_t i = 0; i < n; i++)
		mean += from[i] / (double)n;
	for (size_t i = 0; i < n; i++) {
		out[i] = from[i] - mean;
		squares += out[i] * out[i];
	}
	return sqrt(squares);
}

void pl_regression_begin(struct pl_regression *r, const double *y, size_t n)
{
	r->n = n < PL_HISTORY_MAX_POINTS ? n : PL_HISTORY_MAX_POINTS;
	r->columns = 0;
	(void)centre(y, r->n, r->y);
}

void pl_regression_column(struct pl_regression *r, const double *x)
{
	if (r->columns == COLUMNS)
		return;
	double *column = r->x[r->columns];
	const double spread = centre(x, r->n, column);

	for (size_t i = 0; i < r->n && spread > 0; i++)
		column[i] /= spread;
	r->spread[r->columns++] = spread;
}

static double product(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* Inverts the k by k matrix in place, by Gauss and Jordan. It is symmetric and its diagonal is 1.
 */
static bool invert(double m[COLUMNS][COLUMNS], size_t k)
{
	for (size_t p = 0; p < k; p++) {
		const double pivot = m[p][p];

		if (!(pivot > LEAST_PIVOT))
			return false;
		m[p][p] = 1;
		for (size_t j = 0; j < k; j++)
			m[p][j] /= pivot;
		for (size_t i = 0; i < k; i++) {
			const double factor = m[i][p];

			if (i == p)
				continue;
			m[i][p] = 0;
			for (size_t j = 0; j < k; j++)
				m[i][j] -= factor * m[p][j];
		}
	}
	return true;
}

/* What the errors of independent residuals are to be multiplied by. */
static double inflation(const double *residuals, size_t n, double squares)
{
	double lagged = 0;

	for (size_t i = 1; i < n; i++)
		lagged += residuals[i] * residuals[i - 1];
	const double rho = squares > 0 ? fmin(fmax(lagged / squares, 0), MOST_CORRELATION) : 0;

	return sqrt((1 + rho) / (1 - rho));
}

bool pl_regression_solve(struct pl_regression *r)
{
	double inverse[COLUMNS][COLUMNS];
	double scaled[COLUMNS] = { 0 };
	double residuals[PL_HISTORY_MAX_POINTS];
	double squares = 0;
	const size_t k = r->columns;

	if (r->n < k + 3)
		return false;
	for (size_t i = 0; i < k; i++)
		for (size_t j = 0; j < k; j++)
			inverse[i][j] = product(r->x[i], r->x[j], r->n);
	if (!invert(inverse, k))
		return false;
	for (size_t i = 0; i < k; i++)
		for (size_t j = 0; j < k; j++)
			scaled[i] += inverse[i][j] * product(r->x[j], r->y, r->n);
	for (size_t t = 0; t < r->n; t++) {
		residuals[t] = r->y[t];
		for (size_t i = 0; i < k; i++)
			residuals[t] -= scaled[i] * r->x[i][t];
		squares += residuals[t] * residuals[t];
	}
	r->residual = squares / (double)(r->n - k - 1);
	const double factor = inflation(residuals, r->n, squares);

	for (size_t i = 0; i < k; i++) {
		r->slope[i] = scaled[i] / r->spread[i];
		r->error[i] = factor * sqrt(r->residual * fmax(inverse[i][i], 0)) / r->spread[i];
	}
	return true;
}
