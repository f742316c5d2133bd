#include "track/family.h"

#include <math.h>
#include <string.h>

/* How it begins says less of where a run leaks. */
#define RUN_BEGIN_SHARE 0.25

void pl_family_init(struct pl_family *f, double time_scale)
{
	*f = (struct pl_family){ .time_scale = time_scale > 0 ? time_scale : 1, .alike_from_s = -1 };
}

void pl_family_begin(struct pl_family *f, struct pl_time now)
{
	f->now = now;
	f->member_count = 0;
	f->tick_verdict = PL_VERDICT_LEARNING;
	f->tick_findings = (struct pl_findings){ .present = 0 };
}

static bool is_reminder_due(const struct pl_family *f, const struct pl_settings *settings,
                            double wall_s)
{
	const double since_s = (wall_s - f->alarm_wall_s) * f->time_scale;

	return since_s < 0 || since_s >= settings->renotify_s;
}

bool pl_family_may_alarm(struct pl_family *f, const struct pl_settings *settings,
                         const struct pl_report *r)
{
	const uint8_t kind = r->counts ? PL_FAMILY_COUNTS : PL_FAMILY_BYTES;
	const bool anew = is_reminder_due(f, settings, r->time_s);
	const bool worse =
		r->verdict > (enum pl_verdict)f->alarm_verdict ||
		(r->verdict == (enum pl_verdict)f->alarm_verdict && r->confirmed && !f->alarm_confirmed);
	const bool joined = r->verdict >= (enum pl_verdict)f->alarm_verdict && f->alarm_kinds != 0 &&
	                    !(f->alarm_kinds & kind);

	f->alarm_owed = !worse && !joined && !anew;
	if (f->alarm_owed)
		return false;
	/* a leak of the other kind that is not confirmed leaves the bar for the first one as it is */
	if (worse || anew) {
		f->alarm_verdict = (uint8_t)r->verdict;
		f->alarm_confirmed = r->confirmed;
	}
	f->alarm_kinds = anew ? kind : f->alarm_kinds | kind;
	f->alarm_wall_s = r->time_s;
	return true;
}

/* An alarm that was held back, and whose time has come. */
static bool tell_owed(struct pl_family *f, const struct pl_track *track,
                      const struct pl_settings *settings, const char *match, const char *comm,
                      struct pl_report *out)
{
	if (!f->alarm_owed || track->verdict < PL_VERDICT_LEAKING ||
	    !is_reminder_due(f, settings, track->now.wall_s))
		return false;
	pl_track_describe(track, settings, match, comm, out);
	out->alarm = pl_family_may_alarm(f, settings, out);
	return true;
}

bool pl_family_member(struct pl_family *f, struct pl_track *track,
                      const struct pl_settings *settings, const char *match, const char *comm,
                      struct pl_report *out)
{
	f->member_count++;
	if (f->member_count == 1 || track->verdict > f->tick_verdict) {
		f->tick_verdict = track->verdict;
		f->tick_reason = (uint8_t)pl_track_reason(track);
		f->tick_worst = track->ident;
		pl_track_findings(track, &f->tick_findings);
	}
	if (!pl_track_report(track, settings, match, comm, out))
		return tell_owed(f, track, settings, match, comm, out);
	if (out->alarm)
		out->alarm = pl_family_may_alarm(f, settings, out);
	return true;
}

/* The region that a run grew in, plus one; 0: not known. Without regions, what the pulse tells. */
static uint8_t place_of_run(const struct pl_track *track)
{
	const struct pl_place *place = pl_places_leader(&track->places, PL_REGIONS_ANONYMOUS);
	const char *where =
		pl_explain_where(&track->history, PL_SERIES_U, RUN_BEGIN_SHARE * track->history.clock_s);

	if (place)
		return (uint8_t)(place->region + 1);
	return strcmp(where, pl_region_name(PL_REGION_HEAP)) == 0 ? PL_REGION_HEAP + 1 : 0;
}

void pl_family_gone(struct pl_family *f, const struct pl_track *track,
                    const struct pl_settings *settings)
{
	const struct pl_judge_input in = {
		.history = &track->history,
		.series = PL_SERIES_U,
		.settings = settings,
	};
	struct pl_run run;

	/* how a cache fills that is used says nothing against it, however often */
	if (track->judged[PL_TRACKED_U].reason == PL_REASON_IN_USE || !pl_judge_run(&in, &run))
		return;
	run.end_s = track->now.wall_s * f->time_scale;
	run.begin_s = run.end_s - track->history.clock_s;
	const uint32_t at = f->run_total++ % PL_FAMILY_RUNS;

	f->runs[at] = run;
	pl_explain_run(&track->history, &run, &f->run_drivers[at]);
	f->run_places[at] = place_of_run(track);
	f->runs_changed = true;
}

/* The runs of the newest days, oldest first; what a redeploy mended long ago is forgotten. */
static size_t recent_runs(const struct pl_family *f, struct pl_run *out)
{
	const uint32_t kept = f->run_total < PL_FAMILY_RUNS ? f->run_total : PL_FAMILY_RUNS;

	for (uint32_t i = 0; i < kept; i++)
		out[i] = f->runs[(f->run_total - kept + i) % PL_FAMILY_RUNS];
	return kept;
}

