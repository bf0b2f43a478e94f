/* claims.c - each key passes once
 *
 * What this room is for: the keys of `unique` and its like, from the moment a record passes with one until it is kept or given back.
 *
 *     out_claim -> table, on the item --commit: claims_put--> state's log, sieve --settled; merged--> out of the table
 *                        `-- the record died: not put, or given back (claims_give_back)
 *
 * What flows through:    keys as JSON text in; digests to the state.
 * What must hold:        what claims.h promises. Behind a step that calls out the first that arrives passes. */
#include "engine/run/claims.h"

#include "engine/state/claims.h"
#include "io/digest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a sieve: has this key been seen? No, or perhaps (a Bloom filter that grows by layers) ---- */
enum { LAYERS = 32, FIRST_KEYS = 1 << 16, BITS_A_KEY = 16, PROBES = 6 };
struct layer {
	uint64_t *bits;
	size_t keys, most; /* most: a power of two */
};
struct sieve {
	struct layer layers[LAYERS];
	size_t n;
};

struct probe { /* two independent halves of a digest, as good as PROBES hashes */
	uint64_t at, stride;
};

static struct probe probe_of(const uint8_t key[static CLAIM_KEY_BYTES])
{
	struct probe p;
	memcpy(&p.at, key, sizeof p.at);
	memcpy(&p.stride, key + sizeof p.at, sizeof p.stride);
	p.stride |= 1;
	return p;
}

static bool layer_has(const struct layer *l, struct probe p)
{
	uint64_t mask = l->most * BITS_A_KEY - 1;
	for (int i = 0; i < PROBES; i++, p.at += p.stride)
		if (!(l->bits[(p.at & mask) / 64] >> (p.at & 63) & 1))
			return false;
	return true;
}

static bool sieve_has(const struct sieve *s, const uint8_t key[static CLAIM_KEY_BYTES])
{
	for (size_t i = s->n; i-- > 0;)
		if (layer_has(&s->layers[i], probe_of(key)))
			return true;
	return false;
}

static struct layer *sieve_room(struct sieve *s)
{
	struct layer *last = s->n ? &s->layers[s->n - 1] : NULL;
	if (last && (last->keys < last->most || s->n == LAYERS))
		return last;
	struct layer *next = &s->layers[s->n++];
	next->most = last ? last->most * 2 : FIRST_KEYS;
	next->bits = xcalloc(next->most * BITS_A_KEY / 64, sizeof *next->bits);
	return next;
}

static void sieve_add(void *sieve, const uint8_t key[static CLAIM_KEY_BYTES])
{
	struct layer *l = sieve_room(sieve);
	struct probe p = probe_of(key);
	uint64_t mask = l->most * BITS_A_KEY - 1;
	for (int i = 0; i < PROBES; i++, p.at += p.stride)
		l->bits[(p.at & mask) / 64] |= UINT64_C(1) << (p.at & 63);
	l->keys++;
}

static size_t sieve_keys(const struct sieve *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += s->layers[i].keys;
	return n;
}

static void sieve_done(struct sieve *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->layers[i].bits);
}

/* ---- keys of records on their way, and of those that were settled lately ---- */
enum { SETTLED_MAX = 1 << 17, RENEW_FROM = 1 << 17 };
struct key_claim {
	struct key_claim *next_in_slot, *next_of_item;
	struct item *item; /* NULL: settled */
	const struct step *step;
	uint8_t key[CLAIM_KEY_BYTES];
	int64_t expires_wall_ns, owner;
	bool known; /* the state has it from an earlier part of the run */
	bool put;   /* this part has put it there */
};
struct claims {
	struct claims_place {
		int64_t number; /* the state's */
		struct sieve sieve;
		size_t renewed; /* keys in it, when they were read last */
	} * places;             /* of each step */
	struct key_claim **slots;
	size_t n, cap;         /* cap: a power of two */
	size_t settled;        /* of these: not merged yet */
	int64_t tidy_again_ns; /* not before */
	char first_run[40];
	char letters_run[40],
		letters_first[40]; /* replay: of the last letter, and the first before that */
};

static size_t slot_of(const struct claims *c, const uint8_t key[static CLAIM_KEY_BYTES])
{
	return (size_t)probe_of(key).at & (c->cap - 1);
}

static struct key_claim *table_find(const struct claims *c, const struct step *step,
				    const uint8_t key[static CLAIM_KEY_BYTES])
{
	struct key_claim *k = c->slots[slot_of(c, key)];
	while (k && (k->step != step || memcmp(k->key, key, CLAIM_KEY_BYTES) != 0))
		k = k->next_in_slot;
	return k;
}

