/* For the files of this module only; others use regions.h and ledger.h. */
#ifndef PL_REGIONS_INTERNAL_H
#define PL_REGIONS_INTERNAL_H

#include "regions/regions.h"

/* Of "[anon: ...]"; NAMED when the name is nobody's that we know. */
enum pl_region pl_region_of_anonymous_name(const char *name, size_t len);

/* Of any other name: FILE for a path. */
enum pl_region pl_region_of_name(const char *name, size_t len);

bool pl_region_is_library_name(const char *name, size_t len);

/* Bits of enum pl_runtime that mapped code of this path stands for. */
uint32_t pl_region_runtime_of(const char *name, size_t len);

/* Copies the end of a name, printable, into PL_PLACE_NAME_SIZE bytes. */
void pl_region_copy_name(char *out, const char *name, size_t len);

#endif
