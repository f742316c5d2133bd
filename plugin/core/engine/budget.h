/*
 * What dear reads may cost: a token bucket of CPU time, and a spacing by lock time for each
 * process. Arithmetic only.
 */
#ifndef PL_ENGINE_BUDGET_H
#define PL_ENGINE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct pl_budget {
	double percent; /* of one CPU */
	double lock_ms_per_min;
	double tokens_us;
	double filled_s; /* when tokens were last added */
};

/* Starts with ten seconds' worth, so that the first tick sees the most. */
void pl_budget_init(struct pl_budget *budget, double percent, double lock_ms_per_min, double now_s);

/* Adds what has accrued; at most a minute's worth is kept. */
void pl_budget_fill(struct pl_budget *budget, double now_s);

/* Takes `cost_us` if there is enough, or if the bucket is full and could never hold more. */
bool pl_budget_take(struct pl_budget *budget, double cost_us);

/* Corrects a prediction by what was measured. */
void pl_budget_settle(struct pl_budget *budget, double predicted_us, double actual_us);

/* Seconds that must pass between two reads that hold a lock for `lock_us` each; below 0: a single
 * one is already over what a minute may hold. */
double pl_budget_spacing_s(const struct pl_budget *budget, double lock_us);

#endif
