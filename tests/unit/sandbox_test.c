/*
 * The plugin's filter of system calls: what it does goes on, what an attacker would do fails with
 * EPERM. Each attempt is a child's, which goes by its exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../plugin/netdata/sandbox.h"
#include "evidence/evidence.h"
#include "sample/diag.h"
#include "state/state.h"
#include "tap.h"

#define NO_SANDBOX 100 /* of a child: the filter was refused */
#define SUCCEEDED 101  /* what should fail did not */

static char scratch[4096];
static char directory[] = "/tmp/procleak-sandbox-test.XXXXXX";

/* --- what it needs: each returns 0 -------------------------------------------------------------
 */

static void *thread_main(void *arg)
{
	*(bool *)arg = true;
	return NULL;
}

static int use_thread(void)
{
	pthread_t thread;
	bool ran = false;

	return pthread_create(&thread, NULL, thread_main, &ran) || pthread_join(thread, NULL) || !ran;
}

static int use_state(void)
{
	char path[128];
	char *text = NULL;
	size_t len = 0;
	int failed;

	snprintf(path, sizeof(path), "%s/state.json", directory);
	failed = pl_state_store(path, "{}", 2) || pl_state_load_own(path, &text, &len) || len != 2 ||
	         pl_state_set_aside(path);
	free(text);
	return failed;
}

static int use_evidence(void)
{
	static struct pl_evidence_case about;
	char path[256];
	char inside[128];

	snprintf(inside, sizeof(inside), "%s/evidence", directory);
	for (int i = 0; i < 3; i++) {
		about.report.time_s = i;
		if (pl_evidence_keep(inside, 1, &about, "{}", 2, path, sizeof(path)))
			return 1;
	}
	return unlink(path) || access(inside, F_OK);
}

static void ignore_socket(void *ctx, uint64_t inode, enum pl_metric metric)
{
	(void)inode;
	(void)metric;
	++*(int *)ctx;
}

static void ignore_process(void *ctx, int32_t pid, uint64_t inode)
{
	(void)pid;
	(void)inode;
	++*(int *)ctx;
}

static void look_at_fd(void *ctx, const struct pl_procfs_fd *fd, const char *target, size_t len)
{
	uint64_t number;

	(void)pl_procfs_fd_bytes(fd, &number, &number);
	(void)target;
	(void)len;
	++*(int *)ctx;
}

static int use_proc(void)
{
	static struct pl_evidence_facts facts;
	struct pl_procfs fs;
	char buf[4096];
	int count = 0;

	if (pl_procfs_open(&fs, "/proc", "/sys/fs/cgroup") ||
	    pl_procfs_scan(&fs, ignore_process, &count) ||
	    pl_procfs_read(&fs, getpid(), "stat", buf, sizeof(buf)) <= 0 ||
	    pl_procfs_read_whole(&fs, getpid(), "smaps", buf, sizeof(buf)) <= 0 ||
	    pl_procfs_fds(&fs, getpid(), look_at_fd, &count) <= 0)
		return 1;
	pl_evidence_gather(&fs, getpid(), true, &facts);
	pl_procfs_close(&fs);
	return facts.threads.total_count != 1 || count < 4;
}

static int use_sockets(void)
{
	static char buf[65536];
	int count = 0;
	const int err = pl_diag_sockets(ignore_socket, &count, buf, sizeof(buf));

	return err != 0 && err != -ENOENT && err != -EPROTONOSUPPORT;
}

static int use_memory_and_time(void)
{
	const size_t size = (size_t)8 << 20;
	const struct timespec brief = { .tv_nsec = 1000 };
	const time_t now = time(NULL);
	char *memory = malloc(size);
	char *more;
	struct tm tm;

	if (!memory)
		return 1;
	more = realloc(memory, size * 4);
	if (!more) {
		free(memory);
		return 1;
	}
	free(more);
	if (!localtime_r(&now, &tm) || nanosleep(&brief, NULL))
		return 1;
	return fprintf(stderr, "%s", "") != 0;
}

/* --- what it does not: each returns -1 and errno, like a system call ---------------------------
 */

