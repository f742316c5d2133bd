#include "history/history.h"

#include <math.h>

#include "history/pack.h"

#include "tap.h"

static struct pl_history_input u_of(double u)
{
	struct pl_history_input in = { .present = 1U << PL_SERIES_U };

	in.value[PL_SERIES_U] = (float)u;
	return in;
}

static unsigned add(struct pl_history *h, double mono_s, double u)
{
	const struct pl_history_input in = u_of(u);
	unsigned closed;

	pl_history_add(h, mono_s, 1, &in, &closed);
	return closed;
}

static void test_blocks(void)
{
	struct pl_history h;
	struct pl_point p[PL_HISTORY_MAX_POINTS];

	pl_history_init(&h);
	for (double t = 0; t < 3600; t += 10)
		add(&h, 500 + t, t < 1800 ? 100 + t : 5000 - t);
	is_num(pl_history_points(&h, PL_LEVEL_30MIN, PL_SERIES_U, 60, p), 1, "one half hour is closed");
	is_num(p[0].y, 100, "it keeps the least value");
	is_num(p[0].t_s, 900, "its time is the middle of the block");
	ok(add(&h, 500 + 3600, 7) & (1U << PL_LEVEL_30MIN), "the next sample closes the second");
	is_num(pl_history_points(&h, PL_LEVEL_30MIN, PL_SERIES_U, 60, p), 2, "two are closed");
	is_num(p[1].y, 5000 - 3590, "the second keeps its least value too");
	is_num(pl_history_points(&h, PL_LEVEL_30MIN, PL_SERIES_U_MAX, 1, p), 1, "newest only");
	is_num(p[0].y, 3200, "the greatest value is kept beside it");
	pl_history_points(&h, PL_LEVEL_30MIN, PL_SERIES_U_MEAN, 1, p);
	is_near(p[0].y, 2305, 1, "and the mean");
}

static void test_gap(void)
{
	struct pl_history h;
	struct pl_point p[PL_HISTORY_MAX_POINTS];

	pl_history_init(&h);
	for (double t = 0; t < 600; t += 60)
		add(&h, t, 1);
	add(&h, 6000, 2);
	add(&h, 6060, 3);
	is_num(pl_history_points(&h, PL_LEVEL_1MIN, PL_SERIES_U, 60, p), 1,
	       "what is older than the ring is gone, what was missed is absent");
	is_num(p[0].t_s, 6030, "a gap keeps its length");
	add(&h, 1e9, 4);
	is_num(pl_history_points(&h, PL_LEVEL_5MIN, PL_SERIES_U, 60, p), 0,
	       "a gap longer than the ring leaves nothing");
}

static void test_clock(void)
{
	struct pl_history h;

	pl_history_init(&h);
	add(&h, 1000, 1);
	add(&h, 1060, 1);
	add(&h, 400, 1);
	is_num(h.clock_s, 60, "a clock that steps back stands still");
	add(&h, 460, 1);
	is_num(h.clock_s, 120, "and goes on from there");
	add(&h, 460, 1);
	is_num(h.clock_s, 120, "a repeated instant takes no time");
	for (int i = 0; i < 10000; i++)
		add(&h, i % 2 ? 1e300 : -1e300, 1);
	ok(h.clock_s <= 1e11 && h.open_index[PL_LEVEL_1MIN] > 0, "a mad clock stays within bounds");
}

static void test_scale(void)
{
	struct pl_history h;
	struct pl_history_input in = u_of(1);
	unsigned closed;

	pl_history_init(&h);
	pl_history_add(&h, 10, 360, &in, &closed);
	pl_history_add(&h, 20, 360, &in, &closed);
	is_num(h.clock_s, 3600, "the scale multiplies time");
}

