/* yaml.h - the pipeline file as a tree: YAML 1.2, core schema, every node with its place
 *
 * What this room is for: libfyaml reads, this shows what it read. No tags, anchors, aliases, directives or second
 *   documents: a pipeline means what stands in it. At most 1 MiB, at most YAML_MAX_DEPTH deep.
 * What must hold: (1) nodes live in the arena; text is decoded, valid UTF-8. (2) keys of one mapping are plain text and
 *   differ. (3) a mistake is always in the diag; libfyaml never prints. */
#pragma once
#include "base/arena.h"
#include "engine/plan/diag.h"

#define YAML_MAX_BYTES (1u << 20)
#define YAML_MAX_DEPTH 64

enum node_kind { NODE_NULL, NODE_BOOL, NODE_INT, NODE_FLOAT, NODE_STRING, NODE_LIST, NODE_MAP };
enum node_style {
	STYLE_PLAIN,
	STYLE_SINGLE,
	STYLE_DOUBLE,
	STYLE_LITERAL,
	STYLE_FOLDED,
	STYLE_BLOCK,
	STYLE_FLOW
};

struct node {
	enum node_kind kind;
	enum node_style style;
	bool in_flow; /* stands within [ ] or { } */
	size_t at,
		length; /* bytes of the file: a scalar's content without its quotes; a container's first sign */
	struct slice text;  /* scalars */
	size_t n;           /* containers */
	struct node *keys;  /* NODE_MAP: n scalars */
	struct node *items; /* n elements or values */
};

/* NULL: the file cannot be read as YAML. A tree may come with mistakes as well: look at diag_count. */
struct node *yaml_parse(struct arena *, struct slice text, struct diag *);

/* "a list", "a mapping", "a number": what was found where something else was wanted. */
const char *node_kind_name(const struct node *);
struct node *node_get(const struct node *map, const char *key); /* NULL: not there, or no mapping */
struct node *node_key(const struct node *map, const char *key); /* the key itself, for carets */
bool node_empty(const struct node *);                           /* nothing is written: `key:` */
/* The place of a range of the scalar's text in the file: exact where the text stands there as it is (plain, single quotes, a
 * block's lines), else the scalar's start. file: the whole text. */
void node_locate(const struct node *, struct slice file, size_t offset, size_t length,
		 size_t *ret_at, size_t *ret_length);
/* Appends the value as JSON. -EINVAL: a number that JSON has no form for (.inf, 007), with *bad set to it. */
MUST int node_json(const struct node *, struct buf *out, const struct node **bad);
/* The kind that plain text has in the core schema. */
enum node_kind yaml_plain_kind(struct slice text);

/* yaml_syntax.c: libfyaml's complaint as a mistake of ours, with the trap called by its name. */
struct complaint {
	const char *says; /* borrows */
	int line, column; /* from 1; columns in characters */
};
void yaml_complain(struct diag *, struct slice file, const struct complaint *);
/* The place of the value on the line that is complained about, if the mistake lies within that value: with something else
 * there, the rest of the file can be read. */
bool yaml_broken_value(struct slice file, const struct complaint *, size_t *ret_at,
		       size_t *ret_length);
