#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/evidence.h"
#include "parse/scan.h"

#define MOST_SOCKETS 16384
#define MOST_THREADS 1024 /* each costs a file */
#define BUFFER_SIZE 65536

void pl_tally_add(struct pl_tally *tally, const char *name)
{
	tally->total_count++;
	for (uint32_t i = 0; i < tally->place_count; i++)
		if (strncmp(tally->places[i].name, name, sizeof(tally->places[i].name) - 1) == 0) {
			tally->places[i].count++;
			return;
		}
	if (tally->place_count == PL_TALLY_PLACES) {
		tally->other_count++;
		return;
	}
	snprintf(tally->places[tally->place_count].name, sizeof(tally->places[0].name), "%s", name);
	tally->places[tally->place_count++].count = 1;
}

void pl_tally_sort(struct pl_tally *tally)
{
	for (uint32_t i = 1; i < tally->place_count; i++)
		for (uint32_t j = i; j > 0 && tally->places[j].count > tally->places[j - 1].count; j--) {
			const __typeof__(tally->places[0]) moved = tally->places[j];

			tally->places[j] = tally->places[j - 1];
			tally->places[j - 1] = moved;
		}
}

struct gathering {
	const struct pl_procfs *fs;
	int32_t pid;
	struct pl_evidence_facts *facts;
	uint64_t *sockets; /* inodes */
	size_t socket_count;
	size_t thread_count;
	char line[512];
	size_t line_len;
	bool listening; /* this pass looks for listening ports alone */
	uint16_t ports[64];
	size_t port_count;
};

/* "socket:[123]" and "pipe:[456]" are told by their kind, files by their path. */
static void take_fd(void *ctx, const struct pl_procfs_fd *fd, const char *target, size_t len)
{
	(void)fd;
	struct gathering *g = ctx;
	char name[PL_EVIDENCE_TEXT];
	uint64_t inode;
	const enum pl_fd_kind kind = pl_parse_fd_target(target, len, &inode);
	const size_t shown = len < sizeof(name) ? len : sizeof(name) - 1;

	if (kind == PL_FD_SOCKET) {
		if (g->socket_count < MOST_SOCKETS)
			g->sockets[g->socket_count++] = inode;
		snprintf(name, sizeof(name), "socket");
	} else if (kind == PL_FD_PIPE && target[0] != '/') {
		snprintf(name, sizeof(name), "pipe");
	} else {
		memcpy(name, target + len - shown, shown);
		name[shown] = '\0';
	}
	pl_tally_add(&g->facts->fds, name);
}

static int compare_inodes(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* "0100007F:1F90": the port. */
static bool take_port(struct pl_scan word, uint16_t *out)
{
	const char *colon = memrchr(word.at, ':', pl_scan_left(&word));
	uint64_t port;

	if (!colon)
		return false;
	word.at = colon + 1;
	if (!pl_scan_hex(&word, &port) || port > UINT16_MAX)
		return false;
	*out = (uint16_t)port;
	return true;
}

struct socket_line {
	uint16_t local_port;
	uint16_t peer_port;
	uint64_t state;
	uint64_t inode;
};

static bool read_socket_line(struct pl_scan line, struct socket_line *out)
{
	struct pl_scan word;
	bool good = true;

	for (int i = 0; i <= 9 && good; i++) {
		if (!pl_scan_word(&line, &word))
			return false;
		if (i == 1)
			good = take_port(word, &out->local_port);
		else if (i == 2)
			good = take_port(word, &out->peer_port);
		else if (i == 3)
			good = pl_scan_hex(&word, &out->state);
		else if (i == 9)
			good = pl_scan_u64(&word, &out->inode);
	}
	return good;
}

static bool is_listening_port(const struct gathering *g, uint16_t port)
{
	for (size_t i = 0; i < g->port_count; i++)
		if (g->ports[i] == port)
			return true;
	return false;
}

/* A server's peers have ports of chance: its own port is the one that says something. */
static void take_socket(struct gathering *g, const struct socket_line *s)
{
	static const char *const states[] = {
		"?",         "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
		"TIME_WAIT", "CLOSED",      "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING",
	};
	const size_t state = s->state < sizeof(states) / sizeof(states[0]) ? (size_t)s->state : 0;
	const bool is_listener = state == 10;
	const uint64_t *mine =
		bsearch(&s->inode, g->sockets, g->socket_count, sizeof(g->sockets[0]), compare_inodes);
	char name[PL_EVIDENCE_TEXT];

	if (!mine || g->listening != is_listener)
		return;
	if (is_listener) {
		if (g->port_count < sizeof(g->ports) / sizeof(g->ports[0]))
			g->ports[g->port_count++] = s->local_port;
		snprintf(name, sizeof(name), "LISTEN on port %u", s->local_port);
	} else if (is_listening_port(g, s->local_port)) {
		snprintf(name, sizeof(name), "%s on port %u", states[state], s->local_port);
	} else {
		snprintf(name, sizeof(name), "%s to port %u", states[state], s->peer_port);
	}
	pl_tally_add(&g->facts->sockets, name);
}

static void take_line(struct gathering *g)
{
	struct socket_line s;

	if (read_socket_line(pl_scan_text(g->line, g->line_len), &s))
		take_socket(g, &s);
	g->line_len = 0;
}

static void take_net(void *ctx, const char *text, size_t len)
{
	struct gathering *g = ctx;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			take_line(g);
		else if (g->line_len < sizeof(g->line))
			g->line[g->line_len++] = text[i];
	}
}

