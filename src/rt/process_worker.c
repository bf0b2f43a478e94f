/* process_worker.c - one worker process of a pool: its start, a call, its end
 *
 * What this room is for: keeping what a worker does from spreading. It may crash, hang, babble, flood its standard error or
 *   leave grandchildren behind that hold its pipes: the call that it had learns of it in words, nobody else is hurt.
 * What flows through:    calls to descriptor 3, answers from descriptor 4, in frames; what it prints into a short memory.
 *   Two tasks a worker: worker_live watches over the process, drain_err empties its standard error. A call is no task: the
 *   caller itself writes and reads, so that a small call is two switches of processes and none of tasks.
 *
 *      caller ---- calls ---> | worker  |
 *             <--- answers -- | and its |          worker_live: the pidfd says that it has ended; then the group is
 *      drain_err <--- err --- | group   |          killed, what is left of err is read, and a waiting caller is woken
 * What must hold:
 *  (1) the end of the process ends the call, even when a grandchild in another group keeps the pipes open; an answer that
 *      was complete by then is an answer.
 *  (2) the group is killed while the dead worker is not reaped yet: its number cannot belong to somebody else.
 *  (3) each wait for a worker has a bound: start_timeout, the call's time-out, the grace. Only a process that SIGKILL
 *      does not end (a disk that does not answer) can be waited for longer, and then by nobody but its own task. */
#include "rt/process_worker.h"
#include <errno.h>
#include <fcntl.h>
#include <hocket/fd.h>
#include <hocket/group.h>
#include <hocket/run.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/units.h"
#include "base/utf8.h"
#include "rt/group.h"
#include "rt/process_line.h"
#include "base/banned.h"

#define CLOSING_NS    HK_SEC /* between the end of a worker's answers and its own end */
#define START_NS      (30 * HK_SEC)
#define GRACE_NS      (5 * HK_SEC)
#define ANSWER_BYTES  (64u << 20)
#define HELLO_BYTES   65536u
#define LEFT_OVER_MAX (1u << 20)  /* of standard error, after the end */
#define PIPE_BYTES    (64u << 10) /* what a pipe holds */

/* ---- words --------------------------------------------------------------------------------- */

/* Terminals obey these, and some of them U+0080 .. U+009F, too. */
static bool is_control(const unsigned char *p)
{
	return *p < ' ' || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0);
}

/* Text of a worker behind what why says: one line, valid UTF-8, no control characters. */
static void why_add(char why[WHY_BYTES], const char *before, struct slice text)
{
	const unsigned char *p = (const unsigned char *)text.p, *end = p + text.n;
	size_t at = strlen(why);

	if (text.n == 0)
		return;
	at += (size_t)snprintf(why + at, WHY_BYTES - at, "%s", before);
	while (p < end && at + 5 < WHY_BYTES) {
		size_t size = *p < 0x80 ? 1 : utf8_size(p, end);
		if (*p == '\n') {
			memcpy(why + at, " | ", 3);
			at += 3;
		} else if (size == 0 || is_control(p)) {
			why[at++] = *p == '\t' ? ' ' : '?';
		} else {
			memcpy(why + at, p, size);
			at += size;
		}
		p += size ? size : 1;
	}
	why[at < WHY_BYTES ? at : WHY_BYTES - 1] = 0;
}

static void tail_add(struct worker *w, const char *bytes, size_t n)
{
	size_t keep;

	if (n > TAIL_BYTES) {
		bytes += n - TAIL_BYTES;
		n = TAIL_BYTES;
	}
	keep = w->tail_n < TAIL_BYTES - n ? w->tail_n : TAIL_BYTES - n;
	memmove(w->tail, w->tail + w->tail_n - keep, keep);
	memcpy(w->tail + keep, bytes, n);
	w->tail_n = keep + n;
	ASSERT(w->tail_n <= TAIL_BYTES);
}

static void say_line(struct worker *w)
{
	if (w->line_n > 0)
		w->options->said(w->options->said_arg, w->line, w->line_n);
	w->line_n = 0;
}

