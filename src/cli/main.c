/* main.c - hocket, the program: the command line to one verb, its exit code to the shell
 *
 * What this room is for: nothing but the door. Nothing heavy happens before a verb asks for it: `hocket version` starts no
 *   loop and opens no file.
 * What flows through:    argv in, an exit code out (exits.h).
 * What must hold:        (1) a mistake on the command line exits 2 and has touched nothing. (2) a closed pipe behind
 *   stdout is an error of that write, not a signal; so is a file that may not get larger (ulimit -f). */
#include "cli/account.h"
#include "cli/exits.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include <malloc.h>
#include <signal.h>
#include <string.h>

/* Large blocks (bodies, batches) have pages of their own and give them back at once. Left to itself, malloc moves them into its heap
 * after the first was freed; what then stands between them keeps the process at twice the size of what it holds. */
#define LARGE_BLOCK (256 << 10)

#ifdef M_MMAP_THRESHOLD
static void give_large_blocks_back(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK); /* 0: it does not know it; then so it is */
}
#else
static void give_large_blocks_back(void)
{
}
#endif

static int explain(const struct args *args)
{
	AUTO(buf_done) struct buf out = { 0 };
	int r = args->group ? help_put_group(args->group, &out) : help_put(args->verb, &out);
	return r == 0 ? put_stdout(buf_slice(&out)) : EXITS_FAILED;
}

/* On a command line that makes no sense: it is looked for by its letters. */
static bool asks_for_summary(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--summary=json") == 0 ||
		    (strcmp(argv[i], "--summary") == 0 && i + 1 < argc &&
		     strcmp(argv[i + 1], "json") == 0))
			return true;
	return false;
}

static int summarize(const char *text)
{
	AUTO(buf_done) struct buf out = { 0 };
	if (account_put_json_failed(EXITS_USAGE, text, &out) == 0)
		say_raw(buf_slice(&out));
	return EXITS_USAGE;
}

int main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	(void)sigaction(SIGPIPE, &ignore, NULL); /* cannot fail for a valid signal */
	(void)sigaction(SIGXFSZ, &ignore, NULL);
	give_large_blocks_back();

	AUTO(args_done) struct args args = { 0 };
	AUTO(buf_done) struct buf err = { 0 };
	if (args_parse(argc, argv, &args, &err) < 0) {
		if (err.n > 0)
			say("%s", err.p);
		else if (help_put(NULL, &err) == 0)
			say_raw(buf_slice(&err));
		return asks_for_summary(argc, argv) ? summarize(err.n > 0 ? err.p : "")
						    : EXITS_USAGE;
	}
	if (args.help)
		return explain(&args);
	return args.verb->main(&args);
}