static int try_execute(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int try_fork(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int try_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

/* Its protocol has the number of the one netlink socket that is allowed. */
static int try_raw(void)
{
	return socket(AF_INET, SOCK_RAW, NETLINK_SOCK_DIAG);
}

static int try_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int try_route(void)
{
	return socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

static int try_kill(void)
{
	return kill(getppid(), 0);
}

static int try_thread_kill(void)
{
	return (int)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static int try_attach(void)
{
	return (int)ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}

static int try_foreign_memory(void)
{
	const struct iovec here = { scratch, 8 };

	return (int)process_vm_writev(getppid(), &here, 1, &here, 1, 0);
}

static int try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
	           ? -1
	           : 0;
}

static int try_make_code(void)
{
	const size_t page = 4096;
	void *memory = aligned_alloc(page, page);

	return memory ? mprotect(memory, page, PROT_READ | PROT_EXEC) : 0;
}

static int try_mount(void)
{
	return mount("none", directory, "tmpfs", 0, NULL);
}

static int try_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static int try_mode(void)
{
	return chmod(directory, 0777);
}

static int try_owner(void)
{
	return chown(directory, getuid(), getgid());
}

static int try_link(void)
{
	return symlink("/etc/shadow", "/tmp/procleak-sandbox-test-link");
}

static int try_user(void)
{
	return setuid(getuid());
}

static int try_limit(void)
{
	const struct rlimit none = { 0, 0 };

	return setrlimit(RLIMIT_CORE, &none);
}

static int try_terminal(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x");
}

static int try_process_name(void)
{
	return prctl(PR_SET_NAME, "systemd");
}

static int try_kernel(void)
{
	return (int)syscall(SYS_bpf, 0, NULL, 0);
}

/* --- */

static const struct {
	const char *name;
	int (*use)(void);
} needed[] = {
	{ "a thread", use_thread },   { "state", use_state },
	{ "evidence", use_evidence }, { "proc", use_proc },
	{ "sockets", use_sockets },   { "memory, time and output", use_memory_and_time },
};

static const struct {
	const char *name;
	int (*try)(void);
} forbidden[] = {
	{ "a program", try_execute },
	{ "a process", try_fork },
	{ "a TCP socket", try_inet },
	{ "a raw socket", try_raw },
	{ "a Unix socket", try_unix },
	{ "the routing table", try_route },
	{ "a signal", try_kill },
	{ "a signal to a thread", try_thread_kill },
	{ "ptrace", try_attach },
	{ "another process' memory", try_foreign_memory },
	{ "a mapping of code", try_code },
	{ "code out of data", try_make_code },
	{ "a mount", try_mount },
	{ "a namespace", try_namespace },
	{ "a mode", try_mode },
	{ "an owner", try_owner },
	{ "a link", try_link },
	{ "another user", try_user },
	{ "a limit", try_limit },
	{ "a terminal's input", try_terminal },
	{ "another name", try_process_name },
	{ "bpf", try_kernel },
};

/* What a child in the sandbox makes of it: its exit status, or 128 + its signal. */
static int in_sandbox(int (*use)(void), int (*try)(void))
{
	const pid_t child = fork();
	int status = 0;

	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || pl_sandbox_enter() != 0)
			_exit(NO_SANDBOX);
		if (use)
			_exit(use());
		_exit(try() == -1 ? errno : SUCCEEDED);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int read_status(void)
{
	char text[4096];
	const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	const ssize_t len = read(fd, text, sizeof(text) - 1);

	text[len > 0 ? len : 0] = '\0';
	return !strstr(text, "NoNewPrivs:\t1\n") || !strstr(text, "Seccomp:\t2\n");
}

int main(void)
{
	char name[128];

	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 && errno == EINVAL) {
		puts("1..0 # SKIP this kernel has no filters of system calls");
		return 0;
	}
	if (!mkdtemp(directory))
		abort();
	is_num(in_sandbox(read_status, NULL), 0, "the kernel says that it is on");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		snprintf(name, sizeof(name), "%s: as ever", needed[i].name);
		is_num(in_sandbox(needed[i].use, NULL), 0, name);
	}
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		snprintf(name, sizeof(name), "%s: not permitted", forbidden[i].name);
		is_num(in_sandbox(NULL, forbidden[i].try), EPERM, name);
	}
	snprintf(name, sizeof(name), "%s/state.json.bad", directory);
	unlink(name);
	snprintf(name, sizeof(name), "%s/evidence", directory);
	ok(rmdir(name) == 0 && rmdir(directory) == 0, "nothing else was left behind");
	return tap_done();
}
