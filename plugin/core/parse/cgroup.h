/*
 * What the memory of a cgroup consists of, by its own account: memory.stat.
 *
 * Knows the lines of both versions of the file; refuses to know which of it a process explains.
 */
#ifndef PL_PARSE_CGROUP_H
#define PL_PARSE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes; a line that the kernel does not print is absent. */
enum pl_memory_stat_line {
	PL_MEMORY_STAT_ANON,  /* v1: rss */
	PL_MEMORY_STAT_FILE,  /* page cache, shmem included; v1: cache */
	PL_MEMORY_STAT_SHMEM, /* tmpfs, memfd, SysV and shared anonymous memory */
	PL_MEMORY_STAT_KERNEL,
	PL_MEMORY_STAT_STACKS,
	PL_MEMORY_STAT_TABLES,
	PL_MEMORY_STAT_PERCPU,
	PL_MEMORY_STAT_SOCK,
	PL_MEMORY_STAT_VMALLOC,
	PL_MEMORY_STAT_SLAB,
	PL_MEMORY_STAT_SLAB_FIRM, /* slab_unreclaimable */
	PL_MEMORY_STAT_COUNT
};

struct pl_memory_stat {
	uint32_t present; /* bit per line */
	uint64_t bytes[PL_MEMORY_STAT_COUNT];
};

static inline bool pl_memory_stat_get(const struct pl_memory_stat *stat,
                                      enum pl_memory_stat_line line, uint64_t *out)
{
	if (!((stat->present >> line) & 1))
		return false;
	*out = stat->bytes[line];
	return true;
}

/*
 * Where v1 prints a line for the cgroup and one, total_..., with its descendants, the latter is
 * taken. Returns 0, or -EBADMSG when there is neither anonymous memory nor page cache in it.
 */
int pl_parse_memory_stat(const char *text, size_t len, struct pl_memory_stat *out);

#endif
