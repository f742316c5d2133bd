/* parse: exact values from texts as the kernel prints them, and what must be refused. */
#include "tap.h"

#include <errno.h>
#include <stdlib.h>

#include "parse/parse.h"

#define TEXT(literal) (literal), sizeof(literal) - 1
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char stat_tail[] =
	" S 1 4242 4242 0 -1 4194560 1234 5678 7 8 90 12 3 4 20 0 5 0 888888 5124096 963 "
	"18446744073709551615 94507598970880 94507599760285 140723102681120 0 0 0 0 0 0 1 0 0 17 0 0\n";

/* Parses a copy of exactly `len` bytes, so that the sanitizer sees a read past the end. */
static int parse_stat_copy(const char *text, size_t len, struct pl_stat *out)
{
	char *copy = malloc(len + 1);
	memcpy(copy, text, len);
	char *exact = realloc(copy, len > 0 ? len : 1);
	const int err = pl_parse_stat(exact, len, out);
	free(exact);
	return err;
}

static void test_stat_fields(void)
{
	char text[512];
	struct pl_stat stat;
	const int len = snprintf(text, sizeof(text), "4242 (redis-server)%s", stat_tail);

	is_num(parse_stat_copy(text, (size_t)len, &stat), 0, "stat parses");
	is_num(stat.pid, 4242, "pid");
	is_num(stat.ppid, 1, "ppid");
	is_str(stat.comm, "redis-server", "comm");
	is_num(stat.state, 'S', "state");
	is_num(stat.kernel_thread, 0, "no kernel thread");
	is_num(stat.minor_faults, 1234, "minor faults");
	is_num(stat.major_faults, 7, "major faults");
	is_num(stat.user_ticks, 90, "user ticks");
	is_num(stat.system_ticks, 12, "system ticks");
	is_num(stat.thread_count, 5, "threads");
	is_num(stat.start_ticks, 888888, "start");
	is_num(stat.vm_size_bytes, 5124096, "address space");
	ok(stat.start_code == 94507598970880, "start code");

	is_num(stat.rss_pages, 963, "resident pages");

	const char below[] =
		"7 (a) S 1 -1 -1 -3 -1 4194304 1 2 3 4 5 6 7 8 -20 -5 1 0 9 10 -11 12 13\n";
	is_num(parse_stat_copy(TEXT(below), &stat), 0, "stat with numbers below 0 parses");
	is_num(stat.rss_pages, 0, "less than no page is none");

	const char kthread[] = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 5 0 0 20 0 1 0 0 0 0 "
						   "18446744073709551615 0 0 0 0 0 0 0 2147483647 0 0 0 0 17 1 0 0\n";
	is_num(parse_stat_copy(TEXT(kthread), &stat), 0, "stat of a kernel thread parses");
	is_num(stat.kernel_thread, 1, "kernel thread");
}

static void test_stat_hostile_comms(void)
{
	static const char *const comms[] = {
		"",         ") R 1",      "a) S 1 2 3",
		"(",        ")",          "((((",
		"\n",       "x\n1 (y) Z", "%n%s",
		"a b c d ", "\x80\xff",   "123456789012345",
		") R 1\n",  "\"'\\",      "kworker/u257:99-events_freezable_power_efficient_unbound",
	};

	for (size_t i = 0; i < COUNT(comms); i++) {
		char text[512];
		char name[64];
		struct pl_stat stat;
		const int len = snprintf(text, sizeof(text), "77 (%s)%s", comms[i], stat_tail);
		const int err = parse_stat_copy(text, (size_t)len, &stat);
		(void)snprintf(name, sizeof(name), "hostile comm %zu", i);
		ok(err == 0 && strcmp(stat.comm, comms[i]) == 0 && stat.state == 'S' &&
		       stat.start_ticks == 888888,
		   name);
	}
}

static void test_stat_refused(void)
{
	static const char *const bad[] = {
		"",
		"\n",
		"x (a) S 1\n",
		"1 a S 1\n",
		"1 (a\n",
		"1 (a)\n",
		"1 (a) S\n",
		"99999999999 (a) S 1 1 1 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 1 1 1 1 1 1\n",
		"1 (a) S 1 1 1 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 18446744073709551616 1 1 1 1 1\n",
		"1 (a) S 1 1 1 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 -1 1 1 1 1 1\n",
		"1 (a) S 1 1 1 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 12 1 1 1\n",
		"1 (a) S 1 1 1 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 1x 1 1 1 1 1\n",
	};
	char text[512];
	const struct pl_stat untouched = { .pid = 5, .comm = "as it was" };
	struct pl_stat stat = untouched;

	for (size_t i = 0; i < COUNT(bad); i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "bad stat %zu is refused", i);
		is_num(parse_stat_copy(bad[i], strlen(bad[i]), &stat), -EBADMSG, name);
	}
	const int len = snprintf(text, sizeof(text), "4242 (a)%s", stat_tail);
	bool all = true;
	for (size_t cut = 0; cut < (size_t)len; cut++)
		all = all && parse_stat_copy(text, cut, &stat) == -EBADMSG;
	ok(all, "every truncation of stat is refused");
	ok(stat.pid == untouched.pid && strcmp(stat.comm, untouched.comm) == 0,
	   "the output is as it was");
}

