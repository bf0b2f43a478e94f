/* public_sql_value.c - values and errors of <hocket/sql.h>
 *
 * What this room is for: C values to the JSON texts that io/db.h binds, and its failures to the public ones, by a switch that has no default, so
 *   that a class added in base/err.h cannot be forgotten here.
 * What flows through:    a call's values, spelled into one buffer; sentences, copied when something failed.
 * What must hold:        every failure has a fault other than HK_SQL_OK and a code < 0 that is documented beside it. */
#include "base/json.h"
#include "io/db/db_base64.h"
#include "io/public_sql.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_NULL, KIND_INT, KIND_REAL, KIND_BOOL, KIND_TEXT, KIND_BYTES, KIND_JSON };

/* ---- making values ---------------------------------------------------------------------------------------- */

struct hk_sql_value hk_sql_null(void)
{
	return (struct hk_sql_value){ 0 };
}

struct hk_sql_value hk_sql_int(int64_t n)
{
	return (struct hk_sql_value){ .kind_ = KIND_INT, .int_ = n };
}

struct hk_sql_value hk_sql_real(double d)
{
	return (struct hk_sql_value){ .kind_ = KIND_REAL, .real_ = d };
}

struct hk_sql_value hk_sql_bool(bool b)
{
	return (struct hk_sql_value){ .kind_ = KIND_BOOL, .int_ = b };
}

struct hk_sql_value hk_sql_text_n(const char *p, size_t n)
{
	return (struct hk_sql_value){ .kind_ = p ? KIND_TEXT : KIND_NULL, .p_ = p, .n_ = n };
}

struct hk_sql_value hk_sql_text(const char *p)
{
	return hk_sql_text_n(p, p ? strlen(p) : 0);
}

struct hk_sql_value hk_sql_bytes(const void *p, size_t n)
{
	return (struct hk_sql_value){ .kind_ = p ? KIND_BYTES : KIND_NULL, .p_ = p, .n_ = n };
}

struct hk_sql_value hk_sql_json(const char *p)
{
	return (struct hk_sql_value){ .kind_ = p ? KIND_JSON : KIND_NULL,
				      .p_ = p,
				      .n_ = p ? strlen(p) : 0 };
}

/* ---- spelling them -------------------------------------------------------------------------------------------- */

static struct slice bytes_of(const struct hk_sql_value *v)
{
	return (struct slice){ v->p_, v->n_ };
}

static int put_int(int64_t n, struct buf *out)
{
	struct json_writer w = json_writer(out);

	json_put_int(&w, n);
	return json_writer_end(&w);
}

static int put_real(double d, struct buf *out)
{
	if (isnan(d))
		return buf_add(out, S("\"NaN\""));
	if (isinf(d))
		return buf_add(out, d > 0 ? S("\"Infinity\"") : S("\"-Infinity\""));
	return buf_printf(out, "%.17g", d);
}

static int put_base64(const struct hk_sql_value *v, struct buf *out)
{
	int r = buf_add_char(out, '"');

	if (r == 0)
		r = db_base64_put(bytes_of(v), out);
	return r < 0 ? r : buf_add_char(out, '"');
}

/* As PostgreSQL writes them: \x00ff, the backslash doubled in JSON. */
static int put_hex(const struct hk_sql_value *v, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = v->p_;
	int r = buf_add(out, S("\"\\\\x"));

	for (size_t i = 0; r == 0 && i < v->n_; i++)
		r = buf_add(out,
			    (struct slice){ (char[]){ digits[p[i] >> 4], digits[p[i] & 15] }, 2 });
	return r < 0 ? r : buf_add_char(out, '"');
}

/* -EBADMSG: not JSON. */
static int put_value(const struct hk_sql_value *v, bool sqlite, struct buf *out)
{
	switch ((enum kind)v->kind_) {
	case KIND_INT:
		return put_int(v->int_, out);
	case KIND_REAL:
		return put_real(v->real_, out);
	case KIND_BOOL:
		return buf_add(out, v->int_ ? S("true") : S("false"));
	case KIND_TEXT:
		return json_quote(bytes_of(v), out);
	case KIND_BYTES:
		return sqlite ? put_base64(v, out) : put_hex(v, out);
	case KIND_JSON:
		return json_compact(bytes_of(v), out, NULL);
	case KIND_NULL:
		break;
	}
	return buf_add(out, S("null"));
}

static int fail_value(int r, size_t i, struct err *err)
{
	if (r == -EBADMSG)
		return fail(err, FAULT_BAD_VALUE, "value %zu is not JSON", i + 1);
	return fail_errno(err, FAULT_TOO_LARGE, r, "value %zu", i + 1);
}

void public_values_done(struct public_values *v)
{
	buf_done(&v->text);
	free(v->json);
	free(v->blobs);
	*v = (struct public_values){ 0 };
}

int public_values_add(struct public_values *v, const struct hk_sql_value *values, size_t n,
		      struct err *err)
{
	v->text.max = SIZE_MAX;
	if (v->n + n > v->room) {
		v->room = v->room * 2 + n;
		v->json = xrealloc(v->json, v->room, sizeof(*v->json));
		v->blobs = xrealloc(v->blobs, v->room, sizeof(*v->blobs));
	}
	for (size_t i = 0; i < n; i++) {
		struct hk_sql_value one = values[i];
		size_t before = v->text.n;
		int r;
		if (v->sqlite && one.kind_ == KIND_REAL && !isfinite(one.real_))
			one.kind_ = KIND_NULL;
		r = put_value(&one, v->sqlite, &v->text);
		if (r < 0)
			return fail_value(r, i, err);
		v->json[v->n].n = v->text.n - before;
		v->blobs[v->n++] = v->sqlite && one.kind_ == KIND_BYTES;
	}
	return 0;
}

