#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "explain/explain.h"

struct text {
	char *out;
	size_t size;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const int n = vsnprintf(t->out + t->len, t->size - t->len, format, args);
	va_end(args);
	if (n > 0)
		t->len += (size_t)n < t->size - t->len ? (size_t)n : t->size - t->len - 1;
}

void pl_explain_duration(double seconds, char *out, size_t size)
{
	const double minutes = floor(fmin(fmax(seconds, 0), 3e9) / 60 + 0.5);
	const long m = (long)minutes;

	if (m < 1)
		snprintf(out, size, "%.0fs", fmax(seconds, 0));
	else if (m < 60)
		snprintf(out, size, "%ldm", m);
	else if (m < 1440)
		snprintf(out, size, m % 60 ? "%ldh %ldm" : "%ldh", m / 60, m % 60);
	else
		snprintf(out, size, m % 1440 / 60 ? "%ldd %ldh" : "%ldd", m / 1440, m % 1440 / 60);
}

static const char *const byte_units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };

static size_t byte_scale(double bytes, double *divisor)
{
	size_t unit = 0;

	*divisor = 1;
	while (fabs(bytes) / *divisor >= 1000 && unit + 1 < sizeof byte_units / sizeof byte_units[0]) {
		*divisor *= 1024;
		unit++;
	}
	return unit;
}

/* Three significant digits, without an exponent. */
static void add_number(struct text *t, double v)
{
	const double size = fabs(v);

	add(t, size >= 99.95 ? "%.0f" : size >= 9.995 ? "%.1f" : "%.2f", v);
}

void pl_explain_bytes(double bytes, char *out, size_t size)
{
	struct text t = { out, size, 0 };
	double divisor;
	const size_t unit = byte_scale(bytes, &divisor);

	add_number(&t, bytes / divisor);
	add(&t, " %s", byte_units[unit]);
}

static bool counts(enum pl_series series)
{
	return series == PL_SERIES_THREADS || series == PL_SERIES_FDS ||
	       series == PL_SERIES_CONNECTIONS;
}

/* In a sum, the number of processes stands where a process has its threads. */
static const char *number_of(const struct pl_explain_subject *s, enum pl_series series)
{
	return s->sum_of > 0 ? "processes" : pl_explain_metric(series);
}

/* "14.2 MiB/h (13.8-14.7)" */
static void add_rate(struct text *t, const struct pl_explain_subject *s)
{
	double divisor = 1;
	const size_t unit = counts(s->series) ? 0 : byte_scale(s->rate_per_h, &divisor);

	add_number(t, s->rate_per_h / divisor);
	if (counts(s->series))
		add(t, " %s/h (", number_of(s, s->series));
	else
		add(t, " %s/h (", byte_units[unit]);
	add_number(t, s->rate_low / divisor);
	add(t, "-");
	add_number(t, s->rate_high / divisor);
	add(t, ")");
}

/* A process names itself: nothing but printable ASCII of it reaches a pager or a terminal. */
static void add_name(struct text *t, const struct pl_explain_subject *s)
{
	for (const char *c = s->name; *c && t->len < 64; c++)
		add(t, "%c", *c > ' ' && *c < 0x7f ? *c : '?');
	if (s->pid != 0)
		add(t, "[%d]", s->pid);
	if (s->nobody)
		add(t, " (cgroup)");
}

static const char *what_grows(const struct pl_explain_subject *s, enum pl_series series)
{
	if (s->nobody)
		return "memory outside of its processes";
	if (series == PL_SERIES_SHMEM)
		return s->unmapped ? "memfd or tmpfs files that nobody maps" : "shared memory";
	if (series == PL_SERIES_UNTOUCHED)
		return "untouched mappings";
	return counts(series) ? "" : "anonymous memory";
}

/* "; 93 % glibc arenas", or what grows at all. */
static void add_place(struct text *t, const struct pl_explain_subject *s)
{
	char name[48];

	if (s->nobody) {
		add(t, "; %.0f %% %s", 100 * s->nobody_share, s->nobody);
		return;
	}
	if (!s->place) {
		if (*what_grows(s, s->series))
			add(t, "; %s", what_grows(s, s->series));
		return;
	}
	/* the rate is that of address space: it must not be taken for memory */
	if (s->series == PL_SERIES_UNTOUCHED)
		add(t, "; %s", what_grows(s, s->series));
	pl_explain_place(s->places, s->place, name, sizeof name);
	add(t, "; %s%.0f %% %s", s->places->sampled ? "about " : "", 100 * (double)s->place->share,
	    name);
}

