/* Symbols, build ids and names of a program: of this one. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "census/demangle.h"
#include "census/elf.h"
#include "tap.h"

struct bytes {
	const uint8_t *data;
	size_t size;
};

static ssize_t read_bytes(void *ctx, void *buf, size_t size, uint64_t offset)
{
	const struct bytes *bytes = ctx;

	if (offset >= bytes->size)
		return 0;
	if (size > bytes->size - offset)
		size = bytes->size - (size_t)offset;
	memcpy(buf, bytes->data + offset, size);
	return (ssize_t)size;
}

static uint8_t *read_self(size_t *size)
{
	const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint8_t *data = malloc((size_t)64 << 20);
	ssize_t n;

	*size = 0;
	while (fd >= 0 && data && (n = read(fd, data + *size, 65536)) > 0)
		*size += (size_t)n;
	close(fd);
	return data;
}

int census_elf_test_marker(int number);

__attribute__((noinline)) int census_elf_test_marker(int number)
{
	return number + 1;
}

/* Finds the marker's address as linked by asking for all addresses of code, a page at a time. */
static void test_self(const struct pl_census_elf *elf)
{
	const uint64_t here = (uint64_t)(uintptr_t)census_elf_test_marker;
	struct pl_census_symbol *wanted = calloc(2, sizeof(*wanted));
	char line[256];
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start = 0;
	uint64_t bias = 0;

	if (!maps || !wanted)
		exit(1);
	/* a sanitizer's shadow may lie below the program */
	while (start == 0 && fgets(line, sizeof(line), maps))
		if (strstr(line, "census_elf_test"))
			start = strtoul(line, NULL, 16);
	fclose(maps);
	ok(pl_census_elf_bias(elf, start, 0, 4096, &bias), "the load address is found");
	ok(!pl_census_elf_bias(elf, start, UINT64_C(1) << 40, 4096, &bias), "but of no other part");
	wanted[0].address = here - bias;
	wanted[1].address = here - bias + 1;
	is_num(pl_census_elf_name(elf, wanted, 2), 0, "symbols are read");
	ok(wanted[0].found && wanted[0].is_function && wanted[0].offset_bytes == 0, "a function");
	is_str(wanted[0].name, "census_elf_test_marker", "has its name");
	ok(wanted[1].found && wanted[1].offset_bytes == 1, "and its inside too");
	free(wanted);
}

static void test_damaged(const uint8_t *good, size_t size)
{
	uint8_t *data = malloc(size + 1);
	struct bytes bytes = { data, size };
	const struct pl_census_source source = { read_bytes, &bytes };
	struct pl_census_elf elf;
	struct pl_census_elf before;

	if (!data || size < 64)
		exit(1);
	memcpy(data, good, size);
	memset(&elf, 0x5a, sizeof(elf));
	before = elf;
	data[4] = 1;
	is_num(pl_census_elf_open(&source, &elf), -ENOTSUP, "32 bits are not understood");
	memcpy(data, "nonsense", 8);
	is_num(pl_census_elf_open(&source, &elf), -EBADMSG, "nor is another kind of file");
	ok(memcmp(&elf, &before, sizeof(elf)) == 0, "a refusal writes nothing");
	memcpy(data, good, size);
	memset(data + 40, 0xff, 8);
	is_num(pl_census_elf_open(&source, &elf), 0, "sections that are nowhere");
	is_num(elf.table_count, 0, "are no symbols");
	memcpy(data, good, size);
	memset(data + 32, 0xff, 8);
	is_num(pl_census_elf_open(&source, &elf), -EBADMSG, "segments that are nowhere");
	for (bytes.size = 0; bytes.size < 64; bytes.size++)
		if (pl_census_elf_open(&source, &elf) != -EBADMSG)
			break;
	is_num(bytes.size, 64, "a header that was cut");
	free(data);
}

static void test_names(void)
{
	char name[128];
	char small[8];
	/* f(a, b<a, a>, b<b<a, a>, b<a, a>>, ...), each twice the one before: 2^35 letters */
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char bomb[1024] = "_Z1f1a1bIS_S_E";
	size_t used = strlen(bomb);

	ok(pl_census_demangle_type("N3app7SessionE", name, sizeof(name)), "a type of C++");
	is_str(name, "app::Session", "by its name");
	ok(pl_census_demangle_type("N12_GLOBAL__N_14NodeE", name, sizeof(name)), "without a namespace");
	is_str(name, "(anonymous namespace)::Node", "by what C++ calls that");
	ok(pl_census_demangle_symbol("_ZN3api5closeEi", name, sizeof(name)), "a function");
	is_str(name, "api::close(int)", "with its arguments");
	ok(pl_census_demangle_symbol("_RNvCs15kBYyAo9fc_7mycrate7example", name, sizeof(name)), "Rust");
	is_str(name, "mycrate::example", "as people write it");
	ok(pl_census_demangle_type("N3app7SessionE", small, sizeof(small)), "a name is cut to fit");
	is_str(small, "app::Se", "and ended");
	ok(!pl_census_demangle_symbol("main", name, sizeof(name)), "what is not mangled");
	ok(!pl_census_demangle_type("", name, sizeof(name)), "nor is nothing");
	for (size_t i = 1; i < sizeof(digits) - 1; i++)
		used += (size_t)snprintf(bomb + used, sizeof(bomb) - used, "S0_IS%c_S%c_E", digits[i],
		                         digits[i]);
	alarm(20); /* without a bound it takes hours */
	ok(pl_census_demangle_symbol(bomb, name, sizeof(name)), "a name that grows without end");
	name[12] = '\0';
	is_str(name, "f(a, b<a, a>", "is left in time");
	alarm(0);
}

int main(void)
{
	size_t size;
	uint8_t *self = read_self(&size);
	struct bytes bytes = { self, size };
	const struct pl_census_source source = { read_bytes, &bytes };
	struct pl_census_elf elf;

	is_num(pl_census_elf_open(&source, &elf), 0, "this program is an ELF file");
	ok(elf.load_count > 0 && elf.table_count > 0, "with segments and symbols");
	test_self(&elf);
	test_damaged(self, size);
	test_names();
	free(self);
	return tap_done();
}
