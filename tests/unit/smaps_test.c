/* The stream parser of smaps: what it reads, however the text is cut and whatever is wrong in it.
 */
#include "parse/smaps.h"

#include <stdlib.h>

#include "tap.h"

#define FIELDS(rss, anonymous, swap)                                                               \
	"Size:               1234 kB\n"                                                                \
	"KernelPageSize:        4 kB\n"                                                                \
	"Rss:            " rss " kB\n"                                                                 \
	"Pss:                   7 kB\n"                                                                \
	"Pss_Dirty:             0 kB\n"                                                                \
	"Referenced:            3 kB\n"                                                                \
	"Anonymous:      " anonymous " kB\n"                                                           \
	"LazyFree:              1 kB\n"                                                                \
	"AnonHugePages:         2 kB\n"                                                                \
	"Private_Hugetlb:       0 kB\n"                                                                \
	"Swap:           " swap " kB\n"                                                                \
	"SwapPss:               9 kB\n"                                                                \
	"THPeligible:           0\n"

/* clang-format off */
static const char plain[] =
	"00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon\n"
	FIELDS("     328", "       0", "       0") "VmFlags: rd ex mr mw me dw \n"
	"7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
	FIELDS("     132", "     128", "      64") "VmFlags: rd wr mr mw me nr \n"
	"7f0000021000-7f0004000000 ---p 00000000 00:00 0 \n"
	FIELDS("       0", "       0", "       0") "VmFlags: mr mw me nr \n"
	"7f1000000000-7f2000000000 rw-s 00000000 00:01 4  /memfd:x\\012Rss: 99 kB (deleted)\n"
	FIELDS("12345678", "       0", "       0") "VmFlags: rd wr sh mr mw me ms ht \n"
	"7f2000000000-7f2000001000 rw-p 00000000 00:00 0                  [anon: Go: heap]\n"
	FIELDS("123456789", "123456789", "       0") "VmFlags: rd wr \n"
	"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]\n"
	FIELDS("      12", "      12", "       0") "VmFlags: rd wr mr mw me gd ac \n";
/* clang-format on */

struct seen {
	size_t count;
	struct pl_mapping mappings[16];
	char names[16][64];
};

static void take(void *ctx, const struct pl_mapping *m)
{
	struct seen *seen = ctx;
	const size_t len = m->name_len < 63 ? m->name_len : 63;

	if (seen->count == 16)
		return;
	seen->mappings[seen->count] = *m;
	memcpy(seen->names[seen->count], m->name, len);
	seen->names[seen->count][len] = '\0';
	seen->count++;
}

/* Pieces of `first` bytes, then of `rest`. */
static int parse(const char *text, size_t len, size_t first, size_t rest, struct seen *seen,
                 uint32_t *bad)
{
	static struct pl_smaps_parser parser;
	size_t at = 0;
	size_t piece = first;
	int err;

	memset(seen, 0, sizeof(*seen));
	pl_parse_smaps_init(&parser, take, seen);
	while (at < len) {
		char *copy;

		if (piece == 0 || piece > len - at)
			piece = len - at;
		/* a block of its own, so that valgrind and the sanitizers see a read past its end */
		copy = malloc(piece);
		memcpy(copy, text + at, piece);
		pl_parse_smaps_feed(&parser, copy, piece);
		free(copy);
		at += piece;
		piece = rest;
	}
	err = pl_parse_smaps_finish(&parser);
	*bad = parser.bad_line_count;
	return err;
}

static bool is_plain(const struct seen *seen)
{
	const struct pl_mapping *m = seen->mappings;

	return seen->count == 6 && m[0].start == 0x400000 && m[0].end == 0x452000 && m[0].executable &&
	       !m[0].writable && !m[0].shared && m[0].inode == 173521 &&
	       strcmp(seen->names[0], "/usr/bin/dbus-daemon") == 0 &&
	       m[0].bytes[PL_SMAPS_RSS] == 328 * 1024 && m[0].bytes[PL_SMAPS_PSS] == 7 * 1024 &&
	       m[0].bytes[PL_SMAPS_REFERENCED] == 3 * 1024 && m[0].bytes[PL_SMAPS_LAZYFREE] == 1024 &&
	       m[0].bytes[PL_SMAPS_ANON_HUGE] == 2048 && m[0].bytes[PL_SMAPS_SHARED_HUGETLB] == 0 &&
	       m[1].name_len == 0 && m[1].no_reserve && m[1].bytes[PL_SMAPS_ANONYMOUS] == 128 * 1024 &&
	       m[1].bytes[PL_SMAPS_SWAP] == 64 * 1024 && !m[2].readable && !m[2].writable &&
	       m[3].shared && m[3].hugetlb && m[3].deleted &&
	       strcmp(seen->names[3], "/memfd:x\\012Rss: 99 kB") == 0 &&
	       m[3].bytes[PL_SMAPS_RSS] == UINT64_C(12345678) * 1024 && !m[4].hugetlb &&
	       m[4].bytes[PL_SMAPS_RSS] == UINT64_C(123456789) * 1024 &&
	       m[4].bytes[PL_SMAPS_SWAP] == 0 && strcmp(seen->names[4], "[anon: Go: heap]") == 0 &&
	       m[5].bytes[PL_SMAPS_RSS] == 12 * 1024 && strcmp(seen->names[5], "[stack]") == 0;
}

