/* The engine on a fake proc root, tick by tick: who is matched, what is summed, what survives. */
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine.h"
#include "evidence/evidence.h"
#include "state/state.h"
#include "sample/idle.h"
#include "tap.h"

#define MAX_SEEN 64

struct seen {
	struct pl_report report; /* the last one */
	unsigned report_count;
	unsigned alarm_count;
	char alarmed[16];      /* the first letters of the matches, in order */
	unsigned placed_count; /* alarms that name a heap */
	struct pl_reading readings[MAX_SEEN];
	size_t count;
	struct pl_self self;
	char last_log[1024];
	unsigned log_count;
};

static char root[256];

static void on_reading(void *ctx, const struct pl_reading *reading)
{
	struct seen *seen = ctx;

	if (seen->count < MAX_SEEN)
		seen->readings[seen->count++] = *reading;
}

static void on_self(void *ctx, const struct pl_self *self)
{
	((struct seen *)ctx)->self = *self;
}

static void on_report(void *ctx, const struct pl_report *report)
{
	struct seen *seen = ctx;

	seen->report = *report;
	seen->report_count++;
	if (report->alarm && seen->alarm_count < sizeof(seen->alarmed) - 1)
		seen->alarmed[seen->alarm_count] = *report->subject.match;
	seen->alarm_count += report->alarm;
	seen->placed_count += report->alarm && strstr(report->message, "brk heap");
}

static void on_log(void *ctx, enum pl_severity severity, const char *message)
{
	struct seen *seen = ctx;

	(void)severity;
	seen->log_count++;
	snprintf(seen->last_log, sizeof(seen->last_log), "%s", message);
}

/* What fails next: the linker puts these functions before the library's (--wrap). */
static atomic_size_t failing_malloc_bytes; /* blocks of this size cannot be had; 0: all can */
static atomic_int failing_fstat_errno;     /* a regular file cannot be looked at */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
int __real_fstat(int fd, struct stat *info);
int __wrap_fstat(int fd, struct stat *info);
ssize_t __real_pl_procfs_read(const struct pl_procfs *fs, int32_t pid, const char *name, char *buf,
                              size_t size);
ssize_t __wrap_pl_procfs_read(const struct pl_procfs *fs, int32_t pid, const char *name, char *buf,
                              size_t size);

static atomic_ulong rollup_us; /* what each rollup takes; 0: what it does take */

int __real_pl_sample_deep(struct pl_deep_reader *reader, int32_t pid, unsigned want, double now_s,
                          struct pl_deep_result *out);
int __wrap_pl_sample_deep(struct pl_deep_reader *reader, int32_t pid, unsigned want, double now_s,
                          struct pl_deep_result *out);

int __wrap_pl_sample_deep(struct pl_deep_reader *reader, int32_t pid, unsigned want, double now_s,
                          struct pl_deep_result *out)
{
	const int result = __real_pl_sample_deep(reader, pid, want, now_s, out);

	if (rollup_us > 0 && (want & PL_DEEP_ROLLUP))
		out->lock_us = out->longest_us = out->cpu_us = rollup_us;
	return result;
}

void *__wrap_malloc(size_t size)
{
	return size > 0 && size == failing_malloc_bytes ? NULL : __real_malloc(size);
}

int __wrap_fstat(int fd, struct stat *info)
{
	const int result = __real_fstat(fd, info);

	if (failing_fstat_errno == 0 || result < 0 || !S_ISREG(info->st_mode))
		return result;
	errno = failing_fstat_errno;
	return -1;
}

/* After some reads of a stat the next `count` say something else: of equal length. */
static struct {
	atomic_int reads_left;
	int count;
	const char *from;
	const char *to;
} torn;

ssize_t __wrap_pl_procfs_read(const struct pl_procfs *fs, int32_t pid, const char *name, char *buf,
                              size_t size)
{
	const ssize_t len = __real_pl_procfs_read(fs, pid, name, buf, size);
	char *at;
	int left;

	if (len <= 0 || pid == 0 || torn.count == 0 || strcmp(name, "stat") != 0)
		return len;
	left = atomic_fetch_sub(&torn.reads_left, 1);
	if (left > 0 || left <= -torn.count)
		return len;
	at = memmem(buf, (size_t)len, torn.from, strlen(torn.from));
	if (at)
		memcpy(at, torn.to, strlen(torn.to));
	return len;
}

static void write_file(int pid, const char *name, const char *text)
{
	char path[512];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%d/%s", root, pid, name);
	out = fopen(path, "w");
	if (!out || fputs(text, out) < 0 || fclose(out) != 0)
		abort();
}

struct fake {
	int pid;
	int ppid;
	const char *comm;
	const char *command_line;
	unsigned long start_ticks;
	unsigned long anon_kib;
	unsigned long minor_faults;
	unsigned long code;
	unsigned flags;
	unsigned long swap_kib;
	unsigned threads; /* beside the first one */
	char state;       /* 0: asleep */
};

static void put_process(const struct fake *fake)
{
	char text[2048];

	snprintf(text, sizeof(text), "%s/%d", root, fake->pid);
	(void)mkdir(text, 0700);
	snprintf(text, sizeof(text), "%s/%d/fd", root, fake->pid);
	(void)mkdir(text, 0700);
	snprintf(text, sizeof(text),
	         "%d (%s) %c %d 1 1 0 -1 %u %lu 0 0 0 7 3 0 0 20 0 %u 0 %lu 104857600 2560 "
	         "18446744073709551615 %lu 2 3 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
	         fake->pid, fake->comm, fake->state ? fake->state : 'S', fake->ppid, fake->flags,
	         fake->minor_faults, fake->threads + 1, fake->start_ticks, fake->code ? fake->code : 1);
	write_file(fake->pid, "stat", text);
	snprintf(text, sizeof(text),
	         "Name:\t%s\nPid:\t%d\nUid:\t1000\t1000\t1000\t1000\nVmSize:\t  102400 kB\n"
	         "VmRSS:\t %lu kB\nRssAnon:\t %lu kB\nRssFile:\t 1000 kB\nRssShmem:\t 0 kB\n"
	         "VmData:\t 2000 kB\nVmSwap:\t %lu kB\nThreads:\t%u\n",
	         fake->comm, fake->pid, fake->anon_kib + 1000, fake->anon_kib, fake->swap_kib,
	         fake->threads + 1);
	write_file(fake->pid, "status", text);
	write_file(fake->pid, "cmdline", fake->command_line ? fake->command_line : fake->comm);
	snprintf(text, sizeof(text),
	         "00400000-7fff0000 ---p 00000000 00:00 0 [rollup]\nRss: %lu kB\nPss: %lu kB\n"
	         "Pss_Anon: %lu kB\nPss_File: 500 kB\nPss_Shmem: 0 kB\nShared_Clean: 0 kB\n"
	         "Shared_Dirty: 0 kB\nPrivate_Clean: 0 kB\nPrivate_Dirty: %lu kB\nReferenced: 0 kB\n"
	         "Anonymous: %lu kB\nLazyFree: 0 kB\nAnonHugePages: 0 kB\nSwap: 0 kB\nSwapPss: 0 kB\n"
	         "Locked: 0 kB\n",
	         fake->anon_kib + 1000, fake->anon_kib / 2 + 500, fake->anon_kib / 2, fake->anon_kib,
	         fake->anon_kib);
	write_file(fake->pid, "smaps_rollup", text);
}

static void remove_process(int pid)
{
	char command[512];

	snprintf(command, sizeof(command), "rm -rf '%s/%d'", root, pid);
	if (system(command) != 0)
		abort();
}

/* All of it is in the heap. */
static void put_heap(int pid, const char *comm, unsigned long anon_kib, int minor_faults)
{
	char text[512];

	put_process(&(struct fake){ .pid = pid,
	                            .ppid = 1,
	                            .comm = comm,
	                            .start_ticks = 10,
	                            .anon_kib = anon_kib,
	                            .minor_faults = (unsigned long)minor_faults });
	snprintf(text, sizeof(text),
	         "10000000-7fff0000 rw-p 00000000 00:00 0 [heap]\nSize: %lu kB\nRss: %lu kB\n"
	         "Pss: %lu kB\nAnonymous: %lu kB\nSwap: 0 kB\n",
	         anon_kib, anon_kib, anon_kib, anon_kib);
	write_file(pid, "smaps", text);
}

static struct pl_engine *start(struct seen *seen, const char *const settings[][3])
{
	const struct pl_emit emit = {
		.ctx = seen, .reading = on_reading, .report = on_report, .self = on_self
	};
	const struct pl_log log = { on_log, seen };
	struct pl_config_faults faults = { 0 };
	struct pl_config *config = pl_config_new();
	struct pl_engine *engine;

	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "ProcFS", root, NULL, &faults);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "CgroupFS", "/nonexistent", NULL, &faults);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "DeepReadBudget", "100", NULL, &faults);
	for (; (*settings)[1]; settings++) {
		int scope = PL_CONFIG_GLOBAL;

		if ((*settings)[0])
			scope = pl_config_match(config, (*settings)[0], NULL, &faults);
		(void)pl_config_set(config, scope, (*settings)[1], (*settings)[2], NULL, &faults);
	}
	pl_config_finish(config, &faults);
	if (faults.count > 0 || pl_engine_new(&engine, config, &emit, &log) != 0)
		abort();
	return engine;
}

static void tick(struct pl_engine *engine, struct seen *seen, double at_s)
{
	seen->count = 0;
	pl_engine_begin(engine, (struct pl_time){ at_s, 1700000000 + at_s });
	(void)pl_engine_drain(engine, 5);
	pl_engine_finish(engine);
}

static const struct pl_reading *find(const struct seen *seen, enum pl_subject_kind kind,
                                     const char *match, int pid)
{
	for (size_t i = 0; i < seen->count; i++) {
		const struct pl_subject *subject = &seen->readings[i].subject;

		if (subject->kind == kind && subject->pid == pid && strcmp(subject->match, match) == 0)
			return &seen->readings[i];
	}
	return NULL;
}

static double value_of(const struct pl_reading *reading, enum pl_metric metric)
{
	uint64_t value;

	if (!reading || !pl_values_get(&reading->values, metric, &value))
		return -1;
	return (double)value;
}

