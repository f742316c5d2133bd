#include "engine/budget.h"

#define FIRST_S 10.0
#define KEPT_S 10.0
#define ROUTINE_SHARE 0.25
#define RING PL_BUDGET_RING
#define SECOND_S 0.95                       /* RING of them are a minute */
#define MINUTE_S (PL_BUDGET_MINUTE_S - 0.5) /* ticks of a minute come a little early, too */

static double us_of(double percent, double seconds)
{
	return seconds * 1e6 * percent / 100;
}

static double lesser(double a, double b)
{
	return a < b ? a : b;
}

static double share_percent(const struct pl_budget *budget, enum pl_budget_part part)
{
	const double routine = lesser(budget->routine_percent, budget->percent * ROUTINE_SHARE);

	return part == PL_BUDGET_ROUTINE ? routine : budget->percent - routine;
}

void pl_budget_init(struct pl_budget *budget, double percent, double lock_ms_per_min, double now_s)
{
	*budget = (struct pl_budget){ .percent = percent,
		                          .lock_ms_per_min = lock_ms_per_min,
		                          .filled_s = now_s };
	budget->spendings[0] = (struct pl_spending){ .from_s = now_s, .at_s = now_s };
	budget->tokens_us[PL_BUDGET_URGENT] = us_of(percent, FIRST_S);
}

/* Opens an entry for this tick, if the last one is not of this very second. */
static void turn(struct pl_budget *budget, double now_s)
{
	struct pl_spending *newest = &budget->spendings[budget->newest];

	if (now_s >= newest->from_s && now_s - newest->from_s < SECOND_S) {
		newest->at_s = now_s;
		return;
	}
	budget->newest = (budget->newest + 1) % RING;
	budget->spendings[budget->newest] = (struct pl_spending){ .from_s = now_s, .at_s = now_s };
}

void pl_budget_fill(struct pl_budget *budget, double now_s)
{
	const double passed_s = now_s > budget->filled_s ? now_s - budget->filled_s : 0;
	const double kept_s = lesser(passed_s > KEPT_S ? passed_s : KEPT_S, PL_BUDGET_MINUTE_S);
	double *tokens_us = budget->tokens_us;

	for (int part = 0; part < PL_BUDGET_PARTS; part++)
		tokens_us[part] += us_of(share_percent(budget, (enum pl_budget_part)part), passed_s);
	budget->routine_us += us_of(budget->routine_percent, passed_s);
	budget->filled_s = now_s;
	turn(budget, now_s);

	/* what routine reads leave is the others' */
	const double routine_most_us = us_of(share_percent(budget, PL_BUDGET_ROUTINE), kept_s);

	if (tokens_us[PL_BUDGET_ROUTINE] > routine_most_us) {
		tokens_us[PL_BUDGET_URGENT] += tokens_us[PL_BUDGET_ROUTINE] - routine_most_us;
		tokens_us[PL_BUDGET_ROUTINE] = routine_most_us;
	}
	budget->tokens_us[PL_BUDGET_URGENT] =
		lesser(budget->tokens_us[PL_BUDGET_URGENT], us_of(budget->percent, kept_s));
	budget->routine_us =
		lesser(budget->routine_us, us_of(budget->routine_percent, PL_BUDGET_MINUTE_S));
}

void pl_budget_set_routine(struct pl_budget *budget, double percent)
{
	budget->routine_percent = lesser(percent, budget->percent);
}

double pl_budget_spent_us(const struct pl_budget *budget)
{
	double sum_us = 0;

	for (int i = 0; i < RING; i++) {
		const double age_s = budget->filled_s - budget->spendings[i].at_s;

		if (age_s >= 0 && age_s < MINUTE_S)
			sum_us += budget->spendings[i].us;
	}
	return sum_us;
}

void pl_budget_await(struct pl_budget *budget, double cost_us)
{
	budget->awaited_us = cost_us;
}

/* What waits cannot ask for more than is ever saved up. */
static double awaited_us(const struct pl_budget *budget, enum pl_budget_part part)
{
	return part == PL_BUDGET_URGENT
	           ? lesser(budget->awaited_us, us_of(share_percent(budget, part), KEPT_S))
	           : 0;
}

