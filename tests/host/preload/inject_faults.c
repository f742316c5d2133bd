/*
 * To be preloaded: lets calls fail that procleak makes, be it a plugin or a program, and leaves
 * those of everybody else in the process alone. $INJECT says which and when, by words like
 *
 *   kinds=errno+torn seed=7 one_in=50 nth=0 stuck_ms=3000 period_ms=500
 *
 * With nth the n-th call that could fail does, and no other; with one_in, one in so many, chosen by
 * the seed. $INJECT_COUNTS is a file of counters: calls that could have failed, then faults by
 * kind.
 *
 * errno    a read, open or listing fails with one of several errors
 * eintr    it is interrupted
 * short    a read hands out a part; the rest comes with the next one
 * torn     a read hands out text with a part missing, repeated or overwritten
 * gone     the process that it is about is gone for the next calls, too
 * stuck    a read that a worker makes hangs for stuck_ms
 * store    what writes a file fails: no space, read-only, input/output error, a part written
 * alloc    there is no memory
 * clock    the wall clock jumps by years, back and forth, every period_ms
 * suspend  the host sleeps for 8 hours, every period_ms: the wall clock and the uptime know
 * kill     the whole program is killed in the place of any call that the others let fail
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

enum kind {
	ERRNO,
	EINTR_,
	SHORT,
	TORN,
	GONE,
	STUCK,
	STORE,
	ALLOC,
	CLOCK,
	SUSPEND,
	KILL,
	KIND_COUNT
};

static const char *const kind_names[KIND_COUNT] = {
	[ERRNO] = "errno", [EINTR_] = "eintr",    [SHORT] = "short", [TORN] = "torn",
	[GONE] = "gone",   [STUCK] = "stuck",     [STORE] = "store", [ALLOC] = "alloc",
	[CLOCK] = "clock", [SUSPEND] = "suspend", [KILL] = "kill",
};

#define FDS_MAX 1024
#define DEAD_MAX 4
#define DEAD_CALLS 20 /* that a process stays gone for */
#define FRAMES_MAX 24
#define SUSPENDED_S (8 * 3600)

/* glibc's own names for what is interposed here; it declares them nowhere. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

static struct {
	bool on;
	unsigned kinds; /* bit per kind */
	uint64_t seed;
	uint64_t one_in;
	uint64_t nth;
	uint64_t stuck_ms;
	uint64_t period_ms;
	double begin_s;
} plan;

/* In a file, for whoever started this to read: calls, then faults by kind. */
static atomic_ulong own_counts[1 + KIND_COUNT];
static atomic_ulong *counts = own_counts;

/* What an own descriptor was opened for. */
static struct {
	atomic_int pid;
	atomic_bool may_hang;
	atomic_bool uptime;
} fds[FDS_MAX];

static struct {
	atomic_int pid;
	atomic_int calls_left;
} dead[DEAD_MAX];

/* Where procleak's code is, once it is loaded. */
static atomic_uintptr_t own_begin;
static atomic_uintptr_t own_end;
static __thread bool busy __attribute__((tls_model("initial-exec")));

/* Declares `real`: the function that an interposed one stands before. */
#define NEXT(name)                                                                                 \
	static __typeof__(name) *real;                                                                 \
	if (!real)                                                                                     \
	*(void **)&real = dlsym(RTLD_NEXT, #name)

/* --- whose call it is ------------------------------------------------------------------------ */

static bool is_own_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return strncmp(name, "procleak", 8) == 0 || strncmp(name, "engine_ticks", 12) == 0;
}

static int find_range(struct dl_phdr_info *info, size_t size, void *ctx)
{
	const uintptr_t wanted = *(const uintptr_t *)ctx;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		const uintptr_t begin = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X) || wanted < begin ||
		    wanted >= begin + segment->p_memsz)
			continue;
		atomic_store(&own_end, begin + segment->p_memsz);
		atomic_store(&own_begin, begin);
		return 1;
	}
	return 0;
}

static bool is_own(const void *address)
{
	uintptr_t at = (uintptr_t)address;
	Dl_info info;

	if (atomic_load(&own_begin) != 0)
		return at >= atomic_load(&own_begin) && at < atomic_load(&own_end);
	if (!dladdr(address, &info) || !info.dli_fname || !is_own_name(info.dli_fname))
		return false;
	dl_iterate_phdr(find_range, &at);
	return true;
}

