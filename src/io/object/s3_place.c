/* s3_place.c - where a bucket is
 *
 * What this room is for: a name becomes a URL: https://BUCKET.s3.REGION.amazonaws.com/NAME at AWS, ENDPOINT/BUCKET/NAME elsewhere, or
 *   https://BUCKET.HOST/NAME where the endpoint says "{bucket}.".
 * What flows through:    endpoint, bucket, name, query in; URL, Host and the path that is signed out.
 * What must hold:
 *  (1) a bucket becomes part of a host only after object.c judged it, and without dots (a certificate for *.s3 covers no more).
 *  (2) a region from an answer becomes part of a host: letters, digits and '-' only, and a bounded number of them is kept. */
#include "io/object/s3.h"
#include "io/url.h"

#include <stdlib.h>

enum { REGIONS_KEPT = 64, REGION_MAX = 32 };

/* ---- regions --------------------------------------------------------------------------------- */

static struct s3_region *find(const struct s3_store *s, struct slice bucket)
{
	struct s3_region *r = s->regions;
	while (r && !slice_eq(buf_slice(&r->bucket), bucket))
		r = r->next;
	return r;
}

struct slice s3_region_of(const struct s3_store *s, struct slice bucket)
{
	const struct s3_region *r = find(s, bucket);
	return buf_slice(r ? &r->region : &s->region);
}

bool s3_is_region(struct slice s)
{
	bool good = s.n > 0 && s.n <= REGION_MAX;
	for (size_t i = 0; i < s.n && good; i++)
		good = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
		       (s.p[i] == '-' && i > 0);
	return good;
}

bool s3_region_set(struct s3_store *s, struct slice bucket, struct slice region)
{
	struct s3_region *r = find(s, bucket);
	if (!s3_is_region(region) || slice_eq(s3_region_of(s, bucket), region))
		return false;
	if (!r && s->region_count == REGIONS_KEPT)
		return false;
	if (!r) {
		r = xcalloc(1, sizeof *r);
		*r = (struct s3_region){ .next = s->regions };
		s->regions = r;
		s->region_count++;
	}
	buf_clear(&r->region);
	return (r->bucket.n || buf_add(&r->bucket, bucket) == 0) &&
	       buf_add(&r->region, region) == 0;
}

void s3_regions_done(struct s3_store *s)
{
	for (struct s3_region *r = s->regions, *next; r; r = next) {
		next = r->next;
		buf_done(&r->bucket);
		buf_done(&r->region);
		free(r);
	}
	s->regions = NULL;
}

/* ---- the URL --------------------------------------------------------------------------------- */

static int put_path(struct slice name, struct buf *out)
{
	struct slice rest = name, segment;
	int r = 0;
	for (bool more = name.n > 0; more && r == 0;) {
		more = slice_cut(rest, '/', &segment, &rest);
		r = url_put_segment(segment, out);
		if (r == 0 && more)
			r = buf_add_char(out, '/');
	}
	return r;
}

/* "https://s3.eu-west-1.amazonaws.com", or the bucket's own host. */
static int put_aws(const struct s3_store *s, struct slice bucket, bool own_host, struct buf *out)
{
	struct slice region = s3_region_of(s, bucket);
	bool china = slice_starts(region, S("cn-"));
	return buf_printf(out, "https://%.*s%ss3.%.*s.amazonaws.com%s",
			  SLICE(own_host ? bucket : S("")), own_host ? "." : "", SLICE(region),
			  china ? ".cn" : "");
}

/* "https://host/path", with the bucket before the host. */
static int put_endpoint(const struct s3_store *s, struct slice bucket, bool own_host,
			struct buf *out)
{
	struct slice text = buf_slice(&s->endpoint);
	size_t host = slice_eq_nocase(slice_head(text, 8), S("https://")) ? 8 : 7;
	int r = buf_add(out, slice_head(text, host));
	if (r == 0 && own_host)
		r = buf_printf(out, "%.*s.", SLICE(bucket));
	return r < 0 ? r : buf_add(out, slice_from(text, host));
}

static int put_url(const struct s3_store *s, const struct s3_name *name, struct buf *out)
{
	bool dots = name->bucket.n && memchr(name->bucket.p, '.', name->bucket.n);
	bool own_host = (s3_is_aws(s) || s->own_hosts) && !dots;
	int r = s3_is_aws(s) ? put_aws(s, name->bucket, own_host, out)
			     : put_endpoint(s, name->bucket, own_host, out);
	r = r < 0 ? r : buf_add_char(out, '/');
	if (r == 0 && !own_host) {
		r = buf_add(out, name->bucket);
		if (r == 0 && name->name.n)
			r = buf_add_char(out, '/');
	}
	return r < 0 ? r : put_path(name->name, out);
}

int s3_place(const struct s3_store *s, const struct s3_name *name, struct slice query,
	     struct arena *arena, struct s3_place *ret, struct err *err)
{
	AUTO(buf_done) struct buf url = { 0 }, origin = { 0 };
	const char *why = "it does not fit";
	struct url u;
	int r = put_url(s, name, &url);
	size_t path_end = url.n;
	if (r == 0 && query.n)
		r = buf_printf(&url, "?%.*s", SLICE(query));
	if (r == 0)
		r = url_parse(buf_slice(&url), &u, &why);
	r = r < 0 ? r : url_put_origin(&u, &origin);
	if (r < 0)
		return fail(err, FAULT_CONFIG, S3_SHOWN ": %s", S3_NAME(*name), why);
	ret->url = arena_copy(arena, buf_slice(&url));
	size_t host = u.tls ? sizeof "https://" - 1 : sizeof "http://" - 1;
	ret->host = arena_copy(arena, slice_from(buf_slice(&origin), host));
	size_t path = (size_t)(u.target.p - url.p);
	ret->path = slice_head(slice_from(ret->url, path), path_end - path);
	return 0;
}
