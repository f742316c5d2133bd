#include <errno.h>
#include <stdlib.h>

#include "engine/internal.h"

/* Times in scaled seconds. */
#define FIRST_AGE_S 60.0      /* a baseline of a program's start would make all of it growth */
#define GROWING_EVERY_S 600.0 /* a process that grows */
#define STEADY_EVERY_S 3600.0 /* the others */
#define STALE_S (3 * STEADY_EVERY_S)
#define RETRY_S 60.0 /* after a failure */

/* smaps on top of a rollup's page walk, for mappings whose number is not known yet. */
#define FIRST_US 500.0
#define OVER_ROLLUP 1.3

void pl_engine_begin_regions(struct pl_engine *engine, struct pl_process *process)
{
	const double age_s = process->first_age_s > 0 ? process->first_age_s : 0;
	const double wait_s = FIRST_AGE_S / engine->config->time_scale - age_s;

	process->regions_due_s = engine->now.mono_s + (wait_s > 0 ? wait_s : 0);
	process->regions_verdict = PL_VERDICT_LEARNING;
	process->regions_us = 0;
	if (process->ledger)
		*process->ledger = (struct pl_ledger){ 0 };
}

void pl_engine_restore_regions(struct pl_engine *engine, struct pl_process *process,
                               const struct pl_ledger *ledger)
{
	/* the file may be anybody's: what indexes must be within bounds */
	if (ledger->reading_count == 0 || ledger->place_count > PL_LEDGER_PLACES)
		return;
	if (!process->ledger)
		process->ledger = malloc(sizeof(*process->ledger));
	if (!process->ledger)
		return;
	*process->ledger = *ledger;
	process->regions_s = ledger->now.time_s;
	process->regions_verdict = process->verdict;
	process->regions_due_s = engine->now.mono_s;
}

double pl_engine_regions_us(const struct pl_engine *engine, const struct pl_process *process)
{
	const double rollup_us = pl_engine_rollup_us(engine, process);

	if (process->regions_us > 0)
		return process->regions_us > rollup_us ? process->regions_us : rollup_us;
	return FIRST_US + OVER_ROLLUP * rollup_us;
}

/* What Auto found costs a pulse until it grows. */
static bool is_wanted(const struct pl_engine *engine, const struct pl_process *process)
{
	if (process->verdict >= PL_VERDICT_GROWING)
		return true;
	for (uint16_t i = 0; i < process->group_count; i++) {
		const struct pl_group *group = &engine->groups[process->groups[i]];

		if (group->match && (group->collect->memory || group->collect->verdict))
			return true;
	}
	return false;
}

static bool is_due(const struct pl_engine *engine, const struct pl_process *process)
{
	if (!process->used || process->regions_pending || process->group_count == 0 ||
	    engine->now.mono_s < process->quarantine_until_s)
		return false;
	/* a new rung is worth a look before its time */
	return engine->now.mono_s >= process->regions_due_s ||
	       (process->verdict > process->regions_verdict && process->verdict >= PL_VERDICT_GROWING);
}

/* Returns false when the budget is spent. */
static bool post(struct pl_engine *engine, size_t index)
{
	struct pl_process *process = engine->processes[index];
	const double cost_us = pl_engine_regions_us(engine, process);
	const double spacing_s = pl_engine_lock_spacing_s(engine, cost_us);
	const bool grows = process->verdict >= PL_VERDICT_GROWING;
	/* the first reading is what all later ones are compared with */
	const bool routine = !grows && process->ledger && process->ledger->reading_count > 0;
	double every_s = (grows ? GROWING_EVERY_S : STEADY_EVERY_S) / engine->config->time_scale;
	struct pl_job job = {
		.kind = PL_JOB_REGIONS, .ident = process->ident, .process = (uint32_t)index, .holds = true
	};

	/* rollups, which come more often, must not keep it from its turn */
	process->lock_awaited = spacing_s >= 0 && !pl_engine_lock_is_free(engine, process);
	if (process->lock_awaited)
		return true;
	process->regions_due_s = engine->now.mono_s + every_s;
	process->regions_verdict = process->verdict;
	if (spacing_s < 0)
		return true; /* too dear for MaxLockTime */
	if (!pl_budget_take(&engine->budget, cost_us, routine, &job.grant)) {
		process->regions_due_s = engine->now.mono_s;
		return false;
	}
	(void)pl_values_get(&process->sample.values, PL_M_THREADS, &job.thread_count);
	if (!pl_worker_post(engine->worker, &job)) {
		pl_budget_settle(&engine->budget, &job.grant, 0);
		process->regions_due_s = engine->now.mono_s;
		return false;
	}
	engine->regions_busy = true;
	process->regions_pending = true;
	process->lock_pending = true;
	return true;
}

