/* glob.c - files by a pattern
 *
 * What this room is for: finding files as a shell would, but loudly: glob(3) and fnmatch(3) take bytes for characters in the C
 *   locale, know no `**`, leave out what they cannot read, and cannot say why nothing was found.
 * What flows through:    a pattern in, name by name down the folders; paths out.
 * What must hold:
 *  (1) a folder is read to its end and closed before the next one is opened: depth costs memory, not descriptors.
 *  (2) names are compared by characters: `?` is one é, however many bytes that takes. */
#include "connectors/files/glob.h"
#include "base/banned.h"
#include "base/buf.h"
#include "engine/plan/diag.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct glob_file {
	char *path;
	dev_t device;
	ino_t inode;
	bool link;
};

/* ---- one name against one pattern ------------------------------------------------------------- */

static bool is_magic(struct slice name)
{
	return memchr(name.p, '*', name.n) || memchr(name.p, '?', name.n) ||
	       memchr(name.p, '[', name.n);
}

static bool is_any_depth(struct slice name)
{
	return slice_eq(name, S("**"));
}

bool glob_is_pattern(struct slice path)
{
	return path.n && is_magic(path);
}

/* One character off the front; a byte that begins none is one. */
static uint32_t take_char(struct slice *s)
{
	const unsigned char *p = (const unsigned char *)s->p;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 1;
	uint32_t c = p[0];
	n = n < s->n ? n : s->n;
	for (size_t i = 1; i < n; i++)
		c = c << 8 | p[i]; /* not the code point, but in its order */
	*s = slice_from(*s, n);
	return c;
}

/* Behind a '[': is c one of these? -1: no ']' closes it, so it is a character like any other. */
static int match_set(struct slice *pattern, uint32_t c)
{
	struct slice p = *pattern;
	bool found = false, not = p.n && (p.p[0] == '!' || p.p[0] == '^');
	if (not )
		p = slice_from(p, 1);
	for (bool first = true; p.n && (first || p.p[0] != ']'); first = false) {
		uint32_t low = take_char(&p), high = low;
		if (p.n > 1 && p.p[0] == '-' && p.p[1] != ']') {
			p = slice_from(p, 1);
			high = take_char(&p);
		}
		found |= low <= c && c <= high;
	}
	if (p.n == 0)
		return -1;
	*pattern = slice_from(p, 1);
	return found != not ;
}

/* One step of the pattern that is no star, against one character of the name. */
static bool match_one(struct slice *pattern, struct slice *name)
{
	uint32_t want = take_char(pattern), c = take_char(name);
	int found = want == '[' ? match_set(pattern, c) : -1;
	return found >= 0 ? found > 0 : want == '?' || want == c;
}

/* The last star takes one character more each time the rest does not fit. */
static bool match_name(struct slice pattern, struct slice name)
{
	struct slice after_star = { 0 }, taken = { 0 };
	if (name.n && name.p[0] == '.' && (pattern.n == 0 || pattern.p[0] != '.'))
		return false;
	for (;;) {
		if (pattern.n && pattern.p[0] == '*') {
			pattern = after_star = slice_from(pattern, 1);
			taken = name;
			continue;
		}
		if (pattern.n == 0 && name.n == 0)
			return true;
		if (pattern.n && name.n && match_one(&pattern, &name))
			continue;
		if (!after_star.p || taken.n == 0)
			return false;
		(void)take_char(&taken);
		pattern = after_star;
		name = taken;
	}
}

/* "a/b/c" -> "a" and "b/c"; false: that was the last name. Slashes in a row are one. */
static bool cut_name(struct slice path, struct slice *name, struct slice *rest)
{
	slice_cut(path, '/', name, rest);
	while (rest->n && rest->p[0] == '/')
		*rest = slice_from(*rest, 1);
	return rest->n > 0;
}

static struct slice without_root(struct slice path)
{
	while (path.n && path.p[0] == '/')
		path = slice_from(path, 1);
	return path;
}

