#include "lines.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "say.h"

static void add_key(yajl_gen gen, const char *key)
{
	yajl_gen_string(gen, (const unsigned char *)key, strlen(key));
}

/* File names may hold anything; JSON holds UTF-8. */
static void add_text(yajl_gen gen, const char *key, const char *text)
{
	char copy[4096];
	size_t n = 0;

	add_key(gen, key);
	if (!text) {
		yajl_gen_null(gen);
		return;
	}
	for (; text[n] && n + 1 < sizeof copy; n++)
		copy[n] = text[n];
	copy[n] = '\0';
	pl_cli_mend_utf8(copy, n);
	yajl_gen_string(gen, (const unsigned char *)copy, n);
}

static void add_number(yajl_gen gen, const char *key, double v)
{
	char text[64];

	add_key(gen, key);
	if (!isfinite(v)) {
		yajl_gen_null(gen);
		return;
	}
	const bool whole = fabs(v - nearbyint(v)) < 5e-4 || fabs(v) >= 1e7;
	const int n = snprintf(text, sizeof text, whole && fabs(v) < 5e8 ? "%.0f" : "%.3f", v);
	/* A Unix time keeps its fraction; "-0" and ".000" say nothing. */
	if (n > 4 && strcmp(text + n - 4, ".000") == 0)
		text[n - 4] = '\0';
	const char *shown = strcmp(text, "-0") == 0 ? "0" : text;
	yajl_gen_number(gen, shown, strlen(shown));
}

static void add_bool(yajl_gen gen, const char *key, bool v)
{
	add_key(gen, key);
	yajl_gen_bool(gen, v);
}

static int finish(FILE *out, yajl_gen gen)
{
	const unsigned char *text;
	size_t len;
	int err = 0;

	yajl_gen_map_close(gen);
	if (yajl_gen_get_buf(gen, &text, &len) != yajl_gen_status_ok)
		err = -ENOMEM;
	else if (fwrite(text, 1, len, out) != len || fputc('\n', out) == EOF)
		err = -EIO;
	yajl_gen_free(gen);
	return err;
}

int pl_lines_report(FILE *out, const struct pl_report *r)
{
	yajl_gen gen = yajl_gen_alloc(NULL);

	if (!gen)
		return -ENOMEM;
	yajl_gen_map_open(gen);
	add_number(gen, "time", r->time_s);
	add_number(gen, "pid", r->subject.pid);
	add_number(gen, "start_time",
	           r->subject.start_s > 0 ? r->subject.start_s : (double)r->subject.start_ticks / 100);
	if (r->subject.cgroup)
		add_text(gen, "cgroup", r->subject.cgroup);
	add_text(gen, "verdict", pl_verdict_name(r->verdict));
	add_text(gen, "previous", pl_verdict_name(r->previous));
	add_bool(gen, "alarm", r->alarm);
	add_bool(gen, "recovered", r->recovered);
	add_bool(gen, "confirmed", r->confirmed);
	add_text(gen, "reason", r->reason);
	add_text(gen, "metric", r->metric);
	add_number(gen, "rate_bytes_per_hour", r->rate_bytes_per_hour);
	add_number(gen, "rate_low", r->rate_low);
	add_number(gen, "rate_high", r->rate_high);
	add_number(gen, "since", r->since_s > 0 ? r->since_s : NAN);
	add_text(gen, "cause", pl_cause_name(r->cause));
	add_text(gen, "where", r->where);
	if (r->per_unit > 0) {
		add_text(gen, "unit", r->unit);
		add_number(gen, "bytes_per_unit", r->per_unit);
		add_number(gen, "bytes_per_unit_low", r->per_unit_low);
		add_number(gen, "bytes_per_unit_high", r->per_unit_high);
	}
	add_number(gen, "seconds_to_limit", r->seconds_to_limit >= 0 ? r->seconds_to_limit : NAN);
	if (r->seconds_to_limit >= 0) {
		add_text(gen, "limit", r->limit);
		add_number(gen, "seconds_to_limit_low",
		           r->seconds_to_limit_low >= 0 ? r->seconds_to_limit_low : NAN);
		add_number(gen, "seconds_to_limit_high",
		           r->seconds_to_limit_high >= 0 ? r->seconds_to_limit_high : NAN);
	}
	if (r->idle_known)
		add_number(gen, "idle_percent", r->idle_percent);
	if (r->idle_window_s > 0)
		add_number(gen, "idle_window_seconds", r->idle_window_s);
	if (r->census)
		add_text(gen, "census", r->census);
	add_text(gen, "message", r->message);
	return finish(out, gen);
}

