#include "procfs/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DIR_BUFFER_SIZE 32768
#define NAME_SIZE 64

/* As the kernel fills it: getdents64(2). */
struct dirent_record {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

static int error_of(int err)
{
	if (err == ENOENT || err == ESRCH)
		return -ESRCH;
	if (err == EPERM)
		return -EACCES;
	return -err;
}

/* Writes "PID/name", or "name" for pid 0. Own digits: this runs for every read of every tick. */
static int make_path(char *out, size_t size, int32_t pid, const char *name)
{
	char digits[12];
	size_t used = 0;
	size_t count = 0;
	const size_t len = strlen(name);

	for (uint32_t rest = pid > 0 ? (uint32_t)pid : 0; rest > 0; rest /= 10)
		digits[count++] = (char)('0' + rest % 10);
	if (count + 1 + len + 1 > size)
		return -ENAMETOOLONG;
	while (count > 0)
		out[used++] = digits[--count];
	if (used > 0)
		out[used++] = '/';
	memcpy(out + used, name, len + 1);
	return 0;
}

static int open_file(const struct pl_procfs *fs, int32_t pid, const char *name, int flags)
{
	char path[NAME_SIZE];
	int fd = make_path(path, sizeof(path), pid, name);

	if (fd < 0)
		return fd;
	do
		fd = openat(fs->root_fd, path, O_RDONLY | O_CLOEXEC | flags);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? error_of(errno) : fd;
}

static ssize_t read_once(int fd, char *buf, size_t size)
{
	ssize_t n;

	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? error_of(errno) : n;
}

static ssize_t read_fd_whole(int fd, char *buf, size_t size)
{
	size_t used = 0;

	while (used < size) {
		const ssize_t n = read_once(fd, buf + used, size - used);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

int pl_procfs_open(struct pl_procfs *fs, const char *proc_root, const char *cgroup_root)
{
	struct pl_procfs opened = { .cgroup_fd = -1 };
	struct statfs info;
	struct stat self;

	opened.root_fd = open(proc_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opened.root_fd < 0)
		return -errno;
	opened.is_procfs = fstatfs(opened.root_fd, &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
	opened.fd_count_by_stat =
		opened.is_procfs && fstatat(opened.root_fd, "self/fd", &self, 0) == 0 && self.st_size > 0;
	if (cgroup_root && *cgroup_root)
		opened.cgroup_fd = open(cgroup_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opened.cgroup_fd >= 0)
		opened.cgroup_unified = faccessat(opened.cgroup_fd, "cgroup.controllers", F_OK, 0) == 0;
	*fs = opened;
	return 0;
}

void pl_procfs_close(struct pl_procfs *fs)
{
	close(fs->root_fd);
	if (fs->cgroup_fd >= 0)
		close(fs->cgroup_fd);
}

/* Returns the pid that a name of digits stands for, or 0. */
static int32_t pid_of_name(const char *name)
{
	int64_t pid = 0;

	if (*name < '1' || *name > '9')
		return 0;
	for (; *name; name++) {
		if (*name < '0' || *name > '9' || pid > INT32_MAX / 10)
			return 0;
		pid = pid * 10 + (*name - '0');
	}
	return pid <= INT32_MAX ? (int32_t)pid : 0;
}

typedef void dirent_fn(void *ctx, const struct dirent_record *record);

static int list_directory(int fd, dirent_fn *each, void *ctx)
{
	_Alignas(struct dirent_record) char buf[DIR_BUFFER_SIZE];

	for (;;) {
		const long got = syscall(SYS_getdents64, fd, buf, sizeof(buf));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_of(errno);
		if (got == 0)
			return 0;
		for (long at = 0; at < got;) {
			const void *here = buf + at;
			const struct dirent_record *record = here;

			each(ctx, record);
			at += record->length;
		}
	}
}

struct scan {
	pl_procfs_process_fn *process;
	void *ctx;
};

static void scan_entry(void *ctx, const struct dirent_record *record)
{
	const struct scan *scan = ctx;
	const int32_t pid = pid_of_name(record->name);

	if (pid > 0)
		scan->process(scan->ctx, pid, record->inode);
}

int pl_procfs_scan(struct pl_procfs *fs, pl_procfs_process_fn *process, void *ctx)
{
	struct scan scan = { process, ctx };

	if (lseek(fs->root_fd, 0, SEEK_SET) < 0)
		return -errno;
	return list_directory(fs->root_fd, scan_entry, &scan);
}

ssize_t pl_procfs_read(const struct pl_procfs *fs, int32_t pid, const char *name, char *buf,
                       size_t size)
{
	const int fd = open_file(fs, pid, name, 0);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read_once(fd, buf, size);
	close(fd);
	return n;
}

ssize_t pl_procfs_read_whole(const struct pl_procfs *fs, int32_t pid, const char *name, char *buf,
                             size_t size)
{
	const int fd = open_file(fs, pid, name, 0);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read_fd_whole(fd, buf, size);
	close(fd);
	return n;
}

int pl_procfs_stream(const struct pl_procfs *fs, int32_t pid, const char *name, char *buf,
                     size_t size, pl_procfs_piece_fn *piece, void *ctx)
{
	const int fd = open_file(fs, pid, name, 0);
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read_once(fd, buf, size)) > 0)
		piece(ctx, buf, (size_t)n);
	close(fd);
	return (int)n;
}

ssize_t pl_procfs_readlink(const struct pl_procfs *fs, int32_t pid, const char *name, char *buf,
                           size_t size)
{
	char path[NAME_SIZE];
	const int err = make_path(path, sizeof(path), pid, name);
	ssize_t n;

	if (err < 0)
		return err;
	n = readlinkat(fs->root_fd, path, buf, size);
	return n < 0 ? error_of(errno) : n;
}

ssize_t pl_procfs_fd_count(const struct pl_procfs *fs, int32_t pid)
{
	char path[NAME_SIZE];
	struct stat info;
	const int err = make_path(path, sizeof(path), pid, "fd");

	if (err < 0)
		return err;
	if (!fs->fd_count_by_stat)
		return -ENOTSUP;
	if (fstatat(fs->root_fd, path, &info, 0) < 0)
		return error_of(errno);
	return (ssize_t)info.st_size;
}

struct fd_listing {
	int dir_fd;
	ssize_t count;
	bool denied;
	pl_procfs_fd_fn *fd;
	void *ctx;
};

struct pl_procfs_fd {
	int dir_fd;
	const char *name; /* its number */
};

static void fd_entry(void *ctx, const struct dirent_record *record)
{
	struct fd_listing *listing = ctx;
	char target[PATH_MAX];
	ssize_t len;

	if (record->name[0] < '0' || record->name[0] > '9')
		return;
	len = readlinkat(listing->dir_fd, record->name, target, sizeof(target));
	if (len < 0) {
		listing->denied |= error_of(errno) == -EACCES;
		return;
	}
	listing->count++;
	const struct pl_procfs_fd fd = { listing->dir_fd, record->name };

	listing->fd(listing->ctx, &fd, target, (size_t)len);
}

int pl_procfs_fd_bytes(const struct pl_procfs_fd *fd, uint64_t *bytes, uint64_t *inode)
{
	struct statx file;

	/* a name proves nothing: in a mount namespace of its own it may be FUSE, which could hang us */
	if (statx(fd->dir_fd, fd->name, AT_STATX_DONT_SYNC, STATX_BLOCKS | STATX_INO, &file) < 0)
		return error_of(errno);
	if (file.stx_dev_major != 0)
		return -ENOTSUP;
	*bytes = file.stx_blocks * 512;
	*inode = file.stx_ino;
	return 0;
}

ssize_t pl_procfs_fds(const struct pl_procfs *fs, int32_t pid, pl_procfs_fd_fn *fd, void *ctx)
{
	struct fd_listing listing = { .fd = fd, .ctx = ctx };
	int err;

	listing.dir_fd = open_file(fs, pid, "fd", O_DIRECTORY);
	if (listing.dir_fd < 0)
		return listing.dir_fd;
	err = list_directory(listing.dir_fd, fd_entry, &listing);
	close(listing.dir_fd);
	if (err == 0 && listing.denied)
		err = -EACCES;
	return err < 0 ? err : listing.count;
}

int pl_procfs_open_file(const struct pl_procfs *fs, int32_t pid, const char *name)
{
	return open_file(fs, pid, name, 0);
}

int pl_procfs_open_process(const struct pl_procfs *fs, int32_t pid)
{
	return open_file(fs, pid, ".", O_DIRECTORY);
}

static int open_in(int dir, const char *name, int flags)
{
	int fd;

	do
		fd = openat(dir, name, O_CLOEXEC | O_NOFOLLOW | flags);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? error_of(errno) : fd;
}

ssize_t pl_procfs_read_in(int dir, const char *name, char *buf, size_t size)
{
	const int fd = open_in(dir, name, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read_once(fd, buf, size);
	close(fd);
	return n;
}

int pl_procfs_clear_anonymous_refs(int dir)
{
	static const char anonymous[] = { '2' };
	const int fd = open_in(dir, "clear_refs", O_WRONLY);
	int err = 0;

	if (fd < 0)
		return fd;
	/* killed while it waits for the lock: what was not cleared is not known */
	if (write(fd, anonymous, sizeof(anonymous)) < 0)
		err = error_of(errno);
	close(fd);
	return err;
}

ssize_t pl_procfs_read_at(int fd, void *buf, size_t size, uint64_t offset)
{
	ssize_t n;

	if (offset > INT64_MAX)
		return -EINVAL;
	do
		n = pread(fd, buf, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? error_of(errno) : n;
}

/* Keeps `fd` if it is a regular file: a path of the process' choice may lead to a FIFO or device.
 */
static int keep_regular(int fd)
{
	struct stat info;

	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
		return fd;
	close(fd);
	return -EACCES;
}

int pl_procfs_open_in_root(const struct pl_procfs *fs, int32_t pid, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		                    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	const int root = open_file(fs, pid, "root", O_DIRECTORY);
	long fd;

	if (root < 0)
		return root;
	/* without openat2 (Linux before 5.6) a link in a container could lead out of it: give up */
	fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd < 0)
		fd = -errno;
	close(root);
	return fd < 0 ? (int)fd : keep_regular((int)fd);
}

int pl_procfs_open_mapped(const struct pl_procfs *fs, int32_t pid, uint64_t start, uint64_t end,
                          uint64_t inode, const char *path)
{
	char name[48];
	struct stat info;
	int fd;

	snprintf(name, sizeof(name), "map_files/%" PRIx64 "-%" PRIx64, start, end);
	fd = open_file(fs, pid, name, O_NONBLOCK | O_NOCTTY);
	if (fd >= 0)
		return keep_regular(fd);
	fd = pl_procfs_open_in_root(fs, pid, path);
	if (fd >= 0 && fstat(fd, &info) == 0 && info.st_ino != inode) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

struct thread_listing {
	pl_procfs_thread_fn *thread;
	void *ctx;
};

static void thread_entry(void *ctx, const struct dirent_record *record)
{
	const struct thread_listing *listing = ctx;
	const int32_t tid = pid_of_name(record->name);

	if (tid > 0)
		listing->thread(listing->ctx, tid);
}

int pl_procfs_threads(const struct pl_procfs *fs, int32_t pid, pl_procfs_thread_fn *thread,
                      void *ctx)
{
	struct thread_listing listing = { thread, ctx };
	const int fd = open_file(fs, pid, "task", O_DIRECTORY);
	int err;

	if (fd < 0)
		return fd;
	err = list_directory(fd, thread_entry, &listing);
	close(fd);
	return err;
}

/* Hybrid hosts mount v2 at "unified" beside v1's controllers. */
static const char *cgroup_prefix(const struct pl_procfs *fs, enum pl_cgroup_kind kind)
{
	if (kind == PL_CGROUP_V1_MEMORY)
		return "memory";
	if (kind == PL_CGROUP_V1_CPU)
		return "cpu"; /* or a link of that name to "cpu,cpuacct" */
	return fs->cgroup_unified ? "." : "unified";
}

ssize_t pl_procfs_read_cgroup(const struct pl_procfs *fs, enum pl_cgroup_kind kind,
                              const char *path, size_t len, const char *file, char *buf,
                              size_t size)
{
	char name[PATH_MAX];
	const char *prefix = cgroup_prefix(fs, kind);
	const size_t prefix_len = strlen(prefix);
	const size_t file_len = strlen(file);
	ssize_t n;
	int fd;

	if (fs->cgroup_fd < 0)
		return -ENOENT;
	if (prefix_len + 1 + len + 1 + file_len + 1 > sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, prefix, prefix_len);
	name[prefix_len] = '/';
	memcpy(name + prefix_len + 1, path, len);
	name[prefix_len + 1 + len] = '/';
	memcpy(name + prefix_len + 2 + len, file, file_len + 1);
	fd = openat(fs->cgroup_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	n = read_once(fd, buf, size);
	close(fd);
	return n;
}
