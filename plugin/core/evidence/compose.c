#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "census/tell.h"
#include "evidence/evidence.h"
#include "explain/advice.h"
#include "state/json_memory.h"

#define TOP 20
#define CENSUS_TOP 8

static void add_string(yajl_gen gen, const char *text)
{
	char copy[1024];
	size_t len = 0;

	/* names may hold any byte; JSON is UTF-8 */
	for (; *text && len < sizeof(copy); text++)
		copy[len++] = *text >= ' ' && *text <= '~' ? *text : '?';
	yajl_gen_string(gen, (const unsigned char *)copy, len);
}

static void key(yajl_gen gen, const char *name)
{
	yajl_gen_string(gen, (const unsigned char *)name, strlen(name));
}

static void add_text(yajl_gen gen, const char *name, const char *text)
{
	key(gen, name);
	if (text && *text)
		add_string(gen, text);
	else
		yajl_gen_null(gen);
}

static void add_value(yajl_gen gen, double value)
{
	char text[40];
	int len;

	if (!isfinite(value)) {
		yajl_gen_null(gen);
		return;
	}
	/* bytes need no fractions, shares do */
	len = snprintf(text, sizeof(text), fabs(value) >= 1000 ? "%.0f" : "%.4g", value);
	yajl_gen_number(gen, text, (size_t)len);
}

static void add_number(yajl_gen gen, const char *name, double value)
{
	key(gen, name);
	add_value(gen, value);
}

static void add_flag(yajl_gen gen, const char *name, bool flag)
{
	key(gen, name);
	yajl_gen_bool(gen, flag);
}

static const char *const abouts[PL_ABOUT_COUNT] = {
	[PL_ABOUT_PROCESS] = "process",
	[PL_ABOUT_RUNS] = "runs",
	[PL_ABOUT_SUM] = "sum",
	[PL_ABOUT_CGROUP] = "cgroup",
};

const char *pl_evidence_about_name(enum pl_evidence_about about)
{
	return (unsigned)about < PL_ABOUT_COUNT ? abouts[about] : "process";
}

static double or_none(bool known, double value)
{
	return known ? value : NAN;
}

static bool blames_process(const struct pl_evidence_case *c)
{
	return c->about == PL_ABOUT_PROCESS;
}

/* Whose files and threads these are, when nobody is to blame. */
static void add_example(yajl_gen gen, const struct pl_evidence_case *c)
{
	if (blames_process(c))
		return;
	key(gen, "example");
	if (c->ident.pid <= 0) {
		yajl_gen_null(gen);
		return;
	}
	yajl_gen_map_open(gen);
	add_number(gen, "pid", c->ident.pid);
	add_text(gen, "comm", c->example);
	add_number(gen, "anonymous_bytes", c->example_bytes);
	yajl_gen_map_close(gen);
}

static void add_identity(yajl_gen gen, const struct pl_evidence_case *c,
                         const struct pl_evidence_facts *facts)
{
	const struct pl_report *r = &c->report;

	add_text(gen, "format", PL_EVIDENCE_FORMAT);
	add_number(gen, "version", PL_EVIDENCE_VERSION);
	add_number(gen, "time", r->time_s);
	add_text(gen, "match", c->match);
	add_text(gen, "comm", c->comm);
	add_text(gen, "about", pl_evidence_about_name(c->about));
	add_number(gen, "pid", or_none(blames_process(c), c->ident.pid));
	add_example(gen, c);
	add_number(gen, "start_time", or_none(r->subject.start_s > 0, r->subject.start_s));
	add_text(gen, "program", facts->program);
	add_text(gen, "command", facts->command);
	add_number(gen, "argument_count", facts->argument_count);
}

