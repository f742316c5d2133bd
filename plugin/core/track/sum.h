/*
 * The processes of a match added up: what none of them shows alone.
 *
 * Knows a pool whose workers each stay small while their number, or their sum, grows. Refuses to
 * say anything while one of them leaks by itself, or while runs of them do: that is the news then.
 * The history of the sum is the caller's, and is needed for matches of several processes alone.
 *
 * A pool that follows the load is told from a leak as a process is: its CPU time and what it reads
 * are added up as well. The number of processes stands where a process has its threads.
 */
#ifndef PL_TRACK_SUM_H
#define PL_TRACK_SUM_H

#include "track/family.h"

struct pl_sum {
	/* The tick under way */
	uint32_t member_count;
	double u_bytes;
	double fastest_per_s; /* of the members that grow */
	uint64_t counters[PL_COUNTER_COUNT];
	double limit_bytes;
	struct pl_room room; /* of the member that has the least left */
	/* What those who ended had counted */
	uint64_t gone[PL_COUNTER_COUNT];
};

/* To be called beside their namesakes of the family. */
void pl_sum_begin(struct pl_sum *sum);
void pl_sum_member(struct pl_sum *sum, const struct pl_track *track);
void pl_sum_gone(struct pl_sum *sum, const struct pl_track *track);

/*
 * After pl_family_end(). `track` is the history of the sum; NULL: there is none yet. Raises the
 * family's verdict where the sum leaks. Returns true when *out is to be told (pid 0).
 */
bool pl_sum_end(struct pl_sum *sum, struct pl_track *track, struct pl_family *family,
                const struct pl_settings *settings, const char *match, struct pl_report *out);

/* Whether there is something to add up: the caller may then begin a history. */
static inline bool pl_sum_is_wanted(const struct pl_sum *sum)
{
	return sum->member_count > 1;
}

#endif
