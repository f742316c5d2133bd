/*
 * What a program file tells of addresses in it: where it is loaded, its symbols, its build id.
 *
 * Reads 64-bit ELF files of this machine's byte order by bounded reads at given places, never by
 * mapping them, as a mapped file that is cut short kills its reader. Every number in the file is
 * hostile. Allocates nothing; DWARF is not looked at.
 */
#ifndef PL_CENSUS_ELF_H
#define PL_CENSUS_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pl_census_source {
	ssize_t (*read_at)(void *ctx, void *buf, size_t size, uint64_t offset);
	void *ctx;
};

#define PL_CENSUS_BUILD_ID_MAX 32
#define PL_CENSUS_SYMBOL_MAX 1024 /* longer names are cut */
#define PL_CENSUS_LOADS_MAX 16
#define PL_CENSUS_TABLES_MAX 2 /* .symtab, .dynsym */

struct pl_census_elf {
	struct pl_census_source source;
	struct pl_census_load {
		uint64_t offset_bytes;
		uint64_t address; /* as linked */
		uint64_t file_bytes;
	} loads[PL_CENSUS_LOADS_MAX];
	size_t load_count;
	struct pl_census_symbol_table {
		uint64_t offset_bytes;
		uint64_t size_bytes;
		uint64_t names_offset_bytes;
		uint64_t names_size_bytes;
		bool exported;
	} tables[PL_CENSUS_TABLES_MAX];
	size_t table_count;
	bool has_symtab; /* not stripped */
	bool is_go;      /* has .gopclntab, or .go.buildinfo */
	uint8_t build_id[PL_CENSUS_BUILD_ID_MAX];
	size_t build_id_len;
};

/* Returns 0, -ENOTSUP for a 32-bit or foreign file, -EBADMSG for what is no ELF file. A file whose
 * section headers make no sense is one without symbols. */
int pl_census_elf_open(const struct pl_census_source *source, struct pl_census_elf *out);

/* The distance from addresses as linked to addresses in memory, by one mapping of the file. */
bool pl_census_elf_bias(const struct pl_census_elf *elf, uint64_t mapping_start,
                        uint64_t mapping_offset_bytes, uint64_t page_bytes, uint64_t *out);

/* One address to be named, as linked. */
struct pl_census_symbol {
	uint64_t address;
	bool found;
	bool is_function;
	uint64_t offset_bytes; /* of the address in the symbol */
	char name[PL_CENSUS_SYMBOL_MAX];
};

/* Names all `wanted` in one pass over the symbols. Returns 0 or -errno of reading. */
int pl_census_elf_name(const struct pl_census_elf *elf, struct pl_census_symbol *wanted,
                       size_t count);

/* Finds one of `names` among the symbols that it exports. Returns its index, or -ENOENT. */
int pl_census_elf_find(const struct pl_census_elf *elf, const char *const *names, size_t count);

#endif
