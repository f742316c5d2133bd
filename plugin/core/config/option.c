#include "config/option.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/value.h"

#define GLOBAL(field) offsetof(struct pl_config, field), PL_OPTION_NOWHERE
#define MATCH(field) PL_OPTION_NOWHERE, offsetof(struct pl_match, field)
#define BOTH(field) offsetof(struct pl_config, field), offsetof(struct pl_match, field)
#define SWITCH(key, field, preset, help)                                                           \
	{                                                                                              \
		key, PL_OPTION_BOOL, PL_STORE_BOOL, BOTH(field), 0, 1, preset, help                        \
	}

#define DAY_S 86400.0
#define MIB 1048576.0
#define PIB (MIB * 1024 * 1024 * 1024)

const struct pl_option pl_options[] = {
	/* Which processes */
	{ "Process", PL_OPTION_PROCESS, PL_STORE_NONE, 0, PL_OPTION_NOWHERE, 0, 0, NULL,
	  "watch the processes of this name (comm)" },
	{ "ProcessMatch", PL_OPTION_PROCESS_MATCH, PL_STORE_NONE, 0, PL_OPTION_NOWHERE, 0, 0, NULL,
	  "NAME REGEX: watch the processes whose command line matches" },
	{ "Command", PL_OPTION_COMM, PL_STORE_TEXT, MATCH(command), 0, 0, NULL,
	  "the process' name (comm; the kernel keeps 15 bytes of it)" },
	{ "CommandLine", PL_OPTION_REGEX, PL_STORE_TEXT, MATCH(command_line), 0, 0, NULL,
	  "extended regular expression found in the command line" },
	{ "Executable", PL_OPTION_GLOB, PL_STORE_TEXT, MATCH(executable), 0, 0, NULL,
	  "glob on the path of the program" },
	{ "User", PL_OPTION_USER, PL_STORE_TEXT, MATCH(user), 0, 0, NULL,
	  "the process' real user, a name or a number" },
	{ "Cgroup", PL_OPTION_GLOB, PL_STORE_TEXT, MATCH(cgroup), 0, 0, NULL,
	  "glob on the path of the control group" },
	{ "Unit", PL_OPTION_UNIT, PL_STORE_TEXT, MATCH(unit), 0, 0, NULL,
	  "the systemd unit, or a glob on it" },
	{ "PidFile", PL_OPTION_PATH, PL_STORE_TEXT, MATCH(pid_file), 0, 0, NULL,
	  "the process whose pid is in this file" },
	{ "Pid", PL_OPTION_COUNT, PL_STORE_I32, MATCH(pid), 1, 4194304, NULL,
	  "this process, until it ends" },
	{ "Children", PL_OPTION_BOOL, PL_STORE_BOOL, MATCH(children), 0, 1, "false",
	  "with PidFile or Pid: its descendants too" },
	{ "PerProcess", PL_OPTION_BOOL, PL_STORE_BOOL, BOTH(per_process), 0, 1, "false",
	  "a series for each process, beside those of the whole match" },
	{ "MaxProcesses", PL_OPTION_COUNT, PL_STORE_U32, BOTH(max_processes), 1, 1000, "20",
	  "with PerProcess: so many series of processes, the rest is summed as \"other\"" },

	/* Without configuration */
	{ "Auto", PL_OPTION_BOOL, PL_STORE_BOOL, GLOBAL(auto_enabled), 0, 1, "false",
	  "watch every large process; on by itself when no process is named" },
	{ "AutoMinSize", PL_OPTION_SIZE, PL_STORE_U64, GLOBAL(auto_min_size_bytes), 0, PIB, "64M",
	  "with Auto: watch what holds more memory than this" },
	{ "AutoTop", PL_OPTION_COUNT, PL_STORE_U32, GLOBAL(auto_top_count), 0, 1000, "10",
	  "with Auto: publish the series of so many of the largest, and of what grows" },

	/* The detector */
	{ "MinGrowth", PL_OPTION_SIZE, PL_STORE_DOUBLE, BOTH(settings.min_growth_bytes), 0, PIB, "8M",
	  "leaked memory below this never alarms" },
	{ "MinGrowthPercent", PL_OPTION_PERCENT, PL_STORE_DOUBLE, BOTH(settings.min_growth_percent), 0,
	  1000, "2", "nor below this share of the process' memory" },
	{ "MinRate", PL_OPTION_RATE, PL_STORE_DOUBLE, BOTH(settings.min_rate_bytes_per_h), 0, PIB,
	  "16K", "nor slower growth, per hour" },
	{ "Sensitivity", PL_OPTION_SENSITIVITY, PL_STORE_ENUM, BOTH(settings.sensitivity),
	  PL_SENSITIVITY_LOW, PL_SENSITIVITY_HIGH, "normal",
	  "how sure the verdict must be: high sees leaks earlier, low errs less" },
	{ "Horizon", PL_OPTION_DURATION, PL_STORE_DOUBLE, BOTH(settings.horizon_s), 60, 365 * DAY_S,
	  "1d", "a leak that reaches a limit within this time is critical" },
	{ "Settle", PL_OPTION_DURATION, PL_STORE_DOUBLE, BOTH(settings.settle_s), 0, 30 * DAY_S, "10m",
	  "growth is expected for this long after a process starts" },
	{ "Season", PL_OPTION_BOOL, PL_STORE_BOOL, BOTH(settings.season), 0, 1, "true",
	  "tell daily cycles from leaks" },
	{ "Renotify", PL_OPTION_DURATION, PL_STORE_DOUBLE, BOTH(settings.renotify_s), 60, 365 * DAY_S,
	  "1d", "least time between two alerts about the same leak" },
	{ "Notify", PL_OPTION_BOOL, PL_STORE_BOOL, BOTH(settings.notify), 0, 1, "true", "send alerts" },
	{ "Census", PL_OPTION_BOOL, PL_STORE_BOOL, BOTH(settings.census), 0, 1, "false",
	  "after an alert, find out which type of object piles up, from a few MiB of its memory" },
	{ "TimeScale", PL_OPTION_NUMBER, PL_STORE_DOUBLE, GLOBAL(time_scale), 1, 100000, "1",
	  "make the detector's durations so many times shorter (demonstrations, soak tests)" },

	/* What it may cost */
	{ "DeepReadBudget", PL_OPTION_PERCENT, PL_STORE_DOUBLE, GLOBAL(deep_read_budget_percent), 0,
	  100, "1", "percent of one CPU for reads that walk a process' memory" },
	{ "MaxLockTime", PL_OPTION_MILLISECONDS, PL_STORE_DOUBLE, GLOBAL(max_lock_ms_per_min), 0, 60000,
	  "20", "ms a minute that such reads may hold one process' memory map" },
	{ "IdleMemory", PL_OPTION_BOOL, PL_STORE_BOOL, BOTH(settings.idle_memory), 0, 1, "false",
	  "look which memory of a process that grows is not touched any more (clear_refs)" },
	{ "IdleMemoryMaxSize", PL_OPTION_SIZE, PL_STORE_DOUBLE, BOTH(settings.idle_max_size_bytes), 0,
	  PIB, "4G", "but not of a process larger than this" },
	{ "ReadTimeout", PL_OPTION_DURATION, PL_STORE_DOUBLE, GLOBAL(read_timeout_s), 1, 60, "5s",
	  "a read that hangs longer is given up, and the process left alone for a while" },

	/* What is published */
	SWITCH("CollectMemory", collect.memory, "true", "memory by kind, RSS, address space"),
	SWITCH("CollectRollup", collect.rollup, "true", "PSS, USS, private dirty and kin"),
	SWITCH("CollectPageFaults", collect.faults, "true", "page faults"),
	SWITCH("CollectCPU", collect.cpu, "true", "CPU time"),
	SWITCH("CollectContextSwitch", collect.switches, "false", "context switches"),
	SWITCH("CollectIO", collect.io, "true", "bytes and calls read and written"),
	SWITCH("CollectFileDescriptor", collect.fds, "true", "open descriptors, by kind"),
	SWITCH("CollectConnections", collect.connections, "true", "sockets by state"),
	SWITCH("CollectLimits", collect.limits, "true", "limits on memory and descriptors"),
	SWITCH("CollectCgroup", collect.cgroup, "true",
	       "memory of the cgroups of its processes, and the verdict on what no process explains"),
	SWITCH("CollectVerdict", collect.verdict, "true", "verdict, growth and kin"),

	/* Where things are */
	{ "ProcFS", PL_OPTION_PATH, PL_STORE_TEXT, GLOBAL(proc_root), 0, 0, "/proc",
	  "where proc is mounted, such as /host/proc in a container" },
	{ "CgroupFS", PL_OPTION_PATH, PL_STORE_TEXT, GLOBAL(cgroup_root), 0, 0, "/sys/fs/cgroup",
	  "where the control groups are mounted" },
	{ "StateFile", PL_OPTION_FILE, PL_STORE_TEXT, GLOBAL(state_file), 0, 0, "",
	  "keeps what was learned over a restart; empty: nothing is kept" },
	{ "StateInterval", PL_OPTION_DURATION, PL_STORE_DOUBLE, GLOBAL(state_interval_s), 1, DAY_S,
	  "5m", "how often the state is saved; also at shutdown and at each alert" },
	{ "EvidenceDir", PL_OPTION_FILE, PL_STORE_TEXT, GLOBAL(evidence_dir), 0, 0, "",
	  "keeps a file about each leak that was alerted; empty: none is written" },
	{ "EvidenceFiles", PL_OPTION_COUNT, PL_STORE_U32, GLOBAL(evidence_file_count), 1, 10000, "50",
	  "at most so many of them, the oldest go first" },
	{ "EvidenceArguments", PL_OPTION_BOOL, PL_STORE_BOOL, GLOBAL(evidence_arguments), 0, 1, "false",
	  "with the arguments of the command, which may hold secrets" },
};

