/* `procleak status`: what the daemon's plugin knows, from its state file. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "say.h"
#include "explain/explain.h"
#include "lines.h"
#include "state/state.h"

static const char program[] = "procleak status";

static const char *const default_paths[] = {
	"/var/lib/collectd/procleak.json",
	"/var/lib/netdata/procleak.json",
};

struct status {
	bool json;
	bool failed;
	bool header_printed;
	unsigned process_count;
	unsigned match_count;
	unsigned alarm_count;
	struct pl_state_header header;
};

/* Names are the processes' own: nothing of them may reach the terminal as a control sequence. */
static void print_safe(const char *text, int width)
{
	int used = 0;

	for (; *text && used < width; text++, used++) {
		const unsigned char c = (unsigned char)*text;

		putchar(c < ' ' || c >= 127 ? '?' : (int)c);
	}
	for (; used < width; used++)
		putchar(' ');
}

static void print_cost(const struct pl_self *self)
{
	static const char *const troubles[] = {
		[PL_OWN_FREE] = "",
		[PL_OWN_SLOW] = "it runs at a poor priority, so reads are kept short\n",
		[PL_OWN_STARVED] = "its control group was throttled, so reads are kept very short\n",
	};

	if (self->tick_cpu_us_total == 0)
		return; /* saved by an older one */
	printf("so far it took %.1f s of CPU; %" PRIu64
	       " dear reads took %.1f s more and held locks for "
	       "%.1f s, %.1f ms at the most; %" PRIu64 " were put off, %" PRIu64 " made smaller\n",
	       (double)self->tick_cpu_us_total * 1e-6, self->deep_reads_total,
	       (double)self->deep_cpu_us_total * 1e-6, (double)self->lock_us_total * 1e-6,
	       self->longest_hold_ms, self->deferred_total, self->degraded_total);
	if (self->own_state <= PL_OWN_STARVED)
		fputs(troubles[self->own_state], stdout);
}

static void take_header(void *ctx, const struct pl_state_header *header)
{
	struct status *status = ctx;
	char age[32];
	const double age_s = (double)time(NULL) - header->saved_s;

	status->header = *header;
	if (status->json)
		return;
	pl_explain_duration(age_s > 0 ? age_s : 0, age, sizeof(age));
	printf("saved %s ago%s\n", age, age_s > 1800 ? " (is the daemon running?)" : "");
	print_cost(&header->self);
	putchar('\n');
}

static void take_match(void *ctx, const struct pl_state_match *match)
{
	struct status *status = ctx;

	status->match_count++;
	if (match->family.member_count > 0 || status->json)
		return;
	print_safe(match->name, 20);
	puts("  no process");
}

static void report_of(const struct pl_state_header *header, const struct pl_state_process *process,
                      struct pl_report *out)
{
	const struct pl_settings settings = { .horizon_s = INFINITY };

	pl_track_describe(&process->track, &settings, process->match, process->comm, out);
	/* what the daemon said, with its own settings, holds */
	memcpy(out->message, process->message, sizeof(out->message));
	if (header->boot_s > 0 && header->ticks_per_s > 0)
		out->subject.start_s =
			header->boot_s + (double)process->track.ident.start_ticks / header->ticks_per_s;
}

/* How it is read, and for how long its lock was held at the most. */
static void print_method(const struct pl_read_cost *cost)
{
	static const char *const names[] = {
		[PL_METHOD_PULSE] = "pulse", [PL_METHOD_SAMPLED] = "sampled", [PL_METHOD_ROLLUP] = "rollup"
	};
	char method[24];
	char held[16] = "-";

	snprintf(method, sizeof(method), "%s", names[cost->method]);
	if (cost->method == PL_METHOD_SAMPLED)
		snprintf(method, sizeof(method), "sampled +-%.0f%%", 100 * (double)cost->error_share);
	if (cost->longest_us > 0)
		snprintf(held, sizeof(held), "%.1f ms", cost->longest_us * 1e-3);
	printf("%-12s %9s  ", method, held);
}

/* A line of the table. */
struct row {
	const char *match;
	const char *name;
	int32_t pid; /* 0: it is no process */
	const struct pl_track *track;
	const struct pl_read_cost *cost; /* NULL: as above */
	const char *message;
	const struct pl_report *report;
};

static void print_head(struct status *status)
{
	if (!status->header_printed)
		printf("%-20s  %-15s %8s  %-9s %11s %14s  %-12s %9s  %s\n", "MATCH", "NAME", "PID",
		       "VERDICT", "ANON+SWAP", "WOULD SEE", "READ BY", "HELD", "WHAT");
	status->header_printed = true;
}

