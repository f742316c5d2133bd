/* For the files of this module only; others use regions.h and ledger.h. */
#ifndef PL_REGIONS_INTERNAL_H
#define PL_REGIONS_INTERNAL_H

#include "regions/regions.h"

/* Of "[anon: ...]"; NAMED when the name is nobody's that we know. */
enum pl_region pl_region_of_anonymous_name(const char *name, size_t len);

/* Of any other name: FILE for a path. */
enum pl_region pl_region_of_name(const char *name, size_t len);

bool pl_region_is_library_name(const char *name, size_t len);

/* Bits of enum pl_runtime that mapped code of this path stands for. */
uint32_t pl_region_runtime_of(const char *name, size_t len);

/* Copies the end of a name, printable, into PL_PLACE_NAME_SIZE bytes. */
void pl_region_copy_name(char *out, const char *name, size_t len);

/* In a place's region until the end: anonymous, of this kind. */
#define PL_REGION_OF_KIND(kind) ((uint8_t)(PL_REGION_COUNT + (kind)))

/* A private anonymous mapping without a name, after what is pending was settled. */
void pl_chain_extend(struct pl_region_scan *scan, const struct pl_mapping *mapping,
                     enum pl_anon_kind kind);

/* What of it was counted as anonymous, in this bucket of sizes. */
void pl_chain_count(struct pl_region_scan *scan, const struct pl_mapping *mapping,
                    enum pl_anon_kind kind, size_t size, const struct pl_region_total *part);

/* Something else follows; `code_start` if it is code that nobody named, else 0. */
void pl_chain_end(struct pl_region_scan *scan, uint64_t code_start);

void pl_chain_note_file(struct pl_region_scan *scan, const struct pl_mapping *mapping);

/* A mapping of ZGC's heap, or one that may be what it reserved for it. */
void pl_chain_note_view(struct pl_region_scan *scan, const struct pl_mapping *mapping,
                        bool is_heap);

/* Of a JVM, at the end: its heap may lie where references of 32 bits do not reach. */
void pl_chain_find_heap(struct pl_region_scan *scan);

/*
 * No room is left in a JVM's heap, and all of it is resident: as after -Xms of the size of -Xmx and
 * AlwaysPreTouch, or once a collector has used all of it.
 */
bool pl_chain_is_heap_full(const struct pl_region_scan *scan);

/* What a JVM's heap has committed and reserved, if that is the place of its anonymous memory: not
 * ZGC's. 0: not known. */
uint64_t pl_chain_heap_most_bytes(const struct pl_region_scan *scan);

#endif
