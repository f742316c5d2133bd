/*
 * One process followed over time: history, the ladder of each series, and what to tell of it.
 *
 * Knows how a sample becomes series, when to judge, and how real time and scaled time relate.
 * Refuses to know where samples come from. Plain visible structs, so that state can be saved.
 * Pure but for its own struct: no I/O, no clock, no allocation.
 */
#ifndef PL_TRACK_TRACK_H
#define PL_TRACK_TRACK_H

#include "base/values.h"
#include "config/settings.h"
#include "emit/emit.h"
#include "explain/attribution.h"
#include "explain/explain.h"
#include "explain/places.h"
#include "history/history.h"
#include "judge/judge.h"

/* The series that can leak, in the order of preference as the metric of a report. */
enum pl_tracked {
	PL_TRACKED_U,
	PL_TRACKED_SHMEM,
	PL_TRACKED_UNTOUCHED,
	PL_TRACKED_CONNECTIONS,
	PL_TRACKED_THREADS,
	PL_TRACKED_FDS,
	PL_TRACKED_COUNT
};

/* Where U is taken from; fixed by the first samples, for the two are not comparable. */
enum pl_u_source { PL_U_NONE, PL_U_ANON, PL_U_RSS };

/* The value of a counter at the sample before. */
struct pl_counter {
	bool known;
	uint64_t value;
};

enum { PL_COUNTER_CPU, PL_COUNTER_READ, PL_COUNTER_WRITTEN, PL_COUNTER_OPENED, PL_COUNTER_COUNT };

/* How much is left of the limit that will be reached first. */
struct pl_room {
	uint8_t kind; /* enum pl_limit; NONE: none is known */
	double limit;
	double left;
};

/*
 * How the number of mappings grew: the least, an instant between a quarter and a half of the time
 * since, and now. Known where regions are read, which is what counts mappings.
 */
struct pl_maps_point {
	float at_s; /* track time */
	float count;
};

struct pl_maps {
	uint32_t reading_count; /* since the least */
	struct pl_maps_point base;
	struct pl_maps_point middle;
	struct pl_maps_point next; /* will be the middle */
	struct pl_maps_point now;
};

/* Beside the series that were told of: an alarm named threads, descriptors or connections. */
#define PL_TOLD_WITH_COUNTS (1U << PL_TRACKED_COUNT)
_Static_assert(PL_TOLD_WITH_COUNTS <= UINT8_MAX, "pl_track.told_of has a bit for each");

struct pl_track {
	struct pl_ident ident;
	double time_scale;
	struct pl_time now; /* of the last sample */
	uint64_t sample_count;
	double judge_due_s;      /* track time; below 0: none is due */
	uint64_t lazyfree_bytes; /* the last one known: a rollup is rarer than a pulse */
	double lazyfree_s;       /* its track time; below 0: never */
	struct pl_counter counters[PL_COUNTER_COUNT];
	double u_bytes;     /* now */
	double limit_bytes; /* 0: none is known */
	double anon_bytes;  /* resident, now */
	double shmem_bytes; /* likewise */
	float held_bytes;   /* shared memory that descriptors hold, by the last rollup */
	float held_s;       /* track time of that; below 0: never */
	double fds;
	double fd_limit;
	double threads;
	struct pl_room memory_room;
	struct pl_room thread_room;
	struct pl_maps maps;
	float maps_limit; /* vm.max_map_count; 0: not known */
	struct pl_judge_state judged[PL_TRACKED_COUNT];
	uint8_t verdict; /* the worst of them: enum pl_verdict */
	uint8_t worst;   /* enum pl_tracked: which one that is */
	uint8_t reported_verdict;
	bool reported_confirmed;
	bool alarm_told;                   /* an alarm was reported and is not over */
	uint8_t told_of;                   /* bit per enum pl_tracked: what alarms were last about */
	bool changed;                      /* pl_track_report() has something to say */
	uint8_t u_source;                  /* enum pl_u_source */
	struct pl_attribution attribution; /* of the worst series, while it grows */
	struct pl_places places;           /* by the regions that were read last */
	struct pl_idle idle;
	struct pl_history history;
};

