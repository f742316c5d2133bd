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

static void add_siblings(const struct pl_engine *engine, const struct pl_group *group,
                         struct pl_evidence_case *about)
{
	const uint16_t index = (uint16_t)(group - engine->groups);

	for (size_t i = 0; i < engine->process_count; i++) {
		const struct pl_process *process = engine->processes[i];
		struct pl_findings findings;
		double rate_per_h = 0;

		if (about->sibling_count == PL_EVIDENCE_SIBLINGS)
			return;
		if (!process->used || !process->alive || !pl_process_in_group(process, index) ||
		    pl_ident_equal(process->ident, about->ident))
			continue;
		pl_track_findings(process->track, &findings);
		(void)pl_findings_get(&findings, PL_FINDING_RATE, &rate_per_h);
		about->siblings[about->sibling_count++] =
			(struct pl_evidence_sibling){ process->ident.pid, process->verdict,
			                              process->track->u_bytes, rate_per_h };
	}
}

static struct pl_evidence_case *make_case(const struct pl_engine *engine,
                                          const struct pl_group *group,
                                          const struct pl_process *process,
                                          const struct pl_report *report)
{
	struct pl_evidence_case *about = calloc(1, sizeof(*about));

	if (!about)
		return NULL;
	pl_evidence_set_report(about, report);
	about->ident = process->ident;
	about->values = process->sample.values;
	about->track = *process->track;
	about->has_ledger = process->ledger && process->ledger->reading_count > 0;
	if (about->has_ledger)
		about->ledger = *process->ledger;
	if (process->idle)
		about->idle = process->idle->regions;
	add_siblings(engine, group, about);
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

void pl_engine_keep_evidence(struct pl_engine *engine, const struct pl_group *group,
                             const struct pl_report *report, const struct pl_census_report *census)
{
	const char *directory = engine->config->evidence_dir;
	struct pl_job job = { .kind = PL_JOB_EVIDENCE, .process = blamed(engine, report) };
	struct pl_process *process;

	if (!directory || !*directory || job.process == PL_ROSTER_NONE ||
	    engine->evidence_pending >= MOST_PENDING)
		return;
	process = engine->processes[job.process];
	job.ident = process->ident;
	(void)pl_values_get(&process->sample.values, PL_M_THREADS, &job.thread_count);
	job.evidence = make_case(engine, group, process, report);
	if (!job.evidence)
		return;
	job.evidence->has_census = census != NULL;
	if (census)
		job.evidence->census = *census;
	/* the second time they are known already */
	job.with_regions = !census && pay_for_regions(engine, process, &job.grant);
	job.holds = job.with_regions;
	if (!pl_worker_post(engine->worker, &job)) {
		if (job.with_regions)
			pl_budget_settle(&engine->budget, &job.grant, 0);
		free(job.evidence);
		return;
	}
	process->lock_pending |= job.holds;
	engine->evidence_pending++;
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