static void test_cuts(void)
{
	const size_t len = sizeof(plain) - 1;
	struct seen seen;
	uint32_t bad;
	bool first_good = true;
	bool rest_good = true;

	ok(parse(plain, len, 0, 0, &seen, &bad) == 0 && bad == 0, "a whole text is read");
	ok(is_plain(&seen), "every mapping is as the text says, wide numbers too");
	for (size_t cut = 1; cut < len; cut++)
		first_good &= parse(plain, len, cut, 0, &seen, &bad) == 0 && bad == 0 && is_plain(&seen);
	ok(first_good, "it is the same when cut in two anywhere");
	for (size_t piece = 1; piece < 100; piece++)
		rest_good &= parse(plain, len, piece, piece, &seen, &bad) == 0 && is_plain(&seen);
	ok(rest_good, "and in pieces of 1 to 99 bytes");
}

static void test_truncated(void)
{
	struct seen seen;
	uint32_t bad;

	ok(parse(plain, sizeof(plain) - 10, 0, 0, &seen, &bad) < 0, "a text cut in a line is told");
	ok(seen.count == 6, "what came before it is reported");
	ok(parse("", 0, 0, 0, &seen, &bad) == 0 && seen.count == 0, "an empty text holds no mapping");
}

static void test_without_flags(void)
{
	static const char text[] = "1000-2000 rw-p 00000000 00:00 0 \nRss: 4 kB\nSwap: 8 kB\n"
							   "3000-4000 rw-p 00000000 00:00 0 \nRss: 12 kB\n";
	struct seen seen;
	uint32_t bad;

	ok(parse(text, sizeof(text) - 1, 0, 0, &seen, &bad) == 0 && seen.count == 2,
	   "mappings without VmFlags and with few fields are read");
	ok(seen.mappings[0].bytes[PL_SMAPS_SWAP] == 8192 &&
	       seen.mappings[1].bytes[PL_SMAPS_RSS] == 12288 &&
	       seen.mappings[1].bytes[PL_SMAPS_SWAP] == 0,
	   "nothing of one mapping is left in the next");
}

static void test_bad_lines(void)
{
	static const char text[] = "not a mapping\n1000-2000 rw-p 00000000 00:00 0 \nRss: x kB\n\n"
							   "zzzz\n5000-4000 rw-p 0 00:00 0 \nPss: 4 kB\n"
							   "3000-4000 rwp 00000000 00:00 0 \n-\n";
	struct seen seen;
	uint32_t bad;

	ok(parse(text, sizeof(text) - 1, 0, 0, &seen, &bad) == 0 && seen.count == 1,
	   "broken headers make no mapping");
	is_num(bad, 7, "every broken line is counted");
	is_num(seen.mappings[0].bytes[PL_SMAPS_PSS], 4096, "and the mapping goes on");
}

static void test_long_name(void)
{
	static char text[20000];
	struct seen seen;
	uint32_t bad;
	const int head = snprintf(text, sizeof(text), "1000-2000 rw-p 00000000 00:00 7 /");

	memset(text + head, 'a', 12000);
	snprintf(text + head + 12000, 200, "\nRss: 4 kB\n%s",
	         "3000-4000 rw-p 00000000 00:00 0 \nRss: 12 kB\n");
	for (size_t piece = 0; piece < 5000; piece += 1000) {
		const int err = parse(text, strlen(text), piece, piece, &seen, &bad);

		if (err != 0 || seen.count != 2 || seen.mappings[0].name_len != PL_SMAPS_NAME_MAX ||
		    seen.mappings[1].bytes[PL_SMAPS_RSS] != 12288) {
			ok(false, "a name longer than any buffer is cut");
			return;
		}
	}
	ok(true, "a name longer than any buffer is cut");
}

int main(void)
{
	test_cuts();
	test_truncated();
	test_without_flags();
	test_bad_lines();
	test_long_name();
	return tap_done();
}
