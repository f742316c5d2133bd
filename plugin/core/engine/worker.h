/*
 * The thread that does what may block: reads that need a target's mmap lock.
 *
 * A tick posts jobs and collects results, and never waits. A read that hangs is given up after
 * ReadTimeout: another thread takes over, and the stuck one ends when its read does.
 * There are at most PL_WORKER_THREADS of them, ever, at one time.
 */
#ifndef PL_ENGINE_WORKER_H
#define PL_ENGINE_WORKER_H

#include "census/census.h"
#include "config/settings.h"
#include "discover/match.h"
#include "engine/budget.h"
#include "engine/sampled.h"
#include "evidence/evidence.h"
#include "regions/regions.h"
#include "sample/own.h"
#include "sample/idle.h"
#include "sample/sample.h"
#include "state/state.h"

#define PL_WORKER_THREADS 4
#define PL_WORKER_JOBS 1024
#define PL_MEMBERSHIPS_MAX 16 /* matches that one process can be in */
#define PL_UNIT_SIZE 128

enum pl_job_kind {
	PL_JOB_IDENTIFY, /* which matches does it belong to? */
	PL_JOB_DEEP,     /* tier 1 */
	PL_JOB_SAVE,     /* writes the state */
	PL_JOB_REGIONS,  /* tier 2 */
	PL_JOB_EVIDENCE, /* writes a file about a leak */
	PL_JOB_OWN,      /* how we are run ourselves */
	PL_JOB_CGROUP,   /* the memory of deep.cgroup */
	PL_JOB_CLEAR,    /* tier 3: begins a window for idle memory */
	PL_JOB_CENSUS,   /* one look at what a process piles up, or the end of it */
};

/* A census under way: lent to the worker for the time of a job, and else the engine's. */
struct pl_census_run {
	struct pl_census_options options;
	double now_s;             /* of the job */
	struct pl_census *census; /* NULL before the first look */
	bool finished;
	struct pl_census_report report; /* then */
};

struct pl_job {
	enum pl_job_kind kind;
	struct pl_ident ident;
	uint32_t process;      /* the engine's index; DEEP and REGIONS; of the cgroup: CGROUP */
	struct pl_grant grant; /* what pays for it; when that is used up it comes back with -EAGAIN */
	bool holds;            /* it needs the target's mmap lock */
	unsigned want;         /* PL_DEEP_...; DEEP only */
	bool want_unit;        /* IDENTIFY: for Auto, which unit it belongs to */
	int32_t ppid;          /* IDENTIFY: handed back, for Children */
	char comm[PL_COMM_SIZE];
	double tick_s;         /* when the tick that asks for it began: CLOCK_MONOTONIC (DEEP),
	                          the engine's clock (REGIONS, CLEAR) */
	uint64_t thread_count; /* REGIONS only */
	bool want_swapping;    /* REGIONS: `swapping` too */
	struct pl_sampled_request sample;  /* REGIONS: by windows, of which so many; 0: by smaps */
	struct pl_state_writer *state;     /* SAVE only; the worker frees it */
	struct pl_evidence_case *evidence; /* EVIDENCE only; likewise */
	bool with_regions;                 /* EVIDENCE: smaps may be read for it once more */
	struct pl_census_run *census;      /* CENSUS only; the engine frees it */

	/* results */
	uint16_t memberships[PL_MEMBERSHIPS_MAX]; /* indices of matches */
	uint16_t membership_count;
	bool memberships_full; /* there were more */
	char unit[PL_UNIT_SIZE];
	struct pl_deep_result deep;               /* of REGIONS the costs alone */
	const struct pl_region_snapshot *regions; /* the thread's: until the next job of this kind */
	double sampled_bytes;                     /* of a sample: anonymous or in swap */
	double window_us;                         /* and what a window took */
	struct pl_own own;                        /* OWN only */
	struct pl_cgroup_reading cgroup;          /* CGROUP only */
	/* CLEAR: as it was known before, if it was; then, and of REGIONS, as it is */
	bool swapping_known;
	uint64_t swapping;
	bool cleared; /* CLEAR: the window has begun */
	int error;
};

struct pl_worker;

/* Borrows everything until pl_worker_free() returns true. Returns NULL when out of memory. */
struct pl_worker *pl_worker_new(const struct pl_procfs *fs, const struct pl_host *host,
                                const struct pl_config *config);

/* Copies the job. Returns false when the queue is full. Starts the thread at the first one. */
bool pl_worker_post(struct pl_worker *worker, const struct pl_job *job);

/*
 * Calls `done` for every finished job, and `stuck` once for every job that is given up: then
 * `hanging` each time as long as its read hangs, and `returned` at its end.
 */
struct pl_worker_callbacks {
	void (*done)(void *ctx, const struct pl_job *job);
	void (*stuck)(void *ctx, const struct pl_job *job);
	void (*hanging)(void *ctx, const struct pl_job *job, double for_s);
	void (*returned)(void *ctx, const struct pl_job *job);
	void *ctx;
};
void pl_worker_collect(struct pl_worker *worker, const struct pl_worker_callbacks *callbacks);

struct pl_worker_status {
	unsigned pending_count; /* queued or under way */
	unsigned stuck_count;   /* threads that hang in a read */
	uint64_t cpu_us_total;
};
void pl_worker_status(struct pl_worker *worker, struct pl_worker_status *out);

/* Waits until nothing is pending. Returns false after `timeout_s`. */
bool pl_worker_wait(struct pl_worker *worker, double timeout_s);

/*
 * Ends the threads; waits `timeout_s` at the most. Returns false when one is stuck: then nothing is
 * freed, and what the worker borrowed must stay.
 */
bool pl_worker_free(struct pl_worker *worker, double timeout_s);

#endif
