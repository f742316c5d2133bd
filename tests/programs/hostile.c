/*
 * A process whose name and command line are somebody's attack: any bytes for its comm, any bytes
 * for its arguments, none at all, or arguments wiped after the start. Given in hexadecimal, since
 * no test file should hold them raw. It executes itself with those arguments, prints "ready" and
 * waits.
 */
#include "program.h"

#define ARGS_MAX 8
#define REPEAT_MAX (1L << 20)
#define ENV_FOR "HOSTILE_FOR"
#define ENV_COMM "HOSTILE_COMM"
#define ENV_WIPE "HOSTILE_WIPE"

/* The bytes that `hex` spells, NUL-terminated; "HEX*N" repeats them N times, since 128 KiB of them
 * would not fit in an argument. Ends the program on bad hexadecimal. */
static char *unhex(const char *hex)
{
	const char *star = strchr(hex, '*');
	const size_t size = (star ? (size_t)(star - hex) : strlen(hex)) / 2;
	const size_t repeat = star ? (size_t)program_number(star + 1, REPEAT_MAX) : 1;
	char *bytes = calloc(1, size * repeat + 1);

	if (!bytes)
		program_die("calloc");
	for (size_t i = 0; i < size; i++) {
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1 || byte == 0) {
			fprintf(stderr, "not hexadecimal bytes without 00: %.20s\n", hex);
			exit(2);
		}
		bytes[i] = (char)byte;
	}
	for (size_t i = 1; i < repeat; i++)
		memcpy(bytes + i * size, bytes, size);
	return bytes;
}

/* The second life, under the hostile arguments. */
__attribute__((noreturn)) static void live(int argc, char **argv, const char *for_text)
{
	const char *comm = getenv(ENV_COMM);

	program_begin(program_number(for_text, PROGRAM_FOR_S_MAX), NULL);
	if (getenv(ENV_WIPE) && argc > 0) /* as a daemon does that hides its password */
		memset(argv[0], 0, (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]));
	if (comm && prctl(PR_SET_NAME, unhex(comm)) != 0)
		program_die("prctl");
	program_ready(0);
	for (;;)
		pause();
}

static void export(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0)
		program_die("setenv");
}

/* Splits "HEX,HEX,..." into arguments; an empty piece is an empty argument. */
static void split_args(const char *list, char **args)
{
	char *copy = strdup(list);
	size_t count = 0;

	if (!copy)
		program_die("strdup");
	for (char *piece; count < ARGS_MAX && (piece = strsep(&copy, ","));)
		args[count++] = unhex(piece);
}

int main(int argc, char **argv)
{
	const char *for_text = getenv(ENV_FOR);
	const char *comm = NULL;
	const char *list = NULL;
	long wipe = 0;
	char *args[ARGS_MAX + 1] = { NULL };
	const struct program_option options[] = {
		{ "comm", "HEX", 0, NULL, &comm }, { "args", "HEX,HEX...", 0, NULL, &list },
		{ "wipe", NULL, 0, &wipe, NULL },  { "for", "SECONDS", 0, NULL, &for_text },
		{ NULL, NULL, 0, NULL, NULL },
	};

	if (for_text)
		live(argc, argv, for_text);
	for_text = "60";
	program_options(argv, options);
	export(ENV_FOR, for_text);
	if (comm)
		export(ENV_COMM, comm);
	if (wipe)
		export(ENV_WIPE, "1");
	if (list)
		split_args(list, args);
	execv("/proc/self/exe", args);
	program_die("execv");
}