/* "; 38.0 KiB per connection opened", or what it comes with. */
static void add_cause(struct text *t, const struct pl_explain_subject *s)
{
	char number[32];

	const bool by_number =
		s->sum_of > 0 && s->attribution && s->attribution->driver == PL_DRIVER_THREADS;

	if ((s->cause == PL_CAUSE_UNKNOWN && !by_number) || counts(s->series))
		return;
	if (s->attribution && s->attribution->per_unit > 0) {
		pl_explain_bytes((double)s->attribution->per_unit, number, sizeof number);
		add(t, "; %s per %s", number,
		    by_number ? "process" : pl_driver_unit((enum pl_driver)s->attribution->driver));
		return;
	}
	add(t, "; with %s", pl_cause_name(s->cause));
}

/* "; 82 % of the growth idle for 1h" */
static void add_idle(struct text *t, const struct pl_explain_subject *s)
{
	char window[32];

	if (!s->idle_known)
		return;
	add(t, "; %.0f %% of the growth idle", s->idle_percent);
	if (s->idle_window_s <= 0)
		return;
	pl_explain_duration(s->idle_window_s, window, sizeof window);
	add(t, " for %s", window);
}

static void add_limit(struct text *t, const struct pl_explain_subject *s)
{
	char number[32];

	if (s->seconds_to_limit < 0 || s->limit <= 0)
		return;
	if (counts(s->series) || s->limit_counts)
		snprintf(number, sizeof number, "%.0f", s->limit);
	else
		pl_explain_bytes(s->limit, number, sizeof number);
	add(t, "; %s %s in ", s->limit_name ? s->limit_name : "limit", number);
	pl_explain_duration(s->seconds_to_limit, number, sizeof number);
	add(t, "%s", number);
}

static void add_details(struct text *t, const struct pl_explain_subject *s)
{
	char number[32];

	if (s->growing_for_s > 0) {
		pl_explain_duration(s->growing_for_s, number, sizeof number);
		add(t, " for %s", number);
	}
	if (s->nobody)
		add(t, ", though none of its processes does");
	if (s->sum_of > 0)
		add(t, ", the sum of %u processes, none of which does alone", s->sum_of);
	add_place(t, s);
	add_cause(t, s);
	add_idle(t, s);
	if (s->reason == PL_REASON_RUNS)
		add(t, "; the same in %u runs", s->runs);
	add_limit(t, s);
}

/* ": flat"; what not everybody knows is told in words. */
static void add_steady(struct text *t, enum pl_reason reason)
{
	static const char *const words[PL_REASON_COUNT] = {
		[PL_REASON_HUGE_PAGES] = "the kernel makes huge pages of small ones",
		[PL_REASON_LAZYFREE] = "memory that was given back is not taken yet",
		[PL_REASON_RETENTION] = "the load fell, glibc arenas keep what was freed",
		[PL_REASON_BLIND] = "a managed heap, wholly resident: a leak inside would not show",
	};

	add(t, ": %s", pl_reason_name(reason));
	if (words[reason])
		add(t, " (%s)", words[reason]);
}

/* "no longer leaks anonymous memory and threads": all that was told, whatever grows now. */
static void add_recovery(struct text *t, const struct pl_explain_subject *s)
{
	const unsigned told = s->told_of ? s->told_of : 1U << s->series;
	unsigned left = told;

	if (told == 1U << PL_SERIES_U && s->reason == PL_REASON_IN_USE) {
		add(t, " is no leak: what was added is in use");
		add_idle(t, s);
		return;
	}
	add(t, " no longer leaks");
	for (unsigned i = 0; i < PL_SERIES_COUNT; i++) {
		if (!(left >> i & 1))
			continue;
		const char *between = left == told ? " " : left == 1U << i ? " and " : ", ";
		const char *words = what_grows(s, (enum pl_series)i);

		left &= ~(1U << i);
		add(t, "%s%s", between, *words ? words : number_of(s, (enum pl_series)i));
	}
}

void pl_explain_message(const struct pl_explain_subject *s, char *out, size_t size)
{
	struct text t = { out, size, 0 };

	out[0] = '\0';
	add_name(&t, s);
	if (s->recovered) {
		add_recovery(&t, s);
		return;
	}
	add(&t, " %s", pl_verdict_name(s->verdict));
	if (s->verdict <= PL_VERDICT_STEADY) {
		if (s->verdict == PL_VERDICT_STEADY)
			add_steady(&t, s->reason);
		if (s->reason == PL_REASON_IN_USE)
			add_idle(&t, s);
		return;
	}
	add(&t, " ");
	add_rate(&t, s);
	add_details(&t, s);
	if (s->verdict == PL_VERDICT_GROWING && s->reason != PL_REASON_DRIFT)
		add(&t, " (%s)", pl_reason_name(s->reason));
}
