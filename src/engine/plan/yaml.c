/* yaml.c - libfyaml's events, built into a tree of our own
 *
 * What this room is for: the planner wants a small tree with a byte range on every node and nothing that YAML can do
 *   beyond text, lists and mappings. Events give marks for everything, also where libfyaml's own documents drop them.
 * What flows through:    the file's text in; nodes in the arena out; mistakes into the diag.
 * What must hold:
 *  (1) the text is checked first (size, UTF-8, control characters), so that libfyaml sees only what can be shown.
 *  (2) a refused ornament (anchor, tag, double key) is a mistake and is read over, so that the mistakes behind it are
 *      found too. A value that breaks the syntax is stepped over if the line says where it ends; any other syntax error
 *      ends the reading, because what follows cannot be trusted.
 *  (3) an empty value has no mark: it stands where the key before it stands. */
#include "engine/plan/yaml.h"
#include "base/utf8.h"

#include <errno.h>
#include <libfyaml.h>

#include "base/banned.h"

enum { READINGS = 20 }; /* so many broken values are stepped over */

struct reader {
	struct fy_parser *parser;
	struct arena *arena;
	struct diag *diag;
	struct slice text;
	size_t end; /* of the last event that had a place */
	int depth, flow;
};

/* ---- scalars --------------------------------------------------------------------------------------- */

static size_t digits(struct slice s, size_t from, int base)
{
	size_t i = from;
	for (; i < s.n; i++) {
		char c = s.p[i];
		bool is = base == 8    ? c >= '0' && c <= '7'
			  : base == 10 ? c >= '0' && c <= '9'
				       : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
						 (c >= 'A' && c <= 'F');
		if (!is)
			break;
	}
	return i - from;
}

static bool one_of(struct slice s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq_str(s, words[i]))
			return true;
	return false;
}

/* [0-9]+ (. [0-9]*)? or . [0-9]+, then ([eE] [-+]? [0-9]+)?; the sign is cut off already. */
static bool is_float(struct slice s)
{
	static const char *const names[] = { ".inf", ".Inf", ".INF" };
	size_t whole = digits(s, 0, 10), i = whole, part = 0;

	if (one_of(s, names, ARRAY_SIZE(names)))
		return true;
	if (i < s.n && s.p[i] == '.') {
		part = digits(s, i + 1, 10);
		i += 1 + part;
	}
	if (whole + part == 0)
		return false;
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		i += 1 + (i + 1 < s.n && (s.p[i + 1] == '-' || s.p[i + 1] == '+'));
		size_t exponent = digits(s, i, 10);
		if (exponent == 0)
			return false;
		i += exponent;
	}
	return i == s.n;
}

enum node_kind yaml_plain_kind(struct slice s)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
	static const char *const bools[] = { "true", "True", "TRUE", "false", "False", "FALSE" };
	static const char *const nans[] = { ".nan", ".NaN", ".NAN" };

	if (one_of(s, nulls, ARRAY_SIZE(nulls)))
		return NODE_NULL;
	if (one_of(s, bools, ARRAY_SIZE(bools)))
		return NODE_BOOL;
	if (one_of(s, nans, ARRAY_SIZE(nans)))
		return NODE_FLOAT;
	if (s.n > 2 && s.p[0] == '0' && (s.p[1] == 'o' || s.p[1] == 'x'))
		return digits(s, 2, s.p[1] == 'o' ? 8 : 16) == s.n - 2 ? NODE_INT : NODE_STRING;
	struct slice number = slice_from(s, s.p[0] == '-' || s.p[0] == '+');
	if (number.n > 0 && digits(number, 0, 10) == number.n)
		return NODE_INT;
	return is_float(number) ? NODE_FLOAT : NODE_STRING;
}

static enum node_style style_of(enum fy_scalar_style style)
{
	switch (style) {
	case FYSS_SINGLE_QUOTED:
		return STYLE_SINGLE;
	case FYSS_DOUBLE_QUOTED:
		return STYLE_DOUBLE;
	case FYSS_LITERAL:
		return STYLE_LITERAL;
	case FYSS_FOLDED:
		return STYLE_FOLDED;
	default:
		return STYLE_PLAIN;
	}
}

