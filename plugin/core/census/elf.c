#include "census/elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#define SECTIONS_MAX 4096
#define SEGMENTS_MAX 256
#define NOTE_BYTES_MAX 4096
#define SYMBOL_BYTES_MAX (UINT64_C(128) << 20) /* five million symbols */
#define CHUNK_SYMBOLS 1024

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_DATA ELFDATA2LSB
#else
#define NATIVE_DATA ELFDATA2MSB
#endif

static bool read_exactly(const struct pl_census_source *source, void *buf, size_t size,
                         uint64_t offset)
{
	return source->read_at(source->ctx, buf, size, offset) == (ssize_t)size;
}

static int read_header(const struct pl_census_source *source, Elf64_Ehdr *out)
{
	if (!read_exactly(source, out, sizeof(*out), 0) || memcmp(out->e_ident, ELFMAG, SELFMAG) != 0)
		return -EBADMSG;
	if (out->e_ident[EI_CLASS] != ELFCLASS64 || out->e_ident[EI_DATA] != NATIVE_DATA)
		return -ENOTSUP;
	return 0;
}

static size_t align4(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

/* A note segment is a row of (name size, descriptor size, type, name, descriptor). */
static void read_notes(struct pl_census_elf *elf, const Elf64_Phdr *segment)
{
	_Alignas(Elf64_Nhdr) uint8_t notes[NOTE_BYTES_MAX];
	const size_t size =
		segment->p_filesz < sizeof(notes) ? (size_t)segment->p_filesz : sizeof(notes);
	size_t at = 0;

	if (!read_exactly(&elf->source, notes, size, segment->p_offset))
		return;
	while (at + sizeof(Elf64_Nhdr) <= size) {
		Elf64_Nhdr note;
		size_t name_at;
		size_t data_at;

		memcpy(&note, notes + at, sizeof(note));
		name_at = at + sizeof(note);
		data_at = name_at + align4(note.n_namesz);
		if (data_at > size || note.n_descsz > size - data_at)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    memcmp(notes + name_at, "GNU", 4) == 0 && note.n_descsz <= PL_CENSUS_BUILD_ID_MAX) {
			memcpy(elf->build_id, notes + data_at, note.n_descsz);
			elf->build_id_len = note.n_descsz;
			return;
		}
		at = data_at + align4(note.n_descsz);
	}
}

static int read_segments(struct pl_census_elf *elf, const Elf64_Ehdr *header)
{
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > SEGMENTS_MAX)
		return -EBADMSG;
	for (uint64_t i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr segment;

		if (!read_exactly(&elf->source, &segment, sizeof(segment),
		                  header->e_phoff + i * sizeof(segment)))
			return -EBADMSG;
		if (segment.p_type == PT_LOAD && elf->load_count < PL_CENSUS_LOADS_MAX)
			elf->loads[elf->load_count++] =
				(struct pl_census_load){ segment.p_offset, segment.p_vaddr, segment.p_filesz };
		else if (segment.p_type == PT_NOTE && elf->build_id_len == 0)
			read_notes(elf, &segment);
	}
	return 0;
}

static bool read_section(const struct pl_census_elf *elf, const Elf64_Ehdr *header, uint64_t i,
                         Elf64_Shdr *out)
{
	return i < header->e_shnum &&
	       read_exactly(&elf->source, out, sizeof(*out), header->e_shoff + i * sizeof(*out));
}

static bool section_is_named(const struct pl_census_elf *elf, const Elf64_Shdr *names,
                             const Elf64_Shdr *section, const char *name)
{
	char text[32] = { 0 };
	const size_t len = strlen(name) + 1;

	return section->sh_name < names->sh_size && names->sh_offset < UINT64_MAX / 2 &&
	       read_exactly(&elf->source, text, len, names->sh_offset + section->sh_name) &&
	       memcmp(text, name, len) == 0;
}

static void read_sections(struct pl_census_elf *elf, const Elf64_Ehdr *header)
{
	Elf64_Shdr names = { 0 };

	if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum > SECTIONS_MAX)
		return;
	(void)read_section(elf, header, header->e_shstrndx, &names);
	for (uint64_t i = 0; i < header->e_shnum; i++) {
		Elf64_Shdr section;
		Elf64_Shdr strings;

		if (!read_section(elf, header, i, &section))
			return;
		if (section.sh_type == SHT_PROGBITS &&
		    (section_is_named(elf, &names, &section, ".gopclntab") ||
		     section_is_named(elf, &names, &section, ".go.buildinfo")))
			elf->is_go = true;
		if ((section.sh_type != SHT_SYMTAB && section.sh_type != SHT_DYNSYM) ||
		    section.sh_entsize != sizeof(Elf64_Sym) || section.sh_size > SYMBOL_BYTES_MAX ||
		    elf->table_count == PL_CENSUS_TABLES_MAX ||
		    !read_section(elf, header, section.sh_link, &strings))
			continue;
		elf->has_symtab = elf->has_symtab || section.sh_type == SHT_SYMTAB;
		elf->tables[elf->table_count++] =
			(struct pl_census_symbol_table){ section.sh_offset, section.sh_size, strings.sh_offset,
			                                 strings.sh_size, section.sh_type == SHT_DYNSYM };
	}
}

