/* s3_credential.c - who we are to S3
 *
 * What this room is for: the same places in the same order as the AWS tools have them, so that what works with them works here:
 *
 *   options -> AWS_ACCESS_KEY_ID ... -> AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials, section AWS_PROFILE or [default]
 *     -> AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI -> the instance's metadata
 *
 * What flows through:    options, environment and one file in; keys, or the place where a role's keys are asked for, out.
 * What must hold:        see s3_credential.h. A profile that was named must be there; [default] need not. */
#include "io/object/s3_credential.h"
#include "io/url.h"

#include <errno.h>
#include <hocket/file.h>
#include <stdlib.h>

#define CONTAINER_HOST "http://169.254.170.2"
enum { FILE_MAX_BYTES = 1 << 20 };

void s3_credential_done(struct s3_credential *c)
{
	buf_done(&c->access_key);
	buf_wipe(&c->secret_key);
	buf_wipe(&c->session_token);
	buf_done(&c->url);
	buf_wipe(&c->authorization);
	token_done(&c->token);
}

static struct slice environment(const char *name)
{
	return slice_trim(slice_str(getenv(name)));
}

static int keep(struct s3_credential *c, struct slice access, struct slice secret,
		struct slice session, struct err *err)
{
	const char *missing = access.n == 0 ? "access key" : secret.n == 0 ? "secret key" : NULL;
	if (missing)
		return fail(err, FAULT_CONFIG, "S3 credentials from %s: the %s is missing", c->from,
			    missing);
	c->kind = S3_KEYS;
	int r = buf_add(&c->access_key, access);
	r = r < 0 ? r : buf_add(&c->secret_key, secret);
	r = r < 0 ? r : buf_add(&c->session_token, session);
	return r < 0 ? fail_errno(err, FAULT_CONFIG, r, "S3 credentials from %s", c->from) : 1;
}

/* ---- the file -------------------------------------------------------------------------------- */

struct profile {
	struct slice access, secret, session;
	bool found;
};

static void note_field(struct profile *p, struct slice name, struct slice value)
{
	if (slice_eq_nocase(name, S("aws_access_key_id")))
		p->access = value;
	else if (slice_eq_nocase(name, S("aws_secret_access_key")))
		p->secret = value;
	else if (slice_eq_nocase(name, S("aws_session_token")))
		p->session = value;
}

static void read_profile(struct slice text, struct slice wanted, struct profile *p)
{
	struct slice rest = text, line, name, value;
	bool inside = false;
	for (bool more = true; more;) {
		more = slice_cut(rest, '\n', &line, &rest);
		line = slice_trim(line);
		if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
			continue;
		if (line.p[0] == '[') {
			(void)slice_cut(slice_from(line, 1), ']', &name, &value);
			inside = slice_eq(slice_trim(name), wanted);
			p->found |= inside;
		} else if (inside && slice_cut(line, '=', &name, &value)) {
			note_field(p, slice_trim(name), slice_trim(value));
		}
	}
}

static int put_path(bool *ret_named, struct buf *out)
{
	struct slice path = environment("AWS_SHARED_CREDENTIALS_FILE");
	struct slice home = environment("HOME");
	*ret_named = path.n > 0;
	if (path.n)
		return buf_add(out, path);
	return home.n ? buf_printf(out, "%.*s/.aws/credentials", SLICE(home)) : 0;
}

static int judge_profile(struct s3_credential *c, const struct profile *p, struct slice wanted,
			 bool named, struct err *err)
{
	if (!p->found && named)
		return fail(err, FAULT_CONFIG, "%s has no section [%.*s] (AWS_PROFILE)", c->from,
			    SLICE(wanted));
	/* A profile may say another way to keys, which is not for this file. */
	if (!p->found || (!named && p->access.n == 0 && p->secret.n == 0))
		return 0;
	return keep(c, p->access, p->secret, p->session, err);
}

static int from_file(struct s3_credential *c, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf path = { 0 };
	struct slice profile = environment("AWS_PROFILE");
	struct slice wanted = profile.n ? profile : S("default");
	struct profile p = { 0 };
	char *text = NULL;
	size_t n = 0;
	bool named;
	int r = put_path(&named, &path);
	if (r < 0 || path.n == 0)
		return r < 0 ? fail_errno(err, FAULT_CONFIG, r, "~/.aws/credentials") : 0;
	r = hk_file_read_whole(path.p, FILE_MAX_BYTES, &text, &n);
	if (r == -ENOENT && !named && !profile.n)
		return 0;
	if (r < 0)
		return fail_errno(err, r == -ECANCELED ? FAULT_CANCELLED : FAULT_CONFIG, r,
				  "S3 credentials: '%s'", path.p);
	c->from = named ? "AWS_SHARED_CREDENTIALS_FILE" : "~/.aws/credentials";
	read_profile((struct slice){ text, n }, wanted, &p);
	r = judge_profile(c, &p, wanted, profile.n > 0, err);
	explicit_bzero(text, n);
	free(text);
	return r;
}

