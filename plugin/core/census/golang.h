/*
 * The heap of a Go program, by the tables of Go's own runtime: no symbols are needed.
 *
 * Go keeps objects of one size class in spans, and of each span a record with a bit for every
 * object that the last collection found alive. Those bits are counted, so that garbage is not; of
 * the heap only some objects of what grew are read, for what they point to. Knows where the records
 * lie from Go 1.19 on, tells versions apart by whether the records make sense, and believes
 * nothing: all of it is the target's own memory.
 *
 * Sources: runtime/mheap.go (mspan, mheap.allspans), mstats.go (mstats), sizeclasses.go of Go 1.19
 * to 1.27.
 */
#ifndef PL_CENSUS_GOLANG_H
#define PL_CENSUS_GOLANG_H

#include "census/naming.h"
#include "census/tally.h"

/* Records stand for more memory than pages do: a page holds 25 of them, for 8 KiB of heap each. */
#define PL_CENSUS_GO_SPANS_FACTOR 64

/* Fewer collections than this between the first look and the last one do not tell a leak. */
#define PL_CENSUS_GO_CYCLES_MIN 3

struct pl_census_go_layout;

/* Where a program keeps the names of its functions and types; all 0: not found. */
struct pl_census_go_module {
	uint64_t text;
	uint64_t text_end;
	uint64_t names;
	uint64_t names_bytes;
	uint64_t functions;
	uint64_t function_count;
	uint64_t table;
	uint64_t types;
};

struct pl_census_go {
	uint64_t stats_address; /* of runtime.memstats.last_gc_unix */
	uint64_t spans_address; /* of runtime.mheap_.allspans */
	const struct pl_census_go_layout *layout;
	struct pl_census_go_module module;
	uint8_t *lines; /* pages of records that were read a moment ago */
	uint64_t *line_addresses;
	uint64_t pages_read;
	/* at the looks so far */
	uint64_t span_count;
	uint32_t cycles_first;
	uint32_t cycles_last;
	double end_first_s; /* of the collection before that look, on the monotonic clock */
	double end_last_s;
	double live_first_bytes; /* objects and stacks */
	double live_last_bytes;
};

/*
 * Finds the tables in the program's data. Returns 0, -ENOMEM, or -ENOENT when they are not there:
 * no collection has ended yet, or a runtime that is not known.
 */
int pl_census_go_find(struct pl_census_target *target, struct pl_census_go *out);
void pl_census_go_close(struct pl_census_go *go);

/* Which spans are read. */
struct pl_census_go_sample {
	uint64_t *indices; /* of the spans, in allspans */
	uint8_t *strata;   /* as those of the panel */
	uint32_t old_max;  /* of the spans that there are at the first look */
	uint32_t new_max;  /* of those that each later look finds */
	uint64_t *random;
};

/*
 * Counts what is alive; the panel's unit is a span. Sets the panel's time of this look to the end
 * of the last collection, in seconds after the one of the first look. Returns 0, -ENOMEM, or -ESRCH
 * when the tables are not what they were.
 */
int pl_census_go_look(struct pl_census_go *go, struct pl_census_target *target, unsigned look,
                      const struct pl_census_go_sample *sample, struct pl_census_panel *panel,
                      struct pl_census_cells *out);

#define PL_CENSUS_GO_OBJECTS_MAX 8192

/* The objects of a span, or its stacks. */
struct pl_census_go_objects {
	uint64_t start;
	uint64_t bytes; /* of each */
	uint64_t count;
	uint64_t bits[PL_CENSUS_GO_OBJECTS_MAX / 64]; /* which are alive; of stacks it is not known */
};

/* Those of the span at `index` of the list. False when it has none. */
bool pl_census_go_objects_of(struct pl_census_go *go, struct pl_census_target *target,
                             uint64_t index, struct pl_census_go_objects *out);

/*
 * Adds to `name` what most of the objects that became more have in common: at one place in them a
 * pointer to a function, a method table or a type of the program; of stacks, which functions they
 * are in, the first one in the name. `looks` and `indices` are those of the looks.
 */
void pl_census_go_point(struct pl_census_go *go, struct pl_census_target *target,
                        const uint64_t *indices,
                        const struct pl_census_cells looks[PL_CENSUS_LOOKS], uint64_t key,
                        struct pl_census_name *name);

/* Whether runtime.firstmoduledata is at `address`, where `words` are (naming_go.c). */
bool pl_census_go_is_module(struct pl_census_target *target, uint64_t address,
                            const uint64_t words[4], struct pl_census_go_module *out);

/* The function that `address` is in. False when it is in none. */
bool pl_census_go_function(const struct pl_census_go_module *module,
                           struct pl_census_target *target, uint64_t address, char *out,
                           size_t size);

/* The type at `address`, or that of the table of methods there: "*T as I". False for neither. */
bool pl_census_go_type(const struct pl_census_go_module *module, struct pl_census_target *target,
                       uint64_t address, char *out, size_t size);

/* Of a key of PL_CENSUS_KEY_GO: the size of such an object; 0 for stacks, which are no objects. */
uint64_t pl_census_go_object_bytes(uint64_t key);

/* The name of such a key. */
void pl_census_go_name(uint64_t key, struct pl_census_name *out);

#endif
