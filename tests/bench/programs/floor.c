/*
 * The floor: what the kernel alone takes for one reading of the files of tier 0.
 *
 * Usage: floor NAME PASSES. Lists /proc once, keeps the processes named NAME, and in each pass
 * reads stat and status and asks for the number of descriptors of each, with as little of its own
 * around it as can be. Prints the CPU time of all passes by the kernel's account, and of the
 * listings.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIDS_MAX 65536

static int32_t pids[PIDS_MAX];
static int root_fd;
static char buf[65536];

static size_t read_file(int32_t pid, const char *name)
{
	char path[64];
	ssize_t len;
	int fd;

	(void)snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
	fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	len = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (len < 0)
		len = 0;
	buf[len] = '\0';
	return (size_t)len;
}

/* All of the directory; with `name` also who is called that. Returns how many there are. */
static size_t list(const char *name)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		const int32_t pid =
			isdigit((unsigned char)entry->d_name[0]) ? (int32_t)strtol(entry->d_name, NULL, 10) : 0;

		if (pid == 0 || count == PIDS_MAX)
			continue;
		if (name) {
			const size_t len = read_file(pid, "comm");

			if (len == 0 || len - 1 != strlen(name) || strncmp(buf, name, len - 1) != 0)
				continue;
			pids[count] = pid;
		}
		count++;
	}
	closedir(dir);
	return count;
}

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

int main(int argc, char **argv)
{
	const long passes = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	struct rusage usage;
	struct stat info;
	double listing_us = 0;
	double reading_us = 0;
	size_t count;
	size_t seen = 0;

	if (passes < 1) {
		fprintf(stderr, "usage: %s NAME PASSES\n", argv[0]);
		return 2;
	}
	root_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	count = list(argv[1]);
	for (long pass = 0; pass < passes; pass++) {
		const double begin_us = cpu_us();
		double middle_us;

		seen = list(NULL);
		middle_us = cpu_us();
		for (size_t i = 0; i < count; i++) {
			char path[32];

			(void)read_file(pids[i], "stat");
			(void)read_file(pids[i], "status");
			(void)snprintf(path, sizeof(path), "%d/fd", (int)pids[i]);
			(void)fstatat(root_fd, path, &info, 0);
		}
		listing_us += middle_us - begin_us;
		reading_us += cpu_us() - middle_us;
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("matched=%zu seen=%zu passes=%ld listing_us=%.0f reading_us=%.0f user_us=%lld "
	       "system_us=%lld\n",
	       count, seen, passes, listing_us, reading_us,
	       (long long)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec,
	       (long long)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec);
	return 0;
}
