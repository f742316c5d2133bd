/*
 * Processes that are never the same for long. With --reborn N a child ends and another one begins
 * under the same pid, so many times a second (root, in a pid namespace that is not crowded). With
 * --execs N the program calls itself anew, so many times a second. Prints "ready PID": of the first
 * child, or its own.
 */
#include "program.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>

#define PER_SECOND_MAX 1000
#define TOUCH_BYTES 1000000

static void *volatile kept;

static void pause_for(long per_s)
{
	const struct timespec pause_time = { .tv_sec = per_s == 1, .tv_nsec = 999999999 / per_s };

	nanosleep(&pause_time, NULL);
}

static void touch(size_t size)
{
	kept = malloc(size);
	if (kept)
		memset(kept, 3, size);
}

/* The kernel gives the next process the pid after the last one. */
static void ask_for(pid_t pid)
{
	const int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	char text[16];
	const int len = snprintf(text, sizeof(text), "%d", pid - 1);

	if (fd < 0 || write(fd, text, (size_t)len) != len)
		program_die("ns_last_pid");
	close(fd);
}

static pid_t begin_child(const char *name, size_t size)
{
	const pid_t parent = getpid();
	const pid_t pid = fork();

	if (pid < 0)
		program_die("fork");
	if (pid > 0)
		return pid;
	program_follow_parent(parent);
	(void)prctl(PR_SET_NAME, name);
	touch(size);
	for (;;)
		pause();
}

/* Somebody else may have been quicker: then the pid moves. */
__attribute__((noreturn)) static void be_reborn(const char *name, long per_s)
{
	pid_t pid = begin_child(name, TOUCH_BYTES);

	program_ready(pid);
	for (unsigned i = 0;; i++) {
		pause_for(per_s);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		ask_for(pid);
		/* ever more memory, so that one who takes them for one process sees it leak */
		pid = begin_child(name, TOUCH_BYTES + (size_t)(i % 200) * 100000);
	}
}

__attribute__((noreturn)) static void call_itself(char **argv, long per_s)
{
	const bool first = getenv("RESTLESS") == NULL;

	if (first)
		program_ready(getpid());
	touch(TOUCH_BYTES);
	pause_for(per_s);
	(void)setenv("RESTLESS", "1", 1);
	execv("/proc/self/exe", argv);
	program_die("execv");
}

int main(int argc, char **argv)
{
	const char *name = "restless";
	long for_s = PROGRAM_FOR_S_DEFAULT;
	long reborn_per_s = 0;
	long execs_per_s = 0;
	const struct program_option options[] = {
		{ "reborn", "PER_SECOND", PER_SECOND_MAX, &reborn_per_s, NULL },
		{ "execs", "PER_SECOND", PER_SECOND_MAX, &execs_per_s, NULL },
		{ "name", "NAME", 0, NULL, &name },
		{ "for", "SECONDS", PROGRAM_FOR_S_MAX, &for_s, NULL },
		{ NULL, NULL, 0, NULL, NULL },
	};

	(void)argc;
	program_options(argv, options);
	if (reborn_per_s < 1 && execs_per_s < 1)
		program_usage(argv[0], options);
	if (!getenv("RESTLESS"))
		program_begin(for_s, NULL); /* the alarm outlives exec */
	else
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (reborn_per_s > 0)
		be_reborn(name, reborn_per_s);
	call_itself(argv, execs_per_s);
}
