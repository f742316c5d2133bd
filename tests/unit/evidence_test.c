/* The evidence file: bounded, valid JSON whatever is in it, and only so many of them. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>
#include <yajl/yajl_tree.h>

#include "census/tell.h"
#include "evidence/evidence.h"
#include "state/state.h"
#include "tap.h"

static struct pl_evidence_case about;
static struct pl_evidence_facts facts;
static char directory[] = "/tmp/procleak-evidence-XXXXXX";

static void fill_tally(struct pl_tally *tally)
{
	memset(tally, 0, sizeof(*tally));
	for (int i = 0; i < 100; i++)
		for (int k = 0; k <= i; k++) {
			char name[2 * PL_EVIDENCE_TEXT];

			snprintf(name, sizeof(name), "%03d \"\\\n\033[2J\xff%0150d", i, i);
			pl_tally_add(tally, name);
		}
	pl_tally_sort(tally);
}

/* The most that a process can have: long hostile names everywhere, a full history. */
static void fill_case(void)
{
	struct pl_report report = { .subject = { .match = "api/\"\n", .comm = "\033]0;x\007" },
		                        .time_s = 1700000000,
		                        .verdict = PL_VERDICT_LEAKING,
		                        .previous = PL_VERDICT_GROWING,
		                        .rate_bytes_per_hour = 1e7,
		                        .cause = PL_CAUSE_CONNECTIONS,
		                        .reason = "drift",
		                        .metric = "anon",
		                        .where = "arena",
		                        .unit = "connection opened",
		                        .per_unit = 38912,
		                        .seconds_to_limit = 3600,
		                        .limit = "memory.max",
		                        .message = "api[12] leaking" };
	const struct pl_settings settings = { .min_growth_bytes = 8 << 20, .horizon_s = 86400 };

	memset(&about, 0, sizeof(about));
	pl_track_init(&about.track, (struct pl_ident){ 12, 34 }, 1);
	for (int i = 0; i < 3 * 1440; i++) {
		struct pl_sample sample = { .ident = { 12, 34 }, .time = { i * 60.0, 1.7e9 + i * 60.0 } };

		pl_values_set(&sample.values, PL_M_ANON, 123456789012 + (uint64_t)i * 1234567);
		pl_values_set(&sample.values, PL_M_THREADS, (uint64_t)(1000 + i));
		pl_values_set(&sample.values, PL_M_FDS, (uint64_t)(100000 + i));
		pl_values_set(&sample.values, PL_M_CONNECTIONS, (uint64_t)(10000 + i));
		pl_values_set(&sample.values, PL_M_SHMEM, 987654321098);
		pl_values_set(&sample.values, PL_M_CPU, (uint64_t)i * 1000003);
		pl_track_add(&about.track, &sample, &settings);
		about.values = sample.values;
	}
	for (unsigned m = 0; m < PL_METRIC_COUNT; m++)
		pl_values_set(&about.values, (enum pl_metric)m, UINT64_MAX);
	pl_evidence_set_report(&about, &report);
	about.ident = (struct pl_ident){ 12, 34 };
	about.has_ledger = true;
	about.ledger.reading_count = 2;
	about.ledger.runtimes = UINT32_MAX;
	about.ledger.place_count = PL_LEDGER_PLACES;
	for (unsigned i = 0; i < PL_LEDGER_PLACES; i++) {
		about.ledger.places[i].place.used_bytes = UINT64_MAX / 2;
		memset(about.ledger.places[i].place.name, '"', PL_PLACE_NAME_SIZE - 1);
	}
	for (unsigned i = 0; i < PL_REGION_COUNT; i++)
		about.ledger.now.used_bytes[i] = UINT64_MAX / 64;
	about.sibling_count = PL_EVIDENCE_SIBLINGS;
	memset(&facts, 0, sizeof(facts));
	memset(facts.command, '"', sizeof(facts.command) - 1);
	memset(facts.program, '\\', sizeof(facts.program) - 1);
	fill_tally(&facts.fds);
	fill_tally(&facts.sockets);
	fill_tally(&facts.threads);
}

