#include "judge/internal.h"

#define PARTS 4

/* Pages that were a fifth full on the average. New memory that is huge from the start gives 1. */
#define LEAST_OF_HUGE 1.25

/* Of the window, by the readings of each series. */
#define LEAST_COVERED 0.5

static struct pl_point mean_of(const struct pl_point *p, size_t n)
{
	struct pl_point sum = { 0, 0 };

	for (size_t i = 0; i < n; i++) {
		sum.t_s += p[i].t_s;
		sum.y += p[i].y;
	}
	return (struct pl_point){ sum.t_s / (double)n, sum.y / (double)n };
}

/*
 * The rate (a second) from the first part of the blocks to the last one; false: unknown. Of means,
 * not of minima: one series falls as the other one rises, so that minima would be of different
 * times. A rate, because one series may be read more rarely than the other one.
 */
static bool rate_of(const struct pl_judge_input *input, enum pl_level level, size_t n,
                    enum pl_series series, double *out)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	const size_t found = pl_history_points(input->history, level, series, n, p);
	const size_t part = found / PARTS;

	if (part == 0 ||
	    p[found - 1].t_s - p[0].t_s < LEAST_COVERED * (double)n * pl_history_block_s(level))
		return false;
	const struct pl_point early = mean_of(p, part);
	const struct pl_point late = mean_of(p + found - part, part);
	*out = (late.y - early.y) / (late.t_s - early.t_s);
	return true;
}

bool pl_judge_is_collapse(const struct pl_judge_input *input, enum pl_level level, size_t n,
                          double *mapped)
{
	double grown;
	double huge;
	double untouched;

	if (input->series != PL_SERIES_U || level < PL_LEVEL_30MIN ||
	    !rate_of(input, level, n, PL_SERIES_U, &grown) || grown <= 0 ||
	    !rate_of(input, level, n, PL_SERIES_HUGE, &huge) || huge < LEAST_OF_HUGE * grown ||
	    !rate_of(input, level, n, PL_SERIES_UNTOUCHED, &untouched))
		return false;
	/* untouched is what is mapped less what grew */
	*mapped = (untouched + grown) / grown;
	return true;
}
