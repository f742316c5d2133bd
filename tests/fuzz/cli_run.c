#include "cli_run.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "state/state.h"

static struct {
	const uint8_t *data;
	size_t size;
} file;

/* The linker puts it before the library's (--wrap): whatever the path, the input. */
int __wrap_pl_state_load(const char *path, char **text, size_t *len);

int __wrap_pl_state_load(const char *path, char **text, size_t *len)
{
	char *copy = malloc(file.size + 1);

	(void)path;
	if (!copy)
		return -ENOMEM;
	memcpy(copy, file.data, file.size);
	copy[file.size] = '\0';
	*text = copy;
	*len = file.size;
	return 0;
}

struct cli_output cli_run(cli_command_fn *run, int argc, char **argv, const uint8_t *data,
                          size_t size)
{
	static struct cli_output output;
	FILE *const out = stdout;
	FILE *const err = stderr;

	free(output.out);
	free(output.err);
	output = (struct cli_output){ 0 };
	file.data = data;
	file.size = size;
	(void)setenv("NO_COLOR", "1", 1);
	stdout = open_memstream(&output.out, &output.out_len);
	stderr = open_memstream(&output.err, &output.err_len);
	if (!stdout || !stderr)
		abort();
	optind = 0; /* begin anew */
	output.status = run(argc, argv);
	(void)fclose(stdout);
	(void)fclose(stderr);
	stdout = out;
	stderr = err;
	return output;
}

static void expect_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fuzz_expect(text[i] == '\n' || ((unsigned char)text[i] >= ' ' && text[i] < 0x7f));
}

void cli_expect_plain(const struct cli_output *output)
{
	expect_plain(output->out, output->out_len);
	expect_plain(output->err, output->err_len);
}