static void test_matching(void)
{
	static const char *const settings[][3] = {
		{ "web", "Command", "nginx" },     { "api", "CommandLine", "java .*api[.]jar" },
		{ "web-too", "Command", "nginx" }, { "nobody", "Command", "absent" },
		{ "evil", "CommandLine", "." },    { NULL, NULL, NULL },
	};
	struct seen seen = { 0 };
	struct pl_engine *engine;

	put_process(&(struct fake){
		.pid = 10, .ppid = 1, .comm = "nginx", .start_ticks = 100, .anon_kib = 4000 });
	put_process(&(struct fake){ .pid = 11,
	                            .ppid = 1,
	                            .comm = "java",
	                            .start_ticks = 100,
	                            .anon_kib = 8000,
	                            .command_line = "java -Xmx1g api.jar" });
	put_process(&(struct fake){ .pid = 12,
	                            .ppid = 2,
	                            .comm = "kworker/0:1",
	                            .start_ticks = 5,
	                            .flags = 0x00200000,
	                            .command_line = "" });
	engine = start(&seen, settings);
	tick(engine, &seen, 0);
	tick(engine, &seen, 10);
	is_num(find(&seen, PL_SUBJECT_MATCH, "web", 0)->process_count, 1, "comm matches");
	is_num(find(&seen, PL_SUBJECT_MATCH, "api", 0)->process_count, 1, "command line matches");
	is_num(find(&seen, PL_SUBJECT_MATCH, "web-too", 0)->process_count, 1,
	       "a process is in two matches");
	is_num(find(&seen, PL_SUBJECT_MATCH, "nobody", 0)->process_count, 0, "nothing matches");
	ok(value_of(find(&seen, PL_SUBJECT_MATCH, "nobody", 0), PL_M_ANON) < 0,
	   "and then nothing is said");
	is_num(find(&seen, PL_SUBJECT_MATCH, "evil", 0)->process_count, 2,
	       "a kernel thread matches no pattern");
	is_num(value_of(find(&seen, PL_SUBJECT_MATCH, "web", 0), PL_M_ANON), 4000 * 1024, "RssAnon");
	is_num(value_of(find(&seen, PL_SUBJECT_MATCH, "web", 0), PL_M_PSS), 2500 * 1024, "PSS");
	is_num(value_of(find(&seen, PL_SUBJECT_MATCH, "evil", 0), PL_M_ANON), 6000 * 1024,
	       "a sum of two counts shared pages once");
	is_num(seen.self.seen_count, 3, "processes seen");
	is_num(seen.self.matched_count, 2, "processes matched");
	ok(seen.self.memory_bytes > 2 * sizeof(struct pl_track) && seen.self.memory_bytes < 1 << 20,
	   "and what is kept of them");
	pl_engine_free(engine);
	remove_process(10);
	remove_process(11);
	remove_process(12);
}

static void test_lives(void)
{
	static const char *const settings[][3] = { { "web", "Command", "nginx" },
		                                       { "web", "PerProcess", "true" },
		                                       { NULL, NULL, NULL } };
	struct fake fake = { .pid = 10,
		                 .ppid = 1,
		                 .comm = "nginx",
		                 .start_ticks = 100,
		                 .anon_kib = 4000,
		                 .minor_faults = 1000,
		                 .code = 4096 };
	struct seen seen = { 0 };
	struct pl_engine *engine;
	double faults;

	put_process(&fake);
	engine = start(&seen, settings);
	tick(engine, &seen, 0);
	faults = value_of(find(&seen, PL_SUBJECT_MATCH, "web", 0), PL_M_MINOR_FAULTS);
	fake.minor_faults = 1500;
	put_process(&fake);
	tick(engine, &seen, 10);
	is_num(value_of(find(&seen, PL_SUBJECT_MATCH, "web", 0), PL_M_MINOR_FAULTS) - faults, 500,
	       "a counter counts on");
	is_num(find(&seen, PL_SUBJECT_PROCESS, "web", 10)->subject.start_ticks, 100,
	       "a process has a reading of its own");
	/* the pid is reused: the same name, another start */
	fake.start_ticks = 900;
	fake.minor_faults = 20;
	put_process(&fake);
	tick(engine, &seen, 20);
	tick(engine, &seen, 30);
	tick(engine, &seen, 40);
	tick(engine, &seen, 50);
	is_num(find(&seen, PL_SUBJECT_PROCESS, "web", 10)->subject.start_ticks, 900,
	       "a reused pid is another process");
	ok(value_of(find(&seen, PL_SUBJECT_MATCH, "web", 0), PL_M_MINOR_FAULTS) >= faults + 500,
	   "the counter of the match does not fall");
	remove_process(10);
	tick(engine, &seen, 60);
	is_num(find(&seen, PL_SUBJECT_MATCH, "web", 0)->process_count, 0, "it is gone");
	ok(!find(&seen, PL_SUBJECT_PROCESS, "web", 10), "and has no reading any more");
	ok(value_of(find(&seen, PL_SUBJECT_MATCH, "web", 0), PL_M_MINOR_FAULTS) < 0,
	   "nor has the match a value");
	pl_engine_free(engine);
}

static void test_exec_and_rename(void)
{
	static const char *const settings[][3] = { { "web", "Command", "nginx" },
		                                       { NULL, NULL, NULL } };
	struct fake fake = {
		.pid = 10, .ppid = 1, .comm = "sh", .start_ticks = 100, .anon_kib = 4000, .code = 4096
	};
	struct seen seen = { 0 };
	struct pl_engine *engine;

	put_process(&fake);
	engine = start(&seen, settings);
	tick(engine, &seen, 0);
	is_num(find(&seen, PL_SUBJECT_MATCH, "web", 0)->process_count, 0, "a shell is no web server");
	fake.comm = "nginx";
	fake.code = 8192;
	put_process(&fake);
	for (int i = 1; i < 8; i++)
		tick(engine, &seen, 10 * i);
	is_num(find(&seen, PL_SUBJECT_MATCH, "web", 0)->process_count, 1, "after exec it is");
	fake.comm = "renamed";
	put_process(&fake);
	tick(engine, &seen, 100);
	tick(engine, &seen, 110);
	is_num(find(&seen, PL_SUBJECT_MATCH, "web", 0)->process_count, 0,
	       "after a rename it is not any more");
	pl_engine_free(engine);
	remove_process(10);
}

static void take_sample_count(void *ctx, const struct pl_state_process *process)
{
	*(uint64_t *)ctx = process->track.sample_count;
}

/* Samples of the process in the state file, or 0. */
static uint64_t saved_sample_count(const char *path)
{
	uint64_t count = 0;
	const struct pl_state_reader reader = { .ctx = &count, .process = take_sample_count };
	char problem[128];
	char *text;
	size_t len;

	if (pl_state_load(path, &text, &len) != 0)
		return 0;
	(void)pl_state_read(text, len, &reader, problem, sizeof(problem));
	free(text);
	return count;
}

struct sought {
	uint64_t start_ticks;
	uint64_t count;
};

static void take_sought(void *ctx, const struct pl_state_process *process)
{
	struct sought *sought = ctx;

	if (process->track.ident.start_ticks == sought->start_ticks)
		sought->count = process->track.sample_count;
}

/* Likewise of the one that started then. */
static double saved_sample_count_of(const char *path, uint64_t start_ticks)
{
	struct sought sought = { .start_ticks = start_ticks };
	const struct pl_state_reader reader = { .ctx = &sought, .process = take_sought };
	char problem[128];
	char *text;
	size_t len;

	if (pl_state_load(path, &text, &len) != 0)
		return 0;
	(void)pl_state_read(text, len, &reader, problem, sizeof(problem));
	free(text);
	return (double)sought.count;
}

#define FIRST_BOOT "8f7c1e52-6a0d-4b3e-9c55-2d1f0a9b7e31"
#define SECOND_BOOT "00000000-6a0d-4b3e-9c55-2d1f0a9b7e31"

static void write_boot_id(const char *text)
{
	char path[512];
	FILE *out;

	snprintf(path, sizeof(path), "mkdir -p '%s/sys/kernel/random'", root);
	if (system(path) != 0)
		abort();
	snprintf(path, sizeof(path), "%s/sys/kernel/random/boot_id", root);
	if (!text) {
		remove(path);
		return;
	}
	out = fopen(path, "w");
	if (!out || fputs(text, out) < 0 || fclose(out) != 0)
		abort();
}

/* Who may not trace a process is shown no addresses of it; nobody else can read everything. */
static void test_less_is_seen(void)
{
	char path[512];
	const char *const settings[][3] = { { "web", "Command", "nginx" },
		                                { NULL, "StateFile", path },
		                                { NULL, NULL, NULL } };
	struct fake fake = {
		.pid = 10, .ppid = 1, .comm = "nginx", .start_ticks = 100, .anon_kib = 4000, .code = 4096
	};
	struct seen seen = { 0 };
	struct pl_engine *engine;

	snprintf(path, sizeof(path), "%s/state.json", root);
	write_boot_id(FIRST_BOOT "\n");
	put_process(&fake);
	engine = start(&seen, settings);
	for (int i = 0; i < 3; i++)
		tick(engine, &seen, 10 * i);
	fake.code = 1;
	put_process(&fake);
	tick(engine, &seen, 30);
	fake.code = 4096;
	put_process(&fake);
	tick(engine, &seen, 40);
	pl_engine_free(engine);
	is_num(saved_sample_count(path), 5, "an address that is not shown is no exec");
	write_boot_id(NULL);
	engine = start(&seen, settings);
	ok(strstr(seen.last_log, "restored 1 matches, 1 processes") != NULL,
	   "a boot id that cannot be read is no other one");
	pl_engine_free(engine);
	write_boot_id("8f7c1e52-6a0d");
	engine = start(&seen, settings);
	ok(strstr(seen.last_log, "restored 1 matches, 1 processes") != NULL, "nor one that is cut");
	pl_engine_free(engine);
	write_boot_id(SECOND_BOOT "\n");
	engine = start(&seen, settings);
	ok(strstr(seen.last_log, "restored 1 matches, 0 processes") != NULL, "another one is");
	pl_engine_free(engine);
	remove(path);
	remove_process(10);
}

