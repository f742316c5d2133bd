#include "charts.h"

#include <math.h>

#define IN(group) offsetof(struct pl_collect, group)
#define KIB 1024u
#define MIB 1048576u

#define METRIC(id, metric)                                                                         \
	{                                                                                              \
		id, id, PL_FROM_METRIC, PL_M_##metric                                                      \
	}
#define FINDING(id, finding)                                                                       \
	{                                                                                              \
		id, id, PL_FROM_FINDING, PL_FINDING_##finding                                              \
	}
#define RUNG(id, verdict)                                                                          \
	{                                                                                              \
		id, id, PL_FROM_RUNG, PL_VERDICT_##verdict                                                 \
	}
#define REGION(region, id, words) { id, id, PL_FROM_REGION, PL_REGION_##region },
#define PART(part, id, words, unexplained) { id, id, PL_FROM_PART, PL_CGROUP_##part },
#define CHART(suffix, context, title, units, type, collect, kind, divisor, ...)                    \
	{                                                                                              \
		suffix, context, title, units, PL_CHART_##type, collect, PL_CHART_##kind, divisor,         \
		{                                                                                          \
			__VA_ARGS__                                                                            \
		}                                                                                          \
	}
#define COST(id, kind, field)                                                                      \
	{                                                                                              \
		id, id, PL_FROM_COST_##kind, offsetof(struct pl_read_cost, field)                          \
	}
#define METHOD(id, method)                                                                         \
	{                                                                                              \
		id, id, PL_FROM_METHOD, PL_METHOD_##method                                                 \
	}
#define SELF(id, kind, field)                                                                      \
	{                                                                                              \
		id, id, PL_FROM_SELF_##kind, offsetof(struct pl_plugin_self, field)                        \
	}

