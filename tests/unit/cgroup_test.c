/* Memory of cgroups: its parts add up, and one reading is made of each, whoever shares it. */
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/engine.h"
#include "evidence/evidence.h"
#include "sample/cgroup.h"
#include "state/state.h"
#include "tap.h"

#define MIB 1048576ull

static char root[] = "/tmp/procleak-cgroup-test.XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[512];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	out = fopen(path, "w");
	if (!out || fputs(text, out) < 0 || fclose(out) != 0)
		abort();
}

static void make_directory(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	if (mkdir(path, 0700) != 0)
		abort();
}

static const char v2_stat[] = "anon 104857600\nfile 73400320\nkernel 31457280\n"
							  "kernel_stack 1048576\npagetables 3145728\nsec_pagetables 0\n"
							  "percpu 2097152\nsock 5242880\nvmalloc 1048576\nshmem 62914560\n"
							  "slab_reclaimable 8388608\nslab_unreclaimable 4194304\n"
							  "slab 12582912\n";

static void test_parse(void)
{
	static const char v1[] = "cache 4096\nrss 8192\nshmem 0\ntotal_cache 40960\n"
							 "total_rss 81920\nmapped_file 1\n";
	static const char *const bad[] = { "",
		                               "anon 1\n",
		                               "anon 1\nfile x\n",
		                               "anon 1\nfile 2",
		                               "anon 1\nfile 99999999999999999999\n",
		                               "anon 1\nfile 2 3\n" };
	struct pl_memory_stat stat;
	uint64_t bytes = 0;

	is_num(pl_parse_memory_stat(v2_stat, sizeof(v2_stat) - 1, &stat), 0, "memory.stat of v2");
	ok(pl_memory_stat_get(&stat, PL_MEMORY_STAT_SLAB_FIRM, &bytes), "unreclaimable slab is there");
	is_num((double)bytes, 4194304, "and is told from slab");
	is_num((double)stat.bytes[PL_MEMORY_STAT_TABLES], 3145728, "page tables");
	is_num(pl_parse_memory_stat(v1, sizeof(v1) - 1, &stat), 0, "memory.stat of v1");
	is_num((double)stat.bytes[PL_MEMORY_STAT_ANON], 81920, "with its descendants");
	ok(!pl_memory_stat_get(&stat, PL_MEMORY_STAT_SOCK, &bytes), "what v1 does not print is absent");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(pl_parse_memory_stat(bad[i], strlen(bad[i]), &stat) < 0,
		   "what makes no sense is refused");
}

static uint64_t sum_of(const struct pl_cgroup_parts *parts)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PL_CGROUP_PART_COUNT; i++)
		sum += parts->bytes[i];
	return sum;
}

static void test_split(void)
{
	struct pl_cgroup_reading reading = { .charged_bytes = 220 * MIB };
	struct pl_cgroup_members members = { .resident_shmem_bytes = 40 * MIB,
		                                 .shmem_bytes = 20 * MIB };
	struct pl_cgroup_parts parts;

	if (pl_parse_memory_stat(v2_stat, sizeof(v2_stat) - 1, &reading.stat) != 0)
		abort();
	pl_cgroup_split(&reading, &members, &parts);
	is_num((double)sum_of(&parts), 220.0 * MIB, "the parts add up to what is charged");
	is_num((double)parts.bytes[PL_CGROUP_FILE], 10.0 * MIB, "shared memory is no file");
	is_num((double)parts.bytes[PL_CGROUP_SHMEM], 20.0 * MIB, "what is mapped counts once");
	is_num((double)parts.bytes[PL_CGROUP_TMPFS], 40.0 * MIB, "the rest is nobody's");
	is_num((double)parts.bytes[PL_CGROUP_SLAB], 8.0 * MIB, "objects that can be given up");
	is_num((double)pl_cgroup_unexplained_bytes(&parts), (40 + 5 + 3 + 4 + 2 + 1 + 12) * 1.0 * MIB,
	       "what no process explains");
	reading.processes_known = true;
	reading.resident_shmem_bytes = 70 * MIB;
	pl_cgroup_split(&reading, &members, &parts);
	is_num((double)parts.bytes[PL_CGROUP_TMPFS], 10.0 * MIB, "others may have mapped it");
	reading.resident_shmem_bytes = 900 * MIB;
	pl_cgroup_split(&reading, &members, &parts);
	is_num((double)parts.bytes[PL_CGROUP_TMPFS], 0, "and be many");
	reading = (struct pl_cgroup_reading){ .charged_bytes = 30 * MIB,
		                                  .v1 = true,
		                                  .v1_kernel_bytes = 20 * MIB,
		                                  .v1_sock_bytes = 7 * MIB,
		                                  .processes_known = true,
		                                  .page_table_bytes = 6 * MIB };
	pl_cgroup_split(&reading, &members, &parts);
	is_num((double)pl_cgroup_unexplained_bytes(&parts), 13.0 * MIB,
	       "v1: page tables and sockets, not the kernel's memory that may be caches");
	is_num((double)parts.bytes[PL_CGROUP_OTHER], 14.0 * MIB, "which is shown all the same");
}

