/*
 * The function "procleak" of the dashboard: a live table of what has charts, as Netdata's tables
 * are to be described in JSON.
 */
#ifndef PL_NETDATA_FUNCTION_H
#define PL_NETDATA_FUNCTION_H

#include "subjects.h"
#include "wire.h"

#define PL_FUNCTION_NAME "procleak"
#define PL_FUNCTION_TIMEOUT_S 10
#define PL_FUNCTION_HELP "Processes, whether they leak memory, how fast, where and with what."
#define PL_FUNCTION_TAGS "processes"

/*
 * Answers a call: the table, or with the argument "info" what it takes, or an error. Returns false
 * when it cannot be answered: the transaction is not one, or memory is out.
 */
bool pl_function_answer(const struct pl_subjects *subjects, struct pl_wire *wire,
                        const char *transaction, const char *function, double wall_s);

#endif
