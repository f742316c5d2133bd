/* JSON lines of `replay` and `watch --json`: one a change of verdict, one summary at the end. */
#ifndef PL_CLI_LINES_H
#define PL_CLI_LINES_H

#include <stdio.h>

#include "emit/emit.h"

struct pl_summary {
	const char *file; /* or what was watched */
	unsigned process_count;
	enum pl_verdict verdict; /* the worst of the final ones */
	unsigned alarm_count;
	double first_alarm_s; /* Unix time; meaningless without an alarm */
	const char *metric;   /* NULL: nothing was told */
	double rate_per_hour;
	double rate_low;
	double rate_high;
	enum pl_cause cause;
	const char *where;
};

/* All return 0, or -EIO when writing failed, -ENOMEM. */
int pl_lines_report(FILE *out, const struct pl_report *report);
int pl_lines_reading(FILE *out, const struct pl_reading *reading);
int pl_lines_summary(FILE *out, const struct pl_summary *summary);

#endif
