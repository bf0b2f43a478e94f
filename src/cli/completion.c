/* completion.c - completion scripts for bash, zsh and fish, made from the tables
 *
 * What this room is for: the shells know the verbs, each verb's flags and the words a flag takes.
 * What flows through:    the tables of table.c in, a script out; the script asks nothing of hocket when it runs, but for
 *   the names of connectors.
 * What must hold:        documentation lines may hold quotes and colons: they are escaped for their shell. */
#include "cli/exits.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include <errno.h>
#include <string.h>

static const char *const shells[] = { "bash", "zsh", "fish", NULL };

static bool shown(const struct flag *f, const struct verb *v)
{
	return (f->verbs & v->bit) && !f->later;
}

static int put_list(struct buf *out, const char *const *words)
{
	int r = 0;
	for (size_t i = 0; r == 0 && words[i]; i++)
		r = buf_printf(out, "%s%s", i ? " " : "", words[i]);
	return r;
}

/* A text between single quotes: a quote inside closes, escapes itself and opens again. */
static int put_quoted(struct buf *out, const char *text, const char *also_escape)
{
	int r = 0;
	for (const char *c = text; r == 0 && *c; c++) {
		if (*c == '\'')
			r = buf_add(out, S("'\\''"));
		else if (strchr(also_escape, *c))
			r = buf_printf(out, "\\%c", *c);
		else
			r = buf_add_char(out, *c);
	}
	return r;
}

/* The first of its group stands for it where first words are listed. */
static bool is_first_word(size_t i)
{
	if (!verbs[i].bit)
		return false;
	for (size_t j = 0; verbs[i].group && j < i; j++)
		if (verb_is_in(&verbs[j], verbs[i].group))
			return false;
	return true;
}

static const char *first_word(const struct verb *v)
{
	return v->group ? v->group : v->name;
}

static int put_second_words(struct buf *out, const char *group)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < verb_count; i++)
		if (verbs[i].bit && verb_is_in(&verbs[i], group))
			r = buf_printf(out, "%s ", verb_word(&verbs[i]));
	return r;
}

/* ---- bash ---- */

static int bash_flag_values(struct buf *out)
{
	int r = buf_add(out, S("\tcase $prev in\n"));
	for (size_t i = 0; r == 0 && i < flag_count; i++) {
		const struct flag *f = &flags[i];
		if (f->later || f->type == TAKES_NOTHING)
			continue;
		r = buf_printf(out, "\t--%s) ", f->name);
		if (r == 0 && f->type == TAKES_WORD)
			r = buf_add(out, S("COMPREPLY=($(compgen -W '"));
		if (r == 0 && f->type == TAKES_WORD)
			r = put_list(out, f->words);
		if (r == 0 && f->type == TAKES_WORD)
			r = buf_add(out, S("' -- \"$cur\")); return ;;\n"));
		else if (r == 0 && f->type == TAKES_FILE)
			r = buf_add(out, S("COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"));
		else if (r == 0)
			r = buf_add(out, S("return ;;\n"));
	}
	return r < 0 ? r : buf_add(out, S("\tesac\n"));
}

static const char *bash_words(enum words takes)
{
	switch (takes) {
	case WORDS_FILES:
		return "COMPREPLY=($(compgen -f -- \"$cur\"))";
	case WORDS_CONNECTORS:
		return "COMPREPLY=($(compgen -W \"$(hocket connectors 2>/dev/null | awk '/^  "
		       "/{print $1}')\" -- \"$cur\"))";
	case WORDS_SHELLS:
		return "COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$cur\"))";
	case WORDS_VERBS:
		return "COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\"))";
	case WORDS_NONE:
	case WORDS_URLS:
		break;
	}
	return ":";
}

static int bash_verb(struct buf *out, const struct verb *v)
{
	int r = buf_printf(out, "\t'%s')\n\t\tif [[ $cur == -* ]]; then COMPREPLY=($(compgen -W '",
			   v->name);
	for (size_t i = 0; r == 0 && i < flag_count; i++)
		if (shown(&flags[i], v))
			r = buf_printf(out, "--%s ", flags[i].name);
	return r < 0 ? r
		     : buf_printf(out, "' -- \"$cur\"))\n\t\telse %s; fi ;;\n",
				  bash_words(v->takes));
}

/* $verb: one word, or two where the first asks for a second. */
static int bash_groups(struct buf *out)
{
	int r = buf_add(out, S("\tlocal verb=${COMP_WORDS[1]}\n\tcase $verb in\n"));
	for (size_t i = 0; r == 0 && i < verb_count; i++) {
		if (!verbs[i].group || !is_first_word(i))
			continue;
		r = buf_printf(out,
			       "\t%s)\n\t\tif ((COMP_CWORD == 2)); then COMPREPLY=($(compgen -W '",
			       verbs[i].group);
		r = r < 0 ? r : put_second_words(out, verbs[i].group);
		r = r < 0 ? r
			  : buf_add(out, S("--help' -- \"$cur\")); return; fi\n"
					   "\t\tverb+=\" ${COMP_WORDS[2]}\" ;;\n"));
	}
	return r < 0 ? r : buf_add(out, S("\tesac\n"));
}

