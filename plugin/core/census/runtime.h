/*
 * Which runtime and which allocator a process uses, by the files it has mapped.
 */
#ifndef PL_CENSUS_RUNTIME_H
#define PL_CENSUS_RUNTIME_H

#include "census/target.h"

struct pl_census_runtime {
	const char *name;
	bool python;
	bool go;
	const char *instead; /* what answers for a heap that this cannot read; NULL: it can */
	const char *allocator;
	bool chunks; /* its allocator may be glibc's, whose chunks can be told */
};

/* Returns -ENOTSUP for a 32-bit process, else 0. */
int pl_census_runtime_find(struct pl_census_target *target, struct pl_census_runtime *out);

#endif