static void add_verdict(yajl_gen gen, const struct pl_evidence_case *c)
{
	const struct pl_report *r = &c->report;
	const bool has_limit = r->seconds_to_limit >= 0;

	add_text(gen, "verdict", pl_verdict_name(r->verdict));
	add_text(gen, "previous", pl_verdict_name(r->previous));
	add_flag(gen, "confirmed", r->confirmed);
	add_text(gen, "reason", c->reason);
	add_text(gen, "metric", c->metric);
	add_number(gen, "rate_bytes_per_hour", r->rate_bytes_per_hour);
	add_number(gen, "rate_low", r->rate_low);
	add_number(gen, "rate_high", r->rate_high);
	add_number(gen, "since", or_none(r->since_s > 0, r->since_s));
	add_number(gen, "idle_percent", or_none(r->idle_known, r->idle_percent));
	add_number(gen, "idle_window_seconds",
	           or_none(r->idle_known && r->idle_window_s > 0, r->idle_window_s));
	add_text(gen, "cause", pl_cause_name(r->cause));
	add_text(gen, "where", c->where);
	add_text(gen, "unit", r->per_unit > 0 ? c->unit : NULL);
	add_number(gen, "bytes_per_unit", or_none(r->per_unit > 0, r->per_unit));
	add_number(gen, "bytes_per_unit_low", or_none(r->per_unit > 0, r->per_unit_low));
	add_number(gen, "bytes_per_unit_high", or_none(r->per_unit > 0, r->per_unit_high));
	add_text(gen, "limit", has_limit ? c->limit : NULL);
	add_number(gen, "seconds_to_limit", or_none(has_limit, r->seconds_to_limit));
	add_number(gen, "seconds_to_limit_low",
	           or_none(has_limit && r->seconds_to_limit_low >= 0, r->seconds_to_limit_low));
	add_number(gen, "seconds_to_limit_high",
	           or_none(has_limit && r->seconds_to_limit_high >= 0, r->seconds_to_limit_high));
}

