/*
 * Reads one process at one instant. Absent is absent, never 0.
 *
 * Knows which file yields which metric and how to be sure that all of them are of one process;
 * refuses to know how often to read and what the numbers mean.
 */
#ifndef PL_SAMPLE_SAMPLE_H
#define PL_SAMPLE_SAMPLE_H

#include "base/values.h"
#include "parse/parse.h"
#include "procfs/procfs.h"
#include "sample/cgroup.h"
#include "sample/sockets.h"

/* Facts of the host that do not change while it is up. */
struct pl_host {
	uint64_t ticks_per_s;
	uint64_t page_bytes;
	uint64_t memory_bytes; /* memory and swap; 0 when unknown */
	uint64_t boot_s;       /* Unix time of the boot; 0 when unknown */
};

void pl_sample_host(const struct pl_procfs *fs, struct pl_host *out);

/* Seconds since boot by the root's own clock, or below 0 when it does not tell. */
double pl_sample_uptime_s(const struct pl_procfs *fs);

/* Reads PID/stat alone, to identify a process. Returns 0, -ESRCH, -EACCES, -EBADMSG... */
int pl_sample_stat(const struct pl_procfs *fs, int32_t pid, struct pl_stat *out);

/*
 * Whether a second look finds the same process, program and name as the one that gave *stat: for
 * who is about to forget what is known of a process because of what one read said.
 */
bool pl_sample_is_same(const struct pl_procfs *fs, int32_t pid, const struct pl_stat *stat);

/*
 * Tier 0: stat, the fd count and status, at most 7 system calls on Linux 6.2 and later, none of
 * which takes the target's mmap lock. With the `last` stat and fd count of the same process, status
 * is left alone while its memory, threads and descriptors are what they were.
 *
 * Returns PL_PULSE_WHOLE and fills ident and values; PL_PULSE_COUNTERS when only CPU time and
 * faults went on: values then holds what stat tells, the rest of the last pulse still holds; or
 * PL_PULSE_QUIET when nothing did, and *out is left alone. *mark is filled in all three cases, its
 * fd count below 0 when unknown. Returns -ESRCH when the process is gone, another, a zombie, or has
 * given up its memory; -EACCES or -EBADMSG when it cannot be read. The files are read one after the
 * other: only the stat of the next pulse proves that all were of this process.
 */
enum pl_pulse_result { PL_PULSE_WHOLE, PL_PULSE_QUIET, PL_PULSE_COUNTERS };

struct pl_pulse_mark {
	struct pl_stat stat;
	ssize_t fd_count;
};

/* Whether memory, threads and descriptors are the same. */
bool pl_pulse_is_steady(const struct pl_pulse_mark *last, const struct pl_pulse_mark *now);

/* Whether nothing happened between two pulses: no CPU time, fault, page, thread or descriptor. */
bool pl_pulse_is_quiet(const struct pl_pulse_mark *last, const struct pl_pulse_mark *now);

int pl_sample_pulse(const struct pl_procfs *fs, const struct pl_host *host, struct pl_ident ident,
                    const struct pl_pulse_mark *last, struct pl_sample *out,
                    struct pl_pulse_mark *mark);

/* What a dear read is to yield; more bits cost more. */
#define PL_DEEP_ROLLUP 1u /* smaps_rollup: takes the mmap lock */
#define PL_DEEP_IO 2u
#define PL_DEEP_FDS 4u    /* descriptors by kind, connections by state and opened */
#define PL_DEEP_LIMITS 8u /* rlimits, and the cgroup of every ancestor */

/* Scratch of one reading thread; about 100 KiB. */
struct pl_deep_reader;

struct pl_deep_reader *pl_deep_reader_new(const struct pl_procfs *fs, const struct pl_host *host);
void pl_deep_reader_free(struct pl_deep_reader *reader);

struct pl_deep_result {
	struct pl_values values;
	unsigned denied_count; /* files refused */
	unsigned failed_count; /* files that could not be read or made no sense */
	uint64_t cpu_us;       /* of the whole read */
	uint64_t fds_us;       /* of that, CPU time for the descriptors and sockets */
	uint64_t lock_us;      /* wall time of the part that may hold the mmap lock */
	uint64_t longest_us;   /* the longest piece of that, where it is let go between; 0: all of it */
	struct pl_cgroup_key cgroup; /* with PL_DEEP_LIMITS: that its memory is charged to */
};

/*
 * Tier 1. Whatever could be read is set, the rest counted. The caller must see the same ident at a
 * later pulse before it believes the values. Returns 0, or -ESRCH when nothing is there any more.
 */
int pl_sample_deep(struct pl_deep_reader *reader, int32_t pid, unsigned want, double now_s,
                   double sockets_max_age_s, struct pl_deep_result *out);

#endif
