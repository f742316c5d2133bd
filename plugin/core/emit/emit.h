/*
 * What the engine tells a host: readings, reports and its own cost.
 *
 * The only door between core and host. Everything borrowed is valid during the call.
 */
#ifndef PL_EMIT_EMIT_H
#define PL_EMIT_EMIT_H

#include "base/values.h"
#include "base/verdict.h"
#include "config/settings.h"
#include "regions/regions.h"
#include "sample/cgroup.h"

enum pl_subject_kind {
	PL_SUBJECT_MATCH,   /* all processes of a match together */
	PL_SUBJECT_PROCESS, /* one process of a match with PerProcess */
	PL_SUBJECT_OTHER,   /* the processes of such a match past MaxProcesses */
	PL_SUBJECT_CGROUP,  /* the cgroups that a match's processes are in: what no process explains */
};

/* Whom a reading or report is about. */
struct pl_subject {
	enum pl_subject_kind kind;
	const char *match; /* the match's name, as configured */
	const char *comm;  /* of the process, or of the largest one; NULL when there is none */
	int32_t pid;       /* 0 unless kind is PROCESS, or a report names the process to blame */
	uint64_t start_ticks;
	double start_s;     /* Unix time at which the process started; 0 when unknown */
	const char *cgroup; /* kind CGROUP: the path of the worst one; NULL when unknown */
};

/* The detector's numbers that become series. A bit of `present` guards each number. */
enum pl_finding {
	PL_FINDING_VERDICT,  /* enum pl_verdict */
	PL_FINDING_RATE,     /* bytes per hour, signed: growth of the live set */
	PL_FINDING_RATE_LOW, /* its interval */
	PL_FINDING_RATE_HIGH,
	PL_FINDING_LEAKED,           /* bytes since the growth began */
	PL_FINDING_DETECTION_FLOOR,  /* bytes per hour: the smallest leak that would have been seen */
	PL_FINDING_LIMIT_SECONDS,    /* until the first limit is reached */
	PL_FINDING_WITH_CONNECTIONS, /* percent of the growth that comes with them */
	PL_FINDING_WITH_THREADS,
	PL_FINDING_WITH_FDS,
	PL_FINDING_WITH_WORK,
	PL_FINDING_PER_CONNECTION, /* bytes of growth for each one held, or each one opened */
	PL_FINDING_PER_THREAD,
	PL_FINDING_PER_FD,
	PL_FINDING_PER_CPU_SECOND,
	PL_FINDING_PER_MIB, /* read or written */
	PL_FINDING_IDLE,    /* percent of the growth that is not touched any more */
	PL_FINDING_COUNT
};

struct pl_findings {
	uint32_t present;
	double value[PL_FINDING_COUNT];
};

static inline void pl_findings_set(struct pl_findings *f, enum pl_finding id, double value)
{
	f->present |= UINT32_C(1) << id;
	f->value[id] = value;
}

static inline bool pl_findings_get(const struct pl_findings *f, enum pl_finding id, double *out)
{
	if (!((f->present >> id) & 1))
		return false;
	*out = f->value[id];
	return true;
}

/* The memory of a subject by region: disjoint parts, which add up to what is resident and in swap.
 */
struct pl_region_bytes {
	double age_s;      /* since it was read; of several processes, the oldest */
	float error_share; /* of a sample: half its interval of 95 %; 0: all was read */
	uint32_t seen;     /* bit per region: it has held something since the start */
	uint64_t bytes[PL_REGION_COUNT];
	uint64_t swap_bytes;
};
_Static_assert(PL_REGION_COUNT <= 32, "struct pl_region_bytes keeps a bit per region");

/* How the memory of a process was read last, beyond its pulse. */
enum pl_method { PL_METHOD_PULSE, PL_METHOD_SAMPLED, PL_METHOD_ROLLUP };

/* What dear reads of a subject have cost, since the plugin began to follow it. */
struct pl_read_cost {
	uint64_t cpu_us_total;
	uint64_t lock_us_total; /* for so long its mmap lock may have been held */
	uint32_t longest_us;    /* of these, the longest */
	uint32_t read_count;
	uint32_t deferred_count; /* reads put off by the budget */
	uint32_t degraded_count; /* reads made smaller, or not at all, for the sake of its lock */
	float error_share;       /* SAMPLED: half the interval of 95 % of its anonymous memory */
	uint8_t method;          /* enum pl_method; of several processes, the least */
};

