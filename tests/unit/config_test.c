#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/option.h"
#include "tap.h"

static char last_fault[2048];

static void note_fault(void *ctx, const char *message)
{
	(void)ctx;
	snprintf(last_fault, sizeof(last_fault), "%s", message);
}

/* A config under test, with its faults. */
struct bench {
	struct pl_config *config;
	struct pl_config_faults faults;
};

static struct bench start(void)
{
	struct bench bench = { pl_config_new(), { note_fault, NULL, 0 } };

	last_fault[0] = '\0';
	return bench;
}

static void stop(struct bench *bench)
{
	pl_config_free(bench->config);
}

static int set(struct bench *bench, int scope, const char *key, const char *value)
{
	return pl_config_set(bench->config, scope, key, value, NULL, &bench->faults);
}

static int add(struct bench *bench, const char *name)
{
	return pl_config_match(bench->config, name, NULL, &bench->faults);
}

static void finish(struct bench *bench)
{
	pl_config_finish(bench->config, &bench->faults);
}

/* Writes `text` into a file and reads it. */
static int read_text(struct bench *bench, const char *text, size_t len)
{
	char path[] = "/tmp/procleak-config-XXXXXX";
	const int fd = mkstemp(path);
	int result;

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		return -EIO;
	close(fd);
	result = pl_config_read_ini(bench->config, path, &bench->faults);
	unlink(path);
	/* what follows the random name is what the tests look at */
	if (strncmp(last_fault, path, strlen(path)) == 0)
		memmove(last_fault, last_fault + strlen(path), strlen(last_fault + strlen(path)) + 1);
	return result;
}

static int read_string(struct bench *bench, const char *text)
{
	return read_text(bench, text, strlen(text));
}

static void test_defaults(void)
{
	struct bench b = start();

	is_str(b.config->proc_root, "/proc", "ProcFS");
	is_str(b.config->state_file, "", "no state file");
	is_num(b.config->settings.min_growth_bytes, 8 << 20, "MinGrowth");
	is_num(b.config->settings.horizon_s, 86400, "Horizon");
	is_num(b.config->settings.sensitivity, PL_SENSITIVITY_NORMAL, "Sensitivity");
	is_num(b.config->auto_min_size_bytes, 64 << 20, "AutoMinSize");
	is_num(b.config->time_scale, 1, "TimeScale");
	ok(b.config->settings.season && b.config->settings.notify && b.config->collect.io, "booleans");
	finish(&b);
	ok(b.config->auto_enabled, "Auto is on by itself when nothing is named");
	is_num(b.faults.count, 0, "the defaults are free of faults");
	stop(&b);
}

static void test_table(void)
{
	for (size_t i = 0; i < pl_option_count; i++) {
		const struct pl_option *option = &pl_options[i];
		char name[100];
		double value;

		snprintf(name, sizeof(name), "%s: default in range, help without a full stop", option->key);
		ok(strlen(option->help) > 3 && option->help[strlen(option->help) - 1] != '.' &&
		       (!option->preset || option->store == PL_STORE_TEXT ||
		        (pl_option_parse(option, option->preset, &value) == 0 && value >= option->least &&
		         value <= option->most)),
		   name);
		is_num(pl_option_find(option->key), i, "and found by its key alone");
	}
}

