/*
 * Runs a tick: discover, sample, judge, emit. Owns all state; knows no host.
 *
 * Threads: every function is for one thread at a time. A worker thread of the engine's own does
 * the reads that may block (whatever needs a target's mmap lock); a tick never waits for it.
 */
#ifndef PL_ENGINE_ENGINE_H
#define PL_ENGINE_ENGINE_H

#include "config/config.h"
#include "emit/emit.h"
#include "log/log.h"

struct pl_engine;

/*
 * Takes ownership of `config`, copies `emit` and `log`. Starts the worker.
 * Returns 0, or -ENOMEM, or -errno when the proc root cannot be opened; config is freed on failure.
 */
int pl_engine_new(struct pl_engine **out, struct pl_config *config, const struct pl_emit *emit,
                  const struct pl_log *log);

/*
 * One tick at `now`. Never blocks on a process and never fails: what cannot be read is counted and
 * complained about. Nothing is allocated while the matched processes stay the same.
 */
void pl_engine_tick(struct pl_engine *engine, struct pl_time now);

/*
 * The two halves of a tick, for callers that want the dear reads of this very tick: between them
 * they may wait with pl_engine_drain(). First discover and read, then judge and emit.
 */
void pl_engine_begin(struct pl_engine *engine, struct pl_time now);
void pl_engine_finish(struct pl_engine *engine);

/*
 * Waits until the worker has done what the ticks asked for, `timeout_s` at the most. For terminal
 * commands and tests; a daemon never calls it. Returns 0 or -ETIMEDOUT.
 */
int pl_engine_drain(struct pl_engine *engine, double timeout_s);

/*
 * Saves the state, stops the worker and frees everything. Ends within about a second even if a read
 * is stuck in the kernel; the stuck thread and what it uses are then left behind. NULL is allowed.
 */
void pl_engine_free(struct pl_engine *engine);

/* Both clocks, now. */
struct pl_time pl_engine_now(void);

#endif
