/* `procleak watch`: a look at processes right now: a live table, lines on a pipe, or JSON. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"
#include "explain/explain.h"
#include "follow.h"
#include "lines.h"

static const char program[] = "procleak watch";

#define MAX_ROWS 512     /* processes shown; the rest is counted */
#define MAX_MESSAGES 4   /* last changes of verdict, under the table */
#define MIN_SHOWN_S 10.0 /* before that a change per hour is no more than noise */

/* What is known of one process since the watch began. */
struct row {
	struct pl_ident ident;
	char comm[PL_MESSAGE_SIZE];
	double first_s;
	double first_u_bytes;
	bool seen; /* in this tick */
	struct pl_reading now;
	enum pl_verdict verdict;
};

struct watch {
	bool json;
	bool json_readings;
	bool table; /* redrawn in place */
	bool until_gone;
	bool colour;
	bool failed;
	double begin_s;
	unsigned idle_ticks;
	size_t row_count;
	unsigned left_out;
	struct row *rows;
	char messages[MAX_MESSAGES][PL_MESSAGE_SIZE];
	size_t message_count;
	struct pl_summary summary;
	char names[256];
};

static struct row *row_of(struct watch *watch, const struct pl_reading *reading)
{
	const struct pl_ident ident = { reading->subject.pid, reading->subject.start_ticks };
	struct row *row;
	uint64_t u_bytes = 0;

	for (size_t i = 0; i < watch->row_count; i++)
		if (pl_ident_equal(watch->rows[i].ident, ident))
			return &watch->rows[i];
	if (watch->row_count == MAX_ROWS) {
		watch->left_out++;
		return NULL;
	}
	(void)pl_values_u_bytes(&reading->values, &u_bytes);
	row = &watch->rows[watch->row_count++];
	*row = (struct row){ .ident = ident,
		                 .first_s = reading->time.mono_s,
		                 .first_u_bytes = (double)u_bytes };
	watch->summary.process_count++;
	return row;
}

/* A process chooses its name: nothing of it may reach the terminal as a control sequence. */
static void copy_printable(char *out, size_t size, const char *text)
{
	size_t used = 0;

	for (; *text && used + 1 < size; text++) {
		const unsigned char c = (unsigned char)*text;

		out[used++] = c < ' ' || c == 127 || (c >= 0x80 && c < 0xa0) ? '?' : (char)c;
	}
	out[used] = '\0';
}

static void on_reading(void *ctx, const struct pl_reading *reading)
{
	struct watch *watch = ctx;
	struct row *row;
	double verdict;

	if (reading->subject.kind != PL_SUBJECT_PROCESS)
		return;
	row = row_of(watch, reading);
	if (!row)
		return;
	row->seen = true;
	row->now = *reading;
	copy_printable(row->comm, sizeof(row->comm), reading->subject.comm);
	if (pl_findings_get(&reading->findings, PL_FINDING_VERDICT, &verdict))
		row->verdict = (enum pl_verdict)(int)verdict;
	if (watch->json_readings)
		watch->failed |= pl_lines_reading(stdout, reading) != 0;
}

static void keep_message(struct watch *watch, const char *message)
{
	if (watch->message_count == MAX_MESSAGES) {
		memmove(watch->messages[0], watch->messages[1], sizeof(watch->messages) / MAX_MESSAGES * 3);
		watch->message_count--;
	}
	copy_printable(watch->messages[watch->message_count++], PL_MESSAGE_SIZE, message);
}

static void on_report(void *ctx, const struct pl_report *report)
{
	struct watch *watch = ctx;

	pl_summary_take(&watch->summary, report);
	if (watch->json)
		watch->failed |= pl_lines_report(stdout, report) != 0;
	else if (watch->table)
		keep_message(watch, report->message);
	else if (report->message[0]) {
		char message[PL_MESSAGE_SIZE];

		copy_printable(message, sizeof(message), report->message);
		printf("# %s\n", message);
	}
}

static void format_bytes(const struct pl_values *values, enum pl_metric metric, char *out,
                         size_t size)
{
	uint64_t value;

	if (pl_values_get(values, metric, &value))
		pl_explain_bytes((double)value, out, size);
	else
		snprintf(out, size, "-");
}

static void format_count(const struct pl_values *values, enum pl_metric metric, char *out,
                         size_t size)
{
	uint64_t value;

	if (pl_values_get(values, metric, &value))
		snprintf(out, size, "%" PRIu64, value);
	else
		snprintf(out, size, "-");
}

/* Change of anon + swap since the watch began: a plain difference, not a verdict. */
static void format_change(const struct row *row, char *out, size_t size)
{
	char bytes[32];
	uint64_t u_bytes;
	double change;

	if (!pl_values_u_bytes(&row->now.values, &u_bytes)) {
		snprintf(out, size, "-");
		return;
	}
	change = (double)u_bytes - row->first_u_bytes;
	pl_explain_bytes(change < 0 ? -change : change, bytes, sizeof(bytes));
	snprintf(out, size, "%s%s", change < 0 ? "-" : "+", bytes);
}

