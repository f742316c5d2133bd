#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

#define MOST_PENDING 8 /* each holds some 30 KiB until it is written */

/* Index of the process that a report blames, or PL_ROSTER_NONE. */
static uint32_t blamed(const struct pl_engine *engine, const struct pl_report *report)
{
	const struct pl_ident ident = { report->subject.pid, report->subject.start_ticks };

	for (size_t i = 0; ident.pid > 0 && i < engine->process_count; i++)
		if (engine->processes[i]->used && pl_ident_equal(engine->processes[i]->ident, ident))
			return (uint32_t)i;
	return PL_ROSTER_NONE;
}

struct pl_process *pl_engine_blamed(struct pl_engine *engine, const struct pl_report *report)
{
	const uint32_t index = blamed(engine, report);

	return index == PL_ROSTER_NONE ? NULL : engine->processes[index];
}

/* What a report is about, and the process that the facts of it are read of. */
struct subject {
	enum pl_evidence_about about;
	const struct pl_group *group;
	const struct pl_cgroup *cgroup; /* CGROUP only */
	uint32_t process;               /* the one to blame, or the largest; or PL_ROSTER_NONE */
};

static enum pl_evidence_about about_of(const struct pl_report *report)
{
	if (report->subject.kind == PL_SUBJECT_CGROUP)
		return PL_ABOUT_CGROUP;
	if (report->subject.pid > 0)
		return PL_ABOUT_PROCESS;
	return report->reason && strcmp(report->reason, pl_reason_name(PL_REASON_RUNS)) == 0
	           ? PL_ABOUT_RUNS
	           : PL_ABOUT_SUM;
}

static bool is_member(const struct pl_engine *engine, const struct subject *subject,
                      const struct pl_process *process)
{
	if (!process->used || !process->alive || !process->track || process->group_count == 0)
		return false;
	if (subject->cgroup)
		return process->cgroup > 0 && process->cgroup <= engine->cgroup_count &&
		       engine->cgroups[process->cgroup - 1] == subject->cgroup;
	return pl_process_in_group(process, (uint16_t)(subject->group - engine->groups));
}

static uint32_t largest(const struct pl_engine *engine, const struct subject *subject)
{
	uint32_t best = PL_ROSTER_NONE;

	for (size_t i = 0; i < engine->process_count; i++) {
		const struct pl_process *process = engine->processes[i];

		if (is_member(engine, subject, process) &&
		    (best == PL_ROSTER_NONE ||
		     process->track->u_bytes > engine->processes[best]->track->u_bytes))
			best = (uint32_t)i;
	}
	return best;
}

static struct subject subject_of(const struct pl_engine *engine, const struct pl_group *group,
                                 const struct pl_report *report)
{
	struct subject subject = { .about = about_of(report), .group = group };

	/* a report borrows the path of the cgroup itself */
	for (size_t i = 0; subject.about == PL_ABOUT_CGROUP && i < engine->cgroup_count; i++)
		if (engine->cgroups[i]->key.path == report->subject.cgroup)
			subject.cgroup = engine->cgroups[i];
	subject.process =
		subject.about == PL_ABOUT_PROCESS ? blamed(engine, report) : largest(engine, &subject);
	return subject;
}

/* The largest first; the smallest give way. */
static void add_sibling(struct pl_evidence_case *about, const struct pl_process *process)
{
	const double u_bytes = process->track->u_bytes;
	struct pl_findings findings;
	double rate_per_h = 0;
	uint32_t at = about->sibling_count;

	if (at == PL_EVIDENCE_SIBLINGS && about->siblings[--at].u_bytes >= u_bytes)
		return;
	about->sibling_count = at + 1;
	for (; at > 0 && about->siblings[at - 1].u_bytes < u_bytes; at--)
		about->siblings[at] = about->siblings[at - 1];
	pl_track_findings(process->track, &findings);
	(void)pl_findings_get(&findings, PL_FINDING_RATE, &rate_per_h);
	about->siblings[at] =
		(struct pl_evidence_sibling){ process->ident.pid, process->verdict, u_bytes, rate_per_h };
}

static void add_siblings(const struct pl_engine *engine, const struct subject *subject,
                         struct pl_evidence_case *about)
{
	for (size_t i = 0; i < engine->process_count; i++) {
		const struct pl_process *process = engine->processes[i];

		if (!is_member(engine, subject, process))
			continue;
		about->member_count++;
		if (subject->about != PL_ABOUT_PROCESS || i != subject->process)
			add_sibling(about, process);
	}
}

static void add_process(const struct pl_process *process, struct pl_evidence_case *about)
{
	about->ident = process->ident;
	snprintf(about->example, sizeof(about->example), "%s", process->comm);
	about->example_bytes = process->track->u_bytes;
	about->values = process->sample.values;
	about->track = *process->track;
	/* the regions of one process say nothing about what no process explains */
	if (about->about == PL_ABOUT_CGROUP)
		return;
	about->has_ledger = process->ledger && process->ledger->reading_count > 0;
	if (about->has_ledger)
		about->ledger = *process->ledger;
	if (process->idle)
		about->idle = process->idle->regions;
}

