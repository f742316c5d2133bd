/*
 * Which state the sockets of a network namespace are in, by inode.
 *
 * A namespace is read once for all of its processes and kept for a while, so the cost does not
 * multiply with them. For one thread.
 */
#ifndef PL_SAMPLE_SOCKETS_H
#define PL_SAMPLE_SOCKETS_H

#include <stdint.h>

#include "base/metric.h"
#include "procfs/procfs.h"

#define PL_SOCKETS_NAMESPACES 8 /* kept at once; the one read longest ago makes room */

struct pl_sockets_entry {
	uint64_t inode; /* 0: free */
	enum pl_metric metric;
};

struct pl_sockets_table {
	uint64_t namespace_id; /* inode of the namespace; 0: could not be told */
	double read_s;
	bool valid;
	struct pl_sockets_entry *entries;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

struct pl_sockets {
	struct pl_sockets_table tables[PL_SOCKETS_NAMESPACES];
};

void pl_sockets_free(struct pl_sockets *sockets);

/*
 * The table of the namespace that process `pid` lives in, at most `max_age_s` old at `now_s`.
 * `buf` is scratch. Returns NULL when it cannot be read.
 */
const struct pl_sockets_table *pl_sockets_of(struct pl_sockets *sockets, const struct pl_procfs *fs,
                                             int32_t pid, double now_s, double max_age_s, char *buf,
                                             size_t size);

/* Returns true and sets *metric when the table knows the socket. */
bool pl_sockets_find(const struct pl_sockets_table *table, uint64_t inode, enum pl_metric *metric);

#endif