int pl_census_elf_open(const struct pl_census_source *source, struct pl_census_elf *out)
{
	struct pl_census_elf elf = { .source = *source };
	Elf64_Ehdr header;
	int err = read_header(source, &header);

	if (err < 0)
		return err;
	err = read_segments(&elf, &header);
	if (err < 0)
		return err;
	read_sections(&elf, &header);
	*out = elf;
	return 0;
}

bool pl_census_elf_bias(const struct pl_census_elf *elf, uint64_t mapping_start,
                        uint64_t mapping_offset_bytes, uint64_t page_bytes, uint64_t *out)
{
	for (size_t i = 0; i < elf->load_count; i++) {
		const struct pl_census_load *load = &elf->loads[i];

		if (load->offset_bytes / page_bytes * page_bytes == mapping_offset_bytes) {
			*out = mapping_start - load->address / page_bytes * page_bytes;
			return true;
		}
	}
	return false;
}

typedef bool symbol_fn(void *ctx, const struct pl_census_elf *elf,
                       const struct pl_census_symbol_table *table, const Elf64_Sym *symbol);

/* Calls `each` for every symbol that is defined until it returns false. */
static int walk_symbols(const struct pl_census_elf *elf, symbol_fn *each, void *ctx)
{
	_Alignas(Elf64_Sym) uint8_t buf[CHUNK_SYMBOLS * sizeof(Elf64_Sym)];

	for (size_t t = 0; t < elf->table_count; t++) {
		const struct pl_census_symbol_table *table = &elf->tables[t];

		for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= table->size_bytes; at += sizeof(buf)) {
			const uint64_t left = table->size_bytes - at;
			const ssize_t n =
				elf->source.read_at(elf->source.ctx, buf, left < sizeof(buf) ? left : sizeof(buf),
			                        table->offset_bytes + at);

			if (n < 0)
				return (int)n;
			for (size_t i = 0; i + sizeof(Elf64_Sym) <= (size_t)n; i += sizeof(Elf64_Sym)) {
				Elf64_Sym symbol;

				memcpy(&symbol, buf + i, sizeof(symbol));
				if (symbol.st_shndx != SHN_UNDEF && symbol.st_name != 0 &&
				    !each(ctx, elf, table, &symbol))
					return 0;
			}
			if ((size_t)n < sizeof(buf))
				break;
		}
	}
	return 0;
}

/* Reads a name, cut to `size`. False when it is not in the table. */
static bool read_name(const struct pl_census_elf *elf, const struct pl_census_symbol_table *table,
                      uint64_t name, char *out, size_t size)
{
	uint64_t room;
	ssize_t n;

	if (name >= table->names_size_bytes)
		return false;
	room = table->names_size_bytes - name;
	n = elf->source.read_at(elf->source.ctx, out, room < size - 1 ? (size_t)room : size - 1,
	                        table->names_offset_bytes + name);
	if (n <= 0)
		return false;
	out[n] = '\0';
	return out[0] != '\0';
}

struct naming {
	struct pl_census_symbol *wanted;
	size_t count;
};

static bool name_symbol(void *ctx, const struct pl_census_elf *elf,
                        const struct pl_census_symbol_table *table, const Elf64_Sym *symbol)
{
	const struct naming *naming = ctx;
	const unsigned type = ELF64_ST_TYPE(symbol->st_info);
	const uint64_t size = symbol->st_size > 0 ? symbol->st_size : 1;

	if (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE && type != STT_GNU_IFUNC)
		return true;
	for (size_t i = 0; i < naming->count; i++) {
		struct pl_census_symbol *wanted = &naming->wanted[i];
		const uint64_t offset = wanted->address - symbol->st_value;

		if (wanted->address < symbol->st_value || offset >= size ||
		    (wanted->found && wanted->offset_bytes <= offset))
			continue;
		if (!read_name(elf, table, symbol->st_name, wanted->name, sizeof(wanted->name)))
			continue;
		wanted->found = true;
		wanted->is_function = type == STT_FUNC || type == STT_GNU_IFUNC;
		wanted->offset_bytes = offset;
	}
	return true;
}

int pl_census_elf_name(const struct pl_census_elf *elf, struct pl_census_symbol *wanted,
                       size_t count)
{
	struct naming naming = { wanted, count };

	return walk_symbols(elf, name_symbol, &naming);
}

struct finding {
	const char *const *names;
	size_t count;
	int found;
};

static bool compare_symbol(void *ctx, const struct pl_census_elf *elf,
                           const struct pl_census_symbol_table *table, const Elf64_Sym *symbol)
{
	struct finding *finding = ctx;
	char name[64];

	if (!table->exported || !read_name(elf, table, symbol->st_name, name, sizeof(name)))
		return true;
	for (size_t i = 0; i < finding->count && finding->found < 0; i++)
		if (strcmp(name, finding->names[i]) == 0)
			finding->found = (int)i;
	return finding->found < 0;
}

int pl_census_elf_find(const struct pl_census_elf *elf, const char *const *names, size_t count)
{
	struct finding finding = { names, count, -ENOENT };
	const int err = walk_symbols(elf, compare_symbol, &finding);

	return err < 0 ? err : finding.found;
}
