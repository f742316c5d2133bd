/*
 * Runs the detector over a trace on the trace's own clock. The processes of a trace are one match.
 */
#ifndef PL_CLI_REPLAY_H
#define PL_CLI_REPLAY_H

#include <stdio.h>

#include "config/config.h"
#include "lines.h"

struct pl_replay_options {
	double time_scale;
	bool verbose; /* gates of each change, on stderr */
	const struct pl_settings *settings;
};

/*
 * Reads a trace from `fd`, writes JSON lines to `out` and the summary to *summary (its strings are
 * constants, but for `file`, which the caller sets). Returns 0, -EBADMSG when the trace is
 * malformed (said on stderr as NAME:LINE), -errno of read, -ENOMEM, -EIO when `out` failed.
 */
int pl_replay_run(int fd, const char *name, const struct pl_replay_options *options, FILE *out,
                  struct pl_summary *summary);

#endif
