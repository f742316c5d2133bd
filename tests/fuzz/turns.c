#include "turns.h"

#include <errno.h>
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#include "fuzz.h"

#define THREADS 8
#define STACK_BYTES (size_t)(256 << 10)
#define GUARD_BYTES (size_t)4096
#define LOOK_S 1e-7 /* what it takes to look at a clock */

enum thread_state { THREAD_NONE, THREAD_READY, THREAD_WAITS, THREAD_HANGS, THREAD_ENDED };

struct thread {
	enum thread_state state;
	ucontext_t context;
	char *stack; /* kept for the next one */
	void *fake_stack;
	void *(*main)(void *arg);
	void *arg;
};

static struct {
	double mono_s;
	double wall_s;
	double cpu_s;
	struct thread threads[THREADS];
	struct thread *current; /* NULL: the test's */
	ucontext_t context;     /* of the test's */
	const void *stack;      /* and its stack, as far as a sanitizer wants to know */
	size_t stack_bytes;
	void *fake_stack;
	const pthread_mutex_t *lock; /* the one that there may be; those of libFuzzer are not ours */
	const void *locked_by;       /* which thread, or `turns` for the test's; NULL: nobody */
} turns;

/* libFuzzer has a thread of its own, to which all of this is as it always was. */
static _Thread_local bool is_ours;

int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __real_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*main)(void *arg),
                          void *arg);
int __real_pthread_join(pthread_t id, void **result);
int __real_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes);
int __real_pthread_mutex_lock(pthread_mutex_t *lock);
int __real_pthread_mutex_unlock(pthread_mutex_t *lock);
int __real_pthread_cond_wait(pthread_cond_t *changed, pthread_mutex_t *lock);
int __real_pthread_cond_timedwait(pthread_cond_t *changed, pthread_mutex_t *lock,
                                  const struct timespec *deadline);
int __real_pthread_cond_broadcast(pthread_cond_t *changed);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*main)(void *arg),
                          void *arg);
int __wrap_pthread_join(pthread_t id, void **result);
int __wrap_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_pthread_cond_wait(pthread_cond_t *changed, pthread_mutex_t *lock);
int __wrap_pthread_cond_timedwait(pthread_cond_t *changed, pthread_mutex_t *lock,
                                  const struct timespec *deadline);
int __wrap_pthread_cond_broadcast(pthread_cond_t *changed);

void turns_begin(double mono_s, double wall_s)
{
	is_ours = true;
	turns.mono_s = mono_s;
	turns.wall_s = wall_s;
	turns.cpu_s = 0;
}

void turns_end(void)
{
	for (size_t i = 0; i < THREADS; i++)
		fuzz_expect(turns.threads[i].state == THREAD_NONE);
	fuzz_expect(turns.locked_by == NULL);
	is_ours = false;
}

void turns_pass(double seconds, bool of_cpu)
{
	turns.mono_s += seconds;
	turns.wall_s += seconds;
	if (of_cpu)
		turns.cpu_s += seconds;
}

void turns_set_wall(double by_s)
{
	turns.wall_s += by_s;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
	double at_s;

	if (!is_ours)
		return __real_clock_gettime(clock, out);
	turns_pass(LOOK_S, true);
	at_s = clock == CLOCK_REALTIME ? turns.wall_s : turns.mono_s;
	if (clock == CLOCK_THREAD_CPUTIME_ID)
		at_s = turns.cpu_s;
	out->tv_sec = (time_t)at_s;
	out->tv_nsec = (long)((at_s - (double)out->tv_sec) * 1e9);
	return 0;
}

/* --- whose turn it is ----------------------------------------------------------------------- */

/* From a thread to the test, which comes back when it is the thread's turn again. */
static void give_way(enum thread_state state)
{
	struct thread *self = turns.current;

	self->state = state;
	turns.current = NULL;
	/* an ended one does not come back: its fake stack is let go */
	__sanitizer_start_switch_fiber(state == THREAD_ENDED ? NULL : &self->fake_stack, turns.stack,
	                               turns.stack_bytes);
	swapcontext(&self->context, &turns.context);
	__sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
}

static void thread_main(void)
{
	struct thread *self = turns.current;

	__sanitizer_finish_switch_fiber(NULL, &turns.stack, &turns.stack_bytes);
	self->main(self->arg);
	give_way(THREAD_ENDED);
}

static void take_turn(struct thread *thread)
{
	turns.current = thread;
	__sanitizer_start_switch_fiber(&turns.fake_stack, thread->stack + GUARD_BYTES, STACK_BYTES);
	swapcontext(&turns.context, &thread->context);
	__sanitizer_finish_switch_fiber(turns.fake_stack, NULL, NULL);
}

