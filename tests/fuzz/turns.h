/*
 * Threads that take turns, and a clock that stands: what a test with threads does becomes the same
 * each time, and costs no switch of the kernel's. When one waits, or ends, the next one goes on;
 * the test's own goes on when no other can.
 *
 * Link turns.c with --wrap for clock_gettime() and for each pthread_*() that it defines. One lock
 * is known. Knows nothing of what is tested. Before turns_begin() and after turns_end() the clock
 * is the real one, and threads are none of its business.
 */
#ifndef FUZZ_TURNS_H
#define FUZZ_TURNS_H

#include <stdbool.h>

/* Both clocks start at these times. */
void turns_begin(double mono_s, double wall_s);

/* All threads have ended. */
void turns_end(void);

/* The time passes: a computation if it is of the CPU. */
void turns_pass(double seconds, bool of_cpu);

/* Somebody sets the wall clock. */
void turns_set_wall(double by_s);

/* The thread that calls this one, unless it is the test's, hangs until turns_release(). Returns
 * whether it did. */
bool turns_hang(void);

/* Those that hang go on when it is their turn. */
void turns_release(void);

#endif
