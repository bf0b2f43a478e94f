/* target.c - which object a record means: gs://bucket/folder/\(.name).pdf
 *
 * What this room is for: between templates and io/object.h, which takes complete URLs.
 * What flows through:    the literal head of a template at plan time; a record's URL in its call's arena.
 * What must hold:        see target.h. What object_url_parse() refuses (buckets, control characters, "..") is refused there; here
 *   is what only a template can do wrong: a scheme or a folder that data chooses, a name that data leaves empty. */
#include "connectors/objects/target.h"
#include "base/banned.h"

/* ---- the file ------------------------------------------------------------------------------------ */

static const struct scheme {
	const char *text;
	enum object_kind kind;
} schemes[] = {
	{ "gs://", OBJECT_GS },
	{ "s3://", OBJECT_S3 },
	{ "file:", OBJECT_FILE },
};

static const struct scheme *scheme_of(struct slice head)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (slice_starts(head, slice_str(schemes[i].text)))
			return &schemes[i];
	return NULL;
}

static void report_scheme(struct slice head, struct diag *diag)
{
	bool other = head.n && memmem(head.p, head.n, "://", 3);
	struct slice word;
	if (head.n == 0)
		diag_error(diag, NULL,
			   "the URL begins with what the record says; the file has to say which "
			   "store: gs://, s3:// or file:");
	else if (slice_cut(head, ':', &word, &head) && other)
		diag_error(diag, NULL,
			   "'%.*s://' is not a store: gs://bucket/name, s3://bucket/name or "
			   "file:///folder/name",
			   SLICE(word));
	else
		diag_error(diag, NULL,
			   "'%.*s' does not say which store: did you mean gs://%.*s, s3://%.*s or "
			   "file:%.*s?",
			   SLICE(word), SLICE(word), SLICE(word), SLICE(word));
}

struct slice target_prefix(struct slice pattern)
{
	size_t n = 0;
	while (n < pattern.n && !memchr("*?[", pattern.p[n], 3))
		n++;
	return slice_head(pattern, n);
}

/* With a scheme, up to and with the last '/'. Of gs://bucket/ the bucket is all the folder there is. */
static size_t folder_of(struct slice head, size_t scheme)
{
	const char *last = memrchr(head.p + scheme, '/', head.n - scheme);
	return last ? (size_t)(last - head.p) + 1 : scheme;
}

static void set_door(struct target *t, struct slice head, bool constant)
{
	struct slice shown = slice_head(head, constant ? head.n : t->folder);
	const char *slash = NULL;
	if (t->kind != OBJECT_FILE && shown.n > 5)
		slash = memchr(shown.p + 5, '/', shown.n - 5);
	if (slash)
		shown.n = (size_t)(slash - shown.p);
	shown = slice_head(shown, sizeof t->door - 1);
	memcpy(t->door, shown.p, shown.n);
	t->door[shown.n] = 0;
}

/* What is literal, as a URL: what would be wrong with it for every record is wrong now. */
static void check_literal(const struct target *t, struct slice head, bool constant, bool lists,
			  struct diag *diag)
{
	AUTO(buf_done) struct buf url = { .max = 8192 };
	struct err why = { 0 };
	struct object_url parts;
	struct slice literal = constant ? head : slice_head(head, t->folder);
	if (target_put_url(t, literal, "", &url, &why) < 0 ||
	    (url.n > 5 && object_url_parse(buf_slice(&url), &parts, &why) < 0))
		diag_error(diag, NULL, "%s", why.text);
	else if (constant && !lists && (url.n <= 5 || !parts.name.n || slice_ends(head, S("/"))))
		diag_error(diag, NULL, "'%.*s' names no object: write its name behind the '/'",
			   SLICE(head));
	else if (t->kind == OBJECT_FILE && !constant && t->folder <= strlen("file:///"))
		diag_error(
			diag, NULL,
			"name the folder that files go to: file:///folder/..., or file:folder/... "
			"beside the pipeline");
}

void target_plan(struct target *t, const struct tpl *tpl, bool lists, struct facts *facts,
		 struct diag *diag)
{
	struct slice head = tpl_head(tpl);
	const struct scheme *scheme = scheme_of(head);
	*t = (struct target){ 0 };
	if (!scheme) {
		report_scheme(head, diag);
		return;
	}
	t->kind = scheme->kind;
	t->relative = t->kind == OBJECT_FILE && !slice_starts(head, S("file:/"));
	t->folder = folder_of(lists ? target_prefix(head) : head, strlen(scheme->text));
	set_door(t, head, tpl_constant(tpl));
	facts->door = slice_str(t->door);
	check_literal(t, head, tpl_constant(tpl), lists, diag);
}

/* ---- a record -------------------------------------------------------------------------------------- */

int target_put_url(const struct target *t, struct slice text, const char *folder, struct buf *out,
		   struct err *err)
{
	int r;
	if (t->kind == OBJECT_FILE && t->relative)
		r = buf_printf(out, "file://%s/%.*s", folder, SLICE(slice_from(text, 5)));
	else if (t->kind == OBJECT_FILE && !slice_starts(text, S("file://")))
		r = buf_printf(out, "file://%.*s", SLICE(slice_from(text, 5)));
	else
		r = buf_add(out, text);
	return r < 0 ? fail_errno(err, FAULT_BAD_VALUE, r, "the object's URL is too long") : 0;
}

/* "a//b", "/a", "a/" and "" behind the folder: part of the name was empty in the record. */
static int check_parts(const struct target *t, struct slice text, struct err *err)
{
	struct slice rest = slice_from(text, t->folder), part;
	for (bool more = true; more;) {
		more = slice_cut(rest, '/', &part, &rest);
		if (part.n == 0)
			return fail(err, FAULT_BAD_VALUE,
				    "'%.*s' is no name for an object: a part of it is empty",
				    SLICE(slice_head(text, 200)));
	}
	return 0;
}

int target_make(const struct target *t, const struct tpl *tpl, struct site *site,
		const struct env *env, struct arena *arena, struct object_url *ret,
		struct slice *ret_url, struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = 64u << 10 }, url = { .max = 128u << 10 };
	if (tpl_text(tpl, env, &text, err) < 0)
		return -1;
	ASSERT(text.n >= t->folder);
	if (check_parts(t, buf_slice(&text), err) < 0 ||
	    target_put_url(t, buf_slice(&text), site_folder(site), &url, err) < 0)
		return -1;
	*ret_url = arena_copy(arena, buf_slice(&url));
	if (object_url_parse(*ret_url, ret, err) < 0)
		return -1;
	ASSERT(ret->kind == t->kind);
	return 0;
}

char *target_root(const struct target *t, const struct tpl *tpl, const char *folder)
{
	AUTO(buf_done) struct buf url = { .max = 64u << 10 };
	struct slice head = slice_head(tpl_head(tpl), t->folder);
	struct err ignored = { 0 };
	ASSERT(t->kind == OBJECT_FILE);
	if (target_put_url(t, head, folder, &url, &ignored) < 0)
		return NULL;
	struct slice path = slice_from(buf_slice(&url), strlen("file://"));
	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	return xstrndup(path.p, path.n);
}
