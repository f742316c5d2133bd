/*
 * measure PID: reads PID's smaps for each line of its input, answers each with a line, and prints
 * at the end of the input what the ledger says, as one line of JSON.
 *
 * measure --cost PID: prints the CPU time of a reading, with the parser and without it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "procfs/procfs.h"
#include "regions/ledger.h"

static struct pl_region_scan scan;
static struct pl_region_snapshot snapshot;
static struct pl_ledger ledger;
static char buffer[65536];

static void feed(void *ctx, const char *text, size_t len)
{
	if (ctx)
		pl_regions_feed(&scan, text, len);
}

static double now_s(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* CPU seconds for one reading; without a parser the kernel's part of them. */
static double read_once(const struct pl_procfs *fs, int32_t pid, void *parse)
{
	const double begin_s = now_s(CLOCK_THREAD_CPUTIME_ID);

	if (parse)
		pl_regions_begin(&scan);
	if (pl_procfs_stream(fs, pid, "smaps", buffer, sizeof(buffer), feed, parse) < 0 ||
	    (parse && pl_regions_end(&scan, 0, &snapshot) < 0)) {
		fprintf(stderr, "cannot read smaps of %d\n", (int)pid);
		exit(2);
	}
	return now_s(CLOCK_THREAD_CPUTIME_ID) - begin_s;
}

static void print_cost(const struct pl_procfs *fs, int32_t pid)
{
	double kernel_s = 1e9;
	double both_s = 1e9;

	for (int i = 0; i < 7; i++) {
		const double kernel = read_once(fs, pid, NULL);
		const double both = read_once(fs, pid, &scan);

		kernel_s = kernel < kernel_s ? kernel : kernel_s;
		both_s = both < both_s ? both : both_s;
	}
	printf("{\"mappings\":%u,\"kernel_seconds\":%.6f,\"with_parser_seconds\":%.6f,"
	       "\"scan_bytes\":%zu}\n",
	       snapshot.mapping_count, kernel_s, both_s, sizeof(scan));
}

static void print_ledger(void)
{
	struct pl_region_share shares[PL_REGION_COUNT];
	const char *comma = "";
	size_t count = 0;

	printf("{\"mappings\":%u,\"stacks\":%u,\"runtimes\":[", snapshot.mapping_count,
	       snapshot.stack_count);
	for (unsigned r = 0; r < PL_RUNTIME_COUNT; r++)
		if (pl_runtime_has(snapshot.runtimes, r)) {
			printf("%s\"%s\"", comma, pl_runtime_name(r));
			comma = ",";
		}
	printf("],\"now\":{");
	comma = "";
	for (unsigned r = 0; r < PL_REGION_COUNT; r++)
		if (snapshot.totals[r].mapping_count > 0) {
			printf("%s\"%s\":%llu", comma, pl_region_name(r),
			       (unsigned long long)ledger.now.used_bytes[r]);
			comma = ",";
		}
	for (int set = 0; set < 2; set++) {
		printf("},\"%s\":{", set == 0 ? "anonymous" : "shared");
		count = pl_ledger_shares(&ledger, (enum pl_region_set)set, shares, PL_REGION_COUNT);
		for (size_t i = 0; i < count; i++)
			printf("%s\"%s\":%.4f", i ? "," : "", pl_region_name(shares[i].region),
			       shares[i].share);
	}
	printf("},\"places\":[");
	const struct pl_ledger_place *places[5];
	count = pl_ledger_growing(&ledger, places, 5);
	for (size_t i = 0; i < count; i++)
		printf("%s{\"region\":\"%s\",\"name\":\"%s\",\"used\":%llu,\"base\":%llu}", i ? "," : "",
		       pl_region_name(places[i]->place.region), places[i]->place.name,
		       (unsigned long long)places[i]->place.used_bytes,
		       (unsigned long long)places[i]->base_bytes);
	puts("]}");
}

int main(int argc, char **argv)
{
	const bool cost = argc == 3 && strcmp(argv[1], "--cost") == 0;
	const int32_t pid = argc > 1 ? (int32_t)atoi(argv[argc - 1]) : 0;
	struct pl_procfs fs;
	int c;

	if (pid <= 0 || (argc != 2 && !cost) || pl_procfs_open(&fs, "/proc", NULL) < 0) {
		fputs("usage: measure [--cost] PID\n", stderr);
		return 2;
	}
	if (cost) {
		print_cost(&fs, pid);
		return 0;
	}
	while ((c = getchar()) != EOF) {
		if (c != '\n')
			continue;
		read_once(&fs, pid, &scan);
		pl_ledger_update(&ledger, &snapshot, now_s(CLOCK_MONOTONIC), 0);
		puts("read");
		fflush(stdout);
	}
	print_ledger();
	return 0;
}