static bool match_path(struct slice pattern, struct slice path)
{
	struct slice want, name, want_rest, rest;
	bool more = cut_name(pattern, &want, &want_rest);
	if (path.n == 0)
		return false;
	if (is_any_depth(want)) {
		if (match_path(more ? want_rest : S("*"), path))
			return true;
		return cut_name(path, &name, &rest) && name.p[0] != '.' &&
		       match_path(pattern, rest);
	}
	bool deeper = cut_name(path, &name, &rest);
	if (!slice_eq(want, name) && !match_name(want, name))
		return false;
	return more && deeper ? match_path(want_rest, rest) : more == deeper;
}

bool glob_matches(struct slice pattern, struct slice path)
{
	return slice_eq(pattern, path) || match_path(without_root(pattern), without_root(path));
}

/* ---- the list -------------------------------------------------------------------------------- */

void glob_done(struct glob *g)
{
	for (size_t i = 0; i < g->n; i++)
		free(g->files[i].path);
	free(g->files);
	free(g->v);
	*g = (struct glob){ 0 };
}

static int by_name(const void *a, const void *b)
{
	const struct glob_file *x = a, *y = b;
	return strcmp(x->path, y->path);
}

static int by_inode(const void *a, const void *b)
{
	const struct glob_file *x = a, *y = b;
	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return (int)x->link - (int)y->link; /* a file before the links to it */
}

/* Neighbours for which `twice` holds: the first one stays. */
static void drop_twice(struct glob *g,
		       bool (*twice)(const struct glob_file *first, const struct glob_file *next))
{
	size_t kept = 0;
	for (size_t i = 0; i < g->n; i++) {
		if (kept > 0 && twice(&g->files[kept - 1], &g->files[i]))
			free(g->files[i].path);
		else
			g->files[kept++] = g->files[i];
	}
	g->n = kept;
}

static bool is_same_name(const struct glob_file *first, const struct glob_file *next)
{
	return strcmp(first->path, next->path) == 0;
}

static bool is_link_to(const struct glob_file *first, const struct glob_file *next)
{
	return next->link && first->device == next->device && first->inode == next->inode;
}

void glob_finish(struct glob *g)
{
	if (g->n > 1) {
		qsort(g->files, g->n, sizeof(*g->files), by_name);
		drop_twice(g, is_same_name);
		qsort(g->files, g->n, sizeof(*g->files), by_inode);
		drop_twice(g, is_link_to);
		qsort(g->files, g->n, sizeof(*g->files), by_name);
	}
	g->v = xcalloc(g->n + 1, sizeof(*g->v));
	for (size_t i = 0; i < g->n; i++)
		g->v[i] = g->files[i].path;
}

static void add(struct glob *g, const char *path, const struct stat *st, bool link)
{
	if (g->n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 16;
		g->files = xrealloc(g->files, g->cap, sizeof(*g->files));
	}
	g->files[g->n++] =
		(struct glob_file){ xstrndup(path, strlen(path)), st->st_dev, st->st_ino, link };
}

/* ---- down the folders ------------------------------------------------------------------------- */

struct walk {
	struct glob *glob;
	const char *pattern;
	struct buf path; /* the folder that is looked into; "" is the root */
	size_t before;   /* files that the list had */
	char *folder;    /* one that matched and is none of the files; owns */
	char *file;      /* one in which something was looked for, and which is no folder; owns */
	struct buf deepest; /* the folder in which something was missing, and what */
	struct buf missing;
	size_t depth;
	struct err *err;
};

struct names {
	char **v;
	size_t n, cap;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
}

static const char *folder_name(const struct buf *path)
{
	return path->n ? path->p : "/";
}

/* Below this folder nothing has this name: of all such places the deepest is told. */
static int note_missing(struct walk *w, struct slice name, size_t depth)
{
	if (depth < w->depth || (depth == w->depth && w->missing.n))
		return 0;
	w->depth = depth;
	buf_clear(&w->deepest);
	buf_clear(&w->missing);
	int r = buf_add(&w->deepest, slice_str(folder_name(&w->path)));
	return r < 0 ? r : buf_add(&w->missing, name);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted; those that begin with a dot only if wanted. 0, or a negative errno. */
static int list_folder(const char *path, bool hidden, struct names *ret)
{
	DIR *dir = opendir(path);
	if (!dir)
		return -errno;
	errno = 0;
	for (struct dirent *e; (e = readdir(dir)); errno = 0) {
		bool dots = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
		if (dots || (!hidden && e->d_name[0] == '.'))
			continue;
		if (ret->n == ret->cap) {
			ret->cap = ret->cap ? ret->cap * 2 : 64;
			ret->v = xrealloc(ret->v, ret->cap, sizeof(*ret->v));
		}
		ret->v[ret->n++] = xstrndup(e->d_name, strlen(e->d_name));
	}
	int r = -errno;
	(void)closedir(dir); /* only read */
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_text);
	return r;
}

