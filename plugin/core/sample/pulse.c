#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sample/sample.h"

#define STAT_SIZE 4096
#define PROC_STAT_SIZE (1u << 20)
#define STATUS_SIZE 16384 /* enough for most: the line Groups may be longer */
#define LONG_STATUS_SIZE (1u << 20)

int pl_sample_stat(const struct pl_procfs *fs, int32_t pid, struct pl_stat *out)
{
	char buf[STAT_SIZE];
	const ssize_t len = pl_procfs_read(fs, pid, "stat", buf, sizeof(buf));

	if (len < 0)
		return (int)len;
	return pl_parse_stat(buf, (size_t)len, out);
}

bool pl_sample_is_same(const struct pl_procfs *fs, int32_t pid, const struct pl_stat *stat)
{
	struct pl_stat again;

	return pl_sample_stat(fs, pid, &again) == 0 && again.start_ticks == stat->start_ticks &&
	       again.start_code == stat->start_code && again.kernel_thread == stat->kernel_thread &&
	       strcmp(again.comm, stat->comm) == 0;
}

/* A user may be in 65536 groups, all of which stand before the memory. */
static int read_long_status(const struct pl_procfs *fs, int32_t pid, struct pl_status *out)
{
	char *text = malloc(LONG_STATUS_SIZE);
	ssize_t len;
	int err;

	if (!text)
		return -ENOMEM;
	len = pl_procfs_read_whole(fs, pid, "status", text, LONG_STATUS_SIZE);
	err = len < 0 ? (int)len : pl_parse_status(text, (size_t)len, out);
	free(text);
	return err;
}

static int read_status(const struct pl_procfs *fs, int32_t pid, struct pl_status *out)
{
	char buf[STATUS_SIZE];
	const ssize_t len = pl_procfs_read(fs, pid, "status", buf, sizeof(buf));

	if (len < 0)
		return (int)len;
	if ((size_t)len == sizeof(buf))
		return read_long_status(fs, pid, out);
	return pl_parse_status(buf, (size_t)len, out);
}

/* Before Linux 4.5 status has no RssAnon; statm tells what is not shared. */
static void add_statm(const struct pl_procfs *fs, const struct pl_host *host, int32_t pid,
                      struct pl_values *values)
{
	char buf[STAT_SIZE];
	const ssize_t len = pl_procfs_read(fs, pid, "statm", buf, sizeof(buf));

	if (len > 0)
		(void)pl_parse_statm(buf, (size_t)len, host->page_bytes, values);
}

static uint64_t ticks_to_us(const struct pl_host *host, uint64_t ticks)
{
	return ticks * 1000000 / host->ticks_per_s;
}

static void set_from_stat(const struct pl_host *host, const struct pl_stat *stat,
                          struct pl_values *values)
{
	pl_values_set(values, PL_M_MINOR_FAULTS, stat->minor_faults);
	pl_values_set(values, PL_M_MAJOR_FAULTS, stat->major_faults);
	pl_values_set(values, PL_M_CPU_USER, ticks_to_us(host, stat->user_ticks));
	pl_values_set(values, PL_M_CPU_SYSTEM, ticks_to_us(host, stat->system_ticks));
	pl_values_set(values, PL_M_CPU, ticks_to_us(host, stat->user_ticks + stat->system_ticks));
	if (!pl_values_has(values, PL_M_THREADS))
		pl_values_set(values, PL_M_THREADS, stat->thread_count);
}

/* An exiting process can show one reading of all zeros that is not yet state Z. */
static bool has_lost_memory(const struct pl_status *status, const struct pl_stat *stat)
{
	uint64_t rss = 0;

	(void)pl_values_get(&status->values, PL_M_RSS, &rss);
	return !status->has_memory || (rss == 0 && stat->vm_size_bytes == 0);
}

bool pl_pulse_is_steady(const struct pl_pulse_mark *last, const struct pl_pulse_mark *now)
{
	const struct pl_stat *a = &last->stat;
	const struct pl_stat *b = &now->stat;

	return a->rss_pages == b->rss_pages && a->vm_size_bytes == b->vm_size_bytes &&
	       a->thread_count == b->thread_count && a->start_code == b->start_code &&
	       last->fd_count == now->fd_count && strcmp(a->comm, b->comm) == 0;
}