static void fill_idle(void)
{
	about.report.idle_known = true;
	about.report.idle_percent = 82.5;
	about.report.idle_window_s = 3600;
	about.idle.reading_count = 3;
	for (unsigned i = 0; i < PL_REGION_COUNT; i++) {
		about.idle.used_bytes[i] = UINT64_C(40) << 20;
		about.idle.idle_bytes[i] = UINT64_C(30) << 20;
	}
}

static void test_tally(void)
{
	static struct pl_tally tally;

	fill_tally(&tally);
	is_num(tally.total_count, 5050, "all are counted");
	is_num(tally.place_count, PL_TALLY_PLACES, "names are bounded");
	ok(tally.places[0].count == 64 && tally.places[1].count == 63, "the largest come first");
	is_num(tally.other_count, 5050 - 64 * 65 / 2, "the others are counted together");
}

static void test_compose(void)
{
	char problem[128];
	char *text = NULL;
	size_t len = 0;
	size_t strange = 0;
	yajl_val root;

	fill_case();
	fill_idle();
	is_num(pl_evidence_compose(&about, &facts, &text, &len), 0, "the largest case is composed");
	ok(len > 10000 && len <= PL_EVIDENCE_MOST_BYTES, "within 64 KiB");
	root = yajl_tree_parse(text, problem, sizeof(problem));
	ok(root, "it is valid JSON");
	for (size_t i = 0; i < len; i++)
		strange += (unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~';
	is_num(strange, 0, "without a control character or a byte past ASCII");
	if (root) {
		const char *gates[] = { "judged", NULL };
		const char *history[] = { "history", NULL };
		const char *next[] = { "next", NULL };

		ok(yajl_tree_get(root, gates, yajl_t_array) && yajl_tree_get(root, history, yajl_t_array) &&
		       yajl_tree_get(root, next, yajl_t_array),
		   "with gates, history and the next step");
		const yajl_val percent =
			yajl_tree_get(root, (const char *[]){ "idle_percent", NULL }, yajl_t_number);
		const yajl_val regions =
			yajl_tree_get(root, (const char *[]){ "regions", NULL }, yajl_t_array);
		const yajl_val heap = regions ? regions->u.array.values[0] : NULL;
		const yajl_val share =
			yajl_tree_get(heap, (const char *[]){ "idle_share", NULL }, yajl_t_number);

		ok(percent && percent->u.number.d > 82 && percent->u.number.d < 83, "what lies idle");
		ok(share && share->u.number.d > 0.74 && share->u.number.d < 0.76, "and where");
	}
	yajl_tree_free(root);
	free(text);
}

static yajl_val compose_tree(void)
{
	char problem[128];
	char *text = NULL;
	size_t len = 0;
	yajl_val root = NULL;

	if (pl_evidence_compose(&about, &facts, &text, &len) == 0 && len <= PL_EVIDENCE_MOST_BYTES)
		root = yajl_tree_parse(text, problem, sizeof(problem));
	free(text);
	return root;
}

static yajl_val get(yajl_val root, const char *name)
{
	return root ? yajl_tree_get(root, (const char *[]){ name, NULL }, yajl_t_any) : NULL;
}

static double number_in(yajl_val root, const char *name)
{
	const yajl_val value = get(root, name);

	return YAJL_IS_NUMBER(value) ? strtod(YAJL_GET_NUMBER(value), NULL) : -1;
}

static const char *text_in(yajl_val root, const char *name)
{
	const yajl_val value = get(root, name);

	return YAJL_IS_STRING(value) ? YAJL_GET_STRING(value) : "";
}

static size_t count_in(yajl_val root, const char *name)
{
	const yajl_val value = get(root, name);

	return YAJL_IS_ARRAY(value) ? YAJL_GET_ARRAY(value)->len : 0;
}

static yajl_val item_in(yajl_val array, size_t i)
{
	return YAJL_IS_ARRAY(array) && i < array->u.array.len ? array->u.array.values[i] : NULL;
}

/* Whether an item of an array has this text. */
static bool has_item(yajl_val array, const char *name, const char *text)
{
	for (size_t i = 0; item_in(array, i); i++)
		if (strcmp(text_in(item_in(array, i), name), text) == 0)
			return true;
	return false;
}

static void fill_runs(void)
{
	fill_case();
	about.about = PL_ABOUT_RUNS;
	for (unsigned d = 0; d < PL_DRIVER_COUNT; d++)
		about.track.attribution.share[d] = d == PL_DRIVER_OPENED ? 0.9F : -1;
	about.example_bytes = 5e6;
	about.run_count = PL_EVIDENCE_MOST_RUNS;
	for (unsigned i = 0; i < PL_EVIDENCE_MOST_RUNS; i++)
		about.runs[i] = (struct pl_evidence_run){ .begin_s = 1.7e9 + i * 7200.0,
			                                      .end_s = 1.7e9 + i * 7200.0 + 7000,
			                                      .rate_per_h = 1e7,
			                                      .grown_bytes = 2e7,
			                                      .level_bytes = 1e8 };
}

/* The gates of the run under way are not those of the runs before. */
static void test_runs(void)
{
	yajl_val root;

	fill_runs();
	root = compose_tree();
	is_str(text_in(root, "about"), "runs", "an alarm about past runs");
	ok(root && YAJL_IS_NULL(get(root, "pid")), "blames no process");
	is_num(number_in(get(root, "example"), "pid"), 12, "but has an example");
	is_num((double)count_in(root, "runs"), PL_EVIDENCE_MOST_RUNS, "and the runs");
	ok(number_in(item_in(get(root, "runs"), 1), "begin") == 1.7e9 + 7200, "with their times");
	ok(!get(root, "judged"), "what is judged of the example is not it");
	ok(has_item(get(root, "grows_with"), "unit", "connection opened"),
	   "what the runs grew with is");
	yajl_tree_free(root);
	memset(&about.track, 0, sizeof(about.track));
	memset(&about.values, 0, sizeof(about.values));
	memset(&facts, 0, sizeof(facts));
	about.has_ledger = false;
	about.ident = (struct pl_ident){ 0, 0 };
	about.sibling_count = 0;
	root = compose_tree();
	ok(root && YAJL_IS_NULL(get(root, "example")), "nobody need be alive for it");
	is_str(text_in(root, "verdict"), "leaking", "the verdict is there all the same");
	is_num((double)count_in(root, "runs"), PL_EVIDENCE_MOST_RUNS, "as are the runs");
	yajl_tree_free(root);
}

static void test_sum(void)
{
	yajl_val root;

	fill_case();
	about.about = PL_ABOUT_SUM;
	about.member_count = 500;
	about.track.attribution = (struct pl_attribution){ .driver = PL_DRIVER_THREADS };
	about.track.attribution.share[PL_DRIVER_THREADS] = 0.9F;
	root = compose_tree();
	is_str(text_in(root, "about"), "sum", "an alarm about the sum");
	is_num(number_in(root, "member_count"), 500, "of so many");
	is_num((double)count_in(root, "members"), PL_EVIDENCE_SIBLINGS,
	       "of which the largest are told");
	ok(has_item(get(root, "judged"), "metric", "processes") &&
	       !has_item(get(root, "judged"), "metric", "threads"),
	   "its threads are processes");
	ok(has_item(get(root, "grows_with"), "unit", "process"), "in the cause as well");
	const char *advice = YAJL_GET_STRING(item_in(get(root, "contain"), 0));

	ok(advice && strstr(advice, "Cap the pool"), "and the advice is about the pool");
	yajl_tree_free(root);
}

static bool suggests(yajl_val root, const char *word)
{
	const yajl_val steps = get(root, "next");

	for (size_t i = 0; i < count_in(root, "next"); i++)
		if (strstr(text_in(item_in(steps, i), "step"), word))
			return true;
	return false;
}

/* What is suggested about a leak in `region`, that grows with `driver`, of `runtimes`. */
static yajl_val advise(const char *comm, enum pl_tracked worst, enum pl_driver driver,
                       const char *region, uint32_t runtimes)
{
	fill_case();
	about.track.worst = (uint8_t)worst;
	about.track.attribution.driver = (uint8_t)driver;
	about.ledger.runtimes = runtimes;
	snprintf(about.comm, sizeof(about.comm), "%s", comm);
	snprintf(about.where, sizeof(about.where), "%s", region);
	return compose_tree();
}

static void test_advice(void)
{
	const uint32_t glibc = 1U << PL_RUNTIME_GLIBC;
	const uint32_t jvm = 1U << PL_RUNTIME_JVM | glibc;
	const uint32_t node = 1U << PL_RUNTIME_NODE | glibc;
	yajl_val root = advise("nginx", PL_TRACKED_CONNECTIONS, PL_DRIVER_CONNECTIONS, "", glibc);

	ok(suggests(root, "ss -tnpo"), "of connections, their peers are asked for");
	ok(!suggests(root, "perf"), "and no profile of memory that does not grow");
	yajl_tree_free(root);
	root = advise("nginx", PL_TRACKED_U, PL_DRIVER_CONNECTIONS, "heap", glibc);
	ok(suggests(root, "ss -tnpo") && suggests(root, "perf"), "of what they cost, both");
	yajl_tree_free(root);
	root = advise("app", PL_TRACKED_FDS, PL_DRIVER_FDS, "", 1U << PL_RUNTIME_PYTHON | glibc);
	ok(suggests(root, "/proc/PID/fd") && !suggests(root, "TRACEMALLOC"), "of descriptors, targets");
	yajl_tree_free(root);
	root = advise("java", PL_TRACKED_UNTOUCHED, PL_DRIVER_THREADS, "stack", jvm);
	ok(suggests(root, "Thread.print") && suggests(root, "ps -L"), "of a JVM's threads, theirs");
	ok(!suggests(root, "GC.heap_info"), "not its heap");
	yajl_tree_free(root);
	root = advise("java", PL_TRACKED_U, PL_DRIVER_NONE, "arena", jvm);
	ok(suggests(root, "direct buffers") && !suggests(root, "JFR.start"), "nor beside the heap");
	const char *contain = YAJL_GET_STRING(item_in(get(root, "contain"), 1));

	ok(contain && strstr(contain, "MaxDirectMemorySize"), "which has limits of its own");
	yajl_tree_free(root);
	root = advise("java", PL_TRACKED_U, PL_DRIVER_NONE, "java", jvm);
	ok(suggests(root, "GC.heap_info") && !suggests(root, "direct buffers"), "in the heap, of that");
	yajl_tree_free(root);
	root = advise("node", PL_TRACKED_U, PL_DRIVER_NONE, "heap", node);
	ok(suggests(root, "arrayBuffers") && !suggests(root, "USR1"), "of Node's Buffers, their count");
	yajl_tree_free(root);
	root = advise("redis-server", PL_TRACKED_U, PL_DRIVER_NONE, "jemalloc", glibc);
	ok(suggests(root, "INFO keyspace"), "a server that knows its own memory is asked");
	yajl_tree_free(root);
}

static void test_cgroup(void)
{
	struct pl_report report;
	yajl_val root;
	yajl_val cgroup;

	fill_case();
	report = about.report;
	report.subject = (struct pl_subject){ .kind = PL_SUBJECT_CGROUP,
		                                  .match = "api",
		                                  .cgroup = "/system.slice/\"api\033.service" };
	report.where = "slab_unreclaimable";
	pl_evidence_set_report(&about, &report);
	about.about = PL_ABOUT_CGROUP;
	about.parts_now.known = about.parts_before.known = (1u << PL_CGROUP_PART_COUNT) - 1;
	for (unsigned i = 0; i < PL_CGROUP_PART_COUNT; i++) {
		about.parts_before.bytes[i] = 1 << 20;
		about.parts_now.bytes[i] = UINT64_MAX / 64;
	}
	about.parts_now.bytes[PL_CGROUP_OBJECTS] = 3 << 20;
	root = compose_tree();
	cgroup = get(root, "cgroup");
	is_str(text_in(root, "about"), "cgroup", "an alarm about a cgroup");
	is_str(text_in(cgroup, "path"), "/system.slice/\"api?.service", "with its path, made safe");
	is_num((double)count_in(cgroup, "parts"), PL_CGROUP_PART_COUNT, "its parts");
	is_num(number_in(cgroup, "unexplained_before"), 7 << 20, "what no process explained");
	is_str(text_in(root, "where"), "slab_unreclaimable", "the part that grows, by its whole name");
	ok(suggests(root, "slabtop") && !suggests(root, "jcmd"), "and the tool that looks there");
	yajl_tree_free(root);
	snprintf(about.where, sizeof(about.where), "tmpfs");
	root = compose_tree();
	ok(suggests(root, "ipcs"), "another for tmpfs");
	yajl_tree_free(root);
}

/* As many entries as there can be, of names as long and hostile as they can be. */
static void fill_census(struct pl_census_report *out)
{
	*out = (struct pl_census_report){ .entry_count = PL_CENSUS_ENTRIES_MAX,
		                              .runtime = "C or C++",
		                              .allocator = "glibc",
		                              .heap_growth_per_s = 1e300,
		                              .interval_s = 60 };
	for (size_t i = 0; i < PL_CENSUS_ENTRIES_MAX; i++) {
		out->entries[i] = (struct pl_census_entry){ .named_by = "rtti",
			                                        .objects_per_s = 512.3,
			                                        .object_bytes = 144,
			                                        .bytes_per_s = 73771,
			                                        .share = 0.97,
			                                        .confidence = 1 };
		memset(out->entries[i].name, i == 0 ? 'T' : '"', PL_CENSUS_NAME_SIZE - 1);
		memset(out->entries[i].detail, '\xff', PL_CENSUS_DETAIL_SIZE - 1);
	}
	snprintf(out->reason, sizeof(out->reason), "1 MiB in \033 swap");
}

/* The census that the evidence has; NULL without one. To be freed: *root. */
static yajl_val compose_census(yajl_val *root)
{
	const char *census[] = { "census", NULL };
	char problem[128];
	char *text = NULL;
	size_t len = 0;

	*root = NULL;
	if (pl_evidence_compose(&about, &facts, &text, &len) == 0 && len <= PL_EVIDENCE_MOST_BYTES)
		*root = yajl_tree_parse(text, problem, sizeof(problem));
	free(text);
	return *root ? yajl_tree_get(*root, census, yajl_t_object) : NULL;
}

static void test_census(void)
{
	const char *entries[] = { "entries", NULL };
	const char *share[] = { "share", NULL };
	const char *reason[] = { "reason", NULL };
	yajl_val root;
	yajl_val census;
	yajl_val list;

	fill_case();
	snprintf(about.where, sizeof(about.where), "arena");
	ok(!compose_census(&root) && root && !suggests(root, "procleak census"),
	   "a managed heap has its own tools");
	yajl_tree_free(root);
	about.ledger.runtimes = 1u << PL_RUNTIME_GO;
	ok(!compose_census(&root) && root && !suggests(root, "procleak census"),
	   "and what is C's in a program of Go is not seen in Go's heap");
	yajl_tree_free(root);
	snprintf(about.where, sizeof(about.where), "go");
	ok(!compose_census(&root) && root && suggests(root, "procleak census"),
	   "Go's own is looked into");
	yajl_tree_free(root);
	snprintf(about.where, sizeof(about.where), "arena");
	about.ledger.runtimes = 1u << PL_RUNTIME_GLIBC;
	ok(!compose_census(&root) && root && suggests(root, "procleak census"),
	   "without a census one is suggested");
	yajl_tree_free(root);
	about.has_census = true;
	fill_census(&about.census);
	census = compose_census(&root);
	list = census ? yajl_tree_get(census, entries, yajl_t_array) : NULL;
	ok(list && list->u.array.len == 8, "the first entries of a census fit");
	ok(list && yajl_tree_get(list->u.array.values[0], share, yajl_t_number), "with their numbers");
	ok(root && !suggests(root, "procleak census"), "and it is not suggested again");
	yajl_tree_free(root);
	pl_census_tell_failure(-EACCES, &about.census);
	census = compose_census(&root);
	list = census ? yajl_tree_get(census, reason, yajl_t_string) : NULL;
	ok(list && strstr(list->u.string, "CAP_SYS_PTRACE"), "what kept it from looking is told");
	yajl_tree_free(root);
	about.has_census = false;
}

static void test_line(void)
{
	static struct pl_census_report report;
	char line[PL_CENSUS_LINE_SIZE];

	fill_census(&report);
	ok(pl_census_tell_line(&report, line, sizeof(line)) && strlen(line) < 140 &&
	       strncmp(line, "512/s TTT", 9) == 0 &&
	       strcmp(line + strlen(line) - 34, "T (144 B each, 97 % of the growth)") == 0,
	   "one line tells the first entry, its end not cut off by a long name");
	snprintf(report.entries[0].name, PL_CENSUS_NAME_SIZE, "4112-byte chunks");
	report.entries[0].kind = PL_CENSUS_SIZE;
	report.entries[0].objects_per_s = 0.52;
	(void)pl_census_tell_line(&report, line, sizeof(line));
	is_str(line, "0.5/s 4112-byte chunks, 97 % of the growth", "a size is told once");
	report.entries[0].share = -1;
	report.entries[0].object_bytes = 0;
	(void)pl_census_tell_line(&report, line, sizeof(line));
	is_str(line, "0.5/s 4112-byte chunks", "what is not known is not told");
	report.entry_count = 0;
	ok(!pl_census_tell_line(&report, line, sizeof(line)) && line[0] == '\0', "nothing is no line");
}

static unsigned count_files(void)
{
	DIR *dir = opendir(directory);
	unsigned count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count - 2;
}

static void keep_one(int i, char *path, size_t size)
{
	const struct utimbuf times = { 1700000000 + i, 1700000000 + i };

	about.report.time_s = 1700000000 + i;
	if (pl_evidence_keep(directory, 5, &about, "{}", 2, path, size) < 0)
		ok(false, "evidence is kept");
	(void)utime(path, &times);
}

static void test_keep(void)
{
	char path[512];
	char found[512];
	char foreign[512];
	struct stat info;
	FILE *file;

	snprintf(foreign, sizeof(foreign), "%s/procleak.json", directory);
	file = fopen(foreign, "w");
	if (file)
		fclose(file);
	for (int i = 0; i < 12; i++)
		keep_one(i, path, sizeof(path));
	is_num(count_files(), 5 + 1, "the oldest go, what is somebody else's stays");
	ok(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600, "nobody else may read them");
	ok(pl_evidence_find(directory, "api/\"\n", found, sizeof(found)) == 0 &&
	       strcmp(found, path) == 0,
	   "the newest is found by its match");
	ok(pl_evidence_find(directory, "12", found, sizeof(found)) == 0 && strcmp(found, path) == 0,
	   "and by its pid");
	ok(pl_evidence_find(directory, "1", found, sizeof(found)) == -2, "not by a part of it");
	about.about = PL_ABOUT_SUM;
	keep_one(12, path, sizeof(path));
	about.about = PL_ABOUT_CGROUP;
	keep_one(12, found, sizeof(found));
	about.about = PL_ABOUT_PROCESS;
	ok(strcmp(path, found) != 0 && strstr(path, "_-0.sum-") && strstr(found, "_-0.cgroup-"),
	   "alarms of one moment that blame no process have files of their own");
	is_num(count_files(), 5 + 1, "which count like the others");
	ok(pl_evidence_find(directory, "api/\"\n", found, sizeof(found)) == 0 &&
	       strstr(found, "-0.") != NULL,
	   "and are found by the match");
	ok(pl_evidence_keep("/proc/nowhere", 5, &about, "{}", 2, path, sizeof(path)) < 0,
	   "a directory that cannot be made is told");
}

/* Evidence in a directory that others control would be theirs to replace, or to send elsewhere. */
static void test_attacks(void)
{
	char path[512];
	char trap[300];
	char link_path[300];
	struct stat info;

	if (chmod(directory, 0777) != 0)
		abort();
	is_num(pl_evidence_keep(directory, 5, &about, "{}", 2, path, sizeof(path)), -EPERM,
	       "a directory that all may write to");
	if (chmod(directory, 0700) != 0)
		abort();
	snprintf(link_path, sizeof(link_path), "%s/link", directory);
	snprintf(trap, sizeof(trap), "%s/trap", directory);
	if (mkdir(trap, 0700) != 0 || symlink(trap, link_path) != 0)
		abort();
	if (lchown(link_path, 65534, (gid_t)-1) == 0)
		ok(pl_evidence_keep(link_path, 5, &about, "{}", 2, path, sizeof(path)) < 0 &&
		       rmdir(trap) == 0 && mkdir(trap, 0700) == 0,
		   "somebody else's link to a directory");
	else
		printf("ok %d # SKIP somebody else's link: needs root\n", ++tap_count);
	unlink(link_path);
	if (pl_evidence_keep(directory, 5, &about, "{}", 2, path, sizeof(path)) != 0)
		abort();
	unlink(path);
	if (symlink("trap/file", path) != 0)
		abort();
	is_num(pl_evidence_keep(directory, 5, &about, "{}", 2, path, sizeof(path)), 0,
	       "a link in the place of a file");
	ok(lstat(path, &info) == 0 && S_ISREG(info.st_mode) && rmdir(trap) == 0, "is replaced");
}

/* This very process: its arguments stay out unless they are allowed. */
static void test_gather(void)
{
	struct pl_procfs fs;
	bool null_seen = false;

	if (pl_procfs_open(&fs, "/proc", NULL) < 0)
		return;
	pl_evidence_gather(&fs, getpid(), false, &facts);
	ok(facts.argument_count == 1 && !strstr(facts.command, "SECRET"), "no arguments");
	is_num(facts.threads.total_count, 1, "one thread");
	for (uint32_t i = 0; i < facts.fds.place_count; i++)
		null_seen |= strcmp(facts.fds.places[i].name, "/dev/zero") == 0;
	ok(null_seen, "descriptors by target");
	pl_evidence_gather(&fs, getpid(), true, &facts);
	ok(strstr(facts.command, "SECRET") != NULL, "arguments where they are allowed");
	pl_evidence_gather(&fs, INT32_MAX, true, &facts);
	ok(facts.fds.total_count == 0 && !facts.command[0], "nothing of a process that is gone");
	pl_procfs_close(&fs);
}

static void remove_files(void)
{
	char path[1024];
	DIR *dir = opendir(directory);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		(void)unlink(path);
	}
	if (dir)
		closedir(dir);
	(void)rmdir(directory);
}

int main(int argc, char **argv)
{
	static FILE *zero;

	if (argc < 2) {
		char *const arguments[] = { argv[0], (char[]){ "--password=SECRET" }, NULL };

		execv("/proc/self/exe", arguments);
		return 1;
	}
	zero = fopen("/dev/zero", "r");
	if (!zero || !mkdtemp(directory))
		return 1;
	test_tally();
	test_compose();
	test_runs();
	test_sum();
	test_advice();
	test_cgroup();
	test_census();
	test_line();
	test_keep();
	test_attacks();
	test_gather();
	remove_files();
	fclose(zero);
	return tap_done();
}