static const struct {
	const char *key;
	const char *value;
	size_t offset; /* of a double in struct pl_config */
	double want;
} good_numbers[] = {
	{ "MinGrowth", "8M", offsetof(struct pl_config, settings.min_growth_bytes), 8388608 },
	{ "MinGrowth", "64MiB", offsetof(struct pl_config, settings.min_growth_bytes), 67108864 },
	{ "MinGrowth", "1 gb", offsetof(struct pl_config, settings.min_growth_bytes), 1073741824 },
	{ "MinGrowth", "1.5k", offsetof(struct pl_config, settings.min_growth_bytes), 1536 },
	{ "MinGrowth", "4096", offsetof(struct pl_config, settings.min_growth_bytes), 4096 },
	{ "min growth", "4097B", offsetof(struct pl_config, settings.min_growth_bytes), 4097 },
	{ "MIN_GROWTH", "0", offsetof(struct pl_config, settings.min_growth_bytes), 0 },
	{ "min-rate", "1M", offsetof(struct pl_config, settings.min_rate_bytes_per_h), 1048576 },
	{ "MinRate", "24M/d", offsetof(struct pl_config, settings.min_rate_bytes_per_h), 1048576 },
	{ "MinRate", "2 K / min", offsetof(struct pl_config, settings.min_rate_bytes_per_h), 122880 },
	{ "Horizon", "10m", offsetof(struct pl_config, settings.horizon_s), 600 },
	{ "Horizon", "7d", offsetof(struct pl_config, settings.horizon_s), 604800 },
	{ "Horizon", "300", offsetof(struct pl_config, settings.horizon_s), 300 },
	{ "Horizon", "10 min", offsetof(struct pl_config, settings.horizon_s), 600 },
	{ "Horizon", "1h 30m", offsetof(struct pl_config, settings.horizon_s), 5400 },
	{ "Horizon", "2 weeks", offsetof(struct pl_config, settings.horizon_s), 1209600 },
	{ "MinGrowthPercent", "2.5 %", offsetof(struct pl_config, settings.min_growth_percent), 2.5 },
	{ "MaxLockTime", "5", offsetof(struct pl_config, max_lock_ms_per_min), 5 },
	{ "MaxLockTime", "1s", offsetof(struct pl_config, max_lock_ms_per_min), 1000 },
	{ "DeepReadBudget", "0.1", offsetof(struct pl_config, deep_read_budget_percent), 0.1 },
	{ "TimeScale", "60", offsetof(struct pl_config, time_scale), 60 },
};

static void test_good_numbers(void)
{
	for (size_t i = 0; i < sizeof(good_numbers) / sizeof(good_numbers[0]); i++) {
		struct bench b = start();
		char name[100];

		snprintf(name, sizeof(name), "%s = %s", good_numbers[i].key, good_numbers[i].value);
		is_num(set(&b, PL_CONFIG_GLOBAL, good_numbers[i].key, good_numbers[i].value), 0, name);
		is_near(*(double *)(void *)((char *)b.config + good_numbers[i].offset),
		        good_numbers[i].want, 1e-9, name);
		stop(&b);
	}
}

static const struct {
	const char *key;
	const char *value;
	const char *fault;
	int error;
} bad_settings[] = {
	{ "MinGrowth", "8X", "MinGrowth: \"8X\" is not a size (like 8M)", -EINVAL },
	{ "MinGrowth", "", "MinGrowth: \"\" is empty", -EINVAL },
	{ "MinGrowth", "M", "MinGrowth: \"M\" is not a size (like 8M)", -EINVAL },
	{ "MinGrowth", "0x10", "MinGrowth: \"0x10\" is not a size (like 8M)", -EINVAL },
	{ "MinGrowth", "nan", "MinGrowth: \"nan\" is not a size (like 8M)", -EINVAL },
	{ "MinGrowth", "8M ; why", "MinGrowth: \"8M ; why\" is not a size (like 8M)", -EINVAL },
	{ "MinGrowth", "-1", "MinGrowth: \"-1\" is out of range (0 to 1024T)", -EINVAL },
	{ "Horizon", "1x", "Horizon: \"1x\" is not a duration (like 10m or 7d)", -EINVAL },
	{ "Horizon", "1h 30", "Horizon: \"1h 30\" is not a duration (like 10m or 7d)", -EINVAL },
	{ "Horizon", "1", "Horizon: \"1\" is out of range (1m to 365d)", -EINVAL },
	{ "MaxProcesses", "0", "MaxProcesses: \"0\" is out of range (1 to 1000)", -EINVAL },
	{ "MaxProcesses", "2.5", "MaxProcesses: \"2.5\" is not a whole number", -EINVAL },
	{ "TimeScale", "0", "TimeScale: \"0\" is out of range (1 to 100000)", -EINVAL },
	{ "Season", "maybe", "Season: \"maybe\" is not true or false", -EINVAL },
	{ "Sensitivity", "huge", "Sensitivity: \"huge\" is not low, normal or high", -EINVAL },
	{ "ProcFS", "proc", "ProcFS: \"proc\" is not an absolute path", -EINVAL },
	{ "MinGroth", "8M", "unknown key \"MinGroth\"; did you mean MinGrowth?", -ENOENT },
	{ "Elephants", "8", "unknown key \"Elephants\"", -ENOENT },
	{ "Se\x1bttle", "8", "unknown key \"Se?ttle\"; did you mean Settle?", -ENOENT },
	{ "User", "root", "User is a key of a match; it does not belong outside of one", -ENOENT },
	{ "ProcessMatch", "api", "ProcessMatch: \"api\" is not a name and a regular expression",
	  -EINVAL },
};

