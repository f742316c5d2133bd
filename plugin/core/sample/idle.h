/*
 * Tier 3: begins a window in which memory that is not touched shows as idle.
 *
 * Writes 2 to PID/clear_refs: the accessed flags of the pages of anonymous mappings, which is what
 * a leak adds to; files and shared memory keep theirs, for reclaim goes by them. Later smaps says
 * under Referenced what was touched since. What that reading means, and does not:
 * - The kernel walks all pages with the mmap lock held for writing (Linux 5.11; for reading before
 *   that): faults of the target wait as long as it lasts. It does not flush the TLB (since 5.11),
 *   so a page whose translation stays cached, a few MiB at the most, may look idle.
 * - A transparent huge page counts as a whole: one byte touched is 2 MiB touched. Likewise small
 *   objects beside those that are in use; what is idle is a lower bound of what nobody needs.
 * - A page is born touched. Pages in swap are neither, locked and pinned ones are as others, those
 *   merged by KSM count for each process that maps them.
 * - Reclaim reads and clears the same flags: under pressure what is in use looks idle, and what it
 *   was to keep looks cold to it. So nobody begins a window, or believes one, while the host swaps.
 * - Another program that clears them (a profiler, an estimator of working sets) shortens the
 * window.
 */
#ifndef PL_SAMPLE_IDLE_H
#define PL_SAMPLE_IDLE_H

#include "base/values.h"
#include "procfs/procfs.h"

/*
 * Clears the flags, of this very process. Returns 0; -ESRCH when it is gone or another one has its
 * pid; -EACCES when that takes CAP_DAC_OVERRIDE, for the file belongs to another user.
 */
int pl_sample_clear_refs(const struct pl_procfs *fs, struct pl_ident ident);

/*
 * Counts what speaks of swapping on the host since its boot: pages swapped in and out, and
 * anonymous pages that reclaim looked at. Returns 0 or -errno; -EBADMSG when the kernel does not
 * tell.
 */
int pl_sample_swapping(const struct pl_procfs *fs, uint64_t *out);

#endif