/* Returns whether there was anybody. */
static bool let_others(void)
{
	bool any = false;

	for (size_t i = 0; i < THREADS; i++) {
		if (turns.threads[i].state != THREAD_READY)
			continue;
		take_turn(&turns.threads[i]);
		any = true;
	}
	return any;
}

bool turns_hang(void)
{
	if (!is_ours || !turns.current)
		return false;
	give_way(THREAD_HANGS);
	return true;
}

void turns_release(void)
{
	for (size_t i = 0; i < THREADS; i++)
		if (turns.threads[i].state == THREAD_HANGS)
			turns.threads[i].state = THREAD_READY;
}

/* --- pthread.h ------------------------------------------------------------------------------- */

static char *make_stack(void)
{
	char *stack = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	fuzz_expect(stack != MAP_FAILED);
	fuzz_expect(mprotect(stack, GUARD_BYTES, PROT_NONE) == 0);
	return stack;
}

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*main)(void *arg),
                          void *arg)
{
	struct thread *thread = turns.threads;

	if (!is_ours)
		return __real_pthread_create(id, attributes, main, arg);
	while (thread < turns.threads + THREADS && thread->state != THREAD_NONE)
		thread++;
	if (thread == turns.threads + THREADS)
		return EAGAIN;
	if (!thread->stack)
		thread->stack = make_stack();
	thread->main = main;
	thread->arg = arg;
	thread->state = THREAD_READY;
	getcontext(&thread->context);
	thread->context.uc_stack.ss_sp = thread->stack + GUARD_BYTES;
	thread->context.uc_stack.ss_size = STACK_BYTES;
	thread->context.uc_link = NULL;
	makecontext(&thread->context, thread_main, 0);
	*id = (pthread_t)(thread - turns.threads);
	return 0;
}

/* Of one that has said that it ends. */
int __wrap_pthread_join(pthread_t id, void **result)
{
	if (!is_ours)
		return __real_pthread_join(id, result);
	struct thread *thread = &turns.threads[id];

	while (thread->state == THREAD_READY)
		take_turn(thread);
	fuzz_expect(thread->state == THREAD_ENDED);
	thread->state = THREAD_NONE;
	return 0;
}

int __wrap_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes)
{
	if (is_ours)
		turns.lock = lock;
	return __real_pthread_mutex_init(lock, attributes);
}

static const void *myself(void)
{
	return turns.current ? (const void *)turns.current : &turns;
}

/* Nobody gives way with the lock held: whoever finds it held waits for ever. */
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
	if (!is_ours || lock != turns.lock)
		return __real_pthread_mutex_lock(lock);
	fuzz_expect(turns.locked_by == NULL);
	turns.locked_by = myself();
	return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
	if (!is_ours || lock != turns.lock)
		return __real_pthread_mutex_unlock(lock);
	fuzz_expect(turns.locked_by == myself());
	turns.locked_by = NULL;
	return 0;
}

int __wrap_pthread_cond_wait(pthread_cond_t *changed, pthread_mutex_t *lock)
{
	if (!is_ours)
		return __real_pthread_cond_wait(changed, lock);
	fuzz_expect(turns.current != NULL);
	__wrap_pthread_mutex_unlock(lock);
	give_way(THREAD_WAITS);
	return __wrap_pthread_mutex_lock(lock);
}

/* Only the test waits for so long and no longer. When nobody else can do anything, that is how long
 * it waits. */
int __wrap_pthread_cond_timedwait(pthread_cond_t *changed, pthread_mutex_t *lock,
                                  const struct timespec *deadline)
{
	if (!is_ours)
		return __real_pthread_cond_timedwait(changed, lock, deadline);
	const double until_s = (double)deadline->tv_sec + (double)deadline->tv_nsec * 1e-9;
	int err = 0;

	fuzz_expect(turns.current == NULL);
	__wrap_pthread_mutex_unlock(lock);
	if (!let_others()) {
		if (until_s > turns.mono_s)
			turns_pass(until_s - turns.mono_s, false);
		err = ETIMEDOUT;
	}
	__wrap_pthread_mutex_lock(lock);
	return err;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *changed)
{
	if (!is_ours)
		return __real_pthread_cond_broadcast(changed);
	for (size_t i = 0; i < THREADS; i++)
		if (turns.threads[i].state == THREAD_WAITS)
			turns.threads[i].state = THREAD_READY;
	return 0;
}
