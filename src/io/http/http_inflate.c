/* http_inflate.c - compressed bodies
 *
 * What this room is for: a decoder's stream behind three calls, with the two ceilings that make a bomb harmless. Which
 *   library decodes is http_coding.c's.
 * What flows through:    pieces of a body in, text appended to the caller's buffer out.
 *
 *   START --first byte--> STREAM --end of stream--> BETWEEN --the coding lets another follow--> STREAM
 *                                                      '--anything else--> refused
 * What must hold:        see http_inflate.h. */
#include "io/http/http_inflate.h"
#include <errno.h>
#include <stdlib.h>

#define KEPT        32
#define FREE_OUTPUT (64u << 10) /* bytes of output for which no ratio is demanded */
#define STEP        (16u << 10) /* room made at a time */
#define MOST        (1u << 20)  /* output of one step */

enum stream_state { STREAM_START, STREAM_INSIDE, STREAM_BETWEEN };

struct http_inflate {
	const struct coding *coding;
	void *decoder; /* owns */
	struct http_inflate *next;
	enum stream_state state;
	uint64_t in, out;
};

static const struct coding *find_coding(struct slice name)
{
	for (size_t i = 0; i < CODINGS; i++)
		for (size_t k = 0; k < ARRAY_SIZE(codings[i].names); k++)
			if (codings[i].names[k] &&
			    slice_eq_nocase(name, slice_str(codings[i].names[k])))
				return &codings[i];
	return NULL;
}

static struct http_inflate *take_spare(struct http_inflate_spare *spare, const struct coding *c)
{
	struct http_inflate **first = &spare->first[c - codings], *f = *first;
	if (f) {
		*first = f->next;
		spare->kept--;
	}
	return f;
}

int http_inflate_open(struct http_inflate_spare *spare, struct slice name,
		      struct http_inflate **ret)
{
	*ret = NULL;
	if (name.n == 0 || slice_eq_nocase(name, S("identity")))
		return 0;
	const struct coding *coding = find_coding(name);
	if (!coding)
		return -ENOTSUP;
	struct http_inflate *f = take_spare(spare, coding);
	if (!f) {
		void *decoder = coding->make();
		if (!decoder)
			return -ENOMEM;
		f = xcalloc(1, sizeof(*f));
		f->coding = coding;
		f->decoder = decoder;
	}
	f->state = STREAM_START;
	f->in = f->out = 0;
	*ret = f;
	return 0;
}

static void destroy(struct http_inflate *f)
{
	f->coding->destroy(f->decoder);
	free(f);
}

void http_inflate_close(struct http_inflate_spare *spare, struct http_inflate *f)
{
	if (!f)
		return;
	const struct coding *c = f->coding;
	if (spare->kept >= KEPT || !c->tidy || !c->tidy(f->decoder)) {
		destroy(f);
		return;
	}
	f->next = spare->first[c - codings];
	spare->first[c - codings] = f;
	spare->kept++;
}

void http_inflate_spare_done(struct http_inflate_spare *spare)
{
	for (size_t i = 0; i < CODINGS; i++) {
		while (spare->first[i]) {
			struct http_inflate *f = spare->first[i];
			spare->first[i] = f->next;
			destroy(f);
		}
	}
	spare->kept = 0;
}

static int refuse(const char **why, int error, const char *text)
{
	*why = text;
	return error;
}

/* Room for the next output: behind *out, or - at its ceiling - one byte of scratch whose use breaks the ceiling. */
static int make_room(struct coding_window *w, struct buf *out, unsigned char *scratch)
{
	int r = buf_reserve(out, STEP);
	if (r == -EMSGSIZE) /* less than a step is left */
		r = buf_reserve(out, 1);
	if (r == -EMSGSIZE) {
		w->out = scratch;
		w->out_n = 1;
		return 0;
	}
	if (r < 0)
		return r;
	size_t room = out->cap - out->n;
	w->out = (unsigned char *)out->p + out->n;
	w->out_n = room < MOST ? room : MOST;
	return 0;
}

/* Runs the decoder once. */
static int inflate_step(struct http_inflate *f, struct coding_window *w, struct buf *out,
			const char **why)
{
	unsigned char scratch;
	int r = make_room(w, out, &scratch);
	if (r < 0)
		return r;
	size_t in = w->in_n, room = w->out_n;
	bool at_ceiling = w->out == &scratch;
	enum coding_result result = f->coding->step(f->decoder, w);
	ASSERT(w->in_n <= in && w->out_n <= room);
	size_t made = room - w->out_n;
	f->in += in - w->in_n;
	f->out += made;
	if (at_ceiling && made > 0)
		return refuse(why, -EMSGSIZE, "the decompressed body is larger than allowed");
	buf_added(out, made);
	if (f->out > FREE_OUTPUT && f->out > HTTP_INFLATE_RATIO * f->in)
		return refuse(why, -EMSGSIZE,
			      "the body decompresses to more than 200 times its size");
	if (result == CODING_END)
		f->state = STREAM_BETWEEN;
	else if (result == CODING_DAMAGED)
		return refuse(why, -EBADMSG, "the compressed body is damaged");
	else if (result == CODING_TOO_LARGE)
		return refuse(why, -EMSGSIZE,
			      "the compressed body needs more than 8 MiB to be read");
	return 0;
}

/* A byte of input outside of a stream: the first of all, or another stream behind the one that ended. */
static int begin(struct http_inflate *f, unsigned char first, const char **why)
{
	const struct coding *c = f->coding;
	if (f->state == STREAM_BETWEEN && !(c->follows && c->follows(first)))
		return refuse(why, -EBADMSG, "bytes behind the end of the compressed body");
	f->state = STREAM_INSIDE;
	return c->begin(f->decoder, first) ? 0 : -ENOMEM;
}

int http_inflate_add(struct http_inflate *f, struct slice in, struct buf *out, const char **why)
{
	struct coding_window w = { .in = (const unsigned char *)in.p, .in_n = in.n };
	for (;;) {
		int r = 0;
		if (w.in_n > 0 && f->state != STREAM_INSIDE)
			r = begin(f, *w.in, why);
		if (r < 0 || f->state != STREAM_INSIDE)
			return r;
		uint64_t before = f->out;
		r = inflate_step(f, &w, out, why);
		if (r < 0)
			return r;
		/* No input left and room to spare: the decoder has nothing more to say. */
		if (w.in_n == 0 && (f->out == before || w.out_n > 0))
			return 0;
	}
}

int http_inflate_end(const struct http_inflate *f)
{
	return f->state == STREAM_INSIDE ? -ENODATA : 0;
}