/* It printed something: what is said last is remembered, and whole lines are for who listens. */
static void hear(struct worker *w, const char *bytes, size_t n)
{
	tail_add(w, bytes, n);
	for (size_t i = 0; w->options->said && i < n; i++) {
		if (bytes[i] == '\n' || w->line_n == LINE_BYTES)
			say_line(w);
		if (bytes[i] != '\n')
			w->line[w->line_n++] = bytes[i];
	}
}

/* The last lines that it wrote, as many as there is room for. */
static void why_add_tail(char why[WHY_BYTES], const struct worker *w)
{
	static const char before[] = "; its last output: ";
	struct slice tail = slice_trim((struct slice){ w->tail, w->tail_n }), line, rest;
	size_t used = strlen(why) + sizeof(before) + 8;
	size_t room = used < WHY_BYTES ? WHY_BYTES - used : 0;

	while (tail.n > room && slice_cut(tail, '\n', &line, &rest))
		tail = rest;
	if (tail.n > room)
		tail = slice_from(tail, tail.n - room);
	while (tail.n > 0 && ((unsigned char)*tail.p & 0xc0) == 0x80)
		tail = slice_from(tail, 1);
	why_add(why, before, tail);
}

static void why_ended(char why[WHY_BYTES], const struct worker *w)
{
	const char *name = w->exit.signal ? sigdescr_np(w->exit.signal) : NULL;

	if (w->forced || !hk_event_is_set(&w->ended))
		(void)snprintf(why, WHY_BYTES, "worker closed its pipe without an answer");
	else if (w->exit.signal)
		(void)snprintf(why, WHY_BYTES, "worker was killed by signal %d (%s)",
			       w->exit.signal, name ? name : "unknown");
	else
		(void)snprintf(why, WHY_BYTES, "worker exited with status %d", w->exit.status);
}

/* ---- frames from the worker ---------------------------------------------------------------- */

/* After the end of the process nobody writes any more, but a pipe may still hold the answer. */
static ssize_t read_left_over(int fd, void *bytes, size_t n)
{
	ssize_t got;

	do {
		got = read(fd, bytes, n);
	} while (got < 0 && errno == EINTR);
	return got;
}

/* 0: a whole frame; -EPIPE: the worker has ended or closed its end; -ECANCELED; what frame_reader_got refuses. */
static int read_frame(struct worker *w, struct frame_reader *r) SUSPENDS
{
	for (;;) {
		size_t n;
		unsigned char *room = frame_reader_room(r, &n);
		ssize_t got = hk_read(w->answers, room, n);
		int e;
		if (got == -ECANCELED && hk_event_is_set(&w->ended))
			got = read_left_over(w->answers, room, n);
		else if (got < 0)
			return (int)got;
		if (got <= 0)
			return -EPIPE;
		e = frame_reader_got(r, (size_t)got);
		if (e != 0)
			return e < 0 ? e : 0;
		e = hk_yield(); /* a worker that fills the pipe as fast as we empty it has no right to the loop */
		(void)e; /* cancelled: the next read says so, and what to do then */
	}
}

static void why_broken(char why[WHY_BYTES], const struct frame_reader *r, int e, uint64_t max_bytes)
{
	size_t n = r->first_n < 32 ? r->first_n : 32;

	if (e == -EPROTONOSUPPORT)
		(void)snprintf(why, WHY_BYTES, "worker speaks version %d of the protocol, not %d",
			       r->first[3], FRAME_VERSION);
	else if (e == -EMSGSIZE)
		(void)snprintf(why, WHY_BYTES, "worker's answer is larger than %llu bytes",
			       (unsigned long long)max_bytes);
	else if (e == -ENOMEM)
		(void)snprintf(why, WHY_BYTES, "no memory for the worker's answer");
	else if (memcmp(r->first, FRAME_MAGIC, n < 3 ? n : 3) == 0)
		(void)snprintf(why, WHY_BYTES,
			       "worker's frame is broken, or not what was asked for");
	else
		(void)snprintf(why, WHY_BYTES, "worker wrote what is no frame: ");
	if (strlen(why) > 0 && why[strlen(why) - 1] == ' ')
		why_add(why, "", (struct slice){ (const char *)r->first, n });
}

/* ---- the start ----------------------------------------------------------------------------- */

