/* windows.c - the windows that are open: a table and a list in one array
 *
 * What this room is for: per key the fewest bytes that will do, and no allocation of its own.
 * What flows through:    digests of keys in; places out. They are 32-bit numbers into one array, so that it can grow where it lies.
 * What must hold:
 *  (1) a place is on one shelf and in the list by age, or on the list of spare ones.
 *  (2) keys are digests: their first bytes are as good as any hash of them. */
#include "engine/run/windows.h"

#include "base/lang.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_PLACES = 64 };

static struct window *at(const struct windows *ws, uint32_t place)
{
	ASSERT(place > 0 && place <= ws->used);
	return &ws->v[place - 1];
}

static uint32_t place_of(const struct windows *ws, const struct window *w)
{
	return (uint32_t)(w - ws->v) + 1;
}

static uint32_t *shelf_of(const struct windows *ws, const uint8_t *key)
{
	uint32_t hash;
	memcpy(&hash, key, sizeof hash);
	return &ws->shelves[hash & (ws->cap - 1)];
}

static void put_on_shelf(struct windows *ws, struct window *w)
{
	uint32_t *shelf = shelf_of(ws, w->key);
	w->next = *shelf;
	*shelf = place_of(ws, w);
}

/* All are in use: none is spare. */
static void grow(struct windows *ws)
{
	ASSERT(ws->n == ws->cap && ws->cap < UINT32_MAX / 2);
	ws->cap = ws->cap ? 2 * ws->cap : FIRST_PLACES;
	ws->v = xrealloc(ws->v, ws->cap, sizeof *ws->v);
	free(ws->shelves);
	ws->shelves = xcalloc(ws->cap, sizeof *ws->shelves);
	for (uint32_t i = 0; i < ws->used; i++)
		put_on_shelf(ws, &ws->v[i]);
}

static struct window *new_place(struct windows *ws)
{
	if (!ws->spare && ws->used == ws->cap)
		grow(ws);
	if (!ws->spare)
		return &ws->v[ws->used++];
	struct window *w = at(ws, ws->spare);
	ws->spare = w->next;
	return w;
}

void windows_done(struct windows *ws)
{
	free(ws->v);
	free(ws->shelves);
	*ws = (struct windows){ 0 };
}

struct window *windows_find(const struct windows *ws, const uint8_t key[static WINDOW_KEY_BYTES])
{
	uint32_t place = ws->cap ? *shelf_of(ws, key) : 0;
	while (place && memcmp(at(ws, place)->key, key, WINDOW_KEY_BYTES) != 0)
		place = at(ws, place)->next;
	return place ? at(ws, place) : NULL;
}

struct window *windows_open(struct windows *ws, const uint8_t key[static WINDOW_KEY_BYTES],
			    uint64_t number, int64_t opened_ns)
{
	struct window *w = new_place(ws);
	*w = (struct window){ .number = number, .opened_ns = opened_ns, .older = ws->newest };
	memcpy(w->key, key, WINDOW_KEY_BYTES);
	put_on_shelf(ws, w);
	if (ws->newest)
		at(ws, ws->newest)->newer = place_of(ws, w);
	else
		ws->oldest = place_of(ws, w);
	ws->newest = place_of(ws, w);
	ws->n++;
	return w;
}

static void leave_shelf(const struct windows *ws, const struct window *w)
{
	uint32_t *link = shelf_of(ws, w->key);
	while (at(ws, *link) != w)
		link = &at(ws, *link)->next;
	*link = w->next;
}

void windows_close(struct windows *ws, struct window *w)
{
	ASSERT(ws->n > 0);
	leave_shelf(ws, w);
	*(w->older ? &at(ws, w->older)->newer : &ws->oldest) = w->newer;
	*(w->newer ? &at(ws, w->newer)->older : &ws->newest) = w->older;
	if (--ws->n == 0) { /* many were closed together, and may not come back */
		windows_done(ws);
		return;
	}
	w->next = ws->spare;
	ws->spare = place_of(ws, w);
}

struct window *windows_oldest(const struct windows *ws)
{
	return ws->oldest ? at(ws, ws->oldest) : NULL;
}

void windows_set_back(struct windows *ws, int64_t now_ns)
{
	for (uint32_t place = ws->oldest; place; place = at(ws, place)->newer)
		if (at(ws, place)->opened_ns > now_ns)
			at(ws, place)->opened_ns = now_ns;
}

size_t windows_bytes(const struct windows *ws)
{
	return ws->cap * (sizeof *ws->v + sizeof *ws->shelves);
}
