/*
 * A population to be measured by: --count processes of one shape, or of several with --mixed.
 *
 * Each child shares --shared bytes with the parent that touched them, holds --own bytes of its own
 * and --mappings mappings beside those of every program. Of a hundred children --active wake once a
 * second, use some memory and give it back. --starts children a second are started beside them and
 * end at once. Prints "ready COUNT" once all are set up. The children end with it, and it ends
 * after
 * --for seconds.
 */
#include "../../programs/program.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define COUNT_MAX 60000
#define BYTES_MAX (16384L << 20)
#define MAPPINGS_MAX 65000
#define FDS_MAX 1048576
#define WORK_BYTES (64L << 10)

struct shape {
	long own_bytes;
	long mappings;
	long threads;
	long fds;
};

/* Pages of 4 KiB: what is measured is the usual walk, not that of one huge page. */
static char *map_bytes(long bytes)
{
	char *block =
		mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		program_die("mmap");
	(void)madvise(block, (size_t)bytes, MADV_NOHUGEPAGE);
	return block;
}

static void touch(char *block, long bytes)
{
	for (long at = 0; at < bytes; at += 4096)
		block[at] = 1;
}

/* Neighbours with other rights cannot be merged: every second page makes two mappings. */
static void make_mappings(long count)
{
	char *block;

	if (count < 1)
		return;
	block = map_bytes(count * 4096);
	for (long i = 0; i < count; i += 2)
		if (mprotect(block + i * 4096, 4096, PROT_READ) != 0)
			program_die("mprotect");
}

static void *sleep_on(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void make_threads(long count)
{
	pthread_attr_t attributes;
	pthread_t id;

	pthread_attr_init(&attributes);
	/* without guards their stacks are one mapping: a hundred thousand need no room in the map */
	pthread_attr_setstacksize(&attributes, 65536);
	pthread_attr_setguardsize(&attributes, 0);
	for (long i = 0; i < count; i++)
		if (pthread_create(&id, &attributes, sleep_on, NULL) != 0)
			program_die("pthread_create");
}

static void make_fds(long count)
{
	struct rlimit limit;

	/* the hard limit is for the machine's owner to raise */
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		program_die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		program_die("setrlimit");
	for (long i = 0; i < count; i++)
		if (open("/dev/null", O_RDONLY) < 0)
			program_die("open");
}

static void work(void)
{
	char *block = map_bytes(WORK_BYTES);

	touch(block, WORK_BYTES);
	munmap(block, (size_t)WORK_BYTES);
}

__attribute__((noreturn)) static void live(const struct shape *shape, bool active, int ready_fd)
{
	const struct timespec second = { .tv_sec = 1 };

	if (shape->own_bytes > 0)
		touch(map_bytes(shape->own_bytes), shape->own_bytes);
	make_mappings(shape->mappings);
	make_threads(shape->threads);
	make_fds(shape->fds);
	if (write(ready_fd, "", 1) != 1)
		_exit(1);
	close(ready_fd);
	for (;;) {
		if (!active)
			pause();
		nanosleep(&second, NULL);
		work();
	}
}

/* Seven of ten are small; one has many mappings, one some threads, one descriptors. */
static struct shape mixed_shape(long i)
{
	struct shape shape = { .own_bytes = (1 + i % 4) << 17 };

	if (i % 10 == 7)
		shape.mappings = 150;
	else if (i % 10 == 8)
		shape = (struct shape){ .own_bytes = 2L << 20, .threads = 4 };
	else if (i % 10 == 9)
		shape = (struct shape){ .own_bytes = 1L << 20, .fds = 40 };
	return shape;
}

static void begin_child(const struct shape *shape, bool active, const char *name, int ready_fd)
{
	const pid_t parent = getpid();
	const pid_t pid = fork();

	if (pid < 0)
		program_die("fork");
	if (pid > 0)
		return;
	program_follow_parent(parent);
	(void)prctl(PR_SET_NAME, name);
	live(shape, active, ready_fd);
}

static void await(int fd, long count)
{
	char buf[512];

	while (count > 0) {
		const ssize_t got = read(fd, buf, sizeof(buf));

		if (got <= 0)
			program_die("a child did not get ready");
		count -= got;
	}
}

/* Fifty times a second some start, and those before them are waited for. */
__attribute__((noreturn)) static void start_and_end(long a_second)
{
	const struct timespec step = { .tv_nsec = 20000000 };

	for (;;) {
		nanosleep(&step, NULL);
		while (waitpid(-1, NULL, WNOHANG) > 0) {
		}
		for (long i = 0; i < a_second / 50; i++) {
			const pid_t pid = fork();

			if (pid < 0)
				program_die("fork");
			if (pid == 0)
				_exit(0);
		}
	}
}

int main(int argc, char **argv)
{
	struct shape shape = { 0 };
	const char *name = "population";
	long for_s = PROGRAM_FOR_S_DEFAULT;
	long count = 1;
	long shared_bytes = 0;
	long active_percent = 0;
	long mixed = 0;
	long starts = 0;
	int ready[2];
	const struct program_option options[] = {
		{ "count", "N", COUNT_MAX, &count, NULL },
		{ "shared", "BYTES", BYTES_MAX, &shared_bytes, NULL },
		{ "own", "BYTES", BYTES_MAX, &shape.own_bytes, NULL },
		{ "mappings", "N", MAPPINGS_MAX, &shape.mappings, NULL },
		{ "threads", "N", 200000, &shape.threads, NULL },
		{ "fds", "N", FDS_MAX, &shape.fds, NULL },
		{ "active", "PERCENT", 100, &active_percent, NULL },
		{ "mixed", NULL, 1, &mixed, NULL },
		{ "starts", "N", 5000, &starts, NULL },
		{ "name", "NAME", 0, NULL, &name },
		{ "for", "SECONDS", PROGRAM_FOR_S_MAX, &for_s, NULL },
		{ NULL, NULL, 0, NULL, NULL },
	};

	(void)argc;
	program_options(argv, options);
	program_begin(for_s, "population-top");
	if (pipe2(ready, O_CLOEXEC) != 0)
		program_die("pipe");
	if (shared_bytes > 0)
		touch(map_bytes(shared_bytes), shared_bytes);
	for (long i = 0; i < count; i++) {
		const struct shape own = mixed ? mixed_shape(i) : shape;

		begin_child(&own, i * 37 % 100 < active_percent, name, ready[1]);
	}
	await(ready[0], count);
	program_ready(count);
	if (starts > 0)
		start_and_end(starts);
	for (;;)
		pause();
}