/* Enough was saved up, or more than is ever saved up is asked for and all of that is there. */
static bool has_saved(const struct pl_budget *budget, enum pl_budget_part part, double cost_us)
{
	const double full_us = us_of(share_percent(budget, part), KEPT_S);
	const double saved_us = budget->tokens_us[part] - awaited_us(budget, part);

	return saved_us >= lesser(cost_us, full_us) && saved_us > 0;
}

/* What is larger than a part ever saves may exceed the minute, for it would never fit. */
static bool fits_minute(const struct pl_budget *budget, enum pl_budget_part part, double cost_us)
{
	const double full_us = us_of(share_percent(budget, part), KEPT_S);
	const double reserved_us = budget->tokens_us[PL_BUDGET_ROUTINE];
	double left_us = us_of(budget->percent, PL_BUDGET_MINUTE_S) - pl_budget_spent_us(budget) -
	                 budget->pending_us - awaited_us(budget, part);

	/* what routine reads have saved up, they find room for */
	if (part == PL_BUDGET_URGENT && reserved_us > 0)
		left_us -= reserved_us;
	return cost_us > full_us ? left_us > 0 : left_us >= cost_us;
}

static bool can_pay(const struct pl_budget *budget, enum pl_budget_part part, double cost_us)
{
	return has_saved(budget, part, cost_us) && fits_minute(budget, part, cost_us);
}

bool pl_budget_take(struct pl_budget *budget, double cost_us, bool routine, struct pl_grant *out)
{
	enum pl_budget_part payer = routine ? PL_BUDGET_ROUTINE : PL_BUDGET_URGENT;
	const double routine_most_us = us_of(budget->routine_percent, PL_BUDGET_MINUTE_S);

	if (budget->percent <= 0)
		return false;
	if (routine && budget->routine_us < lesser(cost_us, routine_most_us))
		return false;
	/* what the others left over pays for routine reads, too */
	if (routine && !can_pay(budget, payer, cost_us))
		payer = PL_BUDGET_URGENT;
	if (!can_pay(budget, payer, cost_us))
		return false;
	budget->tokens_us[payer] -= cost_us;
	budget->routine_us -= routine ? cost_us : 0;
	budget->pending_us += cost_us;
	*out = (struct pl_grant){
		.predicted_us = cost_us,
		.taken_s = budget->filled_s,
		.stop_us = budget->spent_us_total + us_of(budget->percent, PL_BUDGET_MINUTE_S) -
		           pl_budget_spent_us(budget),
		.routine = routine,
		.payer = (uint8_t)payer,
	};
	return true;
}

/* The entry of the tick in which it was granted; of one that hung for longer, the newest. */
static struct pl_spending *spending_of(struct pl_budget *budget, const struct pl_grant *grant)
{
	for (uint32_t i = 0; i < RING; i++) {
		struct pl_spending *spending = &budget->spendings[(budget->newest + RING - i) % RING];

		if (grant->taken_s >= spending->from_s && grant->taken_s <= spending->at_s)
			return spending;
	}
	return &budget->spendings[budget->newest];
}

void pl_budget_settle(struct pl_budget *budget, const struct pl_grant *grant, double actual_us)
{
	budget->pending_us -= lesser(grant->predicted_us, budget->pending_us);
	budget->tokens_us[grant->payer] -= actual_us - grant->predicted_us;
	budget->routine_us -= grant->routine ? actual_us - grant->predicted_us : 0;
	spending_of(budget, grant)->us += actual_us;
	budget->spent_us_total += actual_us;
}

double pl_budget_spacing_s(const struct pl_budget *budget, double lock_us)
{
	if (lock_us > budget->lock_ms_per_min * 1000)
		return -1;
	return pl_budget_rest_s(budget, lock_us);
}

double pl_budget_rest_s(const struct pl_budget *budget, double lock_us)
{
	const double most_us = budget->lock_ms_per_min * 1000;

	return most_us > 0 ? PL_BUDGET_MINUTE_S * lock_us / most_us : 0;
}