const size_t pl_option_count = sizeof(pl_options) / sizeof(pl_options[0]);

/* Each row owns a bit of set_mask. */
_Static_assert(sizeof(pl_options) / sizeof(pl_options[0]) <= 64, "set_mask is too small");

static const struct {
	const char *name;
	const char *description;
} type_words[] = {
	[PL_OPTION_NUMBER] = { "number", "a number" },
	[PL_OPTION_COUNT] = { "count", "a whole number" },
	[PL_OPTION_SIZE] = { "size", "a size (like 8M)" },
	[PL_OPTION_RATE] = { "size per hour", "a size per hour (like 64K, or 2M/d)" },
	[PL_OPTION_DURATION] = { "duration", "a duration (like 10m or 7d)" },
	[PL_OPTION_MILLISECONDS] = { "milliseconds", "a time in milliseconds (like 20)" },
	[PL_OPTION_PERCENT] = { "percent", "a percentage (like 2.5)" },
	[PL_OPTION_BOOL] = { "boolean", "true or false" },
	[PL_OPTION_SENSITIVITY] = { "word", "low, normal or high" },
	[PL_OPTION_FILE] = { "path", "a path" },
	[PL_OPTION_PATH] = { "path", "an absolute path" },
	[PL_OPTION_COMM] = { "name", "the name of a process" },
	[PL_OPTION_REGEX] = { "regex", "an extended regular expression" },
	[PL_OPTION_GLOB] = { "glob", "a pattern on an absolute path (like */nginx)" },
	[PL_OPTION_UNIT] = { "glob", "the name of a systemd unit" },
	[PL_OPTION_USER] = { "user", "a user of this host" },
	[PL_OPTION_PROCESS] = { "name", "the name of a process" },
	[PL_OPTION_PROCESS_MATCH] = { "name regex", "a name and a regular expression" },
};

