/*
 * collectd's configuration files as trees of items, as collectd itself would see them.
 *
 * Knows the grammar and Include; knows no plugin. For tools that look at a configuration without
 * the daemon, which has no way to check one.
 */
#ifndef PL_CLI_CONF_FILE_H
#define PL_CLI_CONF_FILE_H

#include <collectd/liboconfig/oconfig.h>

#include "config/config.h"

/* Told of each item of the outermost level, in order; the item is valid during the call. */
typedef void pl_conf_item_fn(void *ctx, const oconfig_item_t *item);

/*
 * Reads a file, and what it includes in the place where it does. Errors of syntax go to `faults`,
 * and so do characters that collectd drops inside of a block <Plugin `plugin`>.
 * Returns 0, also when there were faults; 1 when the rest of a file could not be read for one;
 * -errno when `path` itself cannot be read.
 */
int pl_conf_read(const char *path, const char *plugin, pl_conf_item_fn *item, void *ctx,
                 struct pl_config_faults *faults);

/* "FILE:LINE" of an item that the reader made: a pl_place_fn, with a buffer of PL_CONF_PLACE_SIZE
 * as its context. */
#define PL_CONF_PLACE_SIZE 320
const char *pl_conf_place(void *buffer, const oconfig_item_t *item);

/* Reads a whole file of at most PL_CONF_FILE_MAX bytes. Returns its length and *text, to be freed,
 * with a NUL after it; or -errno. */
#define PL_CONF_FILE_MAX (4 << 20)
ssize_t pl_conf_slurp(const char *path, char **text);

#endif