/* ---- events ---------------------------------------------------------------------------------------- */

struct event { /* freed when its scope ends */
	struct fy_parser *parser;
	struct fy_event *e;
};

static void event_done(struct event *ev)
{
	if (ev->e)
		fy_parser_event_free(ev->parser, ev->e);
}

static struct event event_next(struct reader *r)
{
	struct event ev = { r->parser, fy_parser_parse(r->parser) };
	const struct fy_mark *end = ev.e ? fy_event_end_mark(ev.e) : NULL;
	if (end && ev.e->type != FYET_STREAM_END)
		r->end = end->input_pos;
	return ev;
}

static void place(const struct reader *r, struct fy_event *e, size_t fallback_at, struct node *node)
{
	const struct fy_mark *start = fy_event_start_mark(e), *end = fy_event_end_mark(e);
	node->at = start && start->input_pos <= r->text.n ? start->input_pos : fallback_at;
	node->length = start && end && end->input_pos > node->at ? end->input_pos - node->at : 0;
	if (node->at + node->length > r->text.n)
		node->length = r->text.n - node->at;
	ASSERT(node->at <= r->text.n);
}

static void refuse_ornaments(struct reader *r, struct fy_token *anchor, struct fy_token *tag)
{
	const struct fy_mark *at;
	if (anchor && (at = fy_token_start_mark(anchor)))
		diag_add(r->diag, at->input_pos ? at->input_pos - 1 : 0, 1,
			 "a value that begins with & is written in quotes",
			 "anchors (&name) are not used in pipelines");
	if (tag && (at = fy_token_start_mark(tag)))
		diag_add(r->diag, at->input_pos, 1,
			 "a value that begins with ! is written in quotes",
			 "tags (!name) are not used in pipelines");
}

static bool build(struct reader *, struct fy_event *, size_t fallback_at, struct node *);

struct nodes { /* grows while a container is read; the arena gets the final array */
	struct node *p;
	size_t n, cap;
};

static void nodes_done(struct nodes *list)
{
	free(list->p);
}

static struct node *nodes_add(struct nodes *list)
{
	if (list->n == list->cap) {
		list->cap = list->cap * 2 + 8;
		list->p = xrealloc(list->p, list->cap, sizeof *list->p);
	}
	list->p[list->n] = (struct node){ 0 };
	return &list->p[list->n++];
}

static struct node *nodes_keep(struct reader *r, const struct nodes *list)
{
	struct node *kept = arena_alloc(r->arena, (list->n + 1) * sizeof *kept);
	if (list->n)
		memcpy(kept, list->p, list->n * sizeof *kept);
	return kept;
}

static void build_scalar(struct reader *r, struct fy_event *e, struct node *node)
{
	size_t n = 0;
	const char *p = fy_token_get_text(e->scalar.value, &n);

	refuse_ornaments(r, e->scalar.anchor, e->scalar.tag);
	node->text = arena_copy(r->arena, (struct slice){ p ? p : "", p ? n : 0 });
	if (!utf8_valid(node->text) || (n > 0 && memchr(node->text.p, 0, n)))
		diag_add(r->diag, node->at, node->length, NULL,
			 "an escape in this text makes something that is no character");
	node->style = style_of(fy_token_scalar_style(e->scalar.value));
	node->kind = node->style == STYLE_PLAIN ? yaml_plain_kind(node->text) : NODE_STRING;
	if (node->style == STYLE_LITERAL ||
	    node->style == STYLE_FOLDED) /* a caret is better under the text */
		for (; node->length > 0 && r->text.p[node->at] == ' '; node->length--)
			node->at++;
}

