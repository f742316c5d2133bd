/* `procleak record`: one CSV row per process and instant, in the trace format of `replay`. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "say.h"
#include "follow.h"

static const char program[] = "procleak record";

/* The format's own columns first, then what else there is. */
static const enum pl_metric first_columns[] = {
	PL_M_RSS,          PL_M_ANON,    PL_M_FILE, PL_M_SHMEM,   PL_M_SWAP, PL_M_PRIVATE_DIRTY,
	PL_M_IDLE,         PL_M_VM_SIZE, PL_M_HEAP, PL_M_THREADS, PL_M_FDS,  PL_M_CONNECTIONS,
	PL_M_MINOR_FAULTS, PL_M_CPU,     PL_M_READ, PL_M_LIMIT,
};
#define FIRST_COUNT (sizeof(first_columns) / sizeof(first_columns[0]))

struct recording {
	FILE *out;
	enum pl_metric columns[PL_METRIC_COUNT];
	double interval_s;
	unsigned row_count;  /* in this tick */
	unsigned idle_ticks; /* in a row without a row */
	bool has_rows;
	bool until_gone;
	bool failed;
};

static void choose_columns(struct recording *recording)
{
	size_t count = 0;

	for (size_t i = 0; i < FIRST_COUNT; i++)
		recording->columns[count++] = first_columns[i];
	for (size_t m = 0; m < PL_METRIC_COUNT; m++) {
		bool taken = false;

		for (size_t i = 0; i < FIRST_COUNT; i++)
			taken |= first_columns[i] == (enum pl_metric)m;
		if (!taken)
			recording->columns[count++] = (enum pl_metric)m;
	}
}

static void write_header(const struct recording *recording)
{
	fputs("time,pid,start_time", recording->out);
	for (size_t i = 0; i < PL_METRIC_COUNT; i++)
		fprintf(recording->out, ",%s", pl_metric_info(recording->columns[i])->column);
	fputc('\n', recording->out);
}

static void write_value(FILE *out, enum pl_metric metric, uint64_t value)
{
	if (pl_metric_info(metric)->unit == PL_UNIT_MICROSECONDS)
		fprintf(out, "%" PRIu64 ".%06" PRIu64, value / 1000000, value % 1000000);
	else
		fprintf(out, "%" PRIu64, value);
}

static bool is_fresh(enum pl_metric metric, bool deep_is_fresh, bool idle_is_fresh)
{
	const enum pl_tier tier = pl_metric_info(metric)->tier;

	return tier == PL_TIER_PULSE || (tier == PL_TIER_IDLE ? idle_is_fresh : deep_is_fresh);
}

static void write_row(void *ctx, const struct pl_reading *reading)
{
	struct recording *recording = ctx;
	/* a dear value is of this instant, or it is blank */
	const double most_s = recording->interval_s / 2;
	const bool deep_is_fresh = reading->deep_age_s >= 0 && reading->deep_age_s < most_s;
	const bool idle_is_fresh = reading->idle_age_s >= 0 && reading->idle_age_s < most_s;

	if (reading->subject.kind != PL_SUBJECT_PROCESS)
		return;
	recording->row_count++;
	recording->has_rows = true;
	fprintf(recording->out, "%.3f,%d,%.2f", reading->time.wall_s, (int)reading->subject.pid,
	        reading->subject.start_s);
	for (size_t i = 0; i < PL_METRIC_COUNT; i++) {
		const enum pl_metric metric = recording->columns[i];
		uint64_t value;

		fputc(',', recording->out);
		if (pl_values_get(&reading->values, metric, &value) &&
		    is_fresh(metric, deep_is_fresh, idle_is_fresh))
			write_value(recording->out, metric, value);
	}
	fputc('\n', recording->out);
}

static bool after_tick(void *ctx, struct pl_time now)
{
	struct recording *recording = ctx;

	(void)now;
	recording->idle_ticks = recording->row_count > 0 ? 0 : recording->idle_ticks + 1;
	recording->row_count = 0;
	if (fflush(recording->out) != 0) {
		recording->failed = errno != EPIPE;
		return false;
	}
	return !(recording->until_gone && recording->idle_ticks >= 2);
}

