/* What is not touched any more: readings, what they make of a growth, and when they say nothing. */
#include "series.h"
#include "tap.h"

#define WINDOW_S HOUR

static double growth_per_h;
static double idle_share;  /* of what was added */
static double window_s;    /* 0: not told */
static double idle_from_s; /* read from here on */
static double limit_bytes;
static double swing_bytes; /* of what is idle at all */

static double anon_at(double t_s)
{
	return 300 * MIB + growth_per_h * fmax(t_s, 0) / HOUR;
}

/* A straight growth, and every ten minutes what of it lies idle; the young was touched at birth. */
static void straight(double t_s, struct pl_values *v)
{
	const double idle = 30 * MIB + swing_bytes * noise_at((uint64_t)t_s + 5) +
	                    idle_share * (anon_at(t_s - window_s) - 300 * MIB);

	pl_values_set(v, PL_M_ANON, (uint64_t)(anon_at(t_s) + 0.3 * MIB * noise_at((uint64_t)t_s)));
	if (limit_bytes > 0)
		pl_values_set(v, PL_M_LIMIT, (uint64_t)limit_bytes);
	if (t_s < idle_from_s || fmod(t_s, 600) >= 60)
		return;
	pl_values_set(v, PL_M_IDLE, (uint64_t)fmax(idle, 0));
	if (window_s > 0)
		pl_values_set(v, PL_M_IDLE_WINDOW, (uint64_t)(window_s * 1e6));
}

static void set_growth(double mib_per_h, double share)
{
	growth_per_h = mib_per_h * MIB;
	idle_share = share;
	window_s = WINDOW_S;
	idle_from_s = HOUR;
	limit_bytes = 0;
	swing_bytes = 2 * MIB;
}

static struct pl_track track;

static struct outcome judge(bool idle_memory, double for_s)
{
	struct pl_settings settings = usual_settings();

	settings.idle_memory = idle_memory;
	pl_track_init(&track, (struct pl_ident){ 42, 7 }, 1);
	return run_track(&track, &settings, 0, for_s, 60, straight);
}

static void test_in_use(void)
{
	struct pl_findings findings;
	double percent = -1;
	struct outcome o;

	set_growth(4, 0.08);
	idle_from_s = 4 * HOUR;
	ok(judge(false, 3 * DAY).alarms >= 1, "a cache that fills straight for days looks like a leak");
	o = judge(true, 3 * DAY);
	is_num(o.alarms, 0, "not when it is seen to be used");
	is_num(o.last.verdict, PL_VERDICT_STEADY, "it is steady");
	is_str(o.last.reason, "in-use", "because what was added is in use");
	ok(strstr(o.last.message, "in-use; ") && strstr(o.last.message, " of the growth idle for 1h"),
	   "its message tells both");
	is_near(o.last.idle_percent, 8, 10, "and how much is not");
	pl_track_findings(&track, &findings);
	ok(pl_findings_get(&findings, PL_FINDING_IDLE, &percent), "which is a series");
	is_near(percent, 8, 4, "of percent");
	ok(pl_findings_get(&findings, PL_FINDING_RATE, &percent) && percent > 3 * MIB,
	   "its growth is told all the same");
}

static void test_lies_idle(void)
{
	struct outcome without;
	struct outcome with;

	set_growth(4, 0.9);
	without = judge(false, 3 * DAY);
	with = judge(true, 3 * DAY);
	ok(without.alarms >= 1 && !without.first.confirmed, "a leak alarms by its shape");
	ok(with.alarms >= 1 && with.first_alarm_s < without.first_alarm_s, "sooner when it lies idle");
	ok(with.first_alarm_s > 12 * HOUR, "but not within half a day");
	ok(with.first.confirmed, "and confirmed at once, by another kind of evidence");
	is_near(with.first.idle_percent, 90, 8, "which is told");
	is_near(with.first.idle_window_s, HOUR, 1, "with its window");
	ok(strstr(with.first.message, " % of the growth idle for 1h"), "in words");
}

/* Idle for ten minutes may be in use by the hour. */
static void test_short_window(void)
{
	struct outcome o;

	set_growth(4, 0.9);
	window_s = 600;
	o = judge(true, 20 * HOUR);
	ok(o.alarms == 1 && !o.first.confirmed, "idle for ten minutes confirms nothing");
	set_growth(4, 0.05);
	window_s = 600;
	is_num(judge(true, 2 * DAY).alarms, 0, "but what is used within ten minutes is in use");
	set_growth(4, 0.9);
	window_s = 0;
	o = judge(true, 20 * HOUR);
	ok(o.first.confirmed && o.first.idle_window_s <= 0 &&
	       strstr(o.first.message, "growth idle;") == NULL,
	   "a window that is not told is trusted, and not told either");
}

static void test_cannot_tell(void)
{
	struct outcome o;

	set_growth(4, 0.5);
	o = judge(true, 3 * DAY);
	ok(o.alarms == 2 && !o.first.confirmed, "half of it idle neither acquits nor confirms");
	set_growth(4, 0.08);
	swing_bytes = 400 * MIB;
	o = judge(true, 20 * HOUR);
	ok(o.alarms == 1 && !o.first.idle_known, "what swings too much says nothing");
	set_growth(4, 0.08);
	idle_from_s = 18.5 * HOUR;
	o = judge(true, 19 * HOUR);
	ok(!o.first.idle_known, "nor do few readings");
}

