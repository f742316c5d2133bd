#include <errno.h>
#include <string.h>

#include "engine/internal.h"

#define LIMITS_EVERY_S 60.0
#define DEEP_STALE_S 600.0 /* dear values older than this are absent again */
#define DEEP_IDLE_S 240.0  /* a process in which nothing happens is read so often all the same */
#define QUIET_MAX 5        /* pulses in a row that may leave status unread */
#define QUARANTINE_S 60.0  /* after the first hanging read; doubles up to an hour */
#define QUARANTINE_MAX_S 3600.0

/* Costs measured on Linux 6.18; each process' own measured cost replaces them. */
#define ROLLUP_US 20.0
#define ROLLUP_US_PER_MIB 2.0
#define FD_US 2.4
#define REST_US 60.0

static bool has_exec_changed(const struct pl_process *process, const struct pl_stat *stat)
{
	return process->start_code != 0 && stat->start_code != process->start_code;
}

static void count_in_groups(struct pl_engine *engine, struct pl_process *process,
                            const struct pl_values *after)
{
	/* what a process that was born since the last tick has counted is all news */
	const bool newborn = !process->counted && process->first_tick > 1 &&
	                     process->first_age_s >= 0 && process->first_tick == engine->tick &&
	                     process->first_age_s <= engine->interval_s;

	for (uint16_t i = 0; i < process->group_count; i++)
		pl_group_count(&engine->groups[process->groups[i]].counters, &process->sample.values, after,
		               newborn);
	process->counted = true;
}

static void take_time(const struct pl_engine *engine, struct pl_process *process)
{
	process->sample.time = engine->now;
	process->sample.age_s = process->first_age_s < 0
	                            ? -1
	                            : process->first_age_s + engine->now.mono_s - process->first_s;
}

static void take_over(struct pl_engine *engine, struct pl_process *process,
                      const struct pl_sample *pulse)
{
	count_in_groups(engine, process, &pulse->values);
	/* a metric of the pulse that is gone now must not live on from the last one */
	for (size_t i = 0; i < PL_METRIC_COUNT; i++)
		if (pl_metric_info((enum pl_metric)i)->tier == PL_TIER_PULSE && i != PL_M_FDS)
			pl_values_clear(&process->sample.values, (enum pl_metric)i);
	if (process->regions_tick != engine->tick) {
		pl_values_clear(&process->sample.values, PL_M_HEAP);
		pl_values_clear(&process->sample.values, PL_M_MAPS);
	}
	pl_values_merge(&process->sample.values, &pulse->values);
	process->sample.ident = pulse->ident;
	take_time(engine, process);
}

void pl_engine_count_error(struct pl_engine *engine, int err)
{
	if (err == -ESRCH)
		engine->self.gone_total++;
	else if (err == -EACCES)
		engine->self.denied_total++;
	else
		engine->self.failed_total++;
}

static void forget_deep(struct pl_process *process)
{
	for (size_t i = 0; i < PL_METRIC_COUNT; i++)
		if (pl_metric_info((enum pl_metric)i)->tier != PL_TIER_PULSE)
			pl_values_clear(&process->sample.values, (enum pl_metric)i);
	process->deep_known = false;
}

/* Another program in the same process: nothing of the old one holds. */
static void begin_anew(struct pl_engine *engine, struct pl_process *process)
{
	pl_engine_end_track(engine, process);
	(void)pl_engine_begin_track(engine, process);
	pl_engine_begin_regions(engine, process);
	memset(&process->sample, 0, sizeof(process->sample));
	process->deep_known = false;
	process->counted = false;
	process->first_age_s = 0;
	process->first_s = engine->now.mono_s;
}

static void keep_mark(struct pl_engine *engine, struct pl_process *process,
                      const struct pl_pulse_mark *mark)
{
	if (!process->marked || !pl_pulse_is_quiet(&process->mark, mark))
		process->busy_s = engine->now.mono_s;
	process->mark = *mark;
	process->marked = true;
}

