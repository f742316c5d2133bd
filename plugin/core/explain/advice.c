#include "explain/advice.h"

#include <string.h>

static const char *const by_driver[PL_DRIVER_COUNT] = {
	[PL_DRIVER_CONNECTIONS] =
		"Close what idles: set the server's idle or keep-alive timeout and TCP keepalive, and cap "
		"the number of connections; their peers are among the connections of this evidence.",
	[PL_DRIVER_THREADS] = "Cap the pool that starts threads, and join or detach those that end.",
	[PL_DRIVER_FDS] =
		"What is opened over and over is among the open files of this evidence; a higher "
		"RLIMIT_NOFILE only buys time (prlimit --pid PID --nofile=N:N).",
	[PL_DRIVER_OPENED] =
		"Recycle workers after so many connections (max_requests and its kin), or keep connections "
		"alive for longer so that fewer are opened.",
	[PL_DRIVER_CONNECTION_HOURS] =
		"Recycle workers after so many connections, and shorten idle timeouts.",
	[PL_DRIVER_CPU] = "Recycle workers after so many requests (max_requests and its kin).",
	[PL_DRIVER_READ] = "Recycle workers after so many requests (max_requests and its kin).",
	[PL_DRIVER_WRITTEN] = "Recycle workers after so many requests (max_requests and its kin).",
	[PL_DRIVER_TIME] =
		"It grows even when idle: a planned restart before the limit is reached contains it.",
};

static const char any_contain[] =
	"Plan a restart at a quiet hour, and set MemoryHigh= of its unit (memory.high) above its usual "
	"need, so that it is throttled alone rather than the host.";

static const char arena_contain[] =
	"glibc keeps freed memory in arenas: MALLOC_ARENA_MAX=2 in its environment, or calls of "
	"malloc_trim(3), show after a restart whether it is retention rather than a leak.";

static const char jvm_contain[] =
	"A JVM fills its heap up to -Xmx before it collects: compare the heap after a full collection, "
	"not the resident set.";

static const char metaspace_contain[] =
	"Each class loader that is kept keeps its classes: redeploy by restarting the JVM "
	"until that is found; -XX:MaxMetaspaceSize makes it fail alone, not the host.";

static const char jvm_native_contain[] =
	"It grows beside the Java heap: -XX:MaxDirectMemorySize caps what direct buffers take.";

/* What malloc and mmap are asked for, by whatever runtime. */
static bool is_native(enum pl_region region)
{
	return region == PL_REGION_HEAP || region == PL_REGION_ARENA || region == PL_REGION_ANON ||
	       region == PL_REGION_LIBRARY;
}

static const char *contain_jvm(enum pl_region region, uint32_t runtimes)
{
	if (region == PL_REGION_METASPACE)
		return metaspace_contain;
	if (region == PL_REGION_JAVA || region == PL_REGION_ZGC)
		return jvm_contain;
	if (!pl_runtime_has(runtimes, PL_RUNTIME_JVM) || region == PL_REGION_STACK)
		return NULL;
	return is_native(region) ? jvm_native_contain : jvm_contain;
}

size_t pl_advice_contain(enum pl_driver driver, enum pl_region region, uint32_t runtimes,
                         const char **out, size_t most)
{
	const char *const all[] = {
		(unsigned)driver < PL_DRIVER_COUNT ? by_driver[driver] : NULL,
		region == PL_REGION_ARENA ? arena_contain : NULL,
		contain_jvm(region, runtimes),
		any_contain,
	};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] && count < most)
			out[count++] = all[i];
	return count;
}

const char *pl_advice_pool(bool by_number)
{
	return by_number
	           ? "Cap the pool: the number of its processes (pm.max_children, "
	             "MaxRequestWorkers, --workers and their kin), and reap those that idle."
	           : "Recycle the processes of the pool one after the other (max_requests and its "
	             "kin): each keeps little, their sum grows.";
}

static const struct pl_next_step metaspace_next = {
	"jcmd PID VM.classloader_stats twice, some time apart: which kind of loader piles up; then "
	"jcmd PID VM.metaspace",
	"each stops the JVM for the time of a walk over its class loaders: milliseconds"
};