/* An allocation is whose code is nearest: libraries make them for others. */
static bool is_own_allocation(void)
{
	void *frames[FRAMES_MAX];
	const int depth = backtrace(frames, FRAMES_MAX);

	for (int i = 2; i < depth; i++) {
		Dl_info info;

		if (is_own(frames[i]))
			return true;
		/* libseccomp 2.5 itself frees twice what it did not get, once in the plugin's life */
		if (dladdr(frames[i], &info) && info.dli_fname &&
		    (strstr(info.dli_fname, "collectd") || strstr(info.dli_fname, "libseccomp")))
			return false;
	}
	return false;
}

/* --- what is to fail ------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static double monotonic_s(void)
{
	struct timespec t;

	NEXT(clock_gettime);
	real(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* How many of the `kinds` are wanted, and the `which`-th of them. */
static unsigned wanted_kinds(unsigned kinds)
{
	return (unsigned)__builtin_popcount(kinds & plan.kinds);
}

static enum kind wanted_kind(unsigned kinds, uint64_t which)
{
	unsigned left = kinds & plan.kinds;

	for (; which > 0; which--)
		left &= left - 1;
	return (enum kind)__builtin_ctz(left);
}

/* Decides on one call. Returns KIND_COUNT when it is to succeed; *chance is random in any case. */
static enum kind choose(const void *caller, unsigned kinds, uint64_t *chance)
{
	uint64_t index;
	enum kind kind;

	kinds |= 1u << KILL;
	if (!plan.on || wanted_kinds(kinds) == 0 || (caller && !is_own(caller)))
		return KIND_COUNT;
	index = atomic_fetch_add(&counts[0], 1) + 1;
	*chance = mix(plan.seed * UINT64_C(0x9e3779b97f4a7c15) + index);
	if (plan.nth > 0 ? index != plan.nth : plan.one_in == 0 || *chance % plan.one_in != 0)
		return KIND_COUNT;
	*chance = mix(*chance);
	kind = wanted_kind(kinds, *chance % wanted_kinds(kinds));
	*chance = mix(*chance);
	atomic_fetch_add(&counts[1 + kind], 1);
	if (kind == KILL)
		kill(getpid(), SIGKILL);
	return kind;
}

/* --- processes that are gone ----------------------------------------------------------------- */

static void bury(int pid)
{
	static atomic_uint turn;
	const unsigned at = atomic_fetch_add(&turn, 1) % DEAD_MAX;

	atomic_store(&dead[at].calls_left, DEAD_CALLS);
	atomic_store(&dead[at].pid, pid);
}

static bool is_dead(int pid)
{
	for (unsigned i = 0; pid > 0 && i < DEAD_MAX; i++)
		if (atomic_load(&dead[i].pid) == pid && atomic_fetch_sub(&dead[i].calls_left, 1) > 0)
			return true;
	return false;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

static int error_by(uint64_t chance)
{
	static const int errors[] = { EACCES, ESRCH, EIO, ENOMEM, EMFILE, ENFILE, EPERM, ENOENT };

	return errors[chance % (sizeof(errors) / sizeof(errors[0]))];
}

/* For calls that know nothing but success and failure. Returns 0, or the error to fail with. */
static int trouble(const void *caller, unsigned kinds, int pid)
{
	uint64_t chance;
	enum kind kind;

	if (plan.on && (plan.kinds & 1u << GONE) && pid > 0 && is_own(caller) && is_dead(pid))
		return ENOENT;
	kind = choose(caller, kinds, &chance);
	if (kind == KIND_COUNT)
		return 0;
	if (kind == EINTR_)
		return EINTR;
	if (kind == STORE)
		return (const int[]){ ENOSPC, EIO, EROFS, EDQUOT }[chance % 4];
	if (kind != GONE)
		return error_by(chance);
	bury(pid);
	return ENOENT;
}

/* --- opening --------------------------------------------------------------------------------- */

static int pid_of_path(const char *path)
{
	return *path >= '1' && *path <= '9' ? atoi(path) : 0;
}

static void remember(int fd, const char *path, int pid)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (fd < 0 || fd >= FDS_MAX)
		return;
	atomic_store(&fds[fd].pid, pid);
	atomic_store(&fds[fd].may_hang, strcmp(name, "smaps_rollup") == 0 ||
	                                    strcmp(name, "cmdline") == 0 ||
	                                    strcmp(name, "smaps") == 0 || strcmp(name, "limits") == 0);
	atomic_store(&fds[fd].uptime, strcmp(name, "uptime") == 0);
}

static unsigned open_kinds(int flags)
{
	return (flags & O_ACCMODE) == O_RDONLY ? 1u << ERRNO | 1u << EINTR_ | 1u << GONE : 1u << STORE;
}

