/*
 * Configuration: one table of options that every host shares.
 *
 * Knows keys, units, ranges and defaults; fed one key and value at a time, so that collectd's
 * oconfig tree, an INI file and a command line all go through it. Refuses to know any of their
 * syntaxes but INI's. A wrong value gives one message that names the match, the key and the value,
 * leaves the setting as it was, and costs nothing else.
 *
 * Keys are compared without regard to case, spaces, '-' and '_'.
 */
#ifndef PL_CONFIG_CONFIG_H
#define PL_CONFIG_CONFIG_H

#include <stdio.h>

#include "config/settings.h"

/* Told of each fault; `message` is one line without a newline, valid during the call. */
typedef void pl_config_fault_fn(void *ctx, const char *message);

struct pl_config_faults {
	pl_config_fault_fn *report; /* may be NULL */
	void *ctx;
	unsigned count;
};

/* Scope of a key: outside of matches, or the index of a match that pl_config_match() gave. */
#define PL_CONFIG_GLOBAL (-1)

/* Fills in the defaults. Returns NULL when out of memory. Free with pl_config_free(). */
struct pl_config *pl_config_new(void);

/* NULL is allowed. */
void pl_config_free(struct pl_config *config);

/*
 * Makes a name fit for a series in `size` bytes (PL_NAME_SIZE for a match): '/', control characters
 * and what is not UTF-8 become '_', blanks at the ends go, the rest is cut. Returns its length.
 */
size_t pl_config_clean_name(const char *name, char *out, size_t size);

/*
 * Finds the match called `name`, or adds it with the settings that are in force in the global
 * scope when pl_config_finish() runs. `where` prefixes faults ("FILE:LINE"); it may be NULL.
 * Returns its index, or -EINVAL when the name cannot be used (a fault was reported): it is empty,
 * reserved, or published under the same name as another; -ENOSPC past PL_MATCH_MAX, -ENOMEM.
 */
int pl_config_match(struct pl_config *config, const char *name, const char *where,
                    struct pl_config_faults *faults);

/*
 * The short forms Process (key "Command") and ProcessMatch (key "CommandLine"): a match of one
 * condition. A second one of the same name and another condition is a fault, for a match holds when
 * all of its conditions do. Returns as pl_config_match() and pl_config_set().
 */
int pl_config_process(struct pl_config *config, const char *name, const char *key,
                      const char *value, const char *where, struct pl_config_faults *faults);

/*
 * Sets one key in a scope. Returns 0, or -ENOENT (no such key in this scope), -EINVAL (bad value),
 * -ENOMEM (which makes the configuration incomplete); a fault was reported and the setting is as it
 * was. A match with a wrong condition would hold for too many processes: pl_config_finish() drops
 * it.
 */
int pl_config_set(struct pl_config *config, int scope, const char *key, const char *value,
                  const char *where, struct pl_config_faults *faults);

/*
 * A key of the scope could not even be read as one value, and the host has said so: if it is a
 * condition, pl_config_finish() drops the match, as for a wrong one. Returns whether it will.
 */
bool pl_config_give_up(struct pl_config *config, int scope, const char *key);

/*
 * To be called once after the last key: hands global detector settings and switches down to the
 * matches that do not set them, drops matches that were made useless by a fault (reported when it
 * was met), lets a match without a condition stand for the processes whose comm is its name,
 * decides on Auto. Never fails.
 */
void pl_config_finish(struct pl_config *config, struct pl_config_faults *faults);

/* Reports a fault: "WHERE: MESSAGE" on one line, control characters replaced. For hosts too. */
void pl_config_fault(struct pl_config_faults *faults, const char *where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Reads an INI file: sections [global] and [process NAME], the same keys. Faults name FILE:LINE.
 * Lines that begin with '#' or ';' are comments; a value runs to the end of its line, so that a
 * regular expression may hold either. Quotes around a whole value go. Returns 0 also when there
 * were faults in it; -errno when it cannot be read at all. Does not call pl_config_finish().
 */
int pl_config_read_ini(struct pl_config *config, const char *path, struct pl_config_faults *faults);

/* Prints every option with its scope, unit, range, default and help, for man pages and samples. */
void pl_config_print_options(FILE *out);

/* Prints what would be watched: each match's conditions, and settings that are not the default. */
void pl_config_print_summary(FILE *out, const struct pl_config *config);

#endif
