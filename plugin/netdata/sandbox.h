/*
 * System calls: what the plugin needs while it runs, and nothing else, for good.
 *
 * It reads with two capabilities what any user of the host can shape. Should that ever be turned
 * against it, whoever did it finds no program to start, no process to signal or to attach to, no
 * network, and no memory to put code into. Paths are not limited (a filter does not see them).
 */
#ifndef PL_NETDATA_SANDBOX_H
#define PL_NETDATA_SANDBOX_H

/*
 * To be called when the configuration was read and before there is a second thread; nothing is
 * allocated. From then on
 * any other system call fails with EPERM, and the kernel's audit log has a line on it: a plugin
 * that is killed would be disabled by Netdata for good, at worst over a call that a new libc makes.
 * Returns 0, or -errno where the kernel has no such filters, and then no call is limited; -ENOTSUP
 * on an architecture whose calls are not listed.
 */
int pl_sandbox_enter(void);

#endif
