/* choosing.c - IDs, --where and --all of the command line: which dead letters are meant
 *
 * What this room is for: the verbs of `dead` choose in the same words, and make the same mistakes.
 * What flows through:    words and flags in, a struct choice out that borrows argv.
 * What must hold:        what cannot be an ID is refused before a file is opened. */
#include "cli/choosing.h"
#include "cli/term.h"
#include <string.h>

static bool is_id(const char *word)
{
	size_t n = strlen(word);
	return n >= LETTER_ID_MIN && n <= 16 && strspn(word, "0123456789abcdef") == n;
}

static int compile(struct choosing *c, const char *text)
{
	struct expr_error why;
	if (jq_program_compile(slice_str(text), &(struct expr_names){ 0 }, &c->where, &why) == 0) {
		c->choice.where = c->where;
		return 0;
	}
	say("--where: %s\n  %s\n  %*s^", why.text, text, (int)why.offset, "");
	return -1;
}

int choosing_init(struct choosing *c, const struct args *args)
{
	const struct given *where = args_get(args, FLAG_WHERE);
	*c = (struct choosing){ .choice = { .ids = args->words + 1,
					    .id_count = args->word_count - 1 } };
	for (size_t i = 0; i < c->choice.id_count; i++)
		if (!is_id(c->choice.ids[i])) {
			say("'%s' is no dead letter's ID: %d or more of its digits, as hocket dead "
			    "ls "
			    "shows them",
			    c->choice.ids[i], LETTER_ID_MIN);
			return -1;
		}
	return where ? compile(c, where->text) : 0;
}

void choosing_done(struct choosing *c)
{
	jq_free(c->where);
	*c = (struct choosing){ 0 };
}

bool choosing_is_given(const struct args *args)
{
	return args->word_count > 1 || args_has(args, FLAG_WHERE) || args_has(args, FLAG_EVERY);
}
