/*
 * Go's heap by Go's own tables. The tables are made up here, as each version of Go lays them out,
 * and the process looks at itself; time is told, not measured. Real Go programs: tests/census.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "census/census.h"
#include "tap.h"

#define SPANS_MAX 8192
#define GO_PAGE 8192
#define RECORD 160
#define EPOCH_NS UINT64_C(1750000000000000000)
#define LOOK_S 6.0

/* By this section a program is known to be Go's. */
__attribute__((section(".gopclntab"), used)) static const char pclntab[16] = "made up";

/* As runtime.memstats has it. */
struct stats {
	uint64_t last_gc_unix;
	uint64_t pause_total_ns;
	uint64_t pause_ns[256];
	uint64_t pause_end[256];
	uint32_t numgc;
	uint32_t numforcedgc;
	double gc_cpu_fraction;
	uint64_t last_gc_nanotime;
};

/* Beside it are copies that the program took, as runtime.MemStats has them: they begin alike. */
static struct stats blocks[3];
static struct stats *const stats = &blocks[1];

static double clock_step_s; /* of the clock that counts from 1970 */

/* As runtime.mheap_.allspans. */
static struct {
	uint64_t *data;
	uint64_t len;
	uint64_t cap;
} allspans;

/* Where a version keeps what, once more. */
static const struct layout {
	const char *name;
	unsigned elements;
	unsigned elements_size;
	unsigned alloc_bits;
	unsigned alloc_count;
	unsigned class;
	unsigned state;
	unsigned element_bytes;
} layouts[] = {
	{ "Go 1.19", 56, 8, 72, 96, 98, 99, 104 },
	{ "Go 1.21", 56, 8, 72, 104, 106, 107, 112 },
	{ "Go 1.22 to 1.27", 50, 2, 64, 96, 98, 99, 104 },
};

/* Two functions that are never called, and where they begin and end by Go's table. */
__attribute__((noinline, used)) static void serve(void)
{
	__asm__ volatile("nop; nop; nop; nop");
}

__attribute__((noinline, used)) static void handle(void)
{
	__asm__ volatile("nop; nop; nop; nop; nop");
}

/* The table of functions as `make_module` lays it out; in the program's data, as Go's own is. */
static struct {
	uint32_t magic;
	uint8_t rest[60];
	char names[128];
	uint32_t functions[6]; /* begin, record; the last one is the end */
	uint32_t records[4];
} table = { .magic = 1 };

/* Types and a table of methods: offsets count from here. */
static struct {
	uint8_t flags;
	uint8_t names[63];
	uint8_t types[3][48];
	uint64_t itab[3];
} types = { .flags = 1 };

/* As runtime.firstmoduledata. */
static uint64_t module[64] = { 1 };

/* What looks like the tables, before them in the program's data: where the linker puts what is not
 * 0. Ends of collections, or lists of spans. */
static uint64_t decoys[24576] = { 1 };

static const struct layout *layout;
static uint8_t *heap;
static uint8_t *records;
static uint64_t *bits; /* 16 words a span: up to 1024 objects */
static unsigned random_state = 1;

static unsigned any(unsigned below)
{
	random_state = random_state * 1103515245 + 12345;
	return (random_state >> 16) % below;
}

static void put(uint8_t *record, unsigned at, unsigned size, uint64_t value)
{
	memcpy(record + at, &value, size);
}

static uint64_t elements_of(uint64_t element_bytes)
{
	return element_bytes >= GO_PAGE ? 1 : GO_PAGE / element_bytes;
}

static uint8_t *record_of(uint64_t index)
{
	return records + index * RECORD;
}

static void write_span(uint64_t index, uint64_t element_bytes, unsigned class, unsigned state)
{
	const uint64_t pages = element_bytes >= GO_PAGE ? (element_bytes + GO_PAGE - 1) / GO_PAGE : 1;
	uint8_t *record = record_of(index);

	memset(record, 0, RECORD);
	put(record, 24, 8, (uintptr_t)heap + index * GO_PAGE);
	put(record, 32, 8, pages);
	put(record, layout->elements, layout->elements_size,
	    state == 2 ? 0 : elements_of(element_bytes));
	put(record, layout->alloc_bits, 8, state == 2 ? 0 : (uintptr_t)&bits[index * 16]);
	put(record, layout->class, 1, class);
	put(record, layout->state, 1, state);
	put(record, layout->element_bytes, 8, element_bytes);
	memset(&bits[index * 16], 0, 128);
}

