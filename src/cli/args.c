/* args.c - argv, read by the tables of table.c
 *
 * What this room is for: every mistake on the command line gets one sentence that names it, and the nearest right name.
 * What flows through:    argv in; a struct args that borrows its strings from argv.
 * What must hold:        (1) no mistake is guessed away. (2) flags may stand before and behind the words. (3) the verb
 *   comes first, but for --help and --version. */
#include "cli/verbs.h"
#include "base/clock.h"
#include "base/units.h"
#include "cli/until.h"
#include "engine/plan/diag.h"
#include "engine/plan.h"
#include "io/guard.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct parser {
	struct args *args;
	struct buf *err;
	char **argv;
	int argc, at;
	unsigned verb; /* bit of the verb: only its flags are known */
};

bool verb_is_in(const struct verb *v, const char *group)
{
	return v->group && strcmp(v->group, group) == 0;
}

const char *verb_word(const struct verb *v)
{
	return v->group ? v->name + strlen(v->group) + 1 : v->name;
}

const struct verb *verb_find(const char *first, const char *second)
{
	for (size_t i = 0; i < verb_count; i++) {
		const struct verb *v = &verbs[i];
		bool is = v->group ? second && verb_is_in(v, first) &&
					     strcmp(verb_word(v), second) == 0
				   : strcmp(v->name, first) == 0;
		if (is)
			return v;
	}
	return NULL;
}

const struct given *args_get(const struct args *a, enum flag_id id)
{
	for (size_t i = a->given_count; i > 0; i--)
		if (a->given[i - 1].flag->id == id)
			return &a->given[i - 1];
	return NULL;
}

bool args_has(const struct args *a, enum flag_id id)
{
	return args_get(a, id) != NULL;
}

void args_done(struct args *a)
{
	free(a->given);
	free(a->words);
	*a = (struct args){ 0 };
}

PRINTF(2, 3)
static int refuse(struct parser *p, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (buf_vprintf(p->err, fmt, ap) < 0)
		buf_clear(p->err); /* an empty message still exits 2 */
	va_end(ap);
	return -1;
}

/* ": did you mean '--limit'?", or nothing when no name of this verb is near. */
static const char *nearest_flag(const struct parser *p, struct slice name)
{
	const char *known[64];
	size_t n = 0;
	ASSERT(flag_count <= ARRAY_SIZE(known));
	for (size_t i = 0; i < flag_count; i++)
		if (flags[i].verbs & p->verb)
			known[n++] = flags[i].name;
	return nearest(name, known, n);
}

static int refuse_flag(struct parser *p, struct slice name)
{
	const char *near = nearest_flag(p, name);
	if (near)
		return refuse(p, "unknown flag '--%.*s': did you mean '--%s'?", SLICE(name), near);
	return refuse(p, "unknown flag '--%.*s': see hocket %s --help", SLICE(name),
		      p->args->verb->name);
}

static const struct flag *find_long(const struct parser *p, struct slice name)
{
	for (size_t i = 0; i < flag_count; i++)
		if ((flags[i].verbs & p->verb) && slice_eq_str(name, flags[i].name))
			return &flags[i];
	return NULL;
}

static const struct flag *find_letter(const struct parser *p, char letter)
{
	for (size_t i = 0; i < flag_count; i++)
		if ((flags[i].verbs & p->verb) && flags[i].letter == letter)
			return &flags[i];
	return NULL;
}

static int word_index(const struct flag *f, const char *text)
{
	for (int i = 0; f->words[i]; i++)
		if (strcmp(f->words[i], text) == 0)
			return i;
	return -1;
}

static int refuse_word(struct parser *p, const struct flag *f, const char *text)
{
	size_t n = 0;
	while (f->words[n])
		n++;
	const char *near = nearest(slice_str(text), f->words, n);
	if (near)
		return refuse(p, "--%s '%s': did you mean '%s'?", f->name, text, near);
	refuse(p, "--%s '%s': expected ", f->name, text);
	for (size_t i = 0; i < n; i++)
		refuse(p, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " or ", f->words[i]);
	return -1;
}

/* The file's `memory:` has the same floor. */
static int refuse_too_small(struct parser *p, const struct flag *f, const char *text, int64_t bytes)
{
	if (f->id != FLAG_MEMORY || bytes >= PLAN_MEMORY_MIN)
		return 0;
	return refuse(p, "--%s '%s': the smallest is %dMB", f->name, text, PLAN_MEMORY_MIN >> 20);
}

static int check_until(struct parser *p, const struct flag *f, const char *text)
{
	struct until u;
	int r = until_parse(text, clock_wall_ns(), &u);
	if (r == -ERANGE)
		return refuse(p, "--%s '%s': that is over already", f->name, text);
	return r < 0 ? refuse(p, "--%s '%s': expected a time such as 5m, 18:30 or 2026-12-01T08:00",
			      f->name, text)
		     : 0;
}