/* An empty element has no mark: it stands where its '-' stands, behind blanks and comments. */
static void place_empty(const struct reader *r, size_t from, struct node *node)
{
	size_t i = from;

	while (i < r->text.n && strchr(" \t\r\n#", r->text.p[i])) {
		const char *line_end = memchr(r->text.p + i, '\n', r->text.n - i);
		i = r->text.p[i] != '#' ? i + 1
		    : line_end          ? (size_t)(line_end - r->text.p)
					: r->text.n;
	}
	if (i < r->text.n && r->text.p[i] == '-')
		*node = (struct node){
			.in_flow = node->in_flow, .at = i, .length = 1, .text = node->text
		};
}

static bool build_list(struct reader *r, struct node *node)
{
	AUTO(nodes_done) struct nodes items = { 0 };

	for (;;) {
		size_t before = r->end;
		AUTO(event_done) struct event ev = event_next(r);
		if (!ev.e)
			return false;
		if (ev.e->type == FYET_SEQUENCE_END)
			break;
		struct node *item = nodes_add(&items);
		if (!build(r, ev.e, before, item))
			return false;
		if (node_empty(item))
			place_empty(r, before, item);
	}
	node->n = items.n;
	node->items = nodes_keep(r, &items);
	return true;
}

static size_t line_of(struct slice text, size_t at)
{
	size_t line = 1;
	for (size_t i = 0; i < at && i < text.n; i++)
		line += text.p[i] == '\n';
	return line;
}

static int by_text(const void *a, const void *b)
{
	const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
	int order = slice_cmp(x->text, y->text);
	return order ? order : x->at < y->at ? -1 : 1;
}

static void check_keys(struct reader *r, const struct nodes *keys)
{
	AUTO(freep) const struct node **sorted = xcalloc(keys->n + 1, sizeof *sorted);
	const struct node *first = NULL;

	for (size_t i = 0; i < keys->n; i++)
		sorted[i] = &keys->p[i];
	qsort(sorted, keys->n, sizeof *sorted, by_text);
	for (size_t i = 0; i < keys->n; i++) {
		const struct node *key = sorted[i];
		char hint[64];
		if (key->kind == NODE_LIST || key->kind == NODE_MAP) {
			diag_add(r->diag, key->at, 1,
				 "text that begins with [ or { is written in quotes",
				 "a key is plain text, not %s", node_kind_name(key));
			continue;
		}
		if (!first || !slice_eq(first->text, key->text)) {
			first = key;
			continue;
		}
		snprintf(hint, sizeof hint, "first on line %zu", line_of(r->text, first->at));
		diag_add(r->diag, key->at, key->length, hint, "'%.*s' is given twice",
			 SLICE(utf8_head(key->text, 80)));
	}
}

static bool build_map(struct reader *r, struct node *node)
{
	AUTO(nodes_done) struct nodes keys = { 0 }, values = { 0 };

	for (;;) {
		AUTO(event_done) struct event k = event_next(r);
		if (!k.e)
			return false;
		if (k.e->type == FYET_MAPPING_END)
			break;
		struct node *key = nodes_add(&keys);
		if (!build(r, k.e, r->end, key))
			return false;
		size_t before = diag_count(r->diag);
		AUTO(event_done) struct event v = event_next(r);
		struct node *value = nodes_add(&values);
		if (!v.e || !build(r, v.e, key->at, value))
			return false;
		if (!node_empty(value))
			continue;
		value->at = key->at;
		value->length = key->length;
		if (diag_count(r->diag) >
		    before) /* an ornament was all there was: "has no value" says nothing more */
			diag_mute(r->diag, key->at, key->at + key->length);
	}
	ASSERT(keys.n == values.n);
	check_keys(r, &keys);
	node->n = keys.n;
	node->keys = nodes_keep(r, &keys);
	node->items = nodes_keep(r, &values);
	return true;
}