struct pipes {
	int ours[3], its[3]; /* calls, answers, err */
};

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void pipes_done(struct pipes *p)
{
	close_all(p->ours, 3);
	close_all(p->its, 3);
}

/* All three, or -EMFILE, -ENFILE. Without `err` the third stays closed. */
static int pipes_open(struct pipes *p, bool err)
{
	for (size_t i = 0; i < (err ? 3 : 2); i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		p->ours[i] = ends[i == 0]; /* we write calls and read the others */
		p->its[i] = ends[i != 0];
		if (fcntl(p->ours[i], F_SETFL, O_NONBLOCK) < 0)
			return -errno;
	}
	return 0;
}

static int drain_err(void *arg) SUSPENDS
{
	struct worker *w = arg;
	char bytes[4096];
	ssize_t got;

	while ((got = hk_read(w->err, bytes, sizeof(bytes))) > 0) {
		hear(w, bytes, (size_t)got);
		if (hk_yield() < 0) /* a flood must not keep the loop */
			break;
	}
	return 0;
}

/* Where standard output and error go together: into our pipe, or where the pool's options send them. */
static struct hk_process_stdio err_place(const struct hk_process_options *o, const struct pipes *p)
{
	int fd = o->err.kind == HK_STDIO_FD        ? o->err.fd
		 : o->err.kind == HK_STDIO_INHERIT ? STDERR_FILENO
						   : p->its[2];

	return (struct hk_process_stdio){ HK_STDIO_FD, fd };
}

/* Frames go over 3 and 4, and what is printed is only words; lines go over what a program knows as its input and output. *keep: the
 * caller's to free. */
static int wire(const struct hk_process_pool_options *pool, const struct pipes *p,
		struct hk_process_options *o, int **keep)
{
	o->err = err_place(o, p);
	o->in = (struct hk_process_stdio){ 0 };
	o->out = o->err;
	if (pool->lines) {
		o->in = (struct hk_process_stdio){ HK_STDIO_FD, p->its[0] };
		o->out = (struct hk_process_stdio){ HK_STDIO_FD, p->its[1] };
		return 0;
	}
	*keep = malloc((2 + o->keep_n) * sizeof(**keep));
	if (!*keep)
		return -ENOMEM;
	(*keep)[0] = p->its[0];
	(*keep)[1] = p->its[1];
	for (size_t i = 0; i < o->keep_n; i++)
		(*keep)[2 + i] = o->keep[i];
	o->keep = *keep;
	o->keep_n += 2;
	return 0;
}

static int start_process(struct worker *w) SUSPENDS
{
	AUTO(pipes_done) struct pipes p = { { -1, -1, -1 }, { -1, -1, -1 } };
	struct hk_process_options o = w->options->process;
	AUTO(freep) int *keep = NULL;
	int r;

	r = pipes_open(&p, o.err.kind != HK_STDIO_INHERIT && o.err.kind != HK_STDIO_FD);
	if (r < 0)
		return r;
	r = wire(w->options, &p, &o, &keep);
	if (r < 0)
		return r;
	o.grace_ns = (o.grace_ns ? o.grace_ns : GRACE_NS) / 2 + 1;
	r = hk_process_start(&w->process, w->options->argv, &o);
	if (r < 0)
		return r;
	w->started = true;
	w->calls = p.ours[0];
	w->answers = p.ours[1];
	w->err = p.ours[2];
	p.ours[0] = p.ours[1] = p.ours[2] = -1;
	return 0;
}

static int read_hello(struct worker *w) SUSPENDS
{
	AUTO(frame_reader_done) struct frame_reader r = { .max_bytes = HELLO_BYTES };
	int64_t timeout_ns = w->options->start_timeout_ns ? w->options->start_timeout_ns : START_NS;
	struct hk_scope scope;
	int e;

	hk_scope_open(&scope, timeout_ns);
	e = hk_scope_close(&scope, read_frame(w, &r));
	if (e == 0 && r.frame.kind != FRAME_HELLO)
		e = -EBADMSG;
	if (e == -ETIMEDOUT)
		(void)snprintf(w->why, WHY_BYTES, "worker did not say hello within %.1f s",
			       (double)timeout_ns / (double)HK_SEC);
	else if (e < 0 && e != -EPIPE && e != -ECANCELED)
		why_broken(w->why, &r, e, HELLO_BYTES);
	return e;
}

