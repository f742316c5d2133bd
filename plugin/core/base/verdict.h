/*
 * The words of a verdict: rungs of the ladder, reasons, causes, places. Names are those of the
 * JSON output and of the series.
 */
#ifndef PL_BASE_VERDICT_H
#define PL_BASE_VERDICT_H

#include <stdbool.h>

/* The numbers are a contract: collectd's gauge-verdict and Netdata's chart carry them. */
enum pl_verdict {
	PL_VERDICT_LEARNING = 0,
	PL_VERDICT_STEADY = 1,
	PL_VERDICT_GROWING = 2,
	PL_VERDICT_LEAKING = 3,
	PL_VERDICT_CRITICAL = 4,
};
#define PL_VERDICT_COUNT 5

/* "learning", "steady", ... */
const char *pl_verdict_name(enum pl_verdict verdict);

/* What a leak grows with. */
enum pl_cause {
	PL_CAUSE_UNKNOWN,
	PL_CAUSE_CONNECTIONS,
	PL_CAUSE_THREADS,
	PL_CAUSE_FDS,
	PL_CAUSE_WORK,
	PL_CAUSE_TIME,
};
#define PL_CAUSE_COUNT 6

const char *pl_cause_name(enum pl_cause cause);

#endif
