/*
 * A small TCP server on the loopback that can leak in the ways that servers do: memory for each
 * connection, memory for each request, connections that it never closes. With none of these it is
 * a healthy server: what a connection needs is freed with it.
 *
 * It answers every line with "ok". Prints "ready PORT".
 */
#include "program.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define THREADS_MAX 64
#define EVENTS_MAX 64
#define BYTES_MAX (1L << 30)

struct server {
	long leak_bytes;         /* lost for each connection */
	long request_leak_bytes; /* lost for each request */
	long buffer_bytes;       /* used by a connection while it is open */
	long hold;               /* never closes what the client has closed */
	long thread_count;
	int epoll_fd[THREADS_MAX]; /* one event loop a thread; the first is the main thread's */
};

struct connection {
	int fd;
	char *buffer;
};

/* Leaked blocks are written here, so that no compiler drops an allocation that nobody reads. */
static void *volatile leaked;

static struct server server = { .thread_count = 1 };

static void *allocate_touched(long size_bytes)
{
	void *block;

	if (size_bytes <= 0)
		return NULL;
	block = malloc((size_t)size_bytes);
	if (!block)
		program_die("malloc");
	memset(block, 0x5a, (size_t)size_bytes);
	return block;
}

static void leak(long size_bytes)
{
	if (size_bytes > 0)
		leaked = allocate_touched(size_bytes);
}

static void connection_end(int epoll_fd, struct connection *connection)
{
	if (server.hold) {
		(void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
		return;
	}
	close(connection->fd);
	free(connection->buffer);
	free(connection);
}

static void connection_serve(int epoll_fd, struct connection *connection)
{
	char request[4096];
	const ssize_t got = recv(connection->fd, request, sizeof(request), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		connection_end(epoll_fd, connection);
		return;
	}
	for (ssize_t i = 0; i < got; i++) {
		if (request[i] != '\n')
			continue;
		leak(server.request_leak_bytes);
		(void)send(connection->fd, "ok\n", 3, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static void connection_begin(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		program_die("calloc");
	connection->fd = fd;
	connection->buffer = allocate_touched(server.buffer_bytes);
	leak(server.leak_bytes);
	event.data.ptr = connection;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		program_die("epoll_ctl");
}

static void loop_run(int epoll_fd, int listen_fd)
{
	struct epoll_event events[EVENTS_MAX];
	unsigned long next = 0;

	for (;;) {
		const int count = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);

		for (int i = 0; i < count; i++) {
			int fd;

			if (events[i].data.ptr) {
				connection_serve(epoll_fd, events[i].data.ptr);
				continue;
			}
			fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
			if (fd >= 0)
				connection_begin(server.epoll_fd[next++ % (unsigned long)server.thread_count], fd);
		}
	}
}

static void *thread_run(void *epoll_fd)
{
	loop_run(*(int *)epoll_fd, -1);
	return NULL;
}

static int listen_on(long port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	socklen_t size = sizeof(address);
	struct epoll_event event = { .events = EPOLLIN }; /* no pointer: the listening socket */
	const int one = 1;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0)
		program_die("socket");
	if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 256) != 0)
		program_die("listen");
	if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		program_die("getsockname");
	if (epoll_ctl(server.epoll_fd[0], EPOLL_CTL_ADD, fd, &event) != 0)
		program_die("epoll_ctl");
	program_ready(ntohs(address.sin_port));
	return fd;
}

static void loops_begin(void)
{
	pthread_t thread;

	for (long i = 0; i < server.thread_count; i++) {
		server.epoll_fd[i] = epoll_create1(EPOLL_CLOEXEC);
		if (server.epoll_fd[i] < 0)
			program_die("epoll_create1");
	}
	for (long i = 1; i < server.thread_count; i++) {
		errno = pthread_create(&thread, NULL, thread_run, &server.epoll_fd[i]);
		if (errno != 0)
			program_die("pthread_create");
	}
}

/* A server that holds connections needs more descriptors than the usual soft limit of 1024. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	long for_s = PROGRAM_FOR_S_DEFAULT;
	long port = 0;
	const char *name = NULL;
	const struct program_option options[] = {
		{ "port", "N", 65535, &port, NULL },
		{ "leak", "BYTES", BYTES_MAX, &server.leak_bytes, NULL },
		{ "leak-per-request", "BYTES", BYTES_MAX, &server.request_leak_bytes, NULL },
		{ "buffer", "BYTES", BYTES_MAX, &server.buffer_bytes, NULL },
		{ "hold", NULL, 0, &server.hold, NULL },
		{ "threads", "N", THREADS_MAX, &server.thread_count, NULL },
		{ "name", "NAME", 0, NULL, &name },
		{ "for", "SECONDS", PROGRAM_FOR_S_MAX, &for_s, NULL },
		{ NULL, NULL, 0, NULL, NULL },
	};

	(void)argc;
	program_options(argv, options);
	if (server.thread_count < 1)
		program_usage(argv[0], options);
	program_begin(for_s, name);
	raise_fd_limit();
	loops_begin();
	loop_run(server.epoll_fd[0], listen_on(port));
}