static void format_rate(const struct row *row, char *out, size_t size)
{
	const double for_s = row->now.time.mono_s - row->first_s;
	char bytes[32];
	uint64_t u_bytes;
	double rate;

	if (for_s < MIN_SHOWN_S || !pl_values_u_bytes(&row->now.values, &u_bytes)) {
		snprintf(out, size, "-");
		return;
	}
	rate = ((double)u_bytes - row->first_u_bytes) / for_s * 3600;
	pl_explain_bytes(rate < 0 ? -rate : rate, bytes, sizeof(bytes));
	snprintf(out, size, "%s%s/h", rate < 0 ? "-" : "+", bytes);
}

static const char *colour_of(const struct watch *watch, enum pl_verdict verdict)
{
	static const char *const colours[PL_VERDICT_COUNT] = { "\033[2m", "\033[32m", "\033[33m",
		                                                   "\033[31m", "\033[1;31m" };

	return watch->colour ? colours[verdict] : "";
}

static void print_header(void)
{
	printf("%7s %-16s %11s %11s %11s %8s %7s %7s %12s %14s  %s\n", "PID", "NAME", "ANON+SWAP",
	       "PSS", "DIRTY", "THREADS", "FDS", "CONNS", "CHANGE", "AT THIS PACE", "VERDICT");
}

static void print_row(const struct watch *watch, const struct row *row)
{
	const struct pl_values *values = &row->now.values;
	char u[32];
	char pss[32];
	char dirty[32];
	char threads[32];
	char fds[32];
	char connections[32];
	char change[48];
	char rate[48];
	const char *verdict = pl_verdict_name(row->verdict);
	/* that all of the window speaks for a leak is what "leaking" says itself */
	const bool says_more = row->now.reason && strcmp(row->now.reason, "drift") != 0 &&
	                       strcmp(row->now.reason, verdict) != 0;
	const char *reason = says_more ? row->now.reason : "";
	uint64_t u_bytes;

	snprintf(u, sizeof(u), "-");
	if (pl_values_u_bytes(values, &u_bytes))
		pl_explain_bytes((double)u_bytes, u, sizeof(u));
	format_bytes(values, PL_M_PSS, pss, sizeof(pss));
	format_bytes(values, PL_M_PRIVATE_DIRTY, dirty, sizeof(dirty));
	format_count(values, PL_M_THREADS, threads, sizeof(threads));
	format_count(values, PL_M_FDS, fds, sizeof(fds));
	format_count(values, PL_M_CONNECTIONS, connections, sizeof(connections));
	format_change(row, change, sizeof(change));
	format_rate(row, rate, sizeof(rate));
	printf("%7d %-16.16s %11s %11s %11s %8s %7s %7s %12s %14s  %s%s%s%s%s\n", (int)row->ident.pid,
	       row->comm, u, pss, dirty, threads, fds, connections, change, rate,
	       colour_of(watch, row->verdict), verdict, watch->colour ? "\033[0m" : "",
	       *reason ? ": " : "", reason);
}

static void print_screen(const struct watch *watch, struct pl_time now)
{
	struct winsize window = { .ws_row = 24 };
	char lasted[32];
	size_t room;

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &window);
	room = window.ws_row > MAX_MESSAGES + 5u ? window.ws_row - MAX_MESSAGES - 5u : 1;
	pl_explain_duration(now.mono_s - watch->begin_s, lasted, sizeof(lasted));
	printf("\033[H\033[Jprocleak watch %s, for %s. Ctrl-C ends.\n\n", watch->names, lasted);
	print_header();
	for (size_t i = 0, shown = 0; i < watch->row_count && shown < room; i++) {
		if (watch->rows[i].seen) {
			print_row(watch, &watch->rows[i]);
			shown++;
		}
	}
	if (watch->message_count > 0)
		putchar('\n');
	for (size_t i = 0; i < watch->message_count; i++)
		puts(watch->messages[i]);
}

static bool on_ticked(void *ctx, struct pl_time now)
{
	struct watch *watch = ctx;
	size_t seen_count = 0;

	for (size_t i = 0; i < watch->row_count; i++)
		seen_count += watch->rows[i].seen;
	if (watch->begin_s <= 0) {
		watch->begin_s = now.mono_s;
		if (!watch->table && !watch->json)
			print_header();
	}
	if (watch->table)
		print_screen(watch, now);
	else if (!watch->json)
		for (size_t i = 0; i < watch->row_count; i++)
			if (watch->rows[i].seen)
				print_row(watch, &watch->rows[i]);
	for (size_t i = 0; i < watch->row_count; i++)
		watch->rows[i].seen = false;
	watch->idle_ticks = seen_count > 0 ? 0 : watch->idle_ticks + 1;
	if (fflush(stdout) != 0 || watch->failed)
		return false;
	return !(watch->until_gone && watch->idle_ticks >= 2);
}