static void test_key(void)
{
	static const struct {
		const char *text;
		const char *path;
	} rows[] = {
		{ "0::/system.slice/api.service\n", "/system.slice/api.service" },
		{ "4:memory:/a\n0::/\n", "/a" },
		{ "0::/\n", "" },
		{ "4:memory:/\n0::/b\n", "" },
		{ "0::/../other\n", "" },
		{ "nonsense", "" },
	};
	struct pl_cgroup_key key;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pl_cgroup_key_of(rows[i].text, strlen(rows[i].text), &key);
		is_str(key.path, rows[i].path, "the cgroup that memory is charged to");
	}
}

static void put_cgroup(unsigned tmpfs_mib)
{
	char text[256];

	snprintf(text, sizeof(text), "%llu\n", (50 + tmpfs_mib) * MIB);
	write_file("cgroup/unit/memory.current", text);
	snprintf(text, sizeof(text), "anon %llu\nfile %llu\nkernel 1048576\nsock 0\nshmem %llu\n",
	         48 * MIB, tmpfs_mib * MIB, tmpfs_mib * MIB);
	write_file("cgroup/unit/memory.stat", text);
}

static void put_process(int pid, const char *comm, unsigned long anon_kib)
{
	char name[64];
	char text[1024];

	snprintf(name, sizeof(name), "proc/%d", pid);
	make_directory(name);
	snprintf(name, sizeof(name), "proc/%d/fd", pid);
	make_directory(name);
	snprintf(name, sizeof(name), "proc/%d/stat", pid);
	snprintf(text, sizeof(text),
	         "%d (%s) S 1 1 1 0 -1 0 0 0 0 0 7 3 0 0 20 0 1 0 100 104857600 2560 "
	         "18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
	         pid, comm);
	write_file(name, text);
	snprintf(name, sizeof(name), "proc/%d/status", pid);
	snprintf(text, sizeof(text),
	         "Name:\t%s\nUid:\t1\t1\t1\t1\nVmSize:\t  102400 kB\nVmRSS:\t %lu kB\n"
	         "RssAnon:\t %lu kB\nRssFile:\t 0 kB\nRssShmem:\t 0 kB\nVmData:\t 2000 kB\n"
	         "VmSwap:\t 0 kB\nThreads:\t1\n",
	         comm, anon_kib, anon_kib);
	write_file(name, text);
	snprintf(name, sizeof(name), "proc/%d/cgroup", pid);
	write_file(name, "0::/unit\n");
}

struct seen {
	unsigned reading_count;
	struct pl_reading reading; /* the last one of a cgroup, in this tick */
	struct pl_cgroup_parts parts;
	char match[32];
	unsigned alarm_count;
	unsigned recovered_count;
	struct pl_report alarm;
	char path[64];
};

static void on_reading(void *ctx, const struct pl_reading *reading)
{
	struct seen *seen = ctx;

	if (reading->subject.kind != PL_SUBJECT_CGROUP)
		return;
	seen->reading_count++;
	seen->reading = *reading;
	seen->parts = *reading->cgroup;
	snprintf(seen->match, sizeof(seen->match), "%s", reading->subject.match);
}

static void on_report(void *ctx, const struct pl_report *report)
{
	struct seen *seen = ctx;

	if (report->subject.kind != PL_SUBJECT_CGROUP)
		return;
	seen->recovered_count += report->recovered;
	if (!report->alarm)
		return;
	seen->alarm_count++;
	seen->alarm = *report;
	snprintf(seen->path, sizeof(seen->path), "%s", report->subject.cgroup);
}

static struct pl_engine *start(struct seen *seen)
{
	const struct pl_emit emit = { .ctx = seen, .reading = on_reading, .report = on_report };
	const struct pl_log log = { NULL, NULL };
	struct pl_config *config = pl_config_new();
	struct pl_config_faults faults = { 0 };
	struct pl_engine *engine;
	char path[128];

