#include "census/runtime.h"

#include <errno.h>
#include <string.h>

struct sign {
	const char *text;    /* a part of a module's name, or a symbol that the program exports */
	const char *runtime; /* NULL: an allocator */
	const char *instead;
};

static const char for_jvm[] = "jcmd PID GC.class_histogram counts its objects by class";
static const char for_node[] =
	"node --heapsnapshot-signal=SIGUSR2, or the inspector's heap snapshots, tell";
static const char for_go[] = "net/http/pprof's heap profile (go tool pprof) tells";
static const char for_net[] = "dotnet-gcdump collect -p PID counts its objects by type";
static const char for_ruby[] =
	"ObjectSpace.count_objects and ObjectSpace.trace_object_allocations tell";
static const char for_beam[] = "recon_alloc and erlang:memory/0 tell";
static const char for_pypy[] = "gc.get_objects() and vmprof tell";

static const struct sign modules[] = {
	{ "libjvm.so", "JVM", for_jvm },      { "libnode.so", "Node.js", for_node },
	{ "libcoreclr.so", ".NET", for_net }, { "libmonosgen", "Mono", for_net },
	{ "libruby", "Ruby", for_ruby },      { "beam.smp", "Erlang", for_beam },
	{ "libpypy", "PyPy", for_pypy },      { "libpython", "CPython", NULL },
	{ "libjemalloc", NULL, "jemalloc" },  { "libtcmalloc", NULL, "tcmalloc" },
	{ "libmimalloc", NULL, "mimalloc" },  { "libhoard", NULL, "hoard" },
	{ "ld-musl", NULL, "musl" },          { "libc.musl", NULL, "musl" },
};

static const char *const exported[] = { "PyType_Type", "napi_create_function",
	                                    "ruby_init",   "JNI_CreateJavaVM",
	                                    "mallctl",     "mi_malloc",
	                                    "tc_malloc" };
static const struct sign exported_signs[] = {
	{ "", "CPython", NULL },  { "", "Node.js", for_node }, { "", "Ruby", for_ruby },
	{ "", "JVM", for_jvm },   { "", NULL, "jemalloc" },    { "", NULL, "mimalloc" },
	{ "", NULL, "tcmalloc" },
};
_Static_assert(sizeof(exported) / sizeof(exported[0]) ==
                   sizeof(exported_signs) / sizeof(exported_signs[0]),
               "a sign for each symbol");

static void take(struct pl_census_runtime *runtime, const struct sign *sign)
{
	if (!sign->runtime) {
		runtime->allocator = sign->instead;
		runtime->chunks = false;
		return;
	}
	runtime->name = sign->runtime;
	runtime->instead = sign->instead;
	runtime->python = sign->instead == NULL;
}

static bool name_has(const struct pl_census_mapping *mapping, const char *part)
{
	const char *slash = memrchr(mapping->name, '/', mapping->name_len);
	const char *base = slash ? slash + 1 : mapping->name;

	return memmem(base, (size_t)(mapping->name + mapping->name_len - base), part, strlen(part)) !=
	       NULL;
}

/* What the program itself exports; a library such as libpython is known by its name. */
static int look_into_program(struct pl_census_target *target, struct pl_census_runtime *runtime)
{
	const struct pl_census_file *file = target->space.module_count > 0
	                                        ? pl_census_target_file(target, target->modules[0].low)
	                                        : NULL;
	int found;

	if (!file || file->fd < 0)
		return 0;
	if (file->elf.is_go) {
		runtime->name = "Go";
		runtime->go = true;
		runtime->allocator = "Go's own";
		runtime->chunks = false;
		runtime->instead = for_go;
		return 0;
	}
	found = pl_census_elf_find(&file->elf, exported, sizeof(exported) / sizeof(exported[0]));
	if (found >= 0)
		take(runtime, &exported_signs[found]);
	return 0;
}

int pl_census_runtime_find(struct pl_census_target *target, struct pl_census_runtime *out)
{
	struct pl_census_runtime runtime = { .name = "C or C++", .allocator = "glibc", .chunks = true };
	int err;

	/* 32-bit programs have all of their address space below 4 GiB */
	if (target->space.mapping_count > 0 &&
	    target->mappings[target->space.mapping_count - 1].end <= UINT64_C(1) << 32)
		return -ENOTSUP;
	err = look_into_program(target, &runtime);
	if (err < 0)
		return err;
	for (size_t m = 0; m < target->space.module_count; m++)
		for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
			if (name_has(&target->mappings[target->modules[m].first_mapping], modules[i].text))
				take(&runtime, &modules[i]);
	*out = runtime;
	return 0;
}
