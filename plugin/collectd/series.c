#include <collectd/core/daemon/collectd.h>
#include <collectd/core/daemon/plugin.h>
#include <collectd/core/daemon/utils_time.h>

#include <math.h>

#include "series.h"

#include "config/config.h"

#define PARTS_MAX 2

/* One value list: its type says how many parts it has, and which of them are counters. */
struct series {
	const char *type;
	const char *type_instance;
	size_t group; /* offset of its switch in struct pl_collect */
	int part_count;
	enum pl_metric parts[PARTS_MAX];
};

#define IN(group) offsetof(struct pl_collect, group)

/* `memory` is drawn stacked, so only parts that do not overlap may go there. */
static const struct series series[] = {
	{ "memory", "anon", IN(memory), 1, { PL_M_ANON } },
	{ "memory", "file", IN(memory), 1, { PL_M_FILE } },
	{ "memory", "shmem", IN(memory), 1, { PL_M_SHMEM } },
	{ "memory", "swap", IN(memory), 1, { PL_M_SWAP } },
	{ "ps_rss", "", IN(memory), 1, { PL_M_RSS } },
	{ "ps_vm", "", IN(memory), 1, { PL_M_VM_SIZE } },
	{ "ps_data", "", IN(memory), 1, { PL_M_VM_DATA } },
	{ "bytes", "rss_peak", IN(memory), 1, { PL_M_RSS_PEAK } },
	{ "bytes", "locked", IN(memory), 1, { PL_M_VM_LOCKED } },
	{ "bytes", "page_tables", IN(memory), 1, { PL_M_PAGE_TABLES } },
	{ "bytes", "hugetlb", IN(memory), 1, { PL_M_HUGETLB } },
	{ "bytes", "heap", IN(memory), 1, { PL_M_HEAP } },
	{ "bytes", "idle", IN(memory), 1, { PL_M_IDLE } },
	{ "ps_pagefaults", "", IN(faults), 2, { PL_M_MINOR_FAULTS, PL_M_MAJOR_FAULTS } },
	{ "ps_cputime", "", IN(cpu), 2, { PL_M_CPU_USER, PL_M_CPU_SYSTEM } },
	{ "contextswitch", "voluntary", IN(switches), 1, { PL_M_CTX_VOLUNTARY } },
	{ "contextswitch", "involuntary", IN(switches), 1, { PL_M_CTX_FORCED } },
	{ "bytes", "pss", IN(rollup), 1, { PL_M_PSS } },
	{ "bytes", "pss_dirty", IN(rollup), 1, { PL_M_PSS_DIRTY } },
	{ "bytes", "pss_anon", IN(rollup), 1, { PL_M_PSS_ANON } },
	{ "bytes", "pss_file", IN(rollup), 1, { PL_M_PSS_FILE } },
	{ "bytes", "pss_shmem", IN(rollup), 1, { PL_M_PSS_SHMEM } },
	{ "bytes", "uss", IN(rollup), 1, { PL_M_USS } },
	{ "bytes", "private_clean", IN(rollup), 1, { PL_M_PRIVATE_CLEAN } },
	{ "bytes", "private_dirty", IN(rollup), 1, { PL_M_PRIVATE_DIRTY } },
	{ "bytes", "shared_clean", IN(rollup), 1, { PL_M_SHARED_CLEAN } },
	{ "bytes", "shared_dirty", IN(rollup), 1, { PL_M_SHARED_DIRTY } },
	{ "bytes", "referenced", IN(rollup), 1, { PL_M_REFERENCED } },
	{ "bytes", "anonymous", IN(rollup), 1, { PL_M_ANONYMOUS } },
	{ "bytes", "lazyfree", IN(rollup), 1, { PL_M_LAZYFREE } },
	{ "bytes", "anon_huge", IN(rollup), 1, { PL_M_ANON_HUGE } },
	{ "bytes", "shmem_huge", IN(rollup), 1, { PL_M_SHMEM_HUGE } },
	{ "bytes", "file_huge", IN(rollup), 1, { PL_M_FILE_HUGE } },
	{ "bytes", "ksm", IN(rollup), 1, { PL_M_KSM } },
	{ "bytes", "swap_pss", IN(rollup), 1, { PL_M_SWAP_PSS } },
	{ "io_octets", "", IN(io), 2, { PL_M_READ, PL_M_WRITTEN } },
	{ "io_ops", "", IN(io), 2, { PL_M_READ_CALLS, PL_M_WRITE_CALLS } },
	{ "ps_disk_octets", "", IN(io), 2, { PL_M_STORAGE_READ, PL_M_STORAGE_WRITE } },
	{ "bytes", "fd_shmem", IN(fds), 1, { PL_M_FD_SHMEM } },
	{ "file_handles", "", IN(fds), 1, { PL_M_FDS } },
	{ "file_handles", "file", IN(fds), 1, { PL_M_FDS_FILE } },
	{ "file_handles", "socket", IN(fds), 1, { PL_M_FDS_SOCKET } },
	{ "file_handles", "pipe", IN(fds), 1, { PL_M_FDS_PIPE } },
	{ "file_handles", "event", IN(fds), 1, { PL_M_FDS_EVENT } },
	{ "file_handles", "memfd", IN(fds), 1, { PL_M_FDS_MEMFD } },
	{ "file_handles", "other", IN(fds), 1, { PL_M_FDS_OTHER } },
	/* TCP states have the names of the tcpconns plugin */
	{ "current_connections", "", IN(connections), 1, { PL_M_CONNECTIONS } },
	{ "current_connections", "ESTABLISHED", IN(connections), 1, { PL_M_TCP_ESTABLISHED } },
	{ "current_connections", "SYN_SENT", IN(connections), 1, { PL_M_TCP_SYN_SENT } },
	{ "current_connections", "SYN_RECV", IN(connections), 1, { PL_M_TCP_SYN_RECV } },
	{ "current_connections", "FIN_WAIT1", IN(connections), 1, { PL_M_TCP_FIN_WAIT1 } },
	{ "current_connections", "FIN_WAIT2", IN(connections), 1, { PL_M_TCP_FIN_WAIT2 } },
	{ "current_connections", "TIME_WAIT", IN(connections), 1, { PL_M_TCP_TIME_WAIT } },
	{ "current_connections", "CLOSED", IN(connections), 1, { PL_M_TCP_CLOSE } },
	{ "current_connections", "CLOSE_WAIT", IN(connections), 1, { PL_M_TCP_CLOSE_WAIT } },
	{ "current_connections", "LAST_ACK", IN(connections), 1, { PL_M_TCP_LAST_ACK } },
	{ "current_connections", "LISTEN", IN(connections), 1, { PL_M_TCP_LISTEN } },
	{ "current_connections", "CLOSING", IN(connections), 1, { PL_M_TCP_CLOSING } },
	{ "current_connections", "udp", IN(connections), 1, { PL_M_UDP } },
	{ "current_connections", "unix_listen", IN(connections), 1, { PL_M_UNIX_LISTEN } },
	{ "current_connections", "unix_connected", IN(connections), 1, { PL_M_UNIX_CONNECTED } },
	{ "current_connections", "unix_other", IN(connections), 1, { PL_M_UNIX_OTHER } },
	{ "bytes", "limit", IN(limits), 1, { PL_M_LIMIT } },
	{ "bytes", "limit_cgroup_max", IN(limits), 1, { PL_M_CGROUP_MAX } },
	{ "bytes", "limit_cgroup_high", IN(limits), 1, { PL_M_CGROUP_HIGH } },
	{ "bytes", "limit_rlimit_as", IN(limits), 1, { PL_M_RLIMIT_AS } },
	{ "bytes", "limit_rlimit_data", IN(limits), 1, { PL_M_RLIMIT_DATA } },
	{ "bytes", "limit_host", IN(limits), 1, { PL_M_HOST_MEMORY } },
	{ "count", "limit_nofile", IN(limits), 1, { PL_M_RLIMIT_NOFILE } },
	{ "count", "limit_nproc", IN(limits), 1, { PL_M_RLIMIT_NPROC } },
};

