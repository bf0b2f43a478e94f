/* charset.c - text of another encoding as UTF-8
 *
 * What this room is for: the C library's iconv, asked once for each of the 256 bytes; after that a table.
 * What flows through:    cells and lines; those that are ASCII are not touched.
 * What must hold:        an encoding is refused at the plan unless each byte is a character by itself, or none at all, and the
 *                        first half is ASCII. */
#include "connectors/files/charset.h"
#include "base/banned.h"
#include "base/utf8.h"
#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>

struct charset {
	char advice[160];
	struct {
		char text[7];
		uint8_t n; /* 0: the byte means nothing */
	} of[256];
};

bool charset_is_utf8(const char *encoding)
{
	struct slice name = slice_str(encoding);
	return name.n == 0 || slice_eq_nocase(name, S("utf-8")) || slice_eq_nocase(name, S("utf8"));
}

/* The bytes that the byte is in UTF-8; 0: none; -1: it is only the first of a character. */
static int convert(iconv_t to_utf8, unsigned byte, char out[static 7])
{
	char in = (char)byte, *from = &in, *to = out;
	size_t in_n = 1, out_n = 7;
	(void)iconv(to_utf8, NULL, NULL, NULL, NULL);
	if (iconv(to_utf8, &from, &in_n, &to, &out_n) != (size_t)-1)
		return (int)(to - out);
	return errno == EINVAL ? -1 : 0;
}

/* NULL: *why says so. */
static struct charset *make(const char *encoding, const char **why)
{
	iconv_t to_utf8 = iconv_open("UTF-8", encoding);
	*why = "is not known here; `iconv -l` lists what is";
	if (to_utf8 == (iconv_t)-1)
		return NULL;
	struct charset *c = xcalloc(1, sizeof(*c));
	bool good = true;
	for (unsigned i = 0; i < 256 && good; i++) {
		int n = convert(to_utf8, i, c->of[i].text);
		good = i < 128 ? n == 1 && (unsigned char)c->of[i].text[0] == i : n >= 0;
		c->of[i].n = (uint8_t)(n > 0 ? n : 0);
	}
	(void)iconv_close(to_utf8);
	*why = "has more than one byte for a character, or is not like ASCII; convert the file "
	       "first "
	       "(iconv -t utf-8)";
	if (!good)
		free(take(c));
	return c;
}

void charset_check(const char *encoding, struct diag *diag)
{
	const char *why;
	struct charset *c = charset_is_utf8(encoding) ? NULL : make(encoding, &why);
	if (!c && !charset_is_utf8(encoding))
		diag_error(diag, "encoding", "'%s' %s", encoding, why);
	charset_free(c);
}

struct charset *charset_new(const char *encoding)
{
	const char *why;
	struct charset *c = charset_is_utf8(encoding) ? NULL : make(encoding, &why);
	if (c)
		snprintf(
			c->advice, sizeof(c->advice),
			"not %.60s, in which a byte of it means nothing; is it another `encoding`?",
			encoding);
	return c;
}

void charset_free(struct charset *c)
{
	free(c);
}

static bool is_ascii(struct slice text)
{
	unsigned char any = 0;
	for (size_t i = 0; i < text.n; i++)
		any |= (unsigned char)text.p[i];
	return any < 128;
}

int charset_put(const struct charset *c, struct slice text, struct buf *out)
{
	int r = 0;
	if (!c)
		return utf8_valid(text) ? buf_add(out, text) : -EILSEQ;
	for (size_t i = 0; i < text.n && r == 0; i++) {
		unsigned char byte = (unsigned char)text.p[i];
		r = c->of[byte].n ? buf_add(out, (struct slice){ c->of[byte].text, c->of[byte].n })
				  : -EILSEQ;
	}
	return r;
}

int charset_read(const struct charset *c, struct slice text, struct buf *scratch, struct slice *ret)
{
	*ret = text;
	if (!c)
		return utf8_valid(text) ? 0 : -EILSEQ;
	if (is_ascii(text))
		return 0;
	buf_clear(scratch);
	int r = charset_put(c, text, scratch);
	*ret = buf_slice(scratch);
	return r;
}

const char *charset_advice(const struct charset *c)
{
	return c ? c->advice
		 : "not UTF-8; say which `encoding` it has (windows-1252, latin1), or convert it: "
		   "iconv "
		   "-t utf-8";
}
