#include <errno.h>
#include <string.h>

#include "engine/internal.h"

#define LIMITS_EVERY_S 60.0
#define DEEP_STALE_S 2000.0 /* dear values older than this are absent again */
#define DEEP_IDLE_S 900.0   /* a process in which nothing happens is read so often all the same */
#define PARTIAL_MAX 8       /* pulses in a row that may leave status unread */
#define QUARANTINE_S 60.0   /* after the first hanging read; doubles up to an hour */
#define QUARANTINE_MAX_S 3600.0
#define GONE_WAIT_S 10.0    /* after a dear read that found nothing: a pulse tells who has ended */
#define HANGING_TOLD_S 60.0 /* a read that has hung for so long is worth an alert */

#define SILENT_MAX 64 /* a power of two: a zombie is asked once in half as many ticks */

/*
 * A process in which nothing happened for REST_AFTER pulses rests: every second pulse is left out,
 * then three of four, up to REST_TICKS_MAX, but never for longer than REST_MAX_S (scaled). In a
 * crowd that is published as a sum alone, those that work but whose memory stays the same take
 * turns, and those that rest do so for longer, the more the larger it is. That a process is still
 * there, the directory tells in every tick.
 */
#define REST_AFTER 5
#define REST_STEPS 3
#define REST_TICKS_MAX (2u << REST_STEPS)
#define REST_MAX_S 80.0
#define CROWD_COUNT 64        /* members from which on two take turns */
#define LARGE_CROWD_COUNT 512 /* and four */
#define HUGE_CROWD_COUNT 1024 /* and eight */
#define CROWD_MAX_S 20.0

/*
 * For a pulse the kernel adds up the times of all threads, with a lock of the process held: one of
 * very many threads is pulsed so seldom that this takes PULSE_SHARE of a CPU.
 */
#define THREAD_US 0.5
#define PULSE_SHARE 0.0025
#define PULSE_TICKS_MAX 64u

/*
 * Dear reads of processes that nothing speaks against get a small part of the budget: percent of
 * one CPU, or what it takes to read each of them once in ROUTINE_ROUND_S. The rest is for
 * newcomers, for what grows, and for what moved by MOVED_SHARE and MOVED_BYTES since it was last
 * read.
 */
#define ROUTINE_PERCENT 0.02
#define ROUTINE_ROUND_S 900.0
#define MOVED_SHARE 0.125
#define MOVED_BYTES (4.0 * 1024 * 1024)
#define MOVED_EVERY_S 30.0

/* Costs measured on Linux 6.18; each process' own measured cost replaces them. */
#define ROLLUP_US 20.0
#define FD_US 2.4
#define FDS_US_MAX 100000.0 /* descriptors that take longer to list are left alone */
#define REST_US 60.0
#define MIB 1048576.0
#define WALK_BYTES_MIN (8 * MIB) /* smaller ones say little of the cost of a page */

/* To whom may not trace the process, stat says 0 or 1: that is no other program. */
static bool is_known_code(uint64_t start_code)
{
	return start_code > 1;
}

static bool has_exec_changed(const struct pl_process *process, const struct pl_stat *stat)
{
	return is_known_code(process->start_code) && is_known_code(stat->start_code) &&
	       stat->start_code != process->start_code;
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
	pl_engine_forget_census(process);
	memset(&process->sample, 0, sizeof(process->sample));
	process->deep_known = false;
	process->cost.method = PL_METHOD_PULSE;
	process->counted = false;
	process->first_age_s = 0;
	process->first_s = engine->now.mono_s;
}

static void count_up(uint8_t *count, bool again)
{
	if (!again)
		*count = 0;
	else if (*count < UINT8_MAX)
		(*count)++;
}

/* A whole pulse that found nothing new does not disturb a process' rest. */
static void count_pulse(struct pl_engine *engine, struct pl_process *process, int result,
                        const struct pl_pulse_mark *mark)
{
	const bool quiet = process->marked && pl_pulse_is_quiet(&process->mark, mark);

	count_up(&process->partial_count, result != PL_PULSE_WHOLE);
	count_up(&process->quiet_count, quiet);
	count_up(&process->steady_count, process->marked && pl_pulse_is_steady(&process->mark, mark));
	if (!quiet)
		process->busy_s = engine->now.mono_s;
}

/* What nothing but stat tells went on; the rest of the last pulse still holds. */
static void add_counters(struct pl_engine *engine, struct pl_process *process,
                         const struct pl_sample *pulse)
{
	count_in_groups(engine, process, &pulse->values);
	pl_values_merge(&process->sample.values, &pulse->values);
	take_time(engine, process);
}

