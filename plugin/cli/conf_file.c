#include "conf_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wordexp.h>

#include "conf_scan.h"

#define INCLUDE_DEPTH_MAX 8 /* collectd's */
#define BLOCK_DEPTH_MAX 32

/* An item's key is allocated behind the place where it stands. */
struct placed_key {
	const char *path;
	unsigned line;
	char text[];
};

struct reading {
	const char *plugin;
	pl_conf_item_fn *item;
	void *ctx;
	struct pl_config_faults *faults;
	int depth;
	const char *filter; /* of the files of an included directory, or NULL */
	bool *cut;          /* set when the rest of a file could not be read */
};

struct parser {
	const char *path;
	struct pl_config_faults *faults;
	struct pl_conf_scan scan;
	struct pl_conf_token token; /* the one to look at next */
	int block_depth;
	bool watch_strays; /* inside of the plugin's block */
	bool failed;
};

static int read_path(const struct reading *reading, const char *path);

const char *pl_conf_place(void *buffer, const oconfig_item_t *item)
{
	const struct placed_key *key = (const void *)(item->key - offsetof(struct placed_key, text));

	snprintf(buffer, PL_CONF_PLACE_SIZE, "%.300s:%u", key->path, key->line);
	return buffer;
}

__attribute__((format(printf, 3, 4))) static void fail_at(struct parser *parser, unsigned line,
                                                          const char *format, ...)
{
	char where[PL_CONF_PLACE_SIZE];
	char message[400];
	va_list args;

	/* collectd gives up at the first error of syntax; what follows would be guesswork */
	if (parser->failed)
		return;
	parser->failed = true;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	snprintf(where, sizeof(where), "%.300s:%u", parser->path, line);
	pl_config_fault(parser->faults, where, "%s; the rest of the file is not checked", message);
}

static void advance(struct parser *parser)
{
	char where[PL_CONF_PLACE_SIZE];

	for (;;) {
		parser->token = pl_conf_scan_next(&parser->scan);
		if (parser->token.kind != PL_CONF_STRAY)
			break;
		if (!parser->watch_strays)
			continue;
		snprintf(where, sizeof(where), "%.300s:%u", parser->path, parser->token.line);
		/* part of a character of several bytes would garble the message */
		pl_config_fault(parser->faults, where,
		                "'%.1s' outside of quotes is dropped by collectd; quote the value",
		                (unsigned char)*parser->token.text < 0x80 ? parser->token.text : "?");
	}
	if (parser->token.kind == PL_CONF_UNCLOSED)
		fail_at(parser, parser->token.line, "a quote is not closed");
}

static void expect(struct parser *parser, enum pl_conf_token_kind kind, const char *what)
{
	const struct pl_conf_token *token = &parser->token;

	if (token->kind == kind) {
		advance(parser);
		return;
	}
	if (token->kind == PL_CONF_EOL || token->kind == PL_CONF_END)
		fail_at(parser, token->line, "%s is missing before the end of the %s", what,
		        token->kind == PL_CONF_EOL ? "line" : "file");
	else
		fail_at(parser, token->line, "%s is missing before \"%.*s\"", what,
		        token->len > 60 ? 60 : (int)token->len, token->text);
}

static void free_item(oconfig_item_t *item)
{
	for (int i = 0; i < item->values_num; i++) {
		if (item->values[i].type == OCONFIG_TYPE_STRING)
			free(item->values[i].value.string);
	}
	for (int i = 0; i < item->children_num; i++)
		free_item(&item->children[i]);
	free(item->values);
	free(item->children);
	if (item->key)
		free(item->key - offsetof(struct placed_key, text));
	memset(item, 0, sizeof(*item));
}

static char *copy_key(struct parser *parser)
{
	const struct pl_conf_token *token = &parser->token;
	struct placed_key *key;

	if (token->kind != PL_CONF_WORD) {
		expect(parser, PL_CONF_WORD, "a key");
		return NULL;
	}
	key = malloc(sizeof(*key) + token->len + 1);
	if (!key) {
		fail_at(parser, token->line, "out of memory");
		return NULL;
	}
	key->path = parser->path;
	key->line = token->line;
	memcpy(key->text, token->text, token->len);
	key->text[token->len] = '\0';
	advance(parser);
	/* freed by way of its text: free_item() */
	return (char *)key + offsetof(struct placed_key, text);
}

