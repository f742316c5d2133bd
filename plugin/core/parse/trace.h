/*
 * Traces: lines of CSV -> samples. Pure: no I/O, no clock, no allocation.
 *
 * The header names the columns, in any order; unknown ones are passed over; a blank or missing
 * field was not measured. Lines come without their newline; a carriage return at the end is
 * tolerated, fields may be quoted.
 */
#ifndef PL_PARSE_TRACE_H
#define PL_PARSE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/values.h"

#define PL_TRACE_MAX_COLUMNS 512

struct pl_trace {
	uint16_t column_count;
	bool has_start;                       /* start_time is among them */
	int16_t column[PL_TRACE_MAX_COLUMNS]; /* a metric, or one of trace.c's own */
};

struct pl_trace_problem {
	size_t field;     /* which one it is, from 1; 0: it is the line */
	const char *what; /* a constant */
};

/* Reads a header. Returns 0, or -EBADMSG with *problem saying what is wrong. */
int pl_trace_header(const char *line, size_t len, struct pl_trace *out,
                    struct pl_trace_problem *problem);

/*
 * Reads a row into *out: wall_s and mono_s are both the time column; age_s follows from start_time
 * (below 0 without it). start_ticks is start_time in hundredths of a second, 0 when absent.
 * Returns 0, or -EBADMSG with *problem set; *out may then be partly written.
 */
int pl_trace_row(const struct pl_trace *trace, const char *line, size_t len, struct pl_sample *out,
                 struct pl_trace_problem *problem);

#endif
