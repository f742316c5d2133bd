#include <math.h>

#include "track/track.h"

/* Times in scaled seconds. A region is read once an hour, and each ten minutes while it grows. */
#define LEAST_READINGS 6
#define LEAST_SPAN_S 7200.0
#define FRESH_S (3 * 3600.0)

#define LEAST_GROWTH 256.0
#define LEAST_EVENNESS 0.6 /* the slower of the two halves over the faster one */

void pl_track_count_maps(struct pl_maps *maps, double now_s, double count)
{
	const struct pl_maps_point now = { (float)now_s, (float)count };

	/* growth is told from the least on */
	if (maps->reading_count == 0 || count < (double)maps->base.count ||
	    now_s < (double)maps->now.at_s) {
		*maps = (struct pl_maps){ 1, now, now, now, now };
		return;
	}
	maps->reading_count++;
	maps->now = now;
	if (now.at_s - maps->base.at_s >= 2 * (maps->next.at_s - maps->base.at_s)) {
		maps->middle = maps->next;
		maps->next = now;
	}
}

static double rate_between(const struct pl_maps_point *a, const struct pl_maps_point *b)
{
	return b->at_s > a->at_s ? (double)(b->count - a->count) / (double)(b->at_s - a->at_s) : 0;
}

bool pl_track_forecast_maps(const struct pl_maps *maps, double limit, double now_s,
                            struct pl_forecast *out)
{
	const double early_per_s = rate_between(&maps->base, &maps->middle);
	const double late_per_s = rate_between(&maps->middle, &maps->now);
	const double rate_per_s = rate_between(&maps->base, &maps->now);
	const double left = limit - (double)maps->now.count;

	if (maps->reading_count < LEAST_READINGS || left < 0 ||
	    (double)(maps->now.at_s - maps->base.at_s) < LEAST_SPAN_S ||
	    now_s - (double)maps->now.at_s > FRESH_S ||
	    (double)(maps->now.count - maps->base.count) < LEAST_GROWTH ||
	    fmin(early_per_s, late_per_s) < LEAST_EVENNESS * fmax(early_per_s, late_per_s))
		return false;
	*out = (struct pl_forecast){ .seconds = left / rate_per_s,
		                         .low = left / fmax(early_per_s, late_per_s),
		                         .high = left / fmin(early_per_s, late_per_s) };
	return true;
}
