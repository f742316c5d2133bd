/*
 * Many processes, and many that come and go, on a fake proc root: what is kept, counted in entries
 * and bytes. PL_CHURN_TICKS makes the churn longer than the moment that make check has for it.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/internal.h"
#include "tap.h"

#define HOST_COUNT 50000
#define BURST_COUNT 2500
#define CHURN_TICKS 2000
#define CHURN_COUNT 8
#define FD_COUNT 45000

static char root[256];
static unsigned long thread_count = 1;
static unsigned long cpu_ticks = 7;
static char state = 'S';

static void write_file(int pid, const char *name, const char *text)
{
	char path[512];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%d/%s", root, pid, name);
	out = fopen(path, "w");
	if (!out || fputs(text, out) < 0 || fclose(out) != 0)
		abort();
}

static void make_directory(int pid)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%d", root, pid);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		abort();
}

static void remove_all(int pid)
{
	static const char *const names[] = { "/stat", "/status", "/cmdline", "" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%d%s", root, pid, names[i]);
		(void)(i + 1 < sizeof(names) / sizeof(names[0]) ? unlink(path) : rmdir(path));
	}
}

static void put_process(int pid, unsigned long start_ticks, unsigned long rss_kib)
{
	char text[1024];

	make_directory(pid);
	snprintf(text, sizeof(text),
	         "%d (worker) %c 1 1 1 0 -1 0 %lu 0 0 0 %lu 3 0 0 20 0 %lu 0 %lu 104857600 %lu "
	         "18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
	         pid, state, rss_kib, cpu_ticks, thread_count, start_ticks, rss_kib / 4);
	write_file(pid, "stat", text);
	snprintf(text, sizeof(text),
	         "Name:\tworker\nPid:\t%d\nUid:\t0\t0\t0\t0\nVmSize:\t  102400 kB\nVmRSS:\t %lu kB\n"
	         "RssAnon:\t %lu kB\nRssFile:\t 0 kB\nRssShmem:\t 0 kB\nVmData:\t 2000 kB\n"
	         "VmSwap:\t 0 kB\nThreads:\t%lu\n",
	         pid, rss_kib, rss_kib, thread_count);
	write_file(pid, "status", text);
	write_file(pid, "cmdline", "worker");
}

static void count_gone(void *ctx, const struct pl_roster_entry *entry)
{
	(void)entry;
	++*(size_t *)ctx;
}

static bool is_sorted(const struct pl_roster *roster)
{
	for (size_t i = 1; i < roster->count; i++)
		if (roster->entries[i - 1].pid >= roster->entries[i].pid)
			return false;
	return true;
}

static size_t bytes_of(const struct pl_roster *roster)
{
	return roster->capacity * sizeof(*roster->entries) +
	       roster->seen_capacity * sizeof(*roster->seen);
}

static size_t count_changed(struct pl_roster *roster)
{
	size_t count = 0;

	for (size_t i = 0; i < roster->count; i++) {
		count += roster->entries[i].changed;
		roster->entries[i].changed = false;
	}
	return count;
}

/* A host with very many processes, and a part of them replaced. */
static void test_large_host(void)
{
	struct pl_roster roster = { 0 };
	struct pl_procfs fs;
	size_t gone = 0;

	for (int pid = 1; pid <= HOST_COUNT; pid++)
		make_directory(pid * 2);
	ok(pl_procfs_open(&fs, root, NULL) == 0, "root opens");
	ok(pl_roster_update(&roster, &fs, count_gone, &gone) == 0, "a large host is listed");
	is_num((double)roster.count, HOST_COUNT, "every process is there");
	ok(gone == 0 && is_sorted(&roster), "sorted, and none is gone");
	is_num((double)count_changed(&roster), HOST_COUNT, "all of them are new");
	ok(bytes_of(&roster) <= 64 * (size_t)HOST_COUNT, "64 bytes a process at the most");

	for (int pid = 1; pid <= HOST_COUNT; pid += 10) {
		remove_all(pid * 2);
		make_directory(pid * 2 + 1);
	}
	pl_roster_find(&roster, 4)->process = 77;
	ok(pl_roster_update(&roster, &fs, count_gone, &gone) == 0, "listed again");
	is_num((double)roster.count, HOST_COUNT, "as many as before");
	is_num((double)gone, HOST_COUNT / 10.0, "a tenth is gone");
	ok(is_sorted(&roster), "still sorted");
	is_num((double)count_changed(&roster), HOST_COUNT / 10.0, "a tenth is new");
	ok(pl_roster_find(&roster, 2) == NULL && pl_roster_find(&roster, 3) != NULL,
	   "old pids are out, new ones in");
	ok(pl_roster_find(&roster, 4)->process == 77, "the others keep what is known of them");
	for (int pid = 2; pid <= 2 * HOST_COUNT + 1; pid++)
		remove_all(pid);
	ok(pl_roster_update(&roster, &fs, count_gone, &gone) == 0 && roster.count == 0,
	   "an empty host");
	is_num((double)gone, HOST_COUNT + HOST_COUNT / 10.0, "all are gone");
	pl_roster_free(&roster);
	pl_procfs_close(&fs);
}

