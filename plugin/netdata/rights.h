/*
 * Capabilities: two are useful, nothing else is kept, and those two rest until they are needed.
 *
 * CAP_SYS_PTRACE lets the plugin read smaps and its kin of other users' processes,
 * CAP_DAC_READ_SEARCH list their descriptors. Both come from the file (setcap) or from root; the
 * plugin is never setuid.
 */
#ifndef PL_NETDATA_RIGHTS_H
#define PL_NETDATA_RIGHTS_H

#include "log/log.h"

/*
 * To be called first, before there is a second thread: gives up every capability but the two, for
 * good, and takes these out of effect, so that the configuration is read with the rights of the
 * user. Returns 0, or -EPERM when the program is setuid or setgid, or another -errno.
 */
int pl_rights_reduce(void);

/*
 * Puts the two into effect. Says for each one that is missing what cannot be read without it, and
 * what grants it. Returns how many are missing.
 */
unsigned pl_rights_use(const struct pl_log *log);

#endif
