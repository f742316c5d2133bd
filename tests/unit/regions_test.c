/* Which region a mapping is of, and what the ledger makes of merges, splits and moves. */
#include <stdarg.h>
#include <stdlib.h>

#include "regions/ledger.h"
#include "tap.h"

#define MIB (UINT64_C(1) << 20)

static char text[1 << 20];
static size_t text_len;
static struct pl_region_scan scan;

/* Adds a mapping: its header's addresses, rights and name, and KiB resident of which anonymous. */
static void map(uint64_t start, uint64_t size_bytes, const char *rights, const char *name,
                unsigned rss_kib, unsigned anonymous_kib, const char *flags)
{
	const int n = snprintf(
		text + text_len, sizeof(text) - text_len,
		"%08llx-%08llx %s 00000000 00:00 %d %s\nRss:            %8u kB\nPss:            %8u kB\n"
		"Anonymous:      %8u kB\nLazyFree:              0 kB\nSwap:                  0 kB\n"
		"VmFlags: %s\n",
		(unsigned long long)start, (unsigned long long)(start + size_bytes), rights,
		name[0] == '/' ? 77 : 0, name, rss_kib, rss_kib, anonymous_kib, flags);

	text_len += (size_t)n;
}

static void anon(uint64_t start, uint64_t size_bytes, unsigned rss_kib)
{
	map(start, size_bytes, "rw-p", "", rss_kib, rss_kib, "rd wr ac ");
}

/* malloc makes a part of what it reserved writable */
static void arena(uint64_t start, uint64_t size_bytes, unsigned rss_kib)
{
	map(start, size_bytes, "rw-p", "", rss_kib, rss_kib, "rd wr nr ");
}

static void none(uint64_t start, uint64_t size_bytes)
{
	map(start, size_bytes, "---p", "", 0, 0, "mr nr ");
}

static const struct pl_region_snapshot *read_text(uint64_t thread_count)
{
	static struct pl_region_snapshot snapshot;

	pl_regions_begin(&scan);
	pl_regions_feed(&scan, text, text_len);
	if (pl_regions_end(&scan, thread_count, &snapshot) < 0)
		ok(false, "the text is read");
	text_len = 0;
	return &snapshot;
}

static uint64_t kib(const struct pl_region_snapshot *s, enum pl_region region)
{
	return s->totals[region].resident_bytes / 1024;
}

/* The sum of the classes is what was resident: nothing is lost or counted twice. */
static uint64_t sum_kib(const struct pl_region_snapshot *s)
{
	uint64_t sum = 0;

	for (unsigned r = 0; r < PL_REGION_COUNT; r++)
		sum += kib(s, (enum pl_region)r);
	return sum;
}

static void test_arenas(void)
{
	const uint64_t base = UINT64_C(0x7f4000000000);
	const struct pl_region_snapshot *s;

	arena(base, 10 * MIB, 9000);
	none(base + 10 * MIB, 54 * MIB);
	/* a heap that is full, merged with its successor */
	map(base + 64 * MIB, 80 * MIB, "rw-p", "", 80000, 80000, "rd wr nr ");
	none(base + 144 * MIB, 48 * MIB);
	/* nearly full: the tail of a page is no guard of what follows */
	arena(base + 192 * MIB, 64 * MIB - 4096, 1000);
	none(base + 256 * MIB - 4096, 4096);
	anon(base + 256 * MIB, MIB, 77);
	/* full to the last page */
	map(base + 320 * MIB, 64 * MIB, "rw-p", "", 65536, 65536, "rd wr nr ");
	/* something below an arena has merged with it */
	arena(base + 500 * MIB, 16 * MIB, 16 * 1024);
	none(base + 516 * MIB, 60 * MIB);
	s = read_text(4);
	is_num(kib(s, PL_REGION_ARENA), 9000 + 80000 + 1000 + 65536 + 4 * 1024, "arenas are found");
	is_num(kib(s, PL_REGION_ANON), 77 + 12 * 1024, "and what is beside them is not one");
	is_num(s->arena_count, 5, "they are counted");
	is_num(sum_kib(s), 9000 + 80000 + 1000 + 77 + 65536 + 16384, "nothing is counted twice");
}

