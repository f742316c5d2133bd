/* What is steady has a name where one is known; a collapse into huge pages is no leak. */
#include <math.h>

#include "tap.h"
#include "track/track.h"

#define MIB 1048576.0
#define STEP_S 300.0

static const struct pl_settings settings = {
	.min_growth_bytes = 8 * MIB,
	.min_growth_percent = 2,
	.min_rate_bytes_per_h = 16 * 1024,
	.sensitivity = PL_SENSITIVITY_NORMAL,
	.horizon_s = 86400,
	.settle_s = 600,
	.season = true,
	.renotify_s = 86400,
};

struct shape {
	double base_mib;
	double mib_per_h; /* of U */
	double huge_ratio;
	double mapped_ratio;
	double lazyfree_mib_per_h;
};

struct pace {
	double step_s;       /* between two readings */
	unsigned huge_every; /* of these tells the huge pages */
	double huge_until_s; /* and none after */
};

static const struct pace usual = { STEP_S, 1, HUGE_VAL };

/* `hours` of a process like that; below 0: huge pages are not known. */
static void run(struct pl_track *t, const struct shape *shape, const struct pace *pace,
                double hours)
{
	unsigned count = 0;

	pl_track_init(t, (struct pl_ident){ 1, 1 }, 1);
	for (double at_s = 0; at_s <= hours * 3600; at_s += pace->step_s) {
		const double grown = shape->mib_per_h * at_s / 3600;
		const double lazyfree = shape->lazyfree_mib_per_h * at_s / 3600;
		struct pl_sample sample = { .time = { at_s, 1.7e9 + at_s }, .age_s = 86400 + at_s };

		pl_values_set(&sample.values, PL_M_ANON,
		              (uint64_t)((shape->base_mib + grown + lazyfree) * MIB));
		pl_values_set(&sample.values, PL_M_LAZYFREE, (uint64_t)(lazyfree * MIB));
		pl_values_set(&sample.values, PL_M_CPU, (uint64_t)(at_s * 1e4));
		pl_values_set(
			&sample.values, PL_M_VM_DATA,
			(uint64_t)((2 * shape->base_mib + shape->mapped_ratio * grown + lazyfree) * MIB));
		if (shape->huge_ratio >= 0 && at_s <= pace->huge_until_s && count++ % pace->huge_every == 0)
			pl_values_set(&sample.values, PL_M_ANON_HUGE,
			              (uint64_t)(shape->huge_ratio * grown * MIB));
		pl_track_add(t, &sample, &settings);
	}
}

static enum pl_verdict verdict_after(struct pl_track *t, struct shape shape, double hours)
{
	run(t, &shape, &usual, hours);
	return (enum pl_verdict)t->verdict;
}

static void test_huge_pages(void)
{
	static struct pl_track t;
	struct pl_report report;

	is_num(verdict_after(&t, (struct shape){ 500, 4, -1, 0, 0 }, 60), PL_VERDICT_LEAKING,
	       "straight growth leaks, as far as one knows");
	is_num(verdict_after(&t, (struct shape){ 500, 4, 2.5, 0, 0 }, 60), PL_VERDICT_GROWING,
	       "but for huge pages that grew by more, in what was mapped long ago");
	pl_track_describe(&t, &settings, "m", "c", &report);
	is_str(report.reason, "huge-pages", "and that is its reason");
	ok(strstr(report.message, "(huge-pages)") != NULL, "which is told");
	is_num(verdict_after(&t, (struct shape){ 500, 4, 1, 0, 0 }, 60), PL_VERDICT_LEAKING,
	       "new memory that is huge from the start may leak");
	is_num(verdict_after(&t, (struct shape){ 500, 4, 2.5, 1, 0 }, 60), PL_VERDICT_LEAKING,
	       "and so may what is mapped anew, whatever becomes huge beside it");
}

/* An hour between two readings, and only each second one tells the huge pages. */
static void test_rare_readings(void)
{
	static struct pl_track t;
	const struct pace rare = { 3600, 2, HUGE_VAL };
	const struct pace early = { STEP_S, 1, 6 * 3600 };
	const struct shape collapse = { 500, 4, 2.2, 0, 0 };
	const struct shape leak = { 500, 4, 1, 1, 0 };
	int nameless = 0;

	for (double hours = 14; hours <= 60; hours++) {
		run(&t, &collapse, &rare, hours);
		if (t.verdict != PL_VERDICT_GROWING || pl_track_reason(&t) != PL_REASON_HUGE_PAGES)
			nameless++;
	}
	is_num(nameless, 0, "a collapse has its name at every hour, however rarely it is read");
	run(&t, &leak, &rare, 60);
	is_num(t.verdict, PL_VERDICT_LEAKING, "and a leak its own");
	run(&t, &(struct shape){ 500, 4, 1, 0, 0 }, &rare, 30);
	is_num(t.verdict, PL_VERDICT_LEAKING, "huge pages that are read rarely did not grow by more");
	run(&t, &collapse, &early, 20);
	is_num(t.verdict, PL_VERDICT_LEAKING, "what is known of a part speaks for no more than that");
}

