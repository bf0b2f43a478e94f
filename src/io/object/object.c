/* object.c - which object, in which store, and what may be asked of it
 *
 * What this room is for: the one door to all stores: names are judged here, before any store sees them; then the store's own
 *   table takes over.
 * What flows through:    URLs and names in; what a store said of an object out, in storage of its own.
 * What must hold:
 *  (1) no bucket or name goes past this room that could mean another host, another path or another header: buckets follow the
 *      naming rules of the services, names have no control characters and no segment "." or "..".
 *  (2) what is handed out is whole or empty: who fails leaves nothing behind in *ret. */
#include "base/utf8.h"
#include "io/object/store.h"

#include <errno.h>

enum {
	BUCKET_MIN = 3,
	BUCKET_MAX = 222, /* with dots, at Google; 63 without, and everywhere else */
	LABEL_MAX = 63,
	NAME_BYTES_MAX = 1024,
	LIST_MOST = 1000,
};

/* ---- which object ---------------------------------------------------------------------------- */

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* One part between dots; digits only are counted, for what looks like an address. */
static const char *fault_of_label(struct slice s, enum object_kind kind, unsigned *numbers)
{
	size_t digits = 0;
	if (s.n == 0)
		return "a dot has nothing beside it";
	if (s.n > LABEL_MAX)
		return "more than 63 characters without a dot";
	for (size_t i = 0; i < s.n; i++) {
		digits += s.p[i] >= '0' && s.p[i] <= '9';
		if (!is_lower_or_digit(s.p[i]) && s.p[i] != '-' &&
		    (s.p[i] != '_' || kind == OBJECT_S3))
			return "only lower-case letters, digits, '-' and '.' make a bucket's name";
	}
	*numbers += digits == s.n;
	return NULL;
}

static const char *fault_of_bucket(struct slice bucket, enum object_kind kind)
{
	struct slice rest = bucket, label;
	unsigned labels = 0, numbers = 0;
	if (bucket.n < BUCKET_MIN || bucket.n > (kind == OBJECT_S3 ? LABEL_MAX : BUCKET_MAX))
		return "a bucket's name has 3 to 63 characters";
	if (!is_lower_or_digit(bucket.p[0]) || !is_lower_or_digit(bucket.p[bucket.n - 1]))
		return "it begins and ends with a lower-case letter or a digit";
	for (bool more = true; more; labels++) {
		more = slice_cut(rest, '.', &label, &rest);
		const char *why = fault_of_label(label, kind, &numbers);
		if (why)
			return why;
	}
	return labels == 4 && numbers == 4 ? "it looks like an address" : NULL;
}

static const char *fault_of_name(struct slice name)
{
	struct slice rest = name, segment;
	if (name.n > NAME_BYTES_MAX)
		return "a name has at most 1,024 bytes";
	if (!utf8_valid(name))
		return "it is not UTF-8";
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
			return "there is a control character in it";
	for (bool more = name.n > 0; more;) {
		more = slice_cut(rest, '/', &segment, &rest);
		if (slice_eq(segment, S(".")) || slice_eq(segment, S("..")))
			return "'.' and '..' would lead elsewhere";
	}
	return NULL;
}

static int refuse(const char *what, struct slice which, const char *why, struct err *err)
{
	return fail(err, FAULT_BAD_VALUE, "%s '%.*s' cannot be used: %s", what,
		    SLICE(slice_head(which, 120)), why);
}

static int parse_file(struct slice rest, struct object_url *u, struct err *err)
{
	if (rest.n == 0 || rest.p[0] != '/')
		return refuse("URL file://", rest, "write file:///path", err);
	u->kind = OBJECT_FILE;
	u->name = rest;
	return 0;
}

static int parse_bucket(struct slice rest, enum object_kind kind, struct object_url *u,
			struct err *err)
{
	u->kind = kind;
	(void)slice_cut(rest, '/', &u->bucket, &u->name);
	const char *why = fault_of_bucket(u->bucket, kind);
	return why ? refuse("bucket", u->bucket, why, err) : 0;
}

int object_url_parse(struct slice url, struct object_url *ret, struct err *err)
{
	struct object_url u = { 0 };
	int r;
	if (slice_starts(url, S("gs://")))
		r = parse_bucket(slice_from(url, 5), OBJECT_GS, &u, err);
	else if (slice_starts(url, S("s3://")))
		r = parse_bucket(slice_from(url, 5), OBJECT_S3, &u, err);
	else if (slice_starts(url, S("file://")))
		r = parse_file(slice_from(url, 7), &u, err);
	else
		r = refuse("URL", url, "write gs://, s3:// or file://", err);
	if (r < 0)
		return r;
	const char *why = fault_of_name(u.name);
	if (why)
		return refuse("object", u.name, why, err);
	*ret = u;
	return 0;
}

/* ---- stores ---------------------------------------------------------------------------------- */

int object_store_open(const struct object_store_options *o, struct object_store **ret,
		      struct err *err)
{
	switch (o->kind) {
	case OBJECT_FILE:
		return file_store_open(o, ret, err);
	case OBJECT_GS:
		return gs_store_open(o, ret, err);
	case OBJECT_S3:
		break;
	}
	return s3_store_open(o, ret, err);
}

