/* Files of tests/fixtures, for tests that run in the top directory (or say PL_FIXTURES). */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline const char *fixture_root(void)
{
	const char *root = getenv("PL_FIXTURES");
	return root ? root : "tests/fixtures";
}

/*
 * Reads fixture `path` into exactly as many bytes as it has, so that a sanitizer sees a read past
 * the end. Returns NULL when there is none; to be freed.
 */
static inline char *fixture_read(const char *path, size_t *len)
{
	char full[1024];
	static char buf[1 << 20];

	(void)snprintf(full, sizeof(full), "%s/%s", fixture_root(), path);
	FILE *file = fopen(full, "re");
	if (!file)
		return NULL;
	*len = fread(buf, 1, sizeof(buf), file);
	(void)fclose(file);
	char *text = malloc(*len > 0 ? *len : 1);
	if (text)
		memcpy(text, buf, *len);
	return text;
}

#endif
