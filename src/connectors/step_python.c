/* step_python.c - a Python function for each record, in processes that stay warm
 *
 * What this room is for: `python: classify.py:predict` calls a plain function; what it returns is the record, its children, or goes where the
 *   file says. How processes live and die: rt. What it means when they do: connectors/work.
 * What flows through:    records as dicts, blobs as bytes beside them; hocket_worker.py has the other side.
 * What must hold:
 *  (1) the file is read once, when the run opens: all workers of the run execute that text, and answers are remembered under it.
 *  (2) what can be said of the file without executing it is said before any record is read. (3) hocket never executes it itself. */
#include "base/banned.h"
#include "connectors/workers/python.h"
#include "connectors/workers/records.h"
#include "connectors/workers/work.h"
#include "io/digest.h"
#include <errno.h>
#include <hocket/file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MOST = 16 << 20 };

struct python_step {
	const char *call, *interpreter;
	struct work_options work;
	char file[512], function[128]; /* set by plan */
};
struct python_shared {
	struct work work;
	struct python python;
	char *path; /* owns: absolute */
	uint8_t text[DIGEST_BYTES];
};

static const struct opt options[] = {
	OPT("python", struct python_step, call, OPT_STRING, const char *, .verb = true,
	    .required = true,
	    .doc = "file.py:function, from the pipeline's folder; a class is made once a worker, "
		   "then called"),
	OPT("interpreter", struct python_step, interpreter, OPT_STRING, const char *,
	    .fallback = "python3", .doc = "which Python: /venv/bin/python3"),
	WORK_OPTIONS(struct python_step, work),
	OPT_END,
};

/* ---- the file -------------------------------------------------------------------------------------- */

static bool is_name(const char *s)
{
	for (const char *p = s; *p; p++)
		if (!(*p == '_' || (unsigned char)*p >= 0x80 || (*p >= 'a' && *p <= 'z') ||
		      (*p >= 'A' && *p <= 'Z') || (p > s && *p >= '0' && *p <= '9')))
			return false;
	return *s != 0;
}

static int python_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct python_step *o = of;
	const char *colon = strrchr(o->call, ':');
	size_t n = colon ? (size_t)(colon - o->call) : 0;
	if (!colon || n == 0 || n >= sizeof(o->file) || strlen(colon + 1) >= sizeof(o->function) ||
	    !is_name(colon + 1)) {
		diag_error(diag, NULL, "which function? write file.py:function");
		return 0;
	}
	memcpy(o->file, o->call, n);
	o->file[n] = 0;
	memcpy(o->function, colon + 1, strlen(colon + 1) + 1);
	work_plan(&o->work, facts);
	facts->door = slice_str(o->call);
	return 0;
}

/* ---- the door ---------------------------------------------------------------------------------------- */

static char *path_of(const struct python_step *o, const char *folder)
{
	AUTO(buf_done) struct buf path = { .max = 1u << 16 };
	bool absolute = o->file[0] == '/';
	int r = absolute ? buf_printf(&path, "%s", o->file)
			 : buf_printf(&path, "%s/%s", folder, o->file);
	return r < 0 ? NULL : xstrndup(path.p, path.n);
}

static int read_file(const struct python_step *o, struct python_shared *s, struct err *err) SUSPENDS
{
	AUTO(freep) char *text = NULL;
	AUTO(digest_done) struct digest d = { NULL };
	size_t n = 0;
	int r = s->path ? hk_file_read_whole(s->path, FILE_MOST, &text, &n) : -ENAMETOOLONG;
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r, "'%s' cannot be read", o->file);
	if (digest_init(&d) < 0)
		return fail(err, FAULT_IO, "out of memory");
	digest_add(&d, (struct slice){ text, n });
	digest_end(&d, s->text);
	return python_open(&s->python, (struct slice){ text, n }, err);
}

static int told(const struct python_step *o, int r, const struct hk_process_output *out,
		struct err *err)
{
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r, "'%s' cannot be started", o->interpreter);
	if (out->exit.status == 0)
		return 0;
	struct slice text = slice_trim((struct slice){ out->err, out->err_n });
	return fail(err, FAULT_CONFIG, "%.*s",
		    SLICE(text.n ? text : S("Python cannot look at the file")));
}

