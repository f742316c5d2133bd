#include "census/naming.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "census/demangle.h"
#include "census/golang.h"
#include "census/large.h"

#define STRING_SHOWN_SIZE 49 /* with the NUL */
#define STRING_LEN_MIN 2
#define WANTED_PER_KEY 3 /* its own, and those of two functions it leads to */
#define WANTED_MAX (64 * WANTED_PER_KEY)
#define RUST_OBJECT_BYTES_MAX (UINT64_C(1) << 24)

void pl_census_copy_clean(char *out, size_t size, const char *text)
{
	size_t used = 0;

	for (; *text && used + 1 < size; text++)
		out[used++] = (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text;
	/* not half a character of UTF-8 at the end */
	while (*text && used > 0 && ((unsigned char)out[used - 1] & 0xc0) == 0x80)
		used--;
	if (*text && used > 0 && (unsigned char)out[used - 1] >= 0xc0)
		used--;
	out[used] = '\0';
}

static void write_build_id(const struct pl_census_elf *elf, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < elf->build_id_len && used + 3 <= size; i++)
		used += (size_t)snprintf(out + used, size - used, "%02x", elf->build_id[i]);
}

static void describe(const struct pl_census_target *target, const struct pl_census_file *file,
                     uint64_t key, const char *what, struct pl_census_name *out)
{
	const struct pl_census_module *module =
		pl_census_maps_find(target->modules, target->space.module_count, key);
	const uint64_t bias = file->biased ? file->bias_bytes : module ? module->low : 0;
	char module_name[96];
	char build_id[2 * PL_CENSUS_BUILD_ID_MAX + 1];

	pl_census_copy_clean(module_name, sizeof(module_name), pl_census_file_name(file));
	write_build_id(&file->elf, build_id, sizeof(build_id));
	snprintf(out->detail, sizeof(out->detail), "%s%s%s+0x%" PRIx64 "%s%s", what,
	         what[0] ? " at " : "", module_name, key - bias, build_id[0] ? " build-id " : "",
	         build_id);
	if (out->name[0] == '\0') {
		snprintf(out->name, sizeof(out->name), "%s+0x%" PRIx64, module_name, key - bias);
		out->named_by = "offset";
	}
}

static bool points_to_code(struct pl_census_target *target, uint64_t address)
{
	const struct pl_census_mapping *mapping;
	uint64_t word;

	if (address % 8 != 0 || !pl_census_target_word(target, address, &word))
		return false;
	mapping = pl_census_target_mapping(target, word);
	return mapping && mapping->executable;
}

/* A string constant: printable, ended, in a part of the file that the process cannot write. */
static bool name_string(struct pl_census_target *target, uint64_t key, struct pl_census_name *out)
{
	char text[512];
	char shown[STRING_SHOWN_SIZE];
	const size_t n = pl_census_target_read(target, key, text, sizeof(text) - 1);
	size_t len;

	text[n] = '\0';
	len = strlen(text);
	if (len < STRING_LEN_MIN || len == n)
		return false;
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7f)
			return false;
	pl_census_copy_clean(shown, sizeof(shown), text);
	snprintf(out->name, sizeof(out->name), "\"%s\"", shown);
	out->named_by = "string";
	return true;
}

/* What no symbol names: by where it points. */
static void name_by_place(struct pl_census_target *target, struct pl_census_named *named)
{
	const struct pl_census_mapping *mapping = pl_census_target_mapping(target, named->key);
	const struct pl_census_file *file = pl_census_target_file(target, named->key);

	named->name.class = PL_CENSUS_CLASS_NONE;
	/* variables tell no type; and free lists of allocators point to theirs */
	if (!mapping || !file || mapping->writable || !mapping->readable)
		return;
	if (mapping->executable) {
		named->name.class = PL_CENSUS_CLASS_FUNCTION;
		describe(target, file, named->key, "function", &named->name);
	} else if (points_to_code(target, named->key)) {
		named->name.class = PL_CENSUS_CLASS_FUNCTION;
		describe(target, file, named->key, "table of functions", &named->name);
	} else if (name_string(target, named->key, &named->name)) {
		named->name.class = PL_CENSUS_CLASS_STRING;
		describe(target, file, named->key, "string", &named->name);
	} else {
		named->name.class = PL_CENSUS_CLASS_STRING;
		describe(target, file, named->key, "constant", &named->name);
	}
}

