#include "function.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "state/json_memory.h"
#include "text.h"

#define MIB 1048576.0
#define STATUS_OK 200
#define STATUS_NOT_FOUND 404
#define ROW_OPTIONS "rowOptions"

enum column_kind { COLUMN_TEXT, COLUMN_NUMBER, COLUMN_DURATION };

/* A column. Exactly one of the two getters is set; a number that is not known is NAN. */
struct column {
	const char *id;
	const char *name;
	const char *units; /* NULL: none */
	enum column_kind kind;
	bool visible;
	bool wide;
	const char *(*text)(const struct pl_subject_entry *entry);
	double (*number)(const struct pl_subject_entry *entry);
};

static double finding(const struct pl_subject_entry *entry, enum pl_finding id, double scale)
{
	double value;

	return pl_findings_get(&entry->findings, id, &value) ? value / scale : NAN;
}

static double metric(const struct pl_subject_entry *entry, enum pl_metric id, double scale)
{
	uint64_t value;

	return pl_values_get(&entry->values, id, &value) ? (double)value / scale : NAN;
}

static const char *told(const struct pl_subject_entry *entry, const char *word)
{
	return entry->story.known ? word : "";
}

static const char *get_id(const struct pl_subject_entry *entry)
{
	return entry->id;
}

static const char *get_match(const struct pl_subject_entry *entry)
{
	return entry->match;
}

static const char *get_process(const struct pl_subject_entry *entry)
{
	return entry->comm;
}

static double get_pid(const struct pl_subject_entry *entry)
{
	return entry->pid > 0 ? (double)entry->pid : NAN;
}

/* -1 when there is none. */
static int verdict_of(const struct pl_subject_entry *entry)
{
	double verdict;

	if (!pl_findings_get(&entry->findings, PL_FINDING_VERDICT, &verdict) ||
	    !(verdict >= 0 && verdict < PL_VERDICT_COUNT))
		return -1;
	return (int)verdict;
}

static const char *get_verdict(const struct pl_subject_entry *entry)
{
	const int verdict = verdict_of(entry);

	return verdict < 0 ? "" : pl_verdict_name((enum pl_verdict)verdict);
}

static double get_rate(const struct pl_subject_entry *entry)
{
	return finding(entry, PL_FINDING_RATE, MIB);
}

static double get_rate_low(const struct pl_subject_entry *entry)
{
	return finding(entry, PL_FINDING_RATE_LOW, MIB);
}

static double get_rate_high(const struct pl_subject_entry *entry)
{
	return finding(entry, PL_FINDING_RATE_HIGH, MIB);
}

static double get_leaked(const struct pl_subject_entry *entry)
{
	return finding(entry, PL_FINDING_LEAKED, MIB);
}

static double get_floor(const struct pl_subject_entry *entry)
{
	return finding(entry, PL_FINDING_DETECTION_FLOOR, MIB);
}

static double get_time_left(const struct pl_subject_entry *entry)
{
	return finding(entry, PL_FINDING_LIMIT_SECONDS, 1);
}

static const char *get_place(const struct pl_subject_entry *entry)
{
	return told(entry, entry->story.where);
}

static const char *get_cause(const struct pl_subject_entry *entry)
{
	return told(entry, pl_cause_name(entry->story.cause));
}

static const char *get_grows(const struct pl_subject_entry *entry)
{
	return told(entry, entry->story.metric);
}

static const char *get_reason(const struct pl_subject_entry *entry)
{
	/* it may change while the verdict stays the same, which is not reported */
	return entry->reason ? entry->reason : entry->story.reason;
}

static double get_memory(const struct pl_subject_entry *entry)
{
	uint64_t u_bytes;

	return pl_values_u_bytes(&entry->values, &u_bytes) ? (double)u_bytes / MIB : NAN;
}

static double get_processes(const struct pl_subject_entry *entry)
{
	return entry->process_count;
}

static double get_threads(const struct pl_subject_entry *entry)
{
	return metric(entry, PL_M_THREADS, 1);
}

static double get_fds(const struct pl_subject_entry *entry)
{
	return metric(entry, PL_M_FDS, 1);
}

static double get_connections(const struct pl_subject_entry *entry)
{
	return metric(entry, PL_M_CONNECTIONS, 1);
}

static const char *get_message(const struct pl_subject_entry *entry)
{
	return entry->story.message;
}

static const char *get_census(const struct pl_subject_entry *entry)
{
	return entry->story.census;
}

