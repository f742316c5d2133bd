/* Mappings, sets of pages, chunks of malloc and words of a page: what a census reads. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "census/naming.h"
#include "census/pages.h"
#include "census/target.h"
#include "census/words.h"
#include "tap.h"

static const char maps_text[] =
	"55d000000000-55d000002000 r--p 00000000 fe:00 11  /usr/bin/server\n"
	"55d000002000-55d000008000 r-xp 00002000 fe:00 11  /usr/bin/server\n"
	"55d000008000-55d000009000 rw-p 00007000 fe:00 11  /usr/bin/server\n"
	"55d000009000-55d00000a000 rw-p 00000000 00:00 0 \n"
	"55d001000000-55d001200000 rw-p 00000000 00:00 0   [heap]\n"
	"7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
	"7f0000021000-7f0004000000 ---p 00000000 00:00 0 \n"
	"7f0010000000-7f0010001000 ---p 00000000 00:00 0 \n"
	"7f0010001000-7f0010801000 rw-p 00000000 00:00 0 \n"
	"7f0010900000-7f0010a00000 rw-s 00000000 00:01 12  /dev/zero (deleted)\n"
	"7f0010a00000-7f0010b00000 r--p 00000000 fe:00 13  /srv/a\\012b (deleted)\n"
	"7f0010b00000-7f0010b80000 rw-p 00000000 00:00 0   [anon:pool]\n"
	"7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0   [stack]\n";
#define MAPPINGS 32

static void test_maps(void)
{
	struct pl_census_mapping mappings[MAPPINGS];
	struct pl_census_module modules[4];
	char path[64];
	uint64_t start = 0;
	const ssize_t count =
		pl_census_maps_parse(maps_text, sizeof(maps_text) - 1, mappings, MAPPINGS);

	is_num(count, 13, "every line is a mapping");
	is_num(pl_census_maps_parse(maps_text, sizeof(maps_text) - 1, mappings, 5), -E2BIG,
	       "more than there is room for");
	is_num(pl_census_maps_parse(maps_text, sizeof(maps_text) - 2, mappings, MAPPINGS), -EBADMSG,
	       "a text that was cut");
	is_num(pl_census_maps_parse("7000-6000 rw-p 0 0:0 0 \n", 24, mappings, MAPPINGS), -EBADMSG,
	       "a mapping that ends before it begins");
	if (pl_census_maps_parse(maps_text, sizeof(maps_text) - 1, mappings, MAPPINGS) != 13)
		return;
	is_num(pl_census_maps_modules(mappings, 13, modules, 4), 1, "a file without code is no module");
	ok(modules[0].low == 0x55d000000000 && modules[0].high == 0x55d000009000, "its extent");
	ok(pl_census_maps_find(modules, 1, 0x55d000008fff) == &modules[0] &&
	       !pl_census_maps_find(modules, 1, 0x55d000009000) &&
	       !pl_census_maps_find(modules, 1, 0x54d000000000),
	   "an address is inside a module or not");
	ok(pl_census_mapping_find(mappings, 13, 0x7f0010a00000) == &mappings[10] &&
	       !pl_census_mapping_find(mappings, 13, 0x7f0010800fff + 2),
	   "a mapping is found by an address");
	ok(pl_census_maps_heap(&mappings[4], &mappings[3], 1 << 23, &start), "[heap] holds objects");
	ok(pl_census_maps_heap(&mappings[5], &mappings[4], 1 << 23, &start) && start == 0x7f0000000000,
	   "and so does an arena");
	ok(!pl_census_maps_heap(&mappings[8], &mappings[7], 1 << 23, &start), "a thread's stack not");
	ok(pl_census_maps_heap(&mappings[8], &mappings[7], 1 << 20, &start) && start == 0x7f0010101000,
	   "what lies above a stack does");
	ok(!pl_census_maps_heap(&mappings[9], NULL, 0, &start), "shared memory not");
	ok(!pl_census_maps_heap(&mappings[2], NULL, 0, &start), "a program's variables not");
	ok(pl_census_maps_heap(&mappings[11], NULL, 0, &start), "named anonymous memory does");
	ok(!pl_census_maps_heap(&mappings[12], NULL, 0, &start), "the main stack not");
	is_num(pl_census_maps_path(&mappings[10], path, sizeof(path)), 8, "a path without its marks");
	is_str(path, "/srv/a\nb", "escapes are undone");
	is_num(pl_census_maps_path(&mappings[10], path, 8), -ENAMETOOLONG, "one byte too many");
}

static void set_page(struct pl_census_pages *pages, uint64_t page)
{
	struct pl_census_window *window = pl_census_pages_append(pages, page / 512 * 512 * 4096);

	if (window)
		window->bits[page % 512 / 64] |= UINT64_C(1) << (page % 64);
}

static void test_pages(void)
{
	struct pl_census_pages a = { .page_bytes = 4096 };
	struct pl_census_pages b = { .page_bytes = 4096 };
	struct pl_census_pages left = { 0 };
	uint64_t state = 1;
	uint64_t picked[700];
	bool inside = true;
	bool ascending = true;

	for (uint64_t page = 100; page < 2100; page += 3)
		set_page(&a, page);
	for (uint64_t page = 100; page < 1100; page++)
		set_page(&b, page);
	is_num(pl_census_pages_count(&a), 667, "pages are counted over windows");
	ok(pl_census_pages_has(&a, 103 * 4096 + 17) && !pl_census_pages_has(&a, 104 * 4096), "has");
	is_num(pl_census_pages_minus(&a, &b, &left), 0, "what is in one and not the other");
	is_num(pl_census_pages_count(&left), 333, "is counted");
	ok(!pl_census_pages_has(&left, 1099 * 4096) && pl_census_pages_has(&left, 1102 * 4096),
	   "is so");
	is_num(pl_census_pages_pick(&a, 100, &state, picked), 100, "a sample has the wanted size");
	for (size_t i = 0; i < 100; i++) {
		inside = inside && pl_census_pages_has(&a, picked[i]);
		ascending = ascending && (i == 0 || picked[i] > picked[i - 1]);
	}
	ok(inside && ascending, "of different pages of the set");
	is_num(pl_census_pages_pick(&a, 700, &state, picked), 667, "or is all of them");
	ok(picked[0] == 100 * 4096 && picked[666] == 2098 * 4096, "from the first to the last");
	is_num(pl_census_pages_join(&a, &b), 0, "two sets are joined");
	is_num(pl_census_pages_count(&a), 1333, "without counting twice");
	pl_census_pages_free(&left);
	is_num(pl_census_pages_pick(&left, 10, &state, picked), 0, "nothing is picked of nothing");
	pl_census_pages_free(&a);
	pl_census_pages_free(&b);
}

#define PAGE_WORDS 512
#define HEAP 0x55d001000000

/* Pages of heap, of which the first one is read and the others are only peeked into. */
#define HEAP_WORDS (5 * PAGE_WORDS)
struct heap {
	uint64_t words[HEAP_WORDS];
	bool rest_is_there;
	unsigned peeks;
};

