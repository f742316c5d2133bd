/*
 * What a process' memory is for: every mapping classed, and which classes and places grow.
 *
 * Knows how allocators, runtimes and the kernel lay out and name their mappings; refuses to know
 * how smaps is read and when. Pure: fixed size, no allocation, no clock.
 *
 * Classes do not overlap, so their resident bytes and the swap add up. Where one mapping holds two
 * kinds of pages (the data of a library: its file's pages and those written to since) it is split.
 */
#ifndef PL_REGIONS_REGIONS_H
#define PL_REGIONS_REGIONS_H

#include "parse/smaps.h"

/* X(id, name in series and JSON, words for people) */
#define PL_REGION_LIST(X)                                                                          \
	X(HEAP, "heap", "brk heap")                                                                    \
	X(ARENA, "arena", "glibc arenas")                                                              \
	X(ANON, "anon", "anonymous mappings")                                                          \
	X(STACK, "stack", "thread stacks")                                                             \
	X(JEMALLOC, "jemalloc", "jemalloc")                                                            \
	X(TCMALLOC, "tcmalloc", "tcmalloc")                                                            \
	X(MIMALLOC, "mimalloc", "mimalloc")                                                            \
	X(SCUDO, "scudo", "Scudo")                                                                     \
	X(GO, "go", "Go runtime")                                                                      \
	X(JAVA, "java", "Java heap")                                                                   \
	X(METASPACE, "metaspace", "JVM metaspace")                                                     \
	X(V8, "v8", "V8 heap")                                                                         \
	X(ART, "art", "ART heap")                                                                      \
	X(NAMED, "named", "named anonymous mappings")                                                  \
	X(JIT, "jit", "JIT code")                                                                      \
	X(PROGRAM, "program", "the program's data")                                                    \
	X(LIBRARY, "library", "library data")                                                          \
	X(FILE, "file", "file mappings")                                                               \
	X(SHMEM, "shmem", "shared anonymous memory")                                                   \
	X(SHM, "shm", "POSIX shared memory")                                                           \
	X(SYSV, "sysv", "SysV shared memory")                                                          \
	X(MEMFD, "memfd", "memfd files")                                                               \
	X(ZGC, "zgc", "Java heap (ZGC)")                                                               \
	X(HUGETLB, "hugetlb", "hugetlb pages")                                                         \
	X(KERNEL, "vdso", "pages of the kernel")                                                       \
	X(OTHER, "other", "devices and the like")

enum pl_region {
#define PL_REGION_ENUM(id, name, words) PL_REGION_##id,
	PL_REGION_LIST(PL_REGION_ENUM)
#undef PL_REGION_ENUM
		PL_REGION_COUNT
};

/* "heap", and "brk heap". */
const char *pl_region_name(enum pl_region region);
const char *pl_region_words(enum pl_region region);

/* What the mappings say the program runs on; several may hold. */
#define PL_RUNTIME_LIST(X)                                                                         \
	X(GLIBC, "glibc")                                                                              \
	X(MUSL, "musl")                                                                                \
	X(JEMALLOC, "jemalloc")                                                                        \
	X(TCMALLOC, "tcmalloc")                                                                        \
	X(MIMALLOC, "mimalloc")                                                                        \
	X(GO, "go")                                                                                    \
	X(JVM, "jvm")                                                                                  \
	X(NODE, "node")                                                                                \
	X(PYTHON, "cpython")                                                                           \
	X(RUBY, "ruby")                                                                                \
	X(PHP, "php")                                                                                  \
	X(DOTNET, "dotnet")                                                                            \
	X(ERLANG, "erlang")

enum pl_runtime {
#define PL_RUNTIME_ENUM(id, name) PL_RUNTIME_##id,
	PL_RUNTIME_LIST(PL_RUNTIME_ENUM)
#undef PL_RUNTIME_ENUM
		PL_RUNTIME_COUNT
};

const char *pl_runtime_name(enum pl_runtime runtime);

static inline bool pl_runtime_has(uint32_t runtimes, enum pl_runtime runtime)
{
	return (runtimes >> runtime) & 1;
}

struct pl_region_total {
	uint64_t resident_bytes;
	uint64_t pss_bytes; /* shared pages divided by those who map them */
	uint64_t swap_bytes;
	uint64_t lazyfree_bytes;   /* resident, but given back with MADV_FREE */
	uint64_t referenced_bytes; /* resident and touched since the flags were last cleared */
	uint64_t huge_bytes;       /* of the resident ones in transparent huge pages */
	uint64_t size_bytes;       /* address space */
	uint32_t mapping_count;
};

/* What a leak would add to: resident or in swap, and not given back. */
static inline uint64_t pl_region_used_bytes(const struct pl_region_total *total)
{
	const uint64_t held = total->resident_bytes + total->swap_bytes;

	return held > total->lazyfree_bytes ? held - total->lazyfree_bytes : 0;
}

#define PL_PLACE_NAME_SIZE 56

