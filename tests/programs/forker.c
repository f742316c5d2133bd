/*
 * A crowd: --children processes that sleep under the name --name. With --churn N the oldest is
 * ended and a new one begun N times a second. Prints "ready COUNT". The children end with it.
 */
#include "program.h"

#include <errno.h>
#include <sys/wait.h>
#include <time.h>

#define CHILDREN_MAX 8192
#define CHURN_MAX 5000
#define TOUCH_BYTES_MAX (64L << 20)
#define FORK_TRIES 2000 /* a 100th of a second apart */

/* Written, so that no compiler drops an allocation that nobody reads. */
static void *volatile kept;

/* The neighbours on a busy machine may hold all that it can have for a moment. */
static pid_t fork_patiently(void)
{
	const struct timespec pause_time = { .tv_nsec = 10000000 };
	pid_t pid = fork();

	for (int i = 0; pid < 0 && errno == EAGAIN && i < FORK_TRIES; i++) {
		nanosleep(&pause_time, NULL);
		pid = fork();
	}
	return pid;
}

static pid_t begin_child(const char *name, long touch_bytes)
{
	const pid_t parent = getpid();
	const pid_t pid = fork_patiently();
	char *block;

	if (pid < 0)
		program_die("fork");
	if (pid > 0)
		return pid;
	program_follow_parent(parent);
	if (name)
		(void)prctl(PR_SET_NAME, name);
	block = malloc((size_t)touch_bytes + 1);
	if (!block)
		_exit(1);
	memset(block, 3, (size_t)touch_bytes + 1);
	kept = block;
	for (;;)
		pause();
}

static void replace_child(pid_t *child, const char *name, long touch_bytes)
{
	kill(*child, SIGKILL);
	waitpid(*child, NULL, 0);
	*child = begin_child(name, touch_bytes);
}

__attribute__((noreturn)) static void churn(pid_t *children, long count, long per_s,
                                            const char *name, long touch_bytes)
{
	const struct timespec pause_time = { .tv_sec = per_s == 1, .tv_nsec = 999999999 / per_s };

	for (long i = 0;; i = (i + 1) % count) {
		nanosleep(&pause_time, NULL);
		replace_child(&children[i], name, touch_bytes);
	}
}

int main(int argc, char **argv)
{
	static pid_t children[CHILDREN_MAX];
	const char *name = NULL;
	long for_s = PROGRAM_FOR_S_DEFAULT;
	long child_count = 0;
	long churn_per_s = 0;
	long touch_bytes = 0;
	const struct program_option options[] = {
		{ "children", "N", CHILDREN_MAX, &child_count, NULL },
		{ "churn", "PER_SECOND", CHURN_MAX, &churn_per_s, NULL },
		{ "name", "NAME", 0, NULL, &name },
		{ "touch", "BYTES", TOUCH_BYTES_MAX, &touch_bytes, NULL },
		{ "for", "SECONDS", PROGRAM_FOR_S_MAX, &for_s, NULL },
		{ NULL, NULL, 0, NULL, NULL },
	};

	(void)argc;
	program_options(argv, options);
	if (child_count < 1)
		program_usage(argv[0], options);
	program_begin(for_s, NULL);
	for (long i = 0; i < child_count; i++)
		children[i] = begin_child(name, touch_bytes);
	program_ready(child_count);
	if (churn_per_s > 0)
		churn(children, child_count, churn_per_s, name, touch_bytes);
	for (;;)
		pause();
}
