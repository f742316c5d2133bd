/*
 * From evidence to words: cause, place, and one sentence.
 *
 * Knows the series that a growth may come with; refuses to change a verdict. Pure. "unknown" is an
 * honest answer and the usual one where two causes cannot be told apart.
 */
#ifndef PL_EXPLAIN_EXPLAIN_H
#define PL_EXPLAIN_EXPLAIN_H

#include "base/verdict.h"
#include "explain/attribution.h"
#include "explain/places.h"
#include "history/history.h"
#include "judge/judge.h"

/* "heap", "shmem", "anon" or "unknown": where the growth of the series is. */
const char *pl_explain_where(const struct pl_history *history, enum pl_series series,
                             double since_s);

/* What the words are about; rates and durations in real units, not scaled ones. */
struct pl_explain_subject {
	const char *name; /* of the program; may be hostile */
	int32_t pid;      /* 0: a match as a whole */
	enum pl_series series;
	enum pl_verdict verdict;
	enum pl_reason reason;
	enum pl_cause cause;
	const struct pl_attribution *attribution; /* NULL: none */
	const struct pl_places *places;
	const struct pl_place *place; /* of most of the growth; NULL: unknown */
	bool unmapped;                /* it is in no mapping: only descriptors hold it */
	double rate_per_h;
	double rate_low;
	double rate_high;
	double growing_for_s;    /* below 0: unknown */
	double seconds_to_limit; /* below 0: no limit in sight */
	double limit;            /* in the unit of the series; 0: none */
	bool limit_counts;       /* it is a number, of mappings or descriptors, whatever grows */
	const char *limit_name;  /* NULL: "limit" */
	bool recovered;
	uint16_t told_of;    /* bit per enum pl_series: what leaked, and does no more; 0: `series` */
	uint32_t sum_of;     /* processes that were added up; 0: it is about one */
	const char *nobody;  /* it is a cgroup's, and what grows is this, which no process explains */
	double nobody_share; /* of the growth, 0..1 */
	uint32_t runs;       /* with reason RUNS: how many runs of the program grew alike */
	bool idle_known;
	double idle_percent;  /* of the growth was not touched ... */
	double idle_window_s; /* ... for so long; 0: for how long is not known */
};

/* One sentence of at most `size` - 1 bytes. */
void pl_explain_message(const struct pl_explain_subject *subject, char *out, size_t size);

/*
 * The sentence for a process whose memory cannot be read: a read of it has hung for `for_s`; or,
 * with `over`, it returned after that.
 */
void pl_explain_unreadable(const char *name, int32_t pid, double for_s, bool over, char *out,
                           size_t size);

/* "anon", "shmem", "vm", "threads", "fds", "connections" */
const char *pl_explain_metric(enum pl_series series);

/* "3d 4h", "12h 5m", "9m" into `out`. */
void pl_explain_duration(double seconds, char *out, size_t size);

/* "14.2 MiB" into `out`. */
void pl_explain_bytes(double bytes, char *out, size_t size);

#endif
