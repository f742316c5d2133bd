#include <errno.h>

#include "engine/internal.h"

bool pl_engine_lock_is_free(const struct pl_engine *engine, const struct pl_process *process)
{
	return !process->lock_pending && engine->now.mono_s >= process->lock_free_s;
}

double pl_engine_lock_spacing_s(const struct pl_engine *engine, double lock_us)
{
	if (lock_us > pl_engine_hold_most_us(engine))
		return -1;
	return pl_budget_spacing_s(&engine->budget, lock_us);
}

static uint64_t longest_us(const struct pl_deep_result *deep)
{
	return deep->longest_us > 0 ? deep->longest_us : deep->lock_us;
}

static void add_cost(struct pl_read_cost *sum, const struct pl_deep_result *deep)
{
	sum->read_count++;
	sum->cpu_us_total += deep->cpu_us;
	sum->lock_us_total += deep->lock_us;
	if (longest_us(deep) > sum->longest_us)
		sum->longest_us = longest_us(deep) < UINT32_MAX ? (uint32_t)longest_us(deep) : UINT32_MAX;
}

static void add_to_self(struct pl_self *self, const struct pl_deep_result *deep)
{
	const double hold_ms = (double)longest_us(deep) / 1000;

	self->deep_reads_total++;
	self->lock_us_total += deep->lock_us;
	if (hold_ms > self->longest_hold_ms)
		self->longest_hold_ms = hold_ms;
}

/* Each hold is paid off before the next one begins, so a minute has room for MaxLockTime and the
 * last of them. */
static void pay_off(const struct pl_engine *engine, struct pl_process *process,
                    const struct pl_job *job)
{
	const double free_s =
		job->grant.taken_s + pl_budget_rest_s(&engine->budget, (double)job->deep.lock_us);

	if (free_s > process->lock_free_s)
		process->lock_free_s = free_s;
}

bool pl_engine_account(struct pl_engine *engine, struct pl_process *process,
                       const struct pl_job *job)
{
	if (process && job->holds)
		process->lock_pending = false;
	pl_budget_settle(&engine->budget, &job->grant, (double)job->deep.cpu_us);
	if (job->error == -EAGAIN) {
		pl_engine_defer(engine, process);
		return false;
	}
	add_to_self(&engine->self, &job->deep);
	if (!process)
		return true;
	add_cost(&process->cost, &job->deep);
	for (uint16_t i = 0; i < process->group_count; i++)
		add_cost(&engine->groups[process->groups[i]].cost, &job->deep);
	pay_off(engine, process, job);
	return true;
}

void pl_engine_account_stuck(struct pl_engine *engine, struct pl_process *process,
                             const struct pl_job *job)
{
	pl_budget_settle(&engine->budget, &job->grant, job->grant.predicted_us);
	if (process && job->holds)
		process->lock_pending = false;
}

void pl_engine_degrade(struct pl_engine *engine, struct pl_process *process)
{
	engine->self.degraded_total++;
	process->cost.degraded_count++;
	for (uint16_t i = 0; i < process->group_count; i++)
		engine->groups[process->groups[i]].cost.degraded_count++;
}

double pl_engine_walk_us(const struct pl_deep_result *deep)
{
	return (double)(deep->cpu_us < deep->lock_us ? deep->cpu_us : deep->lock_us);
}

void pl_engine_defer(struct pl_engine *engine, struct pl_process *process)
{
	engine->self.deferred_total++;
	if (!process)
		return;
	process->cost.deferred_count++;
	for (uint16_t i = 0; i < process->group_count; i++)
		engine->groups[process->groups[i]].cost.deferred_count++;
}