static void on_reading(void *ctx, const struct pl_reading *reading)
{
	*(struct pl_reading *)ctx = *reading;
}

static bool many_descriptors_told; /* whatever was said after it */

static void on_log(void *ctx, enum pl_severity severity, const char *message)
{
	(void)ctx;
	(void)severity;
	many_descriptors_told |= strstr(message, "too many descriptors") != NULL;
}

/* Of one match, with an option of its own. */
static struct pl_engine *start_with(struct pl_reading *last, const char *key, const char *value)
{
	const struct pl_emit emit = { .ctx = last, .reading = on_reading };
	const struct pl_log log = { .write = on_log };
	struct pl_config_faults faults = { 0 };
	struct pl_config *config = pl_config_new();
	struct pl_engine *engine;
	const int match = pl_config_match(config, "workers", NULL, &faults);

	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "ProcFS", root, NULL, &faults);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "CgroupFS", "/nonexistent", NULL, &faults);
	/* there is nothing dear to read, which would be tried in each tick */
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "DeepReadBudget", "0.01", NULL, &faults);
	(void)pl_config_set(config, match, "CommandLine", "work", NULL, &faults);
	if (key)
		(void)pl_config_set(config, match, key, value, NULL, &faults);
	pl_config_finish(config, &faults);
	if (faults.count > 0 || pl_engine_new(&engine, config, &emit, &log) != 0)
		abort();
	return engine;
}

static struct pl_engine *start(struct pl_reading *last)
{
	return start_with(last, NULL, NULL);
}

static void tick(struct pl_engine *engine, double at_s)
{
	pl_engine_tick(engine, (struct pl_time){ at_s, 1700000000 + at_s });
	(void)pl_engine_drain(engine, 10);
}

/* Thousands that start at once are all found within a few ticks, each asked about once. */
static void test_burst(void)
{
	struct pl_reading last = { 0 };
	struct pl_engine *engine = start(&last);
	int ticks = 0;

	for (int pid = 1000; pid < 1000 + BURST_COUNT; pid++)
		put_process(pid, 500, 100);
	for (; ticks < 20 && last.process_count < BURST_COUNT; ticks++)
		tick(engine, 10 * ticks);
	is_num(last.process_count, BURST_COUNT, "all of a burst are matched");
	ok(ticks <= BURST_COUNT / PL_WORKER_JOBS + 3, "within a few ticks");
	is_num((double)engine->process_count, BURST_COUNT, "one entry for each");
	for (int pid = 1000; pid < 1000 + BURST_COUNT; pid++)
		remove_all(pid);
	tick(engine, 10 * ticks);
	is_num(last.process_count, 0, "all of them end");
	pl_engine_free(engine);
}

