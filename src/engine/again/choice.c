/* choice.c - which dead letters are meant: by id, by a program, or all
 *
 * What this room is for: `dead ls`, `show`, `replay`, `export` and `drop` choose in the same words.
 * What flows through:    pages of letters, from the state to a function.
 * What must hold:        (1) an id that is nobody's is a mistake, told before anything is done with the others. (2) a program
 *   that fails at a letter ends the choice: half a choice is none. (3) who wants one letter gets no second with it. */
#include "engine/again/choice.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/units.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As ledger.c makes them: of the split and the ordinal, then of each child's index. */
static uint64_t make_id(const struct kept_letter *l)
{
	uint64_t id = hash_end(hash_add(HASH_START, slice_str(l->split)) + l->ordinal);
	struct slice number, rest = slice_str(l->path);
	while (rest.n > 0) {
		int64_t index = 0;
		(void)slice_cut(rest, '.', &number, &rest);
		if (units_int(number, &index) < 0)
			break;
		id = hash_end(id + (uint64_t)index + 1);
	}
	return id;
}

const char *letter_id(const struct kept_letter *l, char id[static 20])
{
	if (l->id[0])
		snprintf(id, 20, "%s", l->id);
	else
		snprintf(id, 20, "%016llx", (unsigned long long)make_id(l));
	return id;
}

/* ---- one letter ---- */
struct choosing {
	const struct choice *choice;
	bool *met; /* of each id: it is somebody's */
	letter_fn *fn;
	void *arg;
};

static bool is_named(struct choosing *c, const struct kept_letter *l)
{
	char id[20];
	bool named = c->choice->id_count == 0;
	letter_id(l, id);
	for (size_t i = 0; i < c->choice->id_count; i++)
		if (slice_starts(slice_str(id), slice_str(c->choice->ids[i])))
			c->met[i] = named = true;
	return named;
}

/* 1, 0, -1 with *err */
static int is_wanted(const struct choice *c, const struct kept_letter *l, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf json = { .max = LETTER_JSON_MAX };
	if (!c->where)
		return 1;
	if (letter_put_json(l, &json) < 0)
		return fail(err, FAULT_IO, "out of memory for a dead letter");
	const struct env env = { .record = buf_slice(&json) };
	int yes = jq_truth(c->where, &env, err);
	if (yes >= 0)
		return yes;
	struct err why = *err;
	return fail(err, why.fault,
		    "--where, at letter %.8s: %.300s; records differ: a '?' behind what may not "
		    "be there leaves such letters out, as in '.record.items[0]?'",
		    l->id, why.text);
}

static int choose(struct choosing *c, const struct letter_key *key, const struct kept_letter *l,
		  struct err *err) SUSPENDS
{
	struct kept_letter named = *l;
	char id[20];
	named.id = letter_id(l, id);
	if (!is_named(c, &named))
		return 0;
	int yes = is_wanted(c->choice, &named, err);
	return yes > 0 ? c->fn(c->arg, key, &named, err) : yes;
}

/* ---- all of them ---- */
static int choose_page(struct choosing *c, const struct letter_key *keys,
		       const struct letter_page *page, struct err *err) SUSPENDS
{
	int r = 0;
	for (size_t i = 0, at = 0; i < page->n && r == 0; i++, at++) {
		while (keys[at].row != page->letters[i].row) /* dropped meanwhile */
			at++;
		r = choose(c, &keys[at], &page->letters[i], err);
	}
	return r;
}

static int check_met(const struct choosing *c, struct err *err)
{
	for (size_t i = 0; i < c->choice->id_count; i++)
		if (!c->met[i])
			return fail(err, FAULT_CONFIG, "there is no dead letter '%s'%s",
				    c->choice->ids[i],
				    c->choice->closed_too ? "" : " (any more): hocket dead ls");
	return 0;
}

