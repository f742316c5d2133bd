/* Growth of known origin: the cause must be right, or honestly unknown. */
#include "explain/attribution.h"

#include <math.h>

#include "explain/regression.h"
#include "tap.h"

#define HOUR 3600.0
#define KIB 1024.0
#define MIB (1024.0 * 1024.0)

static uint64_t seed = 1;

/* Uniform in -1..1. */
static double noise(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (double)(int64_t)seed / 9223372036854775808.0;
}

struct world {
	double per_hour;      /* bytes that leak by themselves */
	double per_opened;    /* for each connection opened */
	double per_cpu_s;     /* for each second of CPU time */
	double held_per_hour; /* connections that are never closed */
	double per_held;
	double threads_per_hour;
	double per_thread;
	double fds_per_hour;
	double per_fd;
	double day_share; /* of the load that comes and goes with the day */
	bool knows_opened;
	bool apart; /* connections do not follow the load */
};

static void put(struct pl_history_input *in, enum pl_series series, double value)
{
	in->present |= (uint16_t)(1U << series);
	in->value[series] = (float)value;
}

/* Four days by the minute. */
static void simulate(const struct world *w, struct pl_history *h)
{
	double leaked = 0;
	const double step_s = 60;

	seed = 7;
	pl_history_init(h);
	for (int i = 0; i < 4 * 1440; i++) {
		const double t_s = i * step_s;
		const double load = 1 + w->day_share * sin(2 * M_PI * t_s / 86400) + 0.05 * noise();
		const double visits = w->apart ? 1 + w->day_share * cos(4 * M_PI * t_s / 86400) : load;
		const double cpu_s = 6 * load * (1 + 0.05 * noise());
		const double opened = floor(100 * visits * (1 + 0.05 * noise()));
		const double held = floor(w->held_per_hour * t_s / HOUR);
		const double threads = 20 + floor(w->threads_per_hour * t_s / HOUR);
		const double fds = 50 + floor(w->fds_per_hour * t_s / HOUR);
		struct pl_history_input in = { .present = 0 };
		unsigned closed;

		leaked += w->per_hour * step_s / HOUR + w->per_opened * opened + w->per_cpu_s * cpu_s;
		put(&in, PL_SERIES_U,
		    200 * MIB + leaked + held * w->per_held + (threads - 20) * w->per_thread +
		        (fds - 50) * w->per_fd + 8 * MIB * load + MIB * noise());
		put(&in, PL_SERIES_CPU, cpu_s * 1e6);
		put(&in, PL_SERIES_CONNECTIONS, floor(40 * visits) + held);
		put(&in, PL_SERIES_THREADS, threads);
		put(&in, PL_SERIES_FDS, fds + held);
		if (w->knows_opened)
			put(&in, PL_SERIES_OPENED, opened);
		pl_history_add(h, t_s, 1, &in, &closed);
	}
}

static struct pl_attribution attribute(const struct world *w)
{
	static struct pl_history h;
	struct pl_attribution out;

	simulate(w, &h);
	pl_explain_attribute(&h, PL_SERIES_U, 0, &out);
	return out;
}

static void test_time(void)
{
	const struct pl_attribution a =
		attribute(&(struct world){ .per_hour = 2 * MIB, .day_share = 0.6 });

	is_num(a.cause, PL_CAUSE_TIME, "growth by time alone, beside a load that varies");
	ok(a.share[PL_DRIVER_CPU] >= 0 && a.share[PL_DRIVER_CPU] < 0.2, "work has little share in it");
	is_num(attribute(&(struct world){ .per_hour = 2 * MIB }).cause, PL_CAUSE_UNKNOWN,
	       "under a steady load nobody can tell");
}

static void test_work(void)
{
	const struct pl_attribution a =
		attribute(&(struct world){ .per_cpu_s = 5 * KIB, .day_share = 0.6, .apart = true });

	is_num(a.cause, PL_CAUSE_WORK, "growth by work, while connections go their own way");
	is_num(a.driver, PL_DRIVER_CPU, "which CPU time measures");
	is_near(a.per_unit, 5 * KIB, 0.15 * 5 * KIB, "bytes for each CPU second within 15 %");
}