/* A process in which nothing happens rests; what it does then is noticed soon all the same. */
static void test_rest(void)
{
	struct pl_reading last = { 0 };
	struct pl_engine *engine = start(&last);
	uint64_t anon_bytes = 0;
	int ticks = 0;

	put_process(2000, 500, 1000);
	for (; ticks < 100; ticks++)
		tick(engine, ticks);
	ok(last.process_count == 1 && pl_values_get(&last.values, PL_M_ANON, &anon_bytes),
	   "it is read");
	is_num((double)anon_bytes, 1000 * 1024.0, "its memory");
	put_process(2000, 500, 5000);
	for (; ticks < 116; ticks++)
		tick(engine, ticks);
	ok(pl_values_get(&last.values, PL_M_ANON, &anon_bytes), "awake within 16 ticks");
	is_num((double)anon_bytes, 5000 * 1024.0, "what it has then");
	/* awake, it is followed tick by tick */
	for (int step = 0; step < 5; step++, ticks++) {
		put_process(2000, 500, 6000 + 4 * (unsigned long)step);
		tick(engine, ticks);
		ok(pl_values_get(&last.values, PL_M_ANON, &anon_bytes) &&
		       anon_bytes == (6000 + 4 * (uint64_t)step) * 1024,
		   "followed");
	}
	/* gone is gone at once, however long it rested */
	for (; ticks < 200; ticks++)
		tick(engine, ticks);
	remove_all(2000);
	tick(engine, ticks);
	is_num(last.process_count, 0, "gone at once");
	pl_engine_free(engine);
}

/* In how many of some ticks news of a process arrived that grows all the time. */
static int count_news(struct pl_engine *engine, const struct pl_reading *last, int from, int to)
{
	uint64_t before = 0;
	int news = 0;

	for (int at = from; at < to; at++) {
		uint64_t anon_bytes = 0;

		put_process(2600, 500, 1000 + 100 * (unsigned long)at);
		tick(engine, at);
		(void)pl_values_get(&last->values, PL_M_ANON, &anon_bytes);
		news += anon_bytes != before;
		before = anon_bytes;
	}
	return news;
}

/* The times of very many threads are not added up in each tick. */
static void test_many_threads(void)
{
	struct pl_reading last = { 0 };
	uint64_t anon_bytes = 0;
	uint64_t before = 0;
	int news = 0;
	struct pl_engine *engine = start(&last);

	thread_count = 20000;
	is_near(count_news(engine, &last, 0, 80), 20, 4, "20,000 threads: one pulse in four ticks");
	thread_count = 2000;
	is_near(count_news(engine, &last, 80, 160), 77, 3, "2,000 threads: one in each");
	thread_count = 5500;
	is_near(count_news(engine, &last, 160, 240), 40, 3, "5,500 threads: one in two ticks");
	thread_count = 20000;
	for (int at = 240; at < 280; at++) {
		put_process(2600, 500, 100000 + 100 * (unsigned long)at);
		tick(engine, 240 + 10 * (at - 239));
		news += pl_values_get(&last.values, PL_M_ANON, &anon_bytes) && anon_bytes != before;
		before = anon_bytes;
	}
	is_near(news, 39, 2, "20,000 threads at a long interval: one in each, too");
	thread_count = 1;
	remove_all(2600);
	tick(engine, 700);
	is_num(last.process_count, 0, "gone at once, too");
	pl_engine_free(engine);
}

#define WORKING 8 /* of a crowd: they have the first pids */
#define QUIET 50  /* of it that do nothing: the next ones */
#define REST 80   /* ticks that one may have slept for */

/* The process of this pid; NULL when there is none. */
static const struct pl_process *process_of(const struct pl_engine *engine, int pid)
{
	for (size_t i = 0; i < engine->process_count; i++)
		if (engine->processes[i]->used && engine->processes[i]->ident.pid == pid)
			return engine->processes[i];
	return NULL;
}

struct turns {
	int pulses; /* of all of them */
	int most_in_a_tick;
};

