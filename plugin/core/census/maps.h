/*
 * Lines of proc_pid_maps(5), and what of them can hold objects or name them.
 *
 * Knows mappings, which of them are heap, and which belong to one program file. Pure: no I/O, no
 * allocation. Names of mappings are hostile text.
 */
#ifndef PL_CENSUS_MAPS_H
#define PL_CENSUS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pl_census_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t offset_bytes; /* in the file */
	uint64_t inode;        /* 0: no file */
	bool readable;
	bool writable;
	bool executable;
	bool shared;
	const char *name; /* borrowed from the text; escaped by the kernel; no NUL */
	size_t name_len;
};

/* Returns the number of mappings, ascending and disjoint (a mapping that changed while the kernel
 * wrote the text is kept once), -EBADMSG for what is no maps file, -E2BIG past `capacity`. */
ssize_t pl_census_maps_parse(const char *text, size_t len, struct pl_census_mapping *out,
                             size_t capacity);

/*
 * True when objects may live there: private, writable, anonymous, and no stack of the main thread.
 * *start is moved past what looks like the stack of a thread: the first `stack_bytes` above a guard
 * page. `before` is the mapping before it, or NULL.
 */
bool pl_census_maps_heap(const struct pl_census_mapping *mapping,
                         const struct pl_census_mapping *before, uint64_t stack_bytes,
                         uint64_t *start);

/* A file with its mappings, from the first to the last of them. */
struct pl_census_module {
	uint64_t low;
	uint64_t high;
	size_t first_mapping;
	size_t mapping_count; /* of the file, and what lies between them */
};

/* Groups neighbouring mappings of one file. Returns how many modules; what exceeds `capacity` is
 * left out. */
size_t pl_census_maps_modules(const struct pl_census_mapping *mappings, size_t count,
                              struct pl_census_module *out, size_t capacity);

/* The module that holds `address`, or NULL. */
const struct pl_census_module *pl_census_maps_find(const struct pl_census_module *modules,
                                                   size_t count, uint64_t address);

/* The mapping that holds `address`, or NULL. */
const struct pl_census_mapping *pl_census_mapping_find(const struct pl_census_mapping *mappings,
                                                       size_t count, uint64_t address);

/* Writes the name without the kernel's escapes and without " (deleted)". Returns its length, or
 * -ENAMETOOLONG. */
ssize_t pl_census_maps_path(const struct pl_census_mapping *mapping, char *out, size_t size);

#endif
