/*
 * Threads that allocate and free blocks of many sizes from their own malloc arenas, as a busy C
 * server does. --leak N: one block of N is never freed; 0: none. The load swings by half with a
 * period of --wave seconds. Prints "ready".
 */
#include "program.h"

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#define THREADS_MAX 64
#define SLOTS 4096
#define BLOCK_MIN_BYTES 32
#define BLOCK_SPREAD_BYTES 1500
#define TURN_NS 10000000L

static long leak_every;
static long wave_s = 400;
static long blocks_per_turn = 40;

/* Written, so that no compiler drops an allocation that nobody reads. */
static void *volatile lost;

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void *get_block(uint32_t *state)
{
	const size_t size = BLOCK_MIN_BYTES + next_random(state) % BLOCK_SPREAD_BYTES;
	void *block = malloc(size);

	if (!block)
		program_die("malloc");
	memset(block, 1, size);
	return block;
}

/* A triangle from one half to one and a half and back. */
static double load_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	const double phase = (double)(now.tv_sec % wave_s) / (double)wave_s;
	return 0.5 + (phase < 0.5 ? 2 * phase : 2 - 2 * phase);
}

static void *thread_run(void *seed)
{
	uint32_t state = (uint32_t)(uintptr_t)seed * 2654435761u + 1;
	void **blocks = calloc(SLOTS, sizeof *blocks);

	if (!blocks)
		program_die("calloc");
	for (;;) {
		const long count = (long)((double)blocks_per_turn * load_now());
		for (long i = 0; i < count; i++) {
			const uint32_t slot = next_random(&state) % SLOTS;
			free(blocks[slot]);
			blocks[slot] = get_block(&state);
			if (leak_every > 0 && next_random(&state) % (uint32_t)leak_every == 0)
				lost = get_block(&state);
		}
		nanosleep(&(struct timespec){ .tv_nsec = TURN_NS }, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long for_s = PROGRAM_FOR_S_DEFAULT;
	long thread_count = 6;
	const struct program_option options[] = {
		{ "threads", "N", THREADS_MAX, &thread_count, NULL },
		{ "leak", "N", 1000000, &leak_every, NULL },
		{ "blocks", "N", 100000, &blocks_per_turn, NULL },
		{ "wave", "SECONDS", 100000, &wave_s, NULL },
		{ "for", "SECONDS", PROGRAM_FOR_S_MAX, &for_s, NULL },
		{ NULL, NULL, 0, NULL, NULL },
	};

	(void)argc;
	program_options(argv, options);
	if (wave_s < 1)
		program_usage(argv[0], options);
	program_begin(for_s, NULL);
	for (long i = 0; i < thread_count; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, thread_run, (void *)(uintptr_t)(i + 1)) != 0)
			program_die("pthread_create");
	}
	program_ready(0);
	for (;;)
		pause();
}