/* ---- given, or of a role --------------------------------------------------------------------- */

static int from_options(struct s3_credential *c, const struct object_store_options *o,
			struct err *err)
{
	if (!o->access_key.n && !o->secret_key.n)
		return 0;
	c->from = "the options access_key and secret_key";
	return keep(c, o->access_key, o->secret_key, o->session_token, err);
}

static int from_environment(struct s3_credential *c, struct err *err)
{
	struct slice access = environment("AWS_ACCESS_KEY_ID");
	struct slice secret = environment("AWS_SECRET_ACCESS_KEY");
	if (!access.n && !secret.n)
		return 0;
	c->from = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
	return keep(c, access, secret, environment("AWS_SESSION_TOKEN"), err);
}

/* The keys of a role go over plain http only within the machine, or to the addresses that ECS and EKS have for it. */
static bool is_near(const struct url *u)
{
	static const char *const near[] = { "localhost",     "127.0.0.1",      "::1",
					    "169.254.170.2", "169.254.170.23", "fd00:ec2::23" };
	bool found = u->tls;
	for (size_t i = 0; i < ARRAY_SIZE(near) && !found; i++)
		found = slice_eq_nocase(u->host, slice_str(near[i]));
	return found;
}

static int read_authorization(struct s3_credential *c, struct err *err) SUSPENDS
{
	struct slice given = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	struct slice path = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	char *text = NULL;
	size_t n = 0;
	if (path.n == 0)
		return buf_add(&c->authorization, given);
	int r = hk_file_read_whole(path.p, FILE_MAX_BYTES, &text, &n);
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r,
				  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE '%s'", path.p);
	r = buf_add(&c->authorization, slice_trim((struct slice){ text, n }));
	explicit_bzero(text, n);
	free(text);
	return r;
}

static int from_container(struct s3_credential *c, struct err *err) SUSPENDS
{
	struct slice full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	struct slice relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *why = "only https, or an address of this machine";
	struct url u;
	if (!full.n && !relative.n)
		return 0;
	c->kind = S3_CONTAINER;
	c->from = relative.n ? "the container's role (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI)"
			     : "the container's role (AWS_CONTAINER_CREDENTIALS_FULL_URI)";
	int r = relative.n ? buf_add(&c->url, S(CONTAINER_HOST)) : 0;
	r = r < 0 ? r : buf_add(&c->url, relative.n ? relative : full);
	if (r < 0 || url_parse(buf_slice(&c->url), &u, &why) < 0 || !is_near(&u))
		return fail(err, FAULT_CONFIG, "%s: %s", c->from, why);
	return read_authorization(c, err) < 0 ? -1 : 1;
}

int s3_credential_find(const struct object_store_options *o, struct s3_credential *c,
		       struct err *err)
{
	if (o->anonymous)
		return 0;
	int r = from_options(c, o, err);
	r = r != 0 ? r : from_environment(c, err);
	r = r != 0 ? r : from_file(c, err);
	r = r != 0 ? r : from_container(c, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (slice_eq_nocase(environment("AWS_EC2_METADATA_DISABLED"), S("true")))
		return fail(
			err, FAULT_CONFIG,
			"no S3 credentials: give access_key and secret_key, AWS_ACCESS_KEY_ID and "
			"AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials; or say anonymous: true");
	c->kind = S3_INSTANCE;
	c->from = "the instance's role";
	return 0;
}

/* ---- for one call ---------------------------------------------------------------------------- */

void s3_keys_done(struct s3_keys *k)
{
	buf_wipe(&k->text);
}

static int put_kept(const struct s3_credential *c, struct buf *out)
{
	int r = buf_add(out, buf_slice(&c->access_key));
	r = r < 0 ? r : buf_add_char(out, '\n');
	r = r < 0 ? r : buf_add(out, buf_slice(&c->secret_key));
	r = r < 0 ? r : buf_add_char(out, '\n');
	return r < 0 ? r : buf_add(out, buf_slice(&c->session_token));
}

int s3_keys_get(struct s3_credential *c, struct http_client *http, const struct http_clocks *clocks,
		struct s3_keys *k, struct err *err)
{
	struct s3_asker asker = { c, http, clocks };
	struct slice rest;
	int r;
	if (c->kind == S3_ANONYMOUS)
		return 0;
	if (c->kind == S3_KEYS)
		r = put_kept(c, &k->text);
	else
		r = token_get(&c->token, s3_role_fetch, &asker, &k->text, &k->version, err);
	(void)slice_cut(buf_slice(&k->text), '\n', &k->access_key, &rest);
	(void)slice_cut(rest, '\n', &k->secret_key, &k->session_token);
	return r;
}

bool s3_keys_refused(struct s3_credential *c, const struct s3_keys *k)
{
	return c->kind != S3_ANONYMOUS && c->kind != S3_KEYS &&
	       token_refused(&c->token, k->version);
}
