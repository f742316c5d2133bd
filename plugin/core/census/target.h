/*
 * The memory of one process, read without touching what is not there.
 *
 * Knows the process' identity, its mappings, its modules and their files. A page is read only when
 * pagemap says that it is present: to read an absent one would make the kernel install it. What is
 * not present but belongs to a file is read from the file.
 */
#ifndef PL_CENSUS_TARGET_H
#define PL_CENSUS_TARGET_H

#include "census/elf.h"
#include "census/pages.h"
#include "census/words.h"
#include "procfs/procfs.h"
#include "sample/sample.h"

/* A module's file, opened when something is asked of it. */
struct pl_census_file {
	bool tried;
	int fd; /* -1: cannot be opened, or is no ELF file */
	struct pl_census_elf elf;
	bool biased;
	uint64_t bias_bytes;
	char path[4096];
};

struct pl_census_target {
	const struct pl_procfs *fs;
	struct pl_ident ident;
	uint64_t start_code; /* changes at exec */
	uint64_t page_bytes;
	uint64_t stack_bytes; /* what a thread's stack takes at most */
	double held_s; /* that reads of its memory took since it was opened: its lock was held then */
	int mem_fd;
	int pagemap_fd;
	char *maps_text;
	struct pl_census_mapping *mappings;
	struct pl_census_module *modules;
	struct pl_census_file *files; /* one a module, as of the last refresh */
	struct pl_census_space space; /* borrows the arrays above */
};

/* Returns 0; -ESRCH when there is no such process (or a zombie, or a kernel thread), -EACCES when a
 * capability or Yama forbids it, -ENOMEM, or what else went wrong. */
int pl_census_target_open(struct pl_census_target *target, const struct pl_procfs *fs,
                          const struct pl_host *host, int32_t pid);
void pl_census_target_close(struct pl_census_target *target);

/* Reads the mappings anew. -ESRCH when the process ended or ran another program meanwhile. Pointers
 * into mappings, modules and files end here. */
int pl_census_target_refresh(struct pl_census_target *target);

/*
 * The pages of heap that are present now, in windows chosen with probability `share` (always the
 * same ones for the same `seed`). *swapped_count is how many are in swap instead.
 */
int pl_census_target_present(struct pl_census_target *target, double share, uint64_t seed,
                             struct pl_census_pages *out, uint64_t *swapped_count);

/* Windows of address space that heap mappings take. */
uint64_t pl_census_target_window_count(const struct pl_census_target *target);

/* Reads one page that is present. False when it is not there any more. */
bool pl_census_target_page(struct pl_census_target *target, uint64_t address, void *buf);

/* Reads at most `size` bytes; returns how many, 0 when there are none. */
size_t pl_census_target_read(struct pl_census_target *target, uint64_t address, void *buf,
                             size_t size);
bool pl_census_target_word(struct pl_census_target *target, uint64_t address, uint64_t *out);

/* The mapping that holds `address`, or NULL. */
const struct pl_census_mapping *pl_census_target_mapping(const struct pl_census_target *target,
                                                         uint64_t address);

/* The module of an address and its file, opened; NULL when it belongs to none. */
struct pl_census_file *pl_census_target_file(struct pl_census_target *target, uint64_t address);

/* The last part of a module's path. */
const char *pl_census_file_name(const struct pl_census_file *file);

#endif