static void pulse(struct pl_engine *engine, struct pl_process *process)
{
	const bool may_be_partial = process->marked && process->alive && process->counted &&
	                            process->partial_count < PARTIAL_MAX;
	struct pl_sample sample = { 0 };
	struct pl_pulse_mark mark;
	const int result = pl_sample_pulse(&engine->fs, &engine->host, process->ident,
	                                   may_be_partial ? &process->mark : NULL, &sample, &mark);

	process->alive = result >= 0;
	/* what fails for another reason, for want of descriptors say, may be mended at any moment */
	if (result != -ESRCH)
		process->silent_count = 0;
	else if (++process->silent_count > SILENT_MAX)
		process->silent_count = SILENT_MAX / 2;
	if (result < 0) {
		pl_engine_count_error(engine, result);
		return;
	}
	if (process->deep_known && engine->now.mono_s - process->deep_s > DEEP_STALE_S)
		forget_deep(process);
	if (has_exec_changed(process, &mark.stat)) {
		if (!pl_sample_is_same(&engine->fs, process->ident.pid, &mark.stat)) {
			engine->self.failed_total++; /* what one read says is not enough to forget it all */
			take_time(engine, process);
			return;
		}
		begin_anew(engine, process);
	}
	if (is_known_code(mark.stat.start_code))
		process->start_code = mark.stat.start_code;
	if (result == PL_PULSE_QUIET)
		take_time(engine, process);
	else if (result == PL_PULSE_COUNTERS)
		add_counters(engine, process, &sample);
	else
		take_over(engine, process, &sample);
	count_pulse(engine, process, result, &mark);
	process->mark = mark;
	process->marked = true;
	if (memcmp(process->comm, mark.stat.comm, sizeof(process->comm)) != 0) {
		memcpy(process->comm, mark.stat.comm, sizeof(process->comm));
		pl_engine_look_again(engine, process->ident.pid);
	}
}

/* In how many ticks a busy process with steady memory is pulsed once. */
static uint32_t crowd_period(const struct pl_engine *engine, const struct pl_process *process)
{
	uint32_t period = 8;

	for (uint16_t i = 0; i < process->group_count; i++) {
		const struct pl_group *group = &engine->groups[process->groups[i]];

		if (group->member_count < CROWD_COUNT || (group->match && group->match->per_process))
			return 1;
		if (group->member_count < LARGE_CROWD_COUNT)
			period = 2;
		else if (group->member_count < HUGE_CROWD_COUNT && period > 4)
			period = 4;
	}
	return period;
}

/* In how many ticks the pulse of a process of very many threads is worth its cost. */
static uint32_t threads_period(const struct pl_engine *engine, const struct pl_process *process)
{
	uint64_t thread_count = 0;
	uint32_t period = 1;

	(void)pl_values_get(&process->sample.values, PL_M_THREADS, &thread_count);
	const double least_s = (double)thread_count * THREAD_US * 1e-6 / PULSE_SHARE;

	while (period < PULSE_TICKS_MAX && period * engine->interval_s < least_s)
		period *= 2;
	return period;
}

/* In how many ticks a process that does little is pulsed once. */
static uint32_t rest_period(const struct pl_engine *engine, const struct pl_process *process)
{
	const double tick_s = engine->interval_s * engine->config->time_scale;
	const bool quiet = process->quiet_count >= REST_AFTER;
	const double most_s = quiet ? REST_MAX_S : CROWD_MAX_S;
	const uint32_t crowd = crowd_period(engine, process);
	uint32_t period = crowd;

	if (process->steady_count < REST_AFTER)
		return 1;
	if (quiet)
		period *= REST_TICKS_MAX;
	if (quiet && process->quiet_count - REST_AFTER < REST_STEPS)
		period = 2u << (process->quiet_count - REST_AFTER);
	while (period > 1 && period * tick_s > most_s)
		period /= 2;
	return period;
}

/* Pids share the ticks out, so that those who rest do not all wake in the same one. */
static bool rests(const struct pl_engine *engine, const struct pl_process *process)
{
	uint32_t period;
	uint32_t least;

	if (!process->alive)
		return false;
	period = rest_period(engine, process);
	least = threads_period(engine, process);
	if (period < least)
		period = least;
	return ((engine->tick + (uint32_t)process->ident.pid) & (period - 1)) != 0;
}

/* A zombie may stay one for weeks: it is asked ever more seldom. */
static bool is_silent(const struct pl_process *process)
{
	return (process->silent_count & (process->silent_count + 1)) != 0;
}