int object_store_open_memory(struct object_store **ret)
{
	return memory_store_open(ret);
}

void object_store_free(struct object_store *s)
{
	if (!s)
		return;
	buf_done(&s->origin);
	s->ops->free(s);
}

struct slice object_store_origin(const struct object_store *s)
{
	return buf_slice(&s->origin);
}

/* ---- what a service says of an object -------------------------------------------------------- */

enum { INFO_SLICES = 8 };

static void info_slices(struct object_info *i, struct slice *ret[static INFO_SLICES])
{
	ret[0] = &i->bucket;
	ret[1] = &i->name;
	ret[2] = &i->type;
	ret[3] = &i->etag;
	ret[4] = &i->generation;
	ret[5] = &i->updated;
	ret[6] = &i->md5;
	ret[7] = &i->crc32c;
}

int object_info_copy(const struct object_info *from, struct object_info *ret)
{
	struct object_info copy = *from;
	struct slice *at[INFO_SLICES];
	size_t n = 0;
	info_slices(&copy, at);
	for (size_t i = 0; i < INFO_SLICES; i++)
		n += at[i]->n;
	copy.storage_ = (struct buf){ 0 };
	int r = buf_reserve(&copy.storage_, n);
	for (size_t i = 0; r == 0 && i < INFO_SLICES; i++) {
		size_t begin = copy.storage_.n;
		r = buf_add(&copy.storage_, *at[i]);
		*at[i] = slice_from(buf_slice(&copy.storage_), begin);
	}
	if (r < 0)
		buf_done(&copy.storage_);
	else
		*ret = copy;
	return r;
}

void object_info_done(struct object_info *i)
{
	buf_done(&i->storage_);
	*i = (struct object_info){ 0 };
}

int object_page_add(struct object_page *p, const struct object_info *from)
{
	/* The array has room for the next power of two. */
	if ((p->n & (p->n - 1)) == 0)
		p->objects = xrealloc(p->objects, p->n ? 2 * p->n : 1, sizeof(p->objects[0]));
	p->objects[p->n] = (struct object_info){ 0 };
	int r = object_info_copy(from, &p->objects[p->n]);
	p->n += r == 0;
	return r;
}

void object_page_done(struct object_page *p)
{
	for (size_t i = 0; i < p->n; i++)
		object_info_done(&p->objects[i]);
	free(p->objects);
	buf_done(&p->next);
	*p = (struct object_page){ 0 };
}

/* ---- what is asked --------------------------------------------------------------------------- */

static int check_bucket(const struct object_store *s, struct slice bucket, struct err *err)
{
	if (bucket.n == 0 && !s->ops->kind)
		return 0;
	if (s->ops->kind == OBJECT_FILE)
		return bucket.n ? refuse("bucket", bucket, "files have none", err) : 0;
	const char *why = fault_of_bucket(bucket, s->ops->kind);
	return why ? refuse("bucket", bucket, why, err) : 0;
}

static int check_place(const struct object_store *s, struct slice bucket, struct slice name,
		       struct err *err)
{
	const char *why = name.n ? fault_of_name(name) : "it is empty";
	return why ? refuse("object", name, why, err) : check_bucket(s, bucket, err);
}

int object_put(struct object_store *s, const struct object_put *p, struct object_upload **upload,
	       struct object_info *ret, struct err *err)
{
	ASSERT(p->when != OBJECT_IF_MATCH || p->match.n);
	*ret = (struct object_info){ 0 };
	int r = check_place(s, p->bucket, p->name, err);
	return r < 0 ? r : s->ops->put_object(s, p, upload, ret, err);
}

void object_upload_free(struct object_store *s, struct object_upload *u)
{
	if (u)
		s->ops->forget_upload(s, u);
}

int object_get(struct object_store *s, const struct object_get *g, struct buf *bytes,
	       struct object_info *ret, struct err *err)
{
	*ret = (struct object_info){ 0 };
	int r = check_place(s, g->bucket, g->name, err);
	return r < 0 ? r : s->ops->get_object(s, g, bytes, ret, err);
}

int object_stat(struct object_store *s, struct slice bucket, struct slice name,
		struct object_info *ret, struct err *err)
{
	*ret = (struct object_info){ 0 };
	int r = check_place(s, bucket, name, err);
	return r < 0 ? r : s->ops->stat_object(s, bucket, name, ret, err);
}

int object_list(struct object_store *s, const struct object_list *l, struct object_page *ret,
		struct err *err)
{
	struct object_list asked = *l;
	const char *why = fault_of_name(l->prefix);
	*ret = (struct object_page){ 0 };
	if (why)
		return refuse("prefix", l->prefix, why, err);
	if (asked.most == 0 || asked.most > LIST_MOST)
		asked.most = LIST_MOST;
	int r = check_bucket(s, l->bucket, err);
	return r < 0 ? r : s->ops->list_objects(s, &asked, ret, err);
}