static uint64_t add_span(uint64_t element_bytes, unsigned class, unsigned state)
{
	const uint64_t index = allspans.len;

	write_span(index, element_bytes, class, state);
	allspans.data[index] = (uintptr_t)record_of(index);
	allspans.len++;
	return index;
}

/* What a collection finds alive. */
static void set_live(uint64_t index, uint64_t count)
{
	memset(&bits[index * 16], 0, 128);
	for (uint64_t i = 0; i < count; i++)
		bits[index * 16 + i / 64] |= UINT64_C(1) << (i % 64);
}

static void add_live(uint64_t element_bytes, unsigned class, uint64_t count)
{
	const uint64_t most = elements_of(element_bytes);

	for (; count > 0; count -= count < most ? count : most)
		set_live(add_span(element_bytes, class, 1), count < most ? count : most);
}

static void collect(double at_s)
{
	stats->last_gc_unix = EPOCH_NS + (uint64_t)((at_s + clock_step_s) * 1e9);
	stats->last_gc_nanotime = (uint64_t)(at_s * 1e9);
	stats->pause_end[stats->numgc % 256] = stats->last_gc_unix;
	stats->numgc++;
}

/* The compiler must not think that nobody looks. */
static void show(void)
{
	__asm__ volatile(""
	                 :
	                 : "r"(blocks), "r"(&allspans), "r"(&table), "r"(&types), "r"(module),
	                   "r"(decoys)
	                 : "memory");
}

static void *map(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* A heap of some classes, after 300 collections: the ring of their ends has gone round. */
static void begin_heap(const struct layout *version, uint64_t spans)
{
	static const uint64_t sizes[] = { 16, 48, 64, 128, 512, 1024, 40960 };

	layout = version;
	memset(blocks, 0, sizeof(blocks));
	allspans.len = 0;
	for (int i = 0; i < 300; i++)
		collect(i * 0.1);
	for (uint64_t i = 0; i < spans; i++) {
		const uint64_t size = sizes[i % 7];
		const uint64_t index = add_span(size, (unsigned)(i % 2), i % 11 == 0 ? 0 : 1);

		set_live(index, 1 + any((unsigned)elements_of(size)));
	}
	blocks[0] = blocks[2] = *stats;
	blocks[0].last_gc_nanotime = blocks[2].last_gc_nanotime = 1;
}

/* What happens between two looks: `each` is told how much of the time has gone by. */
struct life {
	void (*each)(unsigned look);
	unsigned collections; /* between two looks; 0: none at all */
	bool none_at_last;    /* before the last look */
	uint32_t page_count;
	uint64_t seed;
};

/* After each look: the interval that would tell more. */
static double longer_s[PL_CENSUS_LOOKS];

static int take_census(const struct life *life, struct pl_census_report *out)
{
	const struct pl_census_options options = { .page_count = life->page_count,
		                                       .interval_s = 5 * LOOK_S,
		                                       .seed = life->seed };
	struct pl_census *census;
	struct pl_procfs fs;
	struct pl_host host;
	double now_s = 100;
	int err = pl_procfs_open(&fs, "/proc", NULL);

	if (err < 0)
		return err;
	pl_sample_host(&fs, &host);
	show();
	err = pl_census_begin(&census, &fs, &host, getpid(), &options, now_s);
	if (err < 0) {
		pl_procfs_close(&fs);
		return err;
	}
	for (unsigned look = 1; err == 0 && pl_census_due_s(census) >= 0; look++) {
		if (life->each)
			life->each(look);
		now_s += LOOK_S;
		const bool none = life->none_at_last && look == 5;
		for (unsigned i = 0; i < life->collections && !none; i++)
			collect(now_s - 70.1 - 0.01 * (life->collections - 1 - i));
		show();
		err = pl_census_step(census, now_s);
		longer_s[look] = pl_census_longer_s(census);
	}
	if (err == 0)
		err = pl_census_finish(census, out);
	pl_census_free(census);
	pl_procfs_close(&fs);
	return err;
}

static void leak_sessions(unsigned look)
{
	(void)look;
	add_live(96, 0, 6000);
	add_live(2048, 1, 4); /* not worth a word */
}

static void test_versions(void)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		struct pl_census_report report = { 0 };
		const struct life life = {
			.each = leak_sessions, .collections = 3, .page_count = 256, .seed = i
		};

		begin_heap(&layouts[i], 500);
		is_num(take_census(&life, &report), 0, layouts[i].name);
		ok(report.entry_count == 1 && !report.inconclusive, "one kind of object piles up");
		is_str(report.entries[0].name, "96-byte objects with pointers", "it is told");
		is_str(report.entries[0].detail, "a type of 81 to 96 bytes",
		       "and of which types it can be");
		is_near(report.entries[0].objects_per_s, 1000, 1, "how many a second");
		is_near(report.entries[0].bytes_per_s, 96000, 100, "and bytes");
		ok(report.entries[0].kind == PL_CENSUS_SIZE && report.entries[0].confidence > 0.99 &&
		       report.entries[0].share > 0.9 && report.entries[0].low_per_s < 999 &&
		       report.entries[0].low_per_s > 980 && report.entries[0].high_per_s > 1001,
		   "a size, surely, most of the growth");
		is_str(report.runtime, "Go", "the runtime has its name");
		is_near(report.interval_s, 5 * LOOK_S, 0.1, "between collections");
		ok(report.pages_read > 0 && isnan(report.floor_objects_per_s) &&
		       report.floor_bytes_per_s > 0,
		   "what was read");
	}
}