void pl_engine_pulse_all(struct pl_engine *engine)
{
	for (size_t i = 0; i < engine->process_count; i++) {
		struct pl_process *process = engine->processes[i];

		if (!process->used)
			continue;
		if (is_silent(process))
			process->silent_count++;
		else if (rests(engine, process))
			take_time(engine, process);
		else
			pulse(engine, process);
	}
}

double pl_engine_rollup_us(const struct pl_engine *engine, const struct pl_process *process)
{
	uint64_t rss_bytes = 0;

	(void)pl_values_get(&process->sample.values, PL_M_RSS, &rss_bytes);
	if (process->walk_us > 0 && process->rollup_bytes < 1)
		return process->walk_us;
	if (process->walk_us > 0)
		return ROLLUP_US + process->walk_us * (double)rss_bytes / process->rollup_bytes;
	return ROLLUP_US + engine->walk_us_per_mib * (double)rss_bytes / MIB;
}

static double fds_us(const struct pl_process *process)
{
	uint64_t fd_count = 0;

	(void)pl_values_get(&process->sample.values, PL_M_FDS, &fd_count);
	return FD_US * (double)fd_count;
}

static double predict_us(const struct pl_engine *engine, const struct pl_process *process)
{
	const double listing_us = process->fds_left ? 0 : fds_us(process);

	if (process->cost_us > 0)
		return process->cost_us + listing_us;
	return pl_engine_rollup_us(engine, process) + listing_us + REST_US;
}

/* Nothing happened since the last dear read. */
static bool is_idle(const struct pl_engine *engine, const struct pl_process *process)
{
	return process->deep_known && process->busy_s < process->deep_s &&
	       engine->now.mono_s - process->deep_s < DEEP_IDLE_S;
}

static bool has_moved(const struct pl_engine *engine, const struct pl_process *process)
{
	uint64_t rss_bytes = 0;
	double moved_bytes;

	if (engine->now.mono_s - process->deep_s < MOVED_EVERY_S / engine->config->time_scale ||
	    !pl_values_get(&process->sample.values, PL_M_RSS, &rss_bytes))
		return false;
	moved_bytes = (double)rss_bytes - process->rollup_bytes;
	if (moved_bytes < 0)
		moved_bytes = -moved_bytes;
	return moved_bytes > MOVED_BYTES && moved_bytes > MOVED_SHARE * process->rollup_bytes;
}

static bool is_routine(const struct pl_engine *engine, const struct pl_process *process)
{
	return process->deep_known && process->verdict < PL_VERDICT_GROWING &&
	       !has_moved(engine, process);
}

/* Who has very many descriptors is told how many, and not of which kind. */
static unsigned without_many_fds(struct pl_engine *engine, struct pl_process *process,
                                 unsigned want)
{
	process->fds_left = fds_us(process) > FDS_US_MAX;
	if (!(want & PL_DEEP_FDS) || !process->fds_left)
		return want;
	pl_log_complain(&engine->log, &engine->fds_complaint, engine->now.mono_s, PL_LOG_NOTICE,
	                "process %d (%s) has too many descriptors to look at each: their kinds and its "
	                "connections are not told",
	                (int)process->ident.pid, process->comm);
	return want & ~PL_DEEP_FDS;
}

/* Which groups of metrics any of the process' matches asks for. */
static unsigned wanted_of(const struct pl_engine *engine, const struct pl_process *process)
{
	unsigned want = 0;

	for (uint16_t i = 0; i < process->group_count; i++) {
		const struct pl_group *group = &engine->groups[process->groups[i]];
		const struct pl_collect *collect = group->collect;

		/* what Auto found costs a pulse until it grows */
		want |= collect->limits || collect->verdict || collect->cgroup ? PL_DEEP_LIMITS : 0;
		if (!group->match && process->verdict < PL_VERDICT_GROWING)
			continue;
		want |= collect->rollup ? PL_DEEP_ROLLUP : 0;
		want |= collect->io ? PL_DEEP_IO : 0;
		want |= collect->fds || collect->connections ? PL_DEEP_FDS : 0;
	}
	if (process->limits_s >= 0 && engine->now.mono_s - process->limits_s < LIMITS_EVERY_S)
		want &= ~PL_DEEP_LIMITS;
	if (is_idle(engine, process))
		return 0;
	if (process->too_dear || process->lock_awaited || !pl_engine_lock_is_free(engine, process) ||
	    pl_engine_idle_is_due(engine, process) || pl_engine_awaits_regions(engine, process))
		want &= ~PL_DEEP_ROLLUP;
	return want;
}

