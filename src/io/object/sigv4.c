/* sigv4.c - Signature Version 4: who asks, proven without showing the key
 *
 * What this room is for: S3 and its kin believe a request that carries an HMAC over its own canonical form. One wrong blank and all is
 *   refused, so each step here is one step of the published procedure, and is tested with the published examples.
 * What flows through:
 *
 *     method, path, query sorted, headers sorted, names, payload hash   the canonical request
 *       --SHA-256--> algorithm, time, scope, that hash                  the string to sign
 *       --HMAC, with a key made for this day, region and service--> the signature
 *
 * What must hold:        see sigv4.h. */
#include "io/object/sigv4.h"
#include "base/clock.h"
#include "io/checksum.h"

#include <errno.h>
#include <string.h>

const struct sigv4_scheme sigv4_aws = { "AWS4-HMAC-SHA256", "AWS4", "aws4_request" };
const struct sigv4_scheme sigv4_google = { "GOOG4-HMAC-SHA256", "GOOG4", "goog4_request" };

enum { DATE = 8 }; /* of the time */

int sigv4_put_time(int64_t wall_ns, struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 };
	int r = clock_put_utc(&text, wall_ns);
	for (size_t i = 0; r == 0 && i < text.n && text.p[i] != '.'; i++)
		if (text.p[i] != '-' && text.p[i] != ':')
			r = buf_add_char(out, text.p[i]);
	return r < 0 ? r : buf_add_char(out, 'Z');
}

/* ---- the canonical request ------------------------------------------------------------------- */

static int by_lower_name(const void *a, const void *b)
{
	const struct http_header *const *l = a, *const *r = b;
	struct slice x = (*l)->name, y = (*r)->name;
	int c = strncasecmp(x.p, y.p, x.n < y.n ? x.n : y.n);
	return c ? c : (x.n > y.n) - (x.n < y.n);
}

static int by_bytes(const void *a, const void *b)
{
	const struct slice *l = a, *r = b;
	struct slice x[2], y[2];
	(void)slice_cut(*l, '=', &x[0], &x[1]);
	(void)slice_cut(*r, '=', &y[0], &y[1]);
	int c = slice_cmp(x[0], y[0]);
	return c ? c : slice_cmp(x[1], y[1]);
}

static int put_query(const struct sigv4 *q, struct buf *out)
{
	struct slice fields[SIGV4_FIELDS], rest = q->query;
	size_t n = 0;
	for (bool more = rest.n > 0; more; n++) {
		if (n == SIGV4_FIELDS)
			return -EMSGSIZE;
		more = slice_cut(rest, '&', &fields[n], &rest);
	}
	qsort(fields, n, sizeof(fields[0]), by_bytes);
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = i > 0 ? buf_add_char(out, '&') : 0;
		r = r < 0 ? r : buf_add(out, fields[i]);
	}
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int put_lower(struct slice name, struct buf *out)
{
	size_t from = out->n;
	int r = buf_add(out, name);
	for (size_t i = from; i < out->n; i++)
		if (out->p[i] >= 'A' && out->p[i] <= 'Z')
			out->p[i] = (char)(out->p[i] + ('a' - 'A'));
	return r;
}

/* Blanks in a row are one. */
static int put_value(struct slice value, struct buf *out)
{
	struct slice v = slice_trim(value);
	int r = 0;
	for (size_t i = 0; r == 0 && i < v.n; i++)
		if (v.p[i] != ' ' || v.p[i - 1] != ' ')
			r = buf_add_char(out, v.p[i]);
	return r;
}

static size_t sort_headers(const struct sigv4 *q,
			   const struct http_header *ret[static SIGV4_HEADERS])
{
	for (size_t i = 0; i < q->header_count; i++)
		ret[i] = &q->headers[i];
	qsort(ret, q->header_count, sizeof(ret[0]), by_lower_name);
	return q->header_count;
}

/* "host;x-amz-date" */
static int put_names(const struct sigv4 *q, struct buf *out)
{
	const struct http_header *sorted[SIGV4_HEADERS];
	size_t n = sort_headers(q, sorted);
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = i > 0 ? buf_add_char(out, ';') : 0;
		r = r < 0 ? r : put_lower(sorted[i]->name, out);
	}
	return r;
}

