/* option_expr.c - jq programs and templates out of YAML values
 *
 * What this room is for: a program may be one text or a mapping of programs; a body is a tree of templates. The compilers
 *   (expr.h) see plain text; this room knows where that text stands in the file and which traps YAML sets for it.
 * What flows through:    nodes in; compiled programs and templates out, owned by the plan's list.
 * What must hold:
 *  (1) a compiler's mistake is placed at the character it means, wherever the scalar's style allows.
 *  (2) a program that became part of another is owned by that one only; whoever fails frees the parts it has.
 *  (3) text that would be sent as it stands although it looks like an expression is a mistake: silence would be worse. */
#include "base/json.h"
#include "engine/plan/options.h"

#include <errno.h>

#include "base/banned.h"

static struct expr_names names_of(const struct planner *p, const struct opt *o)
{
	return (struct expr_names){
		.vars = p->vars,
		.secrets = o->secret ? p->secrets : NULL,
		.response = o->response,
		.rows = o->rows,
		.no_record = o->at_plan,
	};
}

static void own(struct planner *p, struct jq *jq, struct tpl *tpl)
{
	ASSERT((jq != NULL) != (tpl != NULL));
	struct owned *owned = arena_zero(p->arena, sizeof *owned);
	*owned = (struct owned){ .next = p->owned, .jq = jq, .tpl = tpl };
	p->owned = owned;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_word(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

/* ---- traps --------------------------------------------------------------------------------------------------- */

/* "Hello", "Hello, world!", "12:30:00": prose, not a program. */
static bool is_prose(struct slice s)
{
	bool number = s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9' && memchr(s.p, ':', s.n);
	if (s.n == 0 || (!is_letter(s.p[0]) && !number))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_word(s.p[i]) && (unsigned char)s.p[i] < 0x80 && !strchr(" ,!?.-:'", s.p[i]))
			return false;
	return true;
}

static bool contains(struct slice s, const char *part)
{
	return s.n > 0 && memmem(s.p, s.n, part, strlen(part)) != NULL;
}

/* Prose, <b>bold</b> or Dear \(.name), as a template has it. With a quote in it, it may be a program that went wrong. */
static bool is_text(struct slice s)
{
	bool markup = contains(s, "</") || (s.n > 0 && s.p[0] == '<');
	return is_prose(s) || (!contains(s, "\"") && (markup || contains(s, "\\(")));
}

/* Within single quotes of YAML, where one of them is written twice. */
static const char *constant_hint(struct planner *p, struct slice text)
{
	AUTO(buf_done) struct buf shown = { .max = 256 };
	struct slice head = utf8_head(text, 60);
	for (size_t i = 0; i < head.n; i++)
		if (buf_add(&shown,
			    head.p[i] == '\'' ? S("''") : slice_head(slice_from(head, i), 1)))
			return NULL;
	return arena_printf(p->arena, "a %s needs '\"%.*s\"'",
			    contains(text, "\\(") ? "text in jq" : "constant",
			    SLICE(buf_slice(&shown)));
}

/* What a plain scalar's end hides: a comment, or the comma and brackets of the flow style around it. */
static const char *end_hint(const struct planner *p, const struct node *node)
{
	ASSERT(node->at + node->length <= p->file.n);
	struct slice rest = slice_from(p->file, node->at + node->length);

	if (node->style != STYLE_PLAIN)
		return NULL;
	while (rest.n > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t'))
		rest = slice_from(rest, 1);
	if (rest.n > 0 && rest.p[0] == '#')
		return "what follows ' #' is a comment: put the whole value in single quotes";
	if (node->in_flow && rest.n > 0 && strchr(",]}", rest.p[0]))
		return "within { } a comma or bracket ends the value: put it in single quotes";
	return NULL;
}

/* The program breaks off: what it lacks may stand behind the value's end. */
static bool breaks_off(const struct expr_error *e)
{
	return strstr(e->text, "never closed") || strstr(e->text, "too early");
}

static const char *hint_for(struct planner *p, const struct opt *o, const struct node *node,
			    struct slice text, const struct expr_error *e)
{
	if (o->literal && !breaks_off(e)) /* no constant would do */
		return o->doc;
	if (is_text(text))
		return constant_hint(p, text);
	return breaks_off(e) ? end_hint(p, node) : NULL;
}

static void report(struct planner *p, const struct opt *o, const struct node *node, size_t from,
		   const struct expr_error *e, bool program)
{
	static const char mean[] = "; did you mean";
	const char *proposal = strstr(e->text, mean), *hint;
	struct slice text = slice_from(node->text, from);
	int said = proposal ? (int)(proposal - e->text) : (int)sizeof e->text;
	size_t at, length;

	node_locate(node, p->file, from + e->offset, e->length, &at, &length);
	if (proposal)
		hint = proposal + strlen("; ");
	else
		hint = hint_for(p, o, node, program ? text : (struct slice){ 0 }, e);
	diag_add(p->diag, at, length, hint, "%.*s", said, e->text);
}

/* ---- programs ------------------------------------------------------------------------------------------------- */

static struct jq *compile(struct planner *p, const struct opt *o, const struct node *node,
			  size_t from)
{
	struct expr_names names = names_of(p, o);
	struct expr_error e = { 0 };
	struct jq *jq = NULL;

	if (jq_program_compile(slice_from(node->text, from), &names, &jq, &e) == 0)
		return jq;
	ASSERT(e.text[0] != 0);
	report(p, o, node, from, &e, true);
	return NULL;
}

struct jq *option_compile(struct planner *p, const struct opt *o, const struct node *node,
			  size_t from)
{
	struct jq *jq = compile(p, o, node, from);
	if (jq)
		own(p, jq, NULL);
	return jq;
}

/* A program that the file does not spell out: a constant, or what {id} is short for. */
static struct jq *compile_made(struct planner *p, const struct opt *o, const struct node *at,
			       struct slice text)
{
	struct expr_names names = names_of(p, o);
	struct expr_error e = { 0 };
	struct jq *jq = NULL;

	if (jq_program_compile(text, &names, &jq, &e) == 0)
		return jq;
	diag_add(p->diag, at->at, at->length, NULL, "%s", e.text);
	return NULL;
}

/* {id} is .id, {two words} is ."two words"; what looks like a piece of a program is one that a comma cut off. */
static struct jq *compile_shorthand(struct planner *p, const struct opt *o, const struct node *key)
{
	AUTO(buf_done) struct buf text = { 0 };
	bool word = key->text.n > 0 && is_letter(key->text.p[0]), program = false;

	for (size_t i = 0; i < key->text.n; i++) {
		word &= is_word(key->text.p[i]);
		program |= strchr(".()[]{}|$\"'=<>+*/%;", key->text.p[i]) != NULL;
	}
	if (program && key->style == STYLE_PLAIN) {
		diag_add(p->diag, key->at, key->length,
			 "put what has commas or brackets in single quotes",
			 "'%.*s' has no value, and is no field's name", SHOWN(key->text));
		return NULL;
	}
	int r = buf_add_char(&text, '.');
	if (r == 0)
		r = word ? buf_add(&text, key->text) : json_quote(key->text, &text);
	return r == 0 ? compile_made(p, o, key, buf_slice(&text)) : NULL;
}

static struct jq *compile_constant(struct planner *p, const struct opt *o, const struct node *node)
{
	AUTO(buf_done) struct buf text = { 0 };
	const struct node *bad = NULL;

	if (node_json(node, &text, &bad) == 0)
		return compile_made(p, o, node, buf_slice(&text));
	diag_add(p->diag, node->at, node->length, "text needs quotes",
		 "'%.*s' is no number that JSON can hold", SHOWN(node->text));
	return NULL;
}

static struct jq *compile_object(struct planner *p, const struct opt *o, const struct node *map);

static struct jq *compile_member(struct planner *p, const struct opt *o, const struct node *key,
				 const struct node *node)
{
	if (node_empty(node))
		return compile_shorthand(p, o, key);
	switch (node->kind) {
	case NODE_STRING:
		return compile(p, o, node, 0);
	case NODE_MAP:
		return compile_object(p, o, node);
	case NODE_LIST:
		diag_add(p->diag, node->at, node->length,
			 "write jq's list in single quotes: '[.a, .b]'",
			 "'%.*s' wants a jq program, not a list", SHOWN(key->text));
		return NULL;
	default:
		return compile_constant(p, o, node);
	}
}

/* As deep as the tree, which YAML_MAX_DEPTH bounds. */
static struct jq *compile_object(struct planner *p, const struct opt *o, const struct node *map)
{
	ASSERT(map->kind == NODE_MAP);
	struct slice *keys = arena_zero(p->arena, (map->n + 1) * sizeof *keys);
	struct jq **values = arena_zero(p->arena, (map->n + 1) * sizeof *values);
	bool good = true;

	for (size_t i = 0; i < map->n; i++) {
		keys[i] = map->keys[i].text;
		values[i] = compile_member(p, o, &map->keys[i], &map->items[i]);
		good &= values[i] != NULL;
	}
	if (good)
		return jq_new_object(keys, values, map->n);
	for (size_t i = 0; i < map->n; i++)
		jq_free(values[i]);
	return NULL;
}

/* A text that stands for itself: as a program it is its own JSON. 1; 0: it is a program; -1: a mistake was added. */
static int put_literal(struct planner *p, const struct opt *o, const struct node *node,
		       struct buf *out)
{
	struct err err = { 0 };
	int r = o->literal && node->kind == NODE_STRING ? o->literal(node->text, &err) : 0;
	if (r < 0)
		diag_add(p->diag, node->at, node->length, NULL, "%s", err.text);
	if (r > 0 && json_quote(node->text, out) < 0)
		return -1;
	return r;
}

/* [ada@example.org, .email]: a program for each, and one that has them all. */
static struct jq *compile_list(struct planner *p, const struct opt *o, const struct node *list)
{
	AUTO(buf_done) struct buf text = { 0 };
	int r = buf_add_char(&text, '[');
	for (size_t i = 0; i < list->n && r == 0; i++) {
		const struct node *item = &list->items[i];
		struct jq *alone = NULL;
		r = i ? buf_add_char(&text, ',') : 0;
		int literal = r == 0 ? put_literal(p, o, item, &text) : -1;
		if (literal == 0 && item->kind == NODE_STRING)
			alone = compile(p, o, item, 0);
		else if (literal == 0)
			option_refuse(p, item, NULL, "'%s' wants a text here, not %s", o->name,
				      node_kind_name(item));
		if (literal < 0 || (literal == 0 && !alone))
			return NULL;
		jq_free(alone);
		if (literal == 0)
			r = buf_printf(&text, "(%.*s\n)", SLICE(item->text));
	}
	r = r < 0 ? r : buf_add_char(&text, ']');
	return r == 0 ? compile_made(p, o, list, buf_slice(&text)) : NULL;
}

static struct jq *compile_string(struct planner *p, const struct opt *o, const struct node *node)
{
	AUTO(buf_done) struct buf text = { 0 };
	int literal = put_literal(p, o, node, &text);
	if (literal < 0)
		return NULL;
	return literal ? compile_made(p, o, node, buf_slice(&text)) : compile(p, o, node, 0);
}

static bool parse_jq(struct planner *p, const struct opt *o, const struct node *node,
		     struct jq **ret)
{
	struct jq *jq = NULL;

	if (node->kind == NODE_LIST && !o->literal) {
		diag_add(p->diag, node->at, node->length,
			 node->style == STYLE_FLOW
				 ? "a value that begins with [ is written in single quotes"
				 : NULL,
			 "'%s' wants a jq program, not a list", o->name);
		return false;
	}
	if (node->kind == NODE_MAP && o->truth)
		return option_refuse(p, node, "write a condition: .status == 200 and .n > 0",
				     "'%s' wants a jq program: a mapping is always true", o->name);
	bool number =
		node->kind != NODE_MAP && node->kind != NODE_LIST && node->kind != NODE_STRING;
	if (o->literal && number)
		return option_refuse(p, node, o->doc, "'%s' wants a text, not %s", o->name,
				     node_kind_name(node));
	if (node->kind == NODE_MAP)
		jq = compile_object(p, o, node);
	else if (node->kind == NODE_LIST)
		jq = compile_list(p, o, node);
	else
		jq = node->kind == NODE_STRING ? compile_string(p, o, node)
					       : compile_constant(p, o, node);
	if (!jq)
		return false;
	own(p, jq, NULL);
	*ret = jq;
	return true;
}

static bool parse_assign(struct planner *p, const struct opt *o, const struct node *node,
			 struct assignment *ret)
{
	size_t at = node->kind == NODE_STRING ? field_path_parse(p, node->text, &ret->to) : 0;
	bool path = at > 0;

	while (at < node->text.n && (node->text.p[at] == ' ' || node->text.p[at] == '\n'))
		at++;
	if (!path || at >= node->text.n || node->text.p[at] != '=' ||
	    (at + 1 < node->text.n && node->text.p[at + 1] == '='))
		return option_refuse_kind(p, o, node,
					  "'.field = jq', such as '.text = $res.body.text'");
	for (at++; at < node->text.n && node->text.p[at] == ' ';)
		at++;
	ret->value = option_compile(p, o, node, at);
	return ret->value != NULL;
}

/* ---- templates ------------------------------------------------------------------------------------------------- */

/* $secret.NAME or $vars.NAME at i: the bytes it takes, else 0. */
static size_t reference(struct slice s, size_t i)
{
	static const struct slice names[] = { { "$secret.", 8 }, { "$vars.", 6 } };
	for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
		size_t n = names[k].n;
		if (!slice_starts(slice_from(s, i), names[k]))
			continue;
		while (i + n < s.n && is_word(s.p[i + n]))
			n++;
		return n;
	}
	return 0;
}

/* meant: the program that probably was. */
static bool refuse_text(struct planner *p, const struct node *node, size_t offset, size_t n,
			const char *before, struct slice meant)
{
	size_t at, length;
	char hint[160];

	ASSERT(offset + n <= node->text.n);
	struct slice found = { node->text.p + offset, n };

	node_locate(node, p->file, offset, n, &at, &length);
	snprintf(hint, sizeof hint, "write \\(%s%.*s)", before, SHOWN(meant));
	diag_add(p->diag, at, length, hint, "'%.*s' is sent as text here", SHOWN(found));
	return false;
}

/* The text begins like a path of jq. */
static size_t expression_at_start(struct slice s)
{
	static const struct slice names[] = { { "$res", 4 }, { "$rows", 5 }, { "$meta", 5 } };
	size_t n = s.n > 1 && s.p[0] == '.' && is_letter(s.p[1]) ? 1 : 0;

	for (size_t k = 0; k < ARRAY_SIZE(names) && n == 0; k++)
		if (slice_starts(s, names[k]) && (s.n == names[k].n || !is_word(s.p[names[k].n])))
			n = names[k].n;
	while (n > 0 && n < s.n && (is_word(s.p[n]) || s.p[n] == '.'))
		n++;
	return n;
}

/* {id}, or a segment .id: how others write what goes into a URL. The bytes at i that it takes, else 0. (/.well-known/ is
 * no field: it has a dash.) */
static size_t foreign_field(struct slice s, size_t i, struct slice *ret_name)
{
	bool brace = s.p[i] == '{';
	bool segment = s.p[i] == '.' && i > 0 && s.p[i - 1] == '/' && !memchr(s.p, '?', i);
	size_t from = i + 1 + (brace && i + 1 < s.n && s.p[i + 1] == '.'), end = from;

	if ((!brace && !segment) || from >= s.n || !is_letter(s.p[from]))
		return 0;
	while (end < s.n && (is_word(s.p[end]) || s.p[end] == '.'))
		end++;
	*ret_name = (struct slice){ s.p + from, end - from };
	if (brace)
		return end < s.n && s.p[end] == '}' ? end + 1 - i : 0;
	return end == s.n || strchr("/?#", s.p[end]) ? end - i : 0;
}

/* The name alone, or behind what stands between words: pa$$WORD is a password. */
static bool is_edge(struct slice s, size_t i)
{
	return i >= s.n || strchr(" :/@,;", s.p[i]);
}

/* $TOKEN, ${TOKEN}, $env.TOKEN: how others write what is $secret.TOKEN here. The bytes at i that it takes, else 0. */
static size_t shell_name(struct slice s, size_t i, struct slice *ret_name)
{
	static const struct slice befores[] = {
		{ "$secrets.", 9 }, { "$env.", 5 }, { "${", 2 }, { "$", 1 }
	};
	size_t k = 0, from, end;
	if (i > 0 && !is_edge(s, i - 1))
		return 0;
	while (k < ARRAY_SIZE(befores) && !slice_starts(slice_from(s, i), befores[k]))
		k++;
	if (k == ARRAY_SIZE(befores))
		return 0;
	end = from = i + befores[k].n;
	while (end < s.n && is_word(s.p[end]) && (k < 2 || !(s.p[end] >= 'a' && s.p[end] <= 'z')))
		end++;
	*ret_name = (struct slice){ s.p + from, end - from };
	bool closed = k != 2 || (end < s.n && s.p[end] == '}');
	end += k == 2;
	return ret_name->n > 1 && is_letter(s.p[from]) && closed && is_edge(s, end) ? end - i : 0;
}

static bool check_text(struct planner *p, const struct opt *o, const struct node *node)
{
	struct slice s = node->text;
	bool interpolated = s.n > 1 && memmem(s.p, s.n, "\\(", 2) != NULL;
	size_t n = interpolated || o->type == OPT_URL ? 0 : expression_at_start(s);
	struct slice name;
	int depth = 0;

	if (n > 0)
		return refuse_text(p, node, 0, n, "", slice_head(s, n));
	for (size_t i = 0; i < s.n; i++) {
		if (depth > 0)
			depth += (s.p[i] == '(') - (s.p[i] == ')');
		else if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == '(')
			depth = 1, i++;
		else if ((n = reference(s, i)) > 0 && n < s.n)
			return refuse_text(p, node, i, n, "", (struct slice){ s.p + i, n });
		else if (o->secret && (o->type != OPT_TREE || i == 0) &&
			 (n = shell_name(s, i, &name)) > 0 && (o->type != OPT_TREE || n == s.n))
			return refuse_text(p, node, i, n, "$secret.", name);
		else if (o->type == OPT_URL && (n = foreign_field(s, i, &name)) > 0)
			return refuse_text(p, node, i, n, o->at_plan ? "$vars." : ".", name);
	}
	return true;
}