static void print_help(void)
{
	puts("usage: procleak record [OPTION]... PID|NAME...\n"
	     "\n"
	     "Writes a row per process and instant as CSV, for `procleak replay`.\n"
	     "\n"
	     "  --interval SECONDS  between two rows of a process (default 1)\n"
	     "  --for SECONDS       stop after this time (default: Ctrl-C, or when every PID is gone)\n"
	     "  --children          descendants of each PID too\n"
	     "  --output FILE       write there instead of to standard output\n"
	     "  --set KEY=VALUE     any setting, such as DeepReadBudget=5, or IdleMemory=true for the\n"
	     "                      column idle_bytes");
}

enum { OPT_INTERVAL = 1, OPT_FOR, OPT_CHILDREN, OPT_OUTPUT, OPT_SET, OPT_HELP };

/* Returns -1 to go on, or an exit code. */
static int parse_options(int argc, char **argv, struct pl_follow *follow, const char **output)
{
	static const struct option options[] = {
		{ "interval", required_argument, NULL, OPT_INTERVAL },
		{ "for", required_argument, NULL, OPT_FOR },
		{ "children", no_argument, NULL, OPT_CHILDREN },
		{ "output", required_argument, NULL, OPT_OUTPUT },
		{ "set", required_argument, NULL, OPT_SET },
		{ "help", no_argument, NULL, OPT_HELP },
		{ 0 },
	};
	int option;
	bool good = true;

	while (good && (option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		if (option == OPT_INTERVAL)
			good = pl_follow_seconds(follow, "--interval", optarg, &follow->interval_s);
		else if (option == OPT_FOR)
			good = pl_follow_seconds(follow, "--for", optarg, &follow->for_s);
		else if (option == OPT_CHILDREN)
			follow->children = true;
		else if (option == OPT_OUTPUT || option == 'o')
			*output = optarg;
		else if (option == OPT_SET)
			good = pl_follow_set(follow, optarg);
		else if (option == OPT_HELP || option == 'h')
			return print_help(), PL_EXIT_OK;
		else
			good = false;
	}
	if (good && optind == argc) {
		fprintf(stderr, "%s: name a PID or a program; --help tells more\n", program);
		good = false;
	}
	for (int i = optind; good && i < argc; i++)
		good = pl_follow_add(follow, argv[i]);
	return good ? -1 : PL_EXIT_USAGE;
}

/*
 * Opens a trace to be written, and does nothing to what somebody else has put in its place: root
 * records into directories where all may write, too.
 */
static FILE *create(const char *path)
{
	struct stat info;
	FILE *file = NULL;
	const bool is_link = lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
	int fd;

	if (is_link && info.st_uid != 0 && info.st_uid != geteuid()) {
		errno = EPERM;
		return NULL;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (is_link ? 0 : O_NOFOLLOW), 0666);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink > 1)
		errno = EMLINK; /* the other name may be that of a file that matters */
	else if (!S_ISREG(info.st_mode) || ftruncate(fd, 0) == 0)
		file = fdopen(fd, "w");
	if (!file)
		close(fd);
	return file;
}

static int run(struct pl_follow *follow, const char *output)
{
	struct recording recording = { .out = stdout,
		                           .interval_s = follow->interval_s,
		                           .until_gone = follow->until_gone };
	const struct pl_emit emit = { .ctx = &recording, .reading = write_row };
	int code;

	if (output && strcmp(output, "-") != 0)
		recording.out = create(output);
	if (!recording.out) {
		pl_cli_say("%s: %s: %s\n", program, output, strerror(errno));
		return PL_EXIT_USAGE;
	}
	/* who asks for it in a recording wants it from the start */
	follow->config->idle_of_all = true;
	choose_columns(&recording);
	write_header(&recording);
	code = pl_follow_run(follow, &emit, after_tick, &recording);
	if (recording.out != stdout && fclose(recording.out) != 0)
		recording.failed = true;
	if (recording.failed)
		fprintf(stderr, "%s: cannot write: %s\n", program, strerror(errno));
	else if (code == 0 && !recording.has_rows)
		fprintf(stderr, "%s: no process of that name ran\n", program);
	return recording.failed || !recording.has_rows ? PL_EXIT_USAGE : code;
}

int pl_cli_record(int argc, char **argv)
{
	struct pl_follow follow;
	const char *output = NULL;
	int code;

	if (!pl_follow_init(&follow, program))
		return PL_EXIT_USAGE;
	code = parse_options(argc, argv, &follow, &output);
	if (code < 0)
		code = run(&follow, output);
	pl_follow_free(&follow);
	return code;
}