/* What Python itself says of the file, without executing it. */
static int check_file(const struct python_step *o, struct python_shared *s,
		      const struct hk_process_options *process, struct err *err) SUSPENDS
{
	struct hk_process_output out = { 0 };
	struct hk_process_run_options run = { .process = *process };
	run.process.keep = s->python.fds;
	run.process.keep_n = 2;
	run.process.memory_bytes = 0;
	int r = hk_process_run(
		python_argv(&s->python, o->interpreter, "check", 3, s->path, o->function), &run,
		&out);
	r = told(o, r, &out, err);
	free(out.out);
	free(out.err);
	return r;
}

static int python_look(const void *of, const char *folder, struct err *err) SUSPENDS
{
	const struct python_step *o = of;
	struct python_shared s = { .path = path_of(o, folder) };
	const struct hk_process_options process = { .folder = folder,
						    .no_network = !o->work.network };
	int r = read_file(o, &s, err);
	r = r < 0 ? r : check_file(o, &s, &process, err);
	python_close(&s.python);
	free(s.path);
	return r;
}

static int python_step_open(struct site *site, struct err *err) SUSPENDS
{
	const struct python_step *o = site->options;
	struct python_shared *s = site->shared;
	s->path = path_of(o, site_folder(site));
	if (read_file(o, s, err) < 0)
		return -1;
	const struct work_program program = {
		.argv = python_argv(&s->python, o->interpreter, site->batch > 1 ? "batch" : "each",
				    5, s->path, o->function),
		.keep = s->python.fds,
		.keep_n = 2,
	};
	if (work_open(&s->work, &o->work, &program, site, err) < 0)
		return -1;
	const struct hk_process_options process = work_process(&o->work, site, s->work.env);
	return check_file(o, s, &process, err);
}

static void python_step_close(struct site *site) SUSPENDS
{
	struct python_shared *s = site->shared;
	work_close(&s->work);
	python_close(&s->python);
	free(take(s->path));
}

/* ---- the call ------------------------------------------------------------------------------------------ */

static int ask_digest(const struct python_step *o, const struct python_shared *s, struct call *c,
		      struct err *err)
{
	AUTO(digest_done) struct digest d = { NULL };
	const struct blob *blob;
	const char *name;
	if (digest_init(&d) < 0)
		return fail(err, FAULT_IO, "out of memory");
	digest_add(&d, S("hocket python 1"));
	digest_add(&d, (struct slice){ (const char *)s->text, sizeof(s->text) });
	digest_add(&d, slice_str(o->function));
	digest_add(&d, rec_json(c->rec));
	for (size_t i = 0; (blob = rec_blob_at(c->rec, i, &name)); i++) {
		digest_add(&d, slice_str(name));
		digest_add(&d, blob->bytes);
	}
	digest_end(&d, c->asked);
	return 0;
}

static int python_ask(struct site *site, struct call *c, struct err *err) SUSPENDS
{
	const struct python_step *o = site->options;
	c->shown = slice_str(o->call);
	c->safety = work_safety(&o->work, c);
	return c->wants_asked ? ask_digest(o, site->shared, c, err) : 0;
}

static void python_call_many(struct site *site, struct call *const *calls, size_t n) SUSPENDS
{
	struct python_shared *s = site->shared;
	struct err err = { 0 };
	if (records_work(&s->work, calls, n, &err) == 0)
		return;
	err.whole = n > 1;
	work_give_fault(calls, n, &err);
}

static void python_call(struct site *site, struct call *c) SUSPENDS
{
	python_call_many(site, &c, 1);
}

const struct port step_python = {
	.name = "python",
	.doc = "a Python function for each record, in worker processes",
	.more = "The function gets the record as a dict and returns what it becomes: a dict "
		"replaces it, a list or a\n"
		"generator makes children; with `into`, `result` or `emit` any value goes where "
		"they say. Blobs are bytes.\n"
		"With `batch` it gets a list and returns one, as long. An exception is a dead "
		"letter, and so is None.\n"
		"A worker that crashes, hangs or takes too much memory costs the record that it "
		"had, after one more try.\n"
		"\n"
		"    steps:\n"
		"      - python: classify.py:predict\n"
		"        workers: 4\n"
		"        timeout: 30s\n"
		"        recycle: {records: 500, memory: 600MB}\n",
	.roles = ROLE_STEP,
	.works = true,
	.options = options,
	.options_size = sizeof(struct python_step),
	.shared_size = sizeof(struct python_shared),
	.plan = python_plan,
	.look = python_look,
	.open = python_step_open,
	.close = python_step_close,
	.ask = python_ask,
	.call = python_call,
	.call_many = python_call_many,
};