/* Turns the token into a value. Returns false when it is none. */
static bool parse_value(struct parser *parser, oconfig_value_t *value)
{
	const struct pl_conf_token *token = &parser->token;
	char number[64];

	switch (token->kind) {
	case PL_CONF_TRUE:
	case PL_CONF_FALSE:
		value->type = OCONFIG_TYPE_BOOLEAN;
		value->value.boolean = token->kind == PL_CONF_TRUE;
		return true;
	case PL_CONF_NUMBER:
		snprintf(number, sizeof(number), "%.*s", token->len > 60 ? 60 : (int)token->len,
		         token->text);
		value->type = OCONFIG_TYPE_NUMBER;
		value->value.number = strtod(number, NULL);
		return true;
	case PL_CONF_WORD:
	case PL_CONF_QUOTED:
		value->type = OCONFIG_TYPE_STRING;
		value->value.string = calloc(1, token->len + 1);
		if (!value->value.string)
			return false;
		if (token->kind == PL_CONF_QUOTED)
			pl_conf_unquote(token, value->value.string);
		else
			memcpy(value->value.string, token->text, token->len);
		return true;
	case PL_CONF_END:
	case PL_CONF_EOL:
	case PL_CONF_SLASH:
	case PL_CONF_OPEN:
	case PL_CONF_CLOSE:
	case PL_CONF_STRAY:
	case PL_CONF_UNCLOSED:
		break;
	}
	return false;
}

static void parse_values(struct parser *parser, oconfig_item_t *item)
{
	oconfig_value_t value;

	while (!parser->failed && parse_value(parser, &value)) {
		oconfig_value_t *grown =
			realloc(item->values, ((size_t)item->values_num + 1) * sizeof(value));

		if (!grown) {
			if (value.type == OCONFIG_TYPE_STRING)
				free(value.value.string);
			fail_at(parser, parser->token.line, "out of memory");
			return;
		}
		item->values = grown;
		item->values[item->values_num++] = value;
		advance(parser);
	}
}

static bool is_plugin_block(const oconfig_item_t *item, const char *plugin)
{
	return strcasecmp(item->key, "Plugin") == 0 && item->values_num > 0 &&
	       item->values[0].type == OCONFIG_TYPE_STRING &&
	       strcasecmp(item->values[0].value.string, plugin) == 0;
}

/* Appends to the item's children; takes over what `child` owns. */
static void add_child(struct parser *parser, oconfig_item_t *item, oconfig_item_t *child)
{
	oconfig_item_t *grown =
		realloc(item->children, ((size_t)item->children_num + 1) * sizeof(*child));

	if (!grown) {
		free_item(child);
		fail_at(parser, parser->token.line, "out of memory");
		return;
	}
	item->children = grown;
	grown[item->children_num++] = *child;
}

static void parse_block(struct parser *parser, const char *plugin, oconfig_item_t *item);

/* One "Key value..." or block; nothing for an empty line. */
static void parse_statement(struct parser *parser, const char *plugin, oconfig_item_t *item)
{
	memset(item, 0, sizeof(*item));
	if (parser->token.kind == PL_CONF_OPEN) {
		advance(parser);
		parse_block(parser, plugin, item);
		return;
	}
	if (parser->token.kind == PL_CONF_EOL) {
		advance(parser);
		return;
	}
	item->key = copy_key(parser);
	if (!item->key)
		return;
	parse_values(parser, item);
	if (!parser->failed && item->values_num == 0)
		fail_at(parser, parser->token.line, "%s has no value", item->key);
	expect(parser, PL_CONF_EOL, "a line end");
}

/* Reads the end of a block, behind its '<' and '/'. */
static void parse_block_end(struct parser *parser, const oconfig_item_t *item)
{
	const unsigned line = parser->token.line;
	char *key = copy_key(parser);

	if (!key)
		return;
	if (strcmp(key, item->key) != 0)
		fail_at(parser, line, "</%s> closes <%s>", key, item->key);
	free(key - offsetof(struct placed_key, text));
	expect(parser, PL_CONF_CLOSE, "'>'");
	parser->watch_strays = parser->watch_strays && parser->block_depth > 1;
	expect(parser, PL_CONF_EOL, "a line end");
}

/* Reads a block behind its '<'. */
static void parse_block(struct parser *parser, const char *plugin, oconfig_item_t *item)
{
	const unsigned line = parser->token.line;
	oconfig_item_t child;

	item->key = copy_key(parser);
	if (!item->key)
		return;
	if (++parser->block_depth > BLOCK_DEPTH_MAX)
		fail_at(parser, line, "blocks are nested too deep");
	parse_values(parser, item);
	if (parser->block_depth == 1)
		parser->watch_strays = is_plugin_block(item, plugin);
	expect(parser, PL_CONF_CLOSE, "'>'");
	expect(parser, PL_CONF_EOL, "a line end");
	while (!parser->failed) {
		if (parser->token.kind == PL_CONF_END) {
			fail_at(parser, line, "<%s> is not closed", item->key);
			break;
		}
		if (parser->token.kind == PL_CONF_OPEN) {
			advance(parser);
			if (parser->token.kind == PL_CONF_SLASH) {
				advance(parser);
				parse_block_end(parser, item);
				break;
			}
			memset(&child, 0, sizeof(child));
			parse_block(parser, plugin, &child);
		} else {
			parse_statement(parser, plugin, &child);
		}
		/* collectd forgets blocks with neither values nor children */
		if (child.values_num > 0 || child.children_num > 0)
			add_child(parser, item, &child);
		else
			free_item(&child);
	}
	parser->block_depth--;
}

