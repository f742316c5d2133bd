/*
 * What every test program does alike: reads its numbers strictly, ends by itself after --for
 * seconds or with its parent, and says "ready" once there is something to measure.
 *
 * Knows nothing of procleak: the programs are what is measured, never what measures.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PROGRAM_FOR_S_DEFAULT 60
#define PROGRAM_FOR_S_MAX 3600

__attribute__((noreturn)) static inline void program_die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* A whole decimal number, with K or M (powers of 1024) after it, up to `max`; else the program
 * ends. */
static inline long program_number(const char *text, long max)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (end != text && (*end == 'K' || *end == 'M') && number >= 0 && number <= max) {
		number *= *end == 'K' ? 1024L : 1024L * 1024L;
		end++;
	}
	if (errno != 0 || end == text || *end != '\0' || number < 0 || number > max) {
		fprintf(stderr, "not a number from 0 to %ld: %s\n", max, text);
		exit(2);
	}
	return number;
}

/* One --option: a number up to `max` into *number, or a text into *text, or (without a value) a
 * flag that sets *number to 1. A table of them ends with a NULL name. */
struct program_option {
	const char *name;
	const char *value; /* what the usage calls it */
	long max;
	long *number;
	const char **text;
};

__attribute__((noreturn)) static inline void program_usage(const char *program,
                                                           const struct program_option *options)
{
	fprintf(stderr, "usage: %s", program);
	for (; options->name; options++)
		fprintf(stderr, " [--%s%s%s]", options->name, options->value ? " " : "",
		        options->value ? options->value : "");
	fputs("\n", stderr);
	exit(2);
}

/* Sets what the command line names and leaves the rest as it is; ends the program on a bad one. */
static inline void program_options(char **argv, const struct program_option *options)
{
	for (char **arg = argv + 1; *arg; arg++) {
		const struct program_option *option = options;

		while (option->name && (strncmp(*arg, "--", 2) != 0 || strcmp(*arg + 2, option->name) != 0))
			option++;
		if (!option->name || (option->value && !arg[1]))
			program_usage(argv[0], options);
		if (!option->value)
			*option->number = 1;
		else if (option->text)
			*option->text = *++arg;
		else
			*option->number = program_number(*++arg, option->max);
	}
}

static inline void program_timeout(int signal_number)
{
	(void)signal_number;
	_exit(0);
}

/* Ends this process with `parent`. The look at it closes the gap before prctl() took effect. */
static inline void program_follow_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		program_die("prctl");
	if (getppid() != parent)
		_exit(0);
}

/* To be called first: bounds the life of the program, and names it unless `name` is NULL. */
static inline void program_begin(long for_s, const char *name)
{
	if (name && prctl(PR_SET_NAME, name) != 0)
		program_die("prctl");
	if (signal(SIGALRM, program_timeout) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		program_die("signal");
	program_follow_parent(getppid());
	alarm((unsigned)(for_s > 0 ? for_s : PROGRAM_FOR_S_DEFAULT));
}

/* Tells the parent that everything is set up; `number` is a port, a count, or 0 for none. */
static inline void program_ready(long number)
{
	if (number > 0)
		printf("ready %ld\n", number);
	else
		printf("ready\n");
	fflush(stdout);
}

#endif