/* In the order of the dashboard. Only what is disjoint is stacked. */
const struct pl_chart pl_charts[] = {
	CHART("verdict", "verdict", "Verdict: does it leak", "state", STACKED, IN(verdict), OF_VERDICT,
	      1, RUNG("learning", LEARNING), RUNG("steady", STEADY), RUNG("growing", GROWING),
	      RUNG("leaking", LEAKING), RUNG("critical", CRITICAL)),
	CHART("memory", "memory", "Memory by kind", "MiB", STACKED, IN(memory), GAUGES, MIB,
	      METRIC("anon", ANON), METRIC("file", FILE), METRIC("shmem", SHMEM), METRIC("swap", SWAP)),
	CHART("regions", "regions", "Memory by region", "MiB", STACKED, IN(memory), GAUGES, MIB,
	      PL_REGION_LIST(REGION){ "swap", "swap", PL_FROM_REGION, PL_REGION_COUNT }),
	CHART("charged", "cgroup_memory", "Memory that is charged to the cgroup, by kind", "MiB",
	      STACKED, IN(cgroup), GAUGES, MIB, PL_CGROUP_PART_LIST(PART)),
	CHART("unexplained", "cgroup_unexplained", "Memory of the cgroup that no process explains",
	      "MiB", LINE, IN(cgroup), GAUGES, MIB,
	      { "unexplained", "unexplained", PL_FROM_PART, PL_CGROUP_PART_COUNT }),
	CHART("growth", "growth", "Growth of the live set, and its interval", "MiB/hour", LINE,
	      IN(verdict), OF_VERDICT, MIB, FINDING("growth", RATE), FINDING("low", RATE_LOW),
	      FINDING("high", RATE_HIGH)),
	CHART("leaked", "leaked", "Leaked since the growth began", "MiB", AREA, IN(verdict), OF_VERDICT,
	      MIB, FINDING("leaked", LEAKED)),
	CHART("timeleft", "timeleft", "Time until a limit is reached", "seconds", LINE, IN(verdict),
	      OF_VERDICT, 1, FINDING("growth", LIMIT_SECONDS), { "leak", "leak", PL_FROM_LEAK_S, 0 }),
	CHART("share", "growth_share", "Share of the growth, by what it comes with", "percentage", LINE,
	      IN(verdict), OF_VERDICT, 1, FINDING("connections", WITH_CONNECTIONS),
	      FINDING("threads", WITH_THREADS), FINDING("fds", WITH_FDS), FINDING("work", WITH_WORK)),
	CHART("unused", "growth_idle", "Share of the growth that is not touched any more", "percentage",
	      LINE, IN(verdict), OF_VERDICT, 1, FINDING("idle", IDLE)),
	CHART("each", "growth_each", "Growth for each connection, thread, descriptor and the like",
	      "KiB", LINE, IN(verdict), OF_VERDICT, KIB, FINDING("connection", PER_CONNECTION),
	      FINDING("thread", PER_THREAD), FINDING("fd", PER_FD),
	      FINDING("cpu_second", PER_CPU_SECOND), FINDING("mib_of_io", PER_MIB)),
	CHART("floor", "floor", "Smallest leak that would have been seen by now", "MiB/hour", LINE,
	      IN(verdict), GAUGES, MIB, FINDING("floor", DETECTION_FLOOR)),
	CHART("pss", "pss", "Proportional, unique and private memory", "MiB", LINE, IN(rollup), GAUGES,
	      MIB, METRIC("pss", PSS), METRIC("uss", USS), METRIC("private_dirty", PRIVATE_DIRTY),
	      METRIC("swap_pss", SWAP_PSS)),
	CHART("pages", "pages", "Memory that is referenced, idle, given back, huge or merged", "MiB",
	      LINE, IN(rollup), GAUGES, MIB, METRIC("referenced", REFERENCED),
	      METRIC("lazyfree", LAZYFREE), METRIC("anon_huge", ANON_HUGE), METRIC("ksm", KSM),
	      METRIC("idle", IDLE)),
	CHART("space", "space", "Address space and page tables", "MiB", LINE, IN(memory), GAUGES, MIB,
	      METRIC("size", VM_SIZE), METRIC("data", VM_DATA), METRIC("page_tables", PAGE_TABLES),
	      METRIC("locked", VM_LOCKED), METRIC("hugetlb", HUGETLB)),
	CHART("limits", "limits", "Limits on memory", "MiB", LINE, IN(limits), GAUGES, MIB,
	      METRIC("nearest", LIMIT), METRIC("cgroup_max", CGROUP_MAX),
	      METRIC("cgroup_high", CGROUP_HIGH), METRIC("rlimit_as", RLIMIT_AS),
	      METRIC("rlimit_data", RLIMIT_DATA), METRIC("host", HOST_MEMORY)),
	CHART("fds", "fds", "Open file descriptors", "descriptors", LINE, IN(fds), GAUGES, 1,
	      METRIC("open", FDS)),
	CHART("fdkinds", "fds_by_kind", "Open file descriptors by kind", "descriptors", STACKED,
	      IN(fds), GAUGES, 1, METRIC("files", FDS_FILE), METRIC("sockets", FDS_SOCKET),
	      METRIC("pipes", FDS_PIPE), METRIC("events", FDS_EVENT), METRIC("memfds", FDS_MEMFD),
	      METRIC("other", FDS_OTHER)),
	CHART("fdmemory", "fds_memory",
	      "Shared memory held by descriptors (memfd files, unlinked shared memory)", "MiB", LINE,
	      IN(fds), GAUGES, MIB, METRIC("held", FD_SHMEM)),
	CHART("fdlimit", "fds_of_limit",
	      "Open file descriptors as a share of their limit, of the worst process", "percentage",
	      LINE, IN(fds), GAUGES, 100, { "used", "used", PL_FROM_FD_SHARE, 0 }),
	CHART("connections", "connections", "Connected sockets", "connections", LINE, IN(connections),
	      GAUGES, 1, METRIC("connected", CONNECTIONS)),
	CHART("tcp", "tcp_sockets", "TCP sockets by state", "sockets", STACKED, IN(connections), GAUGES,
	      1, METRIC("established", TCP_ESTABLISHED), METRIC("syn_sent", TCP_SYN_SENT),
	      METRIC("syn_recv", TCP_SYN_RECV), METRIC("fin_wait1", TCP_FIN_WAIT1),
	      METRIC("fin_wait2", TCP_FIN_WAIT2), METRIC("time_wait", TCP_TIME_WAIT),
	      METRIC("close", TCP_CLOSE), METRIC("close_wait", TCP_CLOSE_WAIT),
	      METRIC("last_ack", TCP_LAST_ACK), METRIC("listen", TCP_LISTEN),
	      METRIC("closing", TCP_CLOSING)),
	CHART("sockets", "other_sockets", "UDP and Unix sockets", "sockets", STACKED, IN(connections),
	      GAUGES, 1, METRIC("udp", UDP), METRIC("unix_listen", UNIX_LISTEN),
	      METRIC("unix_connected", UNIX_CONNECTED), METRIC("unix_other", UNIX_OTHER)),
	CHART("threads", "threads", "Threads", "threads", LINE, PL_CHART_ALWAYS, GAUGES, 1,
	      METRIC("threads", THREADS)),
	CHART("processes", "processes", "Processes", "processes", LINE, PL_CHART_ALWAYS, GAUGES, 1,
	      { "processes", "processes", PL_FROM_COUNT, 0 }),
	CHART("cpu", "cpu", "CPU time (100 percent is one core)", "percentage", STACKED, IN(cpu),
	      COUNTERS, 10000, METRIC("user", CPU_USER), METRIC("system", CPU_SYSTEM)),
	CHART("faults", "faults", "Page faults", "faults/s", LINE, IN(faults), COUNTERS, 1,
	      METRIC("minor", MINOR_FAULTS), METRIC("major", MAJOR_FAULTS)),
	CHART("switches", "switches", "Context switches", "switches/s", LINE, IN(switches), COUNTERS, 1,
	      METRIC("voluntary", CTX_VOLUNTARY), METRIC("forced", CTX_FORCED)),
	CHART("io", "io", "Bytes read and written", "KiB/s", LINE, IN(io), COUNTERS, KIB,
	      METRIC("read", READ), METRIC("written", WRITTEN), METRIC("from_storage", STORAGE_READ),
	      METRIC("to_storage", STORAGE_WRITE)),
	CHART("calls", "io_calls", "Calls that read and write", "calls/s", LINE, IN(io), COUNTERS, 1,
	      METRIC("read", READ_CALLS), METRIC("write", WRITE_CALLS)),
	CHART("reading", "reading_cost", "What reading its memory takes, of CPU and of its own lock",
	      "percentage", LINE, IN(rollup), COUNTERS, 10000, COST("cpu", U64, cpu_us_total),
	      COST("lock_held", U64, lock_us_total)),
	CHART("hold", "reading_hold", "Longest hold of its memory map", "milliseconds", LINE,
	      IN(rollup), GAUGES, 1000, COST("longest", U32, longest_us)),
	CHART("putoff", "reading_put_off", "Reads of its memory that were put off, or made smaller",
	      "reads/s", LINE, IN(rollup), COUNTERS, 1, COST("deferred", U32, deferred_count),
	      COST("degraded", U32, degraded_count)),
	CHART("method", "reading_method", "How its memory is read", "state", STACKED, IN(rollup),
	      GAUGES, 1, METHOD("pulse", PULSE), METHOD("sampled", SAMPLED), METHOD("rollup", ROLLUP)),
	CHART("sampling", "sampling_error", "Interval of what was sampled", "percentage", LINE,
	      IN(rollup), GAUGES, 100, { "error", "error", PL_FROM_SAMPLING_ERROR, 0 }),
};

