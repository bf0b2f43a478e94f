/* gs_credential.c - where credentials are found, and what is in them
 *
 * What this room is for: the search that every Google client does (Application Default Credentials), in the same order, so that what works
 *   with gcloud works here; and the reading of key files by people who have just made their first.
 * What flows through:    options and the environment in, one credential out.
 * What must hold:        see gs_credential.h. A place that was named is not silently passed over for the next. */
#include "io/object/gs_credential.h"
#include "base/json.h"
#include "io/token.h"
#include "io/url.h"
#include <errno.h>
#include <hocket/file.h>
#include <stdlib.h>

#define MOST_FILE     (1u << 20)
#define GOOGLE_TOKEN  "https://oauth2.googleapis.com/token"
#define METADATA_PATH "/computeMetadata/v1/instance/service-accounts/default/token"

void gs_credential_done(struct gs_credential *c)
{
	buf_done(&c->from);
	buf_done(&c->token_url);
	buf_done(&c->email);
	buf_done(&c->key_id);
	buf_done(&c->client_id);
	buf_wipe(&c->client_secret);
	buf_wipe(&c->refresh_token);
	buf_done(&c->access_key);
	buf_wipe(&c->secret_key);
	jwt_key_freep(&c->key);
}

/* ---- what is in a file ------------------------------------------------------------------------------------- */

static int refuse(const struct gs_credential *c, struct err *err, const char *what)
{
	return fail(err, FAULT_CONFIG, "%.*s: %s", SLICE(buf_slice(&c->from)), what);
}

/* A text of the file; must: its absence is an error. */
static int want_text(const struct gs_credential *c, struct slice json, const char *name, bool must,
		     struct buf *out, struct err *err)
{
	struct slice raw;
	int r = 0;
	if (json_field(json, slice_str(name), &raw) && json_type(raw) == JSON_STRING)
		r = json_unquote(raw, out);
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r, "%.*s: '%s'", SLICE(buf_slice(&c->from)),
				  name);
	if (must && out->n == 0)
		return fail(
			err, FAULT_CONFIG,
			"%.*s: there is no '%s' in it; make a new key and use its file as it is",
			SLICE(buf_slice(&c->from)), name);
	return 0;
}

/* The signed statement goes there, and so does a secret: never unprotected over a network. */
static int check_token_url(struct gs_credential *c, struct err *err)
{
	struct url url;
	const char *why;
	if (c->token_url.n == 0 && buf_add(&c->token_url, S(GOOGLE_TOKEN)) < 0)
		return refuse(c, err, "its token_uri does not fit");
	if (url_parse(buf_slice(&c->token_url), &url, &why) < 0)
		return fail(err, FAULT_CONFIG, "%.*s: its token_uri: %s",
			    SLICE(buf_slice(&c->from)), why);
	if (!url.tls && !slice_eq_str(url.host, "localhost") && !slice_eq_str(url.host, "::1") &&
	    !slice_starts(url.host, S("127.")))
		return refuse(c, err, "its token_uri is not https");
	return 0;
}

static int read_service_account(struct gs_credential *c, struct slice json, struct err *err)
{
	AUTO(buf_wipe) struct buf pem = { 0 };
	const char *why;
	c->kind = GS_SERVICE_ACCOUNT;
	if (want_text(c, json, "client_email", true, &c->email, err) < 0 ||
	    want_text(c, json, "private_key", true, &pem, err) < 0 ||
	    want_text(c, json, "private_key_id", false, &c->key_id, err) < 0 ||
	    want_text(c, json, "token_uri", false, &c->token_url, err) < 0)
		return -1;
	c->key = jwt_key_new(buf_slice(&pem), &why);
	if (!c->key)
		return fail(err, FAULT_CONFIG,
			    "%.*s: its private_key is %s; make a new key and use its file as it is",
			    SLICE(buf_slice(&c->from)), why);
	return check_token_url(c, err);
}

static int read_user(struct gs_credential *c, struct slice json, struct err *err)
{
	c->kind = GS_USER;
	if (want_text(c, json, "client_id", true, &c->client_id, err) < 0 ||
	    want_text(c, json, "client_secret", true, &c->client_secret, err) < 0 ||
	    want_text(c, json, "refresh_token", true, &c->refresh_token, err) < 0 ||
	    want_text(c, json, "token_uri", false, &c->token_url, err) < 0)
		return -1;
	return check_token_url(c, err);
}