static const struct {
	const char *type;
	const char *type_instance;
	bool is_signed;
} finding_series[PL_FINDING_COUNT] = {
	[PL_FINDING_VERDICT] = { "gauge", "verdict", false },
	[PL_FINDING_RATE] = { "gauge", "growth", true },
	[PL_FINDING_RATE_LOW] = { "gauge", "growth_low", true },
	[PL_FINDING_RATE_HIGH] = { "gauge", "growth_high", true },
	[PL_FINDING_LEAKED] = { "bytes", "leaked", false },
	[PL_FINDING_DETECTION_FLOOR] = { "gauge", "detection_floor", false },
	[PL_FINDING_LIMIT_SECONDS] = { "timeleft", "limit", false },
	[PL_FINDING_WITH_CONNECTIONS] = { "percent", "connections", false },
	[PL_FINDING_WITH_THREADS] = { "percent", "threads", false },
	[PL_FINDING_WITH_FDS] = { "percent", "fds", false },
	[PL_FINDING_WITH_WORK] = { "percent", "work", false },
	[PL_FINDING_PER_CONNECTION] = { "gauge", "bytes_per_connection", false },
	[PL_FINDING_PER_THREAD] = { "gauge", "bytes_per_thread", false },
	[PL_FINDING_PER_FD] = { "gauge", "bytes_per_fd", false },
	[PL_FINDING_PER_CPU_SECOND] = { "gauge", "bytes_per_cpu_second", false },
	[PL_FINDING_PER_MIB] = { "gauge", "bytes_per_mib", false },
	[PL_FINDING_IDLE] = { "percent", "idle", false },
};

