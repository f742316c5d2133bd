/*
 * Text of the kernel's files -> structs. Pure: no I/O, no clock, no allocation.
 *
 * `text` needs no terminating NUL and may hold anything: every function returns 0, or -EBADMSG
 * when the text is truncated or malformed, and writes *out only on success. Fields that this
 * kernel does not print are absent, never 0. A struct pl_values is written whole: what the text
 * does not say becomes absent in it; pl_values_merge() joins several.
 *
 * The kernel ends every line with a newline, so that a text without one was cut. Callers must
 * still see to it that their buffer held the whole file: a cut between two lines is told only
 * where the lines show it (status, smaps).
 */
#ifndef PL_PARSE_PARSE_H
#define PL_PARSE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/values.h"

#define PL_COMM_SIZE 64 /* kernel threads of workqueues print up to 63 bytes */

/* proc_pid_stat(5) */
struct pl_stat {
	int32_t pid;
	int32_t ppid;
	char comm[PL_COMM_SIZE]; /* raw bytes as the process chose them, NUL-terminated, cut to fit */
	char state;
	bool kernel_thread; /* PF_KTHREAD */
	uint64_t start_ticks;
	uint64_t minor_faults;
	uint64_t major_faults;
	uint64_t user_ticks;
	uint64_t system_ticks;
	uint64_t thread_count;
	uint64_t vm_size_bytes;
	uint64_t rss_pages;
	uint64_t start_code; /* changes at exec under ASLR; 0 or 1 when not permitted to see it */
};

int pl_parse_stat(const char *text, size_t len, struct pl_stat *out);

/* proc_pid_status(5): who, and the memory metrics; sets bits in *values for what it found. */
struct pl_status {
	uint32_t uid;    /* real */
	bool has_memory; /* false: a kernel thread, a zombie, or one whose memory is already gone */
	struct pl_values values; /* RSS ANON FILE SHMEM SWAP VM_* PAGE_TABLES HUGETLB THREADS CTX_* */
};

int pl_parse_status(const char *text, size_t len, struct pl_status *out);

/* proc_pid_statm(5), for kernels before 4.5 whose status lacks RssAnon: RSS, and the rest that is
 * not shared, as ANON. */
int pl_parse_statm(const char *text, size_t len, uint64_t page_bytes, struct pl_values *out);

/* smaps_rollup, or the sum over a whole smaps of a kernel before 4.14: PSS* USS PRIVATE_* SHARED_*
 * REFERENCED ANONYMOUS LAZYFREE ANON_HUGE SHMEM_HUGE FILE_HUGE KSM SWAP_PSS VM_LOCKED. */
int pl_parse_rollup(const char *text, size_t len, struct pl_values *out);

/* proc_pid_io(5): READ WRITTEN READ_CALLS WRITE_CALLS STORAGE_READ STORAGE_WRITE */
int pl_parse_io(const char *text, size_t len, struct pl_values *out);

/* proc_pid_limits(5): the soft RLIMIT_AS RLIMIT_DATA RLIMIT_NOFILE RLIMIT_NPROC; unlimited ones are
 * absent. */
int pl_parse_limits(const char *text, size_t len, struct pl_values *out);

/* /proc/meminfo: MemTotal + SwapTotal as HOST_MEMORY; every kernel prints both. HOST_USED is what
 * of them is neither available nor free; absent before Linux 3.14. */
int pl_parse_meminfo(const char *text, size_t len, struct pl_values *out);

/* /proc/stat: the line btime. */
int pl_parse_btime(const char *text, size_t len, uint64_t *btime_s);

/* /proc/vmstat: pswpin + pswpout + pgscan_anon (Linux 5.8); -EBADMSG without the first two. */
int pl_parse_swapping(const char *text, size_t len, uint64_t *out);

/* A file that holds one number or "max" (memory.max, memory.high, memory.limit_in_bytes, pidfile).
 * Returns -ERANGE for "max", and for the number near 2^63 by which cgroup v1 says the same. The
 * newline may be missing, and what follows the first line is not looked at (a pidfile). */