/* "5%", "0.25%" as millionths: 50000, 2500. More digits than that are none. */
static int read_percent(struct slice s, int64_t *ret)
{
	struct slice whole, part;
	int64_t n = 0, rest = 0;
	slice_cut(slice_head(s, s.n - 1), '.', &whole, &part);
	if (units_int(whole, &n) < 0 || n < 0 || n > 100 || part.n > 4)
		return -EINVAL;
	if (part.n && (units_int(part, &rest) < 0 || rest < 0))
		return -EINVAL;
	for (size_t i = part.n; i < 4; i++)
		rest *= 10;
	*ret = n * 10000 + rest;
	return *ret > 0 && *ret <= 1000000 ? 0 : -EINVAL;
}

static int read_share(struct parser *p, const struct flag *f, struct given *g)
{
	struct slice s = slice_str(g->text);
	g->percent = slice_ends(s, S("%"));
	int r = g->percent ? read_percent(s, &g->number) : units_int(s, &g->number);
	if (r == 0 && g->number > 0)
		return 0;
	return refuse(p, "--%s '%s': expected a number of 1 or more, or a share such as 5%%",
		      f->name, g->text);
}

static int read_value(struct parser *p, const struct flag *f, const char *text, int64_t *ret)
{
	struct slice s = slice_str(text);
	uint64_t bytes = 0;
	switch (f->type) {
	case TAKES_COUNT:
		if (units_int(s, ret) < 0 || *ret < 1)
			return refuse(p, "--%s '%s': expected a number of 1 or more", f->name,
				      text);
		return 0;
	case TAKES_NUMBER:
		if (units_int(s, ret) < 0 || *ret < 0)
			return refuse(p, "--%s '%s': expected a number of 0 or more", f->name,
				      text);
		return 0;
	case TAKES_SIZE:
		if (units_size(s, &bytes) < 0 || bytes == 0 || bytes > INT64_MAX)
			return refuse(p, "--%s '%s': expected a size such as 512MB", f->name, text);
		*ret = (int64_t)bytes;
		return refuse_too_small(p, f, text, *ret);
	case TAKES_DURATION:
		if (units_duration(s, ret) < 0 || *ret < 0)
			return refuse(p, "--%s '%s': expected a time such as 30s or 5m", f->name,
				      text);
		return 0;
	case TAKES_UNTIL:
		return check_until(p, f, text);
	case TAKES_WORD:
		*ret = word_index(f, text);
		return *ret < 0 ? refuse_word(p, f, text) : 0;
	case TAKES_PAIR:
		if (!strchr(text, '=') || text[0] == '=')
			return refuse(p, "--%s '%s': expected KEY=VALUE", f->name, text);
		return 0;
	case TAKES_HOSTS:
		if (http_guard_word_check(s) < 0)
			return refuse(p, "--%s '%s': it is " HTTP_GUARD_WORDS, f->name, text);
		return 0;
	case TAKES_FILE:
		return text[0] ? 0 : refuse(p, "--%s: expected a file", f->name);
	case TAKES_PROGRAM: /* jq has its own mistakes */
	case TAKES_SHARE:   /* read_share */
	case TAKES_NOTHING:
		break;
	}
	return 0;
}

static int give(struct parser *p, const struct flag *f, const char *text)
{
	struct given g = { .flag = f, .text = text };
	if (f->type == TAKES_SHARE ? read_share(p, f, &g) < 0
				   : text && read_value(p, f, text, &g.number) < 0)
		return -1;
	p->args->given[p->args->given_count++] = g; /* argc of them fit: args_parse made the room */
	p->args->help |= f->id == FLAG_HELP;
	return 0;
}

/* A flag that is known: checks that it belongs to this version, and takes its value. */
static int accept_flag(struct parser *p, const struct flag *f, const char *value)
{
	if (f->later)
		return refuse(p, "'--%s' is not in this version yet", f->name);
	if (f->type == TAKES_NOTHING)
		return value ? refuse(p, "--%s takes no value", f->name) : give(p, f, NULL);
	if (!value && p->at + 1 < p->argc)
		value = p->argv[++p->at];
	if (!value)
		return refuse(p, "--%s needs a value: --%s %s", f->name, f->name, f->shown);
	return give(p, f, value);
}

static int long_flag(struct parser *p, char *arg)
{
	struct slice name, value;
	bool has_value = slice_cut(slice_str(arg + 2), '=', &name, &value);
	const struct flag *f = find_long(p, name);
	return f ? accept_flag(p, f, has_value ? value.p : NULL) : refuse_flag(p, name);
}

static int short_flags(struct parser *p, char *arg)
{
	for (char *c = arg + 1; *c; c++) {
		const struct flag *f = find_letter(p, *c);
		if (!f)
			return refuse(p, "unknown flag '-%c': see hocket %s --help", *c,
				      p->args->verb->name);
		bool rest_is_value = f->type != TAKES_NOTHING && c[1];
		if (accept_flag(p, f, rest_is_value ? c + 1 : NULL) < 0)
			return -1;
		if (rest_is_value)
			return 0;
	}
	return 0;
}

