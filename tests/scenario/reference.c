/*
 * reference: what well-known rules say of a trace, to have something to compare with.
 *
 *   reference TRACE
 *
 * Every rule sees U = anon + swap of each process as hourly minima and is asked once an hour (the
 * rank tests every three hours); an alarm is counted when a rule turns true and again only after it
 * was false for a day. Output: JSON lines as of `procleak replay`, each with "detector".
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1024.0 * 1024.0)
#define HOURS_MAX 1024
#define WINDOW_HOURS 168
#define LEAST_HOURS 24
#define COLUMNS_MAX 64
#define REARM_HOURS 24

struct series {
	int pid;
	double start_s;
	double limit_bytes;
	int count;
	double hour[HOURS_MAX]; /* since the epoch */
	double bytes[HOURS_MAX];
};

struct verdict {
	bool leak;
	double bytes_per_h;
};

/* A rule sees the points before `end`. */
typedef struct verdict rule_fn(const struct series *s, int end);

struct line {
	double slope, intercept, r2;
};

static struct line fit(const struct series *s, int from, int end)
{
	double sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
	const double n = end - from;
	for (int i = from; i < end; i++) {
		const double x = s->hour[i] - s->hour[from];
		sx += x;
		sy += s->bytes[i];
	}
	for (int i = from; i < end; i++) {
		const double x = s->hour[i] - s->hour[from] - sx / n;
		const double y = s->bytes[i] - sy / n;
		sxx += x * x;
		sxy += x * y;
		syy += y * y;
	}
	struct line line = { .slope = sxx > 0 ? sxy / sxx : 0 };
	line.intercept = sy / n - line.slope * sx / n;
	line.r2 = sxx > 0 && syy > 0 ? sxy * sxy / (sxx * syy) : 0;
	return line;
}

static double floor_bytes(double level)
{
	return fmax(8 * MIB, 0.02 * level);
}

/* Linear backward regression: some window that ends now is a rising line. */
static struct verdict rule_r2(const struct series *s, int end)
{
	for (int hours = 12; hours <= 2 * end; hours *= 2) {
		const int from = hours < end ? end - hours : 0;
		if (end - from < 12)
			break;
		const struct line line = fit(s, from, end);
		const double growth = line.slope * (s->hour[end - 1] - s->hour[from]);
		if (line.r2 >= 0.8 && growth > floor_bytes(s->bytes[from]))
			return (struct verdict){ true, line.slope };
	}
	return (struct verdict){ false, 0 };
}

/* predict_linear(u[6h], 4d) over the limit, or over twice the present size where none is known. */
static struct verdict rule_predict(const struct series *s, int end)
{
	const int from = end - 6;
	if (from < 0)
		return (struct verdict){ false, 0 };
	const struct line line = fit(s, from, end);
	const double ahead = s->hour[end - 1] - s->hour[from] + 96;
	const double limit = s->limit_bytes > 0 ? s->limit_bytes : 2 * s->bytes[end - 1];
	return (struct verdict){ line.intercept + line.slope * ahead > limit, line.slope };
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof *values, by_value);
	return count ? values[count / 2] : 0;
}

static double sen_slope(const struct series *s, int from, int end)
{
	static double slopes[WINDOW_HOURS * WINDOW_HOURS / 2];
	int count = 0;
	for (int i = from; i < end; i++)
		for (int j = i + 1; j < end; j++)
			if (s->hour[j] > s->hour[i])
				slopes[count++] = (s->bytes[j] - s->bytes[i]) / (s->hour[j] - s->hour[i]);
	return median(slopes, count);
}

/*
 * Factor of the variance of Mann-Kendall's S from the significant autocorrelations of the ranks of
 * the detrended series (Hamed and Rao 1998).
 */
static double hamed_rao(const struct series *s, int from, int end, double slope)
{
	static double rest[WINDOW_HOURS];
	static double rank[WINDOW_HOURS];
	const int n = end - from;
	for (int i = 0; i < n; i++)
		rest[i] = s->bytes[from + i] - slope * (s->hour[from + i] - s->hour[from]);
	double variance = 0;
	for (int i = 0; i < n; i++) {
		rank[i] = -(n - 1) / 2.0;
		for (int j = 0; j < n; j++)
			rank[i] += rest[j] < rest[i] ? 1 : j != i && rest[j] <= rest[i] ? 0.5 : 0;
		variance += rank[i] * rank[i];
	}
	double sum = 0;
	for (int k = 1; k < n - 2 && variance > 0; k++) {
		double rho = 0;
		for (int i = 0; i + k < n; i++)
			rho += rank[i] * rank[i + k];
		rho /= variance;
		if (fabs(rho) > 1.96 / sqrt(n))
			sum += (double)(n - k) * (n - k - 1) * (n - k - 2) * rho;
	}
	return fmax(0.1, 1 + 2 / ((double)n * (n - 1) * (n - 2)) * sum);
}

