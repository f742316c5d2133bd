/* Who belongs to a match: every condition, facts read one at a time, units and cgroups of every
 * kind. */
#include "discover/match.h"

#include "config/config.h"
#include "tap.h"
#include "tree.h"

static struct pl_procfs fs;

struct wanted {
	const char *key;
	const char *value;
};

/* Builds a match of up to two conditions and asks whether process `pid` belongs to it. */
static bool holds(struct wanted first, struct wanted second, int pid)
{
	static struct pl_facts_store store;
	struct pl_facts facts = { .pid = pid, .comm = "worker" };
	struct pl_config_faults faults = { 0 };
	struct pl_config *config = pl_config_new();
	enum pl_holds result = PL_HOLDS_UNKNOWN;
	unsigned missing = 0;
	int match;

	if (!config)
		abort();
	match = pl_config_match(config, "m", NULL, &faults);
	(void)pl_config_set(config, match, first.key, first.value, NULL, &faults);
	if (second.key)
		(void)pl_config_set(config, match, second.key, second.value, NULL, &faults);
	while (result == PL_HOLDS_UNKNOWN) {
		if (missing)
			pl_facts_read(&fs, missing & (0U - missing), &facts, &store);
		result = pl_match_holds(&config->matches[match], &facts, &missing);
	}
	pl_config_free(config);
	return result == PL_HOLDS_YES && faults.count == 0;
}

static bool has(const char *key, const char *value, int pid)
{
	return holds((struct wanted){ key, value }, (struct wanted){ NULL, NULL }, pid);
}

static void make_tree(void)
{
	tree_begin();
	tree_file("10/status", "Name:\tworker\nUid:\t33\t33\t33\t33\nVmRSS:\t1 kB\nThreads:\t1\n");
	tree_link("10/exe", "/usr/sbin/php-fpm8.2 (deleted)");
	tree_file("10/cgroup", "0::/system.slice/php.service/pool\n");
	tree_file("10/cmdline", "php-fpm: pool www");
	/* hybrid: v2 has no controllers, v1's systemd hierarchy tells the unit */
	tree_file("11/cgroup", "4:memory:/mem\n1:name=systemd:/system.slice/old.service\n0::/\n");
	/* containers of v1 without systemd: the memory hierarchy alone tells */
	tree_file("12/cgroup", "4:memory:/docker/0123\n");
	/* what hides everything: hidepid, or a process that is gone */
	tree_file("13/cmdline", "");
	if (pl_procfs_open(&fs, tree_root, NULL) != 0)
		abort();
}

static void test_conditions(void)
{
	ok(has("Command", "worker", 10) && !has("Command", "work", 10), "Command is the whole name");
	ok(has("User", "33", 10) && !has("User", "34", 10), "User");
	ok(has("Executable", "/usr/sbin/php-fpm*", 10) && !has("Executable", "php-fpm*", 10),
	   "Executable is a glob on the path, with or without its file");
	ok(has("Cgroup", "*/pool", 10) && !has("Cgroup", "/system.slice", 10), "Cgroup");
	ok(has("Unit", "php.service", 10) && has("Unit", "php.*", 10) && !has("Unit", "ph.service", 10),
	   "Unit is any component");
	ok(has("CommandLine", "pool www$", 10) && !has("CommandLine", "^pool", 10), "CommandLine");
	ok(has("Pid", "10", 10) && !has("Pid", "10", 11), "Pid");
}

static void test_all_must_hold(void)
{
	const struct wanted user = { "User", "33" };

	ok(holds((struct wanted){ "Unit", "php.service" }, user, 10), "both hold");
	ok(!holds((struct wanted){ "Unit", "other.service" }, user, 10), "the first does not");
	ok(!holds(user, (struct wanted){ "CommandLine", "apache" }, 10), "the second does not");
	ok(!holds(user, (struct wanted){ "Executable", "/bin/*" }, 10), "nor here");
}

static void test_cgroups(void)
{
	ok(has("Unit", "old.service", 11), "on hybrid hosts the deeper hierarchy tells");
	ok(has("Cgroup", "/docker/*", 12), "where there is but one, that one");
	ok(!has("Cgroup", "/*", 13), "without any nothing holds");
}

/* What cannot be read holds for nothing, whatever is asked. */
static void test_unreadable(void)
{
	ok(!has("User", "0", 13), "a user that cannot be told is not root");
	ok(!has("Executable", "/*", 13), "a program that cannot be told has no path");
	ok(has("CommandLine", "^worker$", 13), "an empty command line is the name");
	ok(has("CommandLine", "^worker$", 99), "and so is none");
}

static void test_units(void)
{
	static const struct {
		const char *cgroup;
		const char *unit;
	} cases[] = {
		{ "/system.slice/nginx.service", "nginx.service" },
		{ "/user.slice/user-1.slice/user@1.service/app.slice/app-x.scope", "app-x.scope" },
		{ "/system.slice/nginx.service/worker", "nginx.service" },
		{ "/system.slice", "" },
		{ "/.service", "" },
		{ "/", "" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *unit = NULL;
		const size_t len = pl_match_unit(cases[i].cgroup, &unit);

		ok(len == strlen(cases[i].unit) && (len == 0 || strncmp(unit, cases[i].unit, len) == 0),
		   cases[i].cgroup);
	}
}

int main(void)
{
	make_tree();
	test_conditions();
	test_all_must_hold();
	test_cgroups();
	test_unreadable();
	test_units();
	pl_procfs_close(&fs);
	tree_end();
	return tap_done();
}