	snprintf(path, sizeof(path), "%s/proc", root);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "ProcFS", path, NULL, &faults);
	snprintf(path, sizeof(path), "%s/cgroup", root);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "CgroupFS", path, NULL, &faults);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "DeepReadBudget", "100", NULL, &faults);
	snprintf(path, sizeof(path), "%s/evidence", root);
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "EvidenceDir", path, NULL, &faults);
	for (int i = 0; i < 2; i++) {
		const int match = pl_config_match(config, i ? "second" : "first", NULL, &faults);

		(void)pl_config_set(config, match, "Command", i ? "worker" : "master", NULL, &faults);
	}
	pl_config_finish(config, &faults);
	if (faults.count > 0 || pl_engine_new(&engine, config, &emit, &log) != 0)
		abort();
	return engine;
}

static void tick(struct pl_engine *engine, struct seen *seen, double at_s)
{
	seen->reading_count = 0;
	pl_engine_begin(engine, (struct pl_time){ at_s, 1700000000 + at_s });
	(void)pl_engine_drain(engine, 5);
	pl_engine_finish(engine);
}

/* The newest file about the first match. */
static void test_evidence(void)
{
	char directory[128];
	char path[512];
	char *text = NULL;
	size_t len;

	snprintf(directory, sizeof(directory), "%s/evidence", root);
	if (pl_evidence_find(directory, "first", path, sizeof(path)) != 0 ||
	    pl_state_load(path, &text, &len) != 0) {
		ok(false, "evidence of it is kept");
		return;
	}
	ok(strstr(path, "/procleak-first-0.cgroup-") != NULL, "evidence of it is kept");
	ok(strstr(text, "\"about\":\"cgroup\"") && strstr(text, "\"path\":\"/unit\""),
	   "which names the cgroup");
	ok(strstr(text, "\"part\":\"tmpfs\"") != NULL, "with its parts");
	ok(strstr(text, "\"member_count\":2") && strstr(text, "\"pid\":21"),
	   "and the processes in it, of whatever match");
	ok(strstr(text, "\"series\":\"unexplained\"") != NULL, "and what was unexplained over time");
	free(text);
}

/* 3 MiB an hour over two days go to tmpfs, then it stops for a week. */
static void test_engine(void)
{
	struct seen seen = { 0 };
	struct pl_engine *engine;
	double verdict = -1;

	put_cgroup(0);
	put_process(20, "master", 20000);
	put_process(21, "worker", 20000);
	engine = start(&seen);
	tick(engine, &seen, 0);
	tick(engine, &seen, 60);
	tick(engine, &seen, 120);
	is_num(seen.reading_count, 1, "two matches share a cgroup: one reading");
	is_str(seen.match, "first", "which the first of them owns");
	ok(pl_findings_get(&seen.reading.findings, PL_FINDING_VERDICT, &verdict) && verdict <= 0,
	   "nothing is known yet");
	for (unsigned i = 1; i <= 48 * 12; i++) {
		put_cgroup(i / 4);
		tick(engine, &seen, 120 + 300.0 * i);
	}
	is_num(seen.alarm_count, 2, "told once, and confirmed");
	is_str(seen.alarm.where, "tmpfs", "with its place");
	is_str(seen.path, "/unit", "and the cgroup's path");
	ok(strstr(seen.alarm.message, "unit (cgroup) leaking 3.0") != NULL, "in words");
	ok(seen.alarm.subject.pid == 0 && seen.alarm.confirmed, "no process is blamed");
	ok(pl_findings_get(&seen.reading.findings, PL_FINDING_VERDICT, &verdict) &&
	       verdict >= PL_VERDICT_LEAKING,
	   "the series says so, too");
	is_num((double)seen.parts.bytes[PL_CGROUP_TMPFS], 144.0 * MIB, "how much");
	test_evidence();
	for (unsigned i = 1; i <= 7 * 48; i++)
		tick(engine, &seen, 120 + 300.0 * 48 * 12 + 1800.0 * i);
	is_num(seen.recovered_count, 1, "it is over when it is over");
	pl_engine_free(engine);
}

int main(void)
{
	char command[128];

	if (!mkdtemp(root))
		abort();
	make_directory("proc");
	make_directory("cgroup");
	make_directory("cgroup/unit");
	write_file("cgroup/cgroup.controllers", "memory\n");
	test_parse();
	test_split();
	test_key();
	test_engine();
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	if (system(command) != 0)
		abort();
	return tap_done();
}
