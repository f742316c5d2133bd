/*
 * `procleak status FILE` on any state file: a table without control characters, or JSON lines, and
 * both say the same of alarms; or the file is refused.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <yajl/yajl_tree.h>

#include "cli_run.h"

static void expect_json_lines(char *text)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char problem[128];
		const yajl_val root = yajl_tree_parse(line, problem, sizeof(problem));

		fuzz_expect(YAJL_IS_OBJECT(root));
		yajl_tree_free(root);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char command[] = "status";
	static char path[] = "./state";
	static char json[] = "--json";
	char *plain_argv[] = { command, path, NULL };
	char *json_argv[] = { command, json, path, NULL };
	struct cli_output output = cli_run(pl_cli_status, 2, plain_argv, data, size);
	const int status = output.status;

	fuzz_expect(status >= PL_EXIT_OK && status <= PL_EXIT_USAGE);
	fuzz_expect((status == PL_EXIT_USAGE) == (output.err_len > 0));
	fuzz_expect((status == PL_EXIT_USAGE) == (output.out_len == 0));
	cli_expect_plain(&output);
	output = cli_run(pl_cli_status, 3, json_argv, data, size);
	fuzz_expect(output.status == status);
	expect_json_lines(output.out);
	return 0;
}
