/*
 * The promises about cost, held against reads of random cost that are predicted badly: over any
 * minute no more than the budget and one read, for the CPU and for each process' lock; and nobody
 * starves.
 */
#include <errno.h>
#include <stdlib.h>

#include "engine/internal.h"
#include "tap.h"

#define MINUTE_S 59.5 /* ticks of a minute may come early */
#define READS_MAX 200000

struct read {
	double at_s;
	double us;
};

static struct read reads[READS_MAX];
static size_t read_count;
static double largest_us;
static uint64_t seed = 1;

static double uniform(double low, double high)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return low + (high - low) * (double)(seed >> 11) / 9007199254740992.0;
}

static void note_read(double at_s, double us)
{
	if (read_count == READS_MAX)
		abort();
	reads[read_count++] = (struct read){ at_s, us };
	if (us > largest_us)
		largest_us = us;
}

/* The most that any minute holds. */
static double worst_minute_us(void)
{
	double worst_us = 0;
	double sum_us = 0;
	size_t first = 0;

	for (size_t i = 0; i < read_count; i++) {
		sum_us += reads[i].us;
		while (reads[i].at_s - reads[first].at_s >= MINUTE_S)
			sum_us -= reads[first++].us;
		worst_us = sum_us > worst_us ? sum_us : worst_us;
	}
	return worst_us;
}

/* What the worker does with what was granted in one tick, and what it takes. */
struct queue {
	struct pl_grant grants[4096];
	size_t count;
	double dear_us_total;
};

static void queue_all(struct pl_budget *budget, struct queue *queue, bool routine, double largest)
{
	struct pl_grant grant;

	while (queue->count < 4096 &&
	       pl_budget_take(budget, uniform(0.1, 1) * uniform(0.1, largest), routine, &grant))
		queue->grants[queue->count++] = grant;
}

/* Predictions are off by up to `error` times, either way. Returns what routine reads took. */
static double run_queue(struct pl_budget *budget, struct queue *queue, double error)
{
	double routine_us = 0;

	for (size_t i = 0; i < queue->count; i++) {
		const struct pl_grant *grant = &queue->grants[i];
		const double us =
			grant->predicted_us * (uniform(0, 1) < 0.5 ? uniform(1 / error, 1) : uniform(1, error));

		if (queue->dear_us_total >= grant->stop_us) {
			pl_budget_settle(budget, grant, 0);
			continue;
		}
		queue->dear_us_total += us;
		routine_us += grant->routine ? us : 0;
		note_read(grant->taken_s, us);
		pl_budget_settle(budget, grant, us);
	}
	queue->count = 0;
	return routine_us;
}

static double total_us(void)
{
	double sum_us = 0;

	for (size_t i = 0; i < read_count; i++)
		sum_us += reads[i].us;
	return sum_us;
}

struct campaign {
	const char *name;
	double percent;
	double tick_s;
	double largest_us; /* predicted */
	double error;
	double routine_percent;
	bool urgent;
	double least_share; /* of the whole that is used at least */
	double least_routine_share;
};

static void say(const struct campaign *c, bool pass, const char *what)
{
	char name[128];

	snprintf(name, sizeof(name), "%s: %s", c->name, what);
	ok(pass, name);
}

static void test_campaign(const struct campaign *c)
{
	static struct queue queue;
	struct pl_budget budget;
	const double allowed_us = c->percent / 100 * 60 * 1e6;
	const double end_s = 1800;
	double routine_us = 0;

	queue = (struct queue){ 0 };
	read_count = 0;
	largest_us = 0;
	pl_budget_init(&budget, c->percent, 20, 0);
	for (double now_s = 0; now_s < end_s; now_s += uniform(0.998, 1.002) * c->tick_s) {
		pl_budget_fill(&budget, now_s);
		pl_budget_set_routine(&budget, c->routine_percent);
		if (c->urgent)
			queue_all(&budget, &queue, false, c->largest_us);
		queue_all(&budget, &queue, true, c->largest_us);
		routine_us += run_queue(&budget, &queue, c->error);
	}
	say(c, worst_minute_us() <= allowed_us + largest_us + 1,
	    "no minute exceeds it by more than one");
	say(c, total_us() >= c->least_share * c->percent / 100 * end_s * 1e6, "it is made use of");
	say(c, routine_us >= c->least_routine_share * total_us(), "routine reads get their share");
	say(c, budget.pending_us < 1e-3, "nothing is left under way");
	if (getenv("PL_SHOW"))
		printf("# worst %.0f of %.0f + %.0f, used %.2f, routine %.2f\n", worst_minute_us(),
		       allowed_us, largest_us, total_us() / (c->percent / 100 * end_s * 1e6),
		       routine_us / total_us());
}

