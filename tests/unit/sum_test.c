/* The sum of a match: what none of its processes shows alone, and what is only the load. */
#include <math.h>
#include <stdlib.h>

#include "tap.h"
#include "track/sum.h"

#define MIB 1048576.0
#define STEP_S 600.0
#define MOST 400

static const struct pl_settings settings = {
	.min_growth_bytes = 8 * MIB,
	.min_growth_percent = 2,
	.min_rate_bytes_per_h = 16 * 1024,
	.sensitivity = PL_SENSITIVITY_NORMAL,
	.horizon_s = 86400,
	.settle_s = 600,
	.season = true,
	.renotify_s = 30 * 86400.0,
};

struct pool {
	int (*count_at)(double hours);
	double worker_mib;
	double worker_mib_per_h;
	double first_mib_per_h; /* the first one leaks by itself */
	double cpu_share_per_worker;
	bool told_by_runs; /* runs of it leak, which is known */
};

struct told {
	unsigned alarms;     /* in all */
	unsigned sum_alarms; /* of them about the sum */
	struct pl_report last;
	uint8_t verdict; /* of the match, at the end */
	uint8_t reason;  /* likewise */
};

static struct pl_track tracks[MOST];
static struct pl_track sum_track;

static void tell(struct told *told, const struct pl_report *report)
{
	if (!report->alarm)
		return;
	told->alarms++;
	told->sum_alarms += report->subject.pid == 0;
	told->last = *report;
}

static void take(struct pl_track *t, const struct pool *pool, int i, double at_s, double *cpu_s)
{
	const double hours = at_s / 3600;
	const double rate =
		i == 0 ? fmax(pool->first_mib_per_h, pool->worker_mib_per_h) : pool->worker_mib_per_h;
	struct pl_sample sample = { .time = { at_s, 1.7e9 + at_s }, .age_s = -1 };

	*cpu_s += STEP_S * pool->cpu_share_per_worker;
	pl_values_set(&sample.values, PL_M_ANON, (uint64_t)((pool->worker_mib + rate * hours) * MIB));
	pl_values_set(&sample.values, PL_M_CPU, (uint64_t)(*cpu_s * 1e6));
	pl_track_add(t, &sample, &settings);
}

static struct told run(const struct pool *pool, double hours)
{
	static double cpu_s[MOST];
	struct told told = { 0 };
	struct pl_family family;
	struct pl_sum sum = { 0 };
	struct pl_report report;
	int before = 0;
	int32_t pid = 1;

	memset(cpu_s, 0, sizeof(cpu_s));
	pl_family_init(&family, 1);
	pl_track_init(&sum_track, (struct pl_ident){ 0, 0 }, 1);
	for (double at_s = 0; at_s <= hours * 3600; at_s += STEP_S) {
		const int count = pool->count_at(at_s / 3600);

		pl_family_begin(&family, (struct pl_time){ at_s, 1.7e9 + at_s });
		pl_sum_begin(&sum);
		for (int i = before; i < count; i++, pid++) {
			pl_track_init(&tracks[i], (struct pl_ident){ pid, (uint64_t)pid }, 1);
			cpu_s[i] = 0;
		}
		for (int i = count; i < before; i++) {
			pl_family_gone(&family, &tracks[i], &settings);
			pl_sum_gone(&sum, &tracks[i]);
		}
		before = count;
		for (int i = 0; i < count; i++) {
			take(&tracks[i], pool, i, at_s, &cpu_s[i]);
			pl_sum_member(&sum, &tracks[i]);
			if (pl_family_member(&family, &tracks[i], &settings, "m", "c", &report))
				tell(&told, &report);
		}
		if (pl_family_end(&family, &settings, "m", "m", &report))
			tell(&told, &report);
		if (pool->told_by_runs)
			family.verdict = PL_VERDICT_LEAKING;
		if (pl_sum_end(&sum, &sum_track, &family, &settings, "m", &report))
			tell(&told, &report);
	}
	told.verdict = family.verdict;
	told.reason = family.reason;
	return told;
}

static int grows(double hours)
{
	return 20 + (int)(hours * 2);
}

static int stays(double hours)
{
	(void)hours;
	return 40;
}

/* By day there are twice as many. */
static int follows(double hours)
{
	return (int)(60 - 30 * cos(hours / 24 * 2 * 3.14159265));
}

static int fills(double hours)
{
	return (int)(20 + 80 * (1 - exp(-hours / 5)));
}

/* Counters of those who ended stay in the sum, so that it only rises. */
static void test_gone(void)
{
	static const struct pool pool = { .worker_mib = 3, .cpu_share_per_worker = 0.5 };
	struct pl_sum sum = { 0 };
	double cpu_s[2] = { 0, 0 };
	uint64_t both_us;

	pl_sum_begin(&sum);
	for (int i = 0; i < 2; i++) {
		pl_track_init(&tracks[i], (struct pl_ident){ i + 1, 1 }, 1);
		take(&tracks[i], &pool, i, STEP_S, &cpu_s[i]);
		pl_sum_member(&sum, &tracks[i]);
	}
	both_us = sum.counters[PL_COUNTER_CPU];
	is_num(both_us, 2 * 0.5 * STEP_S * 1e6, "the work of two adds up");
	pl_sum_gone(&sum, &tracks[1]);
	pl_sum_begin(&sum);
	pl_sum_member(&sum, &tracks[0]);
	is_num(sum.counters[PL_COUNTER_CPU], both_us, "and stays when one of them has ended");
	is_num(sum.member_count, 1, "who is counted no more");
}

int main(void)
{
	struct told told =
		run(&(struct pool){ .count_at = grows, .worker_mib = 3, .cpu_share_per_worker = 0 }, 72);

	ok(told.sum_alarms > 0 && told.alarms == told.sum_alarms, "workers that are never reaped");
	is_num(told.verdict, PL_VERDICT_LEAKING, "the match leaks");
	is_num(told.reason, PL_REASON_DRIFT, "for the reason that its sum has");
	ok(strstr(told.last.message, "none of which does alone") != NULL, "which is told");
	is_str(told.last.subject.match, "m", "of the match");
	told = run(&(struct pool){ .count_at = stays, .worker_mib = 50, .worker_mib_per_h = 0.04 }, 96);
	ok(told.sum_alarms > 0 && told.alarms == told.sum_alarms,
	   "workers that grow by too little each, but all of them");
	is_num(told.last.subject.pid, 0, "no process is blamed");
	told = run(&(struct pool){ .count_at = stays, .worker_mib = 20, .first_mib_per_h = 10 }, 96);
	ok(told.alarms > 0 && told.sum_alarms == 0, "one that leaks is told, and the sum is not");
	told = run(&(struct pool){ .count_at = grows, .worker_mib = 3, .told_by_runs = true }, 72);
	is_num(told.sum_alarms, 0, "nor is it while runs of them leak");
	told = run(&(struct pool){ .count_at = follows, .worker_mib = 5, .cpu_share_per_worker = 0.1 },
	           7 * 24);
	is_num(told.alarms, 0, "a pool that follows the load is none");
	told = run(&(struct pool){ .count_at = fills, .worker_mib = 5, .cpu_share_per_worker = 0.1 },
	           7 * 24);
	is_num(told.alarms, 0, "nor is one that fills to its size");
	test_gone();
	return tap_done();
}
