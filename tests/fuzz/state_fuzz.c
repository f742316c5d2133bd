/* The daemon's state file: refused whole, with a word on why, or read whole. */
#include "fuzz.h"
#include "state/state.h"

struct calls {
	unsigned header_count;
	unsigned match_count;
	unsigned process_count;
	unsigned other_count;
};

static void take_header(void *ctx, const struct pl_state_header *header)
{
	struct calls *calls = ctx;

	fuzz_expect(memchr(header->boot_id, '\0', sizeof(header->boot_id)) != NULL);
	calls->header_count++;
}

static void take_match(void *ctx, const struct pl_state_match *match)
{
	struct calls *calls = ctx;

	fuzz_expect(memchr(match->name, '\0', sizeof(match->name)) != NULL);
	calls->match_count++;
}

static void take_process(void *ctx, const struct pl_state_process *process)
{
	struct calls *calls = ctx;

	fuzz_expect(memchr(process->comm, '\0', sizeof(process->comm)) != NULL);
	fuzz_expect(memchr(process->message, '\0', sizeof(process->message)) != NULL);
	calls->process_count++;
}

static void take_other(void *ctx, const struct pl_state_other *other)
{
	struct calls *calls = ctx;

	fuzz_expect(memchr(other->path, '\0', sizeof(other->path)) != NULL);
	fuzz_expect(memchr(other->message, '\0', sizeof(other->message)) != NULL);
	calls->other_count++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct calls calls = { 0 };
	char problem[256] = "";
	const struct pl_state_reader reader = { .ctx = &calls,
		                                    .header = take_header,
		                                    .match = take_match,
		                                    .process = take_process,
		                                    .other = take_other };
	const int err = pl_state_read((const char *)data, size, &reader, problem, sizeof(problem));

	fuzz_expect(err == 0 || err == -EBADMSG || err == -EPROTONOSUPPORT);
	if (err == 0)
		fuzz_expect(calls.header_count == 1);
	else
		fuzz_expect(
			calls.header_count + calls.match_count + calls.process_count + calls.other_count == 0 &&
			problem[0] != '\0' && memchr(problem, '\0', sizeof(problem)) != NULL);
	return 0;
}
