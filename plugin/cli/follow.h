/*
 * What `watch` and `record` share: processes named by PID or by name, an engine over them, a loop
 * that ends in time, by a signal, or with the last process that was named by PID.
 */
#ifndef PL_CLI_FOLLOW_H
#define PL_CLI_FOLLOW_H

#include "config/config.h"
#include "engine/engine.h"

struct pl_follow {
	const char *program; /* "procleak watch", for messages */
	double for_s;        /* 0: without end */
	double interval_s;
	bool children;
	bool until_gone; /* every target is a PID: end when the last one is gone */
	struct pl_config *config;
};

/* Sets the defaults. Returns false when out of memory. */
bool pl_follow_init(struct pl_follow *follow, const char *program);

/* Applies "KEY=VALUE" to the global scope. Returns false after a message. */
bool pl_follow_set(struct pl_follow *follow, const char *assignment);

/* Adds a target, a PID or a name. Returns false after a message, as for a PID that is not there. */
bool pl_follow_add(struct pl_follow *follow, const char *target);

/* Parses a positive number of seconds. Returns false after a message. */
bool pl_follow_seconds(const struct pl_follow *follow, const char *option, const char *text,
                       double *out);

/*
 * Ticks until the end; `ticked` is called after each one with the number of processes that ran and
 * returns false to stop. Takes `config` over. Returns 0 or an exit code, after a message.
 */
typedef bool pl_follow_ticked_fn(void *ctx, struct pl_time now);
int pl_follow_run(struct pl_follow *follow, const struct pl_emit *emit, pl_follow_ticked_fn *ticked,
                  void *ctx);

/* For callers that give up before pl_follow_run(). */
void pl_follow_free(struct pl_follow *follow);

#endif
