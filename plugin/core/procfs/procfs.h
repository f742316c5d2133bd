/*
 * The only opener of proc and cgroup files; both roots are injected, so tests run on a fake tree.
 *
 * Knows paths and system calls; refuses to know what the bytes mean. Buffers belong to callers and
 * nothing is allocated. Functions return 0 or a count, or -errno: -ESRCH when the process is gone
 * (whatever the kernel called it), -EACCES when a capability is missing (EPERM likewise).
 *
 * One struct serves several threads at once, but for pl_procfs_scan(), which is for one.
 */
#ifndef PL_PROCFS_PROCFS_H
#define PL_PROCFS_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pl_procfs {
	int root_fd;
	int cgroup_fd;         /* -1: there is no such tree, every cgroup read is -ENOENT */
	bool is_procfs;        /* false: a directory of files in the same layout */
	bool fd_count_by_stat; /* st_size of PID/fd is the number of descriptors (Linux 6.2) */
	bool cgroup_unified;   /* cgroup_fd is the root of a v2 hierarchy */
};

/* Returns -errno of opening `proc_root`; a missing `cgroup_root` is no error. */
int pl_procfs_open(struct pl_procfs *fs, const char *proc_root, const char *cgroup_root);
void pl_procfs_close(struct pl_procfs *fs);

/*
 * Calls `process` for every process in the root. `inode` is that of its directory entry: on procfs
 * it stays the same while the process lives and the kernel keeps the entry cached, and never serves
 * another process, so an unchanged (pid, inode) needs no further look.
 */
typedef void pl_procfs_process_fn(void *ctx, int32_t pid, uint64_t inode);
int pl_procfs_scan(struct pl_procfs *fs, pl_procfs_process_fn *process, void *ctx);

/*
 * Reads PID/`name` (pid 0: `name` at the root itself) in one system call where it fits. Returns the
 * length; a file of `size` bytes or more is cut to `size`.
 */
ssize_t pl_procfs_read(const struct pl_procfs *fs, int32_t pid, const char *name, char *buf,
                       size_t size);

/* The same for files that the kernel hands out in pieces: reads on until end or `size`. */
ssize_t pl_procfs_read_whole(const struct pl_procfs *fs, int32_t pid, const char *name, char *buf,
                             size_t size);

/* Reads a long file piece by piece through `buf`. Returns 0 or -errno. */
typedef void pl_procfs_piece_fn(void *ctx, const char *text, size_t len);
int pl_procfs_stream(const struct pl_procfs *fs, int32_t pid, const char *name, char *buf,
                     size_t size, pl_procfs_piece_fn *piece, void *ctx);

/* Target of the link PID/`name`: its length, cut to `size`; no NUL is added. */
ssize_t pl_procfs_readlink(const struct pl_procfs *fs, int32_t pid, const char *name, char *buf,
                           size_t size);

/* Number of open descriptors by one stat, or -ENOTSUP where only a listing can tell. */
ssize_t pl_procfs_fd_count(const struct pl_procfs *fs, int32_t pid);

/*
 * Calls `fd` for each open descriptor with the target of its link. Returns how many there are.
 * A descriptor that closes meanwhile is passed over. Returns -EACCES also when the directory may be
 * listed and its links may not be read.
 */
struct pl_procfs_fd;
typedef void pl_procfs_fd_fn(void *ctx, const struct pl_procfs_fd *fd, const char *target,
                             size_t len);
ssize_t pl_procfs_fds(const struct pl_procfs *fs, int32_t pid, pl_procfs_fd_fn *fd, void *ctx);

/*
 * What the file behind a descriptor takes, while `fd` is called with it, and the number of its
 * inode. -ENOTSUP when it lies on a disk. Asks no filesystem that may be slow to answer.
 */
int pl_procfs_fd_bytes(const struct pl_procfs_fd *fd, uint64_t *bytes, uint64_t *inode);

/*
 * Opens PID/`name` for reads at any place; the caller closes it. What is opened as "mem" or
 * "pagemap" stays with the memory that the process has now: after its exec or exit there is nothing
 * to read, whatever becomes of the pid.
 */
int pl_procfs_open_file(const struct pl_procfs *fs, int32_t pid, const char *name);

/*
 * Opens the directory of a process; the caller closes it. What is opened through it is of that very
 * process: -ESRCH once it is gone, whatever becomes of the pid.
 */
int pl_procfs_open_process(const struct pl_procfs *fs, int32_t pid);
ssize_t pl_procfs_read_in(int dir, const char *name, char *buf, size_t size);

/*
 * The one thing that is ever written below a proc root: clears the accessed flags of the anonymous
 * mappings of the process whose directory this is. Makes no file. Returns 0 or -errno.
 */
int pl_procfs_clear_anonymous_refs(int dir);

/* Reads up to `size` bytes at `offset` of any descriptor; less, or 0, at the end of what is there.
 */
ssize_t pl_procfs_read_at(int fd, void *buf, size_t size, uint64_t offset);

/*
 * Opens the regular file that the process has mapped at start..end, as the process sees it: by the
 * mapping itself where that is permitted, else by `path` under its root if that has the same inode.
 * Returns a descriptor, or -errno.
 */
int pl_procfs_open_mapped(const struct pl_procfs *fs, int32_t pid, uint64_t start, uint64_t end,
                          uint64_t inode, const char *path);

/* Opens the regular file at `path` in the process' own mount namespace and root, never out of it.
 */
int pl_procfs_open_in_root(const struct pl_procfs *fs, int32_t pid, const char *path);

/* Calls `thread` for each thread of the process. Returns 0 or -errno. */
typedef void pl_procfs_thread_fn(void *ctx, int32_t tid);
int pl_procfs_threads(const struct pl_procfs *fs, int32_t pid, pl_procfs_thread_fn *thread,
                      void *ctx);

/*
 * Reads `file` of the cgroup at `path` (as in PID/cgroup, `len` bytes) in the v2 hierarchy, or in
 * v1's memory or CPU hierarchy.
 */
enum pl_cgroup_kind { PL_CGROUP_V2, PL_CGROUP_V1_MEMORY, PL_CGROUP_V1_CPU };
ssize_t pl_procfs_read_cgroup(const struct pl_procfs *fs, enum pl_cgroup_kind kind,
                              const char *path, size_t len, const char *file, char *buf,
                              size_t size);

#endif
