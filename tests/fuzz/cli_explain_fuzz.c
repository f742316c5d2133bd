/*
 * `procleak explain FILE` on a file that may come from anywhere: it is shown or refused, and
 * nothing of it reaches the terminal as a control sequence.
 */
#include "fuzz.h"

#include "cli_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char command[] = "explain";
	static char path[] = "./evidence";
	char *argv[] = { command, path, NULL };
	const struct cli_output output = cli_run(pl_cli_explain, 2, argv, data, size);

	fuzz_expect(output.status == PL_EXIT_OK || output.status == PL_EXIT_USAGE);
	/* either way something is said, where it belongs */
	fuzz_expect((output.status == PL_EXIT_OK) == (output.out_len > 0));
	fuzz_expect((output.status == PL_EXIT_OK) == (output.err_len == 0));
	cli_expect_plain(&output);
	return 0;
}
