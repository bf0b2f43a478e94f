/* jq_format.c - @text @json @csv @tsv @html @uri @sh @base64: a value as text for somewhere else
 *
 * What this room is for: formats in strings (@uri "...\(.q)") and behind a pipe, as jq 1.6 writes them.
 * What flows through:    a value in, characters appended.
 * What must hold: numbers keep their digits; what a format cannot take raises with jq's words. */
#include "engine/language/jq_eval.h"
#include <string.h>

#include "base/banned.h"

static int added(struct eval *ev, int error)
{
	return error < 0 ? eval_too_large(ev) : GO;
}

/* tostring: strings as they are, everything else as JSON. */
static int put_text(struct eval *ev, const struct val *in, struct buf *out)
{
	if (in->type == JSON_STRING)
		return added(ev, buf_add(out, val_string(ev, in)));
	return added(ev, val_write(ev, in, true, out));
}

static int put_escaped(struct eval *ev, struct slice s, const char *what, const char *const *with,
		       struct buf *out)
{
	size_t from = 0;
	int error = 0;
	for (size_t i = 0; i < s.n && error >= 0; i++) {
		const char *hit = s.p[i] ? strchr(what, s.p[i]) : NULL;
		if (!hit && s.p[i])
			continue;
		error = buf_add(out, (struct slice){ s.p + from, i - from });
		if (error >= 0)
			error = buf_add(out, hit ? slice_str(with[hit - what]) : S("\\0"));
		from = i + 1;
	}
	if (error >= 0 && from < s.n)
		error = buf_add(out, (struct slice){ s.p + from, s.n - from });
	return added(ev, error);
}

static int put_uri(struct eval *ev, struct slice s, struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";
	int error = 0;
	for (size_t i = 0; i < s.n && error >= 0; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || (c && strchr("-_.!~*'()", c));
		char escape[3] = { '%', hex[c >> 4], hex[c & 15] };
		error = plain ? buf_add_char(out, (char)c)
			      : buf_add(out, (struct slice){ escape, 3 });
	}
	return added(ev, error);
}

static int put_base64(struct eval *ev, struct slice s, struct buf *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	int error = 0;
	for (size_t i = 0; i < s.n && error >= 0; i += 3) {
		size_t n = s.n - i < 3 ? s.n - i : 3;
		uint32_t bits = (uint32_t)(unsigned char)s.p[i] << 16;
		if (n > 1)
			bits |= (uint32_t)(unsigned char)s.p[i + 1] << 8;
		if (n > 2)
			bits |= (unsigned char)s.p[i + 2];
		char four[4] = { digits[bits >> 18 & 63], digits[bits >> 12 & 63],
				 n > 1 ? digits[bits >> 6 & 63] : '=',
				 n > 2 ? digits[bits & 63] : '=' };
		error = buf_add(out, (struct slice){ four, 4 });
	}
	return added(ev, error);
}

/* ---- rows ------------------------------------------------------------------------------------------------- */

static int put_cell(struct eval *ev, enum format format, const struct val *v, struct buf *out)
{
	static const char *const in_tsv[] = { "\\t", "\\r", "\\n", "\\\\" },
				 *const in_csv[] = { "\"\"" }, *const in_sh[] = { "'\\''" };
	if (v->type >= JSON_ARRAY)
		return eval_raise_on(ev, v,
				     format == FORMAT_SH ? "can not be escaped for shell"
							 : "is not valid in a csv row");
	if (v->type == JSON_NULL && format != FORMAT_SH)
		return GO;
	if (v->type == JSON_NUMBER && format != FORMAT_SH && val_number(v) != val_number(v))
		return GO;
	if (v->type != JSON_STRING)
		return added(ev, val_write(ev, v, true, out));
	struct slice s = val_string(ev, v);
	if (format == FORMAT_TSV)
		return put_escaped(ev, s, "\t\r\n\\", in_tsv, out);
	char quote = format == FORMAT_CSV ? '"' : '\'';
	if (buf_add_char(out, quote) < 0)
		return eval_too_large(ev);
	int rc = format == FORMAT_CSV ? put_escaped(ev, s, "\"", in_csv, out)
				      : put_escaped(ev, s, "'", in_sh, out);
	return rc != GO ? rc : added(ev, buf_add_char(out, quote));
}

static int put_row(struct eval *ev, enum format format, const struct val *in, struct buf *out)
{
	char between = format == FORMAT_CSV ? ',' : format == FORMAT_TSV ? '\t' : ' ';
	struct val row = *in;
	if (in->type != JSON_ARRAY && format == FORMAT_SH)
		return put_cell(ev, format, in, out);
	if (in->type != JSON_ARRAY)
		return eval_raise_on(ev, in,
				     format == FORMAT_CSV ? "cannot be csv-formatted, only array"
							  : "cannot be tsv-formatted, only array");
	if (val_open(ev, &row) != GO)
		return RAISED;
	for (size_t i = 0; i < row.n; i++) {
		if (i && buf_add_char(out, between) < 0)
			return eval_too_large(ev);
		int rc = put_cell(ev, format, &row.items[i], out);
		if (rc != GO)
			return rc;
	}
	return GO;
}

/* ---- all of them ------------------------------------------------------------------------------------------ */

/* As text first, in the evaluation's stack of characters, then encoded. */
static int put_encoded(struct eval *ev, enum format format, const struct val *in, struct buf *out)
{
	static const char *const in_html[] = { "&amp;", "&lt;", "&gt;", "&apos;", "&quot;" };
	AUTO(buf_done) struct buf text = { 0 };
	int rc = put_text(ev, in, &text);
	if (rc != GO)
		return rc;
	if (format == FORMAT_URI)
		return put_uri(ev, buf_slice(&text), out);
	if (format == FORMAT_BASE64)
		return put_base64(ev, buf_slice(&text), out);
	ASSERT(format == FORMAT_HTML);
	return put_escaped(ev, buf_slice(&text), "&<>'\"", in_html, out);
}

int format_put(struct eval *ev, enum format format, const struct val *in, struct buf *out)
{
	switch (format) {
	case FORMAT_TEXT:
		return put_text(ev, in, out);
	case FORMAT_JSON:
		return added(ev, val_write(ev, in, true, out));
	case FORMAT_CSV:
	case FORMAT_TSV:
	case FORMAT_SH:
		return put_row(ev, format, in, out);
	default:
		return put_encoded(ev, format, in, out);
	}
}

int format_string(struct eval *ev, enum format format, const struct val *in, struct val *ret)
{
	struct buf *buf = &ev->scratch->buf;
	size_t start = buf->n;
	int rc = format_put(ev, format, in, buf);
	if (rc == GO)
		*ret = VAL_STRING(arena_copy(ev->arena, buf_since(buf, start)));
	buf_truncate(buf, start);
	return rc == GO ? eval_room(ev) : rc;
}
