#include "sandbox.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* By name: what an architecture does not have is passed over. */
static const int allowed[] = {
	/* files: /proc, the cgroups, the state and the evidence */
	SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(open), SCMP_SYS(close), SCMP_SYS(read),
	SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(lseek),
	SCMP_SYS(_llseek), SCMP_SYS(fstat), SCMP_SYS(fstat64), SCMP_SYS(stat), SCMP_SYS(stat64),
	SCMP_SYS(lstat), SCMP_SYS(lstat64), SCMP_SYS(newfstatat), SCMP_SYS(fstatat64), SCMP_SYS(statx),
	SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(fstatfs64), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
	SCMP_SYS(getcwd), SCMP_SYS(fcntl), SCMP_SYS(fcntl64), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
	SCMP_SYS(ftruncate), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
	SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat),
	/* waiting, and the time */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64), SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_nanosleep_time64), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_gettime64), SCMP_SYS(clock_getres), SCMP_SYS(clock_getres_time64),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(restart_syscall),
	/* memory; mmap and mprotect have rules of their own */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	/* threads of its own and their signals; clone has a rule of its own */
	SCMP_SYS(futex), SCMP_SYS(futex_time64), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
	SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(gettid), SCMP_SYS(exit),
	SCMP_SYS(exit_group), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(membarrier),
	/* who and where it is */
	SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(getuid32), SCMP_SYS(geteuid),
	SCMP_SYS(geteuid32), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(uname), SCMP_SYS(sysinfo),
	SCMP_SYS(getrusage), SCMP_SYS(getrlimit), SCMP_SYS(ugetrlimit), SCMP_SYS(getrandom),
	/* lists of sockets, over netlink; socket has a rule of its own */
	SCMP_SYS(bind), SCMP_SYS(getsockname), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg), SCMP_SYS(setsockopt)
};

/* libseccomp: an architecture without the call is no failure. */
static int checked(int result)
{
	return result == -EDOM || result == -EOPNOTSUPP ? 0 : result;
}

static int add(scmp_filter_ctx filter, int call, struct scmp_arg_cmp first,
               const struct scmp_arg_cmp *second)
{
	const struct scmp_arg_cmp both[] = { first, second ? *second : first };

	return checked(seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, second ? 2 : 1, both));
}

/* Calls of which some arguments are fine only. */
static int allow_some(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp not_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
	const struct scmp_arg_cmp diag = SCMP_A2(SCMP_CMP_EQ, NETLINK_SOCK_DIAG, 0);
	int err = add(filter, SCMP_SYS(mmap), not_code, NULL);

	if (err == 0)
		err = add(filter, SCMP_SYS(mmap2), not_code, NULL);
	if (err == 0)
		err = add(filter, SCMP_SYS(mprotect), not_code, NULL);
	if (err == 0)
		err = add(filter, SCMP_SYS(clone), thread, NULL);
	/* its flags are out of a filter's reach; without it libc takes clone */
	if (err == 0)
		err = checked(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0));
	if (err == 0)
		err = add(filter, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0), &diag);
	/* abort() */
	if (err == 0)
		err = add(filter, SCMP_SYS(tgkill),
		          SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)(unsigned)getpid(), 0), NULL);
	/* limits: asked for, not set */
	if (err == 0)
		err = add(filter, SCMP_SYS(prlimit64), SCMP_A2(SCMP_CMP_EQ, 0, 0), NULL);
	/* is it a terminal? */
	if (err == 0)
		err = add(filter, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, TCGETS, 0), NULL);
	return err;
}

static int fill(scmp_filter_ctx filter)
{
	int err = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));

	/* an older kernel keeps no log of it */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	for (size_t i = 0; err == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		err = checked(seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0));
	if (err == 0)
		err = allow_some(filter);
	return err;
}

int pl_sandbox_enter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err;

	if (!filter)
		return -ENOMEM;
	err = fill(filter);
	if (err == 0)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}
