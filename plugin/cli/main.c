#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "cli.h"
#include "say.h"

#ifndef PL_VERSION
#define PL_VERSION "0.1.0"
#endif

struct subcommand {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

/* One row a subcommand; the last one ends the table. */
static const struct subcommand subcommands[] = {
	{ "watch", pl_cli_watch, "look at processes right now" },
	{ "status", pl_cli_status, "what the daemon's plugin knows" },
	{ "explain", pl_cli_explain, "the evidence about a leak, for a person" },
	{ "census", pl_cli_census, "tell what kinds of objects pile up in a process" },
	{ "record", pl_cli_record, "write a trace of processes as CSV" },
	{ "replay", pl_cli_replay, "run the detector over recorded traces" },
	{ "check-config", pl_cli_check_config, "check a configuration of collectd or an INI file" },
	{ NULL, NULL, NULL },
};

static void print_usage(FILE *out)
{
	fputs("usage: procleak COMMAND [OPTION]... [ARGUMENT]...\n\n", out);
	for (const struct subcommand *s = subcommands; s->name; s++)
		fprintf(out, "  %-14s %s\n", s->name, s->help);
	fputs("\n`procleak COMMAND --help` tells more.\n", out);
}

int main(int argc, char **argv)
{
	/* it starts no other program, and nothing that could be made to gains a privilege */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (argc < 2) {
		print_usage(stderr);
		return PL_EXIT_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return PL_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("procleak " PL_VERSION);
		return PL_EXIT_OK;
	}
	for (const struct subcommand *s = subcommands; s->name; s++)
		if (strcmp(argv[1], s->name) == 0)
			return s->run(argc - 1, argv + 1);
	pl_cli_say("procleak: no such command: %s\n", argv[1]);
	print_usage(stderr);
	return PL_EXIT_USAGE;
}
