/* Tier 3: which memory of a suspect is not touched any more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

/*
 * Windows, in scaled seconds. What is used within ten minutes is in use; what is not is given an
 * hour, for what is read once in a while is in use, too. Readings come in ticks: a window of fewer
 * than two would be told wrong by half.
 */
#define SHORT_WINDOW_S 600.0
#define LONG_WINDOW_S 3600.0
#define LEAST_TICKS 2

/* Real seconds after which it is tried again. */
#define RETRY_S 60.0
#define DENIED_RETRY_S 3600.0

#define KEPT_WINDOWS 3 /* an idle size older than so many windows is not published any more */

static bool is_suspect(const struct pl_engine *engine, const struct pl_process *process)
{
	const struct pl_judge_state *u = &process->track->judged[PL_TRACKED_U];

	return engine->config->idle_of_all || u->verdict >= PL_VERDICT_GROWING ||
	       (u->last.held >> PL_GATE_EFFECT & 1);
}

static const struct pl_settings *settings_of(const struct pl_engine *engine,
                                             const struct pl_process *process)
{
	return engine->groups[process->groups[0]].settings;
}

static bool is_asked_for(const struct pl_engine *engine, const struct pl_process *process)
{
	return process->used && process->alive && process->group_count > 0 &&
	       settings_of(engine, process)->idle_memory &&
	       engine->now.mono_s >= process->quarantine_until_s && is_suspect(engine, process) &&
	       !pl_engine_census_reads(engine, process);
}

static uint64_t swap_of(const struct pl_process *process)
{
	uint64_t swap_bytes = 0;

	(void)pl_values_get(&process->sample.values, PL_M_SWAP, &swap_bytes);
	return swap_bytes;
}

static bool is_too_large(struct pl_engine *engine, const struct pl_process *process)
{
	const double most_bytes = settings_of(engine, process)->idle_max_size_bytes;
	uint64_t rss_bytes;

	/* a size that is not known may be any */
	if (pl_values_get(&process->sample.values, PL_M_RSS, &rss_bytes) &&
	    (double)rss_bytes <= most_bytes)
		return false;
	pl_log_complain(&engine->log, &engine->idle_size_complaint, engine->now.mono_s, PL_LOG_NOTICE,
	                "process %d (%s) is larger than IdleMemoryMaxSize: what of it lies idle is not "
	                "looked at",
	                (int)process->ident.pid, process->comm);
	return true;
}

static double window_s(const struct pl_engine *engine, const struct pl_idle_watch *watch)
{
	const double scaled_s = watch->long_window ? LONG_WINDOW_S : SHORT_WINDOW_S;
	const double wanted_s = scaled_s / engine->config->time_scale;
	const double least_s = LEAST_TICKS * engine->interval_s;

	return wanted_s > least_s ? wanted_s : least_s;
}

void pl_engine_begin_idle(struct pl_process *process)
{
	if (!process->idle)
		return;
	*process->idle = (struct pl_idle_watch){ .cleared_s = -1, .read_s = -1 };
	pl_values_clear(&process->sample.values, PL_M_IDLE);
	pl_values_clear(&process->sample.values, PL_M_IDLE_WINDOW);
}

static struct pl_idle_watch *watch_of(struct pl_process *process)
{
	if (!process->idle) {
		process->idle = malloc(sizeof(*process->idle));
		pl_engine_begin_idle(process);
	}
	return process->idle;
}

bool pl_engine_idle_is_due(const struct pl_engine *engine, const struct pl_process *process)
{
	const struct pl_idle_watch *watch = process->idle;

	/* a hair early, lest a tick that comes early puts it off to the next one */
	return watch && watch->cleared_s >= 0 &&
	       engine->now.mono_s - watch->cleared_s >= 0.99 * window_s(engine, watch);
}