/* Whom Auto finds belongs to no match until workers have asked for its command line and its unit,
 * and what cannot be read is asked for once more, ticks after the start: with ticks that are far
 * apart, what was learned of it was forgotten by then. */
static void test_restored_late(void)
{
	char path[512];
	const char *const settings[][3] = { { NULL, "Auto", "true" },
		                                { NULL, "AutoMinSize", "1M" },
		                                { NULL, "StateFile", path },
		                                { "web", "CommandLine", "^/another" },
		                                { NULL, NULL, NULL } };
	const struct fake fake = {
		.pid = 10, .ppid = 1, .comm = "nginx", .start_ticks = 100, .anon_kib = 4000
	};
	struct seen seen = { 0 };
	uint64_t counts[2];

	snprintf(path, sizeof(path), "%s/state.json", root);
	for (int life = 0; life < 2; life++) {
		struct pl_engine *engine = start(&seen, settings);

		for (int i = 0; i < 8; i++) {
			const double at_s = 1e9 + 1800.0 * (8 * life + i);

			if (i == 4 * life)
				put_process(&fake);
			pl_engine_tick(engine, (struct pl_time){ at_s, at_s });
			(void)pl_engine_drain(engine, 5);
		}
		pl_engine_free(engine);
		counts[life] = saved_sample_count(path);
		remove_process(10);
	}
	ok(counts[0] > 0 && counts[1] > counts[0], "with ticks half an hour apart, too");
	remove(path);
}

/* Whichever read of a life says for once that this is another program, or, as such a pulse is
 * followed by a look, whichever two say another process or name: what was learned of it stays. */
static void test_torn_reads(void)
{
	static const struct {
		int count;
		const char *from;
		const char *to;
		const char *name;
	} ways[] = { { 2, " 12345 ", " 92345 ", "another start" },
		         { 1, " 4096 ", " 5096 ", "another program" },
		         { 2, "(nginx)", "(ngimx)", "another name" } };
	char path[512];
	const char *const settings[][3] = { { "web", "Command", "nginx" },
		                                { NULL, "StateFile", path },
		                                { NULL, NULL, NULL } };
	struct fake fake = {
		.pid = 10, .ppid = 1, .comm = "nginx", .start_ticks = 12345, .code = 4096
	};
	struct seen seen = { 0 };

	snprintf(path, sizeof(path), "%s/state.json", root);
	put_process(&fake);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		uint64_t before = 0;
		unsigned lost = 0;

		remove(path);
		torn.count = ways[i].count;
		torn.from = ways[i].from;
		torn.to = ways[i].to;
		/* from the second life on there is something to lose */
		for (int nth = 0; nth < 20; nth++) {
			struct pl_engine *engine = start(&seen, settings);
			uint64_t now;

			atomic_store(&torn.reads_left, nth);
			for (int n = 0; n < 8; n++)
				tick(engine, &seen, 10 * n);
			pl_engine_free(engine);
			now = saved_sample_count(path);
			lost += now <= before;
			before = now;
		}
		is_num(lost, 0, ways[i].name);
	}
	torn.count = 0;
	remove(path);
	remove_process(10);
}

/* Lets an engine start on a state file while something fails, and save at its end. */
static void restart_badly(struct seen *seen, const char *const settings[][3])
{
	struct pl_engine *engine = start(seen, settings);

	failing_malloc_bytes = 0;
	failing_fstat_errno = 0;
	tick(engine, seen, 10);
	pl_engine_free(engine);
}

/* What there was no memory for, or what could not be looked at, is not overwritten by the next
 * save. */
/* Another process with the pid of one that was saved is not that one. */
static void test_other_is_not_restored(void)
{
	char path[512];
	const char *const settings[][3] = { { "web", "Command", "nginx" },
		                                { NULL, "StateFile", path },
		                                { NULL, NULL, NULL } };
	struct fake fake = { .pid = 10, .ppid = 1, .comm = "nginx", .start_ticks = 100 };
	const struct pl_ident ident = { 10, 100 };
	struct seen seen = { 0 };
	struct pl_engine *engine;

	ok(pl_ident_equal(ident, (struct pl_ident){ 10, 100 }) &&
	       !pl_ident_equal(ident, (struct pl_ident){ 10, 101 }) &&
	       !pl_ident_equal(ident, (struct pl_ident){ 11, 100 }),
	   "a process is its pid and its start");
	snprintf(path, sizeof(path), "%s/state.json", root);
	put_process(&fake);
	engine = start(&seen, settings);
	for (int i = 0; i < 5; i++)
		tick(engine, &seen, 10 * i);
	pl_engine_free(engine);
	is_num((double)saved_sample_count(path), 5, "five samples are saved");
	fake.start_ticks = 101;
	put_process(&fake);
	engine = start(&seen, settings);
	for (int i = 5; i < 7; i++)
		tick(engine, &seen, 10 * i);
	pl_engine_free(engine);
	/* who is not met for ten minutes is saved again as he was; the one alive comes first */
	is_num(saved_sample_count_of(path, 101), 2, "another process begins anew");
	is_num(saved_sample_count_of(path, 100), 5, "and takes nothing over");
	remove(path);
	remove_process(10);
}

/* A process in two matches: each is told of its threads, and of its memory when that leaks, too. */
static void test_two_matches_are_told(void)
{
	static const char *const settings[][3] = { { "one", "Command", "nginx" },
		                                       { "two", "CommandLine", "nginx" },
		                                       { NULL, NULL, NULL } };
	struct fake fake = { .pid = 10, .ppid = 1, .comm = "nginx", .start_ticks = 100 };
	static struct seen seen;
	struct pl_engine *engine;

	put_process(&fake);
	engine = start(&seen, settings);
	for (unsigned i = 0; i < 150; i++) {
		fake.threads += 8;
		fake.minor_faults += 100;
		fake.anon_kib = i < 60 ? 4000 : fake.anon_kib + 1024;
		put_process(&fake);
		tick(engine, &seen, 1800.0 * i);
	}
	pl_engine_free(engine);
	/* leaking, confirmed, and joined by memory */
	is_str(seen.alarmed, "ototot", "both matches are told, each time");
	remove_process(10);
}

/* Matches of the state that there is no place for: it is said. */
static void test_forgotten_matches(void)
{
	enum { MOST = 256, MORE = 3, FIRST = 100 };
	static char names[MOST + MORE][16];
	static const char *many[MOST + 4][3];
	char path[512];
	const char *const none[][3] = { { NULL, "StateFile", path }, { NULL, NULL, NULL } };
	const char *const one[][3] = { { "name0", "Command", "x" },
		                           { NULL, "StateFile", path },
		                           { NULL, NULL, NULL } };
	struct seen seen = { 0 };
	struct pl_engine *engine;

	snprintf(path, sizeof(path), "%s/state.json", root);
	for (int i = 0; i < MOST + MORE; i++)
		snprintf(names[i], sizeof(names[i]), "name%d", i);
	for (int i = 0; i < MOST; i++)
		memcpy(many[i], (const char *[]){ names[i], "Command", names[i] }, sizeof(many[i]));
	memcpy(many[MOST], (const char *[]){ NULL, "StateFile", path }, sizeof(many[0]));
	memcpy(many[MOST + 1], (const char *[]){ NULL, "Auto", "true" }, sizeof(many[0]));
	memcpy(many[MOST + 2], (const char *[]){ NULL, "AutoMinSize", "1M" }, sizeof(many[0]));
	for (int i = 0; i < MORE; i++)
		put_process(&(struct fake){
			.pid = FIRST + i, .ppid = 1, .comm = names[MOST + i], .anon_kib = 4000 });
	engine = start(&seen, many);
	tick(engine, &seen, 0);
	tick(engine, &seen, 10);
	pl_engine_free(engine);
	engine = start(&seen, none);
	ok(strstr(seen.last_log, "3 of its matches are forgotten") && strstr(seen.last_log, "no room"),
	   "matches that Auto has no room for are told");
	pl_engine_free(engine);
	engine = start(&seen, one);
	ok(strstr(seen.last_log, "258 of its matches are forgotten") &&
	       strstr(seen.last_log, "Auto is off"),
	   "and those that are not configured any more");
	pl_engine_free(engine);
	remove(path);
	for (int i = 0; i < MORE; i++)
		remove_process(FIRST + i);
}

static void take_run_count(void *ctx, const struct pl_state_match *match)
{
	*(uint32_t *)ctx = match->family.run_total;
}

/* Past runs of the only match in the state file. */
static uint32_t saved_run_count(const char *path)
{
	uint32_t count = 0;
	const struct pl_state_reader reader = { .ctx = &count, .match = take_run_count };
	char problem[128];
	char *text;
	size_t len;

	if (pl_state_load(path, &text, &len) != 0)
		return 0;
	(void)pl_state_read(text, len, &reader, problem, sizeof(problem));
	free(text);
	return count;
}

/* Nobody reaps them: they have run, and cost next to nothing any more. */
static void test_zombies(void)
{
	enum { COUNT = 20, FIRST = 100, HOURS = 6, TICK_S = 60 };
	char path[512];
	const char *const settings[][3] = { { "web", "Command", "nginx" },
		                                { NULL, "StateFile", path },
		                                { NULL, NULL, NULL } };
	struct fake fake = { .ppid = 1, .comm = "nginx", .start_ticks = 100, .anon_kib = 4000 };
	static struct seen seen;
	struct pl_engine *engine = NULL;
	uint64_t alive_bytes;
	uint64_t dead_bytes;
	double at_s = 0;

	snprintf(path, sizeof(path), "%s/state.json", root);
	for (; at_s < HOURS * 3600; at_s += TICK_S) {
		/* only one of them lives for so long that its run tells something */
		for (int i = 0; i < (at_s < (HOURS - 1) * 3600 ? 1 : COUNT); i++) {
			fake.pid = FIRST + i;
			fake.minor_faults = (unsigned long)at_s;
			put_process(&fake);
		}
		if (!engine)
			engine = start(&seen, settings);
		tick(engine, &seen, at_s);
	}
	alive_bytes = seen.self.memory_bytes;
	fake.state = 'Z';
	for (int i = 0; i < COUNT; i++) {
		fake.pid = FIRST + i;
		put_process(&fake);
	}
	for (int i = 0; i < 3; i++)
		tick(engine, &seen, at_s += TICK_S);
	is_num(find(&seen, PL_SUBJECT_MATCH, "web", 0)->process_count, 0, "zombies are not processes");
	is_num(seen.self.memory_bytes, (double)alive_bytes, "but are kept for a while");
	for (int i = 0; i < 20; i++)
		tick(engine, &seen, at_s += TICK_S);
	ok(seen.self.memory_bytes + COUNT * sizeof(struct pl_track) <= alive_bytes,
	   "then their memory is given back");
	dead_bytes = seen.self.memory_bytes;
	fake.pid = FIRST + COUNT;
	put_process(&fake);
	for (int i = 0; i < 5; i++)
		tick(engine, &seen, at_s += TICK_S);
	ok(seen.self.memory_bytes < dead_bytes + sizeof(struct pl_track),
	   "one that is dead when it is met costs none");
	/* a thread other than the first has called exec */
	fake.state = 'S';
	fake.code = 8192;
	put_process(&fake);
	for (int i = 0; i < 70; i++)
		tick(engine, &seen, at_s += TICK_S);
	is_num(find(&seen, PL_SUBJECT_MATCH, "web", 0)->process_count, 1, "it may come to life again");
	pl_engine_free(engine);
	is_num(saved_sample_count(path) > 0, 1, "the state has who is alive");
	ok(saved_run_count(path) >= 1, "and that the others have run");
	remove(path);
	for (int i = 0; i <= COUNT; i++)
		remove_process(FIRST + i);
}

