/*
 * What was learned, as JSON: written whole or not at all, read whole or not at all.
 *
 * Knows the file's format and its fields; refuses to know who is followed and when to save. The
 * text is one JSON object: a header, then "matches", "processes" and "others", one element a line.
 */
#ifndef PL_STATE_STATE_H
#define PL_STATE_STATE_H

#include <stddef.h>

#include "base/values.h"
#include "regions/ledger.h"
#include "sample/cgroup.h"
#include "track/family.h"
#include "track/sum.h"
#include "track/track.h"

#define PL_STATE_FORMAT "procleak-state"
#define PL_STATE_VERSION 4
#define PL_STATE_NAME_SIZE 128
#define PL_STATE_COMM_SIZE 64

struct pl_state_header {
	char boot_id[PL_BOOT_ID_SIZE]; /* of the host when it was saved; "" when unknown */
	double saved_s;                /* Unix time */
	double boot_s;                 /* Unix time of the boot; 0 when unknown */
	double ticks_per_s;            /* of start times */
	double time_scale;
	struct pl_self self; /* what it cost; for people */
};

struct pl_state_match {
	char name[PL_STATE_NAME_SIZE];
	struct pl_family family;
};

struct pl_state_process {
	char match[PL_STATE_NAME_SIZE]; /* the first one that it belongs to; for people */
	char comm[PL_STATE_COMM_SIZE];
	char message[PL_MESSAGE_SIZE]; /* the verdict in words; for people */
	uint64_t start_code;           /* another one: it has called exec since */
	struct pl_read_cost cost;      /* for people, as above */
	struct pl_track track;
	struct pl_ledger ledger; /* reading_count 0: there is none */
};

/* What has a history besides processes: the sum of a match, and what nobody explains of a cgroup.
 */
struct pl_state_other {
	char match[PL_STATE_NAME_SIZE];
	char path[PL_CGROUP_PATH_SIZE]; /* of the cgroup; "": it is a sum */
	uint8_t cgroup_kind;            /* enum pl_cgroup_kind */
	char message[PL_MESSAGE_SIZE];  /* the verdict in words; for people */
	uint32_t member_count;
	uint64_t gone[PL_COUNTER_COUNT]; /* of a sum: see struct pl_sum */
	double first_s;                  /* of a cgroup: when it was first seen, monotonic */
	struct pl_cgroup_parts base;     /* of it, when the unexplained part was the least */
	struct pl_track track;
};

/* A text under way. All functions return 0 or -ENOMEM; after a failure only free it. */
struct pl_state_writer;

struct pl_state_writer *pl_state_writer_new(void);
void pl_state_writer_free(struct pl_state_writer *writer);
int pl_state_write_header(struct pl_state_writer *writer, const struct pl_state_header *header);
/* All matches first, then all processes, then the others. */
int pl_state_write_match(struct pl_state_writer *writer, const struct pl_state_match *match);
int pl_state_write_process(struct pl_state_writer *writer, const struct pl_state_process *process);
int pl_state_write_other(struct pl_state_writer *writer, const struct pl_state_other *other);
/* Ends the text; it belongs to the writer. */
int pl_state_write_end(struct pl_state_writer *writer, const char **text, size_t *len);

/*
 * Puts the text where `path` is, so that whatever happens there is either the old file or the new
 * one: a temporary file beside it, fsync, rename, fsync of the directory. Mode 0600. No link at
 * either name is followed. Returns 0 or -errno, and then the old file is as it was and the
 * temporary one is gone; -EPERM when the directory is not safe.
 */
int pl_state_store(const char *path, const char *text, size_t len);
/* The same, in a directory that is open; `name` has no slash. */
int pl_state_store_in(int directory, const char *name, const char *text, size_t len);

/*
 * Opens a directory to keep files in. Returns a descriptor or -errno; -EPERM when it is not safe:
 * its owner is neither root nor the user that this process runs as, or all may write to it and
 * delete what is not theirs. The same holds of a symbolic link in its place.
 */
int pl_state_open_directory(const char *path);

/* What was read. A callback that is NULL is skipped. */
struct pl_state_reader {
	void *ctx;
	void (*header)(void *ctx, const struct pl_state_header *header);
	void (*match)(void *ctx, const struct pl_state_match *match);
	void (*process)(void *ctx, const struct pl_state_process *process);
	void (*other)(void *ctx, const struct pl_state_other *other);
};

/*
 * Reads a text. It is checked whole before the first callback.
 * Returns 0; -EBADMSG when it is corrupt or truncated, -EPROTONOSUPPORT when it is of another
 * version; then *problem says what is wrong (`size` bytes) and nothing was called. -ENOMEM
 * likewise, but some of it may have been handed over.
 */
int pl_state_read(const char *text, size_t len, const struct pl_state_reader *reader, char *problem,
                  size_t size);

/*
 * Loads a file, whoever wrote it: *text is to be freed. Returns -errno; -ENOENT when there is none,
 * -EFBIG past 1 GiB, -EINVAL for what is not a regular file. Never waits.
 */
int pl_state_load(const char *path, char **text, size_t *len);
/* The same for who will go by it: -EPERM when somebody else could have written it. */
int pl_state_load_own(const char *path, char **text, size_t *len);

/* Moves a bad file aside, to PATH.bad. Returns 0 or -errno; -EINVAL when it is no regular file. */
int pl_state_set_aside(const char *path);

/* What such an error means, for people. */
const char *pl_state_error(int err);

#endif
