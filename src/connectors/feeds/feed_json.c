/* feed_json.c - JSON Feed 1.0 and 1.1 (jsonfeed.org)
 *
 * What this room is for: the one kind of feed that needs no XML.
 * What flows through:    the whole text, checked once, then scanned; entries to the same function as all others.
 * What must hold:        a value of another type than the format says counts as not given; an id may be a number. */
#include "base/banned.h"
#include "base/json.h"
#include "base/utf8.h"
#include "connectors/feeds/feed.h"
#include "connectors/feeds/mend.h"
#include "connectors/feeds/plain.h"
#include "io/url.h"

struct reading {
	const struct feed_options *o;
	struct feed_about *about;
	struct entry e;
	struct buf text; /* one decoded string */
};

/* "" when it is not there, or no text. Good until the next call. */
static struct slice text_of(struct reading *r, struct slice object, const char *key)
{
	struct slice raw;
	buf_clear(&r->text);
	if (!json_field(object, slice_str(key), &raw))
		return (struct slice){ 0 };
	if (json_type(raw) == JSON_NUMBER)
		return raw;
	if (json_type(raw) != JSON_STRING || json_unquote(raw, &r->text) < 0)
		return (struct slice){ 0 };
	return slice_trim(buf_slice(&r->text));
}

static void set_link(struct reading *r, struct slice object, const char *key, struct buf *to)
{
	AUTO(buf_done) struct buf url = { .max = 64 << 10 };
	struct slice text = text_of(r, object, key);
	if (text.n && to->n == 0 && url_resolve(r->o->found, text, &url) == 0)
		entry_set(&r->e, to, buf_slice(&url));
}

static void set_title(struct reading *r, struct slice object, struct buf *to)
{
	struct slice text = text_of(r, object, "title");
	buf_clear(to);
	if (plain_put_text(text, to) < 0)
		r->e.too_large = true;
}

static void set_text(struct reading *r, struct slice object, const char *key, struct buf *to)
{
	if (to->n == 0)
		entry_set(&r->e, to, text_of(r, object, key));
}

/* authors of 1.1, author of 1.0. */
static void set_author(struct reading *r, struct slice object, struct buf *to)
{
	struct slice list, key, one;
	buf_clear(to);
	if (json_field(object, S("authors"), &list) && json_type(list) == JSON_ARRAY) {
		struct json_iter it = json_iter(list);
		while (json_next(&it, &key, &one)) {
			struct slice name = text_of(r, one, "name");
			if (name.n)
				entry_add_author(&r->e, to, name);
		}
	}
	if (to->n == 0 && json_field(object, S("author"), &one))
		entry_set(&r->e, to, text_of(r, one, "name"));
}

static void add_tags(struct reading *r, struct slice item)
{
	struct slice list, key, tag;
	if (!json_field(item, S("tags"), &list) || json_type(list) != JSON_ARRAY)
		return;
	struct json_iter it = json_iter(list);
	while (json_next(&it, &key, &tag)) {
		buf_clear(&r->text);
		if (json_type(tag) == JSON_STRING && json_unquote(tag, &r->text) == 0)
			entry_add_category(&r->e, buf_slice(&r->text));
	}
}

static void add_attachment(struct reading *r, struct slice one)
{
	AUTO(buf_done) struct buf url = { .max = 64 << 10 };
	struct slice size = { 0 };
	struct slice text = text_of(r, one, "url");
	if (text.n == 0 || url_resolve(r->o->found, text, &url) < 0)
		return;
	(void)json_field(one, S("size_in_bytes"), &size);
	entry_add_enclosure(&r->e, buf_slice(&url), text_of(r, one, "mime_type"), size);
}

static void add_attachments(struct reading *r, struct slice item)
{
	AUTO(buf_done) struct buf url = { .max = 64 << 10 };
	struct slice list, key, one, image = text_of(r, item, "image");
	if (image.n && url_resolve(r->o->found, image, &url) == 0)
		entry_add_enclosure(&r->e, buf_slice(&url), S("image/*"), S(""));
	if (!json_field(item, S("attachments"), &list) || json_type(list) != JSON_ARRAY)
		return;
	struct json_iter it = json_iter(list);
	while (json_next(&it, &key, &one))
		add_attachment(r, one);
}

static int read_item(struct reading *r, struct slice item)
{
	struct entry *e = &r->e;
	entry_clear(e);
	set_text(r, item, "id", &e->guid);
	set_link(r, item, "url", &e->link);
	set_link(r, item, "external_url", &e->link);
	set_title(r, item, &e->title);
	set_text(r, item, "summary", &e->summary);
	set_text(r, item, "content_html", &e->content);
	set_text(r, item, "content_text", &e->content);
	set_author(r, item, &e->author);
	entry_set_date(e, &e->published, text_of(r, item, "date_published"));
	entry_set_date(e, &e->updated, text_of(r, item, "date_modified"));
	add_tags(r, item);
	add_attachments(r, item);
	int done = entry_identify(e);
	if (done == 0)
		r->o->on_entry(r->o->arg, e, r->about);
	return done;
}

static void read_about(struct reading *r, struct slice feed)
{
	set_title(r, feed, &r->about->title);
	set_link(r, feed, "home_page_url", &r->about->link);
	set_author(r, feed, &r->about->author);
	feed_about_limit(r->about);
}

static int read_items(struct reading *r, struct slice items, struct err *err)
{
	struct slice key, item;
	struct json_iter it = json_iter(items);
	while (json_next(&it, &key, &item))
		if (json_type(item) == JSON_OBJECT && read_item(r, item) < 0)
			return fail(err, FAULT_IO, "out of memory");
	return 0;
}

static int fail_place(struct slice text, const struct json_error *where, struct err *err)
{
	size_t line = 1, column = 1;
	for (size_t i = 0; i < where->offset && i < text.n; i++, column++)
		if (text.p[i] == '\n') {
			line++;
			column = 0;
		}
	return fail(err, FAULT_PROTOCOL, "malformed at %zu:%zu: %s", line, column,
		    where->what ? where->what : "cut off");
}

/* Bytes that are not UTF-8 are mended here, too. */
static struct slice mend_text(struct slice text, struct buf *room)
{
	AUTO(mend_done) struct mend m = { .only_bytes = true };
	if (slice_starts(text, S("\xef\xbb\xbf")))
		text = slice_from(text, 3);
	if (utf8_valid(text) || mend_add(&m, text, true, room) < 0)
		return text;
	return buf_slice(room);
}

int feed_json_read(const struct feed_options *o, struct feed_about *about, struct slice text,
		   struct err *err)
{
	struct reading r = { .o = o, .about = about, .e.most = o->most, .text.max = o->most };
	AUTO(buf_done) struct buf mended = { .max = o->most };
	struct json_error where = { 0 };
	struct slice items;
	text = mend_text(text, &mended);
	if (json_check(text, &where) < 0)
		return fail_place(text, &where, err);
	struct slice version = text_of(&r, text, "version");
	bool is_feed = version.n && memmem(version.p, version.n, "jsonfeed.org/version/", 21);
	int done = 0;
	if (!is_feed || !json_field(text, S("items"), &items) || json_type(items) != JSON_ARRAY) {
		done = fail(err, FAULT_PROTOCOL,
			    "answered with JSON that is no JSON Feed: it has no version "
			    "'https://jsonfeed.org/version/1.1' with items");
	} else {
		read_about(&r, text);
		done = read_items(&r, items, err);
	}
	entry_done(&r.e);
	buf_done(&r.text);
	return done;
}