static void print_help(void)
{
	puts("usage: procleak watch [OPTION]... PID|NAME...\n"
	     "\n"
	     "A table of the processes, redrawn in place; plain lines when the output is no terminal.\n"
	     "Exits with 1 when a process was found to leak, else 0.\n"
	     "\n"
	     "  --for SECONDS       stop after this time (default: Ctrl-C, or when every PID is gone)\n"
	     "  --interval SECONDS  between two looks (default 1)\n"
	     "  --children          descendants of each PID too\n"
	     "  --json              a JSON line per change of verdict, and a summary\n"
	     "  --readings          with --json: a line per process and look too\n"
	     "  --set KEY=VALUE     any setting, such as TimeScale=60 or MinGrowth=1M");
}

enum { OPT_FOR = 1, OPT_INTERVAL, OPT_CHILDREN, OPT_JSON, OPT_READINGS, OPT_SET, OPT_SCALE };

/* Returns false after a message. */
static bool take_option(struct pl_follow *follow, struct watch *watch, int option)
{
	char scale[64];

	switch (option) {
	case OPT_FOR:
		return pl_follow_seconds(follow, "--for", optarg, &follow->for_s);
	case OPT_INTERVAL:
		return pl_follow_seconds(follow, "--interval", optarg, &follow->interval_s);
	case OPT_CHILDREN:
		follow->children = true;
		return true;
	case OPT_JSON:
		watch->json = true;
		return true;
	case OPT_READINGS:
		watch->json = watch->json_readings = true;
		return true;
	case OPT_SET:
		return pl_follow_set(follow, optarg);
	case OPT_SCALE:
		snprintf(scale, sizeof(scale), "TimeScale=%s", optarg);
		return pl_follow_set(follow, scale);
	default:
		return false;
	}
}

/* Returns -1 to go on, or an exit code. */
static int parse_options(int argc, char **argv, struct pl_follow *follow, struct watch *watch)
{
	static const struct option options[] = {
		{ "for", required_argument, NULL, OPT_FOR },
		{ "interval", required_argument, NULL, OPT_INTERVAL },
		{ "children", no_argument, NULL, OPT_CHILDREN },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "readings", no_argument, NULL, OPT_READINGS },
		{ "set", required_argument, NULL, OPT_SET },
		{ "time-scale", required_argument, NULL, OPT_SCALE },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;
	bool good = true;

	while (good && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			print_help();
			return PL_EXIT_OK;
		}
		good = take_option(follow, watch, option);
	}
	if (good && optind == argc) {
		fprintf(stderr, "%s: name a PID or a program; --help tells more\n", program);
		good = false;
	}
	for (int i = optind; good && i < argc; i++) {
		const size_t used = strlen(watch->names);

		good = pl_follow_add(follow, argv[i]);
		snprintf(watch->names + used, sizeof(watch->names) - used, "%s%s", i > optind ? " " : "",
		         argv[i]);
	}
	return good ? -1 : PL_EXIT_USAGE;
}

static int finish(struct watch *watch, int code)
{
	struct pl_summary *summary = &watch->summary;

	for (size_t i = 0; i < watch->row_count; i++) {
		const struct row *row = &watch->rows[i];

		if (!summary->reason || row->verdict > summary->verdict) {
			summary->verdict = row->verdict;
			summary->reason = row->now.reason;
		}
	}
	summary->file = watch->names;
	if (watch->json && code == 0)
		watch->failed |= pl_lines_summary(stdout, summary) != 0;
	/* a test that watches nobody has not shown that nothing leaks */
	if (watch->row_count == 0 && code == 0) {
		fprintf(stderr, "%s: no process of that name ran\n", program);
		code = PL_EXIT_USAGE;
	}
	if (watch->failed || fflush(stdout) != 0) {
		fprintf(stderr, "%s: cannot write\n", program);
		return PL_EXIT_USAGE;
	}
	if (code != 0)
		return code;
	return summary->alarm_count > 0 ? PL_EXIT_ALARM : PL_EXIT_OK;
}

int pl_cli_watch(int argc, char **argv)
{
	struct pl_follow follow;
	struct watch watch = { .summary = { .where = "unknown" } };
	const struct pl_emit emit = { .ctx = &watch, .reading = on_reading, .report = on_report };
	int code;

	if (!pl_follow_init(&follow, program))
		return PL_EXIT_USAGE;
	watch.rows = calloc(MAX_ROWS, sizeof(*watch.rows));
	code = watch.rows ? parse_options(argc, argv, &follow, &watch) : PL_EXIT_USAGE;
	if (code < 0) {
		watch.table = !watch.json && isatty(STDOUT_FILENO);
		watch.colour = watch.table && !getenv("NO_COLOR");
		watch.until_gone = follow.until_gone;
		code = finish(&watch, pl_follow_run(&follow, &emit, on_ticked, &watch));
	}
	free(watch.rows);
	pl_follow_free(&follow);
	return code;
}