static void test_bad_settings(void)
{
	for (size_t i = 0; i < sizeof(bad_settings) / sizeof(bad_settings[0]); i++) {
		struct bench b = start();
		char name[100];

		snprintf(name, sizeof(name), "%d: %s is refused", (int)i, bad_settings[i].value);
		is_num(set(&b, PL_CONFIG_GLOBAL, bad_settings[i].key, bad_settings[i].value),
		       bad_settings[i].error, name);
		is_str(last_fault, bad_settings[i].fault, "and the message tells why");
		is_num(b.faults.count, 1, "once");
		is_num(b.config->settings.min_growth_bytes, 8 << 20, "the setting is as it was");
		stop(&b);
	}
}

static const struct {
	const char *key;
	const char *value;
	const char *fault;
} bad_conditions[] = {
	{ "CommandLine", "(",
	  "match \"m\": CommandLine: \"(\" is not a regular expression: "
	  "Unmatched ( or \\(; the match is left out" },
	{ "CommandLine", "(a)\\1",
	  "match \"m\": CommandLine: \"(a)\\1\" has a back-reference, which is "
	  "not supported; the match is left out" },
	{ "CommandLine", "((a{200}){200}){200}",
	  "match \"m\": CommandLine: \"((a{200}){200}){200}\" repeats something too often; the match "
	  "is left out" },
	{ "CommandLine", "", "match \"m\": CommandLine: \"\" is empty; the match is left out" },
	{ "User", "no such user",
	  "match \"m\": User: \"no such user\" is not a user of this host; the match is left out" },
	{ "User", "-4",
	  "match \"m\": User: \"-4\" is not the number of a user; the match is left out" },
	{ "Executable", "nginx",
	  "match \"m\": Executable: \"nginx\" holds for no path: they begin with "
	  "'/' (like */nginx); the match is left out" },
	{ "Unit", "a/b",
	  "match \"m\": Unit: \"a/b\" is not the name of a systemd unit; the match is "
	  "left out" },
	{ "PidFile", "run/x.pid",
	  "match \"m\": PidFile: \"run/x.pid\" is not an absolute path; the "
	  "match is left out" },
	{ "Comand", "x",
	  "match \"m\": unknown key \"Comand\"; did you mean Command? The match is left "
	  "out" },
};

static void test_bad_conditions(void)
{
	for (size_t i = 0; i < sizeof(bad_conditions) / sizeof(bad_conditions[0]); i++) {
		struct bench b = start();
		const int match = add(&b, "m");

		add(&b, "other");
		is_num(set(&b, match, "User", "0"), 0, "a good condition");
		if (strcmp(bad_conditions[i].key, "User") == 0) {
			free(b.config->matches[match].user);
			b.config->matches[match].user = NULL;
		}
		ok(set(&b, match, bad_conditions[i].key, bad_conditions[i].value) < 0, "a bad one");
		is_str(last_fault, bad_conditions[i].fault, "is told");
		finish(&b);
		is_num(b.faults.count, 1, "once");
		is_num(b.config->match_count, 1, "the match is gone");
		is_str(b.config->matches[0].name, "other", "the other one is not");
		ok(!b.config->auto_enabled, "and Auto stays off");
		stop(&b);
	}
}

static void test_inheritance(void)
{
	struct bench b = start();
	const int one = add(&b, "one");
	const int two = add(&b, "two");

	set(&b, one, "MinGrowth", "1M");
	set(&b, one, "CollectIO", "true");
	set(&b, two, "PerProcess", "yes");
	set(&b, PL_CONFIG_GLOBAL, "MinGrowth", "2M");
	set(&b, PL_CONFIG_GLOBAL, "CollectIO", "off");
	set(&b, PL_CONFIG_GLOBAL, "MaxProcesses", "7");
	set(&b, PL_CONFIG_GLOBAL, "Sensitivity", "High");
	finish(&b);
	is_num(b.faults.count, 0, "no fault");
	is_num(b.config->matches[one].settings.min_growth_bytes, 1 << 20, "a match's own value stays");
	is_num(b.config->matches[two].settings.min_growth_bytes, 2 << 20, "a global one is inherited");
	ok(b.config->matches[one].collect.io && !b.config->matches[two].collect.io, "switches too");
	is_num(b.config->matches[one].max_processes, 7, "counts too");
	ok(!b.config->matches[one].per_process && b.config->matches[two].per_process, "booleans too");
	is_num(b.config->matches[two].settings.sensitivity, PL_SENSITIVITY_HIGH, "words too");
	is_num(b.config->matches[two].settings.horizon_s, 86400, "and the defaults");
	ok(!b.config->auto_enabled, "Auto is off when processes are named");
	stop(&b);
}

