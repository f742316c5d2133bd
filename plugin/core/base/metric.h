/*
 * The quantities that procleak knows of a process, in one table.
 *
 * A metric is a name (also the column of a trace), a unit, a kind and the tier of reading that
 * yields it. It does not know where the number is read (sample) or how a host calls it (hosts).
 */
#ifndef PL_BASE_METRIC_H
#define PL_BASE_METRIC_H

#include <stdbool.h>
#include <stddef.h>

enum pl_unit { PL_UNIT_BYTES, PL_UNIT_COUNT, PL_UNIT_MICROSECONDS };

/* A counter only rises while the process lives; a gauge is a level. */
enum pl_kind { PL_GAUGE, PL_COUNTER };

/* What it costs to read: see the tiers in README.md. */
enum pl_tier { PL_TIER_PULSE, PL_TIER_ROLLUP, PL_TIER_REGIONS, PL_TIER_IDLE };

/* X(id, trace column, unit, kind, tier, what it is) */
#define PL_METRIC_LIST(X)                                                                          \
	X(RSS, "rss_bytes", BYTES, GAUGE, PULSE, "resident set: anon + file + shmem")                  \
	X(ANON, "anon_bytes", BYTES, GAUGE, PULSE, "resident anonymous memory (RssAnon)")              \
	X(FILE, "file_bytes", BYTES, GAUGE, PULSE, "resident pages of files (RssFile)")                \
	X(SHMEM, "shmem_bytes", BYTES, GAUGE, PULSE, "resident shared memory (RssShmem)")              \
	X(SWAP, "swap_bytes", BYTES, GAUGE, PULSE, "anonymous memory in swap (VmSwap)")                \
	X(VM_SIZE, "vm_size_bytes", BYTES, GAUGE, PULSE, "address space (VmSize)")                     \
	X(VM_DATA, "vm_data_bytes", BYTES, GAUGE, PULSE, "private writable mappings (VmData)")         \
	X(VM_LOCKED, "locked_bytes", BYTES, GAUGE, PULSE, "locked memory (VmLck)")                     \
	X(PAGE_TABLES, "page_table_bytes", BYTES, GAUGE, PULSE, "page tables (VmPTE)")                 \
	X(HUGETLB, "hugetlb_bytes", BYTES, GAUGE, PULSE, "hugetlb pages")                              \
	X(RSS_PEAK, "rss_peak_bytes", BYTES, GAUGE, PULSE, "highest resident set (VmHWM)")             \
	X(THREADS, "threads", COUNT, GAUGE, PULSE, "threads")                                          \
	X(FDS, "fds", COUNT, GAUGE, PULSE, "open file descriptors")                                    \
	X(MINOR_FAULTS, "minor_faults", COUNT, COUNTER, PULSE, "page faults without I/O")              \
	X(MAJOR_FAULTS, "major_faults", COUNT, COUNTER, PULSE, "page faults with I/O")                 \
	X(CPU, "cpu_seconds", MICROSECONDS, COUNTER, PULSE, "CPU time, user and system")               \
	X(CPU_USER, "cpu_user_seconds", MICROSECONDS, COUNTER, PULSE, "CPU time in user mode")         \
	X(CPU_SYSTEM, "cpu_system_seconds", MICROSECONDS, COUNTER, PULSE, "CPU time in the kernel")    \
	X(CTX_VOLUNTARY, "voluntary_switches", COUNT, COUNTER, PULSE, "context switches to wait")      \
	X(CTX_FORCED, "forced_switches", COUNT, COUNTER, PULSE, "context switches by preemption")      \
	X(PSS, "pss_bytes", BYTES, GAUGE, ROLLUP, "proportional set size")                             \
	X(PSS_DIRTY, "pss_dirty_bytes", BYTES, GAUGE, ROLLUP, "dirty part of PSS")                     \
	X(PSS_ANON, "pss_anon_bytes", BYTES, GAUGE, ROLLUP, "anonymous part of PSS")                   \
	X(PSS_FILE, "pss_file_bytes", BYTES, GAUGE, ROLLUP, "file part of PSS")                        \
	X(PSS_SHMEM, "pss_shmem_bytes", BYTES, GAUGE, ROLLUP, "shared memory part of PSS")             \
	X(USS, "uss_bytes", BYTES, GAUGE, ROLLUP, "unique set size: private clean + dirty")            \
	X(PRIVATE_CLEAN, "private_clean_bytes", BYTES, GAUGE, ROLLUP, "private clean pages")           \
	X(PRIVATE_DIRTY, "private_dirty_bytes", BYTES, GAUGE, ROLLUP, "private dirty pages")           \
	X(SHARED_CLEAN, "shared_clean_bytes", BYTES, GAUGE, ROLLUP, "shared clean pages")              \
	X(SHARED_DIRTY, "shared_dirty_bytes", BYTES, GAUGE, ROLLUP, "shared dirty pages")              \
	X(REFERENCED, "referenced_bytes", BYTES, GAUGE, ROLLUP, "pages marked referenced")             \
	X(ANONYMOUS, "anonymous_bytes", BYTES, GAUGE, ROLLUP, "exact anonymous pages (rollup)")        \
	X(LAZYFREE, "lazyfree_bytes", BYTES, GAUGE, ROLLUP, "pages given back by MADV_FREE")           \
	X(ANON_HUGE, "anon_huge_bytes", BYTES, GAUGE, ROLLUP, "anonymous transparent huge pages")      \
	X(SHMEM_HUGE, "shmem_huge_bytes", BYTES, GAUGE, ROLLUP, "huge-mapped shared memory")           \
	X(FILE_HUGE, "file_huge_bytes", BYTES, GAUGE, ROLLUP, "huge-mapped file pages")                \
	X(KSM, "ksm_bytes", BYTES, GAUGE, ROLLUP, "pages merged by KSM")                               \
	X(SWAP_PSS, "swap_pss_bytes", BYTES, GAUGE, ROLLUP, "proportional share of swap")              \
	X(READ, "read_bytes", BYTES, COUNTER, ROLLUP, "bytes read by read(2) and kin (rchar)")         \
	X(WRITTEN, "written_bytes", BYTES, COUNTER, ROLLUP, "bytes written by write(2) (wchar)")       \
	X(READ_CALLS, "read_calls", COUNT, COUNTER, ROLLUP, "read system calls")                       \
	X(WRITE_CALLS, "write_calls", COUNT, COUNTER, ROLLUP, "write system calls")                    \
	X(STORAGE_READ, "storage_read_bytes", BYTES, COUNTER, ROLLUP, "bytes fetched from storage")    \
	X(STORAGE_WRITE, "storage_write_bytes", BYTES, COUNTER, ROLLUP, "bytes sent to storage")       \
	X(FDS_FILE, "fds_file", COUNT, GAUGE, ROLLUP, "descriptors of files and directories")          \
	X(FDS_SOCKET, "fds_socket", COUNT, GAUGE, ROLLUP, "descriptors of sockets")                    \
	X(FDS_PIPE, "fds_pipe", COUNT, GAUGE, ROLLUP, "descriptors of pipes and FIFOs")                \
	X(FDS_EVENT, "fds_event", COUNT, GAUGE, ROLLUP, "eventfd, epoll, timerfd, inotify, signalfd")  \
	X(FDS_MEMFD, "fds_memfd", COUNT, GAUGE, ROLLUP, "descriptors of memfd files")                  \
	X(FDS_OTHER, "fds_other", COUNT, GAUGE, ROLLUP, "other descriptors")                           \
	X(FD_SHMEM, "fd_shmem_bytes", BYTES, GAUGE, ROLLUP, "shared memory held by descriptors")       \
	X(CONNECTIONS, "connections", COUNT, GAUGE, ROLLUP, "connected sockets (not listening)")       \
	X(OPENED, "connections_opened", COUNT, COUNTER, ROLLUP,                                        \
	  "TCP connections opened in its namespace")                                                   \
	X(TCP_ESTABLISHED, "tcp_established", COUNT, GAUGE, ROLLUP, "TCP sockets by state")            \
	X(TCP_SYN_SENT, "tcp_syn_sent", COUNT, GAUGE, ROLLUP, "TCP sockets by state")                  \
	X(TCP_SYN_RECV, "tcp_syn_recv", COUNT, GAUGE, ROLLUP, "TCP sockets by state")                  \
	X(TCP_FIN_WAIT1, "tcp_fin_wait1", COUNT, GAUGE, ROLLUP, "TCP sockets by state")                \
	X(TCP_FIN_WAIT2, "tcp_fin_wait2", COUNT, GAUGE, ROLLUP, "TCP sockets by state")                \
	X(TCP_TIME_WAIT, "tcp_time_wait", COUNT, GAUGE, ROLLUP, "TCP sockets by state")                \
	X(TCP_CLOSE, "tcp_close", COUNT, GAUGE, ROLLUP, "TCP sockets by state")                        \
	X(TCP_CLOSE_WAIT, "tcp_close_wait", COUNT, GAUGE, ROLLUP, "TCP sockets by state")              \
	X(TCP_LAST_ACK, "tcp_last_ack", COUNT, GAUGE, ROLLUP, "TCP sockets by state")                  \
	X(TCP_LISTEN, "tcp_listen", COUNT, GAUGE, ROLLUP, "TCP sockets by state")                      \
	X(TCP_CLOSING, "tcp_closing", COUNT, GAUGE, ROLLUP, "TCP sockets by state")                    \
	X(UDP, "udp", COUNT, GAUGE, ROLLUP, "UDP sockets")                                             \
	X(UNIX_LISTEN, "unix_listen", COUNT, GAUGE, ROLLUP, "listening Unix sockets")                  \
	X(UNIX_CONNECTED, "unix_connected", COUNT, GAUGE, ROLLUP, "connected Unix sockets")            \
	X(UNIX_OTHER, "unix_other", COUNT, GAUGE, ROLLUP, "other Unix sockets")                        \
	X(LIMIT, "limit_bytes", BYTES, GAUGE, ROLLUP, "nearest limit on memory")                       \
	X(CGROUP_MAX, "cgroup_max_bytes", BYTES, GAUGE, ROLLUP, "lowest memory.max of the ancestors")  \
	X(CGROUP_HIGH, "cgroup_high_bytes", BYTES, GAUGE, ROLLUP, "lowest memory.high likewise")       \
	X(RLIMIT_AS, "rlimit_as_bytes", BYTES, GAUGE, ROLLUP, "limit on address space")                \
	X(RLIMIT_DATA, "rlimit_data_bytes", BYTES, GAUGE, ROLLUP, "limit on private data")             \
	X(RLIMIT_NOFILE, "rlimit_nofile", COUNT, GAUGE, ROLLUP, "limit on descriptors")                \
	X(RLIMIT_NPROC, "rlimit_nproc", COUNT, GAUGE, ROLLUP, "limit on threads of the user")          \
	X(HOST_MEMORY, "host_memory_bytes", BYTES, GAUGE, ROLLUP, "memory and swap of the host")       \
	X(HOST_USED, "host_used_bytes", BYTES, GAUGE, ROLLUP, "of them neither free nor reclaimable")  \
	X(CGROUP_USED, "cgroup_used_bytes", BYTES, GAUGE, ROLLUP, "what counts against memory.max")    \
	X(CGROUP_HIGH_USED, "cgroup_high_used_bytes", BYTES, GAUGE, ROLLUP, "and memory.high")         \
	X(PIDS_MAX, "pids_max", COUNT, GAUGE, ROLLUP, "lowest pids.max of the ancestors")              \
	X(PIDS_USED, "pids_used", COUNT, GAUGE, ROLLUP, "what counts against it")                      \
	X(MAPS_MAX, "max_map_count", COUNT, GAUGE, ROLLUP, "limit on mappings")                        \
	X(MAPS, "mappings", COUNT, GAUGE, REGIONS, "mappings")                                         \
	X(HEAP, "heap_bytes", BYTES, GAUGE, REGIONS, "resident part of the brk heap")                  \
	X(IDLE, "idle_bytes", BYTES, GAUGE, IDLE, "resident, not touched in the last window")          \
	X(IDLE_WINDOW, "idle_window_seconds", MICROSECONDS, GAUGE, IDLE, "length of that window")

enum pl_metric {
#define PL_METRIC_ENUM(id, column, unit, kind, tier, help) PL_M_##id,
	PL_METRIC_LIST(PL_METRIC_ENUM)
#undef PL_METRIC_ENUM
		PL_METRIC_COUNT
};

struct pl_metric_info {
	const char *column; /* also its name in JSON */
	enum pl_unit unit;
	enum pl_kind kind;
	enum pl_tier tier;
	const char *help;
};

/* Never NULL for an id below PL_METRIC_COUNT. */
const struct pl_metric_info *pl_metric_info(enum pl_metric id);

/* Looks a column name up (`len` bytes, no NUL needed). Returns true and sets *id when known. */
bool pl_metric_find(const char *column, size_t len, enum pl_metric *id);

#endif
