/* One match, its processes and its alarms: what is told, what is held back, what is owed. */
#include <stdlib.h>

#include "config/config.h"
#include "tap.h"
#include "track/family.h"

#define STEP_S 300.0
#define DAY_S 86400.0

struct told {
	unsigned alarm_count;
	unsigned confirmed_count;
	unsigned recovered_count;
	double first_alarm_s;
	double last_alarm_s;
};

struct member {
	struct pl_track track;
	double begin_s; /* the leak's */
	double end_s;
	double rate_bytes_per_s; /* while it leaks */
	double u_bytes;
};

static void add_member(struct member *member, int32_t pid, double begin_s, double rate)
{
	*member = (struct member){
		.begin_s = begin_s, .end_s = 1e12, .rate_bytes_per_s = rate, .u_bytes = 200e6
	};
	pl_track_init(&member->track, (struct pl_ident){ pid, 100 }, 1);
}

static void note(struct told *told, const struct pl_report *report)
{
	if (report->alarm) {
		if (told->alarm_count++ == 0)
			told->first_alarm_s = report->time_s;
		told->last_alarm_s = report->time_s;
		told->confirmed_count += report->confirmed;
	}
	told->recovered_count += report->recovered;
}

static void run(struct pl_family *family, struct member *const *members, size_t count,
                const struct pl_settings *settings, double from_s, double to_s, struct told *told)
{
	for (double t = from_s; t < to_s; t += STEP_S) {
		const struct pl_time now = { t, 1700000000 + t };
		struct pl_report report;

		pl_family_begin(family, now);
		for (size_t i = 0; i < count; i++) {
			struct member *m = members[i];
			struct pl_sample sample = { .ident = m->track.ident, .time = now, .age_s = t + 1e6 };

			if (t >= m->begin_s && t < m->end_s)
				m->u_bytes += m->rate_bytes_per_s * STEP_S;
			pl_values_set(&sample.values, PL_M_ANON, (uint64_t)m->u_bytes);
			pl_track_add(&m->track, &sample, settings);
			if (pl_family_member(family, &m->track, settings, "match", "program", &report))
				note(&told[i], &report);
		}
		if (pl_family_end(family, settings, "match", "program", &report))
			note(&told[0], &report);
	}
}

static void test_one_leak(const struct pl_settings *settings)
{
	static struct pl_family family;
	static struct member one;
	struct member *const members[] = { &one };
	struct told told = { 0 };

	pl_family_init(&family, 1);
	add_member(&one, 10, 0, 500);
	run(&family, members, 1, settings, 0, 6 * DAY_S, &told);
	is_num(told.alarm_count, 2, "one leak is told twice: as leaking, and when it is confirmed");
	is_num(told.confirmed_count, 1, "and confirmed once");
	is_num(told.recovered_count, 0, "and is not over");
	is_num(family.verdict, PL_VERDICT_LEAKING, "the match leaks");
	is_num(family.reason, PL_REASON_DRIFT, "with the reason of that process");
	one.end_s = 0;
	run(&family, members, 1, settings, 6 * DAY_S, 16 * DAY_S, &told);
	is_num(told.recovered_count, 1, "fixed live, it clears");
	is_num(told.alarm_count, 2, "without another alarm");
	ok(family.verdict < PL_VERDICT_LEAKING, "and the match does not leak any more");
	is_num(family.reason, pl_track_reason(&one.track), "for the reason that holds now");
}

/* Two workers begin within a day of each other: the second alarm waits, but is not lost. */
static void test_owed(const struct pl_settings *settings)
{
	static struct pl_family family;
	static struct member first;
	static struct member second;
	struct member *const members[] = { &first, &second };
	struct pl_settings patient = *settings;
	struct told told[2] = { { 0 }, { 0 } };
	struct told both;

	patient.renotify_s = 5 * DAY_S;
	pl_family_init(&family, 1);
	add_member(&first, 10, 0, 500);
	add_member(&second, 11, 1 * DAY_S, 500);
	run(&family, members, 2, &patient, 0, 4 * DAY_S, told);
	both.alarm_count = told[0].alarm_count + told[1].alarm_count;
	is_num(told[0].alarm_count, 2, "the first worker is told");
	is_num(both.alarm_count, 2, "the second one is held back");
	run(&family, members, 2, &patient, 4 * DAY_S, 9 * DAY_S, told);
	both.alarm_count = told[0].alarm_count + told[1].alarm_count;
	is_num(both.alarm_count, 3, "and told when its time has come");
}

static bool ask(struct pl_family *family, const struct pl_settings *settings, double at_s,
                bool counts, bool confirmed)
{
	const struct pl_report report = {
		.verdict = PL_VERDICT_LEAKING, .time_s = at_s, .counts = counts, .confirmed = confirmed
	};

	return pl_family_may_alarm(family, settings, &report);
}

/* A leak of another kind is news, once for each time that an alarm stands. */
static void test_kinds(const struct pl_settings *settings)
{
	static struct pl_family family;
	struct pl_settings patient = *settings;

	patient.renotify_s = 5 * DAY_S;
	pl_family_init(&family, 1);
	ok(ask(&family, &patient, 0, true, true), "a leak of threads is told");
	ok(ask(&family, &patient, 3600, false, false), "one of memory beside it, too");
	ok(!ask(&family, &patient, 7200, false, true), "once: it is confirmed already that it leaks");
	ok(!ask(&family, &patient, 10800, true, false), "and that of threads is no news");
	ok(family.alarm_owed, "but owed");
	ok(ask(&family, &patient, 6 * DAY_S, false, false), "when it is time, the alarm is repeated");
	ok(ask(&family, &patient, 6 * DAY_S + 60, true, false), "for both kinds");
	ok(!ask(&family, &patient, 6 * DAY_S + 90, true, false), "once each");
	family.alarm_verdict = PL_VERDICT_CRITICAL;
	family.alarm_kinds = PL_FAMILY_BYTES;
	ok(!ask(&family, &patient, 6 * DAY_S + 120, true, false), "what is not as bad waits");
	family.alarm_verdict = PL_VERDICT_LEAKING;
	family.alarm_kinds = 0;
	ok(!ask(&family, &patient, 6 * DAY_S + 180, true, false), "and so does what may be known");
}

static void test_many(const struct pl_settings *settings)
{
	enum { COUNT = 8 };
	static struct pl_family family;
	static struct member workers[COUNT];
	struct member *members[COUNT];
	struct told told[COUNT] = { { 0 } };
	unsigned alarm_count = 0;

	pl_family_init(&family, 1);
	for (int i = 0; i < COUNT; i++) {
		add_member(&workers[i], 20 + i, 0, i == 5 ? 700 : 0);
		members[i] = &workers[i];
	}
	run(&family, members, COUNT, settings, 0, 3 * DAY_S, told);
	for (int i = 0; i < COUNT; i++)
		alarm_count += told[i].alarm_count;
	is_num(alarm_count, told[5].alarm_count, "one worker of many: nobody else is accused");
	ok(alarm_count > 0, "and it is told");
	is_num(family.worst.pid, 25, "by its pid");
}

int main(void)
{
	struct pl_config *config = pl_config_new();

	pl_config_finish(config, NULL);
	test_one_leak(&config->settings);
	test_owed(&config->settings);
	test_kinds(&config->settings);
	test_many(&config->settings);
	pl_config_free(config);
	return tap_done();
}
