/* A census of what a leaking process piles up: look by look on the worker, one at a time. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "census/tell.h"
#include "engine/internal.h"

/*
 * From the first look to the last one; longer where ticks or MaxLockTime ask for it. Looks that
 * fall on ticks keep some of their jitter when there are more ticks than looks.
 */
#define INTERVAL_S 60.0
#define INTERVAL_MIN_S 10.0 /* whatever TimeScale says: objects pile up in real time */
#define INTERVAL_TICKS 8.0
#define INTERVAL_MAX_S 1800.0
/*
 * Of a large heap a look sees a small part: so many objects for each page that one of the sample
 * stands for must pile up until they are told from chance, thrice over. Objects of 256 bytes at
 * the rate of the verdict tell how long that takes. And whatever the size of the heap, what fills
 * fewer pages than this may be chance: z is the root of their number, where they are filled alike.
 */
#define OBJECTS_PER_PAGE 24.0
#define OBJECT_BYTES 256.0
#define PAGES_FILLED 60.0
#define PAGES 160       /* a look holds the lock for 2 to 7 ms in all */
#define PAGES_SCALED 64 /* with TimeScale, for the sake of short looks */
#define WINDOWS_MAX 512 /* 1 GiB; of larger heaps a part stands for all */
#define FIRST_US 15000.0
#define WAIT_MAX_S 1800.0 /* for the budget; then it is given up */

/* The census under way. */
struct pl_engine_census {
	struct pl_census_run run;
	struct pl_ident ident;
	uint32_t process;
	bool pending; /* a job is: the worker has the run */
	bool dropped; /* nobody wants it any more, once the worker gives it back */
	bool looked;
	int error; /* of the last job */
	double begun_s;
	double due_s;
	double predicted_us;
};

/* What a process keeps of it. */
struct pl_census_note {
	bool wanted;
	double alarm_s; /* Unix time of the last alarm */
	enum pl_verdict verdict;
	char line[PL_CENSUS_LINE_SIZE]; /* of the last one that found something */
};

void pl_engine_forget_census(struct pl_process *process)
{
	free(process->census);
	process->census = NULL;
}

void pl_engine_free_census(struct pl_engine *engine)
{
	if (engine->census)
		pl_census_free(engine->census->run.census);
	free(engine->census);
	engine->census = NULL;
}

static struct pl_process *process_of(struct pl_engine *engine,
                                     const struct pl_engine_census *census)
{
	const struct pl_job job = { .ident = census->ident, .process = census->process };

	return pl_engine_process_of(engine, &job);
}

bool pl_engine_census_reads(const struct pl_engine *engine, const struct pl_process *process)
{
	const struct pl_engine_census *census = engine->census;

	return census && (census->pending || census->looked) &&
	       pl_ident_equal(census->ident, process->ident);
}

void pl_engine_want_census(struct pl_engine *engine, const struct pl_group *group,
                           const struct pl_report *report)
{
	struct pl_process *process = pl_engine_blamed(engine, report);

	/* it sees the heap: what grows must be there */
	if (!group->settings->census || !process || report->verdict < PL_VERDICT_LEAKING ||
	    process->track->worst != PL_TRACKED_U)
		return;
	if (!process->census)
		process->census = calloc(1, sizeof(*process->census));
	if (!process->census)
		return;
	process->census->wanted = true;
	process->census->alarm_s = report->time_s;
	process->census->verdict = report->verdict;
	engine->census_wanted = true;
}

void pl_engine_add_census(struct pl_engine *engine, struct pl_report *report)
{
	static const char words[] = "; piles up ";
	const struct pl_process *process = pl_engine_blamed(engine, report);
	const size_t len = strlen(report->message);

	if (!process || !process->census || !process->census->line[0] ||
	    report->verdict < PL_VERDICT_LEAKING)
		return;
	report->census = process->census->line;
	if (len + strlen(words) + strlen(report->census) < sizeof(report->message))
		snprintf(report->message + len, sizeof(report->message) - len, "%s%s", words,
		         report->census);
}