static void test_conditions(void)
{
	struct bench b = start();
	const int m = add(&b, "m");
	const int bare = add(&b, "some-long-daemon-name");

	is_num(set(&b, m, "Command", "some-long-daemon-name"), 0, "Command");
	is_num(set(&b, m, "CommandLine", "api\\.jar$"), 0, "CommandLine");
	is_num(set(&b, m, "User", "root"), 0, "User");
	is_num(set(&b, m, "Unit", "nginx"), 0, "Unit");
	is_num(set(&b, m, "Executable", "*/nginx"), 0, "Executable");
	is_num(set(&b, m, "Cgroup", "*/docker-*.scope"), 0, "Cgroup");
	is_num(set(&b, m, "PidFile", "/run/x.pid"), 0, "PidFile");
	is_num(set(&b, m, "Command", "other"), -EINVAL, "a second Command");
	is_str(last_fault,
	       "match \"m\": Command: \"other\" is ignored, for it is \"some-long-daemo\" "
	       "already",
	       "is told");
	is_num(set(&b, m, "ProcFS", "/x"), -ENOENT, "a global key in a match");
	is_str(last_fault, "match \"m\": ProcFS is not a key of a match; it belongs outside of it",
	       "is told");
	finish(&b);
	is_num(b.config->match_count, 2, "both matches are kept");
	is_str(b.config->matches[m].command, "some-long-daemo", "comm has 15 bytes");
	is_num(b.config->matches[m].uid, 0, "the user is resolved");
	is_str(b.config->matches[m].unit, "nginx.service", "the unit's suffix is added");
	is_num(regexec(&b.config->matches[m].command_line_re, "java -jar api.jar", 0, NULL, 0), 0,
	       "the expression is compiled");
	is_str(b.config->matches[bare].command, "some-long-daemo",
	       "a match without a condition means the process of its name");
	stop(&b);
}

static void test_names(void)
{
	struct bench b = start();
	char long_name[300];
	char out[PL_NAME_SIZE];

	memset(long_name, 'x', sizeof(long_name));
	long_name[200] = '\0';
	is_num(add(&b, "kworker/0:1"), 0, "a name with a slash");
	is_str(b.config->matches[0].name, "kworker_0:1", "is made fit for a series");
	is_num(add(&b, "kworker/0:1"), 0, "found again");
	is_num(add(&b, "kworker_0:1"), -EINVAL, "one that would collide");
	is_str(last_fault, "match \"kworker_0:1\": its series would have the name of \"kworker/0:1\"",
	       "is told");
	is_num(add(&b, long_name), 1, "a long name");
	is_num(strlen(b.config->matches[1].name), PL_NAME_SIZE - 1, "is cut");
	long_name[199] = 'y';
	is_num(add(&b, long_name), -EINVAL, "another that is cut to the same");
	is_num(add(&b, ""), -EINVAL, "no name");
	is_num(add(&b, "  "), -EINVAL, "blanks");
	is_num(add(&b, "self"), -EINVAL, "the plugin's own name");
	pl_config_clean_name(" a\nb\x7f \xc3\xa4\xff\xc0\x80\xed\xa0\x80z\xe2\x82 ", out, sizeof(out));
	is_str(out, "a_b_ \xc3\xa4______z__", "controls and bad UTF-8 are replaced");
	is_num(pl_config_clean_name("abc\xc3\xa4", out, 5), 3, "characters are not cut in half");
	is_str(out, "abc", "nor kept in part");
	stop(&b);
}

