#include <math.h>
#include <string.h>

#include "track/track.h"

#define HOUR_S 3600.0

/* Scaled seconds pass time_scale times as fast as real ones: rates are that much greater. */
static double per_hour(const struct pl_track *t, double per_scaled_s)
{
	return per_scaled_s * t->time_scale * HOUR_S;
}

static bool is_bytes(unsigned tracked)
{
	return tracked <= PL_TRACKED_UNTOUCHED;
}

/* Where several drivers speak for one finding, the last one that is known does. */
static void find_shares(const struct pl_attribution *a, struct pl_findings *out)
{
	static const struct {
		enum pl_driver driver;
		enum pl_finding share;
		enum pl_finding per_unit;
	} rows[] = {
		{ PL_DRIVER_CONNECTION_HOURS, PL_FINDING_WITH_CONNECTIONS, PL_FINDING_COUNT },
		{ PL_DRIVER_OPENED, PL_FINDING_WITH_CONNECTIONS, PL_FINDING_PER_CONNECTION },
		{ PL_DRIVER_CONNECTIONS, PL_FINDING_WITH_CONNECTIONS, PL_FINDING_PER_CONNECTION },
		{ PL_DRIVER_THREADS, PL_FINDING_WITH_THREADS, PL_FINDING_PER_THREAD },
		{ PL_DRIVER_FDS, PL_FINDING_WITH_FDS, PL_FINDING_PER_FD },
		{ PL_DRIVER_WRITTEN, PL_FINDING_WITH_WORK, PL_FINDING_PER_MIB },
		{ PL_DRIVER_READ, PL_FINDING_WITH_WORK, PL_FINDING_PER_MIB },
		{ PL_DRIVER_CPU, PL_FINDING_WITH_WORK, PL_FINDING_PER_CPU_SECOND },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const float share = a->share[rows[i].driver];

		if (share >= 0)
			pl_findings_set(out, rows[i].share, 100 * fmin((double)share, 1));
		if (a->driver == rows[i].driver && a->per_unit > 0 && rows[i].per_unit < PL_FINDING_COUNT)
			pl_findings_set(out, rows[i].per_unit, (double)a->per_unit);
	}
}

/* Of the series that are as bad as the worst, the one that reaches a limit first. */
static unsigned first_limited(const struct pl_track *t)
{
	unsigned first = t->worst;

	for (unsigned i = 0; i < PL_TRACKED_COUNT; i++) {
		const double first_s = t->judged[first].last.to_limit_s;
		const double this_s = t->judged[i].last.to_limit_s;

		if (t->judged[i].verdict >= t->verdict && this_s >= 0 && (first_s < 0 || this_s < first_s))
			first = i;
	}
	return first;
}

static bool knows_idle(const struct pl_evidence *e)
{
	return (e->tested >> PL_GATE_IDLE) & 1;
}

void pl_track_findings(const struct pl_track *t, struct pl_findings *out)
{
	const struct pl_judge_state *s = &t->judged[is_bytes(t->worst) ? t->worst : PL_TRACKED_U];
	const struct pl_evidence *e = &s->last;
	const struct pl_evidence *first = &t->judged[first_limited(t)].last;

	*out = (struct pl_findings){ .present = 0 };
	pl_findings_set(out, PL_FINDING_VERDICT, t->verdict);
	if (e->tested != 0 || e->urgent) {
		pl_findings_set(out, PL_FINDING_RATE, per_hour(t, e->rate_per_s));
		pl_findings_set(out, PL_FINDING_RATE_LOW, per_hour(t, e->rate_low));
		pl_findings_set(out, PL_FINDING_RATE_HIGH, per_hour(t, e->rate_high));
	}
	if (s->verdict >= PL_VERDICT_GROWING)
		pl_findings_set(out, PL_FINDING_LEAKED, fmax(0, e->leaked));
	if (t->verdict >= PL_VERDICT_GROWING && is_bytes(t->worst))
		find_shares(&t->attribution, out);
	if (e->floor_per_s > 0)
		pl_findings_set(out, PL_FINDING_DETECTION_FLOOR, per_hour(t, e->floor_per_s));
	if (knows_idle(e))
		pl_findings_set(out, PL_FINDING_IDLE, 100 * (double)e->value[PL_GATE_IDLE]);
	if (t->verdict >= PL_VERDICT_GROWING && first->to_limit_s >= 0)
		pl_findings_set(out, PL_FINDING_LIMIT_SECONDS, first->to_limit_s / t->time_scale);
}

