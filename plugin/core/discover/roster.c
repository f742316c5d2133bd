#include "discover/roster.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_CAPACITY 512

void pl_roster_free(struct pl_roster *roster)
{
	free(roster->entries);
	free(roster->next);
	*roster = (struct pl_roster){ 0 };
}

static bool grow(struct pl_roster *roster)
{
	const size_t capacity = roster->capacity ? roster->capacity * 2 : FIRST_CAPACITY;
	struct pl_roster_entry *entries;
	struct pl_roster_entry *next;

	entries = realloc(roster->entries, capacity * sizeof(*entries));
	if (!entries)
		return false;
	roster->entries = entries;
	next = realloc(roster->next, capacity * sizeof(*next));
	if (!next)
		return false;
	roster->next = next;
	roster->capacity = capacity;
	return true;
}

static void add_process(void *ctx, int32_t pid, uint64_t inode)
{
	struct pl_roster *roster = ctx;

	if (roster->next_count == roster->capacity && !grow(roster)) {
		roster->out_of_memory = true;
		return;
	}
	roster->next[roster->next_count++] = (struct pl_roster_entry){
		.pid = pid,
		.inode = (uint32_t)(inode ^ (inode >> 32)),
		.process = PL_ROSTER_NONE,
		.changed = true,
	};
}

static int compare_pids(const void *a, const void *b)
{
	const struct pl_roster_entry *x = a;
	const struct pl_roster_entry *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* procfs lists pids in order; a directory of files need not. */
static void sort_next(struct pl_roster *roster)
{
	for (size_t i = 1; i < roster->next_count; i++) {
		if (roster->next[i - 1].pid > roster->next[i].pid) {
			qsort(roster->next, roster->next_count, sizeof(*roster->next), compare_pids);
			return;
		}
	}
}

/* A pid may be listed twice when the directory changes under the reader. */
static void drop_repeats(struct pl_roster *roster)
{
	size_t kept = 0;

	for (size_t i = 0; i < roster->next_count; i++)
		if (kept == 0 || roster->next[kept - 1].pid != roster->next[i].pid)
			roster->next[kept++] = roster->next[i];
	roster->next_count = kept;
}

static void carry_over(struct pl_roster *roster, pl_roster_gone_fn *gone, void *ctx)
{
	size_t old = 0;

	for (size_t i = 0; i < roster->next_count; i++) {
		struct pl_roster_entry *now = &roster->next[i];
		const uint32_t inode = now->inode;

		for (; old < roster->count && roster->entries[old].pid < now->pid; old++)
			gone(ctx, &roster->entries[old]);
		if (old == roster->count || roster->entries[old].pid != now->pid)
			continue;
		*now = roster->entries[old++];
		now->changed = now->changed || now->inode != inode;
		now->inode = inode;
	}
	for (; old < roster->count; old++)
		gone(ctx, &roster->entries[old]);
}

int pl_roster_update(struct pl_roster *roster, struct pl_procfs *fs, pl_roster_gone_fn *gone,
                     void *ctx)
{
	struct pl_roster_entry *spare;
	int err;

	roster->next_count = 0;
	roster->out_of_memory = false;
	err = pl_procfs_scan(fs, add_process, roster);
	if (err < 0)
		return err;
	if (roster->out_of_memory)
		return -ENOMEM;
	sort_next(roster);
	drop_repeats(roster);
	carry_over(roster, gone, ctx);
	spare = roster->entries;
	roster->entries = roster->next;
	roster->count = roster->next_count;
	roster->next = spare;
	return 0;
}

struct pl_roster_entry *pl_roster_find(const struct pl_roster *roster, int32_t pid)
{
	size_t low = 0;
	size_t high = roster->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (roster->entries[middle].pid == pid)
			return &roster->entries[middle];
		if (roster->entries[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