static void test_reach_and_precision(void)
{
	struct pl_history h;
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	const double gib = 1073741824.0;

	pl_history_init(&h);
	for (double t = 0; t < 60 * 86400.0; t += 600)
		add(&h, t, 100 * gib + t / 3600 * 1048576);
	const size_t n = pl_history_points(&h, PL_LEVEL_1D, PL_SERIES_U, 60, p);
	ok(n * 86400 >= 30 * 86400, "at least 30 days are kept");
	is_near(p[n - 1].y - p[n - 2].y, 24 * 1048576.0, 16384,
	        "1 MiB/h shows on a process of 100 GiB");
}

static void test_counters(void)
{
	struct pl_history h;
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	struct pl_history_input in = { .present = 1U << PL_SERIES_CPU };
	unsigned closed;

	pl_history_init(&h);
	in.value[PL_SERIES_CPU] = 5;
	for (double t = 0; t <= 7200; t += 60)
		pl_history_add(&h, t, 1, &in, &closed);
	pl_history_points(&h, PL_LEVEL_2H, PL_SERIES_CPU, 60, p);
	is_num(p[0].y, 600, "counters are summed over the block, through all levels");
	is_num(pl_history_points(&h, PL_LEVEL_2H, PL_SERIES_U, 60, p), 0, "unread is absent");
	pl_history_init(&h);
	in.present |= 1U << PL_SERIES_U;
	in.value[PL_SERIES_U] = 7;
	in.value[PL_SERIES_CPU] = 120;
	for (double t = 0; t <= 24; t++)
		pl_history_add(&h, t, 3600, &in, &closed);
	is_num(pl_history_points(&h, PL_LEVEL_30MIN, PL_SERIES_CPU, 60, p), 48,
	       "rare samples leave no block without what was counted in it");
	ok(p[30].y + p[31].y <= 120 && p[30].y + p[31].y >= 120, "each hour has its own");
	is_num(pl_history_points(&h, PL_LEVEL_30MIN, PL_SERIES_U, 60, p), 24,
	       "but what was not looked at");
	pl_history_points(&h, PL_LEVEL_2H, PL_SERIES_CPU, 60, p);
	is_num(p[5].y, 240, "and longer blocks have all of it");
	in.value[PL_SERIES_CPU] = 100 * 64;
	pl_history_add(&h, 24 + 100, 3600, &in, &closed);
	pl_history_add(&h, 24 + 124, 3600, &in, &closed);
	const size_t days = pl_history_points(&h, PL_LEVEL_1D, PL_SERIES_CPU, 60, p);
	double sum = 0;

	for (size_t i = 0; i < days; i++)
		sum += p[i].y;
	is_near(sum, 120 * 25 + 2 * 100 * 64, 100 * 64, "also over days");
}

static void test_packing(void)
{
	bool exact = true, near = true, ordered = true, same = true;

	for (unsigned n = 0; n <= 2048; n++)
		exact &= fabsf(pl_unpack_number(pl_pack_number((float)n)) - (float)n) < 0.5F;
	ok(exact, "whole numbers up to 2,048 are kept exactly");
	for (float v = 1; v < 9e21F; v *= 1.0137F)
		near &= fabsf(pl_unpack_number(pl_pack_number(v)) - v) <= fmaxf(0.5F, v * 0.0005F);
	ok(near, "larger ones within .05 %");
	for (unsigned code = 0; code <= UINT16_MAX; code++) {
		const float value = pl_unpack_number((uint16_t)code);
		same &= pl_pack_number(value) == code;
		ordered &= code == 0 || value > pl_unpack_number((uint16_t)(code - 1));
	}
	ok(same, "each code is that of its own number");
	ok(ordered, "a greater code is a greater number");
	is_num(pl_pack_number(-5), 0, "nothing is below 0");
	is_num(pl_pack_number(NAN), 0, "not a number is 0");
	is_num(pl_pack_number(INFINITY), UINT16_MAX, "infinity is the greatest");
}

int main(void)
{
	test_blocks();
	test_gap();
	test_clock();
	test_scale();
	test_reach_and_precision();
	test_counters();
	test_packing();
	return tap_done();
}
