/*
 * What a process can put into its own root, and a tree that is no procfs: nothing is opened beyond
 * that root, nothing but regular files is read, nothing hangs, and what is gone is told from what
 * is denied.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "procfs/procfs.h"
#include "tap.h"

static char top[] = "/tmp/procleak-procfs-test.XXXXXX";

static const char *at(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", top, name);
	return path;
}

static void make_dir(const char *name)
{
	if (mkdir(at(name), 0755) != 0)
		abort();
}

static void make_file(const char *name, const char *text)
{
	FILE *file = fopen(at(name), "w");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

static void make_link(const char *target, const char *name)
{
	if (symlink(target, at(name)) != 0)
		abort();
}

/* Process 7 has files, links and descriptors; 8 has nothing. */
static void make_tree(void)
{
	if (!mkdtemp(top))
		abort();
	make_file("secret", "of the host");
	make_dir("7");
	make_dir("8");
	make_dir("7/root");
	make_dir("7/root/lib");
	make_file("7/root/lib/good", "in the root");
	make_link("/lib/good", "7/root/absolute");
	make_link("/../../../secret", "7/root/up");
	make_link("../../secret", "7/root/out");
	make_link("out", "7/root/twice");
	make_link("loop", "7/root/loop");
	make_link("/proc/self/root/etc/passwd", "7/root/magic");
	if (mkfifo(at("7/root/fifo"), 0644) != 0)
		abort();
	make_file("7/stat", "7 (x) S");
	make_dir("7/fd");
	make_link("socket:[11]", "7/fd/0");
	make_link("/x", "7/fd/1");
	make_file("7/fd/note", "not a descriptor");
	make_dir("7/task");
	make_dir("7/task/7");
	make_dir("7/task/9");
	make_dir("7/task/9x");
	make_dir("2147483648");
	make_dir("07");
}

static void remove_tree(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", top);
	if (system(command) != 0)
		abort();
}

/* The first bytes of what `path` leads to, or how it failed. */
static int try_open(const struct pl_procfs *fs, const char *path, char *text, size_t size)
{
	const int fd = pl_procfs_open_in_root(fs, 7, path);
	ssize_t len;

	text[0] = '\0';
	if (fd < 0)
		return fd;
	len = pl_procfs_read_at(fd, text, size - 1, 0);
	text[len > 0 ? len : 0] = '\0';
	close(fd);
	return 0;
}

static void test_root(const struct pl_procfs *fs)
{
	static const struct {
		const char *path;
		int want;
		const char *name;
	} cases[] = {
		{ "/lib/good", 0, "a file of its root" },
		{ "/absolute", 0, "an absolute link stays in its root" },
		{ "/up", -ENOENT, "a link that climbs stays in its root" },
		{ "/out", -ENOENT, "a relative one, too" },
		{ "/twice", -ENOENT, "by way of another link, too" },
		{ "/../../secret", -ENOENT, "a path that climbs, too" },
		{ "/loop", -ELOOP, "a link to itself" },
		{ "/magic", -ENOENT, "a link of the kernel's is none there" },
		{ "/fifo", -EACCES, "a FIFO is not read, and does not hang" },
		{ "/lib", -EACCES, "nor is a directory" },
		{ "/device", -EACCES, "nor a device" },
	};
	char text[32];

	if (mknod(at("7/root/device"), S_IFCHR | 0644, makedev(1, 5)) != 0)
		make_dir("7/root/device"); /* not root: a directory will do */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int err = try_open(fs, cases[i].path, text, sizeof(text));

		if (err == -ENOSYS) {
			printf("ok %d # SKIP %s: no openat2 here\n", ++tap_count, cases[i].name);
			continue;
		}
		is_num(err, cases[i].want, cases[i].name);
		ok(strcmp(text, err == 0 ? "in the root" : "") == 0, "and nothing of the host is read");
	}
	is_num(pl_procfs_open_in_root(fs, 8, "/x"), -ESRCH, "a process that is gone has no root");
}

/* A mapping's file is taken by the mapping, else by its name if it is still the same file. */
static void test_mapped(const struct pl_procfs *fs)
{
	struct stat info;
	int fd;

	if (stat(at("7/root/lib/good"), &info) != 0)
		abort();
	fd = pl_procfs_open_mapped(fs, 7, 0x1000, 0x2000, info.st_ino, "/lib/good");
	ok(fd >= 0, "a mapped file by its name");
	close(fd);
	is_num(pl_procfs_open_mapped(fs, 7, 0x1000, 0x2000, info.st_ino + 1, "/lib/good"), -ESTALE,
	       "another file of that name is refused");
	make_dir("7/map_files");
	make_link(at("secret"), "7/map_files/1000-2000");
	fd = pl_procfs_open_mapped(fs, 7, 0x1000, 0x2000, 0, "/lib/good");
	ok(fd >= 0, "by the mapping itself");
	close(fd);
	make_link(at("7/root/fifo"), "7/map_files/3000-4000");
	is_num(pl_procfs_open_mapped(fs, 7, 0x3000, 0x4000, 0, "/lib/good"), -EACCES,
	       "unless that is no regular file");
}

struct seen {
	int count;
	int64_t sum;
};

static void see_process(void *ctx, int32_t pid, uint64_t inode)
{
	struct seen *seen = ctx;

	(void)inode;
	seen->count++;
	seen->sum += pid;
}

static void see_fd(void *ctx, const struct pl_procfs_fd *fd, const char *target, size_t len)
{
	struct seen *seen = ctx;

	(void)fd;
	(void)target;
	seen->count++;
	seen->sum += (int64_t)len;
}

