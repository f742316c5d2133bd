#include "engine/sampled.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEXT_FIRST ((size_t)256 << 10)
#define TEXT_MOST ((size_t)16 << 20)

struct text {
	char *at;
	size_t len;
	size_t capacity;
};

static double clock_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static double now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

static int make_room(struct text *text)
{
	const size_t capacity = text->capacity > 0 ? text->capacity * 2 : TEXT_FIRST;
	char *grown;

	if (text->len < text->capacity)
		return 0;
	if (capacity > TEXT_MOST)
		return -EFBIG;
	grown = realloc(text->at, capacity);
	if (!grown)
		return -ENOMEM;
	text->at = grown;
	text->capacity = capacity;
	return 0;
}

/* A call that may have held the lock has returned. */
static void note_hold(struct pl_sampled_result *out, double begin_us)
{
	const double took_us = now_us() - begin_us;

	out->read_us += took_us;
	if (took_us > out->longest_us)
		out->longest_us = took_us;
}

/*
 * The kernel hands it out in pieces of a page, and takes the lock afresh for each. -EFBIG when it
 * takes longer than that; -ETIME when something else ran meanwhile.
 */
static int read_maps(int fd, double most_us, struct text *text, struct pl_sampled_result *out)
{
	const double begin_cpu_us = clock_us(CLOCK_THREAD_CPUTIME_ID);

	for (;;) {
		const int err = make_room(text);
		const double begin_us = now_us();
		ssize_t len;

		if (err < 0)
			return err;
		len = pl_procfs_read_at(fd, text->at + text->len, text->capacity - text->len, text->len);
		note_hold(out, begin_us);
		if (len <= 0)
			return len < 0 ? (int)len : text->len > 0 ? 0 : -ESRCH;
		text->len += (size_t)len;
		if (out->read_us > most_us)
			return clock_us(CLOCK_THREAD_CPUTIME_ID) - begin_cpu_us > most_us ? -EFBIG : -ETIME;
	}
}

static size_t line_count(const struct text *text)
{
	const char *end = text->at + text->len;
	size_t count = 0;

	for (const char *at = text->at; (at = memchr(at, '\n', (size_t)(end - at))); at++)
		count++;
	return count;
}

/* A window that is gone by now holds nothing. Returns how many were read, or -errno. */
static ssize_t read_windows(int fd, struct pl_windows *windows, double most_us,
                            struct pl_sampled_result *out)
{
	uint64_t entries[PL_WINDOW_PAGES];
	struct pl_window_cursor cursor = { 0 };
	ssize_t count = 0;
	size_t bytes_read = 0;

	for (; pl_windows_next(windows, &cursor); count++) {
		const size_t size = cursor.page_count * sizeof(*entries);
		const double begin_us = now_us();
		const ssize_t len = pl_procfs_read_at(
			fd, entries, size, cursor.address / windows->page_bytes * sizeof(*entries));

		note_hold(out, begin_us);
		if (len < 0)
			return len;
		if (out->read_us > most_us)
			return -ETIME;
		memset((char *)entries + len, 0, size - (size_t)len);
		bytes_read += (size_t)len;
		pl_windows_count(windows, &cursor, entries);
	}
	return count > 0 && bytes_read == 0 ? -EACCES : count;
}

static int sample(int fd, const struct pl_sampled_request *request, struct pl_windows *windows,
                  struct pl_sampled_result *out)
{
	const size_t planned = pl_windows_plan(windows, request->windows_most, request->stride);
	const double begin_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
	ssize_t count;

	/* a block's window may fall into the next mapping: a few more than planned are usual */
	if (planned > request->windows_most)
		return -EFBIG;
	count = read_windows(fd, windows, request->most_us, out);
	if (count > 0)
		out->window_us = (clock_us(CLOCK_THREAD_CPUTIME_ID) - begin_us) / (double)count;
	return count < 0 ? (int)count : 0;
}

static int read_all(const struct pl_procfs *fs, const struct pl_sampled_request *request,
                    const struct text *text, struct pl_region_scan *scan,
                    struct pl_sampled_result *out)
{
	const size_t capacity = line_count(text) + 1;
	struct pl_window_mapping *mappings = malloc(capacity * sizeof(*mappings));
	const int fd = pl_procfs_open_file(fs, request->pid, "pagemap");
	struct pl_windows windows;
	int err = fd < 0 ? fd : mappings ? 0 : -ENOMEM;

	if (err == 0) {
		pl_windows_init(&windows, request->page_bytes, mappings, capacity);
		err = pl_windows_take(&windows, scan, text->at, text->len);
	}
	if (err == 0)
		err = sample(fd, request, &windows, out);
	if (err == 0) {
		pl_windows_estimate(&windows);
		err = pl_windows_end(&windows, scan, text->at, text->len, request->thread_count,
		                     &out->snapshot);
		out->used_bytes = windows.used_bytes;
		out->half_bytes = windows.half_bytes;
	}
	free(mappings);
	if (fd >= 0)
		close(fd);
	return err;
}

int pl_sampled_read(const struct pl_procfs *fs, const struct pl_sampled_request *request,
                    struct pl_region_scan *scan, struct pl_sampled_result *out)
{
	const int fd = pl_procfs_open_file(fs, request->pid, "maps");
	struct text text = { 0 };
	int err;

	out->read_us = out->window_us = out->longest_us = 0;
	if (fd < 0)
		return fd;
	err = read_maps(fd, request->most_us / 2, &text, out);
	close(fd);
	if (err == 0)
		err = read_all(fs, request, &text, scan, out);
	free(text.at);
	return err;
}
