/*
 * What is leaking: counts the kinds of objects of a process from outside, twice and in between, and
 * tells which of them grow.
 *
 * Reads a few MiB of the target's heap: the same pages at every look, and some of those that appear
 * in between. Keeps addresses and sizes, never contents. It finds what grows, so that a cache that
 * fills looks like a leak: it belongs after a verdict. Managed heaps (JVM, V8, .NET, Ruby) are
 * named and left alone; of Go's, what its collector found alive is counted.
 *
 * Runs in bursts, for a worker: begin, then step whenever one is due, then finish.
 */
#ifndef PL_CENSUS_CENSUS_H
#define PL_CENSUS_CENSUS_H

#include "census/entries.h"

/*
 * Allocators such as jemalloc, and huge pages, fill pages that were present before: some hundred of
 * tens of thousands. To meet twenty of them takes more old pages than new ones.
 */
#define PL_CENSUS_OLD_PAGES_FACTOR 4
#define PL_CENSUS_PAGES_DEFAULT 256
#define PL_CENSUS_PAGES_MIN 16
#define PL_CENSUS_PAGES_MAX 8192
#define PL_CENSUS_INTERVAL_S_DEFAULT 30
#define PL_CENSUS_ENTRIES_MAX 12
#define PL_CENSUS_REASON_SIZE 512

struct pl_census_options {
	uint32_t page_count;     /* four times as many at each look, and up to twice as many new ones */
	double interval_s;       /* from the first look to the last one */
	uint32_t windows_max;    /* of 2 MiB, of which it is asked which pages are there; 0: many */
	uint64_t seed;           /* of the choice of pages */
	const char *symbols_dir; /* separate debug files, or NULL; borrowed until finish */
};

enum pl_census_kind { PL_CENSUS_TYPE, PL_CENSUS_SIZE, PL_CENSUS_POINTER };

struct pl_census_entry {
	enum pl_census_kind kind;
	const char *named_by;
	double objects_per_s;
	double low_per_s; /* 95 % interval, of having read only a part */
	double high_per_s;
	uint64_t object_bytes; /* 0: not known; and so are the next two */
	double bytes_per_s;
	double share;      /* of the growth of the heap, 0..1; below 0 when that did not grow */
	double confidence; /* 0..1: that it grew, and did not only seem to */
	char name[PL_CENSUS_NAME_SIZE];
	char detail[PL_CENSUS_DETAIL_SIZE];
};

struct pl_census_report {
	struct pl_census_entry entries[PL_CENSUS_ENTRIES_MAX];
	size_t entry_count;
	bool inconclusive;
	char reason[PL_CENSUS_REASON_SIZE]; /* of being inconclusive, or what was not seen */
	const char *runtime;                /* "C or C++", "CPython", ... */
	const char *allocator;              /* "glibc", "jemalloc", ... */
	double interval_s;
	double heap_bytes;        /* at the first look */
	double heap_growth_per_s; /* bytes */
	double
		floor_objects_per_s;  /* a slower leak would not have been told from chance; NAN: unknown */
	double floor_bytes_per_s; /* nor one that only a size tells, below this; NAN: none does */
	uint64_t pages_read;
	uint64_t page_bytes;
	double cpu_s;  /* that the census took */
	double held_s; /* that it held the target's mmap lock, each time for some microseconds */
};

struct pl_census;

/*
 * Takes the first look. Returns 0, or as pl_census_target_open(): -ESRCH, -EACCES; -ENODATA when
 * the heap cannot be seen (the capability CAP_DAC_READ_SEARCH is missing, or there is none),
 * -ENOTSUP for a 32-bit process. `fs` must outlive the census.
 */
int pl_census_begin(struct pl_census **out, const struct pl_procfs *fs, const struct pl_host *host,
                    int32_t pid, const struct pl_census_options *options, double now_s);

/* When the next look is due, on the clock of now_s; below 0 when all is seen. */
double pl_census_due_s(const struct pl_census *census);

/* Spreads the looks that are still to come over another interval. */
void pl_census_stretch(struct pl_census *census, double interval_s);

/* The interval to stretch to, in seconds, when a collected heap has so far seen too few collections
 * to tell anything by the last look; 0: it is long enough. */
double pl_census_longer_s(const struct pl_census *census);

/* For how long the last look held the target's mmap lock. */
double pl_census_held_s(const struct pl_census *census);

/* Takes the look that is due. Returns 0, or -errno (-ESRCH: ended, or another program now). */
int pl_census_step(struct pl_census *census, double now_s);

/* Compares, names, orders. Once, after the last look. Returns 0 or -errno. */
int pl_census_finish(struct pl_census *census, struct pl_census_report *out);

void pl_census_free(struct pl_census *census);

#endif
