#include "discover/roster.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_CAPACITY 512

void pl_roster_free(struct pl_roster *roster)
{
	free(roster->entries);
	free(roster->seen);
	*roster = (struct pl_roster){ 0 };
}

static size_t next_capacity(size_t capacity, size_t wanted)
{
	while (capacity < wanted)
		capacity += capacity < FIRST_CAPACITY ? FIRST_CAPACITY : capacity / 4;
	return capacity;
}

static void add_seen(void *ctx, int32_t pid, uint64_t inode)
{
	struct pl_roster *roster = ctx;

	if (roster->seen_count == roster->seen_capacity) {
		const size_t capacity = next_capacity(roster->seen_capacity, roster->seen_count + 1);
		struct pl_roster_seen *grown = realloc(roster->seen, capacity * sizeof(*grown));

		if (!grown) {
			roster->out_of_memory = true;
			return;
		}
		roster->seen = grown;
		roster->seen_capacity = capacity;
	}
	roster->seen[roster->seen_count++] = (struct pl_roster_seen){
		.pid = pid,
		.inode = (uint32_t)(inode ^ (inode >> 32)),
	};
}

static int compare_pids(const void *a, const void *b)
{
	const struct pl_roster_seen *x = a;
	const struct pl_roster_seen *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* procfs lists pids in order; a directory of files need not. */
static void sort_seen(struct pl_roster *roster)
{
	for (size_t i = 1; i < roster->seen_count; i++) {
		if (roster->seen[i - 1].pid > roster->seen[i].pid) {
			qsort(roster->seen, roster->seen_count, sizeof(*roster->seen), compare_pids);
			return;
		}
	}
}

/* A pid may be listed twice when the directory changes under the reader. */
static void drop_repeats(struct pl_roster *roster)
{
	size_t kept = 0;

	for (size_t i = 0; i < roster->seen_count; i++)
		if (kept == 0 || roster->seen[kept - 1].pid != roster->seen[i].pid)
			roster->seen[kept++] = roster->seen[i];
	roster->seen_count = kept;
}

static bool make_room(struct pl_roster *roster)
{
	const size_t capacity = next_capacity(roster->capacity, roster->seen_count);
	struct pl_roster_entry *grown;

	if (capacity == roster->capacity)
		return true;
	grown = realloc(roster->entries, capacity * sizeof(*grown));
	if (!grown)
		return false;
	roster->entries = grown;
	roster->capacity = capacity;
	return true;
}

/* Takes out who was not seen again. */
static void drop_gone(struct pl_roster *roster, pl_roster_gone_fn *gone, void *ctx)
{
	size_t at = 0;
	size_t kept = 0;

	for (size_t i = 0; i < roster->count; i++) {
		struct pl_roster_entry *entry = &roster->entries[i];

		while (at < roster->seen_count && roster->seen[at].pid < entry->pid)
			at++;
		if (at == roster->seen_count || roster->seen[at].pid != entry->pid) {
			gone(ctx, entry);
			continue;
		}
		entry->changed = entry->changed || entry->inode != roster->seen[at].inode;
		entry->inode = roster->seen[at].inode;
		roster->entries[kept++] = *entry;
	}
	roster->count = kept;
}

/* Puts the newcomers between the others, from the end, so that nothing is moved twice. */
static void add_new(struct pl_roster *roster)
{
	size_t old = roster->count;

	for (size_t at = roster->seen_count; at > 0; at--) {
		const struct pl_roster_seen *seen = &roster->seen[at - 1];

		if (old == at)
			break; /* all that is left is in its place */
		if (old > 0 && roster->entries[old - 1].pid == seen->pid) {
			roster->entries[at - 1] = roster->entries[--old];
			continue;
		}
		roster->entries[at - 1] = (struct pl_roster_entry){
			.pid = seen->pid,
			.inode = seen->inode,
			.process = PL_ROSTER_NONE,
			.changed = true,
		};
	}
	roster->count = roster->seen_count;
}

int pl_roster_update(struct pl_roster *roster, struct pl_procfs *fs, pl_roster_gone_fn *gone,
                     void *ctx)
{
	int err;

	roster->seen_count = 0;
	roster->out_of_memory = false;
	err = pl_procfs_scan(fs, add_seen, roster);
	if (err < 0)
		return err;
	if (roster->out_of_memory)
		return -ENOMEM;
	sort_seen(roster);
	drop_repeats(roster);
	if (!make_room(roster))
		return -ENOMEM;
	drop_gone(roster, gone, ctx);
	add_new(roster);
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