_Static_assert(sizeof(pl_charts) / sizeof(pl_charts[0]) <= 64, "a bit of a word for each chart");

const size_t pl_chart_count = sizeof(pl_charts) / sizeof(pl_charts[0]);

const struct pl_chart pl_self_charts[] = {
	CHART("cost", "self_cost", "CPU that the plugin takes (100 percent is one core)", "percentage",
	      STACKED, PL_CHART_ALWAYS, COUNTERS, 10000, SELF("ticks", U64, engine.tick_cpu_us_total),
	      SELF("deep_reads", U64, engine.deep_cpu_us_total)),
	CHART("locktime", "self_lock_time", "Time for which memory maps were held", "percentage", LINE,
	      PL_CHART_ALWAYS, COUNTERS, 10000, SELF("held", U64, engine.lock_us_total)),
	CHART("lock", "self_lock", "Longest hold of the memory map of a process", "milliseconds", LINE,
	      PL_CHART_ALWAYS, GAUGES, 1000, SELF("longest", DOUBLE, engine.longest_hold_ms)),
	CHART("reads", "self_reads", "Reads that walk the memory of a process", "reads/s", LINE,
	      PL_CHART_ALWAYS, COUNTERS, 1, SELF("done", U64, engine.deep_reads_total),
	      SELF("deferred", U64, engine.deferred_total),
	      SELF("degraded", U64, engine.degraded_total)),
	CHART("throttled", "self_throttled", "Time for which the plugin was out of its CPU quota",
	      "percentage", LINE, PL_CHART_ALWAYS, COUNTERS, 10000,
	      SELF("throttled", U64, engine.throttled_us_total)),
	CHART("unreadable", "self_unreadable", "Reads that failed", "reads/s", LINE, PL_CHART_ALWAYS,
	      COUNTERS, 1, SELF("gone", U64, engine.gone_total),
	      SELF("denied", U64, engine.denied_total), SELF("failed", U64, engine.failed_total)),
	CHART("trouble", "self_trouble", "What keeps the plugin from seeing all", "count", LINE,
	      PL_CHART_ALWAYS, GAUGES, 1, SELF("stuck_reads", U32, engine.stuck_count),
	      SELF("config_faults", U32, config_faults),
	      SELF("missing_capabilities", U32, missing_capabilities),
	      SELF("dropped", U32, dropped_subjects),
	      SELF("degraded_processes", U32, engine.degraded_count),
	      SELF("run_poorly", U32, engine.own_state)),
	CHART("processes", "self_processes", "Processes seen and watched", "processes", LINE,
	      PL_CHART_ALWAYS, GAUGES, 1, SELF("seen", U32, engine.seen_count),
	      SELF("watched", U32, engine.matched_count)),
	CHART("memory", "self_memory", "Memory that the engine holds", "KiB", LINE, PL_CHART_ALWAYS,
	      GAUGES, KIB, SELF("engine", U64, engine.memory_bytes)),
};

