/*
 * With what a growth came: regressions of a series on what else was counted.
 *
 * Knows counts that are held (connections, threads, fds) and flows that add up (connections
 * opened, CPU time, bytes read and written); refuses to guess between what the data cannot tell
 * apart. Pure.
 */
#ifndef PL_EXPLAIN_ATTRIBUTION_H
#define PL_EXPLAIN_ATTRIBUTION_H

#include "base/verdict.h"
#include "history/history.h"

enum pl_driver {
	PL_DRIVER_NONE,
	PL_DRIVER_CONNECTIONS,      /* held: never closed */
	PL_DRIVER_THREADS,          /* held */
	PL_DRIVER_FDS,              /* held */
	PL_DRIVER_OPENED,           /* each connection opened, though it was closed */
	PL_DRIVER_CONNECTION_HOURS, /* connections held times hours: stands in for those opened */
	PL_DRIVER_CPU,              /* each second of CPU time */
	PL_DRIVER_READ,             /* each byte read */
	PL_DRIVER_WRITTEN,          /* each byte written */
	PL_DRIVER_TIME,             /* nothing but time */
	PL_DRIVER_COUNT
};

/* "connection held", "connection opened", "thread", "fd", "CPU second", "MiB read", ... */
const char *pl_driver_unit(enum pl_driver driver);

struct pl_attribution {
	uint8_t cause;  /* enum pl_cause */
	uint8_t driver; /* enum pl_driver: the one behind the cause; NONE when unknown */
	/* Shares of the growth, 0..1, each with its error; a negative share is not known. */
	float share[PL_DRIVER_COUNT];
	float share_error[PL_DRIVER_COUNT];
	float per_unit; /* bytes for each unit of the driver, by pl_driver_unit(); 0: unknown */
	float per_unit_low;
	float per_unit_high;
};

/* Attributes the growth of `series` since `since_s` (track time). */
void pl_explain_attribute(const struct pl_history *history, enum pl_series series, double since_s,
                          struct pl_attribution *out);

#endif
