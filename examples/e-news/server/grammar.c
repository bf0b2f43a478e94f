/* grammar.c - three signs, expanded as the text is copied
 *
 * What this room is for: four hundred articles that are not four hundred times the same one.
 * What flows through:    a lot and a text with signs -> plain text; entries of lists are texts again.
 * What must hold: grammar.h; lists do not go round in circles (DEEPEST). */
#include "grammar.h"
#include "base/hash.h"
#include "base/units.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEEPEST = 6 };

static const struct words general[] = {
	{ "first",
	  "Ana|Benedikt|Chiara|Dorota|Elif|Farah|Gustav|Hanna|Ibrahim|Jonas|Katarina|Liam|Mireille|"
	  "Nadia|Oskar|Priya|Quentin|Rosa|Samir|Tomasz|Ursula|Viktor|Wanjiru|Yuki|Zainab|Marta|"
	  "Felix|"
	  "Ingrid|Paolo|Leila|Amara|Kofi" },
	{ "last",
	  "Abrams|Bellini|Castellanos|Dvorak|Eriksen|Fontaine|Grabowski|Haddad|Iversen|Jansen|"
	  "Kowalska|"
	  "Lindqvist|Moreau|Nakamura|Okafor|Petrov|Quist|Rahman|Sorensen|Tanaka|Ueda|Vasquez|Weber|"
	  "Yilmaz|Zimmermann|Osei|Brandt|Ferreira|Kaya|Novak|Aldridge|Hussain" },
	{ "city",
	  "Rotterdam|Lisbon|Gdansk|Leipzig|Porto|Turin|Ghent|Malmo|Bilbao|Krakow|Aarhus|Lyon|"
	  "Bristol|"
	  "Vilnius|Graz|Seville|Thessaloniki|Cork|Tampere|Basel|Nantes|Brno|Trieste|Bergen|Utrecht|"
	  "Tallinn" },
	{ "country", "Portugal|Denmark|Poland|Norway|Spain|Austria|Ireland|Estonia|Italy|Sweden|"
		     "Greece|Belgium|"
		     "Finland|Slovenia|the Netherlands|Czechia" },
	{ "weekday", "Monday|Tuesday|Wednesday|Thursday|Friday" },
	{ "month", "January|March|April|May|June|September|October|November" },
	{ "nth", "third|fourth|fifth|sixth" },
	{ "times", "twice|three times|four times" },
	{ "few", "three|four|five|six|seven|eight" },
	{ 0 },
};

uint64_t grammar_draw(uint64_t lot, struct slice name, uint64_t n)
{
	struct slice bytes = { (const char *)&lot, sizeof(lot) };
	return hash_end(hash_add(hash_add(HASH_START, bytes), name)) % n;
}

size_t grammar_count(const char *entries, char at)
{
	size_t n = 1;
	for (; *entries; entries++)
		n += *entries == at;
	return n;
}

struct slice grammar_pick(const char *entries, char at, uint64_t drawn)
{
	struct slice rest = slice_str(entries), head = { 0 };
	for (uint64_t i = 0; i <= drawn; i++)
		slice_cut(rest, at, &head, &rest);
	return head;
}

static const char *list_in(const struct words *lists, struct slice name)
{
	for (; lists && lists->name; lists++)
		if (slice_eq_str(name, lists->name))
			return lists->entries;
	return NULL;
}

static const char *list_of(const struct grammar *g, struct slice name)
{
	const char *found = list_in(g->lists, name);
	if (!found)
		found = list_in(general, name);
	if (!found) {
		fprintf(stderr, "demo-news: no list is called '%.*s'\n", SLICE(name));
		abort();
	}
	return found;
}

static int put(const struct grammar *, struct slice text, struct buf *out, unsigned deep);

/* {x:20-90}; from a thousand on with a comma, but for years. */
static int put_number(const struct grammar *g, struct slice letter, struct slice range,
		      struct buf *out)
{
	struct slice least, most;
	int64_t a = 0, b = 0;
	slice_cut(range, '-', &least, &most);
	if (units_int(least, &a) < 0 || units_int(most, &b) < 0 || b < a)
		abort();
	int64_t n = a + (int64_t)grammar_draw(g->lot, letter, (uint64_t)(b - a + 1));
	bool year = a > 1900 && b < 2100;
	return n < 1000 || year
		       ? buf_printf(out, "%lld", (long long)n)
		       : buf_printf(out, "%lld,%03lld", (long long)n / 1000, (long long)n % 1000);
}

/* {word}, {word2}: entries of one list behind each other, from a drawn place. */
static int put_word(const struct grammar *g, struct slice name, struct buf *out, unsigned deep)
{
	uint64_t other = 0;
	if (isdigit((unsigned char)name.p[name.n - 1]))
		other = (uint64_t)(name.p[--name.n] - '0') - 1;
	const char *entries = list_of(g, name);
	uint64_t n = grammar_count(entries, '|');
	return put(g, grammar_pick(entries, '|', (grammar_draw(g->lot, name, n) + other) % n), out,
		   deep + 1);
}

static int put_sign(const struct grammar *g, struct slice sign, struct buf *out, unsigned deep)
{
	struct slice name, range;
	bool capital = sign.n && sign.p[0] == '^';
	if (slice_cut(sign, ':', &name, &range))
		return put_number(g, name, range, out);
	size_t before = out->n;
	int r = put_word(g, slice_from(sign, capital), out, deep);
	if (r == 0 && capital && out->n > before)
		out->p[before] = (char)toupper((unsigned char)out->p[before]);
	return r;
}

/* [a|b|c] */
static int put_choice(const struct grammar *g, struct slice inside, struct buf *out, unsigned deep)
{
	uint64_t n = 1;
	for (size_t i = 0; i < inside.n; i++)
		n += inside.p[i] == '|';
	struct slice rest = inside, head = { 0 };
	for (uint64_t i = 0, drawn = grammar_draw(g->telling, inside, n); i <= drawn; i++)
		slice_cut(rest, '|', &head, &rest);
	return put(g, head, out, deep + 1);
}

static int put(const struct grammar *g, struct slice text, struct buf *out, unsigned deep)
{
	int r = deep > DEEPEST ? -ELOOP : 0;
	while (r == 0 && text.n) {
		size_t plain = 0;
		while (plain < text.n && text.p[plain] != '{' && text.p[plain] != '[')
			plain++;
		r = buf_add(out, slice_head(text, plain));
		text = slice_from(text, plain);
		if (r < 0 || !text.n)
			break;
		bool word = text.p[0] == '{';
		struct slice inside;
		slice_cut(slice_from(text, 1), word ? '}' : ']', &inside, &text);
		r = word ? put_sign(g, inside, out, deep) : put_choice(g, inside, out, deep);
	}
	return r;
}

int grammar_put(const struct grammar *g, struct slice text, struct buf *out)
{
	return put(g, text, out, 0);
}