void pl_series_instance(const struct pl_subject *subject, char *out, size_t size)
{
	static const char *const suffixes[] = { [PL_SUBJECT_MATCH] = "",
		                                    [PL_SUBJECT_PROCESS] = "",
		                                    [PL_SUBJECT_OTHER] = "-other",
		                                    [PL_SUBJECT_CGROUP] = "-cgroup" };
	char name[PL_NAME_SIZE];

	pl_config_clean_name(subject->match, name, sizeof(name));
	if (subject->kind == PL_SUBJECT_PROCESS)
		snprintf(out, size, "%s-%d", name, (int)subject->pid);
	else
		snprintf(out, size, "%s%s", name, suffixes[subject->kind]);
}

/* A value list of an instant; the daemon fills in host and interval. */
static void begin_list(value_list_t *list, const struct pl_time *time, const char *instance)
{
	*list = (value_list_t)VALUE_LIST_INIT;
	list->time = DOUBLE_TO_CDTIME_T(time->wall_s);
	snprintf(list->plugin, sizeof(list->plugin), "procleak");
	snprintf(list->plugin_instance, sizeof(list->plugin_instance), "%s", instance);
}

static void send_list(value_list_t *list, const char *type, const char *type_instance,
                      value_t *values, size_t count)
{
	list->values = values;
	list->values_len = count;
	snprintf(list->type, sizeof(list->type), "%s", type);
	snprintf(list->type_instance, sizeof(list->type_instance), "%s", type_instance);
	plugin_dispatch_values(list);
	list->values = NULL;
}

static void send_gauge(value_list_t *list, const char *type, const char *type_instance,
                       double gauge)
{
	value_t value = { .gauge = gauge };

	send_list(list, type, type_instance, &value, 1);
}

static void send_counter(value_list_t *list, const char *type, const char *type_instance,
                         uint64_t counter)
{
	value_t value = { .derive = (derive_t)counter };

	send_list(list, type, type_instance, &value, 1);
}

static void send_series(value_list_t *list, const struct pl_reading *reading,
                        const struct series *s)
{
	value_t values[PARTS_MAX];

	for (int i = 0; i < s->part_count; i++) {
		uint64_t number;

		if (!pl_values_get(&reading->values, s->parts[i], &number))
			return;
		if (pl_metric_info(s->parts[i])->kind == PL_COUNTER)
			values[i].derive = (derive_t)number;
		else
			values[i].gauge = (gauge_t)number;
	}
	send_list(list, s->type, s->type_instance, values, (size_t)s->part_count);
}

/* Nothing runs: that alone is said, for zeros elsewhere would look like a drop. */
static void send_count(value_list_t *list, const struct pl_reading *reading)
{
	value_t values[2] = { { .gauge = reading->process_count }, { .gauge = 0 } };
	uint64_t threads;

	if (pl_values_get(&reading->values, PL_M_THREADS, &threads))
		values[1].gauge = (gauge_t)threads;
	else if (reading->process_count > 0)
		return;
	send_list(list, "ps_count", "", values, 2);
}

static void send_findings(value_list_t *list, const struct pl_findings *findings)
{
	for (int i = 0; i < PL_FINDING_COUNT; i++) {
		double value;

		if (!pl_findings_get(findings, (enum pl_finding)i, &value) || !isfinite(value))
			continue;
		if (value < 0 && !finding_series[i].is_signed)
			continue;
		send_gauge(list, finding_series[i].type, finding_series[i].type_instance, value);
	}
}

