#include "parse/trace.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Columns that are not metrics. */
enum { COLUMN_IGNORED = -1, COLUMN_TIME = -2, COLUMN_PID = -3, COLUMN_START = -4 };

/* Greater times are in milliseconds: as seconds they would be past the year 5000. */
#define LATEST_TIME_S 1e11

static int wrong(struct pl_trace_problem *problem, size_t field, const char *what)
{
	*problem = (struct pl_trace_problem){ field, what };
	return -EBADMSG;
}

struct field {
	const char *text;
	size_t len;
};

/*
 * Cuts the next field off [*at, end). Returns false when a quote is not closed or is followed by
 * something else than a comma. *more says whether a comma followed.
 */
static bool next_field(const char **at, const char *end, struct field *out, bool *more)
{
	const char *p = *at;

	if (p < end && *p == '"') {
		out->text = ++p;
		p = memchr(p, '"', (size_t)(end - p));
		/* A doubled quote stands for one; the field goes on. */
		while (p && p + 1 < end && p[1] == '"')
			p = memchr(p + 2, '"', (size_t)(end - p - 2));
		if (!p)
			return false;
		out->len = (size_t)(p - out->text);
		p++;
		if (p < end && *p != ',')
			return false;
	} else {
		out->text = p;
		while (p < end && *p != ',')
			p++;
		out->len = (size_t)(p - out->text);
	}
	*more = p < end;
	*at = p + (*more ? 1 : 0);
	return true;
}

static void trim(struct field *f)
{
	while (f->len > 0 && (*f->text == ' ' || *f->text == '\t')) {
		f->text++;
		f->len--;
	}
	while (f->len > 0 && (f->text[f->len - 1] == ' ' || f->text[f->len - 1] == '\t'))
		f->len--;
}

static size_t without_cr(const char *line, size_t len)
{
	return len > 0 && line[len - 1] == '\r' ? len - 1 : len;
}

static int16_t column_named(const struct field *f)
{
	static const struct {
		const char *name;
		int16_t column;
	} own[] = { { "time", COLUMN_TIME }, { "pid", COLUMN_PID }, { "start_time", COLUMN_START } };
	enum pl_metric id;

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (f->len == strlen(own[i].name) && memcmp(f->text, own[i].name, f->len) == 0)
			return own[i].column;
	return pl_metric_find(f->text, f->len, &id) ? (int16_t)id : COLUMN_IGNORED;
}

int pl_trace_header(const char *line, size_t len, struct pl_trace *out,
                    struct pl_trace_problem *problem)
{
	struct pl_trace trace = { .column_count = 0 };
	const char *at = line;
	const char *end = line + without_cr(line, len);
	bool has_time = false;
	bool has_metric = false;
	bool more = true;

	if (len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	while (more) {
		struct field f;
		if (trace.column_count == PL_TRACE_MAX_COLUMNS)
			return wrong(problem, 0, "too many columns");
		if (!next_field(&at, end, &f, &more))
			return wrong(problem, trace.column_count + 1, "a quote is not closed");
		trim(&f);
		const int16_t column = column_named(&f);
		for (size_t i = 0; column != COLUMN_IGNORED && i < trace.column_count; i++)
			if (trace.column[i] == column)
				return wrong(problem, trace.column_count + 1, "the column is there twice");
		trace.column[trace.column_count++] = column;
		has_time |= column == COLUMN_TIME;
		trace.has_start |= column == COLUMN_START;
		has_metric |= column >= 0;
	}
	if (!has_time)
		return wrong(problem, 0, "the header names no column \"time\"");
	if (!has_metric)
		return wrong(problem, 0, "the header names no column that is known, like \"anon_bytes\"");
	*out = trace;
	return 0;
}

/* Decimal digits after the point and exponents are rare; both go through this. */
static bool parse_fraction(const char *p, const char *end, double whole, double *out)
{
	double value = whole;
	double unit = 1;
	int exponent = 0;
	bool negative = false;

	if (p < end && *p == '.') {
		for (p++; p < end && *p >= '0' && *p <= '9'; p++) {
			unit /= 10;
			value += unit * (*p - '0');
		}
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '-' || *p == '+'))
			negative = *p++ == '-';
		if (p == end)
			return false;
		for (; p < end && *p >= '0' && *p <= '9' && exponent < 400; p++)
			exponent = exponent * 10 + (*p - '0');
	}
	for (; exponent > 0; exponent--)
		value = negative ? value / 10 : value * 10;
	*out = value;
	return p == end;
}