static void test_stacks(void)
{
	const uint64_t base = UINT64_C(0x7f5000000000);
	const struct pl_region_snapshot *s;

	for (unsigned i = 0; i < 40; i++) {
		none(base + i * 9 * MIB, 4096);
		anon(base + i * 9 * MIB + 4096, 8 * MIB, 20);
	}
	for (unsigned i = 0; i < 40; i++) { /* buffers with a guard below */
		none(base + 1000 * MIB + i * MIB, 4096);
		anon(base + 1000 * MIB + i * MIB + 4096, 20480, 3);
	}
	for (unsigned i = 0; i < 40; i++) { /* the same, of a size that stacks have, and full */
		none(base + 1100 * MIB + i * MIB, 4096);
		anon(base + 1100 * MIB + i * MIB + 4096, 65536, 64);
	}
	none(base + 2000 * MIB, 4 * MIB); /* reserved, not a guard */
	anon(base + 2004 * MIB, 8 * MIB, 500);
	map(base + 3000 * MIB, 132 * 1024, "rw-p", "[stack]", 100, 100, "rd wr gd ");
	s = read_text(5);
	is_num(kib(s, PL_REGION_STACK), 800 + 100, "stacks are found, those of ended threads too");
	is_num(s->stack_count, 40, "they are counted");
	is_num(kib(s, PL_REGION_ANON), 120 + 40 * 64 + 500, "other guarded memory is not a stack");
}

static void test_program_and_library(void)
{
	const uint64_t program = UINT64_C(0x560000000000);
	const uint64_t library = UINT64_C(0x7f6000000000);
	const struct pl_region_snapshot *s;
	bool named = false;

	map(program, MIB, "r-xp", "/usr/bin/api", 700, 0, "rd ex ");
	map(program + MIB, MIB, "rw-p", "/usr/bin/api", 300, 200, "rd wr ac ");
	anon(program + 2 * MIB, MIB, 50);
	map(program + 9 * MIB, MIB, "rw-p", "[heap]", 1000, 1000, "rd wr ac ");
	map(library, MIB, "r-xp", "/usr/lib/libfoo.so.1", 100, 0, "rd ex ");
	map(library + MIB, MIB, "rw-p", "/usr/lib/libfoo.so.1 (deleted)", 60, 40, "rd wr ac ");
	anon(library + 2 * MIB, 4 * MIB, 4000);
	anon(library + 8 * MIB, 4 * MIB, 9);
	map(library + 20 * MIB, MIB, "r--p", "/usr/lib/locale/C.utf8/LC_CTYPE", 11, 0, "rd ");
	s = read_text(1);
	is_num(kib(s, PL_REGION_PROGRAM), 250, "the program's data and bss");
	is_num(kib(s, PL_REGION_LIBRARY), 4040, "a library's data and bss");
	is_num(kib(s, PL_REGION_HEAP), 1000, "the heap");
	is_num(kib(s, PL_REGION_FILE), 700 + 100 + 100 + 20 + 11, "pages of files");
	is_num(kib(s, PL_REGION_ANON), 9, "an anonymous mapping apart is no bss");
	for (uint32_t i = 0; i < s->place_count; i++)
		named |= s->places[i].region == PL_REGION_LIBRARY &&
		         s->places[i].used_bytes == 4040 * 1024 &&
		         strcmp(s->places[i].name, "/usr/lib/libfoo.so.1") == 0;
	ok(named, "all of a library's data is one place with its name");
}