/* The limit that a series runs into. */
static struct pl_room room_of(const struct pl_track *t, unsigned tracked)
{
	const struct pl_room memory = { PL_LIMIT_MEMORY, t->limit_bytes, 0 };

	if (t->judged[tracked].last.by_maps)
		return (struct pl_room){ PL_LIMIT_MAPS, (double)t->maps_limit, 0 };
	if (tracked == PL_TRACKED_FDS || tracked == PL_TRACKED_CONNECTIONS)
		return (struct pl_room){ PL_LIMIT_RLIMIT_NOFILE, t->fd_limit, 0 };
	if (tracked == PL_TRACKED_THREADS)
		return t->thread_room;
	if (tracked == PL_TRACKED_U && pl_track_fills_java_heap(t))
		return (struct pl_room){ PL_LIMIT_JAVA_HEAP, (double)t->places.heap_most_bytes,
			                     (double)t->places.heap_left_bytes };
	return t->memory_room.kind != PL_LIMIT_NONE ? t->memory_room : memory;
}

static enum pl_region_set set_of(unsigned tracked)
{
	return tracked == PL_TRACKED_SHMEM ? PL_REGIONS_SHARED : PL_REGIONS_ANONYMOUS;
}

/* The last part of a path: "api.service". */
static const char *unit_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* NULL where it is not known, or in no region. */
static const struct pl_place *leader_of(const struct pl_track *t, unsigned of)
{
	const bool is_unmapped = of == PL_TRACKED_SHMEM && pl_track_is_unmapped(t);

	return is_bytes(of) && !is_unmapped ? pl_places_leader(&t->places, set_of(of)) : NULL;
}

static enum pl_reason reason_of(const struct pl_track *t, unsigned of)
{
	return of == t->worst ? pl_track_reason(t) : (enum pl_reason)t->judged[of].reason;
}

bool pl_track_is_confirmed(const struct pl_track *t)
{
	for (unsigned i = 0; i < PL_TRACKED_COUNT; i++)
		if (t->judged[i].confirmed)
			return true;
	return false;
}

/* Memory is what leaks, and it comes with threads, descriptors or connections. */
static bool comes_with_counts(const struct pl_track *t)
{
	const enum pl_cause cause = (enum pl_cause)t->attribution.cause;

	return is_bytes(t->worst) &&
	       (cause == PL_CAUSE_CONNECTIONS || cause == PL_CAUSE_THREADS || cause == PL_CAUSE_FDS);
}

/*
 * Memory that leaks together with connections named them when it was told. So does a sum that grows
 * by the number of its processes, in either direction.
 */
static bool is_explained(const struct pl_track *t, unsigned tracked)
{
	const bool is_sum = t->ident.pid == 0;

	return (!is_bytes(tracked) || is_sum) && comes_with_counts(t);
}

unsigned pl_track_joined(const struct pl_track *t)
{
	bool told_bytes = false;
	bool told_counts = t->told_of & PL_TOLD_WITH_COUNTS;

	for (unsigned i = 0; i < PL_TRACKED_COUNT; i++)
		if (t->told_of >> i & 1)
			*(is_bytes(i) ? &told_bytes : &told_counts) = true;
	if (!t->alarm_told || told_bytes == told_counts)
		return PL_TRACKED_COUNT;
	for (unsigned i = 0; i < PL_TRACKED_COUNT; i++)
		if (t->judged[i].verdict >= PL_VERDICT_LEAKING && t->judged[i].verdict >= t->verdict &&
		    !(is_bytes(i) ? told_bytes : told_counts) && !is_explained(t, i))
			return i;
	return PL_TRACKED_COUNT;
}

