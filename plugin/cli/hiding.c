/* A proc that was mounted with hidepid shows less than there is. */
#include <stdio.h>
#include <unistd.h>

#include "cli.h"

bool pl_cli_is_hiding(const char *proc_root)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/meminfo", proc_root);
	if (access(path, F_OK) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/1", proc_root);
	return access(path, F_OK) != 0;
}