static void test_cpu(void)
{
	static const struct campaign campaigns[] = {
		{ "small reads", 1, 1, 2000, 1.5, 1, true, 0.95, 0.24 },
		{ "every ten seconds", 1, 10, 2000, 1.5, 1, true, 0.9, 0.2 },
		{ "every minute", 1, 60, 2000, 1.5, 1, true, 0.7, 0.15 },
		{ "predicted badly", 1, 10, 5000, 8, 1, true, 0.8, 0.15 },
		{ "larger than a part saves", 1, 10, 400000, 2, 1, true, 0.6, 0.1 },
		{ "larger than a minute", 0.1, 10, 300000, 3, 0.1, true, 0.5, 0.1 },
		{ "routine alone", 1, 10, 2000, 1.5, 1, false, 0.9, 0.9 },
		{ "routine that needs little", 1, 10, 2000, 1.5, 0.02, true, 0.9, 0.005 },
		{ "one CPU", 100, 1, 50000, 3, 100, true, 0.8, 0.15 },
	};

	for (size_t i = 0; i < sizeof(campaigns) / sizeof(campaigns[0]); i++)
		test_campaign(&campaigns[i]);
}

/* A single read that is larger than all that is saved up gets its turn beside small ones. */
static void test_large_one(void)
{
	struct pl_budget budget;
	struct pl_grant grant;
	bool granted = false;

	pl_budget_init(&budget, 1, 20, 0);
	for (int s = 0; s < 600 && !granted; s++) {
		pl_budget_fill(&budget, s);
		pl_budget_set_routine(&budget, 1);
		while (pl_budget_take(&budget, 1000, false, &grant))
			pl_budget_settle(&budget, &grant, 1000);
		granted = pl_budget_take(&budget, 2e6, true, &grant);
	}
	ok(granted, "a large routine read is not starved by small urgent ones");
	pl_budget_settle(&budget, &grant, 2e6);
	ok(!pl_budget_take(&budget, 1, false, &grant) && !pl_budget_take(&budget, 1, true, &grant),
	   "after which all others wait");
	pl_budget_init(&budget, 0, 20, 0);
	pl_budget_fill(&budget, 60);
	ok(!pl_budget_take(&budget, 0, false, &grant), "a budget of nothing buys nothing");
}

/* Small reads that would take all they can get, and a dearer one that asks after them: the second
 * at which it was granted, or -1. */
static int granted_beside_small_ones(double cost_us, bool may_await)
{
	struct pl_budget budget;
	struct pl_grant grant;

	pl_budget_init(&budget, 1, 20, 0);
	for (int s = 0; s < 600; s++) {
		pl_budget_fill(&budget, s);
		while (pl_budget_take(&budget, 1000, false, &grant))
			pl_budget_settle(&budget, &grant, 1000);
		pl_budget_await(&budget, 0);
		if (pl_budget_take(&budget, cost_us, false, &grant))
			return s;
		pl_budget_await(&budget, may_await ? cost_us : 0);
	}
	return -1;
}

static void test_await(void)
{
	struct pl_budget budget;
	struct pl_grant grant;

	is_num(granted_beside_small_ones(40000, false), -1, "small urgent reads starve a dearer one");
	ok(granted_beside_small_ones(40000, true) >= 0, "unless they leave it what it waits for");
	ok(granted_beside_small_ones(5e6, true) >= 0, "even if it costs more than is ever saved up");
	pl_budget_init(&budget, 1, 20, 0);
	pl_budget_set_routine(&budget, 1);
	pl_budget_await(&budget, 1e9);
	for (int s = 1; s < 5; s++)
		pl_budget_fill(&budget, s);
	/* ten seconds' worth are there, of which what is ever saved up is left to it */
	ok(pl_budget_take(&budget, 20000, false, &grant) &&
	       !pl_budget_take(&budget, 10000, false, &grant),
	   "the others have what it cannot ask for, and wait");
	ok(pl_budget_take(&budget, 1, true, &grant),
	   "but routine reads, which have a part of their own");
	pl_budget_await(&budget, 0);
	ok(pl_budget_take(&budget, 10000, false, &grant), "and no longer");
}

