/* entry.c - from what a feed said to a record
 *
 * What this room is for: see entry.h. RSS, Atom and JSON Feed meet here.
 * What flows through:    texts in; JSON out.
 * What must hold:
 *  (1) a field that does not fit makes the entry too large; nothing is cut. (2) digests are SHA-256: feeds come from strangers, and an
 *      entry that is taken for another one would be lost. */
#include "connectors/feeds/entry.h"
#include "base/banned.h"
#include "base/json.h"
#include "base/units.h"
#include "base/utf8.h"
#include "connectors/feeds/dates.h"
#include "io/digest.h"

void feed_about_done(struct feed_about *a)
{
	buf_done(&a->title);
	buf_done(&a->link);
	buf_done(&a->author);
}

enum { TITLE_MAX = 1000, LINK_MAX = 2048 };

void feed_about_limit(struct feed_about *a)
{
	buf_truncate(&a->title, utf8_head(buf_slice(&a->title), TITLE_MAX).n);
	buf_truncate(&a->author, utf8_head(buf_slice(&a->author), TITLE_MAX).n);
	if (a->link.n > LINK_MAX)
		buf_clear(&a->link);
}

#define FIELDS(DO, e)         \
	DO(&(e)->guid);       \
	DO(&(e)->link);       \
	DO(&(e)->title);      \
	DO(&(e)->summary);    \
	DO(&(e)->content);    \
	DO(&(e)->author);     \
	DO(&(e)->published);  \
	DO(&(e)->updated);    \
	DO(&(e)->categories); \
	DO(&(e)->enclosures)

void entry_clear(struct entry *e)
{
	FIELDS(buf_clear, e);
	e->too_large = false;
}

void entry_done(struct entry *e)
{
	FIELDS(buf_done, e);
}

static void note(struct entry *e, int r)
{
	if (r < 0)
		e->too_large = true;
}

void entry_set(struct entry *e, struct buf *field, struct slice value)
{
	buf_clear(field);
	if (e->most && value.n > e->most)
		note(e, -1);
	else
		note(e, buf_add(field, value));
}

void entry_set_date(struct entry *e, struct buf *field, struct slice text)
{
	int64_t ns;
	buf_clear(field);
	if (feed_date_read(text, &ns) == 0)
		note(e, feed_date_put(ns, field));
}

static int comma(struct buf *list)
{
	return list->n ? buf_add_char(list, ',') : 0;
}

static bool has_room(const struct entry *e, const struct buf *list, size_t more)
{
	return e->most == 0 || list->n + more < e->most;
}

void entry_add_author(struct entry *e, struct buf *field, struct slice name)
{
	bool fits = has_room(e, field, name.n + 2);
	if (fits && field->n)
		note(e, buf_add(field, S(", ")));
	note(e, fits ? buf_add(field, name) : -1);
}

void entry_add_category(struct entry *e, struct slice name)
{
	name = slice_trim(name);
	if (name.n == 0)
		return;
	bool fits = has_room(e, &e->categories, name.n);
	note(e, fits && comma(&e->categories) == 0 ? json_quote(name, &e->categories) : -1);
}

static void put_text(struct json_writer *w, const char *key, struct slice text)
{
	json_key(w, key);
	if (text.n)
		json_put_string(w, text);
	else
		json_put_raw(w, S("null"));
}

void entry_add_enclosure(struct entry *e, struct slice url, struct slice type, struct slice bytes)
{
	int64_t size = 0;
	if (url.n == 0)
		return;
	if (!has_room(e, &e->enclosures, url.n + type.n) || comma(&e->enclosures) < 0) {
		note(e, -1);
		return;
	}
	struct json_writer w = json_writer(&e->enclosures);
	json_open(&w, '{');
	put_text(&w, "url", url);
	put_text(&w, "type", type);
	json_key(&w, "bytes");
	if (units_int(slice_trim(bytes), &size) == 0 && size > 0)
		json_put_int(&w, size);
	else
		json_put_raw(&w, S("null"));
	json_close(&w, '}');
	note(e, json_writer_end(&w));
}

/* ---- who it is ------------------------------------------------------------------------------- */

#define ADD(field) bytes += (field)->n

static size_t bytes_of(const struct entry *e)
{
	size_t bytes = 0;
	FIELDS(ADD, e);
	return bytes;
}

int entry_identify(struct entry *e)
{
	uint8_t all[DIGEST_BYTES];
	struct digest d;
	int r = 0;
	e->too_large |= e->most && bytes_of(e) > e->most;
	if (e->guid.n == 0 && e->link.n)
		return buf_add(&e->guid, buf_slice(&e->link));
	if (e->guid.n)
		return 0;
	r = digest_init(&d);
	if (r < 0)
		return r;
	digest_add(&d, buf_slice(&e->title));
	digest_add(&d, buf_slice(&e->published));
	digest_add(&d, buf_slice(&e->summary));
	digest_add(&d, buf_slice(&e->content));
	digest_end(&d, all);
	return digest_put_hex(all, &e->guid);
}

int entry_digest(const struct entry *e, bool content, uint64_t *ret)
{
	uint8_t all[DIGEST_BYTES];
	struct digest d;
	int r = digest_init(&d);
	if (r < 0)
		return r;
	digest_add(&d, buf_slice(&e->guid));
	if (content) {
		digest_add(&d, buf_slice(&e->link));
		digest_add(&d, buf_slice(&e->title));
		digest_add(&d, buf_slice(&e->summary));
		digest_add(&d, buf_slice(&e->content));
		digest_add(&d, buf_slice(&e->enclosures));
	}
	digest_end(&d, all);
	memcpy(ret, all, sizeof(*ret));
	return 0;
}

/* ---- the record ------------------------------------------------------------------------------ */

static void put_about(struct json_writer *w, const struct feed_about *a)
{
	json_open(w, '{');
	put_text(w, "url", a->url);
	put_text(w, "title", buf_slice(&a->title));
	put_text(w, "link", buf_slice(&a->link));
	json_close(w, '}');
}

static void put_list(struct json_writer *w, const char *key, const struct buf *list)
{
	json_key(w, key);
	json_open(w, '[');
	if (list->n)
		json_put_raw(w, buf_slice(list));
	json_close(w, ']');
}

static void put_names(struct json_writer *w, const struct entry *e)
{
	put_text(w, "guid", utf8_head(buf_slice(&e->guid), 4096));
	put_text(w, "link", utf8_head(buf_slice(&e->link), 4096));
	put_text(w, "title", utf8_head(buf_slice(&e->title), 4096));
}

static void put_all(struct json_writer *w, const struct entry *e, const struct feed_about *a)
{
	put_text(w, "guid", buf_slice(&e->guid));
	put_text(w, "link", buf_slice(&e->link));
	put_text(w, "title", buf_slice(&e->title));
	put_text(w, "summary", buf_slice(&e->summary));
	put_text(w, "content", buf_slice(&e->content));
	put_text(w, "author", buf_slice(e->author.n ? &e->author : &a->author));
	put_text(w, "published", buf_slice(&e->published));
	put_text(w, "updated", buf_slice(&e->updated));
	put_list(w, "categories", &e->categories);
	put_list(w, "enclosures", &e->enclosures);
}

int entry_put_json(const struct entry *e, const struct feed_about *a, struct buf *out)
{
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	if (e->too_large)
		put_names(&w, e);
	else
		put_all(&w, e, a);
	json_key(&w, "feed");
	put_about(&w, a);
	json_close(&w, '}');
	return json_writer_end(&w);
}
