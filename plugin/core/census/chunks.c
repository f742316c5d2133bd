#include "census/chunks.h"

#include <string.h>

#define FLAG_PREVIOUS_IN_USE 1u
#define FLAG_MMAPPED 2u
#define FLAG_OTHER_ARENA 4u
#define FLAGS 7u
#define THREAD_CACHED_BYTES_MAX 1040u /* by default */
#define FAST_BYTES_MAX 128u           /* so, too */
#define POSITION_SHIFT 12
#define CHUNK_BYTES_MIN 32u
#define CHUNK_ALIGN 16u

/* A chain this long is believed when one more boundary confirms it, a shorter one needs three. */
#define LONG_CHAIN 3
#define SHORT_CHAIN_LINKS 3
#define CANDIDATES_MAX 6

struct page {
	const uint64_t *words;
	size_t count;
	uint64_t address;
	pl_census_peek_fn *peek;
	void *ctx;
	uint16_t chain[PL_CENSUS_PAGE_WORDS_MAX]; /* boundaries from here to the end of the page */
};

static uint64_t size_of(uint64_t word)
{
	return word & ~(uint64_t)FLAGS;
}

static bool plausible(uint64_t word)
{
	const uint64_t bytes = size_of(word);

	return (word & FLAG_MMAPPED) == 0 && bytes % CHUNK_ALIGN == 0 && bytes >= CHUNK_BYTES_MIN &&
	       bytes <= PL_CENSUS_CHUNK_BYTES_MAX;
}

/* A chunk before this one that is free left its size in front of it, and begins with the same. */
static bool agrees_with_previous(const struct page *page, size_t i)
{
	const uint64_t bytes = page->words[i - 1];

	if (page->words[i] & FLAG_PREVIOUS_IN_USE)
		return true;
	if (bytes % CHUNK_ALIGN != 0 || bytes < CHUNK_BYTES_MIN || bytes > PL_CENSUS_CHUNK_BYTES_MAX)
		return false;
	return bytes / 8 > i || size_of(page->words[i - bytes / 8]) == bytes;
}

/*
 * Chunks in use of any arena but the main one say so; those that are free do not, and the rest of
 * the heap (top) does not. Whether the chunk at `next` is free tells the one behind it: taken as so
 * where that is out of the page.
 */
static bool same_arena(const struct page *page, size_t i, size_t next)
{
	const uint64_t word = page->words[i];
	const uint64_t next_word = page->words[next];
	const size_t end = next + size_of(next_word) / 8;

	if (((next_word ^ word) & FLAG_OTHER_ARENA) == 0)
		return true;
	if ((word & FLAG_OTHER_ARENA) == 0)
		return (next_word & FLAG_PREVIOUS_IN_USE) == 0;
	return end >= page->count || (page->words[end] & FLAG_PREVIOUS_IN_USE) == 0;
}

static void link_chains(struct page *page)
{
	memset(page->chain, 0, page->count * sizeof(page->chain[0]));
	/* the word at 8 modulo 16 holds the size: odd places */
	for (size_t i = page->count - 1; i < page->count; i -= 2) {
		const uint64_t word = page->words[i];
		const size_t next = i + size_of(word) / 8;

		if (!plausible(word) || !agrees_with_previous(page, i))
			continue;
		if (next >= page->count)
			page->chain[i] = 1;
		else if (page->chain[next] > 0 && same_arena(page, i, next))
			page->chain[i] = (uint16_t)(page->chain[next] + 1);
	}
}

/* Follows boundaries beyond the page. Sets *free_at_end for the chunk that leads out of it. */
static unsigned follow(const struct page *page, size_t i, unsigned links, bool *free_at_end)
{
	uint64_t before = page->words[i];
	uint64_t address = page->address + i * 8 + size_of(before);
	bool must_be_free = false; /* the one that led here: see same_arena() */

	for (unsigned seen = 0; seen < links; seen++) {
		uint64_t word;
		bool differs;

		if (!page->peek(page->ctx, address, &word) || !plausible(word))
			return seen;
		if (must_be_free && (word & FLAG_PREVIOUS_IN_USE) != 0)
			return seen - 1;
		differs = ((word ^ before) & FLAG_OTHER_ARENA) != 0;
		must_be_free = differs && (word & FLAG_OTHER_ARENA) == 0;
		if (differs && !must_be_free && (word & FLAG_PREVIOUS_IN_USE) != 0)
			return seen;
		if (seen == 0)
			*free_at_end = (word & FLAG_PREVIOUS_IN_USE) == 0;
		before = word;
		address += size_of(word);
	}
	return links;
}

static size_t last_of_chain(const struct page *page, size_t i)
{
	while (page->chain[i] > 1)
		i += size_of(page->words[i]) / 8;
	return i;
}

