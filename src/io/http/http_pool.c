/* http_pool.c - idle connections, kept per origin
 *
 * What this room is for: reuse without search. libcurl looks at every connection of a host for each request, which costs
 *   it 53 us at a thousand connections; here taking and putting are a few pointer moves.
 * What flows through:    connections between exchanges. Each idle one is in two rings: its origin's (used as a stack) and
 *   the pool's (in order of age, for expiry and for running out of descriptors).
 * What must hold:        see http_pool.h. */
#include "io/http/http_pool.h"
#include "base/hash.h"
#include <stdlib.h>
#include <string.h>

/* ---- rings ------------------------------------------------------------------------------------- */

static void link_init(struct http_link *l)
{
	l->next = l->prev = l;
}

static void link_add(struct http_link *ring, struct http_link *l)
{
	l->next = ring->next;
	l->prev = ring;
	ring->next->prev = l;
	ring->next = l;
}

static void link_remove(struct http_link *l)
{
	l->next->prev = l->prev;
	l->prev->next = l->next;
	link_init(l);
}

/* ---- origins ------------------------------------------------------------------------------------ */

#define FIRST_BUCKETS 16

void http_pool_init(struct http_pool *p, size_t idle_per_origin, int64_t idle_ns)
{
	*p = (struct http_pool){ .idle_per_origin = idle_per_origin,
				 .idle_max = idle_per_origin < 4096 ? 4096 : idle_per_origin,
				 .idle_ns = idle_ns,
				 .bucket_count = FIRST_BUCKETS };
	p->buckets = xcalloc(FIRST_BUCKETS, sizeof(*p->buckets));
	link_init(&p->idle);
	link_init(&p->dormant);
}

static void forget_oldest(struct http_pool *p);

