/* argv.c - a program and its arguments, as a file names them
 *
 * What this room is for: `run: [python3, score.py]`, from its templates to what execve gets.
 * What flows through:    templates of the plan in, words out; texts of files into a digest.
 * What must hold:        a program that is not there is found before the first record, with a sentence that says where it was looked for. */
#include "connectors/workers/argv.h"
#include "base/banned.h"
#include "io/digest.h"
#include <errno.h>
#include <hocket/file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 16 << 20 };

static const struct tpl *word_of(const struct opt_list *o, size_t i)
{
	return ((struct tpl *const *)o->v)[i];
}

/* "python3 score.py": ['[python3, score.py]' is meant] */
static void refuse_line(struct slice line, struct diag *diag)
{
	AUTO(buf_done) struct buf list = { .max = 4096 };
	struct slice word, rest = slice_trim(line);
	bool more = true;
	while (more && rest.n) {
		more = slice_cut(rest, ' ', &word, &rest);
		if (word.n && buf_printf(&list, "%s%.*s", list.n ? ", " : "", SLICE(word)) < 0)
			return;
	}
	diag_error(diag, NULL, "a program and its arguments are a list, no shell reads it: [%.*s]",
		   SLICE(buf_slice(&list)));
}

void argv_check(const struct opt_list *o, struct diag *diag)
{
	struct slice first = o->n ? tpl_head(word_of(o, 0)) : S("");
	if (o->n == 0 || (tpl_constant(word_of(o, 0)) && first.n == 0))
		diag_error(diag, NULL, "which program? [program, argument, ...]");
	else if (o->n == 1 && tpl_constant(word_of(o, 0)) && memchr(first.p, ' ', first.n))
		refuse_line(first, diag);
}

/* ---- words ----------------------------------------------------------------------------------------------- */

static int put_word(struct argv *a, const struct tpl *t, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { .max = 1u << 17 };
	const struct env env = { .record = S("null") };
	if (tpl_text(t, &env, &text, err) < 0)
		return -1;
	if (text.n && memchr(text.p, 0, text.n))
		return fail(err, FAULT_CONFIG, "an argument has a NUL in it");
	a->words[a->n++] = xstrndup(text.p ? text.p : "", text.n);
	return 0;
}

/* The path that a word stands for as a file; the caller's to free. */
static char *path_of(const char *word, const char *folder)
{
	AUTO(buf_done) struct buf path = { .max = 1u << 17 };
	int r = word[0] == '/' ? buf_printf(&path, "%s", word)
			       : buf_printf(&path, "%s/%s", folder, word);
	return r < 0 ? NULL : xstrndup(path.p, path.n);
}

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool is_in_path(const char *name)
{
	const char *path = getenv("PATH");
	struct slice rest = slice_str(path ? path : "/bin:/usr/bin"), part;
	for (bool more = true; more;) {
		AUTO(buf_done) struct buf at = { .max = 1u << 17 };
		more = slice_cut(rest, ':', &part, &rest);
		if (buf_printf(&at, "%.*s%s%s", SLICE(part), part.n ? "/" : "", name) == 0 &&
		    is_program(at.p))
			return true;
	}
	return false;
}

static int check_program(const char *name, const char *folder, struct err *err)
{
	if (!strchr(name, '/'))
		return is_in_path(name) ? 0
					: fail(err, FAULT_CONFIG,
					       "no program '%s' in PATH; one in the pipeline's "
					       "folder is './%s'",
					       name, name);
	AUTO(freep) char *path = path_of(name, folder);
	if (path && is_program(path))
		return 0;
	if (path && access(path, F_OK) == 0)
		return fail(
			err, FAULT_CONFIG,
			"'%s' cannot be executed: chmod +x, or name its interpreter: [python3, %s]",
			name, name);
	return fail(err, FAULT_CONFIG, "there is no program '%s' (%s)", name, path ? path : "?");
}

int argv_open(struct argv *a, const struct opt_list *o, const char *folder, struct err *err)
{
	*a = (struct argv){ .words = xcalloc(o->n + 1, sizeof(*a->words)) };
	for (size_t i = 0; i < o->n; i++)
		if (put_word(a, word_of(o, i), err) < 0)
			return -1;
	return check_program(a->words[0], folder, err);
}

void argv_done(struct argv *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->words[i]);
	free(a->words);
	*a = (struct argv){ 0 };
}

/* ---- what it is ------------------------------------------------------------------------------------------- */

static int add_file(struct digest *d, const char *path, struct err *err) SUSPENDS
{
	AUTO(freep) char *text = NULL;
	struct stat st;
	size_t n = 0;
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	int r = hk_file_read_whole(path, FILE_MOST, &text, &n);
	if (r == -ECANCELED)
		return fail(err, FAULT_CANCELLED, "cancelled");
	if (r < 0) /* too large to be a script, or not ours to read: its size will do */
		n = (size_t)st.st_size;
	digest_add(d, text ? (struct slice){ text, n }
			   : (struct slice){ (const char *)&n, sizeof(n) });
	return 0;
}

int argv_digest(const struct argv *a, const char *folder, uint8_t ret[static 32], struct err *err)
{
	AUTO(digest_done) struct digest d = { NULL };
	if (digest_init(&d) < 0)
		return fail(err, FAULT_IO, "out of memory");
	for (size_t i = 0; i < a->n; i++) {
		AUTO(freep) char *path = path_of(a->words[i], folder);
		bool searched = i == 0 && !strchr(a->words[i], '/');
		digest_add(&d, slice_str(a->words[i]));
		if (path && !searched && add_file(&d, path, err) < 0)
			return -1;
	}
	digest_end(&d, ret);
	return 0;
}
