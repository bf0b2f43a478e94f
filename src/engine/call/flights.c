/* flights.c - who asks for what right now
 *
 * What this room is for: a hundred records that want the same translation pay for one.
 * What flows through:    keys (call.asked); answers go through the state, not through here.
 * What must hold:
 *  (1) a flight is in its bucket while it has users. (2) who leads ends it once, before it leaves. */
#include "engine/call/flights.h"

#include <stdlib.h>
#include <string.h>

/* A digest's bits are as good as any hash. */
static struct flight **bucket_of(struct flights *all, const uint8_t *key)
{
	return &all->buckets[(key[0] | (size_t)key[1] << 8) % ARRAY_SIZE(all->buckets)];
}

struct flight *flight_join(struct flights *all, const uint8_t key[static 32])
{
	struct flight **bucket = bucket_of(all, key), *f = *bucket;
	while (f && memcmp(f->key, key, sizeof f->key) != 0)
		f = f->next;
	if (!f) {
		f = xcalloc(1, sizeof *f);
		memcpy(f->key, key, sizeof f->key);
		f->next = *bucket;
		*bucket = f;
	}
	f->users++;
	return f;
}

void flight_end(struct flight *f, bool landed)
{
	ASSERT(f->led);
	f->led = false;
	f->landed |= landed;
	hk_event_set(&f->changed);
	hk_event_clear(&f->changed); /* who waits later, waits for the next change */
}

void flight_leave(struct flights *all, struct flight *f)
{
	if (!f)
		return;
	ASSERT(f->users > 0);
	if (--f->users > 0)
		return;
	ASSERT(!f->led);
	struct flight **at = bucket_of(all, f->key);
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	free(f);
}