static void test_mixing_names(void)
{
	struct bench b = start();

	set(&b, add(&b, "web"), "PerProcess", "true");
	add(&b, "web-other");
	add(&b, "web-12");
	add(&b, "web-12b");
	add(&b, "db");
	add(&b, "db-other");
	add(&b, "db-regions");
	finish(&b);
	is_num(b.faults.count, 3, "names that are those of a match's parts");
	is_str(last_fault,
	       "match \"db-regions\": its series would mix with those of \"db\"; it is left out",
	       "are told");
	is_num(b.config->match_count, 4, "and left out, others are not");
	is_str(b.config->matches[3].name, "db-other", "such as what no part is called");
	stop(&b);
}

static void test_short_forms(void)
{
	struct bench b = start();

	is_num(set(&b, PL_CONFIG_GLOBAL, "Process", "nginx"), 0, "Process");
	is_num(set(&b, PL_CONFIG_GLOBAL, "process", "nginx"), 0, "twice");
	is_num(set(&b, PL_CONFIG_GLOBAL, "ProcessMatch", "api  java .*api"), 0, "ProcessMatch");
	is_num(b.faults.count, 0, "no fault");
	is_num(set(&b, PL_CONFIG_GLOBAL, "ProcessMatch", "nginx x"), -EINVAL, "the same name again");
	is_str(last_fault,
	       "match \"nginx\" is there already; this one with CommandLine \"x\" needs "
	       "another name",
	       "is told");
	finish(&b);
	is_num(b.config->match_count, 2, "two matches");
	is_str(b.config->matches[0].command, "nginx", "by comm");
	is_str(b.config->matches[1].command_line, "java .*api", "by command line");
	ok(!b.config->matches[0].command_line, "not both");
	stop(&b);

	b = start();
	set(&b, PL_CONFIG_GLOBAL, "Auto", "true");
	set(&b, PL_CONFIG_GLOBAL, "Process", "nginx");
	finish(&b);
	ok(b.config->auto_enabled, "Auto stays on when asked for");
	stop(&b);
}

static void test_ini(void)
{
	struct bench b = start();
	const struct pl_match *m;

	is_num(read_string(&b, "\xef\xbb\xbf# hello\r\n"
	                       "[Global]\r\n"
	                       "  time scale = 60\r\n"
	                       "; comment\n"
	                       "\tmin-growth: 1M\n"
	                       "StateFile =\n"
	                       "\n"
	                       "[process nginx]\n"
	                       "[process a longer name with ; than libinih keeps of it anyway, truly]\n"
	                       "command line = \"sh -c 'a ;b' # c\"\n"
	                       "    User=0\n"
	                       "[ PROCESS  \"quoted\" ] ; why\n"
	                       "Command = q"),
	       0, "a file is read");
	finish(&b);
	is_str(last_fault, "", "without a fault");
	is_num(b.config->time_scale, 60, "an indented line is a line");
	is_num(b.config->settings.min_growth_bytes, 1 << 20, "and so is the next");
	is_num(b.config->match_count, 3, "three sections");
	m = b.config->matches;
	is_str(m[0].command, "nginx", "an empty section means comm");
	is_str(m[1].name, "a longer name with ; than libinih keeps of it anyway, truly", "a long name");
	is_str(m[1].command_line, "sh -c 'a ;b' # c", "';' and '#' are part of a value");
	is_str(m[1].user, "0", "an indented line is no continuation");
	is_str(m[2].name, "quoted", "quotes around a name go");
	is_str(m[2].command, "q", "the last line needs no newline");
	stop(&b);
}

static const struct {
	const char *text;
	size_t len; /* 0: strlen */
	const char *fault;
	unsigned match_count;
} bad_files[] = {
	{ "[process a]\nuser\n", 0, ":2: \"user\" is not KEY = VALUE", 1 },
	{ "[process a]\nuser = x\0y\n[process b]\n", 34,
	  ":2: the line holds a NUL byte; the match is left out", 1 },
	{ "[process a]\nuser = x\x02\n", 0,
	  ":2: the line holds a control character; the match is left out", 0 },
	{ "[process a\nuser = 0\n[process b]\n", 0, ":1: \"[process a\" lacks its ']'", 1 },
	{ "[proces a]\nuser = 0\nrubbish\n", 0,
	  ":1: unknown section [proces a]; there are [global] and [process NAME]", 0 },
	{ "[process a] x\n", 0, ":1: \"x\" stands behind a section", 0 },
	{ "[process ]\nUser = 0\n", 0, ":1: a match needs a name", 0 },
	{ "\n\n[process a]\nMinGrowth = 8X\n", 0,
	  ":4: match \"a\": MinGrowth: \"8X\" is not a size (like 8M)", 1 },
	{ "[global]\nColour = red\n", 0, ":2: unknown key \"Colour\"", 0 },
	{ "[process a]\n= x\n", 0, ":2: match \"a\": unknown key \"\"", 1 },
};

