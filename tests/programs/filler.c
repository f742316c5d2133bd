/*
 * Adds to its heap at an even pace, --rate bytes a second. With --read 1 all of it is read again
 * and again, once a second, as a cache in use is; else nobody ever looks at it again, as at a leak.
 * Prints "ready".
 */
#include "program.h"

#include <time.h>

#define TURNS_PER_S 20
#define BLOCK_BYTES 16384L
#define PAGE_BYTES 4096L
#define BLOCKS_MAX (1L << 20)

static long rate_bytes = 1024 * 1024;
static long is_read;
static long for_s = PROGRAM_FOR_S_DEFAULT;
static char *blocks[BLOCKS_MAX];
static volatile char sink;

static void add_block(long at)
{
	blocks[at] = malloc(BLOCK_BYTES);
	if (!blocks[at])
		program_die("malloc");
	memset(blocks[at], 1, BLOCK_BYTES);
}

/* Every TURNS_PER_S-th block, so that each has its turn within a second. */
static void read_some(long count, long turn)
{
	for (long at = turn % TURNS_PER_S; at < count; at += TURNS_PER_S)
		for (long offset = 0; offset < BLOCK_BYTES; offset += PAGE_BYTES)
			sink = blocks[at][offset];
}

int main(int argc, char **argv)
{
	const struct program_option options[] = {
		{ "rate", "BYTES", 1L << 30, &rate_bytes, NULL },
		{ "read", "0|1", 1, &is_read, NULL },
		{ "for", "SECONDS", PROGRAM_FOR_S_MAX, &for_s, NULL },
		{ NULL, NULL, 0, NULL, NULL },
	};
	const struct timespec pause = { .tv_nsec = 1000000000L / TURNS_PER_S };
	struct timespec begin;
	struct timespec now;
	long count = 0;

	(void)argc;
	program_options(argv, options);
	program_begin(for_s, NULL);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	program_ready(0);
	for (long turn = 0;; turn++) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		const double age_s =
			(double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) * 1e-9;
		const long wanted = (long)(age_s * (double)rate_bytes) / BLOCK_BYTES;

		while (count < wanted && count < BLOCKS_MAX)
			add_block(count++);
		if (is_read)
			read_some(count, turn);
		nanosleep(&pause, NULL);
	}
}
