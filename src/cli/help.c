/* help.c - help that teaches, made from the tables
 *
 * What this room is for: `hocket --help` gets a newcomer to a running pipeline; `hocket VERB --help` answers what a flag is.
 * What flows through:    the tables of table.c in, text of at most 100 columns out.
 * What must hold:        (1) every verb and flag of this version is shown, no other. (2) the example pipeline is a valid one
 *   (tests/e2e runs `hocket check` over it). */
#include "cli/exits.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include <stdio.h>

static const char introduction[] =
	"hocket runs high-throughput I/O pipelines: call an API for each of a million records, "
	"many at a time,\n"
	"lose nothing, and know at every moment where it stands.\n"
	"\n"
	"A pipeline is a YAML file; jq is its language. Top to bottom is the flow:\n"
	"\n";
static const char help_example[] =
	"  from: {jsonl: users.jsonl}                        # {\"id\": 1} on every line\n"
	"  steps:\n"
	"    - http: http://127.0.0.1:8080/users/\\(.id)      # one call for each, 4 more attempts "
	"when it fails\n"
	"      concurrency: 20                               # at most 20 at a time\n"
	"      into: .profile                                # the answer goes into the record\n"
	"  to: {sqlite: users.db, table: users, key: id}     # one row for each; the table is "
	"made\n";
static const char exit_codes[] =
	"Exit codes; the worst wins:\n"
	"  0   everything is delivered         3   finished, some records are dead letters\n"
	"  1   failed                          4   the account or the state is broken\n"
	"  2   the command line is wrong       5   stopped: too much failed\n"
	"  78  the pipeline file is wrong      75  stopped early; the same command goes on\n";

static int put_verbs(struct buf *out)
{
	int r = buf_add(out, S("Verbs:\n"));
	for (size_t i = 0; r == 0 && i < verb_count; i++)
		if (verbs[i].bit)
			r = buf_printf(out, "  %-11s %s\n", verbs[i].name, verbs[i].doc);
	return r;
}

static int put_flag(struct buf *out, const struct flag *f)
{
	char head[48];
	char letter[] = { '-', f->letter, ',', ' ', 0 };
	snprintf(head, sizeof(head), "%s--%s%s%s", f->letter ? letter : "    ", f->name,
		 f->shown ? " " : "", f->shown ? f->shown : "");
	return buf_printf(out, "  %-24s %s\n", head, f->doc);
}

static int put_flags(struct buf *out, unsigned verb)
{
	int r = buf_add(out, S("\nFlags:\n"));
	for (size_t i = 0; r == 0 && i < flag_count; i++)
		if ((flags[i].verbs & verb) && !flags[i].later)
			r = put_flag(out, &flags[i]);
	return r;
}

static int put_examples(struct buf *out, const struct verb *v)
{
	int r = buf_add(out, S("\nExamples:\n"));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(v->examples) && v->examples[i][0]; i++)
		r = buf_printf(out, "  %s\n      %s\n", v->examples[i][0], v->examples[i][1]);
	return r;
}

static int put_verb(struct buf *out, const struct verb *v)
{
	int r = buf_printf(out, "hocket %s - %s\n\nUsage: hocket %s%s%s\n", v->name, v->doc,
			   v->name, v->usage[0] ? " " : "", v->usage);
	if (r == 0 && v->more)
		r = buf_printf(out, "\n%s\n", v->more);
	if (r == 0)
		r = put_flags(out, v->bit);
	if (r == 0)
		r = put_examples(out, v);
	if (r == 0 && v->bit == IN_RUN)
		r = buf_printf(out, "\n%s", exit_codes);
	return r;
}

static int put_program(struct buf *out)
{
	int r = buf_printf(out, "%s%s\n  $ hocket run users.yaml\n\n", introduction, help_example);
	if (r == 0)
		r = put_verbs(out);
	if (r == 0)
		r = buf_printf(out,
			       "\nhocket VERB --help explains a verb; hocket connectors lists what "
			       "can be read, called "
			       "and written.\n\n%s",
			       exit_codes);
	return r;
}

int help_put(const struct verb *v, struct buf *out)
{
	return v ? put_verb(out, v) : put_program(out);
}

int help_put_group(const char *group, struct buf *out)
{
	int r = buf_printf(out, "hocket %s VERB:\n", group);
	for (size_t i = 0; r == 0 && i < verb_count; i++)
		if (verbs[i].bit && verb_is_in(&verbs[i], group))
			r = buf_printf(out, "  %-11s %s\n", verb_word(&verbs[i]), verbs[i].doc);
	return r < 0 ? r : buf_printf(out, "\nhocket %s VERB --help explains one.\n", group);
}

static bool is_group(const char *word)
{
	for (size_t i = 0; i < verb_count; i++)
		if (verbs[i].bit && verb_is_in(&verbs[i], word))
			return true;
	return false;
}

int verb_help(const struct args *args)
{
	AUTO(buf_done) struct buf out = { 0 };
	if (args_has(args, FLAG_MAN))
		return man_put(&out) == 0 ? put_stdout(buf_slice(&out)) : EXITS_FAILED;
	const char *word = args->word_count > 0 ? args->words[0] : NULL;
	const char *second = args->word_count > 1 ? args->words[1] : NULL;
	const struct verb *v = word ? verb_find(word, second) : NULL;
	if (word && !second && is_group(word))
		return help_put_group(word, &out) == 0 ? put_stdout(buf_slice(&out)) : EXITS_FAILED;
	if (word && (!v || !v->bit || (second && !v->group))) {
		say("no help on '%s%s%s': hocket help lists the verbs", word, second ? " " : "",
		    second ? second : "");
		return EXITS_USAGE;
	}
	return help_put(v, &out) == 0 ? put_stdout(buf_slice(&out)) : EXITS_FAILED;
}