static void add_gates(yajl_gen gen, const struct pl_evidence *e)
{
	key(gen, "gates");
	yajl_gen_array_open(gen);
	for (unsigned g = 0; g < PL_GATE_COUNT; g++) {
		if (!((e->tested >> g) & 1))
			continue;
		yajl_gen_map_open(gen);
		add_text(gen, "gate", pl_gate_name((enum pl_gate)g));
		add_flag(gen, "held", (e->held >> g) & 1);
		add_number(gen, "value", (double)e->value[g]);
		add_number(gen, "needed", (double)e->need[g]);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

/* Where a process has threads, a sum has processes. */
static const char *metric_of(const struct pl_evidence_case *c, unsigned tracked)
{
	if (c->about == PL_ABOUT_SUM && tracked == PL_TRACKED_THREADS)
		return "processes";
	if (c->about == PL_ABOUT_CGROUP && tracked == PL_TRACKED_U)
		return "cgroup";
	return pl_explain_metric(pl_track_series((enum pl_tracked)tracked));
}

/* Every series that is judged, with each gate: what a verdict rests on. */
static void add_judged(yajl_gen gen, const struct pl_evidence_case *c)
{
	const struct pl_track *t = &c->track;
	const double per_hour = 3600 * t->time_scale;

	key(gen, "judged");
	yajl_gen_array_open(gen);
	for (unsigned i = 0; i < PL_TRACKED_COUNT; i++) {
		const struct pl_judge_state *s = &t->judged[i];

		yajl_gen_map_open(gen);
		add_text(gen, "metric", metric_of(c, i));
		add_text(gen, "verdict", pl_verdict_name((enum pl_verdict)s->verdict));
		add_text(gen, "reason", pl_reason_name((enum pl_reason)s->reason));
		add_number(gen, "rate_per_hour", s->last.rate_per_s * per_hour);
		add_number(gen, "growth", s->last.growth);
		add_number(gen, "window_seconds", (s->last.end_s - s->last.begin_s) / t->time_scale);
		add_number(gen, "block_seconds",
		           pl_history_block_s((enum pl_level)s->last.level) / t->time_scale);
		add_gates(gen, &s->last);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

static const char *unit_of(const struct pl_evidence_case *c, enum pl_driver driver)
{
	return c->about == PL_ABOUT_SUM && driver == PL_DRIVER_THREADS ? "process"
	                                                               : pl_driver_unit(driver);
}

static void add_attribution(yajl_gen gen, const struct pl_evidence_case *c)
{
	const struct pl_attribution *a = &c->track.attribution;

	key(gen, "grows_with");
	yajl_gen_array_open(gen);
	for (unsigned d = PL_DRIVER_CONNECTIONS; d < PL_DRIVER_COUNT; d++) {
		if (a->share[d] < 0)
			continue;
		yajl_gen_map_open(gen);
		add_text(gen, "unit", unit_of(c, (enum pl_driver)d));
		add_number(gen, "share", (double)a->share[d]);
		add_number(gen, "error", (double)a->share_error[d]);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

static void add_runtimes(yajl_gen gen, uint32_t runtimes)
{
	key(gen, "runtimes");
	yajl_gen_array_open(gen);
	for (unsigned r = 0; r < PL_RUNTIME_COUNT; r++)
		if (pl_runtime_has(runtimes, (enum pl_runtime)r))
			add_string(gen, pl_runtime_name((enum pl_runtime)r));
	yajl_gen_array_close(gen);
}

static bool outgrows(const struct pl_region_share *shares, size_t count, unsigned region)
{
	for (size_t i = 0; i < count; i++)
		if ((unsigned)shares[i].region == region)
			return shares[i].outgrows_work;
	return false;
}

/* Of one class: what is not touched any more, and the share of that in what it grew by. */
static void add_idle(yajl_gen gen, const struct pl_region_idle *idle, enum pl_region region)
{
	const double share = pl_region_idle_share(idle, region);

	if (idle->reading_count == 0 || !pl_region_in_set(region, PL_REGIONS_ANONYMOUS))
		return;
	add_number(gen, "idle", (double)idle->idle_bytes[region]);
	add_number(gen, "idle_share", or_none(share >= 0, share));
}

static void add_regions(yajl_gen gen, const struct pl_ledger *ledger,
                        const struct pl_region_idle *idle)
{
	struct pl_region_share shares[2 * PL_REGION_COUNT];
	size_t count = pl_ledger_shares(ledger, PL_REGIONS_ANONYMOUS, shares, PL_REGION_COUNT);

	count += pl_ledger_shares(ledger, PL_REGIONS_SHARED, shares + count, PL_REGION_COUNT);
	add_number(gen, "regions_span_seconds", ledger->now.time_s - ledger->base.time_s);
	if (ledger->window_stride > 0)
		add_number(gen, "regions_sampling_error_percent", 100 * (double)ledger->error_share);
	key(gen, "regions");
	yajl_gen_array_open(gen);
	for (unsigned r = 0; r < PL_REGION_COUNT; r++) {
		if (ledger->base.used_bytes[r] == 0 && ledger->now.used_bytes[r] == 0)
			continue;
		yajl_gen_map_open(gen);
		add_text(gen, "region", pl_region_name((enum pl_region)r));
		add_number(gen, "before", (double)ledger->base.used_bytes[r]);
		add_number(gen, "now", (double)ledger->now.used_bytes[r]);
		add_flag(gen, "outgrows_work", outgrows(shares, count, r));
		add_idle(gen, idle, (enum pl_region)r);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
	add_number(gen, "mappings_before", ledger->base_mapping_count);
	add_number(gen, "mappings_now", ledger->mapping_count);
	add_number(gen, "thread_stacks_before", ledger->base_stack_count);
	add_number(gen, "thread_stacks_now", ledger->stack_count);
}

static void add_places(yajl_gen gen, const struct pl_ledger *ledger)
{
	const struct pl_ledger_place *places[TOP];
	const size_t count = pl_ledger_growing(ledger, places, TOP);

	key(gen, "growing_mappings");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++) {
		const struct pl_region_place *place = &places[i]->place;
		char range[48];

		snprintf(range, sizeof(range), "%" PRIx64 "-%" PRIx64, place->start, place->end);
		yajl_gen_map_open(gen);
		add_text(gen, "region", pl_region_name((enum pl_region)place->region));
		add_text(gen, "name", place->name[0] ? place->name : range);
		add_number(gen, "before", (double)places[i]->base_bytes);
		add_number(gen, "now", (double)place->used_bytes);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

static void add_census(yajl_gen gen, const struct pl_evidence_case *c)
{
	if (!c->has_census)
		return;
	key(gen, "census");
	pl_census_tell_json(&c->census, CENSUS_TOP, gen);
}

static void add_tally(yajl_gen gen, const char *name, const struct pl_tally *tally)
{
	uint64_t others = tally->total_count;

	key(gen, name);
	yajl_gen_array_open(gen);
	for (uint32_t i = 0; i < tally->place_count && i < TOP; i++) {
		yajl_gen_map_open(gen);
		add_text(gen, "name", tally->places[i].name);
		add_number(gen, "count", (double)tally->places[i].count);
		yajl_gen_map_close(gen);
		others -= tally->places[i].count;
	}
	if (others > 0) {
		yajl_gen_map_open(gen);
		add_text(gen, "name", "(others)");
		add_number(gen, "count", (double)others);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

/* Limits, and what counts against them, by the names of the trace's columns. */
static void add_limits(yajl_gen gen, const struct pl_values *values)
{
	key(gen, "limits");
	yajl_gen_map_open(gen);
	for (unsigned m = PL_M_LIMIT; m <= PL_M_MAPS; m++) {
		uint64_t value;

		if (pl_values_get(values, (enum pl_metric)m, &value))
			add_number(gen, pl_metric_info((enum pl_metric)m)->column, (double)value);
	}
	yajl_gen_map_close(gen);
}

static void add_runs(yajl_gen gen, const struct pl_evidence_case *c)
{
	if (c->about != PL_ABOUT_RUNS)
		return;
	key(gen, "runs");
	yajl_gen_array_open(gen);
	for (uint32_t i = 0; i < c->run_count; i++) {
		const struct pl_evidence_run *run = &c->runs[i];

		yajl_gen_map_open(gen);
		add_number(gen, "begin", run->begin_s);
		add_number(gen, "end", run->end_s);
		add_number(gen, "rate_bytes_per_hour", run->rate_per_h);
		add_number(gen, "grown", run->grown_bytes);
		add_number(gen, "level", run->level_bytes);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

static void add_cgroup(yajl_gen gen, const struct pl_evidence_case *c)
{
	if (c->about != PL_ABOUT_CGROUP)
		return;
	key(gen, "cgroup");
	yajl_gen_map_open(gen);
	add_text(gen, "path", c->cgroup);
	add_number(gen, "unexplained_before", (double)pl_cgroup_unexplained_bytes(&c->parts_before));
	add_number(gen, "unexplained_now", (double)pl_cgroup_unexplained_bytes(&c->parts_now));
	key(gen, "parts");
	yajl_gen_array_open(gen);
	for (unsigned p = 0; p < PL_CGROUP_PART_COUNT; p++) {
		if (!((c->parts_now.known >> p) & 1))
			continue;
		yajl_gen_map_open(gen);
		add_text(gen, "part", pl_cgroup_part_name((enum pl_cgroup_part)p));
		add_text(gen, "words", pl_cgroup_part_words((enum pl_cgroup_part)p));
		add_flag(gen, "unexplained", pl_cgroup_part_is_unexplained((enum pl_cgroup_part)p));
		add_number(gen, "before", (double)c->parts_before.bytes[p]);
		add_number(gen, "now", (double)c->parts_now.bytes[p]);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

static void add_siblings(yajl_gen gen, const struct pl_evidence_case *c)
{
	if (!blames_process(c))
		add_number(gen, "member_count", c->member_count);
	key(gen, blames_process(c) ? "siblings" : "members");
	yajl_gen_array_open(gen);
	for (uint32_t i = 0; i < c->sibling_count; i++) {
		yajl_gen_map_open(gen);
		add_number(gen, "pid", c->siblings[i].pid);
		add_text(gen, "verdict", pl_verdict_name(c->siblings[i].verdict));
		add_number(gen, "anonymous_bytes", c->siblings[i].u_bytes);
		add_number(gen, "rate_bytes_per_hour", c->siblings[i].rate_per_h);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

static void add_series(yajl_gen gen, const struct pl_track *t, enum pl_level level,
                       enum pl_series series, const char *name)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	const size_t count = pl_history_points(&t->history, level, series, PL_HISTORY_MAX_POINTS, p);

	if (count == 0)
		return;
	yajl_gen_map_open(gen);
	add_text(gen, "series", name);
	add_number(gen, "block_seconds", pl_history_block_s(level) / t->time_scale);
	add_number(gen, "last",
	           t->now.wall_s - (t->history.clock_s - p[count - 1].t_s) / t->time_scale);
	key(gen, "values");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		add_value(gen, p[i].y);
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

static void add_history(yajl_gen gen, const struct pl_evidence_case *c)
{
	const struct pl_track *t = &c->track;
	const char *main_name = c->about == PL_ABOUT_CGROUP ? "unexplained" : "anonymous";
	static const struct {
		enum pl_series series;
		const char *name;
	} rows[] = {
		{ PL_SERIES_SHMEM, "shmem" },
		{ PL_SERIES_THREADS, "threads" },
		{ PL_SERIES_FDS, "fds" },
		{ PL_SERIES_CONNECTIONS, "connections" },
		{ PL_SERIES_CPU, "cpu_microseconds" },
	};

	key(gen, "history");
	yajl_gen_array_open(gen);
	add_series(gen, t, PL_LEVEL_5MIN, PL_SERIES_U, main_name);
	add_series(gen, t, PL_LEVEL_30MIN, PL_SERIES_U, main_name);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		add_series(gen, t, PL_LEVEL_30MIN, rows[i].series,
		           c->about == PL_ABOUT_SUM && rows[i].series == PL_SERIES_THREADS ? "processes"
		                                                                           : rows[i].name);
	yajl_gen_array_close(gen);
}

static enum pl_region region_named(const char *name)
{
	for (unsigned r = 0; r < PL_REGION_COUNT; r++)
		if (strcmp(pl_region_name((enum pl_region)r), name) == 0)
			return (enum pl_region)r;
	return PL_REGION_COUNT;
}

static void add_steps(yajl_gen gen, const struct pl_next_step *steps, size_t count)
{
	key(gen, "next");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++) {
		yajl_gen_map_open(gen);
		add_text(gen, "step", steps[i].step);
		add_text(gen, "cost", steps[i].cost);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

/* An allocator's tools see nothing of it. */
static void add_cgroup_advice(yajl_gen gen, const struct pl_evidence_case *c)
{
	const char *contain[2];
	struct pl_next_step next;
	unsigned part = 0;
	size_t count = 1;

	while (part < PL_CGROUP_PART_COUNT &&
	       strcmp(pl_cgroup_part_name((enum pl_cgroup_part)part), c->where) != 0)
		part++;
	pl_advice_cgroup((enum pl_cgroup_part)part, contain, &next);
	count = contain[0] != NULL;
	count += pl_advice_contain(PL_DRIVER_NONE, PL_REGION_COUNT, 0, contain + count, 1);
	key(gen, "contain");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		add_string(gen, contain[i]);
	yajl_gen_array_close(gen);
	add_steps(gen, &next, 1);
}

/* What the sum of processes grows with is not what the example does. */
static enum pl_driver driver_of(const struct pl_evidence_case *c)
{
	const enum pl_driver driver = (enum pl_driver)c->track.attribution.driver;

	return c->about == PL_ABOUT_SUM && driver == PL_DRIVER_THREADS ? PL_DRIVER_NONE : driver;
}

/* The least intrusive first. Profilers of memory tell nothing of what is no memory. */
static void add_next(yajl_gen gen, const struct pl_evidence_case *c, uint32_t runtimes)
{
	struct pl_next_step next[PL_ADVICE_STEPS];
	const enum pl_region region = region_named(c->where);
	const bool is_memory = c->track.worst <= PL_TRACKED_UNTOUCHED;
	size_t count = pl_advice_count(driver_of(c), runtimes, next, PL_ADVICE_STEPS);

	if (is_memory && count < PL_ADVICE_STEPS)
		count += pl_advice_program(blames_process(c) ? c->comm : c->example, &next[count]);
	if (is_memory && !c->has_census && count < PL_ADVICE_STEPS)
		count += pl_advice_census(region, runtimes, &next[count]);
	if (is_memory || count == 0)
		count += pl_advice_next(region, runtimes, next + count,
		                        PL_ADVICE_STEPS - count < 2 ? PL_ADVICE_STEPS - count : 2);
	add_steps(gen, next, count);
}

static void add_advice(yajl_gen gen, const struct pl_evidence_case *c, uint32_t runtimes)
{
	const char *contain[PL_ADVICE_MOST];
	const enum pl_region region = region_named(c->where);
	size_t count = 0;

	if (c->about == PL_ABOUT_SUM)
		contain[count++] = pl_advice_pool(c->track.attribution.driver == PL_DRIVER_THREADS ||
		                                  c->track.worst == PL_TRACKED_THREADS);
	count +=
		pl_advice_contain(driver_of(c), region, runtimes, contain + count, PL_ADVICE_MOST - count);

	key(gen, "contain");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		add_string(gen, contain[i]);
	yajl_gen_array_close(gen);
	add_next(gen, c, runtimes);
}

static void write_case(yajl_gen gen, const struct pl_evidence_case *c,
                       const struct pl_evidence_facts *facts, bool with_history)
{
	const uint32_t runtimes = c->has_ledger ? c->ledger.runtimes : 0;
	const bool has_track = c->track.sample_count > 0;
	const bool is_told = !blames_process(c) || has_track;

	yajl_gen_map_open(gen);
	add_identity(gen, c, facts);
	add_text(gen, "message", c->report.message);
	if (is_told)
		add_verdict(gen, c);
	/* runs are compared with each other: the gates of the one under way say nothing */
	if (has_track && c->about != PL_ABOUT_RUNS)
		add_judged(gen, c);
	if (has_track)
		add_attribution(gen, c);
	add_runs(gen, c);
	add_cgroup(gen, c);
	add_runtimes(gen, runtimes);
	if (c->has_ledger) {
		add_regions(gen, &c->ledger, &c->idle);
		add_places(gen, &c->ledger);
	}
	add_census(gen, c);
	add_tally(gen, "fds", &facts->fds);
	add_tally(gen, "sockets", &facts->sockets);
	add_tally(gen, "threads", &facts->threads);
	add_limits(gen, &c->values);
	if (is_told)
		add_siblings(gen, c);
	if (c->about == PL_ABOUT_CGROUP)
		add_cgroup_advice(gen, c);
	else
		add_advice(gen, c, runtimes);
	if (has_track && with_history)
		add_history(gen, c);
	yajl_gen_map_close(gen);
}

/* Copies the text out of the generator. */
static int take_text(yajl_gen gen, char **text, size_t *len)
{
	const unsigned char *made;
	size_t made_len;
	char *copy;

	if (yajl_gen_get_buf(gen, &made, &made_len) != yajl_gen_status_ok)
		return -ENOMEM;
	if (made_len > PL_EVIDENCE_MOST_BYTES)
		return -E2BIG;
	copy = malloc(made_len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, made, made_len);
	copy[made_len] = '\0';
	*text = copy;
	*len = made_len;
	return 0;
}

static int compose(const struct pl_evidence_case *c, const struct pl_evidence_facts *facts,
                   bool with_history, char **text, size_t *len)
{
	struct pl_json_memory memory;
	int err;

	pl_json_memory_begin(&memory);
	if (setjmp(memory.none_left) == 0) {
		yajl_gen gen = yajl_gen_alloc(&memory.functions);

		write_case(gen, c, facts, with_history);
		err = take_text(gen, text, len);
		yajl_gen_free(gen);
	} else {
		err = -ENOMEM;
	}
	pl_json_memory_end(&memory);
	return err;
}

int pl_evidence_compose(const struct pl_evidence_case *about, const struct pl_evidence_facts *facts,
                        char **text, size_t *len)
{
	const int err = compose(about, facts, true, text, len);

	return err == -E2BIG ? compose(about, facts, false, text, len) : err;
}

static void copy_word(char *out, size_t size, const char *word)
{
	snprintf(out, size, "%s", word ? word : "");
}

void pl_evidence_set_report(struct pl_evidence_case *out, const struct pl_report *report)
{
	out->report = *report;
	copy_word(out->match, sizeof(out->match), report->subject.match);
	copy_word(out->comm, sizeof(out->comm), report->subject.comm);
	copy_word(out->reason, sizeof(out->reason), report->reason);
	copy_word(out->metric, sizeof(out->metric), report->metric);
	copy_word(out->where, sizeof(out->where), report->where);
	copy_word(out->limit, sizeof(out->limit), report->limit);
	copy_word(out->unit, sizeof(out->unit), report->unit);
	copy_word(out->cgroup, sizeof(out->cgroup), report->subject.cgroup);
	out->report.subject.match = out->report.subject.comm = out->report.subject.cgroup = NULL;
	out->report.reason = out->report.metric = out->report.where = NULL;
	out->report.limit = out->report.unit = out->report.census = NULL;
}
