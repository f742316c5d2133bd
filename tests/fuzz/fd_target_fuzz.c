#include "fuzz.h"
#include "parse/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t inode = 77;
	const enum pl_fd_kind kind = pl_parse_fd_target((const char *)data, size, &inode);

	fuzz_expect(kind <= PL_FD_OTHER);
	fuzz_expect(kind == PL_FD_SOCKET || inode == 0);
	return 0;
}
