/*
 * Least squares with a few columns and an intercept. Arithmetic only; pure.
 *
 * Columns are centred and scaled by their own spread; errors are inflated by the autocorrelation of
 * the residuals, which levels of memory always have.
 */
#ifndef PL_EXPLAIN_REGRESSION_H
#define PL_EXPLAIN_REGRESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "history/history.h"

#define PL_REGRESSION_COLUMNS 4

struct pl_regression {
	size_t n;
	size_t columns;
	double y[PL_HISTORY_MAX_POINTS]; /* centred */
	double x[PL_REGRESSION_COLUMNS][PL_HISTORY_MAX_POINTS];
	double spread[PL_REGRESSION_COLUMNS];
	/* results, in the units of the columns */
	double slope[PL_REGRESSION_COLUMNS];
	double error[PL_REGRESSION_COLUMNS];
	double residual; /* squares left, per degree of freedom */
};

void pl_regression_begin(struct pl_regression *r, const double *y, size_t n);

/* Adds a column of n values, at most PL_REGRESSION_COLUMNS; further ones are left out. */
void pl_regression_column(struct pl_regression *r, const double *x);

/* Returns false when there are too few points, or a column does not vary, or only with others. */
bool pl_regression_solve(struct pl_regression *r);

#endif