static mode_t mode_of(int flags, va_list arguments)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

/* Own files, but for proc's and cgroups': the state must be readable at the start, or there would
 * be nothing to lose. */
static bool is_readable_always(int dir, const char *path, int flags)
{
	struct statfs info;

	return (flags & O_ACCMODE) == O_RDONLY && pid_of_path(path) == 0 && fstatfs(dir, &info) == 0 &&
	       info.f_type != PROC_SUPER_MAGIC && info.f_type != CGROUP2_SUPER_MAGIC;
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
	const int pid = pid_of_path(path);
	const bool always = !plan.on || is_readable_always(dir, path, flags);
	const bool own = plan.on && !always && is_own(CALLER);
	const int error =
		always ? 0 : trouble(CALLER, open_kinds(flags) & ~(pid ? 0 : 1u << GONE), pid);
	va_list arguments;
	int fd;

	NEXT(openat);
	if (error)
		return fail(error);
	va_start(arguments, flags);
	fd = real(dir, path, flags, mode_of(flags, arguments));
	va_end(arguments);
	if (own)
		remember(fd, path, pid);
	else if (plan.on && fd >= 0 && fd < FDS_MAX)
		atomic_store(&fds[fd].pid, -1);
	return fd;
}

EXPORT int open(const char *path, int flags, ...)
{
	const int error = trouble(CALLER, open_kinds(flags) & 1u << STORE, 0);
	const bool own = plan.on && is_own(CALLER);
	va_list arguments;
	int fd;

	NEXT(open);
	if (error)
		return fail(error);
	va_start(arguments, flags);
	fd = real(path, flags, mode_of(flags, arguments));
	va_end(arguments);
	if (own && fd >= 0 && fd < FDS_MAX)
		atomic_store(&fds[fd].pid, -1);
	return fd;
}

/* --- reading --------------------------------------------------------------------------------- */

/* A part is missing, there twice, or is something else. */
static ssize_t tear(char *text, ssize_t len, uint64_t chance)
{
	const size_t size = (size_t)len;
	const size_t at = chance % size;
	const size_t most = size - at;
	const size_t count = 1 + (chance >> 20) % (most < 40 ? most : 40);

	if (chance >> 40 & 1) {
		memmove(text + at, text + at + count, most - count);
		return len - (ssize_t)count;
	}
	if (chance >> 41 & 1)
		memmove(text + at, text, most < at ? most : at);
	else
		memset(text + at, "\0009-\n \xff)x"[chance >> 42 & 7], count);
	return len;
}

