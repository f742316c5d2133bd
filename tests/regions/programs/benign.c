/*
 * Growth that has a name of its own, and leaks that have something special:
 *
 *   benign lazyfree|collapse|huge|maps|memfd|retain SECONDS
 *
 * lazyfree: touches ever more memory and gives all of it back with MADV_FREE. collapse: has small
 * pages with holes between them made into huge ones, bit by bit. huge: leaks memory that is huge
 * from the start. maps: leaks a page in a mapping of its own, over and over. memfd: leaks memfd
 * files that it writes and never maps. retain: after a sixth of the time threads allocate a lot and
 * free it, but for what lies on top of each arena. Says "ready" before it begins, "cannot" where
 * the kernel cannot.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define CHUNK (2 * MIB)
#define PAGE 4096
#define SPACE (400 * MIB)
#define STEP_NS 100000000L
#define SECOND_NS 1000000000L
#define MAPS 80 /* a step */
#define KEPT (MIB / 4)
#define THREADS 8
#define BLOCKS 24000 /* of 1 KiB: 24 MiB an arena */

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static char *space;

static char *map_space(void)
{
	char *at =
		mmap(NULL, SPACE + CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		exit(1);
	return at + (CHUNK - (uintptr_t)at % CHUNK) % CHUNK;
}

static void touch(char *from, size_t bytes, size_t every)
{
	for (size_t at = 0; at < bytes; at += every)
		from[at] = 1;
}

static void lazyfree(long step)
{
	char *at = space + (size_t)step * MIB;

	touch(at, MIB, PAGE);
	madvise(at, MIB, MADV_FREE);
}

static void collapse(long step)
{
	if (step % 2 == 0)
		madvise(space + (size_t)step / 2 * CHUNK, CHUNK, MADV_COLLAPSE);
}

static void huge(long step)
{
	char *at;

	if (step % 4 != 0)
		return;
	at = mmap(NULL, 2 * CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		exit(1);
	at += (CHUNK - (uintptr_t)at % CHUNK) % CHUNK;
	madvise(at, CHUNK, MADV_HUGEPAGE);
	touch(at, CHUNK, PAGE);
}

static void maps(void)
{
	for (int i = 0; i < MAPS; i++) {
		char *at = mmap(NULL, (size_t)2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		                -1, 0);

		if (at == MAP_FAILED)
			exit(1);
		at[0] = 1;
		/* what is unlike its neighbours merges with none of them */
		mprotect(at + PAGE, PAGE, PROT_NONE);
	}
}

static void leak_memfd(void)
{
	static const char piece[KEPT];
	const int fd = memfd_create("kept", MFD_CLOEXEC);

	if (fd < 0 || write(fd, piece, sizeof(piece)) != sizeof(piece))
		exit(1);
}

static void *burst(void *arg)
{
	static _Thread_local void *blocks[BLOCKS];

	(void)arg;
	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(1000);
		if (blocks[i])
			memset(blocks[i], 1, 1000);
	}
	for (size_t i = 0; i + 1 < BLOCKS; i++)
		free(blocks[i]);
	sleep(3); /* long enough to be seen */
	return NULL;
}

static void retain(long step, long steps)
{
	pthread_t thread;

	if (step != steps / 6)
		return;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, burst, NULL) != 0)
			exit(1);
}

int main(int argc, char **argv)
{
	struct timespec next;
	const char *mode = argc > 2 ? argv[1] : "";
	const long steps = argc > 2 ? atol(argv[2]) * 10 : 0;

	if (strcmp(mode, "lazyfree") == 0 || strcmp(mode, "collapse") == 0)
		space = map_space();
	if (strcmp(mode, "collapse") == 0) {
		/* the first one tells whether the kernel can */
		touch(space, SPACE, (size_t)2 * PAGE);
		if (madvise(space, CHUNK, MADV_COLLAPSE) != 0) {
			puts("cannot");
			return 0;
		}
	}
	puts("ready");
	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (long step = 1; step < steps; step++) {
		/* what a busy machine makes late is caught up with: the pace stays even */
		next.tv_nsec += STEP_NS;
		if (next.tv_nsec >= SECOND_NS) {
			next.tv_nsec -= SECOND_NS;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
		if (strcmp(mode, "lazyfree") == 0)
			lazyfree(step);
		else if (strcmp(mode, "collapse") == 0)
			collapse(step);
		else if (strcmp(mode, "huge") == 0)
			huge(step);
		else if (strcmp(mode, "maps") == 0)
			maps();
		else if (strcmp(mode, "memfd") == 0)
			leak_memfd();
		else if (strcmp(mode, "retain") == 0)
			retain(step, steps);
	}
	sleep(60);
	return 0;
}