static void test_opened(void)
{
	const struct pl_attribution a =
		attribute(&(struct world){ .per_opened = KIB, .day_share = 0.6, .knows_opened = true });

	is_num(a.cause, PL_CAUSE_CONNECTIONS, "growth for each connection, though all are closed");
	is_num(a.driver, PL_DRIVER_OPENED, "told by those opened");
	is_near(a.per_unit, KIB, 0.15 * KIB, "bytes for each within 15 %");
	ok(a.per_unit_low <= KIB && KIB <= a.per_unit_high, "and within the interval");
	is_num(attribute(&(struct world){ .per_opened = KIB, .day_share = 0.6 }).cause,
	       PL_CAUSE_CONNECTIONS, "connections held times hours stand in for those opened");
}

static void test_held(void)
{
	struct pl_attribution a =
		attribute(&(struct world){ .held_per_hour = 30, .per_held = 50 * KIB, .day_share = 0.2 });

	is_num(a.cause, PL_CAUSE_CONNECTIONS, "connections that are never closed");
	is_num(a.driver, PL_DRIVER_CONNECTIONS, "are those held");
	is_near(a.per_unit, 50 * KIB, 0.15 * 50 * KIB, "bytes for each within 15 %");
	a = attribute(&(struct world){ .threads_per_hour = 3, .per_thread = 200 * KIB });
	is_num(a.cause, PL_CAUSE_THREADS, "threads that never end");
	is_near(a.per_unit, 200 * KIB, 0.15 * 200 * KIB, "bytes for each within 15 %");
	a = attribute(&(struct world){ .fds_per_hour = 10, .per_fd = 20 * KIB, .day_share = 0.1 });
	is_num(a.cause, PL_CAUSE_FDS, "descriptors that are never closed");
	is_near(a.per_unit, 20 * KIB, 0.15 * 20 * KIB, "bytes for each within 15 %");
}

static void test_counts_themselves(void)
{
	static struct pl_history h;
	struct pl_attribution a;

	simulate(&(struct world){ .threads_per_hour = 3 }, &h);
	pl_explain_attribute(&h, PL_SERIES_THREADS, 0, &a);
	is_num(a.cause, PL_CAUSE_THREADS, "a leak of threads needs no other cause");
	pl_history_init(&h);
	pl_explain_attribute(&h, PL_SERIES_U, 0, &a);
	is_num(a.cause, PL_CAUSE_UNKNOWN, "no history, no cause");
}

static void test_regression(void)
{
	static struct pl_regression r;
	double x[40];
	double z[40];
	double y[40];

	for (int i = 0; i < 40; i++) {
		x[i] = 1e9 * i;
		z[i] = (i % 7) * 1e-3;
		y[i] = 5 + 3e-9 * x[i] - 2000 * z[i] + 0.01 * noise();
	}
	pl_regression_begin(&r, y, 40);
	pl_regression_column(&r, x);
	pl_regression_column(&r, z);
	ok(pl_regression_solve(&r), "columns of very different size are solved");
	is_near(r.slope[0], 3e-9, 1e-12, "the first slope");
	is_near(r.slope[1], -2000, 5, "the second slope");
	ok(r.error[1] > 0 && r.error[1] < 5, "with an error that fits");
	pl_regression_begin(&r, y, 40);
	pl_regression_column(&r, x);
	pl_regression_column(&r, x);
	ok(!pl_regression_solve(&r), "columns that are the same cannot be told apart");
	pl_regression_begin(&r, y, 3);
	pl_regression_column(&r, x);
	ok(!pl_regression_solve(&r), "three points are too few");
}

int main(void)
{
	test_time();
	test_work();
	test_opened();
	test_held();
	test_counts_themselves();
	test_regression();
	return tap_done();
}
