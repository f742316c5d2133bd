/* Processes of one match: restarts, siblings, one alarm for all. */
#include "explain/runs.h"
#include "track/family.h"

#include "series.h"
#include "tap.h"

static struct pl_settings settings;
static struct pl_track tracks[4];
static struct pl_family family;

/* What else a member counts: opened connections add up, those held are as many as now. */
struct with {
	bool held;
	bool heap;         /* what it has is in the brk heap, but for a part that stays */
	double bytes_each; /* 0: it grows as the level says */
	double per_hour;   /* 0: nothing is counted */
	double swing;      /* by how much the load of a day comes and goes */
};

static struct with with;

static double opened_by(double now_s)
{
	/* the integral of a rate that comes and goes with the day */
	return with.per_hour * (now_s / HOUR + with.swing * DAY / HOUR / (2 * M_PI) *
	                                           (1 - cos(2 * M_PI * now_s / DAY)));
}

/* Level of member `which`, `age_s` into its run. */
typedef double level_fn(unsigned which, double age_s);

struct tally {
	unsigned alarms;
	unsigned process_alarms;
	struct pl_report last_match;
	struct pl_report last_alarm;
};

static void take(struct tally *tally, const struct pl_report *r)
{
	tally->alarms += r->alarm;
	tally->process_alarms += r->alarm && r->subject.kind == PL_SUBJECT_PROCESS;
	if (r->subject.kind == PL_SUBJECT_MATCH)
		tally->last_match = *r;
	if (r->alarm)
		tally->last_alarm = *r;
}

static void tick(struct tally *tally, unsigned which, double now_s, double born_s, level_fn *level)
{
	struct pl_sample s = { .time = { now_s, 1.7e9 + now_s }, .age_s = now_s - born_s };
	struct pl_report r;

	s.ident = tracks[which].ident;
	pl_values_set(&s.values, PL_M_ANON, (uint64_t)level(which, now_s - born_s));
	if (with.heap)
		pl_values_set(&s.values, PL_M_HEAP, s.values.value[PL_M_ANON] - 50 * 1048576);
	if (with.per_hour > 0) {
		const double count = opened_by(now_s) - opened_by(born_s);
		const double noise = 0.1 * MIB * noise_at((uint64_t)now_s);

		if (with.bytes_each > 0)
			pl_values_set(&s.values, PL_M_ANON,
			              (uint64_t)(200 * MIB + with.bytes_each * count + noise));
		pl_values_set(&s.values, PL_M_CONNECTIONS, (uint64_t)(with.held ? count : 5));
		pl_values_set(&s.values, PL_M_OPENED, (uint64_t)opened_by(now_s));
		pl_values_set(&s.values, PL_M_CPU, (uint64_t)(1e4 * count));
	}
	pl_track_add(&tracks[which], &s, &settings);
	if (pl_family_member(&family, &tracks[which], &settings, "m", "prog", &r))
		take(tally, &r);
}

/* `count` members that live `life_s` each and rest `pause_s` before they run again. */
static struct tally run(unsigned count, double for_s, double life_s, double pause_s,
                        level_fn *level)
{
	struct tally tally = { .alarms = 0 };
	double born_s[4];
	uint64_t serial = 0;

	settings = usual_settings();
	pl_family_init(&family, 1);
	for (unsigned i = 0; i < count; i++) {
		born_s[i] = i * fmin(life_s, 4 * HOUR) / count;
		pl_track_init(&tracks[i], (struct pl_ident){ (int32_t)i + 1, ++serial }, 1);
	}
	for (double now = 0; now < for_s; now += 60) {
		struct pl_report r;
		pl_family_begin(&family, (struct pl_time){ now, 1.7e9 + now });
		for (unsigned i = 0; i < count; i++) {
			if (now >= born_s[i] + life_s) {
				pl_family_gone(&family, &tracks[i], &settings);
				pl_track_init(&tracks[i], (struct pl_ident){ (int32_t)i + 1, ++serial }, 1);
				born_s[i] = now + pause_s;
			}
			if (now >= born_s[i])
				tick(&tally, i, now, born_s[i], level);
		}
		if (pl_family_end(&family, &settings, "m", "prog", &r))
			take(&tally, &r);
	}
	return tally;
}

static double all_leak(unsigned which, double age_s)
{
	(void)which;
	return 200 * MIB + 5 * MIB * age_s / HOUR + 0.2 * MIB * noise_at((uint64_t)age_s);
}

