/* known.c - digests of entries, and validators
 *
 * What this room is for: see known.h.
 * What flows through:    64 bits of a SHA-256 an entry: eleven letters in the position.
 * What must hold:
 *  (1) known_put() in the middle of an answer has what came so far and what was known before. (2) KEPT_BESIDE digests more than the feed
 *      has are kept at least, so that a feed of few entries remembers some more; KEPT_BROKEN of one that cannot be read to its end. */
#include "connectors/feeds/known.h"
#include "base/banned.h"
#include "base/json.h"
#include "base/units.h"
#include <errno.h>
#include <stdlib.h>

enum { KEPT_BESIDE = 50, KEPT_BROKEN = 20000, LETTERS = 11, VALIDATOR_MAX = 1024 };
static const char letters[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void known_done(struct known *k)
{
	buf_done(&k->etag);
	buf_done(&k->modified);
	buf_done(&k->moved);
	free(k->digests);
	free(k->now);
	seen_done(&k->old);
	seen_done(&k->came);
	*k = (struct known){ 0 };
}

static struct slice bytes_of(const uint64_t *digest)
{
	return (struct slice){ (const char *)digest, sizeof(*digest) };
}

static void push(uint64_t **v, size_t *n, size_t *cap, uint64_t digest)
{
	if (*n == *cap) {
		*cap = *cap ? *cap * 2 : 64;
		*v = xrealloc(*v, *cap, sizeof(**v));
	}
	(*v)[(*n)++] = digest;
}

static void remember(struct known *k, uint64_t digest)
{
	if (seen_add(&k->old, bytes_of(&digest)))
		push(&k->digests, &k->n, &k->cap, digest);
}

/* ---- as text --------------------------------------------------------------------------------- */

static int put_digest(uint64_t digest, struct buf *out)
{
	char text[LETTERS];
	for (size_t i = 0; i < LETTERS; i++, digest >>= 6)
		text[i] = letters[digest & 63];
	return buf_add(out, (struct slice){ text, LETTERS });
}

static int read_digests(struct known *k, struct slice text)
{
	if (text.n % LETTERS != 0)
		return -EBADMSG;
	for (; text.n; text = slice_from(text, LETTERS)) {
		uint64_t digest = 0;
		for (size_t i = LETTERS; i-- > 0;) {
			const char *at = memchr(letters, text.p[i], 64);
			if (!at)
				return -EBADMSG;
			digest = digest << 6 | (uint64_t)(at - letters);
		}
		remember(k, digest);
	}
	return 0;
}

/* What came so far stands first: it is what the feed has. */
static int put_digests(const struct known *k, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; i < k->now_n && r == 0; i++)
		r = put_digest(k->now[i], out);
	for (size_t i = 0; i < k->n && r == 0; i++)
		r = put_digest(k->digests[i], out);
	return r;
}

static void put_text(struct json_writer *w, const char *key, const struct buf *text)
{
	if (text->n == 0)
		return;
	json_key(w, key);
	json_put_string(w, buf_slice(text));
}

int known_put(const struct known *k, struct buf *out)
{
	AUTO(buf_done) struct buf digests = { 0 };
	struct json_writer w = json_writer(out);
	int r = put_digests(k, &digests);
	json_open(&w, '{');
	json_key(&w, "answers");
	json_put_int(&w, (int64_t)k->answers);
	put_text(&w, "etag", &k->etag);
	put_text(&w, "modified", &k->modified);
	put_text(&w, "moved", &k->moved);
	if (k->failing) {
		json_key(&w, "failing");
		json_put_bool(&w, true);
	}
	put_text(&w, "entries", &digests);
	json_close(&w, '}');
	return r < 0 ? r : json_writer_end(&w);
}

static int read_text(struct slice object, const char *key, struct buf *ret)
{
	struct slice raw;
	return json_field(object, slice_str(key), &raw) ? json_unquote(raw, ret) : 0;
}

int known_read(struct known *k, struct slice text)
{
	AUTO(buf_done) struct buf digests = { 0 };
	struct slice raw;
	int64_t answers;
	if (json_check(text, NULL) < 0 || json_type(text) != JSON_OBJECT ||
	    !json_field(text, S("answers"), &raw) || units_int(raw, &answers) < 0 || answers < 0 ||
	    read_text(text, "etag", &k->etag) < 0 ||
	    read_text(text, "modified", &k->modified) < 0 ||
	    read_text(text, "moved", &k->moved) < 0 || read_text(text, "entries", &digests) < 0)
		return -EBADMSG;
	k->answers = (uint64_t)answers;
	k->failing = json_field(text, S("failing"), &raw) && json_type(raw) == JSON_TRUE;
	return read_digests(k, buf_slice(&digests));
}

/* ---- an answer ------------------------------------------------------------------------------- */

enum known_kind known_look(struct known *k, uint64_t digest)
{
	if (!seen_add(&k->came, bytes_of(&digest)))
		return ENTRY_TWIN;
	push(&k->now, &k->now_n, &k->now_cap, digest);
	return seen_has(&k->old, bytes_of(&digest)) ? ENTRY_OLD : ENTRY_NEW;
}

static void set(struct buf *to, struct slice value)
{
	buf_clear(to);
	if (value.n <= VALIDATOR_MAX && buf_add(to, value) < 0)
		buf_clear(to); /* asked for without it, then */
}

void known_set_validators(struct known *k, struct slice etag, struct slice modified)
{
	set(&k->etag, etag);
	set(&k->modified, modified);
}

/* A feed that is empty for a day is not forgotten at once. */
static size_t most_of(const struct known *k, bool whole)
{
	size_t most = 2 * k->now_n + (whole ? KEPT_BESIDE : KEPT_BROKEN);
	size_t fewer = k->n - k->n / 16;
	return fewer > most && k->n <= KEPT_BROKEN ? fewer : most;
}

void known_end(struct known *k, bool whole)
{
	uint64_t *before = take(k->digests);
	size_t n = k->n, most = most_of(k, whole);
	seen_done(&k->old);
	k->n = k->cap = 0;
	for (size_t i = 0; i < k->now_n; i++)
		remember(k, k->now[i]);
	for (size_t i = 0; i < n && k->n < most; i++)
		remember(k, before[i]);
	free(before);
	seen_done(&k->came);
	free(take(k->now));
	k->now_n = k->now_cap = 0;
	if (!whole)
		known_set_validators(k, S(""), S(""));
}
