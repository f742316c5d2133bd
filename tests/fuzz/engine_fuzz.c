/*
 * The engine as a whole on a proc tree that the input drives: processes begin, grow, call exec, end
 * and are replaced, their files say anything, reads fail, hours pass in a tick, and the engine is
 * restarted with its state, whole or damaged. Whatever happens: no number that is none, no name
 * with a control character, a ladder that is climbed as it should be, bounded memory, and a state
 * that comes back as it was written.
 *
 * The input: a byte of settings, then operations of a byte and its arguments.
 */
#include "fuzz.h"

#include <math.h>
#include <sanitizer/allocator_interface.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "proc_tree.h"
#include "state/state.h"

#define PROCESSES 8
#define TOLD_MAX 256
#define TICKS_MAX 240 /* of one input */
#define MEMORY_MAX (size_t)(48 << 20)
#define DRAIN_S 20.0

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
};

static struct {
	struct input in;
	struct pl_engine *engine;
	struct pl_time now;
	unsigned settings;
	unsigned tick_count;
	unsigned alive_count;
	bool ticked; /* this engine has something to save */
	bool anew;   /* what was told may have been forgotten: exec, or another state */
	struct told told[TOLD_MAX];
	unsigned told_count;
	size_t memory_before;
} world;

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

static void on_reading(void *ctx, const struct pl_reading *reading)
{
	(void)ctx;
	expect_subject(&reading->subject);
	expect_findings(&reading->findings);
	fuzz_expect(reading->process_count <= world.alive_count);
	fuzz_expect(!isnan(reading->deep_age_s) && !isinf(reading->deep_age_s));
	for (size_t i = PL_METRIC_COUNT; i < PL_VALUES_WORDS * (size_t)64; i++)
		fuzz_expect((reading->values.present[i / 64] >> i % 64 & 1) == 0);
	if (reading->process_count == 0)
		fuzz_expect(reading->findings.present == 0);
}

static struct told *told_of(const struct pl_report *report)
{
	const struct pl_subject *subject = &report->subject;
	struct told *told;

	for (unsigned i = 0; i < world.told_count; i++) {
		told = &world.told[i];
		if (told->pid == subject->pid && told->start_ticks == subject->start_ticks &&
		    strncmp(told->match, subject->match, sizeof(told->match) - 1) == 0)
			return told;
	}
	if (world.told_count == TOLD_MAX)
		return NULL;
	told = &world.told[world.told_count++];
	*told = (struct told){ .pid = subject->pid, .start_ticks = subject->start_ticks };
	snprintf(told->match, sizeof(told->match), "%s", subject->match);
	return told;
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
		otherwise = report->confirmed != told->confirmed;
		told->verdict = report->verdict;
		told->confirmed = report->confirmed;
	}
	fuzz_expect(report->verdict != report->previous || report->confirmed || otherwise ||
	            world.anew || report->subject.pid == 0);
	fuzz_expect(!report->alarm || report->verdict >= PL_VERDICT_LEAKING);
	fuzz_expect(!report->recovered || report->verdict < PL_VERDICT_LEAKING);
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

static void on_self(void *ctx, const struct pl_self *self)
{
	(void)ctx;
	fuzz_expect(self->matched_count <= world.alive_count && self->stuck_count == 0);
	fuzz_expect(self->seen_count <= TREE_PROCESSES && isfinite(self->longest_hold_ms));
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
	static const char *const scales[] = { "1", "60", "1700", "20000" };
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
		{ NULL, "DeepReadBudget", "100" },
		{ NULL, "Season", world.settings & 64 ? "true" : "false" },
		{ "a", "Command", "a" },
		{ "a", "PerProcess", "true" },
		{ "b", "CommandLine", "bin/b" },
		{ "b", "PerProcess", "true" },
		{ "b", "MaxProcesses", "2" },
		{ "c", "Unit", "c" },
		{ "d", "Executable", "*/d" },
		{ "any", "CommandLine", world.settings & 128 ? "." : "^/nothing" },
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

static void begin_engine(void)
{
	const struct pl_emit emit = { .reading = on_reading, .report = on_report, .self = on_self };
	const struct pl_log log = { .write = on_log };

	world.ticked = false;
	fuzz_expect(pl_engine_new(&world.engine, make_config(), &emit, &log) == 0);
}

static void tick_once(double seconds)
{
	if (world.tick_count++ >= TICKS_MAX)
		return;
	tree_step(seconds);
	world.now.mono_s += seconds;
	world.now.wall_s += seconds;
	world.alive_count = 0;
	for (size_t i = 0; i < TREE_PROCESSES; i++)
		world.alive_count += tree.processes[i].pid > 0;
	world.ticked = true;
	pl_engine_begin(world.engine, world.now);
	fuzz_expect(pl_engine_drain(world.engine, DRAIN_S) == 0);
	pl_engine_finish(world.engine);
	fuzz_expect(pl_engine_drain(world.engine, DRAIN_S) == 0);
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

	pl_engine_free(world.engine);
	if (saves && tree.state)
		expect_round_trip();
	for (unsigned i = next_byte() % 8; damaged && tree.state && tree.state_len > 0 && i > 0; i--) {
		const size_t at = (uint16_t)next_word() * (size_t)7 % tree.state_len;

		tree.state[at] = (char)next_byte();
	}
	world.anew |= damaged || !saves;
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
	process->state = next_byte() == 0 ? 'Z' : 'S';
}

/* Another process takes the pid over, without a gap. */
static void op_reuse(struct tree_process *process)
{
	process->start_ticks = (uint64_t)(tree.uptime_s * 100);
	process->inode += next_byte();
	process->cpu_ticks = process->fault_count = 0;
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
	static const double seconds[] = { 0.1, 1, 10, 60, 600, 1800, 7200, 86400 };
	const unsigned count = next_byte();
	const double step_s = seconds[next_byte() % 8];

	for (unsigned i = 0; i < count % 64 + 1; i++)
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

static void operate(void)
{
	switch (next_byte() % 16) {
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
		world.now.wall_s += (double)next_word() * 100000;
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
	default:
		op_tick();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&world, 0, sizeof(world));
	tree_clear();
	world.in = (struct input){ data, size, 0 };
	world.settings = next_byte();
	world.now = (struct pl_time){ 1e6, 1.7e9 };
	world.memory_before = __sanitizer_get_current_allocated_bytes();
	begin_engine();
	while (world.in.at < size && world.tick_count < TICKS_MAX)
		operate();
	tick_once(1);
	pl_engine_free(world.engine);
	if (tree.state && (world.settings & 16) && !tree.state_fails && world.ticked)
		expect_round_trip();
	tree_clear();
	return 0;
}
