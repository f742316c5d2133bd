/* The few lines of TAP that the unit tests need; `prove` reads what they print. */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

static inline bool tap_ok(bool pass, const char *file, int line, const char *name)
{
	printf("%sok %d - %s\n", pass ? "" : "not ", ++tap_count, name);
	if (!pass) {
		tap_failed++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return pass;
}

static inline bool tap_is_num(double got, double want, double tolerance, const char *file, int line,
                              const char *name)
{
	const double off = got > want ? got - want : want - got;
	const bool pass = off <= tolerance;
	tap_ok(pass, file, line, name);
	if (!pass)
		printf("# got %.17g, want %.17g (+-%g)\n", got, want, tolerance);
	return pass;
}

static inline bool tap_is_str(const char *got, const char *want, const char *file, int line,
                              const char *name)
{
	const bool pass = got && want ? strcmp(got, want) == 0 : got == want;
	tap_ok(pass, file, line, name);
	if (!pass)
		printf("# got \"%s\", want \"%s\"\n", got ? got : "(null)", want ? want : "(null)");
	return pass;
}

#define ok(condition, name) tap_ok((condition), __FILE__, __LINE__, (name))
#define is_num(got, want, name)                                                                    \
	tap_is_num((double)(got), (double)(want), 0, __FILE__, __LINE__, (name))
#define is_near(got, want, tolerance, name)                                                        \
	tap_is_num((double)(got), (double)(want), (double)(tolerance), __FILE__, __LINE__, (name))
#define is_str(got, want, name) tap_is_str((got), (want), __FILE__, __LINE__, (name))

static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}

#endif