static int fail_folder(struct walk *w, int r)
{
	return fail_errno(w->err, FAULT_IO, r, "cannot look into the folder '%s'",
			  folder_name(&w->path));
}

static int take_file(struct walk *w, const struct stat *st, bool link)
{
	if (!S_ISREG(st->st_mode))
		return fail(w->err, FAULT_CONFIG,
			    "'%s' is a pipe or a device; read it with `from: stdin`", w->path.p);
	if (access(w->path.p, R_OK) < 0)
		return fail_errno(w->err, FAULT_IO, -errno, "cannot open '%s'", w->path.p);
	if (w->glob->n == GLOB_FILES_MAX)
		return fail(w->err, FAULT_CONFIG, "'%s' finds more than %u files; name fewer",
			    w->pattern, GLOB_FILES_MAX);
	add(w->glob, w->path.p, st, link);
	return 0;
}

/* What the whole pattern has found. */
static int take_match(struct walk *w)
{
	struct stat st, of_link;
	if (lstat(w->path.p, &of_link) < 0)
		return 0; /* it has just gone */
	bool link = S_ISLNK(of_link.st_mode);
	if (stat(w->path.p, &st) < 0)
		return fail_errno(w->err, FAULT_IO, -errno, "cannot look at '%s'%s", w->path.p,
				  link ? ", which is a link" : "");
	if (!S_ISDIR(st.st_mode))
		return take_file(w, &st, link);
	if (!w->folder)
		w->folder = xstrndup(w->path.p, w->path.n);
	return 0;
}

static bool is_folder(const char *path, bool through_links)
{
	struct stat st;
	return (through_links ? stat(path, &st) : lstat(path, &st)) == 0 && S_ISDIR(st.st_mode);
}

static int walk(struct walk *w, struct slice rest, size_t depth);

/* The folder's path and this name, while `rest` is looked for in it. */
static int enter(struct walk *w, struct slice name, struct slice rest, size_t depth)
{
	size_t n = w->path.n;
	if (buf_add_char(&w->path, '/') < 0 || buf_add(&w->path, name) < 0)
		return fail(w->err, FAULT_CONFIG, "a path below '%s' is too long", w->path.p);
	int r = rest.n ? walk(w, rest, depth + 1) : take_match(w);
	buf_truncate(&w->path, n);
	return r;
}

static bool exists(struct walk *w, struct slice name)
{
	struct stat st;
	size_t n = w->path.n;
	bool found = buf_add_char(&w->path, '/') == 0 && buf_add(&w->path, name) == 0 &&
		     lstat(w->path.p, &st) == 0;
	buf_truncate(&w->path, n);
	return found;
}

/* Into every folder below, and whatever `rest` finds in each; at the end of a pattern, every file. */
static int walk_any_depth(struct walk *w, struct slice rest, size_t depth)
{
	AUTO(names_done) struct names names = { 0 };
	struct slice name, behind;
	struct slice here = cut_name(rest, &name, &behind) ? behind : S("*");
	int r = walk(w, here, depth);
	if (r == 0 && (r = list_folder(folder_name(&w->path), false, &names)) < 0)
		r = fail_folder(w, r);
	for (size_t i = 0; i < names.n && r == 0; i++) {
		size_t n = w->path.n;
		r = buf_printf(&w->path, "/%s", names.v[i]);
		bool below = r == 0 && is_folder(w->path.p, false);
		buf_truncate(&w->path, n);
		if (below)
			r = enter(w, slice_str(names.v[i]), rest, depth);
	}
	return r;
}