static bool peek(void *ctx, uint64_t address, uint64_t *out)
{
	struct heap *heap = ctx;
	const uint64_t at = (address - HEAP) / 8;

	heap->peeks++;
	if (address < HEAP || at >= HEAP_WORDS || (at >= PAGE_WORDS && !heap->rest_is_there))
		return false;
	*out = heap->words[at];
	return true;
}

/* Lays chunks of these sizes from byte `from` on, until the heap is full; returns their number on
 * the first page. */
static size_t lay_chunks(struct heap *heap, size_t from, const size_t *sizes, size_t size_count)
{
	size_t count = 0;
	size_t at = from;

	for (size_t i = 0; at + 16 < sizeof(heap->words); i++) {
		heap->words[at / 8 + 1] = sizes[i % size_count] | 1;
		count += at / 8 + 1 < PAGE_WORDS;
		at += sizes[i % size_count];
	}
	return count;
}

static size_t find(struct heap *heap, struct pl_census_chunk *out)
{
	heap->peeks = 0;
	return pl_census_chunks_find(heap->words, PAGE_WORDS, HEAP, peek, heap, out, PAGE_WORDS / 4);
}

static void test_chunks(void)
{
	static const size_t small[] = { 48, 32, 144, 80 };
	static const size_t large[] = { 4112 };
	static const size_t medium[] = { 1040 };
	static struct heap heap;
	struct pl_census_chunk chunks[PAGE_WORDS / 4];
	size_t laid;

	heap = (struct heap){ .rest_is_there = true };
	is_num(find(&heap, chunks), 0, "an empty page shows no chunk");
	laid = lay_chunks(&heap, 32, small, 4);
	is_num(find(&heap, chunks), laid, "all chunks of a page are found");
	ok(chunks[0].word == 5 && chunks[0].bytes == 48 && chunks[1].bytes == 32 && !chunks[0].free,
	   "with place and size");
	/* the chunk after the third says that the third one is free, and repeats its size */
	heap.words[chunks[3].word] &= ~UINT64_C(1);
	heap.words[chunks[3].word - 1] = 144;
	is_num(find(&heap, chunks), laid, "a free chunk breaks no chain");
	ok(chunks[2].free && !chunks[1].free && !chunks[3].free, "and is known to be free");
	heap.rest_is_there = false;
	is_num(find(&heap, chunks), laid - 1, "the last one is left out where nothing confirms it");

	heap = (struct heap){ .rest_is_there = true };
	laid = lay_chunks(&heap, 48, medium, 1);
	is_num(find(&heap, chunks), laid, "few chunks are confirmed beyond the page");
	for (size_t i = 0; i < PAGE_WORDS; i++)
		heap.words[i] = 0x6262626262626262;
	heap.words[101] = 0x31;
	heap.rest_is_there = false;
	is_num(find(&heap, chunks), 0, "a number that could be a size is no chunk by itself");
	ok(heap.peeks < 40, "and is looked into in bounds");
	heap = (struct heap){ .rest_is_there = true };
	lay_chunks(&heap, 3008, large, 1);
	is_num(find(&heap, chunks), 1, "a single boundary is believed when three more follow");
	ok(chunks[0].word == 377 && chunks[0].bytes == 4112, "and is that of a large chunk");
	heap.words[377 + 3 * 514] = 0x62;
	is_num(find(&heap, chunks), 0, "but not when only two do");
	heap.rest_is_there = false;
	is_num(find(&heap, chunks), 0, "nor when it leads out of sight");
	for (size_t i = 0; i < PAGE_WORDS; i++)
		heap.words[i] = UINT64_C(0xfffffffffffffff1);
	is_num(find(&heap, chunks), 0, "nor are sizes that no heap can have");
	is_num(pl_census_chunks_find(heap.words, 3, HEAP, peek, &heap, chunks, 4), 0,
	       "nor half a page");
	is_num(pl_census_chunk_request_min(4112), 4089, "least bytes asked for");
	is_num(pl_census_chunk_request_max(4112), 4104, "most bytes asked for");
	is_num(pl_census_chunk_bytes(4089), 4112, "which get such a chunk");
	is_num(pl_census_chunk_bytes(4104), 4112, "all of them");
	is_num(pl_census_chunk_bytes(1), 32, "and the smallest one");
	is_num(pl_census_chunk_request_min(32), 1, "the smallest chunk holds anything");
}

