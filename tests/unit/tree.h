/* A fake proc root of a test's own, below /tmp: files, directories and links by their paths in it.
 */
#ifndef TREE_H
#define TREE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tree_root[] = "/tmp/procleak-tree-test.XXXXXX";

static inline void tree_begin(void)
{
	if (!mkdtemp(tree_root))
		abort();
}

static inline void tree_end(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", tree_root);
	if (system(command) != 0)
		abort();
}

/* Makes the directories above `path` and returns it in full; valid until the next call. */
static inline const char *tree_path(const char *path)
{
	static char full[512];

	snprintf(full, sizeof(full), "%s/%s", tree_root, path);
	for (char *slash = full + sizeof(tree_root); (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		(void)mkdir(full, 0755);
	}
	return full;
}

static inline void tree_file(const char *path, const char *text)
{
	FILE *file = fopen(tree_path(path), "w");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

static inline void tree_link(const char *path, const char *target)
{
	if (symlink(target, tree_path(path)) != 0)
		abort();
}

#endif