static void start_goroutines(unsigned look)
{
	const uint64_t index = allspans.len;

	for (uint64_t i = 0; i < 12; i++) {
		add_span(2048, 0, 2);
		put(record_of(index + i), layout->alloc_count, 2, 4);
	}
	add_live(416, 0, 48);
	(void)look;
}

static void test_goroutines(void)
{
	struct pl_census_report report = { 0 };
	const struct life life = {
		.each = start_goroutines, .collections = 1, .page_count = 256, .seed = 1
	};

	begin_heap(&layouts[2], 300);
	is_num(take_census(&life, &report), 0, "goroutines that never end");
	is_str(report.entries[0].name, "goroutine", "are told first");
	ok(report.entries[0].kind == PL_CENSUS_TYPE, "as a type");
	is_near(report.entries[0].objects_per_s, 8, 0.1, "how many a second");
	is_str(report.entries[0].detail, "its stack of 2 KiB", "and their stacks");
}

/* Objects come and go; each collection finds other ones. */
static void come_and_go(unsigned look)
{
	for (uint64_t i = 0; i < allspans.len; i++) {
		uint64_t size;

		memcpy(&size, record_of(i) + layout->element_bytes, sizeof(size));
		if (any(3) == 0)
			set_live(i, 1 + any((unsigned)elements_of(size)));
	}
	(void)look;
}

/* Spans of one class are given up, and taken for another one, as buffers become larger. */
static void move_on(unsigned look)
{
	for (uint64_t i = 0; i < allspans.len; i += 12)
		if (i / 12 % 5 == look - 1) {
			write_span(i, 1024, 1, 1);
			set_live(i, 1);
		}
}

static void test_quiet(void)
{
	unsigned told = 0;

	for (uint64_t seed = 0; seed < 30; seed++) {
		struct pl_census_report report = { 0 };
		const struct life life = {
			.each = come_and_go, .collections = 2, .page_count = 64, .seed = seed
		};

		begin_heap(&layouts[seed % 3], 1500);
		if (take_census(&life, &report) != 0 || report.entry_count > 0 || !report.inconclusive)
			told++;
	}
	is_num(told, 0, "of what comes and goes nothing is told");

	struct pl_census_report report = { 0 };
	const struct life life = { .each = move_on, .collections = 2, .page_count = 256, .seed = 3 };
	begin_heap(&layouts[2], 1200);
	for (uint64_t i = 0; i < allspans.len; i += 12) {
		write_span(i, 512, 1, 1);
		set_live(i, 16);
	}
	is_num(take_census(&life, &report), 0, "where one size makes room for another");
	is_num(report.entry_count, 0, "none is told");
}

static void test_sample(void)
{
	unsigned good = 0;

	for (uint64_t seed = 0; seed < 10; seed++) {
		struct pl_census_report report = { 0 };
		const struct life life = {
			.each = leak_sessions, .collections = 1, .page_count = 16, .seed = seed
		};

		begin_heap(&layouts[2], 6000); /* of which 1024 are read */
		if (take_census(&life, &report) == 0 && report.entry_count == 1 &&
		    fabs(report.entries[0].objects_per_s - 1000) < 250)
			good++;
	}
	ok(good >= 9, "a part of the spans is enough");
}

static void step_clock(unsigned look)
{
	leak_sessions(look);
	clock_step_s = look == 3 ? 3e8 : 1e3;
}

static void leak_until_last(unsigned look)
{
	if (look < 5)
		leak_sessions(look);
}