static void name_by_symbol(struct pl_census_target *target, struct pl_census_named *named,
                           const struct pl_census_symbol *symbol)
{
	static const char vtable[] = "vtable for ";
	const struct pl_census_mapping *mapping = pl_census_target_mapping(target, named->key);
	const struct pl_census_file *file = pl_census_target_file(target, named->key);
	struct pl_census_name *out = &named->name;
	char name[PL_CENSUS_SYMBOL_MAX];
	const char *shown = symbol->name;

	out->class = PL_CENSUS_CLASS_NONE;
	out->named_by = "symbol";
	if (pl_census_demangle_symbol(symbol->name, name, sizeof(name)))
		shown = name;
	/* variables tell no type, and free lists of allocators point to theirs; but a table that a
	 * program was linked without protection for may lie among them */
	if (!mapping || !file || (mapping->writable && strncmp(shown, vtable, sizeof(vtable) - 1) != 0))
		return;
	/* into the midst of a function: where to return to, on the stack of a coroutine */
	out->class =
		(symbol->is_function && symbol->offset_bytes == 0) || points_to_code(target, named->key)
			? PL_CENSUS_CLASS_FUNCTION
			: PL_CENSUS_CLASS_STRING;
	if (strncmp(shown, vtable, sizeof(vtable) - 1) == 0) {
		shown += sizeof(vtable) - 1;
		out->class = PL_CENSUS_CLASS_TYPE;
		out->is_type = true;
	}
	pl_census_copy_clean(out->name, sizeof(out->name), shown);
	describe(target, file, named->key,
	         out->is_type          ? ""
	         : symbol->is_function ? "function"
	                               : "constant",
	         out);
}

/* What the table of a dyn of Rust leads to. */
struct rust_table {
	uint64_t function; /* drops the object, or is its first method */
	uint64_t call;     /* of a closure that needs no dropping, itself; 0: there is none */
	uint64_t object_bytes;
};

/*
 * A table of methods of Rust's dyn: the function that drops the object or 0, its size, its
 * alignment, the methods. (No promise of the language, but so in every rustc since 1.0.) Closures
 * have three: one that consumes it, which has a name of the library, and twice itself.
 */
static bool is_rust_table(struct pl_census_target *target, uint64_t key, struct rust_table *out)
{
	uint64_t table[5] = { 0 };
	const size_t least = 4 * sizeof(table[0]);
	const struct pl_census_mapping *mapping;

	if (key % 8 != 0 || pl_census_target_read(target, key, table, sizeof(table)) < least ||
	    table[1] > RUST_OBJECT_BYTES_MAX || table[2] == 0 || table[2] > 4096 ||
	    (table[2] & (table[2] - 1)) != 0)
		return false;
	*out = (struct rust_table){ table[0] != 0 ? table[0] : table[3], table[0] != 0 ? 0 : table[4],
		                        table[1] };
	mapping = pl_census_target_mapping(target, out->function);
	return mapping && mapping->executable;
}

/* "core::ptr::drop_in_place<T>", "<T as Trait>::method": T, by counting brackets. */
static bool rust_type_of(const char *function, char *out, size_t size)
{
	static const char drop[] = "core::ptr::drop_in_place<";
	const char *begin = function + 1;
	const char *end;
	unsigned depth = 0;

	if (strncmp(function, drop, sizeof(drop) - 1) == 0)
		begin = function + sizeof(drop) - 1;
	else if (*function != '<')
		return false;
	for (end = begin; *end; end++) {
		if (depth == 0 && (*end == '>' || strncmp(end, " as ", 4) == 0))
			break;
		depth += *end == '<';
		depth -= *end == '>' && end[-1] != '-' && depth > 0;
	}
	if (*end == '\0' || end == begin || (size_t)(end - begin) >= size)
		return false;
	memcpy(out, begin, (size_t)(end - begin));
	out[end - begin] = '\0';
	return true;
}

/* A closure has no other name than that of its function, which tells where it was written. */
static bool rust_closure_of(const char *function, char *out, size_t size)
{
	static const char closure[] = "::{{closure}}";
	const size_t len = strlen(function);

	if (len < sizeof(closure) || len >= size ||
	    strcmp(function + len - (sizeof(closure) - 1), closure) != 0)
		return false;
	memcpy(out, function, len + 1);
	return true;
}

