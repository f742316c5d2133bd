/*
 * What windows of pagemap say of a process' memory: against made-up address spaces of which all is
 * known, and against smaps of our own.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/sampled.h"
#include "regions/ledger.h"
#include "tap.h"

#define PAGE 4096
#define MIB UINT64_C(1048576)
#define GIB (1024 * MIB)
#define MAPPINGS 4096

/* A stretch of address space, filled from the bottom up to a point, and here and there above. */
struct stretch {
	uint64_t start;
	uint64_t size;
	uint64_t filled;  /* bytes from the start */
	double scattered; /* share of the pages above that are there as well */
	double swapped;   /* share of all that is in swap */
	const char *what; /* permissions, offset, device, inode and name */
};

#define ANON "rw-p 00000000 00:00 0 "
#define HEAP "rw-p 00000000 00:00 0                          [heap]"
#define FILE_TEXT "r-xp 00000000 08:01 4711                           /usr/sbin/server"
#define SHARED "rw-s 00000000 00:01 815                            /dev/shm/cache"

struct space {
	struct stretch stretches[MAPPINGS];
	size_t count;
	char text[MAPPINGS * 100];
	size_t len;
	uint64_t seed;
};

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	z = (z ^ (z >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return z ^ (z >> 33);
}

static double uniform_of(uint64_t seed, uint64_t page)
{
	return (double)(mix(seed ^ mix(page)) >> 11) / 9007199254740992.0;
}

static void add(struct space *space, uint64_t start, uint64_t size, uint64_t filled,
                double scattered, const char *what)
{
	space->stretches[space->count++] = (struct stretch){ start, size, filled, scattered, 0, what };
}

static void print_maps(struct space *space)
{
	space->len = 0;
	for (size_t i = 0; i < space->count; i++) {
		const struct stretch *s = &space->stretches[i];

		space->len += (size_t)snprintf(space->text + space->len, sizeof(space->text) - space->len,
		                               "%lx-%lx %s\n", (unsigned long)s->start,
		                               (unsigned long)(s->start + s->size), s->what);
	}
}

static uint64_t entry_of(const struct space *space, const struct stretch *s, uint64_t address)
{
	const uint64_t page = address / PAGE;
	const uint64_t file = s->what[3] == 's' || strchr(s->what, '/') ? UINT64_C(1) << 61 : 0;

	if (address - s->start >= s->filled && uniform_of(space->seed, page) >= s->scattered)
		return 0;
	if (uniform_of(space->seed + 1, page) < s->swapped)
		return UINT64_C(1) << 62;
	return UINT64_C(1) << 63 | UINT64_C(1) << 56 | file;
}

static double used_of(const struct space *space)
{
	double used_bytes = 0;

	for (size_t i = 0; i < space->count; i++) {
		const struct stretch *s = &space->stretches[i];

		if (s->what[3] == 's' || strchr(s->what, '/'))
			continue;
		for (uint64_t at = s->start; at < s->start + s->size; at += PAGE)
			used_bytes += entry_of(space, s, at) ? PAGE : 0;
	}
	return used_bytes;
}

static struct pl_region_scan scan;
static struct pl_region_snapshot snapshot;
static struct pl_window_mapping mappings[MAPPINGS];
static struct pl_windows windows;

/* Returns how many windows were read. */
static size_t sample(struct space *space, size_t most, uint32_t before)
{
	struct pl_window_cursor cursor = { 0 };
	uint64_t entries[PL_WINDOW_PAGES];
	size_t count = 0;

	print_maps(space);
	pl_windows_init(&windows, PAGE, mappings, MAPPINGS);
	if (pl_windows_take(&windows, &scan, space->text, space->len) != 0)
		abort();
	(void)pl_windows_plan(&windows, most, before);
	for (; pl_windows_next(&windows, &cursor); count++) {
		const struct stretch *s = &space->stretches[cursor.mapping];

		for (size_t i = 0; i < cursor.page_count; i++)
			entries[i] = entry_of(space, s, cursor.address + i * PAGE);
		pl_windows_count(&windows, &cursor, entries);
	}
	pl_windows_estimate(&windows);
	if (pl_windows_end(&windows, &scan, space->text, space->len, 1, &snapshot) != 0)
		abort();
	return count;
}

/* A server of some GiB: a heap, arenas filled in part, large buffers, many small mappings. */
static void make_server(struct space *space, uint64_t seed, unsigned scale)
{
	uint64_t at = UINT64_C(0x7f0000000000);

	space->count = 0;
	space->seed = seed;
	add(space, 0x400000, 4 * MIB, 3 * MIB, 0, FILE_TEXT);
	add(space, 0x2000000, 300 * MIB * scale, 260 * MIB * scale, 0.02, HEAP);
	for (int i = 0; i < 20; i++, at += 128 * MIB) {
		const uint64_t size = (uint64_t)(uniform_of(seed, (uint64_t)i) * 60 + 1) * MIB;

		add(space, at, size, size / 2 / PAGE * PAGE, 0.3, ANON);
	}
	for (int i = 0; i < 500; i++, at += 3 * MIB)
		add(space, at, 256 * 1024, uniform_of(seed, 1000 + (uint64_t)i) < 0.5 ? 8192 : 262144, 0,
		    ANON);
	add(space, at, 1500 * MIB * scale, 900 * MIB * scale, 0.1, ANON);
	at += 1600 * MIB * scale;
	add(space, at, 700 * MIB, 700 * MIB, 0, ANON);
	space->stretches[space->count - 1].swapped = 0.25;
	at += 800 * MIB;
	add(space, at, 500 * MIB, 250 * MIB, 0, SHARED);
	add(space, UINT64_C(0x7ffffff00000), 132 * 1024, 132 * 1024, 0,
	    "rw-p 00000000 00:00 0                          [stack]");
	add(space, UINT64_C(0xffffffffff600000), 4096, 0, 0,
	    "--xp 00000000 00:00 0                  [vsyscall]");
}

static uint64_t used_of_set(const struct pl_region_snapshot *of, enum pl_region_set set)
{
	uint64_t used_bytes = 0;

	for (int i = 0; i < PL_REGION_COUNT; i++)
		if (pl_region_in_set((enum pl_region)i, set))
			used_bytes += pl_region_used_bytes(&of->totals[i]);
	return used_bytes;
}

/* With a window for everything nothing is estimated. */
static void test_whole(void)
{
	static struct space space;

	make_server(&space, 7, 1);
	(void)sample(&space, 1000000, 0);
	is_num(windows.stride, 1, "enough windows: all is read");
	is_near(windows.used_bytes, used_of(&space), 1, "and nothing is missed");
	ok(windows.half_bytes < 1, "nor in doubt");
	is_near(used_of_set(&snapshot, PL_REGIONS_ANONYMOUS), used_of(&space),
	        1024.0 * snapshot.mapping_count, "the classes hold it all");
	is_near(snapshot.totals[PL_REGION_SHM].resident_bytes, 250.0 * MIB, 1024,
	        "shared memory apart");
	is_near(snapshot.totals[PL_REGION_HEAP].size_bytes, 300.0 * MIB, 1, "the heap by its name");
}

/* The interval holds what is true as often as it says, and is narrow. */
static void test_interval(void)
{
	enum { DRAWS = 100 };
	static struct space space;
	unsigned held = 0;
	unsigned near = 0;
	double widest = 0;
	size_t most = 0;

	for (uint64_t draw = 0; draw < DRAWS; draw++) {
		make_server(&space, draw, 1);
		/* other blocks, other windows */
		for (size_t i = 1; i + 2 < space.count; i++)
			space.stretches[i].start += draw % 50 * 8 * GIB;
		const size_t count = sample(&space, 600, 0);
		const double truth = used_of(&space);
		const double off = fabs(windows.used_bytes - truth);

		held += off <= windows.half_bytes;
		near += off <= 0.12 * truth;
		if (windows.half_bytes / windows.used_bytes > widest)
			widest = windows.half_bytes / windows.used_bytes;
		most = count > most ? count : most;
	}
	ok(windows.stride > 1, "a sample");
	ok(most <= 600, "of no more windows than were asked for");
	ok(held >= 85, "the interval holds the truth as it should");
	ok(near == DRAWS, "which is never far off");
	ok(widest < 0.15, "and the interval says so");
}

/* The same windows each time: what grew is told to within a little, though the whole is not. */
static void test_growth(void)
{
	static struct space space;
	static struct pl_ledger ledger;
	struct pl_region_share shares[2];
	uint32_t stride = 0;

	for (unsigned i = 0; i < 6; i++) {
		make_server(&space, 3, 4);
		space.stretches[1].filled += i * 40 * MIB;
		space.stretches[1].size += i * 10 * MIB;
		(void)sample(&space, 600, stride);
		stride = windows.stride;
		pl_ledger_update(&ledger, &snapshot, 600 * i, 1000 * i);
	}
	is_num(ledger.reading_count, 6, "a process that grows is read the same way");
	ok(pl_ledger_shares(&ledger, PL_REGIONS_ANONYMOUS, shares, 2) > 0, "a region grows");
	is_num(shares[0].region, PL_REGION_HEAP, "the one that does");
	ok(shares[0].share > 0.95, "and no other");
	is_near(ledger.now.used_bytes[PL_REGION_HEAP] - ledger.base.used_bytes[PL_REGION_HEAP],
	        200.0 * MIB, 60.0 * MIB, "by about as much as it did");
}

static size_t share_count(const struct pl_ledger *ledger)
{
	struct pl_region_share shares[2];

	return pl_ledger_shares(ledger, PL_REGIONS_ANONYMOUS, shares, 2);
}

/* What two ways of reading differ by is no growth; what is clearly more is one. */
static void test_other_methods(void)
{
	static struct space space;
	static struct pl_ledger ledger;
	const struct pl_ledger_place *places[1];
	uint64_t used_bytes;

	make_server(&space, 3, 4);
	(void)sample(&space, 600, 0);
	pl_ledger_update(&ledger, &snapshot, 0, 1000);
	snapshot.window_stride *= 2;
	pl_ledger_update(&ledger, &snapshot, 600, 2000);
	is_num(ledger.reading_count, 1, "another sample begins anew");
	is_num(share_count(&ledger), 0, "and is no growth");
	snapshot.window_stride = 0;
	snapshot.totals[PL_REGION_HEAP].resident_bytes += 8 * MIB;
	pl_ledger_update(&ledger, &snapshot, 1200, 3000);
	is_num(ledger.reading_count, 1, "nor is the first one of smaps");

	used_bytes = ledger.now.used_bytes[PL_REGION_HEAP];
	snapshot.window_stride = 4;
	snapshot.totals[PL_REGION_STACK].resident_bytes += 1000 * MIB + used_bytes;
	pl_ledger_update(&ledger, &snapshot, 1800, 4000);
	is_num(ledger.reading_count, 2, "but what has doubled since has grown");
	is_num(share_count(&ledger), 1, "and it is known which class");
	is_num(ledger.window_stride, 4, "however it is read from now on");
	is_num(pl_ledger_growing(&ledger, places, 1), 0, "if not which mappings of it");
}

/* A reserve of which next to nothing is used: the interval, or the sum, gives it away. */
static void test_sparse(void)
{
	static struct space space;

	space = (struct space){ .seed = 5 };
	add(&space, UINT64_C(0x100000000000), 4096 * GIB, 2 * GIB, 0, ANON);
	(void)sample(&space, 600, 0);
	ok(fabs(windows.used_bytes - 2.0 * (double)GIB) > 0.5 * (double)GIB ||
	       windows.half_bytes > 0.5 * (double)GIB,
	   "a sparse reserve is not told");
	ok(windows.stride <= PL_WINDOW_STRIDE_MAX, "and its windows are still bounded");
}

static void test_bad_text(void)
{
	static const char *const texts[] = { "", "nonsense\n", "10-", "zz-10 rw-p 0 0:0 0\n" };
	const char *text = "1000-2000 rw-p 00000000 00:00 0\n3000-4000 rw-p 00000000 00:00 0\n";

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		pl_windows_init(&windows, PAGE, mappings, MAPPINGS);
		is_num(pl_windows_take(&windows, &scan, texts[i], strlen(texts[i])), -EBADMSG,
		       "what is no maps file");
	}
	pl_windows_init(&windows, PAGE, mappings, 1);
	is_num(pl_windows_take(&windows, &scan, text, strlen(text)), -E2BIG,
	       "more than there is room for");
	is_num(pl_windows_plan(&windows, 100, 0), 0, "is not read");
}