static void table_grow(struct claims *c)
{
	struct key_claim **old = c->slots;
	size_t was = c->cap;
	c->cap *= 2;
	c->slots = xcalloc(c->cap, sizeof(struct key_claim *));
	for (size_t i = 0; i < was; i++)
		for (struct key_claim *k = old[i], *next; k; k = next) {
			struct key_claim **slot = &c->slots[slot_of(c, k->key)];
			next = k->next_in_slot;
			k->next_in_slot = *slot;
			*slot = k;
		}
	free(old);
}

static void table_add(struct claims *c, struct key_claim *takes)
{
	if (c->n++ == c->cap)
		table_grow(c);
	struct key_claim **slot = &c->slots[slot_of(c, takes->key)];
	takes->next_in_slot = *slot;
	*slot = takes;
	takes->next_of_item = takes->item->claims;
	takes->item->claims = takes;
}

static void table_remove(struct claims *c, struct key_claim *k)
{
	struct key_claim **at = &c->slots[slot_of(c, k->key)];
	while (*at != k)
		at = &(*at)->next_in_slot;
	*at = k->next_in_slot;
	c->n--;
	free(k);
}

/* ---- claims as the state has them ---- */

/* A record is the same in all runs that go on behind each other, also when they are rewound: what counts is the first of them. */
static int first_run_of(struct run *run, const struct track *t, const char **ret,
			struct err *err) SUSPENDS
{
	struct claims *c = run->claims;
	*ret = c->first_run;
	if (!t->origin)
		return 0;
	*ret = c->letters_first;
	if (strcmp(c->letters_run, t->origin->run) == 0)
		return 0;
	if (state_first_run(run->state, run->plan->name, t->origin->run, c->letters_first, err) < 0)
		return -1;
	snprintf(c->letters_run, sizeof c->letters_run, "%s", t->origin->run);
	return 0;
}

/* What a fold gives has another ordinal each time that it is given, and one id. */
static uint64_t number_of(const struct track *t)
{
	if (t->origin)
		return t->origin->ordinal;
	return t->split->made ? t->root.id : t->ordinal;
}

static int digest_owner(const char *first_run, const struct item *it, int64_t *ret)
{
	const struct track *t = it->track;
	const struct origin *o = t->origin;
	uint64_t number = number_of(t);
	uint8_t whole[DIGEST_BYTES];
	AUTO(digest_done) struct digest d = { 0 };
	AUTO(buf_done) struct buf path = { 0 };
	int r = digest_init(&d);
	if (r == 0)
		r = item_put_origin_path(it, &path);
	if (r < 0)
		return r;
	digest_add(&d, slice_str(first_run));
	digest_add(&d, slice_str(o ? o->split : t->split->name));
	digest_add(&d, (struct slice){ (const char *)&number, sizeof number });
	digest_add(&d, buf_slice(&path));
	digest_end(&d, whole);
	memcpy(ret, whole, sizeof *ret);
	return 0;
}

static void put_claim(const struct run *run, const struct key_claim *k, struct state_claim *ret)
{
	*ret = (struct state_claim){ .place = run->claims->places[k->step->index].number,
				     .expires_wall_ns = k->expires_wall_ns,
				     .owner = k->owner };
	memcpy(ret->key, k->key, sizeof ret->key);
}

/* ---- taking a key ---- */
static int digest_key(struct slice json, uint8_t ret[static CLAIM_KEY_BYTES])
{
	uint8_t whole[DIGEST_BYTES];
	AUTO(digest_done) struct digest d = { 0 };
	int r = digest_init(&d);
	if (r < 0)
		return r;
	digest_add(&d, json);
	digest_end(&d, whole);
	memcpy(ret, whole, CLAIM_KEY_BYTES);
	return 0;
}

/* The state knows it, or the sieve was wrong. *free_ is also set when it is the record's own, from before a crash. */
static int ask_state(struct run *run, struct key_claim *k, bool *free_, struct err *err) SUSPENDS
{
	struct state_claim asked;
	bool held = false, his = false;
	put_claim(run, k, &asked);
	int r = state_get_claim(run->state, &asked, hk_wall_ns(), &held, &his, err);
	k->known = his;
	*free_ = !held || his;
	return r;
}

/* Whose it is, and which. */
static int name_claim(struct run *run, struct key_claim *k, struct slice key,
		      struct err *err) SUSPENDS
{
	const char *first_run;
	if (first_run_of(run, k->item->track, &first_run, err) < 0)
		return -1;
	if (digest_key(key, k->key) < 0 || digest_owner(first_run, k->item, &k->owner) < 0)
		return fail(err, FAULT_IO, "out of memory");
	return 0;
}