static void print_row(struct status *status, const struct row *row)
{
	struct pl_findings findings;
	double floor_per_h;
	char bytes[32] = "-";
	char smallest[40] = "-";
	char pid[16] = "-";

	print_head(status);
	pl_track_findings(row->track, &findings);
	pl_explain_bytes(row->track->u_bytes, bytes, sizeof(bytes));
	if (pl_findings_get(&findings, PL_FINDING_DETECTION_FLOOR, &floor_per_h)) {
		char per_h[32];

		pl_explain_bytes(floor_per_h, per_h, sizeof(per_h));
		snprintf(smallest, sizeof(smallest), "%s/h", per_h);
	}
	if (row->pid > 0)
		snprintf(pid, sizeof(pid), "%d", (int)row->pid);
	print_safe(row->match, 20);
	printf("  ");
	print_safe(row->name, 15);
	printf(" %8s  %-9s %11s %14s  ", pid, pl_verdict_name(row->report->verdict), bytes, smallest);
	if (row->cost)
		print_method(row->cost);
	else
		printf("%-12s %9s  ", "-", "-");
	if (row->report->verdict >= PL_VERDICT_GROWING)
		print_safe(row->message, (int)strlen(row->message));
	else
		printf("%s", row->report->reason ? row->report->reason : "");
	putchar('\n');
}

static void take_process(void *ctx, const struct pl_state_process *process)
{
	struct status *status = ctx;
	struct pl_report report;
	struct row row = { .match = process->match,
		               .name = process->comm,
		               .pid = process->track.ident.pid,
		               .track = &process->track,
		               .cost = &process->cost,
		               .message = process->message,
		               .report = &report };

	status->process_count++;
	report_of(&status->header, process, &report);
	status->alarm_count += report.verdict >= PL_VERDICT_LEAKING;
	if (status->json)
		status->failed |= pl_lines_report(stdout, &report) != 0;
	else
		print_row(status, &row);
}

/* The sum of a match, or what nobody explains of a cgroup: its words are the daemon's as well. */
static void other_report(const struct pl_state_other *other, struct pl_report *out)
{
	const struct pl_settings settings = { .horizon_s = INFINITY };
	const struct pl_track_nobody nobody = { .path = other->path, .where = "unknown", .words = "" };

	if (*other->path)
		pl_track_describe_nobody(&other->track, &settings, other->match, &nobody, out);
	else
		pl_track_describe_sum(&other->track, &settings, other->match, other->member_count, out);
	memcpy(out->message, other->message, sizeof(out->message));
}

static void take_other(void *ctx, const struct pl_state_other *other)
{
	const char *slash = strrchr(other->path, '/');
	struct status *status = ctx;
	struct pl_report report;
	char sum[32];
	struct row row = { .match = other->match,
		               .name = slash && slash[1] ? slash + 1 : other->path,
		               .track = &other->track,
		               .message = other->message,
		               .report = &report };

	other_report(other, &report);
	status->alarm_count += report.verdict >= PL_VERDICT_LEAKING;
	if (status->json) {
		status->failed |= pl_lines_report(stdout, &report) != 0;
		return;
	}
	if (!*other->path) {
		snprintf(sum, sizeof(sum), "sum of %" PRIu32, other->member_count);
		row.name = sum;
	}
	print_row(status, &row);
}

static int print_state(struct status *status, const char *path, const char *text, size_t len)
{
	const struct pl_state_reader reader = { status, take_header, take_match, take_process,
		                                    take_other };
	char problem[128];
	const int err = pl_state_read(text, len, &reader, problem, sizeof(problem));

	if (err < 0) {
		pl_cli_say("%s: %s: %s\n", program, path, problem);
		return PL_EXIT_USAGE;
	}
	if (!status->json && status->process_count == 0)
		puts("no process is followed yet");
	if (fflush(stdout) != 0 || status->failed) {
		fprintf(stderr, "%s: cannot write\n", program);
		return PL_EXIT_USAGE;
	}
	return status->alarm_count > 0 ? PL_EXIT_ALARM : PL_EXIT_OK;
}

/* Tries the daemons' own places when none is named. */
static int load(const char **path, char **text, size_t *len)
{
	int err = -ENOENT;

	if (*path)
		return pl_state_load(*path, text, len);
	for (size_t i = 0; i < sizeof(default_paths) / sizeof(default_paths[0]); i++) {
		*path = default_paths[i];
		err = pl_state_load(*path, text, len);
		if (err != -ENOENT)
			return err;
	}
	*path = default_paths[0];
	return err;
}

static void print_help(void)
{
	printf(
		"usage: procleak status [--json] [STATEFILE]\n"
		"\n"
		"Prints what the daemon's plugin knows of every process that it follows, of the sums of\n"
		"matches and of cgroups that grow beside their processes, from its state file\n"
		" (default: %s, or\n%s). Exits with 1 when one leaks.\n"
		"\n"
		"  --json   a line for each, as `procleak replay` prints them\n",
		default_paths[0], default_paths[1]);
}

int pl_cli_status(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		                                     { "help", no_argument, NULL, 'h' },
		                                     { 0 } };
	struct status status = { 0 };
	const char *path = NULL;
	char *text;
	size_t len;
	int option;
	int err;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			print_help();
			return PL_EXIT_OK;
		}
		if (option != 'j')
			return PL_EXIT_USAGE;
		status.json = true;
	}
	if (argc - optind > 1) {
		fprintf(stderr, "%s: one state file at a time; --help tells more\n", program);
		return PL_EXIT_USAGE;
	}
	if (optind < argc)
		path = argv[optind];
	err = load(&path, &text, &len);
	if (err < 0) {
		pl_cli_say("%s: %s: %s\n", program, path, pl_state_error(err));
		return PL_EXIT_USAGE;
	}
	err = print_state(&status, path, text, len);
	free(text);
	return err;
}
