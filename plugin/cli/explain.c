/* `procleak explain`: the evidence about a leak, for a person. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

#include "cli.h"
#include "say.h"
#include "evidence/evidence.h"
#include "explain/explain.h"
#include "live.h"
#include "state/state.h"

static const char program[] = "procleak explain";

static const char *const default_directories[] = {
	"/var/lib/collectd/procleak-evidence",
	"/var/lib/netdata/procleak-evidence",
};

enum ink { INK_PLAIN, INK_TITLE, INK_HEAD, INK_BAD, INK_FAINT, INK_COUNT };

struct page {
	bool color;
	bool json;
	yajl_val root;
};

static void ink(const struct page *page, enum ink ink)
{
	static const char *const codes[INK_COUNT] = {
		[INK_PLAIN] = "\033[0m",  [INK_TITLE] = "\033[1m", [INK_HEAD] = "\033[1;36m",
		[INK_BAD] = "\033[1;31m", [INK_FAINT] = "\033[2m",
	};

	if (page->color)
		fputs(codes[ink], stdout);
}

/* The file may come from anywhere: nothing of it reaches the terminal as a control sequence. */
static void print_safe(const char *text)
{
	for (; *text; text++)
		putchar((unsigned char)*text < ' ' || (unsigned char)*text >= 127 ? '?' : *text);
}

/* A word of the file, or "?", between two of ours. */
static void print_line(const char *before, const char *word, const char *after)
{
	fputs(before, stdout);
	print_safe(word ? word : "?");
	fputs(after, stdout);
}

/* Cut or filled up to `width`; "?" when there is no word. */
static void print_field(const char *word, size_t width)
{
	char text[64];

	snprintf(text, sizeof(text), "%-*.*s", (int)width, (int)width, word ? word : "?");
	print_safe(text);
}

static yajl_val member(yajl_val map, const char *name)
{
	const char *path[] = { name, NULL };

	return map ? yajl_tree_get(map, path, yajl_t_any) : NULL;
}

static const char *text_of(yajl_val map, const char *name)
{
	const yajl_val value = member(map, name);

	return YAJL_IS_STRING(value) ? YAJL_GET_STRING(value) : NULL;
}

static double number_of(yajl_val map, const char *name)
{
	const yajl_val value = member(map, name);

	return YAJL_IS_NUMBER(value) ? strtod(YAJL_GET_NUMBER(value), NULL) : NAN;
}

static size_t count_of(yajl_val array)
{
	return YAJL_IS_ARRAY(array) ? YAJL_GET_ARRAY(array)->len : 0;
}

static yajl_val item_of(yajl_val array, size_t i)
{
	return YAJL_GET_ARRAY(array)->values[i];
}

static void head(const struct page *page, const char *words)
{
	putchar('\n');
	ink(page, INK_HEAD);
	puts(words);
	ink(page, INK_PLAIN);
}

static void print_bytes(double bytes, int width)
{
	char text[32] = "-";

	if (isfinite(bytes))
		pl_explain_bytes(bytes, text, sizeof(text));
	printf("%*s", width, text);
}

/* Breaks at blanks; the first line follows what is printed already. */
static void print_wrapped(const char *text, int indent)
{
	const size_t width = 76;
	size_t used = (size_t)indent;

	while (*text) {
		const size_t len = strcspn(text, " ");
		char word[256];

		if (used > (size_t)indent && used + len > width) {
			printf("\n%*s", indent, "");
			used = (size_t)indent;
		}
		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		print_safe(word);
		used += len;
		text += len;
		while (*text == ' ')
			text++;
		if (*text) {
			putchar(' ');
			used++;
		}
	}
	putchar('\n');
}

/* Unix time as the calendar has it. Returns false when it is none of these centuries. */
static bool format_time(double time_s, char *out, size_t size)
{
	struct tm local;
	time_t t;

	if (!(time_s >= 0 && time_s < 1e11))
		return false;
	t = (time_t)time_s;
	return localtime_r(&t, &local) && strftime(out, size, "%Y-%m-%d %H:%M:%S %Z", &local) > 0;
}

static void print_time(const char *label, double time_s)
{
	char text[64];

	if (format_time(time_s, text, sizeof(text)))
		printf("  %-10s %s\n", label, text);
}

