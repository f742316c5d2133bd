/*
 * Does a process belong to a match? Conditions in order of what they cost to know.
 *
 * Reads nothing by itself: the caller gives the facts that it has and is told which are missing.
 * Kernel threads are to be kept away from it; they belong to nothing.
 */
#ifndef PL_DISCOVER_MATCH_H
#define PL_DISCOVER_MATCH_H

#include "config/settings.h"
#include "procfs/procfs.h"

#define PL_FACT_UID 1u
#define PL_FACT_EXECUTABLE 2u
#define PL_FACT_CGROUP 4u
#define PL_FACT_COMMAND_LINE 8u

/* A fact is valid only when its bit of `known` is set; pid and comm always are. */
struct pl_facts {
	unsigned known;
	int32_t pid;
	const char *comm;
	uint32_t uid;
	const char *executable;   /* without " (deleted)"; "" when it cannot be read */
	const char *cgroup;       /* path; "" when there is none */
	const char *command_line; /* one line; comm where a process has an empty one */
};

enum pl_holds { PL_HOLDS_NO, PL_HOLDS_YES, PL_HOLDS_UNKNOWN };

/*
 * All conditions but PidFile and Children. UNKNOWN: *missing names the next fact that is needed.
 * A match without any condition holds for nothing.
 */
enum pl_holds pl_match_holds(const struct pl_match *match, const struct pl_facts *facts,
                             unsigned *missing);

/* Whether the match has a condition that pl_match_holds() looks at. */
bool pl_match_has_condition(const struct pl_match *match);

/* The unit that a cgroup path belongs to: its deepest .service or .scope. Length 0: none. */
size_t pl_match_unit(const char *cgroup, const char **unit);

/*
 * Reads what the bits in `want` ask for into `facts`, with the strings in `store`. May block for as
 * long as the process' mmap lock is held (COMMAND_LINE): for a worker thread.
 */
#define PL_FACTS_COMMAND_LINE_SIZE 131072
struct pl_facts_store {
	char executable[4096];
	char cgroup[4096];
	char command_line[PL_FACTS_COMMAND_LINE_SIZE];
	char raw[PL_FACTS_COMMAND_LINE_SIZE];
};
void pl_facts_read(const struct pl_procfs *fs, unsigned want, struct pl_facts *facts,
                   struct pl_facts_store *store);

#endif
