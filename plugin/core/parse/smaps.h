/*
 * /proc/PID/smaps as a stream of mappings, in one pass and bounded memory.
 *
 * Fed in pieces as read; the text may be cut anywhere. Knows the text and nothing of what a mapping
 * is for (regions). A kernel prints the same fields for every mapping, each at the same place of
 * its record, so the places are learned from the first mapping and the others are read there; a
 * mapping that looks different is read line by line.
 */
#ifndef PL_PARSE_SMAPS_H
#define PL_PARSE_SMAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pl_smaps_field {
	PL_SMAPS_RSS,
	PL_SMAPS_PSS,
	PL_SMAPS_REFERENCED,
	PL_SMAPS_ANONYMOUS,
	PL_SMAPS_LAZYFREE,
	PL_SMAPS_ANON_HUGE,
	PL_SMAPS_SHARED_HUGETLB,
	PL_SMAPS_PRIVATE_HUGETLB,
	PL_SMAPS_SWAP,
	PL_SMAPS_FIELD_COUNT
};

/* Of a longer name only the first bytes are kept; every byte counts for `name_hash`. */
#define PL_SMAPS_NAME_MAX 1024

struct pl_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t inode; /* 0: not of a file */
	bool readable;
	bool writable;
	bool executable;
	bool shared;
	bool hugetlb;       /* VmFlags ht */
	bool guarded;       /* VmFlags gu: guard pages inside (Linux 6.19) */
	bool no_reserve;    /* VmFlags nr */
	bool deleted;       /* the file's name is gone: " (deleted)", which `name` is without */
	uint32_t name_hash; /* 0: no name */
	size_t name_len;    /* 0: anonymous and without a name */
	const char *name;   /* no NUL; newlines are "\012"; valid during the call */
	uint64_t bytes[PL_SMAPS_FIELD_COUNT]; /* 0 where the kernel prints no such field */
};

static inline uint64_t pl_mapping_size_bytes(const struct pl_mapping *mapping)
{
	return mapping->end - mapping->start;
}

typedef void pl_smaps_mapping_fn(void *ctx, const struct pl_mapping *mapping);

struct pl_smaps_parser {
	pl_smaps_mapping_fn *mapping;
	void *ctx;
	uint32_t mapping_count;
	uint32_t bad_line_count; /* neither a header nor a field; the mapping goes on without it */

	/* learned: where the last digit of each field stands after the header's newline */
	bool learned;
	uint16_t digit_at[PL_SMAPS_FIELD_COUNT]; /* 0: this kernel has no such field */
	uint16_t flags_at;

	/* the mapping under way, of which only some lines have come */
	bool open;
	uint32_t body_len; /* after its header's newline */
	struct pl_mapping current;
	uint16_t current_digit_at[PL_SMAPS_FIELD_COUNT];
	char name[PL_SMAPS_NAME_MAX];

	/* the line under way */
	size_t carry_len;
	bool carry_overflow; /* the rest of the line is dropped */
	char carry[8192];
};

/* `mapping` is called for each mapping, in the order of the text, during feed and finish. */
void pl_parse_smaps_init(struct pl_smaps_parser *parser, pl_smaps_mapping_fn *mapping, void *ctx);
void pl_parse_smaps_feed(struct pl_smaps_parser *parser, const char *text, size_t len);

/* The text has ended: reports the last mapping. Returns 0, or -EBADMSG when a line was cut. */
int pl_parse_smaps_finish(struct pl_smaps_parser *parser);

#endif
