/* unchanged.c - a set of names, as hashes
 *
 * What this room is for: see unchanged.h.
 * What flows through:    names in; numbers out and in.
 * What must hold:        a hash is a number that JSON holds: 63 bits. */
#include "connectors/feeds/unchanged.h"
#include "base/banned.h"
#include "base/hash.h"
#include "base/units.h"
#include <stdlib.h>

void unchanged_done(struct unchanged *u)
{
	free(u->v);
	seen_done(&u->set);
	*u = (struct unchanged){ 0 };
}

static int64_t hash_of(const char *name)
{
	return (int64_t)(hash_end(hash_add(HASH_START, slice_str(name))) >> 1);
}

static struct slice bytes_of(const int64_t *hash)
{
	return (struct slice){ (const char *)hash, sizeof(*hash) };
}

static void add(struct unchanged *u, int64_t hash)
{
	if (!seen_add(&u->set, bytes_of(&hash)))
		return;
	if (u->n == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 64;
		u->v = xrealloc(u->v, u->cap, sizeof(*u->v));
	}
	u->v[u->n++] = hash;
}

void unchanged_add(struct unchanged *u, const char *name)
{
	add(u, hash_of(name));
}

bool unchanged_has(const struct unchanged *u, const char *name)
{
	int64_t hash = hash_of(name);
	return u->n > 0 && seen_has(&u->set, bytes_of(&hash));
}

void unchanged_put(const struct unchanged *u, struct json_writer *w)
{
	json_open(w, '[');
	for (size_t i = 0; i < u->n; i++)
		json_put_int(w, u->v[i]);
	json_close(w, ']');
}

void unchanged_read(struct unchanged *u, struct slice list)
{
	struct slice key, value;
	int64_t hash;
	if (json_type(list) != JSON_ARRAY)
		return;
	struct json_iter it = json_iter(list);
	while (json_next(&it, &key, &value))
		if (units_int(value, &hash) == 0)
			add(u, hash);
}