static int worker_start(struct worker *w, struct hk_group *g) SUSPENDS
{
	int r = start_process(w);

	if (r < 0) {
		(void)snprintf(w->why, WHY_BYTES, "worker '%.200s' cannot be started: %s",
			       w->options->argv[0], strerrordesc_np(-r));
		return r;
	}
	if (w->err >= 0)
		r = hk_spawn(g, drain_err, w);
	if (r < 0)
		(void)snprintf(w->why, WHY_BYTES, "no memory to watch over a worker");
	return r < 0 || w->options->lines ? r : read_hello(w);
}

/* ---- the end ------------------------------------------------------------------------------- */

static bool has_ended(const struct worker *w)
{
	struct pollfd fd = { .fd = w->process.pidfd_, .events = POLLIN };
	return poll(&fd, 1, 0) > 0;
}

/* Parks until the process has ended, without reaping it. 0, -ECANCELED. */
static int await_end(const struct worker *w) SUSPENDS
{
	int r = 0;

	while (r >= 0 && !has_ended(w))
		r = hk_fd_wait(w->process.pidfd_, HK_READ);
	return r < 0 ? r : 0;
}

static int await_end_for(const struct worker *w, int64_t timeout_ns) SUSPENDS
{
	struct hk_scope scope;

	hk_scope_open(&scope, timeout_ns);
	return hk_scope_close(&scope, await_end(w));
}

/* What standard error holds by now, without waiting. It ends: either its writers are dead, or `most` is reached. */
static void read_err_now(struct worker *w, size_t most)
{
	char bytes[4096];
	size_t total = 0;
	ssize_t got;

	while (w->err >= 0 && total < most &&
	       (got = read_left_over(w->err, bytes, sizeof(bytes))) > 0) {
		hear(w, bytes, (size_t)got);
		total += (size_t)got;
	}
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)hk_close(*fd);
	*fd = -1;
}

/* It leaves by itself, is made to, or is dead already. Afterwards nothing of its group lives. */
static void end_group(struct worker *w, int r, bool was_ready) SUSPENDS
{
	int64_t grace_ns = w->options->process.grace_ns ? w->options->process.grace_ns : GRACE_NS;
	int left = 0;

	if (r == -ECANCELED) {
		close_fd(&w->calls);
		left = was_ready ? await_end_for(w, grace_ns / 2 + 1) : -ETIMEDOUT;
	} else if (r == -EPIPE) {
		w->forced = await_end_for(w, CLOSING_NS) < 0;
	}
	if (left < 0) {
		hk_process_stop(&w->process, &w->exit);
		return;
	}
	(void)hk_process_kill(&w->process, SIGKILL);
	r = hk_process_wait(&w->process, &w->exit);
	ASSERT(r != -ECANCELED && r != -EBUSY);
}

/* From here the life scope is closed: nothing cuts the waits short but their own bounds. */
static void end_process(struct worker *w, int r) SUSPENDS
{
	bool was_ready = w->state != WORKER_STARTING; /* else it does not listen yet */

	pool_worker_leaves(w->pool, w);
	end_group(w, r, was_ready);
	read_err_now(w, LEFT_OVER_MAX);
	say_line(w);
	close_fd(&w->err);
	hk_event_set(&w->ended);
	if (w->call)
		hk_scope_cancel(w->call);
	if (r == -EPIPE) {
		why_ended(w->why, w);
		why_add(w->why, " ", S("before it was ready"));
	}
	if (r < 0 && r != -ECANCELED)
		why_add_tail(w->why, w);
}

