/* The files of names: cgroup, cmdline, the links of fd/. */
#include "parse/parse.h"

#include <errno.h>

#include "parse/scan.h"

#define LITERAL(text) (text), sizeof(text) - 1

static bool equals(const char *text, size_t len, const char *want, size_t want_len)
{
	return len == want_len && memcmp(text, want, len) == 0;
}

/* Whether the comma-separated `list` holds `want`. */
static bool list_has(const char *list, size_t len, const char *want, size_t want_len)
{
	while (len > 0) {
		const char *comma = memchr(list, ',', len);
		const size_t item_len = comma == NULL ? len : (size_t)(comma - list);
		if (equals(list, item_len, want, want_len))
			return true;
		if (comma == NULL)
			return false;
		list = comma + 1;
		len -= item_len + 1;
	}
	return false;
}

static void set_once(const char **path, size_t *path_len, const struct pl_scan *rest)
{
	if (*path != NULL)
		return;
	*path = rest->at;
	*path_len = pl_scan_left(rest);
}

/* "4:memory:/path", "0::/path"; the path may hold colons, never a newline. */
static void read_cgroup_line(struct pl_scan line, struct pl_cgroup_paths *paths)
{
	uint64_t hierarchy;

	if (!pl_scan_u64(&line, &hierarchy) || !pl_scan_literal(&line, ":", 1))
		return;
	const char *list = line.at;
	const size_t left = pl_scan_left(&line);
	const char *colon = left == 0 ? NULL : memchr(list, ':', left);
	if (colon == NULL)
		return;
	const size_t list_len = (size_t)(colon - list);
	line.at = colon + 1;
	if (list_has(list, list_len, LITERAL("cpu")))
		set_once(&paths->v1_cpu, &paths->v1_cpu_len, &line);
	if (hierarchy == 0 && list_len == 0)
		set_once(&paths->v2, &paths->v2_len, &line);
	else if (list_has(list, list_len, LITERAL("memory")))
		set_once(&paths->v1_memory, &paths->v1_memory_len, &line);
	else if (equals(list, list_len, LITERAL("name=systemd")))
		set_once(&paths->v1_systemd, &paths->v1_systemd_len, &line);
}

int pl_parse_cgroup(const char *text, size_t len, struct pl_cgroup_paths *out)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan line;
	struct pl_cgroup_paths paths = { 0 };

	while (pl_scan_line(&scan, &line))
		read_cgroup_line(line, &paths);
	if (pl_scan_left(&scan) != 0)
		return -EBADMSG;
	*out = paths;
	return 0;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

size_t pl_parse_cmdline(const char *text, size_t len, char *out, size_t size)
{
	size_t written = 0;

	if (size == 0)
		return 0;
	/* Programs that rename themselves leave a tail of NULs or blanks. */
	while (len > 0 && (text[len - 1] == '\0' || text[len - 1] == ' '))
		len--;
	for (; written < len && written + 1 < size; written++) {
		const char c = text[written];
		if (c == '\0')
			out[written] = ' ';
		else
			out[written] = is_control(c) ? '?' : c;
	}
	out[written] = '\0';
	return written;
}

/* What follows "anon_inode:", with or without brackets (inotify has had none). */
static const struct {
	const char *name;
	size_t name_len;
} event_kinds[] = {
	{ LITERAL("[eventfd]") },  { LITERAL("[eventpoll]") }, { LITERAL("[timerfd]") },
	{ LITERAL("[signalfd]") }, { LITERAL("inotify") },     { LITERAL("[inotify]") },
	{ LITERAL("[fanotify]") }, { LITERAL("[io_uring]") },
};

static enum pl_fd_kind anon_inode_kind(struct pl_scan name)
{
	for (size_t i = 0; i < sizeof(event_kinds) / sizeof(event_kinds[0]); i++)
		if (equals(name.at, pl_scan_left(&name), event_kinds[i].name, event_kinds[i].name_len))
			return PL_FD_EVENT;
	return PL_FD_OTHER;
}

/* The number of "socket:[123]", or 0. */
static uint64_t bracketed_inode(struct pl_scan rest)
{
	uint64_t inode;

	if (!pl_scan_u64(&rest, &inode) || !equals(rest.at, pl_scan_left(&rest), LITERAL("]")))
		return 0;
	return inode;
}

enum pl_fd_kind pl_parse_fd_target(const char *target, size_t len, uint64_t *inode)
{
	struct pl_scan scan = pl_scan_text(target, len);

	*inode = 0;
	if (pl_scan_literal(&scan, LITERAL("socket:["))) {
		*inode = bracketed_inode(scan);
		return PL_FD_SOCKET;
	}
	if (pl_scan_literal(&scan, LITERAL("pipe:[")))
		return PL_FD_PIPE;
	if (pl_scan_literal(&scan, LITERAL("anon_inode:")))
		return anon_inode_kind(scan);
	/* Only root can make a file of such a name there, and it would do itself no good. */
	if (pl_scan_literal(&scan, LITERAL("/memfd:")))
		return PL_FD_MEMFD;
	if (pl_scan_literal(&scan, LITERAL("/dmabuf:")))
		return PL_FD_OTHER;
	if (pl_scan_literal(&scan, LITERAL("/")) || pl_scan_literal(&scan, LITERAL("(unreachable)")))
		return PL_FD_FILE;
	return PL_FD_OTHER;
}

bool pl_parse_is_fd_memory(enum pl_fd_kind kind, const char *target, size_t len)
{
	static const char end[] = " (deleted)";
	static const size_t end_len = sizeof(end) - 1;
	struct pl_scan scan = pl_scan_text(target, len);

	return kind == PL_FD_MEMFD ||
	       (kind == PL_FD_FILE && pl_scan_literal(&scan, LITERAL("/dev/shm/")) && len >= end_len &&
	        memcmp(target + len - end_len, end, end_len) == 0);
}