/* Its time is over, though the record was settled in this part of the run: it need not be merged to be free. */
static bool is_over(const struct key_claim *k)
{
	return !k->item && k->expires_wall_ns && k->expires_wall_ns <= hk_wall_ns();
}

/* Somebody has the key, on the way or settled. */
static bool table_has(struct claims *c, const struct step *s,
		      const uint8_t key[static CLAIM_KEY_BYTES])
{
	struct key_claim *k = table_find(c, s, key);
	if (!k || !is_over(k))
		return k != NULL;
	c->settled--;
	table_remove(c, k);
	return false;
}

int out_claim(struct out *o, struct slice key, struct err *err)
{
	struct step *s = o->step;
	struct claims *c = s->run->claims;
	int64_t keep = s->place->facts.claims_ns;
	bool is_free = true;
	struct key_claim *k = xcalloc(1, sizeof *k);
	*k = (struct key_claim){ .item = o->item,
				 .step = s,
				 .expires_wall_ns = keep > 0 ? hk_wall_ns() + keep : 0 };
	int r = name_claim(s->run, k, key, err);
	if (r == 0 && table_has(c, s, k->key))
		is_free = false;
	else if (r == 0 && sieve_has(&c->places[s->index].sieve, k->key))
		r = ask_state(s->run, k, &is_free, err);
	/* Another may have come while the state was asked. */
	if (r == 0 && is_free && !table_has(c, s, k->key)) {
		table_add(c, k);
		return 1;
	}
	free(k);
	o->duplicate = r == 0;
	return r;
}

/* ---- committing ---- */
static void mark_lost(struct track *t)
{
	for (struct dead_letter *d = t->dead; d; d = d->next)
		for (struct item *i = d->item; i && !i->lost; i = i->parent)
			i->lost = true;
}

struct chosen { /* claims of a batch, as the state has them */
	struct state_claim *v;
	size_t n, cap;
};

static void chosen_done(struct chosen *c)
{
	free(c->v);
}

static void choose(const struct run *run, struct key_claim *k, bool dead, struct chosen *to)
{
	if (to->n == to->cap) {
		to->cap = to->cap ? to->cap * 2 : 64;
		to->v = xrealloc(to->v, to->cap, sizeof *to->v);
	}
	struct state_claim *c = &to->v[to->n++];
	put_claim(run, k, c);
	k->put = !dead;
	k->known = false;
	if (dead)
		c->expires_wall_ns = CLAIM_GIVEN_BACK;
	else
		sieve_add(&run->claims->places[k->step->index].sieve, k->key);
}

/* Puts those of living records, also what the state has from an earlier part: it is this batch now that they are settled with. Or
 * gives back those of dead ones that are in the state. */
static int put_chosen(struct run *run, struct track *first, bool dead, struct err *err) SUSPENDS
{
	AUTO(chosen_done) struct chosen all = { 0 };
	for (struct track *t = first; t; t = t->next_ready) {
		mark_lost(t);
		for (struct item *it = &t->root; it; it = item_next(it))
			for (struct key_claim *k = it->claims; k; k = k->next_of_item)
				if ((dead ? k->put || k->known : !k->put) && it->lost == dead)
					choose(run, k, dead, &all);
	}
	return all.n ? state_put_claims(run->state, all.v, all.n, err) : 0;
}

static bool any_on_their_way(const struct run *run)
{
	return run->claims && run->claims->n > run->claims->settled;
}

/* The settled are found in the state from then on. */
static int merge(struct run *run, struct err *err) SUSPENDS
{
	struct claims *c = run->claims;
	if (state_merge_claims(run->state, err) < 0)
		return -1;
	for (size_t i = 0; i < c->cap; i++)
		for (struct key_claim *k = c->slots[i], *next; k; k = next) {
			next = k->next_in_slot;
			if (!k->item)
				table_remove(c, k);
		}
	c->settled = 0;
	return 0;
}

int claims_put(struct run *run, struct track *first, struct err *err)
{
	if (!any_on_their_way(run))
		return 0;
	if (run->claims->settled >= SETTLED_MAX && merge(run, err) < 0)
		return -1;
	return put_chosen(run, first, false, err);
}

int claims_give_back(struct run *run, struct track *first, struct err *err)
{
	return any_on_their_way(run) ? put_chosen(run, first, true, err) : 0;
}

void claims_settled(struct run *run, struct track *t)
{
	if (!any_on_their_way(run))
		return;
	for (struct item *it = &t->root; it; it = item_next(it))
		for (struct key_claim *k = take(it->claims), *next; k; k = next) {
			next = k->next_of_item;
			k->item = NULL;
			if (k->put)
				run->claims->settled++;
			else
				table_remove(run->claims, k);
		}
}