int choice_each(struct state *s, const char *pipeline, const struct choice *choice, letter_fn *fn,
		void *arg, struct err *err)
{
	AUTO(letter_list_done) struct letter_list all = { 0 };
	struct choosing c = { choice, xcalloc(choice->id_count + 1, sizeof(bool)), fn, arg };
	int r = state_list_letters(s, pipeline, choice->closed_too, &all, err);
	for (size_t at = 0; r == 0 && at < all.n;) {
		AUTO(letter_page_done) struct letter_page page = { 0 };
		r = state_read_letters(s, all.keys + at, all.n - at, &page, err);
		if (r == 0)
			r = choose_page(&c, all.keys + at, &page, err);
		at += page.keys;
	}
	if (r == 0)
		r = check_met(&c, err);
	free(c.met);
	return r;
}

/* ---- one id, one letter ---- */
enum { CANDIDATES_SHOWN = 3 };
struct candidates {
	char id[20], run[40]; /* of the last */
	size_t n;
	struct buf list;
};
struct telling_apart {
	const struct choice *choice;
	struct candidates *of; /* each id */
};

static int add_candidate(struct candidates *c, const struct kept_letter *l, struct err *err)
{
	const char *slash = strrchr(l->split, '/');
	if (c->n > 0 && strcmp(c->id, l->id) == 0 && strcmp(c->run, l->run) == 0)
		return 0;
	snprintf(c->id, sizeof c->id, "%s", l->id);
	snprintf(c->run, sizeof c->run, "%s", l->run);
	if (++c->n > CANDIDATES_SHOWN)
		return 0;
	if (buf_printf(&c->list, "\n  %.16s  %.24s:%llu  %.10s %.8s  run %s", l->id,
		       slash ? slash + 1 : l->split, (unsigned long long)l->line, l->time,
		       strlen(l->time) > 11 ? l->time + 11 : "", l->run) < 0)
		return fail(err, FAULT_IO, "out of memory for dead letters");
	return 0;
}

static int tell_apart(void *arg, const struct letter_key *key, const struct kept_letter *l,
		      struct err *err)
{
	struct telling_apart *t = arg;
	int r = 0;
	(void)key;
	for (size_t i = 0; i < t->choice->id_count && r == 0; i++)
		if (slice_starts(slice_str(l->id), slice_str(t->choice->ids[i])))
			r = add_candidate(&t->of[i], l, err);
	return r;
}

static int refuse_several(const struct candidates *c, const char *id, struct err *err)
{
	char more[40] = "";
	if (c->n > CANDIDATES_SHOWN)
		snprintf(more, sizeof more, "\n  and %zu more", c->n - CANDIDATES_SHOWN);
	return fail(err, FAULT_CONFIG,
		    "'%s' is %zu dead letters:%s%s\ngive more of the id, or say of which run: "
		    "--where '.run == \"%s\"'",
		    id, c->n, c->list.p, more, c->run);
}

int choice_check_ids(struct state *s, const char *pipeline, const struct choice *choice,
		     struct err *err)
{
	struct telling_apart t = { choice, xcalloc(choice->id_count + 1, sizeof *t.of) };
	int r = choice->id_count ? choice_each(s, pipeline, choice, tell_apart, &t, err) : 0;
	for (size_t i = 0; i < choice->id_count; i++) {
		if (r == 0 && t.of[i].n > 1)
			r = refuse_several(&t.of[i], choice->ids[i], err);
		buf_done(&t.of[i].list);
	}
	free(t.of);
	return r;
}

static int add_key(void *arg, const struct letter_key *key, const struct kept_letter *l,
		   struct err *err)
{
	struct letter_list *list = arg;
	(void)l;
	(void)err;
	if ((list->n & (list->n - 1)) == 0) /* full at each power of two */
		list->keys = xrealloc(list->keys, list->n ? 2 * list->n : 1, sizeof *list->keys);
	list->keys[list->n++] =
		(struct letter_key){ .row = key->row,
				     .split = arena_str(list->arena, slice_str(key->split)),
				     .path = arena_str(list->arena, slice_str(key->path)),
				     .ordinal = key->ordinal };
	return 0;
}

int choice_list(struct state *s, const char *pipeline, const struct choice *choice,
		struct letter_list *ret, struct err *err)
{
	*ret = (struct letter_list){ .arena = arena_new() };
	int r = choice_each(s, pipeline, choice, add_key, ret, err);
	if (r < 0)
		letter_list_done(ret);
	return r;
}
