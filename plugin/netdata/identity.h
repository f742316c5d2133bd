/*
 * What a process is, beside its name: the path of its program and its systemd unit, for labels.
 *
 * Read once for a process that gets charts or is to blame, from files that no lock can hold up.
 */
#ifndef PL_NETDATA_IDENTITY_H
#define PL_NETDATA_IDENTITY_H

#include "procfs/procfs.h"

#define PL_IDENTITY_EXE_SIZE 200
#define PL_IDENTITY_UNIT_SIZE 100

struct pl_identity {
	char exe[PL_IDENTITY_EXE_SIZE];   /* the end of a long path; "" when unknown */
	char unit[PL_IDENTITY_UNIT_SIZE]; /* "" when it belongs to none */
};

/*
 * Never fails: what cannot be read, or belongs to another process by now (`start_ticks`, 0 when
 * that is unknown), is empty.
 */
void pl_identity_read(const struct pl_procfs *fs, int32_t pid, uint64_t start_ticks,
                      struct pl_identity *out);

#endif
