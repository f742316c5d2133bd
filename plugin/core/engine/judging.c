#include "engine/internal.h"

#include <stdlib.h>

#define SUM_AWAITED_S 60.0

int pl_engine_begin_track(struct pl_engine *engine, struct pl_process *process)
{
	if (!process->track)
		process->track = malloc(sizeof(*process->track));
	if (!process->track)
		return -1;
	pl_track_init(process->track, process->ident, engine->config->time_scale);
	return 0;
}

void pl_engine_end_track(struct pl_engine *engine, struct pl_process *process)
{
	if (process->track->sample_count == 0)
		return;
	for (uint16_t i = 0; i < process->group_count; i++) {
		struct pl_group *group = &engine->groups[process->groups[i]];

		pl_family_gone(&group->family, process->track, group->settings);
		pl_sum_gone(&group->members, process->track);
	}
}

double pl_engine_start_s(const struct pl_engine *engine, uint64_t start_ticks)
{
	if (engine->host.boot_s == 0)
		return 0;
	return (double)engine->host.boot_s + (double)start_ticks / (double)engine->host.ticks_per_s;
}

void pl_engine_tell(struct pl_engine *engine, const struct pl_group *group,
                    struct pl_report *report)
{
	/* its subject is one that has series; the process to blame is named by its pid */
	if (report->subject.kind == PL_SUBJECT_PROCESS && (!group->match || !group->match->per_process))
		report->subject.kind = PL_SUBJECT_MATCH;
	if (report->alarm || report->recovered)
		pl_engine_save_soon(engine);
	if (report->subject.pid > 0)
		report->subject.start_s = pl_engine_start_s(engine, report->subject.start_ticks);
	if (!report->followup)
		pl_engine_add_census(engine, report);
	if (report->alarm) {
		pl_engine_keep_evidence(engine, group, report, NULL);
		pl_engine_want_census(engine, group, report);
	}
	if (engine->emit.report)
		engine->emit.report(engine->emit.ctx, report);
}

void pl_engine_tell_unreadable(struct pl_engine *engine, const struct pl_process *process,
                               bool over)
{
	for (uint16_t i = 0; i < process->group_count; i++) {
		const struct pl_group *group = &engine->groups[process->groups[i]];
		struct pl_report report;

		pl_track_describe(process->track, group->settings, group->name, process->comm, &report);
		report.previous = report.verdict;
		report.alarm = !over;
		report.recovered = over;
		report.reason = PL_UNREADABLE;
		pl_explain_unreadable(process->comm, process->ident.pid, process->hanging_s, over,
		                      report.message, sizeof(report.message));
		pl_engine_tell(engine, group, &report);
	}
}

/* What pl_track_report() marks as told; each match of a process has to be told by itself. */
struct told {
	uint8_t verdict;
	bool confirmed;
	bool alarm;
	uint8_t of;
	bool changed;
};

static struct told told_of(const struct pl_track *track)
{
	return (struct told){ track->reported_verdict, track->reported_confirmed, track->alarm_told,
		                  track->told_of, track->changed };
}

static void restore_told(struct pl_track *track, struct told told)
{
	track->reported_verdict = told.verdict;
	track->reported_confirmed = told.confirmed;
	track->alarm_told = told.alarm;
	track->told_of = told.of;
	track->changed = told.changed;
}

static void judge_process(struct pl_engine *engine, struct pl_process *process)
{
	/* one history a process: with different settings in two matches, the first one's hold */
	pl_engine_show_idle(engine, process, true);
	pl_track_add(process->track, &process->sample, engine->groups[process->groups[0]].settings);
	pl_engine_show_idle(engine, process, false);
	process->verdict = (enum pl_verdict)process->track->verdict;

	const struct told before = told_of(process->track);

	for (uint16_t i = 0; i < process->group_count; i++) {
		struct pl_group *group = &engine->groups[process->groups[i]];
		struct pl_report report;

		restore_told(process->track, before);
		pl_sum_member(&group->members, process->track);
		if (pl_family_member(&group->family, process->track, group->settings, group->name,
		                     process->comm, &report))
			pl_engine_tell(engine, group, &report);
	}
}

/* After a restart they are found one after the other: the sum would seem to fall, and to rise. */
static bool awaits_members(const struct pl_engine *engine, struct pl_group *group)
{
	if (group->sum_awaited_count > 0 && group->sum_awaited_until_s <= 0)
		group->sum_awaited_until_s = engine->now.mono_s + SUM_AWAITED_S;
	if (group->members.member_count < group->sum_awaited_count &&
	    engine->now.mono_s < group->sum_awaited_until_s)
		return true;
	group->sum_awaited_count = 0;
	return false;
}

/* Only a match of several processes has a sum worth a history. */
static void judge_sum(struct pl_engine *engine, struct pl_group *group)
{
	struct pl_report report;

	if (!group->sum_track && pl_sum_is_wanted(&group->members)) {
		group->sum_track = malloc(sizeof(*group->sum_track));
		if (group->sum_track)
			pl_track_init(group->sum_track,
			              (struct pl_ident){ 0, (uint64_t)group->members.member_count },
			              engine->config->time_scale);
	}
	if (awaits_members(engine, group))
		return;
	if (pl_sum_end(&group->members, group->sum_track, &group->family, group->settings, group->name,
	               &report))
		pl_engine_tell(engine, group, &report);
}

void pl_engine_judge(struct pl_engine *engine)
{
	for (size_t i = 0; i < engine->group_count; i++) {
		pl_family_begin(&engine->groups[i].family, engine->now);
		pl_sum_begin(&engine->groups[i].members);
	}
	for (size_t i = 0; i < engine->process_count; i++) {
		struct pl_process *process = engine->processes[i];

		if (process->used && process->alive && process->group_count > 0)
			judge_process(engine, process);
	}
	for (size_t i = 0; i < engine->group_count; i++) {
		struct pl_group *group = &engine->groups[i];
		struct pl_report report;

		if (pl_family_end(&group->family, group->settings, group->name, group->name, &report))
			pl_engine_tell(engine, group, &report);
		judge_sum(engine, group);
		group->verdict = (enum pl_verdict)group->family.verdict;
	}
}
