/* `Census true` in the engine: after an alarm a process of flesh and blood is looked at, under the
 * budgets, once; what was found is told and kept, and so is why nothing could be. */
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "engine/internal.h"
#include "evidence/evidence.h"
#include "tap.h"

#define TICK_S 0.5
#define OBJECTS 2000 /* that leak in a tick */
#define LIVE 150000
#define TICKS_MAX 400

static char directory[] = "/tmp/procleak-census-XXXXXX";

/* What leaks: known by the function that it points to. */
struct leaked {
	void (*on_close)(struct leaked *);
	long data[10];
};

__attribute__((noinline)) static void close_leaked(struct leaked *leaked)
{
	leaked->data[0]++;
}

struct seen {
	unsigned alarm_count;
	unsigned followup_count;
	bool alarm_had_census;
	struct pl_report followup;
	char census[PL_CENSUS_LINE_SIZE];
	char log[1024]; /* the last line about a census */
};

static void on_report(void *ctx, const struct pl_report *report)
{
	struct seen *seen = ctx;

	seen->alarm_had_census |= seen->alarm_count == 0 && report->alarm && report->census;
	seen->alarm_count += report->alarm;
	if (!report->followup)
		return;
	seen->followup_count++;
	seen->followup = *report;
	snprintf(seen->census, sizeof(seen->census), "%s", report->census ? report->census : "");
}

static void on_log(void *ctx, enum pl_severity severity, const char *message)
{
	struct seen *seen = ctx;

	(void)severity;
	if (strstr(message, "census") || strstr(message, "piles up"))
		snprintf(seen->log, sizeof(seen->log), "%s", message);
}

/* A child that leaks at each byte that it is sent, and answers. */
struct child {
	pid_t pid;
	int ask;
	int answer;
};

static void leak(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct leaked *leaked = malloc(sizeof(*leaked));

		if (!leaked)
			_exit(1);
		memset(leaked, 0, sizeof(*leaked));
		leaked->on_close = close_leaked;
		__asm__ volatile("" : : "r"(leaked) : "memory");
	}
}

static void live(int ask, int answer, unsigned user)
{
	char byte = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (user != 0 && setuid(user) != 0)
		_exit(1);
	leak(LIVE);
	while (write(answer, &byte, 1) == 1 && read(ask, &byte, 1) == 1)
		leak(OBJECTS);
	_exit(0);
}

static struct child start_child(unsigned user)
{
	int ask[2];
	int answer[2];
	char byte;
	struct child child;

	if (pipe(ask) != 0 || pipe(answer) != 0)
		abort();
	child = (struct child){ fork(), ask[1], answer[0] };
	if (child.pid == 0) {
		close(ask[1]);
		close(answer[0]);
		live(ask[0], answer[1], user);
	}
	close(ask[0]);
	close(answer[1]);
	if (child.pid < 0 || read(child.answer, &byte, 1) != 1)
		abort();
	return child;
}

static void more(const struct child *child)
{
	char byte = 0;

	(void)(write(child->ask, &byte, 1) == 1 && read(child->answer, &byte, 1) == 1);
}

static void end_child(struct child *child)
{
	kill(child->pid, SIGKILL);
	(void)waitpid(child->pid, NULL, 0);
	close(child->ask);
	close(child->answer);
	child->pid = 0;
}

static struct pl_engine *start(struct seen *seen, pid_t pid, const char *const settings[][2])
{
	const struct pl_emit emit = { .ctx = seen, .report = on_report };
	const struct pl_log log = { on_log, seen };
	struct pl_config_faults faults = { 0 };
	struct pl_config *config = pl_config_new();
	struct pl_engine *engine;
	char number[16];
	int scope;