static bool is_about(const struct page *page, const char *what)
{
	const char *about = text_of(page->root, "about");

	return about && strcmp(about, what) == 0;
}

static void print_word(const char *label, const char *word)
{
	printf("  %-10s ", label);
	print_safe(word ? word : "?");
	putchar('\n');
}

/* No process is to blame: what the alert is about instead, and whose files are told below. */
static void print_about(const struct page *page)
{
	const yajl_val example = member(page->root, "example");
	const double members = number_of(page->root, "member_count");

	if (is_about(page, "runs"))
		print_word("about", "past runs of the program, each of which grew alike");
	else if (is_about(page, "sum"))
		printf("  %-10s the sum of %.0f processes, none of which leaks by itself\n", "about",
		       isfinite(members) ? members : 0);
	else if (is_about(page, "cgroup"))
		print_word("cgroup", text_of(member(page->root, "cgroup"), "path"));
	else
		return;
	printf("  %-10s ", "example");
	if (!YAJL_IS_OBJECT(example)) {
		puts("no process of it was running");
		return;
	}
	printf("process %.0f (", number_of(example, "pid"));
	print_safe(text_of(example, "comm") ? text_of(example, "comm") : "?");
	puts("), the largest: what is told of one process is its");
}

static void print_title(const struct page *page)
{
	const char *message = text_of(page->root, "message");
	const char *command = text_of(page->root, "command");
	const char *verdict = text_of(page->root, "verdict");
	const bool bad =
		verdict && (strcmp(verdict, "leaking") == 0 || strcmp(verdict, "critical") == 0);

	ink(page, bad ? INK_BAD : INK_TITLE);
	if (message)
		print_wrapped(message, 0);
	else
		printf("%.0f\n", number_of(page->root, "pid"));
	ink(page, INK_PLAIN);
	if (text_of(page->root, "match"))
		print_word("match", text_of(page->root, "match"));
	print_about(page);
	if (command) {
		printf("  %-10s ", "command");
		print_wrapped(command, 13);
	}
	print_time("started", number_of(page->root, "start_time"));
	print_time("growing", number_of(page->root, "since"));
	print_time("written", number_of(page->root, "time"));
}

struct row {
	const char *name;
	double before;
	double now;
	bool outgrows;
	double idle_share; /* NAN: not known */
};

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a;
	const struct row *y = b;
	const double grown = (y->now - y->before) - (x->now - x->before);

	return grown > 0 ? 1 : grown < 0 ? -1 : (y->now > x->now) - (y->now < x->now);
}

/* One reading alone. */
static void print_now(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fputs("  ", stdout);
		print_field(rows[i].name, 12);
		print_bytes(rows[i].now, 13);
		putchar('\n');
	}
}

static void print_regions(const struct page *page)
{
	const yajl_val regions = member(page->root, "regions");
	struct row rows[PL_REGION_COUNT];
	size_t count = count_of(regions);
	double grown = 0;
	char span[32];

	if (count == 0)
		return;
	if (count > PL_REGION_COUNT)
		count = PL_REGION_COUNT;
	for (size_t i = 0; i < count; i++) {
		const yajl_val outgrows = member(item_of(regions, i), "outgrows_work");

		rows[i] = (struct row){ text_of(item_of(regions, i), "region"),
			                    number_of(item_of(regions, i), "before"),
			                    number_of(item_of(regions, i), "now"), YAJL_IS_TRUE(outgrows),
			                    number_of(item_of(regions, i), "idle_share") };
		grown += fmax(rows[i].now - rows[i].before, 0);
	}
	qsort(rows, count, sizeof(rows[0]), compare_rows);
	head(page, "Where it is");
	if (member(page->root, "regions_sampling_error_percent"))
		printf("  sampled (+-%.1f %%), for it is too large to be read whole\n",
		       number_of(page->root, "regions_sampling_error_percent"));
	if (!text_of(page->root, "verdict")) {
		print_now(rows, count);
		return;
	}
	pl_explain_duration(fmax(number_of(page->root, "regions_span_seconds"), 0), span, sizeof(span));
	printf("  %-12s %12s %12s   growth in %s\n", "region", "before", "now", span);
	for (size_t i = 0; i < count; i++) {
		const double growth = rows[i].now - rows[i].before;

		fputs("  ", stdout);
		print_field(rows[i].name, 12);
		print_bytes(rows[i].before, 13);
		print_bytes(rows[i].now, 13);
		if (growth > 0 && grown > 0)
			printf("   %3.0f %%%s", 100 * growth / grown,
			       rows[i].outgrows ? "  keeps pace with the work done" : "");
		if (growth > 0 && !isnan(rows[i].idle_share))
			printf("  %.0f %% of it idle", 100 * rows[i].idle_share);
		putchar('\n');
	}
}

