/* process_line.c - a call to a worker that speaks lines
 *
 * What this room is for: any program that answers each line of its input with one of its output can be a worker, in any language and
 *   without a helper: jq, a shell loop, a script that was there before us.
 * What flows through:    one part and a line end to the worker; bytes up to a line end from it.
 * What must hold:
 *  (1) a call is one line and its answer is one line: a second one belongs to nobody, and would be taken for the next call's answer. So
 *      who has said one is not asked again, and an answer before its call was read is none. (A line that comes later still, just when the
 *      next call is read, cannot be told from an answer: frames have numbers for that.)
 *  (2) nothing is read beyond max_bytes. (3) the worker's end ends the call; a whole line that it left behind counts. */
#include "rt/process_line.h"
#include <errno.h>
#include <hocket/fd.h>
#include <hocket/group.h>
#include <hocket/run.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/banned.h"

enum { PIPE_BYTES = 64 << 10, FIRST_ROOM = 4096 };

struct sending {
	struct worker *worker;
	struct iovec v[2];
};

static int send_line(void *arg) SUSPENDS
{
	struct sending *s = arg;
	struct worker *w = s->worker;
	size_t all = s->v[0].iov_len + s->v[1].iov_len;
	ssize_t wrote = hk_writev(w->calls, s->v, 2);

	w->sent = all - s->v[0].iov_len - s->v[1].iov_len; /* what was written was consumed */
	return wrote < 0 ? (int)wrote : 0;
}

static int make_room(struct line_reader *r)
{
	size_t room = r->room ? r->room * 2 : FIRST_ROOM;
	char *bytes;

	if (r->n < r->room)
		return 0;
	if (r->n > r->max_bytes)
		return -EMSGSIZE;
	bytes = realloc(r->bytes, room);
	if (!bytes)
		return -ENOMEM;
	r->bytes = bytes;
	r->room = room;
	return 0;
}

/* After the end of the process nobody writes any more, but a pipe may still hold the line. */
static ssize_t read_some(struct worker *w, char *to, size_t n) SUSPENDS
{
	ssize_t got = hk_read(w->answers, to, n);

	if (got != -ECANCELED || !hk_event_is_set(&w->ended))
		return got;
	do
		got = read(w->answers, to, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? 0 : got;
}

static int read_line(struct worker *w, struct line_reader *r) SUSPENDS
{
	for (;;) {
		int e = make_room(r);
		ssize_t got = e < 0 ? 0 : read_some(w, r->bytes + r->n, r->room - r->n);
		char *end;
		if (e < 0)
			return e;
		if (got <= 0)
			return got < 0 ? (int)got : -EPIPE;
		end = memchr(r->bytes + r->n, '\n', (size_t)got);
		r->n += (size_t)got;
		if (end) {
			size_t n = (size_t)(end - r->bytes);
			bool behind = n + 1 < r->n;
			r->n = n > 0 && r->bytes[n - 1] == '\r' ? n - 1 : n;
			return behind ? -EBADMSG : r->n > r->max_bytes ? -EMSGSIZE : 0;
		}
		e = hk_yield(); /* a worker that floods us has no right to the loop */
		(void)e;        /* cancelled: the next read says so, and what to do then */
	}
}

/* Both at once: whoever copies what comes blocks when nobody reads it. */
static int exchange_long(struct sending *s, struct line_reader *r) SUSPENDS
{
	struct hk_group g;
	int e;

	hk_group_open(&g, &(struct hk_group_options){ .name = "a long line" });
	e = hk_spawn(&g, send_line, s);
	if (e == 0)
		e = read_line(s->worker, r);
	return hk_group_close(&g, e);
}

/* A worker that has not read the call yet cannot have answered it. */
static bool is_unread(const struct worker *w)
{
	int unread = 0;

	return !hk_event_is_set(&w->ended) && ioctl(w->calls, FIONREAD, &unread) == 0 && unread > 0;
}

int line_exchange(struct worker *w, const struct hk_part *part, struct line_reader *r)
{
	struct sending s = {
		.worker = w,
		.v = { { (void *)(uintptr_t)part->bytes, part->n }, { (char[]){ '\n' }, 1 } },
	};
	int e;

	w->calls_n++;
	w->sent = 0;
	if (part->n >= PIPE_BYTES) {
		e = exchange_long(&s, r);
	} else {
		e = send_line(&s);
		e = e < 0 ? e : read_line(w, r);
	}
	if (e == 0 && is_unread(w))
		return w->calls_n > 1 ? -EAGAIN : -EBADMSG;
	return e < 0 && e != -ECANCELED && hk_event_is_set(&w->ended) && e != -EBADMSG &&
			       e != -EMSGSIZE
		       ? -EPIPE
		       : e;
}

void line_reader_done(struct line_reader *r)
{
	free(r->bytes);
	*r = (struct line_reader){ 0 };
}
