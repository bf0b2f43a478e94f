/* files.c - the files that a source reads, one after the other
 *
 * What this room is for: between the options and the readers of lines and rows, which know of one file only.
 * What flows through:    paths from glob.c, in order; for each an opened input.
 * What must hold:
 *  (1) all splits are asked for before the first file is read: what is known and was not asked for is gone, and that is told
 *      before anything is done.
 *  (2) an end is noted only behind a file of which nothing was left out, so that a failed one is looked at again. */
#include "connectors/files/files.h"
#include "base/banned.h"
#include <errno.h>
#include <hocket/offload.h>
#include <stdio.h>

static const char *const *paths(const struct files_options *o)
{
	return o->paths.v;
}

void files_check(struct files_options *o, const char *verb, struct facts *facts, struct diag *diag)
{
	facts->restart = RESTART_SEEKS;
	facts->effect = EFFECT_READS;
	if (o->paths.n == 0) {
		diag_error(diag, verb, "name a file");
		return;
	}
	facts->door = slice_str(paths(o)[0]);
	if (o->paths.n == 1)
		return;
	snprintf(o->door, sizeof(o->door), "%.200s and %zu more", paths(o)[0], o->paths.n - 1);
	facts->door = slice_str(o->door);
}

bool files_match(const struct files_options *o, const char *path)
{
	for (size_t i = 0; i < o->paths.n; i++)
		if (glob_matches(slice_str(paths(o)[i]), slice_str(path)))
			return true;
	return false;
}

struct finding {
	struct files *files;
	struct err *err;
};

static int find_job(void *arg)
{
	struct finding *f = arg;
	const struct files_options *o = f->files->options;
	int r = 0;
	for (size_t i = 0; i < o->paths.n && r == 0; i++)
		r = glob_add(&f->files->found, paths(o)[i], f->err);
	glob_finish(&f->files->found);
	return r;
}

/* A folder into which files are put from time to time. */
static bool may_come(const struct files *f, const struct err *why)
{
	return why->code == ENOENT && f->options->paths.n == 1 &&
	       glob_is_pattern(slice_str(paths(f->options)[0])) && site_is_endless(f->site);
}

static void tell_nothing(struct files *f, const struct err *why)
{
	if (!f->told)
		site_warnf(f->site, "%s; they may come", why->text);
	f->told = true;
}

static int find(struct files *f, struct err *err) SUSPENDS
{
	const struct files_options *o = f->options;
	struct err why = { 0 };
	struct finding finding = { f, &why };
	glob_done(&f->found);
	int r = hk_offload(find_job, &finding);
	f->looked = r == 0 || may_come(f, &why);
	if (f->looked) {
		f->told &= r < 0;
		if (r < 0)
			tell_nothing(f, &why);
		return 0;
	}
	if (why.fault == FAULT_NONE)
		return fail_errno(err, FAULT_IO, r, "cannot look for '%s'", paths(o)[0]);
	if (err)
		*err = why;
	return -1;
}

int files_open(struct files *f, struct site *site, const struct files_options *o, struct err *err)
{
	*f = (struct files){ .site = site, .options = o };
	return find(f, err);
}

void files_close(struct files *f)
{
	input_close(&f->input);
	glob_done(&f->found);
}

/* One plain file is known well enough by its position. */
static bool wants_end(const struct files *f)
{
	return f->input.unpack || f->options->paths.n > 1 ||
	       glob_is_pattern(slice_str(paths(f->options)[0]));
}

static int note_end(struct files *f, struct intake *intake, struct split *split,
		    struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf end = { .max = 256 };
	if (!wants_end(f))
		return 0;
	if (input_put_end(&f->input, &end, err) < 0)
		return -1;
	intake_end(intake, split, buf_slice(&end));
	return 0;
}

static int read_file(struct files *f, struct intake *intake, struct split *split, files_read *read,
		     const void *options, struct err *err) SUSPENDS
{
	struct slice end = split_end(split);
	int as_it_was = end.n ? input_is_at_end(&f->input, end, err) : 0;
	if (as_it_was != 0)
		return as_it_was < 0 ? -1 : 0;
	if (read(options, &f->input, intake, err) < 0)
		return -1;
	return note_end(f, intake, split, err);
}

static bool is_theirs(void *arg, const char *name)
{
	const struct files *f = arg;
	return files_match(f->options, name);
}

int files_run(struct files *f, struct intake *intake, files_read *read, const void *options,
	      struct err *err)
{
	if (!f->looked && find(f, err) < 0)
		return -1;
	for (size_t i = 0; i < f->found.n; i++)
		(void)intake_split(intake, f->found.v[i]);
	int r = intake_check_gone(intake, is_theirs, f, err);
	for (size_t i = 0; i < f->found.n && r == 0; i++) {
		struct split *split = intake_split(intake, f->found.v[i]);
		r = input_open_file(&f->input, f->found.v[i], (enum packing)f->options->packing,
				    err);
		if (r == 0)
			r = read_file(f, intake, split, read, options, err);
		input_close(&f->input);
	}
	f->looked = false;
	return r;
}
