/*
 * Text of one setting <-> number in its base unit. Strict: the whole text must be understood.
 *
 * Knows units; knows no keys and no ranges. Independent of the locale. Every parser returns 0, or
 * -EINVAL and leaves *out alone.
 */
#ifndef PL_CONFIG_VALUE_H
#define PL_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

/* "1.5", "-3" */
int pl_value_parse_number(const char *text, double *out);

/* "8M", "64 MiB", "1.5G", "4096": 1024-based whichever way they are written, as memory is. */
int pl_value_parse_size(const char *text, double *bytes);

/* "32K", "1M/d", "2M/hour": a size per hour unless it says otherwise. */
int pl_value_parse_rate(const char *text, double *bytes_per_h);

/* "10m", "7d", "1h 30m"; a bare number counts in units of `bare_unit_s`. */
int pl_value_parse_duration(const char *text, double bare_unit_s, double *seconds);

/* "2", "2.5 %" */
int pl_value_parse_percent(const char *text, double *percent);

/* true, yes, on; false, no, off */
int pl_value_parse_bool(const char *text, bool *out);

/* The other way round, as a user would write it: 8388608 -> "8M", 5400 -> "90m". */
void pl_value_print_size(double bytes, char *out, size_t size);
void pl_value_print_duration(double seconds, char *out, size_t size);

#endif