static const struct column columns[] = {
	{ "Series", "Series", NULL, COLUMN_TEXT, true, false, get_id, NULL },
	{ "Match", "Match", NULL, COLUMN_TEXT, false, false, get_match, NULL },
	{ "PID", "PID", NULL, COLUMN_NUMBER, true, false, NULL, get_pid },
	{ "Process", "Process", NULL, COLUMN_TEXT, false, false, get_process, NULL },
	{ "Verdict", "Verdict", NULL, COLUMN_TEXT, true, false, get_verdict, NULL },
	{ "Growth", "Growth", "MiB/hour", COLUMN_NUMBER, true, false, NULL, get_rate },
	{ "Low", "Growth, at least", "MiB/hour", COLUMN_NUMBER, false, false, NULL, get_rate_low },
	{ "High", "Growth, at most", "MiB/hour", COLUMN_NUMBER, false, false, NULL, get_rate_high },
	{ "Leaked", "Leaked", "MiB", COLUMN_NUMBER, true, false, NULL, get_leaked },
	{ "Memory", "Memory", "MiB", COLUMN_NUMBER, true, false, NULL, get_memory },
	{ "Place", "Place", NULL, COLUMN_TEXT, true, false, get_place, NULL },
	{ "Cause", "Cause", NULL, COLUMN_TEXT, true, false, get_cause, NULL },
	{ "Grows", "What grows", NULL, COLUMN_TEXT, false, false, get_grows, NULL },
	{ "Reason", "Reason", NULL, COLUMN_TEXT, false, false, get_reason, NULL },
	{ "Census", "What piles up", NULL, COLUMN_TEXT, true, true, get_census, NULL },
	{ "TimeLeft", "Time to limit", NULL, COLUMN_DURATION, true, false, NULL, get_time_left },
	{ "Floor", "Smallest visible leak", "MiB/hour", COLUMN_NUMBER, true, false, NULL, get_floor },
	{ "Processes", "Processes", NULL, COLUMN_NUMBER, true, false, NULL, get_processes },
	{ "Threads", "Threads", NULL, COLUMN_NUMBER, true, false, NULL, get_threads },
	{ "FDs", "Descriptors", NULL, COLUMN_NUMBER, true, false, NULL, get_fds },
	{ "Connections", "Connections", NULL, COLUMN_NUMBER, false, false, NULL, get_connections },
	{ "Message", "Message", NULL, COLUMN_TEXT, false, true, get_message, NULL },
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

/* JSON must be UTF-8, and no text of a process is trusted to be. */
static void put_text(yajl_gen json, const char *text)
{
	char clean[PL_MESSAGE_SIZE];
	size_t len = 0;

	if (*text)
		len = pl_text_free(text, clean, sizeof(clean));
	yajl_gen_string(json, (const unsigned char *)clean, len);
}

static void put_key(yajl_gen json, const char *key)
{
	yajl_gen_string(json, (const unsigned char *)key, strlen(key));
}

static void put_member(yajl_gen json, const char *key, const char *text)
{
	put_key(json, key);
	yajl_gen_string(json, (const unsigned char *)text, strlen(text));
}

static void put_bool(yajl_gen json, const char *key, bool value)
{
	put_key(json, key);
	yajl_gen_bool(json, value);
}

static void put_integer(yajl_gen json, const char *key, long long value)
{
	put_key(json, key);
	yajl_gen_integer(json, value);
}

/* yajl prints doubles with 17 digits; two places are enough for a table. */
static void put_number(yajl_gen json, double value)
{
	char text[64];

	if (!isfinite(value)) {
		yajl_gen_null(json);
		return;
	}
	snprintf(text, sizeof(text), "%.*f", fabs(value - nearbyint(value)) > 0 ? 4 : 0, value);
	yajl_gen_number(json, text, strlen(text));
}

static void put_value_options(yajl_gen json, const struct column *column)
{
	static const char *const transforms[] = {
		[COLUMN_TEXT] = "none",
		[COLUMN_NUMBER] = "number",
		[COLUMN_DURATION] = "duration",
	};

	put_key(json, "value_options");
	yajl_gen_map_open(json);
	if (column->units)
		put_member(json, "units", column->units);
	put_member(json, "transform", transforms[column->kind]);
	put_integer(json, "decimal_points", column->units ? 2 : 0);
	put_key(json, "default_value");
	yajl_gen_null(json);
	yajl_gen_map_close(json);
}

static void put_column(yajl_gen json, const struct column *column, size_t index)
{
	const bool text = column->kind == COLUMN_TEXT;
	const bool key = index == 0;

	put_key(json, column->id);
	yajl_gen_map_open(json);
	put_integer(json, "index", (long long)index);
	put_bool(json, "unique_key", key);
	put_member(json, "name", column->name);
	put_bool(json, "visible", column->visible);
	put_member(json, "type",
	           text                              ? "string"
	           : column->kind == COLUMN_DURATION ? "duration"
	                                             : "integer");
	put_member(json, "visualization", "value");
	put_value_options(json, column);
	put_member(json, "sort", text ? "ascending" : "descending");
	put_bool(json, "sortable", true);
	put_bool(json, "sticky", key);
	put_member(json, "summary", text ? "count" : "max");
	put_member(json, "filter", text ? "multiselect" : "range");
	put_bool(json, "full_width", column->wide);
	put_bool(json, "wrap", column->wide);
	put_bool(json, "default_expanded_filter", strcmp(column->id, "Verdict") == 0);
	yajl_gen_map_close(json);
}

/* The last, hidden column colours the row. */
static void put_row_options_column(yajl_gen json)
{
	put_key(json, ROW_OPTIONS);
	yajl_gen_map_open(json);
	put_integer(json, "index", COLUMN_COUNT);
	put_bool(json, "unique_key", false);
	put_member(json, "name", ROW_OPTIONS);
	put_bool(json, "visible", false);
	put_member(json, "type", "none");
	put_member(json, "visualization", ROW_OPTIONS);
	put_bool(json, "sortable", false);
	put_bool(json, "sticky", false);
	put_bool(json, "dummy", true);
	yajl_gen_map_close(json);
}

static const char *severity(const struct pl_subject_entry *entry)
{
	static const char *const severities[PL_VERDICT_COUNT] = {
		[PL_VERDICT_LEARNING] = "normal", [PL_VERDICT_STEADY] = "normal",
		[PL_VERDICT_GROWING] = "notice",  [PL_VERDICT_LEAKING] = "warning",
		[PL_VERDICT_CRITICAL] = "error",
	};
	const int verdict = verdict_of(entry);

	return verdict < 0 ? "normal" : severities[verdict];
}

static void put_row(yajl_gen json, const struct pl_subject_entry *entry)
{
	yajl_gen_array_open(json);
	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		if (columns[i].text)
			put_text(json, columns[i].text(entry));
		else
			put_number(json, columns[i].number(entry));
	}
	yajl_gen_map_open(json);
	put_key(json, ROW_OPTIONS);
	yajl_gen_map_open(json);
	put_member(json, "severity", severity(entry));
	yajl_gen_map_close(json);
	yajl_gen_map_close(json);
	yajl_gen_array_close(json);
}

