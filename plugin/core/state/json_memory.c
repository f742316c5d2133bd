#include "state/json_memory.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Stands before each block that is handed out. */
struct pl_json_block {
	alignas(max_align_t) struct pl_json_block *next;
	struct pl_json_block *previous;
};

static void link_block(struct pl_json_memory *memory, struct pl_json_block *block)
{
	block->previous = NULL;
	block->next = memory->blocks;
	if (block->next)
		block->next->previous = block;
	memory->blocks = block;
}

static void unlink_block(struct pl_json_memory *memory, struct pl_json_block *block)
{
	if (block->next)
		block->next->previous = block->previous;
	if (block->previous)
		block->previous->next = block->next;
	else
		memory->blocks = block->next;
}

/* While a block is being moved it is in no list: where it cannot be, it goes with the jump. */
static void *hand_out(struct pl_json_memory *memory, struct pl_json_block *old, size_t size)
{
	struct pl_json_block *block = NULL;

	if (size <= SIZE_MAX - sizeof(*block))
		block = realloc(old, sizeof(*block) + size);
	if (!block) {
		free(old);
		longjmp(memory->none_left, 1);
	}
	link_block(memory, block);
	return block + 1;
}

static void *allocate(void *ctx, size_t size)
{
	return hand_out(ctx, NULL, size);
}

static void *reallocate(void *ctx, void *at, size_t size)
{
	struct pl_json_block *old = at ? (struct pl_json_block *)at - 1 : NULL;

	if (old)
		unlink_block(ctx, old);
	return hand_out(ctx, old, size);
}

static void release(void *ctx, void *at)
{
	if (!at)
		return;
	unlink_block(ctx, (struct pl_json_block *)at - 1);
	free((struct pl_json_block *)at - 1);
}

void pl_json_memory_begin(struct pl_json_memory *memory)
{
	memory->functions = (yajl_alloc_funcs){ allocate, reallocate, release, memory };
	memory->blocks = NULL;
}

yajl_gen pl_json_memory_gen(struct pl_json_memory *memory)
{
	pl_json_memory_begin(memory);
	if (setjmp(memory->none_left) == 0)
		return yajl_gen_alloc(&memory->functions);
	pl_json_memory_end(memory);
	return NULL;
}

void pl_json_memory_end(struct pl_json_memory *memory)
{
	while (memory->blocks) {
		struct pl_json_block *block = memory->blocks;

		memory->blocks = block->next;
		free(block);
	}
}
