/*
 * How we are run ourselves: what the kernel says of it, on fake trees of both kinds of control
 * groups and, where we may make one, in a real one; and what the engine makes of it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/internal.h"
#include "tap.h"

static char root[256];

static void put(const char *name, const char *text)
{
	char path[512];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			abort();
		*at = '/';
	}
	out = fopen(path, "w");
	if (!out || fputs(text, out) < 0 || fclose(out) != 0)
		abort();
}

static void put_stat(const char *name, const char *comm, int nice, int policy)
{
	char text[512];

	snprintf(text, sizeof(text),
	         "77 (%s) S 1 77 77 0 -1 4194304 100 0 0 0 7 3 0 0 20 %d 1 0 500 104857600 2560 "
	         "18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 1 0 %d 0 0 0 0 0 0 0 0 0 0 0\n",
	         comm, nice, policy);
	put(name, text);
}

static void test_parsing(void)
{
	static const struct {
		const char *text;
		int err;
		uint64_t count;
		uint64_t us;
	} rows[] = {
		{ "usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 4500\n", 0, 3, 4500 },
		{ "nr_periods 9\nnr_throttled 2\nthrottled_time 4500999\n", 0, 2, 4500 },
		{ "nr_throttled 0\n", 0, 0, 0 },
		{ "usage_usec 5\nuser_usec 3\n", -EBADMSG, 0, 0 },
		{ "nr_throttled x\n", -EBADMSG, 0, 0 },
		{ "nr_throttled 18446744073709551616\n", -EBADMSG, 0, 0 },
		{ "", -EBADMSG, 0, 0 },
	};
	static const char *const bad[] = { "", "77 (a", "77 (a) S 1 2 3\n", "77 (a)\n" };
	struct pl_priority priority = { 0 };
	char text[300];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pl_throttling got = { 0 };

		is_num(pl_parse_cpu_stat(rows[i].text, strlen(rows[i].text), &got), rows[i].err,
		       "cpu.stat of one kind or another");
		ok(got.count == rows[i].count && got.us == rows[i].us, "with its numbers");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_num(pl_parse_priority(bad[i], strlen(bad[i]), &priority), -EBADMSG, "no stat");
	snprintf(text, sizeof(text),
	         "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 -7 17 18 19 20 21 22 23 24 "
	         "25 26 27 28 29 30 31 32 33 34 35 36 37 3 39\n");
	is_num(pl_parse_priority(text, strlen(text), &priority), 0, "a comm with brackets");
	ok(priority.nice == -7 && priority.policy == 3, "leaves nice and policy where they are");
}

static void on_log(void *ctx, enum pl_severity severity, const char *message)
{
	(void)severity;
	snprintf(ctx, 512, "%s", message);
}

static struct pl_engine *start(char *last_log)
{
	const struct pl_emit emit = { 0 };
	const struct pl_log log = { on_log, last_log };
	struct pl_config_faults faults = { 0 };
	struct pl_config *config = pl_config_new();
	struct pl_engine *engine;
	char cgroups[300];

	snprintf(cgroups, sizeof(cgroups), "%s/cgroups", root);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "ProcFS", root, NULL, &faults);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "CgroupFS", cgroups, NULL, &faults);
	(void)pl_config_match(config, "nobody", NULL, &faults);
	pl_config_finish(config, &faults);
	last_log[0] = '\0';
	if (pl_engine_new(&engine, config, &emit, &log) != 0)
		abort();
	return engine;
}

static void tick(struct pl_engine *engine, double at_s)
{
	pl_engine_begin(engine, (struct pl_time){ at_s, 1700000000 + at_s });
	(void)pl_engine_drain(engine, 5);
	pl_engine_finish(engine);
}

/* A quota that was exceeded, above us or by us, makes reads smaller until long after. */
static void test_throttled(const char *kind, const char *cgroup, const char *quota, const char *key)
{
	char last_log[512];
	char text[256];
	struct pl_engine *engine;

	put_stat("self/stat", "collectd", 0, 0);
	put("self/cgroup", cgroup);
	snprintf(text, sizeof(text), "nr_periods 1\nnr_throttled 10\n%s 1000000\n", key);
	put(quota, text);
	engine = start(last_log);
	tick(engine, 0);
	is_num(engine->self.own_state, PL_OWN_FREE, kind);
	ok(pl_engine_lock_spacing_s(engine, 15000) >= 0, "what was throttled before is no matter");
	snprintf(text, sizeof(text), "nr_periods 2\nnr_throttled 11\n%s 3000000\n", key);
	put(quota, text);
	tick(engine, 40);
	is_num(engine->self.own_state, PL_OWN_STARVED, "it is throttled: that is seen");
	ok(engine->self.throttled_us_total >= 2000, "and for how long");
	ok(pl_engine_lock_spacing_s(engine, 15000) < 0, "long reads are not made any more");
	ok(pl_engine_lock_spacing_s(engine, 500) >= 0, "short ones are");
	ok(strstr(last_log, "throttled") && strstr(last_log, "at most 1 ms"), "which is said");
	tick(engine, 200);
	is_num(engine->self.own_state, PL_OWN_STARVED, "it is kept in mind");
	tick(engine, 400);
	tick(engine, 410);
	is_num(engine->self.own_state, PL_OWN_FREE, "for a while");
	ok(strstr(last_log, "whole again") != NULL, "the end of which is said as well");
	pl_engine_free(engine);
}