/* Names a table of Rust by the symbol of one of its functions: first of them, or else `call`. */
static bool name_by_method(struct pl_census_target *target, struct pl_census_named *named,
                           const struct pl_census_symbol functions[2], uint64_t object_bytes)
{
	const struct pl_census_file *file = pl_census_target_file(target, named->key);
	char name[PL_CENSUS_SYMBOL_MAX];
	char type[PL_CENSUS_SYMBOL_MAX];

	if (!file ||
	    !((functions[0].found && pl_census_demangle_symbol(functions[0].name, name, sizeof(name)) &&
	       rust_type_of(name, type, sizeof(type))) ||
	      (functions[1].found && functions[1].offset_bytes == 0 &&
	       pl_census_demangle_symbol(functions[1].name, name, sizeof(name)) &&
	       rust_closure_of(name, type, sizeof(type)))))
		return false;
	named->name.class = PL_CENSUS_CLASS_TYPE;
	named->name.is_type = true;
	named->name.named_by = "symbol";
	named->name.object_bytes = object_bytes;
	named->name.apart = true;
	pl_census_copy_clean(named->name.name, sizeof(named->name.name), type);
	describe(target, file, named->key, "methods", &named->name);
	return true;
}

static int open_debug_file(const struct pl_census_target *target, const struct pl_census_file *file,
                           const char *symbols_dir, unsigned attempt)
{
	char build_id[2 * PL_CENSUS_BUILD_ID_MAX + 1];
	char path[4096];

	write_build_id(&file->elf, build_id, sizeof(build_id));
	if (attempt < 2 && build_id[0] == '\0')
		return -ENOENT;
	if (attempt == 0) {
		snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%.2s/%s.debug", build_id,
		         build_id + 2);
		return pl_procfs_open_in_root(target->fs, target->ident.pid, path);
	}
	if (!symbols_dir)
		return -ENOENT;
	if (attempt == 1)
		snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s.debug", symbols_dir, build_id,
		         build_id + 2);
	else
		snprintf(path, sizeof(path), "%s/%.255s%s", symbols_dir, pl_census_file_name(file),
		         attempt == 2 ? ".debug" : "");
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static ssize_t read_debug_file(void *ctx, void *buf, size_t size, uint64_t offset)
{
	const int *fd = ctx;

	return pl_procfs_read_at(*fd, buf, size, offset);
}

static bool same_build(const struct pl_census_elf *a, const struct pl_census_elf *b)
{
	return a->build_id_len == b->build_id_len &&
	       memcmp(a->build_id, b->build_id, a->build_id_len) == 0;
}

/* Asks the module's own file, then separate debug files of the same build. */
static void find_symbols(const struct pl_census_target *target, const struct pl_census_file *file,
                         const char *symbols_dir, struct pl_census_symbol *wanted, size_t count)
{
	(void)pl_census_elf_name(&file->elf, wanted, count);
	for (unsigned attempt = 0; attempt < 4 && !file->elf.has_symtab; attempt++) {
		int fd = open_debug_file(target, file, symbols_dir, attempt);
		const struct pl_census_source source = { read_debug_file, &fd };
		struct pl_census_elf debug;
		struct stat info;

		if (fd < 0)
			continue;
		if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
		    pl_census_elf_open(&source, &debug) == 0 && debug.has_symtab &&
		    same_build(&file->elf, &debug)) {
			(void)pl_census_elf_name(&debug, wanted, count);
			close(fd);
			return;
		}
		close(fd);
	}
}

/* A key that waits for its symbol. */
struct pending {
	size_t index;
	bool is_table;
	uint64_t object_bytes;
};

/* Chooses what of a module has no name yet, WANTED_PER_KEY symbols each. */
static size_t choose(struct pl_census_target *target, const struct pl_census_module *module,
                     uint64_t bias_bytes, const struct pl_census_named *named, size_t count,
                     struct pending *pending, struct pl_census_symbol *wanted)
{
	size_t used = 0;

