/* sheet_escape.c - a value, written for the place where it stands
 *
 * What this room is for: what data may not do to the document around it.
 * What flows through:    JSON that a program gave; characters appended.
 * What must hold:
 *  (1) whatever the data: text brings no tag and no entity, an attribute's value no quote, a URL no scheme but known ones, a
 *      script nothing but one JSON value, a style nothing but words and numbers.
 *  (2) what cannot be written so is refused with FAULT_BAD_VALUE; it is not changed into something else in silence. Only what no
 *      document can hold (control characters) becomes U+FFFD. */
#include "base/json.h"
#include "engine/language/sheet_markup.h"

#include "base/banned.h"

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* ---- text --------------------------------------------------------------------------------------------------- */

/* NULL: it stands as it is. */
static const char *entity(char c)
{
	unsigned char u = (unsigned char)c;
	if (u > '>' || (u > '\'' && u < '<'))
		return NULL;
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&#34;";
	case '\'':
		return "&#39;";
	case '\r':
		return "&#13;";
	default:
		return u < ' ' && c != '\t' && c != '\n' ? "\xef\xbf\xbd" : NULL;
	}
}

static int put_text(struct slice s, struct buf *out)
{
	size_t from = 0;
	int r = 0;
	for (size_t i = 0; i < s.n && r == 0; i++) {
		const char *with = entity(s.p[i]);
		if (!with)
			continue;
		r = buf_add(out, (struct slice){ s.p + from, i - from });
		r = r ? r : buf_add(out, slice_str(with));
		from = i + 1;
	}
	return r ? r : buf_add(out, slice_from(s, from));
}

/* ---- URLs ----------------------------------------------------------------------------------------------------- */

/* What a URL may begin with; the name of a scheme reaches to a ':' before any '/', '?' or '#'. */
static bool scheme_is_known(struct slice url, struct slice *ret)
{
	static const char *const known[] = {
		"http", "https", "mailto", "tel", "sms", "ftp", "cid"
	};
	size_t n = 0;
	while (n < url.n && (!url.p[n] || !strchr(":/?#", url.p[n])))
		n++;
	*ret = slice_head(url, n);
	if (n == url.n || url.p[n] != ':')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (slice_eq_nocase(*ret, slice_str(known[i])))
			return true;
	return false;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* RFC 3986: what may stand in a URL as it is. A quote is encoded: URLs are put into quotes of other languages, too. */
static bool url_keeps(enum escape how, struct slice s, size_t i)
{
	char c = s.p[i];
	if (is_word(c) || (c && strchr("-._~", c)))
		return true;
	if (how == ESCAPE_URL_QUERY || !c)
		return false;
	if (c == '%')
		return i + 2 < s.n && is_hex(s.p[i + 1]) && is_hex(s.p[i + 2]);
	return strchr("!#$&*+,/;=?@[]", c) || (c == ':' && how != ESCAPE_URL_OPEN);
}

static int put_url(enum escape how, struct slice s, struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";
	int r = 0;
	for (size_t i = 0; i < s.n && r == 0; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char escape[3] = { '%', hex[c >> 4], hex[c & 15] };
		if (!url_keeps(how, s, i))
			r = buf_add(out, (struct slice){ escape, 3 });
		else
			r = c == '&' ? buf_add(out, S("&amp;")) : buf_add_char(out, (char)c);
	}
	return r;
}

static int check_url(enum escape how, struct slice json, struct slice text, struct err *err)
{
	struct slice scheme;
	if (json_type(json) == JSON_ARRAY || json_type(json) == JSON_OBJECT)
		return fail(err, FAULT_BAD_VALUE, "is %s, and stands in a URL",
			    json_type(json) == JSON_ARRAY ? "a list" : "an object");
	if (how != ESCAPE_URL || scheme_is_known(text, &scheme))
		return 0;
	return fail(err, FAULT_BAD_VALUE,
		    "is no URL to link to: its scheme '%.*s' is not http, https, mailto, tel, sms, "
		    "ftp or cid",
		    SLICE(utf8_head(scheme, 40)));
}

/* ---- scripts and styles --------------------------------------------------------------------------------------------- */

/* Within JSON these signs stand only in strings. A blank on both sides: it may stand behind a word, or a minus. */
static int put_json(struct slice s, struct buf *out)
{
	int r = buf_add_char(out, ' ');
	for (size_t i = 0; i < s.n && r == 0; i++) {
		char c = s.p[i];
		bool separator = c == '\xe2' && i + 2 < s.n && s.p[i + 1] == '\x80' &&
				 (s.p[i + 2] == '\xa8' || s.p[i + 2] == '\xa9');
		if (separator) {
			r = buf_add(out, s.p[i + 2] == '\xa8' ? S("\\u2028") : S("\\u2029"));
			i += 2;
		} else if (c == '<' || c == '>' || c == '&') {
			r = buf_printf(out, "\\u00%02x", (unsigned)c);
		} else {
			r = buf_add_char(out, c);
		}
	}
	return r ? r : buf_add_char(out, ' ');
}

static int check_css(struct slice text, struct err *err)
{
	for (size_t i = 0; i < text.n; i++)
		if (!is_word(text.p[i]) && (unsigned char)text.p[i] < 0x80 &&
		    (!text.p[i] || !strchr(" _.,%#+-", text.p[i])))
			return fail(
				err, FAULT_BAD_VALUE,
				"stands in a style, where only letters, digits and _.,%%#+- may");
	return 0;
}

/* ---- all of them --------------------------------------------------------------------------------------------------------- */

static int put(enum escape how, struct slice text, struct buf *out)
{
	switch (how) {
	case ESCAPE_TEXT:
		return put_text(text, out);
	case ESCAPE_URL:
	case ESCAPE_URL_OPEN:
	case ESCAPE_URL_PATH:
	case ESCAPE_URL_QUERY:
		return put_url(how, text, out);
	case ESCAPE_JSON:
		return put_json(text, out);
	case ESCAPE_NONE:
	case ESCAPE_CSS:
		break;
	}
	return buf_add(out, text);
}

static int check(enum escape how, struct slice json, struct slice text, struct err *err)
{
	if (how >= ESCAPE_URL && how <= ESCAPE_URL_QUERY)
		return check_url(how, json, text, err);
	return how == ESCAPE_CSS ? check_css(text, err) : 0;
}

int escape_put(enum escape how, struct slice json, struct buf *out, struct err *err)
{
	AUTO(buf_done) struct buf decoded = { .max = out->max };
	struct slice text = json;
	int r = 0;
	if (json_type(json) == JSON_STRING && how != ESCAPE_JSON) {
		r = json_unquote(json, &decoded);
		text = buf_slice(&decoded);
	}
	if (how == ESCAPE_URL)
		text = slice_trim(text);
	if (r == 0 && check(how, json, text, err) < 0)
		return -1;
	if (r == 0)
		r = put(how, text, out);
	return r ? fail(err, FAULT_TOO_LARGE, "the document is larger than 100 MB") : 0;
}
