#include "base/verdict.h"

static const char *const verdict_names[PL_VERDICT_COUNT] = {
	"learning", "steady", "growing", "leaking", "critical",
};

static const char *const cause_names[PL_CAUSE_COUNT] = {
	"unknown", "connections", "threads", "fds", "work", "time",
};

const char *pl_verdict_name(enum pl_verdict verdict)
{
	return verdict_names[verdict];
}

const char *pl_cause_name(enum pl_cause cause)
{
	return cause_names[cause];
}