/* A rollup would hold its lock for longer than a minute allows: it is left out, and said. */
static void note_too_dear(struct pl_engine *engine, struct pl_process *process)
{
	const bool was = process->too_dear;

	process->too_dear = pl_engine_lock_spacing_s(engine, pl_engine_rollup_us(engine, process)) < 0;
	if (!process->too_dear || was)
		return;
	pl_engine_degrade(engine, process);
	if (process->cost.method == PL_METHOD_ROLLUP)
		process->cost.method = PL_METHOD_PULSE;
	pl_log_complain(&engine->log, &engine->dear_complaint, engine->now.mono_s, PL_LOG_NOTICE,
	                "process %d (%s) is too large for a walk through all of its memory within "
	                "MaxLockTime: no PSS, and its regions are sampled",
	                (int)process->ident.pid, process->comm);
}

/* Returns false when the queue is full or the budget is spent. */
static bool post_one(struct pl_engine *engine, uint32_t index, double tick_s)
{
	struct pl_process *process = engine->processes[index];
	struct pl_job job = {
		.kind = PL_JOB_DEEP, .ident = process->ident, .process = index, .tick_s = tick_s
	};

	note_too_dear(engine, process);
	job.want = without_many_fds(engine, process, wanted_of(engine, process));
	/* whoever waits for the lock says so at each tick */
	process->lock_awaited = false;
	if (job.want == 0)
		return true;
	if (!pl_budget_take(&engine->budget, predict_us(engine, process), is_routine(engine, process),
	                    &job.grant))
		return false;
	job.holds = (job.want & PL_DEEP_ROLLUP) != 0;
	if (!pl_worker_post(engine->worker, &job)) {
		pl_budget_settle(&engine->budget, &job.grant, 0);
		return false;
	}
	process->deep_pending = true;
	process->lock_pending |= job.holds;
	if (job.want & PL_DEEP_LIMITS)
		process->limits_s = engine->now.mono_s;
	return true;
}

static bool may_read_deep(const struct pl_engine *engine, const struct pl_process *process)
{
	return process->used && process->alive && !process->deep_pending && process->group_count > 0 &&
	       engine->now.mono_s >= process->quarantine_until_s;
}

/* What one round over all that are routine costs, spread over its time, is what they may cost. */
static void set_routine(struct pl_engine *engine, double round_us)
{
	const double scale = engine->config->time_scale;
	double percent = ROUTINE_PERCENT * scale;

	if (percent < round_us / ROUTINE_ROUND_S * 1e-4 * scale)
		percent = round_us / ROUTINE_ROUND_S * 1e-4 * scale;
	pl_budget_set_routine(&engine->budget, percent);
}

/* Reads what cannot wait, in turn, until the budget is spent. */
static void post_urgent(struct pl_engine *engine, double tick_s)
{
	const size_t count = engine->process_count;
	double round_us = 0;
	bool spent = false;

	for (size_t i = 0; i < count; i++) {
		const size_t at = (engine->urgent_cursor + i) % count;
		struct pl_process *process = engine->processes[at];

		if (!may_read_deep(engine, process) || is_idle(engine, process))
			continue;
		if (is_routine(engine, process)) {
			round_us += predict_us(engine, process);
		} else if (!spent && !post_one(engine, (uint32_t)at, tick_s)) {
			engine->urgent_cursor = at;
			pl_engine_defer(engine, process);
			spent = true;
		}
	}
	set_routine(engine, round_us);
}

/*
 * Newcomers and suspects first, then everyone in turn from where the budget ended last time: a part
 * of it is theirs alone.
 */
