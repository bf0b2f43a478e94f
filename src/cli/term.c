/* term.c - messages on stderr, asked-for text on stdout
 *
 * What this room is for: the few places where bytes leave the process outside a pipeline.
 * What flows through:    finished text; nothing is buffered here, so that nothing is lost when the process ends.
 * What must hold:        (1) stdout carries data or what was asked for, all else goes to stderr. (2) a failed write to
 *   stdout is an error of the run, a failed write to stderr is nobody's. */
#include "cli/term.h"
#include "cli/exits.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int write_all(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		s = slice_from(s, (size_t)n);
	}
	return 0;
}

void say_raw(struct slice s)
{
	(void)write_all(STDERR_FILENO, s); /* there is nowhere left to tell */
}

void say(const char *fmt, ...)
{
	AUTO(buf_done) struct buf b = { 0 };
	va_list ap;
	va_start(ap, fmt);
	if (buf_add(&b, S("hocket: ")) == 0 && buf_vprintf(&b, fmt, ap) == 0 &&
	    buf_add_char(&b, '\n') == 0)
		say_raw(buf_slice(&b));
	va_end(ap);
}

int put_stdout(struct slice s)
{
	int r = write_all(STDOUT_FILENO, s);
	if (r == 0)
		return EXITS_DONE;
	if (r != -EPIPE) /* the reader has seen enough: `hocket connectors | head` */
		say("cannot write to stdout: %s", strerror(-r));
	return EXITS_FAILED;
}

const char *path_shown(const char *path)
{
	char here[4096];
	if (!getcwd(here, sizeof(here)))
		return path;
	size_t n = strlen(here);
	return strncmp(path, here, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

bool term_smart(int fd)
{
	const char *term = getenv("TERM");
	return isatty(fd) && term && strcmp(term, "dumb") != 0 && term[0];
}

bool term_color(int fd)
{
	const char *no = getenv("NO_COLOR");
	return term_smart(fd) && !(no && no[0]);
}

unsigned term_width(int fd)
{
	struct winsize w;
	return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

int term_put_said(const char *label, struct slice line, struct buf *out)
{
	int r = buf_printf(out, "%s | ", label);
	for (size_t i = 0; r == 0 && i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];
		r = buf_add_char(out, c == '\t' ? ' ' : c < ' ' || c == 0x7f ? '?' : (char)c);
	}
	return r < 0 ? r : buf_add_char(out, '\n');
}