/* The series that were told of, in the vocabulary of the words. */
static uint16_t told_series(const struct pl_track *t)
{
	unsigned series = 0;

	for (unsigned i = 0; i < PL_TRACKED_COUNT; i++)
		if (t->told_of >> i & 1)
			series |= 1U << pl_track_series((enum pl_tracked)i);
	return (uint16_t)series;
}

static void word(const struct pl_track *t, unsigned of, const struct pl_track_nobody *nobody,
                 uint32_t sum_of, struct pl_report *r)
{
	const unsigned limited = first_limited(t);
	const struct pl_room room = room_of(t, limited);
	const struct pl_explain_subject subject = {
		.name = nobody            ? unit_of(nobody->path)
		        : r->subject.comm ? r->subject.comm
		                          : "pid",
		.pid = t->ident.pid,
		.series = pl_track_series((enum pl_tracked)of),
		.verdict = r->verdict,
		.reason = reason_of(t, of),
		.cause = r->cause,
		.attribution = is_bytes(of) && of == t->worst ? &t->attribution : NULL,
		.places = &t->places,
		.place = leader_of(t, of),
		.unmapped = (of == PL_TRACKED_SHMEM || r->recovered) && pl_track_is_unmapped(t),
		.rate_per_h = r->rate_bytes_per_hour,
		.rate_low = r->rate_low,
		.rate_high = r->rate_high,
		.growing_for_s = r->since_s > 0 ? r->time_s - r->since_s : -1,
		.seconds_to_limit = r->seconds_to_limit,
		.limit = room.limit,
		.limit_counts = !is_bytes(limited) || room.kind == PL_LIMIT_MAPS,
		.limit_name = r->limit,
		.recovered = r->recovered,
		.told_of = told_series(t),
		.sum_of = sum_of,
		.nobody = nobody ? nobody->words : NULL,
		.nobody_share = nobody ? nobody->share : 0,
		.idle_known = r->idle_known,
		.idle_percent = r->idle_percent,
		.idle_window_s = r->idle_window_s,
	};

	pl_explain_message(&subject, r->message, sizeof r->message);
}

static const char *where_of(const struct pl_track *t, unsigned of, double since_s)
{
	const struct pl_place *place = leader_of(t, of);

	if (place)
		return pl_region_name((enum pl_region)place->region);
	if (of == PL_TRACKED_SHMEM && pl_track_is_unmapped(t))
		return pl_region_name(PL_REGION_MEMFD);
	return pl_explain_where(&t->history, pl_track_series((enum pl_tracked)of), since_s);
}

/* That of the mappings has an interval of its own. */
static void set_maps_interval(const struct pl_track *t, struct pl_report *r)
{
	struct pl_forecast forecast;

	if (!pl_track_forecast_maps(&t->maps, (double)t->maps_limit, t->history.clock_s, &forecast))
		return;
	r->seconds_to_limit_low = r->seconds_to_limit * forecast.low / forecast.seconds;
	r->seconds_to_limit_high = r->seconds_to_limit * forecast.high / forecast.seconds;
}

/* A JVM's heap is judged without a limit; when it will be full is worth telling all the same. */
static double seconds_to_limit(const struct pl_track *t, unsigned limited)
{
	const struct pl_evidence *e = &t->judged[limited].last;
	const struct pl_room room = room_of(t, limited);

	if (e->to_limit_s >= 0)
		return e->to_limit_s / t->time_scale;
	return room.kind == PL_LIMIT_JAVA_HEAP && e->leaking && e->rate_per_s > 0
	           ? room.left / e->rate_per_s / t->time_scale
	           : -1;
}