static int check_word_count(struct parser *p)
{
	const struct args *a = p->args;
	if (a->help)
		return 0;
	if (a->word_count < a->verb->min)
		return refuse(p, "usage: hocket %s %s", a->verb->name, a->verb->usage);
	if (a->word_count > a->verb->max)
		return refuse(p, "too many arguments: '%s'\nusage: hocket %s%s%s",
			      a->words[a->verb->max], a->verb->name, a->verb->usage[0] ? " " : "",
			      a->verb->usage);
	return 0;
}

static int parse_rest(struct parser *p)
{
	bool only_words = false;
	for (; p->at < p->argc; p->at++) {
		char *arg = p->argv[p->at];
		bool flag = !only_words && arg[0] == '-' && arg[1];
		if (flag && strcmp(arg, "--") == 0)
			only_words = true;
		else if (!flag)
			p->args->words[p->args->word_count++] = arg;
		else if ((arg[1] == '-' ? long_flag(p, arg) : short_flags(p, arg)) < 0)
			return -1;
	}
	return check_word_count(p);
}

bool words_have(const char *words, const char *word)
{
	struct slice one, rest = slice_str(words ? words : "");
	while (rest.n > 0) {
		slice_cut(rest, ' ', &one, &rest);
		if (slice_eq_str(one, word))
			return true;
	}
	return false;
}

/* What is called so elsewhere, or is but behind the word of its group. */
static const char *verb_called(const char *group, const char *word)
{
	for (size_t i = 0; i < verb_count; i++) {
		const struct verb *v = &verbs[i];
		if (!v->bit || (group && !verb_is_in(v, group)))
			continue;
		if (words_have(v->also, word) || strcmp(verb_word(v), word) == 0)
			return group ? verb_word(v) : v->name;
	}
	return NULL;
}

/* In a group, its second words; else all first ones. */
static const char *nearest_verb(const char *group, const char *word)
{
	const char *known[64], *called = verb_called(group, word);
	if (called)
		return called;
	size_t n = 0;
	ASSERT(verb_count <= ARRAY_SIZE(known));
	for (size_t i = 0; i < verb_count; i++) {
		const struct verb *v = &verbs[i];
		if (v->bit && (!group || verb_is_in(v, group)))
			known[n++] = group || !v->group ? verb_word(v) : v->group;
	}
	return nearest(slice_str(word), known, n);
}

static bool is_group(const char *name)
{
	for (size_t i = 0; i < verb_count; i++)
		if (verbs[i].bit && verb_is_in(&verbs[i], name))
			return true;
	return false;
}

/* The first in the table looks and changes nothing. */
static const char *first_of_group(const char *group)
{
	size_t i = 0;
	while (!verb_is_in(&verbs[i], group))
		i++;
	return verb_word(&verbs[i]);
}

/* hocket dead: what of it? */
static int refuse_group(struct parser *p, const char *group, const char *word)
{
	if (word && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
		p->args->help = true;
		p->args->group = group;
		return 0;
	}
	if (word && access(word, F_OK) == 0) /* FILE, where the verb should be */
		return refuse(
			p,
			"'hocket %s' wants a verb before the file: did you mean 'hocket %s %s %s'?",
			group, group, first_of_group(group), word);
	const char *near = word ? nearest_verb(group, word) : NULL;
	if (near)
		return refuse(p, "unknown verb '%s %s': did you mean '%s %s'?", group, word, group,
			      near);
	if (word)
		return refuse(p, "unknown verb '%s %s': see hocket %s --help", group, word, group);
	return refuse(p, "usage: hocket %s VERB ...: see hocket %s --help", group, group);
}

static int find_verb(struct parser *p, const char *name, const char *second)
{
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";
	p->args->verb = verb_find(name, second);
	if (p->args->verb && p->args->verb->bit) {
		p->at += p->args->verb->group != NULL;
		return 0;
	}
	if (p->args->verb)
		return refuse(p, "'hocket %s' is not in this version yet", name);
	if (is_group(name))
		return refuse_group(p, name, second);
	const char *near = nearest_verb(NULL, name);
	if (near)
		return refuse(p, "unknown verb '%s': did you mean '%s'?", name, near);
	return refuse(p, "unknown verb '%s': see hocket --help", name);
}

int args_parse(int argc, char **argv, struct args *ret, struct buf *err)
{
	*ret = (struct args){ 0 };
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		ret->help = true;
		return argc < 2 ? -1 : 0;
	}
	size_t room = 0; /* -abc gives several: every character of argv can be one */
	for (int i = 1; i < argc; i++)
		room += strlen(argv[i]) + 1;
	ret->given = xcalloc(room, sizeof(*ret->given));
	ret->words = xcalloc((size_t)argc, sizeof(*ret->words));
	struct parser p = { .args = ret, .err = err, .argv = argv, .argc = argc, .at = 2 };
	if (find_verb(&p, argv[1], argc > 2 ? argv[2] : NULL) < 0)
		return -1;
	if (!ret->verb)
		return 0; /* help on a group */
	p.verb = ret->verb->bit;
	return parse_rest(&p);
}