/* Many spans of other sizes all at once; one after the other becomes one of tickets. */
static void use_again(unsigned look)
{
	const uint64_t first = 300;
	const uint64_t each = 36;

	for (uint64_t i = 0; look == 1 && i < 5 * each; i++)
		set_live(add_span(i % 2 ? 48 : 512, (unsigned)(i % 2), 1), 1);
	for (uint64_t i = 0; i < each; i++) {
		const uint64_t index = first + (look - 1) * each + i;

		write_span(index, 96, 0, 1);
		set_live(index, i + 1 < each ? 85 : 25);
	}
}

static void test_collections(void)
{
	struct pl_census_report report = { 0 };
	struct life life = { .each = leak_sessions, .collections = 0, .page_count = 256, .seed = 1 };

	begin_heap(&layouts[2], 300);
	is_num(take_census(&life, &report), 0, "no collection in between");
	ok(report.inconclusive && strstr(report.reason, "ended 0 times") && report.entry_count == 0,
	   "tells nothing, and why");
	ok(longer_s[1] > 59.9 && longer_s[1] < 60.1 && longer_s[4] > 0,
	   "after having asked to look for twice as long");
	ok(longer_s[5] <= 0, "but not at the end");
	begin_heap(&layouts[2], 300);
	life.collections = 2;
	is_num(take_census(&life, &report), 0, "two collections between any two looks");
	ok(longer_s[1] <= 0 && longer_s[2] <= 0 && longer_s[4] <= 0, "are enough");
	begin_heap(&layouts[2], 300);
	life = (struct life){ leak_until_last, 1, true, 256, 1 };
	is_num(take_census(&life, &report), 0, "no collection before the last look");
	is_near(report.entries[0].objects_per_s, 1000, 1, "the rate is that until the last one");
	life = (struct life){ step_clock, 1, false, 256, 1 };
	begin_heap(&layouts[1], 300);
	is_num(take_census(&life, &report), 0, "the clock is set meanwhile");
	is_near(report.entries[0].objects_per_s, 1000, 1, "which changes no rate");
	clock_step_s = 0;
	life = (struct life){ use_again, 1, false, 256, 1 };
	begin_heap(&layouts[2], 300);
	is_num(take_census(&life, &report), 0, "records that are used again, for another size");
	is_near(report.entries[0].objects_per_s, 500, 1, "are no burst of the look that found them");
	begin_heap(&layouts[2], 300);
	memset(blocks, 0, sizeof(blocks));
	life.each = leak_sessions;
	life.collections = 1;
	is_num(take_census(&life, &report), 0, "no collection before");
	ok(report.inconclusive && strstr(report.reason, "pprof"), "sends to the profiler");
	begin_heap(&layouts[2], 4);
	is_num(take_census(&life, &report), 0, "too few spans to be sure of the version");
	ok(report.inconclusive && strstr(report.reason, "pprof"), "send there too");
}

static void make_type(unsigned i, unsigned name, const char *text, unsigned flags)
{
	types.names[name] = 1;
	types.names[name + 1] = (uint8_t)strlen(text);
	memcpy(types.names + name + 2, text, strlen(text));
	memset(types.types[i], 0, sizeof(types.types[i]));
	put(types.types[i], 16, 4, 0x1234 + i);
	put(types.types[i], 20, 1, flags);
	put(types.types[i], 21, 1, 8);
	put(types.types[i], 23, 1, 25);
	put(types.types[i], 40, 4, (uintptr_t)types.names + name - (uintptr_t)&types);
}

/* Which of the two comes first is the compiler's choice. */
static void make_module(uint32_t magic)
{
	const uintptr_t a = (uintptr_t)serve;
	const uintptr_t b = (uintptr_t)handle;
	const uintptr_t text = a < b ? a : b;

	memset(&table, 0, sizeof(table));
	table.magic = magic;
	memcpy(table.names, "\0main.serve\0main.handle\0", 25);
	table.functions[0] = 0;
	table.functions[1] = sizeof(table.functions);
	table.functions[2] = (uint32_t)((a < b ? b : a) - text);
	table.functions[3] = sizeof(table.functions) + 8;
	table.functions[4] = table.functions[2] + 16;
	table.records[0] = 0;
	table.records[1] = a < b ? 1 : 12;
	table.records[2] = table.functions[2];
	table.records[3] = a < b ? 12 : 1;
	make_type(0, 0, "*main.Ticket", 2); /* the star is the pointer's: main.Ticket */
	make_type(1, 20, "main.Kept", 0);
	types.itab[0] = (uintptr_t)types.types[1];
	types.itab[1] = (uintptr_t)types.types[0];
	types.itab[2] = 0x1234;
	memset(module, 0, sizeof(module));
	module[0] = (uintptr_t)&table;
	module[1] = (uintptr_t)table.names;
	module[2] = module[3] = sizeof(table.names);
	module[13] = module[16] = (uintptr_t)table.functions;
	module[14] = module[15] = sizeof(table.functions) + sizeof(table.records);
	module[17] = module[18] = 3;
	module[22] = text;
	module[23] = text + table.functions[4];
	module[magic == 0xfffffff0 ? 35 : 37] = (uintptr_t)&types;
}