static bool value_is(const struct pl_values *values, enum pl_metric metric, uint64_t want)
{
	uint64_t got;

	return pl_values_get(values, metric, &got) && got == want;
}

static size_t present_count(const struct pl_values *values)
{
	size_t count = 0;

	for (size_t i = 0; i < PL_METRIC_COUNT; i++)
		count += pl_values_has(values, (enum pl_metric)i);
	return count;
}

/* Copies `text` without its line `drop`; returns the length. */
static size_t without_line(const char *text, size_t drop, char *out)
{
	size_t line = 0;
	size_t used = 0;

	for (; *text; text++) {
		if (line != drop)
			out[used++] = *text;
		line += *text == '\n';
	}
	return used;
}

static size_t line_count(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

static const char status_text[] =
	"Name:\tVmRSS:\\n 1 kB\nState:\tS (sleeping)\n"
	"Uid:\t1000\t0\t0\t0\nVmSize:\t    5004 kB\nVmLck:\t  1 kB\n"
	"VmHWM:\t  4090 kB\nVmRSS:\t    4088 kB\nRssAnon:\t     940 kB\n"
	"RssFile:\t    3148 kB\nRssShmem:\t       0 kB\nVmData:\t 948 kB\n"
	"VmPTE:\t 48 kB\nVmSwap:\t 7 kB\nHugetlbPages:\t 2048 kB\n"
	"VmFuture:\tnot a number\nThreads:\t3\nMems_allowed:\t0000,0001\n"
	"voluntary_ctxt_switches:\t53\nnonvoluntary_ctxt_switches:\t16\n";
enum { STATUS_FIELDS = 14, STATUS_UID_LINE = 2, STATUS_THREADS_LINE = 15 };

static void test_status(void)
{
	static const char kthread[] = "Name:\tkthreadd\nUid:\t0\t0\t0\t0\nThreads:\t1\n";
	struct pl_status status;

	is_num(pl_parse_status(TEXT(status_text), &status), 0, "status parses");
	is_num(status.uid, 1000, "real uid");
	is_num(status.has_memory, 1, "has memory");
	is_num(present_count(&status.values), STATUS_FIELDS, "all of its fields are found");
	ok(value_is(&status.values, PL_M_RSS, 4088 * 1024), "RSS is not what the name says");
	ok(value_is(&status.values, PL_M_HUGETLB, 2048 * 1024), "hugetlb");
	ok(value_is(&status.values, PL_M_SHMEM, 0), "no shared memory is 0, not absent");
	is_num(pl_parse_status(TEXT(kthread), &status), 0, "status of a kernel thread parses");
	is_num(status.has_memory, 0, "a kernel thread has no memory");
	is_num(present_count(&status.values), 1, "and nothing but a thread");
}

static void test_status_missing_fields(void)
{
	for (size_t line = 0; line < line_count(status_text); line++) {
		char text[sizeof(status_text)];
		char name[64];
		struct pl_status status = { .uid = 77 };
		const size_t len = without_line(status_text, line, text);
		const int err = pl_parse_status(text, len, &status);
		(void)snprintf(name, sizeof(name), "status without line %zu", line);
		if (line == STATUS_UID_LINE || line == STATUS_THREADS_LINE)
			ok(err == -EBADMSG && status.uid == 77, name);
		else
			ok(err == 0 && present_count(&status.values) >= STATUS_FIELDS - 1, name);
	}
}

static void test_status_refused(void)
{
	static const char *const bad[] = {
		"",
		"\n",
		"Uid:\t0\t0\t0\t0\nThreads:\t1",
		"Uid:\t\t0\t0\t0\nThreads:\t1\n",
		"Uid:\t-1\t0\t0\t0\nThreads:\t1\n",
		"Uid:\t4294967296\t0\t0\t0\nThreads:\t1\n",
		"Uid:\t0\t0\t0\t0\nThreads:\t\n",
		"Uid:\t0\t0\t0\t0\nThreads:\t1x\n",
		"Uid:\t0\t0\t0\t0\nThreads:\t-1\n",
		"Uid:\t0\t0\t0\t0\nThreads:\t1\nThreads:\t2\n",
		"Uid:\t0\t0\t0\t0\nVmRSS:\t12\nThreads:\t1\n",
		"Uid:\t0\t0\t0\t0\nVmRSS:\t12 MB\nThreads:\t1\n",
		"Uid:\t0\t0\t0\t0\nVmRSS:\t12 kB x\nThreads:\t1\n",
		"Uid:\t0\t0\t0\t0\nVmRSS:\t18014398509481984 kB\nThreads:\t1\n",
		"Uid:\t0\t0\t0\t0\nVmRSS:\t99999999999999999999999 kB\nThreads:\t1\n",
	};
	struct pl_status status;
	bool all = true;

	for (size_t i = 0; i < COUNT(bad); i++) {
		char name[40];
		(void)snprintf(name, sizeof(name), "bad status %zu is refused", i);
		is_num(pl_parse_status(bad[i], strlen(bad[i]), &status), -EBADMSG, name);
	}
	for (size_t cut = 0; cut + 1 < sizeof(status_text); cut++)
		if (cut == 0 || status_text[cut - 1] != '\n')
			all = all && pl_parse_status(status_text, cut, &status) == -EBADMSG;
	ok(all, "a status that is cut within a line is refused");
	is_num(pl_parse_status(TEXT("Uid:\t0\t0\t0\t0\nVmRSS:\t18014398509481983 kB\nThreads:\t1\n"),
	                       &status),
	       0, "the largest number of kB that 64 bits hold as bytes");
}

static void test_statm(void)
{
	static const char *const bad[] = {
		"",
		"\n",
		"1 2\n",
		"1 2 3",
		"1 2 x 4\n",
		"1 2 3\n",
		"1 99999999999999999999 1 1\n",
		"1 4503599627370497 1 0 0 0 0\n",
	};
	struct pl_values values;

	is_num(pl_parse_statm(TEXT("1251 1022 787 193 0 270 0\n"), 4096, &values), 0, "statm parses");
	ok(value_is(&values, PL_M_RSS, 1022 * 4096), "resident pages");
	ok(value_is(&values, PL_M_ANON, 235 * 4096), "those not shared");
	is_num(present_count(&values), 2, "and nothing else");
	is_num(pl_parse_statm(TEXT("9 8 3 1 0 2 0\n"), 65536, &values), 0, "statm with large pages");
	ok(value_is(&values, PL_M_ANON, 5 * 65536), "in bytes");
	for (size_t i = 0; i < COUNT(bad); i++) {
		char name[40];
		(void)snprintf(name, sizeof(name), "bad statm %zu is refused", i);
		is_num(pl_parse_statm(bad[i], strlen(bad[i]), 4096, &values), -EBADMSG, name);
	}
}

static const char rollup_text[] =
	"00400000-7ffca68c2000 ---p 00000000 00:00 0                          [rollup]\n"
	"Rss: 4088 kB\nPss: 996 kB\nPss_Dirty: 551 kB\nPss_Anon: 552 kB\nPss_File: 444 kB\n"
	"Pss_Shmem: 1 kB\nShared_Clean: 3148 kB\nShared_Dirty: 712 kB\nPrivate_Clean: 4 kB\n"
	"Private_Dirty: 228 kB\nReferenced: 4087 kB\nAnonymous: 940 kB\nKSM: 11 kB\n"
	"LazyFree: 12 kB\nAnonHugePages: 13 kB\nShmemPmdMapped: 14 kB\nFilePmdMapped: 15 kB\n"
	"Shared_Hugetlb: 0 kB\nPrivate_Hugetlb: 0 kB\nSwap: 16 kB\nSwapPss: 17 kB\nLocked: 18 kB\n";
enum { ROLLUP_RSS_LINE = 1 };

static void test_rollup(void)
{
	static const struct {
		enum pl_metric metric;
		uint64_t kib;
	} want[] = {
		{ PL_M_PSS, 996 },          { PL_M_PSS_DIRTY, 551 },   { PL_M_PSS_ANON, 552 },
		{ PL_M_PSS_FILE, 444 },     { PL_M_PSS_SHMEM, 1 },     { PL_M_SHARED_CLEAN, 3148 },
		{ PL_M_SHARED_DIRTY, 712 }, { PL_M_PRIVATE_CLEAN, 4 }, { PL_M_PRIVATE_DIRTY, 228 },
		{ PL_M_USS, 232 },          { PL_M_REFERENCED, 4087 }, { PL_M_ANONYMOUS, 940 },
		{ PL_M_KSM, 11 },           { PL_M_LAZYFREE, 12 },     { PL_M_ANON_HUGE, 13 },
		{ PL_M_SHMEM_HUGE, 14 },    { PL_M_FILE_HUGE, 15 },    { PL_M_SWAP_PSS, 17 },
		{ PL_M_VM_LOCKED, 18 },
	};
	struct pl_values values;

	is_num(pl_parse_rollup(TEXT(rollup_text), &values), 0, "rollup parses");
	for (size_t i = 0; i < COUNT(want); i++)
		ok(value_is(&values, want[i].metric, want[i].kib * 1024),
		   pl_metric_info(want[i].metric)->column);
	is_num(present_count(&values), COUNT(want), "and nothing else");
	for (size_t line = 1; line < line_count(rollup_text); line++) {
		char text[sizeof(rollup_text)];
		char name[64];
		const size_t len = without_line(rollup_text, line, text);
		const int err = pl_parse_rollup(text, len, &values);
		(void)snprintf(name, sizeof(name), "rollup without line %zu", line);
		is_num(err, line == ROLLUP_RSS_LINE ? -EBADMSG : 0, name);
	}
}

static void test_rollup_of_smaps(void)
{
	static const char smaps[] =
		"00400000-00401000 r--p 00000000 fe:00 1    /tmp/Pss: 12 kB\nSize: 4 kB\nRss: 4 kB\n"
		"Pss: 3 kB\nPrivate_Clean: 4 kB\nPrivate_Dirty: 0 kB\n"
		"Name:           [anon:Pss: 12 kB]\nVmFlags: rd mr\n"
		"00401000-00402000 r--p 00000000 fe:00 1    /tmp/x\\012Pss: 999 kB\nSize: 4 kB\nRss: 4 kB\n"
		"Pss: 2 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\nProtectionKey: 0\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0    [vsyscall]\nSize: 4 kB\n"
		"Rss: 0 kB\nPss: 0 kB\nPrivate_Clean: 0 kB\nPrivate_Dirty: 0 kB\n";
	static const char *const bad[] = {
		"",
		"\n",
		"Rss: 1 kB\nPss: 1 kB\n",                                                  /* no header */
		"0-1 r--p 0 0:0 0 \n",                                                     /* no field */
		"0-1 r--p 0 0:0 0 \nRss: 1 kB",                                            /* cut */
		"0-1 r--p 0 0:0 0 \nRss: x kB\n",                                          /* no number */
		"0-1 r--p 0 0:0 0 \nRss: 1 kB\nRss: 1 kB\n",                               /* twice */
		"0-1 r--p 0 0:0 0 \nRss: 1 kB\n1-2 r--p 0 0:0 0 \n",                       /* cut: no Rss */
		"0-1 r--p 0 0:0 0 \nRss: 1 kB\nPss: 1 kB\n1-2 r--p 0 0:0 0 \nRss: 1 kB\n", /* no Pss */
		"0-1 r--p 0 0:0 0 \nRss: 18014398509481983 kB\n1-2 r--p 0 0:0 0 \nRss: 1 kB\n",
	};
	struct pl_values values;

	is_num(pl_parse_rollup(TEXT(smaps), &values), 0, "smaps parses");
	ok(value_is(&values, PL_M_PSS, 5 * 1024), "PSS is summed over mappings with hostile names");
	ok(value_is(&values, PL_M_USS, 7 * 1024), "USS too");
	for (size_t i = 0; i < COUNT(bad); i++) {
		char name[40];
		const struct pl_values before = values;
		(void)snprintf(name, sizeof(name), "bad smaps %zu is refused", i);
		ok(pl_parse_rollup(bad[i], strlen(bad[i]), &values) == -EBADMSG &&
		       memcmp(&before, &values, sizeof(values)) == 0,
		   name);
	}
}

static void test_io(void)
{
	static const char text[] = "rchar: 18446744073709551615\nwchar: 2\nsyscr: 3\nsyscw: 4\n"
							   "read_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n"
							   "future: not a number\n";
	static const char *const bad[] = {
		"",
		"\n",
		"rchar: 1",
		"rchar: 18446744073709551616\n",
		"rchar:\n",
		"rchar: -1\n",
		"rchar: 1 kB\n",
		"rchar: 1\nrchar: 1\n",
		"unknown: 1\n",
	};
	struct pl_values values;

	is_num(pl_parse_io(TEXT(text), &values), 0, "io parses");
	ok(value_is(&values, PL_M_READ, UINT64_MAX) && value_is(&values, PL_M_WRITTEN, 2) &&
	       value_is(&values, PL_M_READ_CALLS, 3) && value_is(&values, PL_M_WRITE_CALLS, 4) &&
	       value_is(&values, PL_M_STORAGE_READ, 5) && value_is(&values, PL_M_STORAGE_WRITE, 6),
	   "its counters");
	is_num(present_count(&values), 6, "and nothing else");
	is_num(pl_parse_io(TEXT("syscw: 4\nrchar: 1\n"), &values), 0, "any order, any part");
	is_num(present_count(&values), 2, "of io");
	for (size_t i = 0; i < COUNT(bad); i++) {
		char name[40];
		(void)snprintf(name, sizeof(name), "bad io %zu is refused", i);
		is_num(pl_parse_io(bad[i], strlen(bad[i]), &values), -EBADMSG, name);
	}
}

static void test_limits(void)
{
	static const char text[] =
		"Limit                     Soft Limit           Hard Limit           Units     \n"
		"Max data size             1048576              unlimited            bytes     \n"
		"Max processes             96365                unlimited            processes \n"
		"Max open files            18446744073709551615 20000                files     \n"
		"Max address space         unlimited            4096                 bytes     \n"
		"Max nice priority         0                    0                    \n";
	static const char *const bad[] = {
		"",
		"Max open files            12",
		"Max open files            12\n",
		"Max open files            x                    2                    files     \n",
		"Max open files            99999999999999999999 2                    files     \n",
		"Max locked memory         12                   2                    bytes     \n",
	};
	struct pl_values values;

	is_num(pl_parse_limits(TEXT(text), &values), 0, "limits parses");
	ok(value_is(&values, PL_M_RLIMIT_DATA, 1048576) &&
	       value_is(&values, PL_M_RLIMIT_NPROC, 96365) &&
	       value_is(&values, PL_M_RLIMIT_NOFILE, UINT64_MAX),
	   "the soft ones");
	ok(!pl_values_has(&values, PL_M_RLIMIT_AS), "an unlimited one is absent");
	for (size_t i = 0; i < COUNT(bad); i++) {
		char name[40];
		(void)snprintf(name, sizeof(name), "bad limits %zu is refused", i);
		is_num(pl_parse_limits(bad[i], strlen(bad[i]), &values), -EBADMSG, name);
	}
}

static void test_host_files(void)
{
	static const char *const bad_meminfo[] = {
		"",
		"MemTotal: 1 kB\n",
		"SwapTotal: 1 kB\n",
		"MemTotal: 1 kB\nSwapTotal: 1 kB",
		"MemTotal: 1 kB\nMemTotal: 1 kB\nSwapTotal: 1 kB\n",
		"MemTotal: 18014398509481983 kB\nSwapTotal: 1 kB\n",
	};
	static const char *const bad_stat[] = { "", "btime 12", "btime x\n", "btime 1 2\n",
		                                    "xbtime 1\n" };
	static const char *const bad_vmstat[] = { "", "pswpin 1\n", "pswpin 1\npswpout x\n",
		                                      "pswpin 1\npswpout 2\npswpin 3\n",
		                                      "pswpin 1\npswpout 2 3\n" };
	struct pl_values values;
	uint64_t btime_s = 5;
	uint64_t swapping = 7;

	is_num(
		pl_parse_meminfo(TEXT("MemTotal:  24684084 kB\nMemFree: ? kB\nSwapTotal: 4 kB\n"), &values),
		0, "meminfo parses");
	ok(value_is(&values, PL_M_HOST_MEMORY, UINT64_C(24684088) * 1024), "memory and swap");
	for (size_t i = 0; i < COUNT(bad_meminfo); i++)
		is_num(pl_parse_meminfo(bad_meminfo[i], strlen(bad_meminfo[i]), &values), -EBADMSG,
		       "bad meminfo is refused");
	for (size_t i = 0; i < COUNT(bad_stat); i++)
		is_num(pl_parse_btime(bad_stat[i], strlen(bad_stat[i]), &btime_s), -EBADMSG,
		       "bad btime is refused");
	is_num(btime_s, 5, "and the output is as it was");
	for (size_t i = 0; i < COUNT(bad_vmstat); i++)
		is_num(pl_parse_swapping(bad_vmstat[i], strlen(bad_vmstat[i]), &swapping), -EBADMSG,
		       "bad vmstat is refused");
	is_num(swapping, 7, "likewise");
	is_num(
		pl_parse_swapping(TEXT("nr_zone 9\npswpin 3\npswpout 40\npswpin_zero 1000\n"), &swapping),
		0, "vmstat parses");
	is_num(swapping, 43, "pages swapped in and out");
	is_num(pl_parse_swapping(TEXT("pswpin 3\npswpout 40\npgscan_anon 500\npgscan_file 9\n"),
	                         &swapping),
	       0, "of a newer kernel");
	is_num(swapping, 543, "and those that reclaim looked at");
	is_num(pl_parse_btime(TEXT("cpu 1 2\nctxt 3\nbtime 1700000000\nprocesses"), &btime_s), 0,
	       "btime of a cut /proc/stat");
	is_num(btime_s, 1700000000, "in seconds");
}

static void test_limit(void)
{
	static const struct {
		const char *text;
		int err;
		uint64_t value;
	} cases[] = {
		{ "268435456\n", 0, 268435456 },
		{ "0\n", 0, 0 },
		{ "1234", 0, 1234 },
		{ " 1234 \r\n", 0, 1234 },
		{ "4242\n/var/lib/postgresql/15/main\n1700000000\n5432\n", 0, 4242 },
		{ "max\n", -ERANGE, 0 },
		{ "9223372036854771712\n", -ERANGE, 0 },
		{ "9223372036854775807\n", -ERANGE, 0 },
		{ "18446744073709551615\n", -ERANGE, 0 },
		{ "18446744073709551616\n", -EBADMSG, 0 },
		{ "", -EBADMSG, 0 },
		{ "\n", -EBADMSG, 0 },
		{ "-1\n", -EBADMSG, 0 },
		{ "12x\n", -EBADMSG, 0 },
		{ "12 13\n", -EBADMSG, 0 },
		{ "maximum\n", -EBADMSG, 0 },
		{ "0x12\n", -EBADMSG, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char name[40];
		uint64_t value = 99;
		const int err = pl_parse_limit(cases[i].text, strlen(cases[i].text), &value);
		(void)snprintf(name, sizeof(name), "limit %zu", i);
		ok(err == cases[i].err && value == (err ? 99 : cases[i].value), name);
	}
}

static bool text_is(const char *text, size_t len, const char *want)
{
	return len == strlen(want) && (len == 0 || memcmp(text, want, len) == 0);
}

static void test_cgroup(void)
{
	static const struct {
		const char *text;
		const char *v2;
		const char *v1_memory;
		const char *v1_systemd;
	} cases[] = {
		{ "", "", "", "" },
		{ "0::/\n", "/", "", "" },
		{ "0::/a:b/c\\x2d.service\n", "/a:b/c\\x2d.service", "", "" },
		{ "0::/../other\n", "/../other", "", "" },
		{ "0::/gone (deleted)\n", "/gone (deleted)", "", "" },
		{ "9:name=systemd:/s\n4:memory:/m\n0::/u\n", "/u", "/m", "/s" },
		{ "4:cpu,memory,pids:/m\n", "", "/m", "" },
		{ "4:memoryx,xmemory:/m\n1:name=systemd2:/\n", "", "", "" },
		{ "4:memory:/m\n5:memory:/n\n", "", "/m", "" },
		{ "garbage\n:::\n4:memory\nx:memory:/x\n99999999999999999999:memory:/y\n", "", "", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char name[40];
		struct pl_cgroup_paths paths;
		(void)snprintf(name, sizeof(name), "cgroup %zu", i);
		ok(pl_parse_cgroup(cases[i].text, strlen(cases[i].text), &paths) == 0 &&
		       text_is(paths.v2, paths.v2_len, cases[i].v2) &&
		       text_is(paths.v1_memory, paths.v1_memory_len, cases[i].v1_memory) &&
		       text_is(paths.v1_systemd, paths.v1_systemd_len, cases[i].v1_systemd),
		   name);
	}
	struct pl_cgroup_paths paths = { .v2_len = 7 };
	ok(pl_parse_cgroup(TEXT("0::/cut"), &paths) == -EBADMSG && paths.v2_len == 7,
	   "a cut path is refused");
}

static void test_cmdline(void)
{
	static const struct {
		const char *text;
		size_t len;
		size_t size;
		const char *want;
	} cases[] = {
		{ TEXT("sh\0-c\0true\0"), 64, "sh -c true" },
		{ TEXT("nginx: worker process\0\0\0   \0"), 64, "nginx: worker process" },
		{ TEXT(""), 64, "" },
		{ TEXT("\0\0\0"), 64, "" },
		{ TEXT("a\0\0b\0"), 64, "a  b" },
		{ TEXT("x\n\x1b[31m\t\x7f\0"), 64, "x??[31m??" },
		{ TEXT("\xc3\xa9\xff\0"), 64, "\xc3\xa9\xff" },
		{ TEXT("abcdef\0"), 4, "abc" },
		{ TEXT("abcdef\0"), 1, "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char out[64];
		char name[40];
		(void)snprintf(name, sizeof(name), "cmdline %zu", i);
		memset(out, 'Z', sizeof(out));
		const size_t len = pl_parse_cmdline(cases[i].text, cases[i].len, out, cases[i].size);
		ok(len == strlen(cases[i].want) && strcmp(out, cases[i].want) == 0, name);
	}
	char untouched = 'Z';
	ok(pl_parse_cmdline(TEXT("abc"), &untouched, 0) == 0 && untouched == 'Z', "cmdline, no room");
}

static void test_fd_target(void)
{
	static const struct {
		const char *target;
		enum pl_fd_kind kind;
		uint64_t inode;
	} cases[] = {
		{ "socket:[4711]", PL_FD_SOCKET, 4711 },
		{ "socket:[18446744073709551615]", PL_FD_SOCKET, UINT64_MAX },
		{ "socket:[18446744073709551616]", PL_FD_SOCKET, 0 },
		{ "socket:[47", PL_FD_SOCKET, 0 },
		{ "socket:[47]x", PL_FD_SOCKET, 0 },
		{ "socket:[]", PL_FD_SOCKET, 0 },
		{ "pipe:[4711]", PL_FD_PIPE, 0 },
		{ "/dev/null", PL_FD_FILE, 0 },
		{ "/tmp/socket:[1]", PL_FD_FILE, 0 },
		{ "/var/log/x (deleted)", PL_FD_FILE, 0 },
		{ "(unreachable)/x", PL_FD_FILE, 0 },
		{ "/memfd:cache (deleted)", PL_FD_MEMFD, 0 },
		{ "anon_inode:[eventfd]", PL_FD_EVENT, 0 },
		{ "anon_inode:[eventpoll]", PL_FD_EVENT, 0 },
		{ "anon_inode:[timerfd]", PL_FD_EVENT, 0 },
		{ "anon_inode:[signalfd]", PL_FD_EVENT, 0 },
		{ "anon_inode:inotify", PL_FD_EVENT, 0 },
		{ "anon_inode:[fanotify]", PL_FD_EVENT, 0 },
		{ "anon_inode:[io_uring]", PL_FD_EVENT, 0 },
		{ "anon_inode:[perf_event]", PL_FD_OTHER, 0 },
		{ "anon_inode:bpf-map", PL_FD_OTHER, 0 },
		{ "anon_inode:", PL_FD_OTHER, 0 },
		{ "/dmabuf:", PL_FD_OTHER, 0 },
		{ "net:[4026531840]", PL_FD_OTHER, 0 },
		{ "", PL_FD_OTHER, 0 },
	};

	ok(pl_parse_is_fd_memory(PL_FD_MEMFD, "/memfd:x", 8) &&
	       pl_parse_is_fd_memory(PL_FD_FILE, "/dev/shm/x (deleted)", 20),
	   "what only lives as long as it is held");
	ok(!pl_parse_is_fd_memory(PL_FD_FILE, "/dev/shm/x", 10) &&
	       !pl_parse_is_fd_memory(PL_FD_FILE, "/dev/shm/", 9) &&
	       !pl_parse_is_fd_memory(PL_FD_FILE, "/var/x (deleted)", 16),
	   "and what does not");
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t inode = 1;
		const enum pl_fd_kind kind =
			pl_parse_fd_target(cases[i].target, strlen(cases[i].target), &inode);
		ok(kind == cases[i].kind && inode == cases[i].inode, cases[i].target);
	}
}

struct sockets {
	size_t count;
	uint64_t last_inode;
	enum pl_metric last_metric;
	uint64_t inode_sum;
};

static void count_socket(void *ctx, uint64_t inode, enum pl_metric metric)
{
	struct sockets *sockets = ctx;

	sockets->count++;
	sockets->last_inode = inode;
	sockets->last_metric = metric;
	sockets->inode_sum += inode;
}

#define TCP_HEADER                                                                                 \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt inode\n"
#define TCP_LINE(st, inode)                                                                        \
	"   0: 0100007F:07E8 0100007F:9C40 " st                                                        \
	" 00000000:00000000 00:00000000 00000000     0        0 " inode                                \
	" 1 00000000f3f66fee 100 0 0 10 0                        \n"
#define UNIX_HEADER "Num       RefCount Protocol Flags    Type St Inode Path\n"

struct net_case {
	const char *text;
	enum pl_net_file file;
	size_t count;
	uint64_t inode;
	enum pl_metric metric;
	uint32_t bad_lines;
};

static void check_net(const struct net_case *want, const char *name)
{
	struct pl_net_parser parser;
	struct sockets got = { 0 };

	pl_parse_net_init(&parser, want->file);
	pl_parse_net_feed(&parser, want->text, strlen(want->text), count_socket, &got);
	ok(got.count == want->count && got.last_inode == want->inode &&
	       (got.count == 0 || got.last_metric == want->metric) &&
	       parser.bad_lines == want->bad_lines,
	   name);
}

static void test_net_lines(void)
{
	static const struct net_case cases[] = {
		{ TCP_HEADER TCP_LINE("0A", "35"), PL_NET_TCP, 1, 35, PL_M_TCP_LISTEN, 0 },
		{ TCP_LINE("01", "36"), PL_NET_TCP, 1, 36, PL_M_TCP_ESTABLISHED, 0 },
		{ TCP_LINE("02", "36"), PL_NET_TCP, 1, 36, PL_M_TCP_SYN_SENT, 0 },
		{ TCP_LINE("03", "36"), PL_NET_TCP, 1, 36, PL_M_TCP_SYN_RECV, 0 },
		{ TCP_LINE("04", "36"), PL_NET_TCP, 1, 36, PL_M_TCP_FIN_WAIT1, 0 },
		{ TCP_LINE("05", "36"), PL_NET_TCP, 1, 36, PL_M_TCP_FIN_WAIT2, 0 },
		{ TCP_LINE("06", "36"), PL_NET_TCP, 1, 36, PL_M_TCP_TIME_WAIT, 0 },
		{ TCP_LINE("07", "36"), PL_NET_TCP, 1, 36, PL_M_TCP_CLOSE, 0 },
		{ TCP_LINE("08", "36"), PL_NET_TCP, 1, 36, PL_M_TCP_CLOSE_WAIT, 0 },
		{ TCP_LINE("09", "36"), PL_NET_TCP, 1, 36, PL_M_TCP_LAST_ACK, 0 },
		{ TCP_LINE("0B", "36"), PL_NET_TCP, 1, 36, PL_M_TCP_CLOSING, 0 },
		{ TCP_LINE("0C", "36"), PL_NET_TCP, 1, 36, PL_M_TCP_SYN_RECV, 0 },
		{ TCP_LINE("06", "0"), PL_NET_TCP, 0, 0, PL_M_RSS, 0 },
		{ TCP_LINE("00", "36"), PL_NET_TCP, 0, 0, PL_M_RSS, 1 },
		{ TCP_LINE("0D", "36"), PL_NET_TCP, 0, 0, PL_M_RSS, 1 },
		{ TCP_LINE("0x", "36"), PL_NET_TCP, 0, 0, PL_M_RSS, 1 },
		{ TCP_LINE("01", "x"), PL_NET_TCP, 0, 0, PL_M_RSS, 1 },
		{ TCP_LINE("01", "18446744073709551616"), PL_NET_TCP, 0, 0, PL_M_RSS, 1 },
		{ TCP_HEADER TCP_HEADER, PL_NET_TCP, 0, 0, PL_M_RSS, 1 },
		{ TCP_HEADER "\n\n" TCP_LINE("0A", "35"), PL_NET_TCP, 1, 35, PL_M_TCP_LISTEN, 2 },
		{ TCP_HEADER TCP_LINE("07", "37"), PL_NET_UDP, 1, 37, PL_M_UDP, 0 },
		{ UNIX_HEADER "00000000a060996f: 00000003 00000000 00000000 0001 03  1661\n", PL_NET_UNIX,
		  1, 1661, PL_M_UNIX_CONNECTED, 0 },
		{ UNIX_HEADER "ffff8800b5a3c000: 00000002 00000000 00010000 0001 01 12345 /run/a b\n",
		  PL_NET_UNIX, 1, 12345, PL_M_UNIX_LISTEN, 0 },
		{ "0000000000000000: 00000002 00000000 00000000 0002 01 12346 @x\n", PL_NET_UNIX, 1, 12346,
		  PL_M_UNIX_OTHER, 0 },
		{ UNIX_HEADER "0000000000000000: 00000002 00000000 00000000 0002 01\n", PL_NET_UNIX, 0, 0,
		  PL_M_RSS, 1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char name[40];

		(void)snprintf(name, sizeof(name), "net %zu", i);
		check_net(&cases[i], name);
	}
}

/* The name of a Unix socket goes to the end of its line, and may hold what looks like more of them.
 */
static void test_unix_names(void)
{
	static const struct net_case cases[] = {
		/* what a name with newlines may hold: many short lines, and one that fits */
		{ "0000000000000000: 00000002 00000000 00000000 0001 01 12346 @x\n: 0 0 0 0 3 7\n:\n",
		  PL_NET_UNIX, 1, 12346, PL_M_UNIX_OTHER, 2 },
		{ "0: 00000002 00000000 00000000 0001 03 7\n", PL_NET_UNIX, 0, 0, PL_M_RSS, 1 },
		{ "0000000000000000: 2 00000000 00000000 0001 03 7\n", PL_NET_UNIX, 0, 0, PL_M_RSS, 1 },
		{ "0000000000000000: 00000002 0 00000000 0001 03 7\n", PL_NET_UNIX, 0, 0, PL_M_RSS, 1 },
		{ "0000000000000000: 00000002 00000000 0 0001 03 7\n", PL_NET_UNIX, 0, 0, PL_M_RSS, 1 },
		{ "0000000000000000: 00000002 00000000 00000000 1 03 7\n", PL_NET_UNIX, 0, 0, PL_M_RSS, 1 },
		{ "0000000000000000: 00000002 00000000 00000000 0001 3 7\n", PL_NET_UNIX, 0, 0, PL_M_RSS,
		  1 },
		{ "0000000000000000:  00000002 00000000 00000000 0001 03 7\n", PL_NET_UNIX, 0, 0, PL_M_RSS,
		  1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char name[40];

		(void)snprintf(name, sizeof(name), "unix line of another layout %zu", i);
		check_net(&cases[i], name);
	}
}

/* However the text is cut into pieces, the same sockets come out, each once. */
static void test_net_pieces(void)
{
	static const char text[] = TCP_HEADER TCP_LINE("0A", "1") TCP_LINE("01", "20")
		TCP_LINE("01", "300") TCP_LINE("08", "4000");
	bool all = true;

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct pl_net_parser parser;
		struct sockets got = { 0 };
		pl_parse_net_init(&parser, PL_NET_TCP);
		for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
			const size_t left = sizeof(text) - 1 - at;
			pl_parse_net_feed(&parser, text + at, left < piece ? left : piece, count_socket, &got);
		}
		all = all && got.count == 4 && got.inode_sum == 4321 && parser.bad_lines == 0;
	}
	ok(all, "net in pieces of every size");
}

static void test_net_long_lines(void)
{
	static const char good[] = TCP_LINE("0A", "35");
	char noise[300];
	struct pl_net_parser parser;
	struct sockets got = { 0 };

	memset(noise, '7', sizeof(noise));
	pl_parse_net_init(&parser, PL_NET_TCP);
	for (int i = 0; i < 5; i++)
		pl_parse_net_feed(&parser, noise, sizeof(noise), count_socket, &got);
	pl_parse_net_feed(&parser, TEXT("\n"), count_socket, &got);
	is_num(parser.bad_lines, 1, "a line that does not fit is counted once");
	pl_parse_net_feed(&parser, TEXT(good), count_socket, &got);
	ok(got.count == 1 && got.last_inode == 35, "and the next line is read");
	pl_parse_net_feed(&parser, good, sizeof(good) - 2, count_socket, &got);
	is_num(got.count, 1, "a line without its newline is not taken yet");
	pl_parse_net_feed(&parser, TEXT("\n"), count_socket, &got);
	is_num(got.count, 2, "with it, it is");
}

int main(void)
{
	test_stat_fields();
	test_stat_hostile_comms();
	test_stat_refused();
	test_status();
	test_status_missing_fields();
	test_status_refused();
	test_statm();
	test_rollup();
	test_rollup_of_smaps();
	test_io();
	test_limits();
	test_host_files();
	test_limit();
	test_cgroup();
	test_cmdline();
	test_fd_target();
	test_net_lines();
	test_unix_names();
	test_net_pieces();
	test_net_long_lines();
	return tap_done();
}
