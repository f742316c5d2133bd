/*
 * The memory of one cgroup, split so that what no process explains stands apart.
 *
 * Knows the accounts of both versions of cgroups; refuses to know who is in one and what growth
 * means. Anonymous memory is the processes' by definition, and the pages of files can be given up
 * at any time. What is left when a process ends or idles is in the kernel or in tmpfs.
 */
#ifndef PL_SAMPLE_CGROUP_H
#define PL_SAMPLE_CGROUP_H

#include "parse/cgroup.h"
#include "procfs/procfs.h"

/* X(id, name in series, words for people, no process explains it) */
#define PL_CGROUP_PART_LIST(X)                                                                     \
	X(ANON, "anon", "anonymous memory", false)                                                     \
	X(FILE, "file", "pages of files", false)                                                       \
	X(SHMEM, "shmem", "shared memory in use", false)                                               \
	X(SLAB, "slab", "kernel objects that can be given up", false)                                  \
	X(OTHER, "other", "other memory of the kernel", false)                                         \
	X(TMPFS, "tmpfs", "tmpfs or shared memory that no process maps", true)                         \
	X(SOCK, "sock", "socket buffers", true)                                                        \
	X(TABLES, "page_tables", "page tables", true)                                                  \
	X(OBJECTS, "slab_unreclaimable", "kernel objects (slab)", true)                                \
	X(PERCPU, "percpu", "per-CPU memory of the kernel", true)                                      \
	X(STACKS, "kernel_stacks", "kernel stacks", true)                                              \
	X(KERNEL, "kernel", "memory of the kernel", true)

enum pl_cgroup_part {
#define PL_CGROUP_PART_ENUM(id, name, words, unexplained) PL_CGROUP_##id,
	PL_CGROUP_PART_LIST(PL_CGROUP_PART_ENUM)
#undef PL_CGROUP_PART_ENUM
		PL_CGROUP_PART_COUNT
};

/* "tmpfs", and "tmpfs or shared memory that no process maps". */
const char *pl_cgroup_part_name(enum pl_cgroup_part part);
const char *pl_cgroup_part_words(enum pl_cgroup_part part);

/* Whether growth of this part is nobody's: not of a process, and not given up under pressure. */
bool pl_cgroup_part_is_unexplained(enum pl_cgroup_part part);

/* Disjoint; they add up to what the cgroup is charged for. */
struct pl_cgroup_parts {
	uint32_t known; /* bit per part */
	uint64_t bytes[PL_CGROUP_PART_COUNT];
};

uint64_t pl_cgroup_unexplained_bytes(const struct pl_cgroup_parts *parts);

#define PL_CGROUP_PATH_SIZE 256

struct pl_cgroup_key {
	uint16_t len; /* 0: none, or one that cannot be told from the whole host */
	uint8_t kind; /* enum pl_cgroup_kind */
	char path[PL_CGROUP_PATH_SIZE];
};

bool pl_cgroup_key_equal(const struct pl_cgroup_key *a, const struct pl_cgroup_key *b);

/* The cgroup that a process' memory is charged to, by its PID/cgroup. */
void pl_cgroup_key_of(const char *text, size_t len, struct pl_cgroup_key *out);

/* What the cgroup's files say. */
struct pl_cgroup_reading {
	uint64_t charged_bytes;
	struct pl_memory_stat stat;
	bool v1;
	uint64_t v1_kernel_bytes; /* part of charged_bytes; 0 when not told */
	uint64_t v1_sock_bytes;   /* on top of it */
	/* Of all processes in it, followed or not; only asked for where there is much to explain. */
	bool processes_known;
	uint64_t resident_shmem_bytes; /* shared pages several times */
	uint64_t page_table_bytes;
};

/* Scratch of at least PL_CGROUP_SCRATCH bytes. Returns 0, or -errno (-ENOENT: it is gone). */
#define PL_CGROUP_SCRATCH 8192
int pl_sample_cgroup(const struct pl_procfs *fs, const struct pl_cgroup_key *key, char *scratch,
                     size_t size, struct pl_cgroup_reading *out);

/* What is known of the processes in it that are followed. */
struct pl_cgroup_members {
	uint64_t resident_shmem_bytes; /* shared pages several times */
	uint64_t shmem_bytes;          /* shared pages once, where that is known */
};

void pl_cgroup_split(const struct pl_cgroup_reading *reading,
                     const struct pl_cgroup_members *members, struct pl_cgroup_parts *out);

#endif
