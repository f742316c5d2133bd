/*
 * What is disturbed: --threads that map, fault in and unmap memory all the time, beside --resident
 * bytes that a walk through its pages has to pass. Every tenth of a second it prints
 *
 *   MONOTONIC_S ROUNDS CPU_US LONGEST_US COUNT,COUNT,...
 *
 * the rounds since the line before, the CPU time they took, the longest one, and how many took less
 * than 2^(i/4) microseconds, for i = 0, 1...; with --idle 1 a single thread maps and unmaps one
 * page and rests a millisecond: a probe of the mmap lock.
 */
#include "../../programs/program.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <time.h>

#define THREADS_MAX 64
#define BUCKETS 96
#define ROUND_BYTES (64L << 10)

static atomic_ulong rounds[BUCKETS];
static atomic_ulong longest_ns;
static bool is_probe;

static double now_s(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void one_round(void)
{
	const size_t bytes = is_probe ? 4096 : (size_t)ROUND_BYTES;
	char *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		program_die("mmap");
	for (size_t at = 0; at < bytes; at += 4096)
		block[at] = 1;
	munmap(block, bytes);
}

static void *run(void *arg)
{
	const struct timespec rest = { .tv_nsec = 1000000 };

	(void)arg;
	for (;;) {
		const double begin_s = now_s(CLOCK_MONOTONIC);
		double took_ns;
		int bucket;
		unsigned long most;

		one_round();
		took_ns = (now_s(CLOCK_MONOTONIC) - begin_s) * 1e9;
		bucket = took_ns > 1000 ? (int)(4 * log2(took_ns / 1000)) + 1 : 0;
		atomic_fetch_add(&rounds[bucket < BUCKETS ? bucket : BUCKETS - 1], 1);
		most = atomic_load(&longest_ns);
		while ((unsigned long)took_ns > most &&
		       !atomic_compare_exchange_weak(&longest_ns, &most, (unsigned long)took_ns))
			;
		if (is_probe)
			nanosleep(&rest, NULL);
	}
	return NULL;
}

static void report(double *cpu_before_s)
{
	const double cpu_s = now_s(CLOCK_PROCESS_CPUTIME_ID);
	const unsigned long most_ns = atomic_exchange(&longest_ns, 0);
	unsigned long counts[BUCKETS];
	unsigned long sum = 0;

	for (int i = 0; i < BUCKETS; i++)
		sum += counts[i] = atomic_exchange(&rounds[i], 0);
	printf("%.3f %lu %.0f %.1f ", now_s(CLOCK_MONOTONIC), sum, (cpu_s - *cpu_before_s) * 1e6,
	       (double)most_ns / 1000);
	for (int i = 0; i < BUCKETS; i++)
		printf("%s%lu", i ? "," : "", counts[i]);
	printf("\n");
	fflush(stdout);
	*cpu_before_s = cpu_s;
}

int main(int argc, char **argv)
{
	const struct timespec tenth = { .tv_nsec = 100000000 };
	double cpu_s = 0;
	long for_s = PROGRAM_FOR_S_DEFAULT;
	long threads = 2;
	long resident_bytes = 0;
	long idle = 0;
	pthread_t id;
	const struct program_option options[] = {
		{ "threads", "N", THREADS_MAX, &threads, NULL },
		{ "resident", "BYTES", 16384L << 20, &resident_bytes, NULL },
		{ "idle", "0|1", 1, &idle, NULL },
		{ "for", "SECONDS", PROGRAM_FOR_S_MAX, &for_s, NULL },
		{ NULL, NULL, 0, NULL, NULL },
	};

	(void)argc;
	program_options(argv, options);
	program_begin(for_s, "target");
	is_probe = idle != 0;
	if (resident_bytes > 0) {
		char *block = mmap(NULL, (size_t)resident_bytes, PROT_READ | PROT_WRITE,
		                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (block == MAP_FAILED)
			program_die("mmap");
		(void)madvise(block, (size_t)resident_bytes, MADV_NOHUGEPAGE);
		for (long at = 0; at < resident_bytes; at += 4096)
			block[at] = 1;
	}
	for (long i = 0; i < (is_probe ? 1 : threads); i++)
		if (pthread_create(&id, NULL, run, NULL) != 0)
			program_die("pthread_create");
	program_ready(0);
	for (;;) {
		nanosleep(&tenth, NULL);
		report(&cpu_s);
	}
}
