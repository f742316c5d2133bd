#include "log/log.h"

#include "tap.h"

struct sink {
	int count;
	enum pl_severity severity;
	char last[2048];
};

static void write_sink(void *ctx, enum pl_severity severity, const char *message)
{
	struct sink *sink = ctx;

	sink->count++;
	sink->severity = severity;
	snprintf(sink->last, sizeof(sink->last), "%s", message);
}

static void test_write(void)
{
	struct sink sink = { 0 };
	const struct pl_log log = { write_sink, &sink };
	const struct pl_log mute = { 0 };
	char huge[3000];

	pl_log_write(&log, PL_LOG_NOTICE, "%s is %d", "it", 7);
	is_str(sink.last, "it is 7", "a line is formatted");
	is_num(sink.severity, PL_LOG_NOTICE, "with its severity");
	pl_log_write(&log, PL_LOG_ERROR, "a\nb\tc\x7f\xc3\xa4");
	is_str(sink.last, "a?b?c?\xc3\xa4", "control characters are replaced, UTF-8 is kept");
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	pl_log_write(&log, PL_LOG_ERROR, "%s", huge);
	is_num(strlen(sink.last), 1023, "a line is cut at 1 KiB");
	pl_log_write(&mute, PL_LOG_ERROR, "nobody hears");
	pl_log_write(NULL, PL_LOG_ERROR, "nobody hears");
	is_num(sink.count, 3, "no sink, no line");
}

/* Complains each 10 s for `span_s`; returns how many were said, and when the last one. */
static int complain_for(double span_s, double *last_s)
{
	struct sink sink = { 0 };
	const struct pl_log log = { write_sink, &sink };
	struct pl_complaint complaint = { 0 };

	for (double now_s = 0; now_s <= span_s; now_s += 10) {
		const int before = sink.count;

		pl_log_complain(&log, &complaint, now_s, PL_LOG_WARNING, "bad");
		if (sink.count > before)
			*last_s = now_s;
	}
	return sink.count;
}

static void test_complain(void)
{
	struct sink sink = { 0 };
	const struct pl_log log = { write_sink, &sink };
	struct pl_complaint complaint = { 0 };
	double last_s = -1;

	is_num(complain_for(290, &last_s), 1, "said at once, then silence");
	is_num(complain_for(300, &last_s), 2, "said again after five minutes");
	is_num(last_s, 300, "not earlier");
	is_num(complain_for(899, &last_s), 2, "then the distance doubles");
	is_num(complain_for(900, &last_s), 3, "to ten minutes");
	/* 0, 300, 900, ... 300 * (2^n - 1) up to a distance of 76,800 s, then once a day */
	is_num(complain_for(300.0 * 511, &last_s), 10, "and so on");
	is_num(complain_for(300.0 * 511 + 86400 * 3, &last_s), 13, "up to once a day");

	pl_log_release(&log, &complaint, PL_LOG_NOTICE, "good");
	is_num(sink.count, 0, "what was not said need not be taken back");
	pl_log_complain(&log, &complaint, 1, PL_LOG_WARNING, "bad");
	pl_log_release(&log, &complaint, PL_LOG_NOTICE, "good");
	is_str(sink.last, "good", "the recovery is said");
	pl_log_release(&log, &complaint, PL_LOG_NOTICE, "good");
	is_num(sink.count, 2, "once");
	pl_log_complain(&log, &complaint, 2, PL_LOG_WARNING, "bad");
	is_num(sink.count, 3, "and the complaint is armed again");
}

int main(void)
{
	test_write();
	test_complain();
	return tap_done();
}