/* What it has found, or why it could not: in the evidence of the alarm, and to the host. */
static void tell(struct pl_engine *engine, struct pl_process *process,
                 const struct pl_census_report *found)
{
	struct pl_census_note *note = process->census;

	for (uint16_t i = 0; i < process->group_count; i++) {
		struct pl_group *group = &engine->groups[process->groups[i]];
		struct pl_report report;

		if (!group->settings->census || group->family.alarm_verdict < PL_VERDICT_LEAKING)
			continue;
		pl_track_describe(process->track, group->settings, group->name, process->comm, &report);
		report.previous = report.verdict;
		report.followup = found->entry_count > 0;
		/* the same file as that of the alarm */
		report.time_s = note->alarm_s;
		report.verdict = note->verdict;
		report.subject.start_s = pl_engine_start_s(engine, report.subject.start_ticks);
		pl_engine_add_census(engine, &report);
		pl_engine_keep_evidence(engine, group, &report, found);
		report.time_s = process->track->now.wall_s;
		report.verdict = report.previous;
		if (report.followup)
			pl_engine_tell(engine, group, &report);
	}
}

/* Ends the census under way; an error of -ESRCH is none of the user's business. */
static void end(struct pl_engine *engine, int err)
{
	struct pl_census_report *found = &engine->census->run.report;
	struct pl_process *process = process_of(engine, engine->census);
	const int pid = (int)engine->census->ident.pid;

	if (err < 0)
		pl_census_tell_failure(err, found);
	if (process && process->census && err != -ESRCH) {
		(void)pl_census_tell_line(found, process->census->line, sizeof(process->census->line));
		if (found->entry_count > 0)
			pl_log_write(&engine->log, PL_LOG_INFO, "%s[%d] piles up %s", process->comm, pid,
			             process->census->line);
		else
			pl_log_write(&engine->log, PL_LOG_INFO, "%s[%d]: the census could not tell: %s",
			             process->comm, pid, found->reason);
		if (process->verdict >= PL_VERDICT_LEAKING)
			tell(engine, process, found);
	}
	pl_engine_free_census(engine);
}

double pl_engine_census_interval_s(const struct pl_census_pace *pace)
{
	const double least_s = fmax(INTERVAL_S / pace->time_scale, INTERVAL_MIN_S);
	const double bytes_per_s = pace->bytes_per_h / 3600;
	const double pages = pace->heap_bytes / pace->page_bytes;
	double wanted_s = 0;

	if (bytes_per_s > 0)
		wanted_s = fmax(OBJECTS_PER_PAGE * pages / pace->page_count / (bytes_per_s / OBJECT_BYTES),
		                PAGES_FILLED * pace->page_bytes / bytes_per_s);
	return fmax(fmax(least_s, fmin(wanted_s, INTERVAL_MAX_S)), INTERVAL_TICKS * pace->tick_s);
}

static double interval_s(const struct pl_engine *engine, const struct pl_process *process,
                         uint32_t page_count)
{
	struct pl_census_pace pace = { .heap_bytes = process->track->u_bytes,
		                           .page_bytes = (double)engine->host.page_bytes,
		                           .page_count = page_count,
		                           .time_scale = engine->config->time_scale,
		                           .tick_s = engine->interval_s };
	struct pl_findings findings;

	pl_track_findings(process->track, &findings);
	(void)pl_findings_get(&findings, PL_FINDING_RATE, &pace.bytes_per_h);
	return pl_engine_census_interval_s(&pace);
}

static struct pl_engine_census *make_census(const struct pl_engine *engine, size_t index)
{
	const uint32_t page_count = engine->config->time_scale > 1 ? PAGES_SCALED : PAGES;
	const struct pl_process *process = engine->processes[index];
	struct pl_engine_census *census = calloc(1, sizeof(*census));

	if (!census)
		return NULL;
	census->ident = process->ident;
	census->process = (uint32_t)index;
	census->begun_s = engine->now.mono_s;
	census->due_s = engine->now.mono_s;
	census->predicted_us = FIRST_US;
	census->run.options = (struct pl_census_options){
		.page_count = page_count,
		.interval_s = interval_s(engine, process, PL_CENSUS_OLD_PAGES_FACTOR * page_count),
		.windows_max = WINDOWS_MAX,
		.seed = (uint64_t)(engine->now.wall_s * 1e6) ^ (uint64_t)census->ident.pid << 32,
	};
	return census;
}

