/* main.c - hocket, the program: the command line to one verb, its exit code to the shell
 *
 * What this room is for: nothing but the door. Nothing heavy happens before a verb asks for it: `hocket version` starts no
 *   loop and opens no file.
 * What flows through:    argv in, an exit code out (exits.h).
 * What must hold:        (1) a mistake on the command line exits 2 and has touched nothing. (2) a closed pipe behind
 *   stdout is an error of that write, not a signal. */
#include "cli/exits.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include <signal.h>

static int explain(const struct verb *verb)
{
	AUTO(buf_done) struct buf out = { 0 };
	return help_put(verb, &out) == 0 ? put_stdout(buf_slice(&out)) : EXITS_FAILED;
}

int main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	(void)sigaction(SIGPIPE, &ignore, NULL); /* cannot fail for a valid signal */

	AUTO(args_done) struct args args = { 0 };
	AUTO(buf_done) struct buf err = { 0 };
	if (args_parse(argc, argv, &args, &err) < 0) {
		if (err.n > 0)
			say("%s", err.p);
		else if (help_put(NULL, &err) == 0)
			say_raw(buf_slice(&err));
		return EXITS_USAGE;
	}
	if (args.help)
		return explain(args.verb);
	return args.verb->main(&args);
}
