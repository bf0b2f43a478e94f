/* gs_resume.c - a large object goes up in pieces, and goes on where it stopped
 *
 * What this room is for: a cut at 59 of 60 MB costs one piece, not 60 MB.
 *
 *   no session --POST--> session ----PUT piece--> 308: so much is kept --> the next piece
 *       ^                   ^  |                  200: the object
 *       | 404, 410: once    |  '-- no answer: doubted, the attempt is over
 *       '-------------------+-- next attempt: PUT "bytes * / N" --> 308, 200
 * What must hold:
 *  (1) what is sent next begins where the service says that it stopped, never where we think.
 *  (2) a service that does not get on, or keeps more than it was sent, is an error, not a loop.
 *  (3) the session's URL is a credential: in no message, and wiped. What was opened with TLS goes on with it. */
#include "base/units.h"
#include "io/object/gs.h"
#include "io/url.h"
#include <hocket/run.h>
#include <hocket/scope.h>
#include <string.h>

#define FORGET_NS (2 * HK_SEC) /* whoever gives up does not wait for long */

struct piece {
	uint64_t at, n;
};
enum { GOES_ON, COMPLETE, GONE }; /* beside -1 */

static int too_long(int r, struct err *err)
{
	return fail_errno(err, FAULT_TOO_LARGE, r, "an upload's session");
}

/* ---- the session ----------------------------------------------------------------------------------------------------- */

static void drop_session(struct gs_upload *u)
{
	buf_wipe(&u->session);
	u->arrived = 0;
	u->doubted = false;
}

static int take_session(const struct gs_store *s, struct gs_upload *u,
			const struct http_response *a, struct err *err)
{
	struct slice location;
	AUTO(buf_wipe) struct buf session = { 0 };
	struct url parts;
	const char *why;
	if (!http_response_header(a, "Location", &location) ||
	    url_resolve(buf_slice(&s->endpoint), location, &session) < 0 ||
	    url_parse(buf_slice(&session), &parts, &why) < 0)
		return fail(err, FAULT_PROTOCOL,
			    "the service opens no session for a resumable upload; is the endpoint "
			    "right?");
	if (slice_starts(buf_slice(&s->base.origin), S("https:")) && !parts.tls)
		return fail(err, FAULT_PROTOCOL,
			    "the service wants an upload to go on without TLS, and was asked with");
	drop_session(u);
	u->session = buf_take(&session);
	return 0;
}

static int open_session(struct gs_store *s, const struct object_put *p, struct gs_upload *u,
			struct err *err) SUSPENDS
{
	AUTO(http_response_done) struct http_response answer = { 0 };
	if (s->dialect->open_upload(s, p, u->crc, &answer, err) < 0)
		return -1;
	if (answer.status != 200 && answer.status != 201)
		return gs_upload_refusal(p, &answer, err);
	return take_session(s, u, &answer, err);
}

/* ---- what the service keeps -------------------------------------------------------------------------------------------- */

/* "bytes=0-524287" is 524288; without the header nothing is kept. -1: neither. */
static int64_t kept(const struct http_response *a)
{
	struct slice range, first, last;
	int64_t n;
	if (!http_response_header(a, "Range", &range))
		return 0;
	if (!slice_starts(range, S("bytes=")) ||
	    !slice_cut(slice_from(range, 6), '-', &first, &last) || !slice_eq_str(first, "0") ||
	    units_int(last, &n) < 0 || n < 0 || n == INT64_MAX)
		return -1;
	return n + 1;
}

/* `most`: bytes that it can have. */
static int take_progress(struct gs_upload *u, const struct http_response *a, uint64_t most,
			 struct err *err)
{
	int64_t n = kept(a);
	if (n < 0 || (uint64_t)n > most)
		return fail(err, FAULT_PROTOCOL,
			    "the service says it keeps bytes of an upload that it was not sent");
	u->arrived = (uint64_t)n;
	u->doubted = false;
	return GOES_ON;
}