static void test_state_is_kept(void)
{
	char path[512];
	char bad[520];
	const char *const settings[][3] = { { "web", "Command", "nginx" },
		                                { NULL, "StateFile", path },
		                                { NULL, NULL, NULL } };
	struct fake fake = { .pid = 10, .ppid = 1, .comm = "nginx", .start_ticks = 100 };
	struct seen seen = { 0 };
	struct pl_engine *engine;

	snprintf(path, sizeof(path), "%s/state.json", root);
	snprintf(bad, sizeof(bad), "%s.bad", path);
	put_process(&fake);
	engine = start(&seen, settings);
	for (int i = 0; i < 3; i++)
		tick(engine, &seen, 10 * i);
	pl_engine_free(engine);
	failing_malloc_bytes = sizeof(struct pl_state_process);
	restart_badly(&seen, settings);
	ok(strstr(seen.last_log, "no memory for 1 of its processes") != NULL,
	   "a process that was not restored for want of memory is told");
	is_num(saved_sample_count(bad), 3, "and the state is kept aside");
	remove(path);
	rename(bad, path);
	failing_fstat_errno = EIO;
	restart_badly(&seen, settings);
	ok(strstr(seen.last_log, strerror(EIO)) != NULL, "a state that cannot be looked at is told");
	is_num(saved_sample_count(bad), 3, "and kept aside as well");
	remove(path);
	remove(bad);
	remove_process(10);
}

static void test_per_process(void)
{
	static const char *const settings[][3] = { { "w", "Command", "worker" },
		                                       { "w", "PerProcess", "true" },
		                                       { "w", "MaxProcesses", "2" },
		                                       { NULL, NULL, NULL } };
	struct seen seen = { 0 };
	struct pl_engine *engine;
	size_t own = 0;

	for (int pid = 20; pid < 25; pid++)
		put_process(&(struct fake){
			.pid = pid, .ppid = 1, .comm = "worker", .start_ticks = 100, .anon_kib = 1000 });
	engine = start(&seen, settings);
	tick(engine, &seen, 0);
	tick(engine, &seen, 10);
	for (size_t i = 0; i < seen.count; i++)
		own += seen.readings[i].subject.kind == PL_SUBJECT_PROCESS;
	is_num(own, 2, "at most MaxProcesses have a reading of their own");
	is_num(find(&seen, PL_SUBJECT_OTHER, "w", 0)->process_count, 3, "the rest is summed");
	is_num(find(&seen, PL_SUBJECT_MATCH, "w", 0)->process_count, 5, "the match has them all");
	for (int pid = 20; pid < 25; pid++)
		remove_process(pid);
	pl_engine_free(engine);
}

static void test_children(void)
{
	static const char *const settings[][3] = { { "tree", "Pid", "30" },
		                                       { "tree", "Children", "true" },
		                                       { NULL, NULL, NULL } };
	struct seen seen = { 0 };
	struct pl_engine *engine;

	put_process(
		&(struct fake){ .pid = 30, .ppid = 1, .comm = "top", .start_ticks = 10, .anon_kib = 100 });
	put_process(&(struct fake){
		.pid = 31, .ppid = 30, .comm = "child", .start_ticks = 20, .anon_kib = 100 });
	put_process(&(struct fake){
		.pid = 29, .ppid = 31, .comm = "grandchild", .start_ticks = 30, .anon_kib = 100 });
	put_process(&(struct fake){
		.pid = 33, .ppid = 1, .comm = "stranger", .start_ticks = 30, .anon_kib = 100 });
	engine = start(&seen, settings);
	for (int i = 0; i < 4; i++)
		tick(engine, &seen, 10 * i);
	is_num(find(&seen, PL_SUBJECT_MATCH, "tree", 0)->process_count, 3,
	       "descendants belong to it, whatever their pids");
	for (int pid = 29; pid < 34; pid++)
		if (pid != 32)
			remove_process(pid);
	pl_engine_free(engine);
}

static void test_pid_file(void)
{
	char path[300];
	const char *const settings[][3] = { { "p", "PidFile", path }, { NULL, NULL, NULL } };
	struct seen seen = { 0 };
	struct pl_engine *engine;
	char event[sizeof(struct inotify_event) + NAME_MAX + 1];
	FILE *out;
	int watch;

	snprintf(path, sizeof(path), "%s/run.pid", root);
	put_process(
		&(struct fake){ .pid = 40, .ppid = 1, .comm = "a", .start_ticks = 10, .anon_kib = 100 });
	put_process(
		&(struct fake){ .pid = 41, .ppid = 1, .comm = "b", .start_ticks = 10, .anon_kib = 200 });
	engine = start(&seen, settings);
	tick(engine, &seen, 0);
	is_num(find(&seen, PL_SUBJECT_MATCH, "p", 0)->process_count, 0, "no pid file, no process");
	out = fopen(path, "w");
	fputs("41\n", out);
	fclose(out);
	tick(engine, &seen, 10);
	is_num(value_of(find(&seen, PL_SUBJECT_MATCH, "p", 0), PL_M_ANON), 200 * 1024,
	       "the pid file names it");
	remove(path);
	out = fopen(path, "w");
	fputs("  40", out);
	fclose(out);
	tick(engine, &seen, 20);
	tick(engine, &seen, 30);
	is_num(value_of(find(&seen, PL_SUBJECT_MATCH, "p", 0), PL_M_ANON), 100 * 1024,
	       "and now another");
	remove(path);
	if (mkfifo(path, 0600) != 0)
		abort();
	watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (inotify_add_watch(watch, path, IN_OPEN) < 0)
		abort();
	tick(engine, &seen, 40);
	is_num(find(&seen, PL_SUBJECT_MATCH, "p", 0)->process_count, 0, "a FIFO names none");
	ok(read(watch, event, sizeof(event)) < 0 && errno == EAGAIN, "and is not opened");
	close(watch);
	remove(path);
	if (symlink("/dev/zero", path) != 0)
		abort();
	tick(engine, &seen, 50);
	is_num(find(&seen, PL_SUBJECT_MATCH, "p", 0)->process_count, 0, "nor does a device");
	remove_process(40);
	remove_process(41);
	remove(path);
	pl_engine_free(engine);
}

/* More that moves than the budget can follow: they are read in turn, not the first ones alone. */
static void test_turns(void)
{
	enum { COUNT = 12, FIRST = 100, TICKS = 400, STEP_S = 31 };
	static const char *const settings[][3] = { { "m", "Command", "mover" },
		                                       { "m", "PerProcess", "true" },
		                                       { NULL, "DeepReadBudget", "0.0001" },
		                                       { NULL, NULL, NULL } };
	static struct seen seen;
	struct pl_engine *engine = NULL;
	unsigned read_count = 0;

	for (int n = 0; n < TICKS && read_count < COUNT; n++) {
		for (int i = 0; i < COUNT; i++)
			put_process(&(struct fake){ .pid = FIRST + i,
			                            .ppid = 1,
			                            .comm = "mover",
			                            .start_ticks = 10,
			                            .anon_kib = n % 2 ? 4000 : 20000,
			                            .minor_faults = (unsigned long)n });
		if (!engine)
			engine = start(&seen, settings);
		tick(engine, &seen, n * STEP_S);
		read_count = 0;
		for (int i = 0; i < COUNT; i++)
			read_count += value_of(find(&seen, PL_SUBJECT_PROCESS, "m", FIRST + i), PL_M_PSS) > 0;
	}
	is_num(read_count, COUNT, "nobody starves while others move");
	pl_engine_free(engine);
	for (int i = 0; i < COUNT; i++)
		remove_process(FIRST + i);
}

/* Too little to read all of 17 processes in each tick. Reads are dearer under that sanitizer. */
#ifdef __SANITIZE_THREAD__
#define TIGHT_BUDGET "0.004"
#else
#define TIGHT_BUDGET "0.0004"
#endif