/* Reads that hang are not settled for long: what they may cost is not given to others. */
static void test_pending(void)
{
	const double minute_us = 1 / 100.0 * 60 * 1e6;
	struct pl_budget budget;
	struct pl_grant grant;
	double granted_us = 0;

	pl_budget_init(&budget, 1, 20, 0);
	for (int s = 0; s < 600; s++) {
		pl_budget_fill(&budget, s);
		while (pl_budget_take(&budget, 20000, false, &grant))
			granted_us += grant.predicted_us;
	}
	ok(granted_us <= minute_us, "reads under way take up no more than a minute of it");
	ok(granted_us >= 0.9 * minute_us, "and nearly all of that");
}

/* One read that holds the lock for longer than a minute may is not to be made at all. */
static void test_too_long(void)
{
	struct pl_budget budget;

	pl_budget_init(&budget, 1, 20, 0);
	ok(pl_budget_spacing_s(&budget, 20001) < 0, "a read that holds the lock too long is not made");
	is_near(pl_budget_spacing_s(&budget, 10000), 30, 1, "one of half of that, twice a minute");
}

/* Routine reads that would take all they can get leave the others their part. */
static void test_routine_share(void)
{
	struct pl_budget budget;
	struct pl_grant grant;
	double urgent_us = 0;

	pl_budget_init(&budget, 1, 20, 0);
	for (int s = 0; s < 1800; s++) {
		pl_budget_fill(&budget, s);
		pl_budget_set_routine(&budget, 1);
		while (pl_budget_take(&budget, 1000, false, &grant)) {
			pl_budget_settle(&budget, &grant, 1000);
			urgent_us += 1000;
		}
		while (pl_budget_take(&budget, 1000, true, &grant))
			pl_budget_settle(&budget, &grant, 1000);
	}
	ok(urgent_us >= 0.7 * 1800 * 1e4, "urgent reads are not starved by routine ones");
}

/* Holds of one process, each made when the lock is free and for as long as it pleases. */
static void test_lock(void)
{
	static struct pl_config config;
	static struct pl_process process;
	static struct pl_engine engine = { .config = &config };
	unsigned overlap_count = 0;

	pl_budget_init(&engine.budget, 100, 20, 0);
	read_count = 0;
	largest_us = 0;
	for (double now_s = 0; now_s < 6 * 3600; now_s += uniform(0.5, 10)) {
		const uint64_t lock_us = (uint64_t)uniform(1, uniform(2, 60000));
		const struct pl_job job = { .holds = true,
			                        .grant.taken_s = now_s,
			                        .deep = { .lock_us = lock_us, .cpu_us = lock_us } };

		engine.now.mono_s = now_s;
		pl_budget_fill(&engine.budget, now_s);
		if (!pl_engine_lock_is_free(&engine, &process))
			continue;
		process.lock_pending = true;
		overlap_count += pl_engine_lock_is_free(&engine, &process);
		note_read(now_s, (double)lock_us);
		(void)pl_engine_account(&engine, &process, &job);
	}
	is_num(overlap_count, 0, "one read of a process holds its lock at a time");
	ok(worst_minute_us() <= 20000 + largest_us, "no minute holds it for longer, but for one read");
	ok(read_count > 200, "and it is read all the same");
	is_num(process.cost.lock_us_total, engine.self.lock_us_total, "all of it is told");
	is_num(process.cost.longest_us, largest_us, "and the longest");
}

/* What the budget ran out for comes back unread, is told, and costs nothing. */
static void test_deferral(void)
{
	static struct pl_config config;
	static struct pl_engine engine = { .config = &config };
	static struct pl_process process = { .lock_pending = true };
	struct pl_job job = { .holds = true, .error = -EAGAIN };

	pl_budget_init(&engine.budget, 1, 20, 0);
	ok(pl_budget_take(&engine.budget, 500, false, &job.grant), "a read is granted");
	ok(!pl_engine_account(&engine, &process, &job), "it was not made");
	is_num(pl_budget_spent_us(&engine.budget), 0, "so nothing is spent");
	is_num(engine.budget.pending_us, 0, "and nothing under way");
	ok(process.cost.deferred_count == 1 && engine.self.deferred_total == 1, "it is told");
	ok(!process.lock_pending && process.lock_free_s <= 0, "the lock was not held");
}

int main(void)
{
	test_cpu();
	test_large_one();
	test_await();
	test_pending();
	test_too_long();
	test_routine_share();
	test_lock();
	test_deferral();
	return tap_done();
}
