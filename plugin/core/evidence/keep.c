#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "evidence/evidence.h"
#include "state/state.h"

/* Files with other names are somebody else's. */
#define PREFIX "procleak-"
#define SUFFIX ".json"

static bool is_evidence(const char *name)
{
	const size_t len = strlen(name);

	return len > sizeof(PREFIX SUFFIX) - 1 && strncmp(name, PREFIX, sizeof(PREFIX) - 1) == 0 &&
	       strcmp(name + len - (sizeof(SUFFIX) - 1), SUFFIX) == 0;
}

/* Letters, digits and a few more: a match may be called anything. */
static void clean(const char *from, char *out, size_t size)
{
	size_t n = 0;

	for (; from[n] && n + 1 < size; n++) {
		const char c = from[n];
		const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		                  (c >= '0' && c <= '9') || c == '.' || c == '_';

		out[n] = good ? c : '_';
	}
	out[n] = '\0';
}

/* A process by its pid; "0.sum" can hardly be the name of a match, which files are found by. */
static void whom(const struct pl_evidence_case *about, char *out, size_t size)
{
	if (about->about == PL_ABOUT_PROCESS)
		snprintf(out, size, "%d", (int)about->ident.pid);
	else
		snprintf(out, size, "0.%s", pl_evidence_about_name(about->about));
}

static void stamp(double time_s, char *out, size_t size)
{
	const time_t t = (time_t)time_s;
	struct tm utc;

	if (!gmtime_r(&t, &utc) || strftime(out, size, "%Y%m%dT%H%M%SZ", &utc) == 0)
		snprintf(out, size, "unknown");
}

/* One walk over the files of evidence; the oldest, or the newest of those that hold a text. */
struct search {
	const char *part; /* NULL: any */
	bool newest;
	uint32_t count;
	struct timespec when;
	char name[NAME_MAX + 1];
};

static bool is_before(struct timespec a, struct timespec b)
{
	return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

/* Takes over `fd`. */
static int search(int fd, struct search *s)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		const int err = -errno;

		close(fd);
		return err;
	}
	s->count = 0;
	while ((entry = readdir(dir))) {
		struct stat info;

		if (!is_evidence(entry->d_name) || (s->part && !strstr(entry->d_name, s->part)) ||
		    fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(info.st_mode))
			continue;
		if (s->count++ > 0 && is_before(info.st_mtim, s->when) == s->newest)
			continue;
		s->when = info.st_mtim;
		snprintf(s->name, sizeof(s->name), "%s", entry->d_name);
	}
	closedir(dir);
	return 0;
}

static void prune(int directory, uint32_t most_files)
{
	for (;;) {
		struct search oldest = { .newest = false };
		/* not a dup(): that would share the place in the listing */
		const int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 || search(fd, &oldest) < 0 || oldest.count <= most_files ||
		    unlinkat(directory, oldest.name, 0) < 0)
			return;
	}
}

int pl_evidence_keep(const char *directory, uint32_t most_files,
                     const struct pl_evidence_case *about, const char *text, size_t len, char *path,
                     size_t size)
{
	char name[80];
	char who[24];
	char when[32];
	int fd;
	int err;

	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return -errno;
	clean(about->match, name, sizeof(name));
	whom(about, who, sizeof(who));
	stamp(about->report.time_s, when, sizeof(when));
	if ((size_t)snprintf(path, size, "%s/" PREFIX "%s-%s-%s-%s" SUFFIX, directory, name, who, when,
	                     pl_verdict_name(about->report.verdict)) >= size)
		return -ENAMETOOLONG;
	fd = pl_state_open_directory(directory);
	if (fd < 0)
		return fd;
	err = pl_state_store_in(fd, path + strlen(directory) + 1, text, len);
	if (err == 0)
		prune(fd, most_files > 0 ? most_files : 1);
	close(fd);
	return err;
}

int pl_evidence_find(const char *directory, const char *name, char *path, size_t size)
{
	char wanted[80];
	char part[96];
	struct search newest = { .newest = true };
	int fd;
	int err;

	clean(name, wanted, sizeof(wanted));
	snprintf(part, sizeof(part), "-%s-", wanted);
	newest.part = part;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = fd < 0 ? -errno : search(fd, &newest);
	if (err < 0)
		return err;
	if (newest.count == 0)
		return -ENOENT;
	return (size_t)snprintf(path, size, "%s/%s", directory, newest.name) < size ? 0 : -ENAMETOOLONG;
}
