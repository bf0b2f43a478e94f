/* side_file.c - options that stand in a file of their own
 *
 * What this room is for: see side_file.h.
 * What flows through:    a small YAML file and an option table; a struct, or lines that say what is wrong.
 * What must hold:        the file is read whole and once; what is not a regular file is none. */
#include "engine/side_file.h"
#include "engine/plan/planning.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

enum { BYTES_AT_ONCE = 64 << 10 };

static void fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* read only: nothing can be lost */
}

int side_file_load(const char *path, struct buf *out)
{
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	do {
		int r = buf_reserve(out, BYTES_AT_ONCE);
		if (r < 0)
			return r;
		n = read(fd, out->p + out->n, BYTES_AT_ONCE);
		if (n > 0)
			buf_added(out, (size_t)n);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/* The pipeline says where it is. */
static const char *shown(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash ? slash + 1 : path ? path : "";
}

static void check_keys(struct planner *p, const struct opt *table, const struct node *root)
{
	for (size_t i = 0; i < root->n; i++) {
		const struct node *key = &root->keys[i];
		if (options_find(table, key->text))
			continue;
		const char *near = options_nearest(&table, 1, key->text);
		diag_add(p->diag, key->at, key->length,
			 near ? arena_printf(p->arena, "did you mean '%s'?", near) : NULL,
			 "unknown option '%.*s'", SHOWN(key->text));
	}
}

static void locate(void *arg, const char *option, size_t *ret_offset, size_t *ret_length)
{
	const struct node *at = node_find(arg, option ? option : "");
	if (!at)
		return;
	*ret_offset = at->at;
	*ret_length = at->length;
}

static void parse(struct planner *p, const struct opt *table, const struct node *root, void *into,
		  void (*check)(void *into, struct diag *))
{
	static const struct node nothing = { 0 };
	bool map = root && root->kind == NODE_MAP;
	if (root && !map && !node_empty(root)) {
		diag_add(p->diag, root->at, root->length, NULL, "the file wants a mapping, not %s",
			 node_kind_name(root));
		return;
	}
	options_fill(p, table, NULL, map ? root : NULL, map ? root : &nothing, "this file", into);
	if (map)
		check_keys(p, table, root);
	if (!check || diag_count(p->diag) > 0)
		return;
	diag_place(p->diag, locate, (void *)root);
	check(into, p->diag);
	diag_place(p->diag, NULL, NULL);
}

int side_file_read(const char *path, const char *var, const struct opt *table, struct arena *arena,
		   void *into, void (*check)(void *into, struct diag *), struct buf *mistakes)
{
	AUTO(buf_done) struct buf text = { .max = YAML_MAX_BYTES + BYTES_AT_ONCE };
	int r = path ? side_file_load(path, &text) : 0;
	if (r == 0 && text.n > YAML_MAX_BYTES)
		r = -EMSGSIZE;
	if (r < 0) {
		r = buf_printf(mistakes, "%s: %s\n", shown(path),
			       r == -EMSGSIZE ? "is larger than 1 MiB" : strerror(-r));
		return -1;
	}
	struct diag *diag = diag_new(shown(path));
	struct slice copy = arena_copy(arena, buf_slice(&text));
	struct planner p = { .arena = arena, .diag = diag, .file = copy, .folder = "/" };
	diag_text(diag, copy);
	const struct node *root = path ? yaml_parse(arena, copy, diag) : NULL;
	if (node_get(root, "from")) /* a pipeline */
		root = node_get(node_get(root, "vars"), var);
	if (diag_count(diag) == 0)
		parse(&p, table, root, into, check);
	bool good = diag_count(diag) == 0;
	r = diag_put_lines(diag, mistakes);
	diag_free(diag);
	return good && r == 0 ? 0 : -1;
}
