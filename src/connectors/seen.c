/* seen.c - pages that lead to each other in a circle would be read for ever
 *
 * What this room is for: sources that follow links, or names of next pages, which others make.
 * What flows through:    texts in; of each a hash stays.
 * What must hold:        see seen.h. A list of a million pages costs 16 MB at most. */
#include "connectors/seen.h"
#include "base/banned.h"
#include "base/hash.h"
#include "base/lang.h"
#include <stdlib.h>

void seen_done(struct seen *s)
{
	free(s->v);
	*s = (struct seen){ 0 };
}

static void put(struct seen *s, uint64_t hash)
{
	size_t i = (size_t)hash & (s->cap - 1);
	while (s->v[i])
		i = (i + 1) & (s->cap - 1);
	s->v[i] = hash;
	s->n++;
}

static void grow(struct seen *s)
{
	struct seen more = { .cap = s->cap ? s->cap * 2 : 64 };
	more.v = xcalloc(more.cap, sizeof(*more.v));
	for (size_t i = 0; i < s->cap; i++)
		if (s->v[i])
			put(&more, s->v[i]);
	free(s->v);
	*s = more;
}

static uint64_t hash_of(struct slice text)
{
	return hash_end(hash_add(HASH_START, text)) | 1;
}

bool seen_has(const struct seen *s, struct slice text)
{
	uint64_t hash = hash_of(text);
	size_t i = (size_t)hash & (s->cap - 1);
	while (s->cap && s->v[i] && s->v[i] != hash)
		i = (i + 1) & (s->cap - 1);
	return s->cap && s->v[i] == hash;
}

bool seen_add(struct seen *s, struct slice text)
{
	uint64_t hash = hash_of(text);
	if (s->n * 2 >= s->cap)
		grow(s);
	for (size_t i = (size_t)hash & (s->cap - 1); s->v[i]; i = (i + 1) & (s->cap - 1))
		if (s->v[i] == hash)
			return false;
	put(s, hash);
	return true;
}