static int judge(struct gs_store *s, const struct object_put *p, struct gs_upload *u,
		 const struct http_response *a, uint64_t most, struct object_info *ret,
		 struct err *err) SUSPENDS
{
	struct gs_name name = { p->bucket, p->name };
	switch (a->status) {
	case 308:
		return take_progress(u, a, most, err);
	case 200:
	case 201:
		drop_session(u);
		return s->dialect->read_made(s, &name, a, ret, err) < 0 ? -1 : COMPLETE;
	case 404:
	case 410:
		drop_session(u);
		(void)gs_upload_refusal(p, a, err);
		return GONE;
	default:
		if (a->status / 100 == 4 && a->status != 401 && a->status != 408 &&
		    a->status != 429)
			drop_session(u); /* it will not be taken there any more */
		return gs_upload_refusal(p, a, err);
	}
}

/* One PUT to the session: a piece, or (n == 0) the question what is kept. */
static int say(struct gs_store *s, const struct object_put *p, struct gs_upload *u,
	       struct piece piece, struct object_info *ret, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf range = { 0 };
	AUTO(http_response_done) struct http_response answer = { 0 };
	int r = piece.n ? buf_printf(&range, "bytes %llu-%llu/%zu", (unsigned long long)piece.at,
				     (unsigned long long)(piece.at + piece.n - 1), p->data.n)
			: buf_printf(&range, "bytes */%zu", p->data.n);
	if (r < 0)
		return too_long(r, err);
	struct http_header header = { S("Content-Range"), buf_slice(&range) };
	struct http_request request = { .method = S("PUT"),
					.url = buf_slice(&u->session),
					.headers = &header,
					.header_count = 1,
					.body = { p->data.p + piece.at, piece.n },
					.keyed = piece.n == 0 };
	u->doubted = true;
	if (gs_call(s, &request, &answer, err) < 0)
		return -1;
	return judge(s, p, u, &answer, piece.n ? piece.at + piece.n : p->data.n, ret, err);
}

/* ---- from here to the end ---------------------------------------------------------------------------------------------- */

static int next_piece(struct gs_store *s, const struct object_put *p, struct gs_upload *u,
		      struct object_info *ret, struct err *err) SUSPENDS
{
	uint64_t before = u->arrived, left = p->data.n - before;
	struct piece piece = { before, left < s->piece_bytes ? left : s->piece_bytes };
	if (left == 0)
		return fail(
			err, FAULT_PROTOCOL,
			"the service keeps all bytes of an upload, and does not make the object");
	int r = say(s, p, u, piece, ret, err);
	if (r == GOES_ON && u->arrived <= before)
		return fail(err, FAULT_TRUNCATED,
			    "the service kept nothing of a piece of %llu bytes",
			    (unsigned long long)piece.n);
	return r;
}

static int go_on(struct gs_store *s, const struct object_put *p, struct gs_upload *u,
		 struct object_info *ret, struct err *err) SUSPENDS
{
	int r = u->doubted ? say(s, p, u, (struct piece){ 0 }, ret, err) : GOES_ON;
	while (r == GOES_ON)
		r = next_piece(s, p, u, ret, err);
	return r;
}

int gs_resume(struct gs_store *s, const struct object_put *p, struct gs_upload *u,
	      struct object_info *ret, struct err *err)
{
	int r = GONE;
	for (int sessions = u->session.n ? 0 : 1; r == GONE && sessions <= 2; sessions++) {
		if (!u->session.n && open_session(s, p, u, err) < 0)
			return -1;
		r = go_on(s, p, u, ret, err);
	}
	return r == COMPLETE ? 0 : -1;
}

/* 499 says that it is gone. Whatever comes: the service forgets a session by itself after a week. */
void gs_session_forget(struct gs_store *s, struct gs_upload *u)
{
	AUTO(http_response_done) struct http_response answer = { 0 };
	struct err err = { 0 };
	struct hk_scope scope;
	struct http_request request = { .method = S("DELETE"), .url = buf_slice(&u->session) };
	if (!u->session.n)
		return;
	hk_scope_open(&scope, FORGET_NS);
	(void)hk_scope_close(&scope, gs_call(s, &request, &answer, &err));
}