/* A number that is not negative. *whole is true when it is an integer below 2^63. */
static bool parse_number(const char *p, size_t len, double *real, uint64_t *integer, bool *whole)
{
	const char *end = p + len;
	uint64_t n = 0;
	const char *begin = p;

	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (p - begin >= 18)
			return false;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	*whole = p == end && p > begin;
	*integer = n;
	*real = (double)n;
	if (*whole)
		return true;
	if (p == begin && !(p + 1 < end && *p == '.' && p[1] >= '0' && p[1] <= '9'))
		return false;
	return parse_fraction(p, end, (double)n, real);
}

struct row {
	struct pl_sample *out;
	double start_s;
	bool has_time;
	bool has_start;
};

static bool take_metric(struct row *row, enum pl_metric id, double real, uint64_t integer,
                        bool whole)
{
	/* Times are in seconds in a trace, in microseconds in values. */
	if (pl_metric_info(id)->unit == PL_UNIT_MICROSECONDS) {
		if (real > 9e12)
			return false;
		pl_values_set(&row->out->values, id, (uint64_t)(real * 1e6 + 0.5));
		return true;
	}
	if (!whole && real > 9e18)
		return false;
	pl_values_set(&row->out->values, id, whole ? integer : (uint64_t)(real + 0.5));
	return true;
}

static bool take_field(struct row *row, int16_t column, const struct field *f)
{
	double real;
	uint64_t integer;
	bool whole;

	if (!parse_number(f->text, f->len, &real, &integer, &whole))
		return false;
	if (column >= 0)
		return take_metric(row, (enum pl_metric)column, real, integer, whole);
	if (column == COLUMN_TIME) {
		row->out->time = (struct pl_time){ .mono_s = real, .wall_s = real };
		row->has_time = true;
		return real < LATEST_TIME_S;
	}
	if (column == COLUMN_PID) {
		row->out->ident.pid = (int32_t)integer;
		return whole && integer <= INT32_MAX;
	}
	row->start_s = real;
	row->has_start = true;
	return real < LATEST_TIME_S;
}

int pl_trace_row(const struct pl_trace *trace, const char *line, size_t len, struct pl_sample *out,
                 struct pl_trace_problem *problem)
{
	struct row row = { .out = out };
	const char *at = line;
	const char *end = line + without_cr(line, len);
	bool more = true;

	out->ident = (struct pl_ident){ .pid = 0 };
	memset(out->values.present, 0, sizeof out->values.present);
	for (size_t i = 0; more; i++) {
		struct field f;
		if (i == trace->column_count)
			return wrong(problem, 0, "more fields than the header names");
		if (!next_field(&at, end, &f, &more))
			return wrong(problem, i + 1, "a quote is not closed");
		if (trace->column[i] == COLUMN_IGNORED)
			continue;
		trim(&f);
		if (f.len > 0 && !take_field(&row, trace->column[i], &f))
			return wrong(problem, i + 1,
			             trace->column[i] == COLUMN_TIME ? "the time is not in Unix seconds"
			                                             : "not a number in range");
	}
	if (!row.has_time)
		return wrong(problem, 0, "the time is missing");
	out->age_s = row.has_start ? out->time.wall_s - row.start_s : -1;
	out->ident.start_ticks = row.has_start ? (uint64_t)(row.start_s * 100 + 0.5) : 0;
	return 0;
}
