/* gs_put.c - an object goes up: in one request when it is small, in pieces (gs_resume.c) when it is not
 *
 * What this room is for: never half an object, never a second one, never "done" without the service's own sums.
 *
 *   small --> one request, crc32c and bytes in it -- 200 --> name, size and crc32c equal --> done
 *   large --> gs_resume ---------------------------------------------'
 *                 |
 *                412 (a precondition) --> stat --> equal bytes and sums --> done, `already`
 *                                              '-- else --> FAULT_STATUS 412: what stands there
 * What must hold:
 *  (1) done is what the service's own bytes and crc32c say.
 *  (2) whose answer is lost finds its own object at the next attempt, by its sums: with a precondition nothing is written twice. */
#include "base/units.h"
#include "io/object/crc32c.h"
#include "io/object/gs.h"
#include <stdlib.h>
#include <string.h>

static struct gs_name name_of(const struct object_put *p)
{
	return (struct gs_name){ p->bucket, p->name };
}

struct slice gs_type_of(const struct object_put *p)
{
	return p->type.n ? p->type : S("application/octet-stream");
}

/* ---- the answer ---------------------------------------------------------------------------------------------------- */

/* "Provided CRC32C "yZRlqg==" doesn't match calculated CRC32C "..."", BadDigest in XML: the bytes were damaged on their way; that is worth a
 * new attempt. */
static bool is_mismatch(const struct http_response *a)
{
	struct slice b = buf_slice(&a->body);
	return a->status == 400 && b.n &&
	       (memmem(b.p, b.n, "match calculated", 16) || memmem(b.p, b.n, "BadDigest", 9));
}

int gs_upload_refusal(const struct object_put *p, const struct http_response *a, struct err *err)
{
	struct gs_name name = name_of(p), bucket = { p->bucket, S("") };
	bool damaged = is_mismatch(a);
	(void)gs_refusal(a->status == 404 ? &bucket : &name, a, err);
	if (damaged && err)
		err->fault = FAULT_TRUNCATED;
	return -1;
}

/* ---- what stands there already ---------------------------------------------------------------------------------------- */

/* Two sums where the service has two: 32 bits alone are thin for "somebody else wrote the same". */
static int same_md5(const struct object_put *p, const struct object_info *there, bool *ret,
		    struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf ours = { 0 };
	int r = there->md5.n ? gs_put_md5(p->data, &ours) : 0;
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "md5");
	*ret = there->md5.n == 0 || slice_eq(there->md5, buf_slice(&ours));
	return 0;
}

/* A precondition failed: is what stands there what we bring? */
static int look(struct gs_store *s, const struct object_put *p, uint32_t crc,
		struct object_info *ret, struct err *err) SUSPENDS
{
	AUTO(object_info_done) struct object_info there = { 0 };
	struct gs_name name = name_of(p);
	struct err why = { 0 };
	bool equal = false;
	if (gs_stat(&s->base, p->bucket, p->name, &there, &why) < 0) {
		if (why.fault != FAULT_STATUS || why.code != 404) {
			*err = why;
			return -1;
		}
		return fail(err, FAULT_STATUS,
			    GS_SHOWN ": the precondition does not hold: there is no such object",
			    GS_NAME(name));
	}
	if (gs_prove(&name, &there, p->data.n, crc, NULL) == 0 &&
	    same_md5(p, &there, &equal, err) < 0)
		return -1;
	if (!equal)
		return fail(err, FAULT_STATUS,
			    GS_SHOWN
			    ": the precondition does not hold: another object stands there, "
			    "generation %.*s of %.*s, %llu bytes (we bring %zu)",
			    GS_NAME(name), SLICE(there.generation), SLICE(there.updated),
			    (unsigned long long)there.bytes, p->data.n);
	there.already = true;
	*ret = there;
	there = (struct object_info){ 0 };
	return 0;
}

/* ---- put ---------------------------------------------------------------------------------------------------------- */

/* The type is a header inside our body, where nobody else looks for line breaks; all of them will be headers when it is read. */
static int check_texts(const struct object_put *p, struct err *err)
{
	int64_t generation;
	struct slice texts[] = { p->type, p->cache_control, p->content_encoding,
				 p->content_disposition, p->storage_class };
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t k = 0; k < texts[i].n; k++)
			if ((unsigned char)texts[i].p[k] < ' ' || texts[i].p[k] == 0x7f)
				return fail(err, FAULT_BAD_VALUE,
					    "gs://%.*s: a control character in what is said of the "
					    "object",
					    SLICE(p->bucket));
	if (p->when == OBJECT_IF_MATCH && units_int(p->match, &generation) < 0)
		return fail(err, FAULT_BAD_VALUE, "'%.*s' is no generation: those are digits",
			    SLICE(slice_head(p->match, 60)));
	return 0;
}

static int put_at_once(struct gs_store *s, const struct object_put *p, uint32_t crc,
		       struct object_info *ret, struct err *err) SUSPENDS
{
	AUTO(http_response_done) struct http_response answer = { 0 };
	struct gs_name name = name_of(p);
	if (s->dialect->put_at_once(s, p, crc, &answer, err) < 0)
		return -1;
	if (answer.status != 200 && answer.status != 201)
		return gs_upload_refusal(p, &answer, err);
	err->sent = true;
	return s->dialect->read_made(s, &name, &answer, ret, err);
}

static int put_proven(struct gs_store *s, const struct object_put *p, struct gs_upload *u,
		      struct object_info *ret, struct err *err) SUSPENDS
{
	AUTO(object_info_done) struct object_info info = { 0 };
	struct gs_name name = name_of(p);
	int r = p->data.n > s->piece_bytes ? gs_resume(s, p, u, &info, err)
					   : put_at_once(s, p, u->crc, &info, err);
	if (r < 0 || gs_prove(&name, &info, p->data.n, u->crc, err) < 0)
		return -1;
	*ret = info;
	info = (struct object_info){ 0 };
	return 0;
}

int gs_put(struct object_store *store, const struct object_put *p, struct object_upload **upload,
	   struct object_info *ret, struct err *err)
{
	struct gs_store *s = gs_of(store);
	if (check_texts(p, err) < 0)
		return -1;
	if (!*upload)
		*upload = xcalloc(1, sizeof(struct gs_upload));
	struct gs_upload *u = gs_upload_of(*upload);
	int r = u->summed ? 0 : crc32c_whole(p->data, &u->crc);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "crc32c");
	u->summed = true;
	r = put_proven(s, p, u, ret, err);
	if (r < 0 && err->fault == FAULT_STATUS && err->code == 412)
		r = look(s, p, u->crc, ret, err);
	return r;
}

void gs_forget(struct object_store *store, struct object_upload *upload)
{
	struct gs_upload *u = gs_upload_of(upload);
	gs_session_forget(gs_of(store), u);
	buf_wipe(&u->session);
	free(u);
}
