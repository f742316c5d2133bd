/*
 * Where the core says things: a sink that the host gives, with repeats held back.
 *
 * Knows severities and back-off; refuses to know files, syslog or daemons.
 */
#ifndef PL_LOG_LOG_H
#define PL_LOG_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum pl_severity { PL_LOG_ERROR, PL_LOG_WARNING, PL_LOG_NOTICE, PL_LOG_INFO, PL_LOG_DEBUG };

struct pl_log {
	void (*write)(void *ctx, enum pl_severity severity, const char *message); /* may be NULL */
	void *ctx;
};

/* Formats one line (cut at 1 KiB, control characters replaced) and hands it to the sink. */
void pl_log_write(const struct pl_log *log, enum pl_severity severity, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * A complaint about one cause that may repeat each tick: said at once, then after 5 minutes, then
 * at doubling distances up to a day. Zero-initialise.
 */
struct pl_complaint {
	double next_s; /* monotonic time before which it stays silent */
	double distance_s;
	bool active;
};

void pl_log_complain(const struct pl_log *log, struct pl_complaint *complaint, double now_s,
                     enum pl_severity severity, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* The cause is gone: says so once if it was complained about, and rearms the complaint. */
void pl_log_release(const struct pl_log *log, struct pl_complaint *complaint,
                    enum pl_severity severity, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
