/* text_sink.h - a file as a sink, in a folder of its own: for the tests of jsonl, csv and what packs them */
#pragma once
#include "fake_engine.h"
#include "check.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct folder folder;
static char out[100], part[100];

static inline void open_sink(struct fake_sink *s, const struct port *port, const char *option,
			     const char *more)
{
	AUTO(buf_done) struct buf verb = { 0 };
	CHECK_INT(buf_printf(&verb, "%s=%s", port->name, out), 0);
	*s = (struct fake_sink){ .port = port };
	fake_site_open(&s->at, port, verb.p, option, more, NULL);
	CHECK_INT(s->at.mistakes, 0);
}

static inline void check_file(const char *path, const char *want)
{
	AUTO(buf_done) struct buf text = file_read(path);
	if (!want)
		CHECK(!text.p);
	else
		CHECK_SLICE(buf_slice(&text), slice_str(want));
}

static inline void in_folder(void (*body)(void *))
{
	folder_make(&folder);
	snprintf(out, sizeof(out), "%s/out", folder.path);
	snprintf(part, sizeof(part), "%s/out.part", folder.path);
	in_loop(body, NULL);
	folder_remove(&folder);
}

static inline void append_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK_INT(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

#define LOOP_TEST(name)                  \
	static void name##_body(void *); \
	TEST(name)                       \
	{                                \
		in_folder(name##_body);  \
	}                                \
	static void name##_body(void *unused __attribute__((unused)))
