/*
 * The collectd plugin between a fake daemon and a fake engine: what it makes of configurations,
 * readings and reports, and that nothing makes a callback fail or wait.
 */
#include <collectd/core/daemon/collectd.h>
#include <collectd/core/daemon/plugin.h>
#include <collectd/core/daemon/utils_time.h>

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine/engine.h"
#include "tap.h"

#define TYPES_DB "/usr/share/collectd/types.db"
#define DISPATCH_MAX 400

/* --- the daemon ------------------------------------------------------------------------------ */

static struct {
	int (*config)(oconfig_item_t *);
	int (*init)(void);
	int (*read)(void);
	int (*shutdown)(void);
	char log[8192];
	value_list_t lists[DISPATCH_MAX];
	value_t values[DISPATCH_MAX][2];
	int list_count;
} daemon_side;

/* Notifications arrive on another thread. */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool hang;
	int begun_count;
	int count;
	notification_t last;
	char meta[1024];
} mailbox = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static char host_name[] = "host.example";
char *hostname_g = host_name;

int plugin_register_complex_config(const char *type, int (*callback)(oconfig_item_t *))
{
	daemon_side.config = strcmp(type, "procleak") == 0 ? callback : NULL;
	return 0;
}

int plugin_register_init(const char *name, plugin_init_cb callback)
{
	daemon_side.init = strcmp(name, "procleak") == 0 ? callback : NULL;
	return 0;
}

int plugin_register_read(const char *name, int (*callback)(void))
{
	daemon_side.read = strcmp(name, "procleak") == 0 ? callback : NULL;
	return 0;
}

int plugin_register_shutdown(const char *name, plugin_shutdown_cb callback)
{
	daemon_side.shutdown = strcmp(name, "procleak") == 0 ? callback : NULL;
	return 0;
}

void plugin_log(int level, const char *format, ...)
{
	const size_t used = strlen(daemon_side.log);
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	snprintf(daemon_side.log + used, sizeof(daemon_side.log) - used, "%d %s\n", level, line);
}

int plugin_dispatch_values(value_list_t const *vl)
{
	value_list_t *copy = &daemon_side.lists[daemon_side.list_count];

	if (daemon_side.list_count == DISPATCH_MAX)
		return -1;
	*copy = *vl;
	memcpy(daemon_side.values[daemon_side.list_count], vl->values,
	       vl->values_len * sizeof(value_t));
	copy->values = daemon_side.values[daemon_side.list_count++];
	return 0;
}

int plugin_dispatch_notification(const notification_t *n)
{
	pthread_mutex_lock(&mailbox.mutex);
	mailbox.begun_count++;
	pthread_cond_broadcast(&mailbox.changed);
	while (mailbox.hang)
		pthread_cond_wait(&mailbox.changed, &mailbox.mutex);
	mailbox.count++;
	mailbox.last = *n;
	mailbox.meta[0] = '\0';
	for (const notification_meta_t *m = n->meta; m; m = m->next) {
		const size_t used = strlen(mailbox.meta);

		snprintf(mailbox.meta + used, sizeof(mailbox.meta) - used, "%s=%s ", m->name,
		         m->nm_value.nm_string);
	}
	pthread_cond_broadcast(&mailbox.changed);
	pthread_mutex_unlock(&mailbox.mutex);
	return 0;
}