/* Of a thread's arena, chunks in use have a flag for that; free ones, and the rest of the heap,
 * have not. */
static void test_arenas(void)
{
	static const size_t sizes[] = { 1056 };
	static const size_t aligned[] = { 4080, 4112 };
	static struct heap heap;
	struct pl_census_chunk chunks[PAGE_WORDS / 4];
	size_t count;

	heap = (struct heap){ .rest_is_there = true };
	lay_chunks(&heap, 0, aligned, 2);
	/* as posix_memalign leaves them: each second one is free */
	for (size_t at = 1, i = 0; at < HEAP_WORDS; at += aligned[i++ % 2] / 8) {
		if (i % 2 == 0)
			continue;
		heap.words[at] = 4112 | 4;
		heap.words[at - 1] = 4080;
	}
	count = find(&heap, chunks);
	ok(count == 2 && chunks[0].free && chunks[1].bytes == 4112 && !chunks[1].free,
	   "chunks in use between free ones");
	heap.words[511] |= 1;
	count = find(&heap, chunks);
	ok(count == 1 && chunks[0].word == 511, "one that is not free has the flag");
	heap = (struct heap){ .rest_is_there = true };
	lay_chunks(&heap, 0, sizes, 1);
	for (size_t at = 1; at < HEAP_WORDS; at += 132)
		heap.words[at] |= 4;
	heap.words[1 + 132] = 1056 | 1;
	heap.words[1 + 2 * 132] = 1056 | 4;
	heap.words[2 * 132] = 1056;
	is_num(find(&heap, chunks), 4, "a free one among them breaks no chain");
	ok(!chunks[0].free && chunks[1].free && !chunks[2].free, "and is known to be free");
	heap.words[1 + 2 * 132] |= 1;
	count = find(&heap, chunks);
	ok(count == 2 && chunks[0].word == 1 + 2 * 132, "one in use that has not the flag does");
	for (size_t at = 1 + 132; at < HEAP_WORDS; at += 132)
		heap.words[at] = 1056 | 1;
	count = find(&heap, chunks);
	ok(count == 3 && chunks[0].word == 1 + 132, "nor do those of another arena follow");
}

