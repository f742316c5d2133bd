/* JSON lines of `replay` and `watch --json`: one a change of verdict, one summary at the end. */
#ifndef PL_CLI_LINES_H
#define PL_CLI_LINES_H

#include <stdio.h>

#include "emit/emit.h"

struct pl_summary {
	const char *file; /* or what was watched */
	unsigned process_count;
	enum pl_verdict verdict; /* the worst of the final ones */
	const char *reason;      /* why it is that; NULL: nothing was seen */
	unsigned alarm_count;
	double first_alarm_s; /* Unix time; meaningless without an alarm */
	const char *metric;   /* NULL: nothing was told */
	double rate_per_hour;
	double rate_low;
	double rate_high;
	enum pl_cause cause;
	const char *where;
	enum pl_verdict told; /* of the report that metric, rate, cause and where come from */
};

/* Counts alarms, and keeps what is told of the worst; of those alike, of the latest. */
void pl_summary_take(struct pl_summary *summary, const struct pl_report *report);

/* All return 0, or -EIO when writing failed, -ENOMEM. */
int pl_lines_report(FILE *out, const struct pl_report *report);
int pl_lines_reading(FILE *out, const struct pl_reading *reading);
int pl_lines_summary(FILE *out, const struct pl_summary *summary);

#endif