int pl_parse_limit(const char *text, size_t len, uint64_t *out);

/* memory.stat of a cgroup: the line of file pages that are given up first, with v1's descendants.
 */
int pl_parse_inactive_file(const char *text, size_t len, uint64_t *out);

/* proc_pid_cgroup(5): points into `text` at the paths of the v2 hierarchy and of v1's memory
 * and CPU controllers; length 0 where there is none. Never fails on lines that it does not know. */
struct pl_cgroup_paths {
	const char *v2;
	size_t v2_len;
	const char *v1_memory;
	size_t v1_memory_len;
	const char *v1_systemd; /* name=systemd: the unit on hosts with v1 */
	size_t v1_systemd_len;
	const char *v1_cpu;
	size_t v1_cpu_len;
};

int pl_parse_cgroup(const char *text, size_t len, struct pl_cgroup_paths *out);

/*
 * /proc/PID/cmdline as one line: NULs become spaces, trailing ones go, control characters become
 * '?'. Writes at most `size` bytes with the NUL; returns the length written. Bytes past ASCII are
 * kept as they are.
 */
size_t pl_parse_cmdline(const char *text, size_t len, char *out, size_t size);

enum pl_fd_kind {
	PL_FD_FILE,
	PL_FD_SOCKET,
	PL_FD_PIPE,
	PL_FD_EVENT, /* eventfd, eventpoll, timerfd, inotify, fanotify, signalfd, io_uring */
	PL_FD_MEMFD,
	PL_FD_OTHER,
};

/* A memfd, or POSIX shared memory that was unlinked: it lives as long as it is open or mapped. */
bool pl_parse_is_fd_memory(enum pl_fd_kind kind, const char *target, size_t len);

/* The target of a link in /proc/PID/fd. For a socket *inode is its number, else 0. Never fails. */
enum pl_fd_kind pl_parse_fd_target(const char *target, size_t len, uint64_t *inode);

/*
 * Lines of /proc/PID/net/{tcp,tcp6,udp,udp6,unix}: inode and state of each socket. Fed in pieces
 * as read; a line may be cut anywhere. The header line is passed over, broken lines are counted.
 * Sockets without an inode (time-wait, not yet accepted, orphaned) belong to no process and are
 * passed over. The name of a Unix socket may hold newlines that the kernel does not escape, so a
 * process can forge a line there for each socket that it has: who feeds them into a table must
 * expect claims about one inode that differ. sock_diag(7) has no such weakness.
 */
enum pl_net_file { PL_NET_TCP, PL_NET_UDP, PL_NET_UNIX };

struct pl_net_parser {
	enum pl_net_file file;
	bool header_seen;
	bool line_too_long;
	uint32_t bad_lines;
	size_t carry_len;
	char carry[512];
};

/* `metric` is the one that counts sockets of this state: PL_M_TCP_ESTABLISHED ... PL_M_UNIX_OTHER.
 */
typedef void pl_net_socket_fn(void *ctx, uint64_t inode, enum pl_metric metric);

/* /proc/PID/net/snmp: TCP connections opened in the network namespace since it was made. */
struct pl_tcp_opens {
	uint64_t active;  /* as a client */
	uint64_t passive; /* as a server */
};

int pl_parse_tcp_opens(const char *text, size_t len, struct pl_tcp_opens *out);

/*
 * What a socket of such a file counts as; `state` is the number in its column, `listens` matters to
 * Unix sockets only. Returns false when there is no such state.
 */
bool pl_parse_net_state(enum pl_net_file file, uint64_t state, bool listens,
                        enum pl_metric *metric);

void pl_parse_net_init(struct pl_net_parser *parser, enum pl_net_file file);
void pl_parse_net_feed(struct pl_net_parser *parser, const char *text, size_t len,
                       pl_net_socket_fn *socket, void *ctx);

#endif
