#include "sample/own.h"

#include <string.h>

#include "parse/parse.h"

#define TEXT_SIZE 4096

/* Our own quota, and that of any cgroup above. */
static void add_throttling(const struct pl_procfs *fs, enum pl_cgroup_kind kind, const char *path,
                           size_t len, struct pl_own *own)
{
	/* "/../x": a cgroup outside of our own cgroup namespace */
	if (len == 0 || path[0] != '/' || memmem(path, len, "/..", 3))
		return;
	for (;;) {
		char text[TEXT_SIZE];
		struct pl_throttling here;
		const ssize_t n =
			pl_procfs_read_cgroup(fs, kind, path, len, "cpu.stat", text, sizeof(text));

		if (n > 0 && pl_parse_cpu_stat(text, (size_t)n, &here) == 0) {
			own->has_quota = true;
			own->throttling.count += here.count;
			own->throttling.us += here.us;
		}
		if (len <= 1)
			return;
		while (len > 1 && path[len - 1] != '/')
			len--;
		if (len > 1)
			len--;
	}
}

void pl_sample_own(const struct pl_procfs *fs, struct pl_own *out)
{
	char text[TEXT_SIZE];
	struct pl_cgroup_paths paths;
	ssize_t len = pl_procfs_read(fs, 0, "self/stat", text, sizeof(text));

	*out = (struct pl_own){ 0 };
	if (len > 0)
		(void)pl_parse_priority(text, (size_t)len, &out->priority);
	len = pl_procfs_read(fs, 0, "self/cgroup", text, sizeof(text));
	if (len <= 0 || pl_parse_cgroup(text, (size_t)len, &paths) != 0)
		return;
	add_throttling(fs, PL_CGROUP_V2, paths.v2, paths.v2_len, out);
	add_throttling(fs, PL_CGROUP_V1_CPU, paths.v1_cpu, paths.v1_cpu_len, out);
}
