#include "rights.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct {
	cap_value_t value;
	const char *name;
	const char *lost;
} wanted[] = {
	{ CAP_SYS_PTRACE, "cap_sys_ptrace",
	  "the memory of other users' processes is known in sum only (no PSS, USS, regions), and their "
	  "descriptors are not told apart" },
	{ CAP_DAC_READ_SEARCH, "cap_dac_read_search",
	  "the descriptors of other users' processes may be unknown" },
};

#define WANTED_COUNT (sizeof(wanted) / sizeof(wanted[0]))

static bool is_granted(cap_t from, cap_value_t value)
{
	cap_flag_value_t flag = CAP_CLEAR;

	return cap_get_flag(from, value, CAP_PERMITTED, &flag) == 0 && flag == CAP_SET;
}

int pl_rights_reduce(void)
{
	cap_t now;
	cap_t kept;
	int error = 0;

	if (getuid() != geteuid() || getgid() != getegid())
		return -EPERM;
	now = cap_get_proc();
	kept = cap_init();
	if (!now || !kept)
		error = -ENOMEM;
	for (size_t i = 0; error == 0 && i < WANTED_COUNT; i++)
		if (is_granted(now, wanted[i].value) &&
		    cap_set_flag(kept, CAP_PERMITTED, 1, &wanted[i].value, CAP_SET) != 0)
			error = -errno;
	if (error == 0 && cap_set_proc(kept) != 0)
		error = -errno;
	if (now)
		cap_free(now);
	if (kept)
		cap_free(kept);
	/* no program that this one might start can gain any */
	if (error == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		error = -errno;
	return error;
}

/* A capability out of the bounding set cannot be had by setcap: somebody else forbids it. */
static void tell_missing(const struct pl_log *log, size_t i)
{
	static const char grant[] = "cap_dac_read_search,cap_sys_ptrace+ep";
	char path[PATH_MAX];
	const ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[len > 0 ? len : 0] = '\0';
	if (cap_get_bound(wanted[i].value) == 0)
		pl_log_write(log, PL_LOG_WARNING,
		             "%s is missing: %s. The service or container forbids it: add it to "
		             "CapabilityBoundingSet= or to --cap-add",
		             wanted[i].name, wanted[i].lost);
	else
		pl_log_write(log, PL_LOG_WARNING, "%s is missing: %s. To grant it: setcap %s %s",
		             wanted[i].name, wanted[i].lost, grant, path);
}

unsigned pl_rights_use(const struct pl_log *log)
{
	cap_t caps = cap_get_proc();
	unsigned missing = 0;

	for (size_t i = 0; i < WANTED_COUNT; i++) {
		if (caps && is_granted(caps, wanted[i].value)) {
			cap_set_flag(caps, CAP_EFFECTIVE, 1, &wanted[i].value, CAP_SET);
		} else {
			tell_missing(log, i);
			missing++;
		}
	}
	if (caps && cap_set_proc(caps) != 0)
		pl_log_write(log, PL_LOG_WARNING, "capabilities cannot be put into effect");
	if (caps)
		cap_free(caps);
	return missing;
}