static bool has_size(const struct page *page, uint64_t address, uint64_t bytes)
{
	const uint64_t at = address - page->address;
	uint64_t word;

	if (at / 8 < page->count)
		word = page->words[at / 8];
	else if (!page->peek(page->ctx, address, &word))
		return false;
	return size_of(word) == bytes;
}

/*
 * A small chunk that was freed rests in a list of its size, of the thread (tcache) or of the arena
 * (fastbin), while its neighbours believe it in use. Its first word is then the next one of that
 * list or 0, mixed with its own place (since glibc 2.32: "safe linking"), which leads to a chunk of
 * the same size: to the user's part of it, or to 16 bytes before that. What malloc hands out and
 * nobody has written to yet holds the same link; but a thread's list marks what is in it by the
 * second word, and clears that.
 */
static bool is_cached(const struct page *page, size_t i)
{
	const uint64_t bytes = size_of(page->words[i]);
	const uint64_t place = page->address + (i + 1) * 8;
	uint64_t next;
	bool marked;

	if (bytes > THREAD_CACHED_BYTES_MAX || i + 2 >= page->count)
		return false;
	next = page->words[i + 1] ^ (place >> POSITION_SHIFT);
	marked = page->words[i + 2] != 0;
	if (next == 0)
		return marked;
	if (next % CHUNK_ALIGN != 0)
		return false;
	return (marked && has_size(page, next - 8, bytes)) ||
	       (bytes <= FAST_BYTES_MAX && has_size(page, next + 8, bytes));
}

static size_t write_chain(const struct page *page, size_t i, bool keep_last, bool free_at_end,
                          struct pl_census_chunk *out, size_t capacity)
{
	size_t used = 0;

	for (; used < capacity; i += size_of(page->words[i]) / 8) {
		const uint64_t bytes = size_of(page->words[i]);
		const bool is_last = page->chain[i] == 1;
		const bool is_free =
			is_last ? free_at_end : (page->words[i + bytes / 8] & FLAG_PREVIOUS_IN_USE) == 0;

		if (is_last && !keep_last)
			break;
		out[used++] = (struct pl_census_chunk){ (uint32_t)i, bytes, is_free || is_cached(page, i) };
		if (is_last)
			break;
	}
	return used;
}

/* The first place of the longest chain, or 0. */
static size_t longest_chain(const struct page *page)
{
	size_t best = 0;

	for (size_t i = 1; i < page->count; i += 2)
		if (page->chain[i] > (best ? page->chain[best] : 0))
			best = i;
	return best;
}

/* Short chains are easily chance: tries the few that there are until one is confirmed. */
static size_t find_short(const struct page *page, struct pl_census_chunk *out, size_t capacity)
{
	unsigned tried = 0;

	for (unsigned length = LONG_CHAIN - 1; length > 0; length--) {
		for (size_t i = 1; i < page->count && tried < CANDIDATES_MAX; i += 2) {
			bool free_at_end = false;

			if (page->chain[i] != length)
				continue;
			tried++;
			if (follow(page, last_of_chain(page, i), SHORT_CHAIN_LINKS, &free_at_end) ==
			    SHORT_CHAIN_LINKS)
				return write_chain(page, i, true, free_at_end, out, capacity);
		}
	}
	return 0;
}

size_t pl_census_chunks_find(const uint64_t *words, size_t word_count, uint64_t address,
                             pl_census_peek_fn *peek, void *ctx, struct pl_census_chunk *out,
                             size_t capacity)
{
	struct page page = { words, word_count, address, peek, ctx, { 0 } };
	bool free_at_end = false;
	size_t first;
	bool confirmed;

	if (word_count < 4 || word_count % 2 != 0 || word_count > PL_CENSUS_PAGE_WORDS_MAX)
		return 0;
	link_chains(&page);
	first = longest_chain(&page);
	if (first == 0)
		return 0;
	if (page.chain[first] < LONG_CHAIN)
		return find_short(&page, out, capacity);
	confirmed = follow(&page, last_of_chain(&page, first), 1, &free_at_end) == 1;
	/* the last chunk of a heap is what remains of it: it leads to its end, where nothing is */
	if (!confirmed && page.chain[first] <= LONG_CHAIN)
		return 0;
	return write_chain(&page, first, confirmed, free_at_end, out, capacity);
}

uint64_t pl_census_chunk_bytes(uint64_t request_bytes)
{
	const uint64_t bytes = (request_bytes + 8 + CHUNK_ALIGN - 1) & ~(uint64_t)(CHUNK_ALIGN - 1);

	return bytes < CHUNK_BYTES_MIN ? CHUNK_BYTES_MIN : bytes;
}

uint64_t pl_census_chunk_request_min(uint64_t chunk_bytes)
{
	return chunk_bytes <= CHUNK_BYTES_MIN ? 1 : chunk_bytes - 8 - CHUNK_ALIGN + 1;
}

uint64_t pl_census_chunk_request_max(uint64_t chunk_bytes)
{
	return chunk_bytes - 8;
}
