/* file_list.c - the files beneath the root of a file store, in the order of their names
 *
 * What this room is for: what a bucket's listing is, of folders: names with '/' in them, in the order of their bytes, a page at a time.
 * What flows through:    folders in; names, sizes and times out. It blocks: it runs in a thread.
 * What must hold:
 *  (1) in each folder entries are ordered as they continue: "a-b", "a.b", "a/" - a folder's name with its '/'. So the walk
 *      from folder to folder gives the names in their order, and whole folders before the page are not opened.
 *  (2) links, devices and pipes are not objects; nor is what beneath_check would refuse to write (half-written files, foremost).
 *  (3) a page costs the entries of the folders it touches: a folder is read anew for each page that ends in it. */
#include "base/clock.h"
#include "io/beneath.h"
#include "io/object/file_store.h"
#include "io/object/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
	NAME_MAX_BYTES = 1024
}; /* of an object; each folder takes two of them: that bounds the depth */

struct entries {         /* of one folder */
	struct buf text; /* each with a 0 behind it; a folder's ends in '/' */
	const char **names;
	size_t n;
};

struct walk {
	struct file_listing *listing;
	struct buf path; /* of the folder, relative to the root: "" or "a/b/" */
	bool full;       /* and there was one more */
};

static void entries_done(struct entries *e)
{
	buf_done(&e->text);
	free(e->names);
}

static void walk_done(struct walk *w)
{
	buf_done(&w->path);
}

/* ---- one folder ------------------------------------------------------------------------------ */

/* Could `name` (a folder's with '/'), or something in that folder, be on this page? */
static bool is_wanted(const struct object_list *l, struct slice name)
{
	bool folder = slice_ends(name, S("/"));
	if (!slice_starts(name, l->prefix) && !(folder && slice_starts(l->prefix, name)))
		return false;
	return slice_cmp(name, l->page) > 0 || (folder && slice_starts(l->page, name));
}

/* 1: a file, 2: a folder, 0: neither. */
static int kind_of(int folder, const struct dirent *d)
{
	struct stat st;
	if (d->d_type == DT_REG || d->d_type == DT_DIR)
		return d->d_type == DT_REG ? 1 : 2;
	/* A file system that does not say the type is asked. */
	if (d->d_type != DT_UNKNOWN || fstatat(folder, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return S_ISREG(st.st_mode) ? 1 : S_ISDIR(st.st_mode) ? 2 : 0;
}

static int keep(struct walk *w, struct entries *e, int folder, const struct dirent *d)
{
	struct slice name = slice_str(d->d_name);
	size_t path = w->path.n;
	if (beneath_check(name, 0, NULL) < 0)
		return 0;
	int kind = kind_of(folder, d);
	int r = buf_add(&w->path, name);
	if (r == 0 && kind == 2)
		r = buf_add_char(&w->path, '/');
	bool wanted = r == 0 && kind && is_wanted(w->listing->list, buf_slice(&w->path));
	if (wanted) {
		r = buf_add(&e->text, slice_from(buf_slice(&w->path), path));
		r = r < 0 ? r : buf_add_char(&e->text, 0);
		e->n += r == 0;
	}
	buf_truncate(&w->path, path);
	return r;
}

static int by_name(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;
	return strcmp(*left, *right);
}

static void sort(struct entries *e)
{
	const char *p = e->text.p;
	e->names = xcalloc(e->n ? e->n : 1, sizeof(e->names[0]));
	for (size_t i = 0; i < e->n; i++, p += strlen(p) + 1)
		e->names[i] = p;
	qsort(e->names, e->n, sizeof(e->names[0]), by_name);
}

/* Takes the folder. */
static int read_entries(struct walk *w, int folder, struct entries *e)
{
	const struct dirent *d = NULL;
	DIR *dir = fdopendir(folder);
	int r = dir ? 0 : -errno;
	if (!dir)
		(void)close(folder);
	for (errno = 0; r == 0 && (d = readdir(dir)); errno = 0)
		r = keep(w, e, dirfd(dir), d);
	if (r == 0 && errno)
		r = -errno;
	if (dir)
		(void)closedir(dir);
	if (r == 0)
		sort(e);
	return r;
}

/* ---- the walk -------------------------------------------------------------------------------- */

static int fail_at(const struct walk *w, int r)
{
	return file_fail(w->listing->err, w->listing->root, buf_slice(&w->path), r, "list");
}

static int add_info(struct walk *w, const struct stat *st)
{
	AUTO(buf_done) struct buf generation = { 0 }, updated = { 0 };
	int64_t ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	int r = file_generation(st, &generation);
	r = r < 0 ? r : clock_put_utc(&updated, ns);
	struct object_info info = { .name = buf_slice(&w->path),
				    .bytes = (uint64_t)st->st_size,
				    .generation = buf_slice(&generation),
				    .updated = buf_slice(&updated) };
	return r < 0 ? r : object_page_add(w->listing->page, &info);
}

/* The file whose name is the walk's path. */
static int add_file(struct walk *w, int folder, const char *name)
{
	struct object_page *page = w->listing->page;
	struct stat st;
	if (page->n == w->listing->list->most) {
		w->full = true;
		return buf_add(&page->next, page->objects[page->n - 1].name);
	}
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail_at(w, -errno); /* gone meanwhile */
	int r = S_ISREG(st.st_mode) ? add_info(w, &st) : 0;
	return r < 0 ? fail_at(w, r) : 0;
}

static int walk_folder(struct walk *w, int folder);

static int enter(struct walk *w, int folder, const char *name)
{
	char plain[NAME_MAX_BYTES];
	size_t n = strlen(name) - 1; /* without its '/' */
	if (w->path.n >= NAME_MAX_BYTES)
		return fail(w->listing->err, FAULT_BAD_VALUE,
			    "the folder '%.*s...' lies too deep: names end at 1,024 bytes",
			    SLICE(slice_head(buf_slice(&w->path), 80)));
	ASSERT(n < sizeof plain);
	memcpy(plain, name, n);
	plain[n] = 0;
	int fd = openat(folder, plain, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : fail_at(w, -errno); /* gone meanwhile */
	int r = walk_folder(w, fd);
	(void)close(fd);
	return r;
}

static int visit(struct walk *w, int folder, const char *name)
{
	size_t path = w->path.n;
	int r = buf_add(&w->path, slice_str(name));
	if (r < 0)
		return fail_at(w, r);
	r = slice_ends(slice_str(name), S("/")) ? enter(w, folder, name)
						: add_file(w, folder, name);
	buf_truncate(&w->path, path);
	return r;
}

/* Borrows the folder: its files are looked at by it. */
static int walk_folder(struct walk *w, int folder)
{
	AUTO(entries_done) struct entries e = { 0 };
	int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0);
	int r = copy < 0 ? -errno : read_entries(w, copy, &e);
	if (r < 0)
		return fail_at(w, r);
	for (size_t i = 0; r == 0 && !w->full && i < e.n; i++)
		r = visit(w, folder, e.names[i]);
	return r;
}

int file_list_beneath(void *arg)
{
	struct file_listing *l = arg;
	AUTO(walk_done) struct walk w = { .listing = l };
	int root = open(l->root[0] ? l->root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail_at(&w, -errno);
	int r = walk_folder(&w, root);
	(void)close(root);
	return r;
}