static int read_text(struct gs_credential *c, struct slice text, struct err *err)
{
	AUTO(buf_done) struct buf type = { 0 };
	struct json_error bad;
	if (json_check(text, &bad) < 0)
		return fail(err, FAULT_CONFIG, "%.*s: not JSON: %s at byte %zu",
			    SLICE(buf_slice(&c->from)), bad.what, bad.offset + 1);
	struct slice json = json_trim(text);
	if (json_type(json) != JSON_OBJECT)
		return refuse(c, err, "not a JSON object; use the key file as it is");
	if (want_text(c, json, "type", true, &type, err) < 0)
		return -1;
	if (slice_eq_str(buf_slice(&type), "service_account"))
		return read_service_account(c, json, err);
	if (slice_eq_str(buf_slice(&type), "authorized_user"))
		return read_user(c, json, err);
	return fail(err, FAULT_CONFIG,
		    "%.*s: its type is '%.*s'; hocket takes 'service_account' and "
		    "'authorized_user', or "
		    "runs without a file where the metadata server is",
		    SLICE(buf_slice(&c->from)), SLICE(slice_head(buf_slice(&type), 60)));
}

/* ---- where it is -------------------------------------------------------------------------------------------- */

static int name_source(struct gs_credential *c, const char *what, const char *path)
{
	c->chosen = true;
	return path ? buf_printf(&c->from, "%s '%s'", what, path)
		    : buf_add(&c->from, slice_str(what));
}

/* 1: read, 0: there is no such file, -1. */
static int read_file(struct gs_credential *c, const char *what, const char *path,
		     struct err *err) SUSPENDS
{
	AUTO(freep) char *text = NULL;
	size_t n = 0;
	int r = name_source(c, what, path);
	r = r < 0 ? r : hk_file_read_whole(path, MOST_FILE, &text, &n);
	if (r == -ENOENT) {
		buf_clear(&c->from);
		return 0;
	}
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r, "%s '%s'", what, path);
	r = read_text(c, (struct slice){ text, n }, err);
	explicit_bzero(text, n);
	return r < 0 ? r : 1;
}

/* As read_file, of a place that somebody named: it must be there. */
static int read_named(struct gs_credential *c, const char *what, const char *path,
		      struct err *err) SUSPENDS
{
	int r = read_file(c, what, path, err);
	if (r == 0)
		return fail(err, FAULT_CONFIG, "%s '%s': there is no such file", what, path);
	return r < 0 ? r : 0;
}

/* What gcloud leaves for all programs of a user. */
static int read_gcloud(struct gs_credential *c, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf path = { 0 };
	const char *folder = getenv("CLOUDSDK_CONFIG"), *home = getenv("HOME");
	int r = 0;
	if (!folder && !home)
		return 0;
	r = folder ? buf_printf(&path, "%s", folder) : buf_printf(&path, "%s/.config/gcloud", home);
	r = r < 0 ? r : buf_add(&path, S("/application_default_credentials.json"));
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r, "gcloud's credentials");
	return read_file(c, "credentials file", path.p, err);
}

static int use_metadata(struct gs_credential *c, struct err *err)
{
	const char *host = getenv("GCE_METADATA_HOST");
	struct url url;
	const char *why;
	c->kind = GS_METADATA;
	c->chosen = host && *host;
	host = c->chosen ? host : "metadata.google.internal";
	buf_clear(&c->from);
	int r = buf_printf(&c->from, "metadata server '%s'", host);
	r = r < 0 ? r : buf_printf(&c->token_url, "http://%s" METADATA_PATH, host);
	if (r < 0 || url_parse(buf_slice(&c->token_url), &url, &why) < 0)
		return fail(err, FAULT_CONFIG, "GCE_METADATA_HOST is '%s': write host or host:port",
			    host);
	return 0;
}

static int use_keys(const struct object_store_options *o, struct gs_credential *c, struct err *err)
{
	c->kind = GS_HMAC;
	c->chosen = true;
	if (!o->access_key.n || !o->secret_key.n)
		return fail(err, FAULT_CONFIG, "HMAC keys are two: there is no %s",
			    o->access_key.n ? "secret_key" : "access_key");
	if (buf_add(&c->access_key, o->access_key) < 0 ||
	    buf_add(&c->secret_key, o->secret_key) < 0)
		return fail(err, FAULT_CONFIG, "HMAC keys of that size do not fit");
	return 0;
}

static int find(const struct object_store_options *o, struct gs_credential *c,
		struct err *err) SUSPENDS
{
	const char *named = getenv("GOOGLE_APPLICATION_CREDENTIALS");
	if (o->access_key.n || o->secret_key.n)
		return use_keys(o, c, err);
	if (o->credentials.n) {
		if (name_source(c, "the credentials given", NULL) < 0)
			return fail(err, FAULT_CONFIG, "credentials");
		return read_text(c, o->credentials, err);
	}
	if (o->credentials_file)
		return read_named(c, "key file", o->credentials_file, err);
	if (named && *named)
		return read_named(c, "GOOGLE_APPLICATION_CREDENTIALS", named, err);
	int r = read_gcloud(c, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return use_metadata(c, err);
}

int gs_credential_find(const struct object_store_options *o, struct gs_credential *ret,
		       struct err *err)
{
	struct gs_credential c = { .kind = GS_ANONYMOUS };
	int r = o->anonymous ? 0 : find(o, &c, err);
	if (r < 0)
		gs_credential_done(&c);
	else
		*ret = c;
	return r;
}