static void put_head(yajl_gen json, const struct pl_subjects *subjects)
{
	put_integer(json, "status", STATUS_OK);
	put_member(json, "type", "table");
	put_integer(json, "update_every", subjects->update_every_s);
	put_bool(json, "has_history", false);
	put_member(json, "help", PL_FUNCTION_HELP);
}

/* A line a row or column, since 1.37 cuts long ones anywhere; each begins with a bracket or comma.
 */
static void end_line(struct pl_wire *wire)
{
	pl_wire_result_body(wire, "\n", 1);
}

static void put_table(yajl_gen json, struct pl_wire *wire, const struct pl_subjects *subjects,
                      double expires_s)
{
	put_key(json, "data");
	yajl_gen_array_open(json);
	for (size_t i = 0; i < subjects->count; i++) {
		if (!subjects->entries[i].used)
			continue;
		put_row(json, &subjects->entries[i]);
		end_line(wire);
	}
	yajl_gen_array_close(json);
	put_key(json, "columns");
	yajl_gen_map_open(json);
	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		put_column(json, &columns[i], i);
		end_line(wire);
	}
	put_row_options_column(json);
	yajl_gen_map_close(json);
	put_member(json, "default_sort_column", "Growth");
	put_integer(json, "expires", (long long)expires_s);
}

static void put_empty_array(yajl_gen json, const char *key)
{
	put_key(json, key);
	yajl_gen_array_open(json);
	yajl_gen_array_close(json);
}

/* Whether it is ours; *is_info tells if it is the question what it takes. */
static bool is_known(const char *function, bool *is_info)
{
	const size_t len = strlen(PL_FUNCTION_NAME);

	if (strncmp(function, PL_FUNCTION_NAME, len) != 0 ||
	    (function[len] != '\0' && function[len] != ' '))
		return false;
	*is_info = strncmp(function + len, " info", 5) == 0;
	return true;
}

static void put_error(yajl_gen json)
{
	put_integer(json, "status", STATUS_NOT_FOUND);
	put_member(json, "errorMessage", "there is no such function here");
}

static void print_body(void *ctx, const char *bytes, size_t len)
{
	pl_wire_result_body(ctx, bytes, len);
}

bool pl_function_answer(const struct pl_subjects *subjects, struct pl_wire *wire,
                        const char *transaction, const char *function, double wall_s)
{
	const double expires_s = wall_s + subjects->update_every_s;
	bool is_info = false;
	const bool known = is_known(function, &is_info);
	struct pl_json_memory memory;
	const yajl_gen json = pl_json_memory_gen(&memory);

	if (!json ||
	    !pl_wire_result_begin(wire, transaction, known ? STATUS_OK : STATUS_NOT_FOUND, expires_s)) {
		pl_json_memory_end(&memory);
		return false;
	}
	yajl_gen_config(json, yajl_gen_print_callback, print_body, wire);
	yajl_gen_map_open(json);
	if (!known) {
		put_error(json);
	} else {
		put_head(json, subjects);
		if (is_info) {
			put_empty_array(json, "accepted_params");
			put_empty_array(json, "required_params");
		} else {
			put_table(json, wire, subjects, expires_s);
		}
	}
	yajl_gen_map_close(json);
	yajl_gen_free(json);
	pl_json_memory_end(&memory);
	pl_wire_result_end(wire);
	return true;
}