int worker_live(void *arg)
{
	struct worker *w = arg;
	struct hk_group g;
	int r;

	hk_group_open(&g, &(struct hk_group_options){ .name = "worker" });
	hk_scope_open(&w->life, HK_FOREVER);
	if (w->retired) /* before this task's first turn */
		hk_scope_cancel(&w->life);
	r = worker_start(w, &g);
	if (r == 0) {
		pool_worker_ready(w->pool, w);
		r = await_end(w);
	}
	(void)hk_scope_close(&w->life, 0);
	if (w->started)
		end_process(w, r);
	r = w->state == WORKER_BUSY ? hk_event_wait(&w->freed) : 0;
	ASSERT(r == 0 && w->state != WORKER_BUSY);
	close_fd(&w->calls);
	close_fd(&w->answers);
	r = hk_group_close(&g, 0);
	ASSERT(r == 0 && w->err < 0);
	pool_worker_gone(w->pool, w);
	return 0;
}

struct worker *worker_new(struct hk_process_pool *pool, const struct hk_process_pool_options *o)
{
	struct worker *w = xcalloc(1, sizeof(*w));

	w->pool = pool;
	w->options = o;
	w->calls = w->answers = w->err = -1;
	return w;
}

void worker_kill(struct worker *w)
{
	ASSERT(w->started);
	if (!hk_event_is_set(&w->ended))
		(void)hk_process_kill(&w->process, SIGKILL);
}

void worker_retire(struct worker *w)
{
	ASSERT(w->state != WORKER_BUSY);
	w->retired = true;
	hk_scope_cancel(&w->life);
}

/* ---- between calls ------------------------------------------------------------------------- */

bool worker_fit(const struct worker *w)
{
	struct pollfd fds[2] = { { .fd = w->process.pidfd_, .events = POLLIN },
				 { .fd = w->answers, .events = POLLIN } };

	ASSERT(w->state == WORKER_IDLE);
	return poll(fds, 2, 0) == 0;
}

bool worker_babbles(const struct worker *w)
{
	struct pollfd fd = { .fd = w->answers, .events = POLLIN };

	return poll(&fd, 1, 0) > 0 && (fd.revents & POLLIN);
}

/* The second number of /proc/PID/statm; 0 when it cannot be told. */
static uint64_t resident_bytes(pid_t pid)
{
	char path[32], text[128];
	struct slice head, rest;
	int64_t pages = 0;
	ssize_t n = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text));
		(void)close(fd);
	}
	if (n <= 0 || !slice_cut((struct slice){ text, (size_t)n }, ' ', &head, &rest))
		return 0;
	(void)slice_cut(rest, ' ', &head, &rest);
	if (units_int(head, &pages) < 0)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool worker_is_worn(const struct worker *w)
{
	const struct hk_process_pool_options *o = w->options;

	return (o->recycle_calls && w->calls_n >= o->recycle_calls) ||
	       (o->recycle_bytes && resident_bytes(w->process.pid) > o->recycle_bytes);
}

/* ---- a call -------------------------------------------------------------------------------- */

static int exchange(struct worker *w, const struct hk_part *parts, size_t n,
		    struct frame_reader *r) SUSPENDS
{
	AUTO(freep)
	void *memory = malloc((n + 1) * sizeof(struct iovec) + frame_prefix_bytes(n));
	struct iovec *v = memory;
	ssize_t wrote;
	int e;

	if (!memory)
		return -ENOMEM;
	v[0] = (struct iovec){ v + n + 1, frame_prefix_bytes(n) };
	e = frame_put_prefix(v[0].iov_base, FRAME_CALL, ++w->calls_n, parts, n);
	if (e < 0)
		return e;
	w->sent = 0;
	for (size_t i = 0; i < n; i++)
		v[i + 1] = (struct iovec){ (void *)(uintptr_t)parts[i].bytes, parts[i].n };
	for (size_t i = 0; i <= n; i++)
		w->sent += v[i].iov_len;
	wrote = hk_writev(w->calls, v, (int)n + 1);
	for (size_t i = 0; i <= n; i++)
		w->sent -= v[i].iov_len; /* what was written was consumed */
	if (wrote < 0)
		return hk_event_is_set(&w->ended) ? -EPIPE : (int)wrote;
	return read_frame(w, r);
}