void pl_engine_post_deep(struct pl_engine *engine)
{
	const size_t count = engine->process_count;
	/* not engine->now, which may be a clock of its own */
	const double tick_s = pl_engine_now().mono_s;

	pl_budget_fill(&engine->budget, engine->now.mono_s);
	pl_engine_look_at_own(engine);
	post_urgent(engine, tick_s);
	for (size_t i = 0; i < count; i++) {
		const size_t at = (engine->deep_cursor + i) % count;
		struct pl_process *process = engine->processes[at];

		if (!may_read_deep(engine, process) || !is_routine(engine, process))
			continue;
		if (!post_one(engine, (uint32_t)at, tick_s)) {
			engine->deep_cursor = at;
			pl_engine_defer(engine, process);
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

/*
 * Pages cost 2 to 100 us a MiB, by machine and by how many processes map them: a size is no
 * prediction before something was measured here. What was dearer than thought is believed at once.
 */
static void learn_walk(struct pl_engine *engine, double rss_bytes, double walk_us)
{
	const double us_per_mib = walk_us / (rss_bytes / MIB);

	if (rss_bytes < WALK_BYTES_MIN)
		return;
	engine->walk_known = true;
	if (us_per_mib > engine->walk_us_per_mib)
		engine->walk_us_per_mib = us_per_mib;
	else
		engine->walk_us_per_mib += (us_per_mib - engine->walk_us_per_mib) / 8;
}

void pl_engine_deep_done(struct pl_engine *engine, const struct pl_job *job)
{
	struct pl_process *process = pl_engine_process_of(engine, job);
	const bool was_made = pl_engine_account(engine, process, job);
	uint64_t rss_bytes;

	engine->self.failed_total += job->deep.failed_count;
	if (!process)
		return;
	process->deep_pending = false;
	if (!was_made)
		return;
	process->stuck_count = 0;
	process->cost_us = (double)(job->deep.cpu_us - job->deep.fds_us) + 1;
	if (job->error < 0) {
		pl_engine_count_error(engine, job->error);
		if (process->quarantine_until_s < engine->now.mono_s + GONE_WAIT_S)
			process->quarantine_until_s = engine->now.mono_s + GONE_WAIT_S;
		return;
	}
	engine->self.denied_total += job->deep.denied_count;
	if (job->deep.denied_count > 0)
		pl_engine_complain_of_denied(engine, process);
	merge_deep(engine, process, &job->deep.values);
	if (job->want & PL_DEEP_LIMITS)
		pl_engine_join_cgroup(engine, process, &job->deep.cgroup);
	process->deep_known = true;
	process->deep_s = engine->now.mono_s;
	process->rollup_bytes = 0;
	if (pl_values_get(&process->sample.values, PL_M_RSS, &rss_bytes))
		process->rollup_bytes = (double)rss_bytes;
	if (!(job->want & PL_DEEP_ROLLUP))
		return;
	if (pl_values_has(&job->deep.values, PL_M_PSS))
		process->cost.method = PL_METHOD_ROLLUP;
	process->walk_us = pl_engine_walk_us(&job->deep);
	learn_walk(engine, process->rollup_bytes, process->walk_us);
}

void pl_engine_deep_stuck(struct pl_engine *engine, const struct pl_job *job)
{
	struct pl_process *process = pl_engine_process_of(engine, job);
	double wait_s = QUARANTINE_S;

	if (job->kind == PL_JOB_EVIDENCE)
		engine->evidence_pending--;
	pl_engine_account_stuck(engine, process, job);
	if (job->kind == PL_JOB_SAVE || job->kind == PL_JOB_CGROUP || job->kind == PL_JOB_OWN)
		return; /* the disk hangs, not a process; a cgroup that hangs is not asked again */
	pl_log_complain(&engine->log, &engine->stuck_complaint, engine->now.mono_s, PL_LOG_WARNING,
	                "reading process %d hangs: its memory is locked; it is left alone for a while",
	                (int)job->ident.pid);
	if (job->kind == PL_JOB_IDENTIFY) {
		pl_engine_identify_stuck(engine, job->ident.pid);
		return;
	}
	if (job->kind == PL_JOB_REGIONS)
		pl_engine_regions_stuck(engine, process);
	if (job->kind == PL_JOB_CENSUS)
		pl_engine_census_stuck(engine);
	if (job->kind == PL_JOB_CLEAR)
		pl_engine_idle_stuck(process);
	if (!process)
		return;
	for (uint32_t i = 0; i < process->stuck_count && wait_s < QUARANTINE_MAX_S; i++)
		wait_s *= 2;
	process->stuck_count++;
	if (job->kind == PL_JOB_DEEP)
		process->deep_pending = false;
	process->quarantine_until_s = engine->now.mono_s + wait_s;
}

void pl_engine_deep_hanging(struct pl_engine *engine, const struct pl_job *job, double for_s)
{
	struct pl_process *process = pl_engine_process_of(engine, job);

	if (!process)
		return;
	process->hanging_s = for_s;
	if (for_s * engine->config->time_scale < HANGING_TOLD_S || process->hanging_told)
		return;
	process->hanging_told = true;
	pl_engine_tell_unreadable(engine, process, false);
}

void pl_engine_deep_returned(struct pl_engine *engine, const struct pl_job *job)
{
	struct pl_process *process = pl_engine_process_of(engine, job);

	if (!process)
		return;
	if (process->hanging_told)
		pl_engine_tell_unreadable(engine, process, true);
	process->hanging_told = false;
	process->hanging_s = 0;
}
