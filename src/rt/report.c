/* report.c - the runtime's own sentences
 *
 * What this room is for: mistakes that the program's author must hear of: a loop kept busy, a failure that nobody read, a
 *   call that cannot mean anything. Reports are told and the program goes on; a misuse would go wrong later and
 *   elsewhere, so it ends here.
 * What flows through:    text of a bounded length; nothing is allocated.
 * What must hold:        no call of hocket's own that could suspend, so that it may be used anywhere. */
#include "rt/report.h"
#include "rt/loop.h"
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/banned.h"

enum { TEXT_BYTES = 4096, PATIENCE_MS = 5000 };

/* Standard error may be non-blocking: a task writes to it, or another process that shares the terminal made it so. */
static bool has_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	return poll(&p, 1, PATIENCE_MS) > 0;
}

int report_write(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t wrote = write(fd, s.p, s.n);
		if (wrote < 0 && (errno == EINTR || (errno == EAGAIN && has_room(fd))))
			continue;
		if (wrote < 0)
			return -errno;
		s.p += wrote;
		s.n -= (size_t)wrote;
	}
	return 0;
}

static void write_out(const char *text, size_t n)
{
	int r = report_write(STDERR_FILENO, (struct slice){ text, n });
	(void)r; /* nobody can be told that standard error is gone */
}

/* "hocket: " + the text, cut to the room there is, + "\n". Its length. */
PRINTF(2, 0)
static size_t line(char out[TEXT_BYTES], const char *fmt, va_list args)
{
	int n = snprintf(out, TEXT_BYTES, "hocket: "), more;
	size_t at = (size_t)n;

	more = vsnprintf(out + at, TEXT_BYTES - at - 1, fmt, args);
	if (more > 0)
		at += (size_t)more < TEXT_BYTES - at - 1 ? (size_t)more : TEXT_BYTES - at - 2;
	out[at++] = '\n';
	out[at] = '\0';
	return at;
}

void report(const struct hk_loop *loop, enum hk_report kind, const char *fmt, ...)
{
	char text[TEXT_BYTES];
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = line(text, fmt, args);
	va_end(args);
	if (loop && loop->report)
		loop->report(kind, text, loop->report_arg);
	else
		write_out(text, n);
}

void misuse(const char *fmt, ...)
{
	struct hk_loop *loop = loop_self();
	const struct hk_fiber_ *self = loop ? loop_running(loop) : NULL;
	char text[TEXT_BYTES], whole[TEXT_BYTES];
	va_list args;
	int n;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (self)
		n = snprintf(whole, sizeof(whole),
			     "hocket: misuse: task \"%s\", spawned at %s: %s\n", self->name,
			     self->where, text);
	else
		n = snprintf(whole, sizeof(whole), "hocket: misuse: outside of any task: %s\n",
			     text);
	write_out(whole, (size_t)n < sizeof(whole) ? (size_t)n : sizeof(whole) - 1);
	abort();
}