static void pulse(struct pl_engine *engine, struct pl_process *process)
{
	const bool may_be_quiet =
		process->marked && process->alive && process->counted && process->quiet_count < QUIET_MAX;
	struct pl_sample sample = { 0 };
	struct pl_pulse_mark mark;
	const int err = pl_sample_pulse(&engine->fs, &engine->host, process->ident,
	                                may_be_quiet ? &process->mark : NULL, &sample, &mark);

	process->alive = err >= 0;
	if (err < 0) {
		pl_engine_count_error(engine, err);
		return;
	}
	if (process->deep_known && engine->now.mono_s - process->deep_s > DEEP_STALE_S)
		forget_deep(process);
	if (has_exec_changed(process, &mark.stat))
		begin_anew(engine, process);
	process->start_code = mark.stat.start_code;
	process->quiet_count = err > 0 ? (uint8_t)(process->quiet_count + 1) : 0;
	if (err > 0)
		take_time(engine, process);
	else
		take_over(engine, process, &sample);
	keep_mark(engine, process, &mark);
	if (memcmp(process->comm, mark.stat.comm, sizeof(process->comm)) != 0) {
		memcpy(process->comm, mark.stat.comm, sizeof(process->comm));
		pl_engine_look_again(engine, process->ident.pid);
	}
}

void pl_engine_pulse_all(struct pl_engine *engine)
{
	for (size_t i = 0; i < engine->process_count; i++)
		if (engine->processes[i]->used)
			pulse(engine, engine->processes[i]);
}

double pl_engine_rollup_us(const struct pl_process *process)
{
	uint64_t rss_bytes = 0;

	if (process->lock_us > 0)
		return process->lock_us;
	(void)pl_values_get(&process->sample.values, PL_M_RSS, &rss_bytes);
	return ROLLUP_US + ROLLUP_US_PER_MIB * (double)rss_bytes / (1 << 20);
}

static double predict_us(const struct pl_process *process)
{
	uint64_t fd_count = 0;

	if (process->cost_us > 0)
		return process->cost_us;
	(void)pl_values_get(&process->sample.values, PL_M_FDS, &fd_count);
	return pl_engine_rollup_us(process) + FD_US * (double)fd_count + REST_US;
}

/* Which groups of metrics any of the process' matches asks for. */
static unsigned wanted_of(const struct pl_engine *engine, const struct pl_process *process)
{
	unsigned want = 0;

	for (uint16_t i = 0; i < process->group_count; i++) {
		const struct pl_group *group = &engine->groups[process->groups[i]];
		const struct pl_collect *collect = group->collect;

		/* what Auto found costs a pulse until it grows */
		want |= collect->limits || collect->verdict ? PL_DEEP_LIMITS : 0;
		if (!group->match && process->verdict < PL_VERDICT_GROWING)
			continue;
		want |= collect->rollup ? PL_DEEP_ROLLUP : 0;
		want |= collect->io ? PL_DEEP_IO : 0;
		want |= collect->fds || collect->connections ? PL_DEEP_FDS : 0;
	}
	if (process->limits_s >= 0 && engine->now.mono_s - process->limits_s < LIMITS_EVERY_S)
		want &= ~PL_DEEP_LIMITS;
	if (process->deep_known && process->busy_s < process->deep_s &&
	    engine->now.mono_s - process->deep_s < DEEP_IDLE_S)
		return 0;
	if (process->too_dear || engine->now.mono_s < process->next_rollup_s)
		want &= ~PL_DEEP_ROLLUP;
	return want;
}

/* Returns false when the queue is full or the budget is spent. */
static bool post_one(struct pl_engine *engine, uint32_t index, double tick_s)
{
	struct pl_process *process = engine->processes[index];
	struct pl_job job = {
		.kind = PL_JOB_DEEP, .ident = process->ident, .process = index, .tick_s = tick_s
	};

	process->too_dear = pl_budget_spacing_s(&engine->budget, pl_engine_rollup_us(process)) < 0;
	job.want = wanted_of(engine, process);
	if (job.want == 0)
		return true;
	process->predicted_us = predict_us(process);
	if (!pl_budget_take(&engine->budget, process->predicted_us))
		return false;
	if (!pl_worker_post(engine->worker, &job)) {
		pl_budget_settle(&engine->budget, process->predicted_us, 0);
		return false;
	}
	process->deep_pending = true;
	if (job.want & PL_DEEP_LIMITS)
		process->limits_s = engine->now.mono_s;
	if (job.want & PL_DEEP_ROLLUP)
		process->next_rollup_s =
			engine->now.mono_s + pl_budget_spacing_s(&engine->budget, pl_engine_rollup_us(process));
	return true;
}

static bool may_read_deep(const struct pl_engine *engine, const struct pl_process *process)
{
	return process->used && !process->deep_pending && process->group_count > 0 &&
	       engine->now.mono_s >= process->quarantine_until_s;
}