static int put_headers(const struct sigv4 *q, struct buf *out)
{
	const struct http_header *sorted[SIGV4_HEADERS];
	size_t n = sort_headers(q, sorted);
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = put_lower(sorted[i]->name, out);
		r = r < 0 ? r : buf_add_char(out, ':');
		r = r < 0 ? r : put_value(sorted[i]->value, out);
		r = r < 0 ? r : buf_add_char(out, '\n');
	}
	return r;
}

int sigv4_put_canonical(const struct sigv4 *q, struct buf *out)
{
	if (q->header_count > SIGV4_HEADERS)
		return -EMSGSIZE;
	int r = buf_printf(out, "%.*s\n%.*s\n", SLICE(q->method), SLICE(q->path));
	r = r < 0 ? r : put_query(q, out);
	r = r < 0 ? r : put_headers(q, out);
	r = r < 0 ? r : buf_add_char(out, '\n');
	r = r < 0 ? r : put_names(q, out);
	r = r < 0 ? r : buf_add_char(out, '\n');
	return r < 0 ? r : buf_add(out, q->payload);
}

/* ---- the signature --------------------------------------------------------------------------- */

static int put_scope(const struct sigv4 *q, struct buf *out)
{
	return buf_printf(out, "%.*s/%.*s/%.*s/%s", SLICE(slice_head(q->time, DATE)),
			  SLICE(q->region), SLICE(q->service), q->scheme->end);
}

static int put_string_to_sign(const struct sigv4 *q, struct buf *out)
{
	AUTO(buf_done) struct buf canonical = { 0 };
	uint8_t hash[SHA256_BYTES];
	int r = sigv4_put_canonical(q, &canonical);
	if (r < 0)
		return r;
	checksum_sha256(buf_slice(&canonical), hash);
	r = buf_printf(out, "%s\n%.*s\n", q->scheme->algorithm, SLICE(q->time));
	r = r < 0 ? r : put_scope(q, out);
	r = r < 0 ? r : buf_add_char(out, '\n');
	return r < 0 ? r : checksum_put_hex(hash, sizeof hash, out);
}

static int derive(const struct sigv4 *q, uint8_t key[static SHA256_BYTES])
{
	const struct slice steps[] = { slice_head(q->time, DATE), q->region, q->service,
				       slice_str(q->scheme->end) };
	struct buf secret = { 0 };
	int r = buf_printf(&secret, "%s%.*s", q->scheme->secret_prefix, SLICE(q->secret_key));
	struct slice with = buf_slice(&secret);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++) {
		uint8_t next[SHA256_BYTES];
		checksum_hmac(with, steps[i], next);
		memcpy(key, next, SHA256_BYTES);
		explicit_bzero(next, sizeof next);
		with = (struct slice){ (const char *)key, SHA256_BYTES };
	}
	if (secret.p)
		explicit_bzero(secret.p, secret.cap);
	buf_done(&secret);
	return r;
}

static int put_signature(const struct sigv4 *q, struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 };
	uint8_t key[SHA256_BYTES], signature[SHA256_BYTES];
	int r = put_string_to_sign(q, &text);
	r = r < 0 ? r : derive(q, key);
	if (r < 0)
		return r;
	checksum_hmac((struct slice){ (const char *)key, sizeof key }, buf_slice(&text), signature);
	explicit_bzero(key, sizeof key);
	return checksum_put_hex(signature, sizeof signature, out);
}

int sigv4_put_authorization(const struct sigv4 *q, struct buf *out)
{
	ASSERT(q->time.n == SIGV4_TIME && q->path.n && q->path.p[0] == '/');
	int r = buf_printf(out, "%s Credential=%.*s/", q->scheme->algorithm, SLICE(q->access_key));
	r = r < 0 ? r : put_scope(q, out);
	r = r < 0 ? r : buf_add(out, S(", SignedHeaders="));
	r = r < 0 ? r : put_names(q, out);
	r = r < 0 ? r : buf_add(out, S(", Signature="));
	return r < 0 ? r : put_signature(q, out);
}