/* The time to the limit, and at either end of the rate's interval. */
static void set_limit(const struct pl_track *t, struct pl_report *r)
{
	const unsigned limited = first_limited(t);
	const struct pl_evidence *e = &t->judged[limited].last;

	r->seconds_to_limit = seconds_to_limit(t, limited);
	if (r->seconds_to_limit < 0)
		return;
	r->limit = pl_limit_name((enum pl_limit)room_of(t, limited).kind);
	if (e->by_maps) {
		set_maps_interval(t, r);
		return;
	}
	r->seconds_to_limit_low = e->rate_high > 0 && e->rate_per_s > 0
	                              ? r->seconds_to_limit * e->rate_per_s / e->rate_high
	                              : -1;
	r->seconds_to_limit_high = e->rate_low > 0 && e->rate_per_s > 0
	                               ? r->seconds_to_limit * e->rate_per_s / e->rate_low
	                               : -1;
}

/* How it grows, with what, and until when. */
static void describe_growth(const struct pl_track *t, unsigned of, struct pl_report *out)
{
	const struct pl_evidence *e = &t->judged[of].last;
	const double ago_s = (t->history.clock_s - e->since_s) / t->time_scale;

	out->since_s = t->now.wall_s - fmax(0, ago_s);
	out->where = where_of(t, of, e->since_s);
	set_limit(t, out);
	if (of != t->worst)
		return;
	out->cause = (enum pl_cause)t->attribution.cause;
	out->unit = pl_driver_unit((enum pl_driver)t->attribution.driver);
	out->per_unit = is_bytes(of) ? (double)t->attribution.per_unit : 0;
	out->per_unit_low = (double)t->attribution.per_unit_low;
	out->per_unit_high = (double)t->attribution.per_unit_high;
}

/* All but the words. */
static void describe(const struct pl_track *t, unsigned of, const char *match, const char *comm,
                     struct pl_report *out)
{
	const struct pl_evidence *e = &t->judged[of].last;

	*out = (struct pl_report){
		.subject = { .kind = PL_SUBJECT_PROCESS,
		             .match = match,
		             .comm = comm,
		             .pid = t->ident.pid,
		             .start_ticks = t->ident.start_ticks },
		.time_s = t->now.wall_s,
		.verdict = (enum pl_verdict)t->verdict,
		.previous = (enum pl_verdict)t->reported_verdict,
		.confirmed =
			pl_track_is_confirmed(t) || (t->reported_confirmed && t->verdict >= PL_VERDICT_LEAKING),
		.reason = pl_reason_name(reason_of(t, of)),
		.metric = pl_explain_metric(pl_track_series((enum pl_tracked)of)),
		.counts = !is_bytes(of),
		.rate_bytes_per_hour = per_hour(t, e->rate_per_s),
		.rate_low = per_hour(t, e->rate_low),
		.rate_high = per_hour(t, e->rate_high),
		.where = "unknown",
		.seconds_to_limit = -1,
		.seconds_to_limit_low = -1,
		.seconds_to_limit_high = -1,
	};
	if (knows_idle(e)) {
		out->idle_known = true;
		out->idle_percent = 100 * (double)e->value[PL_GATE_IDLE];
		out->idle_window_s = e->idle_window_s / t->time_scale;
	}
	if (t->verdict >= PL_VERDICT_GROWING)
		describe_growth(t, of, out);
}

void pl_track_describe(const struct pl_track *t, const struct pl_settings *settings,
                       const char *match, const char *comm, struct pl_report *out)
{
	(void)settings;
	describe(t, t->worst, match, comm, out);
	word(t, t->worst, NULL, 0, out);
}

/* What is over is told by what leaked, where nothing else grows now. */
static unsigned recovered_of(const struct pl_track *t)
{
	for (unsigned i = 0; t->verdict < PL_VERDICT_GROWING && i < PL_TRACKED_COUNT; i++)
		if (t->told_of >> i & 1)
			return i;
	return t->worst;
}