static void hang(void)
{
	struct timespec left = { .tv_sec = (time_t)(plan.stuck_ms / 1000),
		                     .tv_nsec = (long)(plan.stuck_ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static double slept_s(void)
{
	return plan.on && (plan.kinds & 1u << SUSPEND)
	           ? (double)SUSPENDED_S * (double)(uint64_t)((monotonic_s() - plan.begin_s) * 1000 /
	                                                      (double)plan.period_ms)
	           : 0;
}

/* The host's own clock goes on while it sleeps. */
static ssize_t shift_uptime(char *text, ssize_t len, size_t size)
{
	char *end;
	char copy[64];
	const size_t got = len > 0 ? (size_t)len : 0;

	if (slept_s() <= 0 || got == 0 || got >= sizeof(copy) || size < sizeof(copy))
		return len;
	memcpy(copy, text, got);
	copy[got] = '\0';
	return snprintf(text, size, "%.2f %.2f\n", strtod(copy, &end) + slept_s(), 1.0);
}

struct target {
	char *buf;
	size_t size;
	off_t offset;
};

typedef ssize_t read_fn(int fd, void *buf, size_t size, off_t offset);

static ssize_t read_with(const void *caller, int fd, struct target to, read_fn *real)
{
	const bool known = fd >= 0 && fd < FDS_MAX;
	const int pid = known ? atomic_load(&fds[fd].pid) : -1;
	unsigned kinds = 1u << ERRNO | 1u << EINTR_ | 1u << SHORT | 1u << TORN;
	uint64_t chance;
	enum kind kind;
	ssize_t len;

	if (!plan.on || pid < 0 || to.size == 0 || !is_own(caller))
		return real(fd, to.buf, to.size, to.offset);
	if ((plan.kinds & 1u << GONE) && is_dead(pid))
		return fail(ESRCH);
	kinds |= pid > 0 ? 1u << GONE : 0;
	kinds |= atomic_load(&fds[fd].may_hang) ? 1u << STUCK : 0;
	kind = choose(caller, kinds, &chance);
	if (kind == GONE)
		bury(pid);
	if (kind == ERRNO || kind == GONE || kind == EINTR_)
		return fail(kind == GONE ? ESRCH : kind == EINTR_ ? EINTR : error_by(chance));
	if (kind == STUCK)
		hang();
	if (kind == SHORT)
		to.size = 1 + chance % (to.size < 900 ? to.size : 900);
	len = real(fd, to.buf, to.size, to.offset);
	if (atomic_load(&fds[fd].uptime))
		len = shift_uptime(to.buf, len, to.size);
	return kind == TORN && len > 0 ? tear(to.buf, len, chance) : len;
}

static ssize_t next_read(int fd, void *buf, size_t size, off_t offset)
{
	NEXT(read);
	(void)offset;
	return real(fd, buf, size);
}

static ssize_t next_pread(int fd, void *buf, size_t size, off_t offset)
{
	NEXT(pread);
	return real(fd, buf, size, offset);
}

EXPORT ssize_t read(int fd, void *buf, size_t size)
{
	return read_with(CALLER, fd, (struct target){ buf, size, 0 }, next_read);
}

EXPORT ssize_t pread(int fd, void *buf, size_t size, off_t offset)
{
	return read_with(CALLER, fd, (struct target){ buf, size, offset }, next_pread);
}

EXPORT ssize_t readlinkat(int dir, const char *restrict path, char *restrict buf, size_t size)
{
	const int error = trouble(CALLER, 1u << ERRNO, pid_of_path(path));

	NEXT(readlinkat);
	return error ? fail(error) : real(dir, path, buf, size);
}

EXPORT int fstatat(int dir, const char *restrict path, struct stat *restrict out, int flags)
{
	const int error = trouble(CALLER, 1u << ERRNO, pid_of_path(path));

	NEXT(fstatat);
	return error ? fail(error) : real(dir, path, out, flags);
}

EXPORT int fstat(int fd, struct stat *out)
{
	const bool always = fd >= 0 && fd < FDS_MAX && atomic_load(&fds[fd].pid) < 0;
	const int error = always ? 0 : trouble(CALLER, 1u << ERRNO, 0);

	NEXT(fstat);
	return error ? fail(error) : real(fd, out);
}

/* getdents64() and openat2() are called by their numbers. */
EXPORT long syscall(long number, ...)
{
	const int error = number == SYS_getdents64 || number == SYS_openat2
	                      ? trouble(CALLER, 1u << ERRNO | 1u << EINTR_, 0)
	                      : 0;
	va_list all;
	long a[6];

	NEXT(syscall);
	if (error)
		return fail(error);
	va_start(all, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(all, long);
	va_end(all);
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- writing --------------------------------------------------------------------------------- */

/* Own files alone: what the Netdata plugin writes to its daemon has an end of its own. */
EXPORT ssize_t write(int fd, const void *buf, size_t size)
{
	uint64_t chance;
	enum kind kind = KIND_COUNT;

	NEXT(write);
	if (plan.on && fd > 2)
		kind = choose(CALLER, 1u << STORE | 1u << EINTR_, &chance);
	if (kind == EINTR_)
		return fail(EINTR);
	if (kind == STORE && chance % 5 != 4)
		return fail((const int[]){ ENOSPC, EIO, EROFS, EDQUOT }[chance % 4]);
	return real(fd, buf, kind == STORE && size > 1 ? size / 2 : size);
}

EXPORT int fsync(int fd)
{
	uint64_t chance;
	const enum kind kind = choose(CALLER, 1u << STORE | 1u << STUCK, &chance);

	NEXT(fsync);
	if (kind == STUCK)
		hang();
	return kind == STORE ? fail(EIO) : real(fd);
}

EXPORT int rename(const char *from, const char *to)
{
	const int error = trouble(CALLER, 1u << STORE, 0);

	NEXT(rename);
	return error ? fail(error) : real(from, to);
}

EXPORT int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	const int error = trouble(CALLER, 1u << STORE, 0);

	NEXT(renameat);
	return error ? fail(error) : real(from_dir, from, to_dir, to);
}

EXPORT int unlinkat(int dir, const char *path, int flags)
{
	const int error = trouble(CALLER, 1u << STORE, 0);

	NEXT(unlinkat);
	return error ? fail(error) : real(dir, path, flags);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
	const int error = trouble(CALLER, 1u << STORE, 0);

	NEXT(mkdir);
	return error ? fail(error) : real(path, mode);
}

/* --- memory ---------------------------------------------------------------------------------- */

static bool lacks_memory(void)
{
	uint64_t chance;
	bool lacks = false;

	if (!plan.on || !(plan.kinds & 1u << ALLOC) || busy)
		return false;
	busy = true;
	if (is_own_allocation())
		lacks = choose(NULL, 1u << ALLOC, &chance) == ALLOC;
	busy = false;
	return lacks;
}

EXPORT void *malloc(size_t size)
{
	if (!lacks_memory())
		return __libc_malloc(size);
	errno = ENOMEM;
	return NULL;
}

EXPORT void *calloc(size_t count, size_t size)
{
	if (!lacks_memory())
		return __libc_calloc(count, size);
	errno = ENOMEM;
	return NULL;
}

EXPORT void *realloc(void *block, size_t size)
{
	if (!lacks_memory())
		return __libc_realloc(block, size);
	errno = ENOMEM;
	return NULL;
}

/* Of what is not a file. */
EXPORT void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	uint64_t chance;

	NEXT(mmap);
	if (!(flags & MAP_ANONYMOUS) || choose(CALLER, 1u << ALLOC, &chance) == KIND_COUNT)
		return real(at, size, protection, flags, fd, offset);
	errno = ENOMEM;
	return MAP_FAILED;
}

EXPORT void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	uint64_t chance;
	va_list arguments;
	void *to;

	NEXT(mremap);
	va_start(arguments, flags);
	to = flags & MREMAP_FIXED ? va_arg(arguments, void *) : NULL;
	va_end(arguments);
	if (choose(CALLER, 1u << ALLOC, &chance) == KIND_COUNT)
		return real(old, old_size, size, flags, to);
	errno = ENOMEM;
	return MAP_FAILED;
}

/* --- clocks: those of procleak, for a daemon that waits by the wall clock would wait for years --
 */

static double jumped_s(void)
{
	static const double years[] = { 0, 3, -3, 0.0001, -20, 0, -0.0001, 11 };
	static atomic_ulong last;
	uint64_t period;

	if (!plan.on || !(plan.kinds & (1u << CLOCK | 1u << SUSPEND)))
		return 0;
	period = (uint64_t)((monotonic_s() - plan.begin_s) * 1000 / (double)plan.period_ms);
	if (atomic_exchange(&last, period) != period)
		atomic_fetch_add(&counts[1 + (plan.kinds & 1u << CLOCK ? CLOCK : SUSPEND)], 1);
	if (!(plan.kinds & 1u << CLOCK))
		return slept_s();
	return years[mix(plan.seed + period) % 8] * 365.25 * 86400;
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *out)
{
	const bool own = plan.on && is_own(CALLER);
	int err;

	NEXT(clock_gettime);
	err = real(clock, out);
	if (own && err == 0 && clock == CLOCK_REALTIME)
		out->tv_sec += (time_t)jumped_s();
	return err;
}

EXPORT time_t time(time_t *out)
{
	const time_t jumped = plan.on && is_own(CALLER) ? (time_t)jumped_s() : 0;
	time_t now;

	NEXT(time);
	now = real(NULL) + jumped;
	if (out)
		*out = now;
	return now;
}

/* --- the plan -------------------------------------------------------------------------------- */

static void read_kinds(const char *text)
{
	while (*text && *text != ' ') {
		const size_t len = strcspn(text, "+ ");

		for (unsigned i = 0; i < KIND_COUNT; i++)
			if (strlen(kind_names[i]) == len && strncmp(text, kind_names[i], len) == 0)
				plan.kinds |= 1u << i;
		text += len + (text[len] == '+');
	}
}

static uint64_t number_of(const char *text, const char *key, uint64_t missing)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : missing;
}

static void share_counts(const char *path)
{
	const int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
	void *shared = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof(own_counts)) == 0)
		shared = mmap(NULL, sizeof(own_counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (shared != MAP_FAILED)
		counts = shared;
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("INJECT");
	const char *kinds = text ? strstr(text, "kinds=") : NULL;
	void *frame;

	if (!kinds)
		return;
	(void)backtrace(&frame, 1); /* loads what it needs now, while allocating does no harm */
	share_counts(getenv("INJECT_COUNTS"));
	read_kinds(kinds + strlen("kinds="));
	plan.seed = number_of(text, "seed=", 1);
	plan.one_in = number_of(text, "one_in=", 0);
	plan.nth = number_of(text, "nth=", 0);
	plan.stuck_ms = number_of(text, "stuck_ms=", 3000);
	plan.period_ms = number_of(text, "period_ms=", 1000);
	plan.begin_s = monotonic_s();
	plan.on = true;
}