/* One file, name or range of addresses. */
struct pl_region_place {
	uint64_t start; /* a file or name: of its first mapping */
	uint64_t end;
	uint64_t used_bytes;
	uint32_t name_hash;            /* 0: known by its addresses alone */
	uint8_t region;                /* enum pl_region */
	char name[PL_PLACE_NAME_SIZE]; /* printable ASCII; the end of a long path */
};

/* Anonymous mappings by their size: below 1 MiB, 16 MiB, 128 MiB, and above. */
#define PL_ANON_SIZES 4

#define PL_SNAPSHOT_PLACES 64

/* One reading of smaps. */
struct pl_region_snapshot {
	uint32_t mapping_count;
	uint32_t runtimes;    /* bits of enum pl_runtime */
	uint32_t stack_count; /* thread stacks, those kept for reuse too */
	uint32_t arena_count;
	uint32_t window_stride;   /* of a sample: windows.h; 0: all was read */
	float error_share;        /* of a sample: half the interval of 95 % of the used bytes */
	bool heap_is_full;        /* a JVM's heap: no room is left, and all of it is resident */
	uint64_t heap_most_bytes; /* that a JVM's heap may become: -Xmx; 0: not known */
	struct pl_region_total totals[PL_REGION_COUNT];
	struct pl_region_total anon_by_size[PL_ANON_SIZES];
	uint32_t place_count;
	struct pl_region_place places[PL_SNAPSHOT_PLACES]; /* the largest, in no order */
};

#define PL_STACK_SIZES 16

/* Anonymous mappings whose class depends on what is mapped after them. */
enum pl_anon_kind {
	PL_ANON_PLAIN,
	PL_ANON_LOW,     /* below 32 GiB: a JVM's heap, if there is a JVM */
	PL_ANON_ALIGNED, /* at a random multiple of 256 KiB: V8's pages, if there is a V8 */
	PL_ANON_NODE,    /* metaspace, if there is a JVM */
	PL_ANON_HIGH,    /* a JVM's heap beyond 32 GiB */
	PL_ANON_KINDS
};

/* Anonymous mappings one after the other without a gap: chains.c. */
struct pl_region_chain {
	uint64_t start; /* 0, as is the end: none */
	uint64_t end;
	uint64_t written_bytes;  /* address space that may be written to */
	uint64_t reserved_bytes; /* and that is inaccessible */
	uint8_t kind;            /* enum pl_anon_kind */
	bool is_arena;
	struct pl_region_total anon[PL_ANON_SIZES]; /* of what was counted as anonymous */
};

struct pl_stack_size {
	uint64_t size_bytes;
	uint64_t guard_bytes;
	struct pl_region_total total;
};

/* A reading under way; about 30 KiB. For regions alone to look into. */
struct pl_region_scan {
	struct pl_smaps_parser parser;
	struct pl_region_snapshot sums;
	struct pl_region_total anon[PL_ANON_KINDS][PL_ANON_SIZES];
	struct pl_stack_size stacks[PL_STACK_SIZES]; /* guarded mappings, by size */
	uint32_t stack_size_count;
	uint64_t least_used_bytes; /* of the smallest place kept, once all are taken */
	uint32_t least_place;

	/* what came before */
	uint64_t guard_start; /* an inaccessible mapping that ends at guard_end */
	uint64_t guard_end;
	uint64_t data_end; /* of a program's or library's data: its bss follows */
	uint32_t data_hash;
	enum pl_region data_region;
	char data_name[PL_PLACE_NAME_SIZE];
	uint32_t code_hash;    /* the last file with code in it */
	uint32_t program_hash; /* the first such file that is no library; 0: none yet */
	bool is_go;
	uint64_t archive_end; /* of a JVM's archive of classes: others follow it; 0: none */
	uint64_t view_end;    /* of the first mapping of ZGC's heap, with what is reserved after it */
	uint64_t view_bytes;  /* 0: none */
	struct pl_region_chain chain;
	struct pl_region_chain low_chain; /* the one that holds most below 32 GiB, and above */
	struct pl_region_chain high_chain;
	struct pl_region_chain node_chain; /* of those that look like nodes of a metaspace */
	struct pl_mapping pending;         /* private anonymous: what follows tells an arena */
	bool has_pending;
	uint64_t pending_guard_bytes; /* below it; 0: none */
};

/* Feed it the text of smaps in pieces, cut anywhere. */
void pl_regions_begin(struct pl_region_scan *scan);
void pl_regions_feed(struct pl_region_scan *scan, const char *text, size_t len);

/* Adds a mapping that was not fed as text; they ascend. */
void pl_regions_add(struct pl_region_scan *scan, const struct pl_mapping *mapping);

/*
 * `thread_count` tells stacks from other guarded mappings; 0 when unknown.
 * Returns 0, or -EBADMSG when the text was cut or held no mapping.
 */
int pl_regions_end(struct pl_region_scan *scan, uint64_t thread_count,
                   struct pl_region_snapshot *out);

#endif
