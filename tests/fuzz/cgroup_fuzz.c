#include "fuzz.h"
#include "parse/parse.h"

static void expect_within(const char *path, size_t len, const char *text, size_t size)
{
	fuzz_expect(len == 0 || (path >= text && path + len <= text + size));
	fuzz_expect(len == 0 || memchr(path, '\n', len) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct pl_cgroup_paths paths;
	const int err = pl_parse_cgroup(text, size, &paths);

	fuzz_expect(err == 0 || err == -EBADMSG);
	if (err != 0)
		return 0;
	expect_within(paths.v2, paths.v2_len, text, size);
	expect_within(paths.v1_memory, paths.v1_memory_len, text, size);
	expect_within(paths.v1_systemd, paths.v1_systemd_len, text, size);
	return 0;
}