static int bash_put(struct buf *out)
{
	int r = buf_add(out, S("# bash completion for hocket\n_hocket() {\n\tlocal "
			       "cur=${COMP_WORDS[COMP_CWORD]} "
			       "prev=${COMP_WORDS[COMP_CWORD-1]}\n\tlocal verbs='"));
	for (size_t i = 0; r == 0 && i < verb_count; i++)
		if (is_first_word(i))
			r = buf_printf(out, "%s ", first_word(&verbs[i]));
	if (r == 0)
		r = buf_add(out, S("'\n\tif ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W "
				   "\"$verbs --help\" -- "
				   "\"$cur\")); return; fi\n"));
	if (r == 0)
		r = bash_flag_values(out);
	if (r == 0)
		r = bash_groups(out);
	if (r == 0)
		r = buf_add(out, S("\tcase $verb in\n"));
	for (size_t i = 0; r == 0 && i < verb_count; i++)
		if (verbs[i].bit)
			r = bash_verb(out, &verbs[i]);
	return r < 0 ? r : buf_add(out, S("\tesac\n}\ncomplete -o filenames -F _hocket hocket\n"));
}

/* ---- zsh ---- */

static int zsh_flag(struct buf *out, const struct flag *f)
{
	int r = buf_printf(out, " \\\n\t\t\t'%s--%s%s[",
			   f->type == TAKES_PAIR || f->type == TAKES_HOSTS ? "*" : "", f->name,
			   f->type == TAKES_NOTHING ? "" : "=");
	if (r == 0)
		r = put_quoted(out, f->doc, "[]:");
	if (r == 0)
		r = buf_add_char(out, ']');
	if (r == 0 && f->type == TAKES_FILE)
		r = buf_printf(out, ":%s:_files", f->shown);
	else if (r == 0 && f->type == TAKES_WORD) {
		r = buf_printf(out, ":%s:(", f->shown);
		if (r == 0)
			r = put_list(out, f->words);
		if (r == 0)
			r = buf_add_char(out, ')');
	} else if (r == 0 && f->type != TAKES_NOTHING)
		r = buf_printf(out, ":%s:", f->shown);
	return r < 0 ? r : buf_add_char(out, '\'');
}

static const char *zsh_words(enum words takes)
{
	switch (takes) {
	case WORDS_FILES:
		return "'*:file:_files'";
	case WORDS_CONNECTORS:
		return "'1:connector:($(hocket connectors 2>/dev/null | awk \"/^  /{print "
		       "\\$1}\"))'";
	case WORDS_SHELLS:
		return "'1:shell:(bash zsh fish)'";
	case WORDS_VERBS:
		return "'1:verb:_hocket_verbs'";
	case WORDS_URLS:
		return "'*:url:'";
	case WORDS_NONE:
		break;
	}
	return "";
}

static int zsh_verbs(struct buf *out)
{
	int r = buf_add(out, S("#compdef hocket\n_hocket_verbs() {\n\tlocal -a verbs=(\n"));
	for (size_t i = 0; r == 0 && i < verb_count; i++) {
		if (!is_first_word(i))
			continue;
		r = buf_printf(out, "\t\t'%s:", first_word(&verbs[i]));
		if (r == 0 && verbs[i].group)
			r = put_second_words(out, verbs[i].group);
		else if (r == 0)
			r = put_quoted(out, verbs[i].doc, ":");
		if (r == 0)
			r = buf_add(out, S("'\n"));
	}
	return r < 0 ? r : buf_add(out, S("\t)\n\t_describe verb verbs\n}\n"));
}

static int zsh_groups(struct buf *out)
{
	int r = buf_add(out, S("\tcase $verb in\n"));
	for (size_t i = 0; r == 0 && i < verb_count; i++) {
		if (!verbs[i].group || !is_first_word(i))
			continue;
		r = buf_printf(out, "\t%s)\n\t\tif ((CURRENT == 2)); then compadd ",
			       verbs[i].group);
		r = r < 0 ? r : put_second_words(out, verbs[i].group);
		r = r < 0 ? r
			  : buf_add(out, S("; return; fi\n\t\tverb+=\" $words[2]\"; shift words; "
					   "((CURRENT--)) ;;\n"));
	}
	return r < 0 ? r : buf_add(out, S("\tesac\n"));
}

