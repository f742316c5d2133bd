/*
 * A client with a steady hand: opens --rate connections a second to a port of the loopback, sends
 * --requests lines on each, keeps each open for --linger milliseconds, closes it. Never more than
 * OPEN_MAX at a time, never longer than --for seconds. Prints "ready" after its first connection.
 */
#include "program.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#define OPEN_MAX 512
#define RATE_MAX 1000

struct client {
	struct sockaddr_in address;
	long request_count;
	long linger_ms;
	int fd[OPEN_MAX]; /* a ring: connections end in the order in which they began */
	int64_t end_ms[OPEN_MAX];
	unsigned first;
	unsigned count;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_until_ms(int64_t when_ms)
{
	const struct timespec when = { .tv_sec = when_ms / 1000,
		                           .tv_nsec = (when_ms % 1000) * 1000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
		continue;
}

static void close_expired(struct client *client, int64_t time_ms)
{
	while (client->count > 0 &&
	       (client->end_ms[client->first] <= time_ms || client->count == OPEN_MAX)) {
		close(client->fd[client->first]);
		client->first = (client->first + 1) % OPEN_MAX;
		client->count--;
	}
}

/* One line, one answer. A server that does not answer within a second is not waited for. */
static void send_requests(const struct client *client, int fd)
{
	const struct timeval patience = { .tv_sec = 1 };
	char answer[64];

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (long i = 0; i < client->request_count; i++) {
		if (send(fd, "hello\n", 6, MSG_NOSIGNAL) != 6 || recv(fd, answer, sizeof(answer), 0) <= 0)
			return;
	}
}

static bool open_one(struct client *client, int64_t time_ms)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned last;

	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&client->address, sizeof(client->address)) != 0) {
		close(fd);
		return false;
	}
	send_requests(client, fd);
	last = (client->first + client->count) % OPEN_MAX;
	client->fd[last] = fd;
	client->end_ms[last] = time_ms + client->linger_ms;
	client->count++;
	return true;
}

__attribute__((noreturn)) static void run(struct client *client, long rate_per_s)
{
	const int64_t begin_ms = now_ms();
	bool ready = false;

	for (int64_t i = 0;; i++) {
		sleep_until_ms(begin_ms + i * 1000 / rate_per_s);
		close_expired(client, now_ms());
		if (open_one(client, now_ms()) && !ready) {
			ready = true;
			program_ready(0);
		}
	}
}

int main(int argc, char **argv)
{
	struct client client = { .request_count = 1, .address.sin_family = AF_INET };
	long for_s = PROGRAM_FOR_S_DEFAULT;
	long rate_per_s = 10;
	long port = 0;
	const struct program_option options[] = {
		{ "port", "N", 65535, &port, NULL },
		{ "rate", "PER_SECOND", RATE_MAX, &rate_per_s, NULL },
		{ "linger", "MILLISECONDS", 600000, &client.linger_ms, NULL },
		{ "requests", "N", 1000, &client.request_count, NULL },
		{ "for", "SECONDS", PROGRAM_FOR_S_MAX, &for_s, NULL },
		{ NULL, NULL, 0, NULL, NULL },
	};

	(void)argc;
	program_options(argv, options);
	if (port == 0 || rate_per_s < 1)
		program_usage(argv[0], options);
	client.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	client.address.sin_port = htons((uint16_t)port);
	program_begin(for_s, NULL);
	run(&client, rate_per_s);
}