/*
 * How often those of a crowd are pulsed that work, in 64 ticks, once all of them are awake. With
 * `grow` their memory moves as well.
 */
static struct turns count_turns(struct pl_engine *engine, int *ticks, double interval_s, bool grow)
{
	struct turns turns = { 0, 0 };
	uint64_t before[WORKING] = { 0 };

	for (int at = -REST; at < 64; at++) {
		int pulses = 0;

		cpu_ticks++;
		for (int i = 0; i < WORKING; i++)
			put_process(4000 + i, 500, 1000 + (grow ? 4 * cpu_ticks : 0));
		tick(engine, *ticks + interval_s * (at + REST + 1));
		for (int i = 0; i < WORKING; i++) {
			const struct pl_process *process = process_of(engine, 4000 + i);
			const uint64_t now = process ? process->mark.stat.user_ticks : 0;

			pulses += now != before[i];
			before[i] = now;
		}
		if (at < 0)
			continue;
		turns.pulses += pulses;
		if (pulses > turns.most_in_a_tick)
			turns.most_in_a_tick = pulses;
	}
	*ticks += (int)((REST + 64) * interval_s);
	return turns;
}

static int quiet_pulses(const struct pl_engine *engine)
{
	int pulses = 0;

	for (int i = WORKING; i < WORKING + QUIET; i++)
		pulses += process_of(engine, 4000 + i)->quiet_count;
	return pulses;
}

/* How often those who rest are pulsed, in 128 ticks; they have rested for long. */
static int count_rests(struct pl_engine *engine, int *ticks, double interval_s)
{
	int before = 0;

	for (int at = 0; at <= 128; at++) {
		tick(engine, *ticks + interval_s * (at + 1));
		/* the length of an interval is known from its end on */
		if (at == 0)
			before = quiet_pulses(engine);
	}
	*ticks += (int)(129 * interval_s) + 1;
	return quiet_pulses(engine) - before;
}

static void fill(struct pl_engine *engine, int *ticks, int from, int to)
{
	for (int i = from; i < to; i++)
		put_process(4000 + i, 500, 1000);
	for (int i = 0; i < 20; i++)
		tick(engine, ++*ticks);
}

/*
 * Those of a crowd whose memory stays as it is take turns, the more the larger the crowd is; those
 * that do nothing rest for that much longer.
 */
static void test_crowd(void)
{
	enum { FEW = 60, SMALL = 80, LARGE = 600, HUGE = 1100 };
	struct pl_reading last = { 0 };
	struct pl_engine *engine = start(&last);
	int ticks = 0;
	struct turns turns;

	fill(engine, &ticks, 0, FEW);
	is_num(count_turns(engine, &ticks, 1, false).pulses, 64 * WORKING, "few do not take turns");
	is_num(count_rests(engine, &ticks, 1), 8 * QUIET, "and rest as long as one alone does");
	fill(engine, &ticks, FEW, SMALL);
	turns = count_turns(engine, &ticks, 1, false);
	is_num(turns.pulses, 64 * WORKING / 2, "of a crowd each second one is pulsed");
	is_num(turns.most_in_a_tick, WORKING / 2, "in each tick as many as in any other");
	is_num(count_turns(engine, &ticks, 1, true).pulses, 64 * WORKING,
	       "those whose memory moves take none");
	is_num(count_rests(engine, &ticks, 1), 4 * QUIET, "those who rest do so for 32 ticks");
	fill(engine, &ticks, SMALL, LARGE);
	is_num(last.process_count, LARGE, "a large crowd");
	is_num(count_turns(engine, &ticks, 1, false).pulses, 64 * WORKING / 4, "each fourth one");
	is_num(count_rests(engine, &ticks, 1), 2 * QUIET, "and a rest of 64");
	fill(engine, &ticks, LARGE, HUGE);
	is_num(last.process_count, HUGE, "a very large one");
	is_num(count_turns(engine, &ticks, 1, false).pulses, 64 * WORKING / 8, "each eighth one");
	is_num(count_rests(engine, &ticks, 0.5), QUIET, "a rest of 128 ticks");
	is_num(count_rests(engine, &ticks, 1), 2 * QUIET, "but of 80 s at the most");
	is_num(count_turns(engine, &ticks, 10, false).pulses, 64 * WORKING / 2,
	       "but nobody waits for longer than 20 s");
	pl_engine_free(engine);
	engine = start_with(&last, "PerProcess", "true");
	fill(engine, &ticks, 0, 0);
	is_num(count_turns(engine, &ticks, 1, false).pulses, 64 * WORKING,
	       "nobody takes turns whose series are his own");
	is_num(count_rests(engine, &ticks, 1), 8 * QUIET, "or rests for longer");
	pl_engine_free(engine);
	for (int i = 0; i < HUGE; i++)
		remove_all(4000 + i);
}

