/*
 * A proc tree in memory, instead of the one that plugin/core/procfs opens: a few processes whose
 * numbers a test sets, any of whose files it may replace, and reads that fail when told to. It also
 * keeps the state file and the evidence, instead of a disk.
 *
 * Link it before libprocleak.a: it defines all of procfs.h, and what stores and loads files. Knows
 * nothing of what is tested. Between the ticks of an engine alone may it be changed.
 */
#ifndef FUZZ_PROC_TREE_H
#define FUZZ_PROC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_PROCESSES 256
#define TREE_REPLACED 8

struct tree_process {
	int32_t pid; /* 0: there is none */
	uint64_t inode;
	uint64_t start_ticks;
	uint64_t start_code;
	char comm[32];
	int64_t anon_kib;
	int64_t anon_step_kib; /* in each tree_step() */
	int64_t shmem_kib;
	int64_t swap_kib;
	int64_t thread_count;
	int64_t thread_step;
	int64_t fd_count;
	int64_t fd_step;
	uint64_t cpu_ticks;
	uint64_t cpu_step;
	uint64_t fault_count;
	int64_t idle_kib; /* of anon_kib: not referenced since the last time it was cleared */
	char state;       /* 'S' */
};

/* A file whose text is somebody's own. */
struct tree_replaced {
	int32_t pid;
	const char *name; /* NULL: none */
	const char *text;
	size_t len;
};

struct tree {
	struct tree_process processes[TREE_PROCESSES];
	struct tree_replaced replaced[TREE_REPLACED];
	double uptime_s;
	uint64_t memory_max_bytes; /* of every cgroup; 0: no limit */
	uint64_t kernel_bytes;     /* likewise, besides what is its processes' */
	uint64_t shmem_bytes;
	uint64_t swapped_count; /* pages, of the host */
	bool opens; /* maps and pagemap of a process, and its directory: descriptors of /dev/null */
	unsigned fail_in;    /* reads that still succeed before one fails; 0: none does */
	unsigned fail_every; /* and then one in so many; 0: that one alone */
	int error;           /* with which */
	uint64_t read_count;
	char *state; /* the file's text; NULL: there is none */
	size_t state_len;
	bool state_fails; /* it can neither be read nor written */
	uint64_t evidence_count;
	uint64_t set_aside_count;
	uint64_t inode;        /* of the newest process */
	void (*on_read)(void); /* called at the begin of each read; NULL: nothing is */
};

extern struct tree tree;

/* Empties it. What was opened must be closed by then. */
void tree_clear(void);

/* Lets the processes live for a tick: what grows does. */
void tree_step(double seconds);

/* One more process, or NULL when there is no place. */
struct tree_process *tree_begin(int32_t pid, const char *comm, int64_t anon_kib);

#endif
