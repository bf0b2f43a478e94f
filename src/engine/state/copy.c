/* copy.c - the file that `dead:` names: what is dead now, as JSON lines
 *
 * What this room is for: who watches a folder sees what went wrong without asking hocket.
 * What flows through:    the pipeline's open letters, a page at a time, into PATH.part, which is renamed.
 * What must hold:
 *  (1) PATH is whole at every moment: of now, or as it was. (2) no letters: no file. */
#include "engine/state/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <hocket/file.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct copy {
	int fd; /* -1: closed */
	const char *part;
	off_t at;
};

static void copy_close(struct copy *c)
{
	if (c->fd >= 0)
		(void)close(c->fd); /* all that counts was synced */
}

static int fail_copy(const char *path, int why, struct err *err)
{
	return fail_errno(err, FAULT_IO, why, "cannot write the dead letters to '%s'", path);
}

static int put_page(struct copy *c, const struct letter_page *page, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf lines = { .max = LETTER_JSON_MAX };
	int r = 0;
	for (size_t i = 0; i < page->n && r == 0; i++) {
		r = letter_put_json(&page->letters[i], &lines);
		r = r < 0 ? r : buf_add_char(&lines, '\n');
	}
	if (r < 0)
		return fail_copy(c->part, r, err);
	ssize_t n = hk_file_write(c->fd, lines.p, lines.n, c->at);
	if (n < 0)
		return fail_copy(c->part, (int)n, err);
	c->at += n;
	return 0;
}

static int put_list(struct state *s, struct copy *c, const struct letter_list *list,
		    struct err *err) SUSPENDS
{
	for (size_t at = 0; at < list->n;) {
		AUTO(letter_page_done) struct letter_page page = { 0 };
		if (state_read_letters(s, list->keys + at, list->n - at, &page, err) < 0 ||
		    put_page(c, &page, err) < 0)
			return -1;
		at += page.keys;
	}
	int r = hk_file_sync(c->fd);
	return r < 0 ? fail_copy(c->part, r, err) : 0;
}

int state_check_copy(const char *path, struct err *err)
{
	struct stat st;
	int r = hk_file_stat(path, &st);
	if (r == 0 && !S_ISREG(st.st_mode))
		return fail(err, FAULT_CONFIG,
			    "dead: '%s' is not a regular file, and would be replaced by one; leave "
			    "`dead:` out: the letters are in the state",
			    path);
	return r == -ECANCELED ? fail_errno(err, FAULT_IO, r, "looking at '%s'", path) : 0;
}

static int drop_old(const char *path, struct err *err) SUSPENDS
{
	int r = hk_file_unlink(path);
	return r == 0 || r == -ENOENT
		       ? 0
		       : fail_errno(err, FAULT_IO, r, "cannot remove the old '%s'", path);
}

int state_copy_letters(struct state *s, const char *pipeline, const char *path, struct err *err)
{
	AUTO(letter_list_done) struct letter_list list = { 0 };
	AUTO(buf_done) struct buf part = { .max = 8192 };
	if (state_check_copy(path, err) < 0 ||
	    state_list_letters(s, pipeline, false, &list, err) < 0)
		return -1;
	if (list.n == 0)
		return drop_old(path, err);
	if (buf_printf(&part, "%s.part", path) < 0)
		return fail(err, FAULT_CONFIG, "'%s': the name is too long", path);
	int fd = hk_file_open(part.p, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return fail_copy(part.p, fd, err);
	AUTO(copy_close) struct copy copy = { fd, part.p, 0 };
	if (put_list(s, &copy, &list, err) < 0) {
		(void)unlink(part.p); /* half a copy is of no use; the failure is told */
		return -1;
	}
	int r = hk_file_rename(part.p, path);
	r = r < 0 ? r : hk_name_sync(path);
	return r < 0 ? fail_copy(path, r, err) : 0;
}