static void test_bad_files(void)
{
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		struct bench b = start();
		const char *text = bad_files[i].text;

		is_num(read_text(&b, text, bad_files[i].len ? bad_files[i].len : strlen(text)), 0,
		       "a faulty file is read");
		is_str(last_fault, bad_files[i].fault, "its fault is told with its line");
		is_num(b.faults.count, 1, "once");
		b.faults.report = NULL;
		finish(&b);
		is_num(b.config->match_count, bad_files[i].match_count, "the rest is in force");
		stop(&b);
	}
}

static void test_long_lines(void)
{
	struct bench b = start();
	char text[4000];

	snprintf(text, sizeof(text), "[process a]\nuser = 0\ncommand line = %0*d\n[process b]\n", 170,
	         0);
	read_string(&b, text);
	is_str(last_fault, "", "a long line is read");
	is_num(strlen(b.config->matches[0].command_line), 170, "whole");
	stop(&b);
	b = start();
	snprintf(text, sizeof(text), "#%0*d\n[process a]\nuser = 0\ncommand line = %0*d\n[process b]\n",
	         2000, 0, 300, 0);
	read_string(&b, text);
	is_str(last_fault, ":4: the line is longer than 198 bytes; the match is left out",
	       "one that is too long is told");
	finish(&b);
	is_num(b.faults.count, 1, "once");
	is_num(b.config->match_count, 1, "the match that lost its condition is left out");
	is_str(b.config->matches[0].name, "b", "the rest is in force");
	stop(&b);
	b = start();
	is_num(pl_config_read_ini(b.config, "/nonexistent/x", &b.faults), -ENOENT, "no file");
	is_num(pl_config_read_ini(b.config, "/tmp", &b.faults), -EISDIR, "a directory");
	is_num(pl_config_read_ini(b.config, "/dev/zero", &b.faults), 0, "an endless file ends");
	ok(strstr(last_fault, "too large") != NULL, "and is told");
	stop(&b);
}

static void test_many_matches(void)
{
	struct bench b = start();
	char name[20];

	for (int i = 0; i < PL_MATCH_MAX; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		set(&b, PL_CONFIG_GLOBAL, "Process", name);
	}
	is_num(b.faults.count, 0, "many matches");
	is_num(add(&b, "more"), -ENOSPC, "but not any number");
	is_num(add(&b, "m7"), 7, "known ones are still found");
	pl_config_finish(b.config, NULL);
	is_num(b.config->match_count, PL_MATCH_MAX, "no fault report is needed");
	stop(&b);
	pl_config_free(NULL);
}

static void test_print(void)
{
	struct bench b = start();
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	set(&b, PL_CONFIG_GLOBAL, "Process", "nginx");
	set(&b, 0, "MinGrowth", "100M");
	set(&b, PL_CONFIG_GLOBAL, "Settle", "90m");
	finish(&b);
	pl_config_print_summary(out, b.config);
	fclose(out);
	is_str(text,
	       "global\n  Settle 90m\nmatch \"nginx\"\n  Command \"nginx\"\n  MinGrowth 100M\n"
	       "  Settle 90m\n",
	       "the summary tells conditions and what is not the default");
	free(text);
	out = open_memstream(&text, &size);
	pl_config_print_options(out);
	fclose(out);
	for (size_t i = 0; i < pl_option_count; i++)
		ok(strstr(text, pl_options[i].key) && strstr(text, pl_options[i].help), pl_options[i].key);
	ok(strstr(text, "Horizon (global, match; duration, 1m to 365d; default 1d)") != NULL,
	   "with unit, range and default");
	free(text);
	stop(&b);
}

int main(void)
{
	test_defaults();
	test_table();
	test_good_numbers();
	test_bad_settings();
	test_bad_conditions();
	test_inheritance();
	test_conditions();
	test_names();
	test_mixing_names();
	test_short_forms();
	test_ini();
	test_bad_files();
	test_long_lines();
	test_many_matches();
	test_print();
	return tap_done();
}