void pl_engine_post_regions(struct pl_engine *engine)
{
	const size_t count = engine->process_count;

	for (size_t i = 0; i < count && !engine->regions_busy; i++) {
		const size_t at = (engine->regions_cursor + i) % count;

		if (!is_due(engine, engine->processes[at]) || !is_wanted(engine, engine->processes[at]))
			continue;
		if (!post(engine, at)) {
			pl_engine_defer(engine, engine->processes[at]);
			return;
		}
		engine->regions_cursor = at + 1;
	}
}

static void take_over(struct pl_engine *engine, struct pl_process *process,
                      const struct pl_region_snapshot *snapshot)
{
	uint64_t cpu_us = 0;

	if (!process->ledger)
		process->ledger = calloc(1, sizeof(*process->ledger));
	if (!process->ledger)
		return;
	(void)pl_values_get(&process->sample.values, PL_M_CPU, &cpu_us);
	pl_ledger_update(process->ledger, snapshot, engine->now.mono_s, cpu_us);
	pl_track_set_places(process->track, process->ledger);
	process->regions_s = engine->now.mono_s;
	process->regions_tick = engine->tick;
	pl_values_set(&process->sample.values, PL_M_HEAP,
	              process->ledger->resident_bytes[PL_REGION_HEAP]);
	pl_values_set(&process->sample.values, PL_M_MAPS, snapshot->mapping_count);
}

void pl_engine_regions_done(struct pl_engine *engine, const struct pl_job *job)
{
	struct pl_process *process = pl_engine_process_of(engine, job);
	const bool was_made = pl_engine_account(engine, process, job);

	engine->regions_busy = false;
	if (!process)
		return;
	process->regions_pending = false;
	if (!was_made) {
		process->regions_due_s = engine->now.mono_s;
		return;
	}
	process->regions_us = pl_engine_walk_us(&job->deep);
	if (job->error == 0) {
		take_over(engine, process, job->regions);
		return;
	}
	process->regions_due_s = engine->now.mono_s + RETRY_S;
	pl_engine_count_error(engine, job->error);
	if (job->error == -EACCES)
		pl_engine_complain_of_denied(engine, process);
}

void pl_engine_regions_stuck(struct pl_engine *engine, struct pl_process *process)
{
	engine->regions_busy = false;
	if (process)
		process->regions_pending = false;
}

static bool is_recent(const struct pl_engine *engine, const struct pl_process *process)
{
	if (!process->ledger || process->ledger->reading_count == 0)
		return false;
	return (engine->now.mono_s - process->regions_s) * engine->config->time_scale < STALE_S;
}

bool pl_engine_region_bytes(const struct pl_engine *engine, const struct pl_process *process,
                            struct pl_region_bytes *out)
{
	const struct pl_ledger *ledger = process->ledger;

	if (!is_recent(engine, process))
		return false;
	out->age_s = engine->now.mono_s - process->regions_s;
	out->seen = ledger->seen;
	for (size_t i = 0; i < PL_REGION_COUNT; i++)
		out->bytes[i] = ledger->resident_bytes[i];
	out->swap_bytes = ledger->swap_bytes;
	return true;
}

static void add_bytes(struct pl_region_bytes *sum, const uint64_t *bytes)
{
	for (size_t i = 0; i < PL_REGION_COUNT; i++)
		sum->bytes[i] += bytes[i];
}

void pl_engine_add_regions(const struct pl_engine *engine, struct pl_group *group,
                           const struct pl_process *process)
{
	const struct pl_ledger *ledger = process->ledger;
	struct pl_region_bytes *sum = &group->regions;

	if (!is_recent(engine, process))
		return;
	const double age_s = engine->now.mono_s - process->regions_s;

	/* one alone shares nothing within its match; of several, shared pages count once */
	if (group->member_count > 1)
		add_bytes(sum, ledger->pss_bytes);
	else
		add_bytes(sum, ledger->resident_bytes);
	if (group->regions_have++ == 0 || age_s > sum->age_s)
		sum->age_s = age_s;
	sum->seen |= ledger->seen;
	sum->swap_bytes += ledger->swap_bytes;
}
