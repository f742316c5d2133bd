/*
 * One of everything that procleak counts: threads with malloc arenas of their own, anonymous,
 * shared and file mappings, descriptors of every kind, sockets of every family in several states.
 * Then it sits still, so that two readings of it agree. Prints "ready".
 */
#include "program.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#define THREADS_MAX 256
#define PAIRS_MAX 200
#define ARENA_BYTES (1L << 20) /* of each thread */
#define PIECE_BYTES (64L << 10)
#define ANON_BYTES (24L << 20)
#define SHARED_BYTES (6L << 20)
#define MEMFD_BYTES (3L << 20)

static pthread_barrier_t threads_are_up;

/* Written, so that no compiler drops an allocation that nobody reads. */
static void *volatile kept;

static int check(int fd, const char *what)
{
	if (fd < 0)
		program_die(what);
	return fd;
}

/* Pieces small enough for malloc to take them from the thread's own arena, not from mmap(). */
static void *thread_run(void *unused)
{
	(void)unused;
	for (long got = 0; got < ARENA_BYTES; got += PIECE_BYTES) {
		char *piece = malloc(PIECE_BYTES);

		if (!piece)
			program_die("malloc");
		memset(piece, 1, PIECE_BYTES);
		kept = piece;
	}
	pthread_barrier_wait(&threads_are_up);
	for (;;)
		pause();
	return NULL;
}

static void make_threads(long count)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_barrier_init(&threads_are_up, NULL, (unsigned)count + 1);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 * 1024);
	for (long i = 0; i < count; i++) {
		errno = pthread_create(&thread, &attributes, thread_run, NULL);
		if (errno != 0)
			program_die("pthread_create");
	}
	pthread_barrier_wait(&threads_are_up);
}

static void map_touched(size_t size_bytes, int flags, int fd)
{
	char *block = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (block == MAP_FAILED)
		program_die("mmap");
	memset(block, 2, size_bytes);
}

static void make_mappings(void)
{
	volatile const char *text;
	const int exe = check(open("/proc/self/exe", O_RDONLY), "open");
	const int memfd = check(memfd_create("assorted", 0), "memfd_create");

	if (ftruncate(memfd, MEMFD_BYTES) != 0)
		program_die("ftruncate");
	map_touched(ANON_BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	map_touched(SHARED_BYTES, MAP_SHARED | MAP_ANONYMOUS, -1);
	map_touched(MEMFD_BYTES, MAP_SHARED, memfd);
	text = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, exe, 0);
	if (text == MAP_FAILED)
		program_die("mmap");
	(void)text[0];
}

static void make_files(void)
{
	int ends[2];

	for (int i = 0; i < 3; i++)
		check(open("/dev/null", O_RDWR), "open");
	check(open("/", O_RDONLY | O_DIRECTORY), "open");
	check(open("/proc/self/status", O_RDONLY), "open");
	for (int i = 0; i < 4; i++)
		check(pipe(ends), "pipe");
}

static void make_event_fds(void)
{
	sigset_t none;

	sigemptyset(&none);
	for (int i = 0; i < 2; i++) {
		check(eventfd(0, 0), "eventfd");
		check(epoll_create1(0), "epoll_create1");
		check(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd_create");
	}
	check(inotify_init1(0), "inotify_init1");
	check(signalfd(-1, &none, 0), "signalfd");
}

/* `*size` is what the address can hold, then what it does hold. */
static int make_listener(int family, struct sockaddr *address, socklen_t *size)
{
	/* a Unix socket's bare family asks for a name in the abstract namespace: no file is left */
	const socklen_t bind_size = family == AF_UNIX ? sizeof(sa_family_t) : *size;
	const int fd = socket(family, SOCK_STREAM, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, address, bind_size) != 0 || listen(fd, 64) != 0 ||
	    getsockname(fd, address, size) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Both ends live here. Of each four pairs one is half closed: FIN_WAIT2 here, CLOSE_WAIT there. */
static void make_pairs(int family, struct sockaddr *address, socklen_t size, int count)
{
	const int listener = make_listener(family, address, &size);

	for (int i = 0; listener >= 0 && i < count; i++) {
		const int ours = check(socket(family, SOCK_STREAM, 0), "socket");

		if (connect(ours, address, size) != 0)
			program_die("connect");
		check(accept(listener, NULL, NULL), "accept");
		if (i % 4 == 3)
			shutdown(ours, SHUT_WR);
	}
}

static void make_sockets(int pair_count)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	int ends[2];

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	make_pairs(AF_INET, (struct sockaddr *)&v4, sizeof(v4), pair_count);
	make_pairs(AF_INET6, (struct sockaddr *)&v6, sizeof(v6), pair_count / 2);
	make_pairs(AF_UNIX, (struct sockaddr *)&local, sizeof(local), 3);
	v4.sin_port = 0;
	for (int i = 0; i < 2; i++) {
		const int fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");

		if (bind(fd, (struct sockaddr *)&v4, sizeof(v4)) != 0)
			program_die("bind");
	}
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
	check(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), "socketpair");
	check(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
}

int main(int argc, char **argv)
{
	long for_s = PROGRAM_FOR_S_DEFAULT;
	long thread_count = 8;
	long pair_count = 8;
	const char *name = NULL;
	const struct program_option options[] = {
		{ "threads", "N", THREADS_MAX, &thread_count, NULL },
		{ "pairs", "N", PAIRS_MAX, &pair_count, NULL },
		{ "name", "NAME", 0, NULL, &name },
		{ "for", "SECONDS", PROGRAM_FOR_S_MAX, &for_s, NULL },
		{ NULL, NULL, 0, NULL, NULL },
	};

	(void)argc;
	program_options(argv, options);
	program_begin(for_s, name);
	make_mappings();
	make_files();
	make_event_fds();
	make_sockets((int)pair_count);
	make_threads(thread_count);
	program_ready(0);
	for (;;)
		pause();
}
