#include <stdio.h>

#include "explain/explain.h"

#define NAME_SIZE 64

/* A process chooses its name: what is not printable ASCII becomes '?'. */
static void copy_name(char out[NAME_SIZE], const char *name)
{
	size_t used = 0;

	for (; *name && used < NAME_SIZE - 1; name++)
		out[used++] = *name < ' ' || *name > '~' ? '?' : *name;
	out[used] = '\0';
}

void pl_explain_unreadable(const char *name, int32_t pid, double for_s, bool over, char *out,
                           size_t size)
{
	char clean[NAME_SIZE];
	char lasted[32];

	copy_name(clean, name);
	pl_explain_duration(for_s, lasted, sizeof(lasted));
	if (over)
		snprintf(out, size, "%s[%d] can be read again, after %s", clean, (int)pid, lasted);
	else
		snprintf(out, size,
		         "%s[%d] unreadable for %s: its mmap lock is held; the verdict goes on without PSS",
		         clean, (int)pid, lasted);
}