/* On the wall clock, the oldest first. */
static void add_runs(const struct pl_family *family, struct pl_evidence_case *about)
{
	const double scale = family->time_scale;
	const uint32_t kept = family->run_total < PL_FAMILY_RUNS ? family->run_total : PL_FAMILY_RUNS;

	_Static_assert(PL_EVIDENCE_MOST_RUNS >= PL_FAMILY_RUNS, "all of them are told");
	for (uint32_t i = 0; i < kept; i++) {
		const struct pl_run *run = &family->runs[(family->run_total - kept + i) % PL_FAMILY_RUNS];

		about->runs[i] = (struct pl_evidence_run){ .begin_s = run->begin_s / scale,
			                                       .end_s = run->end_s / scale,
			                                       .rate_per_h = run->rate_per_s * scale * 3600,
			                                       .grown_bytes = run->grown,
			                                       .level_bytes = run->level };
	}
	about->run_count = kept;
}

static struct pl_evidence_case *make_case(const struct pl_engine *engine,
                                          const struct subject *subject,
                                          const struct pl_report *report)
{
	struct pl_evidence_case *about = calloc(1, sizeof(*about));

	if (!about)
		return NULL;
	pl_evidence_set_report(about, report);
	about->about = subject->about;
	if (subject->process != PL_ROSTER_NONE)
		add_process(engine->processes[subject->process], about);
	if (subject->about == PL_ABOUT_RUNS) {
		add_runs(&subject->group->family, about);
		about->track.attribution = subject->group->family.runs_attribution;
	}
	if (subject->about == PL_ABOUT_SUM && subject->group->sum_track)
		about->track = *subject->group->sum_track;
	if (subject->cgroup) {
		about->parts_before = subject->cgroup->base;
		about->parts_now = subject->cgroup->parts;
		if (subject->cgroup->track)
			about->track = *subject->cgroup->track;
	}
	add_siblings(engine, subject, about);
	return about;
}

/* Without the means for it, the last reading of the regions will have to do. */
static bool pay_for_regions(struct pl_engine *engine, const struct pl_process *process,
                            struct pl_grant *grant)
{
	const double cost_us = pl_engine_regions_us(engine, process);

	/* what was read and not yet taken over must not be overwritten */
	return !engine->regions_busy && pl_engine_lock_spacing_s(engine, cost_us) >= 0 &&
	       pl_engine_lock_is_free(engine, process) &&
	       pl_budget_take(&engine->budget, cost_us, false, grant);
}

/* The second time the regions are known already; of a cgroup they are not asked for. */
static bool wants_regions(const struct subject *subject, bool has_census)
{
	return !has_census && subject->process != PL_ROSTER_NONE && subject->about != PL_ABOUT_CGROUP;
}

static void post_case(struct pl_engine *engine, const struct subject *subject,
                      struct pl_evidence_case *about)
{
	struct pl_job job = { .kind = PL_JOB_EVIDENCE, .process = subject->process };
	struct pl_process *process = NULL;

	job.evidence = about;
	if (subject->process != PL_ROSTER_NONE) {
		process = engine->processes[subject->process];
		job.ident = process->ident;
		(void)pl_values_get(&process->sample.values, PL_M_THREADS, &job.thread_count);
	}
	job.with_regions =
		wants_regions(subject, about->has_census) && pay_for_regions(engine, process, &job.grant);
	job.holds = job.with_regions;
	if (!pl_worker_post(engine->worker, &job)) {
		if (job.with_regions)
			pl_budget_settle(&engine->budget, &job.grant, 0);
		free(about);
		return;
	}
	if (process)
		process->lock_pending |= job.holds;
	engine->evidence_pending++;
}

void pl_engine_keep_evidence(struct pl_engine *engine, const struct pl_group *group,
                             const struct pl_report *report, const struct pl_census_report *census)
{
	const char *directory = engine->config->evidence_dir;
	struct pl_evidence_case *about;

	if (!directory || !*directory || engine->evidence_pending >= MOST_PENDING)
		return;
	const struct subject subject = subject_of(engine, group, report);

	if (subject.about == PL_ABOUT_PROCESS && subject.process == PL_ROSTER_NONE)
		return;
	about = make_case(engine, &subject, report);
	if (!about)
		return;
	about->has_census = census != NULL;
	if (census)
		about->census = *census;
	post_case(engine, &subject, about);
}

void pl_engine_evidence_done(struct pl_engine *engine, const struct pl_job *job)
{
	engine->evidence_pending--;
	if (job->holds)
		(void)pl_engine_account(engine, pl_engine_process_of(engine, job), job);
	if (job->error < 0)
		pl_log_complain(&engine->log, &engine->evidence_complaint, engine->now.mono_s,
		                PL_LOG_WARNING, "%s: cannot keep evidence: %s",
		                engine->config->evidence_dir, pl_state_error(job->error));
	else
		pl_log_release(&engine->log, &engine->evidence_complaint, PL_LOG_NOTICE,
		               "%s: evidence is kept again", engine->config->evidence_dir);
}