/* Objects that hold a method table and a function, and by chance something else. */
static void keep_tickets(unsigned look)
{
	const uint64_t first = allspans.len;

	leak_sessions(look);
	for (uint64_t i = first; i < allspans.len; i++)
		for (uint64_t at = 0; at + 96 <= GO_PAGE; at += 96) {
			uint64_t *words = (uint64_t *)(heap + i * GO_PAGE + at);

			words[2] = (uintptr_t)types.itab;
			words[5] = (uintptr_t)handle;
			words[7] = any(3) == 0 ? (uintptr_t)serve : 0;
		}
}

static void wait_forever(unsigned look)
{
	const uint64_t first = allspans.len;

	start_goroutines(look);
	for (uint64_t i = first; i < first + 12; i++)
		for (uint64_t at = 0; at < GO_PAGE; at += 2048) {
			uint64_t *words = (uint64_t *)(heap + i * GO_PAGE + at);

			words[254] = (uintptr_t)serve + 4;
			words[3] = (uintptr_t)handle; /* too deep */
		}
}

static void test_names(void)
{
	static const uint32_t magics[] = { 0xfffffff0, 0xfffffff1 };
	struct pl_census_report report = { 0 };
	struct life life = { .each = keep_tickets, .collections = 1, .page_count = 256, .seed = 1 };

	for (unsigned i = 0; i < 2; i++) {
		begin_heap(&layouts[2 * i], 300);
		make_module(magics[i]);
		is_num(take_census(&life, &report), 0, "objects with pointers to the program");
		is_str(report.entries[0].detail,
		       "a type of 81 to 96 bytes; points to main.Ticket as main.Kept, main.handle",
		       "what most of them point to is told, and by which names");
	}
	life.each = wait_forever;
	begin_heap(&layouts[1], 300);
	is_num(take_census(&life, &report), 0, "goroutines that wait");
	is_str(report.entries[0].name, "goroutine in main.serve", "and in which function");
	is_str(report.entries[0].detail, "its stack of 2 KiB; in main.serve",
	       "not what is deep inside");
	life.each = keep_tickets;
	for (unsigned i = 0; i < 60; i++) {
		begin_heap(&layouts[2], 300);
		make_module(magics[1]);
		module[13 + any(24)] ^= UINT64_C(1) << any(64);
		put((uint8_t *)&table.names, any(160), 8, (uint64_t)any(65536) << any(48));
		put((uint8_t *)types.types, any(130), 8, (uint64_t)any(65536) << any(48));
		if (take_census(&life, &report) != 0 || report.entry_count != 1)
			break;
		if (i == 59)
			ok(true, "whatever the tables say, names are all that it costs");
	}
	make_module(0);
	begin_heap(&layouts[2], 300);
	is_num(take_census(&life, &report), 0, "without such tables");
	is_str(report.entries[0].detail, "a type of 81 to 96 bytes", "there are no names");
	madvise(heap, (size_t)SPANS_MAX * GO_PAGE, MADV_DONTNEED);
}

static uint64_t *other_list;

/* The list of spans moves as it grows. */
static void move_list(unsigned look)
{
	leak_sessions(look);
	if (look == 2) {
		memcpy(other_list, allspans.data, allspans.len * 8);
		allspans.data = other_list;
		allspans.cap = SPANS_MAX;
	}
}

static void shrink_list(unsigned look)
{
	allspans.len -= look;
}

static void lose_list(unsigned look)
{
	(void)look;
	allspans.data = (uint64_t *)8;
}

