/*
 * The evidence file: what a person on call needs to see of one leak, as one bounded JSON object.
 *
 * Knows what to gather from /proc, how to write it down, and how many files to keep. Refuses to
 * hold memory contents, the environment, and (unless allowed) command-line arguments.
 */
#ifndef PL_EVIDENCE_EVIDENCE_H
#define PL_EVIDENCE_EVIDENCE_H

#include "census/census.h"
#include "emit/emit.h"
#include "procfs/procfs.h"
#include "regions/ledger.h"
#include "sample/sample.h"
#include "track/track.h"

#define PL_EVIDENCE_FORMAT "procleak-evidence"
#define PL_EVIDENCE_VERSION 1
#define PL_EVIDENCE_MOST_BYTES 65536
#define PL_EVIDENCE_TEXT 128

/* Names and how many there are of each. Past the last place they are counted as others. */
#define PL_TALLY_PLACES 64

struct pl_tally {
	uint32_t place_count;
	uint64_t other_count;
	uint64_t total_count;
	struct {
		char name[PL_EVIDENCE_TEXT];
		uint64_t count;
	} places[PL_TALLY_PLACES];
};

void pl_tally_add(struct pl_tally *tally, const char *name);

/* The largest first. */
void pl_tally_sort(struct pl_tally *tally);

/* What is read at the moment of the verdict. */
struct pl_evidence_facts {
	char program[PL_EVIDENCE_TEXT]; /* the path of its executable; "" when unknown */
	char command[1024];             /* its name as called, with arguments where allowed */
	uint32_t argument_count;        /* past the name */
	struct pl_tally fds;            /* by target */
	struct pl_tally sockets;        /* "ESTABLISHED from :443", by state and port */
	struct pl_tally threads;        /* by name */
};

/* Reads them; what cannot be read stays empty. For a worker thread: some of it may block. */
void pl_evidence_gather(const struct pl_procfs *fs, int32_t pid, bool with_arguments,
                        struct pl_evidence_facts *out);

#define PL_EVIDENCE_SIBLINGS 20
#define PL_EVIDENCE_MOST_RUNS 16

/* What an alarm is about. Only the first one blames a process. */
enum pl_evidence_about {
	PL_ABOUT_PROCESS,
	PL_ABOUT_RUNS,   /* every run of the program grew alike */
	PL_ABOUT_SUM,    /* the processes of a match, added up */
	PL_ABOUT_CGROUP, /* memory that no process explains */
};
#define PL_ABOUT_COUNT 4

/* "process", "runs", "sum", "cgroup". */
const char *pl_evidence_about_name(enum pl_evidence_about about);

struct pl_evidence_sibling {
	int32_t pid;
	enum pl_verdict verdict;
	double u_bytes;
	double rate_per_h;
};

/* A run of the program that is over. */
struct pl_evidence_run {
	double begin_s; /* Unix time */
	double end_s;
	double rate_per_h;
	double grown_bytes; /* after its first quarter */
	double level_bytes; /* at the end of that */
};

/*
 * What is known, copied out of the engine. What only a process has - its identity, values, ledger,
 * facts - is that of the process to blame, or else of an example: the largest one that is alive.
 */
struct pl_evidence_case {
	enum pl_evidence_about about;
	char match[PL_EVIDENCE_TEXT];
	char comm[64];
	struct pl_ident ident;   /* pid 0: none is alive */
	char example[64];        /* its name, where no process is to blame */
	double example_bytes;    /* anonymous */
	struct pl_report report; /* its borrowed strings are not used */
	char reason[32];
	char metric[16];
	char where[24];
	char limit[24];
	char unit[32];
	struct pl_values values; /* the last sample: limits among them */
	struct pl_track track;   /* RUNS: of the example; SUM, CGROUP: of just that */
	bool has_ledger;
	struct pl_ledger ledger;
	struct pl_region_idle idle; /* without any reading: it was not looked at */
	uint32_t run_count;         /* RUNS; the oldest first */
	struct pl_evidence_run runs[PL_EVIDENCE_MOST_RUNS];
	char cgroup[PL_CGROUP_PATH_SIZE]; /* CGROUP */
	struct pl_cgroup_parts parts_before;
	struct pl_cgroup_parts parts_now;
	uint32_t member_count;  /* that are alive: of the match, or in the cgroup */
	uint32_t sibling_count; /* the largest first, without the one to blame */
	struct pl_evidence_sibling siblings[PL_EVIDENCE_SIBLINGS];
	bool has_census;
	struct pl_census_report census;
};

/* Copies what a report borrows into the case. */
void pl_evidence_set_report(struct pl_evidence_case *out, const struct pl_report *report);

/*
 * The JSON text: *text is to be freed. At most PL_EVIDENCE_MOST_BYTES; what is dear to write and
 * dispensable (the series) is left out when it would be more. Returns 0, -ENOMEM or -E2BIG.
 */
int pl_evidence_compose(const struct pl_evidence_case *about, const struct pl_evidence_facts *facts,
                        char **text, size_t *len);

/*
 * Stores it in `directory` (made if need be, mode 0700) under a name of match, pid (or what else it
 * is about) and time, and deletes the oldest evidence beyond `most_files`. Writes the path into
 * `path`. Returns 0, -errno; -EPERM when the directory is not safe (pl_state_open_directory()).
 */
int pl_evidence_keep(const char *directory, uint32_t most_files,
                     const struct pl_evidence_case *about, const char *text, size_t len, char *path,
                     size_t size);

/*
 * The newest evidence in `directory` about a match or program of this name, or about this pid.
 * Returns 0 and its path, or -ENOENT, -errno.
 */
int pl_evidence_find(const char *directory, const char *name, char *path, size_t size);

#endif
