/* Sockets of this process: netlink and the text of /proc/PID/net say the same of each of them. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sample/diag.h"
#include "sample/sockets.h"
#include "tap.h"

#define KIND_COUNT 9

struct kind {
	const char *name;
	int fd;
	enum pl_metric metric;
};

static char buf[65536];

static int inet_socket(int family, int type, struct sockaddr_storage *at, socklen_t *len)
{
	const int fd = socket(family, type, 0);
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	if (fd < 0)
		return -1;
	*len = family == AF_INET ? sizeof(v4) : sizeof(v6);
	memcpy(at, family == AF_INET ? (const void *)&v4 : (const void *)&v6, *len);
	if (bind(fd, (struct sockaddr *)at, *len) != 0 ||
	    getsockname(fd, (struct sockaddr *)at, len) != 0)
		return -1;
	return fd;
}

/* Listening, and both ends of a connection to it. */
static void make_tcp(struct kind kinds[3], int family)
{
	struct sockaddr_storage at;
	socklen_t len;
	const int server = inet_socket(family, SOCK_STREAM, &at, &len);
	const int client = socket(family, SOCK_STREAM, 0);

	if (server < 0)
		return; /* a host without that family */
	if (listen(server, 1) != 0 || connect(client, (struct sockaddr *)&at, len) != 0)
		abort();
	kinds[0] = (struct kind){ "a listening TCP socket", server, PL_M_TCP_LISTEN };
	kinds[1] = (struct kind){ "a connected TCP socket", client, PL_M_TCP_ESTABLISHED };
	kinds[2] = (struct kind){ "its other end", accept(server, NULL, NULL), PL_M_TCP_ESTABLISHED };
}

static void make_others(struct kind kinds[3])
{
	struct sockaddr_storage at;
	socklen_t len;
	int pair[2];
	const int udp = inet_socket(AF_INET, SOCK_DGRAM, &at, &len);
	const int unconnected = socket(AF_UNIX, SOCK_STREAM, 0);
	const int listening = socket(AF_UNIX, SOCK_STREAM, 0);
	const struct sockaddr_un own = { .sun_family = AF_UNIX };

	/* an address that is a family alone asks for an abstract one of the kernel's choice */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
	    bind(listening, (const struct sockaddr *)&own, sizeof(own.sun_family)) != 0 ||
	    listen(listening, 1) != 0 || unconnected < 0)
		abort();
	kinds[0] = (struct kind){ "a UDP socket", udp, PL_M_UDP };
	kinds[1] = (struct kind){ "a listening Unix socket", listening, PL_M_UNIX_LISTEN };
	kinds[2] = (struct kind){ "a connected Unix socket", pair[0], PL_M_UNIX_CONNECTED };
}

static uint64_t inode_of(int fd)
{
	struct stat info;

	return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

static void check(const struct pl_procfs *fs, const struct kind *kinds, const char *how)
{
	struct pl_sockets sockets = { 0 };
	const struct pl_sockets_table *table =
		pl_sockets_of(&sockets, fs, getpid(), 1, 0, buf, sizeof(buf));

	ok(table != NULL, how);
	for (size_t i = 0; table && i < KIND_COUNT; i++) {
		enum pl_metric metric = PL_METRIC_COUNT;

		if (!kinds[i].name)
			continue;
		ok(pl_sockets_find(table, inode_of(kinds[i].fd), &metric) && metric == kinds[i].metric,
		   kinds[i].name);
	}
	pl_sockets_free(&sockets);
}

/* A line of /proc/net/unix after a newline in a socket's name, which the kernel prints as it is. */
static bool forge(uint64_t inode, const char *flags, const char *state, const char *address)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	const int len =
		snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1,
	             "\n%s: 00000003 00000000 %s 0001 %s %5" PRIu64 " ", address, flags, state, inode);
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return fd >= 0 &&
	       bind(fd, (struct sockaddr *)&name,
	            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) == 0;
}

/* Somebody claims of each TCP and UDP socket that it is a Unix one, of Unix sockets another state.
 */
static void test_forged(const struct pl_procfs *fs, struct kind *kinds)
{
	static const struct {
		const char *flags;
		const char *state;
		const char *address;
	} claims[] = { { "00000000", "03", "ffff888000000001" },
		           { "00010000", "01", "0000000000000000" },
		           { "00000000", "01", "00000000deadbeef" } };
	size_t forged = 0;

	for (size_t i = 0; i < KIND_COUNT; i++)
		for (size_t k = 0; kinds[i].name && k < sizeof(claims) / sizeof(claims[0]); k++)
			forged +=
				forge(inode_of(kinds[i].fd), claims[k].flags, claims[k].state, claims[k].address);
	ok(forged >= 9, "lines of /proc/net/unix can be forged");
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (kinds[i].metric == PL_M_UNIX_LISTEN || kinds[i].metric == PL_M_UNIX_CONNECTED)
			kinds[i].metric = PL_M_UNIX_OTHER; /* which of the claims is true? */
	check(fs, kinds, "text with forged lines");
}

static void count(void *ctx, uint64_t inode, enum pl_metric metric)
{
	(void)inode;
	(void)metric;
	++*(size_t *)ctx;
}

int main(void)
{
	struct kind kinds[KIND_COUNT] = { 0 };
	struct pl_procfs fs;
	size_t seen = 0;

	make_tcp(kinds, AF_INET);
	make_tcp(kinds + 3, AF_INET6);
	make_others(kinds + 6);
	if (pl_procfs_open(&fs, "/proc", NULL) != 0)
		return 1;
	check(&fs, kinds, "the kernel's own way");
	fs.is_procfs = false; /* of a directory of files nothing but text is to be had */
	check(&fs, kinds, "text");
	test_forged(&fs, kinds);
	if (pl_diag_sockets(count, &seen, buf, sizeof(buf)) == 0)
		ok(seen >= 6, "netlink tells of them");
	else
		printf("ok %d # SKIP this kernel has no sock_diag\n", ++tap_count);
	pl_procfs_close(&fs);
	return tap_done();
}