/* Is a text cut off in the middle: by an open quote, or because the comment begins without a blank, which few people's do? */
static bool is_cut_off(struct slice text, struct slice comment)
{
	size_t quotes = 0;

	ASSERT(comment.n > 0 && comment.p[0] == '#');
	for (size_t i = 0; i < text.n; i++)
		quotes += text.p[i] == '"';
	return quotes % 2 == 1 || (comment.n > 1 && comment.p[1] != ' ' && comment.p[1] != '#');
}

/* A comment behind a plain text that has the other half of it: subject: Ticket #\(.id). In one that is only a comment, \( ) may
 * stand as in any; an interpolation that it cuts off is the compiler's to report. */
static bool check_comment(struct planner *p, const struct node *node)
{
	struct slice line, rest;
	size_t end = node->at + node->length;

	slice_cut(slice_from(p->file, end), '\n', &line, &rest);
	if (node->style != STYLE_PLAIN || !slice_starts(slice_trim(line), S("#")) ||
	    !memmem(line.p, line.n, "\\(", 2) || !is_cut_off(node->text, slice_trim(line)))
		return true;
	size_t at = end + (size_t)((const char *)memchr(line.p, '#', line.n) - line.p);
	diag_add(p->diag, at, slice_trim(line).n, "put the whole value in single quotes",
		 "what follows ' #' is a comment, not part of the value");
	return false;
}