static void print_mappings(const struct page *page)
{
	const yajl_val mappings = member(page->root, "growing_mappings");
	const size_t count = count_of(mappings) < 10 ? count_of(mappings) : 10;

	if (count == 0)
		return;
	head(page, "What grew the most");
	for (size_t i = 0; i < count; i++) {
		const yajl_val item = item_of(mappings, i);

		print_bytes(number_of(item, "before"), 13);
		fputs(" ->", stdout);
		print_bytes(number_of(item, "now"), 11);
		fputs("  ", stdout);
		print_field(text_of(item, "region"), 9);
		putchar(' ');
		print_safe(text_of(item, "name") ? text_of(item, "name") : "?");
		putchar('\n');
	}
}

static void print_census_entry(yajl_val entry)
{
	const double share = number_of(entry, "share");

	printf("  %8.1f/s", number_of(entry, "objects_per_second"));
	print_bytes(number_of(entry, "bytes_per_second"), 12);
	fputs("/s  ", stdout);
	if (isfinite(share))
		printf("%3.0f %%  ", 100 * share);
	else
		printf("%5s  ", "");
	print_safe(text_of(entry, "name") ? text_of(entry, "name") : "?");
	printf("\n%32s", "");
	print_line("  (", text_of(entry, "named_by"), "");
	if (text_of(entry, "detail")) {
		fputs(": ", stdout);
		print_safe(text_of(entry, "detail"));
	}
	puts(")");
}

static void print_census(const struct page *page)
{
	const yajl_val census = member(page->root, "census");
	const yajl_val entries = member(census, "entries");

	if (!census)
		return;
	head(page, "What piles up");
	for (size_t i = 0; i < count_of(entries) && i < 5; i++)
		print_census_entry(item_of(entries, i));
	if (!text_of(census, "reason"))
		return;
	fputs(count_of(entries) > 0 ? "  note: " : "  cannot tell: ", stdout);
	print_wrapped(text_of(census, "reason"), 8);
}

/* A cause, or why there is none. */
static void print_cause_words(const struct page *page, const char *cause)
{
	const char *unit = text_of(page->root, "unit");

	if (is_about(page, "runs") && strcmp(cause, "unknown") == 0)
		puts("  cannot tell: nothing that was counted in its runs explains them all");
	else if (is_about(page, "sum") && unit && strcmp(unit, "process") == 0)
		puts("  the number of processes");
	else if (strcmp(cause, "unknown") == 0)
		puts("  cannot tell: nothing that was counted explains it, or several things do alike");
	else
		print_line("  ", cause, "\n");
}

static void print_cause(const struct page *page)
{
	const yajl_val drivers = member(page->root, "grows_with");
	const char *cause = text_of(page->root, "cause");
	const double per_unit = number_of(page->root, "bytes_per_unit");

	if (!cause)
		return;
	head(page, "With what it grows");
	print_cause_words(page, cause);
	if (isfinite(per_unit)) {
		print_bytes(per_unit, 13);
		print_line(" for each ", text_of(page->root, "unit"), " (");
		print_bytes(number_of(page->root, "bytes_per_unit_low"), 0);
		fputs(" - ", stdout);
		print_bytes(number_of(page->root, "bytes_per_unit_high"), 0);
		puts(")");
	}
	for (size_t i = 0; i < count_of(drivers); i++) {
		const yajl_val item = item_of(drivers, i);

		printf("  %5.0f %% of the growth", 100 * number_of(item, "share"));
		print_line(" with each ", text_of(item, "unit"), "");
		printf(" (+- %.0f)\n", 200 * number_of(item, "error"));
	}
}