static struct verdict mann_kendall(const struct series *s, int end, bool corrected)
{
	const int from = end > WINDOW_HOURS ? end - WINDOW_HOURS : 0;
	const double n = end - from;
	if (end - from < LEAST_HOURS || end % 3)
		return (struct verdict){ false, 0 };
	double score = 0;
	for (int i = from; i < end; i++)
		for (int j = i + 1; j < end; j++)
			score += (s->bytes[j] > s->bytes[i]) - (s->bytes[j] < s->bytes[i]);
	double variance = n * (n - 1) * (2 * n + 5) / 18;
	if (score <= 1 || (score - 1) / sqrt(variance) < 1.96)
		return (struct verdict){ false, 0 };
	const double slope = sen_slope(s, from, end);
	const double growth = slope * (s->hour[end - 1] - s->hour[from]);
	if (growth < floor_bytes(s->bytes[from]))
		return (struct verdict){ false, 0 };
	if (corrected)
		variance *= hamed_rao(s, from, end, slope);
	return (struct verdict){ (score - 1) / sqrt(variance) >= 1.96, slope };
}

static struct verdict rule_mk(const struct series *s, int end)
{
	return mann_kendall(s, end, false);
}

static struct verdict rule_mk_hamed_rao(const struct series *s, int end)
{
	return mann_kendall(s, end, true);
}

/* After Coroot: a line since the last drop by half, the tail as steep, 5 % and 50 MB of growth. */
static struct verdict rule_coroot(const struct series *s, int end)
{
	int from = end > WINDOW_HOURS ? end - WINDOW_HOURS : 0;
	for (int i = from + 1; i < end; i++)
		if (s->bytes[i] < s->bytes[i - 1] / 2)
			from = i;
	if (end - from < LEAST_HOURS)
		return (struct verdict){ false, 0 };
	const struct line line = fit(s, from, end);
	const struct line tail = fit(s, end - (end - from) / 4, end);
	const double growth = line.slope * (s->hour[end - 1] - s->hour[from]);
	const bool leak = growth > fmax(50e6, 0.05 * s->bytes[from]) && line.r2 > 0.5 &&
	                  tail.slope >= 0.3 * line.slope;
	return (struct verdict){ leak, line.slope };
}

/* After RESIN's pivot: a moment with all before below all after, and growth since. */
static struct verdict rule_pivot(const struct series *s, int end)
{
	const int from = end > WINDOW_HOURS ? end - WINDOW_HOURS : 0;
	static double least_after[HOURS_MAX];
	double least = INFINITY;
	for (int i = end - 1; i >= from; i--)
		least_after[i] = least = fmin(least, s->bytes[i]);
	double most = 0;
	for (int pivot = from + 1; pivot < end - 12; pivot++) {
		most = fmax(most, s->bytes[pivot - 1]);
		if (pivot - from < 12 || least_after[pivot] <= most)
			continue;
		const struct line since = fit(s, pivot, end);
		const double growth = since.slope * (s->hour[end - 1] - s->hour[pivot]);
		if (growth > floor_bytes(s->bytes[from]) && since.r2 > 0.5)
			return (struct verdict){ true, since.slope };
	}
	return (struct verdict){ false, 0 };
}

static const struct {
	const char *name;
	rule_fn *rule;
} rules[] = {
	{ "OLS R2 >= .8", rule_r2 },       { "predict_linear", rule_predict },
	{ "Mann-Kendall + Sen", rule_mk }, { "Mann-Kendall Hamed-Rao", rule_mk_hamed_rao },
	{ "Coroot-like", rule_coroot },    { "RESIN-like pivot", rule_pivot },
};

/* --- reading -------------------------------------------------------------------------------- */

struct input {
	int column[6]; /* places of the names below */
	struct series **series;
	int count;
	struct series *last; /* most rows repeat the processes of the row before */
};

