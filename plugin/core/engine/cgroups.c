#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

#define CGROUPS_MAX 256
#define EVERY_S 60.0          /* scaled */
#define STALE_S 600.0         /* scaled: an older reading is not published */
#define EMPTY_KEPT_S 600.0    /* a unit that restarts has the same cgroup again */
#define FIRST_US 150.0        /* until one was measured */
#define LEARNING_S 3600.0     /* scaled: without growth for so long it is steady */
#define LEAST_GROWTH_SHARE .5 /* of MinGrowth: below that there is nothing to follow */

static struct pl_cgroup *cgroup_at(const struct pl_engine *engine, uint16_t number)
{
	return number > 0 && number <= engine->cgroup_count ? engine->cgroups[number - 1] : NULL;
}

static struct pl_cgroup *add_entry(struct pl_engine *engine)
{
	struct pl_cgroup **grown;

	if (engine->cgroup_count == CGROUPS_MAX)
		return NULL;
	grown = realloc(engine->cgroups, (engine->cgroup_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	engine->cgroups = grown;
	grown[engine->cgroup_count] = calloc(1, sizeof(**grown));
	return grown[engine->cgroup_count] ? grown[engine->cgroup_count++] : NULL;
}

/* Returns the number of the cgroup, 0 when there is no room for one more. */
static uint16_t number_of(struct pl_engine *engine, const struct pl_cgroup_key *key)
{
	struct pl_cgroup *unused = NULL;
	size_t at = 0;

	for (; at < engine->cgroup_count; at++) {
		struct pl_cgroup *cgroup = engine->cgroups[at];

		if (cgroup->used && pl_cgroup_key_equal(&cgroup->key, key))
			return (uint16_t)(at + 1);
		if (!cgroup->used)
			unused = cgroup;
	}
	if (!unused)
		unused = add_entry(engine);
	if (!unused)
		return 0;
	*unused = (struct pl_cgroup){ .used = true,
		                          .key = *key,
		                          .first_s = engine->now.mono_s,
		                          .due_s = engine->now.mono_s,
		                          .empty_since_s = -1 };
	pl_engine_claim_cgroup(engine, unused);
	for (at = 0; engine->cgroups[at] != unused; at++)
		;
	return (uint16_t)(at + 1);
}

void pl_engine_join_cgroup(struct pl_engine *engine, struct pl_process *process,
                           const struct pl_cgroup_key *key)
{
	const struct pl_cgroup *now = cgroup_at(engine, process->cgroup);

	if (now && pl_cgroup_key_equal(&now->key, key))
		return;
	process->cgroup = key->len > 0 ? number_of(engine, key) : 0;
}

static void release(struct pl_cgroup *cgroup)
{
	free(cgroup->track);
	*cgroup = (struct pl_cgroup){ 0 };
}

void pl_engine_free_cgroups(struct pl_engine *engine)
{
	for (size_t i = 0; i < engine->cgroup_count; i++) {
		release(engine->cgroups[i]);
		free(engine->cgroups[i]);
	}
	free(engine->cgroups);
}

static bool is_wanted(const struct pl_engine *engine, const struct pl_cgroup *cgroup)
{
	const struct pl_group *group = &engine->groups[cgroup->owner];

	return cgroup->member_count > 0 && group->collect->cgroup;
}

void pl_engine_post_cgroups(struct pl_engine *engine)
{
	for (size_t i = 0; i < engine->cgroup_count; i++) {
		struct pl_cgroup *cgroup = engine->cgroups[i];
		struct pl_job job = { .kind = PL_JOB_CGROUP, .process = (uint32_t)i };
		const double cost_us = cgroup->cost_us > 0 ? cgroup->cost_us : FIRST_US;

		if (!cgroup->used || cgroup->pending || engine->now.mono_s < cgroup->due_s ||
		    !is_wanted(engine, cgroup))
			continue;
		if (!pl_budget_take(&engine->budget, cost_us, false, &job.grant)) {
			engine->self.deferred_total++;
			return;
		}
		job.deep.cgroup = cgroup->key;
		if (!pl_worker_post(engine->worker, &job)) {
			pl_budget_settle(&engine->budget, &job.grant, 0);
			return;
		}
		cgroup->pending = true;
		cgroup->due_s = engine->now.mono_s + EVERY_S / engine->config->time_scale;
	}
}

void pl_engine_cgroup_done(struct pl_engine *engine, const struct pl_job *job)
{
	struct pl_cgroup *cgroup = cgroup_at(engine, (uint16_t)(job->process + 1));

	pl_budget_settle(&engine->budget, &job->grant, (double)job->deep.cpu_us);
	if (!cgroup || !cgroup->pending || !pl_cgroup_key_equal(&cgroup->key, &job->deep.cgroup))
		return;
	cgroup->pending = false;
	if (job->error == -EAGAIN) {
		engine->self.deferred_total++;
		cgroup->due_s = engine->now.mono_s;
		return;
	}
	cgroup->cost_us = (double)job->deep.cpu_us + 1;
	/* gone, or of a kernel or mount without this account: nothing to say */
	if (job->error < 0)
		return;
	cgroup->reading = job->cgroup;
	cgroup->read = cgroup->fresh = true;
	cgroup->read_s = engine->now.mono_s;
}

static void add_member(struct pl_engine *engine, struct pl_cgroup *cgroup,
                       const struct pl_process *process)
{
	const struct pl_values *values = &process->sample.values;
	uint64_t resident_bytes = 0;
	uint64_t shared_bytes = 0;

	for (uint16_t i = 0; i < process->group_count; i++)
		if (process->groups[i] < cgroup->owner &&
		    engine->groups[process->groups[i]].collect->cgroup)
			cgroup->owner = process->groups[i];
	(void)pl_values_get(values, PL_M_SHMEM, &resident_bytes);
	if (!pl_values_get(values, PL_M_PSS_SHMEM, &shared_bytes) || shared_bytes > resident_bytes)
		shared_bytes = resident_bytes;
	cgroup->member_count++;
	cgroup->members.resident_shmem_bytes += resident_bytes;
	cgroup->members.shmem_bytes += shared_bytes;
	cgroup->member_leaks |= process->verdict >= PL_VERDICT_LEAKING;
	cgroup->limits = values;
}

static void count_members(struct pl_engine *engine)
{
	for (size_t i = 0; i < engine->cgroup_count; i++) {
		struct pl_cgroup *cgroup = engine->cgroups[i];

		cgroup->owner = UINT16_MAX;
		cgroup->member_count = 0;
		cgroup->members = (struct pl_cgroup_members){ 0 };
		cgroup->member_leaks = false;
		cgroup->limits = NULL;
	}
	for (size_t i = 0; i < engine->process_count; i++) {
		const struct pl_process *process = engine->processes[i];
		struct pl_cgroup *cgroup = cgroup_at(engine, process->cgroup);

		if (process->used && process->alive && process->group_count > 0 && cgroup)
			add_member(engine, cgroup, process);
	}
	for (size_t i = 0; i < engine->cgroup_count; i++)
		if (engine->cgroups[i]->owner == UINT16_MAX) {
			engine->cgroups[i]->owner = 0;
			engine->cgroups[i]->member_count = 0;
		}
}

/* A process alone in it shares nothing there, and its pulse is newer than its PSS. */
static struct pl_cgroup_members members_of(const struct pl_cgroup *cgroup)
{
	struct pl_cgroup_members members = cgroup->members;

	if (cgroup->member_count == 1)
		members.shmem_bytes = members.resident_shmem_bytes;
	return members;
}

static void copy_limits(const struct pl_values *from, struct pl_values *into)
{
	static const enum pl_metric limits[] = {
		PL_M_LIMIT,       PL_M_CGROUP_MAX,       PL_M_CGROUP_USED,
		PL_M_CGROUP_HIGH, PL_M_CGROUP_HIGH_USED, PL_M_HOST_MEMORY,
		PL_M_HOST_USED,
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		uint64_t value;

		if (pl_values_get(from, limits[i], &value))
			pl_values_set(into, limits[i], value);
	}
}

/* To the detector, what nobody explains is like the anonymous memory of a process. */
static void follow(struct pl_engine *engine, struct pl_cgroup *cgroup, uint64_t unexplained_bytes)
{
	struct pl_sample sample = { .time = engine->now,
		                        .age_s = engine->now.mono_s - cgroup->first_s };

	pl_values_set(&sample.values, PL_M_ANON, unexplained_bytes);
	pl_values_set(&sample.values, PL_M_RSS, cgroup->reading.charged_bytes);
	if (cgroup->limits)
		copy_limits(cgroup->limits, &sample.values);
	pl_track_add(cgroup->track, &sample, engine->groups[cgroup->owner].settings);
}

/* A history costs 16 KiB: only where there is something to follow. */
static void begin_track(struct pl_engine *engine, struct pl_cgroup *cgroup, uint64_t grown_bytes)
{
	const struct pl_settings *settings = engine->groups[cgroup->owner].settings;
	/* spreads the judging over time, as pids do */
	const struct pl_ident nobody = { 0, cgroup->key.len + (uint64_t)cgroup->owner };

	if ((double)grown_bytes < LEAST_GROWTH_SHARE * settings->min_growth_bytes)
		return;
	cgroup->track = malloc(sizeof(*cgroup->track));
	if (cgroup->track)
		pl_track_init(cgroup->track, nobody, engine->config->time_scale);
}

static void take_reading(struct pl_engine *engine, struct pl_cgroup *cgroup)
{
	const struct pl_cgroup_members members = members_of(cgroup);
	const bool first = cgroup->base.known == 0;
	uint64_t now_bytes;
	uint64_t base_bytes;

	pl_cgroup_split(&cgroup->reading, &members, &cgroup->parts);
	now_bytes = pl_cgroup_unexplained_bytes(&cgroup->parts);
	base_bytes = pl_cgroup_unexplained_bytes(&cgroup->base);
	if (first || now_bytes < base_bytes) {
		cgroup->base = cgroup->parts;
		base_bytes = now_bytes;
	}
	if (!cgroup->track)
		begin_track(engine, cgroup, now_bytes - base_bytes);
	if (cgroup->track)
		follow(engine, cgroup, now_bytes);
}

/* The part that grew the most since the least reading, and its share of the growth. */
static enum pl_cgroup_part leader(const struct pl_cgroup *cgroup, double *share)
{
	enum pl_cgroup_part best = PL_CGROUP_TMPFS;
	double most = 0;
	double sum = 0;

	for (size_t i = 0; i < PL_CGROUP_PART_COUNT; i++) {
		const double grown = (double)cgroup->parts.bytes[i] - (double)cgroup->base.bytes[i];

		if (!pl_cgroup_part_is_unexplained((enum pl_cgroup_part)i) || grown <= 0)
			continue;
		sum += grown;
		if (grown > most) {
			most = grown;
			best = (enum pl_cgroup_part)i;
		}
	}
	*share = sum > 0 ? most / sum : 1;
	return best;
}

/* One alarm stands for the cgroups of a match until one is worse off or it is time to remind. */
static bool may_alarm(const struct pl_engine *engine, struct pl_group *group,
                      const struct pl_report *report)
{
	const double since_s =
		(engine->now.wall_s - group->cgroup_alarm_wall_s) * engine->config->time_scale;

	if (report->verdict <= group->cgroup_alarm && !report->confirmed && since_s >= 0 &&
	    since_s < group->settings->renotify_s)
		return false;
	group->cgroup_alarm = (uint8_t)report->verdict;
	group->cgroup_alarm_wall_s = engine->now.wall_s;
	return true;
}

static struct pl_track_nobody nobody_of(const struct pl_cgroup *cgroup)
{
	struct pl_track_nobody nobody = { .path = cgroup->key.path };
	const enum pl_cgroup_part part = leader(cgroup, &nobody.share);

	nobody.where = pl_cgroup_part_name(part);
	nobody.words = pl_cgroup_part_words(part);
	return nobody;
}

void pl_engine_save_cgroup(const struct pl_engine *engine, const struct pl_cgroup *cgroup,
                           struct pl_state_other *out)
{
	const struct pl_group *group = &engine->groups[cgroup->owner];
	const struct pl_track_nobody nobody = nobody_of(cgroup);
	struct pl_report told;

	_Static_assert(sizeof(out->path) == sizeof(cgroup->key.path), "a path is kept whole");
	memcpy(out->match, group->name, sizeof(out->match));
	memcpy(out->path, cgroup->key.path, sizeof(out->path));
	out->cgroup_kind = cgroup->key.kind;
	out->member_count = cgroup->member_count;
	out->first_s = cgroup->first_s;
	out->base = cgroup->base;
	out->track = *cgroup->track;
	pl_track_describe_nobody(&out->track, group->settings, group->name, &nobody, &told);
	memcpy(out->message, told.message, sizeof(out->message));
}

static void report(struct pl_engine *engine, struct pl_cgroup *cgroup)
{
	struct pl_group *group = &engine->groups[cgroup->owner];
	const struct pl_track_nobody nobody = nobody_of(cgroup);
	struct pl_report told;

	/* as long as a process leaks, that is the news: buffers and page tables come with it */
	if (cgroup->member_leaks && cgroup->track->verdict >= PL_VERDICT_LEAKING)
		return;
	if (!pl_track_report_nobody(cgroup->track, group->settings, group->name, &nobody, &told))
		return;
	if (told.alarm)
		told.alarm = may_alarm(engine, group, &told);
	pl_engine_tell(engine, group, &told);
}

static void forget_if_empty(const struct pl_engine *engine, struct pl_cgroup *cgroup)
{
	if (cgroup->member_count > 0)
		cgroup->empty_since_s = -1;
	else if (cgroup->empty_since_s < 0)
		cgroup->empty_since_s = engine->now.mono_s;
	else if (engine->now.mono_s - cgroup->empty_since_s > EMPTY_KEPT_S && !cgroup->pending)
		release(cgroup);
}

void pl_engine_judge_cgroups(struct pl_engine *engine)
{
	if (engine->cgroup_count > 0)
		count_members(engine);
	for (size_t i = 0; i < engine->cgroup_count; i++) {
		struct pl_cgroup *cgroup = engine->cgroups[i];

		if (!cgroup->used)
			continue;
		if (cgroup->fresh && cgroup->member_count > 0) {
			cgroup->fresh = false;
			take_reading(engine, cgroup);
		}
		if (cgroup->track && cgroup->member_count > 0)
			report(engine, cgroup);
		forget_if_empty(engine, cgroup);
	}
}

static uint8_t verdict_of(const struct pl_engine *engine, const struct pl_cgroup *cgroup)
{
	const double age_s = (engine->now.mono_s - cgroup->first_s) * engine->config->time_scale;

	if (!cgroup->track)
		return age_s < LEARNING_S ? PL_VERDICT_LEARNING : PL_VERDICT_STEADY;
	if (cgroup->member_leaks && cgroup->track->verdict > PL_VERDICT_GROWING)
		return PL_VERDICT_GROWING;
	return cgroup->track->verdict;
}

void pl_engine_cgroup_findings(const struct pl_engine *engine, const struct pl_cgroup *cgroup,
                               struct pl_findings *out)
{
	*out = (struct pl_findings){ .present = 0 };
	if (cgroup->track)
		pl_track_findings(cgroup->track, out);
	pl_findings_set(out, PL_FINDING_VERDICT, verdict_of(engine, cgroup));
}

void pl_engine_sum_cgroups(struct pl_engine *engine)
{
	for (size_t i = 0; i < engine->group_count; i++) {
		engine->groups[i].cgroup_parts = (struct pl_cgroup_parts){ 0 };
		engine->groups[i].worst_cgroup = NULL;
	}
	for (size_t i = 0; i < engine->cgroup_count; i++) {
		const struct pl_cgroup *cgroup = engine->cgroups[i];
		struct pl_group *group = &engine->groups[cgroup->owner];
		const double age_s = (engine->now.mono_s - cgroup->read_s) * engine->config->time_scale;

		/* resting processes are no reason for a gap */
		if (!cgroup->used || cgroup->member_count == 0 || cgroup->parts.known == 0 ||
		    (age_s > STALE_S && engine->now.mono_s - cgroup->read_s > STALE_S / 10))
			continue;
		group->cgroup_parts.known |= cgroup->parts.known;
		for (size_t p = 0; p < PL_CGROUP_PART_COUNT; p++)
			group->cgroup_parts.bytes[p] += cgroup->parts.bytes[p];
		if (!group->worst_cgroup ||
		    verdict_of(engine, cgroup) > verdict_of(engine, group->worst_cgroup))
			group->worst_cgroup = cgroup;
	}
}
