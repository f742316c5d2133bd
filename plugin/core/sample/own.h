/*
 * How the kernel runs ourselves: who reads with a target's lock held and is not let run meanwhile
 * makes the target wait for both.
 */
#ifndef PL_SAMPLE_OWN_H
#define PL_SAMPLE_OWN_H

#include "parse/schedule.h"
#include "procfs/procfs.h"

struct pl_own {
	struct pl_priority priority;
	bool has_quota;                  /* some cgroup above us tells of one, be it unlimited */
	struct pl_throttling throttling; /* of all of them together */
};

/* Reads self/stat, self/cgroup, and cpu.stat of our cgroup and all above it. What cannot be read is
 * left at 0. */
void pl_sample_own(const struct pl_procfs *fs, struct pl_own *out);

#endif