/* Every metric that was read, by the name of its column in a trace, then what was found. */
int pl_lines_reading(FILE *out, const struct pl_reading *r)
{
	static const char *const findings[PL_FINDING_COUNT] = {
		[PL_FINDING_VERDICT] = NULL, /* as a word */
		[PL_FINDING_RATE] = "rate_bytes_per_hour",
		[PL_FINDING_RATE_LOW] = "rate_low",
		[PL_FINDING_RATE_HIGH] = "rate_high",
		[PL_FINDING_LEAKED] = "leaked_bytes",
		[PL_FINDING_DETECTION_FLOOR] = "detection_floor_bytes_per_hour",
		[PL_FINDING_LIMIT_SECONDS] = "seconds_to_limit",
		[PL_FINDING_WITH_CONNECTIONS] = "with_connections_percent",
		[PL_FINDING_WITH_THREADS] = "with_threads_percent",
		[PL_FINDING_WITH_FDS] = "with_fds_percent",
		[PL_FINDING_WITH_WORK] = "with_work_percent",
		[PL_FINDING_PER_CONNECTION] = "bytes_per_connection",
		[PL_FINDING_PER_THREAD] = "bytes_per_thread",
		[PL_FINDING_PER_FD] = "bytes_per_fd",
		[PL_FINDING_PER_CPU_SECOND] = "bytes_per_cpu_second",
		[PL_FINDING_PER_MIB] = "bytes_per_mib",
		[PL_FINDING_IDLE] = "idle_percent",
	};
	yajl_gen gen = yajl_gen_alloc(NULL);
	double finding;

	if (!gen)
		return -ENOMEM;
	yajl_gen_map_open(gen);
	add_bool(gen, "reading", true);
	add_number(gen, "time", r->time.wall_s);
	add_number(gen, "pid", r->subject.pid);
	add_number(gen, "start_time", r->subject.start_s);
	add_text(gen, "name", r->subject.comm);
	if (pl_findings_get(&r->findings, PL_FINDING_VERDICT, &finding))
		add_text(gen, "verdict", pl_verdict_name((enum pl_verdict)(int)finding));
	if (r->reason)
		add_text(gen, "reason", r->reason);
	for (size_t m = 0; m < PL_METRIC_COUNT; m++) {
		const struct pl_metric_info *info = pl_metric_info((enum pl_metric)m);
		uint64_t value;

		if (pl_values_get(&r->values, (enum pl_metric)m, &value))
			add_number(gen, info->column,
			           (double)value / (info->unit == PL_UNIT_MICROSECONDS ? 1e6 : 1));
	}
	for (size_t f = 0; f < PL_FINDING_COUNT; f++)
		if (findings[f] && pl_findings_get(&r->findings, (enum pl_finding)f, &finding))
			add_number(gen, findings[f], finding);
	return finish(out, gen);
}

void pl_summary_take(struct pl_summary *s, const struct pl_report *report)
{
	if (report->alarm && s->alarm_count++ == 0)
		s->first_alarm_s = report->time_s;
	if (report->verdict < s->told || report->verdict < PL_VERDICT_GROWING)
		return;
	s->told = report->verdict;
	s->metric = report->metric;
	s->rate_per_hour = report->rate_bytes_per_hour;
	s->rate_low = report->rate_low;
	s->rate_high = report->rate_high;
	s->cause = report->cause;
	s->where = report->where;
}

int pl_lines_summary(FILE *out, const struct pl_summary *s)
{
	yajl_gen gen = yajl_gen_alloc(NULL);

	if (!gen)
		return -ENOMEM;
	yajl_gen_map_open(gen);
	add_bool(gen, "summary", true);
	add_text(gen, "file", s->file);
	add_number(gen, "processes", s->process_count);
	add_text(gen, "verdict", pl_verdict_name(s->verdict));
	add_text(gen, "reason", s->reason);
	add_number(gen, "alarms", s->alarm_count);
	add_number(gen, "first_alarm", s->alarm_count ? s->first_alarm_s : NAN);
	add_text(gen, "metric", s->metric);
	add_number(gen, "rate_bytes_per_hour", s->rate_per_hour);
	add_number(gen, "rate_low", s->rate_low);
	add_number(gen, "rate_high", s->rate_high);
	add_text(gen, "cause", pl_cause_name(s->cause));
	add_text(gen, "where", s->where);
	return finish(out, gen);
}