const size_t pl_self_chart_count = sizeof(pl_self_charts) / sizeof(pl_self_charts[0]);

bool pl_chart_is_wanted(const struct pl_chart *chart, const struct pl_collect *collect)
{
	if (chart->collect == PL_CHART_ALWAYS)
		return true;
	return *(const bool *)(const void *)((const char *)collect + chart->collect);
}

/* A double as an integer of the wire. False for what none can hold. */
static bool to_integer(double value, int64_t *out)
{
	if (!isfinite(value) || fabs(value) > 9e18)
		return false;
	*out = llround(value);
	return true;
}

static bool metric_value(const struct pl_reading *reading, enum pl_metric metric, int64_t *out)
{
	uint64_t value;

	if (!pl_values_get(&reading->values, metric, &value) || value > INT64_MAX)
		return false;
	*out = (int64_t)value;
	return true;
}

/* A region that never held anything has no series. */
static bool region_value(const struct pl_reading *reading, size_t region, int64_t *out)
{
	const struct pl_region_bytes *regions = reading->regions;
	uint64_t bytes;

	if (!regions || (region < PL_REGION_COUNT && !((regions->seen >> region) & 1)))
		return false;
	bytes = region < PL_REGION_COUNT ? regions->bytes[region] : regions->swap_bytes;
	if (bytes > INT64_MAX)
		return false;
	*out = (int64_t)bytes;
	return true;
}

static bool part_value(const struct pl_reading *reading, size_t part, int64_t *out)
{
	const struct pl_cgroup_parts *parts = reading->cgroup;

	if (!parts || (part < PL_CGROUP_PART_COUNT && !((parts->known >> part) & 1)))
		return false;
	*out = (int64_t)((part < PL_CGROUP_PART_COUNT ? parts->bytes[part]
	                                              : pl_cgroup_unexplained_bytes(parts)) &
	                 INT64_MAX);
	return true;
}

