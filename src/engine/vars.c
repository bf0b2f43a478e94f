/* vars.c - `vars:`, the environment and --set become the one object that programs see as $vars
 *
 * What this room is for: the only way in for what differs between machines: nothing else reads the environment.
 * What flows through:    YAML trees, "k=v" texts; JSON text out.
 * What must hold:
 *  (1) $env.NAME stands alone as a value and gives text, never a number: an id with a leading zero keeps it.
 *  (2) --set replaces whole values of the top, or adds them; it is JSON if it can be read as JSON, else text. */
#include "base/json.h"
#include "engine/options.h"

#include <errno.h>

#include "base/banned.h"

static bool is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (i > 0 && c >= '0' && c <= '9')))
			return false;
	}
	return s.n > 0;
}

static bool replace_one(struct planner *p, struct node *node)
{
	const char *found = node->text.n ? memmem(node->text.p, node->text.n, "$env.", 5) : NULL;

	if (!found)
		return true;
	struct slice name = slice_from(node->text, 5);
	if (found != node->text.p || !is_name(name)) {
		diag_add(p->diag, node->at, node->length, "join texts where they are used: \\($vars.a)\\($vars.b)",
			 "$env.NAME stands alone as a value");
		return false;
	}
	const char *value = getenv(arena_str(p->arena, name));
	if (!value) {
		diag_add(p->diag, node->at, node->length, NULL, "the environment has no '%.*s'", SHOWN(name));
		return false;
	}
	if (!utf8_valid(slice_str(value))) {
		diag_add(p->diag, node->at, node->length, NULL, "'%.*s' in the environment is not UTF-8", SHOWN(name));
		return false;
	}
	node->text = arena_copy(p->arena, slice_str(value));
	node->kind = NODE_STRING;
	return true;
}

static bool replace_env(struct planner *p, struct node *node)
{
	bool good = true;

	if (node->kind == NODE_STRING)
		return replace_one(p, node);
	for (size_t i = 0; i < node->n; i++)
		good &= replace_env(p, &node->items[i]);
	return good;
}

static bool parse_file(struct planner *p, const struct node *vars, struct buf *out)
{
	struct node *copy = arena_zero(p->arena, sizeof *copy);
	const struct node *bad = NULL;

	if (vars->kind != NODE_MAP) {
		diag_add(p->diag, vars->at, vars->length, NULL, "'vars' wants a mapping of names to values, not %s", node_kind_name(vars));
		return false;
	}
	*copy = *vars;
	if (!replace_env(p, copy))
		return false;
	int r = node_json(copy, out, &bad);
	if (bad)
		diag_add(p->diag, bad->at, bad->length, "text needs quotes", "'%.*s' is no number that JSON can hold", SHOWN(bad->text));
	else if (r < 0)
		diag_add(p->diag, vars->at, vars->length, NULL, "'vars' is too large");
	return r == 0;
}

static bool set_one(struct planner *p, const char *set, struct buf *vars)
{
	AUTO(buf_done) struct buf value = { 0 }, next = { 0 };
	struct slice name, text;

	if (!slice_cut(slice_str(set), '=', &name, &text) || !is_name(name)) {
		diag_add(p->diag, DIAG_NOWHERE, 0, "write --set name=value", "--set '%s' sets nothing", set);
		return false;
	}
	if (!utf8_valid(text)) {
		diag_add(p->diag, DIAG_NOWHERE, 0, NULL, "--set '%.*s': the value is not UTF-8", SLICE(name));
		return false;
	}
	int r = json_compact(text, &value, NULL);
	if (r == -EBADMSG)
		r = json_quote(text, &value);
	if (r == 0)
		r = json_splice(buf_slice(vars), &name, 1, buf_slice(&value), &next);
	if (r < 0) {
		diag_add(p->diag, DIAG_NOWHERE, 0, NULL, "--set '%.*s': the value is too large", SLICE(name));
		return false;
	}
	buf_done(vars);
	*vars = buf_take(&next);
	return true;
}

bool vars_parse(struct planner *p, const struct node *vars, const char *const *sets, size_t n, struct slice *ret)
{
	AUTO(buf_done) struct buf text = { 0 };
	bool good = true;

	if (vars && !node_empty(vars))
		good = parse_file(p, vars, &text);
	if (!good || text.n == 0) {
		buf_clear(&text);
		good &= buf_add(&text, S("{}")) == 0;
	}
	for (size_t i = 0; i < n; i++)
		good &= set_one(p, sets[i], &text);
	*ret = arena_copy(p->arena, buf_slice(&text));
	return good;
}