static void test_names(void)
{
	static const struct {
		const char *name;
		const char *rights;
		enum pl_region region;
	} rows[] = {
		{ "[anon: Go: heap]", "rw-p", PL_REGION_GO },
		{ "[anon: Go: gc bits]", "rw-p", PL_REGION_GO },
		{ "[anon:mimalloc]", "rw-p", PL_REGION_MIMALLOC },
		{ "[anon:scudo:primary]", "rw-p", PL_REGION_SCUDO },
		{ "[anon:scudo:secondary]", "rw-p", PL_REGION_SCUDO },
		{ "[anon:jemalloc_pg]", "rw-p", PL_REGION_JEMALLOC },
		{ "[anon:libc_malloc]", "rw-p", PL_REGION_JEMALLOC },
		{ "[anon:tcmalloc_region_NORMAL_0]", "rw-p", PL_REGION_TCMALLOC },
		{ "[anon: glibc: malloc arena]", "rw-p", PL_REGION_ARENA },
		{ "[anon: glibc: malloc]", "rw-p", PL_REGION_ANON },
		{ "[anon: glibc: pthread stack: 4711]", "rw-p", PL_REGION_STACK },
		{ "[anon:stack_and_tls:12]", "rw-p", PL_REGION_STACK },
		{ "[anon:dalvik-main space]", "rw-p", PL_REGION_ART },
		{ "[anon:dalvik-jit-code-cache]", "r-xp", PL_REGION_JIT },
		{ "[anon:v8]", "rw-p", PL_REGION_V8 },
		{ "[anon:Ruby:rb_thread]", "rw-p", PL_REGION_NAMED },
		{ "[anon_shmem:queue]", "rw-s", PL_REGION_SHMEM },
		{ "/memfd:cache (deleted)", "rw-s", PL_REGION_MEMFD },
		{ "/memfd:java_heap (deleted)", "rw-s", PL_REGION_ZGC },
		{ "/SYSV00000000 (deleted)", "rw-s", PL_REGION_SYSV },
		{ "/dev/zero (deleted)", "rw-s", PL_REGION_SHMEM },
		{ "/dev/shm/PostgreSQL.123", "rw-s", PL_REGION_SHM },
		{ "/dev/dri/card0", "rw-s", PL_REGION_OTHER },
		{ "/var/lib/db/data.mdb", "rw-s", PL_REGION_FILE },
		{ "[vdso]", "r-xp", PL_REGION_KERNEL },
		{ "[vvar_vclock]", "r--p", PL_REGION_KERNEL },
		{ "anon_inode:[io_uring]", "rw-s", PL_REGION_OTHER },
		{ "", "rwxp", PL_REGION_JIT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char what[128];

		map(0x7f0000000000, MIB, rows[i].rights, rows[i].name, 64, 0, "rd wr ");
		snprintf(what, sizeof(what), "%s is %s", rows[i].name[0] ? rows[i].name : "anonymous code",
		         pl_region_name(rows[i].region));
		is_num(kib(read_text(1), rows[i].region), 64, what);
	}
	map(0x7f0000000000, 2 * MIB, "rw-p", "/anon_hugepage (deleted)", 0, 0, "rd wr ht ");
	is_num(read_text(1)->totals[PL_REGION_HUGETLB].size_bytes, 2 * MIB, "hugetlb by its flag");
}

static void test_runtimes(void)
{
	const struct pl_region_snapshot *s;

	anon(0xf0000000, 200 * MIB, 90000);
	map(0x7f0000000000, MIB, "r-xp", "/usr/lib/jvm/lib/server/libjvm.so", 10, 0, "rd ex ");
	s = read_text(9);
	is_num(kib(s, PL_REGION_JAVA), 90000, "low memory of a JVM is its heap");

	anon(0xf0000000, 200 * MIB, 90000);
	is_num(kib(read_text(1), PL_REGION_ANON), 90000, "and anonymous without a JVM");

	map(0x400000, MIB, "r-xp", "/usr/bin/node", 10, 0, "rd ex ");
	anon(UINT64_C(0x196d200000), 256 * 1024, 256);
	anon(UINT64_C(0x7d307480000), 256 * 1024, 256);
	anon(UINT64_C(0x7f2000000000), 2 * MIB, 100);
	s = read_text(1);
	is_num(kib(s, PL_REGION_V8), 512, "node's pages at random addresses are V8's");
	is_num(kib(s, PL_REGION_ANON), 100, "but not what malloc maps");

	map(0x400000, MIB, "r-xp", "/usr/bin/server", 10, 0, "rd ex ");
	anon(UINT64_C(0xc000000000), 60 * MIB, 40000);
	none(UINT64_C(0xc000000000) + 60 * MIB, 4 * MIB);
	anon(UINT64_C(0xc004000000), 8 * MIB, 8000);
	s = read_text(1);
	is_num(kib(s, PL_REGION_GO), 48000, "Go's heap is known by its address");
	is_num(kib(s, PL_REGION_ARENA), 0, "and is no glibc arena");
	ok(pl_runtime_has(s->runtimes, PL_RUNTIME_GO), "Go is told");

	map(0x7f0000000000, MIB, "r-xp", "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", 1, 0, "rd ");
	anon(UINT64_C(0x7f1000000000), 60 * MIB, 40000);
	is_num(kib(read_text(1), PL_REGION_JEMALLOC), 40000, "anonymous memory under jemalloc is its");

	map(0x400000, MIB, "r-xp", "/usr/bin/node_exporter", 10, 0, "rd ex ");
	is_num(read_text(1)->runtimes, 0, "node_exporter is no node");
}

static const struct pl_region_snapshot *read_jvm(void)
{
	map(UINT64_C(0x7f9000000000), MIB, "r-xp", "/usr/lib/jvm/lib/server/libjvm.so", 10, 0,
	    "rd ex ");
	return read_text(9);
}

/* Of 400 MiB, `reserved` are not committed, and of the rest `kib` resident. */
static const struct pl_region_snapshot *read_heap(uint64_t start, uint64_t reserved, unsigned kib)
{
	anon(start, 400 * MIB - reserved, kib);
	if (reserved > 0)
		none(start + 400 * MIB - reserved, reserved);
	return read_jvm();
}

static void test_java_heap(void)
{
	const uint64_t low = UINT64_C(0xe0000000);
	const uint64_t high = UINT64_C(0x7f4000000000);
	const struct pl_region_snapshot *s;

	ok(read_heap(low, 0, 409600)->heap_is_full, "a heap without room that is resident is full");
	s = read_heap(low, 40 * MIB, 368640);
	ok(!s->heap_is_full, "one with room is not");
	is_num(s->heap_most_bytes, 400 * MIB, "it may become what it reserved");
	ok(!read_heap(low, 0, 300000)->heap_is_full, "nor one that was not all touched yet");

	/* JDK 25: the classes, too, are below 4 GiB, and have room */
	map(UINT64_C(0x97000000), 12 * MIB, "rw-p", "/usr/lib/jvm/classes.jsa", 9000, 9000, "rd wr ");
	anon(UINT64_C(0x98000000), 8 * MIB, 8000);
	none(UINT64_C(0x98800000), 1016 * MIB);
	s = read_heap(low, 0, 409600);
	ok(s->heap_is_full, "whatever is reserved for classes beside it");
	is_num(s->heap_most_bytes, 400 * MIB, "by which it can not grow");
	is_num(kib(s, PL_REGION_METASPACE), 8000, "which are no part of it");

	s = read_heap(high, 0, 409600);
	is_num(kib(s, PL_REGION_JAVA), 409600, "a heap beyond 32 GiB is the largest chain");
	ok(s->heap_is_full, "and full as any other");
	ok(!read_heap(high, 40 * MIB, 368640)->heap_is_full, "unless it has room");
	/* loaded late, without a bss */
	map(0x550000000000, MIB, "r-xp", "/usr/lib/jvm/bin/java", 10, 0, "rd ex ");
	map(high - 2 * MIB, MIB, "r-xp", "/usr/lib/jvm/lib/libnio.so", 10, 0, "rd ex ");
	map(high - MIB, MIB, "rw-p", "/usr/lib/jvm/lib/libnio.so", 8, 8, "rd wr ");
	s = read_heap(high, 40 * MIB, 368640);
	is_num(kib(s, PL_REGION_JAVA), 368640, "and no bss of a library that ends where it begins");
	is_num(kib(s, PL_REGION_LIBRARY), 8, "whose data is not more for that");
	map(high - 2 * MIB, MIB, "r-xp", "/usr/lib/libown.so", 10, 0, "rd ex ");
	map(high - MIB, MIB, "rw-p", "/usr/lib/libown.so", 8, 8, "rd wr ");
	anon(high, 400 * MIB, 1000);
	is_num(kib(read_text(1), PL_REGION_LIBRARY), 1008, "which a program's own may be");
	anon(low, 200 * MIB, 1000);
	s = read_heap(high, 0, 409600);
	is_num(kib(s, PL_REGION_JAVA), 1000, "with one below, the other is something else");
	ok(!s->heap_is_full, "and does not fill it");
	anon(high, 400 * MIB, 409600);
	s = read_text(1);
	ok(kib(s, PL_REGION_ANON) == 409600 && !s->heap_is_full, "without a JVM there is no heap");
	is_num(s->heap_most_bytes, 0, "that could be full");
}

/* ZGC: of a heap of 96 MiB it maps what it has three times, and reserves the room for 16. */
static const struct pl_region_snapshot *read_views(uint64_t mapped, unsigned kib)
{
	for (unsigned bit = 42; bit <= 44; bit++) {
		map(UINT64_C(1) << bit, mapped, "rw-s", "/memfd:java_heap (deleted)", kib, 0, "rd wr sh ");
		none((UINT64_C(1) << bit) + mapped, UINT64_C(16) * 96 * MIB - mapped);
	}
	return read_jvm();
}

static void test_zgc(void)
{
	const struct pl_region_snapshot *s = read_views(96 * MIB, 32768);

	ok(s->heap_is_full, "all of ZGC's heap is resident, each page once");
	is_num(s->heap_most_bytes, 0, "what may be added to it is not known");
	is_num(kib(s, PL_REGION_ZGC), 3 * 32768, "it is shared memory with a name of its own");
	ok(pl_region_in_set(PL_REGION_ZGC, PL_REGIONS_SHARED), "of which RssShmem tells");
	ok(!read_views(64 * MIB, 21845)->heap_is_full, "one that may have more is not full");
	ok(!read_views(96 * MIB, 20000)->heap_is_full, "nor one that was not touched yet");
}

static void test_metaspace(void)
{
	const uint64_t base = UINT64_C(0x7f4000000000);
	const struct pl_region_snapshot *s;
	bool placed = false;

	for (int with_jvm = 1; with_jvm >= 0; with_jvm--) {
		anon(UINT64_C(0xe0000000), 200 * MIB, 90000);
		/* a node that begins, an arena after it, and a node that was used up */
		anon(base, 10 * MIB, 10000);
		none(base + 10 * MIB, 54 * MIB);
		arena(base + 64 * MIB, 3 * MIB, 3000);
		none(base + 67 * MIB, 61 * MIB);
		anon(base + 132 * MIB, 64 * MIB, 65536);
		anon(base + 300 * MIB, 30 * MIB, 7);
		s = with_jvm ? read_jvm() : read_text(1);
		is_num(kib(s, PL_REGION_ARENA), 3000, "what is committed anew is no arena");
		is_num(kib(s, PL_REGION_METASPACE), with_jvm ? 75536 : 0, "but a JVM's metaspace");
		is_num(sum_kib(s), 75536 + 3000 + 7 + 90000 + (with_jvm ? 10 : 0), "nothing is lost");
		for (uint32_t i = 0; i < s->place_count; i++)
			placed |= s->places[i].region == PL_REGION_METASPACE && s->places[i].start == base;
	}
	ok(placed, "and each of its nodes is a place");
}

/* A heap beyond 32 GiB of a size, and by chance at an address, that nodes of a metaspace have. */
static void test_aligned_heap(void)
{
	const uint64_t base = UINT64_C(0x7f4000000000);
	const struct pl_region_snapshot *s;

	anon(base, 16 * MIB, 16000);
	none(base + 16 * MIB, 240 * MIB);
	s = read_jvm();
	is_num(kib(s, PL_REGION_JAVA), 16000, "a heap that begins to fill is no row of nodes");
	anon(base, 256 * MIB, 200000);
	anon(base + 300 * MIB, MIB, 300);
	s = read_jvm();
	is_num(kib(s, PL_REGION_JAVA), 200000, "nor is a full one, where nothing else is a heap");
	is_num(kib(s, PL_REGION_METASPACE), 0, "all of it");
	anon(base, 128 * MIB, 100000);
	anon(base + 300 * MIB, 30 * MIB, 30000);
	s = read_jvm();
	is_num(kib(s, PL_REGION_METASPACE), 100000, "nodes beside a heap are a metaspace");
}

static void test_refused(void)
{
	struct pl_region_snapshot snapshot;

	pl_regions_begin(&scan);
	ok(pl_regions_end(&scan, 1, &snapshot) < 0, "no mapping at all is refused");
	map(0x400000, MIB, "r-xp", "/usr/bin/x", 10, 0, "rd ex ");
	pl_regions_begin(&scan);
	pl_regions_feed(&scan, text, text_len - 3);
	ok(pl_regions_end(&scan, 1, &snapshot) < 0, "a text that was cut is refused");
	text_len = 0;
}

/* Hundreds of mappings: the largest are kept. */
static void test_many_places(void)
{
	const struct pl_region_snapshot *s;
	bool all_large = true;

	for (unsigned i = 0; i < 1000; i++)
		anon(UINT64_C(0x7f0000000000) + i * 2 * MIB, MIB, (i * 37) % 1000 + 1);
	s = read_text(1);
	is_num(s->place_count, PL_SNAPSHOT_PLACES, "places are bounded");
	for (uint32_t i = 0; i < s->place_count; i++)
		all_large &= s->places[i].used_bytes > (1000 - PL_SNAPSHOT_PLACES) * 1024;
	ok(all_large, "the largest ones are kept");
	is_num(s->anon_by_size[1].mapping_count, 1000, "mappings are counted by their size");
}

static struct pl_ledger ledger;

static void record(double time_s)
{
	pl_ledger_update(&ledger, read_text(2), time_s, (uint64_t)(time_s * 1e6));
}

static uint64_t growth_of_place(uint64_t address)
{
	const struct pl_ledger_place *places[PL_LEDGER_PLACES];
	const size_t count = pl_ledger_growing(&ledger, places, PL_LEDGER_PLACES);

	for (size_t i = 0; i < count; i++)
		if (places[i]->place.start <= address && address < places[i]->place.end)
			return (places[i]->place.used_bytes - places[i]->base_bytes) / 1024;
	return 0;
}

static void test_ledger_identity(void)
{
	const uint64_t a = UINT64_C(0x7f0000000000);
	struct pl_region_share shares[4];

	memset(&ledger, 0, sizeof(ledger));
	anon(a, 10 * MIB, 1000);
	anon(a + 20 * MIB, 10 * MIB, 2000);
	anon(a + 90 * MIB, 10 * MIB, 5000);
	record(0);
	is_num(pl_ledger_shares(&ledger, PL_REGIONS_ANONYMOUS, shares, 4), 0, "a baseline grows by 0");

	anon(a, 30 * MIB, 5000); /* the first two have merged and grown by 2000 */
	anon(a + 90 * MIB, 10 * MIB, 5000);
	record(100);
	is_num(growth_of_place(a), 2000, "ranges that merged are one place");
	is_num(growth_of_place(a + 91 * MIB), 0, "the other has not grown");

	anon(a, 10 * MIB, 2500);
	map(a + 10 * MIB, MIB, "r--p", "", 1500, 1500, "rd ");
	anon(a + 11 * MIB, 19 * MIB, 2000);
	anon(a + 90 * MIB, 10 * MIB, 5000);
	record(200);
	is_num(growth_of_place(a), 3000, "pieces of a range that was split are one place");

	anon(a, 30 * MIB, 6000);
	anon(a + 500 * MIB, 20 * MIB, 9000); /* where the third went */
	record(300);
	is_num(growth_of_place(a + 500 * MIB), 4000, "a range that moved keeps its baseline");
	is_num(pl_ledger_shares(&ledger, PL_REGIONS_ANONYMOUS, shares, 4), 1, "one class has grown");
	ok(shares[0].region == PL_REGION_ANON && shares[0].share > 0.999, "by all there is");
}

static void grow(double time_s, unsigned heap_kib, unsigned pool_kib)
{
	map(0x560000000000, 512 * MIB, "rw-p", "[heap]", heap_kib, heap_kib, "rd wr ");
	map(0x7f0000000000, 512 * MIB, "rw-s", "/SYSV0001 (deleted)", 7, 0, "rd wr ");
	anon(0x7f1000000000, 512 * MIB, pool_kib);
	record(time_s);
}

static void test_ledger_work(void)
{
	struct pl_region_share shares[4];
	size_t count;

	memset(&ledger, 0, sizeof(ledger));
	grow(0, 10000, 1000);
	grow(100, 20000, 90000);
	grow(200, 30000, 100000);
	grow(300, 40000, 101000);
	grow(400, 50000, 101500);
	count = pl_ledger_shares(&ledger, PL_REGIONS_ANONYMOUS, shares, 4);
	is_num(count, 2, "two classes have grown");
	ok(shares[0].region == PL_REGION_HEAP && shares[0].outgrows_work,
	   "the one that goes on leads, though the pool gained more at first");
	ok(shares[1].region == PL_REGION_ANON && !shares[1].outgrows_work,
	   "the pool that fills does not outgrow the work");
	is_num(pl_ledger_shares(&ledger, PL_REGIONS_ANONYMOUS, shares, 1), 1, "no more than asked for");
	is_num(pl_ledger_shares(&ledger, PL_REGIONS_SHARED, shares, 4), 0, "nothing shared has grown");
}

static struct pl_region_idle idle;

static void look(double window_s, uint64_t used, uint64_t referenced, uint64_t lazyfree)
{
	static struct pl_region_snapshot snapshot;

	memset(&snapshot, 0, sizeof(snapshot));
	snapshot.totals[PL_REGION_HEAP] = (struct pl_region_total){ .resident_bytes = used + lazyfree,
		                                                        .referenced_bytes = referenced,
		                                                        .lazyfree_bytes = lazyfree };
	snapshot.totals[PL_REGION_FILE].resident_bytes = 77 * MIB;
	is_num(pl_region_idle_bytes(&snapshot), used - referenced,
	       "neither files nor what was given back are idle");
	pl_region_idle_update(&idle, &snapshot, window_s);
}

/* What the class grew by from window to window, and how much more of it is idle. */
static void test_idle(void)
{
	memset(&idle, 0, sizeof(idle));
	look(600, 100 * MIB, 90 * MIB, 0);
	look(600, 120 * MIB, 100 * MIB, 9 * MIB);
	ok(pl_region_idle_share(&idle, PL_REGION_HEAP) < 0, "two windows tell nothing of growth");
	look(600, 140 * MIB, 102 * MIB, 0);
	is_near(pl_region_idle_share(&idle, PL_REGION_HEAP), 0.9, 1e-6,
	        "of 20 MiB that were added before the window, 18 are idle");
	ok(pl_region_idle_share(&idle, PL_REGION_ANON) < 0, "a class that did not grow has no share");
	look(3600, 200 * MIB, 100 * MIB, 0);
	ok(pl_region_idle_share(&idle, PL_REGION_HEAP) < 0, "another window begins anew");
}

int main(void)
{
	test_idle();
	test_arenas();
	test_stacks();
	test_program_and_library();
	test_names();
	test_runtimes();
	test_java_heap();
	test_zgc();
	test_metaspace();
	test_aligned_heap();
	test_refused();
	test_many_places();
	test_ledger_identity();
	test_ledger_work();
	return tap_done();
}
