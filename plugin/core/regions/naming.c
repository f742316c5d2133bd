/* Names: of regions and runtimes, and what the names of mappings tell. */
#include "regions/internal.h"

#include <string.h>

static const struct {
	const char *name;
	const char *words;
} regions[PL_REGION_COUNT] = {
#define REGION_ROW(id, name, words) [PL_REGION_##id] = { name, words },
	PL_REGION_LIST(REGION_ROW)
#undef REGION_ROW
};

static const char *const runtimes[PL_RUNTIME_COUNT] = {
#define RUNTIME_ROW(id, name) [PL_RUNTIME_##id] = name,
	PL_RUNTIME_LIST(RUNTIME_ROW)
#undef RUNTIME_ROW
};

const char *pl_region_name(enum pl_region region)
{
	return (unsigned)region < PL_REGION_COUNT ? regions[region].name : "unknown";
}

const char *pl_region_words(enum pl_region region)
{
	return (unsigned)region < PL_REGION_COUNT ? regions[region].words : "unknown memory";
}

const char *pl_runtime_name(enum pl_runtime runtime)
{
	return (unsigned)runtime < PL_RUNTIME_COUNT ? runtimes[runtime] : "unknown";
}

static bool begins_with(const char *text, size_t len, const char *prefix)
{
	const size_t prefix_len = strlen(prefix);

	return len >= prefix_len && memcmp(text, prefix, prefix_len) == 0;
}

static bool contains(const char *text, size_t len, const char *part)
{
	return memmem(text, len, part, strlen(part)) != NULL;
}

struct prefix {
	const char *text;
	enum pl_region region;
};

static enum pl_region find_prefix(const struct prefix *table, const char *name, size_t len,
                                  enum pl_region otherwise)
{
	for (; table->text; table++)
		if (begins_with(name, len, table->text))
			return table->region;
	return otherwise;
}

/* What stands after "[anon:" and a blank, if any: prctl(PR_SET_VMA_ANON_NAME), Linux 5.17. */
static const struct prefix anonymous_names[] = {
	{ "Go: ", PL_REGION_GO },
	{ "go:", PL_REGION_GO },
	{ "glibc: malloc arena", PL_REGION_ARENA },
	{ "glibc: malloc", PL_REGION_ANON },
	{ "glibc: loader malloc", PL_REGION_ANON },
	{ "glibc: pthread", PL_REGION_STACK },
	{ "stack_and_tls", PL_REGION_STACK }, /* bionic */
	{ "thread stack", PL_REGION_STACK },
	{ "jemalloc", PL_REGION_JEMALLOC },
	{ "libc_malloc", PL_REGION_JEMALLOC }, /* bionic before Scudo */
	{ "tcmalloc", PL_REGION_TCMALLOC },
	{ "mimalloc", PL_REGION_MIMALLOC },
	{ "scudo", PL_REGION_SCUDO },
	{ "Scudo", PL_REGION_SCUDO },
	{ "dalvik-jit", PL_REGION_JIT },
	{ "dalvik", PL_REGION_ART },
	{ "art-", PL_REGION_ART },
	{ "v8", PL_REGION_V8 },
	{ "V8", PL_REGION_V8 },
	{ "java", PL_REGION_JAVA },
	{ ".bss", PL_REGION_LIBRARY }, /* bionic's linker */
	{ NULL, PL_REGION_NAMED },
};

enum pl_region pl_region_of_anonymous_name(const char *name, size_t len)
{
	const char *end = name + len;

	name = memchr(name, ':', len);
	if (!name)
		return PL_REGION_NAMED;
	name++;
	while (name < end && *name == ' ')
		name++;
	return find_prefix(anonymous_names, name, (size_t)(end - name), PL_REGION_NAMED);
}

