#include "sample/idle.h"

#include <errno.h>
#include <unistd.h>

#include "parse/parse.h"

#define STAT_SIZE 4096
#define VMSTAT_SIZE 16384

/* A process is the one that is meant if the stat in its own directory says so. */
static int check_ident(int dir, struct pl_ident ident)
{
	char text[STAT_SIZE];
	struct pl_stat stat;
	const ssize_t len = pl_procfs_read_in(dir, "stat", text, sizeof(text));
	const int err = len < 0 ? (int)len : pl_parse_stat(text, (size_t)len, &stat);

	if (err < 0)
		return err;
	return stat.start_ticks == ident.start_ticks ? 0 : -ESRCH;
}

int pl_sample_clear_refs(const struct pl_procfs *fs, struct pl_ident ident)
{
	const int dir = pl_procfs_open_process(fs, ident.pid);
	int err;

	if (dir < 0)
		return dir;
	err = check_ident(dir, ident);
	if (err == 0)
		err = pl_procfs_clear_anonymous_refs(dir);
	close(dir);
	return err;
}

int pl_sample_swapping(const struct pl_procfs *fs, uint64_t *out)
{
	char text[VMSTAT_SIZE];
	const ssize_t len = pl_procfs_read_whole(fs, 0, "vmstat", text, sizeof(text));

	return len < 0 ? (int)len : pl_parse_swapping(text, (size_t)len, out);
}
