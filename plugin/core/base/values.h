/*
 * One process at one instant: who, when, and the metrics that were read.
 *
 * What was not read is absent (its bit is clear), never 0.
 */
#ifndef PL_BASE_VALUES_H
#define PL_BASE_VALUES_H

#include <stdint.h>

#include "base/metric.h"

#define PL_BOOT_ID_SIZE 37 /* a UUID as text, with its NUL */

/* A pid is reused; a pid plus its start time is not, until reboot. */
struct pl_ident {
	int32_t pid;
	uint64_t start_ticks; /* clock ticks since boot: proc_pid_stat(5), field 22 */
};

static inline bool pl_ident_equal(struct pl_ident a, struct pl_ident b)
{
	return a.pid == b.pid && a.start_ticks == b.start_ticks;
}

/*
 * An instant on two clocks. Durations are taken on mono_s, which stands still while the host is
 * suspended and never jumps; wall_s is for people and for the time of day.
 */
struct pl_time {
	double mono_s;
	double wall_s; /* Unix time */
};

#define PL_VALUES_WORDS ((PL_METRIC_COUNT + 63) / 64)

struct pl_values {
	uint64_t present[PL_VALUES_WORDS];
	uint64_t value[PL_METRIC_COUNT]; /* in the metric's unit; meaningless where absent */
};

struct pl_sample {
	struct pl_ident ident;
	struct pl_time time;
	double age_s; /* since the process started; below 0 when unknown */
	struct pl_values values;
};

static inline bool pl_values_has(const struct pl_values *v, enum pl_metric id)
{
	return (v->present[id / 64] >> (id % 64)) & 1;
}

static inline void pl_values_set(struct pl_values *v, enum pl_metric id, uint64_t value)
{
	v->present[id / 64] |= UINT64_C(1) << (id % 64);
	v->value[id] = value;
}

static inline void pl_values_clear(struct pl_values *v, enum pl_metric id)
{
	v->present[id / 64] &= ~(UINT64_C(1) << (id % 64));
}

/* Returns true and sets *out when the metric is present. */
static inline bool pl_values_get(const struct pl_values *v, enum pl_metric id, uint64_t *out)
{
	if (!pl_values_has(v, id))
		return false;
	*out = v->value[id];
	return true;
}

/*
 * U, the detector's primary series: anonymous memory, resident or swapped out, less the pages that
 * were given back with MADV_FREE where a rollup of the same instant knows them.
 * Returns false when the anonymous memory is unknown. Absent swap counts as none (a kernel without
 * swap support prints no VmSwap).
 */
bool pl_values_u_bytes(const struct pl_values *v, uint64_t *out);

/* Copies every metric present in `from` over `into`. */
void pl_values_merge(struct pl_values *into, const struct pl_values *from);

#endif
