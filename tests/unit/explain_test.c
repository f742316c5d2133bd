#include "explain/explain.h"

#include "tap.h"

static char text[256];

static const char *duration(double seconds)
{
	pl_explain_duration(seconds, text, sizeof text);
	return text;
}

static const char *bytes(double n)
{
	pl_explain_bytes(n, text, sizeof text);
	return text;
}

static struct pl_explain_subject leak(void)
{
	return (struct pl_explain_subject){ .name = "api",
		                                .pid = 4121,
		                                .series = PL_SERIES_U,
		                                .verdict = PL_VERDICT_LEAKING,
		                                .reason = PL_REASON_DRIFT,
		                                .rate_per_h = 14.2 * 1048576,
		                                .rate_low = 13.8 * 1048576,
		                                .rate_high = 14.7 * 1048576,
		                                .growing_for_s = 9 * 3600,
		                                .seconds_to_limit = 52 * 3600,
		                                .limit = 4.0 * (1 << 30) };
}

static void test_units(void)
{
	is_str(duration(-5), "0s", "no time");
	is_str(duration(29), "29s", "seconds");
	is_str(duration(59.9), "1m", "a minute");
	is_str(duration(3600), "1h", "an hour");
	is_str(duration(3660), "1h 1m", "and a minute");
	is_str(duration(86400 * 2 + 3600 * 4), "2d 4h", "days");
	is_str(duration(1e300), "34722d 5h", "for ever");
	is_str(bytes(0), "0.00 B", "nothing");
	is_str(bytes(999), "999 B", "bytes");
	is_str(bytes(14.2 * 1048576), "14.2 MiB", "mebibytes");
	is_str(bytes(-1536), "-1.50 KiB", "shrinking");
}

static void test_sentence(void)
{
	struct pl_explain_subject s = leak();

	pl_explain_message(&s, text, sizeof text);
	is_str(text,
	       "api[4121] leaking 14.2 MiB/h (13.8-14.7) for 9h; anonymous memory; "
	       "limit 4.00 GiB in 2d 4h",
	       "the sentence");
	s.cause = PL_CAUSE_CONNECTIONS;
	s.seconds_to_limit = -1;
	pl_explain_message(&s, text, sizeof text);
	ok(strstr(text, "with connections") && !strstr(text, "limit"), "cause, and no limit");
	s = leak();
	s.series = PL_SERIES_FDS;
	s.rate_per_h = 20;
	s.limit = 1024;
	pl_explain_message(&s, text, sizeof text);
	ok(strstr(text, "20.0 fds/h") && strstr(text, "limit 1024 in"), "counts have no bytes");
	s = leak();
	s.recovered = true;
	pl_explain_message(&s, text, sizeof text);
	is_str(text, "api[4121] no longer leaks anonymous memory", "recovery");
	s.told_of = 1U << PL_SERIES_FDS;
	s.reason = PL_REASON_IN_USE;
	pl_explain_message(&s, text, sizeof text);
	is_str(text, "api[4121] no longer leaks fds", "of what was told, whatever memory does");
	s.told_of |= 1U << PL_SERIES_SHMEM;
	pl_explain_message(&s, text, sizeof text);
	is_str(text, "api[4121] no longer leaks shared memory and fds", "of both");
	s.told_of |= 1U << PL_SERIES_U;
	pl_explain_message(&s, text, sizeof text);
	is_str(text, "api[4121] no longer leaks anonymous memory, shared memory and fds", "of all");
	s.told_of = 1U << PL_SERIES_THREADS;
	s.sum_of = 8;
	pl_explain_message(&s, text, sizeof text);
	is_str(text, "api[4121] no longer leaks processes", "of a pool");
}

static void test_hostile(void)
{
	char name[2000];
	struct pl_explain_subject s = leak();

	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	memcpy(name, "a\n\"\x1b[1m\xff%n/", 12);
	s.name = name;
	pl_explain_message(&s, text, sizeof text);
	ok(strlen(text) < sizeof text && strstr(text, "leaking 14.2 MiB/h"), "a long name is cut");
	bool clean = true;
	for (const char *c = text; *c; c++)
		clean &= *c >= ' ' && *c < 0x7f;
	ok(clean, "control characters and bytes past ASCII are replaced");
	char small[16];
	pl_explain_message(&s, small, sizeof small);
	ok(strlen(small) < sizeof small, "a small buffer is not overrun");
}

int main(void)
{
	test_units();
	test_sentence();
	test_hostile();
	return tap_done();
}
