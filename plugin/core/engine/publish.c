#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

#define NEWBORN_TICKS 2

static bool is_newborn(const struct pl_engine *engine, const struct pl_process *process)
{
	return !process->deep_known && engine->tick - process->first_tick < NEWBORN_TICKS;
}

static void begin_sums(struct pl_engine *engine)
{
	for (size_t i = 0; i < engine->group_count; i++) {
		struct pl_group *group = &engine->groups[i];

		pl_group_sum_begin(&group->sum);
		pl_group_sum_begin(&group->other);
		group->regions = (struct pl_region_bytes){ 0 };
		group->regions_have = 0;
		group->cost.method = PL_METHOD_ROLLUP;
		group->cost.error_share = 0;
	}
	pl_engine_sum_cgroups(engine);
}

/* A process keeps its own series as long as it lives; free places go to whoever comes next. */
static bool is_published(struct pl_group *group, struct pl_process *process, uint16_t i)
{
	if ((process->published >> i) & 1)
		return true;
	if (group->published_count >= group->match->max_processes)
		return false;
	group->published_count++;
	process->published |= 1u << i;
	return true;
}

static void emit_process(const struct pl_engine *engine, const struct pl_group *group,
                         const struct pl_process *process)
{
	struct pl_reading reading = {
		.subject = { .kind = PL_SUBJECT_PROCESS,
		             .match = group->name,
		             .comm = process->comm,
		             .pid = process->ident.pid,
		             .start_ticks = process->ident.start_ticks,
		             .start_s = pl_engine_start_s(engine, process->ident.start_ticks) },
		.time = engine->now,
		.collect = group->collect,
		.process_count = 1,
		.deep_age_s = process->deep_known ? engine->now.mono_s - process->deep_s : -1,
		.idle_age_s = pl_engine_idle_age_s(engine, process),
		.cost = process->cost,
		.fds_of_limit = pl_group_fds_of_limit(&process->sample.values),
		.values = process->sample.values,
	};
	struct pl_region_bytes regions;

	if (pl_engine_region_bytes(engine, process, &regions))
		reading.regions = &regions;
	pl_track_findings(process->track, &reading.findings);
	reading.reason =
		process->hanging_told ? PL_UNREADABLE : pl_reason_name(pl_track_reason(process->track));
	engine->emit.reading(engine->emit.ctx, &reading);
}

/* A sum is read no better than the worst of its parts. */
static void take_method(struct pl_read_cost *sum, const struct pl_read_cost *part)
{
	if (part->method < sum->method)
		sum->method = part->method;
	if (part->method == PL_METHOD_SAMPLED && part->error_share > sum->error_share)
		sum->error_share = part->error_share;
}

static void add_to_group(struct pl_engine *engine, struct pl_process *process, uint16_t i)
{
	struct pl_group *group = &engine->groups[process->groups[i]];
	const struct pl_group_member member = { &process->sample.values, is_newborn(engine, process) };

	pl_group_sum_add(&group->sum, &member);
	if (!member.newborn)
		take_method(&group->cost, &process->cost);
	pl_engine_add_regions(engine, group, process);
	if (!group->match || !group->match->per_process)
		return;
	if (!is_published(group, process, i))
		pl_group_sum_add(&group->other, &member);
	else if (engine->emit.reading)
		emit_process(engine, group, process);
}

static void emit_sum(const struct pl_engine *engine, const struct pl_group *group,
                     enum pl_subject_kind kind, const struct pl_group_sum *sum)
{
	static const struct pl_values no_counters;
	struct pl_reading reading = {
		.subject = { .kind = kind, .match = group->name },
		.time = engine->now,
		.collect = group->collect,
		.process_count = sum->member_count,
		.fds_of_limit = sum->fds_of_limit,
		.deep_age_s = -1,
		.idle_age_s = -1,
	};