/* Returns false when the budget is spent. */
static bool post(struct pl_engine *engine, size_t index)
{
	struct pl_process *process = engine->processes[index];
	struct pl_idle_watch *watch = process->idle;
	/* it walks the same pages */
	const double cost_us =
		watch->clear_us > 0 ? watch->clear_us : pl_engine_rollup_us(engine, process);
	struct pl_job job = { .kind = PL_JOB_CLEAR,
		                  .ident = process->ident,
		                  .process = (uint32_t)index,
		                  .holds = true,
		                  .tick_s = engine->now.mono_s,
		                  .swapping_known = engine->swapping_known,
		                  .swapping = engine->swapping };

	if (pl_engine_lock_spacing_s(engine, cost_us) < 0) {
		watch->due_s = engine->now.mono_s + RETRY_S; /* too dear for MaxLockTime */
		return true;
	}
	/* rollups, which come more often, must not keep it from its turn */
	watch->awaits_lock = !pl_engine_lock_is_free(engine, process);
	process->lock_awaited |= watch->awaits_lock;
	if (watch->awaits_lock)
		return true;
	if (!pl_budget_take(&engine->budget, cost_us, false, &job.grant))
		return false;
	if (!pl_worker_post(engine->worker, &job)) {
		pl_budget_settle(&engine->budget, &job.grant, 0);
		return false;
	}
	watch->pending = true;
	process->lock_pending = true;
	return true;
}

/* It could not be read in time: for want of budget, or because the process has become too dear. */
static void give_up(const struct pl_engine *engine, struct pl_idle_watch *watch)
{
	const double open_s = engine->now.mono_s - watch->cleared_s;

	if (watch->cleared_s < 0 || open_s < KEPT_WINDOWS * window_s(engine, watch) + RETRY_S)
		return;
	watch->cleared_s = -1;
	watch->due_s = engine->now.mono_s + RETRY_S;
}

/* A window that nobody asks for any more ends unread. */
static bool is_due(struct pl_engine *engine, struct pl_process *process)
{
	struct pl_idle_watch *watch = process->idle;

	if (watch && watch->awaits_lock)
		process->lock_awaited = watch->awaits_lock = false;
	if (!is_asked_for(engine, process)) {
		if (watch)
			watch->cleared_s = -1;
		return false;
	}
	watch = watch_of(process);
	if (!watch)
		return false;
	give_up(engine, watch);
	return !watch->pending && watch->cleared_s < 0 && engine->now.mono_s >= watch->due_s &&
	       !is_too_large(engine, process);
}

void pl_engine_post_idle(struct pl_engine *engine)
{
	const size_t count = engine->process_count;

	for (size_t i = 0; i < count; i++) {
		const size_t at = (engine->idle_cursor + i) % count;

		if (!is_due(engine, engine->processes[at]))
			continue;
		if (!post(engine, at)) {
			pl_engine_defer(engine, engine->processes[at]);
			engine->idle_cursor = at;
			return;
		}
	}
}

static void note_swapping(struct pl_engine *engine, const struct pl_job *job)
{
	if (!job->swapping_known)
		return;
	engine->swapping = job->swapping;
	engine->swapping_known = true;
}

static void complain(struct pl_engine *engine, const struct pl_process *process, int err)
{
	if (err == -EBUSY)
		pl_log_complain(&engine->log, &engine->idle_swap_complaint, engine->now.mono_s,
		                PL_LOG_NOTICE,
		                "the host or process %d (%s) swaps: what lies idle is not looked at",
		                (int)process->ident.pid, process->comm);
	else if (err == -EACCES)
		pl_log_complain(&engine->log, &engine->idle_denied_complaint, engine->now.mono_s,
		                PL_LOG_WARNING,
		                "no permission to write clear_refs of process %d (%s): IdleMemory needs "
		                "CAP_DAC_OVERRIDE for processes of other users",
		                (int)process->ident.pid, process->comm);
	else
		pl_engine_count_error(engine, err);
}