/* A subject at one tick. Counters of a match only rise, whatever its processes come and go. */
struct pl_reading {
	struct pl_subject subject;
	struct pl_time time;
	const struct pl_collect *collect; /* which groups to publish */
	uint32_t process_count;           /* 0: nothing runs, and values and findings are empty */
	/* Share of RLIMIT_NOFILE that is open, of the process that is closest to its own; 0: unknown */
	double fds_of_limit;
	double deep_age_s; /* since the values of tier 1 were read; below 0: never */
	double idle_age_s; /* likewise of tier 3 */
	struct pl_read_cost cost;
	struct pl_values values;
	struct pl_findings findings;
	const char *reason; /* of the verdict, as in a report: it may change alone; NULL: unknown */
	const struct pl_region_bytes *regions; /* NULL: not read, or too long ago */
	const struct pl_cgroup_parts *cgroup;  /* kind CGROUP only: summed over them */
};

#define PL_CENSUS_LINE_SIZE 160 /* what piles up, with its NUL */
#define PL_MESSAGE_SIZE 256     /* with its NUL: what a collectd notification holds */

/* A change of verdict of a process (or of a match as a whole, pid 0). */
struct pl_report {
	struct pl_subject subject;
	double time_s; /* Unix time */
	enum pl_verdict verdict;
	enum pl_verdict previous;
	bool alarm;                 /* a host should notify */
	bool recovered;             /* an earlier alarm is over */
	bool followup;              /* to an alarm: a census has found more; a host should notify */
	bool confirmed;             /* leaking, confirmed twice over: FAILURE rather than WARNING */
	const char *reason;         /* why: "flat", "warming-up", "sawtooth", "drift", ... */
	const char *metric;         /* the series that grows: "anon", "shmem", "threads", "fds", ... */
	bool counts;                /* that is a number, not bytes */
	double rate_bytes_per_hour; /* or counts per hour, for threads, fds, connections */
	double rate_low;
	double rate_high;
	double since_s; /* Unix time at which the growth began; 0 when unknown */
	enum pl_cause cause;
	const char *unit; /* "connection opened", "thread", ...; meaningless without per_unit */
	double per_unit;  /* bytes of growth for each; 0: unknown */
	double per_unit_low;
	double per_unit_high;
	const char *where;           /* "heap", "arena", "anon", ..., "unknown" */
	double seconds_to_limit;     /* below 0: no limit is in sight */
	double seconds_to_limit_low; /* its interval; below 0: unknown, or never */
	double seconds_to_limit_high;
	const char *limit; /* its name; NULL without one */
	bool idle_known;
	double idle_percent;  /* of the growth was not touched ... */
	double idle_window_s; /* ... for so long; 0: for how long is not known */
	const char *census;   /* what piles up, in one line; NULL: not known */
	char message[PL_MESSAGE_SIZE];
};

/* How the kernel runs us: what is held meanwhile is held for longer. */
enum pl_own_state {
	PL_OWN_FREE,
	PL_OWN_SLOW,    /* at a poor priority */
	PL_OWN_STARVED, /* throttled a while ago, or run only when nobody else wants to */
};

/* The plugin's own cost and health: over the last tick, or counted since the start (_total). */
struct pl_self {
	struct pl_time time;
	uint64_t tick_cpu_us_total;  /* CPU spent in ticks on the host's thread */
	uint64_t deep_cpu_us_total;  /* CPU spent by the worker */
	uint64_t deep_reads_total;   /* dear reads done */
	uint64_t lock_us_total;      /* for so long dear reads may have held a process' mmap lock */
	uint64_t deferred_total;     /* dear reads put off by the budget */
	uint64_t degraded_total;     /* made smaller, or not at all, for the sake of a process' lock */
	uint64_t gone_total;         /* processes that ended while being read */
	uint64_t denied_total;       /* reads refused for want of a capability */
	uint64_t failed_total;       /* other failed reads */
	double longest_hold_ms;      /* longest dear read since the start */
	uint64_t throttled_us_total; /* for so long its own cgroup was out of quota */
	uint32_t own_state;          /* enum pl_own_state */
	uint32_t degraded_count;     /* processes of which it is so at present */
	uint32_t stuck_count;        /* dear reads that hang right now */
	uint32_t seen_count;         /* processes in the table */
	uint32_t matched_count;      /* of them matched */
	uint64_t memory_bytes;       /* kept of processes, and of what may be matched */
};

/* A host fills in what it wants; a NULL callback is skipped. Called on the thread of the tick. */
struct pl_emit {
	void *ctx;
	void (*reading)(void *ctx, const struct pl_reading *reading);
	void (*report)(void *ctx, const struct pl_report *report);
	void (*self)(void *ctx, const struct pl_self *self);
};

#endif
