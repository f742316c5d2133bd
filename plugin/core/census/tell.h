/*
 * What a census found, as JSON, as one line, and in words what kept it from finding anything.
 *
 * Knows the words; refuses to know what is true. No I/O.
 */
#ifndef PL_CENSUS_TELL_H
#define PL_CENSUS_TELL_H

#include <yajl/yajl_gen.h>

#include "census/census.h"

const char *pl_census_kind_name(enum pl_census_kind kind);

/* One object, with at most so many entries. */
void pl_census_tell_json(const struct pl_census_report *report, size_t entries_max, yajl_gen gen);

/*
 * The first entry: "512/s Session (88 B each, 97 % of the growth)". Longer names are cut. Returns
 * false, and an empty line, when nothing was found.
 */
bool pl_census_tell_line(const struct pl_census_report *report, char *out, size_t size);

/* Why pl_census_begin() or a later step failed. */
const char *pl_census_tell_error(int err);

/* The report of a census that could not be taken. */
void pl_census_tell_failure(int err, struct pl_census_report *out);

#endif