static double warms_up(unsigned which, double age_s)
{
	(void)which;
	return 200 * MIB + 100 * MIB * (1 - exp(-age_s / 1200));
}

static double third_leaks(unsigned which, double age_s)
{
	return which == 2 ? all_leak(which, age_s) : 200 * MIB;
}

static void test_recycling(void)
{
	const struct tally t = run(3, 3 * DAY, 6 * HOUR, 0, all_leak);

	is_num(t.alarms, 1, "recycled workers that leak alarm, once, as a match");
	is_num(t.process_alarms, 0, "no single one of them lives long enough");
	is_str(t.last_alarm.reason, "runs", "by their runs");
	is_near(t.last_alarm.rate_bytes_per_hour / MIB, 5, 0.5, "at their common rate");
	is_str(t.last_alarm.where, "anon", "nowhere in particular");
	is_num(family.verdict, PL_VERDICT_LEAKING, "the match is leaking");
	with = (struct with){ .heap = true };
	is_str(run(3, 3 * DAY, 6 * HOUR, 0, all_leak).last_alarm.where, "heap",
	       "in the heap, where that is known");
	with = (struct with){ 0 };
	is_num(run(3, 3 * DAY, 6 * HOUR, 0, warms_up).alarms, 0, "workers that warm up are fine");
}

static void test_jobs(void)
{
	is_num(run(1, 4 * DAY, 2 * HOUR, 2 * HOUR, all_leak).alarms, 0,
	       "a job of cron's that grows while it works is fine");
}

static void test_siblings(void)
{
	struct tally t = run(4, 30 * HOUR, 9 * DAY, 0, third_leaks);

	is_num(family.worst.pid, 3, "the worker that leaks is named");
	is_num(t.process_alarms, 1, "it alarms");
	t = run(4, 30 * HOUR, 9 * DAY, 0, all_leak);
	is_num(t.alarms, 1, "four that leak alike make one alarm");
}

/* Runs of three hours, each of which meets another part of the day's load. */
static struct pl_report runs_with(struct with what)
{
	struct tally t;

	with = what;
	t = run(1, 3 * DAY, 3 * HOUR, 0, all_leak);
	with = (struct with){ .per_hour = 0 };
	return t.last_alarm;
}

static void test_causes(void)
{
	struct pl_report r =
		runs_with((struct with){ .held = true, .bytes_each = 50e3, .per_hour = 100, .swing = 0.3 });

	is_str(r.reason, "runs", "runs with a cause are told");
	is_num(r.cause, PL_CAUSE_CONNECTIONS, "connections that no run closes are the cause");
	is_str(r.unit, "connection held", "held");
	is_near(r.per_unit, 50e3, 5e3, "with the bytes of each");
	ok(strstr(r.message, "per connection held; the same in") != NULL, "in its sentence");
	r = runs_with((struct with){ .bytes_each = 25e3, .per_hour = 200, .swing = 0.4 });
	is_num(r.cause, PL_CAUSE_CONNECTIONS, "so are those that were closed, as runs differ in them");
	is_str(r.unit, "connection opened", "opened");
	is_near(r.per_unit, 25e3, 2.5e3, "with the bytes of each");
	r = runs_with((struct with){ .per_hour = 200, .swing = 0.4 });
	is_str(r.reason, "runs", "runs that grow with time are told");
	is_num(r.cause, PL_CAUSE_TIME, "as such, for the load does not matter to them");
	r = runs_with((struct with){ .bytes_each = 25e3, .per_hour = 200 });
	is_str(r.reason, "runs", "runs under a load that stays the same are told");
	is_num(r.cause, PL_CAUSE_UNKNOWN, "but not with what: nothing tells load and time apart");
}

#define MOST 12

/*
 * What is said of `n` runs of an hour of which number i grew by grown[i] while it counted
 * opened[i].
 */
static struct pl_attribution compare(size_t n, const double *grown, const double *opened)
{
	struct pl_run runs[MOST];
	struct pl_run_drivers drivers[MOST];
	struct pl_attribution out;

	for (size_t i = 0; i < n; i++) {
		runs[i] = (struct pl_run){ .begin_s = (double)i * HOUR,
			                       .end_s = (double)(i + 1) * HOUR,
			                       .grown = grown[i] };
		drivers[i] = (struct pl_run_drivers){ .known = 1U << PL_DRIVER_OPENED };
		drivers[i].amount[PL_DRIVER_OPENED] = (float)opened[i];
	}
	pl_explain_runs(runs, drivers, n, &out);
	return out;
}

