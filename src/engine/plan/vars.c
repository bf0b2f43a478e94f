/* vars.c - `vars:`, the environment and --set become the one object that programs see as $vars
 *
 * What this room is for: the only way in for what differs between machines: nothing else reads the environment.
 * What flows through:    YAML trees, "k=v" texts; JSON text out.
 * What must hold:
 *  (1) $env.NAME stands alone as a value and gives text, never a number: an id with a leading zero keeps it.
 *  (2) --set replaces whole values of the top, or adds them; it is JSON if it can be read as JSON, else text. */
#include "base/json.h"
#include "engine/plan/options.h"

#include <errno.h>

#include "base/banned.h"

static bool is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (i > 0 && c >= '0' && c <= '9')))
			return false;
	}
	return s.n > 0;
}

static void replace_one(struct planner *p, struct node *node)
{
	const char *found = node->text.n ? memmem(node->text.p, node->text.n, "$env.", 5) : NULL;

	if (!found)
		return;
	struct slice name = slice_from(node->text, 5);
	if (found != node->text.p || !is_name(name)) {
		diag_add(p->diag, node->at, node->length,
			 "join texts where they are used: \\($vars.a)\\($vars.b)",
			 "$env.NAME stands alone as a value");
		return;
	}
	const char *value = getenv(arena_str(p->arena, name));
	if (value && utf8_valid(slice_str(value))) {
		node->text = arena_copy(p->arena, slice_str(value));
		return;
	}
	diag_add(p->diag, node->at, node->length, NULL,
		 value ? "'%.*s' in the environment is not UTF-8" : "the environment has no '%.*s'",
		 SHOWN(name));
	*node = (struct node){ .kind = NODE_NULL, .at = node->at, .length = node->length };
}

static void replace_env(struct planner *p, struct node *node)
{
	if (node->kind == NODE_STRING)
		replace_one(p, node);
	for (size_t i = 0; i < node->n; i++)
		replace_env(p, &node->items[i]);
}

static void put_file(struct planner *p, struct node *vars, struct buf *out)
{
	const struct node *bad = NULL;

	if (vars->kind != NODE_MAP) {
		diag_add(p->diag, vars->at, vars->length, NULL,
			 "'vars' wants a mapping of names to values, not %s", node_kind_name(vars));
		return;
	}
	replace_env(p, vars);
	int r = node_json(vars, out, &bad);
	if (bad)
		diag_add(p->diag, bad->at, bad->length, "text needs quotes",
			 "'%.*s' is no number that JSON can hold", SHOWN(bad->text));
	if (r < 0)
		buf_clear(out);
}

static void set_one(struct planner *p, const char *set, struct buf *vars)
{
	AUTO(buf_done) struct buf value = { 0 }, next = { 0 };
	struct slice name, text;

	if (!slice_cut(slice_str(set), '=', &name, &text) || !is_name(name)) {
		diag_add(p->diag, DIAG_NOWHERE, 0, "write --set name=value",
			 "--set '%s' sets nothing", set);
		return;
	}
	if (!utf8_valid(text)) {
		diag_add(p->diag, DIAG_NOWHERE, 0, NULL, "--set '%.*s': the value is not UTF-8",
			 SLICE(name));
		return;
	}
	int r = json_compact(text, &value, NULL);
	if (r == -EBADMSG)
		r = json_quote(text, &value);
	if (r == 0)
		r = json_splice(buf_slice(vars), &name, 1, buf_slice(&value), &next);
	if (r < 0) {
		diag_add(p->diag, DIAG_NOWHERE, 0, NULL, "--set '%.*s': the value is too large",
			 SLICE(name));
		return;
	}
	buf_done(vars);
	*vars = buf_take(&next);
}

struct slice vars_parse(struct planner *p, struct node *vars, const char *const *sets, size_t n)
{
	AUTO(buf_done) struct buf text = { 0 };

	if (vars && !node_empty(vars))
		put_file(p, vars, &text);
	if (text.n == 0 && buf_add(&text, S("{}")) < 0)
		return S("{}");
	for (size_t i = 0; i < n; i++)
		set_one(p, sets[i], &text);
	return arena_copy(p->arena, buf_slice(&text));
}