enum { IN_TIME, IN_PID, IN_START, IN_ANON, IN_SWAP, IN_LIMIT };
static const char *const names[6] = { "time",       "pid",        "start_time",
	                                  "anon_bytes", "swap_bytes", "limit_bytes" };

static void read_header(struct input *in, char *text)
{
	for (int i = 0; i < 6; i++)
		in->column[i] = -1;
	char *rest = text;
	for (int place = 0; rest; place++) {
		const char *name = strsep(&rest, ",\r\n");
		for (int i = 0; i < 6; i++)
			if (strcmp(name, names[i]) == 0)
				in->column[i] = place;
	}
}

static struct series *series_of(struct input *in, int pid, double start_s)
{
	for (int i = in->count - 1; i >= 0; i--)
		if (in->series[i]->pid == pid && fabs(in->series[i]->start_s - start_s) < 1)
			return in->series[i];
	struct series **more = realloc(in->series, sizeof(*more) * (size_t)(in->count + 1));
	struct series *s = calloc(1, sizeof *s);
	if (!more || !s)
		abort();
	in->series = more;
	in->series[in->count++] = s;
	s->pid = pid;
	s->start_s = start_s;
	return s;
}

static void series_add(struct series *s, double time_s, double bytes)
{
	const double hour = floor(time_s / 3600);
	if (s->count && hour <= s->hour[s->count - 1]) {
		s->bytes[s->count - 1] = fmin(s->bytes[s->count - 1], bytes);
		return;
	}
	if (s->count == HOURS_MAX)
		return;
	s->hour[s->count] = hour;
	s->bytes[s->count++] = bytes;
}

static void read_row(struct input *in, char *text)
{
	double value[6] = { 0 };
	char *rest = text;
	for (int place = 0; rest; place++) {
		const char *cell = strsep(&rest, ",\r\n");
		for (int i = 0; i < 6; i++)
			if (in->column[i] == place)
				value[i] = strtod(cell, NULL);
	}
	struct series *s = in->last;
	if (!s || s->pid != (int)value[IN_PID] || fabs(s->start_s - value[IN_START]) >= 1)
		s = in->last = series_of(in, (int)value[IN_PID], value[IN_START]);
	s->limit_bytes = value[IN_LIMIT];
	series_add(s, value[IN_TIME], value[IN_ANON] + value[IN_SWAP]);
}

static int read_trace(struct input *in, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	if (!file)
		return -errno;
	if (getline(&text, &size, file) > 0)
		read_header(in, text);
	while (getline(&text, &size, file) > 0)
		read_row(in, text);
	free(text);
	fclose(file);
	return 0;
}

/* --- running -------------------------------------------------------------------------------- */

static void ask(const char *name, rule_fn *rule, const struct series *s)
{
	double true_hour = -1e9;
	for (int end = 6; end <= s->count; end++) {
		const struct verdict verdict = rule(s, end);
		const double hour = s->hour[end - 1];
		if (!verdict.leak)
			continue;
		/* the end of the hour is when it is known */
		if (hour - true_hour > REARM_HOURS)
			printf("{\"detector\":\"%s\",\"time\":%.0f,\"pid\":%d,\"verdict\":\"leaking\","
			       "\"alarm\":true,\"metric\":\"anon\",\"rate_bytes_per_hour\":%.0f}\n",
			       name, (hour + 1) * 3600, s->pid, verdict.bytes_per_h);
		true_hour = hour;
	}
}

static double last_rate(rule_fn *rule, const struct series *s)
{
	for (int end = s->count; end > s->count - 3 && end >= 6; end--) {
		const struct verdict verdict = rule(s, end);
		if (verdict.leak)
			return verdict.bytes_per_h;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct input in = { .count = 0 };
	if (argc != 2) {
		fputs("usage: reference TRACE\n", stderr);
		return 2;
	}
	const int failed = read_trace(&in, argv[1]);
	if (failed) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-failed));
		return 2;
	}
	for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
		double rate = 0;
		for (int i = 0; i < in.count; i++) {
			ask(rules[r].name, rules[r].rule, in.series[i]);
			rate = fmax(rate, last_rate(rules[r].rule, in.series[i]));
		}
		printf("{\"detector\":\"%s\",\"summary\":true,\"rate_bytes_per_hour\":", rules[r].name);
		printf(rate > 0 ? "%.0f}\n" : "null}\n", rate);
	}
	for (int i = 0; i < in.count; i++)
		free(in.series[i]);
	free(in.series);
	return 0;
}
