#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/internal.h"

/* Times in scaled seconds. */
#define FIRST_AGE_S 60.0      /* a baseline of a program's start would make all of it growth */
#define GROWING_EVERY_S 600.0 /* a process that grows */
#define STEADY_EVERY_S 3600.0 /* the others */
#define STALE_S (3 * STEADY_EVERY_S)
#define STALE_REAL_S 600.0 /* however fast time passes */
#define RETRY_S 60.0       /* after a failure */

/* smaps on top of a rollup's page walk, for mappings whose number is not known yet. */
#define FIRST_US 500.0
#define OVER_ROLLUP 1.3

/* Samples of windows: fewer say too little, more are not worth it. */
#define WINDOWS_LEAST 32
#define WINDOWS_MOST 2048
#define WINDOW_MIB 2.0
#define WALK_OVER_WINDOW 4.0 /* smaps looks at each page more closely */
#define MISS_SHARE 0.1
#define SMALL_BYTES (8ULL << 20)
#define SMALL_MAPPINGS 500
#define SMALL_US 1000.0 /* what such a process takes, at the most */
#define MISS_BYTES (16.0 * 1024 * 1024)

void pl_engine_begin_regions(struct pl_engine *engine, struct pl_process *process)
{
	const double age_s = process->first_age_s > 0 ? process->first_age_s : 0;
	const double wait_s = FIRST_AGE_S / engine->config->time_scale - age_s;

	process->regions_due_s = engine->now.mono_s + (wait_s > 0 ? wait_s : 0);
	process->regions_verdict = PL_VERDICT_LEARNING;
	process->regions_us = 0;
	process->sampled_us = 0;
	if (process->ledger)
		*process->ledger = (struct pl_ledger){ 0 };
	pl_engine_begin_idle(process);
}

/* One that is put off, for the budget or for its lock, is no reason for a gap in a stack. */
static void set_old(const struct pl_engine *engine, struct pl_process *process)
{
	const double stale_s = STALE_S / engine->config->time_scale;
	const double due_s = process->regions_due_s + STALE_REAL_S;

	process->regions_old_s = process->regions_s + (stale_s > STALE_REAL_S ? stale_s : STALE_REAL_S);
	if (due_s > process->regions_old_s)
		process->regions_old_s = due_s;
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
	set_old(engine, process);
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
	if (process->verdict >= PL_VERDICT_GROWING || pl_engine_idle_is_due(engine, process))
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
	return engine->now.mono_s >= process->regions_due_s || pl_engine_idle_is_due(engine, process) ||
	       (process->verdict > process->regions_verdict && process->verdict >= PL_VERDICT_GROWING);
}

bool pl_engine_awaits_regions(const struct pl_engine *engine, const struct pl_process *process)
{
	/* from two readings on there is a growth to tell the place of */
	return process->verdict >= PL_VERDICT_GROWING &&
	       (!process->ledger || process->ledger->reading_count < 2) && is_due(engine, process);
}

/* How many windows half of what its lock may be held will do for. */
static size_t window_count(const struct pl_engine *engine)
{
	const double count = engine->budget.lock_ms_per_min * 1000 / 2 / engine->window_us;

	return count < WINDOWS_MOST ? (size_t)count : WINDOWS_MOST;
}

static double sampled_us(const struct pl_engine *engine, const struct pl_process *process)
{
	if (process->sampled_us > 0)
		return process->sampled_us;
	return FIRST_US + (double)window_count(engine) / 2 * engine->window_us;
}

/*
 * So little to read that a sample takes as long: if reading it took too long once, that was because
 * something else ran meanwhile.
 */
static bool is_small(const struct pl_process *process)
{
	uint64_t rss_bytes;
	uint64_t mapping_count;

	return pl_values_get(&process->sample.values, PL_M_RSS, &rss_bytes) &&
	       rss_bytes < SMALL_BYTES &&
	       (!pl_values_get(&process->sample.values, PL_M_MAPS, &mapping_count) ||
	        mapping_count < SMALL_MAPPINGS);
}

/*
 * What the next reading will cost. When all of smaps would hold the lock for too long, a sample
 * will have to do; below 0: and that would, too.
 */
static double plan(const struct pl_engine *engine, const struct pl_process *process,
                   struct pl_sampled_request *sample)
{
	const double cost_us = pl_engine_regions_us(engine, process);
	const double sample_us = sampled_us(engine, process);

	if (pl_engine_lock_spacing_s(engine, cost_us) >= 0)
		return cost_us;
	if (is_small(process) && pl_engine_lock_spacing_s(engine, SMALL_US) >= 0)
		return SMALL_US;
	if (pl_budget_spacing_s(&engine->budget, sample_us) < 0 || window_count(engine) < WINDOWS_LEAST)
		return -1;
	*sample = (struct pl_sampled_request){
		.stride = process->ledger ? process->ledger->window_stride : 0,
		.windows_most = window_count(engine),
		.most_us = engine->budget.lock_ms_per_min * 1000,
	};
	return sample_us;
}

/* Until when it is left alone when it is read now. */
static void set_due(const struct pl_engine *engine, struct pl_process *process, double spacing_s)
{
	const bool grows = process->verdict >= PL_VERDICT_GROWING;
	double every_s = (grows ? GROWING_EVERY_S : STEADY_EVERY_S) / engine->config->time_scale;

	if (spacing_s > every_s)
		every_s = spacing_s;
	process->regions_due_s = engine->now.mono_s + every_s;
	process->regions_verdict = process->verdict;
}