static void print_limit(const struct page *page)
{
	const char *limit = text_of(page->root, "limit");
	char most_likely[32];
	char low[32];
	char high[32];

	if (!limit)
		return;
	head(page, "Until when");
	pl_explain_duration(number_of(page->root, "seconds_to_limit"), most_likely,
	                    sizeof(most_likely));
	pl_explain_duration(number_of(page->root, "seconds_to_limit_low"), low, sizeof(low));
	pl_explain_duration(number_of(page->root, "seconds_to_limit_high"), high, sizeof(high));
	print_line("  ", limit, " is reached in ");
	fputs(most_likely, stdout);
	if (isfinite(number_of(page->root, "seconds_to_limit_low")))
		printf(", %s at the earliest", low);
	if (isfinite(number_of(page->root, "seconds_to_limit_high")))
		printf(", %s at the latest", high);
	putchar('\n');
}

static void print_tally(const struct page *page, const char *name, const char *words)
{
	const yajl_val tally = member(page->root, name);
	const size_t count = count_of(tally) < 10 ? count_of(tally) : 10;

	if (count == 0)
		return;
	head(page, words);
	for (size_t i = 0; i < count; i++) {
		printf("  %8.0f  ", number_of(item_of(tally, i), "count"));
		print_safe(text_of(item_of(tally, i), "name") ? text_of(item_of(tally, i), "name") : "?");
		putchar('\n');
	}
}

static void print_gates(const struct page *page)
{
	const yajl_val judged = member(page->root, "judged");

	for (size_t i = 0; i < count_of(judged); i++) {
		const yajl_val series = item_of(judged, i);
		const yajl_val gates = member(series, "gates");
		const char *metric = text_of(series, "metric");
		const char *worst = text_of(page->root, "metric");

		if (!metric || !worst || strcmp(metric, worst) != 0 || count_of(gates) == 0)
			continue;
		head(page, "Why it is called a leak");
		for (size_t g = 0; g < count_of(gates); g++) {
			const yajl_val gate = item_of(gates, g);
			const bool held = YAJL_IS_TRUE(member(gate, "held"));

			printf("  %-4s ", held ? "yes" : "no");
			print_field(text_of(gate, "gate"), 12);
			printf(" %10.4g  (needed %.4g)\n", number_of(gate, "value"), number_of(gate, "needed"));
		}
	}
}

static void print_runs(const struct page *page)
{
	const yajl_val runs = member(page->root, "runs");

	if (count_of(runs) == 0)
		return;
	head(page, "Its past runs");
	printf("  %-20s %16s %12s %12s %14s\n", "begun", "lasted", "level", "grown", "rate");
	for (size_t i = 0; i < count_of(runs); i++) {
		const yajl_val run = item_of(runs, i);
		const double begin_s = number_of(run, "begin");
		const double lasted_s = number_of(run, "end") - begin_s;
		char begun[32] = "?";
		char lasted[32] = "?";

		(void)format_time(begin_s, begun, sizeof(begun));
		if (isfinite(lasted_s))
			pl_explain_duration(fmax(lasted_s, 0), lasted, sizeof(lasted));
		printf("  %-20.19s %16s ", begun, lasted);
		print_bytes(number_of(run, "level"), 12);
		print_bytes(number_of(run, "grown"), 13);
		print_bytes(number_of(run, "rate_bytes_per_hour"), 13);
		puts("/h");
	}
}

static void print_cgroup(const struct page *page)
{
	const yajl_val cgroup = member(page->root, "cgroup");
	const yajl_val parts = member(cgroup, "parts");

	if (count_of(parts) == 0)
		return;
	head(page, "What the cgroup is charged for (* no process explains it)");
	printf("  %12s %12s\n", "before", "now");
	for (size_t i = 0; i < count_of(parts); i++) {
		const yajl_val part = item_of(parts, i);

		if (!(number_of(part, "before") > 0) && !(number_of(part, "now") > 0))
			continue;
		print_bytes(number_of(part, "before"), 14);
		print_bytes(number_of(part, "now"), 13);
		printf("  %c ", YAJL_IS_TRUE(member(part, "unexplained")) ? '*' : ' ');
		print_safe(text_of(part, "words") ? text_of(part, "words") : "?");
		putchar('\n');
	}
	print_bytes(number_of(cgroup, "unexplained_before"), 14);
	print_bytes(number_of(cgroup, "unexplained_now"), 13);
	puts("  * in all");
}

