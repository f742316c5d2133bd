#include "discover/match.h"

#include <fnmatch.h>
#include <string.h>

#include "parse/parse.h"

bool pl_match_has_condition(const struct pl_match *match)
{
	return match->command || match->command_line || match->executable || match->user ||
	       match->cgroup || match->unit || match->pid > 0;
}

static bool has_suffix(const char *text, size_t len, const char *suffix)
{
	const size_t n = strlen(suffix);

	return len > n && memcmp(text + len - n, suffix, n) == 0;
}

size_t pl_match_unit(const char *cgroup, const char **unit)
{
	size_t found = 0;

	while (*cgroup) {
		const size_t len = strcspn(cgroup, "/");

		if (has_suffix(cgroup, len, ".service") || has_suffix(cgroup, len, ".scope")) {
			*unit = cgroup;
			found = len;
		}
		cgroup += len + (cgroup[len] == '/');
	}
	return found;
}

/* The glob may name any component of the path: units may have cgroups of their own below. */
static bool unit_holds(const char *glob, const char *cgroup)
{
	char part[256];

	while (*cgroup) {
		const size_t len = strcspn(cgroup, "/");

		if (len > 0 && len < sizeof(part)) {
			memcpy(part, cgroup, len);
			part[len] = '\0';
			if (fnmatch(glob, part, 0) == 0)
				return true;
		}
		cgroup += len + (cgroup[len] == '/');
	}
	return false;
}

static bool knows(const struct pl_facts *facts, unsigned fact, unsigned *missing)
{
	if (facts->known & fact)
		return true;
	*missing |= fact;
	return false;
}

enum pl_holds pl_match_holds(const struct pl_match *match, const struct pl_facts *facts,
                             unsigned *missing)
{
	*missing = 0;
	if (!pl_match_has_condition(match))
		return PL_HOLDS_NO;
	if (match->pid > 0 && match->pid != facts->pid)
		return PL_HOLDS_NO;
	if (match->command && strcmp(match->command, facts->comm) != 0)
		return PL_HOLDS_NO;
	if (match->user && knows(facts, PL_FACT_UID, missing) && match->uid != facts->uid)
		return PL_HOLDS_NO;
	if (match->executable && knows(facts, PL_FACT_EXECUTABLE, missing) &&
	    fnmatch(match->executable, facts->executable, 0) != 0)
		return PL_HOLDS_NO;
	if (match->cgroup && knows(facts, PL_FACT_CGROUP, missing) &&
	    fnmatch(match->cgroup, facts->cgroup, 0) != 0)
		return PL_HOLDS_NO;
	if (match->unit && knows(facts, PL_FACT_CGROUP, missing) &&
	    !unit_holds(match->unit, facts->cgroup))
		return PL_HOLDS_NO;
	if (match->command_line && knows(facts, PL_FACT_COMMAND_LINE, missing) &&
	    regexec(&match->command_line_re, facts->command_line, 0, NULL, 0) != 0)
		return PL_HOLDS_NO;
	return *missing ? PL_HOLDS_UNKNOWN : PL_HOLDS_YES;
}

static void read_uid(const struct pl_procfs *fs, struct pl_facts *facts,
                     struct pl_facts_store *store)
{
	struct pl_status status;
	const ssize_t len = pl_procfs_read(fs, facts->pid, "status", store->raw, sizeof(store->raw));

	facts->uid = UINT32_MAX;
	if (len > 0 && pl_parse_status(store->raw, (size_t)len, &status) == 0)
		facts->uid = status.uid;
}

static void read_executable(const struct pl_procfs *fs, struct pl_facts *facts,
                            struct pl_facts_store *store)
{
	static const char deleted[] = " (deleted)";
	ssize_t len =
		pl_procfs_readlink(fs, facts->pid, "exe", store->executable, sizeof(store->executable) - 1);

	if (len < 0)
		len = 0;
	/* an upgrade replaces the file under a running program */
	if (has_suffix(store->executable, (size_t)len, deleted))
		len -= (ssize_t)(sizeof(deleted) - 1);
	store->executable[len] = '\0';
	facts->executable = store->executable;
}

static void read_cgroup(const struct pl_procfs *fs, struct pl_facts *facts,
                        struct pl_facts_store *store)
{
	struct pl_cgroup_paths paths = { 0 };
	const char *path = NULL;
	size_t path_len = 0;
	const ssize_t len =
		pl_procfs_read_whole(fs, facts->pid, "cgroup", store->raw, sizeof(store->raw));

	if (len > 0)
		(void)pl_parse_cgroup(store->raw, (size_t)len, &paths);
	/* the deepest one: on hybrid hosts only one of the hierarchies is in use */
	if (paths.v2_len > path_len) {
		path = paths.v2;
		path_len = paths.v2_len;
	}
	if (paths.v1_systemd_len > path_len) {
		path = paths.v1_systemd;
		path_len = paths.v1_systemd_len;
	}
	if (paths.v1_memory_len > path_len && path_len <= 1) {
		path = paths.v1_memory;
		path_len = paths.v1_memory_len;
	}
	if (path_len >= sizeof(store->cgroup))
		path_len = sizeof(store->cgroup) - 1;
	if (path_len > 0)
		memcpy(store->cgroup, path, path_len);
	store->cgroup[path_len] = '\0';
	facts->cgroup = store->cgroup;
}

static void read_command_line(const struct pl_procfs *fs, struct pl_facts *facts,
                              struct pl_facts_store *store)
{
	const ssize_t len =
		pl_procfs_read_whole(fs, facts->pid, "cmdline", store->raw, sizeof(store->raw));
	size_t used = 0;

	store->command_line[0] = '\0';
	if (len > 0)
		used = pl_parse_cmdline(store->raw, (size_t)len, store->command_line,
		                        sizeof(store->command_line));
	facts->command_line = used > 0 ? store->command_line : facts->comm;
}

void pl_facts_read(const struct pl_procfs *fs, unsigned want, struct pl_facts *facts,
                   struct pl_facts_store *store)
{
	if (want & PL_FACT_UID)
		read_uid(fs, facts, store);
	if (want & PL_FACT_EXECUTABLE)
		read_executable(fs, facts, store);
	if (want & PL_FACT_CGROUP)
		read_cgroup(fs, facts, store);
	if (want & PL_FACT_COMMAND_LINE)
		read_command_line(fs, facts, store);
	facts->known |= want;
}
