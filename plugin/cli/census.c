/* `procleak census`: what kinds of objects a process piles up, seen from outside. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <yajl/yajl_gen.h>

#include "census/tell.h"
#include "cli.h"
#include "say.h"

static const char program[] = "procleak census";

#define STRETCHED_S_MAX 120

struct request {
	int32_t pid;
	bool json;
	bool has_interval; /* asked for */
	const char *proc_root;
	struct pl_census_options options;
};

static volatile sig_atomic_t stop_signal;

static void on_signal(int signal)
{
	stop_signal = signal;
}

static void print_help(void)
{
	puts(
		"usage: procleak census [OPTION]... PID\n"
		"\n"
		"Tells what kinds of objects pile up in a process, from a few MiB of its memory: types of\n"
		"C++ and CPython, functions and strings that objects point to, sizes of malloc's chunks;\n"
		"of Go, goroutines and size classes of what its collections found alive.\n"
		"It finds what grows: a cache that fills looks the same. Contents are never shown.\n"
		"\n"
		"  --interval SECONDS  between the first look and the last one (default 30; of Go up to\n"
		"                      120 when it seldom collects its garbage)\n"
		"  --pages N           effort: 4 N pages of the heap are read at each of 6 looks, and up "
		"to\n"
		"                      2 N of those that are new; of Go, records of 64 N spans (default\n"
		"                      256)\n"
		"  --symbols DIR       separate debug files, as in /usr/lib/debug or side by side\n"
		"  --seed N            choose the same pages again\n"
		"  --proc DIR          where procfs is mounted (default /proc)\n"
		"  --json              one JSON object instead of a table\n"
		"\n"
		"Needs CAP_SYS_PTRACE for another user's process, and CAP_DAC_READ_SEARCH. Exits with 0\n"
		"when the census is done, even if inconclusive, 2 when it cannot be done.");
}

static bool parse_number(const char *option, const char *text, double min, double max, double *out)
{
	char *end;
	const double value = strtod(text, &end);

	if (end == text || *end || !isfinite(value) || value < min || value > max) {
		pl_cli_say("%s: %s: \"%s\" is not a number from %g to %g\n", program, option, text, min,
		           max);
		return false;
	}
	*out = value;
	return true;
}

enum { OPT_INTERVAL = 1, OPT_PAGES, OPT_SYMBOLS, OPT_SEED, OPT_PROC, OPT_JSON, OPT_HELP };

static const struct option options[] = {
	{ "interval", required_argument, NULL, OPT_INTERVAL },
	{ "pages", required_argument, NULL, OPT_PAGES },
	{ "symbols", required_argument, NULL, OPT_SYMBOLS },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "proc", required_argument, NULL, OPT_PROC },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

/* One option. Returns false after a message. */
static bool take_option(int option, struct request *request)
{
	double number = 0;
	bool good = true;

	switch (option) {
	case OPT_INTERVAL:
		request->has_interval = true;
		return parse_number("--interval", optarg, 1, 86400, &request->options.interval_s);
	case OPT_PAGES:
		good = parse_number("--pages", optarg, PL_CENSUS_PAGES_MIN, PL_CENSUS_PAGES_MAX, &number);
		request->options.page_count = (uint32_t)number;
		return good;
	case OPT_SEED:
		good = parse_number("--seed", optarg, 0, 9e15, &number);
		request->options.seed = (uint64_t)number;
		return good;
	case OPT_SYMBOLS:
		request->options.symbols_dir = optarg;
		return true;
	case OPT_PROC:
		request->proc_root = optarg;
		return true;
	case OPT_JSON:
		request->json = true;
		return true;
	default:
		return false;
	}
}

