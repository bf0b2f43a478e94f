/* args.c - what argv means, and what it must not be taken for */
#include "cli/args.h"
#include "check.h"

struct parsed {
	struct args args;
	struct buf err;
	int result;
};

static struct parsed parse(char **argv)
{
	struct parsed p = { 0 };
	int argc = 0;
	while (argv[argc])
		argc++;
	p.result = args_parse(argc, argv, &p.args, &p.err);
	return p;
}
#define PARSE(...) parse((char *[]){ "hocket", __VA_ARGS__, NULL })

static void parsed_done(struct parsed *p)
{
	args_done(&p->args);
	buf_done(&p->err);
}

TEST(words_and_flags_may_mix)
{
	AUTO(parsed_done)
	struct parsed p = PARSE("run", "--limit", "7", "a.yaml", "--grace=1m", "-q");
	CHECK_INT(p.result, 0);
	CHECK_STR(p.args.verb->name, "run");
	CHECK_INT(p.args.word_count, 1);
	CHECK_STR(p.args.words[0], "a.yaml");
	CHECK_INT(args_get(&p.args, FLAG_LIMIT)->number, 7);
	CHECK_INT(args_get(&p.args, FLAG_GRACE)->number, 60000000000);
	CHECK(args_has(&p.args, FLAG_QUIET));
	CHECK(!args_has(&p.args, FLAG_VERBOSE));
}

TEST(the_last_one_counts)
{
	AUTO(parsed_done) struct parsed p = PARSE("run", "a", "--limit", "7", "--limit", "8");
	CHECK_INT(args_get(&p.args, FLAG_LIMIT)->number, 8);
}

TEST(sets_keep_their_order)
{
	AUTO(parsed_done) struct parsed p = PARSE("run", "a", "--set", "x=1", "--set=y=2=3");
	CHECK_INT(p.args.given_count, 2);
	CHECK_STR(p.args.given[0].text, "x=1");
	CHECK_STR(p.args.given[1].text, "y=2=3");
}

TEST(letters_bundle)
{
	AUTO(parsed_done) struct parsed p = PARSE("fetch", "-qvc20", "u");
	CHECK_INT(p.result, 0);
	CHECK(args_has(&p.args, FLAG_QUIET) && args_has(&p.args, FLAG_VERBOSE));
	CHECK_INT(args_get(&p.args, FLAG_CONCURRENCY)->number, 20);
}

TEST(two_dashes_end_the_flags)
{
	AUTO(parsed_done) struct parsed p = PARSE("check", "--", "--limit");
	CHECK_INT(p.result, 0);
	CHECK_STR(p.args.words[0], "--limit");
}

TEST(a_lone_dash_is_a_word)
{
	AUTO(parsed_done) struct parsed p = PARSE("run", "-");
	CHECK_INT(p.result, 0);
	CHECK_STR(p.args.words[0], "-");
}

TEST(a_verb_has_only_its_own_flags)
{
	AUTO(parsed_done) struct parsed p = PARSE("check", "a", "--limit", "3");
	CHECK_INT(p.result, -1);
	CHECK_STR(p.err.p, "unknown flag '--limit': see hocket check --help");
}

TEST(nearest_names)
{
	AUTO(parsed_done)
	struct parsed verb = PARSE("chekc"), flag = PARSE("run", "a", "--progres", "x");
	CHECK_STR(verb.err.p, "unknown verb 'chekc': did you mean 'check'?");
	CHECK_STR(flag.err.p, "unknown flag '--progres': did you mean '--progress'?");
}

TEST(values_are_checked)
{
	AUTO(parsed_done)
	struct parsed word = PARSE("run", "a", "--progress", "zzz"),
		      size = PARSE("run", "a", "--memory", "0");
	AUTO(parsed_done) struct parsed big = PARSE("run", "a", "--limit", "99999999999999999999");
	CHECK_STR(word.err.p, "--progress 'zzz': expected auto, bar, plain, json or none");
	CHECK_STR(size.err.p, "--memory '0': expected a size such as 512MB");
	CHECK_STR(big.err.p, "--limit '99999999999999999999': expected a number of 1 or more");
}

TEST(memory_has_a_floor)
{
	AUTO(parsed_done)
	struct parsed small = PARSE("run", "a", "--memory", "5");
	AUTO(parsed_done)
	struct parsed least = PARSE("run", "a", "--memory", "16MB");
	CHECK_INT(small.result, -1);
	CHECK_STR(small.err.p, "--memory '5': the smallest is 16MB");
	CHECK_INT(least.result, 0);
}

TEST(help_needs_no_words)
{
	AUTO(parsed_done) struct parsed verb = PARSE("run", "--help"), top = PARSE("-h");
	CHECK_INT(verb.result, 0);
	CHECK(verb.args.help);
	CHECK_INT(top.result, 0);
	CHECK(top.args.help && !top.args.verb);
}

