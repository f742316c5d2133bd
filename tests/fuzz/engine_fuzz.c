/*
 * The engine as a whole on a proc tree that the input drives: processes begin, grow, call exec, end
 * and are replaced, their files say anything, reads fail, hours pass in a tick, and the engine is
 * restarted with its state, whole or damaged. Whatever happens: no number that is none, no name
 * with a control character, a ladder that is climbed as it should be, bounded memory, and a state
 * that comes back as it was written.
 *
 * The input: a byte of settings, then operations of a byte and its arguments. The worker's thread
 * takes turns with the engine's, on a clock that stands: an input does the same each time.
 */
#include "fuzz.h"

#include <math.h>
#include <sanitizer/allocator_interface.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "proc_tree.h"
#include "state/state.h"
#include "turns.h"

#define PROCESSES 8
#define TOLD_MAX 256
#define TICKS_MAX 240 /* of one input */
#define MEMORY_MAX (size_t)(48 << 20)
#define DRAIN_S 20.0
#define START_MONO_S 1e6
#define START_WALL_S 1.7e9
#define READ_S 5e-6
#define CROWD_PID 1000
#define CALM_TICKS 5    /* after which everybody is found */
#define SILENT_TICKS 64 /* for so long one rests that seemed to have ended */

static const char *const scales[] = { "1", "60", "1700", "20000" };
static const double renotify_s[] = { 86400, 60, 3600, 365 * 86400.0 };

struct input {
	const uint8_t *data;
	size_t size;
	size_t at;
};

/* What was told last of a subject. */
struct told {
	char match[PL_NAME_SIZE];
	int32_t pid;
	uint64_t start_ticks;
	enum pl_verdict verdict;
	bool confirmed;
	bool stood;     /* it was told that it leaks, and not that it is over */
	unsigned kinds; /* then: 1: of bytes, 2: of counts */
};

/* The last alarm of a match. */
struct alarmed {
	char match[PL_NAME_SIZE];
	enum pl_verdict verdict;
	bool confirmed;
	unsigned kinds; /* that were told since it was time to remind */
	double wall_s;
};

static struct {
	struct input in;
	struct pl_engine *engine;
	struct pl_time now;
	unsigned settings;
	unsigned more; /* settings, of the engines that begin from then on */
	unsigned others;
	unsigned tick_count; /* and those that many processes make longer */
	int calm_count;      /* ticks since the last thing after which a reading may be missing */
	unsigned read_us;    /* a read takes so long, of the CPU */
	unsigned hang_in;    /* reads of the worker's until one hangs; 0: none does */
	bool hung;           /* one does, or did in this life */
	unsigned counted[4]; /* processes of the matches `a` to `d` that this tick has told */
	unsigned told_alone; /* processes of the match `a` with a series of their own */
	unsigned alive_count;
	bool ticked; /* this engine has something to save */
	bool anew;   /* what was told may have been forgotten: exec, or another state */
	struct told told[TOLD_MAX];
	unsigned told_count;
	struct alarmed alarmed[TOLD_MAX];
	unsigned alarmed_count;
	size_t memory_before;
} world;

/* What is written of the state are numbers by the million, in formats of our own. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "check_printf=0:quarantine_size_mb=32";
}

static uint8_t next_byte(void)
{
	struct input *in = &world.in;

	return in->at < in->size ? in->data[in->at++] : 0;
}

static int16_t next_word(void)
{
	const unsigned high = next_byte();

	return (int16_t)(high << 8 | next_byte());
}

/* --- what the engine may say ----------------------------------------------------------------- */