/* ---- tidying ---- */

/* Of the steps whose keys expire, the shortest time; INT64_MAX: there is none. */
static int64_t least_time(const struct run *run)
{
	int64_t least = INT64_MAX;
	for (size_t i = 0; i < run->plan->step_count; i++) {
		int64_t ns = run->plan->steps[i].facts.claims_ns;
		least = ns > 0 && ns < least ? ns : least;
	}
	return least;
}

/* Its keys are read again when most of them have gone: else it would grow with all that ever came. */
static int renew_sieve(struct run *run, size_t step, struct err *err) SUSPENDS
{
	struct claims_place *p = &run->claims->places[step];
	struct sieve fresh = { 0 };
	if (sieve_keys(&p->sieve) <= 2 * p->renewed + RENEW_FROM)
		return 0;
	int r = state_each_claim(run->state, p->number, hk_wall_ns(), sieve_add, &fresh, err);
	if (r < 0) {
		sieve_done(&fresh);
		return r;
	}
	sieve_done(&p->sieve);
	p->sieve = fresh;
	p->renewed = sieve_keys(&fresh);
	return 0;
}

int claims_tidy(struct run *run, struct err *err)
{
	struct claims *c = run->claims;
	int64_t time = c ? least_time(run) : INT64_MAX, now = hk_wall_ns();
	int r = 0;
	if (time == INT64_MAX || hk_now_ns() < c->tidy_again_ns)
		return 0;
	c->tidy_again_ns = hk_now_ns() + time / 4; /* a quarter more than are good, at most */
	if (merge(run, err) < 0 ||
	    state_tidy_claims(run->state, run->plan->name, c->first_run, now, err) < 0)
		return -1;
	for (size_t i = 0; i < run->plan->step_count && r == 0; i++)
		r = run->plan->steps[i].facts.claims_ns > 0 ? renew_sieve(run, i, err) : 0;
	return r;
}

/* ---- opening ---- */
static int find_first_run(struct run *run, struct err *err) SUSPENDS
{
	struct claims *c = run->claims;
	const char *behind = run->replay         ? ""
			     : run->resumed      ? run->id
			     : run->continues[0] ? run->continues
						 : NULL;
	if (!behind)
		memcpy(c->first_run, run->id, sizeof c->first_run);
	else if (state_first_run(run->state, run->plan->name, behind, c->first_run, err) < 0)
		return -1;
	if (run->replay)
		return 0;
	return state_tidy_claims(run->state, run->plan->name, c->first_run, hk_wall_ns(), err);
}

static const char *scope_of(const struct run *run, const struct place *place)
{
	return place->facts.claims_ns > 0 ? run->plan->name : run->claims->first_run;
}

static int open_place(struct run *run, const struct step *s, struct err *err) SUSPENDS
{
	struct claims_place *p = &run->claims->places[s->index];
	if (state_claim_place(run->state, scope_of(run, s->place), s->own_name, &p->number, err) <
	    0)
		return -1;
	int r = state_each_claim(run->state, p->number, hk_wall_ns(), sieve_add, &p->sieve, err);
	p->renewed = sieve_keys(&p->sieve);
	return r;
}

int claims_open(struct run *run, struct err *err)
{
	bool any = false;
	for (size_t i = 0; i < run->plan->step_count; i++)
		any |= run->plan->steps[i].facts.claims_ns != 0;
	if (!any)
		return 0;
	struct claims *c = run->claims = xcalloc(1, sizeof *c);
	c->places = xcalloc(run->plan->step_count, sizeof *c->places);
	c->cap = 1024;
	c->slots = xcalloc(c->cap, sizeof(struct key_claim *));
	int r = run->resumed || run->replay
			? 0
			: state_drop_open_claims(run->state, run->plan->name, err);
	if (r == 0)
		r = state_merge_claims(run->state, err);
	if (r == 0)
		r = find_first_run(run, err);
	for (size_t i = 0; i < run->plan->step_count && r == 0; i++)
		if (run->steps[i].place->facts.claims_ns)
			r = open_place(run, &run->steps[i], err);
	return r;
}

void claims_close(struct run *run)
{
	struct claims *c = take(run->claims);
	if (!c)
		return;
	for (size_t i = 0; i < c->cap; i++)
		for (struct key_claim *k = c->slots[i], *next; k; k = next) {
			next = k->next_in_slot;
			free(k);
		}
	for (size_t i = 0; i < run->plan->step_count; i++)
		sieve_done(&c->places[i].sieve);
	free(c->places);
	free(c->slots);
	free(c);
}