/*
 * On a rung or not. All zero while nothing runs: an alert must not stay up for a process that
 * ended.
 */
static bool rung_value(const struct pl_reading *reading, size_t rung, int64_t *out)
{
	double verdict;

	if (!pl_findings_get(&reading->findings, PL_FINDING_VERDICT, &verdict)) {
		*out = 0;
		return reading->process_count == 0;
	}
	*out = lround(verdict) == (long)rung;
	return true;
}

/*
 * Any growth, that of a start too, has a forecast; what alerts are on is that of a leak.
 */
static bool leak_seconds(const struct pl_reading *reading, int64_t *out)
{
	double verdict;
	double seconds;

	return pl_findings_get(&reading->findings, PL_FINDING_VERDICT, &verdict) &&
	       verdict >= PL_VERDICT_LEAKING &&
	       pl_findings_get(&reading->findings, PL_FINDING_LIMIT_SECONDS, &seconds) &&
	       to_integer(seconds, out);
}

/* A sum of descriptors has no limit: each process has its own, and the worst one counts. */
static bool fd_share(const struct pl_reading *reading, int64_t *out)
{
	return reading->fds_of_limit > 0 && to_integer(reading->fds_of_limit * 10000, out);
}

/* Cgroups, and the rest of a match, are not read on their own account. */
static bool cost_value(const struct pl_chart_dimension *dimension, const struct pl_reading *reading,
                       int64_t *out)
{
	const struct pl_read_cost *cost = &reading->cost;
	const void *at = (const char *)cost + dimension->index;

	if (reading->process_count == 0 ||
	    (reading->subject.kind != PL_SUBJECT_MATCH && reading->subject.kind != PL_SUBJECT_PROCESS))
		return false;
	if (dimension->source == PL_FROM_METHOD) {
		*out = cost->method == dimension->index;
		return true;
	}
	if (dimension->source == PL_FROM_SAMPLING_ERROR)
		return cost->method == PL_METHOD_SAMPLED &&
		       to_integer((double)cost->error_share * 1e4, out);
	if (dimension->source == PL_FROM_COST_U32)
		*out = *(const uint32_t *)at;
	else
		*out = (int64_t)(*(const uint64_t *)at & INT64_MAX);
	return true;
}

static bool self_value(const struct pl_chart_dimension *dimension,
                       const struct pl_plugin_self *self, int64_t *out)
{
	const void *at = (const char *)self + dimension->index;

	if (dimension->source == PL_FROM_SELF_U32)
		*out = *(const uint32_t *)at;
	else if (dimension->source == PL_FROM_SELF_DOUBLE)
		return to_integer(*(const double *)at * 1000, out);
	else
		*out = (int64_t)(*(const uint64_t *)at & INT64_MAX);
	return true;
}

bool pl_chart_value(const struct pl_chart_dimension *dimension, const struct pl_reading *reading,
                    const struct pl_plugin_self *self, int64_t *out)
{
	double finding;

	switch (dimension->source) {
	case PL_FROM_METRIC:
		return metric_value(reading, (enum pl_metric)dimension->index, out);
	case PL_FROM_FINDING:
		return pl_findings_get(&reading->findings, (enum pl_finding)dimension->index, &finding) &&
		       to_integer(finding, out);
	case PL_FROM_REGION:
		return region_value(reading, dimension->index, out);
	case PL_FROM_PART:
		return part_value(reading, dimension->index, out);
	case PL_FROM_RUNG:
		return rung_value(reading, dimension->index, out);
	case PL_FROM_COST_U64:
	case PL_FROM_COST_U32:
	case PL_FROM_METHOD:
	case PL_FROM_SAMPLING_ERROR:
		return cost_value(dimension, reading, out);
	case PL_FROM_COUNT:
		*out = reading->process_count;
		return true;
	case PL_FROM_LEAK_S:
		return leak_seconds(reading, out);
	case PL_FROM_FD_SHARE:
		return fd_share(reading, out);
	case PL_FROM_SELF_U64:
	case PL_FROM_SELF_U32:
	case PL_FROM_SELF_DOUBLE:
		return self_value(dimension, self, out);
	}
	return false;
}
