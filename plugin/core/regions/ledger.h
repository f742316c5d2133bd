/*
 * The growth ledger of one process: which classes and places of its memory have grown since when.
 *
 * A class keeps its identity whatever its mappings do. A place (a file, a name, a range of
 * addresses) keeps it across merges, splits and moves: ranges that overlap are one, and a range
 * that vanished while a larger one of its class appeared has moved. Fixed size, pure.
 */
#ifndef PL_REGIONS_LEDGER_H
#define PL_REGIONS_LEDGER_H

#include <stdbool.h>

#include "regions/regions.h"

#define PL_LEDGER_PLACES 24

struct pl_ledger_place {
	struct pl_region_place place; /* as it is now; used_bytes 0: gone */
	uint64_t base_bytes;          /* at the first reading, or at the most */
};

/* One instant of every class. */
struct pl_ledger_point {
	double time_s;    /* monotonic */
	uint64_t work_us; /* CPU time that the process had used */
	uint64_t used_bytes[PL_REGION_COUNT];
};

struct pl_ledger {
	uint32_t reading_count;
	uint32_t runtimes;
	uint32_t base_stack_count;
	uint32_t stack_count;
	uint32_t base_mapping_count;
	uint32_t mapping_count;
	uint32_t window_stride; /* how it was read: see struct pl_region_snapshot */
	float error_share;
	bool heap_is_full;            /* as in the snapshot, at the last reading */
	float heap_most_bytes;        /* that a JVM's heap can become: -Xmx; 0: there is none */
	float base_shared_size_bytes; /* address space of PL_REGIONS_SHARED at the first reading */
	float shared_size_bytes;      /* and now */
	struct pl_ledger_point base;
	struct pl_ledger_point middle; /* between a quarter and a half of the time since base */
	struct pl_ledger_point next;   /* will be the middle */
	struct pl_ledger_point now;
	uint32_t seen; /* bit per region: it has held something */
	uint64_t resident_bytes[PL_REGION_COUNT];
	uint64_t pss_bytes[PL_REGION_COUNT];
	uint64_t swap_bytes; /* of all classes */
	uint64_t lazyfree_bytes;
	uint64_t huge_bytes;
	uint64_t base_anon_by_size[PL_ANON_SIZES]; /* used bytes of anonymous mappings, by size */
	uint64_t anon_by_size[PL_ANON_SIZES];
	uint64_t unseen_bytes; /* no place outside of the ledger held more at the first reading */
	uint32_t place_count;
	struct pl_ledger_place places[PL_LEDGER_PLACES];
};
_Static_assert(sizeof(struct pl_ledger) <= 5 * 1024, "the ledger is a few KiB a process");

/* Adds a reading; the first one is the baseline, and so is one that was read in another way, for
 * the difference of two samples is no growth: unless there is clearly more than they may differ by.
 * `ledger` starts as zeros. */
void pl_ledger_update(struct pl_ledger *ledger, const struct pl_region_snapshot *snapshot,
                      double time_s, uint64_t work_us);

/* Of each class, what was not touched in a window, beside what there was when it began. */
struct pl_region_idle {
	uint32_t reading_count;
	double window_s;
	uint64_t used_bytes[PL_REGION_COUNT]; /* at the begin of the window */
	uint64_t idle_bytes[PL_REGION_COUNT]; /* at its end */
	uint64_t base_used_bytes[PL_REGION_COUNT];
	uint64_t base_idle_bytes[PL_REGION_COUNT];
	uint64_t next_used_bytes[PL_REGION_COUNT]; /* of the last reading: where the next one begins */
};

/* Resident, not given back, and not touched: of the anonymous classes together. */
uint64_t pl_region_idle_bytes(const struct pl_region_snapshot *snapshot);

/* Adds a reading at the end of a window; it begins anew with a window of another length. */
void pl_region_idle_update(struct pl_region_idle *idle, const struct pl_region_snapshot *snapshot,
                           double window_s);

/* The idle share of what the class grew by, 0..1; below 0 when that is not known. */
double pl_region_idle_share(const struct pl_region_idle *idle, enum pl_region region);

enum pl_region_set {
	PL_REGIONS_ANONYMOUS, /* what RssAnon and VmSwap count */
	PL_REGIONS_SHARED,    /* what RssShmem counts */
};

bool pl_region_in_set(enum pl_region region, enum pl_region_set set);

struct pl_region_share {
	enum pl_region region;
	uint64_t growth_bytes;
	double share; /* of the growth of all classes in the set that grew, 0..1 */
	/*
	 * It grew by as much for each CPU second in the second half as in the first: a pool that fills
	 * to its size grows less and less.
	 */
	bool outgrows_work;
};

/*
 * The classes that grew, the most first: since the middle when that is growth enough to tell (a
 * program's start is then left out), else since the first reading. Returns how many; 0 with fewer
 * than two readings.
 */
size_t pl_ledger_shares(const struct pl_ledger *ledger, enum pl_region_set set,
                        struct pl_region_share *out, size_t most);

/* The places that grew since the first reading, the most first. Returns how many. */
size_t pl_ledger_growing(const struct pl_ledger *ledger, const struct pl_ledger_place **out,
                         size_t most);

#endif
