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
	ok(memcmp(&stat, &untouched, sizeof(stat)) == 0, "the output is as it was");
}

static bool value_is(const struct pl_values *values, enum pl_metric metric, uint64_t want)
{
	uint64_t got;

	return pl_values_get(values, metric, &got) && got == want;
}

static void test_status(void)
{
	static const char text[] = "Name:\tVmRSS:\\n 1 kB\nState:\tS (sleeping)\n"
							   "Uid:\t1000\t0\t0\t0\nVmSize:\t    5004 kB\nVmRSS:\t    4088 kB\n"
							   "RssAnon:\t     940 kB\nVmFuture:\tnot a number\n"
							   "Threads:\t3\nvoluntary_ctxt_switches:\t53\n";
	static const char kthread[] = "Name:\tkthreadd\nUid:\t0\t0\t0\t0\nThreads:\t1\n";
	struct pl_status status;

	is_num(pl_parse_status(TEXT(text), &status), 0, "status parses");
	is_num(status.uid, 1000, "real uid");
	is_num(status.has_memory, 1, "has memory");
	ok(value_is(&status.values, PL_M_RSS, 4088 * 1024), "RSS");
	ok(value_is(&status.values, PL_M_ANON, 940 * 1024), "anon");
	ok(value_is(&status.values, PL_M_VM_SIZE, 5004 * 1024), "address space");
	ok(value_is(&status.values, PL_M_THREADS, 3), "threads");
	ok(value_is(&status.values, PL_M_CTX_VOLUNTARY, 53), "switches");
	ok(!pl_values_has(&status.values, PL_M_SWAP), "no VmSwap, no swap");
	is_num(pl_parse_status(TEXT(kthread), &status), 0, "status of a kernel thread parses");
	is_num(status.has_memory, 0, "a kernel thread has no memory");
	is_num(pl_parse_status(text, sizeof(text) - 2, &status), -EBADMSG, "a cut status is refused");
}

static void test_rollup(void)
{
	static const char text[] = "00400000-7ffca68c2000 ---p 00000000 00:00 0    [rollup]\n"
							   "Rss:                4088 kB\nPss:                 996 kB\n"
							   "Private_Clean:         4 kB\nPrivate_Dirty:       228 kB\n";
	static const char smaps[] =
		"00400000-00401000 r--p 00000000 fe:00 1    /tmp/Pss: 12 kB\nSize: 4 kB\nRss: 4 kB\n"
		"Pss: 3 kB\nName:           [anon:Pss: 12 kB]\nVmFlags: rd mr\n"
		"00401000-00402000 r--p 00000000 fe:00 1    \nSize: 4 kB\nRss: 4 kB\nPss: 2 kB\n";
	struct pl_values values;

	is_num(pl_parse_rollup(TEXT(text), &values), 0, "rollup parses");
	ok(value_is(&values, PL_M_PSS, 996 * 1024), "PSS");
	ok(value_is(&values, PL_M_USS, 232 * 1024), "USS");
	ok(!pl_values_has(&values, PL_M_KSM), "no KSM on this kernel");
	is_num(pl_parse_rollup(TEXT(smaps), &values), 0, "smaps parses");
	ok(value_is(&values, PL_M_PSS, 5 * 1024), "PSS is summed");
	is_num(pl_parse_rollup(smaps, sizeof(smaps) - 1 - 10, &values), -EBADMSG,
	       "smaps cut between two lines is refused");
}

static void count_socket(void *ctx, uint64_t inode, enum pl_metric metric)
{
	uint64_t *sums = ctx;

	sums[metric] += inode;
}

static void test_net(void)
{
	static const char tcp[] = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
							  "retrnsmt   uid  timeout "
							  "inode\n"
							  "   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 "
							  "00000000     0        0 "
							  "35 1 00000000f3f66fee 100 0 0 10 0                        \n"
							  "   1: 0100007F:07E8 0100007F:9C40 01 00000000:00000000 00:00000000 "
							  "00000000     0        0 "
							  "36 1 00000000f3f66fee 100 0 0 10 0                        \n";

	for (size_t piece = 1; piece < sizeof(tcp); piece += 37) {
		struct pl_net_parser parser;
		uint64_t sums[PL_METRIC_COUNT] = { 0 };
		pl_parse_net_init(&parser, PL_NET_TCP);
		for (size_t at = 0; at < sizeof(tcp) - 1; at += piece) {
			const size_t left = sizeof(tcp) - 1 - at;
			pl_parse_net_feed(&parser, tcp + at, left < piece ? left : piece, count_socket, sums);
		}
		ok(sums[PL_M_TCP_LISTEN] == 35 && sums[PL_M_TCP_ESTABLISHED] == 36 && parser.bad_lines == 0,
		   "tcp in pieces");
	}
}

int main(void)
{
	test_status();
	test_rollup();
	test_net();
	test_stat_fields();
	test_stat_hostile_comms();
	test_stat_refused();
	return tap_done();
}