/* Links chunk `from` to `to` bytes from the begin of the heap, as glibc's lists of small chunks. */
static void link_cached(struct heap *heap, const struct pl_census_chunk *from, uint64_t to)
{
	const uint64_t place = HEAP + (from->word + 1) * 8;

	heap->words[from->word + 1] = (to ? HEAP + to : 0) ^ place >> 12;
	heap->words[from->word + 2] = 0x7a5c31e2d98b4610;
}

static void test_cached(void)
{
	static const size_t sizes[] = { 48, 32, 144, 80 };
	static const size_t large[] = { 1056 };
	static struct heap heap;
	struct pl_census_chunk chunks[PAGE_WORDS / 4];
	size_t laid;
	size_t free_count = 0;

	heap = (struct heap){ .rest_is_there = true };
	laid = lay_chunks(&heap, 32, sizes, 4);
	is_num(find(&heap, chunks), laid, "chunks of which some rest in lists");
	link_cached(&heap, &chunks[0], 0);
	link_cached(&heap, &chunks[4], (chunks[0].word + 1) * 8);
	link_cached(&heap, &chunks[8], (chunks[0].word - 1) * 8);
	link_cached(&heap, &chunks[6], (chunks[2].word - 1) * 8);
	link_cached(&heap, &chunks[1], (chunks[4].word + 1) * 8);
	link_cached(&heap, &chunks[3], 5 * PAGE_WORDS * 8 + 16);
	heap.words[chunks[7].word + 1] = HEAP + (chunks[3].word + 1) * 8;
	is_num(find(&heap, chunks), laid, "are found all the same");
	ok(chunks[0].free, "the last one of a list is known to be free");
	ok(chunks[4].free, "and one of a thread's list that leads to it");
	ok(chunks[8].free, "and one of an arena's list");
	ok(!chunks[6].free, "of which there are none for larger ones");
	ok(!chunks[1].free, "none leads to a chunk of another size");
	ok(!chunks[3].free, "nor to where nothing is");
	ok(!chunks[7].free, "a pointer as a program has it is no such link");
	for (size_t i = 0; i < laid; i++)
		free_count += chunks[i].free;
	heap.words[chunks[0].word + 2] = heap.words[chunks[4].word + 2] = 0;
	is_num(find(&heap, chunks), laid, "once they are handed out again,");
	ok(!chunks[0].free && !chunks[4].free, "they are in use, even if nothing was written to them");
	is_num(free_count, 3, "nor is anything else");
	heap = (struct heap){ .rest_is_there = true };
	laid = lay_chunks(&heap, 48, large, 1);
	is_num(find(&heap, chunks), laid, "larger chunks");
	link_cached(&heap, &chunks[0], 0);
	is_num(find(&heap, chunks), laid, "are in no such list");
	ok(!chunks[0].free, "whatever they hold");
}

static void test_words(void)
{
	struct pl_census_mapping mappings[MAPPINGS];
	struct pl_census_module modules[4];
	const struct pl_census_chunk chunks[] = { { 1, 64, false },
		                                      { 9, 64, true },
		                                      { 17, 64, false } };
	struct pl_census_space space = { .mappings = mappings, .modules = modules };
	struct pl_census_hits hits = { 0 };
	uint64_t words[PAGE_WORDS] = { 0 };
	const ssize_t count =
		pl_census_maps_parse(maps_text, sizeof(maps_text) - 1, mappings, MAPPINGS);

	if (count <= 0)
		return;
	space.mapping_count = (size_t)count;
	space.module_count = pl_census_maps_modules(mappings, space.mapping_count, modules, 4);
	words[2] = 0x55d000003000;  /* a function, first word of a chunk */
	words[10] = 0x55d000003000; /* left over in a free chunk */
	words[20] = 0x55d000004000; /* third word of the next one */
	words[40] = 0x55d001000040; /* on the heap */
	words[200] = 2;             /* a reference count? */
	words[201] = 0x55d001000040;
	pl_census_words_find(&space, words, PAGE_WORDS, 7, chunks, 3, &hits);
	pl_census_hits_sort(&hits);
	is_num(hits.count, 4, "two pointers and two sizes in use");
	ok(hits.count == 4 && hits.hits[0].key == 0x55d000003000 && hits.hits[0].page == 7 &&
	       hits.hits[0].chunk_bytes == 64 && hits.hits[0].offset_bytes == 0,
	   "a pointer knows its chunk");
	ok(hits.count == 4 && hits.hits[1].offset_bytes == 16, "and its place in it");
	ok(hits.count == 4 && hits.hits[3].kind == PL_CENSUS_KEY_SIZE && hits.hits[3].key == 64,
	   "sizes");
	pl_census_hits_free(&hits);
	space.python = true;
	pl_census_words_find(&space, words, PAGE_WORDS, 7, chunks, 0, &hits);
	pl_census_hits_sort(&hits);
	ok(hits.count == 4 && hits.hits[3].kind == PL_CENSUS_KEY_PYTHON && hits.hits[3].word == 201,
	   "where Python runs, an address after a count may be a type");
	pl_census_hits_free(&hits);
}