/* Movers would take all of the budget: one of whom nothing is to be feared is read all the same. */
static void test_routine_share(void)
{
	enum { COUNT = 16, FIRST = 100, STEADY = 90, TICKS = 90, STEP_S = 31 };
	static const char *const settings[][3] = { { "m", "CommandLine", "mover|steady" },
		                                       { "m", "PerProcess", "true" },
		                                       { NULL, "DeepReadBudget", TIGHT_BUDGET },
		                                       { NULL, NULL, NULL } };
	static struct seen seen;
	const struct pl_reading *reading;
	double oldest_s = 0;
	uint32_t reads_of_movers = 0;
	struct pl_engine *engine = NULL;

	for (int n = 0; n < TICKS; n++) {
		for (int i = 0; i <= COUNT; i++)
			put_process(&(struct fake){ .pid = i < COUNT ? FIRST + i : STEADY,
			                            .ppid = 1,
			                            .comm = i < COUNT ? "mover" : "steady",
			                            .start_ticks = 10,
			                            .anon_kib = i < COUNT && n % 2 ? 4000 : 20000,
			                            .minor_faults = (unsigned long)n });
		if (!engine)
			engine = start(&seen, settings);
		tick(engine, &seen, n * STEP_S);
		reading = find(&seen, PL_SUBJECT_PROCESS, "m", STEADY);
		if (n > TICKS / 2 && reading && reading->deep_age_s > oldest_s)
			oldest_s = reading->deep_age_s;
	}
	for (int i = 0; i < COUNT; i++) {
		reading = find(&seen, PL_SUBJECT_PROCESS, "m", FIRST + i);
		reads_of_movers += reading ? reading->cost.read_count : 0;
	}
	reading = find(&seen, PL_SUBJECT_PROCESS, "m", STEADY);
	ok(reading && reading->cost.read_count > 3, "a steady process is read again and again");
	ok(oldest_s < 30 * STEP_S, "so that what is known of it is never old");
	ok(reading && reads_of_movers > 3 * reading->cost.read_count,
	   "but most is for those that move");
	ok(seen.self.deferred_total > 0, "of which many had to wait");
	pl_engine_free(engine);
	for (int i = 0; i < COUNT; i++)
		remove_process(FIRST + i);
	remove_process(STEADY);
}

/* One mapping of `mib`, all of it there. */
static void put_pages(int pid, unsigned mib)
{
	const uint64_t first_page = 0x10000000 / 4096;
	const uint64_t entry = UINT64_C(1) << 63;
	char text[512];
	FILE *out;

	snprintf(text, sizeof(text), "10000000-%x rw-p 00000000 00:00 0 [heap]\n",
	         0x10000000 + mib * 1048576);
	write_file(pid, "maps", text);
	snprintf(text, sizeof(text), "%s/%d/pagemap", root, pid);
	out = fopen(text, "w");
	if (!out || fseek(out, (long)(first_page * sizeof(entry)), SEEK_SET) != 0)
		abort();
	for (unsigned i = 0; i < mib * 256; i++)
		fwrite(&entry, sizeof(entry), 1, out);
	fclose(out);
}

/* Too large for a rollup: sampled where that will do, else no more than a pulse; and said. */
static void test_degrading(void)
{
	static const char *const settings[][3] = { { "d", "Command", "giant" },
		                                       { NULL, "MaxLockTime", "5" },
		                                       { NULL, NULL, NULL } };
	static const char *const strict[][3] = { { "d", "Command", "giant" },
		                                     { NULL, "MaxLockTime", "0.2" },
		                                     { NULL, NULL, NULL } };
	const struct fake giant = {
		.pid = 80, .ppid = 1, .comm = "giant", .start_ticks = 10, .anon_kib = 256 * 1024
	};
	static struct seen seen;
	const struct pl_reading *reading;
	struct pl_engine *engine;

	put_process(&giant);
	put_pages(80, 256);
	engine = start(&seen, settings);
	tick(engine, &seen, 0);
	tick(engine, &seen, 10);
	reading = find(&seen, PL_SUBJECT_MATCH, "d", 0);
	ok(reading && !pl_values_has(&reading->values, PL_M_PSS), "no rollup is read");
	is_num(reading->cost.method, PL_METHOD_PULSE, "which is told");
	ok(strstr(seen.last_log, "80 (giant) is too large") != NULL, "and said");
	is_num(seen.self.degraded_count, 1, "and counted");
	tick(engine, &seen, 70);
	reading = find(&seen, PL_SUBJECT_MATCH, "d", 0);
	is_num(reading->cost.method, PL_METHOD_SAMPLED, "its pages are sampled");
	ok(reading->regions && reading->regions->bytes[PL_REGION_HEAP] == 256 * 1048576,
	   "and tell its regions");
	ok(reading->cost.degraded_count >= 2 && seen.self.degraded_total >= 2,
	   "both count as degraded");
	pl_engine_free(engine);

	/* the pulse says that there is more than the sample found */
	put_pages(80, 100);
	engine = start(&seen, settings);
	for (int i = 0; i < 3; i++)
		tick(engine, &seen, 1000 + i * 70);
	reading = find(&seen, PL_SUBJECT_MATCH, "d", 0);
	is_num(reading->cost.method, PL_METHOD_PULSE, "a sample that does not add up is no use");
	ok(!reading->regions && reading->cost.read_count > 0, "and nothing is told of it");
	pl_engine_free(engine);

	engine = start(&seen, strict);
	for (int i = 0; i < 3; i++)
		tick(engine, &seen, 2000 + i * 70);
	reading = find(&seen, PL_SUBJECT_MATCH, "d", 0);
	is_num(reading->cost.lock_us_total, 0, "where even that is too long, no lock is held");
	is_num(value_of(reading, PL_M_ANON), 256 * 1048576, "and the pulse goes on");
	pl_engine_free(engine);
	remove_process(80);
}

/* Until when regions are told, once they are read no more, in steps of ten minutes. */
static double told_until_s(const char *time_scale, double most_s)
{
	const char *const settings[][3] = { { "r", "Command", "quiet" },
		                                { NULL, "TimeScale", time_scale },
		                                { NULL, NULL, NULL } };
	const struct fake quiet = {
		.pid = 82, .ppid = 1, .comm = "quiet", .start_ticks = 10, .anon_kib = 1024
	};
	static struct seen seen;
	struct pl_engine *engine;
	double last_s = -1;

	put_process(&quiet);
	write_file(82, "smaps",
	           "10000000-10100000 rw-p 00000000 00:00 0 [heap]\nRss: 1024 kB\nPss: 1024 kB\n"
	           "Anonymous: 1024 kB\nVmFlags: rd wr\n");
	engine = start(&seen, settings);
	for (int i = 0; i < 3; i++)
		tick(engine, &seen, i * 40);
	if (!find(&seen, PL_SUBJECT_MATCH, "r", 0)->regions)
		abort();
	write_file(82, "smaps", "no longer what it was\n");
	for (double at_s = 100; at_s <= most_s; at_s += 100) {
		const struct pl_reading *reading;

		tick(engine, &seen, at_s);
		reading = find(&seen, PL_SUBJECT_MATCH, "r", 0);
		if (reading->regions)
			last_s = at_s;
	}
	pl_engine_free(engine);
	remove_process(82);
	return last_s;
}

/* What cannot be read any more is told until it is old, in scaled time and in real time, too. */
static void test_old_regions(void)
{
	is_near(told_until_s("1", 12000), 3 * 3600 + 80, 300, "three readings may fail");
	is_near(told_until_s("1000", 2000), 600 + 80, 100, "and ten minutes, however fast time passes");
}

/* 4096 groups push the memory past what is read of status at first. */
static void test_many_groups(void)
{
	static const char *const settings[][3] = { { "g", "Command", "member" }, { NULL, NULL, NULL } };
	struct seen seen = { 0 };
	struct pl_engine *engine;
	char path[512];
	FILE *out;

	put_process(&(struct fake){ .pid = 60, .ppid = 1, .comm = "member", .start_ticks = 10 });
	snprintf(path, sizeof(path), "%s/60/status", root);
	out = fopen(path, "w");
	fputs("Name:\tmember\nUid:\t0\t0\t0\t0\nGroups:\t", out);
	for (int i = 0; i < 4096; i++)
		fprintf(out, "%d ", 1000000000 + i);
	fputs("\nVmSize:\t 10 kB\nVmRSS:\t 8 kB\nRssAnon:\t 4 kB\nThreads:\t1\n", out);
	fclose(out);
	engine = start(&seen, settings);
	tick(engine, &seen, 0);
	is_num(value_of(find(&seen, PL_SUBJECT_MATCH, "g", 0), PL_M_ANON), 4096,
	       "a user in thousands of groups is read all the same");
	pl_engine_free(engine);
	remove_process(60);
}

/* A read that hangs costs nobody else, and does not keep the engine from ending. */
static void test_stuck(void)
{
	static const char *const settings[][3] = { { "s", "CommandLine", "^s" }, { NULL, NULL, NULL } };
	struct seen seen = { 0 };
	struct pl_engine *engine;
	struct pl_time before;
	char path[512];

	put_process(
		&(struct fake){ .pid = 50, .ppid = 1, .comm = "s1", .start_ticks = 10, .anon_kib = 100 });
	put_process(
		&(struct fake){ .pid = 51, .ppid = 1, .comm = "s2", .start_ticks = 10, .anon_kib = 100 });
	snprintf(path, sizeof(path), "%s/50/smaps_rollup", root);
	remove(path);
	if (mkfifo(path, 0600) != 0)
		abort();
	engine = start(&seen, settings);
	pl_engine_begin(engine, (struct pl_time){ 0, 1700000000 });
	(void)pl_engine_drain(engine, 2);
	pl_engine_finish(engine);
	for (int i = 1; i < 4; i++)
		pl_engine_tick(engine, (struct pl_time){ 10 * i, 1700000000 + 10 * i });
	usleep(300000);
	seen.count = 0;
	pl_engine_tick(engine, (struct pl_time){ 50, 1700000050 });
	is_num(value_of(find(&seen, PL_SUBJECT_MATCH, "s", 0), PL_M_THREADS), 2,
	       "both go on being pulsed");
	before = pl_engine_now();
	pl_engine_free(engine);
	ok(pl_engine_now().mono_s - before.mono_s < 2, "it ends although a read hangs");
	remove_process(50);
	remove_process(51);
}

