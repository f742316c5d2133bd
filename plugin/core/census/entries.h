/*
 * From growths with names to what is told of a leak: which entries, in which order, how sure.
 *
 * Knows what can be believed and what tells most. Pure: no I/O, no allocation.
 */
#ifndef PL_CENSUS_ENTRIES_H
#define PL_CENSUS_ENTRIES_H

#include "census/golang.h"
#include "census/tally.h"

/* What grew beyond chance. */
struct pl_census_candidate {
	struct pl_census_growth growth;
	struct pl_census_named named;
	double chance;         /* that this is luck, at most */
	uint64_t object_bytes; /* 0: not known */
	uint32_t offset_bytes; /* where in its chunk it is mostly found */
	bool in_chunks;        /* object_bytes is that of malloc's chunks */
	double gain_count;     /* growth before losses of the same name were set against it */
	bool is_loss;          /* growth is below 0: told of nobody, but see pl_census_entries_join() */
};

struct pl_census_heap {
	double bytes;        /* at the first look */
	double growth_bytes; /* until the last one */
	double lost_bytes;   /* of chunks of sizes that became less beyond chance */
};

/*
 * Whether a growth is to be named at all: see tally.h for z. `tried` is how many kinds of object
 * were compared. A size tells little, so that it must also matter to the heap, and the heap must
 * have grown with it: as a heap wears, small chunks that are free but kept apart by malloc
 * (fastbins) become more, and look as if in use; and one use of a size makes room for another. It
 * must be a good part of that growth, and more than what other sizes lost: buffers that become
 * larger pass through many sizes.
 */
bool pl_census_is_candidate(const struct pl_census_growth *growth, size_t tried,
                            const struct pl_census_heap *heap, double *chance);

/* What a size must gain at the least to matter to the heap. */
double pl_census_size_floor_bytes(const struct pl_census_heap *heap);

/* The size of the objects of a growth whose key is a size; 0 for any other key. */
uint64_t pl_census_sized_bytes(const struct pl_census_growth *growth);

/* Whether a kind became less beyond chance. Not of large chunks: one that is made larger moves. */
bool pl_census_is_loss(const struct pl_census_growth *growth);

/*
 * malloc does not split a chunk when what would be left of it is too small for one: some objects of
 * a size have 16 bytes more. Adds such a growth to the candidate whose rest it may be, and takes it
 * from the list where it is one by itself: it must be the smaller part by far. Call for every
 * growth.
 */
void pl_census_entries_add_rest(struct pl_census_candidate *candidates, size_t *count,
                                const struct pl_census_growth *growth);

/*
 * Joins what has one name, losses behind all others: one type may have several tables, of several
 * modules or (Rust) of several parts of one, and objects by one of them may take the place of those
 * by another. Drops what did not grow in all. Returns how many are left.
 */
size_t pl_census_entries_join(struct pl_census_candidate *candidates, size_t count);

/*
 * What tells the type of an object from beside a pointer to it (Rust) lies in an array that jumps
 * as it grows. Where a size that fits the type's objects grew as much, the count is that of the
 * size.
 */
void pl_census_entries_count_apart(struct pl_census_candidate *candidates, size_t count);

/*
 * Drops what did not grow little by little (see pl_census_steady()), and with it what grew as much
 * and tells less: its parts. *unsteady tells whether there was any. Returns how many are left.
 */
size_t pl_census_entries_drop_unsteady(struct pl_census_candidate *candidates, size_t count,
                                       const struct pl_census_panel *panel, bool *unsteady);

/*
 * Joins what has one name, drops what tells nothing, what another entry explains and what is small
 * beside the first, and puts the rest in order: an offset after the string of the same objects.
 * Returns how many are left.
 */
size_t pl_census_entries_order(struct pl_census_candidate *candidates, size_t count);

/* The size of the objects of one kind and key by their places: `hits` are sorted, and all of it. */
void pl_census_entries_measure(const struct pl_census_hit *hits, size_t count,
                               struct pl_census_candidate *out);

#endif