static bool build_container(struct reader *r, struct fy_event *e, struct node *node)
{
	bool list = e->type == FYET_SEQUENCE_START, flow, built;

	if (r->depth == YAML_MAX_DEPTH) {
		diag_add(r->diag, node->at, 1, NULL, "nested deeper than %d levels",
			 YAML_MAX_DEPTH);
		return false;
	}
	refuse_ornaments(r, list ? e->sequence_start.anchor : e->mapping_start.anchor,
			 list ? e->sequence_start.tag : e->mapping_start.tag);
	flow = node->at < r->text.n && (r->text.p[node->at] == '[' || r->text.p[node->at] == '{') &&
	       node->length == 1;
	ASSERT(r->depth >= 0 && r->flow >= 0 && r->flow <= r->depth);
	node->kind = list ? NODE_LIST : NODE_MAP;
	node->style = flow ? STYLE_FLOW : STYLE_BLOCK;
	r->depth++;
	r->flow += flow;
	built = list ? build_list(r, node) : build_map(r, node);
	r->flow -= flow;
	r->depth--;
	return built;
}

/* One value, from the event that begins it. false: reading is over, the diag knows why. */
static bool build(struct reader *r, struct fy_event *e, size_t fallback_at, struct node *node)
{
	place(r, e, fallback_at, node);
	node->in_flow = r->flow > 0;
	switch (e->type) {
	case FYET_SCALAR:
		build_scalar(r, e, node);
		return true;
	case FYET_ALIAS:
		node->text = S("");
		diag_add(r->diag, node->at ? node->at - 1 : 0, node->length + 1,
			 "a value that begins with * is written in quotes",
			 "aliases (*name) are not used in pipelines");
		return true;
	case FYET_SEQUENCE_START:
	case FYET_MAPPING_START:
		return build_container(r, e, node);
	default:
		diag_add(r->diag, node->at, 0, NULL, "no value stands here");
		return false;
	}
}

/* ---- the document ---------------------------------------------------------------------------------- */

/* Bytes of the character at i; 0: not UTF-8, or a control character that no text has. */
static size_t character(struct slice text, size_t i)
{
	const unsigned char *p = (const unsigned char *)text.p + i,
			    *end = (const unsigned char *)text.p + text.n;

	if (*p >= 0x80)
		return utf8_size(p, end);
	return (*p >= 0x20 && *p != 0x7f) || *p == '\t' || *p == '\n' ||
	       (*p == '\r' && end - p > 1 && p[1] == '\n');
}

static bool check_text(struct slice text, struct diag *d)
{
	size_t i = 0, n = 1;

	if (text.n > YAML_MAX_BYTES) {
		diag_add(d, DIAG_NOWHERE, 0, NULL,
			 "a pipeline file holds at most 1 MiB, this one has %zu bytes", text.n);
		return false;
	}
	while (i < text.n && (n = character(text, i)) > 0)
		i += n;
	if (i == text.n)
		return true;
	if ((unsigned char)text.p[i] >= 0x80)
		diag_add(d, i, 1, "save the file as UTF-8", "this is not UTF-8");
	else
		diag_add(d, i, 1, "a pipeline is a text file",
			 "a control character (0x%02x) stands here", text.p[i]);
	return false;
}

static void report_second(const struct reader *r, struct fy_event *e)
{
	const struct fy_mark *at = fy_event_start_mark(e); /* NULL: no --- begins it */
	diag_add(r->diag, at ? at->input_pos : r->end, at ? 3 : 0, "one pipeline a file",
		 "a second document begins here");
}

/* The root of the one document; NULL: there is none, or it broke off. */
static struct node *read_document(struct reader *r)
{
	struct node *root = NULL;

	for (;;) {
		AUTO(event_done) struct event ev = event_next(r);
		if (!ev.e)
			return root;
		switch (ev.e->type) {
		case FYET_STREAM_START:
		case FYET_DOCUMENT_END:
			break;
		case FYET_STREAM_END:
			return root;
		case FYET_DOCUMENT_START:
			if (!root)
				break;
			report_second(r, ev.e);
			return root;
		default:
			root = arena_zero(r->arena, sizeof *root);
			if (!build(r, ev.e, r->end, root))
				return NULL;
		}
	}
}

/* Of two complaints about one line, or about one further up, the second may be about our x. */
static bool is_behind(const struct reader *r, const struct complaint *broken, size_t last)
{
	size_t line = 1;
	for (size_t i = 0; i < last; i++)
		line += r->text.p[i] == '\n';
	return broken->line > (int)line;
}