static void print_siblings(const struct page *page)
{
	const yajl_val members = member(page->root, "members");
	const yajl_val siblings = members ? members : member(page->root, "siblings");

	if (count_of(siblings) == 0)
		return;
	head(page, members ? "The processes, the largest first" : "Its siblings");
	for (size_t i = 0; i < count_of(siblings); i++) {
		const yajl_val item = item_of(siblings, i);

		printf("  %8.0f  ", number_of(item, "pid"));
		print_field(text_of(item, "verdict"), 9);
		print_bytes(number_of(item, "anonymous_bytes"), 12);
		putchar('\n');
	}
	if (number_of(page->root, "member_count") > (double)count_of(siblings))
		printf("  and %.0f more\n",
		       number_of(page->root, "member_count") - (double)count_of(siblings));
}

static void print_advice(const struct page *page)
{
	const yajl_val contain = member(page->root, "contain");
	const yajl_val next = member(page->root, "next");

	if (count_of(contain) > 0)
		head(page, "Until it is fixed");
	for (size_t i = 0; i < count_of(contain); i++) {
		if (!YAJL_IS_STRING(item_of(contain, i)))
			continue;
		fputs("  - ", stdout);
		print_wrapped(YAJL_GET_STRING(item_of(contain, i)), 4);
	}
	if (count_of(next) > 0)
		head(page, "The next step that disturbs the least");
	for (size_t i = 0; i < count_of(next); i++) {
		const yajl_val item = item_of(next, i);

		if (!text_of(item, "step"))
			continue;
		fputs("  - ", stdout);
		print_wrapped(text_of(item, "step"), 4);
		if (!text_of(item, "cost"))
			continue;
		ink(page, INK_FAINT);
		fputs("    costs: ", stdout);
		print_wrapped(text_of(item, "cost"), 11);
		ink(page, INK_PLAIN);
	}
}

static void print_page(const struct page *page)
{
	print_title(page);
	print_runs(page);
	print_cgroup(page);
	print_regions(page);
	print_mappings(page);
	print_census(page);
	print_cause(page);
	print_limit(page);
	print_tally(page, "fds", "Open files");
	print_tally(page, "sockets", "Connections");
	print_tally(page, "threads", "Threads");
	print_gates(page);
	print_siblings(page);
	print_advice(page);
}

static int explain_text(struct page *page, const char *name, const char *text)
{
	char problem[256] = "";

	page->root = yajl_tree_parse(text, problem, sizeof(problem));
	if (!page->root || !text_of(page->root, "format") ||
	    strcmp(text_of(page->root, "format"), PL_EVIDENCE_FORMAT) != 0) {
		problem[strcspn(problem, "\n")] = '\0';
		pl_cli_say("%s: %s: not a file of evidence%s%s\n", program, name, *problem ? ": " : "",
		           problem);
		yajl_tree_free(page->root);
		return PL_EXIT_USAGE;
	}
	if (page->json)
		puts(text);
	else
		print_page(page);
	yajl_tree_free(page->root);
	return PL_EXIT_OK;
}

static int explain_file(struct page *page, const char *path)
{
	char *text;
	size_t len;
	int code;
	const int err = pl_state_load(path, &text, &len);

	if (err < 0) {
		pl_cli_say("%s: %s: %s\n", program, path, pl_state_error(err));
		return PL_EXIT_USAGE;
	}
	/* what nests deeper than that would exhaust the stack of the tree's library */
	if (len > PL_EVIDENCE_MOST_BYTES) {
		pl_cli_say("%s: %s: larger than any file of evidence\n", program, path);
		free(text);
		return PL_EXIT_USAGE;
	}
	code = explain_text(page, path, text);
	free(text);
	return code;
}

static void complain_of_live(int32_t pid, int err)
{
	const char *why = strerror(-err);

	if (err == -EFBIG)
		why =
			"so large, or in so many mappings, that even a sample would hold its memory's lock for "
			"too long; --deep reads all of it all the same";
	else if (err == -ETIME)
		why = "the machine is so busy that three samples of its memory were given up, each after "
			  "a second; try again later, or --deep, which reads all of it however long that takes";
	else if (err == -EACCES || err == -EPERM)
		why = "not permitted: another user's process needs CAP_SYS_PTRACE";
	else if (err == -ESRCH || err == -ENOENT)
		why = pl_cli_is_hiding("/proc") ? PL_CLI_HIDDEN : "there is no such process";
	fprintf(stderr, "%s: process %d: %s\n", program, (int)pid, why);
}