static void see_thread(void *ctx, int32_t tid)
{
	see_process(ctx, tid, 0);
}

static void test_lists(struct pl_procfs *fs)
{
	struct seen seen = { 0 };

	is_num(pl_procfs_scan(fs, see_process, &seen), 0, "processes are listed");
	ok(seen.count == 2 && seen.sum == 15, "those whose names are numbers of processes");
	seen = (struct seen){ 0 };
	is_num(pl_procfs_fds(fs, 7, see_fd, &seen), 2, "descriptors are counted");
	ok(seen.count == 2 && seen.sum == 11 + 2, "with their targets");
	is_num(pl_procfs_fds(fs, 8, see_fd, &seen), -ESRCH, "not of a process that is gone");
	is_num(pl_procfs_fd_count(fs, 7), -ENOTSUP, "where a listing is needed, it is told");
	seen = (struct seen){ 0 };
	is_num(pl_procfs_threads(fs, 7, see_thread, &seen), 0, "threads are listed");
	ok(seen.count == 2 && seen.sum == 16, "those that are numbers");
	is_num(pl_procfs_threads(fs, 8, see_thread, &seen), -ESRCH, "not of a process that is gone");
}

static void see_piece(void *ctx, const char *text, size_t len)
{
	(void)text;
	*(size_t *)ctx += len;
}

static void test_reads(const struct pl_procfs *fs)
{
	static const char long_name[] =
		"a-name-that-is-longer-than-any-file-of-proc-that-there-is-or-ever-will-be";
	char buf[16];
	size_t len = 0;

	is_num(pl_procfs_read(fs, 7, "stat", buf, sizeof(buf)), 7, "a file is read");
	is_num(pl_procfs_read(fs, 7, "stat", buf, 3), 3, "and cut to the room there is");
	is_num(pl_procfs_read_whole(fs, 7, "stat", buf, sizeof(buf)), 7, "in pieces, too");
	is_num(pl_procfs_stream(fs, 7, "stat", buf, 2, see_piece, &len), 0, "or handed on");
	is_num(len, 7, "in full");
	is_num(pl_procfs_read(fs, 8, "stat", buf, sizeof(buf)), -ESRCH, "a process that is gone");
	is_num(pl_procfs_read_whole(fs, 8, "stat", buf, sizeof(buf)), -ESRCH, "in pieces, too");
	is_num(pl_procfs_stream(fs, 8, "stat", buf, 2, see_piece, &len), -ESRCH, "or handed on");
	is_num(pl_procfs_read(fs, 7, "fd", buf, sizeof(buf)), -EISDIR, "a directory is no file");
	is_num(pl_procfs_read_whole(fs, 7, "fd", buf, sizeof(buf)), -EISDIR, "in pieces, too");
	is_num(pl_procfs_stream(fs, 7, "fd", buf, 2, see_piece, &len), -EISDIR, "or handed on");
	is_num(pl_procfs_read(fs, 7, long_name, buf, sizeof(buf)), -ENAMETOOLONG, "too long a name");
	is_num(pl_procfs_readlink(fs, 7, long_name, buf, sizeof(buf)), -ENAMETOOLONG, "of a link, too");
	is_num(pl_procfs_readlink(fs, 7, "fd/0", buf, sizeof(buf)), 11, "a link is read");
	is_num(pl_procfs_readlink(fs, 8, "exe", buf, sizeof(buf)), -ESRCH, "not of who is gone");
	is_num(pl_procfs_read_at(0, buf, 1, UINT64_MAX), -EINVAL, "no file is that long");
	is_num(pl_procfs_read_at(-1, buf, 1, 0), -EBADF, "nothing is read of nothing");
}

/* The tree of cgroups: no such file, a name with a link at its end, a tree that is not there. */
static void test_cgroups(struct pl_procfs *fs)
{
	struct pl_procfs with;
	char buf[16];

	is_num(pl_procfs_read_cgroup(fs, PL_CGROUP_V2, "/a", 2, "memory.max", buf, sizeof(buf)),
	       -ENOENT, "without a tree there is no cgroup");
	make_dir("cg");
	make_file("cg/cgroup.controllers", "memory");
	make_dir("cg/a");
	make_file("cg/a/memory.max", "max\n");
	make_link(at("secret"), "cg/a/memory.high");
	is_num(pl_procfs_open(&with, top, at("cg")), 0, "a tree of version 2");
	is_num(pl_procfs_read_cgroup(&with, PL_CGROUP_V2, "/abc", 2, "memory.max", buf, sizeof(buf)), 4,
	       "a cgroup's file, by a path without an end");
	is_num(pl_procfs_read_cgroup(&with, PL_CGROUP_V2, "/a", 2, "memory.high", buf, sizeof(buf)),
	       -ELOOP, "not through a link");
	is_num(pl_procfs_read_cgroup(&with, PL_CGROUP_V2, "/a", 2, "no", buf, sizeof(buf)), -ENOENT,
	       "not one that there is not");
	pl_procfs_close(&with);
	is_num(pl_procfs_open(&with, at("nowhere"), NULL), -ENOENT, "no root, no tree");
}

int main(void)
{
	struct pl_procfs fs;

	make_tree();
	if (pl_procfs_open(&fs, top, NULL) != 0)
		abort();
	ok(!fs.is_procfs, "a directory of files is told from the kernel's");
	test_root(&fs);
	test_mapped(&fs);
	test_lists(&fs);
	test_reads(&fs);
	test_cgroups(&fs);
	pl_procfs_close(&fs);
	remove_tree();
	return tap_done();
}
