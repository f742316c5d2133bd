/*
 * A <Plugin procleak> block, as collectd's parser gives it -> settings.
 *
 * Knows the shape of the block; the keys and values are config.h's. Needs no daemon: the terminal
 * command checks files with it.
 */
#ifndef PL_COLLECTD_TRANSLATE_H
#define PL_COLLECTD_TRANSLATE_H

#include <collectd/liboconfig/oconfig.h>

#include "config/config.h"

/* Returns "FILE:LINE" of an item, valid until the next call. */
typedef const char *pl_place_fn(void *ctx, const oconfig_item_t *item);

/*
 * Adds what `block` says to `config`; to be called for each block, pl_config_finish() after the
 * last. `place` may be NULL: collectd itself does not tell lines. Faults are reported, never
 * returned: a callback that fails would stop the daemon.
 */
void pl_collectd_translate(struct pl_config *config, const oconfig_item_t *block,
                           pl_place_fn *place, void *place_ctx, struct pl_config_faults *faults);

#endif
