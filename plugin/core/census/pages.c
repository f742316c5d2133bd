#include "census/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void pl_census_pages_free(struct pl_census_pages *pages)
{
	free(pages->windows);
	*pages = (struct pl_census_pages){ .page_bytes = pages->page_bytes };
}

struct pl_census_window *pl_census_pages_append(struct pl_census_pages *pages, uint64_t base)
{
	if (pages->count > 0 && pages->windows[pages->count - 1].base == base)
		return &pages->windows[pages->count - 1];
	if (pages->count == pages->capacity) {
		const size_t capacity = pages->capacity == 0 ? 64 : pages->capacity * 2;
		void *grown = realloc(pages->windows, capacity * sizeof(*pages->windows));

		if (!grown)
			return NULL;
		pages->windows = grown;
		pages->capacity = capacity;
	}
	pages->windows[pages->count] = (struct pl_census_window){ .base = base };
	return &pages->windows[pages->count++];
}

static const struct pl_census_window *find(const struct pl_census_pages *pages, uint64_t base)
{
	size_t low = 0;
	size_t count = pages->count;

	while (count > 0) {
		const size_t half = count / 2;

		if (pages->windows[low + half].base < base) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	if (low == pages->count || pages->windows[low].base != base)
		return NULL;
	return &pages->windows[low];
}

bool pl_census_pages_has(const struct pl_census_pages *pages, uint64_t address)
{
	const uint64_t window_bytes = pages->page_bytes * PL_CENSUS_WINDOW_PAGES;
	const struct pl_census_window *window = find(pages, address - address % window_bytes);
	const uint64_t bit = address % window_bytes / pages->page_bytes;

	return window && (window->bits[bit / 64] >> (bit % 64) & 1);
}

static unsigned window_count(const struct pl_census_window *window)
{
	unsigned count = 0;

	for (size_t i = 0; i < PL_CENSUS_WINDOW_WORDS; i++)
		count += (unsigned)__builtin_popcountll(window->bits[i]);
	return count;
}

uint64_t pl_census_pages_count(const struct pl_census_pages *pages)
{
	uint64_t count = 0;

	for (size_t i = 0; i < pages->count; i++)
		count += window_count(&pages->windows[i]);
	return count;
}

int pl_census_pages_minus(const struct pl_census_pages *a, const struct pl_census_pages *b,
                          struct pl_census_pages *out)
{
	*out = (struct pl_census_pages){ .page_bytes = a->page_bytes };
	for (size_t i = 0; i < a->count; i++) {
		const struct pl_census_window *other = find(b, a->windows[i].base);
		struct pl_census_window *window = pl_census_pages_append(out, a->windows[i].base);

		if (!window) {
			pl_census_pages_free(out);
			return -ENOMEM;
		}
		for (size_t w = 0; w < PL_CENSUS_WINDOW_WORDS; w++)
			window->bits[w] = a->windows[i].bits[w] & ~(other ? other->bits[w] : 0);
		if (window_count(window) == 0)
			out->count--;
	}
	return 0;
}

int pl_census_pages_join(struct pl_census_pages *into, const struct pl_census_pages *from)
{
	struct pl_census_pages joined = { .page_bytes = into->page_bytes };
	size_t a = 0;
	size_t b = 0;

	while (a < into->count || b < from->count) {
		const uint64_t a_base = a < into->count ? into->windows[a].base : UINT64_MAX;
		const uint64_t b_base = b < from->count ? from->windows[b].base : UINT64_MAX;
		struct pl_census_window *window =
			pl_census_pages_append(&joined, a_base < b_base ? a_base : b_base);

		if (!window) {
			pl_census_pages_free(&joined);
			return -ENOMEM;
		}
		for (size_t w = 0; w < PL_CENSUS_WINDOW_WORDS; w++)
			window->bits[w] = (a_base <= b_base ? into->windows[a].bits[w] : 0) |
			                  (b_base <= a_base ? from->windows[b].bits[w] : 0);
		a += a_base <= b_base;
		b += b_base <= a_base;
	}
	pl_census_pages_free(into);
	*into = joined;
	return 0;
}

uint64_t pl_census_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Address of the `rank`th page of a window that has more than so many. */
static uint64_t page_of_rank(const struct pl_census_window *window, uint64_t rank,
                             uint64_t page_bytes)
{
	for (size_t w = 0; w < PL_CENSUS_WINDOW_WORDS; w++) {
		uint64_t bits = window->bits[w];
		const unsigned here = (unsigned)__builtin_popcountll(bits);

		if (rank >= here) {
			rank -= here;
			continue;
		}
		for (; rank > 0; rank--)
			bits &= bits - 1;
		return window->base + (w * 64 + (unsigned)__builtin_ctzll(bits)) * page_bytes;
	}
	return window->base;
}

size_t pl_census_pages_pick(const struct pl_census_pages *pages, size_t want, uint64_t *state,
                            uint64_t *out)
{
	const uint64_t total = pl_census_pages_count(pages);
	uint64_t before = 0; /* pages in the windows passed over */
	size_t at = 0;

	if (total < want)
		want = (size_t)total;
	for (size_t i = 0; i < want; i++) {
		/* no overflow: 2^24 pages and 2^20 parts are far below 2^64 */
		const uint64_t first = total * i / want;
		const uint64_t next = total * (i + 1) / want;
		const uint64_t rank = first + pl_census_random(state) % (next - first);

		while (before + window_count(&pages->windows[at]) <= rank)
			before += window_count(&pages->windows[at++]);
		out[i] = page_of_rank(&pages->windows[at], rank - before, pages->page_bytes);
	}
	return want;
}