static struct tpl *compile_text(struct planner *p, const struct opt *o, const struct node *node)
{
	struct expr_names names = names_of(p, o);
	struct expr_error e = { 0 };
	struct tpl *tpl = NULL;

	if (!check_text(p, o, node) || !check_comment(p, node))
		return NULL;
	enum tpl_kind kind = o->type == OPT_URL ? TPL_URL : o->names ? TPL_NAME : TPL_TEXT;
	if (tpl_compile(node->text, kind, &names, &tpl, &e) == 0)
		return tpl;
	report(p, o, node, 0, &e, false);
	return NULL;
}

static struct tpl *compile_literal(struct planner *p, const struct node *node)
{
	AUTO(buf_done) struct buf text = { 0 };
	const struct node *bad = NULL;

	if (node_json(node, &text, &bad) == 0)
		return tpl_new_json(buf_slice(&text));
	diag_add(p->diag, node->at, node->length, "text needs quotes",
		 "'%.*s' is no number that JSON can hold", SHOWN(node->text));
	return NULL;
}

static struct tpl *compile_tree(struct planner *p, const struct opt *o, const struct node *node)
{
	bool map = node->kind == NODE_MAP, good = true;

	ASSERT(o->type == OPT_TREE);
	if (node->kind == NODE_STRING)
		return compile_text(p, o, node);
	if (!map && node->kind != NODE_LIST)
		return compile_literal(p, node);
	struct slice *keys = arena_zero(p->arena, (node->n + 1) * sizeof *keys);
	struct tpl **values = arena_zero(p->arena, (node->n + 1) * sizeof *values);
	for (size_t i = 0; i < node->n; i++) {
		keys[i] = map ? node->keys[i].text : (struct slice){ 0 };
		values[i] = compile_tree(p, o, &node->items[i]);
		good &= values[i] != NULL;
	}
	if (good)
		return map ? tpl_new_object(keys, values, node->n) : tpl_new_array(values, node->n);
	for (size_t i = 0; i < node->n; i++)
		tpl_free(values[i]);
	return NULL;
}