static int walk_magic(struct walk *w, struct slice want, struct slice rest, size_t depth)
{
	AUTO(names_done) struct names names = { 0 };
	size_t matched = 0;
	int r = list_folder(folder_name(&w->path), want.p[0] == '.', &names);
	if (r == -ENOTDIR || r == -ENOENT)
		return 0;
	if (r < 0)
		return fail_folder(w, r);
	for (size_t i = 0; i < names.n && r == 0; i++) {
		if (!match_name(want, slice_str(names.v[i])))
			continue;
		matched++;
		r = enter(w, slice_str(names.v[i]), rest, depth);
	}
	return r == 0 && matched == 0 ? note_missing(w, want, depth) : r;
}

/* Looks for `rest` in the folder w->path. */
static int walk(struct walk *w, struct slice rest, size_t depth)
{
	struct slice want, behind;
	cut_name(rest, &want, &behind);
	if (!is_folder(folder_name(&w->path), true)) {
		if (!w->file)
			w->file = xstrndup(w->path.p, w->path.n);
		return 0;
	}
	if (is_any_depth(want) && !exists(w, want))
		return walk_any_depth(w, rest, depth);
	if (is_magic(want) && (match_name(want, want) || !exists(w, want)))
		return walk_magic(w, want, behind, depth);
	return exists(w, want) ? enter(w, want, behind, depth) : note_missing(w, want, depth);
}

/* ---- nothing was found ------------------------------------------------------------------------ */

static int fail_nothing(struct walk *w)
{
	AUTO(names_done) struct names names = { 0 };
	if (w->folder)
		return fail(
			w->err, FAULT_IO,
			"'%s' finds folders only, such as '%s'; with /* behind it, the files in "
			"them",
			w->pattern, w->folder);
	if (w->err)
		w->err->code = ENOENT; /* they may come */
	if (!w->missing.n && w->file)
		return fail(w->err, FAULT_IO, "no file matches '%s': '%s' is no folder", w->pattern,
			    w->file);
	const char *in = folder_name(&w->deepest);
	if (list_folder(in, false, &names) < 0 || names.n == 0)
		return fail(w->err, FAULT_IO, "no file matches '%s': the folder '%s' is empty",
			    w->pattern, in);
	const char *near = nearest(buf_slice(&w->missing), (const char *const *)names.v, names.n);
	return fail(w->err, FAULT_IO,
		    "no file matches '%s': nothing in '%s' is called '%s'; %s '%s'%s", w->pattern,
		    in, w->missing.p,
		    near          ? "did you mean"
		    : names.n > 1 ? "it has others, such as"
				  : "it has only",
		    near ? near : names.v[0], near ? "?" : "");
}

static int add_pattern(struct walk *w)
{
	int r = walk(w, without_root(slice_str(w->pattern)), 0);
	if (r < 0 && w->err && w->err->fault == FAULT_NONE)
		return fail_errno(w->err, FAULT_IO, r, "cannot look for '%s'", w->pattern);
	return r == 0 && w->glob->n == w->before ? fail_nothing(w) : r;
}

static int add_one(struct walk *w, const struct stat *of_link)
{
	struct stat st;
	if (buf_printf(&w->path, "%s", w->pattern) < 0 || stat(w->pattern, &st) < 0)
		return fail_errno(w->err, FAULT_IO, -errno, "cannot open '%s'", w->pattern);
	if (S_ISDIR(st.st_mode))
		return fail(w->err, FAULT_CONFIG,
			    "'%s' is a folder, not a file; '%s%s*' reads the files in it",
			    w->pattern, w->pattern,
			    slice_ends(slice_str(w->pattern), S("/")) ? "" : "/");
	return take_file(w, &st, S_ISLNK(of_link->st_mode));
}

int glob_add(struct glob *g, const char *pattern, struct err *err)
{
	struct stat st;
	struct walk w = { .glob = g, .pattern = pattern, .before = g->n, .err = err };
	ASSERT(pattern[0] == '/');
	w.path.max = PATH_MAX;
	int there = lstat(pattern, &st) < 0 ? -errno : 0;
	int r = there == 0 ? add_one(&w, &st)
		: glob_is_pattern(slice_str(pattern))
			? add_pattern(&w)
			: fail_errno(err, FAULT_IO, there, "cannot open '%s'", pattern);
	buf_done(&w.path);
	buf_done(&w.deepest);
	buf_done(&w.missing);
	free(w.folder);
	free(w.file);
	return r;
}
