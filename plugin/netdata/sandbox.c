#include "sandbox.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * By hand and without an allocation: libseccomp 2.5 crashes, hangs or leaves holes in the filter
 * when one of its many fails. Of 64 bits, little-endian, and with clone()'s flags first.
 */
#if defined(__x86_64__) && !defined(__ILP32__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && __BYTE_ORDER == __LITTLE_ENDIAN
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#endif

#ifdef ARCHITECTURE

static const uint16_t allowed[] = {
	/* files: /proc, the cgroups, the state and the evidence */
	SYS_read,
	SYS_write,
	SYS_openat,
	SYS_close,
	SYS_pread64,
	SYS_writev,
	SYS_lseek,
	SYS_fstat,
	SYS_newfstatat,
	SYS_readlinkat,
	SYS_getdents64,
	SYS_statfs,
	SYS_fstatfs,
	SYS_faccessat,
	SYS_getcwd,
	SYS_fcntl,
	SYS_fsync,
	SYS_fdatasync,
	SYS_ftruncate,
	SYS_renameat2,
	SYS_unlinkat,
	SYS_mkdirat,
	SYS_statx,
	/* waiting, and the time */
	SYS_ppoll,
	SYS_nanosleep,
	SYS_clock_nanosleep,
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_gettimeofday,
	SYS_restart_syscall,
	/* memory; mmap and mprotect have rules of their own */
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	/* threads of its own and their signals; clone has a rule of its own */
	SYS_futex,
	SYS_set_robust_list,
	SYS_rseq,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_gettid,
	SYS_exit,
	SYS_exit_group,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sigaltstack,
	SYS_membarrier,
	/* who and where it is */
	SYS_getpid,
	SYS_getppid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_uname,
	SYS_sysinfo,
	SYS_getrusage,
	SYS_getrandom,
	/* lists of sockets, over netlink; socket has a rule of its own */
	SYS_bind,
	SYS_getsockname,
	SYS_sendto,
	SYS_sendmsg,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_setsockopt,
/* newer than the headers of some distributions */
#ifdef SYS_openat2
	SYS_openat2,
#endif
#ifdef SYS_faccessat2
	SYS_faccessat2,
#endif
/* older than the calls with "at" */
#ifdef SYS_renameat
	SYS_renameat,
#endif
#ifdef SYS_getrlimit
	SYS_getrlimit,
#endif
#ifdef SYS_open
	SYS_open,
	SYS_stat,
	SYS_lstat,
	SYS_access,
	SYS_readlink,
	SYS_rename,
	SYS_unlink,
	SYS_mkdir,
	SYS_poll,
	SYS_time,
#endif
};

/* Half of an argument: what of it must be what. */
struct word {
	uint32_t offset; /* in struct seccomp_data */
	uint32_t mask;
	uint32_t want;
};

#define LOW(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define HIGH(n) (LOW(n) + 4)
#define WHOLE UINT32_MAX

/* Calls that are fine with some arguments only. */
static const struct rule {
	uint16_t call;
	struct word words[2]; /* of the second, mask 0: there is none */
} rules[] = {
	/* memory to put code into is not to be had */
	{ SYS_mmap, { { LOW(2), PROT_EXEC, 0 } } },
	{ SYS_mprotect, { { LOW(2), PROT_EXEC, 0 } } },
	{ SYS_clone, { { LOW(0), CLONE_THREAD, CLONE_THREAD } } },
	{ SYS_socket, { { LOW(0), WHOLE, AF_NETLINK }, { LOW(2), WHOLE, NETLINK_SOCK_DIAG } } },
	/* limits: asked for, not set */
	{ SYS_prlimit64, { { LOW(2), WHOLE, 0 }, { HIGH(2), WHOLE, 0 } } },
	/* is it a terminal? */
	{ SYS_ioctl, { { LOW(1), WHOLE, TCGETS } } },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PROGRAM_MOST (8 + 2 * COUNT(allowed) + 9 * (COUNT(rules) + 1))

struct program {
	struct sock_filter steps[PROGRAM_MOST];
	unsigned short count;
};

static void put(struct program *program, uint16_t code, uint32_t k)
{
	program->steps[program->count++] = (struct sock_filter){ .code = code, .k = k };
}

/* Passes over `skipped` steps unless what was loaded is `value`. */
static void put_unless(struct program *program, uint32_t value, uint8_t skipped)
{
	program->steps[program->count++] =
		(struct sock_filter){ .code = BPF_JMP | BPF_JEQ | BPF_K, .jf = skipped, .k = value };
}

static void put_load(struct program *program, size_t offset)
{
	put(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static void put_return(struct program *program, uint32_t action)
{
	put(program, BPF_RET | BPF_K, action);
}

/* It ends here when it is the rule's call: else the call's number is still loaded for the next. */
static void put_rule(struct program *program, const struct rule *rule)
{
	const unsigned word_count = rule->words[1].mask ? 2 : 1;

	put_unless(program, rule->call, (uint8_t)(3 * word_count + 2));
	for (unsigned i = 0; i < word_count; i++) {
		const struct word *word = &rule->words[i];

		put_load(program, word->offset);
		put(program, BPF_ALU | BPF_AND | BPF_K, word->mask);
		put_unless(program, word->want, (uint8_t)(3 * (word_count - 1 - i) + 1));
	}
	put_return(program, SECCOMP_RET_ALLOW);
	put_return(program, SECCOMP_RET_ERRNO | EPERM);
}

static void write_program(struct program *program)
{
	/* abort() sends a signal to its own thread */
	const struct rule own_signal = { SYS_tgkill, { { LOW(0), WHOLE, (uint32_t)getpid() } } };

	put_load(program, offsetof(struct seccomp_data, arch));
	program->steps[program->count++] =
		(struct sock_filter){ .code = BPF_JMP | BPF_JEQ | BPF_K, .jt = 1, .k = ARCHITECTURE };
	put_return(program, SECCOMP_RET_ERRNO | EPERM);
	put_load(program, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < COUNT(allowed); i++) {
		put_unless(program, allowed[i], 1);
		put_return(program, SECCOMP_RET_ALLOW);
	}
	for (size_t i = 0; i < COUNT(rules); i++)
		put_rule(program, &rules[i]);
	put_rule(program, &own_signal);
	/* its flags are out of a filter's reach; without it libc takes clone */
#ifdef SYS_clone3
	put_unless(program, SYS_clone3, 1);
	put_return(program, SECCOMP_RET_ERRNO | ENOSYS);
#endif
	put_return(program, SECCOMP_RET_ERRNO | EPERM);
}

int pl_sandbox_enter(void)
{
	struct program program = { .count = 0 };
	struct sock_fprog filter = { .filter = program.steps };

	write_program(&program);
	filter.len = program.count;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, &filter) == 0)
		return 0;
	/* before Linux 4.14 there is no log of it */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0 ? 0 : -errno;
}

#else

int pl_sandbox_enter(void)
{
	return -ENOTSUP;
}

#endif
