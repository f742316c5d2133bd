#include "track/track.h"

#define LEAST_BACKLOG_BYTES (8.0 * 1024 * 1024)
#define LEAST_BACKLOG_SHARE 0.1 /* of what is resident */
#define LEAST_BLOCKS 4

/* What was given back is no part of U, but of what the kernel still counts as resident. */
static bool has_backlog(const struct pl_track *t)
{
	const double backlog_bytes = t->lazyfree_s >= 0 ? (double)t->lazyfree_bytes : 0;

	return backlog_bytes >= LEAST_BACKLOG_BYTES &&
	       backlog_bytes >= LEAST_BACKLOG_SHARE * t->anon_bytes;
}

/* What a process did in the newest block is less than half of what it did in the busiest one. */
static bool has_calmed(const struct pl_history *h, enum pl_series series)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	const size_t n = pl_history_points(h, PL_LEVEL_30MIN, series, PL_HISTORY_MAX_POINTS, p);
	double most = 0;

	for (size_t i = 0; i < n; i++)
		most = p[i].y > most ? p[i].y : most;
	return n >= LEAST_BLOCKS && p[n - 1].y < most / 2;
}

/*
 * glibc gives an arena back from its top alone: a peak of the load leaves its high-water mark. That
 * it was a peak, only the load can tell.
 */
static bool has_retained(const struct pl_track *t, uint8_t reason)
{
	const struct pl_place *place = pl_places_leader(&t->places, PL_REGIONS_ANONYMOUS);
	const bool is_named = reason == PL_REASON_FLAT || reason == PL_REASON_STEP ||
	                      reason == PL_REASON_SAWTOOTH || reason == PL_REASON_DECELERATING ||
	                      reason == PL_REASON_WARMING_UP;

	if (!is_named || !place || place->region != PL_REGION_ARENA ||
	    (double)place->grown_bytes < LEAST_BACKLOG_BYTES ||
	    (double)place->grown_bytes < LEAST_BACKLOG_SHARE * t->u_bytes)
		return false;
	return has_calmed(&t->history, PL_SERIES_CPU) ||
	       has_calmed(&t->history, PL_SERIES_CONNECTIONS) ||
	       has_calmed(&t->history, PL_SERIES_THREADS);
}

enum pl_reason pl_track_reason(const struct pl_track *t)
{
	const uint8_t reason = t->judged[t->worst].reason;

	if (t->worst != PL_TRACKED_U || t->verdict != PL_VERDICT_STEADY || reason == PL_REASON_STOPPED)
		return (enum pl_reason)reason;
	if (t->places.blind)
		return PL_REASON_BLIND;
	if (has_backlog(t))
		return PL_REASON_LAZYFREE;
	return has_retained(t, reason) ? PL_REASON_RETENTION : (enum pl_reason)reason;
}
