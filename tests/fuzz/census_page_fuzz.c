/* A page of a process' heap is hostile too: chunks lie in it, ascend, and are as large as can be.
 */
#include "fuzz.h"

#include "census/words.h"

#define WORDS 512
#define ADDRESS 0x55d001000000

struct rest {
	const uint8_t *data;
	size_t size;
	unsigned peeks;
};

/* The rest of the input answers for what lies beyond the page. */
static bool peek(void *ctx, uint64_t address, uint64_t *out)
{
	struct rest *rest = ctx;

	/* links of malloc's lists may lead anywhere, but there are two ways to read each, at most */
	fuzz_expect(++rest->peeks < 100 + 2 * (WORDS / 4));
	if (rest->size < sizeof(*out))
		return false;
	memcpy(out, rest->data + address % (rest->size - sizeof(*out) + 1), sizeof(*out));
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pl_census_mapping mapping = {
		.start = 0x400000, .end = 0x500000, .inode = 1, .readable = true, .writable = true
	};
	static const struct pl_census_module module = { 0x400000, 0x500000, 0, 1 };
	const struct pl_census_space space = { &mapping, 1, &module, 1, true };
	struct rest rest = { NULL, 0, 0 };
	struct pl_census_chunk chunks[WORDS / 4];
	struct pl_census_hits hits = { 0 };
	uint64_t words[WORDS] = { 0 };
	const size_t page = size < sizeof(words) ? size : sizeof(words);
	size_t count;

	if (page > 0)
		memcpy(words, data, page);
	if (size > page)
		rest = (struct rest){ data + page, size - page, 0 };
	count = pl_census_chunks_find(words, WORDS, ADDRESS, peek, &rest, chunks, WORDS / 4);
	fuzz_expect(count <= WORDS / 4);
	for (size_t i = 0; i < count; i++) {
		fuzz_expect(chunks[i].word < WORDS && chunks[i].bytes <= PL_CENSUS_CHUNK_BYTES_MAX);
		fuzz_expect(i == 0 || chunks[i].word == chunks[i - 1].word + chunks[i - 1].bytes / 8);
	}
	pl_census_words_find(&space, words, WORDS, 3, chunks, count, &hits);
	for (size_t i = 0; i < hits.count; i++)
		fuzz_expect(hits.hits[i].word < WORDS &&
		            hits.hits[i].offset_bytes <= hits.hits[i].chunk_bytes);
	pl_census_hits_sort(&hits);
	pl_census_hits_free(&hits);
	return 0;
}
