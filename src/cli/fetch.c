/* fetch.c - hocket fetch URL...: a list of URLs, many at a time, to JSON lines
 *
 * What this room is for: the one-liner. It is a pipeline like any other; this file writes its text and runs it.
 * What flows through:    URLs in, through an unlinked file of lines; one JSON line for each out, in their order.
 * What must hold:
 *  (1) every URL gets its line: an answer, or what went wrong. (2) the exit code is 3 when one of them failed.
 *  (3) nothing stays behind: its state lives in a temporary folder that is removed at the end. */
#include "base/json.h"
#include "cli/exits.h"
#include "cli/job.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct workplace {
	struct buf folder, urls, state; /* paths; folder is empty when none was made */
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static void workplace_done(struct workplace *w)
{
	if (w->folder.n > 0 && nftw(w->folder.p, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
		say("cannot remove '%s': %s", w->folder.p, strerror(errno));
	buf_done(&w->folder);
	buf_done(&w->urls);
	buf_done(&w->state);
}

static int workplace_init(struct workplace *w)
{
	const char *tmp = getenv("TMPDIR");
	int r = buf_printf(&w->folder, "%s/hocket-fetch-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
	if (r == 0 && !mkdtemp(w->folder.p)) {
		r = -errno;
		say("cannot make '%s': %s", w->folder.p, strerror(errno));
		buf_clear(&w->folder);
	}
	if (r == 0)
		r = buf_printf(&w->urls, "%s/urls", w->folder.p);
	return r < 0 ? r : buf_printf(&w->state, "%s/state.db", w->folder.p);
}

static int write_urls(const struct workplace *w, const struct args *args)
{
	FILE *f = fopen(w->urls.p, "we");
	if (!f)
		return -errno;
	int r = 0;
	for (size_t i = 0; r == 0 && i < args->word_count; i++)
		r = fprintf(f, "%s\n", args->words[i]) < 0 ? -EIO : 0;
	return fclose(f) == 0 ? r : -errno;
}

static int put_number(struct buf *out, const struct args *args, enum flag_id id, const char *name)
{
	const struct given *g = args_get(args, id);
	return g ? buf_printf(out, "    %s: %s\n", name, g->text) : 0;
}

static int put_path(struct buf *out, const char *before, const char *path, const char *after)
{
	int r = buf_add(out, slice_str(before));
	if (r == 0)
		r = json_quote(slice_str(path), out); /* JSON strings are YAML strings */
	return r < 0 ? r : buf_add(out, slice_str(after));
}

static int put_pipeline(struct buf *out, const struct args *args, const char *urls)
{
	const struct given *to = args_get(args, FLAG_TO);
	/* Who writes URLs on the command line means them. */
	int r = put_path(out, "allow: [0.0.0.0/0, '::/0']\nfrom: {lines: ", urls,
			 "}\nsteps:\n  - where: .line != \"\"\n  - http: \\(.line)\n    into: "
			 ".answer\n    on_error: into .error\n"
			 "    result: .status = $res.status\n");
	if (r == 0)
		r = put_number(out, args, FLAG_CONCURRENCY, "concurrency");
	if (r == 0)
		r = put_number(out, args, FLAG_RETRY, "retry");
	if (r == 0)
		r = put_number(out, args, FLAG_TIMEOUT, "timeout");
	if (r == 0)
		r = buf_add(out, S("  - map: 'if .error then {url: .line, status: .error.status, "
				   "error: .error} "
				   "else {url: .line, status, body: .answer} end'\nto:\n"));
	if (r == 0)
		r = to ? put_path(out, "  - jsonl: ", to->text, "\n")
		       : buf_add(out, S("  - stdout:\n"));
	return r < 0 ? r : buf_add(out, S("  - null:\n    name: failed\n    if: .error\n"));
}

/* The second sink takes what failed; such records are delivered, so that the engine's account calls them good. */
static int judge(const struct account *account, int code)
{
	struct place_stats failed;
	run_place_stats(account->run, run_place_count(account->run) - 1, &failed);
	return code == EXITS_DONE && failed.out > 0 ? EXITS_DEAD : code;
}

int verb_fetch(const struct args *args)
{
	const struct given *from = args_get(args, FLAG_FROM);
	if ((args->word_count == 0) == (from == NULL)) {
		say("expected URLs, or --from FILE: see hocket fetch --help");
		return EXITS_USAGE;
	}
	AUTO(workplace_done) struct workplace place = { 0 };
	AUTO(buf_done) struct buf text = { 0 };
	if (workplace_init(&place) < 0)
		return EXITS_FAILED;
	int r = from ? 0 : write_urls(&place, args);
	if (r == 0)
		r = put_pipeline(&text, args, from ? from->text : place.urls.p);
	if (r < 0) {
		say("cannot write '%s': %s", place.urls.p, strerror(-r));
		return EXITS_FAILED;
	}
	char here[4096];
	struct job job = {
		.args = args,
		.text = buf_slice(&text),
		.folder = getcwd(here, sizeof(here)) ? here : "/",
		.options = { .state_path = place.state.p },
		.keep_nothing = true,
		.judge = judge,
	};
	return job_run(&job);
}