/* Of our own memory: what is not there is not read, and so does not come to be there. */
static void test_absent(void)
{
	const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	const struct pl_host host = { .page_bytes = page_bytes };
	struct pl_census_target target;
	struct pl_procfs fs;
	unsigned char there[2];
	uint64_t word = 0;
	char *const buf = malloc(page_bytes);
	char *const memory =
		mmap(NULL, 2 * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!buf || memory == MAP_FAILED || pl_procfs_open(&fs, "/proc", NULL) != 0)
		abort();
	(void)madvise(memory, 2 * page_bytes, MADV_NOHUGEPAGE);
	memset(memory, 7, page_bytes);
	is_num(pl_census_target_open(&target, &fs, &host, (int32_t)getpid()), 0, "our own memory");
	const uint64_t at = (uint64_t)(uintptr_t)memory;

	ok(pl_census_target_page(&target, at, buf) && memcmp(buf, memory, page_bytes) == 0,
	   "a page that is there is read");
	ok(pl_census_target_word(&target, at + 8, &word) && word == UINT64_C(0x0707070707070707),
	   "as is a word of it");
	ok(!pl_census_target_page(&target, at + page_bytes, buf), "one that is not there is not read");
	ok(!pl_census_target_word(&target, at + page_bytes, &word), "nor is a word of it");
	ok(mincore(memory, 2 * page_bytes, there) == 0 && (there[0] & 1) && !(there[1] & 1),
	   "and it is not there afterwards");
	pl_census_target_close(&target);
	pl_procfs_close(&fs);
	munmap(memory, 2 * page_bytes);
	free(buf);
}

/* A pool of CPython's allocator, as it is laid out in so many bytes. */
static void write_pool(uint8_t *pool, uint32_t pool_bytes, uint32_t block_bytes)
{
	const uint32_t tail[] = { 0, block_bytes / 16 - 1, 48 + 3 * block_bytes,
		                      pool_bytes - block_bytes };
	const uint32_t used = 3;

	memset(pool, 0x5a, pool_bytes);
	memcpy(pool, &used, sizeof(used));
	memcpy(pool + 32, tail, sizeof(tail));
}

/* How large an object of Python is, by the pool that it lies in. */
static void test_pools(void)
{
	const struct pl_host host = { .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE) };
	const uint32_t too_many = 300;
	struct pl_census_target target;
	struct pl_procfs fs;
	uint8_t *const pool = aligned_alloc(16384, 16384);

	if (!pool || pl_procfs_open(&fs, "/proc", NULL) != 0)
		abort();
	memset(pool, 0x5a, 16384);
	is_num(pl_census_target_open(&target, &fs, &host, (int32_t)getpid()), 0, "our own memory");
	const uint64_t at = (uint64_t)(uintptr_t)pool;

	is_num(pl_census_python_block_bytes(&target, at + 12352), 0, "no pool");
	write_pool(pool, 16384, 64);
	is_num(pl_census_python_block_bytes(&target, at + 12352), 64, "a pool since Python 3.10");
	is_num(pl_census_python_block_bytes(&target, at + 48), 64, "from its first block on");
	memcpy(pool, &too_many, sizeof(too_many));
	is_num(pl_census_python_block_bytes(&target, at + 48), 0, "more blocks than there can be");
	write_pool(pool, 16384, 64);
	pool[40] ^= 16;
	is_num(pl_census_python_block_bytes(&target, at + 48), 0, "no multiple of their size");
	write_pool(pool, 16384, 528);
	is_num(pl_census_python_block_bytes(&target, at + 48), 0, "larger than any block");
	memset(pool, 0x5a, 16384);
	write_pool(pool + 8192, 4096, 512);
	is_num(pl_census_python_block_bytes(&target, at + 8192 + 560), 512, "a pool up to Python 3.9");
	is_num(pl_census_python_block_bytes(&target, at + 4096 + 560), 0, "and what lies before it");
	pl_census_target_close(&target);
	pl_procfs_close(&fs);
	free(pool);
}

int main(void)
{
	test_pools();
	test_absent();
	test_maps();
	test_pages();
	test_chunks();
	test_arenas();
	test_cached();
	test_words();
	return tap_done();
}