static void ignore_output(struct fy_diag *d, void *user, const char *text, size_t n)
{
}

/* libfyaml 0.7.12 frees a key twice when a tab follows the ':' of an explicit key ("? key"): such files, which nobody
 * writes, are refused before it sees them. */
static bool check_explicit_keys(struct slice text, struct diag *d)
{
	bool tab = false, blank = false;
	size_t found = SIZE_MAX;
	char last = '\n'; /* before the blanks */

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i], next = i + 1 < text.n ? text.p[i + 1] : '\n';
		bool begins = last == '\n' || (strchr("-:?", last) && blank) || strchr("{[,", last);
		if (c == '?' && strchr(" \t\r\n", next) && begins && found == SIZE_MAX)
			found = i;
		tab |= c == '\t' && last == ':';
		blank = strchr(" \t\r\n", c) != NULL;
		if (!blank || (c == '\n' && last != ':'))
			last = c;
	}
	if (!tab || found == SIZE_MAX)
		return true;
	diag_add(d, found, 1, "write 'key: value'",
		 "keys that begin with '? ' are not used in pipelines");
	return false;
}

/* One reading. NULL with a complaint in *broken (says != NULL, borrowed from says) is a syntax error; NULL without one
 * means that the diag knows why, or that the file is empty. */
static struct node *read_once(struct reader *r, struct fy_diag *says, struct complaint *broken)
{
	struct fy_parse_cfg cfg = { .diag = says,
				    .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
					     FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE };
	struct node *root = NULL;
	void *at = NULL;

	r->parser = fy_parser_create(&cfg);
	ASSERT(r->parser);
	if (r->text.n > 0 && fy_parser_set_string(r->parser, r->text.p, r->text.n) == 0)
		root = read_document(r);
	const struct fy_diag_error *e = fy_diag_errors_iterate(says, &at);
	if (e)
		*broken = (struct complaint){ e->msg, e->line, e->column };
	bool failed = e || fy_parser_get_stream_error(r->parser);
	fy_parser_destroy(r->parser);
	return failed ? NULL : root;
}

/* Reads on behind a value that cannot be read: an x stands for it in the copy, and what is found there is not said. */
static bool step_over(struct reader *r, char *copy, const struct complaint *broken, size_t *last)
{
	size_t at, n;

	if (!yaml_broken_value(r->text, broken, &at, &n) || at <= *last)
		return false;
	if (copy[at + n - 1] == '\r')
		n--;
	ASSERT(at + n <= r->text.n && r->text.p == copy);
	memset(copy + at, ' ', n);
	copy[at] = 'x';
	diag_mute(r->diag, at, at + n + 1);
	*last = at;
	return true;
}

struct node *yaml_parse(struct arena *arena, struct slice text, struct diag *d)
{
	static const struct fy_diag_cfg quiet = { .output_fn = ignore_output,
						  .level = FYET_ERROR,
						  .module_mask = ~0u };
	char *copy = arena_str(arena, text);
	struct reader r = { .arena = arena, .diag = d, .text = { copy, text.n } };
	size_t before = diag_count(d), last = 0;
	bool again = check_text(text, d) && check_explicit_keys(text, d);
	struct node *root = NULL;

	for (int tries = 0; again && !root && tries < READINGS; tries++) {
		struct complaint broken = { 0 };
		struct fy_diag *says = fy_diag_create(&quiet);
		ASSERT(says);
		fy_diag_set_collect_errors(says, true);
		r.end = 0;
		r.depth = r.flow = 0;
		root = read_once(&r, says, &broken);
		if (broken.says && (tries == 0 || is_behind(&r, &broken, last)))
			yaml_complain(d, text, &broken);
		again = broken.says && step_over(&r, copy, &broken, &last);
		fy_diag_destroy(says);
	}
	ASSERT(!root || (r.depth == 0 && r.flow == 0));
	if (!root && diag_count(d) == before)
		diag_add(d, DIAG_NOWHERE, 0,
			 "a pipeline has from:, steps: and to:", "the file is empty");
	return root;
}
