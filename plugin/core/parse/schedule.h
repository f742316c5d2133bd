/*
 * What the kernel says of how it runs a process: its priority, and how it is throttled.
 */
#ifndef PL_PARSE_SCHEDULE_H
#define PL_PARSE_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

struct pl_priority {
	int32_t nice;
	uint32_t policy; /* SCHED_...: sched(7) */
};

/* proc_pid_stat(5), fields 19 and 41. Returns 0 or -EBADMSG. */
int pl_parse_priority(const char *text, size_t len, struct pl_priority *out);

/* How often, and for how long in all, a cgroup was out of its quota. */
struct pl_throttling {
	uint64_t count;
	uint64_t us;
};

/* cpu.stat of a cgroup, v2 or v1. Returns 0, or -EBADMSG when it tells nothing of a quota. */
int pl_parse_cpu_stat(const char *text, size_t len, struct pl_throttling *out);

#endif
