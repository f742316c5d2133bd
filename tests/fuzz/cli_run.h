/* Runs a subcommand of procleak on a file that is the input, and keeps what it prints. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "../../plugin/cli/cli.h"

struct cli_output {
	int status;
	char *out; /* until the next run; terminated */
	size_t out_len;
	char *err;
	size_t err_len;
};

typedef int cli_command_fn(int argc, char **argv);

struct cli_output cli_run(cli_command_fn *run, int argc, char **argv, const uint8_t *data,
                          size_t size);

/* Nothing but printable ASCII and ends of lines, on either. */
void cli_expect_plain(const struct cli_output *output);

#endif
