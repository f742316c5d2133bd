/*
 * The processes of one match as a whole: the same program over its restarts and beside itself.
 *
 * Knows the worst member, past runs and the alarm of the match; refuses to own tracks. A tick is
 * pl_family_begin(), pl_family_member() for every process that runs, pl_family_gone() for every
 * one that ended, pl_family_end(). Fixed size; pure but for its own struct.
 */
#ifndef PL_TRACK_FAMILY_H
#define PL_TRACK_FAMILY_H

#include "explain/runs.h"
#include "track/track.h"

#define PL_FAMILY_RUNS 16

/* Kinds of leaks: of memory, of threads or descriptors or connections. 0 in a state: not known. */
#define PL_FAMILY_BYTES 1U
#define PL_FAMILY_COUNTS 2U
#define PL_FAMILY_KINDS 4U

struct pl_family {
	double time_scale;
	struct pl_time now;
	uint32_t member_count; /* of the tick under way, or of the last one */
	uint8_t verdict;       /* enum pl_verdict, of the match */
	uint8_t reason;        /* enum pl_reason: of the worst member, or of what is told instead */
	bool by_runs;          /* the verdict rests on past runs */
	struct pl_ident worst; /* whom to blame */
	struct pl_findings findings; /* of the worst member */
	/* The tick under way */
	uint8_t tick_verdict;
	uint8_t tick_reason;
	struct pl_ident tick_worst;
	struct pl_findings tick_findings;
	/* Past runs that were long enough to tell, on the wall clock times time_scale */
	uint32_t run_total; /* the newest is at (run_total - 1) % PL_FAMILY_RUNS */
	bool runs_changed;
	struct pl_run runs[PL_FAMILY_RUNS];
	struct pl_run_drivers run_drivers[PL_FAMILY_RUNS]; /* what came with each */
	uint8_t run_places[PL_FAMILY_RUNS];                /* enum pl_region + 1; 0: not known */
	double alike_from_s;              /* all runs since then grew alike; below 0: they do not */
	struct pl_evidence runs_evidence; /* when by_runs */
	struct pl_attribution runs_attribution;
	struct pl_places runs_places;
	/* Alarms told */
	uint8_t alarm_verdict; /* rung of the last alarm; LEARNING: none stands */
	bool alarm_confirmed;  /* it was told as confirmed */
	bool alarm_owed;       /* another one was held back, so soon after it */
	uint8_t alarm_kinds;   /* PL_FAMILY_BYTES, PL_FAMILY_COUNTS: what alarms were about */
	double alarm_wall_s;
	uint8_t told_verdict; /* of the match as a whole, by its runs */
};

void pl_family_init(struct pl_family *family, double time_scale);

void pl_family_begin(struct pl_family *family, struct pl_time now);

/*
 * After pl_track_add() of a process that runs. Returns true when *out is to be told; its alarm is
 * false where the match already stands under the same alarm.
 */
bool pl_family_member(struct pl_family *family, struct pl_track *track,
                      const struct pl_settings *settings, const char *match, const char *comm,
                      struct pl_report *out);

/* A process ended; its track is about to be dropped. */
void pl_family_gone(struct pl_family *family, const struct pl_track *track,
                    const struct pl_settings *settings);

/*
 * One alarm stands for the match until it gets worse - a higher rung, confirmed, or as bad in
 * the other kind for the first time - or it is time to remind. What is held back is owed: it is
 * told when that time comes, if it still leaks.
 */
bool pl_family_may_alarm(struct pl_family *family, const struct pl_settings *settings,
                         const struct pl_report *report);

/* Closes the tick. Returns true when the match as a whole has something to tell (pid 0). */
bool pl_family_end(struct pl_family *family, const struct pl_settings *settings, const char *match,
                   const char *comm, struct pl_report *out);

#endif
