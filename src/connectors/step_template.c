/* step_template.c - a document from each record: a mail, a page, a note
 *
 * What this room is for: text with \( ) in a file of its own. The language of it is the engine's (engine/sheet.h); here its
 *   result finds its field.
 * What flows through:    one record in, its next version out, with the document in `into`.
 * What must hold:        what is not named stays byte for byte. */
#include <errno.h>

#include "base/banned.h"
#include "base/json.h"
#include "engine/port.h"

enum { MISSING_IS_DEAD, MISSING_IS_EMPTY };
enum { AS_TEXT_VALUE, AS_BYTES };
static const char *const missing_words[] = { "dead", "empty", NULL };
static const char *const as_words[] = { "text", "blob", NULL };

struct template_step {
	struct sheet *sheet;
	struct field_path into;
	int missing, as;
};

static const struct opt options[] = {
	OPT("template", struct template_step, sheet, OPT_SHEET, struct sheet *, .verb = true,
	    .required = true,
	    .doc = "the file, or {text: |...}; escape: html, xml or none, else what the file's "
		   "ending says"),
	OPT("into", struct template_step, into, OPT_FIELD, struct field_path, .required = true,
	    .doc = "the field that takes the document"),
	OPT("as", struct template_step, as, OPT_ENUM, int, .words = as_words, .fallback = "text",
	    .doc = "text: a string in the record; blob: bytes beside it"),
	OPT("missing", struct template_step, missing, OPT_ENUM, int, .words = missing_words,
	    .fallback = "dead",
	    .doc = "what a \\( ) that is null does: dead, a dead letter that names its line; "
		   "empty, nothing is written"),
	OPT_END,
};

static struct slice media_type(const struct sheet *sheet)
{
	switch (sheet_kind(sheet)) {
	case SHEET_HTML:
		return S("text/html; charset=utf-8");
	case SHEET_XML:
		return S("application/xml");
	case SHEET_TEXT:
		break;
	}
	return S("text/plain; charset=utf-8");
}

static int place(struct slice record, const struct field_path *to, struct slice value,
		 struct buf *out, struct err *err)
{
	int r = json_splice(record, to->keys, to->n, value, out);
	if (r == -ENOTDIR)
		return fail(err, FAULT_BAD_VALUE,
			    "cannot put the document at .%.*s: something on the way there is no "
			    "object",
			    SLICE(to->keys[0]));
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r,
				  "the record with the document is too large: `as: blob` keeps it "
				  "beside the record")
		     : 0;
}

static int put_blob(const struct template_step *o, const struct rec *rec, struct buf *document,
		    struct out *out, struct err *err)
{
	AUTO(buf_done) struct buf copy = { 0 }, ref = { 0 }, text = { 0 };
	int r = buf_add(&copy, rec_json(rec));
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "the record is too large");
	AUTO(rec_unrefp) struct rec *with = rec_next(rec, &copy);
	r = rec_add_blob(with, o->into.keys[o->into.n - 1], media_type(o->sheet), document, &ref);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "the document is too large");
	if (place(rec_json(rec), &o->into, buf_slice(&ref), &text, err) < 0)
		return -1;
	return out_put(out, rec_next(with, &text), err);
}

static int put_text(const struct template_step *o, const struct rec *rec, struct slice document,
		    struct out *out, struct err *err)
{
	AUTO(buf_done) struct buf quoted = { .max = 2 * SHEET_MAX_BYTES }, text = { 0 };
	int r = json_quote(document, &quoted);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "the document is too large");
	if (place(rec_json(rec), &o->into, buf_slice(&quoted), &text, err) < 0)
		return -1;
	return out_put(out, rec_next(rec, &text), err);
}

static int template_apply(struct site *site, const struct rec *rec, const struct env *env,
			  struct out *out, struct err *err) SUSPENDS
{
	const struct template_step *o = site->options;
	AUTO(buf_done) struct buf document = { .max = SHEET_MAX_BYTES };
	if (sheet_render(o->sheet, env, o->missing == MISSING_IS_EMPTY, &document, err) < 0)
		return -1;
	if (o->as == AS_BYTES)
		return put_blob(o, rec, &document, out, err);
	return put_text(o, rec, buf_slice(&document), out, err);
}

const struct port step_template = {
	.name = "template",
	.doc = "write a document from each record",
	.more = "Text with \\( ), as in all templates, and lines of their own that repeat or "
		"choose "
		"parts of it:\n"
		"`\\for .items[] as $item` (`at $n` behind it counts from 0), `\\if jq`, `\\elif "
		"jq`, "
		"`\\else`, `\\end`. A line that\n"
		"begins with `\\comment` is left out; `\\\\for` writes \\for. In files that end in "
		".html, .htm, .xml or .svg every\n"
		"\\( ) is escaped for where it stands; `\\raw(jq)` puts trusted HTML in.\n"
		"\n"
		"    steps:\n"
		"      - template: digest.html\n"
		"        into: .html\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct template_step),
	.apply = template_apply,
};