/* Growth within the window is young: it must not pass for memory in use. */
static void test_young(void)
{
	struct outcome o;

	set_growth(60, 1);
	window_s = 4 * HOUR;
	o = judge(true, 15 * HOUR);
	ok(o.alarms >= 1 && o.first.confirmed, "what is younger than the window is left out");
	is_near(o.first.idle_percent, 100, 10, "so that all of the rest is idle");
}

static void test_alarm_ends(void)
{
	struct outcome o;

	set_growth(4, 0.05);
	idle_from_s = 30 * HOUR;
	o = judge(true, 4 * DAY);
	ok(o.alarms >= 1 && o.first_alarm_s < idle_from_s, "an alarm from before anybody looked");
	is_num(o.recoveries, 1, "ends when it turns out to be in use");
	ok(strstr(o.last.message, "is no leak: what was added is in use"), "and says so");
}

static void test_limit(void)
{
	struct outcome o;

	set_growth(40, 0.05);
	limit_bytes = 300 * MIB + 40 * 30 * MIB;
	is_num(judge(true, 25 * HOUR).alarms, 0, "a cache in use may stop below a limit");
	o = judge(true, 30 * HOUR);
	ok(o.alarms >= 1 && o.first.verdict == PL_VERDICT_CRITICAL,
	   "but at the very limit it does not matter what it is");
}

static void test_runs(void)
{
	const struct pl_settings settings = { .idle_memory = true,
		                                  .min_growth_bytes = 8 * MIB,
		                                  .sensitivity = PL_SENSITIVITY_NORMAL,
		                                  .season = true };
	struct pl_family family;

	pl_family_init(&family, 1);
	set_growth(40, 0.05);
	(void)judge(true, 6 * HOUR);
	pl_family_gone(&family, &track, &settings);
	is_num(family.run_total, 0, "a run in which a cache filled is none of a leak's");
	set_growth(40, 0.9);
	(void)judge(true, 6 * HOUR);
	pl_family_gone(&family, &track, &settings);
	is_num(family.run_total, 1, "one that left its growth idle is");
}

static void test_readings(void)
{
	struct pl_idle idle = { .count = 0 };
	double weight = 0;

	for (int i = 0; i < 5000; i++) {
		const struct pl_idle_point p = { .t_s = (float)(i * 600),
			                             .u = (float)(i * 1e6),
			                             .idle = (float)(i * 5e5) };
		pl_idle_add(&idle, 600, &p);
	}
	is_num(idle.count, PL_IDLE_POINTS, "the readings of a month fit");
	bool in_order = true;
	bool on_the_line = true;
	for (size_t i = 0; i < idle.count; i++) {
		const struct pl_idle_point *p = &idle.points[i];
		weight += (double)p->weight;
		in_order &= i == 0 || p->t_s > p[-1].t_s;
		on_the_line &= fabs((double)p->idle / (double)p->u - 0.5) < 1e-3;
	}
	is_near(weight, 5000, 0.5, "none of them is lost");
	ok(in_order && on_the_line, "each point is a mean of some");
	ok(idle.points[0].t_s < 1.2e6F && idle.points[PL_IDLE_POINTS - 8].t_s > 2.5e6F,
	   "the newer the denser");
	const struct pl_idle_point soon = { .t_s = 4999 * 600 + 10, .u = 1, .idle = 1 };
	pl_idle_add(&idle, 600, &soon);
	is_near((double)idle.points[PL_IDLE_POINTS - 1].u, 4999e6, 1e4, "one too soon is passed over");
	const struct pl_idle_point other = { .t_s = 5001 * 600, .u = 7, .idle = 3 };
	pl_idle_add(&idle, 3600, &other);
	is_num(idle.count, 1, "another window begins anew");
}

/* Windows of ten minutes, every other one of which is read when it has lasted for twenty. */
static void test_late_readings(void)
{
	struct pl_idle idle = { .count = 0 };
	double t_s = 0;

	for (int i = 0; i < 10; i++) {
		const double lasted_s = i % 2 ? 1200 : 600;
		t_s += lasted_s;
		pl_idle_add(&idle, lasted_s, &(struct pl_idle_point){ .t_s = (float)t_s, .u = 1 });
	}
	is_num(idle.count, 5, "those that are late are passed over, and cost no other");
	pl_idle_add(&idle, 1200, &(struct pl_idle_point){ .t_s = (float)t_s + 1200, .u = 1 });
	is_num(idle.count, 1, "two of a kind are another window");
	pl_idle_add(&idle, 600, &(struct pl_idle_point){ .t_s = (float)t_s + 1800, .u = 1 });
	is_num(idle.count, 1, "a shorter one is, too");
	is_near((double)idle.window_s, 600, 1, "at once");
}

int main(void)
{
	test_in_use();
	test_lies_idle();
	test_short_window();
	test_cannot_tell();
	test_young();
	test_alarm_ends();
	test_limit();
	test_runs();
	test_readings();
	test_late_readings();
	return tap_done();
}
