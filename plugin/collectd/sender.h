/*
 * Sends notifications from a thread of its own.
 *
 * collectd runs every notification plugin in the caller's thread, so that a slow mail server would
 * hold the read callback. Knows a bounded queue and how to end in bounded time; decides nothing.
 */
#ifndef PL_COLLECTD_SENDER_H
#define PL_COLLECTD_SENDER_H

#include "emit/emit.h"

struct pl_sender;

/* The thread starts with the first notification. Returns NULL when out of memory. */
struct pl_sender *pl_sender_new(void);

/*
 * Queues the notification of a report. Returns 0, or -ENOBUFS when the queue is full (whoever
 * receives them hangs) or -errno when the thread cannot be started; the report is then lost.
 */
int pl_sender_push(struct pl_sender *sender, const struct pl_report *report);

/*
 * Sends what is left and ends the thread, within `timeout_s`; a thread that hangs in a
 * notification plugin is left behind, and frees what it uses if it ever returns. NULL is allowed.
 */
void pl_sender_free(struct pl_sender *sender, double timeout_s);

#endif
