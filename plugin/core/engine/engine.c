#include "engine/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/internal.h"

#define WALK_US_PER_MIB 50.0 /* until something was measured */
#define WINDOW_US 10.0       /* likewise */
#define STOP_TIMEOUT_S 0.5

static double clock_s(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct pl_time pl_engine_now(void)
{
	return (struct pl_time){ .mono_s = clock_s(CLOCK_MONOTONIC),
		                     .wall_s = clock_s(CLOCK_REALTIME) };
}

static uint64_t thread_cpu_us(void)
{
	return (uint64_t)(clock_s(CLOCK_THREAD_CPUTIME_ID) * 1e6);
}

static int make_groups(struct pl_engine *engine)
{
	const size_t count = engine->config->match_count;
	const size_t most = count + (engine->config->auto_enabled ? PL_AUTO_GROUPS_MAX : 1);

	engine->groups = calloc(most, sizeof(*engine->groups));
	if (!engine->groups)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct pl_group *group = &engine->groups[i];
		const struct pl_match *match = &engine->config->matches[i];

		strncpy(group->name, match->name, sizeof(group->name) - 1);
		group->match = match;
		group->settings = &match->settings;
		group->collect = &match->collect;
		pl_family_init(&group->family, engine->config->time_scale);
	}
	engine->group_count = count;
	return 0;
}

static void free_parts(struct pl_engine *engine)
{
	for (size_t i = 0; i < engine->process_count; i++) {
		free(engine->processes[i]->track);
		free(engine->processes[i]->ledger);
		pl_engine_forget_census(engine->processes[i]);
		free(engine->processes[i]->idle);
		free(engine->processes[i]);
	}
	pl_engine_free_cgroups(engine);
	pl_engine_free_census(engine);
	pl_engine_forget_restored(engine);
	pl_state_writer_free(engine->state);
	free(engine->processes);
	for (size_t i = 0; i < engine->group_count; i++)
		free(engine->groups[i].sum_track);
	free(engine->groups);
	pl_roster_free(&engine->roster);
	if (engine->fs.root_fd >= 0)
		pl_procfs_close(&engine->fs);
	pl_config_free(engine->config);
	free(engine);
}

static int start(struct pl_engine *engine)
{
	const struct pl_config *config = engine->config;
	const struct pl_time now = pl_engine_now();
	struct pl_own own;
	int err = pl_procfs_open(&engine->fs, config->proc_root, config->cgroup_root);

	if (err < 0) {
		engine->fs.root_fd = -1;
		return err;
	}
	pl_sample_host(&engine->fs, &engine->host);
	err = make_groups(engine);
	if (err < 0)
		return err;
	pl_budget_init(&engine->budget, config->deep_read_budget_percent, config->max_lock_ms_per_min,
	               now.mono_s);
	engine->walk_us_per_mib = WALK_US_PER_MIB;
	engine->window_us = WINDOW_US;
	pl_sample_own(&engine->fs, &own);
	pl_engine_take_own(engine, &own);
	engine->worker = pl_worker_new(&engine->fs, &engine->host, config);
	if (!engine->worker)
		return -ENOMEM;
	pl_engine_restore(engine);
	return 0;
}

int pl_engine_new(struct pl_engine **out, struct pl_config *config, const struct pl_emit *emit,
                  const struct pl_log *log)
{
	struct pl_engine *engine = config->incomplete ? NULL : calloc(1, sizeof(*engine));
	int err;

	if (!engine) {
		pl_config_free(config);
		return -ENOMEM;
	}
	engine->config = config;
	engine->emit = *emit;
	engine->log = *log;
	engine->free_process = PL_ROSTER_NONE;
	engine->fs.root_fd = -1;
	err = start(engine);
	if (err < 0) {
		free_parts(engine);
		return err;
	}
	*out = engine;
	return 0;
}

