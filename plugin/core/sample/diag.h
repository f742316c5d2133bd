/*
 * The sockets of this thread's own network namespace, as the kernel dumps them over netlink.
 *
 * Several times cheaper than the text of /proc/PID/net: no addresses are printed and parsed, and
 * the table of TCP is walked at the pace of a message. Knows nothing of processes.
 */
#ifndef PL_SAMPLE_DIAG_H
#define PL_SAMPLE_DIAG_H

#include "parse/parse.h"

/*
 * Calls `socket` for every TCP, UDP and Unix socket that has an inode; `buf` is scratch of at least
 * a page. Returns 0, or -errno when the kernel cannot tell all of them (one of its modules is
 * missing, or the tables changed under the dump): some sockets were handed out then.
 */
int pl_diag_sockets(pl_net_socket_fn *socket, void *ctx, char *buf, size_t size);

#endif
