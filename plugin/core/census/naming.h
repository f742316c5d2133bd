/*
 * Names for what was counted: types by the compiler's own records, functions, strings, offsets.
 *
 * Of the process' memory only what the compiler or CPython put there to describe types is read, and
 * checked before it is believed; strings are those of the program file, never those of the heap.
 */
#ifndef PL_CENSUS_NAMING_H
#define PL_CENSUS_NAMING_H

#include "census/target.h"

#define PL_CENSUS_NAME_SIZE 256
#define PL_CENSUS_DETAIL_SIZE 384

/* In the order in which they tell most of a leak. */
enum pl_census_class {
	PL_CENSUS_CLASS_TYPE,     /* a type of the program */
	PL_CENSUS_CLASS_FUNCTION, /* a function, or a table of them */
	PL_CENSUS_CLASS_LIBRARY, /* a type of the language's library, such as a smart pointer's block */
	PL_CENSUS_CLASS_STRING,  /* a string constant, or other constants */
	PL_CENSUS_CLASS_BUILTIN, /* a container of Python */
	PL_CENSUS_CLASS_ATOM, /* a string or number of Python, or what only belongs to another object */
	PL_CENSUS_CLASS_SIZE,
	PL_CENSUS_CLASS_NONE, /* tells nothing: leave out */
};

struct pl_census_name {
	enum pl_census_class class;
	bool is_type;
	const char *named_by;  /* "rtti", "symbol", "string", "offset", "tp_name", "chunk size" */
	uint64_t object_bytes; /* by the type itself; 0: not known */
	bool apart; /* (Rust) what tells the type is beside a pointer to the object, not in it */
	char name[PL_CENSUS_NAME_SIZE];
	char detail[PL_CENSUS_DETAIL_SIZE]; /* module, build id, what it is */
};

/* A key to be named, and its name. */
struct pl_census_named {
	uint64_t key;
	enum pl_census_key_kind kind;
	struct pl_census_name name;
};

/* Names all of them. `symbols_dir` holds separate debug files, or is NULL. Returns 0 or -ENOMEM. */
int pl_census_names_find(struct pl_census_target *target, const char *symbols_dir,
                         struct pl_census_named *named, size_t count);

/* Copies text that may be hostile: what is not printable becomes '?'; cut to `size`. */
void pl_census_copy_clean(char *out, size_t size, const char *text);

/* CPython's types (naming_python.c). False when `type` is none. */
bool pl_census_python_name(struct pl_census_target *target, uint64_t type,
                           struct pl_census_name *out);

/* The bytes that CPython's own allocator has set aside for the object at `address`: its type may
 * not tell them. 0 when the object is none of its (naming_python.c). */
uint64_t pl_census_python_block_bytes(struct pl_census_target *target, uint64_t address);

/* C++'s types (naming_rtti.c). False when `vtable` is no virtual table with a type's record.
 * A table of a second base of the same object is PL_CENSUS_CLASS_NONE. */
bool pl_census_rtti_name(struct pl_census_target *target, uint64_t vtable,
                         struct pl_census_name *out);

#endif