static int zsh_put(struct buf *out)
{
	int r = zsh_verbs(out);
	if (r == 0)
		r = buf_add(out,
			    S("_hocket() {\n\tif ((CURRENT == 2)); then _hocket_verbs; return; fi\n"
			      "\tlocal verb=$words[2]\n\tshift words; ((CURRENT--))\n"));
	if (r == 0)
		r = zsh_groups(out);
	if (r == 0)
		r = buf_add(out, S("\tcase $verb in\n"));
	for (size_t i = 0; r == 0 && i < verb_count; i++) {
		if (!verbs[i].bit)
			continue;
		r = buf_printf(out, "\t'%s') _arguments", verbs[i].name);
		for (size_t j = 0; r == 0 && j < flag_count; j++)
			if (shown(&flags[j], &verbs[i]))
				r = zsh_flag(out, &flags[j]);
		if (r == 0)
			r = buf_printf(out, " %s ;;\n", zsh_words(verbs[i].takes));
	}
	return r < 0 ? r
		     : buf_add(out, S("\tesac\n}\nif [[ $funcstack[1] == _hocket ]]; then _hocket "
				      "\"$@\"; else "
				      "compdef _hocket hocket; fi\n"));
}

/* ---- fish ---- */

/* Both words, where it is two. */
static int fish_seen(struct buf *out, const struct verb *v)
{
	int r = buf_printf(out, "__fish_seen_subcommand_from %s", first_word(v));
	if (r == 0 && v->group)
		r = buf_printf(out, "; and __fish_seen_subcommand_from %s", verb_word(v));
	return r;
}

static int fish_verb(struct buf *out, size_t i)
{
	const struct verb *v = &verbs[i];
	int r = 0;
	if (is_first_word(i)) {
		r = buf_printf(out, "complete -c hocket -n __fish_use_subcommand -a %s -d '",
			       first_word(v));
		if (r == 0 && v->group)
			r = put_second_words(out, v->group);
		else if (r == 0)
			r = put_quoted(out, v->doc, "");
		r = r < 0 ? r : buf_add(out, S("'\n"));
	}
	if (r < 0 || !v->group)
		return r;
	r = buf_printf(out, "complete -c hocket -n '__fish_seen_subcommand_from %s' -a %s -d '",
		       v->group, verb_word(v));
	r = r < 0 ? r : put_quoted(out, v->doc, "");
	return r < 0 ? r : buf_add(out, S("'\n"));
}

static int fish_flag(struct buf *out, const struct verb *v, const struct flag *f)
{
	int r = buf_add(out, S("complete -c hocket -n '"));
	r = r < 0 ? r : fish_seen(out, v);
	r = r < 0 ? r : buf_printf(out, "' -l %s", f->name);
	if (r == 0 && f->letter)
		r = buf_printf(out, " -s %c", f->letter);
	if (r == 0 && f->type == TAKES_FILE)
		r = buf_add(out, S(" -r -F"));
	else if (r == 0 && f->type == TAKES_WORD) {
		r = buf_add(out, S(" -x -a '"));
		if (r == 0)
			r = put_list(out, f->words);
		if (r == 0)
			r = buf_add_char(out, '\'');
	} else if (r == 0 && f->type != TAKES_NOTHING)
		r = buf_add(out, S(" -x"));
	if (r == 0)
		r = buf_add(out, S(" -d '"));
	if (r == 0)
		r = put_quoted(out, f->doc, "");
	return r < 0 ? r : buf_add(out, S("'\n"));
}

static int fish_words(struct buf *out, const struct verb *v)
{
	const char *words = NULL;
	if (v->takes == WORDS_FILES) {
		int r = buf_add(out, S("complete -c hocket -n '"));
		r = r < 0 ? r : fish_seen(out, v);
		return r < 0 ? r : buf_add(out, S("' -F\n"));
	}
	if (v->takes == WORDS_SHELLS)
		words = "bash zsh fish";
	if (v->takes == WORDS_CONNECTORS)
		words = "(hocket connectors 2>/dev/null | string match -r \"^  \\S+\" | string "
			"trim)";
	if (!words)
		return 0;
	return buf_printf(out, "complete -c hocket -n '__fish_seen_subcommand_from %s' -a '%s'\n",
			  v->name, words);
}

static int fish_put(struct buf *out)
{
	int r = buf_add(out, S("# fish completion for hocket\ncomplete -c hocket -f\n"));
	for (size_t i = 0; r == 0 && i < verb_count; i++) {
		const struct verb *v = &verbs[i];
		if (!v->bit)
			continue;
		r = fish_verb(out, i);
		for (size_t j = 0; r == 0 && j < flag_count; j++)
			if (shown(&flags[j], v))
				r = fish_flag(out, v, &flags[j]);
		if (r == 0)
			r = fish_words(out, v);
	}
	return r;
}

int completion_put(const char *shell, struct buf *out)
{
	if (strcmp(shell, shells[0]) == 0)
		return bash_put(out);
	if (strcmp(shell, shells[1]) == 0)
		return zsh_put(out);
	if (strcmp(shell, shells[2]) == 0)
		return fish_put(out);
	return -EINVAL;
}

int verb_completion(const struct args *args)
{
	AUTO(buf_done) struct buf out = { 0 };
	int r = completion_put(args->words[0], &out);
	if (r == -EINVAL) {
		say("no completion for '%s': bash, zsh or fish", args->words[0]);
		return EXITS_USAGE;
	}
	return r == 0 ? put_stdout(buf_slice(&out)) : EXITS_FAILED;
}
