/* visit_key.c - the idempotency key of a record at a step
 *
 * What this room is for: a key that is the same on every attempt, after every crash and on every machine, and another one for
 *   every record.
 * What flows through:    the record's origin and text into a digest; or the file's template.
 * What must hold:
 *  (1) no timing decides, and a dead letter that is replayed has the key that it had: what counts is the pipeline's name, which step it is among those of its verb, the record's id, its path of
 *      children, and the text that was admitted. (2) `name:` of a step does not count: it is no change of the pipeline.
 *  (3) the parts of "hocket key 1" never change; another recipe gets another number. */
#include "engine/call/visit.h"

#include "base/json.h"
#include "io/digest.h"

static int make_auto(const struct visit *v, struct buf *out)
{
	AUTO(digest_done) struct digest d = { NULL };
	AUTO(buf_done) struct buf path = { .max = 4096 };
	uint8_t sum[DIGEST_BYTES];
	int r = digest_init(&d);
	r = r < 0 ? r : item_put_origin_path(v->item, &path);
	if (r < 0)
		return r;
	digest_add(&d, S("hocket key 1"));
	digest_add(&d, slice_str(v->step->run->plan->name));
	digest_add(&d, slice_str(v->step->own_name));
	digest_add(&d, slice_str(v->id));
	digest_add(&d, buf_slice(&path));
	digest_add(&d, rec_json(v->item->track->original));
	digest_end(&d, sum);
	return digest_put_hex(sum, out);
}

/* null, or nothing at all, would be everybody's key: the far side would take all records for one. */
static int make_own(const struct visit *v, struct buf *out, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf json = { .max = 1u << 20 };
	if (tpl_json(v->step->place->common.idempotency_key, &v->env, &json, err) < 0)
		return err->fault == FAULT_CANCELLED ? -1 : err_wrap(err, "idempotency_key: ");
	enum json_type type = json_type(buf_slice(&json));
	int r = type == JSON_STRING ? json_unquote(buf_slice(&json), out)
				    : buf_add(out, buf_slice(&json));
	if (r < 0)
		return fail_errno(err, FAULT_BAD_VALUE, r, "idempotency_key is too long");
	if (out->n == 0 || (type != JSON_STRING && type != JSON_NUMBER))
		return fail(err, FAULT_BAD_VALUE, "idempotency_key is %s: no key for a record",
			    out->n ? out->p : "empty");
	return 0;
}

int visit_make_key(struct visit *v, struct err *err)
{
	const struct common *o = &v->step->place->common;
	AUTO(buf_done) struct buf key = { .max = 4096 };
	if (!o->idempotency_key && !v->step->place->facts.named)
		return 0;
	if (o->idempotency_key && !common_key_is_auto(o)) {
		if (make_own(v, &key, err) < 0)
			return -1;
	} else if (make_auto(v, &key) < 0) {
		return fail(err, FAULT_IO, "out of memory");
	}
	v->call.key = arena_copy(v->call.arena, buf_slice(&key));
	return 0;
}
