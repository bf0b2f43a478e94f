/* s3_store.c - S3 and what speaks like it: a store's life
 *
 * What this room is for: from options and the environment to a store that can be asked.
 * What flows through:    endpoint, region and keys in; the operations are in s3_put.c, s3_multipart.c, s3_read.c and s3_list.c.
 * What must hold:        nothing is asked of any service when a store is opened; a role's keys are asked for by the first call. */
#include "io/object/s3.h"
#include "io/url.h"

#include <stdlib.h>

#define REGION      "us-east-1"
#define PIECE_BYTES (UINT64_C(8) << 20)
#define PIECE_MIN   (UINT64_C(5) << 20) /* the service takes none smaller, but for the last */

static void s3_free(struct object_store *store)
{
	struct s3_store *s = s3_of(store);
	s3_credential_done(&s->credential);
	s3_regions_done(s);
	buf_done(&s->endpoint);
	buf_done(&s->region);
	free(s);
}

static const struct object_ops ops = {
	.kind = OBJECT_S3,
	.free = s3_free,
	.put_object = s3_put,
	.forget_upload = s3_forget,
	.get_object = s3_get,
	.stat_object = s3_stat,
	.list_objects = s3_list,
};

/* The first that says something. */
static struct slice first_of(struct slice option, const char *const *names, const char **ret_name)
{
	*ret_name = "endpoint";
	for (; option.n == 0 && *names; names++) {
		option = slice_trim(slice_str(getenv(*names)));
		*ret_name = *names;
	}
	return option;
}

/* "https://{bucket}.host": kept without the mark. */
static int put_endpoint(struct s3_store *s, struct slice text)
{
	static const char mark[] = "://{bucket}.";
	const char *at = text.n ? memmem(text.p, text.n, mark, sizeof mark - 1) : NULL;
	if (!at)
		return buf_add(&s->endpoint, text);
	size_t scheme = (size_t)(at - text.p) + sizeof "://" - 1;
	s->own_hosts = true;
	int r = buf_add(&s->endpoint, slice_head(text, scheme));
	return r < 0 ? r : buf_add(&s->endpoint, slice_from(text, scheme + sizeof "{bucket}." - 1));
}

static int set_endpoint(struct s3_store *s, struct slice option, struct err *err)
{
	static const char *const names[] = { "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", NULL };
	const char *name, *why = "it does not fit";
	struct slice text = first_of(option, names, &name);
	struct url u;
	while (slice_ends(text, S("/")))
		text.n--;
	if (text.n == 0)
		return buf_printf(&s->base.origin, "https://s3.%.*s.amazonaws.com",
				  SLICE(buf_slice(&s->region)));
	int r = put_endpoint(s, text);
	r = r < 0 ? r : url_parse(buf_slice(&s->endpoint), &u, &why);
	if (r == 0 && (u.userinfo.n || memchr(u.target.p, '?', u.target.n))) {
		why = "write https://host, without a user and '?'";
		r = -1;
	}
	r = r < 0 ? r : url_put_origin(&u, &s->base.origin);
	return r < 0 ? fail(err, FAULT_CONFIG, "%s '%.*s': %s", name, SLICE(slice_head(text, 200)),
			    why)
		     : 0;
}

static int set_region(struct s3_store *s, struct slice option, struct err *err)
{
	static const char *const names[] = { "AWS_REGION", "AWS_DEFAULT_REGION", NULL };
	const char *name;
	struct slice text = first_of(option, names, &name);
	int r = buf_add(&s->region, S(REGION));
	if (r < 0 || text.n == 0 || slice_eq(text, S(REGION)))
		return r;
	if (!s3_is_region(text))
		return fail(err, FAULT_CONFIG, "region '%.*s': write one like eu-central-1",
			    SLICE(slice_head(text, 60)));
	buf_clear(&s->region);
	return buf_add(&s->region, text);
}

int s3_store_open(const struct object_store_options *o, struct object_store **ret, struct err *err)
{
	struct s3_store *s = xcalloc(1, sizeof *s);
	ASSERT(o->http);
	s->base.ops = &ops;
	s->http = o->http;
	s->clocks = o->clocks;
	s->piece_bytes = o->piece_bytes ? o->piece_bytes : PIECE_BYTES;
	if (s->piece_bytes < PIECE_MIN)
		s->piece_bytes = PIECE_MIN;
	if (set_region(s, o->region, err) < 0 || set_endpoint(s, o->endpoint, err) < 0 ||
	    s3_credential_find(o, &s->credential, err) < 0) {
		buf_done(&s->base.origin);
		s3_free(&s->base);
		return -1;
	}
	*ret = &s->base;
	return 0;
}