/* Before any profiler: what piles up can be counted. */
static const struct {
	enum pl_driver driver;
	struct pl_next_step next;
} by_count[] = {
	{ PL_DRIVER_CONNECTIONS,
	  { "ss -tnpo, the lines with pid=PID: which peers, in which state; CLOSE-WAIT means that the "
	    "peer has left and the program does not close",
	    "one pass over the sockets of the network namespace" } },
	{ PL_DRIVER_THREADS,
	  { "ps -L -o comm= -p PID | sort | uniq -c, twice, some time apart: whose number grows",
	    "one small read a thread" } },
	{ PL_DRIVER_FDS,
	  { "ls -l /proc/PID/fd twice, some time apart: what is added; opensnoop (bpfcc-tools) -p PID "
	    "shows it being opened",
	    "one small read a descriptor; opensnoop puts a probe on every open of the host" } },
};

/* What a server tells about its own memory. */
static const struct {
	const char *comm;
	struct pl_next_step next;
} by_program[] = {
	{ "redis-server",
	  { "redis-cli INFO memory and INFO keyspace: keys without an expiry, and no maxmemory, grow "
	    "for ever; redis-cli --bigkeys names the largest",
	    "INFO is instant; --bigkeys walks all keys in small steps" } },
	{ "postgres",
	  { "SELECT pg_log_backend_memory_contexts(PID) as a superuser (14 and later): prepared "
	    "statements are CachedPlan*, tables that were touched CacheMemoryContext",
	    "the backend writes some hundred lines to the server's log" } },
	{ "mariadbd",
	  { "SELECT id, user, memory_used FROM information_schema.processlist ORDER BY memory_used "
	    "DESC: which session holds it",
	    "one pass over the sessions" } },
	{ "mysqld",
	  { "SELECT * FROM sys.memory_by_thread_by_current_bytes LIMIT 10: which session holds it",
	    "instant; the performance schema must be on" } },
	{ "haproxy",
	  { "\"show pools\" on its stats socket, twice, some time apart: which pool grows",
	    "instant" } },
};

static const struct pl_next_step jvm_threads = {
	"jcmd PID Thread.print: what threads of the name that piles up wait for",
	"all threads are stopped for some milliseconds, longer where there are thousands"
};

/* The runtime's own tools for what lies beside its heap. */
static const struct {
	enum pl_runtime runtime;
	struct pl_next_step next;
} beside_heap[] = {
	{ PL_RUNTIME_JVM,
	  { "jcmd PID VM.native_memory summary (if started with -XX:NativeMemoryTracking=summary), "
	    "twice: Other is direct buffers, Class and Metaspace are class loaders (jcmd PID "
	    "VM.classloader_stats); what it has not seen is a native library's",
	    "instant; VM.classloader_stats stops all threads for some milliseconds" } },
	{ PL_RUNTIME_NODE,
	  { "process.memoryUsage() over time: where arrayBuffers or external grow alike, JavaScript "
	    "keeps Buffers, and a heap snapshot tells who does; else it is a native module",
	    "the call is instant; a heap snapshot stops the event loop for seconds" } },
};

