/* option_sheet.c - a template of a document, from its own file or out of the pipeline
 *
 * What this room is for: `template: notes.md` and `template: {text: |...}` become a compiled sheet, and its mistakes get their
 *   place: in the template's own file, line and column, or in the pipeline.
 * What flows through:    a node in; a sheet out, owned by the plan. The file is read here, once.
 * What must hold:
 *  (1) what the file holds is a part of the pipeline: a changed template is a changed pipeline (struct side_text).
 *  (2) the file's ending says what is escaped, unless `escape:` does. */
#include "base/utf8.h"
#include "engine/plan/options.h"
#include "engine/sheet.h"

#include <errno.h>

#include "base/banned.h"

enum { FILE_MAX = 16 << 20 };

struct sheet_options {
	const char *file, *text;
	int escape;
};
enum { BY_ENDING = -1 };
static const char *const escape_words[] = { "none", "html", "xml", NULL }; /* enum sheet_kind */
static const struct opt sheet_table[] = {
	OPT("file", struct sheet_options, file, OPT_PATH, const char *, .verb = true),
	OPT("text", struct sheet_options, text, OPT_STRING, const char *),
	OPT("escape", struct sheet_options, escape, OPT_ENUM, int, .words = escape_words),
	OPT_END,
};

/* Where the mistakes of one template go. */
struct reporting {
	struct planner *p;
	const struct node
		*node; /* of its text in the pipeline; NULL: `file` has a text of its own */
	struct diag *file;
};

/* What is proposed stands behind the caret, as in the pipeline's own mistakes. */
static void report(void *arg, const struct expr_error *e)
{
	static const char mean[] = "; did you mean";
	const struct reporting *r = arg;
	const char *proposal = strstr(e->text, mean);
	const char *hint = proposal ? proposal + strlen("; ") : NULL;
	int said = proposal ? (int)(proposal - e->text) : (int)sizeof e->text;
	size_t at = e->offset, length = e->length;
	if (r->node)
		node_locate(r->node, r->p->file, e->offset, e->length, &at, &length);
	diag_add(r->node ? r->p->diag : r->file, at, length, hint, "%.*s", said, e->text);
}

/* ---- the file ------------------------------------------------------------------------------------------------ */

static bool take_file(struct planner *p, const struct node *node, const char *path,
		      struct slice *ret)
{
	AUTO(buf_done) struct buf text = { .max = FILE_MAX + (128u << 10) };
	int r = side_file_load(path, &text);
	if (r == -EMSGSIZE || text.n > FILE_MAX)
		return option_refuse(p, node, NULL,
				     "'%.*s' is larger than 16 MiB: a template is not",
				     SHOWN(node->text));
	if (r < 0)
		return option_refuse(p, node,
				     r == -ENOENT ? "paths count from the pipeline's folder" : NULL,
				     "'%.*s' cannot be read: %s", SHOWN(node->text), strerror(-r));
	*ret = arena_copy(p->arena, buf_slice(&text));
	if (slice_starts(*ret, S("\xef\xbb\xbf"))) /* a mark that editors of Windows put first */
		*ret = slice_from(*ret, 3);
	struct side_text *side = arena_zero(p->arena, sizeof *side);
	*side = (struct side_text){ .node = node, .text = *ret, .next = p->sides };
	p->sides = side;
	return true;
}

/* As the user would name it: beside the pipeline's own name. */
static const char *shown_name(const struct planner *p, const struct node *node)
{
	const char *slash = node->text.n && node->text.p[0] == '/' ? NULL : strrchr(p->shown, '/');
	return slash ? arena_printf(p->arena, "%.*s/%.*s", (int)(slash - p->shown), p->shown,
				    SLICE(node->text))
		     : arena_str(p->arena, node->text);
}

static enum sheet_kind kind_of_ending(struct slice name)
{
	static const struct {
		const char *ending;
		enum sheet_kind kind;
	} endings[] = { { ".html", SHEET_HTML }, { ".htm", SHEET_HTML }, { ".xhtml", SHEET_XML },
			{ ".xml", SHEET_XML },   { ".svg", SHEET_XML },  { ".rss", SHEET_XML },
			{ ".atom", SHEET_XML } };
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		struct slice ending = slice_str(endings[i].ending);
		if (name.n >= ending.n &&
		    slice_eq_nocase(slice_from(name, name.n - ending.n), ending))
			return endings[i].kind;
	}
	return SHEET_TEXT;
}

/* ---- the option --------------------------------------------------------------------------------------------------- */

static bool compile(struct planner *p, const struct opt *o, const struct node *node, bool file,
		    const struct sheet_options *given, struct sheet **ret)
{
	struct expr_names names = { .vars = p->vars };
	struct reporting r = { p, file ? NULL : node, NULL };
	struct slice text = node->text;
	enum sheet_kind kind = given->escape != BY_ENDING ? (enum sheet_kind)given->escape
			       : file                     ? kind_of_ending(node->text)
							  : SHEET_TEXT;
	const char *name = file ? shown_name(p, node) : o->name;
	if (file && !take_file(p, node, given->file, &text))
		return false;
	if (file)
		r.file = diag_file(p->diag, name, text);
	if (sheet_compile(text, kind, name, &names, report, &r, ret) < 0)
		return false;
	struct owned *owned = arena_zero(p->arena, sizeof *owned);
	*owned = (struct owned){ .next = p->owned, .sheet = *ret };
	p->owned = owned;
	return true;
}

static bool parse_map(struct planner *p, const struct opt *o, const struct node *node,
		      struct sheet **ret)
{
	struct sheet_options given = { .escape = BY_ENDING };
	size_t before = diag_count(p->diag);
	for (size_t i = 0; i < node->n; i++) {
		const struct opt *sub = options_find(sheet_table, node->keys[i].text);
		if (sub)
			(void)option_parse(p, sub, &node->items[i], (char *)&given + sub->offset);
		else
			option_refuse(p, &node->keys[i], "it has file or text, and escape",
				      "'%s' has no option '%.*s'", o->name,
				      SHOWN(node->keys[i].text));
	}
	if (diag_count(p->diag) > before)
		return false;
	if (!given.file == !given.text)
		return option_refuse(p, node, NULL, "'%s' wants %s", o->name,
				     given.file ? "file or text, not both" : "file or text");
	return compile(p, o, node_get(node, given.file ? "file" : "text"), given.file != NULL,
		       &given, ret);
}

bool option_parse_sheet(struct planner *p, const struct opt *o, const struct node *node,
			struct sheet **ret)
{
	struct sheet_options given = { .escape = BY_ENDING };
	if (node->kind == NODE_MAP)
		return parse_map(p, o, node, ret);
	if (node->kind == NODE_STRING && memchr(node->text.p, '\n', node->text.n))
		return option_refuse(p, node, "write {text: ...}", "'%s' wants the name of a file",
				     o->name);
	return option_parse(p, &sheet_table[0], node, &given.file) &&
	       compile(p, o, node, true, &given, ret);
}