/* How `n` runs that open 1000 connections are told which differ by `swing` of that. */
static struct pl_attribution compare_loads(size_t n, double swing, double share)
{
	double grown[MOST];
	double opened[MOST];

	for (size_t i = 0; i < n; i++) {
		opened[i] = 1000 * (1 + swing * (i % 3 == 0 ? 1 : i % 3 == 1 ? 0 : -1));
		/* of which noise that does not follow the load */
		grown[i] =
			10e3 * (share * opened[i] + (1 - share) * 1000) + (share < 1 ? 4e5 * noise_at(i) : 0);
	}
	return compare(n, grown, opened);
}

static void test_flows(void)
{
	struct pl_attribution a = compare_loads(6, 0.5, 1);

	is_num(a.driver, PL_DRIVER_OPENED, "six runs that differ tell load from time");
	is_near(a.per_unit, 10e3, 100, "with the bytes of each");
	is_num(compare_loads(5, 0.5, 1).cause, PL_CAUSE_UNKNOWN, "five are too few for that");
	is_num(compare_loads(MOST, 0.05, 1).cause, PL_CAUSE_UNKNOWN,
	       "nor do runs that hardly differ, however many");
	a = compare_loads(MOST, 0.5, 0.45);
	ok(a.share[PL_DRIVER_OPENED] > 0.4F && a.share[PL_DRIVER_OPENED] < 0.5F,
	   "a load that explains less than half of it");
	is_num(a.cause, PL_CAUSE_UNKNOWN, "is not its cause");
}

/* What is said of runs that held some threads each when they ended. */
static struct pl_attribution compare_held(size_t n, const double *grown, const double *held)
{
	struct pl_run runs[MOST];
	struct pl_run_drivers drivers[MOST];
	struct pl_attribution out;

	for (size_t i = 0; i < n; i++) {
		runs[i] = (struct pl_run){ .end_s = HOUR, .grown = grown[i] };
		drivers[i] = (struct pl_run_drivers){ .known = 1U << PL_DRIVER_THREADS };
		drivers[i].amount[PL_DRIVER_THREADS] = (float)held[i];
	}
	pl_explain_runs(runs, drivers, n, &out);
	return out;
}

static void test_held(void)
{
	static const double held[] = { 100, 40, 60, 80 };
	static const double few[] = { 100, 0, 0, 80 };
	static const double alike[] = { 82e6, 31e6, 50e6, 64e6 };
	static const double other[] = { 82e6, 90e6, 18e6, 10e6 };
	struct pl_attribution a = compare_held(4, alike, held);

	is_num(a.driver, PL_DRIVER_THREADS, "runs that grew by as much for each thread");
	is_near(a.per_unit, 0.8e6, 0.03e6, "with the bytes of each");
	is_num(compare_held(4, other, held).cause, PL_CAUSE_UNKNOWN, "unless it differs");
	is_num(compare_held(4, alike, few).cause, PL_CAUSE_UNKNOWN, "or most of them held none");
	is_num(compare_held(2, alike, held).cause, PL_CAUSE_UNKNOWN, "or there are but two");
}

/* Half a day that begins with 100 MiB without a connection, then 50 KB for each. */
static void test_start(void)
{
	static struct pl_history h;
	struct pl_run_drivers drivers;

	pl_history_init(&h);
	for (double t_s = 0; t_s <= 12 * HOUR; t_s += 60) {
		const double count = fmax(0, (t_s - 3 * HOUR) / 60);
		struct pl_history_input sample = { .present =
			                                   1U << PL_SERIES_U | 1U << PL_SERIES_CONNECTIONS };
		unsigned closed;

		sample.value[PL_SERIES_U] =
			(float)(200 * MIB + 100 * MIB * fmin(1, t_s / (2 * HOUR)) + 50e3 * count);
		sample.value[PL_SERIES_CONNECTIONS] = (float)count;
		pl_history_add(&h, 1000 + t_s, 1, &sample, &closed);
	}
	pl_explain_run(&h, &(struct pl_run){ .end_s = 12 * HOUR, .grown = 540 * 50e3 }, &drivers);
	ok((drivers.known >> PL_DRIVER_CONNECTIONS) & 1, "what a run held is known");
	is_near(drivers.amount[PL_DRIVER_CONNECTIONS], 540, 30, "without what its start took");
}

int main(void)
{
	test_recycling();
	test_jobs();
	test_siblings();
	test_causes();
	test_held();
	test_flows();
	test_start();
	return tap_done();
}