/* Nothing was kept about this process: what it looks like now. */
static int explain_live(struct page *page, const struct pl_procfs *fs, int32_t pid, bool deep)
{
	struct pl_evidence_case *about = calloc(1, sizeof(*about));
	struct pl_evidence_facts *facts = calloc(1, sizeof(*facts));
	char *text = NULL;
	size_t len;
	int err = -ENOMEM;

	if (about && facts) {
		about->ident.pid = pid;
		about->track.time_scale = 1;
		about->report.time_s = (double)time(NULL);
		about->report.seconds_to_limit = -1;
		err = pl_cli_read_regions(fs, pid, deep, &about->ledger);
		about->has_ledger = err == 0;
	}
	if (err == 0) {
		pl_evidence_gather(fs, pid, false, facts);
		snprintf(about->report.message, sizeof(about->report.message),
		         "process %d as it is now (no evidence was kept about it)", (int)pid);
		err = pl_evidence_compose(about, facts, &text, &len);
	}
	if (err == 0)
		err = explain_text(page, "process", text) == PL_EXIT_OK ? 0 : -EINVAL;
	else
		complain_of_live(pid, err);
	free(text);
	free(facts);
	free(about);
	return err == 0 ? PL_EXIT_OK : PL_EXIT_USAGE;
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 10;
}

static int explain_name(struct page *page, const char *name, const char *directory, bool deep)
{
	char path[4096];
	struct pl_procfs fs;
	int err = -ENOENT;
	int code;

	if (directory)
		err = pl_evidence_find(directory, name, path, sizeof(path));
	for (size_t i = 0;
	     !directory && err < 0 && i < sizeof(default_directories) / sizeof(default_directories[0]);
	     i++)
		err = pl_evidence_find(default_directories[i], name, path, sizeof(path));
	if (err == 0)
		return explain_file(page, path);
	if (!is_number(name)) {
		pl_cli_say("%s: no evidence about %s%s%s\n", program, name, directory ? " in " : "",
		           directory ? directory
		                     : "; --dir names where EvidenceDir is, and a PID tells how it is now");
		return PL_EXIT_USAGE;
	}
	err = pl_procfs_open(&fs, "/proc", NULL);
	if (err < 0) {
		fprintf(stderr, "%s: /proc: %s\n", program, strerror(-err));
		return PL_EXIT_USAGE;
	}
	code = explain_live(page, &fs, (int32_t)strtol(name, NULL, 10), deep);
	pl_procfs_close(&fs);
	return code;
}

static void print_help(void)
{
	puts("usage: procleak explain [OPTION]... NAME|PID|FILE\n"
	     "\n"
	     "Prints the evidence that was kept about a leak: the newest about a match or process, or "
	     "that\n"
	     "of a file. For a process without any: where its memory is now.\n"
	     "\n"
	     "  --dir DIRECTORY  EvidenceDir of the daemon (default: those of collectd and Netdata)\n"
	     "  --json           as it is, in JSON\n"
	     "  --deep           read a large process whole, though that holds its memory's lock for\n"
	     "                   longer than MaxLockTime; else a sample of it has to do");
}

enum { OPT_DIR = 1, OPT_JSON, OPT_DEEP, OPT_HELP };

int pl_cli_explain(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, OPT_DIR },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "deep", no_argument, NULL, OPT_DEEP },
		{ "help", no_argument, NULL, OPT_HELP },
		{ 0 },
	};
	struct page page = { .color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") };
	const char *directory = NULL;
	bool deep = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == OPT_DIR)
			directory = optarg;
		else if (option == OPT_JSON)
			page.json = true;
		else if (option == OPT_DEEP)
			deep = true;
		else if (option == OPT_HELP || option == 'h')
			return print_help(), PL_EXIT_OK;
		else
			return PL_EXIT_USAGE;
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "%s: name one match, process or file; --help tells more\n", program);
		return PL_EXIT_USAGE;
	}
	if (strchr(argv[optind], '/') || access(argv[optind], F_OK) == 0)
		return explain_file(&page, argv[optind]);
	return explain_name(&page, argv[optind], directory, deep);
}
