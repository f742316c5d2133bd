/* Prints a small state file, for the fuzzer to begin with. */
#include <stdio.h>
#include <string.h>

#include "state/state.h"

static int write_all(struct pl_state_writer *writer)
{
	static const struct pl_state_header header = {
		.boot_id = "8f7c1e52-6a0d-4b3e-9c55-2d1f0a9b7e31",
		.saved_s = 1700000000,
		.boot_s = 1690000000,
		.ticks_per_s = 100,
		.time_scale = 1,
	};
	static struct pl_state_match match = { .name = "redis" };
	static struct pl_state_process process = { .match = "redis", .comm = "redis-server" };
	static struct pl_state_other sum = { .match = "redis", .member_count = 3 };
	const char *text;
	size_t len;

	if (pl_state_write_header(writer, &header) != 0 || pl_state_write_match(writer, &match) != 0 ||
	    pl_state_write_process(writer, &process) != 0 || pl_state_write_other(writer, &sum) != 0 ||
	    pl_state_write_end(writer, &text, &len) != 0)
		return 1;
	return fwrite(text, 1, len, stdout) == len ? 0 : 1;
}

int main(void)
{
	struct pl_state_writer *writer = pl_state_writer_new();
	const int status = writer ? write_all(writer) : 1;

	pl_state_writer_free(writer);
	return status;
}