ssize_t pl_conf_slurp(const char *path, char **text)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *buffer = malloc(PL_CONF_FILE_MAX + 1);
	size_t len = 0;
	ssize_t got = 0;

	if (fd < 0 || !buffer) {
		got = fd < 0 ? -errno : -ENOMEM;
	} else {
		while (len < PL_CONF_FILE_MAX && (got = read(fd, buffer + len, PL_CONF_FILE_MAX - len)) > 0)
			len += (size_t)got;
		if (got < 0)
			got = -errno;
		else if (len == PL_CONF_FILE_MAX)
			got = -EFBIG;
	}
	if (fd >= 0)
		close(fd);
	if (got < 0) {
		free(buffer);
		return got;
	}
	buffer[len] = '\0';
	*text = buffer;
	return (ssize_t)len;
}

static const char *text_of(const oconfig_item_t *item)
{
	if (item->values_num != 1 || item->values[0].type != OCONFIG_TYPE_STRING)
		return NULL;
	return item->values[0].value.string;
}

/* Follows Include "PATTERN", or <Include "PATTERN"> with a Filter for the names of files. */
static void follow_include(const struct reading *reading, const oconfig_item_t *item)
{
	struct reading inner = *reading;
	char where[PL_CONF_PLACE_SIZE];
	const char *pattern = text_of(item);
	wordexp_t words;

	pl_conf_place(where, item);
	if (!pattern || reading->depth >= INCLUDE_DEPTH_MAX) {
		pl_config_fault(reading->faults, where, "Include %s",
		                pattern ? "is nested too deep" : "takes one string");
		return;
	}
	inner.depth++;
	inner.filter = NULL;
	for (int i = 0; i < item->children_num; i++) {
		if (strcasecmp(item->children[i].key, "Filter") == 0)
			inner.filter = text_of(&item->children[i]);
	}
	if (wordexp(pattern, &words, WRDE_NOCMD) != 0) {
		pl_config_fault(reading->faults, where, "Include: \"%.200s\" cannot be expanded", pattern);
		return;
	}
	for (size_t i = 0; i < words.we_wordc; i++) {
		const int error = read_path(&inner, words.we_wordv[i]);

		/* a pattern that nothing fits is left as it is */
		if (error != 0 && !(error == -ENOENT && strpbrk(pattern, "*?[")))
			pl_config_fault(reading->faults, where, "Include: \"%.200s\": %s", words.we_wordv[i],
			                strerror(-error));
	}
	wordfree(&words);
}

static void handle_item(const struct reading *reading, oconfig_item_t *item)
{
	if (item->values_num == 0 && item->children_num == 0)
		return;
	if (strcasecmp(item->key, "Include") == 0)
		follow_include(reading, item);
	else
		reading->item(reading->ctx, item);
}

static int read_file(const struct reading *reading, const char *path)
{
	struct parser parser = { .path = path, .faults = reading->faults };
	const char *name = strrchr(path, '/');
	oconfig_item_t item;
	char *text;
	ssize_t len;

	if (reading->filter && fnmatch(reading->filter, name ? name + 1 : path, FNM_PERIOD) != 0)
		return 0;
	len = pl_conf_slurp(path, &text);
	if (len < 0)
		return (int)len;
	pl_conf_scan_init(&parser.scan, text, (size_t)len);
	advance(&parser);
	while (!parser.failed && parser.token.kind != PL_CONF_END) {
		parse_statement(&parser, reading->plugin, &item);
		if (!parser.failed)
			handle_item(reading, &item);
		free_item(&item);
	}
	*reading->cut |= parser.failed;
	free(text);
	return 0;
}

/* The files of a directory by name, hidden ones left out. */
static int read_directory(const struct reading *reading, const char *path)
{
	struct dirent **entries;
	const int count = scandir(path, &entries, NULL, alphasort);
	struct reading inner = *reading;

	if (count < 0)
		return -errno;
	inner.depth++;
	for (int i = 0; i < count; i++) {
		char *child = NULL;

		if (entries[i]->d_name[0] != '.' && inner.depth <= INCLUDE_DEPTH_MAX &&
		    asprintf(&child, "%s/%s", path, entries[i]->d_name) >= 0)
			read_path(&inner, child);
		free(child);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

/* A pipe may be named, to be read from; one that lies about would never end. */
static int read_path(const struct reading *reading, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return -errno;
	if (reading->depth > 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		pl_config_fault(reading->faults, path, "is neither a file nor a directory");
		return 0;
	}
	return S_ISDIR(st.st_mode) ? read_directory(reading, path) : read_file(reading, path);
}

int pl_conf_read(const char *path, const char *plugin, pl_conf_item_fn *item, void *ctx,
                 struct pl_config_faults *faults)
{
	bool cut = false;
	const struct reading reading = {
		.plugin = plugin,
		.item = item,
		.ctx = ctx,
		.faults = faults,
		.cut = &cut,
	};
	const int error = read_path(&reading, path);

	return error == 0 && cut ? 1 : error;
}