static void begin(struct pl_engine *engine)
{
	engine->census_wanted = false;
	for (size_t i = 0; i < engine->process_count && !engine->census; i++) {
		struct pl_process *process = engine->processes[i];

		if (!process->used || !process->census || !process->census->wanted)
			continue;
		if (engine->now.mono_s < process->quarantine_until_s) {
			engine->census_wanted = true;
			continue;
		}
		process->census->wanted = false;
		engine->census = make_census(engine, i);
	}
	/* there may be more of them */
	engine->census_wanted |= engine->census != NULL;
}

static void post(struct pl_engine *engine, struct pl_process *process)
{
	struct pl_engine_census *census = engine->census;
	struct pl_job job = { .kind = PL_JOB_CENSUS,
		                  .ident = census->ident,
		                  .process = census->process,
		                  .holds = true,
		                  .census = &census->run };

	if (engine->config->max_lock_ms_per_min <= 0) {
		end(engine, -EDQUOT);
		return;
	}
	if (engine->now.mono_s - census->due_s > WAIT_MAX_S) {
		end(engine, -ETIME);
		return;
	}
	/* rollups, which come more often, must not keep it from its turn */
	process->lock_awaited = !pl_engine_lock_is_free(engine, process);
	if (process->lock_awaited)
		return;
	/* nor must what costs less keep it from what it pays with */
	if (!pl_budget_take(&engine->budget, census->predicted_us, false, &job.grant)) {
		pl_budget_await(&engine->budget, census->predicted_us);
		pl_engine_defer(engine, process);
		return;
	}
	census->run.now_s = engine->now.mono_s;
	census->pending = pl_worker_post(engine->worker, &job);
	process->lock_pending |= census->pending;
	if (!census->pending)
		pl_budget_settle(&engine->budget, &job.grant, 0);
}

void pl_engine_step_census(struct pl_engine *engine)
{
	pl_budget_await(&engine->budget, 0);
	if (!engine->census && engine->census_wanted)
		begin(engine);
	if (!engine->census || engine->census->pending)
		return;
	struct pl_process *process = process_of(engine, engine->census);

	if (!process)
		end(engine, -ESRCH);
	else if (engine->census->error < 0 || engine->census->run.finished)
		end(engine, engine->census->error);
	else if (engine->now.mono_s >= engine->census->due_s &&
	         engine->now.mono_s >= process->quarantine_until_s)
		post(engine, process);
}

/* The first look tells how far apart MaxLockTime wants them, later ones whether Go collects too
 * seldom. */
static void plan_next(struct pl_engine *engine)
{
	struct pl_engine_census *census = engine->census;
	const double rest_s =
		pl_budget_rest_s(&engine->budget, pl_census_held_s(census->run.census) * 1e6);
	const double longer_s = pl_census_longer_s(census->run.census);
	double due_s;

	if (!census->looked)
		pl_census_stretch(census->run.census,
		                  fmax(census->run.options.interval_s, PL_CENSUS_STEPS * rest_s));
	else if (longer_s > 0 && longer_s <= INTERVAL_MAX_S)
		pl_census_stretch(census->run.census, longer_s);
	census->looked = true;
	due_s = pl_census_due_s(census->run.census);
	census->due_s = due_s < 0 ? engine->now.mono_s : due_s;
}

void pl_engine_census_done(struct pl_engine *engine, const struct pl_job *job)
{
	struct pl_engine_census *census = engine->census;
	bool was_made;

	if (census->dropped) {
		pl_engine_free_census(engine);
		return;
	}
	was_made = pl_engine_account(engine, process_of(engine, census), job);
	census->pending = false;
	if (was_made) {
		census->predicted_us = (double)job->deep.cpu_us;
		/* its end posts a job, which nobody may do from here */
		census->error = job->error;
	}
	if (was_made && job->error == 0 && !census->run.finished)
		plan_next(engine);
}

void pl_engine_census_stuck(struct pl_engine *engine)
{
	/* the worker has the run until its read returns */
	engine->census->dropped = true;
}