static void gather_sockets(struct gathering *g, char *buf)
{
	if (g->socket_count == 0)
		return;
	qsort(g->sockets, g->socket_count, sizeof(g->sockets[0]), compare_inodes);
	for (int pass = 0; pass < 2; pass++) {
		g->listening = pass == 0;
		g->line_len = 0;
		(void)pl_procfs_stream(g->fs, g->pid, "net/tcp", buf, BUFFER_SIZE, take_net, g);
		g->line_len = 0;
		(void)pl_procfs_stream(g->fs, g->pid, "net/tcp6", buf, BUFFER_SIZE, take_net, g);
	}
}

static void take_thread(void *ctx, int32_t tid)
{
	struct gathering *g = ctx;
	char file[32];
	char name[64];
	ssize_t len;

	if (g->thread_count++ >= MOST_THREADS) {
		g->facts->threads.total_count++;
		g->facts->threads.other_count++;
		return;
	}
	snprintf(file, sizeof(file), "task/%d/comm", (int)tid);
	len = pl_procfs_read(g->fs, g->pid, file, name, sizeof(name) - 1);
	if (len <= 0)
		return;
	if (name[len - 1] == '\n')
		len--;
	name[len] = '\0';
	pl_tally_add(&g->facts->threads, name);
}

static void gather_command(struct gathering *g, bool with_arguments, char *buf)
{
	struct pl_evidence_facts *facts = g->facts;
	ssize_t len = pl_procfs_readlink(g->fs, g->pid, "exe", buf, BUFFER_SIZE);

	if (len > 0)
		snprintf(facts->program, sizeof(facts->program), "%.*s", (int)len, buf);
	len = pl_procfs_read(g->fs, g->pid, "cmdline", buf, BUFFER_SIZE);
	if (len <= 0)
		return;
	for (ssize_t i = 0; i + 1 < len; i++)
		facts->argument_count += buf[i] == '\0';
	if (!with_arguments)
		len = (ssize_t)strnlen(buf, (size_t)len);
	(void)pl_parse_cmdline(buf, (size_t)len, facts->command, sizeof(facts->command));
}

void pl_evidence_gather(const struct pl_procfs *fs, int32_t pid, bool with_arguments,
                        struct pl_evidence_facts *out)
{
	struct gathering g = { .fs = fs, .pid = pid, .facts = out };
	char *buf = malloc(BUFFER_SIZE);

	memset(out, 0, sizeof(*out));
	g.sockets = calloc(MOST_SOCKETS, sizeof(*g.sockets));
	if (buf && g.sockets) {
		gather_command(&g, with_arguments, buf);
		(void)pl_procfs_fds(fs, pid, take_fd, &g);
		gather_sockets(&g, buf);
		(void)pl_procfs_threads(fs, pid, take_thread, &g);
		pl_tally_sort(&out->fds);
		pl_tally_sort(&out->sockets);
		pl_tally_sort(&out->threads);
	}
	free(g.sockets);
	free(buf);
}
