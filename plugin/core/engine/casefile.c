#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

#define MOST_PENDING 8 /* each holds some 30 KiB until it is written */

static const struct pl_process *blamed(const struct pl_engine *engine,
                                       const struct pl_report *report)
{
	const struct pl_ident ident = { report->subject.pid, report->subject.start_ticks };

	for (size_t i = 0; i < engine->process_count; i++)
		if (engine->processes[i]->used && pl_ident_equal(engine->processes[i]->ident, ident))
			return engine->processes[i];
	return NULL;
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
	add_siblings(engine, group, about);
	return about;
}

void pl_engine_keep_evidence(struct pl_engine *engine, const struct pl_group *group,
                             const struct pl_report *report)
{
	const char *directory = engine->config->evidence_dir;
	const struct pl_process *process = report->subject.pid > 0 ? blamed(engine, report) : NULL;
	struct pl_job job = { .kind = PL_JOB_EVIDENCE };

	if (!directory || !*directory || !process || engine->evidence_pending >= MOST_PENDING)
		return;
	job.ident = process->ident;
	job.with_regions =
		pl_budget_spacing_s(&engine->budget, pl_engine_regions_us(engine, process)) >= 0;
	(void)pl_values_get(&process->sample.values, PL_M_THREADS, &job.thread_count);
	job.evidence = make_case(engine, group, process, report);
	if (!job.evidence)
		return;
	if (!pl_worker_post(engine->worker, &job)) {
		free(job.evidence);
		return;
	}
	engine->evidence_pending++;
}

void pl_engine_evidence_done(struct pl_engine *engine, const struct pl_job *job)
{
	engine->evidence_pending--;
	if (job->error < 0)
		pl_log_complain(&engine->log, &engine->evidence_complaint, engine->now.mono_s,
		                PL_LOG_WARNING, "%s: cannot keep evidence: %s",
		                engine->config->evidence_dir, strerror(-job->error));
	else
		pl_log_release(&engine->log, &engine->evidence_complaint, PL_LOG_NOTICE,
		               "%s: evidence is kept again", engine->config->evidence_dir);
}
