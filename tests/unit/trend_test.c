#include "trend/trend.h"

#include <math.h>

#include "series.h"
#include "tap.h"

static size_t line(struct pl_point *p, size_t n, double slope, double sigma, uint64_t seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (struct pl_point){ (double)i * 10,
			                      slope * (double)i * 10 + sigma * noise_at(seed * 1000 + i) };
	return n;
}

static void test_median(void)
{
	double odd[] = { 5, 1, 4, 1, 9 };
	double even[] = { 3, 1, 2, 10 };
	double same[] = { 2, 2, 2, 2, 2, 2 };

	is_num(pl_trend_median(odd, 5), 4, "odd count");
	is_num(pl_trend_median(even, 4), 2.5, "even count");
	is_num(pl_trend_median(same, 6), 2, "ties");
	is_num(pl_trend_median(odd, 0), 0, "none");
}

static void test_slope(void)
{
	struct pl_point p[60];

	line(p, 40, 3, 0, 1);
	p[7].y += 1e6;
	p[20].y -= 1e6;
	is_near(pl_trend_theil_sen(p, 40), 3, 1e-9, "outliers do not bend the slope");
	is_num(pl_trend_theil_sen(p, 1), 0, "one point has none");
	line(p, 40, 3, 0, 1);
	is_near(pl_trend_sigma(p, 40, 3), 0, 1e-9, "a line leaves nothing");
}

static void test_drift(void)
{
	struct pl_point p[60];
	unsigned noise_accused = 0;
	unsigned walks_accused = 0;
	unsigned leaks_seen = 0;

	for (uint64_t seed = 1; seed <= 400; seed++) {
		line(p, 48, 0, 1, seed);
		noise_accused += pl_trend_drift(p, 48, 9, 0) > 3;
		for (size_t i = 1; i < 48; i++)
			p[i].y = p[i - 1].y + noise_at(seed * 7000 + i);
		walks_accused += pl_trend_drift(p, 48, 9, 0) > 3;
		line(p, 48, 12.0 / 480, 1, seed);
		leaks_seen += pl_trend_drift(p, 48, 9, 0) > 3;
	}
	ok(noise_accused <= 4, "white noise is not accused");
	ok(walks_accused <= 20, "nor are random walks, but for a few in a hundred");
	ok(leaks_seen >= 320, "growth of 12 sigma is mostly seen");
	for (size_t i = 0; i < 48; i++)
		p[i].y = 5;
	is_num(pl_trend_drift(p, 48, 9, 0), 0, "a constant does not drift");
}

static void test_minima(void)
{
	struct pl_point p[4] = { { 0, 5 }, { 1, 3 }, { 100, 9 }, { 101, 8 } };
	double minima[4];

	is_num(pl_trend_minima(p, 4, 4, minima), 2, "parts with points are counted");
	is_num(minima[0], 3, "least of a part");
	is_num(minima[2], 3, "an empty part repeats the one before");
	is_num(minima[3], 8, "the last part takes the end");
}

static void test_destep(void)
{
	struct pl_point p[60];
	size_t steps;
	double last;

	line(p, 40, 1, 0, 1);
	for (size_t i = 15; i < 40; i++)
		p[i].y += 5000;
	is_near(pl_trend_destep(p, 40, 3, 0.2, 8, &steps, &last), 5000, 11, "a step is taken out");
	is_num(steps, 1, "and counted");
	is_num(last, 150, "its time is told");
	is_near(p[39].y, 390, 11, "the growth beside it stays");
	line(p, 40, 1, 0, 1);
	is_num(pl_trend_destep(p, 40, 3, 0.2, 8, &steps, &last), 0, "a line has no steps");
}

static void test_bend(void)
{
	struct pl_point p[60];
	double left;

	for (size_t i = 0; i < 40; i++)
		p[i] = (struct pl_point){ (double)i, i < 25 ? 0 : (double)(i - 25) };
	is_num(pl_trend_bend(p, 40, &left), 25, "a bend is found");
	is_near(left, 0, 1e-6, "and leaves nothing");
	is_num(pl_trend_bend(p, 7, &left), 0, "not in few points");
}

static void test_relations(void)
{
	const double a[] = { 1, 2, 3, 4 };
	const double b[] = { 3, 5, 7, 9 };
	const double flat[] = { 1, 1, 1, 1 };
	const double twice[] = { 2, 4, 6, 8 };

	is_near(pl_trend_correlation(a, b, 4), 1, 1e-12, "correlation of a line");
	is_num(pl_trend_correlation(a, flat, 4), 0, "of what does not vary: none");
	is_near(pl_trend_regression(a, b, 4), 2, 1e-12, "regression");
	is_near(pl_trend_unproportional(a, twice, 4), 0, 1e-12, "proportional leaves nothing");
	ok(pl_trend_unproportional(a, flat, 4) > 0, "else it leaves something");
}

int main(void)
{
	test_median();
	test_slope();
	test_drift();
	test_minima();
	test_destep();
	test_bend();
	test_relations();
	return tap_done();
}
