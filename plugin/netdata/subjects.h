/*
 * The matches and processes that have charts: defines their charts when they first have something
 * to show, feeds them each tick, and declares them obsolete when they have vanished.
 *
 * Knows what was printed so far; the wire cleans names, the table of charts picks numbers.
 */
#ifndef PL_NETDATA_SUBJECTS_H
#define PL_NETDATA_SUBJECTS_H

#include "charts.h"
#include "config/config.h"
#include "identity.h"
#include "wire.h"

#define PL_SUBJECT_MAX 1000 /* subjects with charts; a cap on what multiplies */
#define PL_SUBJECT_WORD_SIZE 64

/* What a report said last, copied. */
struct pl_subject_story {
	bool known;
	int32_t pid; /* to blame; 0 when the report names none */
	struct pl_identity identity;
	enum pl_verdict verdict;
	enum pl_cause cause;
	char reason[PL_SUBJECT_WORD_SIZE];
	char metric[PL_SUBJECT_WORD_SIZE];
	char where[PL_SUBJECT_WORD_SIZE];
	char message[PL_MESSAGE_SIZE];
	char census[PL_CENSUS_LINE_SIZE]; /* what piles up; "": not known */
};

/* One that has charts, and its last reading: the live table is made of these. */
struct pl_subject_entry {
	bool used;
	enum pl_subject_kind kind;
	char match[PL_NAME_SIZE];
	char comm[PL_SUBJECT_WORD_SIZE]; /* of a process; "" when unknown */
	int32_t pid;
	uint64_t start_ticks;        /* a process that got the pid of another one is another */
	struct pl_identity identity; /* of a process */
	const char *reason;          /* of the verdict as it stands; NULL: unknown */
	char id[PL_NAME_SIZE + 32];  /* its charts' ids begin with this and a '_' */
	double seen_s;               /* monotonic: its last reading */
	uint64_t defined;            /* bit i: pl_charts[i] is there */
	bool relabel;                /* its labels are no longer those that were printed */
	uint32_t process_count;
	struct pl_values values;
	struct pl_findings findings;
	struct pl_subject_story story;
};

struct pl_subjects {
	struct pl_wire *wire;
	const struct pl_procfs *fs; /* to identify processes; NULL: they are not */
	int update_every_s;
	struct pl_subject_entry *entries;
	size_t count; /* in use, or free places between them */
	size_t capacity;
	size_t cursor; /* where the next reading's entry probably is */
	bool self_defined;
	uint32_t dropped_count; /* in this tick: no room for them */
};

void pl_subjects_init(struct pl_subjects *subjects, struct pl_wire *wire,
                      const struct pl_procfs *fs, int update_every_s);
void pl_subjects_free(struct pl_subjects *subjects);

/* To be called around the readings of a tick. */
void pl_subjects_begin(struct pl_subjects *subjects);
void pl_subjects_end(struct pl_subjects *subjects, double now_s);

void pl_subjects_reading(struct pl_subjects *subjects, const struct pl_reading *reading);
void pl_subjects_report(struct pl_subjects *subjects, const struct pl_report *report);
void pl_subjects_self(struct pl_subjects *subjects, const struct pl_plugin_self *self);

#endif
