/* The regions of a process as they are, read with regard to its mmap lock. */
#ifndef PL_CLI_LIVE_H
#define PL_CLI_LIVE_H

#include "procfs/procfs.h"
#include "regions/ledger.h"

/*
 * One reading: all of smaps, or, where that would hold the lock for longer than MaxLockTime allows
 * by default, a sample of windows. With `deep`, all of it whatever that takes. `ledger` begins as
 * zeros. Returns 0 or -errno; -ETIME or -EFBIG when even a sample takes too long.
 */
int pl_cli_read_regions(const struct pl_procfs *fs, int32_t pid, bool deep,
                        struct pl_ledger *ledger);

#endif
