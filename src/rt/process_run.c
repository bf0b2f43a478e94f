/* process_run.c - a program as a function: input in, both outputs and the exit out
 *
 * What this room is for: the whole conversation in one call. Who writes all input and then reads all output waits for ever as
 *   soon as both exceed what a pipe holds; here three tasks do it at once.
 * What flows through:    input -> feed -> child -> two drains -> buffers with a ceiling.
 * What must hold:
 *  (1) a child that does not read its input has not failed: it ends the feed and nothing else.
 *  (2) a drain reads to the end of the file also above its ceiling: a full pipe would stop the child.
 *  (3) when the child and its group have ended, who still holds a pipe has left the group; its output is waited for as long as
 *      the grace, and then it is cut.
 *  (4) whatever happens, nothing of the child is left on return. */
#include "base/buf.h"
#include <errno.h>
#include <hocket/fd.h>
#include <hocket/group.h>
#include <hocket/process.h>
#include "base/banned.h"

enum { CEILING = 16 << 20, CHUNK = 64 << 10, SPILL = 8 << 10 };

struct drain {
	const int *fd; /* borrows */
	struct buf text;
	bool cut, ended;
};
struct exchange {
	struct hk_process process;
	const void *input; /* borrows */
	size_t input_n;
	struct drain out, err;
};

static void exchange_done(struct exchange *x)
{
	buf_done(&x->out.text);
	buf_done(&x->err.text);
}

static int feed(void *arg) SUSPENDS
{
	struct exchange *x = arg;
	ssize_t r = hk_write(x->process.in, x->input, x->input_n);

	(void)hk_close(x->process.in);
	x->process.in = -1;
	return r < 0 && r != -EPIPE ? (int)r : 0;
}

static ssize_t drop_some(struct drain *d) SUSPENDS
{
	char spill[SPILL];
	ssize_t got = hk_read(*d->fd, spill, sizeof(spill));

	d->cut |= got > 0;
	return got;
}

static ssize_t keep_some(struct drain *d, size_t room) SUSPENDS
{
	size_t n = room < CHUNK ? room : CHUNK;
	ssize_t got = buf_reserve(&d->text, n);

	if (got == 0)
		got = hk_read(*d->fd, d->text.p + d->text.n, n);
	if (got > 0)
		buf_added(&d->text, (size_t)got);
	return got;
}

static int drain(void *arg) SUSPENDS
{
	struct drain *d = arg;
	ssize_t got = 1;

	ASSERT(d->text.n <= d->text.max);
	while (got > 0) {
		size_t room = d->text.max - d->text.n;
		got = room > 0 ? keep_some(d, room) : drop_some(d);
	}
	d->ended = got == 0;
	return (int)got;
}

static int converse(struct exchange *x) SUSPENDS
{
	struct hk_scope late;
	struct hk_group g;
	int r;

	hk_scope_open(&late, HK_FOREVER);
	hk_group_open(&g, &(struct hk_group_options){ .name = "process run" });
	r = hk_spawn(&g, feed, x);
	if (r == 0)
		r = hk_spawn(&g, drain, &x->out);
	if (r == 0)
		r = hk_spawn(&g, drain, &x->err);
	if (r == 0)
		r = hk_process_wait(&x->process, NULL);
	hk_scope_extend(&late, x->process.grace_ns_);
	r = hk_scope_close(&late, hk_group_close(&g, r));
	return r == -ETIMEDOUT ? 0 : r;
}

/* malloc'd text, also when there is none. */
static int give(struct drain *d, char **ret, size_t *ret_n, bool *ret_cut)
{
	int r = d->text.p ? 0 : buf_reserve(&d->text, 1);

	if (r < 0)
		return r;
	*ret_n = d->text.n;
	*ret_cut = d->cut || !d->ended;
	*ret = buf_take(&d->text).p;
	return 0;
}

static int give_all(struct exchange *x, struct hk_process_output *ret)
{
	int r = give(&x->out, &ret->out, &ret->out_n, &ret->out_cut);

	if (r == 0)
		r = give(&x->err, &ret->err, &ret->err_n, &ret->err_cut);
	if (r < 0)
		freep(&ret->out);
	return r;
}

int hk_process_run(const char *const argv[], const struct hk_process_run_options *options,
		   struct hk_process_output *ret)
{
	struct hk_process_run_options o = options ? *options : (struct hk_process_run_options){ 0 };
	const size_t max = o.max_bytes ? o.max_bytes : CEILING;
	AUTO(exchange_done)
	struct exchange x = {
		.input = o.input,
		.input_n = o.input_n,
		.out = { .fd = &x.process.out, .text.max = max },
		.err = { .fd = &x.process.err, .text.max = max },
	};
	int r;

	*ret = (struct hk_process_output){ 0 };
	o.process.in.kind = o.process.out.kind = o.process.err.kind = HK_STDIO_PIPE;
	r = hk_process_start(&x.process, argv, &o.process);
	if (r < 0)
		return r;
	r = converse(&x);
	hk_process_stop(&x.process, &ret->exit);
	return r < 0 ? r : give_all(&x, ret);
}