static const struct prefix special_names[] = {
	{ "[heap]", PL_REGION_HEAP },
	{ "[stack", PL_REGION_STACK }, /* [stack:TID] until Linux 4.5 */
	{ "[vdso]", PL_REGION_KERNEL },
	{ "[vvar", PL_REGION_KERNEL },
	{ "[vsyscall]", PL_REGION_KERNEL },
	{ "[vectors]", PL_REGION_KERNEL },
	{ "[sigpage]", PL_REGION_KERNEL },
	{ "[uprobes]", PL_REGION_KERNEL },
	{ "[anon_shmem:", PL_REGION_SHMEM },
	{ "/memfd:java_heap", PL_REGION_ZGC },    /* until JDK 21 it maps its heap three times */
	{ "/memfd:doublemapper", PL_REGION_JIT }, /* .NET */
	{ "/memfd:", PL_REGION_MEMFD },
	{ "/SYSV", PL_REGION_SYSV },
	{ "/dev/shm/", PL_REGION_SHM },
	{ "/dev/zero", PL_REGION_SHMEM }, /* what MAP_SHARED | MAP_ANONYMOUS becomes */
	{ "/dev/", PL_REGION_OTHER },
	{ "/", PL_REGION_FILE },
	{ NULL, PL_REGION_OTHER },
};

enum pl_region pl_region_of_name(const char *name, size_t len)
{
	return find_prefix(special_names, name, len, PL_REGION_OTHER);
}

bool pl_region_is_library_name(const char *name, size_t len)
{
	return contains(name, len, ".so");
}

/* How the last component of a path to code begins. */
static const struct {
	const char *text;
	enum pl_runtime runtime;
} code_names[] = {
	{ "libc.so.6", PL_RUNTIME_GLIBC },
	{ "libc-2.", PL_RUNTIME_GLIBC },
	{ "ld-musl-", PL_RUNTIME_MUSL },
	{ "libjemalloc", PL_RUNTIME_JEMALLOC },
	{ "libtcmalloc", PL_RUNTIME_TCMALLOC },
	{ "libmimalloc", PL_RUNTIME_MIMALLOC },
	{ "libjvm.so", PL_RUNTIME_JVM },
	{ "libnode.so", PL_RUNTIME_NODE },
	{ "libpython", PL_RUNTIME_PYTHON },
	{ "python", PL_RUNTIME_PYTHON },
	{ "pypy", PL_RUNTIME_PYTHON },
	{ "libruby", PL_RUNTIME_RUBY },
	{ "ruby", PL_RUNTIME_RUBY },
	{ "libphp", PL_RUNTIME_PHP },
	{ "php", PL_RUNTIME_PHP },
	{ "libcoreclr.so", PL_RUNTIME_DOTNET },
	{ "beam.smp", PL_RUNTIME_ERLANG },
};

uint32_t pl_region_runtime_of(const char *name, size_t len)
{
	const char *slash = memrchr(name, '/', len);
	uint32_t found = 0;

	if (slash) {
		len -= (size_t)(slash + 1 - name);
		name = slash + 1;
	}
	for (size_t i = 0; i < sizeof(code_names) / sizeof(code_names[0]); i++)
		if (begins_with(name, len, code_names[i].text))
			found |= 1u << code_names[i].runtime;
	/* "node" alone, or with a version: "node_exporter" is something else */
	if (begins_with(name, len, "node") && (len == 4 || (name[4] >= '0' && name[4] <= '9')))
		found |= 1u << PL_RUNTIME_NODE;
	if (len == 4 && memcmp(name, "java", 4) == 0)
		found |= 1u << PL_RUNTIME_JVM;
	if (len == 6 && memcmp(name, "nodejs", 6) == 0)
		found |= 1u << PL_RUNTIME_NODE;
	return found;
}

void pl_region_copy_name(char *out, const char *name, size_t len)
{
	size_t used = 0;

	if (len >= PL_PLACE_NAME_SIZE) {
		name += len - (PL_PLACE_NAME_SIZE - 1);
		len = PL_PLACE_NAME_SIZE - 1;
	}
	for (; used < len; used++)
		out[used] = name[used] >= ' ' && name[used] <= '~' ? name[used] : '?';
	out[used] = '\0';
}