	snprintf(number, sizeof(number), "%d", (int)pid);
	scope = pl_config_match(config, "leaky", NULL, &faults);
	(void)pl_config_set(config, scope, "Pid", number, NULL, &faults);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "TimeScale", "1000", NULL, &faults);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "Season", "false", NULL, &faults);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "Settle", "0", NULL, &faults);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "MinGrowth", "1M", NULL, &faults);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "DeepReadBudget", "100", NULL, &faults);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "MaxLockTime", "1000", NULL, &faults);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "EvidenceDir", directory, NULL, &faults);
	for (; (*settings)[0]; settings++)
		(void)pl_config_set(config, PL_CONFIG_GLOBAL, (*settings)[0], (*settings)[1], NULL,
		                    &faults);
	pl_config_finish(config, &faults);
	if (faults.count > 0 || pl_engine_new(&engine, config, &emit, &log) != 0)
		abort();
	return engine;
}

static void tick(struct pl_engine *engine, double *at_s)
{
	pl_engine_begin(engine, (struct pl_time){ *at_s, 1700000000 + *at_s });
	(void)pl_engine_drain(engine, 10);
	pl_engine_finish(engine);
	*at_s += TICK_S;
}

/* The newest evidence; to be freed. */
static char *read_evidence(void)
{
	char path[4096];
	char *text = calloc(1, PL_EVIDENCE_MOST_BYTES + 1);
	FILE *in;

	if (!text)
		abort();
	if (pl_evidence_find(directory, "leaky", path, sizeof(path)) != 0)
		return text;
	in = fopen(path, "r");
	if (!in || fread(text, 1, PL_EVIDENCE_MOST_BYTES, in) == 0)
		text[0] = '\0';
	if (in)
		fclose(in);
	return text;
}

static size_t forget_evidence(void)
{
	char pattern[64];
	glob_t found;
	size_t count = 0;

	snprintf(pattern, sizeof(pattern), "%s/*", directory);
	if (glob(pattern, 0, NULL, &found) == 0)
		count = found.gl_pathc;
	for (size_t i = 0; i < count; i++)
		(void)unlink(found.gl_pathv[i]);
	if (count > 0)
		globfree(&found);
	return count;
}

/* Ticks while the child leaks, until there is an alarm. */
static bool until_alarm(struct pl_engine *engine, struct seen *seen, const struct child *child,
                        double *at_s)
{
	for (int i = 0; i < TICKS_MAX && seen->alarm_count == 0; i++) {
		more(child);
		tick(engine, at_s);
	}
	return seen->alarm_count > 0;
}

/* The clock is ours: a minute in which nothing is told is over soon. */
static void go_on(struct pl_engine *engine, const struct child *child, double *at_s, double for_s)
{
	for (const double end_s = *at_s + for_s; *at_s < end_s;) {
		more(child);
		tick(engine, at_s);
	}
}

#define NONE                                                                                       \
	{                                                                                              \
		NULL, NULL                                                                                 \
	}

static void test_found(void)
{
	static const char *const settings[][2] = { { "Census", "true" }, NONE };
	struct child child = start_child(0);
	struct seen seen = { 0 };
	struct pl_engine *engine = start(&seen, child.pid, settings);
	double at_s = 0;
	char *evidence;

	ok(until_alarm(engine, &seen, &child, &at_s), "a leak is told");
	ok(!seen.alarm_had_census, "at once, without a census");
	go_on(engine, &child, &at_s, 30);
	/* the lock is held for longer, and so the looks are farther apart, on a busy machine */
	for (int i = 0; i < 20 && seen.followup_count < seen.alarm_count; i++)
		go_on(engine, &child, &at_s, 30);
	ok(seen.followup_count >= 1 && seen.followup_count == seen.alarm_count,
	   "what was found follows, once for an alarm");
	ok(strstr(seen.census, "/s close_leaked") != NULL, "by the name of the function");
	ok(strtod(seen.census, NULL) > 0.75 * OBJECTS / TICK_S &&
	       strtod(seen.census, NULL) < 1.25 * OBJECTS / TICK_S,
	   "with its rate");
	ok(seen.followup.verdict == PL_VERDICT_LEAKING && !seen.followup.alarm &&
	       strstr(seen.followup.message, seen.census),
	   "in the message, too");
	evidence = read_evidence();
	ok(strstr(evidence, "\"census\":{\"entries\":[{\"kind\":\"pointer\",\"name\":\"close_leaked\""),
	   "the evidence has it");
	free(evidence);
	is_num(forget_evidence(), seen.alarm_count, "in the file that the alarm had");
	pl_engine_free(engine);
	end_child(&child);
}