/* Returns false when the budget is spent. */
static bool post(struct pl_engine *engine, size_t index)
{
	struct pl_process *process = engine->processes[index];
	struct pl_job job = {
		.kind = PL_JOB_REGIONS,
		.ident = process->ident,
		.process = (uint32_t)index,
		.holds = true,
		.tick_s = engine->now.mono_s,
		.want_swapping = pl_engine_idle_is_due(engine, process),
	};
	const double cost_us = plan(engine, process, &job.sample);
	const bool must_wait = cost_us >= 0 && !pl_engine_lock_is_free(engine, process);
	/* the first reading is what all later ones are compared with */
	const bool routine = process->verdict < PL_VERDICT_GROWING && process->ledger &&
	                     process->ledger->reading_count > 0;

	/* rollups, which come more often, must not keep it from its turn */
	process->lock_awaited |= must_wait;
	if (must_wait)
		return true;
	set_due(engine, process, pl_budget_rest_s(&engine->budget, cost_us));
	if (cost_us < 0) {
		pl_engine_degrade(engine, process);
		return true;
	}
	(void)pl_values_get(&process->sample.values, PL_M_THREADS, &job.thread_count);
	if (!pl_budget_take(&engine->budget, cost_us, routine, &job.grant)) {
		process->regions_due_s = engine->now.mono_s;
		return false;
	}
	if (!pl_worker_post(engine->worker, &job)) {
		pl_budget_settle(&engine->budget, &job.grant, 0);
		process->regions_due_s = engine->now.mono_s;
		return false;
	}
	engine->regions_busy = true;
	process->regions_pending = true;
	process->lock_pending = true;
	if (job.sample.windows_most > 0)
		pl_engine_degrade(engine, process);
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
	set_old(engine, process);
	pl_values_set(&process->sample.values, PL_M_MAPS, snapshot->mapping_count);
	if (snapshot->window_stride == 0)
		pl_values_set(&process->sample.values, PL_M_HEAP,
		              process->ledger->resident_bytes[PL_REGION_HEAP]);
}

/* The pulse knows how much there is: a sample that comes to something else has missed it, such as
 * one of a few pages in a reserve of terabytes. */
static bool adds_up(const struct pl_process *process, const struct pl_job *job)
{
	const double half_bytes = (double)job->regions->error_share * job->sampled_bytes;
	uint64_t anon_bytes = 0;
	uint64_t swap_bytes = 0;
	double known_bytes;

	if (!pl_values_get(&process->sample.values, PL_M_ANON, &anon_bytes))
		return true;
	(void)pl_values_get(&process->sample.values, PL_M_SWAP, &swap_bytes);
	known_bytes = (double)anon_bytes + (double)swap_bytes;
	return fabs(job->sampled_bytes - known_bytes) <=
	       half_bytes + MISS_SHARE * known_bytes + MISS_BYTES;
}

/* Where nothing but windows was ever measured, they say what a walk may take. */
static void learn_window(struct pl_engine *engine, double window_us)
{
	if (window_us > engine->window_us)
		engine->window_us = window_us;
	else if (window_us > 0)
		engine->window_us += (window_us - engine->window_us) / 8;
	if (!engine->walk_known && window_us > 0)
		engine->walk_us_per_mib = WALK_OVER_WINDOW * window_us / WINDOW_MIB;
}

static void sampled_done(struct pl_engine *engine, struct pl_process *process,
                         const struct pl_job *job)
{
	const double took_us = pl_engine_walk_us(&job->deep);

	learn_window(engine, job->window_us);
	process->sampled_us = took_us > 1 ? took_us : 1;
	if (job->error == 0 && adds_up(process, job)) {
		take_over(engine, process, job->regions);
		process->cost.method = PL_METHOD_SAMPLED;
		process->cost.error_share = job->regions->error_share;
		return;
	}
	process->cost.method = PL_METHOD_PULSE;
	/* no better the next time, unless we were only kept waiting */
	process->regions_due_s =
		engine->now.mono_s +
		(job->error == -ETIME ? GROWING_EVERY_S : STEADY_EVERY_S) / engine->config->time_scale;
	if (job->error < 0 && job->error != -ETIME && job->error != -EFBIG)
		pl_engine_count_error(engine, job->error);
	if (job->error == -EACCES)
		pl_engine_complain_of_denied(engine, process);
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
	if (job->sample.windows_most > 0) {
		sampled_done(engine, process, job);
		return;
	}
	process->regions_us = pl_engine_walk_us(&job->deep);
	if (job->error == 0) {
		take_over(engine, process, job->regions);
		pl_engine_take_idle(engine, process, job);
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
	return process->ledger && process->ledger->reading_count > 0 &&
	       engine->now.mono_s < process->regions_old_s;
}

bool pl_engine_region_bytes(const struct pl_engine *engine, const struct pl_process *process,
                            struct pl_region_bytes *out)
{
	const struct pl_ledger *ledger = process->ledger;

	if (!is_recent(engine, process))
		return false;
	out->age_s = engine->now.mono_s - process->regions_s;
	out->error_share = ledger->error_share;
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

	/* of a sample it is not known what it shares with the others */
	if (!is_recent(engine, process) || (group->member_count > 1 && ledger->window_stride > 0))
		return;
	const double age_s = engine->now.mono_s - process->regions_s;

	/* one alone shares nothing within its match; of several, shared pages count once */
	if (group->member_count > 1)
		add_bytes(sum, ledger->pss_bytes);
	else
		add_bytes(sum, ledger->resident_bytes);
	if (group->regions_have++ == 0 || age_s > sum->age_s)
		sum->age_s = age_s;
	if (ledger->error_share > sum->error_share)
		sum->error_share = ledger->error_share;
	sum->seen |= ledger->seen;
	sum->swap_bytes += ledger->swap_bytes;
}
