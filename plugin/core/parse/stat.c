#include "parse/parse.h"

#include <errno.h>

#include "parse/scan.h"

#define PF_KTHREAD 0x00200000U /* include/linux/sched.h; the same since 2.6.27 */

/* Numbers of proc_pid_stat(5). */
enum {
	FIELD_STATE = 3,
	FIELD_PPID = 4,
	FIELD_FLAGS = 9,
	FIELD_MINFLT = 10,
	FIELD_MAJFLT = 12,
	FIELD_UTIME = 14,
	FIELD_STIME = 15,
	FIELD_NUM_THREADS = 20,
	FIELD_STARTTIME = 22,
	FIELD_VSIZE = 23,
	FIELD_RSS = 24,
	FIELD_STARTCODE = 26,
	FIELD_END
};

/* The others may be below 0: pgrp and session of a dying process, tpgid, priority, nice, rss. */
#define UNSIGNED_FIELDS                                                                            \
	(1U << FIELD_PPID | 1U << FIELD_FLAGS | 1U << FIELD_MINFLT | 1U << FIELD_MAJFLT |              \
	 1U << FIELD_UTIME | 1U << FIELD_STIME | 1U << FIELD_NUM_THREADS | 1U << FIELD_STARTTIME |     \
	 1U << FIELD_VSIZE | 1U << FIELD_STARTCODE)

/* Takes fields 4 to 26. */
static bool take_numbers(struct pl_scan *scan, uint64_t fields[FIELD_END])
{
	for (size_t i = FIELD_PPID; i < FIELD_END; i++) {
		if (!pl_scan_literal(scan, " ", 1))
			return false;
		const bool negative = pl_scan_literal(scan, "-", 1);
		if (!pl_scan_u64(scan, &fields[i]))
			return false;
		if (negative && (UNSIGNED_FIELDS & 1U << i) != 0)
			return false;
		if (negative)
			fields[i] = 0;
	}
	return *scan->at == ' ' || *scan->at == '\n';
}

static void copy_comm(char out[PL_COMM_SIZE], const char *comm, size_t len)
{
	const size_t kept = len < PL_COMM_SIZE - 1 ? len : PL_COMM_SIZE - 1;

	memcpy(out, comm, kept);
	out[kept] = '\0';
}

int pl_parse_stat(const char *text, size_t len, struct pl_stat *out)
{
	struct pl_scan scan = pl_scan_text(text, len);
	uint64_t pid;
	uint64_t fields[FIELD_END];

	if (len == 0 || text[len - 1] != '\n')
		return -EBADMSG;
	if (!pl_scan_u64(&scan, &pid) || pid > INT32_MAX || !pl_scan_literal(&scan, " (", 2))
		return -EBADMSG;

	/* comm is chosen by the process and may hold ") R 1": only the last ')' is the kernel's */
	const char *comm = scan.at;
	const char *comm_end = memrchr(comm, ')', pl_scan_left(&scan));
	if (comm_end == NULL)
		return -EBADMSG;
	scan.at = comm_end + 1;
	if (pl_scan_left(&scan) < 2 || scan.at[0] != ' ' || scan.at[1] < 'A' || scan.at[1] > 'z')
		return -EBADMSG;
	const char state = scan.at[1];
	scan.at += 2;
	if (!take_numbers(&scan, fields) || fields[FIELD_PPID] > INT32_MAX)
		return -EBADMSG;

	*out = (struct pl_stat){
		.pid = (int32_t)pid,
		.ppid = (int32_t)fields[FIELD_PPID],
		.state = state,
		.kernel_thread = (fields[FIELD_FLAGS] & PF_KTHREAD) != 0,
		.start_ticks = fields[FIELD_STARTTIME],
		.minor_faults = fields[FIELD_MINFLT],
		.major_faults = fields[FIELD_MAJFLT],
		.user_ticks = fields[FIELD_UTIME],
		.system_ticks = fields[FIELD_STIME],
		.thread_count = fields[FIELD_NUM_THREADS],
		.vm_size_bytes = fields[FIELD_VSIZE],
		.rss_pages = fields[FIELD_RSS],
		.start_code = fields[FIELD_STARTCODE],
	};
	copy_comm(out->comm, comm, (size_t)(comm_end - comm));
	return 0;
}

int pl_parse_statm(const char *text, size_t len, uint64_t page_bytes, struct pl_values *out)
{
	struct pl_scan scan = pl_scan_text(text, len);
	uint64_t pages[3]; /* size, resident, shared */
	uint64_t rss_bytes;

	if (len == 0 || text[len - 1] != '\n')
		return -EBADMSG;
	for (size_t i = 0; i < 3; i++) {
		if ((i > 0 && !pl_scan_literal(&scan, " ", 1)) || !pl_scan_u64(&scan, &pages[i]))
			return -EBADMSG;
	}
	if (*scan.at != ' ' && *scan.at != '\n')
		return -EBADMSG;
	/* the kernel computes resident as shared + anonymous: it is never the smaller one */
	if (pages[2] > pages[1] || __builtin_mul_overflow(pages[1], page_bytes, &rss_bytes))
		return -EBADMSG;

	*out = (struct pl_values){ 0 };
	pl_values_set(out, PL_M_RSS, rss_bytes);
	pl_values_set(out, PL_M_ANON, rss_bytes - pages[2] * page_bytes);
	return 0;
}
