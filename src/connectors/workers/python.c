/* python.c - workers in Python
 *
 * What this room is for: the way of our helper, and of a user's file, into a Python process.
 * What flows through:    text in files that have no name (memfd); a line of Python that reads it.
 * What must hold:        workers share an open file, so each reads it at places (pread), never from where another one stopped. */
#include "connectors/workers/python.h"
#include "base/banned.h"
#include "connectors/workers/embedded.h"
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* The module is known by its name before anybody imports it. */
static const char stub[] =
	"import os,sys,types;m=types.ModuleType('hocket_worker');sys.modules['hocket_worker']=m;"
	"exec(compile(os.pread(%d,1<<20,0),'hocket_worker.py','exec'),m.__dict__);os.close(%d);m."
	"main(sys.argv[1:])";

static int put_file(const char *name, struct slice text, int *ret)
{
	*ret = memfd_create(name, MFD_CLOEXEC);
	if (*ret < 0)
		return -errno;
	while (text.n > 0) {
		ssize_t n = write(*ret, text.p, text.n);
		if (n < 0)
			return -errno;
		text = slice_from(text, (size_t)n);
	}
	return 0;
}

int python_open(struct python *p, struct slice text, struct err *err)
{
	p->fds[0] = p->fds[1] = -1;
	int r = put_file("hocket_worker.py", (struct slice){ hocket_worker_py, hocket_worker_py_n },
			 &p->fds[0]);
	r = r < 0 ? r : put_file("file.py", text, &p->fds[1]);
	return r < 0 ? fail_errno(err, FAULT_IO, r, "the text of workers cannot be put into memory")
		     : 0;
}

void python_close(struct python *p)
{
	for (int i = 0; i < 2; i++) {
		if (p->fds[i] > 0)
			(void)close(p->fds[i]);
		p->fds[i] = -1;
	}
}

const char *const *python_argv(struct python *p, const char *interpreter, const char *mode,
			       int first, const char *path, const char *name)
{
	(void)snprintf(p->stub, sizeof(p->stub), stub, first, first);
	(void)snprintf(p->mode, sizeof(p->mode), "%s", mode);
	(void)snprintf(p->fd, sizeof(p->fd), "%d", first + 1);
	const char *const argv[] = { interpreter, "-u", "-c", p->stub, p->mode,
				     p->fd,       path, name, NULL };
	for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
		p->argv[i] = argv[i];
	return p->argv;
}