static void feed(void *ctx, const char *text, size_t len)
{
	pl_regions_feed(ctx, text, len);
}

static useconds_t wait_us; /* each read is kept waiting by something else that runs */

ssize_t __real_pl_procfs_read_at(int fd, void *buf, size_t size, uint64_t offset);
ssize_t __wrap_pl_procfs_read_at(int fd, void *buf, size_t size, uint64_t offset);

ssize_t __wrap_pl_procfs_read_at(int fd, void *buf, size_t size, uint64_t offset)
{
	if (wait_us > 0)
		usleep(wait_us);
	return __real_pl_procfs_read_at(fd, buf, size, offset);
}

/* Our own memory, half of it there: as smaps says. */
static void test_self(void)
{
	static struct pl_sampled_result result;
	static struct pl_region_snapshot whole;
	static char buf[65536];
	const size_t size = 64 * MIB;
	struct pl_sampled_request request = { .pid = (int32_t)getpid(),
		                                  .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
		                                  .thread_count = 1,
		                                  .windows_most = 100000,
		                                  .most_us = 10e6 };
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pl_procfs fs;

	if (memory == MAP_FAILED || pl_procfs_open(&fs, "/proc", NULL) != 0)
		abort();
	(void)madvise(memory, size, MADV_NOHUGEPAGE);
	memset(memory, 1, size / 2);
	is_num(pl_sampled_read(&fs, &request, &scan, &result), 0, "our own memory is read");
	pl_regions_begin(&scan);
	(void)pl_procfs_stream(&fs, request.pid, "smaps", buf, sizeof(buf), feed, &scan);
	is_num(pl_regions_end(&scan, 1, &whole), 0, "and so is smaps");
#ifndef __SANITIZE_ADDRESS__ /* its shadow of terabytes takes all windows that one may read */
	is_near(used_of_set(&result.snapshot, PL_REGIONS_ANONYMOUS),
	        used_of_set(&whole, PL_REGIONS_ANONYMOUS), 1.0 * MIB, "both say the same");
	ok(result.used_bytes > 32.0 * MIB && result.window_us > 0 && result.read_us > 0,
	   "with what it took");
#endif
	request.windows_most = 120;
	is_num(pl_sampled_read(&fs, &request, &scan, &result), 0, "with few windows");
	ok(result.snapshot.window_stride > 1, "it is a sample");
	is_near(result.used_bytes, used_of_set(&whole, PL_REGIONS_ANONYMOUS),
	        result.half_bytes + 8.0 * MIB, "that says about the same");
	request.most_us = 40e3;
	wait_us = 30000;
	is_num(pl_sampled_read(&fs, &request, &scan, &result), -ETIME,
	       "to have been kept waiting is not to be too large");
	wait_us = 0;
	request.most_us = 0;
	ok(pl_sampled_read(&fs, &request, &scan, &result) < 0, "without any time nothing is read");
	request.most_us = 10e6;
	request.pid = 4194305;
	is_num(pl_sampled_read(&fs, &request, &scan, &result), -ESRCH, "nobody is not read either");
	munmap(memory, size);
	pl_procfs_close(&fs);
}

int main(void)
{
	test_whole();
	test_interval();
	test_growth();
	test_other_methods();
	test_sparse();
	test_bad_text();
	test_self();
	return tap_done();
}
