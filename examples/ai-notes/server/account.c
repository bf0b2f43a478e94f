/* account.c - a table of keys and prompts, and sums over them
 *
 * What this room is for: account.h says it. One table holds both kinds, under hashes with a salt of their own.
 * What flows through:    entries, made when they are first asked for and never removed: their number is what a run asks for.
 * What must hold:
 *  (1) an entry stays where it is when the table grows: tasks wait in it.
 *  (2) the table is never more than half full.
 *  (3) effects = the sum of all prompts' effects. */
#include "account.h"
#include "base/hash.h"
#include "base/json.h"
#include <stdlib.h>

static size_t slot_of(const struct account *a, uint64_t hash)
{
	size_t at = hash & (a->size - 1);
	while (a->slots[at] && a->slots[at]->hash != hash)
		at = (at + 1) & (a->size - 1);
	return at;
}

static void grow(struct account *a)
{
	struct account old = *a;
	a->size = old.size ? 2 * old.size : 1024;
	a->slots = xcalloc(a->size, sizeof(struct entry *));
	for (size_t i = 0; i < old.size; i++)
		if (old.slots[i])
			a->slots[slot_of(a, old.slots[i]->hash)] = old.slots[i];
	free(old.slots);
}

static struct entry *entry_get(struct account *a, uint64_t hash)
{
	if (2 * a->n >= a->size)
		grow(a);
	size_t at = slot_of(a, hash);
	if (!a->slots[at]) {
		struct entry *e = xcalloc(1, sizeof(*e));
		e->hash = hash;
		a->slots[at] = e;
		a->n++;
	}
	return a->slots[at];
}

struct entry *account_prompt(struct account *a, uint64_t hash)
{
	return entry_get(a, hash);
}

struct entry *account_key(struct account *a, struct slice key)
{
	struct entry *e = entry_get(a, hash_end(hash_add(hash_add(HASH_START, S("key")), key)));
	if (!e->key) {
		e->key = xstrndup(key.p, key.n);
		a->keys++;
	}
	return e;
}

void account_effect(struct account *a, struct entry *prompt, struct entry *key,
		    uint64_t prompt_tokens, uint64_t completion_tokens)
{
	a->effects++;
	a->paid_again += prompt->effects > 0;
	a->without_key += !key;
	a->prompt_tokens += prompt_tokens;
	a->completion_tokens += completion_tokens;
	prompt->effects++;
	prompt->tokens += prompt_tokens + completion_tokens;
	if (!key)
		return;
	a->key_twice += key->effects > 0;
	key->effects++;
	key->tokens += prompt_tokens + completion_tokens;
}

int account_write(const struct account *a, struct buf *out)
{
	const struct {
		const char *key;
		uint64_t n;
	} members[] = {
		{ "requests", a->requests },
		{ "answered", a->answered },
		{ "effects", a->effects },
		{ "keys", a->keys },
		{ "replayed", a->replayed },
		{ "without_key", a->without_key },
		{ "paid_again", a->paid_again },
		{ "key_twice", a->key_twice },
		{ "prompt_tokens", a->prompt_tokens },
		{ "completion_tokens", a->completion_tokens },
		{ "limited", a->limited },
		{ "refused", a->refused },
		{ "failed_500", a->failed_500 },
		{ "failed_503", a->failed_503 },
		{ "cut", a->cut },
		{ "torn", a->torn },
		{ "slow", a->slow },
		{ "cut_short", a->cut_short },
		{ "garbage", a->garbage },
		{ "most_at_once", a->most_at_once },
	};
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		json_key(&w, members[i].key);
		json_put_int(&w, (int64_t)members[i].n);
	}
	json_close(&w, '}');
	return json_writer_end(&w);
}

static int write_key(const struct entry *e, struct buf *out)
{
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "key");
	json_put_string(&w, slice_str(e->key));
	json_key(&w, "requests");
	json_put_int(&w, (int64_t)e->requests);
	json_key(&w, "effects");
	json_put_int(&w, (int64_t)e->effects);
	json_key(&w, "tokens");
	json_put_int(&w, (int64_t)e->tokens);
	json_close(&w, '}');
	int r = json_writer_end(&w);
	return r < 0 ? r : buf_add_char(out, '\n');
}

int account_write_keys(const struct account *a, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < a->size; i++)
		if (a->slots[i] && a->slots[i]->key)
			r = write_key(a->slots[i], out);
	return r;
}

void account_done(struct account *a)
{
	for (size_t i = 0; i < a->size; i++) {
		if (!a->slots[i])
			continue;
		free(a->slots[i]->key);
		free(a->slots[i]);
	}
	free(a->slots);
	*a = (struct account){ 0 };
}
