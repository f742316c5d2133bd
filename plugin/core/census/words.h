/*
 * What a page of memory shows of the objects in it: pointers that tell a kind of object, and sizes.
 *
 * Knows which words may identify an object; refuses to know their names. Pure but for the memory of
 * the list. Of the page's contents only such words and their places are kept.
 */
#ifndef PL_CENSUS_WORDS_H
#define PL_CENSUS_WORDS_H

#include "census/chunks.h"
#include "census/maps.h"

enum pl_census_key_kind {
	PL_CENSUS_KEY_POINTER, /* an address inside a program file: virtual table, function, string */
	PL_CENSUS_KEY_PYTHON,  /* an address that follows a reference count: perhaps a Python type */
	PL_CENSUS_KEY_SIZE,    /* bytes of a chunk of glibc's malloc */
	PL_CENSUS_KEY_GO,      /* a size class of Go, or stacks: see golang.h */
};
#define PL_CENSUS_KEY_KINDS 4

/* A hit is one such word at one place. */
struct pl_census_hit {
	uint64_t key;
	uint32_t page;         /* index in the list of pages that are read */
	uint16_t word;         /* index in the page */
	uint8_t kind;          /* enum pl_census_key_kind */
	uint8_t spare;         /* 0 */
	uint32_t chunk_bytes;  /* of the chunk that holds it; 0: not known */
	uint32_t offset_bytes; /* from the begin of the user's part of that chunk */
};

struct pl_census_hits {
	struct pl_census_hit *hits;
	size_t count;
	size_t capacity;
	uint64_t lost_count; /* for want of memory */
};

#define PL_CENSUS_HITS_MAX (UINT32_C(1) << 20)

void pl_census_hits_free(struct pl_census_hits *hits);

/* The target's address space, as far as pointers into it tell something. */
struct pl_census_space {
	const struct pl_census_mapping *mappings;
	size_t mapping_count;
	const struct pl_census_module *modules;
	size_t module_count;
	bool python; /* look for reference counts too */
};

/* Adds the hits of one page. `chunks` are those of pl_census_chunks_find(). */
void pl_census_words_find(const struct pl_census_space *space, const uint64_t *words,
                          size_t word_count, uint32_t page, const struct pl_census_chunk *chunks,
                          size_t chunk_count, struct pl_census_hits *out);

/* The word at an offset of bytes that were copied, aligned or not. */
uint64_t pl_census_word_at(const uint8_t *bytes, size_t at);

/* Orders hits by kind, key, page and place. */
void pl_census_hits_sort(struct pl_census_hits *hits);

#endif
