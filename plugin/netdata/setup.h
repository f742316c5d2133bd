/*
 * How the plugin is set up: its command line, what Netdata puts into the environment, its
 * configuration, its log.
 *
 * Decides nothing about processes: the keys of procleak.conf are config.h's.
 */
#ifndef PL_NETDATA_SETUP_H
#define PL_NETDATA_SETUP_H

#include <stdbool.h>

#include "config/config.h"
#include "log/log.h"

struct pl_setup {
	int update_every_s;
	bool debug;          /* run in a shell: log everything, do not wait for Netdata's end */
	unsigned tick_count; /* end after so many ticks; 0: without end */
	const char *config;  /* file named on the command line; NULL: the usual places */
	bool no_sandbox;
	bool usage; /* only print how it is called */
	bool version;
};

/*
 * Reads the command line: UPDATE_EVERY, "debug", "ticks=N", "config=FILE", "--help", "--version".
 * Returns NULL, or the argument that was not understood. *out is always set.
 */
const char *pl_setup_arguments(int argc, char **argv, struct pl_setup *out);

void pl_setup_usage(void);

/*
 * The log of this program: lines on standard error in the form that the daemon's version expects.
 * `debug` lets everything through; else NETDATA_LOG_LEVEL decides. Static storage.
 */
const struct pl_log *pl_setup_log(bool debug);

/*
 * Reads the configuration: procleak.conf in Netdata's user configuration, else in its stock
 * configuration, else none, which watches every large process. The state is kept in Netdata's lib
 * directory unless the file says otherwise. Every fault is logged and counted in *fault_count.
 *
 * Returns 0, or -errno and says why: -ENOMEM; -EPERM when others than the file's owner and group
 * could write it, for whoever can decides what a program with capabilities reads; else what kept
 * the file that was named from being read.
 */
int pl_setup_config(const struct pl_setup *setup, const struct pl_log *log, struct pl_config **out,
                    unsigned *fault_count);

#endif
