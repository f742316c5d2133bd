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

/* The rename itself is only safe once the directory is on disk. */
static void sync_directory(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	if (!slash)
		snprintf(directory, sizeof(directory), ".");
	else
		snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path) + 1, path);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

int pl_state_store(const char *path, const char *text, size_t len)
{
	char temporary[PATH_MAX];
	int fd;
	int err;

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= sizeof(temporary))
		return -ENAMETOOLONG;
	/* what a killed daemon left, or what somebody put there: never written through */
	(void)unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, len);
	if (close(fd) < 0 && err == 0)
		err = -errno;
	if (err == 0 && rename(temporary, path) < 0)
		err = -errno;
	if (err < 0) {
		(void)unlink(temporary);
		return err;
	}
	sync_directory(path);
	return 0;
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

int pl_state_load(const char *path, char **text, size_t *len)
{
	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = load_fd(fd, text, len);
	close(fd);
	return err;
}

int pl_state_set_aside(const char *path)
{
	char bad[PATH_MAX];

	if ((size_t)snprintf(bad, sizeof(bad), "%s.bad", path) >= sizeof(bad))
		return -ENAMETOOLONG;
	return rename(path, bad) < 0 ? -errno : 0;
}
