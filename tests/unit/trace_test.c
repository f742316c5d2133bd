#include "parse/trace.h"

#include <errno.h>

#include "tap.h"

static struct pl_trace trace;
static struct pl_sample sample;
static struct pl_trace_problem problem;

static int header(const char *line)
{
	return pl_trace_header(line, strlen(line), &trace, &problem);
}

static int row(const char *line)
{
	return pl_trace_row(&trace, line, strlen(line), &sample, &problem);
}

static uint64_t value(enum pl_metric id)
{
	uint64_t v = 0;

	return pl_values_get(&sample.values, id, &v) ? v : UINT64_MAX;
}

static void test_rows(void)
{
	is_num(header("anon_bytes,novelty,pid,time,start_time,cpu_seconds,fds\r"), 0,
	       "columns in any order, unknown ones, a carriage return");
	is_num(row("1048576,x y,42,1700000000.5,1699999000.25,1.5,\r"), 0, "a row");
	is_num(value(PL_M_ANON), 1048576, "a metric");
	is_num(value(PL_M_CPU), 1500000, "seconds become microseconds");
	is_num(value(PL_M_FDS), UINT64_MAX, "blank is absent");
	is_num(sample.ident.pid, 42, "pid");
	is_num(sample.ident.start_ticks, 169999900025, "start time");
	is_near(sample.age_s, 1000.25, 1e-6, "age");
	is_near(sample.time.wall_s, 1700000000.5, 1e-6, "time");
	is_num(row("7,\"a, \"\"b\"\"\",1,\"20\",,,3"), 0, "quoted fields, with commas and quotes");
	is_num(value(PL_M_ANON), 7, "before the quotes");
	is_num(value(PL_M_FDS), 3, "and after them");
	ok(sample.age_s < 0 && sample.time.wall_s == 20, "no start time: the age is unknown");
	is_num(row("7,,1,20"), 0, "a short row");
	is_num(value(PL_M_FDS), UINT64_MAX, "lacks the rest");
	is_num(row("1e3,,1,2.5e1,,1E-6,3"), 0, "exponents");
	is_num(value(PL_M_ANON), 1000, "of integers");
	is_num(value(PL_M_CPU), 1, "and of seconds");
}

static void test_faults(void)
{
	is_num(header("pid,anon_bytes"), -EBADMSG, "a header without a time");
	ok(strstr(problem.what, "time") && problem.field == 0, "says so");
	is_num(header("time,pid"), -EBADMSG, "a header without a metric");
	is_num(header("time,anon_bytes,anon_bytes"), -EBADMSG, "a column twice");
	is_num(problem.field, 3, "which one");
	is_num(header("time,\"anon_bytes"), -EBADMSG, "an open quote");
	is_num(header("time,pid,anon_bytes"), 0, "a good header");
	static const char *const bad[] = { "1,1,x",          "1,1,-5",
		                               "1,1,1x",         "x,1,1",
		                               ",1,1",           "1,-1,1",
		                               "1,1,.",          "1,1,1e",
		                               "1,1,0x10",       "1,1,1,1",
		                               "1,1,\"1",        "1,1,\"1\"1",
		                               "1,1,nan",        "1,1,99999999999999999999",
		                               "1,4294967296,1", "1,1,1e30",
		                               "1e300,1,1" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		problem.what = NULL;
		ok(row(bad[i]) == -EBADMSG && problem.what, bad[i]);
	}
	is_num(row("1700000000123,1,1"), -EBADMSG, "a time in milliseconds");
	ok(problem.field == 1 && strstr(problem.what, "seconds"), "says so");
}

int main(void)
{
	test_rows();
	test_faults();
	return tap_done();
}
