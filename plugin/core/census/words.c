#include "census/words.h"

#include <stdlib.h>
#include <string.h>

/* No program file lies below, and none above what user space can address. */
#define ADDRESS_MIN UINT64_C(0x10000)
#define ADDRESS_MAX (UINT64_C(1) << 56)
#define REFERENCES_MAX (UINT64_C(1) << 30) /* more is no count, or an immortal object */

uint64_t pl_census_word_at(const uint8_t *bytes, size_t at)
{
	uint64_t word;

	memcpy(&word, bytes + at, sizeof(word));
	return word;
}

void pl_census_hits_free(struct pl_census_hits *hits)
{
	free(hits->hits);
	*hits = (struct pl_census_hits){ 0 };
}

static void add(struct pl_census_hits *hits, struct pl_census_hit hit)
{
	if (hits->count == hits->capacity) {
		const size_t capacity = hits->capacity == 0 ? 4096 : hits->capacity * 2;
		void *grown = capacity > PL_CENSUS_HITS_MAX
		                  ? NULL
		                  : realloc(hits->hits, capacity * sizeof(*hits->hits));

		if (!grown) {
			hits->lost_count++;
			return;
		}
		hits->hits = grown;
		hits->capacity = capacity;
	}
	hits->hits[hits->count++] = hit;
}

/* A type lies on the heap, or in the writable part of a program file. */
static bool may_be_type(const struct pl_census_space *space, uint64_t word)
{
	const struct pl_census_mapping *mapping =
		word % 16 == 0 ? pl_census_mapping_find(space->mappings, space->mapping_count, word) : NULL;

	return mapping && mapping->readable && mapping->writable && !mapping->shared;
}

static bool is_python(const struct pl_census_space *space, const uint64_t *words, size_t i)
{
	return space->python && i % 2 == 1 && words[i - 1] >= 1 && words[i - 1] <= REFERENCES_MAX &&
	       may_be_type(space, words[i]);
}

static void add_sizes(const struct pl_census_chunk *chunks, size_t chunk_count, uint32_t page,
                      struct pl_census_hits *out)
{
	for (size_t i = 0; i < chunk_count; i++)
		if (!chunks[i].free)
			add(out, (struct pl_census_hit){ .key = chunks[i].bytes,
			                                 .page = page,
			                                 .word = (uint16_t)chunks[i].word,
			                                 .kind = PL_CENSUS_KEY_SIZE,
			                                 .chunk_bytes = (uint32_t)chunks[i].bytes });
}

/* Puts the hit into its chunk, if that begins in this page. */
static void place(struct pl_census_hit *hit, const struct pl_census_chunk *chunk)
{
	const uint64_t offset = (hit->word - UINT64_C(1) - chunk->word) * 8;

	/* the user's part reaches 8 bytes into the next chunk's header */
	if (offset + 8 > chunk->bytes - 8)
		return;
	hit->chunk_bytes = (uint32_t)chunk->bytes;
	hit->offset_bytes = (uint32_t)offset;
}

void pl_census_words_find(const struct pl_census_space *space, const uint64_t *words,
                          size_t word_count, uint32_t page, const struct pl_census_chunk *chunks,
                          size_t chunk_count, struct pl_census_hits *out)
{
	size_t next_chunk = 0;

	add_sizes(chunks, chunk_count, page, out);
	for (size_t i = 0; i < word_count; i++) {
		struct pl_census_hit hit = { .key = words[i], .page = page, .word = (uint16_t)i };

		while (next_chunk < chunk_count && chunks[next_chunk].word < i)
			next_chunk++;
		if (words[i] < ADDRESS_MIN || words[i] >= ADDRESS_MAX)
			continue;
		if (is_python(space, words, i))
			hit.kind = PL_CENSUS_KEY_PYTHON;
		else if (pl_census_maps_find(space->modules, space->module_count, words[i]))
			hit.kind = PL_CENSUS_KEY_POINTER;
		else
			continue;
		if (next_chunk > 0 && chunks[next_chunk - 1].free)
			continue;
		if (next_chunk > 0)
			place(&hit, &chunks[next_chunk - 1]);
		add(out, hit);
	}
}

static int compare(const void *a_pointer, const void *b_pointer)
{
	const struct pl_census_hit *a = a_pointer;
	const struct pl_census_hit *b = b_pointer;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->page != b->page)
		return a->page < b->page ? -1 : 1;
	return (a->word > b->word) - (a->word < b->word);
}

void pl_census_hits_sort(struct pl_census_hits *hits)
{
	if (hits->count > 1)
		qsort(hits->hits, hits->count, sizeof(*hits->hits), compare);
}