/* Keeps every kind as text. */
__attribute__((format(printf, 3, 4))) static int add_meta(notification_t *n, const char *name,
                                                          const char *format, ...)
{
	notification_meta_t *meta = calloc(1, sizeof(*meta));
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (!meta || vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	snprintf(meta->name, sizeof(meta->name), "%s", name);
	meta->nm_value.nm_string = text;
	meta->next = n->meta;
	n->meta = meta;
	return 0;
}

int plugin_notification_meta_add_string(notification_t *n, const char *name, const char *value)
{
	return add_meta(n, name, "%s", value);
}

int plugin_notification_meta_add_signed_int(notification_t *n, const char *name, int64_t value)
{
	return add_meta(n, name, "%lld", (long long)value);
}

int plugin_notification_meta_add_double(notification_t *n, const char *name, double value)
{
	return add_meta(n, name, "%g", value);
}

int plugin_notification_meta_free(notification_meta_t *n)
{
	while (n) {
		notification_meta_t *next = n->next;
		char *text;

		/* add_meta() allocated what the struct calls constant */
		memcpy(&text, &n->nm_value.nm_string, sizeof(text));
		free(text);
		free(n);
		n = next;
	}
	return 0;
}

static bool clones_fail;
static int strdups_left; /* the last of them fails, then it is -1; 0: none does */

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

char *__wrap_strdup(const char *text)
{
	if (strdups_left > 0 && --strdups_left == 0) {
		strdups_left = -1;
		return NULL;
	}
	return __real_strdup(text);
}

oconfig_item_t *oconfig_clone(const oconfig_item_t *ci)
{
	oconfig_item_t *copy = clones_fail ? NULL : malloc(sizeof(*copy));

	/* the tests' trees are static */
	if (copy)
		*copy = *ci;
	return copy;
}

void oconfig_free(oconfig_item_t *ci)
{
	free(ci);
}

/* --- the engine ------------------------------------------------------------------------------ */

struct pl_engine {
	struct pl_config *config;
};

static struct {
	int error; /* what pl_engine_new() is to answer */
	int starts;
	int ticks;
	struct pl_engine engine;
	struct pl_emit emit;
} engine_side;

int pl_engine_new(struct pl_engine **out, struct pl_config *config, const struct pl_emit *emit,
                  const struct pl_log *log)
{
	(void)log;
	const int error = config->incomplete ? -ENOMEM : engine_side.error;

	engine_side.starts++;
	if (error) {
		pl_config_free(config);
		return error;
	}
	engine_side.emit = *emit;
	engine_side.engine.config = config;
	*out = &engine_side.engine;
	return 0;
}

void pl_engine_tick(struct pl_engine *engine, struct pl_time now)
{
	(void)engine;
	(void)now;
	engine_side.ticks++;
}

void pl_engine_free(struct pl_engine *engine)
{
	if (engine)
		pl_config_free(engine->config);
}

struct pl_time pl_engine_now(void)
{
	return (struct pl_time){ .mono_s = 1000, .wall_s = 1.7e9 };
}

/* --- helpers --------------------------------------------------------------------------------- */

/* Starts afresh, with a block of "key value" items. */
static void start_plugin(const char *const pairs[][2], int count, int error)
{
	static oconfig_item_t items[8];
	static oconfig_value_t values[8];
	static char texts[8][2][64];
	oconfig_item_t block = { .children = items, .children_num = count };

	memset(&daemon_side, 0, sizeof(daemon_side));
	memset(&engine_side, 0, sizeof(engine_side));
	engine_side.error = error;
	mailbox.begun_count = 0;
	mailbox.count = 0;
	module_register();
	if (!daemon_side.config || !daemon_side.init || !daemon_side.read || !daemon_side.shutdown) {
		puts("Bail out! a callback is not registered");
		abort();
	}
	for (int i = 0; i < count; i++) {
		values[i].type = OCONFIG_TYPE_STRING;
		for (int side = 0; side < 2; side++)
			snprintf(texts[i][side], sizeof(texts[i][side]), "%s", pairs[i][side]);
		items[i].key = texts[i][0];
		values[i].value.string = texts[i][1];
		items[i].values = &values[i];
		items[i].values_num = 1;
	}
	if (count > 0)
		is_num(daemon_side.config(&block), 0, "the config callback succeeds");
	is_num(daemon_side.init(), 0, "the init callback succeeds");
}

static const value_list_t *find_list(const char *type, const char *type_instance)
{
	for (int i = 0; i < daemon_side.list_count; i++) {
		const value_list_t *list = &daemon_side.lists[i];

		if (strcmp(list->type, type) == 0 && strcmp(list->type_instance, type_instance) == 0)
			return list;
	}
	return NULL;
}

static int count_text(const char *text, const char *needle)
{
	int count = 0;

	for (; (text = strstr(text, needle)); text += strlen(needle))
		count++;
	return count;
}

static struct pl_collect all_groups(void)
{
	struct pl_collect collect;

	memset(&collect, true, sizeof(collect));
	return collect;
}

static struct pl_reading full_reading(const struct pl_collect *collect)
{
	struct pl_reading reading = {
		.subject = { .kind = PL_SUBJECT_MATCH, .match = "api" },
		.time = { .mono_s = 1, .wall_s = 1700000000.25 },
		.collect = collect,
		.process_count = 2,
		.cost = { .cpu_us_total = 2000000,
		          .lock_us_total = 1234,
		          .longest_us = 500000,
		          .deferred_count = 7,
		          .degraded_count = 9,
		          .error_share = 0.04F,
		          .method = PL_METHOD_SAMPLED },
	};

	for (int id = 0; id < PL_METRIC_COUNT; id++)
		pl_values_set(&reading.values, (enum pl_metric)id, 1000 + (uint64_t)id);
	for (int id = 0; id < PL_FINDING_COUNT; id++)
		pl_findings_set(&reading.findings, (enum pl_finding)id, id + 0.5);
	return reading;
}

static void send_reading(const struct pl_reading *reading)
{
	daemon_side.list_count = 0;
	engine_side.emit.reading(engine_side.emit.ctx, reading);
}

static struct pl_report some_report(void)
{
	return (struct pl_report){
		.subject = { .kind = PL_SUBJECT_PROCESS, .match = "api", .comm = "java", .pid = 77 },
		.time_s = 1700000000.5,
		.verdict = PL_VERDICT_LEAKING,
		.alarm = true,
		.metric = "anon",
		.rate_bytes_per_hour = 1e6,
		.cause = PL_CAUSE_CONNECTIONS,
		.where = "heap",
		.seconds_to_limit = -1,
		.message = "java leaks",
	};
}

static void send_report(const struct pl_report *report)
{
	engine_side.emit.report(engine_side.emit.ctx, report);
}

/* Waits until a count of the mailbox is `wanted`; patient, for a busy machine. */
static bool wait_count(const int *count, int wanted)
{
	struct timespec deadline;
	bool came;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += 30;
	pthread_mutex_lock(&mailbox.mutex);
	while (*count < wanted) {
		if (pthread_cond_timedwait(&mailbox.changed, &mailbox.mutex, &deadline) != 0)
			break;
	}
	came = *count >= wanted;
	pthread_mutex_unlock(&mailbox.mutex);
	return came;
}

static bool wait_mail(int count)
{
	return wait_count(&mailbox.count, count);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void test_start(void)
{
	static const char *const faulty[][2] = {
		{ "Process", "nginx" },
		{ "MinGrowth", "8X" },
		{ "StateFile", "" },
	};
	char cwd[PATH_MAX] = "";
	char want[PATH_MAX + 20];

	start_plugin(NULL, 0, 0);
	ok(engine_side.engine.config->auto_enabled, "LoadPlugin alone means Auto");
	if (getcwd(cwd, sizeof(cwd)))
		snprintf(want, sizeof(want), "%s/procleak.json", cwd);
	is_str(engine_side.engine.config->state_file, want, "the state is kept below BaseDir");
	is_str(daemon_side.log, "", "and nothing is said");
	is_num(daemon_side.read(), 0, "the read callback succeeds");
	is_num(engine_side.ticks, 1, "and ticks");
	is_num(daemon_side.shutdown(), 0, "the shutdown callback succeeds");

	start_plugin(faulty, 3, 0);
	is_str(daemon_side.log, "3 procleak: MinGrowth: \"8X\" is not a size (like 8M)\n",
	       "a fault is said once");
	is_num(engine_side.engine.config->match_count, 1, "the rest is in force");
	is_str(engine_side.engine.config->state_file, "", "a state file can be declined");
	daemon_side.shutdown();
}

static void test_late_start(void)
{
	static const char *const settings[][2] = {
		{ "ProcFS", "/nowhere" },
		{ "MinGrowth", "8X" },
		{ "Process", "nginx" },
	};

	start_plugin(settings, 3, -ENOENT);
	ok(strstr(daemon_side.log, "cannot start on ProcFS \"/nowhere\": No such file") != NULL,
	   "an engine that cannot start is told");
	for (int i = 0; i < 10; i++)
		is_num(daemon_side.read(), 0, "reads succeed all the same");
	is_num(engine_side.starts, 11, "each tries again");
	is_num(count_text(daemon_side.log, "cannot start"), 1, "but the complaint is held back");
	is_num(count_text(daemon_side.log, "8X"), 1, "and faults are not told again");
	engine_side.error = 0;
	daemon_side.read();
	ok(strstr(daemon_side.log, "started at last") != NULL, "a late start is told");
	is_num(engine_side.ticks, 1, "and ticks at once");
	is_num(engine_side.engine.config->match_count, 1, "with the configuration");
	daemon_side.shutdown();
	is_num(daemon_side.shutdown(), 0, "a second shutdown does no harm");
}

/* Without memory for all of its configuration it does not do with a part of it. */
static void test_no_memory(void)
{
	static const char *const settings[][2] = {
		{ "Process", "nginx" },
		{ "StateFile", "/tmp/other.json" },
		{ "ProcFS", "/nowhere" },
		{ "Notify", "false" },
	};
	unsigned silent = 0;
	unsigned halved = 0;
	int tries = 0;
	bool failed = true;

	while (failed) {
		const struct pl_config *config;

		strdups_left = ++tries;
		start_plugin(settings, 4, 0);
		failed = strdups_left < 0;
		silent += failed && (!strstr(daemon_side.log, "cannot start for want of memory") ||
		                     engine_side.engine.config);
		strdups_left = 0;
		daemon_side.read();
		config = engine_side.engine.config;
		halved += !config || config->match_count != 1 || config->settings.notify ||
		          strcmp(config->state_file, "/tmp/other.json") != 0 ||
		          strcmp(config->proc_root, "/nowhere") != 0;
		daemon_side.shutdown();
	}
	ok(tries > 5, "each of several texts was lost once");
	is_num(silent, 0, "what cannot be kept is told, and nothing starts");
	is_num(halved, 0, "what starts then has all of it");
	clones_fail = true;
	start_plugin(settings, 4, 0);
	ok(strstr(daemon_side.log, "until collectd is restarted") != NULL, "a lost block is told");
	daemon_side.read();
	is_num(engine_side.starts, 0, "and nothing starts without it");
	daemon_side.shutdown();
	clones_fail = false;
}

static void test_values(void)
{
	const struct pl_collect collect = all_groups();
	struct pl_reading reading = full_reading(&collect);
	const value_list_t *list;

	start_plugin(NULL, 0, 0);
	send_reading(&reading);
	list = find_list("memory", "anon");
	ok(list && list->values[0].gauge == 1000 + PL_M_ANON, "memory-anon");
	is_str(list->plugin, "procleak", "plugin");
	is_str(list->plugin_instance, "api", "plugin instance");
	is_str(list->host, "", "the daemon fills in the host");
	is_near(CDTIME_T_TO_DOUBLE(list->time), 1700000000.25, 1e-6, "the time is that of the tick");
	ok(list->interval == 0, "the daemon fills in the interval");
	list = find_list("ps_count", "");
	ok(list && list->values_len == 2 && list->values[0].gauge == 2 &&
	       list->values[1].gauge == 1000 + PL_M_THREADS,
	   "ps_count has processes and threads");
	list = find_list("ps_pagefaults", "");
	ok(list && list->values[0].derive == 1000 + PL_M_MINOR_FAULTS &&
	       list->values[1].derive == 1000 + PL_M_MAJOR_FAULTS,
	   "ps_pagefaults are counters");
	list = find_list("gauge", "growth");
	ok(list && list->values[0].gauge == PL_FINDING_RATE + 0.5, "gauge-growth");
	ok(find_list("current_connections", "CLOSE_WAIT") && find_list("timeleft", "limit"),
	   "and so on");
	list = find_list("derive", "lock_held_us");
	ok(list && list->values[0].derive == 1234, "for how long its lock was held");
	list = find_list("duration", "longest_hold");
	ok(list && fabs(list->values[0].gauge - 0.5) < 1e-9, "the longest, in seconds");
	list = find_list("gauge", "read_method");
	ok(list && list->values[0].gauge == PL_METHOD_SAMPLED, "how it is read");
	list = find_list("percent", "sampling_error");
	ok(list && fabs(list->values[0].gauge - 4) < 1e-4, "and how sure that is");

	pl_values_clear(&reading.values, PL_M_ANON);
	pl_values_clear(&reading.values, PL_M_MAJOR_FAULTS);
	pl_findings_set(&reading.findings, PL_FINDING_RATE, NAN);
	pl_findings_set(&reading.findings, PL_FINDING_RATE_LOW, -5);
	pl_findings_set(&reading.findings, PL_FINDING_LEAKED, -5);
	pl_findings_set(&reading.findings, PL_FINDING_LIMIT_SECONDS, INFINITY);
	send_reading(&reading);
	ok(!find_list("memory", "anon") && find_list("memory", "file"), "what is absent is not sent");
	ok(!find_list("ps_pagefaults", ""), "nor a pair of which one is");
	ok(!find_list("gauge", "growth") && !find_list("timeleft", "limit"), "nor NaN, nor infinity");
	ok(find_list("gauge", "growth_low") && !find_list("bytes", "leaked"),
	   "growth may be negative, a size may not");

	reading = full_reading(&collect);
	reading.process_count = 0;
	memset(&reading.values, 0, sizeof(reading.values));
	send_reading(&reading);
	is_num(daemon_side.list_count, 1, "with no process running there is one series");
	list = find_list("ps_count", "");
	ok(list && list->values[0].gauge == 0 && list->values[1].gauge == 0, "a count of none");
	daemon_side.shutdown();
}

static void test_groups(void)
{
	const struct pl_collect none = { 0 };
	struct pl_collect some = { .fds = true };
	struct pl_reading reading = full_reading(&none);

	start_plugin(NULL, 0, 0);
	send_reading(&reading);
	ok(daemon_side.list_count == 1 && find_list("ps_count", ""), "every group can be turned off");
	reading.collect = &some;
	send_reading(&reading);
	ok(daemon_side.list_count == 9 && find_list("file_handles", "socket"), "and one of them on");
	daemon_side.shutdown();
}

static void test_instances(void)
{
	static const char *const names[] = { "api", "a/b\n", "\xff x" };
	static const char *const want[] = { "api-77", "a_b_-77", "_ x-77" };
	const struct pl_collect none = { 0 };
	struct pl_reading reading = full_reading(&none);
	char long_name[300];

	start_plugin(NULL, 0, 0);
	reading.subject.kind = PL_SUBJECT_PROCESS;
	reading.subject.pid = 77;
	for (size_t i = 0; i < 3; i++) {
		reading.subject.match = names[i];
		send_reading(&reading);
		is_str(daemon_side.lists[0].plugin_instance, want[i], "a process has its pid");
	}
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	reading.subject.match = long_name;
	reading.subject.pid = 4194304;
	send_reading(&reading);
	ok(strstr(daemon_side.lists[0].plugin_instance, "x-4194304") != NULL,
	   "also behind a long name");
	reading.subject.match = "api";
	reading.subject.kind = PL_SUBJECT_OTHER;
	send_reading(&reading);
	is_str(daemon_side.lists[0].plugin_instance, "api-other", "the rest of a match");
	daemon_side.shutdown();
}

/* Reads the kinds of a type's parts, as letters: "G" or "DD". Returns false without such a type. */
static bool find_type(FILE *db, const char *type, char kinds[8])
{
	char line[512];

	rewind(db);
	while (fgets(line, sizeof(line), db)) {
		const size_t len = strcspn(line, " \t");
		size_t count = 0;

		if (len != strlen(type) || strncmp(line, type, len) != 0)
			continue;
		for (const char *c = line; (c = strchr(c, ':')) && count < 7; c = strpbrk(c, ", \t\n")) {
			kinds[count++] = c[1];
			if (!(c = strpbrk(c, ", \t\n")))
				break;
		}
		kinds[count] = '\0';
		return true;
	}
	return false;
}

static void test_types(void)
{
	const struct pl_collect collect = all_groups();
	const struct pl_reading reading = full_reading(&collect);
	const struct pl_self self = { .time = { 1, 1.7e9 }, .longest_hold_ms = 3 };
	FILE *db = fopen(TYPES_DB, "re");
	char name[300];

	if (!db) {
		printf("# skipped: no " TYPES_DB "\n");
		return;
	}
	start_plugin(NULL, 0, 0);
	send_reading(&reading);
	engine_side.emit.self(engine_side.emit.ctx, &self);
	for (int i = 0; i < daemon_side.list_count; i++) {
		const value_list_t *list = &daemon_side.lists[i];
		char kinds[8] = "";

		snprintf(name, sizeof(name), "%s/%s-%s is of a stock type", list->plugin_instance,
		         list->type, list->type_instance);
		ok(find_type(db, list->type, kinds) && strlen(kinds) == list->values_len, name);
		/* a small counter read as a double, or a double as an integer, is far off */
		if (list->values_len > 0 && strcmp(list->plugin_instance, "api") == 0)
			ok(kinds[0] == 'D' ? list->values[0].derive < 5000
			                   : list->values[0].gauge > 1e-3 || list->values[0].gauge == 0,
			   kinds[0] == 'D' ? "and a counter" : "and a gauge");
	}
	fclose(db);
	daemon_side.shutdown();
}

static void test_notifications(void)
{
	struct pl_report report = some_report();

	start_plugin(NULL, 0, 0);
	send_report(&report);
	ok(wait_mail(1), "an alarm is sent");
	is_num(mailbox.last.severity, NOTIF_WARNING, "leaking is a WARNING");
	is_str(mailbox.last.message, "java leaks", "its message");
	is_str(mailbox.last.plugin_instance, "api-77", "its match");
	is_str(mailbox.last.host, "host.example", "its host");
	is_str(mailbox.last.type_instance, "verdict", "its series");
	ok(strstr(mailbox.meta, "pid=77 ") && strstr(mailbox.meta, "rate_bytes_per_hour=1e+06 ") &&
	       strstr(mailbox.meta, "cause=connections ") && strstr(mailbox.meta, "where=heap ") &&
	       strstr(mailbox.meta, "metric=anon "),
	   "its details");
	ok(!strstr(mailbox.meta, "seconds_to_limit") && !strstr(mailbox.meta, "since"),
	   "but not what is unknown");
	report.confirmed = true;
	send_report(&report);
	ok(wait_mail(2) && mailbox.last.severity == NOTIF_FAILURE, "a confirmed one is a FAILURE");
	report.confirmed = false;
	report.verdict = PL_VERDICT_CRITICAL;
	report.seconds_to_limit = 60;
	send_report(&report);
	ok(wait_mail(3) && mailbox.last.severity == NOTIF_FAILURE, "so is a critical one");
	ok(strstr(mailbox.meta, "seconds_to_limit=60") != NULL, "with its time");
	report.alarm = false;
	send_report(&report);
	report.recovered = true;
	report.verdict = PL_VERDICT_STEADY;
	send_report(&report);
	ok(wait_mail(4) && mailbox.last.severity == NOTIF_OKAY, "a recovery is an OKAY");
	daemon_side.shutdown();
	is_num(mailbox.count, 4, "what is no alarm is not sent");
}

static void test_notify_off(void)
{
	static const char *const settings[][2] = { { "Process", "api" }, { "Notify", "false" } };
	const struct pl_report report = some_report();

	start_plugin(settings, 2, 0);
	send_report(&report);
	daemon_side.shutdown();
	is_num(mailbox.count, 0, "Notify false: nothing is sent");
}

static void test_notify_per_match(void)
{
	static char match_key[] = "Match";
	static char match_name[] = "api";
	static char notify_key[] = "Notify";
	oconfig_value_t name = { .value.string = match_name };
	oconfig_value_t no = { .value.boolean = 0, .type = OCONFIG_TYPE_BOOLEAN };
	oconfig_item_t notify = { .key = notify_key, .values = &no, .values_num = 1 };
	oconfig_item_t match = {
		.key = match_key, .values = &name, .values_num = 1, .children = &notify, .children_num = 1
	};
	oconfig_item_t block = { .children = &match, .children_num = 1 };
	struct pl_report report = some_report();

	start_plugin(NULL, 0, 0);
	daemon_side.shutdown();
	daemon_side.config(&block);
	daemon_side.init();
	is_str(daemon_side.log, "", "a match with Notify false");
	send_report(&report);
	report.subject.match = "other";
	send_report(&report);
	daemon_side.shutdown();
	is_num(mailbox.count, 1, "is silent, others are not");
	is_str(mailbox.last.plugin_instance, "other-77", "whatever they are");
}

static void set_hang(bool hang)
{
	pthread_mutex_lock(&mailbox.mutex);
	mailbox.hang = hang;
	pthread_cond_broadcast(&mailbox.changed);
	pthread_mutex_unlock(&mailbox.mutex);
}

static void test_hanging_receiver(void)
{
	const struct pl_report report = some_report();
	struct timespec before;
	struct timespec after;

	start_plugin(NULL, 0, 0);
	set_hang(true);
	send_report(&report);
	ok(wait_count(&mailbox.begun_count, 1), "a receiver hangs");
	for (int i = 0; i < 200; i++)
		send_report(&report);
	ok(true, "a receiver that hangs holds nobody");
	is_num(count_text(daemon_side.log, "a notification is lost"), 1, "a loss is told, once");
	clock_gettime(CLOCK_MONOTONIC, &before);
	daemon_side.shutdown();
	clock_gettime(CLOCK_MONOTONIC, &after);
	ok(after.tv_sec - before.tv_sec < 20, "shutdown ends all the same");
	is_num(mailbox.count, 0, "with nothing delivered");
	set_hang(false);
	/* and the one that it hung in: nothing is under way any more */
	ok(wait_mail(64 + 1), "what was queued is delivered if the receiver comes back in time");

	start_plugin(NULL, 0, 0);
	for (int i = 0; i < 20; i++)
		send_report(&report);
	daemon_side.shutdown();
	is_num(mailbox.count, 20, "shutdown delivers what is queued");
}

int main(void)
{
	test_start();
	test_late_start();
	test_no_memory();
	test_values();
	test_groups();
	test_instances();
	test_types();
	test_notifications();
	test_notify_off();
	test_notify_per_match();
	test_hanging_receiver();
	return tap_done();
}
