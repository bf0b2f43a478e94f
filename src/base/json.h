/* json.h - JSON as bytes: check, scan, parse, splice, write (RFC 8259, strict)
 *
 * What this room is for: records stay text. A field is found by scanning, a tree is built only for programs
 *   that need one, an answer is put into a record by splicing text; numbers are never converted, so that
 *   12345678901234567890 and 1.10 leave as they came.
 * What flows through: UTF-8 text. Everything from outside passes json_check, json_compact or json_parse
 *   once; the scanners below assume checked text (on other text they stay in bounds and find nothing).
 * What must hold: (1) strict grammar, valid UTF-8, no lone surrogate escapes, depth <= JSON_MAX_DEPTH.
 *   (2) of equal keys the last one counts, as in jq and Python. (3) no allocation except in the arena or
 *   buffer that is given. (4) near 1 us a KB on every path. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"

#define JSON_MAX_DEPTH 128

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/* ---- checking ------------------------------------------------------------------------------- */
struct json_error {
	size_t offset;    /* byte at which the text stops being JSON */
	const char *what; /* static, lower case: "expected ',' or '}'" */
};

/* One value with optional blanks around it. 0, or -EBADMSG with *ret (may be NULL) filled. */
MUST int json_check(struct slice text, struct json_error *ret);
/* Checks and appends the text without blanks between tokens: the form in which answers become part of
 * records (no newline outside strings can occur). -EBADMSG, or buf_add's errors; nothing is added then. */
MUST int json_compact(struct slice text, struct buf *out, struct json_error *ret);

/* ---- scanning checked text: no tree, nothing allocated --------------------------------------- */
enum json_type json_type(struct slice value); /* by its first byte */
struct slice json_trim(struct slice value);   /* without blanks around it */
/* The value of a key, as written. name is plain UTF-8; escaped keys in the text are compared decoded. */
bool json_field(struct slice object, struct slice name, struct slice *ret);
/* A negative index counts from the end. */
bool json_index(struct slice array, int64_t index, struct slice *ret);

/* Members of an object, elements of an array, in the order of the text:
 *   struct json_iter it = json_iter(text);
 *   while (json_next(&it, &key, &value))        key: raw, with quotes; empty for arrays */
struct json_iter {
	const char *p, *end;
	bool object;
};
struct json_iter json_iter(struct slice container);
bool json_next(struct json_iter *, struct slice *key, struct slice *value);

/* ---- trees: only for programs that need one --------------------------------------------------- */
/* The tree borrows text and arena. Of equal keys the tree has one: in the place of the first, with the value of the
 * last. raw is the text as written, without blanks around it (of containers: all of it); values made by programs
 * may have raw.p == NULL, except numbers: a number is its text. */
struct json {
	enum json_type type;
	uint32_t n; /* elements of an array, members of an object */
	struct slice raw;
	struct slice string; /* JSON_STRING: decoded UTF-8 */
	struct json *items;  /* array: n values; object: n values */
	struct slice *keys;  /* object: n decoded keys */
};
MUST int json_parse(struct arena *, struct slice text, struct json **ret, struct json_error *err);
const struct json *json_get(const struct json *object, struct slice key); /* NULL: not there */

/* ---- strings ---------------------------------------------------------------------------------- */
/* raw: with quotes, checked. Appends the decoded UTF-8; while it works it needs room for raw, which may be
 * longer. -EBADMSG when raw is no string after all. */
MUST int json_unquote(struct slice raw, struct buf *out);
/* Appends text as a JSON string with quotes, spelled as jq spells it: \" \\ \b \f \n \r \t, other control characters
 * and DEL as \u001f, everything else as it is; what is not valid UTF-8 becomes U+FFFD. */
MUST int json_quote(struct slice text, struct buf *out);

/* ---- writing and splicing --------------------------------------------------------------------- */
MUST int json_write(const struct json *, struct buf *out); /* compact; numbers as written */

/* Appends `object` with the value at path replaced or added; missing objects on the way are made. What is not
 * on the path is copied byte for byte; of equal keys the last is replaced. -ENOTDIR: something on the path is neither
 * object nor null. */
MUST int json_splice(struct slice object, const struct slice *path, size_t n, struct slice value,
		     struct buf *out);

/* A writer for text of our own: commas and quotes are its job, errors stick until json_writer_end. */
struct json_writer {
	struct buf *out;
	int error;
	bool comma;
};
struct json_writer json_writer(struct buf *out);
void json_open(struct json_writer *, char bracket);  /* '{' or '[' */
void json_close(struct json_writer *, char bracket); /* '}' or ']' */
void json_key(struct json_writer *, const char *key);
void json_put_string(struct json_writer *, struct slice);
void json_put_int(struct json_writer *, int64_t);
void json_put_bool(struct json_writer *, bool);
void json_put_raw(struct json_writer *, struct slice value); /* checked JSON text */
MUST int json_writer_end(struct json_writer *);              /* 0 or the first error */
