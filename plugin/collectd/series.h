/*
 * Readings -> collectd's values: which stock type and type instance each metric goes by.
 *
 * Knows names and types; decides nothing. What is absent is not sent: neither a zero nor a NaN.
 */
#ifndef PL_COLLECTD_SERIES_H
#define PL_COLLECTD_SERIES_H

#include "emit/emit.h"

/* `out`, of `size` bytes, gets the plugin instance of a subject: NAME, NAME-PID or NAME-other. */
void pl_series_instance(const struct pl_subject *subject, char *out, size_t size);

void pl_series_send_reading(const struct pl_reading *reading);
void pl_series_send_self(const struct pl_self *self);

#endif