static void expect_text(const char *text, size_t size)
{
	const size_t len = strnlen(text, size);

	fuzz_expect(len < size);
	for (size_t i = 0; i < len; i++)
		fuzz_expect((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
}

static void expect_subject(const struct pl_subject *subject)
{
	fuzz_expect(subject->match != NULL && *subject->match != '\0');
	expect_text(subject->match, PL_NAME_SIZE + 8);
	fuzz_expect(strchr(subject->match, '/') == NULL);
	fuzz_expect(subject->pid >= 0 && isfinite(subject->start_s));
}

static void expect_findings(const struct pl_findings *findings)
{
	double value;

	fuzz_expect(findings->present >> PL_FINDING_COUNT == 0);
	for (unsigned i = 0; i < PL_FINDING_COUNT; i++)
		if (pl_findings_get(findings, (enum pl_finding)i, &value))
			fuzz_expect(isfinite(value));
	if (pl_findings_get(findings, PL_FINDING_VERDICT, &value))
		fuzz_expect(value >= 0 && value < PL_VERDICT_COUNT);
	for (unsigned i = PL_FINDING_WITH_CONNECTIONS; i <= PL_FINDING_WITH_WORK; i++)
		if (pl_findings_get(findings, (enum pl_finding)i, &value))
			fuzz_expect(value >= 0 && value <= 100);
	if (pl_findings_get(findings, PL_FINDING_LEAKED, &value))
		fuzz_expect(value >= 0);
}

/* What was told last of this subject, or NULL. */
static struct told *find_told(const struct pl_subject *subject)
{
	for (unsigned i = 0; i < world.told_count; i++) {
		struct told *told = &world.told[i];

		if (told->pid == subject->pid && told->start_ticks == subject->start_ticks &&
		    strncmp(told->match, subject->match, sizeof(told->match) - 1) == 0)
			return told;
	}
	return NULL;
}

/* A series shows the verdict that was told. */
static void expect_verdict(const struct pl_reading *reading)
{
	const struct told *told =
		reading->subject.kind == PL_SUBJECT_PROCESS ? find_told(&reading->subject) : NULL;
	double value;

	if (told && !world.anew && pl_findings_get(&reading->findings, PL_FINDING_VERDICT, &value))
		fuzz_expect((unsigned)value == (unsigned)told->verdict);
}

static void count_reading(const struct pl_reading *reading)
{
	const char *match = reading->subject.match;

	if (*match >= 'a' && *match <= 'd' && match[1] == '\0' &&
	    reading->subject.kind == PL_SUBJECT_MATCH)
		world.counted[*match - 'a'] = reading->process_count;
	if (strcmp(match, "a") == 0 && reading->subject.kind == PL_SUBJECT_PROCESS)
		world.told_alone++;
	if (strcmp(match, "a") == 0 && reading->subject.kind == PL_SUBJECT_OTHER)
		world.told_alone += reading->process_count;
}

static void on_reading(void *ctx, const struct pl_reading *reading)
{
	(void)ctx;
	expect_subject(&reading->subject);
	expect_findings(&reading->findings);
	fuzz_expect(reading->process_count <= world.alive_count || world.hung);
	fuzz_expect(isfinite(reading->deep_age_s) && isfinite(reading->idle_age_s));
	fuzz_expect(isfinite(reading->fds_of_limit) && reading->fds_of_limit >= 0);
	for (size_t i = PL_METRIC_COUNT; i < PL_VALUES_WORDS * (size_t)64; i++)
		fuzz_expect((reading->values.present[i / 64] >> i % 64 & 1) == 0);
	if (reading->process_count == 0)
		fuzz_expect(reading->findings.present == 0);
	expect_verdict(reading);
	count_reading(reading);
}

static struct told *told_of(const struct pl_report *report)
{
	const struct pl_subject *subject = &report->subject;
	struct told *told = find_told(subject);

	if (told || world.told_count == TOLD_MAX)
		return told;
	told = &world.told[world.told_count++];
	*told = (struct told){ .pid = subject->pid, .start_ticks = subject->start_ticks };
	snprintf(told->match, sizeof(told->match), "%s", subject->match);
	return told;
}

static struct alarmed *alarmed_of(const char *match)
{
	struct alarmed *alarmed;

	for (unsigned i = 0; i < world.alarmed_count; i++)
		if (strncmp(world.alarmed[i].match, match, sizeof(alarmed->match) - 1) == 0)
			return &world.alarmed[i];
	if (world.alarmed_count == TOLD_MAX)
		return NULL;
	alarmed = &world.alarmed[world.alarmed_count++];
	*alarmed = (struct alarmed){ .wall_s = -INFINITY };
	snprintf(alarmed->match, sizeof(alarmed->match), "%s", match);
	return alarmed;
}

static unsigned kind_of(const struct pl_report *report)
{
	return report->counts ? 2 : 1;
}

/* One alarm stands for a match, until it is a worse one, one of another kind comes, or it is time
 * to remind. */
static void expect_renotify(const struct pl_report *report)
{
	struct alarmed *last = alarmed_of(report->subject.match);
	const double scale = atof(scales[world.settings & 3]);
	bool anew;

	if (!last)
		return;
	const double since_s = (report->time_s - last->wall_s) * scale;

	anew = since_s < 0 || since_s >= renotify_s[world.more >> 2 & 3];
	fuzz_expect(report->verdict > last->verdict || (report->confirmed && !last->confirmed) ||
	            !(last->kinds & kind_of(report)) || anew || world.anew);
	last->verdict = report->verdict;
	last->confirmed = report->confirmed;
	last->kinds = anew ? kind_of(report) : last->kinds | kind_of(report);
	last->wall_s = report->time_s;
}

/* One report follows the other: what was is what was told, and what is differs from it. */
static void expect_ladder(const struct pl_report *report)
{
	struct told *told = told_of(report);
	const bool unreadable = strcmp(report->reason, "unreadable") == 0;
	bool otherwise = false; /* the threads leak, confirmed, and now the memory does, too */

	if (unreadable)
		return;
	if (told) {
		fuzz_expect(report->previous == told->verdict || world.anew);
		otherwise = report->confirmed != told->confirmed || !(told->kinds & kind_of(report));
		told->verdict = report->verdict;
		told->confirmed = report->confirmed;
	}
	fuzz_expect(report->verdict != report->previous || report->confirmed || otherwise ||
	            report->alarm || world.anew || report->subject.pid == 0);
	fuzz_expect(!report->alarm || report->verdict >= PL_VERDICT_LEAKING);
	fuzz_expect(!report->recovered || report->verdict < PL_VERDICT_LEAKING);
	fuzz_expect(!report->recovered || !told || told->stood || world.anew);
	if (told) {
		told->stood = report->verdict >= PL_VERDICT_LEAKING;
		told->kinds = told->stood ? told->kinds | kind_of(report) : 0;
	}
	if (report->alarm && report->subject.kind != PL_SUBJECT_CGROUP)
		expect_renotify(report);
}

static void on_report(void *ctx, const struct pl_report *report)
{
	(void)ctx;
	expect_subject(&report->subject);
	fuzz_expect((unsigned)report->verdict < PL_VERDICT_COUNT &&
	            (unsigned)report->previous < PL_VERDICT_COUNT &&
	            (unsigned)report->cause < PL_CAUSE_COUNT);
	fuzz_expect(!(report->alarm && report->recovered));
	fuzz_expect(report->reason && report->metric && report->where);
	fuzz_expect(isfinite(report->time_s) && isfinite(report->since_s));
	fuzz_expect(isfinite(report->rate_bytes_per_hour) && isfinite(report->rate_low) &&
	            isfinite(report->rate_high));
	fuzz_expect(isfinite(report->seconds_to_limit) && isfinite(report->seconds_to_limit_low) &&
	            isfinite(report->seconds_to_limit_high));
	fuzz_expect(isfinite(report->per_unit));
	expect_text(report->message, sizeof(report->message));
	fuzz_expect(report->message[0] != '\0');
	expect_ladder(report);
}

static unsigned running_count(const char *comm)
{
	unsigned count = 0;

	for (size_t i = 0; i < TREE_PROCESSES; i++)
		count += tree.processes[i].pid > 0 && tree.processes[i].state != 'Z' &&
		         strcmp(tree.processes[i].comm, comm) == 0;
	return count;
}

/* Nothing has gone wrong for some ticks: whoever runs is told. */
static void expect_everybody(void)
{
	static const char *const comms[] = { "a", "b", "c", "d" };

	for (size_t i = 0; i < 4; i++)
		fuzz_expect(world.counted[i] == running_count(comms[i]));
	fuzz_expect(world.told_alone == world.counted[0]);
}

static void on_self(void *ctx, const struct pl_self *self)
{
	(void)ctx;
	fuzz_expect(self->matched_count <= world.alive_count || world.hung);
	fuzz_expect(self->stuck_count == 0 || world.hung);
	fuzz_expect(self->seen_count <= TREE_PROCESSES && isfinite(self->longest_hold_ms));
	fuzz_expect(self->memory_bytes < MEMORY_MAX);
	if (world.calm_count >= CALM_TICKS)
		expect_everybody();
}

static void on_log(void *ctx, enum pl_severity severity, const char *message)
{
	(void)ctx;
	(void)severity;
	expect_text(message, 4096);
}

/* --- its life -------------------------------------------------------------------------------- */

static struct pl_config *make_config(void)
{
	static const char *const renotify[] = { "1d", "60", "1h", "365d" };
	static const char *const kinds[] = { "low", "normal", "high", "high" };
	const struct {
		const char *match;
		const char *key;
		const char *value;
	} rows[] = {
		{ NULL, "TimeScale", scales[world.settings & 3] },
		{ NULL, "Sensitivity", kinds[world.settings >> 2 & 3] },
		{ NULL, "StateFile", world.settings & 16 ? "/nonexistent/state" : "" },
		{ NULL, "EvidenceDir", "/nonexistent/evidence" },
		{ NULL, "Auto", world.settings & 32 ? "true" : "false" },
		{ NULL, "AutoMinSize", "1M" },
		{ NULL, "AutoTop", world.others & 1 ? "1" : "10" },
		{ NULL, "DeepReadBudget", world.more & 32 ? "0.5" : "100" },
		{ NULL, "MaxLockTime", world.more & 64 ? "1" : "20" },
		{ NULL, "Season", world.settings & 64 ? "true" : "false" },
		{ NULL, "IdleMemory", world.more & 1 ? "true" : "false" },
		{ NULL, "Census", world.more & 2 ? "true" : "false" },
		{ NULL, "Renotify", renotify[world.more >> 2 & 3] },
		/* it takes most of the time, and the end of an engine saves as well */
		{ NULL, "StateInterval", world.more & 16 ? "5m" : "1d" },
		{ NULL, "MinGrowth", world.others & 2 ? "64K" : "8M" },
		{ NULL, "Settle", world.others & 4 ? "0" : "10m" },
		{ "a", "Command", "a" },
		{ "a", "PerProcess", "true" },
		{ "b", "CommandLine", "bin/b" },
		{ "b", "PerProcess", "true" },
		{ "b", "MaxProcesses", "2" },
		{ "b", "Sensitivity", world.others & 8 ? "low" : "high" },
		{ "c", "Unit", "c" },
		{ "c", "Notify", world.others & 16 ? "false" : "true" },
		{ "d", "Executable", "*/d" },
		{ "d", "MinGrowthPercent", world.others & 32 ? "0" : "50" },
		{ "any", "CommandLine", world.settings & 128 ? "." : "^/nothing" },
		{ "any", "PerProcess", world.others & 64 ? "true" : "false" },
		{ "any", "IdleMemory", world.others & 128 ? "true" : "false" },
	};
	struct pl_config_faults faults = { 0 };
	struct pl_config *config = pl_config_new();

	for (size_t i = 0; config && i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int scope = rows[i].match ? pl_config_match(config, rows[i].match, NULL, &faults)
		                                : PL_CONFIG_GLOBAL;

		(void)pl_config_set(config, scope, rows[i].key, rows[i].value, NULL, &faults);
	}
	fuzz_expect(config != NULL && faults.count == 0);
	pl_config_finish(config, &faults);
	return config;
}

static void on_read(void)
{
	turns_pass(READ_S + world.read_us * 1e-6, true);
	if (world.hang_in > 1)
		world.hang_in--;
	else if (world.hang_in == 1 && turns_hang())
		world.hang_in = 0;
}

static void begin_engine(void)
{
	const struct pl_emit emit = { .reading = on_reading, .report = on_report, .self = on_self };
	const struct pl_log log = { .write = on_log };

	world.ticked = false;
	fuzz_expect(pl_engine_new(&world.engine, make_config(), &emit, &log) == 0);
}

static bool is_disturbed(void)
{
	bool replaced = false;

	for (size_t i = 0; i < TREE_REPLACED; i++)
		replaced |= tree.replaced[i].name != NULL;
	return replaced || tree.fail_in > 0 || world.hung;
}

static void drain(void)
{
	const int err = pl_engine_drain(world.engine, DRAIN_S);

	fuzz_expect(err == 0 || (err == -ETIMEDOUT && world.hung));
}

static void tick_once(double seconds)
{
	if (world.tick_count >= TICKS_MAX)
		return;
	tree_step(seconds);
	turns_pass(seconds, false);
	world.now = pl_engine_now();
	world.alive_count = 0;
	for (size_t i = 0; i < TREE_PROCESSES; i++)
		world.alive_count += tree.processes[i].pid > 0;
	world.tick_count += 1 + world.alive_count / 6;
	world.calm_count = is_disturbed() ? -SILENT_TICKS : world.calm_count + 1;
	memset(world.counted, 0, sizeof(world.counted));
	world.told_alone = 0;
	world.ticked = true;
	pl_engine_begin(world.engine, world.now);
	drain();
	pl_engine_finish(world.engine);
	drain();
	fuzz_expect(__sanitizer_get_current_allocated_bytes() < world.memory_before + MEMORY_MAX);
}

/* --- a state that was written, read and written again ----------------------------------------- */

static void copy_header(void *ctx, const struct pl_state_header *header)
{
	fuzz_expect(pl_state_write_header(ctx, header) == 0);
}

static void copy_match(void *ctx, const struct pl_state_match *match)
{
	fuzz_expect(pl_state_write_match(ctx, match) == 0);
}

static void copy_process(void *ctx, const struct pl_state_process *process)
{
	fuzz_expect((unsigned)process->track.verdict < PL_VERDICT_COUNT);
	fuzz_expect(pl_state_write_process(ctx, process) == 0);
}

static void copy_other(void *ctx, const struct pl_state_other *other)
{
	fuzz_expect((unsigned)other->track.verdict < PL_VERDICT_COUNT);
	fuzz_expect(pl_state_write_other(ctx, other) == 0);
}

static void expect_round_trip(void)
{
	struct pl_state_writer *writer = pl_state_writer_new();
	const struct pl_state_reader reader = { writer, copy_header, copy_match, copy_process,
		                                    copy_other };
	char problem[256];
	const char *text;
	size_t len;

	fuzz_expect(writer != NULL);
	fuzz_expect(pl_state_read(tree.state, tree.state_len, &reader, problem, sizeof(problem)) == 0);
	fuzz_expect(pl_state_write_end(writer, &text, &len) == 0);
	fuzz_expect(len == tree.state_len && memcmp(text, tree.state, len) == 0);
	pl_state_writer_free(writer);
}

static void restart(bool damaged)
{
	const bool saves = (world.settings & 16) && !tree.state_fails && world.ticked;

	turns_release();
	world.hang_in = 0;
	pl_engine_free(world.engine);
	if (saves && tree.state)
		expect_round_trip();
	for (unsigned i = next_byte() % 8; damaged && tree.state && tree.state_len > 0 && i > 0; i--) {
		const size_t at = (uint16_t)next_word() * (size_t)7 % tree.state_len;

		tree.state[at] = (char)next_byte();
	}
	world.anew |= damaged || !saves;
	world.calm_count = 0;
	begin_engine();
}

/* --- operations ------------------------------------------------------------------------------ */

static struct tree_process *pick(void)
{
	const unsigned which = next_byte() % PROCESSES;

	return tree.processes[which].pid ? &tree.processes[which] : NULL;
}

static void op_begin(void)
{
	static const char *const comms[] = { "a", "b", "c", "d", "e) R 1", "f\ng", "\xff\x1b[0m", "h" };
	const char *comm = comms[next_byte() % 8];
	const int32_t pid = 2 + next_byte() % 12;

	for (size_t i = 0; i < TREE_PROCESSES; i++)
		if (tree.processes[i].pid == pid)
			return;
	if (world.alive_count < PROCESSES)
		(void)tree_begin(pid, comm, (uint16_t)next_word());
}

static void op_exec(struct tree_process *process)
{
	process->start_code += 0x1000;
	process->anon_kib = next_byte();
	world.anew = true;
}

static void op_grow(struct tree_process *process)
{
	process->anon_step_kib = next_word();
	process->thread_step = (int8_t)next_byte() % 8;
	process->fd_step = (int8_t)next_byte() % 8;
	process->cpu_step = next_byte();
}

static void op_jump(struct tree_process *process)
{
	process->anon_kib += (int64_t)next_word() * 64;
	process->shmem_kib = (int64_t)next_byte() * 1024;
	process->swap_kib = (int64_t)next_byte() * 256;
	if (next_byte() == 0)
		process->state = 'Z'; /* from where none comes back */
}

/* Another process takes the pid over, without a gap. */
static void op_reuse(struct tree_process *process)
{
	process->start_ticks = (uint64_t)(tree.uptime_s * 100);
	process->inode += next_byte();
	process->cpu_ticks = process->fault_count = 0;
	process->state = 'S';
	world.anew = true; /* within one tick of the host's clock it may be the same start */
}

static void op_replace(void)
{
	static const char *const names[] = { "stat",    "status", "smaps_rollup", "smaps",
		                                 "io",      "limits", "cgroup",       "cmdline",
		                                 "meminfo", "uptime", "statm",        "net/snmp" };
	static unsigned turn;
	const struct tree_process *process = pick();
	const char *name = names[next_byte() % 12];
	const size_t wanted = (size_t)next_byte() * 4;
	const size_t left = world.in.size - world.in.at;
	const size_t len = wanted < left ? wanted : left;

	tree.replaced[turn++ % TREE_REPLACED] =
		(struct tree_replaced){ process ? process->pid : 0, name,
		                        (const char *)world.in.data + world.in.at, len };
	world.in.at += len;
	world.anew = true; /* it may say of itself that it is another one */
}

static void op_errors(void)
{
	static const int errors[] = { EACCES, ESRCH, EIO, ENOMEM, EMFILE, EINTR, ENOENT, EBADF };

	tree.error = errors[next_byte() % 8];
	tree.fail_in = next_byte();
	tree.fail_every = next_byte() % 32;
}

static void op_tick(void)
{
	static const double seconds[] = { 0.1, 1, 10, 60, 600, 1800, 7200, 43200 };
	static const uint8_t counts[] = { 1, 2, 3, 4, 1, 1, 1, 2, 2, 3, 5, 8, 12, 20, 32, 64 };
	const unsigned count = counts[next_byte() % 16];
	const double step_s = seconds[next_byte() % 8];

	for (unsigned i = 0; i < count; i++)
		tick_once(step_s);
}

static void of_process(void (*op)(struct tree_process *process))
{
	struct tree_process *process = pick();

	if (process)
		op(process);
}

static void op_end(struct tree_process *process)
{
	process->pid = 0;
}

/* Other settings, for the next engine. */
static void op_settings(void)
{
	world.more = next_byte();
	world.others = next_byte();
	world.anew = true; /* there may be other matches */
	restart(false);
}

/* So many at once, and gone at once. */
static void op_crowd(void)
{
	static const char *const comms[] = { "a", "b", "c", "h" };
	const char *comm = comms[next_byte() % 4];
	const unsigned count = next_byte();
	const int16_t anon_kib = next_word();

	for (size_t i = 0; i < TREE_PROCESSES; i++)
		if (tree.processes[i].pid >= CROWD_PID)
			tree.processes[i].pid = 0;
	for (unsigned i = 0; i < count; i++)
		(void)tree_begin(CROWD_PID + (int32_t)i, comm, (uint16_t)anon_kib);
}

static void op_kinds(struct tree_process *process)
{
	process->fd_count = (int64_t)next_byte() * 8; /* the limit is 1024 */
	process->thread_count = 1 + (int64_t)next_byte() * 16;
	process->idle_kib = (int64_t)next_byte() * 256;
}

static void op_cgroup(void)
{
	tree.kernel_bytes = (uint64_t)next_byte() << 22;
	tree.shmem_bytes = (uint64_t)next_byte() << 22;
}

static void op_host(void)
{
	const unsigned which = next_byte();

	tree.opens = which & 1;
	tree.swapped_count += which >> 1 & 1;
	if (which & 4)
		tree.uptime_s += 3600 * (1 + (which >> 3)); /* it was suspended */
}

/* A read of the worker's hangs, until it is let go. */
static void op_hang(void)
{
	turns_release();
	world.hang_in = next_byte();
	world.hung |= world.hang_in > 0;
}

static void operate_more(unsigned what)
{
	switch (what) {
	case 16:
		op_settings();
		break;
	case 17:
		op_crowd();
		break;
	case 18:
		of_process(op_kinds);
		break;
	case 19:
		op_cgroup();
		break;
	case 20:
		op_host();
		break;
	case 21:
		world.read_us = (unsigned)next_byte() * 16;
		break;
	case 22:
		op_hang();
		break;
	default:
		op_tick();
	}
}

/* Those after which somebody may be missing for a while. */
static bool is_calm(unsigned what)
{
	return what == 4 || what == 13 || what == 15 || what >= 23;
}

static void operate(void)
{
	const unsigned what = next_byte() % 32;

	if (!is_calm(what) && world.calm_count > 0)
		world.calm_count = 0;
	switch (what) {
	case 0:
	case 1:
		op_begin();
		break;
	case 2:
		of_process(op_end);
		break;
	case 3:
		of_process(op_exec);
		break;
	case 4:
		of_process(op_grow);
		break;
	case 5:
		of_process(op_jump);
		break;
	case 6:
		of_process(op_reuse);
		break;
	case 7:
		op_replace();
		break;
	case 8:
		memset(tree.replaced, 0, sizeof(tree.replaced));
		break;
	case 9:
		op_errors();
		break;
	case 10:
		turns_set_wall((double)next_word() * 100000);
		break;
	case 11:
		restart(false);
		break;
	case 12:
		restart(true);
		break;
	case 13:
		tree.memory_max_bytes = (uint64_t)next_byte() << 22;
		break;
	case 14:
		tree.state_fails = next_byte() % 2;
		break;
	case 15:
		op_tick();
		break;
	default:
		operate_more(what);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&world, 0, sizeof(world));
	tree_clear();
	world.in = (struct input){ data, size, 0 };
	world.settings = next_byte();
	turns_begin(START_MONO_S, START_WALL_S);
	tree.on_read = on_read;
	world.memory_before = __sanitizer_get_current_allocated_bytes();
	begin_engine();
	while (world.in.at < size && world.tick_count < TICKS_MAX)
		operate();
	world.tick_count = 0;
	tick_once(1);
	turns_release();
	world.hang_in = 0;
	pl_engine_free(world.engine);
	if (tree.state && (world.settings & 16) && !tree.state_fails && world.ticked)
		expect_round_trip();
	tree_clear();
	turns_end();
	return 0;
}
