/*
 * Boundaries of glibc's malloc chunks, found inside a single page.
 *
 * Each chunk begins with its size and three flags, and where it ends the next one begins, so that
 * the true boundaries of a page form the longest chain of plausible sizes in it. What leads out of
 * the page is followed through `peek`. Pure but for that callback. The layout (malloc.c, struct
 * malloc_chunk) is the same since glibc 2.3 on 64 bits: sizes are multiples of 16.
 */
#ifndef PL_CENSUS_CHUNKS_H
#define PL_CENSUS_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pl_census_chunk {
	uint32_t word;  /* index of its size in the page; the user's bytes follow it */
	uint64_t bytes; /* with the header, as malloc counts */
	bool free;      /* surely; before glibc 2.32 what rests in a cache looks as if in use */
};

/* Reads the word at `address` of the target; false when it is not there. */
typedef bool pl_census_peek_fn(void *ctx, uint64_t address, uint64_t *out);

#define PL_CENSUS_CHUNK_BYTES_MAX (UINT64_C(1) << 26) /* glibc's arenas end at 64 MiB */
#define PL_CENSUS_PAGE_WORDS_MAX 8192                 /* pages of 64 KiB */

/*
 * Finds the chunks whose size word is in the page of `word_count` words at `address`, ascending.
 * Returns how many were written; 0 when the page shows no chunk for certain.
 */
size_t pl_census_chunks_find(const uint64_t *words, size_t word_count, uint64_t address,
                             pl_census_peek_fn *peek, void *ctx, struct pl_census_chunk *out,
                             size_t capacity);

/* The bytes of the chunk that a request gets. */
uint64_t pl_census_chunk_bytes(uint64_t request_bytes);

/* The bytes that a request must have asked malloc for to get a chunk of so many. */
uint64_t pl_census_chunk_request_min(uint64_t chunk_bytes);
uint64_t pl_census_chunk_request_max(uint64_t chunk_bytes);

#endif