static void note_told(struct pl_track *t, unsigned of)
{
	unsigned told = t->alarm_told ? t->told_of : 0;

	told |= 1U << of;
	if (is_bytes(of) && comes_with_counts(t))
		told |= PL_TOLD_WITH_COUNTS;
	t->told_of = (uint8_t)told;
}

/* All but the words; *of is the series that the report is about. */
static bool take_report(struct pl_track *t, const char *match, const char *comm,
                        struct pl_report *out, unsigned *of)
{
	const bool stands = t->verdict >= PL_VERDICT_LEAKING;
	const bool recovered = t->alarm_told && !stands;
	const unsigned joined = pl_track_joined(t);

	if (!t->changed)
		return false;
	*of = joined < PL_TRACKED_COUNT ? joined : recovered ? recovered_of(t) : t->worst;
	describe(t, *of, match, comm, out);
	const bool worse =
		t->verdict > t->reported_verdict || (out->confirmed && !t->reported_confirmed);
	out->alarm = stands && (worse || joined < PL_TRACKED_COUNT);
	out->recovered = recovered;
	if (out->alarm)
		note_told(t, *of);
	t->alarm_told = stands;
	t->reported_verdict = t->verdict;
	t->reported_confirmed = out->confirmed;
	t->changed = false;
	return true;
}

bool pl_track_report(struct pl_track *t, const struct pl_settings *settings, const char *match,
                     const char *comm, struct pl_report *out)
{
	unsigned of;

	(void)settings;
	if (!take_report(t, match, comm, out, &of))
		return false;
	word(t, of, NULL, 0, out);
	return true;
}

/* Makes a report on a track one about a cgroup. */
static void turn_to_nobody(const struct pl_track *t, unsigned of, const char *match,
                           const struct pl_track_nobody *nobody, struct pl_report *out)
{
	out->subject =
		(struct pl_subject){ .kind = PL_SUBJECT_CGROUP, .match = match, .cgroup = nobody->path };
	out->metric = "cgroup";
	out->where = out->verdict >= PL_VERDICT_GROWING ? nobody->where : "unknown";
	word(t, of, nobody, 0, out);
}

bool pl_track_report_nobody(struct pl_track *t, const struct pl_settings *settings,
                            const char *match, const struct pl_track_nobody *nobody,
                            struct pl_report *out)
{
	unsigned of;

	(void)settings;
	if (!take_report(t, match, NULL, out, &of))
		return false;
	turn_to_nobody(t, of, match, nobody, out);
	return true;
}

void pl_track_describe_nobody(const struct pl_track *t, const struct pl_settings *settings,
                              const char *match, const struct pl_track_nobody *nobody,
                              struct pl_report *out)
{
	(void)settings;
	describe(t, t->worst, match, NULL, out);
	turn_to_nobody(t, t->worst, match, nobody, out);
}

/* Makes a report on a track one about the sum of a match. */
static void turn_to_sum(const struct pl_track *t, unsigned of, const char *match,
                        uint32_t process_count, struct pl_report *out)
{
	out->subject = (struct pl_subject){ .kind = PL_SUBJECT_MATCH, .match = match, .comm = match };
	if (of == PL_TRACKED_THREADS)
		out->metric = "processes";
	if (out->cause == PL_CAUSE_THREADS) {
		out->cause = PL_CAUSE_UNKNOWN;
		out->unit = "process";
	}
	word(t, of, NULL, process_count, out);
}

bool pl_track_report_sum(struct pl_track *t, const struct pl_settings *settings, const char *match,
                         uint32_t process_count, struct pl_report *out)
{
	unsigned of;

	(void)settings;
	if (!take_report(t, match, match, out, &of))
		return false;
	turn_to_sum(t, of, match, process_count, out);
	return true;
}

void pl_track_describe_sum(const struct pl_track *t, const struct pl_settings *settings,
                           const char *match, uint32_t process_count, struct pl_report *out)
{
	(void)settings;
	describe(t, t->worst, match, match, out);
	turn_to_sum(t, t->worst, match, process_count, out);
}