/* "smtp://ada:sesame@mail.example.org", and nothing of it out of $secret. */
static bool spells_password(struct slice text)
{
	static const char from[] = "://";
	struct slice user, rest;
	const char *at = text.n ? memmem(text.p, text.n, from, strlen(from)) : NULL;
	if (!at)
		return false;
	rest = slice_from(text, (size_t)(at - text.p) + strlen(from));
	for (size_t i = 0; i < rest.n; i++)
		if (strchr("/?# ", rest.p[i]))
			rest = slice_head(rest, i);
	at = rest.n ? memrchr(rest.p, '@', rest.n) : NULL;
	rest = slice_head(rest, at ? (size_t)(at - rest.p) : 0);
	return slice_cut(rest, ':', &user, &rest) && rest.n > 0 &&
	       !memmem(rest.p, rest.n, "\\(", 2);
}

static bool parse_template(struct planner *p, const struct opt *o, const struct node *node,
			   struct tpl **ret)
{
	bool scalar = node->kind != NODE_LIST && node->kind != NODE_MAP;

	if (o->type != OPT_TREE && !scalar)
		return option_refuse_kind(p, o, node, o->type == OPT_URL ? "a URL" : "text");
	struct tpl *tpl = o->type == OPT_TREE ? compile_tree(p, o, node) : compile_text(p, o, node);
	if (!tpl)
		return false;
	p->spelt |= o->secret && scalar && spells_password(node->text);
	own(p, NULL, tpl);
	*ret = tpl;
	return true;
}