/* On an instance of its own, for these parts stack up by themselves. */
static void send_regions(const struct pl_reading *reading, const char *instance)
{
	char name[DATA_MAX_NAME_LEN];
	value_list_t list;

	if (snprintf(name, sizeof(name), "%s-regions", instance) >= (int)sizeof(name))
		return;
	begin_list(&list, &reading->time, name);
	for (int i = 0; i < PL_REGION_COUNT; i++)
		if ((reading->regions->seen >> i) & 1)
			send_gauge(&list, "memory", pl_region_name((enum pl_region)i),
			           (double)reading->regions->bytes[i]);
	send_gauge(&list, "memory", "swap", (double)reading->regions->swap_bytes);
}

/* Disjoint parts of all that is charged, and what of it no process explains. */
static void send_cgroup(value_list_t *list, const struct pl_reading *reading)
{
	for (int i = 0; i < PL_CGROUP_PART_COUNT; i++)
		if ((reading->cgroup->known >> i) & 1)
			send_gauge(list, "memory", pl_cgroup_part_name((enum pl_cgroup_part)i),
			           (double)reading->cgroup->bytes[i]);
	send_gauge(list, "bytes", "unexplained", (double)pl_cgroup_unexplained_bytes(reading->cgroup));
	if (reading->collect->verdict)
		send_findings(list, &reading->findings);
}

/* What it costs to read it, and how it is read: enum pl_method as a number. */
static void send_cost(value_list_t *list, const struct pl_reading *reading)
{
	const struct pl_read_cost *cost = &reading->cost;

	if (reading->subject.kind == PL_SUBJECT_OTHER)
		return;
	send_counter(list, "total_time_in_ms", "deep_reads", cost->cpu_us_total / 1000);
	send_counter(list, "derive", "lock_held_us", cost->lock_us_total);
	send_gauge(list, "duration", "longest_hold", cost->longest_us * 1e-6);
	send_counter(list, "operations", "deferred", cost->deferred_count);
	send_counter(list, "operations", "degraded", cost->degraded_count);
	send_gauge(list, "gauge", "read_method", cost->method);
	if (cost->method == PL_METHOD_SAMPLED)
		send_gauge(list, "percent", "sampling_error", 100 * (double)cost->error_share);
}

void pl_series_send_reading(const struct pl_reading *reading)
{
	const char *switches = (const char *)reading->collect;
	char instance[DATA_MAX_NAME_LEN];
	value_list_t list;

	pl_series_instance(&reading->subject, instance, sizeof(instance));
	begin_list(&list, &reading->time, instance);
	if (reading->cgroup) {
		send_cgroup(&list, reading);
		return;
	}
	send_count(&list, reading);
	if (reading->process_count == 0)
		return;
	for (size_t i = 0; i < sizeof(series) / sizeof(series[0]); i++) {
		if (*(const bool *)(const void *)(switches + series[i].group))
			send_series(&list, reading, &series[i]);
	}
	/* the type ends at 100.1; a limit may be lowered below what is open */
	if (reading->collect->fds && reading->fds_of_limit > 0)
		send_gauge(&list, "percent", "fds_used", 100 * fmin(reading->fds_of_limit, 1));
	if (reading->collect->rollup)
		send_cost(&list, reading);
	if (reading->collect->verdict)
		send_findings(&list, &reading->findings);
	if (reading->regions && reading->collect->memory)
		send_regions(reading, instance);
}

void pl_series_send_self(const struct pl_self *self)
{
	value_list_t list;

	begin_list(&list, &self->time, "self");
	send_counter(&list, "total_time_in_ms", "tick", self->tick_cpu_us_total / 1000);
	send_counter(&list, "total_time_in_ms", "deep_reads", self->deep_cpu_us_total / 1000);
	send_counter(&list, "operations", "deep_reads", self->deep_reads_total);
	send_counter(&list, "derive", "lock_held_us", self->lock_us_total);
	send_counter(&list, "derive", "throttled_us", self->throttled_us_total);
	send_counter(&list, "operations", "deferred", self->deferred_total);
	send_counter(&list, "operations", "degraded", self->degraded_total);
	send_counter(&list, "operations", "gone", self->gone_total);
	send_counter(&list, "errors", "denied", self->denied_total);
	send_counter(&list, "errors", "failed", self->failed_total);
	send_gauge(&list, "duration", "longest_hold", self->longest_hold_ms / 1000);
	send_gauge(&list, "gauge", "run_poorly", self->own_state);
	send_gauge(&list, "count", "degraded", self->degraded_count);
	send_gauge(&list, "count", "stuck", self->stuck_count);
	send_gauge(&list, "count", "processes_seen", self->seen_count);
	send_gauge(&list, "count", "processes_matched", self->matched_count);
	send_gauge(&list, "bytes", "memory", (double)self->memory_bytes);
}
