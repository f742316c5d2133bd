/*
 * Works as fast as it can, and tells every tenth of a second how much it has done: wall time, CPU
 * time, operations. --kind 0 renews objects of a heap, 1 maps and unmaps memory all the time.
 */
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

#include "../../programs/program.h"

#define SLOTS 200000
#define MAPPED_BYTES (64 * 1024)

static double clock_s(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void renew(void **slots, uint64_t *state)
{
	for (int i = 0; i < 1000; i++) {
		const size_t at = (*state = *state * 6364136223846793005u + 1442695040888963407u) >> 33;
		const size_t size = 16 + at % 400;

		free(slots[at % SLOTS]);
		slots[at % SLOTS] = malloc(size);
		if (!slots[at % SLOTS])
			program_die("malloc");
		memset(slots[at % SLOTS], 'x', size);
	}
}

static void map_and_unmap(void)
{
	for (int i = 0; i < 10; i++) {
		char *memory =
			mmap(NULL, MAPPED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			program_die("mmap");
		for (size_t at = 0; at < MAPPED_BYTES; at += 4096)
			memory[at] = 'x';
		munmap(memory, MAPPED_BYTES);
	}
}

int main(int argc, char **argv)
{
	long for_s = 300, kind = 0;
	const struct program_option options[] = {
		{ "for", "S", PROGRAM_FOR_S_MAX, &for_s, NULL },
		{ "kind", "K", 1, &kind, NULL },
		{ 0 },
	};
	static void *slots[SLOTS];
	uint64_t state = 1;
	long done = 0;
	double next_s;

	(void)argc;
	program_options(argv, options);
	program_begin(for_s, NULL);
	for (int i = 0; i < 1000; i++)
		renew(slots, &state);
	program_ready(0);
	for (next_s = clock_s(CLOCK_MONOTONIC);; done++) {
		if (kind == 0)
			renew(slots, &state);
		else
			map_and_unmap();
		if (clock_s(CLOCK_MONOTONIC) < next_s)
			continue;
		printf("%.6f %.6f %ld\n", clock_s(CLOCK_MONOTONIC), clock_s(CLOCK_PROCESS_CPUTIME_ID),
		       done);
		fflush(stdout);
		next_s += 0.1;
	}
}