/* A whole frame has come: the answer, the error, or something else. */
static int take_answer(struct worker *w, struct frame_reader *r, struct hk_answer *ret)
{
	struct slice text = S("worker answered with an error, and without a text");

	if (r->frame.call != w->calls_n ||
	    (r->frame.kind != FRAME_ANSWER && r->frame.kind != FRAME_ERROR))
		return -EBADMSG;
	if (r->frame.kind == FRAME_ANSWER) {
		ret->parts = r->parts;
		ret->parts_n = r->frame.parts_n;
		ret->storage_ = take(r->storage);
		return 0;
	}
	if (r->frame.parts_n > 0 && r->parts[0].n > 0)
		text = (struct slice){ r->parts[0].bytes, r->parts[0].n };
	why_add(ret->why, "", text);
	return -EREMOTEIO;
}

static int take_line(struct line_reader *line, struct hk_answer *ret)
{
	struct hk_part *part = malloc(sizeof(*part) + line->n);

	if (!part)
		return -ENOMEM;
	*part = (struct hk_part){ part + 1, line->n };
	if (line->n > 0)
		memcpy(part + 1, line->bytes, line->n);
	ret->parts = part;
	ret->parts_n = 1;
	ret->storage_ = part;
	return 0;
}

/* A worker that ended before it read the first byte of a call never had it. Only one that has served others is believed: else
 * a program that says hello and ends would be started for ever. */
static bool never_had_it(const struct worker *w)
{
	int unread = 0;

	return w->calls_n > 1 && hk_event_is_set(&w->ended) &&
	       ioctl(w->calls, FIONREAD, &unread) == 0 && (uint64_t)unread == w->sent;
}

/* The worker cannot be used again. Says why, kills it unless it has ended, and translates the code. */
static int give_up(struct worker *w, const struct frame_reader *r, int e,
		   struct hk_answer *ret) SUSPENDS
{
	const struct hk_process_pool_options *o = w->options;
	char *why = ret->why;

	if (e == -EPIPE && hk_event_wait_for(&w->ended, CLOSING_NS) == -ECANCELED)
		e = -ECANCELED;
	if (e == -EPIPE && never_had_it(w))
		return -EAGAIN;
	if (e == -EAGAIN) {
		worker_kill(w);
		return e;
	}
	if (e == -EPIPE && hk_event_is_set(&w->ended) && !w->forced)
		ret->exit = w->exit;
	worker_kill(w);
	if (e == -ECANCELED)
		(void)snprintf(why, WHY_BYTES, "call was cancelled");
	else if (e == -ETIMEDOUT)
		(void)snprintf(why, WHY_BYTES, "worker had no answer within %.3g s and was killed",
			       (double)o->timeout_ns / (double)HK_SEC);
	else if (e == -EPIPE)
		why_ended(why, w);
	else if (o->lines && e == -EBADMSG)
		(void)snprintf(why, WHY_BYTES,
			       "worker does not answer each line with one line, and after it");
	else
		why_broken(why, r, e, r->max_bytes);
	why_add_tail(why, w);
	if (e == -ECANCELED || e == -ETIMEDOUT || e == -EPIPE || e == -ENOMEM || e == -EMSGSIZE)
		return e;
	return -EBADMSG;
}

int worker_call(struct worker *w, const struct hk_part *parts, size_t n, struct hk_answer *ret)
{
	const struct hk_process_pool_options *o = w->options;
	AUTO(frame_reader_done)
	struct frame_reader r = { .max_bytes =
					  o->max_frame_bytes ? o->max_frame_bytes : ANSWER_BYTES };
	AUTO(line_reader_done) struct line_reader line = { .max_bytes = r.max_bytes };
	struct hk_scope scope;
	int e;

	ASSERT(w->state == WORKER_BUSY && !w->call);
	read_err_now(w, PIPE_BYTES); /* said before this call, so it says nothing about it */
	w->tail_n = 0;
	hk_scope_open(&scope, o->timeout_ns > 0 ? o->timeout_ns : HK_FOREVER);
	w->call = &scope;
	e = o->lines ? line_exchange(w, parts, &line) : exchange(w, parts, n, &r);
	w->call = NULL;
	e = hk_scope_close(&scope, e);
	if (e == 0)
		e = o->lines ? take_line(&line, ret) : take_answer(w, &r, ret);
	return e == 0 || e == -EREMOTEIO ? e : give_up(w, &r, e, ret);
}
