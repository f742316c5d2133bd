/*
 * The engine for a very long time, on a proc tree in memory where processes come and go all the
 * while: nothing may grow. Usage: churn TICKS
 *
 * Prints one line of NAME=NUMBER: the most that was allocated in the second tenth of the ticks and
 * in the last one, the size of the state file likewise, how many processes lived, and in how many
 * ticks some had not been counted for long.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "../fuzz/proc_tree.h"
#include "engine/engine.h"

#define PLACES 60      /* for processes */
#define PID_FIRST 1000 /* pids are used again soon, as on a host that has few of them */
#define PID_COUNT 200
#define TICK_S 10.0
#define DRAIN_S 60.0
#define SEEN_WITHIN 3 /* ticks in which a process must be counted */

struct figures {
	unsigned long lives;
	unsigned long missed;
	unsigned counted; /* in the last tick */
	unsigned alarms;
};

struct size {
	size_t allocated_bytes;
	size_t state_bytes;
};

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

static void on_reading(void *ctx, const struct pl_reading *reading)
{
	struct figures *figures = ctx;

	if (reading->subject.kind == PL_SUBJECT_MATCH)
		figures->counted += reading->process_count;
}

static void on_report(void *ctx, const struct pl_report *report)
{
	((struct figures *)ctx)->alarms += report->alarm;
}

static struct pl_engine *begin(struct figures *figures)
{
	static const char *const rows[][3] = {
		{ NULL, "StateFile", "/nonexistent/state" },
		{ NULL, "StateInterval", "3600" },
		{ NULL, "DeepReadBudget", "100" },
		{ NULL, "TimeScale", "20" },
		{ "web", "Command", "web" },
		{ "web", "PerProcess", "true" },
		{ "web", "MaxProcesses", "5" },
		{ "job", "CommandLine", "bin/job" },
	};
	const struct pl_emit emit = { .ctx = figures, .reading = on_reading, .report = on_report };
	const struct pl_log log = { 0 };
	struct pl_config_faults faults = { 0 };
	struct pl_config *config = pl_config_new();
	struct pl_engine *engine;

	for (size_t i = 0; config && i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int scope =
			rows[i][0] ? pl_config_match(config, rows[i][0], NULL, &faults) : PL_CONFIG_GLOBAL;

		(void)pl_config_set(config, scope, rows[i][1], rows[i][2], NULL, &faults);
	}
	if (!config || faults.count > 0)
		abort();
	pl_config_finish(config, &faults);
	if (pl_engine_new(&engine, config, &emit, &log) != 0)
		abort();
	return engine;
}

static bool is_taken(int32_t pid)
{
	for (size_t i = 0; i < PLACES; i++)
		if (tree.processes[i].pid == pid)
			return true;
	return false;
}

/* One process in six ticks ends or begins, and with luck takes the pid of another at once. */
static void churn(struct figures *figures)
{
	struct tree_process *process = &tree.processes[next_random() % PLACES];
	int32_t pid = PID_FIRST + (int32_t)(next_random() % PID_COUNT);

	if (next_random() % 6 != 0)
		return;
	process->pid = 0;
	if (next_random() % 4 == 0 || is_taken(pid))
		return;
	process = tree_begin(pid, next_random() % 2 ? "web" : "job", (int64_t)(next_random() % 20000));
	if (!process)
		return;
	figures->lives++;
	process->anon_step_kib = (int64_t)(next_random() % 32) - 16;
	process->fd_step = next_random() % 8 == 0;
}

static void tick(struct pl_engine *engine, struct figures *figures, struct pl_time *now)
{
	static unsigned behind;
	unsigned alive = 0;

	tree_step(TICK_S);
	now->mono_s += TICK_S;
	now->wall_s += TICK_S;
	for (size_t i = 0; i < PLACES; i++)
		alive += tree.processes[i].pid != 0;
	figures->counted = 0;
	pl_engine_begin(engine, *now);
	if (pl_engine_drain(engine, DRAIN_S) != 0)
		abort();
	pl_engine_finish(engine);
	if (pl_engine_drain(engine, DRAIN_S) != 0)
		abort();
	/* who has just begun may be identified a tick later */
	behind = figures->counted < alive ? behind + 1 : 0;
	figures->missed += behind > SEEN_WITHIN * 10;
}

static void measure(struct size *most)
{
	const size_t allocated = mallinfo2().uordblks + mallinfo2().hblkhd;

	if (allocated > most->allocated_bytes)
		most->allocated_bytes = allocated;
	if (tree.state_len > most->state_bytes)
		most->state_bytes = tree.state_len;
}

int main(int argc, char **argv)
{
	const long ticks = argc == 2 ? atol(argv[1]) : 0;
	struct figures figures = { 0 };
	struct size early = { 0 };
	struct size late = { 0 };
	struct pl_engine *engine;
	struct pl_time now;

	if (ticks < 1000) {
		fprintf(stderr, "usage: %s TICKS (1000 or more)\n", argv[0]);
		return 2;
	}
	tree_clear();
	engine = begin(&figures);
	now = pl_engine_now();
	for (long i = 0; i < ticks; i++) {
		churn(&figures);
		tick(engine, &figures, &now);
		if (i >= ticks / 10 && i < ticks / 5)
			measure(&early);
		else if (i >= ticks - ticks / 10)
			measure(&late);
	}
	pl_engine_free(engine);
	printf("ticks=%ld lives=%lu missed=%lu alarms=%u early_bytes=%zu late_bytes=%zu "
	       "early_state_bytes=%zu late_state_bytes=%zu left_bytes=%zu\n",
	       ticks, figures.lives, figures.missed, figures.alarms, early.allocated_bytes,
	       late.allocated_bytes, early.state_bytes, late.state_bytes,
	       mallinfo2().uordblks - tree.state_len);
	tree_clear();
	return 0;
}
