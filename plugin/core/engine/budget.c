#include "engine/budget.h"

#define FIRST_S 10.0
#define KEPT_S 60.0

static double tokens_of_us(const struct pl_budget *budget, double seconds)
{
	return seconds * 1e6 * budget->percent / 100;
}

void pl_budget_init(struct pl_budget *budget, double percent, double lock_ms_per_min, double now_s)
{
	*budget = (struct pl_budget){ .percent = percent,
		                          .lock_ms_per_min = lock_ms_per_min,
		                          .filled_s = now_s };
	budget->tokens_us = tokens_of_us(budget, FIRST_S);
}

void pl_budget_fill(struct pl_budget *budget, double now_s)
{
	const double most_us = tokens_of_us(budget, KEPT_S);

	if (now_s > budget->filled_s)
		budget->tokens_us += tokens_of_us(budget, now_s - budget->filled_s);
	budget->filled_s = now_s;
	if (budget->tokens_us > most_us)
		budget->tokens_us = most_us;
}

bool pl_budget_take(struct pl_budget *budget, double cost_us)
{
	if (budget->percent <= 0)
		return false;
	if (budget->tokens_us < cost_us && budget->tokens_us < tokens_of_us(budget, KEPT_S))
		return false;
	budget->tokens_us -= cost_us;
	return true;
}

void pl_budget_settle(struct pl_budget *budget, double predicted_us, double actual_us)
{
	budget->tokens_us -= actual_us - predicted_us;
}

double pl_budget_spacing_s(const struct pl_budget *budget, double lock_us)
{
	const double most_us = budget->lock_ms_per_min * 1000;

	if (lock_us > most_us)
		return -1;
	return most_us > 0 ? 60 * lock_us / most_us : 0;
}
