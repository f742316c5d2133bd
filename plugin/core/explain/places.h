/*
 * Where a growth is, and what it will run into first, in few words.
 *
 * Knows how to sum a ledger up and how to name limits. Pure.
 */
#ifndef PL_EXPLAIN_PLACES_H
#define PL_EXPLAIN_PLACES_H

#include "regions/ledger.h"

#define PL_PLACES_KEPT 2

struct pl_place {
	uint8_t region; /* enum pl_region */
	float share;    /* of the growth, 0..1 */
	float grown_bytes;
};

/* The regions that grew the most, of anonymous and of shared memory apart. */
struct pl_places {
	uint8_t count[2]; /* by enum pl_region_set; 0: not known */
	bool sampled;     /* an estimate */
	bool many_views;  /* most shared memory is ZGC's heap, whose pages it maps up to three times */
	struct pl_place places[2 * PL_PLACES_KEPT];
	uint32_t runtimes;       /* bits of enum pl_runtime */
	float heap_most_bytes;   /* -Xmx, 0: not a JVM */
	float heap_left_bytes;   /* of that */
	float shared_left_bytes; /* of shared memory that is mapped, what was not touched yet */
	bool blind;              /* most is a managed heap that cannot grow and is wholly resident */
	bool first_touch;        /* shared memory grew where it had been mapped before */
};

void pl_explain_places(const struct pl_ledger *ledger, struct pl_places *out);

/* The leader of a set when it has most of the growth, else NULL. */
const struct pl_place *pl_places_leader(const struct pl_places *places, enum pl_region_set set);

/* "brk heap (tcmalloc)" into `out`. */
void pl_explain_place(const struct pl_places *places, const struct pl_place *place, char *out,
                      size_t size);

/* What may be reached first. */
enum pl_limit {
	PL_LIMIT_NONE,
	PL_LIMIT_MEMORY, /* limit_bytes of a trace: nobody says which */
	PL_LIMIT_CGROUP_MAX,
	PL_LIMIT_CGROUP_HIGH,
	PL_LIMIT_RLIMIT_AS,
	PL_LIMIT_RLIMIT_DATA,
	PL_LIMIT_HOST,
	PL_LIMIT_RLIMIT_NOFILE,
	PL_LIMIT_RLIMIT_NPROC,
	PL_LIMIT_PIDS_MAX,
	PL_LIMIT_MAPS,
	PL_LIMIT_JAVA_HEAP,
	PL_LIMIT_COUNT
};

/* "memory.max", "RLIMIT_AS", "host memory", ... */
const char *pl_limit_name(enum pl_limit limit);

#endif