	for (size_t i = 0; i < count && used < WANTED_MAX / WANTED_PER_KEY; i++) {
		struct pl_census_symbol *symbols = wanted + WANTED_PER_KEY * used;
		struct rust_table table = { 0 };

		if (named[i].kind != PL_CENSUS_KEY_POINTER || named[i].name.named_by ||
		    named[i].key < module->low || named[i].key >= module->high)
			continue;
		pending[used] = (struct pending){ .index = i };
		pending[used].is_table = is_rust_table(target, named[i].key, &table);
		pending[used].object_bytes = table.object_bytes;
		symbols[0] = (struct pl_census_symbol){ .address = named[i].key - bias_bytes };
		symbols[1] = (struct pl_census_symbol){ .address = table.function - bias_bytes };
		symbols[2] = (struct pl_census_symbol){ .address = table.call - bias_bytes };
		used++;
	}
	return used;
}

/* Every object of Python has its type, which tells more than what it shares with others. */
static bool is_interpreter(const struct pl_census_target *target, const struct pl_census_file *file)
{
	static const char *const type[] = { "PyType_Type" };

	return target->space.python && file && file->fd >= 0 &&
	       pl_census_elf_find(&file->elf, type, 1) >= 0;
}

/* Names those of `named` that point into one module and have no name yet. */
static void name_of_module(struct pl_census_target *target, const char *symbols_dir,
                           const struct pl_census_module *module, struct pl_census_named *named,
                           size_t count, struct pl_census_symbol *wanted)
{
	const struct pl_census_file *file = pl_census_target_file(target, module->low);
	const uint64_t bias_bytes = file && file->biased ? file->bias_bytes : 0;
	struct pending pending[WANTED_MAX / WANTED_PER_KEY];
	const size_t pending_count = choose(target, module, bias_bytes, named, count, pending, wanted);

	if (pending_count > 0 && is_interpreter(target, file))
		return;
	if (pending_count > 0 && file && file->fd >= 0 && file->biased)
		find_symbols(target, file, symbols_dir, wanted, WANTED_PER_KEY * pending_count);
	for (size_t i = 0; i < pending_count; i++) {
		const struct pl_census_symbol *symbols = wanted + WANTED_PER_KEY * i;
		struct pl_census_named *one = &named[pending[i].index];

		if (pending[i].is_table &&
		    name_by_method(target, one, symbols + 1, pending[i].object_bytes))
			continue;
		if (symbols[0].found)
			name_by_symbol(target, one, &symbols[0]);
		else
			name_by_place(target, one);
	}
}

static void name_size(const struct pl_census_target *target, struct pl_census_named *named)
{
	const bool is_large = (named->key & PL_CENSUS_LARGE_FLAG) != 0;
	const uint64_t bytes = named->key & ~(uint64_t)PL_CENSUS_LARGE_FLAG;
	const uint64_t request_min = is_large && bytes > target->page_bytes
	                                 ? bytes - target->page_bytes - 15
	                                 : pl_census_chunk_request_min(bytes);
	const uint64_t request_max = is_large ? bytes - 16 : pl_census_chunk_request_max(bytes);

	named->name.class = PL_CENSUS_CLASS_SIZE;
	named->name.named_by = "chunk size";
	named->name.object_bytes = bytes;
	snprintf(named->name.name, sizeof(named->name.name), "%" PRIu64 "-byte chunks", bytes);
	snprintf(named->name.detail, sizeof(named->name.detail),
	         "malloc of %" PRIu64 " to %" PRIu64 "%s", request_min, request_max,
	         is_large ? ", each a mapping of its own" : "");
}

int pl_census_names_find(struct pl_census_target *target, const char *symbols_dir,
                         struct pl_census_named *named, size_t count)
{
	struct pl_census_symbol *wanted = calloc(WANTED_MAX, sizeof(*wanted));

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct pl_census_name *name = &named[i].name;

		*name = (struct pl_census_name){ .class = PL_CENSUS_CLASS_NONE };
		if (named[i].kind == PL_CENSUS_KEY_SIZE) {
			name_size(target, &named[i]);
		} else if (named[i].kind == PL_CENSUS_KEY_GO) {
			pl_census_go_name(named[i].key, name);
		} else if (named[i].kind == PL_CENSUS_KEY_PYTHON) {
			(void)pl_census_python_name(target, named[i].key, name);
		} else if (pl_census_rtti_name(target, named[i].key, name)) {
			const struct pl_census_file *file = pl_census_target_file(target, named[i].key);

			if (file)
				describe(target, file, named[i].key, "virtual table", name);
		}
	}
	for (size_t m = 0; m < target->space.module_count; m++)
		name_of_module(target, symbols_dir, &target->modules[m], named, count, wanted);
	free(wanted);
	return 0;
}
