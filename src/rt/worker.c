/* worker.c - the worker's side of a process pool, in C
 *
 * What this room is for: the main function of a worker that is written in C. No loop runs here: a worker has one thing to
 *   do at a time, so it may block, crash or be killed while it does it.
 * What flows through:    call frames from the one descriptor, answer or error frames to the other; HOCKET_WORKER
 *   in the environment names both. Standard output and standard error are one pipe to the pool, which keeps the last lines.
 * What must hold:
 *  (1) hello goes out before the first call is read: it tells the pool that the worker is ready.
 *  (2) each call is answered once, with its own number, after all of it was read.
 *  (3) the end of the calls is the end of the worker, also when the pool's process was killed.
 *  (4) programs that fn starts inherit neither the descriptors nor the variable: they are no workers. */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/units.h"
#include "rt/frame.h"
#include "base/banned.h"

enum { EXIT_CLEAN = 0, EXIT_BROKEN = 1, EXIT_NO_POOL = 2 };

struct seat {
	int calls, answers; /* descriptors */
	hk_worker_fn *fn;
	void *arg;
};

static bool take_fd(struct slice text, int *ret)
{
	int64_t number;

	if (units_int(text, &number) < 0 || number < 0 || number > INT32_MAX)
		return false;
	*ret = (int)number;
	return fcntl(*ret, F_SETFD, FD_CLOEXEC) == 0;
}

/* HOCKET_WORKER=3,4 */
static bool take_seat(struct seat *s)
{
	struct slice calls, answers;

	return slice_cut(slice_str(getenv("HOCKET_WORKER")), ',', &calls, &answers) &&
	       take_fd(calls, &s->calls) && take_fd(answers, &s->answers) &&
	       unsetenv("HOCKET_WORKER") == 0;
}

/* 1: a whole call; 0: the pool has ended; -errno. */
static int read_call(int fd, struct frame_reader *r)
{
	for (;;) {
		size_t n;
		unsigned char *room = frame_reader_room(r, &n);
		ssize_t got = read(fd, room, n);
		int e;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return frame_reader_began(r) ? -EBADMSG : 0;
		e = frame_reader_got(r, (size_t)got);
		if (e != 0)
			return e;
	}
}

static int write_all(int fd, struct iovec *v, int n)
{
	while (n > 0) {
		ssize_t wrote = writev(fd, v, n);
		if (wrote < 0 && errno != EINTR)
			return -errno;
		for (; n > 0 && wrote >= (ssize_t)v->iov_len; v++, n--)
			wrote -= (ssize_t)v->iov_len;
		if (n > 0 && wrote > 0) {
			v->iov_base = (char *)v->iov_base + wrote;
			v->iov_len -= (size_t)wrote;
		}
	}
	return 0;
}

static int write_frame(int fd, enum frame_kind kind, uint32_t call, struct hk_part part, size_t n)
{
	unsigned char prefix[FRAME_HEAD_BYTES + FRAME_LENGTH_BYTES];
	struct iovec v[2] = { { prefix, frame_prefix_bytes(n) },
			      { (void *)(uintptr_t)part.bytes, part.n } };
	int e = frame_put_prefix(prefix, kind, call, &part, n);

	ASSERT(n <= 1);
	return e < 0 ? e : write_all(fd, v, n ? 2 : 1);
}

static int answer(const struct seat *s, const struct frame_reader *r)
{
	AUTO(freep) void *bytes = NULL;
	struct hk_part part = { 0 };
	char why[512] = "";
	int failed = s->fn(r->parts, r->frame.parts_n, &bytes, &part.n, why, s->arg);

	fflush(stdout);
	if (failed) {
		why[sizeof(why) - 1] = 0;
		part = (struct hk_part){ why, strlen(why) };
		return write_frame(s->answers, FRAME_ERROR, r->frame.call, part, 1);
	}
	part.bytes = bytes;
	return write_frame(s->answers, FRAME_ANSWER, r->frame.call, part, 1);
}

static int serve(const struct seat *s)
{
	AUTO(frame_reader_done) struct frame_reader r = { .max_bytes = UINT64_MAX };
	int e = write_frame(s->answers, FRAME_HELLO, 0, (struct hk_part){ 0 }, 0);

	while (e == 0 && (e = read_call(s->calls, &r)) > 0) {
		if (r.frame.kind != FRAME_CALL)
			return -EBADMSG;
		e = answer(s, &r);
		frame_reader_done(&r);
	}
	return e;
}

int hk_worker_run(hk_worker_fn *fn, void *arg)
{
	struct seat s = { .fn = fn, .arg = arg };
	int e;

	if (!take_seat(&s)) {
		fputs("this program is a worker: a hocket process pool starts it and sets "
		      "HOCKET_WORKER\n",
		      stderr);
		return EXIT_NO_POOL;
	}
	setvbuf(stdout, NULL, _IOLBF, 0); /* last words must not stay in a buffer */
	e = serve(&s);
	if (e < 0)
		fprintf(stderr, "worker: cannot go on with its pool: %s\n", strerror(-e));
	return e < 0 ? EXIT_BROKEN : EXIT_CLEAN;
}
