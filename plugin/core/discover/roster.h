/*
 * The processes of the host, tick by tick: who is new, who is gone, whose pid was reused.
 *
 * Costs one directory entry a process and tick: procfs keeps the inode number of a process' entry
 * while it lives, so an entry with the same pid and inode needs no further look. Refuses to know
 * what a process is matched for.
 */
#ifndef PL_DISCOVER_ROSTER_H
#define PL_DISCOVER_ROSTER_H

#include "base/values.h"
#include "procfs/procfs.h"

#define PL_ROSTER_NONE UINT32_MAX

struct pl_roster_entry {
	int32_t pid;
	uint32_t inode;         /* folded to 32 bits */
	uint64_t start_ticks;   /* 0: not yet looked at */
	uint32_t process;       /* the caller's index of a matched process, or PL_ROSTER_NONE */
	uint32_t look_tick;     /* the caller's: when to look again */
	uint32_t identity_hash; /* the caller's: of what an exec or a rename changes */
	uint8_t flags;          /* the caller's */
	uint8_t step;           /* the caller's: how often it was looked at */
	bool changed;           /* new, or its inode is not the one of the last tick */
};

/* What a listing says of a process. */
struct pl_roster_seen {
	int32_t pid;
	uint32_t inode;
};

struct pl_roster {
	struct pl_roster_entry *entries; /* sorted by pid */
	size_t count;
	size_t capacity;
	struct pl_roster_seen *seen; /* scratch of the listing under way */
	size_t seen_count;
	size_t seen_capacity;
	bool out_of_memory;
};

/* Both tables grow by a quarter at a time. */
_Static_assert((sizeof(struct pl_roster_entry) + sizeof(struct pl_roster_seen)) * 5 / 4 <= 64,
               "a process that is not matched costs at most 64 bytes");

void pl_roster_free(struct pl_roster *roster);

/*
 * Lists the processes. `gone` is called for each entry that is no longer there, while the table
 * is being changed. Allocates only when the host has more processes than ever before.
 * Returns 0, or -errno (-ENOMEM) with the table as it was.
 */
typedef void pl_roster_gone_fn(void *ctx, const struct pl_roster_entry *entry);
int pl_roster_update(struct pl_roster *roster, struct pl_procfs *fs, pl_roster_gone_fn *gone,
                     void *ctx);

/* NULL when it is not in the table. */
struct pl_roster_entry *pl_roster_find(const struct pl_roster *roster, int32_t pid);

#endif