/* The buffer moved while it grew: the texts are found when it is whole. */
void public_values_end(struct public_values *v)
{
	for (size_t i = 0, from = 0; i < v->n; i++) {
		v->json[i].p = v->text.p + from;
		from += v->json[i].n;
	}
}

int public_put_copy(const struct hk_sql_value *v, struct buf *out, struct err *err)
{
	AUTO(buf_done) struct buf json = { .max = SIZE_MAX };
	int r = put_value(v, false, &json);

	if (r == 0)
		r = db_put_copy_field(buf_slice(&json), false, out);
	if (r == -EINVAL)
		return fail(err, FAULT_BAD_VALUE,
			    "a value has a NUL character, which PostgreSQL's text cannot hold");
	return r < 0 ? fail_value(r, 0, err) : 0;
}

/* ---- errors ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int code;
} faults[] = {
	[HK_SQL_OK] = { "ok", 0 },
	[HK_SQL_CANCELLED] = { "cancelled", -ECANCELED },
	[HK_SQL_STATEMENT] = { "statement", -EREMOTEIO },
	[HK_SQL_BAD_VALUE] = { "bad_value", -EINVAL },
	[HK_SQL_CONFIG] = { "config", -EINVAL },
	[HK_SQL_NO_CONNECTION] = { "no_connection", -EBUSY },
	[HK_SQL_DNS] = { "dns", -EHOSTUNREACH },
	[HK_SQL_REFUSED] = { "refused", -ECONNREFUSED },
	[HK_SQL_CONNECT_TIMEOUT] = { "connect_timeout", -ETIMEDOUT },
	[HK_SQL_TLS] = { "tls", -EPROTO },
	[HK_SQL_CERTIFICATE] = { "certificate", -EKEYREJECTED },
	[HK_SQL_RESET] = { "reset", -ECONNRESET },
	[HK_SQL_TOO_LARGE] = { "too_large", -EMSGSIZE },
	[HK_SQL_LOCAL] = { "local", -EIO },
};

const char *hk_sql_fault_name(enum hk_sql_fault fault)
{
	return (size_t)fault < ARRAY_SIZE(faults) ? faults[fault].name : "unknown";
}

static enum hk_sql_fault fault_of(enum fault fault)
{
	switch (fault) {
	case FAULT_CANCELLED:
		return HK_SQL_CANCELLED;
	case FAULT_SQL:
		return HK_SQL_STATEMENT;
	case FAULT_BAD_VALUE:
		return HK_SQL_BAD_VALUE;
	case FAULT_CONFIG:
		return HK_SQL_CONFIG;
	case FAULT_TIMEOUT:
		return HK_SQL_NO_CONNECTION;
	case FAULT_DNS:
		return HK_SQL_DNS;
	case FAULT_REFUSED:
		return HK_SQL_REFUSED;
	case FAULT_CONNECT_TIMEOUT:
		return HK_SQL_CONNECT_TIMEOUT;
	case FAULT_TLS:
		return HK_SQL_TLS;
	case FAULT_CERTIFICATE:
		return HK_SQL_CERTIFICATE;
	case FAULT_RESET:
	case FAULT_PROTOCOL:
		return HK_SQL_RESET;
	case FAULT_TOO_LARGE:
		return HK_SQL_TOO_LARGE;
	case FAULT_IO:
	case FAULT_NONE: /* these are raised elsewhere only */
	case FAULT_TRUNCATED:
	case FAULT_FORBIDDEN:
	case FAULT_RATE_LIMITED:
	case FAULT_STATUS:
	case FAULT_NOT_ACCEPTED:
	case FAULT_INVALID_JSON:
	case FAULT_JQ:
	case FAULT_UNKNOWN_OUTCOME:
	case FAULT_WORKER_ERROR:
	case FAULT_SMTP:
	case FAULT_WORKER_OUTPUT:
	case FAULT_WORKER_CRASH:
	case FAULT_WORKER_OOM:
	case FAULT_WORKER_TIMEOUT:
	case FAULT_BROKEN:
	case FAULT_COUNT:
		break;
	}
	return HK_SQL_LOCAL;
}

int public_sql_error(const struct err *err, struct hk_sql_error *error)
{
	_Static_assert(sizeof(error->text) >= sizeof(err->text), "no sentence is cut");
	enum hk_sql_fault fault = fault_of(err->fault);

	if (error) {
		error->fault = fault;
		memcpy(error->state, err->state, sizeof(error->state));
		error->code = fault == HK_SQL_STATEMENT ? err->code : 0;
		error->sent = err->sent;
		error->at = err->row;
		memcpy(error->text, err->text, strlen(err->text) + 1);
	}
	return faults[fault].code;
}

int public_sql_ok(struct hk_sql_error *error)
{
	if (error)
		*error = (struct hk_sql_error){ .fault = HK_SQL_OK };
	return 0;
}

bool hk_sql_may_repeat(const struct hk_sql_error *e)
{
	int sqlite = e->code & 0xff;

	if (e->fault != HK_SQL_STATEMENT)
		return false;
	if (e->state[0])
		return strcmp(e->state, "40001") == 0 || strcmp(e->state, "40P01") == 0;
	return sqlite == 5 || sqlite == 6; /* SQLITE_BUSY, SQLITE_LOCKED */
}
