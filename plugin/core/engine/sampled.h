/*
 * Reads a process' mappings and some windows of its pagemap, for one too large for smaps.
 *
 * Holds its mmap lock for some microseconds at a time, and stops when all of that comes to more
 * than it was given. Knows files and clocks; regions/windows.h knows what they say.
 */
#ifndef PL_ENGINE_SAMPLED_H
#define PL_ENGINE_SAMPLED_H

#include "procfs/procfs.h"
#include "regions/windows.h"

struct pl_sampled_request {
	int32_t pid;
	uint64_t page_bytes;
	uint64_t thread_count;
	uint32_t stride;     /* of the last reading; 0: none */
	size_t windows_most; /* that are read */
	double most_us;      /* that all of it may hold the lock for */
};

struct pl_sampled_result {
	struct pl_region_snapshot snapshot;
	double used_bytes; /* anonymous or in swap */
	double half_bytes; /* half the interval of 95 % */
	double window_us;  /* CPU time that one window took; 0: unknown */
	double read_us;    /* wall time of all calls that need the lock */
	double longest_us; /* of a single window, or piece of the mappings */
};

/*
 * Returns 0; -ETIME when it took too long, -EFBIG when the mappings are too many; -EACCES when
 * pagemap is refused, or empty (as it is without CAP_SYS_PTRACE or CAP_DAC_READ_SEARCH). read_us
 * and window_us are filled in any case, all else on success.
 */
int pl_sampled_read(const struct pl_procfs *fs, const struct pl_sampled_request *request,
                    struct pl_region_scan *scan, struct pl_sampled_result *out);

#endif