/* The folder is what stands before the last '/' before the first \( ). */
static bool parse_files(struct planner *p, const struct opt *o, const struct node *node,
			struct files_name *ret)
{
	const struct opt plain = { .name = o->name, .type = OPT_PATH };
	struct expr_names names = names_of(p, o);
	struct expr_error e = { 0 };
	struct tpl *tpl = NULL;
	size_t from = 0;
	if (!option_parse_scalar(p, &plain, node, &ret->path))
		return false;
	const char *first = memmem(node->text.p, node->text.n, "\\(", 2);
	if (!first)
		return true;
	if (!check_text(p, o, node) || !check_comment(p, node))
		return false;
	for (size_t i = 0; node->text.p + i < first; i++)
		from = node->text.p[i] == '/' ? i + 1 : from;
	if (tpl_compile(slice_from(node->text, from), TPL_TEXT, &names, &tpl, &e) < 0) {
		report(p, o, node, from, &e, false);
		return false;
	}
	own(p, NULL, tpl);
	ret->folder = strlen(ret->path) - (node->text.n - from) - 1;
	ret->name = tpl_constant(tpl) ? NULL : tpl;
	if (!ret->name) /* the same for all records: as if it were written out */
		ret->path = arena_printf(p->arena, "%.*s/%.*s", (int)ret->folder, ret->path,
					 SLICE(tpl_head(tpl)));
	return true;
}

bool option_parse_expr(struct planner *p, const struct opt *o, const struct node *node, void *at)
{
	switch (o->type) {
	case OPT_FILES:
		return parse_files(p, o, node, at);
	case OPT_JQ:
		return parse_jq(p, o, node, at);
	case OPT_ASSIGN:
		return parse_assign(p, o, node, at);
	case OPT_RATE:
		return option_parse_rate(p, o, node, at);
	case OPT_SHEET:
		return option_parse_sheet(p, o, node, at);
	default:
		return parse_template(p, o, node, at);
	}
}
