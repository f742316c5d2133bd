#include <sched.h>
#include <string.h>

#include "engine/internal.h"

#define LOOK_EVERY_S 30.0
#define STARVED_KEPT_S 300.0 /* after the last time that we were throttled */
#define NICE_SLOW 10

/* Parts of MaxLockTime for which a lock may be held at a time. Who is run late may be stopped for
 * milliseconds in the midst of a walk, and who is out of quota for most of a tenth of a second. */
#define SLOW_PART 4
#define STARVED_PART 20

static const char *const reasons[] = {
	[PL_OWN_FREE] = "",
	[PL_OWN_SLOW] = "we run at a poor priority",
	[PL_OWN_STARVED] = "our control group is throttled, or we run only when the host is idle",
};

double pl_engine_hold_most_us(const struct pl_engine *engine)
{
	const double allowed_us = engine->budget.lock_ms_per_min * 1000;

	if (engine->self.own_state == PL_OWN_STARVED)
		return allowed_us / STARVED_PART;
	return engine->self.own_state == PL_OWN_SLOW ? allowed_us / SLOW_PART : allowed_us;
}

static enum pl_own_state state_of(const struct pl_engine *engine, const struct pl_own *own)
{
	if (own->priority.policy == SCHED_IDLE || engine->now.mono_s < engine->starved_until_s)
		return PL_OWN_STARVED;
	if (own->priority.policy == SCHED_BATCH || own->priority.nice >= NICE_SLOW)
		return PL_OWN_SLOW;
	return PL_OWN_FREE;
}

static void tell(struct pl_engine *engine, enum pl_own_state was)
{
	const enum pl_own_state is = engine->self.own_state;

	if (is == was)
		return;
	if (is == PL_OWN_FREE)
		pl_log_write(&engine->log, PL_LOG_NOTICE, "dear reads are whole again");
	else
		pl_log_write(
			&engine->log, PL_LOG_NOTICE,
			"%s: a process' lock is held for at most %.3g ms at a time, and larger ones are "
			"sampled",
			reasons[is], pl_engine_hold_most_us(engine) / 1000);
}

void pl_engine_take_own(struct pl_engine *engine, const struct pl_own *own)
{
	const struct pl_throttling *before = &engine->own.throttling;
	const enum pl_own_state was = engine->self.own_state;
	const bool comparable = engine->own.has_quota && own->has_quota;

	/* less than before: we were moved to another cgroup */
	if (comparable && own->throttling.count > before->count)
		engine->starved_until_s = engine->now.mono_s + STARVED_KEPT_S / engine->config->time_scale;
	if (comparable && own->throttling.us > before->us)
		engine->self.throttled_us_total += own->throttling.us - before->us;
	engine->own = *own;
	engine->self.own_state = state_of(engine, own);
	tell(engine, was);
}

void pl_engine_look_at_own(struct pl_engine *engine)
{
	const struct pl_job job = { .kind = PL_JOB_OWN };

	if (engine->now.mono_s < engine->own_due_s)
		return;
	if (pl_worker_post(engine->worker, &job))
		engine->own_due_s = engine->now.mono_s + LOOK_EVERY_S / engine->config->time_scale;
}