/* Returns -1 to go on, or an exit code. */
static int parse_arguments(int argc, char **argv, struct request *request)
{
	int option;
	double pid = 0;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == OPT_HELP || option == 'h')
			return print_help(), PL_EXIT_OK;
		if (!take_option(option, request))
			return PL_EXIT_USAGE;
	}
	if (argc - optind != 1) {
		fprintf(stderr, "%s: name one PID; --help tells more\n", program);
		return PL_EXIT_USAGE;
	}
	if (!parse_number("PID", argv[optind], 1, INT32_MAX, &pid) || pid != floor(pid))
		return PL_EXIT_USAGE;
	request->pid = (int32_t)pid;
	return -1;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void print_error(const struct request *request, int err)
{
	const bool hidden = err == -ESRCH && pl_cli_is_hiding(request->proc_root);

	fprintf(stderr, "%s: process %d: %s\n", program, (int)request->pid,
	        hidden ? PL_CLI_HIDDEN : pl_census_tell_error(err));
}

static void print_progress(double left_s, bool on_terminal)
{
	fprintf(stderr, on_terminal ? "\r%s: looking, %.0f s to go " : "%s: looking, %.0f s to go\n",
	        program, left_s);
}

/* Sleeps until the next look is due. Returns false on a signal. */
static bool wait_until(double due_s, double end_s)
{
	const bool on_terminal = isatty(STDERR_FILENO);

	if (!on_terminal)
		print_progress(end_s - now_s(), false);
	while (!stop_signal) {
		const double left_s = due_s - now_s();
		const double nap_s = on_terminal ? fmin(left_s, 1) : left_s;
		struct timespec nap;

		if (left_s <= 0)
			return true;
		if (on_terminal)
			print_progress(end_s - now_s(), true);
		nap = (struct timespec){ (time_t)nap_s, (long)((nap_s - floor(nap_s)) * 1e9) };
		nanosleep(&nap, NULL);
	}
	return false;
}

/* Of a program that seldom collects its garbage little shows in half a minute. */
static void stretch(const struct request *request, struct pl_census *census, double begun_s,
                    double *end_s)
{
	const double longer_s = pl_census_longer_s(census);

	if (request->has_interval || longer_s <= 0 || longer_s > STRETCHED_S_MAX)
		return;
	pl_census_stretch(census, longer_s);
	*end_s = begun_s + longer_s;
}

static int run_census(const struct request *request, const struct pl_procfs *fs,
                      struct pl_census_report *out)
{
	struct pl_census *census = NULL;
	struct pl_host host;
	const double begun_s = now_s();
	double end_s = begun_s + request->options.interval_s;
	double due_s;
	int err;

	pl_sample_host(fs, &host);
	err = pl_census_begin(&census, fs, &host, request->pid, &request->options, begun_s);
	if (err < 0)
		return err;
	while (err == 0 && (due_s = pl_census_due_s(census)) >= 0) {
		if (!wait_until(due_s, end_s))
			err = -EINTR;
		else
			err = pl_census_step(census, now_s());
		if (err == 0)
			stretch(request, census, begun_s, &end_s);
	}
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	if (err == 0)
		err = pl_census_finish(census, out);
	pl_census_free(census);
	return err;
}

static int print_json(const struct pl_census_report *report)
{
	yajl_gen gen = yajl_gen_alloc(NULL);
	const unsigned char *text;
	size_t len;
	int err = -ENOMEM;

	if (!gen)
		return err;
	pl_census_tell_json(report, PL_CENSUS_ENTRIES_MAX, gen);
	if (yajl_gen_get_buf(gen, &text, &len) == yajl_gen_status_ok) {
		printf("%.*s\n", (int)len, text);
		err = 0;
	}
	yajl_gen_free(gen);
	return err;
}

static void print_bytes(double bytes, int width)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	for (; fabs(bytes) >= 1024 && unit < 4; unit++)
		bytes /= 1024;
	printf("%*.*f %s", width, unit == 0 ? 0 : 1, bytes, units[unit]);
}

