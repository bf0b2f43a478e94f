/* kept.c - an answer as the state keeps it
 *
 * What this room is for: answers that were paid for outlive the process.
 * What flows through:    struct answer to text and bytes, and back.
 * What must hold:
 *  (1) of the request only a digest is kept, of which credentials are no part. (2) what cannot be read is a broken state, never an empty answer. */
#include "engine/call/kept.h"

#include "base/json.h"
#include "base/units.h"
#include "io/digest.h"

static const char *const bodies[] = {
	[BODY_NONE] = "none", [BODY_JSON] = "json", [BODY_TEXT] = "text", [BODY_BLOB] = "blob"
};

static bool text_field(struct slice about, const char *key, struct buf *ret)
{
	struct slice raw;
	return json_field(about, slice_str(key), &raw) && json_type(raw) == JSON_STRING &&
	       json_unquote(raw, ret) == 0;
}

int kept_put_about(const struct answer *a, const uint8_t asked[static 32], struct buf *out)
{
	AUTO(buf_done) struct buf hex = { .max = 128 };
	ASSERT((size_t)a->body < ARRAY_SIZE(bodies));
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "status");
	json_put_int(&w, a->status);
	json_key(&w, "body");
	json_put_string(&w, slice_str(bodies[a->body]));
	json_key(&w, "type");
	json_put_string(&w, a->type);
	if (a->headers.n) {
		json_key(&w, "headers");
		json_put_raw(&w, buf_slice(&a->headers));
	}
	if (a->text_n) {
		json_key(&w, "text");
		json_put_int(&w, (int64_t)a->text_n);
	}
	int r = digest_put_hex(asked, &hex);
	json_key(&w, "asked");
	json_put_string(&w, buf_slice(&hex));
	json_close(&w, '}');
	int written = json_writer_end(&w);
	return r < 0 ? r : written;
}

bool kept_is_of(struct slice about, const uint8_t asked[static 32])
{
	AUTO(buf_done) struct buf hex = { .max = 128 }, was = { .max = 128 };
	return json_check(about, NULL) == 0 && text_field(about, "asked", &was) &&
	       digest_put_hex(asked, &hex) == 0 && slice_eq(buf_slice(&was), buf_slice(&hex));
}

struct slice kept_bytes(const struct answer *a)
{
	return a->converted ? buf_slice(&a->raw) : buf_slice(&a->value);
}

static bool read_body(struct slice about, enum body *ret)
{
	AUTO(buf_done) struct buf word = { .max = 64 };
	if (!text_field(about, "body", &word))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
		if (slice_eq_str(buf_slice(&word), bodies[i])) {
			*ret = (enum body)i;
			return true;
		}
	return false;
}

/* With blobs behind its text it was checked when it was kept. */
static bool read_text_n(struct slice about, size_t value_n, struct answer *ret)
{
	struct slice raw;
	int64_t n = 0;
	if (!json_field(about, S("text"), &raw))
		return true;
	if (units_int(raw, &n) < 0 || n < 1 || (uint64_t)n > value_n)
		return false;
	ret->text_n = (size_t)n;
	ret->checked = true;
	return true;
}

int kept_restore(struct slice about, struct buf *value_taken, struct arena *arena,
		 struct answer *ret, struct err *err)
{
	AUTO(buf_done) struct buf type = { .max = 4096 };
	struct slice raw;
	int64_t status;
	*ret = (struct answer){ 0 };
	bool good = json_check(about, NULL) == 0 && json_field(about, S("status"), &raw) &&
		    units_int(raw, &status) == 0 && status >= 0 && status <= 999 &&
		    read_body(about, &ret->body) && text_field(about, "type", &type) &&
		    read_text_n(about, value_taken->n, ret);
	if (!good)
		return fail(err, FAULT_BROKEN, "a kept answer makes no sense: %.*s",
			    SLICE(slice_head(about, 200)));
	ret->status = (int)status;
	ret->type = arena_copy(arena, buf_slice(&type));
	if (json_field(about, S("headers"), &raw) && buf_add(&ret->headers, raw) < 0)
		return fail(err, FAULT_IO, "out of memory");
	ret->value = buf_take(value_taken);
	return 0;
}

void answer_done(struct answer *a)
{
	buf_done(&a->value);
	buf_done(&a->raw);
	buf_done(&a->headers);
	*a = (struct answer){ 0 };
}