TEST(too_many_words)
{
	AUTO(parsed_done) struct parsed some = PARSE("help", "a", "b", "c");
	AUTO(parsed_done) struct parsed none = PARSE("schema", "a");
	CHECK_STR(some.err.p, "too many arguments: 'c'\nusage: hocket help [VERB]");
	CHECK_STR(none.err.p, "too many arguments: 'a'\nusage: hocket schema");
}

static void check_share(char *text, int64_t number, bool percent)
{
	AUTO(parsed_done) struct parsed p = PARSE("run", "a", "--max-failures", text);
	const struct given *g = p.result == 0 ? args_get(&p.args, FLAG_MAX_FAILURES) : NULL;
	CHECK_INT(g ? g->number : -1, number);
	CHECK(!g || g->percent == percent);
	if (!g)
		CHECK(strstr(p.err.p, "expected a number of 1 or more, or a share such as 5%"));
}

TEST(shares_are_counts_or_percentages)
{
	check_share("3", 3, false);
	check_share("5%", 50000, true);
	check_share("0.25%", 2500, true);
	check_share("100%", 1000000, true);
	static char *const wrong[] = { "0",   "-1", "0%",     "101%",  "100.1%",
				       "5 %", "%",  "1.2.3%", "1.-2%", "five" };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		check_share(wrong[i], -1, false);
}

TEST(times_to_end_at_are_checked)
{
	AUTO(parsed_done) struct parsed good = PARSE("run", "a", "--until", "5m");
	AUTO(parsed_done) struct parsed bad = PARSE("run", "a", "--until", "soon");
	AUTO(parsed_done) struct parsed past = PARSE("run", "a", "--until", "2001-01-01T08:00");
	CHECK_INT(good.result, 0);
	CHECK_STR(bad.err.p,
		  "--until 'soon': expected a time such as 5m, 18:30 or 2026-12-01T08:00");
	CHECK_STR(past.err.p, "--until '2001-01-01T08:00': that is over already");
}

TEST(later_things_say_so)
{
	AUTO(parsed_done)
	struct parsed flag = PARSE("run", "a", "--dry-run"), verb = PARSE("top", "a");
	CHECK_STR(flag.err.p, "'--dry-run' is not in this version yet");
	CHECK_STR(verb.err.p, "'hocket top' is not in this version yet");
}

TEST(verbs_of_two_words)
{
	AUTO(parsed_done)
	struct parsed show = PARSE("dead", "show", "a", "3f9a", "--json"), none = PARSE("dead"),
		      other = PARSE("dead", "sho", "a"), far = PARSE("dead", "a.yaml"),
		      help = PARSE("dead", "--help"), first = PARSE("daed", "ls");
	CHECK_INT(show.result, 0);
	CHECK_STR(show.args.verb->name, "dead show");
	CHECK_INT(show.args.word_count, 2);
	CHECK_STR(show.args.words[1], "3f9a");
	CHECK(args_has(&show.args, FLAG_JSON));
	CHECK_STR(none.err.p, "usage: hocket dead VERB ...: see hocket dead --help");
	CHECK_STR(other.err.p, "unknown verb 'dead sho': did you mean 'dead show'?");
	CHECK_STR(far.err.p, "unknown verb 'dead a.yaml': see hocket dead --help");
	CHECK_INT(help.result, 0);
	CHECK(help.args.help && !help.args.verb);
	CHECK_STR(help.args.group, "dead");
	CHECK_STR(first.err.p, "unknown verb 'daed': did you mean 'dead'?");
}

TEST(each_verb_of_dead_has_its_own_flags)
{
	AUTO(parsed_done)
	struct parsed where = PARSE("dead", "ls", "a", "-w", ".x"),
		      limit = PARSE("dead", "ls", "a", "--limit", "3"),
		      json = PARSE("dead", "replay", "a", "--json"),
		      all = PARSE("dead", "drop", "a", "--all");
	CHECK_INT(where.result, 0);
	CHECK_STR(args_get(&where.args, FLAG_WHERE)->text, ".x");
	CHECK(limit.result < 0 && json.result < 0);
	CHECK(args_has(&all.args, FLAG_EVERY));
}

static const struct test tests[] = {
	T(words_and_flags_may_mix),
	T(the_last_one_counts),
	T(sets_keep_their_order),
	T(letters_bundle),
	T(two_dashes_end_the_flags),
	T(a_lone_dash_is_a_word),
	T(a_verb_has_only_its_own_flags),
	T(nearest_names),
	T(values_are_checked),
	T(memory_has_a_floor),
	T(help_needs_no_words),
	T(too_many_words),
	T(shares_are_counts_or_percentages),
	T(times_to_end_at_are_checked),
	T(later_things_say_so),
	T(verbs_of_two_words),
	T(each_verb_of_dead_has_its_own_flags),
};
int main(void)
{
	return RUN_TESTS(tests);
}