static void print_entry(const struct pl_census_entry *entry)
{
	char interval[48];

	snprintf(interval, sizeof(interval), "%.1f-%.1f", entry->low_per_s, entry->high_per_s);
	printf("%10.1f  %-17s ", entry->objects_per_s, interval);
	if (entry->object_bytes > 0)
		print_bytes(entry->bytes_per_s, 8);
	else
		printf("%10s", "?");
	if (entry->object_bytes > 0 && entry->share >= 0)
		printf("\t%3.0f %%", entry->share * 100);
	else
		printf("\t%5s", "?");
	printf("  %6.2f %%  %-7s %s\n", floor(entry->confidence * 1e4) / 100,
	       pl_census_kind_name(entry->kind), entry->name);
	printf("%66s (%s%s%s)\n", "", entry->named_by, entry->detail[0] ? ": " : "", entry->detail);
}

/* How slow a leak may be that was not seen. */
static void print_floors(const struct pl_census_report *report)
{
	const bool by_count = !isnan(report->floor_objects_per_s);

	if (by_count)
		printf("A leak of less than %.0f objects/s%s would not have been told from chance",
		       ceil(report->floor_objects_per_s),
		       strcmp(report->allocator, "glibc") == 0 ? "" : " of one type");
	if (report->floor_bytes_per_s > 0) {
		printf("%s", by_count ? ",\nnor one that only a size tells, below "
		                      : "What only a size tells would not have been told below ");
		print_bytes(report->floor_bytes_per_s, 0);
		printf("/s");
	}
	if (by_count || report->floor_bytes_per_s > 0)
		printf(". ");
}

static void print_table(const struct request *request, const struct pl_census_report *report)
{
	printf("process %d (%s, %s)", (int)request->pid, report->runtime, report->allocator);
	if (report->pages_read > 0) {
		printf(": heap of ");
		print_bytes(report->heap_bytes, 0);
		printf(", %s by ", report->heap_growth_per_s < 0 ? "shrank" : "grew");
		print_bytes(fabs(report->heap_growth_per_s), 0);
		printf("/s over %.0f s", report->interval_s);
	}
	putchar('\n');
	if (report->entry_count > 0)
		printf("\n%10s  %-17s %10s\t%5s  %8s  %-7s %s\n", "objects/s", "95 % interval", "bytes/s",
		       "share", "sure", "kind", "what");
	for (size_t i = 0; i < report->entry_count; i++)
		print_entry(&report->entries[i]);
	if (report->inconclusive)
		printf("\nInconclusive: %s.\n", report->reason);
	else if (report->reason[0])
		printf("\nNote: %s.\n", report->reason);
	if (report->pages_read == 0)
		return;
	putchar('\n');
	print_floors(report);
	printf("Read %llu pages in %.0f ms of CPU.\n", (unsigned long long)report->pages_read,
	       report->cpu_s * 1000);
}

int pl_cli_census(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = on_signal };
	struct request request = { .proc_root = "/proc",
		                       .options = { .page_count = PL_CENSUS_PAGES_DEFAULT,
		                                    .interval_s = PL_CENSUS_INTERVAL_S_DEFAULT } };
	struct pl_census_report report = { 0 };
	struct pl_procfs fs;
	int code;
	int err;

	if (getrandom(&request.options.seed, sizeof(request.options.seed), 0) < 0)
		request.options.seed = (uint64_t)(now_s() * 1e9);
	code = parse_arguments(argc, argv, &request);
	if (code >= 0)
		return code;
	err = pl_procfs_open(&fs, request.proc_root, NULL);
	if (err < 0) {
		fprintf(stderr, "%s: %s: %s\n", program, request.proc_root, strerror(-err));
		return PL_EXIT_USAGE;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	err = run_census(&request, &fs, &report);
	pl_procfs_close(&fs);
	if (err < 0) {
		print_error(&request, err);
		return PL_EXIT_USAGE;
	}
	if (!request.json)
		print_table(&request, &report);
	else if (print_json(&report) < 0)
		return PL_EXIT_USAGE;
	return fflush(stdout) == 0 ? PL_EXIT_OK : PL_EXIT_USAGE;
}
