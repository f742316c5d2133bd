#include "judge/internal.h"

#define PARTS 4

/* Pages that were a fifth full on the average. New memory that is huge from the start gives 1. */
#define LEAST_OF_HUGE 1.25

static double mean_of(const struct pl_point *p, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += p[i].y;
	return sum / (double)n;
}

/*
 * How much the last part of the blocks exceeds the first; false: unknown. Not minima: one series
 * falls as the other one rises, so that their minima would be of different times.
 */
static bool growth_of(const struct pl_judge_input *input, enum pl_level level, size_t n,
                      enum pl_series series, double *out)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	const size_t found = pl_history_points(input->history, level, series, n, p);
	const size_t part = found / PARTS;

	if (part == 0 || found * 2 < n)
		return false;
	*out = mean_of(p + found - part, part) - mean_of(p, part);
	return true;
}

bool pl_judge_is_collapse(const struct pl_judge_input *input, enum pl_level level, size_t n,
                          double *mapped)
{
	double grown;
	double huge;
	double untouched;

	if (input->series != PL_SERIES_U || level < PL_LEVEL_30MIN ||
	    !growth_of(input, level, n, PL_SERIES_U, &grown) || grown <= 0 ||
	    !growth_of(input, level, n, PL_SERIES_HUGE, &huge) || huge < LEAST_OF_HUGE * grown ||
	    !growth_of(input, level, n, PL_SERIES_UNTOUCHED, &untouched))
		return false;
	/* untouched is what is mapped less what grew */
	*mapped = (untouched + grown) / grown;
	return true;
}