static const char *const sensitivity_names[] = { "low", "normal", "high" };

const char *pl_option_describe(enum pl_option_type type)
{
	return type_words[type].description;
}

const char *pl_option_type_name(enum pl_option_type type)
{
	return type_words[type].name;
}

#define FOLDED_SIZE 32

/* Writes `key` in lower case and without the characters that do not count. */
static void fold_key(const char *key, char out[FOLDED_SIZE])
{
	size_t len = 0;

	for (; *key && len + 1 < FOLDED_SIZE; key++) {
		if (!strchr(" \t-_", *key))
			out[len++] = (char)tolower((unsigned char)*key);
	}
	out[len] = '\0';
}

int pl_option_find(const char *key)
{
	char wanted[FOLDED_SIZE] = "";
	char known[FOLDED_SIZE] = "";

	fold_key(key, wanted);
	for (size_t i = 0; i < pl_option_count; i++) {
		fold_key(pl_options[i].key, known);
		if (strcmp(wanted, known) == 0)
			return (int)i;
	}
	return -1;
}

/* Levenshtein's distance, by rows. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[FOLDED_SIZE];
	const size_t b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
			const size_t changed = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = replaced < changed ? replaced : changed;
		}
	}
	return row[b_len];
}

int pl_option_nearest(const char *key)
{
	char wanted[FOLDED_SIZE] = "";
	char known[FOLDED_SIZE] = "";
	int nearest = -1;
	size_t least;

	fold_key(key, wanted);
	/* one slip in three letters still looks like a typo */
	least = strlen(wanted) / 3 + 1;
	for (size_t i = 0; i < pl_option_count; i++) {
		size_t distance;

		fold_key(pl_options[i].key, known);
		distance = edit_distance(wanted, known);
		if (distance >= least)
			continue;
		least = distance;
		nearest = (int)i;
	}
	return nearest;
}

bool pl_option_is_condition(const struct pl_option *option)
{
	return option->in_match != PL_OPTION_NOWHERE &&
	       (option->store == PL_STORE_TEXT || option->store == PL_STORE_I32);
}

