/* nearest.c - the word that was probably meant
 *
 * What this room is for: "did you mean 'concurrency'?" behind a misspelt option, verb, unit or enum word.
 * What flows through:    a word as written and a list of right ones; one of the list, borrowed, or NULL.
 * What must hold:
 *  (1) the distance is optimal string alignment: insert, drop, replace, swap of neighbours, each 1; ASCII
 *      case does not count, so that HTTP finds http.
 *  (2) a suggestion is never far: a third of the word's letters at most, and less than the word is long.
 *  (3) of equally near words the one that begins alike wins, then the first of the list. */
#include "engine/plan/diag.h"

#include "base/banned.h"

enum { LONGEST = 48 }; /* letters; longer words are not looked at */

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t distance(struct slice a, struct slice b)
{
	size_t before[LONGEST + 1] = { 0 }, last[LONGEST + 1], row[LONGEST + 1];

	ASSERT(a.n <= LONGEST && b.n <= LONGEST);
	for (size_t j = 0; j <= b.n; j++)
		last[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			bool same = lower(a.p[i - 1]) == lower(b.p[j - 1]);
			row[j] = least(last[j - 1] + !same, least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a.p[i - 1]) == lower(b.p[j - 2]) &&
			    lower(a.p[i - 2]) == lower(b.p[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		memcpy(before, last, sizeof before);
		memcpy(last, row, sizeof last);
	}
	return last[b.n];
}

static size_t common_start(struct slice a, struct slice b)
{
	size_t i = 0;
	while (i < a.n && i < b.n && lower(a.p[i]) == lower(b.p[i]))
		i++;
	return i;
}

const char *nearest(struct slice word, const char *const *words, size_t n)
{
	size_t limit = word.n <= 3 ? 1 : least(1 + word.n / 3, 4), alike = 0;
	const char *best = NULL;

	if (word.n < 2 || word.n > LONGEST)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct slice other = slice_str(words[i]);
		size_t apart = other.n <= LONGEST ? distance(word, other) : SIZE_MAX;
		if (apart > limit || apart >= other.n || apart >= word.n)
			continue;
		if (best && apart == limit && common_start(word, other) <= alike)
			continue;
		best = words[i];
		limit = apart;
		alike = common_start(word, other);
	}
	return best;
}

bool one_edit_apart(struct slice word, const char *other)
{
	struct slice s = slice_str(other);
	return word.n <= LONGEST && s.n <= LONGEST && distance(word, s) == 1;
}
