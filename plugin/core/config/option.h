/*
 * The table of options: each key's type, unit, range, default and home in the settings.
 *
 * For the files of this module only; others use config.h.
 */
#ifndef PL_CONFIG_OPTION_H
#define PL_CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings.h"

enum pl_option_type {
	/* Numbers: stored as double, uint64_t, uint32_t or int32_t, see enum pl_option_store. */
	PL_OPTION_NUMBER,
	PL_OPTION_COUNT,
	PL_OPTION_SIZE,         /* bytes */
	PL_OPTION_RATE,         /* bytes per hour */
	PL_OPTION_DURATION,     /* seconds */
	PL_OPTION_MILLISECONDS, /* ms */
	PL_OPTION_PERCENT,
	PL_OPTION_BOOL,
	PL_OPTION_SENSITIVITY,
	/* Texts: stored as an allocated string. */
	PL_OPTION_FILE, /* a path, or empty for none */
	PL_OPTION_PATH, /* an absolute path */
	PL_OPTION_COMM,
	PL_OPTION_REGEX, /* also compiled */
	PL_OPTION_GLOB,  /* on an absolute path */
	PL_OPTION_UNIT,
	PL_OPTION_USER, /* also resolved */
	/* Not stored: they make a match. */
	PL_OPTION_PROCESS,
	PL_OPTION_PROCESS_MATCH,
};

enum pl_option_store {
	PL_STORE_NONE,
	PL_STORE_DOUBLE,
	PL_STORE_U64,
	PL_STORE_U32,
	PL_STORE_I32,
	PL_STORE_BOOL,
	PL_STORE_ENUM,
	PL_STORE_TEXT,
};

#define PL_OPTION_NOWHERE SIZE_MAX

struct pl_option {
	const char *key;
	enum pl_option_type type;
	enum pl_option_store store;
	size_t in_config; /* offset in struct pl_config, or PL_OPTION_NOWHERE */
	size_t in_match;  /* offset in struct pl_match, likewise */
	double least;
	double most;
	const char *preset; /* the default, as a user would write it; NULL: absent */
	const char *help;
};

extern const struct pl_option pl_options[];
extern const size_t pl_option_count;

/* A key that is compared without regard to case, blanks, '-' and '_'. Returns its row, or -1. */
int pl_option_find(const char *key);

/* The row whose key is most like `key`, for a hint; -1 when none is near. */
int pl_option_nearest(const char *key);

/* A condition of a match, as opposed to a setting. */
bool pl_option_is_condition(const struct pl_option *option);

/* What the value is, for messages and lists: "a size (like 8M)" and "size". */
const char *pl_option_describe(enum pl_option_type type);
const char *pl_option_type_name(enum pl_option_type type);

/* Reads a number, boolean or sensitivity as a double, in the option's unit. 0, or -EINVAL. */
int pl_option_parse(const struct pl_option *option, const char *text, double *out);

/* Reads and writes what the other one stored; `home` is the struct that the offset counts from. */
double pl_option_load(const struct pl_option *option, const void *home, size_t offset);
void pl_option_store(const struct pl_option *option, void *home, size_t offset, double value);

/* A stored number as a user would write it. */
void pl_option_print(const struct pl_option *option, double value, char *out, size_t size);

#endif
