#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/state.h"

#define MAX_SIZE ((off_t)1 << 30)

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* Root, who may do as he likes anyway, or the user that we run as. */
static bool is_trusted(uid_t owner)
{
	return owner == 0 || owner == geteuid();
}

/* Returns 0, -EPERM, or why it cannot be told. */
static int check_directory(int fd)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return -errno;
	return is_trusted(info.st_uid) && (!(info.st_mode & S_IWOTH) || (info.st_mode & S_ISVTX))
	           ? 0
	           : -EPERM;
}

static int check_file(int fd)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return -errno;
	return is_trusted(info.st_uid) && !(info.st_mode & (S_IWGRP | S_IWOTH)) ? 0 : -EPERM;
}

static int keep_checked(int fd, int err)
{
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

static bool is_trusted_link(const char *path)
{
	struct stat info;

	return lstat(path, &info) == 0 && S_ISLNK(info.st_mode) && is_trusted(info.st_uid);
}

int pl_state_open_directory(const char *path)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int fd = open(path, flags | O_NOFOLLOW);

	/* an administrator may have moved it to another disk; nobody else's link is followed */
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR) && is_trusted_link(path))
		fd = open(path, flags);
	return fd < 0 ? -errno : keep_checked(fd, check_directory(fd));
}

/* Opens the directory of a file, and says what the file is called in it. */
static int open_parent(const char *path, const char **name)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	if (!slash)
		snprintf(directory, sizeof(directory), ".");
	else if ((size_t)snprintf(directory, sizeof(directory), "%.*s",
	                          slash == path ? 1 : (int)(slash - path), path) >= sizeof(directory))
		return -ENAMETOOLONG;
	fd = pl_state_open_directory(directory);
	if (fd >= 0)
		*name = slash ? slash + 1 : path;
	return fd;
}

static int write_new(int directory, const char *name, const char *text, size_t len)
{
	int fd;
	int err;

	/* what a killed daemon left, or what somebody put there: never written through */
	(void)unlinkat(directory, name, 0);
	fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, len);
	if (close(fd) < 0 && err == 0)
		err = -errno;
	if (err < 0)
		(void)unlinkat(directory, name, 0);
	return err;
}

int pl_state_store_in(int directory, const char *name, const char *text, size_t len)
{
	char temporary[NAME_MAX + 1];
	int err;

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.tmp", name) >= sizeof(temporary))
		return -ENAMETOOLONG;
	err = write_new(directory, temporary, text, len);
	if (err < 0)
		return err;
	if (renameat(directory, temporary, directory, name) < 0) {
		err = -errno;
		(void)unlinkat(directory, temporary, 0);
		return err;
	}
	/* the rename itself is only safe once the directory is on disk */
	(void)fsync(directory);
	return 0;
}

int pl_state_store(const char *path, const char *text, size_t len)
{
	const char *name;
	const int directory = open_parent(path, &name);
	int err;

	if (directory < 0)
		return directory;
	err = pl_state_store_in(directory, name, text, len);
	close(directory);
	return err;
}

static int open_own(const char *path)
{
	const char *name;
	const int directory = open_parent(path, &name);
	int fd;

	if (directory < 0)
		return directory;
	fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	close(directory);
	return fd < 0 ? fd : keep_checked(fd, check_file(fd));
}

static int load_fd(int fd, char **text, size_t *len)
{
	struct stat info;
	size_t used = 0;
	char *buf;

	if (fstat(fd, &info) < 0)
		return -errno;
	if (!S_ISREG(info.st_mode))
		return -EINVAL;
	if (info.st_size > MAX_SIZE)
		return -EFBIG;
	buf = malloc((size_t)info.st_size + 1);
	if (!buf)
		return -ENOMEM;
	while (used < (size_t)info.st_size) {
		const ssize_t n = read(fd, buf + used, (size_t)info.st_size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			const int err = -errno;

			free(buf);
			return err;
		}
		if (n == 0)
			break;
		used += (size_t)n;
	}
	buf[used] = '\0';
	*text = buf;
	*len = used;
	return 0;
}

static int load_and_close(int fd, char **text, size_t *len)
{
	int err;

	if (fd < 0)
		return fd;
	err = load_fd(fd, text, len);
	close(fd);
	return err;
}

int pl_state_load(const char *path, char **text, size_t *len)
{
	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return load_and_close(fd < 0 ? -errno : fd, text, len);
}

int pl_state_load_own(const char *path, char **text, size_t *len)
{
	return load_and_close(open_own(path), text, len);
}

int pl_state_set_aside(const char *path)
{
	char bad[NAME_MAX + 1];
	const char *name;
	const int directory = open_parent(path, &name);
	struct stat info;
	int err = 0;

	if (directory < 0)
		return directory;
	/* a device or directory that was named by mistake stays where it is */
	if (fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(info.st_mode))
		err = -EINVAL;
	else if ((size_t)snprintf(bad, sizeof(bad), "%s.bad", name) >= sizeof(bad))
		err = -ENAMETOOLONG;
	else if (renameat(directory, name, directory, bad) < 0)
		err = -errno;
	close(directory);
	return err;
}

const char *pl_state_error(int err)
{
	if (err == -EPERM)
		return "it or its directory belongs to somebody else, or others may write to it";
	if (err == -ELOOP)
		return "it is a symbolic link";
	if (err == -EINVAL)
		return "it is not a regular file";
	return strerror(-err);
}
