/*
 * What dear reads may cost: CPU time by the minute, a share of it for routine reads, and a spacing
 * by lock time for each process. Arithmetic only.
 *
 * Over any minute no more is spent than DeepReadBudget allows, and at the most one read more: a
 * read is granted when what was spent in the last minute, what is under way and its own predicted
 * cost fit; one that is larger than what is ever saved up waits until its bucket is full and then
 * leaves it in debt. Who reads must keep to pl_grant.stop_us, for predictions err.
 */
#ifndef PL_ENGINE_BUDGET_H
#define PL_ENGINE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define PL_BUDGET_MINUTE_S 60

/* Routine reads are those of processes that nothing speaks against. A quarter of the budget is
 * theirs when they need it, however much the others would like to read. */
enum pl_budget_part { PL_BUDGET_URGENT, PL_BUDGET_ROUTINE, PL_BUDGET_PARTS };

#define PL_BUDGET_RING 64

/* What the reads of one tick have cost, or those of the ticks of one second. */
struct pl_spending {
	double from_s;
	double at_s; /* the last of them */
	double us;
};

struct pl_budget {
	double percent; /* of one CPU */
	double lock_ms_per_min;
	double routine_percent;            /* no more than that is for routine reads */
	double routine_us;                 /* of which so much has accrued */
	double tokens_us[PL_BUDGET_PARTS]; /* saved up */
	double filled_s;                   /* when tokens were last added */
	double pending_us;                 /* predicted cost of reads under way */
	double awaited_us;                 /* for a read that waits: the others leave so much */
	double spent_us_total;
	uint32_t newest; /* entry of the ring below */
	struct pl_spending spendings[PL_BUDGET_RING];
};

/* A read that is paid for; travels with it. Zeros: it costs nothing. */
struct pl_grant {
	double predicted_us; /* what was taken */
	double taken_s;
	double stop_us; /* once reads have cost so much in all (spent_us_total), it must not begin */
	bool routine;
	uint8_t payer; /* enum pl_budget_part */
};

/* Starts with ten seconds' worth, so that the first tick sees the most. */
void pl_budget_init(struct pl_budget *budget, double percent, double lock_ms_per_min, double now_s);

/* Adds what has accrued since the last call: ten seconds' worth is kept, or that of one call. */
void pl_budget_fill(struct pl_budget *budget, double now_s);

/* Says what routine reads need: percent of one CPU. */
void pl_budget_set_routine(struct pl_budget *budget, double percent);

/* Takes `cost_us`, at the time of the last fill. Returns false, and leaves *out alone, when the
 * read must wait. */
bool pl_budget_take(struct pl_budget *budget, double cost_us, bool routine, struct pl_grant *out);

/* Lets the others, but for routine reads, leave so much to a read that was refused: smaller ones
 * that come at every tick would keep it waiting for ever. It takes this back, by 0, before it asks
 * again. */
void pl_budget_await(struct pl_budget *budget, double cost_us);

/* Says what a read did cost: 0 when it was not made. Each grant is settled once. */
void pl_budget_settle(struct pl_budget *budget, const struct pl_grant *grant, double actual_us);

/* What reads have cost over the last minute. */
double pl_budget_spent_us(const struct pl_budget *budget);

/* Seconds that must pass between two reads that hold a lock for `lock_us` each; below 0: a single
 * one is already over what a minute may hold. */
double pl_budget_spacing_s(const struct pl_budget *budget, double lock_us);

/* Seconds that must pass after a lock was held for `lock_us`, however long that was. */
double pl_budget_rest_s(const struct pl_budget *budget, double lock_us);

#endif