	pl_group_sum_end(sum, kind == PL_SUBJECT_MATCH ? &group->counters : &no_counters,
	                 &reading.values);
	if (kind == PL_SUBJECT_MATCH)
		reading.cost = group->cost;
	if (kind == PL_SUBJECT_MATCH && sum->member_count > 0) {
		reading.findings = group->family.findings;
		reading.reason = pl_reason_name((enum pl_reason)group->family.reason);
	}
	/* a few that have not been read yet are no reason to say nothing of the others */
	if (kind == PL_SUBJECT_MATCH && group->regions_have > 0 &&
	    group->regions_have * 10 >= sum->member_count * 9)
		reading.regions = &group->regions;
	engine->emit.reading(engine->emit.ctx, &reading);
}

static void emit_cgroup(const struct pl_engine *engine, const struct pl_group *group)
{
	const struct pl_cgroup *worst = group->worst_cgroup;
	struct pl_reading reading = {
		.subject = { .kind = PL_SUBJECT_CGROUP, .match = group->name, .cgroup = worst->key.path },
		.time = engine->now,
		.collect = group->collect,
		.process_count = worst->member_count,
		.deep_age_s = engine->now.mono_s - worst->read_s,
		.cgroup = &group->cgroup_parts,
	};

	pl_engine_cgroup_findings(engine, worst, &reading.findings);
	engine->emit.reading(engine->emit.ctx, &reading);
}

static void emit_groups(const struct pl_engine *engine)
{
	for (size_t i = 0; i < engine->group_count; i++) {
		const struct pl_group *group = &engine->groups[i];

		if (!group->match && !group->auto_published)
			continue;
		emit_sum(engine, group, PL_SUBJECT_MATCH, &group->sum);
		if (group->other.member_count > 0)
			emit_sum(engine, group, PL_SUBJECT_OTHER, &group->other);
		if (group->worst_cgroup)
			emit_cgroup(engine, group);
	}
}

/* What is kept of a process, that runs or may be reused for another one. */
static uint64_t memory_of(const struct pl_process *process)
{
	return sizeof(*process) + (process->track ? sizeof(*process->track) : 0) +
	       (process->ledger ? sizeof(*process->ledger) : 0);
}

/* What is kept beside the processes. */
static uint64_t common_memory(const struct pl_engine *engine)
{
	const struct pl_roster *roster = &engine->roster;

	return sizeof(*engine) + engine->group_count * sizeof(*engine->groups) +
	       engine->process_capacity * sizeof(*engine->processes) +
	       roster->capacity * sizeof(*roster->entries) +
	       roster->seen_capacity * sizeof(*roster->seen) +
	       engine->cgroup_count * sizeof(**engine->cgroups);
}

static void emit_self(struct pl_engine *engine)
{
	struct pl_worker_status status;

	pl_worker_status(engine->worker, &status);
	engine->self.time = engine->now;
	engine->self.deep_cpu_us_total = status.cpu_us_total;
	engine->self.stuck_count = status.stuck_count;
	engine->self.seen_count = (uint32_t)engine->roster.count;
	if (engine->emit.self)
		engine->emit.self(engine->emit.ctx, &engine->self);
}

void pl_engine_publish(struct pl_engine *engine)
{
	uint32_t matched_count = 0;
	uint32_t degraded_count = 0;
	uint64_t memory_bytes = common_memory(engine);

	begin_sums(engine);
	for (size_t i = 0; i < engine->process_count; i++) {
		struct pl_process *process = engine->processes[i];

		memory_bytes += memory_of(process);
		if (!process->used || !process->alive)
			continue;
		matched_count++;
		degraded_count += process->too_dear;
		for (uint16_t g = 0; g < process->group_count; g++)
			add_to_group(engine, process, g);
	}
	engine->self.matched_count = matched_count;
	engine->self.degraded_count = degraded_count;
	engine->self.memory_bytes = memory_bytes;
	pl_engine_auto_choose(engine);
	if (engine->emit.reading)
		emit_groups(engine);
	emit_self(engine);
}
