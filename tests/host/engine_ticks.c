/*
 * The engine with no host around it, for measurements: reads an INI file, runs ticks, and says what
 * they took. Usage: engine_ticks CONFIG WARM_TICKS TICKS PAUSE_MS
 *
 * The warm-up is not counted. For a tracer it marks each counted tick with two writes to a closed
 * descriptor ("tick>" and "<tick"). With libcount_allocations.so preloaded it also counts what was
 * allocated in the counted ticks, by any thread. Prints one line of NAME=NUMBER.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine/engine.h"
#include "regions/ledger.h"

#define DRAIN_S 30.0

struct totals {
	unsigned long readings;
	unsigned long with_rollup;
	unsigned matched_count;
	unsigned seen_count;
	unsigned long deep_reads;
	unsigned long failed;
	unsigned long tick_cpu_us;
	unsigned long deep_cpu_us;
	unsigned long lock_us;
	unsigned long longest_us;
	unsigned long degraded;
	unsigned method;
	unsigned error_permille;
	unsigned long region_bytes; /* of all that is anonymous */
};

static void on_reading(void *ctx, const struct pl_reading *reading)
{
	struct totals *totals = ctx;

	totals->readings++;
	totals->with_rollup += pl_values_has(&reading->values, PL_M_PSS);
	if (reading->subject.kind != PL_SUBJECT_MATCH)
		return;
	totals->method = reading->cost.method;
	totals->error_permille = (unsigned)(1000 * reading->cost.error_share);
	totals->region_bytes = 0;
	for (int i = 0; reading->regions && i < PL_REGION_COUNT; i++)
		if (pl_region_in_set((enum pl_region)i, PL_REGIONS_ANONYMOUS))
			totals->region_bytes += reading->regions->bytes[i];
}

static void on_self(void *ctx, const struct pl_self *self)
{
	struct totals *totals = ctx;

	totals->matched_count = self->matched_count;
	totals->seen_count = self->seen_count;
	totals->deep_reads = self->deep_reads_total;
	totals->failed = self->failed_total;
	totals->tick_cpu_us = self->tick_cpu_us_total;
	totals->deep_cpu_us = self->deep_cpu_us_total;
	totals->lock_us = self->lock_us_total;
	totals->longest_us = (unsigned long)(1000 * self->longest_hold_ms);
	totals->degraded = self->degraded_total;
}

static void on_log(void *ctx, enum pl_severity severity, const char *message)
{
	(void)ctx;
	fprintf(stderr, "log %d: %s\n", (int)severity, message);
}

static void on_fault(void *ctx, const char *message)
{
	(void)ctx;
	fprintf(stderr, "config: %s\n", message);
}

static struct pl_config *load(const char *path)
{
	struct pl_config_faults faults = { .report = on_fault };
	struct pl_config *config = pl_config_new();

	if (!config || pl_config_read_ini(config, path, &faults) != 0) {
		fprintf(stderr, "%s cannot be read\n", path);
		exit(2);
	}
	pl_config_finish(config, &faults);
	if (faults.count > 0)
		exit(2);
	return config;
}

static void mark(const char *text)
{
	/* fails, and is meant to: it is there for strace to see */
	if (write(-1, text, strlen(text)) >= 0)
		abort();
}

static void run(struct pl_engine *engine, long ticks, long pause_ms, bool marked)
{
	const struct timespec pause_time = { .tv_sec = pause_ms / 1000,
		                                 .tv_nsec = (pause_ms % 1000) * 1000000 };

	for (long i = 0; i < ticks; i++) {
		if (marked)
			mark("tick>");
		pl_engine_tick(engine, pl_engine_now());
		if (marked)
			mark("<tick");
		if (pl_engine_drain(engine, DRAIN_S) != 0)
			fprintf(stderr, "the worker did not end its work in %g s\n", DRAIN_S);
		nanosleep(&pause_time, NULL);
	}
}

/* CPU time of this thread so far, as the kernel splits it. */
static void thread_us(unsigned long *user_us, unsigned long *system_us)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	*user_us = (unsigned long)(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec);
	*system_us = (unsigned long)(usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec);
}

/* How often memory was allocated so far, or 0 when nobody counts. */
static unsigned long allocations(void)
{
	unsigned long (*count)(void);

	*(void **)&count = dlsym(RTLD_DEFAULT, "count_allocations");
	return count ? count() : 0;
}

int main(int argc, char **argv)
{
	struct totals totals = { 0 };
	const struct pl_emit emit = { .ctx = &totals, .reading = on_reading, .self = on_self };
	const struct pl_log log = { .write = on_log };
	struct pl_engine *engine;
	unsigned long before;
	unsigned long after;
	unsigned long user_us[2];
	unsigned long system_us[2];
	struct totals first;

	if (argc != 5) {
		fprintf(stderr, "usage: %s CONFIG WARM_TICKS TICKS PAUSE_MS\n", argv[0]);
		return 2;
	}
	if (pl_engine_new(&engine, load(argv[1]), &emit, &log) != 0) {
		fprintf(stderr, "the engine did not start\n");
		return 1;
	}
	run(engine, atol(argv[2]), atol(argv[4]), false);
	first = totals;
	totals.readings = totals.with_rollup = 0;
	thread_us(&user_us[0], &system_us[0]);
	before = allocations();
	run(engine, atol(argv[3]), atol(argv[4]), true);
	after = allocations();
	thread_us(&user_us[1], &system_us[1]);
	pl_engine_free(engine);
	printf("readings=%lu with_rollup=%lu matched=%u seen=%u deep_reads=%lu failed=%lu "
	       "counting=%d allocations=%lu tick_cpu_us=%lu deep_cpu_us=%lu user_us=%lu "
	       "system_us=%lu lock_us=%lu longest_us=%lu degraded=%lu method=%u error_permille=%u "
	       "region_bytes=%lu\n",
	       totals.readings, totals.with_rollup, totals.matched_count, totals.seen_count,
	       totals.deep_reads, totals.failed, dlsym(RTLD_DEFAULT, "count_allocations") != NULL,
	       after - before, totals.tick_cpu_us - first.tick_cpu_us,
	       totals.deep_cpu_us - first.deep_cpu_us, user_us[1] - user_us[0],
	       system_us[1] - system_us[0], totals.lock_us, totals.longest_us, totals.degraded,
	       totals.method, totals.error_permille, totals.region_bytes);
	return 0;
}