/* The most specific first: a JVM, too, has a libc. */
static const struct {
	enum pl_runtime runtime;
	struct pl_next_step next;
} steps[] = {
	{ PL_RUNTIME_JVM,
	  { "jcmd PID VM.native_memory summary (if started with -XX:NativeMemoryTracking=summary), "
	    "jcmd PID GC.heap_info, then jcmd PID JFR.start settings=profile",
	    "the first two are instant; GC.class_histogram and heap dumps force a full collection" } },
	{ PL_RUNTIME_NODE,
	  { "kill -USR1 PID opens the inspector on loopback: take an allocation sampling profile "
	    "first, "
	    "two heap snapshots only if that is not enough",
	    "a heap snapshot stops the event loop for seconds and may need as much memory again" } },
	{ PL_RUNTIME_GO,
	  { "curl HOST:PORT/debug/pprof/heap twice, some time apart, then go tool pprof -base; "
	    "goroutine?debug=1 when stacks grow",
	    "if net/http/pprof is linked in: the heap profile is sampled all the time anyway" } },
	{ PL_RUNTIME_DOTNET,
	  { "dotnet-counters monitor -p PID, then dotnet-gcdump collect -p PID",
	    "counters are cheap; a gcdump forces a full collection" } },
	{ PL_RUNTIME_ERLANG,
	  { "recon:proc_count(memory, 10) and recon:bin_leak(10) in a remote shell",
	    "bin_leak collects every process once" } },
	{ PL_RUNTIME_RUBY,
	  { "GC.stat over time; then ObjectSpace.dump_all in one worker taken out of the balancer",
	    "dump_all stops that worker while it writes" } },
	{ PL_RUNTIME_PHP,
	  { "pm.max_requests bounds it; compare memory_get_usage() with the resident set per request",
	    "none" } },
	{ PL_RUNTIME_PYTHON,
	  { "restart one worker with PYTHONTRACEMALLOC=1 and compare tracemalloc snapshots; for native "
	    "extensions memray run --native on one worker",
	    "every allocation of that worker becomes slower and larger; the others are not touched" } },
	{ PL_RUNTIME_JEMALLOC,
	  { "restart one instance with MALLOC_CONF=prof:true,lg_prof_interval:30 and compare the dumps "
	    "with jeprof --base",
	    "sampled, every 512 KiB allocated by default; jemalloc must be built with profiling" } },
	{ PL_RUNTIME_TCMALLOC,
	  { "restart one instance with libtcmalloc (not _minimal) and HEAPPROFILE=/path, then compare "
	    "two profiles with pprof --base",
	    "the heap profiler sees every allocation and slows them" } },
	{ PL_RUNTIME_GLIBC,
	  { "perf record -e page-faults -g -p PID -- sleep 60: whose stacks fault new memory in",
	    "each page fault takes one stack; nothing is stopped and allocations that reuse memory "
	    "cost "
	    "nothing" } },
	{ PL_RUNTIME_GLIBC,
	  { "memleak (bpfcc-tools) -p PID 60, if the first does not tell",
	    "a probe in every malloc and free: programs that allocate much become clearly slower" } },
	{ PL_RUNTIME_MUSL,
	  { "perf record -e page-faults -g -p PID -- sleep 60: whose stacks fault new memory in",
	    "each page fault takes one stack; nothing is stopped" } },
};

/* Not found in what a runtime manages: the profiler of its heap would not see it. */
static bool is_foreign(enum pl_runtime runtime, enum pl_region region)
{
	const bool has_heap =
		runtime == PL_RUNTIME_GO || runtime == PL_RUNTIME_NODE || runtime == PL_RUNTIME_JVM;

	/* what Go maps has no name before 1.25 */
	if (region == PL_REGION_ANON)
		return has_heap && runtime != PL_RUNTIME_GO;
	return has_heap &&
	       (is_native(region) || region == PL_REGION_STACK || region == PL_REGION_METASPACE);
}

bool pl_advice_census(enum pl_region region, uint32_t runtimes, struct pl_next_step *out)
{
	static const enum pl_runtime managed[] = {
		PL_RUNTIME_JVM, PL_RUNTIME_NODE, PL_RUNTIME_DOTNET, PL_RUNTIME_RUBY, PL_RUNTIME_ERLANG,
	};

	for (size_t i = 0; i < sizeof(managed) / sizeof(managed[0]); i++)
		if (pl_runtime_has(runtimes, managed[i]))
			return false;
	if (pl_runtime_has(runtimes, PL_RUNTIME_GO)
	        ? region != PL_REGION_GO && region != PL_REGION_ANON
	        : region != PL_REGION_HEAP && region != PL_REGION_ARENA && region != PL_REGION_ANON &&
	              region != PL_REGION_JEMALLOC && region != PL_REGION_TCMALLOC &&
	              region != PL_REGION_MIMALLOC)
		return false;
	*out = (struct pl_next_step){
		"procleak census PID tells which type of object piles up; Census true lets the daemon look "
		"by itself at the next alert",
		"half a minute and some MiB of its memory read from outside; nothing is stopped or attached"
	};
	return true;
}