static int parse_sensitivity(const char *text, double *out)
{
	for (size_t i = 0; i < sizeof(sensitivity_names) / sizeof(sensitivity_names[0]); i++) {
		if (strcasecmp(text, sensitivity_names[i]) != 0)
			continue;
		*out = (double)i;
		return 0;
	}
	return -EINVAL;
}

static int parse_count(const char *text, double *out)
{
	double value;

	if (pl_value_parse_number(text, &value) != 0 || fabs(value - nearbyint(value)) > 0)
		return -EINVAL;
	*out = value;
	return 0;
}

static int parse_milliseconds(const char *text, double *out)
{
	double seconds;

	if (pl_value_parse_duration(text, 0.001, &seconds) != 0)
		return -EINVAL;
	*out = seconds * 1000;
	return 0;
}

static int parse_bool(const char *text, double *out)
{
	bool value;

	if (pl_value_parse_bool(text, &value) != 0)
		return -EINVAL;
	*out = value;
	return 0;
}

int pl_option_parse(const struct pl_option *option, const char *text, double *out)
{
	switch (option->type) {
	case PL_OPTION_NUMBER:
		return pl_value_parse_number(text, out);
	case PL_OPTION_COUNT:
		return parse_count(text, out);
	case PL_OPTION_SIZE:
		return pl_value_parse_size(text, out);
	case PL_OPTION_RATE:
		return pl_value_parse_rate(text, out);
	case PL_OPTION_DURATION:
		return pl_value_parse_duration(text, 1, out);
	case PL_OPTION_MILLISECONDS:
		return parse_milliseconds(text, out);
	case PL_OPTION_PERCENT:
		return pl_value_parse_percent(text, out);
	case PL_OPTION_BOOL:
		return parse_bool(text, out);
	case PL_OPTION_SENSITIVITY:
		return parse_sensitivity(text, out);
	case PL_OPTION_FILE:
	case PL_OPTION_PATH:
	case PL_OPTION_COMM:
	case PL_OPTION_REGEX:
	case PL_OPTION_GLOB:
	case PL_OPTION_UNIT:
	case PL_OPTION_USER:
	case PL_OPTION_PROCESS:
	case PL_OPTION_PROCESS_MATCH:
		break;
	}
	return -EINVAL;
}

double pl_option_load(const struct pl_option *option, const void *home, size_t offset)
{
	const char *at = (const char *)home + offset;

	switch (option->store) {
	case PL_STORE_DOUBLE:
		return *(const double *)(const void *)at;
	case PL_STORE_U64:
		return (double)*(const uint64_t *)(const void *)at;
	case PL_STORE_U32:
		return *(const uint32_t *)(const void *)at;
	case PL_STORE_I32:
		return *(const int32_t *)(const void *)at;
	case PL_STORE_BOOL:
		return *(const bool *)(const void *)at;
	case PL_STORE_ENUM:
		return *(const enum pl_sensitivity *)(const void *)at;
	case PL_STORE_NONE:
	case PL_STORE_TEXT:
		break;
	}
	return 0;
}

void pl_option_store(const struct pl_option *option, void *home, size_t offset, double value)
{
	void *at = (char *)home + offset;

	switch (option->store) {
	case PL_STORE_DOUBLE:
		*(double *)at = value;
		break;
	case PL_STORE_U64:
		*(uint64_t *)at = (uint64_t)value;
		break;
	case PL_STORE_U32:
		*(uint32_t *)at = (uint32_t)value;
		break;
	case PL_STORE_I32:
		*(int32_t *)at = (int32_t)value;
		break;
	case PL_STORE_BOOL:
		*(bool *)at = value > 0;
		break;
	case PL_STORE_ENUM:
		*(enum pl_sensitivity *)at = (enum pl_sensitivity)value;
		break;
	case PL_STORE_NONE:
	case PL_STORE_TEXT:
		break;
	}
}

void pl_option_print(const struct pl_option *option, double value, char *out, size_t size)
{
	if (option->type == PL_OPTION_SIZE || option->type == PL_OPTION_RATE)
		pl_value_print_size(value, out, size);
	else if (option->type == PL_OPTION_DURATION)
		pl_value_print_duration(value, out, size);
	else if (option->type == PL_OPTION_BOOL)
		snprintf(out, size, "%s", value > 0 ? "true" : "false");
	else if (option->type == PL_OPTION_SENSITIVITY)
		snprintf(out, size, "%s", sensitivity_names[(size_t)value]);
	else
		snprintf(out, size, "%.10g", value);
}