/* Whatever the tables say. */
static void go_wild(unsigned look)
{
	uint8_t *record = record_of(any((unsigned)allspans.len));

	(void)look;
	for (unsigned i = 0; i < 200; i++) {
		put(record_of(any((unsigned)allspans.len)), any(RECORD - 8), 8,
		    (uint64_t)any(65536) << any(48));
		allspans.data[any((unsigned)allspans.len)] ^= UINT64_C(1) << any(64);
	}
	put(record, layout->elements, layout->elements_size, UINT64_MAX);
	put(record, layout->alloc_bits, 8, UINT64_MAX - 7);
}

static void test_hostile(void)
{
	struct pl_census_report report = { 0 };
	struct life life = { .each = move_list, .collections = 1, .page_count = 256, .seed = 1 };
	uint64_t *list = allspans.data;
	bool ended = true;

	begin_heap(&layouts[2], 300);
	is_num(take_census(&life, &report), 0, "a list that moves as it grows");
	ok(report.entry_count == 1 && fabs(report.entries[0].objects_per_s - 1000) < 1, "is followed");
	allspans.data = list;
	begin_heap(&layouts[2], 300);
	life.each = shrink_list;
	is_num(take_census(&life, &report), -ESRCH, "a list that shrinks is another program's");
	begin_heap(&layouts[2], 300);
	life.each = lose_list;
	is_num(take_census(&life, &report), -ESRCH, "so is one that is nowhere");
	allspans.data = list;
	for (uint64_t seed = 0; seed < 40; seed++) {
		begin_heap(&layouts[seed % 3], 400);
		life.each = go_wild;
		life.seed = seed;
		memset(&report, 0, sizeof(report));
		const int err = take_census(&life, &report);
		ended = ended && (err == 0 || err == -ESRCH);
		for (size_t i = 0; i < report.entry_count; i++)
			ended = ended && isfinite(report.entries[i].objects_per_s);
	}
	ok(ended, "nonsense in the tables does no harm");
}

/* Puts in something that looks like the tables so many times; whether the tables are found yet. */
static bool finds_among(const uint64_t decoy[3], size_t words, size_t count)
{
	struct pl_census_report report = { 0 };
	const struct life life = {
		.each = leak_sessions, .collections = 1, .page_count = 256, .seed = 1
	};
	int err;

	begin_heap(&layouts[2], 300);
	for (size_t i = 0; i < count; i++)
		for (size_t word = 0; word < words; word++)
			decoys[i * words + word] = decoy[word] + (words == 1 ? i : 0);
	err = take_census(&life, &report);
	memset(decoys, 0, sizeof(decoys));
	return err == 0 && report.entry_count == 1 && fabs(report.entries[0].objects_per_s - 1000) < 1;
}

/* A program may be full of what looks like the tables: the search for them must end. */
static void test_bounds(void)
{
	const uint64_t ends[3] = { EPOCH_NS + 1 };
	const size_t list_count = 128;
	uint64_t *list = map(list_count * 8);
	uint8_t *dead = map(list_count * 4096);
	const uint64_t slice[3] = { (uintptr_t)list, list_count, list_count };

	if (!list || !dead)
		exit(1);
	/* records that prove nothing, each on a page of its own */
	memset(dead, 0, list_count * 4096); /* so that it is there */
	for (size_t i = 0; i < list_count; i++)
		list[i] = (uintptr_t)dead + i * 4096;
	ok((uintptr_t)decoys < (uintptr_t)blocks && (uintptr_t)decoys < (uintptr_t)&allspans,
	   "what looks like the tables comes first");
	ok(finds_among(ends, 1, 8192), "among 8192 numbers that look like ends of collections they are "
	                               "found");
	ok(!finds_among(ends, 1, 24576), "among 24576 nobody looks for them any longer");
	ok(finds_among(slice, 3, 64), "among 64 lists of 128 pages they are found");
	ok(!finds_among(slice, 3, 512), "among 512 nobody looks for them any longer");
}

int main(void)
{
	heap = map((size_t)(SPANS_MAX + 1) * GO_PAGE);
	if (heap)
		heap += GO_PAGE - (uintptr_t)heap % GO_PAGE;
	records = map((size_t)SPANS_MAX * RECORD);
	bits = map((size_t)SPANS_MAX * 128);
	allspans.data = map((size_t)SPANS_MAX * 8);
	other_list = map((size_t)SPANS_MAX * 8);
	allspans.cap = SPANS_MAX;
	if (!heap || !records || !bits || !allspans.data || !other_list || pclntab[0] == '\0')
		return 1;
	test_versions();
	test_goroutines();
	test_quiet();
	test_sample();
	test_collections();
	test_names();
	test_hostile();
	test_bounds();
	return tap_done();
}