/* The region that most of the runs grew in, with the share of them. */
static void find_place(const struct pl_family *f, uint32_t kept, struct pl_places *out)
{
	uint32_t counts[PL_REGION_COUNT + 1] = { 0 };
	uint32_t best = 0;
	uint32_t known = 0;

	*out = (struct pl_places){ .runtimes = 0 };
	for (uint32_t i = 0; i < kept; i++)
		counts[f->run_places[i]]++;
	for (uint32_t r = 1; r <= PL_REGION_COUNT; r++) {
		known += counts[r];
		best = best == 0 || counts[r] > counts[best] ? r : best;
	}
	if (known * 2 < kept)
		return;
	out->count[PL_REGIONS_ANONYMOUS] = 1;
	out->places[0] =
		(struct pl_place){ (uint8_t)(best - 1), (float)counts[best] / (float)known, 0 };
}

static void explain_runs(struct pl_family *f, const struct pl_run *runs, size_t n)
{
	struct pl_run_drivers drivers[PL_FAMILY_RUNS];

	for (uint32_t i = 0; i < n; i++)
		drivers[i] = f->run_drivers[(f->run_total - (uint32_t)n + i) % PL_FAMILY_RUNS];
	pl_explain_runs(runs, drivers, n, &f->runs_attribution);
	find_place(f, (uint32_t)n, &f->runs_places);
}

static void judge_runs(struct pl_family *f, const struct pl_settings *settings)
{
	struct pl_run runs[PL_FAMILY_RUNS] = { 0 };
	const size_t n = recent_runs(f, runs);

	f->runs_changed = false;
	const bool alike = pl_judge_runs(runs, n, f->alike_from_s, settings, &f->runs_evidence);

	if (alike)
		explain_runs(f, runs, n);
	f->alike_from_s = alike ? f->runs_evidence.since_s : -1;
	f->by_runs = alike && f->runs_evidence.leaking;
}

/* What the runs say, in real units. */
static void runs_findings(struct pl_family *f)
{
	const struct pl_evidence *e = &f->runs_evidence;
	const double per_h = f->time_scale * 3600;

	pl_findings_set(&f->findings, PL_FINDING_VERDICT, f->verdict);
	pl_findings_set(&f->findings, PL_FINDING_RATE, e->rate_per_s * per_h);
	pl_findings_set(&f->findings, PL_FINDING_RATE_LOW, e->rate_low * per_h);
	pl_findings_set(&f->findings, PL_FINDING_RATE_HIGH, e->rate_high * per_h);
	pl_findings_set(&f->findings, PL_FINDING_LEAKED, e->growth);
}

static void describe_runs(const struct pl_family *f, const char *match, const char *comm,
                          struct pl_report *out)
{
	const struct pl_evidence *e = &f->runs_evidence;
	const double per_h = f->time_scale * 3600;
	const uint32_t kept = f->run_total < PL_FAMILY_RUNS ? f->run_total : PL_FAMILY_RUNS;
	const struct pl_attribution *with = &f->runs_attribution;
	const struct pl_place *place = pl_places_leader(&f->runs_places, PL_REGIONS_ANONYMOUS);

	*out = (struct pl_report){
		.subject = { .kind = PL_SUBJECT_MATCH, .match = match, .comm = comm },
		.time_s = f->now.wall_s,
		.verdict = f->by_runs ? PL_VERDICT_LEAKING : (enum pl_verdict)f->verdict,
		.previous = (enum pl_verdict)f->told_verdict,
		.reason = pl_reason_name(f->by_runs ? PL_REASON_RUNS : PL_REASON_STOPPED),
		.metric = pl_explain_metric(PL_SERIES_U),
		.rate_bytes_per_hour = e->rate_per_s * per_h,
		.rate_low = e->rate_low * per_h,
		.rate_high = e->rate_high * per_h,
		.since_s = e->since_s / f->time_scale,
		.cause = (enum pl_cause)with->cause,
		.where = place ? pl_region_name((enum pl_region)place->region) : "anon",
		.unit = pl_driver_unit((enum pl_driver)with->driver),
		.per_unit = (double)with->per_unit,
		.per_unit_low = (double)with->per_unit_low,
		.per_unit_high = (double)with->per_unit_high,
		.seconds_to_limit = -1,
		.recovered = !f->by_runs,
	};
	const struct pl_explain_subject words = {
		.name = match,
		.series = PL_SERIES_U,
		.verdict = out->verdict,
		.reason = PL_REASON_RUNS,
		.cause = out->cause,
		.attribution = with,
		.places = &f->runs_places,
		.place = place,
		.rate_per_h = out->rate_bytes_per_hour,
		.rate_low = out->rate_low,
		.rate_high = out->rate_high,
		.growing_for_s = out->time_s - out->since_s,
		.seconds_to_limit = -1,
		.recovered = out->recovered,
		.runs = kept,
	};
	pl_explain_message(&words, out->message, sizeof out->message);
}

bool pl_family_end(struct pl_family *f, const struct pl_settings *settings, const char *match,
                   const char *comm, struct pl_report *out)
{
	if (f->runs_changed)
		judge_runs(f, settings);
	if (f->member_count == 0)
		return false;
	f->verdict = f->tick_verdict;
	f->reason = f->tick_reason;
	f->worst = f->tick_worst;
	f->findings = f->tick_findings;
	if (f->by_runs && f->verdict < PL_VERDICT_LEAKING) {
		f->verdict = PL_VERDICT_LEAKING;
		f->reason = PL_REASON_RUNS;
		runs_findings(f);
	}
	const uint8_t told = f->by_runs ? PL_VERDICT_LEAKING : PL_VERDICT_LEARNING;
	if (told == f->told_verdict)
		return false;
	describe_runs(f, match, comm, out);
	out->alarm = f->by_runs && pl_family_may_alarm(f, settings, out);
	f->told_verdict = told;
	return true;
}