/* `time_scale` multiplies the time axis (TimeScale); 1 is real time. */
void pl_track_init(struct pl_track *track, struct pl_ident ident, double time_scale);

/*
 * Takes a sample of this process into account. Costs well under a microsecond, but when a block of
 * half an hour closed or a limit may be near, when it judges.
 */
void pl_track_add(struct pl_track *track, const struct pl_sample *sample,
                  const struct pl_settings *settings);

void pl_track_count_maps(struct pl_maps *maps, double now_s, double count);

/* Scaled seconds from now, and their interval. */
struct pl_forecast {
	double seconds;
	double low;
	double high;
};

/* When the number of mappings reaches `limit`; false when it does not grow straight towards it. */
bool pl_track_forecast_maps(const struct pl_maps *maps, double limit, double now_s,
                            struct pl_forecast *out);

/* Whether what was added lies idle, as far as was read: a longer window would tell more. */
bool pl_track_is_idle(const struct pl_track *track, const struct pl_settings *settings);

/* Whether what grows is a JVM's heap, which will be full before any limit of memory is reached. */
bool pl_track_fills_java_heap(const struct pl_track *track);

/* What a reading of the regions said; for the words of the next report. */
void pl_track_set_places(struct pl_track *track, const struct pl_ledger *ledger);

/* The shared memory that grows is not mapped: only descriptors hold it, and no region tells it. */
bool pl_track_is_unmapped(const struct pl_track *track);

/* The numbers that become series: rate, interval, leaked, detection floor... in real units. */
void pl_track_findings(const struct pl_track *track, struct pl_findings *out);

/* Whether one of the leaks is confirmed: an alarm that is a FAILURE stays one while it stands. */
bool pl_track_is_confirmed(const struct pl_track *track);

/*
 * The series (enum pl_tracked) that came to leak as badly beside what was told, where the one is
 * memory and the other is a number - of threads, descriptors, connections - that memory does not
 * come with: an alarm is due, one for as long as alarms stand. PL_TRACKED_COUNT: there is none.
 */
unsigned pl_track_joined(const struct pl_track *track);

/*
 * When the verdict changed since the last call, or a leak was confirmed, or joined by another one:
 * fills *out (kind PROCESS) and returns true. `match` and `comm` are borrowed by *out.
 */
bool pl_track_report(struct pl_track *track, const struct pl_settings *settings, const char *match,
                     const char *comm, struct pl_report *out);

/* The report as it stands, changed or not; alarm and recovered are false. */
void pl_track_describe(const struct pl_track *track, const struct pl_settings *settings,
                       const char *match, const char *comm, struct pl_report *out);

/*
 * A track can also follow what nobody's memory explains of a cgroup's: it is then fed as if that
 * were anonymous memory of a process, and these words are told of it.
 */
struct pl_track_nobody {
	const char *path;  /* of the cgroup; borrowed by the report */
	const char *where; /* what grows, in a word, and in several */
	const char *words;
	double share; /* of the growth, 0..1 */
};

bool pl_track_report_nobody(struct pl_track *track, const struct pl_settings *settings,
                            const char *match, const struct pl_track_nobody *nobody,
                            struct pl_report *out);

/* The words as they stand, changed or not. */
void pl_track_describe_nobody(const struct pl_track *track, const struct pl_settings *settings,
                              const char *match, const struct pl_track_nobody *nobody,
                              struct pl_report *out);

/* The same of a sum over processes, whose number stands where threads do. */
bool pl_track_report_sum(struct pl_track *track, const struct pl_settings *settings,
                         const char *match, uint32_t process_count, struct pl_report *out);
void pl_track_describe_sum(const struct pl_track *track, const struct pl_settings *settings,
                           const char *match, uint32_t process_count, struct pl_report *out);

/*
 * Why the verdict is what it is. What is steady may have a name of its own that no arithmetic on
 * the series finds: a backlog of MADV_FREE, arenas that keep what was freed, a heap that hides a
 * leak.
 */
enum pl_reason pl_track_reason(const struct pl_track *track);

/* The series behind a tracked one. */
enum pl_series pl_track_series(enum pl_tracked tracked);

#endif