/* Ends in the middle: nothing is told, nothing is lost. */
static void test_ends(void)
{
	static const char *const settings[][2] = { { "Census", "true" }, NONE };
	struct child child = start_child(0);
	struct seen seen = { 0 };
	struct pl_engine *engine = start(&seen, child.pid, settings);
	double at_s = 0;

	ok(until_alarm(engine, &seen, &child, &at_s), "another leak");
	go_on(engine, &child, &at_s, 3);
	end_child(&child);
	for (int i = 0; i < 60; i++)
		tick(engine, &at_s);
	is_num(seen.followup_count, 0, "of a process that ended nothing is told");
	is_str(seen.log, "", "nor said");
	pl_engine_free(engine);
	(void)forget_evidence();
}

/* The engine ends in the middle. */
static void test_stops(void)
{
	static const char *const settings[][2] = { { "Census", "true" }, NONE };
	struct child child = start_child(0);
	struct seen seen = { 0 };
	struct pl_engine *engine = start(&seen, child.pid, settings);
	double at_s = 0;

	ok(until_alarm(engine, &seen, &child, &at_s), "a third one");
	go_on(engine, &child, &at_s, 3);
	pl_engine_free(engine);
	is_num(seen.followup_count, 0, "the engine ends during a census");
	end_child(&child);
	(void)forget_evidence();
}

static void test_off(void)
{
	static const char *const settings[][2] = { NONE };
	struct child child = start_child(0);
	struct seen seen = { 0 };
	struct pl_engine *engine = start(&seen, child.pid, settings);
	double at_s = 0;
	char *evidence;

	ok(until_alarm(engine, &seen, &child, &at_s), "without Census");
	go_on(engine, &child, &at_s, 30);
	evidence = read_evidence();
	ok(seen.followup_count == 0 && seen.log[0] == '\0' && evidence[0] &&
	       !strstr(evidence, "\"census\":"),
	   "nobody looks");
	free(evidence);
	pl_engine_free(engine);
	end_child(&child);
	(void)forget_evidence();
}

static const struct pl_process *process_of(const struct pl_engine *engine, pid_t pid)
{
	for (size_t i = 0; i < engine->process_count; i++)
		if (engine->processes[i]->used && engine->processes[i]->ident.pid == pid)
			return engine->processes[i];
	return NULL;
}

/* What a census reads counts as used: no window in which memory may lie idle is open meanwhile. */
static void test_idle_window(void)
{
	static const char *const settings[][2] = { { "Census", "true" },
		                                       { "IdleMemory", "true" },
		                                       NONE };
	struct child child = start_child(0);
	struct seen seen = { 0 };
	struct pl_engine *engine = start(&seen, child.pid, settings);
	unsigned open_before = 0;
	unsigned open_meanwhile = 0;
	unsigned read_count = 0;
	unsigned open_after = 0;
	double at_s = 0;

	for (int i = 0; i < 3 * TICKS_MAX && open_after == 0; i++) {
		const struct pl_process *process;
		bool reads;

		go_on(engine, &child, &at_s, TICK_S);
		process = process_of(engine, child.pid);
		reads = process && pl_engine_census_reads(engine, process);
		read_count += reads;
		if (!process || !process->idle || process->idle->cleared_s < 0)
			continue;
		/* one that was open when the first look was taken ends with the next tick */
		open_meanwhile += reads;
		open_before += !reads && read_count == 0;
		open_after += !reads && read_count > 0;
	}
	ok(read_count > 2, "a census of a process of which idle memory is asked for");
	if (open_before == 0)
		ok(true, "# SKIP the host swaps, or nothing can be cleared");
	else
		ok(open_meanwhile <= 1 && open_after > 0, "it and windows of idle memory take turns");
	pl_engine_free(engine);
	end_child(&child);
	(void)forget_evidence();
}

