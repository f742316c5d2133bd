/*
 * What is remembered of one process: rings of blocks at six resolutions, from a minute to a day.
 *
 * Knows levels in time, block minima and sums; refuses to know what they mean. Pure: no I/O, no
 * clock, no allocation, fixed size.
 *
 * Invariants: time never runs backwards here (history.c turns steps back into standstill); blocks
 * are told apart by time, so gaps leave blocks absent and a changed interval changes nothing; all
 * times are scaled seconds since the first sample ("track time").
 */
#ifndef PL_HISTORY_HISTORY_H
#define PL_HISTORY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/values.h"

/*
 * Gauges are kept as the least value of a block, which approximates the live set after garbage
 * collection when the block is longer than the period of collection. Counters as the increment.
 */
enum pl_series {
	PL_SERIES_U,           /* anonymous memory, resident or swapped, less LazyFree: bytes */
	PL_SERIES_SHMEM,       /* resident shared memory: bytes */
	PL_SERIES_UNTOUCHED,   /* private mappings never touched, VmData - U: bytes */
	PL_SERIES_FDS,         /* count */
	PL_SERIES_CONNECTIONS, /* count */
	PL_SERIES_EXACT_COUNT, /* from here on they are kept in 16 bits: pl_pack_number() */
	PL_SERIES_THREADS = PL_SERIES_EXACT_COUNT, /* count */
	PL_SERIES_HEAP,                            /* resident part of the brk heap: bytes */
	PL_SERIES_HUGE,                            /* anonymous memory in huge pages: bytes */
	PL_SERIES_U_MEAN,                          /* mean of U in the block: what load moves */
	PL_SERIES_U_MAX,                           /* greatest U of the block */
	PL_SERIES_CPU,                             /* CPU time spent in the block: microseconds */
	PL_SERIES_READ,                            /* bytes read in the block */
	PL_SERIES_WRITTEN,                         /* bytes written in the block */
	PL_SERIES_OPENED,                          /* connections opened in the block */
	PL_SERIES_COUNT
};

enum pl_level {
	PL_LEVEL_1MIN, /* U and FDS only */
	PL_LEVEL_5MIN, /* likewise */
	PL_LEVEL_30MIN,
	PL_LEVEL_2H,
	PL_LEVEL_8H,
	PL_LEVEL_1D,
	PL_LEVEL_COUNT
};

#define PL_HISTORY_PACKED_COUNT (PL_SERIES_COUNT - PL_SERIES_EXACT_COUNT)
#define PL_HISTORY_FINE_LEVELS 2
#define PL_HISTORY_FULL_LEVELS 4
#define PL_HISTORY_FINE_SLOTS 60
#define PL_HISTORY_SLOTS 48
#define PL_HISTORY_MAX_POINTS 60 /* what pl_history_points() can return at the most */

/* A block that is still open. */
struct pl_block {
	float value[PL_SERIES_COUNT];
	uint16_t present;    /* bit per series */
	uint16_t mean_count; /* finer blocks (or samples) in U_MEAN */
};

/* float holds 24 bits: a step of 8 KiB at 100 GiB, far below any floor of the judge. */
struct pl_history {
	double clock_s;         /* track time of the last sample */
	double last_mono_s;     /* its monotonic time, unscaled */
	double age_at_origin_s; /* age of the process at track time 0, scaled */
	bool started;
	int32_t open_index[PL_LEVEL_COUNT]; /* number of the open block: track time / block length */
	struct pl_block open[PL_LEVEL_COUNT];
	uint64_t fine_present[PL_HISTORY_FINE_LEVELS];
	float fine[PL_HISTORY_FINE_LEVELS][PL_HISTORY_FINE_SLOTS];
	uint64_t fine_fds_present[PL_HISTORY_FINE_LEVELS];
	uint16_t fine_fds[PL_HISTORY_FINE_LEVELS][PL_HISTORY_FINE_SLOTS]; /* pl_pack_number() */
	uint64_t present[PL_HISTORY_FULL_LEVELS][PL_SERIES_COUNT];
	float exact[PL_HISTORY_FULL_LEVELS][PL_SERIES_EXACT_COUNT][PL_HISTORY_SLOTS];
	/* U_MEAN and U_MAX as what they exceed the block's U by */
	uint16_t packed[PL_HISTORY_FULL_LEVELS][PL_HISTORY_PACKED_COUNT][PL_HISTORY_SLOTS];
};

/* What one sample says of the series, already derived: see pl_track_add(). */
struct pl_history_input {
	/* U_MEAN and U_MAX are ignored; counters are increments since the sample before */
	float value[PL_SERIES_COUNT];
	uint16_t present;
};

struct pl_point {
	double t_s; /* track time of the middle of the block */
	double y;
};

void pl_history_init(struct pl_history *history);

/*
 * Takes one sample at `mono_s` into account; `time_scale` multiplies the time axis. The counters of
 * one that is more than a block away are spread over the blocks in between. Sets bit N of
 * *closed for each level N of which a block was closed by it.
 */
void pl_history_add(struct pl_history *history, double mono_s, double time_scale,
                    const struct pl_history_input *input, unsigned *closed);

/* Whether it is kept at the fine levels, too: what may run into a limit within hours. */
static inline bool pl_history_is_fine(enum pl_series series)
{
	return series == PL_SERIES_U || series == PL_SERIES_FDS;
}

/* Length of a block of this level. */
double pl_history_block_s(enum pl_level level);

/* The finest level from `finest` on whose ring reaches back to `since_s`, or else the coarsest. */
enum pl_level pl_history_level_since(const struct pl_history *history, enum pl_level finest,
                                     double since_s);

/*
 * Copies the newest `max_count` closed blocks of a series, oldest first; absent blocks are left
 * out. Returns how many. `out` has room for max_count.
 */
size_t pl_history_points(const struct pl_history *history, enum pl_level level,
                         enum pl_series series, size_t max_count, struct pl_point *out);

#endif
