#include "sample/sockets.h"

#include <stdlib.h>
#include <string.h>

#include "parse/parse.h"
#include "sample/diag.h"

#define FIRST_CAPACITY 1024

void pl_sockets_free(struct pl_sockets *sockets)
{
	for (size_t i = 0; i < PL_SOCKETS_NAMESPACES; i++)
		free(sockets->tables[i].entries);
	memset(sockets, 0, sizeof(*sockets));
}

static struct pl_sockets_entry *slot_of(const struct pl_sockets_table *table, uint64_t inode)
{
	size_t at = (size_t)(inode * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (table->capacity - 1);

	while (table->entries[at].inode != 0 && table->entries[at].inode != inode)
		at = (at + 1) & (table->capacity - 1);
	return &table->entries[at];
}

/* Keeps the table at most half full. Returns false when out of memory. */
static bool make_room(struct pl_sockets_table *table)
{
	struct pl_sockets_table grown = *table;

	if (table->count * 2 < table->capacity)
		return true;
	grown.capacity = table->capacity ? table->capacity * 2 : FIRST_CAPACITY;
	grown.entries = calloc(grown.capacity, sizeof(*grown.entries));
	if (!grown.entries)
		return false;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->entries[i].inode != 0)
			*slot_of(&grown, table->entries[i].inode) = table->entries[i];
	free(table->entries);
	*table = grown;
	return true;
}

static bool is_unix(enum pl_metric metric)
{
	return metric == PL_M_UNIX_LISTEN || metric == PL_M_UNIX_CONNECTED || metric == PL_M_UNIX_OTHER;
}

/*
 * Of two claims about one inode the first one stands, and Unix sockets come last: a line forged by
 * way of a socket's name makes no Unix socket of a TCP connection. Of two claims about a Unix
 * socket one is true, but which? It counts as one in neither state.
 */
static void add_socket(void *ctx, uint64_t inode, enum pl_metric metric)
{
	struct pl_sockets_table *table = ctx;
	struct pl_sockets_entry *slot;

	if (inode == 0 || !make_room(table))
		return;
	slot = slot_of(table, inode);
	if (slot->inode == 0) {
		table->count++;
		*slot = (struct pl_sockets_entry){ inode, metric };
	} else if (is_unix(slot->metric) && slot->metric != metric) {
		slot->metric = PL_M_UNIX_OTHER;
	}
}

struct feed {
	struct pl_net_parser parser;
	struct pl_sockets_table *table;
};

static void feed_piece(void *ctx, const char *text, size_t len)
{
	struct feed *feed = ctx;

	pl_parse_net_feed(&feed->parser, text, len, add_socket, feed->table);
}

static void empty(struct pl_sockets_table *table)
{
	table->count = 0;
	if (table->capacity > 0)
		memset(table->entries, 0, table->capacity * sizeof(*table->entries));
}

static bool load_text(struct pl_sockets_table *table, const struct pl_procfs *fs, int32_t pid,
                      char *buf, size_t size)
{
	static const struct {
		const char *name;
		enum pl_net_file file;
	} files[] = {
		{ "net/tcp", PL_NET_TCP },  { "net/tcp6", PL_NET_TCP },  { "net/udp", PL_NET_UDP },
		{ "net/udp6", PL_NET_UDP }, { "net/unix", PL_NET_UNIX },
	};
	bool any = false;

	empty(table);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct feed feed = { .table = table };

		pl_parse_net_init(&feed.parser, files[i].file);
		if (pl_procfs_stream(fs, pid, files[i].name, buf, size, feed_piece, &feed) == 0)
			any = true;
	}
	return any && table->capacity > 0;
}

/* "net:[4026531840]" */
static uint64_t namespace_at(const struct pl_procfs *fs, int32_t pid, const char *link)
{
	char target[64];
	const ssize_t len = pl_procfs_readlink(fs, pid, link, target, sizeof(target));
	uint64_t id = 0;

	for (ssize_t i = 0; i < len; i++)
		if (target[i] >= '0' && target[i] <= '9')
			id = id * 10 + (uint64_t)(target[i] - '0');
	return id;
}

static uint64_t own_namespace(const struct pl_procfs *fs)
{
	return namespace_at(fs, 0, "self/ns/net");
}

/* Our own namespace is dumped over netlink; what that cannot tell is read as text. */
static bool load(struct pl_sockets_table *table, const struct pl_procfs *fs, int32_t pid, char *buf,
                 size_t size)
{
	if (fs->is_procfs && table->namespace_id != 0 && table->namespace_id == own_namespace(fs)) {
		empty(table);
		if (pl_diag_sockets(add_socket, table, buf, size) == 0 && table->capacity > 0)
			return true;
	}
	return load_text(table, fs, pid, buf, size);
}

const struct pl_sockets_table *pl_sockets_of(struct pl_sockets *sockets, const struct pl_procfs *fs,
                                             int32_t pid, double now_s, double max_age_s, char *buf,
                                             size_t size)
{
	const uint64_t id = namespace_at(fs, pid, "ns/net");
	struct pl_sockets_table *table = &sockets->tables[0];

	for (size_t i = 0; i < PL_SOCKETS_NAMESPACES; i++) {
		struct pl_sockets_table *other = &sockets->tables[i];

		if (other->valid && other->namespace_id == id) {
			table = other;
			break;
		}
		if (!other->valid || (table->valid && other->read_s < table->read_s))
			table = other;
	}
	if (table->valid && table->namespace_id == id && now_s - table->read_s <= max_age_s)
		return table;
	table->namespace_id = id;
	table->read_s = now_s;
	table->valid = load(table, fs, pid, buf, size);
	return table->valid ? table : NULL;
}

bool pl_sockets_find(const struct pl_sockets_table *table, uint64_t inode, enum pl_metric *metric)
{
	const struct pl_sockets_entry *slot = slot_of(table, inode);

	if (slot->inode == 0)
		return false;
	*metric = slot->metric;
	return true;
}
