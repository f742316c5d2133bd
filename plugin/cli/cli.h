/*
 * The terminal command: one function a subcommand, each with its arguments after the name
 * (argv[0] is the subcommand). They return the exit code: 0 fine, 1 an alarm or a fault, 2 bad
 * usage or input.
 */
#ifndef PL_CLI_CLI_H
#define PL_CLI_CLI_H

#include <stdbool.h>

#define PL_EXIT_OK 0
#define PL_EXIT_ALARM 1
#define PL_EXIT_USAGE 2

/*
 * Whether other users' processes do not show under this proc root: then there is not even the first
 * one. False for what is no proc root at all.
 */
bool pl_cli_is_hiding(const char *proc_root);
#define PL_CLI_HIDDEN                                                                              \
	"not there, or hidden: proc is mounted with hidepid, so that only root, a group that its "     \
	"option gid= names, or its user sees it"

int pl_cli_watch(int argc, char **argv);
int pl_cli_status(int argc, char **argv);
int pl_cli_check_config(int argc, char **argv);
int pl_cli_census(int argc, char **argv);
int pl_cli_explain(int argc, char **argv);
int pl_cli_record(int argc, char **argv);
int pl_cli_replay(int argc, char **argv);

#endif