/* A rest is counted in ticks, and bounded in seconds. */
static void test_length_of_rest(void)
{
	struct pl_reading last = { 0 };
	struct pl_engine *engine = start(&last);
	int before;

	put_process(2700, 500, 1000);
	for (int at = 0; at < 100; at++)
		tick(engine, at);
	before = process_of(engine, 2700)->quiet_count;
	for (int at = 100; at < 164; at++)
		tick(engine, at);
	is_num(process_of(engine, 2700)->quiet_count - before, 4, "one of sixteen ticks");
	before += 4;
	for (int at = 0; at < 64; at++)
		tick(engine, 174 + 10 * at);
	is_num(process_of(engine, 2700)->quiet_count - before, 8, "or every 80 s");
	remove_all(2700);
	pl_engine_free(engine);
}

/* Whoever has ended is asked in ever fewer ticks whether he has. */
static void test_silence(void)
{
	struct pl_reading last = { 0 };
	struct pl_engine *engine = start(&last);
	uint64_t before;

	put_process(2800, 500, 1000);
	for (int at = 0; at < 4; at++)
		tick(engine, at);
	state = 'Z';
	put_process(2800, 500, 0);
	before = engine->self.gone_total;
	for (int at = 4; at < 260; at++)
		tick(engine, at);
	ok(process_of(engine, 2800) != NULL, "a zombie is kept for a while");
	ok(engine->self.gone_total - before >= 6 && engine->self.gone_total - before <= 20,
	   "and asked in few of 256 ticks");
	state = 'S';
	remove_all(2800);
	pl_engine_free(engine);
}

/* One that cannot be read has not ended: as soon as it can be, it is told. */
static void test_unreadable_for_long(void)
{
	struct pl_reading last = { 0 };
	struct pl_engine *engine = start(&last);

	put_process(2900, 500, 1000);
	for (int at = 0; at < 4; at++)
		tick(engine, at);
	is_num(last.process_count, 1, "a process is read");
	write_file(2900, "stat", "nonsense");
	for (int at = 4; at < 200; at++)
		tick(engine, at);
	is_num(last.process_count, 0, "it is not while its stat is nonsense");
	put_process(2900, 500, 1000);
	tick(engine, 200);
	is_num(last.process_count, 1, "and is in the very tick in which that is over");
	remove_all(2900);
	pl_engine_free(engine);
}

/* There is nothing but stat and status, as of one that ends: it is not asked for more at each tick.
 */
static void test_nothing_dear(void)
{
	struct pl_reading last = { 0 };
	struct pl_engine *engine = start(&last);
	uint64_t before;

	put_process(2850, 500, 1000);
	for (int at = 0; at < 4; at++)
		tick(engine, at);
	before = engine->self.deep_reads_total;
	for (int at = 4; at < 64; at++)
		tick(engine, at);
	const uint64_t tried = engine->self.deep_reads_total - before;
	/* less often where the budget is short, as it is beside a sanitizer */
	ok(tried >= 1 && tried <= 7, "who has nothing to read dearly is tried every 10 s");
	is_num(last.process_count, 1, "and told all the same");
	remove_all(2850);
	pl_engine_free(engine);
}