/* Newcomers first, then everyone in turn from where the budget ended last time. */
void pl_engine_post_deep(struct pl_engine *engine)
{
	const size_t count = engine->process_count;
	/* not engine->now, which may be a clock of its own */
	const double tick_s = pl_engine_now().mono_s;

	pl_budget_fill(&engine->budget, engine->now.mono_s);
	for (size_t i = 0; i < count; i++) {
		struct pl_process *process = engine->processes[i];

		if (may_read_deep(engine, process) && !process->deep_known && process->cost_us <= 0 &&
		    !post_one(engine, (uint32_t)i, tick_s)) {
			engine->self.deferred_total++;
			return;
		}
	}
	for (size_t i = 0; i < count; i++) {
		const size_t at = (engine->deep_cursor + i) % count;

		if (!may_read_deep(engine, engine->processes[at]))
			continue;
		if (!post_one(engine, (uint32_t)at, tick_s)) {
			engine->deep_cursor = at;
			engine->self.deferred_total++;
			return;
		}
	}
}

struct pl_process *pl_engine_process_of(struct pl_engine *engine, const struct pl_job *job)
{
	struct pl_process *process;

	if (job->process >= engine->process_count)
		return NULL;
	process = engine->processes[job->process];
	return process->used && pl_ident_equal(process->ident, job->ident) ? process : NULL;
}

void pl_engine_complain_of_denied(struct pl_engine *engine, const struct pl_process *process)
{
	pl_log_complain(&engine->log, &engine->denied_complaint, engine->now.mono_s, PL_LOG_WARNING,
	                "no permission to read all of process %d (%s): PSS, descriptors and I/O need "
	                "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
	                (int)process->ident.pid, process->comm);
}

/* The pulse's own metrics stay the pulse's, for they are of one instant; but it may not know FDS.
 */
static void merge_deep(struct pl_engine *engine, struct pl_process *process,
                       const struct pl_values *values)
{
	struct pl_values dear = *values;

	for (size_t i = 0; i < PL_METRIC_COUNT; i++)
		if (pl_metric_info((enum pl_metric)i)->tier == PL_TIER_PULSE && i != PL_M_FDS)
			pl_values_clear(&dear, (enum pl_metric)i);
	count_in_groups(engine, process, &dear);
	pl_values_merge(&process->sample.values, &dear);
}

void pl_engine_deep_done(struct pl_engine *engine, const struct pl_job *job)
{
	struct pl_process *process = pl_engine_process_of(engine, job);
	const double hold_ms = (double)job->deep.lock_us / 1000;

	engine->self.deep_reads_total++;
	engine->self.failed_total += job->deep.failed_count;
	if (hold_ms > engine->self.longest_hold_ms)
		engine->self.longest_hold_ms = hold_ms;
	if (!process)
		return;
	pl_budget_settle(&engine->budget, process->predicted_us, (double)job->deep.cpu_us);
	process->deep_pending = false;
	process->stuck_count = 0;
	process->cost_us = (double)job->deep.cpu_us;
	if (job->want & PL_DEEP_ROLLUP)
		process->lock_us = (double)job->deep.lock_us;
	if (job->error < 0) {
		pl_engine_count_error(engine, job->error);
		return;
	}
	engine->self.denied_total += job->deep.denied_count;
	if (job->deep.denied_count > 0)
		pl_engine_complain_of_denied(engine, process);
	merge_deep(engine, process, &job->deep.values);
	process->deep_known = true;
	process->deep_s = engine->now.mono_s;
}

void pl_engine_deep_stuck(struct pl_engine *engine, const struct pl_job *job)
{
	struct pl_process *process = pl_engine_process_of(engine, job);
	double wait_s = QUARANTINE_S;

	if (job->kind == PL_JOB_SAVE)
		return; /* the disk hangs, not a process */
	pl_log_complain(&engine->log, &engine->stuck_complaint, engine->now.mono_s, PL_LOG_WARNING,
	                "reading process %d hangs: its memory is locked; it is left alone for a while",
	                (int)job->ident.pid);
	if (job->kind == PL_JOB_IDENTIFY) {
		pl_engine_identify_stuck(engine, job->ident.pid);
		return;
	}
	if (job->kind == PL_JOB_REGIONS)
		pl_engine_regions_stuck(engine, process);
	if (!process)
		return;
	for (uint32_t i = 0; i < process->stuck_count && wait_s < QUARANTINE_MAX_S; i++)
		wait_s *= 2;
	process->stuck_count++;
	if (job->kind == PL_JOB_DEEP)
		process->deep_pending = false;
	process->quarantine_until_s = engine->now.mono_s + wait_s;
}