size_t pl_advice_count(enum pl_driver driver, uint32_t runtimes, struct pl_next_step *out,
                       size_t most)
{
	size_t count = 0;

	for (size_t i = 0; i < sizeof(by_count) / sizeof(by_count[0]) && count < most; i++)
		if (by_count[i].driver == driver)
			out[count++] = by_count[i].next;
	if (driver == PL_DRIVER_THREADS && pl_runtime_has(runtimes, PL_RUNTIME_JVM) && count < most)
		out[count++] = jvm_threads;
	return count;
}

bool pl_advice_program(const char *comm, struct pl_next_step *out)
{
	for (size_t i = 0; i < sizeof(by_program) / sizeof(by_program[0]); i++)
		if (strcmp(comm, by_program[i].comm) == 0) {
			*out = by_program[i].next;
			return true;
		}
	return false;
}

size_t pl_advice_next(enum pl_region region, uint32_t runtimes, struct pl_next_step *out,
                      size_t most)
{
	size_t count = 0;

	if (region == PL_REGION_METASPACE && most > 0)
		out[count++] = metaspace_next;
	for (size_t i = 0; i < sizeof(beside_heap) / sizeof(beside_heap[0]) && count < most; i++)
		if (pl_runtime_has(runtimes, beside_heap[i].runtime) && is_native(region))
			out[count++] = beside_heap[i].next;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && count < most; i++)
		if (pl_runtime_has(runtimes, steps[i].runtime) && !is_foreign(steps[i].runtime, region))
			out[count++] = steps[i].next;
	/* statically linked: nothing is known of it */
	if (count == 0 && most > 0)
		out[count++] = steps[sizeof(steps) / sizeof(steps[0]) - 1].next;
	return count;
}

static const struct {
	const char *contain;
	struct pl_next_step next;
} by_part[PL_CGROUP_PART_COUNT] = {
	[PL_CGROUP_TMPFS] = { "Remove what nobody needs from /dev/shm, /run and other tmpfs, and give "
	                      "those mounts a size= of their own.",
	                      { "df -t tmpfs and du -x on those mounts, ipcs -m, and lsof +L1 for "
	                        "memfd and deleted files that are still open",
	                        "directories and descriptors are listed; no process is stopped" } },
	[PL_CGROUP_SOCK] = { "Cap the number of connections and their buffers (net.ipv4.tcp_rmem, "
	                     "tcp_wmem), and close those whose peer has stopped to read.",
	                     { "ss -tmp: a large Recv-Q is a program that does not read, a large "
	                       "Send-Q a peer that does not",
	                       "one pass over the sockets of the network namespace" } },
	[PL_CGROUP_TABLES] = { "Page tables follow what is mapped and was touched, in every process "
	                       "anew: cap the processes, or back large shared mappings by huge pages.",
	                       { "VmPTE in /proc/PID/status of each of its processes, twice",
	                         "two small reads a process" } },
	[PL_CGROUP_OBJECTS] = { NULL,
	                        { "slabtop -o -s c twice, some time apart: which cache grows (dentry, "
	                          "filp, sock_inode_cache, ...)",
	                          "one read of /proc/slabinfo, as root" } },
	[PL_CGROUP_STACKS] = { "Each thread has a kernel stack: cap the pools that start them.",
	                       { "Threads in /proc/PID/status of each of its processes, twice",
	                         "two small reads a process" } },
};

void pl_advice_cgroup(enum pl_cgroup_part part, const char **contain, struct pl_next_step *next)
{
	static const struct pl_next_step any = {
		"memory.stat of the cgroup twice, some time apart: which line grows", "two small reads"
	};
	const bool known = (unsigned)part < PL_CGROUP_PART_COUNT && by_part[part].next.step;

	*contain = known ? by_part[part].contain : NULL;
	*next = known ? by_part[part].next : any;
}