static void job_done(void *ctx, const struct pl_job *job)
{
	struct pl_engine *engine = ctx;

	if (job->kind == PL_JOB_IDENTIFY)
		pl_engine_identified(engine, job);
	else if (job->kind == PL_JOB_SAVE)
		pl_engine_saved(engine, job);
	else if (job->kind == PL_JOB_REGIONS)
		pl_engine_regions_done(engine, job);
	else if (job->kind == PL_JOB_OWN)
		pl_engine_take_own(engine, &job->own);
	else if (job->kind == PL_JOB_EVIDENCE)
		pl_engine_evidence_done(engine, job);
	else if (job->kind == PL_JOB_CLEAR)
		pl_engine_idle_cleared(engine, job);
	else if (job->kind == PL_JOB_CGROUP)
		pl_engine_cgroup_done(engine, job);
	else if (job->kind == PL_JOB_CENSUS)
		pl_engine_census_done(engine, job);
	else
		pl_engine_deep_done(engine, job);
}

static void job_stuck(void *ctx, const struct pl_job *job)
{
	pl_engine_deep_stuck(ctx, job);
}

static void job_hanging(void *ctx, const struct pl_job *job, double for_s)
{
	if (job->kind == PL_JOB_DEEP)
		pl_engine_deep_hanging(ctx, job, for_s);
}

static void job_returned(void *ctx, const struct pl_job *job)
{
	if (job->kind == PL_JOB_DEEP)
		pl_engine_deep_returned(ctx, job);
	else if (job->kind == PL_JOB_CENSUS)
		pl_engine_census_done(ctx, job);
	else if (job->kind == PL_JOB_SAVE) /* a slow disk, and no reason never to save again */
		pl_engine_saved(ctx, job);
}

static void collect(struct pl_engine *engine)
{
	const struct pl_worker_callbacks callbacks = { .done = job_done,
		                                           .stuck = job_stuck,
		                                           .hanging = job_hanging,
		                                           .returned = job_returned,
		                                           .ctx = engine };

	pl_worker_collect(engine->worker, &callbacks);
}

void pl_engine_begin(struct pl_engine *engine, struct pl_time now)
{
	const uint64_t begin_us = thread_cpu_us();

	engine->interval_s = engine->tick > 0 ? now.mono_s - engine->now.mono_s : 0;
	engine->now = now;
	engine->tick++;
	engine->uptime_s = -1;
	collect(engine);
	pl_engine_discover(engine);
	/* the pulse first: a newcomer's size tells what a dear read of it will cost */
	pl_engine_pulse_all(engine);
	/* seldom, and in time: before rollups, which want the same locks */
	pl_engine_post_idle(engine);
	pl_engine_post_deep(engine);
	/* regions, which come more often, must not keep it from a lock that has become free */
	pl_engine_step_census(engine);
	pl_engine_post_regions(engine);
	pl_engine_post_cgroups(engine);
	engine->self.tick_cpu_us_total += thread_cpu_us() - begin_us;
}

void pl_engine_finish(struct pl_engine *engine)
{
	const uint64_t begin_us = thread_cpu_us();

	collect(engine);
	pl_engine_judge(engine);
	pl_engine_judge_cgroups(engine);
	pl_engine_publish(engine);
	pl_engine_save_some(engine);
	engine->self.tick_cpu_us_total += thread_cpu_us() - begin_us;
}

void pl_engine_tick(struct pl_engine *engine, struct pl_time now)
{
	pl_engine_begin(engine, now);
	pl_engine_finish(engine);
}

int pl_engine_drain(struct pl_engine *engine, double timeout_s)
{
	return pl_worker_wait(engine->worker, timeout_s) ? 0 : -ETIMEDOUT;
}

void pl_engine_free(struct pl_engine *engine)
{
	bool ended;

	if (!engine)
		return;
	ended = pl_worker_free(engine->worker, STOP_TIMEOUT_S);
	/* a save that hangs would be written through */
	if (ended || !engine->saving)
		pl_engine_save_now(engine);
	/* a thread that hangs in the kernel still uses all of this: leave it */
	if (ended)
		free_parts(engine);
}