bool pl_pulse_is_quiet(const struct pl_pulse_mark *last, const struct pl_pulse_mark *now)
{
	const struct pl_stat *a = &last->stat;
	const struct pl_stat *b = &now->stat;

	return pl_pulse_is_steady(last, now) && a->user_ticks == b->user_ticks &&
	       a->system_ticks == b->system_ticks && a->minor_faults == b->minor_faults &&
	       a->major_faults == b->major_faults;
}

int pl_sample_pulse(const struct pl_procfs *fs, const struct pl_host *host, struct pl_ident ident,
                    const struct pl_pulse_mark *last, struct pl_sample *out,
                    struct pl_pulse_mark *mark)
{
	struct pl_pulse_mark now;
	struct pl_status status;
	int err = pl_sample_stat(fs, ident.pid, &now.stat);

	if (err < 0)
		return err;
	if (now.stat.start_ticks != ident.start_ticks || now.stat.state == 'Z' || now.stat.state == 'X')
		return -ESRCH;
	now.fd_count = pl_procfs_fd_count(fs, ident.pid);
	if (last && pl_pulse_is_steady(last, &now)) {
		*mark = now;
		if (pl_pulse_is_quiet(last, &now))
			return PL_PULSE_QUIET;
		out->ident = ident;
		out->values = (struct pl_values){ 0 };
		set_from_stat(host, &now.stat, &out->values);
		return PL_PULSE_COUNTERS;
	}
	err = read_status(fs, ident.pid, &status);
	if (err < 0)
		return err;
	if (has_lost_memory(&status, &now.stat))
		return -ESRCH;
	if (!pl_values_has(&status.values, PL_M_ANON))
		add_statm(fs, host, ident.pid, &status.values);
	out->ident = ident;
	out->values = status.values;
	set_from_stat(host, &now.stat, &out->values);
	if (now.fd_count >= 0)
		pl_values_set(&out->values, PL_M_FDS, (uint64_t)now.fd_count);
	*mark = now;
	return PL_PULSE_WHOLE;
}

/* /proc/stat is long on a big host: btime stands after a line for each CPU and each interrupt. */
static uint64_t read_boot_time_s(const struct pl_procfs *fs)
{
	uint64_t boot_s = 0;
	char *text = malloc(PROC_STAT_SIZE);
	ssize_t len;

	if (!text)
		return 0;
	len = pl_procfs_read_whole(fs, 0, "stat", text, PROC_STAT_SIZE);
	if (len > 0)
		(void)pl_parse_btime(text, (size_t)len, &boot_s);
	free(text);
	return boot_s;
}

void pl_sample_host(const struct pl_procfs *fs, struct pl_host *out)
{
	char buf[STATUS_SIZE];
	struct pl_values values = { 0 };
	const long ticks = sysconf(_SC_CLK_TCK);
	const long page = sysconf(_SC_PAGESIZE);
	const ssize_t len = pl_procfs_read(fs, 0, "meminfo", buf, sizeof(buf));

	out->boot_s = read_boot_time_s(fs);

	out->ticks_per_s = ticks > 0 ? (uint64_t)ticks : 100;
	out->page_bytes = page > 0 ? (uint64_t)page : 4096;
	out->memory_bytes = 0;
	if (len > 0 && pl_parse_meminfo(buf, (size_t)len, &values) == 0)
		(void)pl_values_get(&values, PL_M_HOST_MEMORY, &out->memory_bytes);
}

double pl_sample_uptime_s(const struct pl_procfs *fs)
{
	char buf[64];
	const ssize_t len = pl_procfs_read(fs, 0, "uptime", buf, sizeof(buf));
	double seconds = 0;

	if (len <= 0 || buf[0] < '0' || buf[0] > '9')
		return -1;
	for (ssize_t i = 0; i < len && buf[i] >= '0' && buf[i] <= '9'; i++)
		seconds = seconds * 10 + (buf[i] - '0');
	return seconds;
}
