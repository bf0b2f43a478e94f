/* replay.c - runs a fuzz target without libFuzzer: over files, folders of files, and small changes to them
 *
 * What this room is for: the ordinary test run, with any compiler, keeps every input that once mattered.
 * What flows through:    replay [-m N] PATH...: each file as it is, then N changed copies of it. The changes come
 *   from a fixed seed, so that a failure repeats; its input is left in the file "replay-failed".
 * What must hold:        the target gets memory of exactly the input's size, so that ASan sees every byte read
 *   behind it. Finding no file at all is a failure: a corpus that moved would otherwise test nothing. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/rand.h"
#include "base/units.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n);

struct replay {
	int64_t mutations;
	int64_t files, runs;
	struct rand rand;
};

static const unsigned char *running;
static size_t running_n;

/* An assertion of the target ended the process: what it was given is worth more than the core. */
static void keep_input(int signal_number)
{
	FILE *file = fopen("replay-failed", "wb");
	if (file) {
		fwrite(running, 1, running_n, file);
		fclose(file);
	}
}

static void run_once(struct replay *r, struct slice input)
{
	AUTO(freep) unsigned char *exact = xmalloc(input.n);
	if (input.n)
		memcpy(exact, input.p, input.n);
	running = exact;
	running_n = input.n;
	LLVMFuzzerTestOneInput(exact, input.n);
	r->runs++;
}

/* One small change: a byte set, a run removed, a run repeated, or a telling byte put in. */
static void mutate(struct replay *r, struct slice input, struct buf *out)
{
	static const char telling[] = "{}[]\"\\,:0-.eEu \n\t\xc3\xed\xff/";
	size_t at = rand_below(&r->rand, input.n + 1);
	size_t left = input.n - at;
	size_t run = left ? rand_below(&r->rand, left < 32 ? left + 1 : 32) : 0;
	struct slice middle = slice_head(slice_from(input, at), run);
	char byte = (char)rand_below(&r->rand, 256);
	switch (rand_below(&r->rand, 4)) {
	case 0:
		middle = (struct slice){ 0 };
		break;
	case 1:
		run = 0;
		break;
	case 2:
		run = left ? 1 : 0;
		middle = (struct slice){ &byte, 1 };
		break;
	default:
		run = 0;
		byte = telling[rand_below(&r->rand, sizeof(telling) - 1)];
		middle = (struct slice){ &byte, 1 };
	}
	if (buf_add(out, slice_head(input, at)) < 0 || buf_add(out, middle) < 0 ||
	    buf_add(out, slice_from(input, at + run)) < 0)
		abort();
}

static void run_with_changes(struct replay *r, struct slice input)
{
	run_once(r, input);
	for (int64_t i = 0; i < r->mutations; i++) {
		AUTO(buf_done) struct buf changed = { 0 };
		mutate(r, input, &changed);
		for (uint64_t more = rand_below(&r->rand, 4); more; more--) {
			AUTO(buf_done) struct buf again = { 0 };
			mutate(r, buf_slice(&changed), &again);
			buf_done(&changed);
			changed = buf_take(&again);
		}
		run_once(r, buf_slice(&changed));
	}
}

static int run_file(struct replay *r, const char *path)
{
	AUTO(buf_done) struct buf text = { 0 };
	FILE *file = fopen(path, "rb");
	size_t n = file ? 1 : 0;
	while (n && buf_reserve(&text, 65536) == 0) {
		n = fread(text.p + text.n, 1, 65536, file);
		buf_added(&text, n);
	}
	int failed = !file || ferror(file);
	if (file)
		fclose(file);
	if (failed) {
		fprintf(stderr, "cannot read '%s': %s\n", path, strerror(errno));
		return -1;
	}
	r->files++;
	run_with_changes(r, buf_slice(&text));
	return 0;
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int run_path(struct replay *r, const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return run_file(r, path);
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, not_hidden,
			alphasort); /* sorted: the same changes everywhere */
	int error = n < 0 ? -1 : 0;
	for (int i = 0; i < n; i++) {
		AUTO(buf_done) struct buf file = { 0 };
		if (!error)
			error = buf_printf(&file, "%s/%s", path, entries[i]->d_name);
		if (!error)
			error = run_file(r, file.p);
		free(entries[i]);
	}
	free(entries);
	return error;
}

int main(int argc, char **argv)
{
	struct replay r = { 0 };
	rand_seed(&r.rand, 1);
	sigaction(SIGABRT, &(struct sigaction){ .sa_handler = keep_input }, NULL);
	int first = 1;
	if (argc > 2 && strcmp(argv[1], "-m") == 0) {
		if (units_int(slice_str(argv[2]), &r.mutations) < 0) {
			fprintf(stderr, "not a number: '%s'\n", argv[2]);
			return 2;
		}
		first = 3;
	}
	for (int i = first; i < argc; i++)
		if (run_path(&r, argv[i]) < 0)
			return 1;
	if (!r.files) {
		fprintf(stderr, "usage: replay [-m CHANGES] FILE|FOLDER...\n");
		return 2;
	}
	printf("%lld files, %lld runs\n", (long long)r.files, (long long)r.runs);
	return 0;
}