void http_pool_done(struct http_pool *p)
{
	while (http_pool_evict(p)) {
	}
	while (p->dormant_count > 0)
		forget_oldest(p);
	ASSERT(p->origin_count == 0);
	free(p->buckets);
	p->buckets = NULL;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static uint64_t hash_origin(const struct url *u, bool insecure, const struct http_trust *trust)
{
	char key[264];
	size_t n = u->host.n < 255 ? u->host.n : 255;
	for (size_t i = 0; i < n; i++)
		key[i] = lower(u->host.p[i]);
	key[n++] = (char)(u->port >> 8);
	key[n++] = (char)(u->port & 255);
	key[n++] = (char)(u->tls * 2 + insecure);
	uint64_t h = hash_add(HASH_START, (struct slice){ key, n });
	return hash_end(hash_add(h, (struct slice){ (const char *)&trust, sizeof(trust) }));
}

static bool same_origin(const struct http_origin *o, const struct url *u, bool insecure,
			const struct http_trust *trust)
{
	return o->port == u->port && o->tls == u->tls && o->insecure == insecure &&
	       o->trust == trust && slice_eq_nocase(slice_str(o->host), u->host);
}

static void grow(struct http_pool *p)
{
	size_t n = p->bucket_count * 2;
	struct http_origin **buckets = xcalloc(n, sizeof(*buckets));
	for (size_t i = 0; i < p->bucket_count; i++) {
		while (p->buckets[i]) {
			struct http_origin *o = p->buckets[i];
			p->buckets[i] = o->chain;
			o->chain = buckets[o->hash & (n - 1)];
			buckets[o->hash & (n - 1)] = o;
		}
	}
	free(p->buckets);
	p->buckets = buckets;
	p->bucket_count = n;
}

/* A dormant origin is named again. */
static void wake(struct http_pool *p, struct http_origin *o)
{
	if (o->uses > 0)
		return;
	ASSERT(p->dormant_count > 0);
	link_remove(&o->dormant);
	p->dormant_count--;
}

struct http_origin *http_pool_origin(struct http_pool *p, const struct url *u, bool insecure,
				     const struct http_trust *trust)
{
	uint64_t h = hash_origin(u, insecure, trust);
	struct http_origin *o = p->buckets[h & (p->bucket_count - 1)];
	while (o && !(o->hash == h && same_origin(o, u, insecure, trust)))
		o = o->chain;
	if (o) {
		wake(p, o);
		o->uses++;
		return o;
	}
	if (p->origin_count >= p->bucket_count)
		grow(p);
	o = xcalloc(1, sizeof(*o) + u->host.n + 1);
	for (size_t i = 0; i < u->host.n; i++)
		o->host[i] = lower(u->host.p[i]);
	o->hash = h;
	o->port = u->port;
	o->tls = u->tls;
	o->insecure = insecure;
	o->trust = trust;
	o->uses = 1;
	link_init(&o->idle);
	o->chain = p->buckets[h & (p->bucket_count - 1)];
	p->buckets[h & (p->bucket_count - 1)] = o;
	p->origin_count++;
	return o;
}

static void forget(struct http_pool *p, struct http_origin *o)
{
	struct http_origin **at = &p->buckets[o->hash & (p->bucket_count - 1)];
	while (*at != o)
		at = &(*at)->chain;
	*at = o->chain;
	p->origin_count--;
	if (o->session)
		p->forget_session(o);
	free(o);
}

static void forget_oldest(struct http_pool *p)
{
	struct http_origin *o = container_of(p->dormant.prev, struct http_origin, dormant);
	link_remove(&o->dormant);
	p->dormant_count--;
	forget(p, o);
}

void http_origin_release(struct http_pool *p, struct http_origin *o)
{
	ASSERT(o->uses > 0);
	if (--o->uses > 0)
		return;
	ASSERT(o->idle_count == 0);
	if (!o->session) {
		forget(p, o);
		return;
	}
	link_add(&p->dormant, &o->dormant);
	if (++p->dormant_count > POOL_DORMANT)
		forget_oldest(p);
}

/* ---- idle connections ---------------------------------------------------------------------------- */

static void unlink_idle(struct http_pool *p, struct http_conn *c)
{
	ASSERT(p->idle_count > 0 && c->origin->idle_count > 0);
	link_remove(&c->in_origin);
	link_remove(&c->in_pool);
	c->origin->idle_count--;
	p->idle_count--;
}

static void close_idle(struct http_pool *p, struct http_conn *c)
{
	struct http_origin *o = c->origin;
	unlink_idle(p, c);
	http_conn_close(c);
	http_origin_release(p, o);
}

static struct http_conn *oldest(struct http_pool *p)
{
	return p->idle_count ? container_of(p->idle.prev, struct http_conn, in_pool) : NULL;
}

bool http_pool_evict(struct http_pool *p)
{
	struct http_conn *c = oldest(p);
	if (c)
		close_idle(p, c);
	return c != NULL;
}

/* Two at most, so that each operation stays short; more are left for the next one. */
static void expire(struct http_pool *p, int64_t now_ns)
{
	for (int i = 0; i < 2; i++) {
		struct http_conn *c = oldest(p);
		if (!c || now_ns - c->idle_since_ns < p->idle_ns)
			return;
		close_idle(p, c);
	}
}

struct http_conn *http_pool_take(struct http_pool *p, struct http_origin *o, int64_t now_ns)
{
	struct http_conn *found = NULL;
	while (!found && o->idle_count > 0) {
		struct http_conn *c = container_of(o->idle.next, struct http_conn, in_origin);
		if (now_ns - c->idle_since_ns < p->idle_ns && c->wire->quiet(c)) {
			unlink_idle(p, c);
			found = c;
		} else {
			close_idle(p, c);
		}
	}
	expire(p, now_ns);
	return found;
}

void http_pool_put(struct http_pool *p, struct http_conn *c, int64_t now_ns)
{
	struct http_origin *o = c->origin;
	c->idle_since_ns = now_ns;
	link_add(&o->idle, &c->in_origin);
	link_add(&p->idle, &c->in_pool);
	o->idle_count++;
	p->idle_count++;
	if (o->idle_count > p->idle_per_origin)
		close_idle(p, container_of(o->idle.prev, struct http_conn, in_origin));
	else if (p->idle_count > p->idle_max)
		http_pool_evict(p);
	expire(p, now_ns);
}