static void test_names(void)
{
	static struct pl_track t;
	struct pl_report report;

	(void)verdict_after(&t, (struct shape){ 500, 0, -1, 0, 4 }, 60);
	is_num(pl_track_reason(&t), PL_REASON_LAZYFREE, "a backlog of MADV_FREE is named");
	pl_track_describe(&t, &settings, "m", "c", &report);
	ok(strstr(report.message, "given back is not taken yet") != NULL, "in words, too");
	(void)verdict_after(&t, (struct shape){ 500, 4, -1, 1, 4 }, 60);
	ok(t.verdict == PL_VERDICT_LEAKING && pl_track_reason(&t) == PL_REASON_DRIFT,
	   "and hides no leak beside it");
	(void)verdict_after(&t, (struct shape){ 500, 0, -1, 0, 0.1 }, 60);
	is_num(pl_track_reason(&t), PL_REASON_FLAT, "a small one is not worth a word");
	t.places.blind = true;
	is_num(pl_track_reason(&t), PL_REASON_BLIND, "a heap that cannot be seen into is named");
	pl_track_describe(&t, &settings, "m", "c", &report);
	ok(strstr(report.message, "a leak inside would not show") != NULL, "and what that means");
	(void)verdict_after(&t, (struct shape){ 500, 4, -1, 1, 0 }, 60);
	t.places.blind = true;
	is_num(pl_track_reason(&t), PL_REASON_DRIFT, "what grows beside it is a leak all the same");
}

/* A peak of the load, or an even load, and then as many hours; U is the same all the time. */
static void run_load(struct pl_track *t, double peak_ratio)
{
	double cpu_us = 0;

	pl_track_init(t, (struct pl_ident){ 1, 1 }, 1);
	for (double at_s = 0; at_s <= 40 * 3600; at_s += STEP_S) {
		struct pl_sample sample = { .time = { at_s, 1.7e9 + at_s }, .age_s = 86400 + at_s };

		cpu_us += STEP_S * 1e4 * (at_s < 30 * 3600 ? peak_ratio : 1);
		pl_values_set(&sample.values, PL_M_ANON, (uint64_t)(500 * MIB));
		pl_values_set(&sample.values, PL_M_CPU, (uint64_t)cpu_us);
		pl_track_add(t, &sample, &settings);
	}
}

/* Where it grew is often known long after the verdict: the reason follows, the verdict stays. */
static void test_retention(void)
{
	static struct pl_track t;
	struct pl_report report;
	const struct pl_places arenas = {
		.count = { 1 },
		.places = { { .region = PL_REGION_ARENA, .share = 1, .grown_bytes = 190 * 1048576.0F } },
	};

	run_load(&t, 5);
	is_num(t.verdict, PL_VERDICT_STEADY, "a peak is over");
	is_num(pl_track_reason(&t), PL_REASON_FLAT, "and nothing is known of it");
	t.places = arenas;
	is_num(pl_track_reason(&t), PL_REASON_RETENTION, "until it is known that arenas grew");
	pl_track_describe(&t, &settings, "m", "c", &report);
	ok(strstr(report.message, "glibc arenas keep what was freed") != NULL,
	   "which is told in words");
	run_load(&t, 1);
	t.places = arenas;
	is_num(pl_track_reason(&t), PL_REASON_FLAT, "without a peak they keep nothing");
}

static void test_blind(void)
{
	struct pl_ledger ledger = { .reading_count = 2, .heap_is_full = true };
	struct pl_places places;

	ledger.now.used_bytes[PL_REGION_JAVA] = 600;
	ledger.now.used_bytes[PL_REGION_ARENA] = 500;
	pl_explain_places(&ledger, &places);
	ok(places.blind, "most of it is a heap that is full from the start");
	ledger.now.used_bytes[PL_REGION_ANON] = 200;
	pl_explain_places(&ledger, &places);
	ok(!places.blind, "of less than half one is not blind");
	ledger.now.used_bytes[PL_REGION_ANON] = 0;
	ledger.heap_is_full = false;
	pl_explain_places(&ledger, &places);
	ok(!places.blind, "nor with a heap that may grow yet");
}

int main(void)
{
	test_huge_pages();
	test_rare_readings();
	test_names();
	test_retention();
	test_blind();
	return tap_done();
}