/* What stands in its way is in the evidence, and is no news to page anybody for. */
static void test_failure(const char *const settings[][2], unsigned user, const char *why)
{
	struct child child = start_child(user);
	struct seen seen = { 0 };
	struct pl_engine *engine = start(&seen, child.pid, settings);
	double at_s = 0;
	char *evidence;

	ok(until_alarm(engine, &seen, &child, &at_s), "a leak that cannot be looked at");
	go_on(engine, &child, &at_s, 30);
	evidence = read_evidence();
	/* on a busy machine it may take longer until it is given up and told */
	for (int i = 0; i < 20 && !strstr(evidence, why); i++) {
		free(evidence);
		go_on(engine, &child, &at_s, 30);
		evidence = read_evidence();
	}
	ok(strstr(evidence, "\"census\":{\"entries\":[],\"inconclusive\":true") &&
	       strstr(evidence, why),
	   why);
	ok(strstr(seen.log, why) != NULL, "the log says so, too");
	is_num(seen.followup_count, 0, "and no report follows");
	free(evidence);
	pl_engine_free(engine);
	end_child(&child);
	(void)forget_evidence();
}

/* Of this thread, and of those that it starts. */
static bool set_effective(unsigned capability, bool on)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) != 0)
		return false;
	if (on)
		data[0].effective |= 1u << capability;
	else
		data[0].effective &= ~(1u << capability);
	return syscall(SYS_capset, &header, data) == 0;
}

static void test_denied(void)
{
	static const char *const settings[][2] = { { "Census", "true" }, NONE };

	if (geteuid() != 0 || !set_effective(CAP_SYS_PTRACE, false)) {
		ok(true, "# SKIP needs root");
		return;
	}
	test_failure(settings, 65534, "CAP_SYS_PTRACE");
	(void)set_effective(CAP_SYS_PTRACE, true);
}

/* How long it looks: the slower the growth, and the larger the heap, the longer. */
static void test_interval(void)
{
	static const struct {
		const char *name;
		double heap_mib;
		double bytes_per_s;
		double time_scale;
		double tick_s;
		double interval_s;
	} cases[] = {
		{ "a rate that is not known", 100, 0, 1, 5, 60 },
		{ "a heap that shrinks", 100, -1000, 1, 5, 60 },
		{ "a fast leak", 100, 1e5, 1, 5, 60 },
		{ "20 objects of 112 bytes a second: until they fill 60 pages", 50, 2240, 1, 5, 109.714 },
		{ "the same in a large heap: until a sample meets enough", 1024, 2240, 1, 5, 1123.474 },
		{ "a leak of an object a second", 1024, 112, 1, 5, 1800 },
		{ "a fast leak in a demonstration", 100, 1e5, 60, 0.5, 10 },
		{ "seldom ticks", 100, 1e5, 1, 60, 480 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct pl_census_pace pace = { .heap_bytes = cases[i].heap_mib * (1 << 20),
			                                 .page_bytes = 4096,
			                                 .page_count = 640,
			                                 .bytes_per_h = cases[i].bytes_per_s * 3600,
			                                 .time_scale = cases[i].time_scale,
			                                 .tick_s = cases[i].tick_s };

		is_near(pl_engine_census_interval_s(&pace), cases[i].interval_s, 0.001, cases[i].name);
	}
}

int main(void)
{
	static const char *const locked[][2] = { { "Census", "true" }, { "MaxLockTime", "0" }, NONE };

	if (!mkdtemp(directory))
		abort();
	signal(SIGPIPE, SIG_IGN);
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
	/* the shadow takes terabytes of address space, of which a census looks at a part */
	(void)test_found;
	(void)test_ends;
	(void)test_idle_window;
#else
	test_found();
	test_ends();
	test_idle_window();
#endif
	test_stops();
	test_interval();
	test_off();
	test_failure(locked, 0, "MaxLockTime");
	test_denied();
	rmdir(directory);
	return tap_done();
}