/* Regions are read one process at a time: one that hangs must not be waited for by the others. */
static void test_stuck_regions(void)
{
	static const char *const settings[][3] = { { "s", "Command", "stuck" },
		                                       { "f", "Command", "fine" },
		                                       { NULL, "ReadTimeout", "1" },
		                                       { NULL, NULL, NULL } };
	static struct seen seen;
	const struct pl_reading *reading = NULL;
	struct pl_engine *engine;
	char path[512];
	double at_s = 0;

	put_process(&(struct fake){
		.pid = 60, .ppid = 1, .comm = "stuck", .start_ticks = 10, .anon_kib = 100 });
	put_process(
		&(struct fake){ .pid = 61, .ppid = 1, .comm = "fine", .start_ticks = 10, .anon_kib = 100 });
	snprintf(path, sizeof(path), "%s/60/smaps", root);
	if (mkfifo(path, 0600) != 0)
		abort();
	write_file(61, "smaps",
	           "10000000-10019000 rw-p 00000000 00:00 0 [heap]\nSize: 100 kB\nRss: 100 kB\n"
	           "Pss: 100 kB\nAnonymous: 100 kB\n");
	engine = start(&seen, settings);
	for (; at_s < 400 && !(reading && reading->regions); at_s += 1) {
		seen.count = 0;
		pl_engine_tick(engine, (struct pl_time){ at_s, 1700000000 + at_s });
		reading = find(&seen, PL_SUBJECT_MATCH, "f", 0);
		usleep(50000);
	}
	ok(reading && reading->regions && reading->regions->bytes[PL_REGION_HEAP] == 100 * 1024,
	   "the regions of others are read while those of one hang");
	ok(strstr(seen.last_log, "reading process 60 hangs") != NULL, "which is said");
	reading = find(&seen, PL_SUBJECT_MATCH, "s", 0);
	ok(reading && !reading->regions && value_of(reading, PL_M_THREADS) == 1,
	   "and it goes on being pulsed");
	pl_engine_free(engine);
	remove_process(60);
	remove_process(61);
}

/* "Unreadable" is an alert of its own, and so is its end. */
static void test_unreadable(void)
{
	/* evidence of it is asked for while the worker tells that it hangs */
	char directory[300];
	const char *const settings[][3] = {
		{ "u", "Command", "held" },         { "u", "PerProcess", "true" },
		{ NULL, "ReadTimeout", "1" },       { NULL, "TimeScale", "30" },
		{ NULL, "EvidenceDir", directory }, { NULL, NULL, NULL }
	};
	struct seen seen = { 0 };
	struct pl_engine *engine;
	char path[512];
	double at_s = 0;
	FILE *pipe_end;

	snprintf(directory, sizeof(directory), "%s/evidence", root);
	put_process(
		&(struct fake){ .pid = 70, .ppid = 1, .comm = "held", .start_ticks = 10, .anon_kib = 100 });
	snprintf(path, sizeof(path), "%s/70/smaps_rollup", root);
	remove(path);
	if (mkfifo(path, 0600) != 0)
		abort();
	engine = start(&seen, settings);
	for (; at_s < 200 && seen.report_count == 0; at_s += 1) {
		pl_engine_tick(engine, (struct pl_time){ at_s, 1700000000 + at_s });
		usleep(50000);
	}
	is_num(seen.report_count, 1, "a read that hangs for long is told");
	is_str(seen.report.reason, "unreadable", "as what it is");
	seen.count = 0;
	pl_engine_tick(engine, (struct pl_time){ at_s, 1700000000 + at_s });
	is_str(find(&seen, PL_SUBJECT_PROCESS, "u", 70)->reason, "unreadable", "as long as it is");
	ok(seen.report.alarm && strstr(seen.report.message, "held[70] unreadable for"), "by name");
	pipe_end = fopen(path, "w");
	remove(path);
	put_process(
		&(struct fake){ .pid = 70, .ppid = 1, .comm = "held", .start_ticks = 10, .anon_kib = 100 });
	if (pipe_end)
		fclose(pipe_end);
	for (int i = 0; i < 200 && seen.report_count < 2; i++, at_s += 1) {
		pl_engine_tick(engine, (struct pl_time){ at_s, 1700000000 + at_s });
		usleep(50000);
	}
	ok(seen.report_count == 2 && seen.report.recovered, "and its end");
	tick(engine, &seen, at_s);
	is_str(find(&seen, PL_SUBJECT_PROCESS, "u", 70)->reason, "learning", "when it is so no more");
	is_str(find(&seen, PL_SUBJECT_MATCH, "u", 0)->reason, "learning", "the match has one as well");
	pl_engine_free(engine);
	remove_process(70);
}

/* Regions that cannot be read any more are absent after a while, and not what they once were. */
static void test_stale_regions(void)
{
	static const char *const settings[][3] = { { "r", "Command", "regional" },
		                                       { "r", "PerProcess", "true" },
		                                       { NULL, NULL, NULL } };
	static const char smaps[] =
		"7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \nSize: 8192 kB\nRss: 100 kB\n"
		"Pss: 100 kB\nAnonymous: 100 kB\nVmFlags: rd wr mr mw me ac \n";
	struct seen seen = { 0 };
	struct pl_engine *engine;
	double at_s = 0;

	put_process(&(struct fake){
		.pid = 72, .ppid = 1, .comm = "regional", .start_ticks = 10, .anon_kib = 100 });
	write_file(72, "smaps", smaps);
	engine = start(&seen, settings);
	for (; at_s < 1200; at_s += 60)
		tick(engine, &seen, at_s);
	ok(find(&seen, PL_SUBJECT_PROCESS, "r", 72)->regions != NULL, "regions are read");
	write_file(72, "smaps", "");
	for (; at_s < 2 * 3600; at_s += 60)
		tick(engine, &seen, at_s);
	ok(find(&seen, PL_SUBJECT_PROCESS, "r", 72)->regions != NULL, "they hold for some hours");
	for (; at_s < 5 * 3600; at_s += 60)
		tick(engine, &seen, at_s);
	ok(find(&seen, PL_SUBJECT_PROCESS, "r", 72)->regions == NULL, "and not for ever");
	write_file(72, "smaps", smaps);
	for (int i = 0; i < 10; i++, at_s += 60)
		tick(engine, &seen, at_s);
	ok(find(&seen, PL_SUBJECT_PROCESS, "r", 72)->regions != NULL, "until they can be read again");
	pl_engine_free(engine);
	remove_process(72);
}

/* One reading of regions at a time, and rollups that come back whenever their locks are free. */
static void test_places_in_time(void)
{
	enum { FIRST = 500, COUNT = 5, TICKS = 150, KIB_PER_S = 512 };
	static const char *const names[COUNT] = { "dear-a", "dear-b", "dear-c", "dear-d", "dear-e" };
	static const char *const settings[][3] = {
		{ "a", "Command", "dear-a" }, { "b", "Command", "dear-b" }, { "c", "Command", "dear-c" },
		{ "d", "Command", "dear-d" }, { "e", "Command", "dear-e" }, { NULL, "TimeScale", "500" },
		{ NULL, NULL, NULL }
	};
	static struct seen seen;
	struct pl_engine *engine = NULL;

	rollup_us = 10000; /* half of what a minute allows */
	for (int n = 0; n < TICKS; n++) {
		for (int i = 0; i < COUNT; i++)
			put_heap(FIRST + i, names[i], 10000 + (unsigned long)n * KIB_PER_S, n);
		if (!engine)
			engine = start(&seen, settings);
		tick(engine, &seen, n);
	}
	ok(seen.alarm_count >= COUNT, "all of them leak");
	is_num(seen.placed_count, seen.alarm_count, "and of each it is told where, in time");
	pl_engine_free(engine);
	rollup_us = 0;
	for (int pid = FIRST; pid < FIRST + COUNT; pid++)
		remove_process(pid);
}

/* Half of what was asked for may be the wrong half. */
static void test_incomplete(void)
{
	const struct pl_emit emit = { 0 };
	const struct pl_log log = { 0 };
	struct pl_config *config = pl_config_new();
	struct pl_engine *engine;

	if (!config)
		abort();
	config->incomplete = true;
	is_num(pl_engine_new(&engine, config, &emit, &log), -ENOMEM,
	       "no engine starts with a part of its configuration");
}

static atomic_uint fsync_count;
static atomic_uint fsync_hangs_ms;

/* Instead of the C library's: a disk may be slow. */
int fsync(int fd)
{
	const unsigned hangs_ms = atomic_exchange(&fsync_hangs_ms, 0);

	(void)fd;
	if (hangs_ms > 0)
		usleep(hangs_ms * 1000);
	fsync_count++;
	return 0;
}

static void test_slow_disk(void)
{
	char path[512];
	const char *const settings[][3] = { { "web", "Command", "nginx" },
		                                { NULL, "StateFile", path },
		                                { NULL, "StateInterval", "1" },
		                                { NULL, "ReadTimeout", "1" },
		                                { NULL, NULL, NULL } };
	struct seen seen = { 0 };
	struct pl_engine *engine;
	unsigned i;

	snprintf(path, sizeof(path), "%s/state.json", root);
	engine = start(&seen, settings);
	fsync_count = 0;
	fsync_hangs_ms = 1500;
	for (i = 0; i < 400 && fsync_count < 4; i++) {
		pl_engine_tick(engine, (struct pl_time){ i, 1700000000 + i });
		usleep(20000);
	}
	ok(fsync_count >= 4, "a save that took long is not the last one");
	pl_engine_free(engine);
	remove(path);
}

/* --- evidence of alarms that blame no process --- */

/* Whether the newest file about the match has each of the texts (NULL ends them). */
static bool evidence_has(const char *directory, const char *match, const char *const *wanted)
{
	char path[512];
	char *text = NULL;
	size_t len;
	bool all = pl_evidence_find(directory, match, path, sizeof(path)) == 0 &&
	           pl_state_load(path, &text, &len) == 0;

	for (; all && *wanted; wanted++)
		if (!strstr(text, *wanted)) {
			printf("# no %s in %s\n", *wanted, path);
			all = false;
		}
	free(text);
	return all;
}

/* Samples in the saved history of a sum, or of a cgroup of that path. */
struct other_count {
	const char *path;
	uint64_t sample_count;
	double base_bytes;
	double gone_cpu_us; /* of those who ended */
};

static void take_other_count(void *ctx, const struct pl_state_other *other)
{
	struct other_count *count = ctx;

	if (strcmp(other->path, count->path) != 0)
		return;
	count->sample_count = other->track.sample_count;
	count->base_bytes = (double)pl_cgroup_unexplained_bytes(&other->base);
	count->gone_cpu_us = (double)other->gone[PL_COUNTER_CPU];
}

static struct other_count saved_other(const char *state, const char *path)
{
	struct other_count count = { .path = path };
	const struct pl_state_reader reader = { .ctx = &count, .other = take_other_count };
	char problem[128];
	char *text;
	size_t len;

	if (pl_state_load(state, &text, &len) != 0)
		return count;
	(void)pl_state_read(text, len, &reader, problem, sizeof(problem));
	free(text);
	return count;
}

