/*
 * With what a growth came that no run of a program is long enough to show: each run summed up, and
 * the runs compared.
 *
 * Knows counts that were held at the end of a run and flows that it added up; refuses, as
 * attribution.h does, to guess between what the data cannot tell apart. Pure.
 */
#ifndef PL_EXPLAIN_RUNS_H
#define PL_EXPLAIN_RUNS_H

#include "explain/attribution.h"
#include "judge/judge.h"

/* What came with the growth of one run. */
struct pl_run_drivers {
	uint32_t known; /* bit per driver */
	/* By how much each rose, or added up, while the run grew by what struct pl_run says: in the
	 * unit of the series. */
	float amount[PL_DRIVER_COUNT];
};

/* Sums up what else was counted while a run lasted, beside what pl_judge_run() made of it. */
void pl_explain_run(const struct pl_history *history, const struct pl_run *run,
                    struct pl_run_drivers *out);

/* With what the growth of `n` runs came, oldest first or not. */
void pl_explain_runs(const struct pl_run *runs, const struct pl_run_drivers *drivers, size_t n,
                     struct pl_attribution *out);

#endif