void pl_engine_idle_cleared(struct pl_engine *engine, const struct pl_job *job)
{
	struct pl_process *process = pl_engine_process_of(engine, job);
	const bool was_made = pl_engine_account(engine, process, job);

	note_swapping(engine, job);
	if (!process || !process->idle)
		return;
	struct pl_idle_watch *watch = process->idle;

	watch->pending = false;
	watch->due_s = engine->now.mono_s;
	if (!was_made)
		return;
	if (job->error < 0) {
		watch->due_s +=
			job->error == -EACCES ? DENIED_RETRY_S : RETRY_S / engine->config->time_scale;
		complain(engine, process, job->error);
		return;
	}
	if (!job->cleared)
		return; /* swapping was looked at for the first time */
	pl_log_release(&engine->log, &engine->idle_swap_complaint, PL_LOG_NOTICE,
	               "what lies idle is looked at again: the host does not swap");
	watch->clear_us = pl_engine_walk_us(&job->deep);
	watch->cleared_s = job->tick_s;
	watch->swapping = job->swapping;
	watch->swap_bytes = swap_of(process);
}

void pl_engine_idle_stuck(struct pl_process *process)
{
	if (process && process->idle)
		process->idle->pending = false;
}

/* The judge has seen the readings up to the last one. */
static void choose_window(const struct pl_engine *engine, const struct pl_process *process,
                          struct pl_idle_watch *watch)
{
	watch->long_window |= watch->window_s * engine->config->time_scale < PL_IDLE_TELLING_S &&
	                      pl_track_is_idle(process->track, settings_of(engine, process));
}

void pl_engine_take_idle(struct pl_engine *engine, struct pl_process *process,
                         const struct pl_job *job)
{
	struct pl_idle_watch *watch = process->idle;

	note_swapping(engine, job);
	if (!watch || watch->cleared_s < 0)
		return;
	const double lasted_s = job->tick_s - watch->cleared_s;

	if (lasted_s < 0.99 * window_s(engine, watch))
		return;
	watch->cleared_s = -1;
	watch->due_s = engine->now.mono_s;
	if (job->sample.windows_most > 0) {
		watch->due_s += RETRY_S; /* a sample does not tell what was touched */
		return;
	}
	if (!job->swapping_known || job->swapping != watch->swapping ||
	    swap_of(process) != watch->swap_bytes) {
		watch->due_s += RETRY_S / engine->config->time_scale;
		complain(engine, process, -EBUSY);
		return;
	}
	pl_region_idle_update(&watch->regions, job->regions, lasted_s);
	watch->idle_bytes = pl_region_idle_bytes(job->regions);
	watch->window_s = lasted_s;
	watch->read_s = engine->now.mono_s;
	watch->fresh = true;
	choose_window(engine, process, watch);
}

/* The track takes each reading once; what is published stays for as long as it says something. */
void pl_engine_show_idle(const struct pl_engine *engine, struct pl_process *process, bool to_track)
{
	struct pl_idle_watch *watch = process->idle;
	struct pl_values *values = &process->sample.values;

	if (!watch)
		return;
	pl_values_clear(values, PL_M_IDLE);
	pl_values_clear(values, PL_M_IDLE_WINDOW);
	if (to_track ? !watch->fresh : pl_engine_idle_age_s(engine, process) < 0)
		return;
	watch->fresh &= !to_track;
	pl_values_set(values, PL_M_IDLE, watch->idle_bytes);
	pl_values_set(values, PL_M_IDLE_WINDOW, (uint64_t)(watch->window_s * 1e6));
}

double pl_engine_idle_age_s(const struct pl_engine *engine, const struct pl_process *process)
{
	const struct pl_idle_watch *watch = process->idle;

	if (!watch || watch->read_s < 0)
		return -1;
	const double age_s = engine->now.mono_s - watch->read_s;

	return age_s <= KEPT_WINDOWS * window_s(engine, watch) ? age_s : -1;
}