static void put_worker(int pid, unsigned long start_ticks, double anon_kib)
{
	put_process(&(struct fake){ .pid = pid,
	                            .ppid = 1,
	                            .comm = "worker",
	                            .start_ticks = start_ticks,
	                            .anon_kib = (unsigned long)anon_kib,
	                            .minor_faults = (unsigned long)anon_kib });
}

/* Socket buffers that its processes do not explain. */
static void write_charge(const char *directory, unsigned sock_mib)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/pool/memory.current", directory);
	file = fopen(path, "w");
	fprintf(file, "%llu\n", (100ULL + sock_mib) << 20);
	fclose(file);
	snprintf(path, sizeof(path), "%s/pool/memory.stat", directory);
	file = fopen(path, "w");
	fprintf(
		file,
		"anon %llu\nfile 0\nshmem 0\nslab 0\nkernel_stack 0\npagetables 0\npercpu 0\nsock %llu\n",
		100ULL << 20, (unsigned long long)sock_mib << 20);
	fclose(file);
}

static void make_charge(const char *directory)
{
	char path[512];
	FILE *file;

	mkdir(directory, 0755);
	snprintf(path, sizeof(path), "%s/pool", directory);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/cgroup.controllers", directory);
	file = fopen(path, "w");
	fputs("memory pids\n", file);
	fclose(file);
}

/* A slice of the state may end with the last process: what follows is in the next one. */
static void test_slices(void)
{
	enum { SLICE = 128, FIRST = 3000 };
	char path[300];
	const char *const settings[][3] = { { "pool", "Command", "worker" },
		                                { NULL, "CollectCgroup", "false" },
		                                { NULL, "StateFile", path },
		                                { NULL, "StateInterval", "1" },
		                                { NULL, NULL, NULL } };
	static struct seen seen;
	struct pl_engine *engine;

	snprintf(path, sizeof(path), "%s/state.json", root);
	for (int i = 0; i < SLICE; i++)
		put_worker(FIRST + i, 100, 1000);
	engine = start(&seen, settings);
	for (int i = 0; i < 40; i++)
		tick(engine, &seen, i);
	is_num(find(&seen, PL_SUBJECT_MATCH, "pool", 0)->process_count, SLICE,
	       "as many as a slice has");
	ok(saved_sample_count(path) > 0, "they are saved while they run");
	ok(saved_other(path, "").sample_count > 0, "and their sum");
	pl_engine_free(engine);
	remove(path);
	for (int i = 0; i < SLICE; i++)
		remove_process(FIRST + i);
}

/* Groups that nobody configured: a unit's, but what a login started has only its name. */
static void test_auto_names(void)
{
	static const char *const settings[][3] = { { NULL, "Auto", "true" },
		                                       { NULL, "AutoMinSize", "1M" },
		                                       { NULL, NULL, NULL } };
	static const struct {
		const char *comm;
		const char *cgroup;
		const char *name;
	} rows[] = {
		{ "server", "0::/system.slice/api.service\n", "api.service" },
		{ "worker", "0::/system.slice/api.service\n", "api.service" },
		{ "bash", "0::/user.slice/user-1000.slice/session-3.scope\n", "bash" },
		{ "tail", "0::/user.slice/user-1000.slice/session-3.scope\n", "tail" },
		{ "init", "0::/init.scope\n", "init" },
		{ "a/b \"c'\\", "0::/\n", "a_b__c__" },
	};
	enum { COUNT = sizeof(rows) / sizeof(rows[0]), FIRST = 1500 };
	static struct seen seen;
	struct pl_engine *engine;

	for (int i = 0; i < COUNT; i++) {
		put_process(
			&(struct fake){ .pid = FIRST + i, .ppid = 1, .comm = rows[i].comm, .anon_kib = 4000 });
		write_file(FIRST + i, "cgroup", rows[i].cgroup);
	}
	engine = start(&seen, settings);
	for (int i = 0; i < 4; i++)
		tick(engine, &seen, 10 * i);
	for (int i = 0; i < COUNT; i++) {
		const struct pl_reading *reading = find(&seen, PL_SUBJECT_MATCH, rows[i].name, 0);

		ok(reading && reading->process_count == (i < 2 ? 2 : 1), rows[i].name);
	}
	pl_engine_free(engine);
	for (int i = 0; i < COUNT; i++)
		remove_process(FIRST + i);
}

/* A daemon that lives for so long, to the second. */
static void live_from(struct seen *seen, const char *const settings[][3], double from_s,
                      double to_s)
{
	struct pl_engine *engine = start(seen, settings);

	tick(engine, seen, from_s);
	tick(engine, seen, to_s);
	pl_engine_free(engine);
}

/* One of three has ended while there was no daemon. */
static void check_waiting(struct seen *seen, const char *const settings[][3], const char *state)
{
	struct other_count before;

	remove_process(1002);
	live_from(seen, settings, 8400, 8430);
	is_num((double)saved_other(state, "").sample_count, 14,
	       "who is not found yet is waited for, lest the sum seem to fall");
	live_from(seen, settings, 9000, 9059);
	is_num((double)saved_other(state, "").sample_count, 14,
	       "also after a daemon that ended before they were found");
	live_from(seen, settings, 9600, 9661);
	is_num((double)saved_other(state, "").sample_count, 15, "but not for longer than a minute");
	for (int pid = 1000; pid < 1002; pid++)
		remove_process(pid);
	before = saved_other(state, "/pool");
	live_from(seen, settings, 9700, 9710);
	ok(before.sample_count > 0 && saved_other(state, "/pool").sample_count == before.sample_count,
	   "a cgroup in which nobody was met yet is saved as it was");
	for (int pid = 1000; pid < 1002; pid++)
		put_worker(pid, 10, 10240);
	write_boot_id(SECOND_BOOT "\n");
	live_from(seen, settings, 10200, 10210);
	is_num((double)saved_other(state, "").sample_count, 2, "after a boot it begins anew");
}

/* What has a history besides processes: it goes on after a restart, where it was. */
static void test_others_are_saved(void)
{
	char state[300];
	char cgroups[300];
	const char *const settings[][3] = { { "pool", "Command", "worker" },
		                                { NULL, "StateFile", state },
		                                { NULL, "CgroupFS", cgroups },
		                                { NULL, NULL, NULL } };
	static struct seen seen;
	struct pl_engine *engine;
	struct other_count sum;
	struct other_count cgroup;

	snprintf(state, sizeof(state), "%s/state.json", root);
	snprintf(cgroups, sizeof(cgroups), "%s/cgroups", root);
	write_boot_id(FIRST_BOOT "\n");
	make_charge(cgroups);
	for (int pid = 1000; pid < 1004; pid++) {
		put_worker(pid, 10, 10240);
		write_file(pid, "cgroup", "0::/pool\n");
	}
	engine = start(&seen, settings);
	for (int i = 0; i < 10; i++) {
		if (i == 5)
			remove_process(1003);
		write_charge(cgroups, 10 + 4U * (unsigned)i);
		tick(engine, &seen, 600.0 * i);
	}
	pl_engine_free(engine);
	sum = saved_other(state, "");
	cgroup = saved_other(state, "/pool");
	is_num((double)sum.sample_count, 10, "the history of a sum is saved");
	ok(cgroup.sample_count > 2, "so is that of a cgroup");
	ok(sum.gone_cpu_us > 0, "and what those had counted who ended");
	engine = start(&seen, settings);
	for (int i = 10; i < 14; i++)
		tick(engine, &seen, 600.0 * i);
	pl_engine_free(engine);
	is_num((double)saved_other(state, "").sample_count, 14, "that of the sum goes on");
	is_num(saved_other(state, "").gone_cpu_us, sum.gone_cpu_us, "with those who ended");
	ok(saved_other(state, "/pool").sample_count > cgroup.sample_count, "as does the cgroup's");
	is_num(saved_other(state, "/pool").base_bytes, cgroup.base_bytes,
	       "from where it was the least");
	check_waiting(&seen, settings, state);
	remove(state);
	write_boot_id(NULL);
	for (int pid = 1000; pid < 1002; pid++)
		remove_process(pid);
}

/* A pool whose workers stay small and become ever more. */
static void test_sum_evidence(void)
{
	char directory[300];
	const char *const settings[][3] = { { "pool", "Command", "worker" },
		                                { NULL, "EvidenceDir", directory },
		                                { NULL, "Season", "false" },
		                                { NULL, NULL, NULL } };
	static const char *const wanted[] = { "\"about\":\"sum\"",           "\"pid\":null",
		                                  "\"example\":{\"pid\":1005,",  "\"member_count\":",
		                                  "\"members\":[{\"pid\":1005,", NULL };
	static struct seen seen;
	struct pl_engine *engine;
	int count = 0;

	snprintf(directory, sizeof(directory), "%s/evidence", root);
	engine = start(&seen, settings);
	for (int i = 0; i < 24 * 6 && !(seen.report.alarm && seen.report.subject.pid == 0); i++) {
		for (; count < 20 + i / 2; count++)
			put_worker(1000 + count, (unsigned long)(10 + i * 60000), count == 5 ? 12288 : 10240);
		tick(engine, &seen, 600.0 * i);
	}
	ok(seen.report.alarm && seen.report.subject.pid == 0, "the sum is told");
	tick(engine, &seen, 600.0 * 24 * 6);
	ok(evidence_has(directory, "pool", wanted), "with evidence: its members, the largest first");
	pl_engine_free(engine);
	while (count-- > 0)
		remove_process(1000 + count);
}

