/*
 * Memory for libyajl, which uses what malloc() gives without a look at it. Where there is none,
 *this jumps back to whoever called the library, and what the library held is freed as a whole.
 *
 * Knows nothing of JSON. Use:
 *
 *	pl_json_memory_begin(&memory);
 *	if (setjmp(memory.none_left) == 0)
 *		... yajl_alloc(&callbacks, &memory.functions, ctx), and all that goes with it ...
 *	else
 *		err = -ENOMEM;
 *	pl_json_memory_end(&memory);
 *
 * The jump is for calls of the library that are made while that function is active; whoever keeps
 * something of the library for longer must not let it allocate.
 */
#ifndef PL_STATE_JSON_MEMORY_H
#define PL_STATE_JSON_MEMORY_H

#include <setjmp.h>
#include <yajl/yajl_common.h>
#include <yajl/yajl_gen.h>

struct pl_json_block;

struct pl_json_memory {
	yajl_alloc_funcs functions;
	struct pl_json_block *blocks; /* all that are not freed yet */
	jmp_buf none_left;
};

void pl_json_memory_begin(struct pl_json_memory *memory);

/*
 * For a generator that hands on what it prints (yajl_gen_print_callback), and so allocates now and
 * never again: no jump to provide for. Begins `memory`. Returns NULL when there is none.
 */
yajl_gen pl_json_memory_gen(struct pl_json_memory *memory);

/* Frees what the library has not freed itself. */
void pl_json_memory_end(struct pl_json_memory *memory);

#endif