static void test_priority(void)
{
	static const struct {
		int nice;
		int policy;
		enum pl_own_state state;
		double hold_most_us;
	} rows[] = {
		{ 0, 0, PL_OWN_FREE, 20000 },    { -5, 0, PL_OWN_FREE, 20000 },
		{ 5, 0, PL_OWN_FREE, 20000 },    { 19, 0, PL_OWN_SLOW, 5000 },
		{ 0, 3, PL_OWN_SLOW, 5000 },     { 0, 5, PL_OWN_STARVED, 1000 },
		{ 19, 5, PL_OWN_STARVED, 1000 },
	};
	char last_log[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pl_engine *engine;

		put_stat("self/stat", "netdata) S 1", rows[i].nice, rows[i].policy);
		engine = start(last_log);
		is_num(engine->self.own_state, rows[i].state, "a priority is known from the start");
		is_num(pl_engine_hold_most_us(engine), rows[i].hold_most_us,
		       "and what may be held with it");
		ok((last_log[0] != '\0') == (rows[i].state != PL_OWN_FREE), "said when it is poor");
		pl_engine_free(engine);
	}
}

/* Burns CPU in the cgroup until it has been throttled; the parent reads on. */
static int burn(const char *procs)
{
	struct pl_own own = { 0 };
	struct pl_procfs fs;
	FILE *out = fopen(procs, "w");
	const time_t end = time(NULL) + 5;

	if (!out || fprintf(out, "%d\n", (int)getpid()) < 0 || fclose(out) != 0)
		return 77;
	if (pl_procfs_open(&fs, "/proc", "/sys/fs/cgroup") != 0)
		return 1;
	while (time(NULL) < end && own.throttling.count < 3)
		for (int i = 0; i < 1000; i++)
			pl_sample_own(&fs, &own);
	return own.has_quota && own.throttling.count >= 3 && own.throttling.us > 0 ? 0 : 1;
}

static bool write_to(const char *directory, const char *name, const char *text)
{
	char path[256];
	FILE *out;
	bool good;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	out = fopen(path, "w");
	if (!out)
		return false;
	good = fputs(text, out) >= 0;
	return fclose(out) == 0 && good;
}

/* A real quota of 2 ms in 100, where we may set one. */
static void test_real_quota(void)
{
	static const char *const parents[] = { "/sys/fs/cgroup/cpu", "/sys/fs/cgroup" };
	char directory[128];
	char procs[160];
	int status = 77 << 8;

	for (size_t i = 0; i < 2 && status == 77 << 8; i++) {
		pid_t pid;

		snprintf(directory, sizeof(directory), "%s/procleak-test-%d", parents[i], (int)getpid());
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", directory);
		if (mkdir(directory, 0755) != 0)
			continue;
		if (write_to(directory, "cpu.max", "2000 100000\n") ||
		    (write_to(directory, "cpu.cfs_period_us", "100000\n") &&
		     write_to(directory, "cpu.cfs_quota_us", "2000\n"))) {
			pid = fork();
			if (pid == 0)
				_exit(burn(procs));
			if (pid < 0 || waitpid(pid, &status, 0) != pid)
				abort();
		}
		rmdir(directory);
	}
	if (status == 77 << 8)
		printf("ok %d - # SKIP no control group with a quota can be made here\n", ++tap_count);
	else
		is_num(status, 0, "a real quota that is exceeded is seen");
}

int main(void)
{
	char command[300];

	snprintf(root, sizeof(root), "/tmp/procleak-own-test.%d", (int)getpid());
	if (mkdir(root, 0700) != 0)
		abort();
	test_parsing();
	test_throttled("v2: at first it is free", "0::/system.slice/collectd.service\n",
	               "cgroups/unified/system.slice/cpu.stat", "throttled_usec");
	test_throttled("v1: at first it is free",
	               "4:memory:/x\n1:cpu,cpuacct:/system.slice/a.service\n",
	               "cgroups/cpu/system.slice/a.service/cpu.stat", "throttled_time");
	test_priority();
	test_real_quota();
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command) != 0 || tap_done();
}