/* Restarted before a verdict is due, time and again. */
static void test_runs_evidence(void)
{
	char directory[300];
	const char *const settings[][3] = { { "batch", "Command", "worker" },
		                                { NULL, "EvidenceDir", directory },
		                                { NULL, "Season", "false" },
		                                { NULL, NULL, NULL } };
	static const char *const wanted[] = { "\"about\":\"runs\"", "\"reason\":\"runs\"",
		                                  "\"runs\":[{\"begin\":1700000000,\"end\":17000",
		                                  "\"comm\":\"worker\"", NULL };
	static struct seen seen;
	struct pl_engine *engine;
	bool told = false;

	snprintf(directory, sizeof(directory), "%s/evidence", root);
	engine = start(&seen, settings);
	for (int i = 0; i < 8 * 50 && !told; i++) {
		const int run = i / 50;

		if (run > 0 && i % 50 == 0)
			remove_process(2000 + run - 1);
		put_worker(2000 + run, (unsigned long)(10 + run * 600000), 50000 + 1000 * (i % 50));
		tick(engine, &seen, 120.0 * i);
		told = seen.report.alarm && strcmp(seen.report.reason, "runs") == 0;
	}
	ok(told && seen.report.subject.pid == 0, "past runs are told");
	tick(engine, &seen, 120.0 * 400);
	ok(evidence_has(directory, "batch", wanted), "with evidence: the runs");
	pl_engine_free(engine);
	for (int run = 0; run < 8; run++)
		remove_process(2000 + run);
}

/* --- idle memory --- */

#define GROWER 70
#define GROWER_KIB_PER_S 32
#define IDLE_STEP_S 150

static unsigned long host_swaps;

static void put_vmstat(void)
{
	char path[512];
	FILE *out;

	snprintf(path, sizeof(path), "%s/vmstat", root);
	out = fopen(path, "w");
	if (!out || fprintf(out, "nr_free_pages 7\npswpin %lu\npswpout 3\n", host_swaps) < 0 ||
	    fclose(out) != 0)
		abort();
}

/* It grows in its heap, and nobody touches more than 40 MiB of that. */
static void put_grower(double at_s, unsigned long swap_kib)
{
	const unsigned long anon_kib = 100000 + (unsigned long)(at_s * GROWER_KIB_PER_S);
	char text[1024];

	put_process(&(struct fake){ .pid = GROWER,
	                            .ppid = 1,
	                            .comm = "grower",
	                            .start_ticks = 10,
	                            .anon_kib = anon_kib,
	                            .minor_faults = (unsigned long)at_s,
	                            .swap_kib = swap_kib });
	snprintf(text, sizeof(text),
	         "10000000-7fff0000 rw-p 00000000 00:00 0 [heap]\nSize: %lu kB\nRss: %lu kB\n"
	         "Pss: %lu kB\nReferenced: 40960 kB\nAnonymous: %lu kB\nSwap: 0 kB\n",
	         anon_kib, anon_kib, anon_kib, anon_kib);
	write_file(GROWER, "smaps", text);
}

/* Whether the flags were cleared since the last call. */
static bool was_cleared(void)
{
	char path[512];
	char first = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d/clear_refs", root, GROWER);
	file = fopen(path, "r+");
	if (!file || fread(&first, 1, 1, file) != 1)
		abort();
	rewind(file);
	if (fputc('x', file) == EOF || fclose(file) != 0)
		abort();
	return first == '2';
}

struct idle_run {
	unsigned cleared_count;
	double first_cleared_s;
	unsigned read_count;
	double idle_kib;           /* the last one */
	unsigned windows_at_first; /* begun when the first one was read */
	double first_window_s;
	double window_s;
};

/* Hours of growth; `stir` may change the world after each tick. */
static struct idle_run run_idle(const char *const settings[][3], double for_s, struct seen *seen,
                                void (*stir)(const struct idle_run *run))
{
	struct idle_run run = { 0 };
	struct pl_engine *engine;

	*seen = (struct seen){ 0 };
	host_swaps = 5;
	put_vmstat();
	put_grower(0, 0);
	write_file(GROWER, "clear_refs", "x");
	engine = start(seen, settings);
	for (double at_s = 0; at_s < for_s; at_s += IDLE_STEP_S) {
		const struct pl_reading *reading;

		put_grower(at_s, 0);
		tick(engine, seen, at_s);
		if (was_cleared() && run.cleared_count++ == 0)
			run.first_cleared_s = at_s;
		reading = find(seen, PL_SUBJECT_PROCESS, "g", GROWER);
		if (reading && reading->idle_age_s >= 0 && reading->idle_age_s < 1) {
			run.read_count++;
			run.idle_kib = value_of(reading, PL_M_IDLE) / 1024;
			run.window_s = value_of(reading, PL_M_IDLE_WINDOW) / 1e6;
			if (run.read_count == 1) {
				run.windows_at_first = run.cleared_count;
				run.first_window_s = run.window_s;
			}
		}
		if (stir)
			stir(&run);
	}
	pl_engine_free(engine);
	remove_process(GROWER);
	return run;
}

#define IDLE_SETTINGS                                                                              \
	{ "g", "Command", "grower" }, { "g", "PerProcess", "true" }, { NULL, "IdleMemory", "true" },   \
	{                                                                                              \
		NULL, "Settle", "0"                                                                        \
	}

static void test_idle(void)
{
	static const char *const settings[][3] = { IDLE_SETTINGS, { NULL, NULL, NULL } };
	static const char *const off[][3] = { { "g", "Command", "grower" },
		                                  { "g", "PerProcess", "true" },
		                                  { NULL, NULL, NULL } };
	static struct seen seen;
	struct idle_run run = run_idle(settings, 6 * 3600, &seen, NULL);

	ok(run.first_cleared_s > 3000 && run.first_cleared_s < 3 * 3600,
	   "only what has grown is looked at, before it is called a leak");
	ok(run.read_count >= 5 && run.windows_at_first == 1, "again and again");
	is_near(run.idle_kib, 100000 + 6 * 3600 * GROWER_KIB_PER_S - 40960, 2e5,
	        "what is resident and was not touched");
	ok(run.first_window_s >= 600 && run.first_window_s < 1200, "over ten minutes at first");
	ok(run.window_s >= 3600 && run.window_s < 4200, "over an hour when those did not acquit it");
	run = run_idle(off, 4 * 3600, &seen, NULL);
	is_num(run.cleared_count, 0, "nothing is ever cleared without IdleMemory");
	is_num(run.read_count, 0, "and nothing told");
}

static void swap_always(const struct idle_run *run)
{
	(void)run;
	host_swaps++;
	put_vmstat();
}

static void swap_in_window(const struct idle_run *run)
{
	if (host_swaps > 5 || run->cleared_count == 0)
		return;
	host_swaps++;
	put_vmstat();
}

static void forget_vmstat(const struct idle_run *run)
{
	char path[512];

	(void)run;
	snprintf(path, sizeof(path), "%s/vmstat", root);
	(void)remove(path);
}

static void test_idle_refused(void)
{
	static const char *const small[][3] = { IDLE_SETTINGS,
		                                    { NULL, "IdleMemoryMaxSize", "90M" },
		                                    { NULL, NULL, NULL } };
	static const char *const settings[][3] = { IDLE_SETTINGS, { NULL, NULL, NULL } };
	static const char *const no_lock[][3] = { IDLE_SETTINGS,
		                                      { NULL, "MaxLockTime", "0" },
		                                      { NULL, NULL, NULL } };
	static struct seen seen;
	struct idle_run run = run_idle(small, 3 * 3600, &seen, NULL);

	is_num(run.cleared_count, 0, "never over IdleMemoryMaxSize");
	ok(strstr(seen.last_log, "IdleMemoryMaxSize") && strstr(seen.last_log, "grower"),
	   "which is said");
	run = run_idle(settings, 3 * 3600, &seen, swap_always);
	is_num(run.cleared_count, 0, "never while the host swaps");
	ok(strstr(seen.last_log, "swaps"), "which is said, too");
	run = run_idle(settings, run.first_cleared_s + 3 * 3600, &seen, swap_in_window);
	ok(run.read_count > 0 && run.windows_at_first == 2,
	   "a window in which it swapped is not believed, the next one is");
	run = run_idle(settings, 3 * 3600, &seen, forget_vmstat);
	is_num(run.cleared_count, 0, "never where the kernel does not tell of swapping");
	run = run_idle(no_lock, 3 * 3600, &seen, NULL);
	is_num(run.cleared_count, 0, "never without lock time to spend");
}

/* What is cleared is the process that was meant, or nothing. */
static void test_clear_refs(void)
{
	struct pl_procfs fs;
	char path[512];

	if (pl_procfs_open(&fs, root, NULL) != 0)
		abort();
	put_grower(0, 0);
	is_num(pl_sample_clear_refs(&fs, (struct pl_ident){ GROWER, 10 }), -ESRCH,
	       "no file is made where there is none");
	snprintf(path, sizeof(path), "%s/%d/clear_refs", root, GROWER);
	ok(access(path, F_OK) != 0, "indeed");
	write_file(GROWER, "clear_refs", "x");
	is_num(pl_sample_clear_refs(&fs, (struct pl_ident){ GROWER, 11 }), -ESRCH,
	       "another process has that pid");
	ok(!was_cleared(), "and is left alone");
	is_num(pl_sample_clear_refs(&fs, (struct pl_ident){ GROWER, 10 }), 0, "the one that is meant");
	ok(was_cleared(), "is cleared: its anonymous pages alone");
	is_num(pl_sample_clear_refs(&fs, (struct pl_ident){ GROWER + 1, 10 }), -ESRCH, "nobody there");
	if (remove(path) != 0 || symlink("smaps", path) != 0)
		abort();
	ok(pl_sample_clear_refs(&fs, (struct pl_ident){ GROWER, 10 }) < 0, "links are not followed");
	pl_procfs_close(&fs);
	remove_process(GROWER);
}

int main(void)
{
	char command[300];

	snprintf(root, sizeof(root), "/tmp/procleak-engine-test.%d", (int)getpid());
	if (mkdir(root, 0700) != 0)
		abort();
	test_matching();
	test_lives();
	test_exec_and_rename();
	test_less_is_seen();
	test_torn_reads();
	test_state_is_kept();
	test_zombies();
	test_other_is_not_restored();
	test_restored_late();
	test_forgotten_matches();
	test_two_matches_are_told();
	test_per_process();
	test_children();
	test_pid_file();
	test_many_groups();
	test_turns();
	test_routine_share();
	test_degrading();
	test_old_regions();
	test_stuck();
	test_stuck_regions();
	test_unreadable();
	test_stale_regions();
	test_places_in_time();
	test_incomplete();
	test_slow_disk();
	test_auto_names();
	test_sum_evidence();
	test_others_are_saved();
	test_slices();
	test_runs_evidence();
	test_idle();
	test_idle_refused();
	test_clear_refs();
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command) != 0 || tap_done();
}
