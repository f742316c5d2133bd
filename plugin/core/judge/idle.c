/* What is not touched any more: it speaks for a leak, and what is touched against one. */
#include <math.h>

#include "judge/internal.h"
#include "trend/trend.h"

#define LEAST_READINGS 5
#define LEAST_SHARE_OF_GROWTH 0.15 /* of the window's growth that the readings saw */

/* Error of the median share, as a part of the pairs' median deviation from it; and the most. */
#define ERROR_OF_DEVIATION 0.6
#define MOST_ERROR 0.3

/* Of what the growth brings between two readings, for these to say something of it. */
#define MOST_ASIDE 0.5

/* An alarm waits for the first few, for so long after the last one. */
#define FIRST_WINDOW_MOST_S 2700.0
#define PENDING_MOST_S (2 * PL_HOUR_S)

/* Growth of which less than this is idle is in use; once it is, up to the second one. */
#define IN_USE 0.4
#define STILL_IN_USE 0.5

/*
 * More than this of the growth, over so long a window: what is in use would have been touched. A
 * trace that does not tell its window is taken at its word.
 */
#define LIES_IDLE 0.55

#define PAIRS_MAX (PL_IDLE_POINTS * (PL_IDLE_POINTS - 1) / 2)

/* Of a pair of readings: what was added in between is near what the growth brings in that time. */
static bool goes_along(double added, double expected)
{
	return !(expected > 0) || fabs(added - expected) <= MOST_ASIDE * expected;
}

/*
 * The idle share of what was added between two readings, over all pairs that half of the growth
 * lies between: how much is idle at all swings with the load, and says nothing of the growth.
 * Neither do two readings at unlike heights of a saw's teeth.
 */
static size_t shares_of_pairs(const struct pl_idle_point *p, size_t count, double growth,
                              double rate_per_s, double *out)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++) {
			const double added = (double)p[j].u - (double)p[i].u;
			const double elapsed_s = (double)p[j].t_s - (double)p[i].t_s;

			if (added >= growth / 2 && goes_along(added, rate_per_s * elapsed_s))
				out[n++] = ((double)p[j].idle - (double)p[i].idle) / added;
		}
	return n;
}

/* The median and its error. Reorders `shares`. */
static double median_of(double *shares, size_t n, double *error)
{
	const double share = pl_trend_median(shares, n);

	for (size_t i = 0; i < n; i++)
		shares[i] = fabs(shares[i] - share);
	*error = ERROR_OF_DEVIATION * pl_trend_median(shares, n);
	return share;
}

bool pl_judge_idle(const struct pl_judge_input *input, double from_s, double grown,
                   double rate_per_s, struct pl_idle_share *out)
{
	const struct pl_idle *idle = input->idle;
	const struct pl_floor floor = pl_judge_floor(input->series, input->settings);
	double shares[PAIRS_MAX];
	double error;
	size_t first = 0;

	if (!idle)
		return false;
	while (first < idle->count && (double)idle->points[first].t_s < from_s)
		first++;
	const struct pl_idle_point *p = idle->points + first;
	const size_t count = idle->count - first;
	if (count < LEAST_READINGS)
		return false;
	const double seen = (double)p[count - 1].u - (double)p[0].u;
	const double span_s = (double)p[count - 1].t_s - (double)p[0].t_s;
	/* the last reading may stand on a tooth of a saw, or the first */
	const double growth = rate_per_s > 0 ? rate_per_s * span_s : seen;
	if (growth < fmax(floor.growth / 2, LEAST_SHARE_OF_GROWTH * grown) || !(growth > 0))
		return false;
	const size_t n = shares_of_pairs(p, count, growth, rate_per_s, shares);
	const double share = median_of(shares, n, &error);
	const double needed = input->in_use ? STILL_IN_USE : IN_USE;
	if (n < LEAST_READINGS || error > MOST_ERROR || (share < needed && share + error >= needed))
		return false;
	const double window_s = (double)idle->window_s;
	*out = (struct pl_idle_share){
		.share = fmin(fmax(share, 0), 1),
		.window_s = window_s,
		.needed = needed,
		.lies_idle =
			share - error > LIES_IDLE && (window_s >= PL_IDLE_TELLING_S || !(window_s > 0)),
	};
	return true;
}

bool pl_judge_idle_is_pending(const struct pl_judge_input *input)
{
	const struct pl_idle *idle = input->idle;

	/* over a longer window they were found idle over a short one already */
	if (!idle || idle->count == 0 || idle->count >= LEAST_READINGS ||
	    (double)idle->window_s > FIRST_WINDOW_MOST_S)
		return false;
	return input->history->clock_s - (double)idle->points[idle->count - 1].t_s < PENDING_MOST_S;
}

bool pl_judge_is_idle(const struct pl_judge_input *input)
{
	struct pl_idle_share share;

	return pl_judge_idle(input, 0, 0, 0, &share) && share.share >= share.needed;
}
