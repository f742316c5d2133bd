/*
 * leak KIND MIB [SECONDS]: prints "ready"; for each line of its input leaks MIB MiB of the kind in
 * small steps, over SECONDS if given, and prints "done". Ends with its input.
 *
 * Each kind leaks at one place and nowhere else; KIND "map" makes MIB small mappings instead.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#define MIB (1u << 20)
#define STEPS 64

static void *keep; /* so that no compiler removes an allocation */

static void touch(void *memory, size_t bytes)
{
	memset(memory, 0x5a, bytes);
	keep = memory;
}

static void leak_malloc(size_t bytes)
{
	const size_t piece = 1000;

	for (size_t done = 0; done < bytes; done += piece)
		touch(malloc(piece), piece);
}

static void leak_mmap(size_t bytes)
{
	touch(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes);
}

/* One buffer that realloc() moves as it grows. */
static void leak_realloc(size_t bytes)
{
	static char *buffer;
	static size_t used;

	buffer = realloc(buffer, used + bytes);
	touch(buffer + used, bytes);
	used += bytes;
}

static void *in_thread(void *bytes)
{
	leak_malloc(*(size_t *)bytes);
	return NULL;
}

/* Two threads at a time, so that not all of them get the main arena. */
static void leak_arena(size_t bytes)
{
	pthread_t threads[2];
	size_t half = bytes / 2;

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, in_thread, &half);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

static void *use_stack(void *bytes)
{
	volatile char space[MIB];

	for (size_t i = 0; i < sizeof(space) && i < *(size_t *)bytes; i += 1024)
		space[i] = 1;
	for (;;)
		pause();
	return NULL;
}

static void leak_threads(size_t bytes)
{
	static size_t each = MIB / 2;

	for (size_t done = 0; done < bytes; done += each) {
		pthread_t thread;

		pthread_create(&thread, NULL, use_stack, &each);
	}
}

static void leak_fds(size_t bytes)
{
	const size_t piece = 64u << 10;

	for (size_t done = 0; done < bytes; done += piece) {
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			abort();
		touch(malloc(piece), piece);
	}
}

static void leak_memfd(size_t bytes)
{
	const int fd = memfd_create("leaky", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		abort();
	touch(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), bytes);
	close(fd);
}

static void leak_shared(size_t bytes)
{
	touch(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), bytes);
}

static void leak_posix_shm(size_t bytes)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/procleak-test-%d", (int)getpid());
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	shm_unlink(name);
	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		abort();
	touch(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), bytes);
	close(fd);
}

static void leak_sysv(size_t bytes)
{
	const int id = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
	void *memory = shmat(id, NULL, 0);

	shmctl(id, IPC_RMID, NULL);
	touch(memory, bytes);
}

static void leak_library(size_t bytes)
{
	static void *(*take)(size_t);

	if (!take) {
		void *library = dlopen(getenv("POOL_LIBRARY"), RTLD_NOW);

		if (!library)
			abort();
		*(void **)&take = dlsym(library, "pool_take");
	}
	touch(take(bytes), bytes);
}

static char program_pool[256 * MIB];

static void leak_program(size_t bytes)
{
	static size_t used;

	touch(program_pool + used, bytes);
	used += bytes;
}

/* Neighbours differ in their rights, so that the kernel cannot merge them. */
static void make_mappings(size_t count)
{
	const long page = sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, count * (size_t)page, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < count; i++) {
		memory[i * (size_t)page] = 1;
		if (i % 2 && mprotect(memory + i * (size_t)page, (size_t)page, PROT_READ) < 0)
			abort();
	}
}

static const struct {
	const char *name;
	void (*leak)(size_t bytes);
} kinds[] = {
	{ "malloc", leak_malloc }, { "mmap", leak_mmap },       { "realloc", leak_realloc },
	{ "arena", leak_arena },   { "threads", leak_threads }, { "fds", leak_fds },
	{ "memfd", leak_memfd },   { "shared", leak_shared },   { "shm", leak_posix_shm },
	{ "sysv", leak_sysv },     { "library", leak_library }, { "program", leak_program },
};

static void leak(void (*one)(size_t), size_t bytes, double seconds)
{
	const int steps = seconds > 0 ? (int)(seconds * 20) + 1 : STEPS;

	for (int i = 0; i < steps; i++) {
		one(bytes / (size_t)steps);
		usleep(seconds > 0 ? 50000 : 3000);
	}
}

int main(int argc, char **argv)
{
	const size_t amount = argc > 2 ? (size_t)atoi(argv[2]) : 0;
	void (*one)(size_t) = NULL;
	char c;

	for (size_t i = 0; argc > 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			one = kinds[i].leak;
	if (amount == 0 || (!one && strcmp(argv[1], "map") != 0)) {
		fprintf(stderr, "usage: leak KIND MIB [SECONDS]\n");
		return 2;
	}
	leak_malloc(MIB);
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) == 1) {
		if (one)
			leak(one, amount * MIB, argc > 3 ? atof(argv[3]) : 0);
		else
			make_mappings(amount);
		puts("done");
		fflush(stdout);
	}
	return 0;
}