/* More descriptors than are worth a look at each: how many there are is still told. */
static void test_many_descriptors(void)
{
	struct pl_reading last = { 0 };
	struct pl_engine *engine = start(&last);
	char path[512];
	uint64_t fd_count = 0;
	uint64_t before_us = 0;
	const struct pl_process *process;

	many_descriptors_told = false;
	put_process(2500, 500, 1000);
	snprintf(path, sizeof(path), "%s/2500/fd", root);
	if (mkdir(path, 0700) != 0)
		abort();
	for (int fd = 0; fd < FD_COUNT; fd++) {
		snprintf(path, sizeof(path), "%s/2500/fd/%d", root, fd);
		if (symlink("/dev/null", path) != 0)
			abort();
	}
	/* on a root that cannot count them without a listing, the first one tells */
	for (int i = 0; i < 4; i++) {
		before_us = engine->process_count > 0 ? engine->processes[0]->cost.cpu_us_total : 0;
		put_process(2500, 500, 1000 + 100000 * (unsigned long)i);
		tick(engine, 40 * i);
	}
	process = engine->processes[0];
	ok(pl_values_get(&last.values, PL_M_FDS, &fd_count) && fd_count == FD_COUNT,
	   "very many descriptors are counted");
	ok(process->fds_left, "and not looked at again");
	ok(many_descriptors_told, "which is said");
	ok(before_us > 0 && process->cost.cpu_us_total - before_us < before_us / 2,
	   "nor paid for again");
	for (int fd = 0; fd < FD_COUNT; fd++) {
		snprintf(path, sizeof(path), "%s/2500/fd/%d", root, fd);
		(void)unlink(path);
	}
	snprintf(path, sizeof(path), "%s/2500/fd", root);
	(void)rmdir(path);
	remove_all(2500);
	pl_engine_free(engine);
}

/* Every tick one process is replaced, sometimes by one with the same pid. Nothing grows. */
static void test_churn(void)
{
	const char *given = getenv("PL_CHURN_TICKS");
	const long ticks = given ? atol(given) : CHURN_TICKS;
	struct pl_reading last = { 0 };
	struct pl_engine *engine = start(&last);
	int pids[CHURN_COUNT] = { 0 };
	size_t first_bytes = 0;
	size_t most_bytes = 0;
	uint32_t members = 0;

	for (long i = 0; i < ticks; i++) {
		int *pid = &pids[i % CHURN_COUNT];

		if (*pid > 0 && i % 3 != 0)
			remove_all(*pid);
		if (*pid == 0 || i % 3 != 0)
			*pid = 3000 + (int)(i * 7 % 30000);
		put_process(*pid, 1000 + (unsigned long)i, 1000 + (unsigned long)(i % 100));
		tick(engine, (double)i);
		most_bytes = mallinfo2().uordblks;
		if (i == ticks / 3)
			first_bytes = most_bytes;
		if (last.process_count > members)
			members = last.process_count;
	}
	ok(members >= CHURN_COUNT - 2 && members <= CHURN_COUNT, "everyone is counted");
	ok(engine->process_count <= CHURN_COUNT + 1, "entries are used again");
	ok(engine->roster.capacity <= 512, "the table is small");
	is_near((double)most_bytes, (double)first_bytes, 4096,
	        "not a byte more is held at the end than after a third");
	for (size_t i = 0; i < CHURN_COUNT; i++)
		remove_all(pids[i]);
	pl_engine_free(engine);
}

int main(void)
{
	/* a hundred thousand directories on a disk take their time */
	snprintf(root, sizeof(root), "%s/procleak-scale-XXXXXX",
	         access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(root))
		return 1;
	test_large_host();
	test_burst();
	test_rest();
	test_many_threads();
	test_crowd();
	test_length_of_rest();
	test_silence();
	test_nothing_dear();
	test_unreadable_for_long();
	test_many_descriptors();
	test_churn();
	(void)rmdir(root);
	return tap_done();
}
