/* dns.c - names to addresses, off the loop, with a short memory
 *
 * What this room is for: getaddrinfo() is the only resolver that honours the machine's configuration (hosts file, search
 *   domains, nsswitch), and it blocks; so each question goes to the pool once and its answer is shared.
 * What flows through:    a name in, up to eight addresses out, in the order the resolver preferred (RFC 6724).
 *
 *   entry:   EMPTY --first asker--> ASKING --answer--> KNOWN --30 s or 1 s later, next asker--> ASKING
 *              ^-------- the asker was cancelled -------+ (one of the waiters asks instead)
 *
 * What must hold:
 *  (1) the asker is parked until getaddrinfo has returned, even when it is cancelled: the call writes to its stack.
 *      A deadline that runs out meanwhile is seen when it returns.
 *  (2) an entry with waiters is never freed; eviction takes only what nobody uses. */
#include "io/dns.h"
#include "base/hash.h"
#include <arpa/inet.h>
#include <errno.h>
#include <hocket/offload.h>
#include <hocket/run.h>
#include <hocket/sync.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_NS         (30 * HK_SEC)
#define KEEP_FAILURE_NS (1 * HK_SEC)
#define BUCKETS         256

enum entry_state { ENTRY_EMPTY, ENTRY_ASKING, ENTRY_KNOWN };

struct entry {
	struct entry *next;
	char *host; /* owns */
	enum entry_state state;
	unsigned users; /* inside dns_lookup */
	int64_t until_ns;
	const char *why; /* KNOWN: NULL or why there is no address */
	struct dns_answer answer;
	struct hk_event changed;
};

struct dns {
	struct entry *buckets[BUCKETS];
	size_t count;
};

struct question { /* on the asker's stack, read and written by the pool's thread */
	const char *host;
	const char *why;
	struct dns_answer *answer;
};

struct dns *dns_new(void)
{
	return xcalloc(1, sizeof(struct dns));
}

void dns_free(struct dns *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (d->buckets[i]) {
			struct entry *e = d->buckets[i];
			ASSERT(e->users == 0);
			d->buckets[i] = e->next;
			free(e->host);
			free(e);
		}
	}
	free(d);
}

/* ---- addresses ---------------------------------------------------------------------------------- */

socklen_t dns_address_size(const union dns_address *a)
{
	return a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

void dns_address_set_port(union dns_address *a, uint16_t port)
{
	if (a->any.sa_family == AF_INET6)
		a->v6.sin6_port = htons(port);
	else
		a->v4.sin_port = htons(port);
}

const char *dns_address_text(const union dns_address *a, char out[64])
{
	const void *raw =
		a->any.sa_family == AF_INET6 ? (const void *)&a->v6.sin6_addr : &a->v4.sin_addr;
	return inet_ntop(a->any.sa_family, raw, out, 64) ? out : "?";
}

static bool parse_numeric(const char *host, struct dns_answer *ret)
{
	ret->n = 0;
	union dns_address *a = &ret->at[0];
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1)
		a->v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &a->v6.sin6_addr) == 1)
		a->v6.sin6_family = AF_INET6;
	else
		return false;
	ret->n = 1;
	return true;
}

/* ---- the question, in the pool's thread ---------------------------------------------------------- */

static const char *gai_why(int code)
{
	switch (code) {
	case EAI_NONAME:
		return "no such host name";
	case EAI_AGAIN:
		return "the name server does not answer";
	default:
		return gai_strerror(code);
	}
}

static void copy_addresses(const struct addrinfo *list, struct dns_answer *ret)
{
	ret->n = 0;
	for (const struct addrinfo *a = list; a && ret->n < DNS_ADDRESSES; a = a->ai_next) {
		if ((a->ai_family != AF_INET && a->ai_family != AF_INET6) ||
		    a->ai_addrlen > sizeof(union dns_address))
			continue;
		union dns_address *to = &ret->at[ret->n++];
		memset(to, 0, sizeof(*to));
		memcpy(to, a->ai_addr, a->ai_addrlen);
	}
}

/* AI_ADDRCONFIG spares hosts without IPv6 the useless addresses; on a host with nothing but loopback it finds
 * nothing at all, so the second try is without it. */
static int ask(void *arg)
{
	struct question *q = arg;
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list = NULL;
	int r = getaddrinfo(q->host, NULL, &hints, &list);
	if (r != 0 && r != EAI_AGAIN) {
		hints.ai_flags = 0;
		r = getaddrinfo(q->host, NULL, &hints, &list);
	}
	q->why = NULL;
	if (r != 0) {
		q->why = gai_why(r);
		return 0;
	}
	copy_addresses(list, q->answer);
	freeaddrinfo(list);
	if (q->answer->n == 0)
		q->why = "no address of a known family";
	return 0;
}

/* ---- the memory ----------------------------------------------------------------------------------- */

static size_t bucket_of(const char *host)
{
	return hash_end(hash_add(HASH_START, slice_str(host))) % BUCKETS;
}

/* Forgets what has expired in one bucket, and - when the memory is full - whatever nobody uses. */
static void tidy(struct dns *d, size_t bucket)
{
	struct entry **at = &d->buckets[bucket];
	bool full = d->count >= DNS_MAX;
	while (*at) {
		struct entry *e = *at;
		if (e->users > 0 || (e->until_ns > hk_now_ns() && !full)) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		free(e->host);
		free(e);
		d->count--;
	}
}

static struct entry *find_or_make(struct dns *d, const char *host)
{
	size_t b = bucket_of(host);
	for (struct entry *e = d->buckets[b]; e; e = e->next)
		if (strcmp(e->host, host) == 0)
			return e;
	tidy(d, b);
	struct entry *e = xcalloc(1, sizeof(*e));
	e->host = xstrndup(host, strlen(host));
	e->next = d->buckets[b];
	d->buckets[b] = e;
	d->count++;
	return e;
}

static int ask_for(struct entry *e) SUSPENDS
{
	struct dns_answer answer = { 0 };
	struct question q = { .host = e->host, .answer = &answer };
	e->state = ENTRY_ASKING;
	hk_event_clear(&e->changed);
	int r = hk_offload(ask, &q);
	if (r == 0) {
		e->state = ENTRY_KNOWN;
		e->answer = answer;
		e->why = q.why;
		e->until_ns = hk_now_exact_ns() + (q.why ? KEEP_FAILURE_NS : KEEP_NS);
	} else {
		e->state = ENTRY_EMPTY;
	}
	hk_event_set(&e->changed);
	return r;
}

static int settle(struct entry *e) SUSPENDS
{
	for (;;) {
		int r = 0;
		if (e->state == ENTRY_KNOWN && hk_now_ns() < e->until_ns)
			return 0;
		if (e->state == ENTRY_ASKING)
			r = hk_event_wait(&e->changed);
		else
			r = ask_for(e);
		if (r < 0)
			return r;
		if (e->state == ENTRY_KNOWN)
			return 0;
	}
}

int dns_lookup(struct dns *d, struct slice host, struct dns_answer *ret, const char **why)
{
	char name[256];
	if (host.n == 0 || host.n >= sizeof(name)) {
		*why = "not a host name";
		return -ENOENT;
	}
	for (size_t i = 0; i < host.n; i++)
		name[i] = host.p[i] >= 'A' && host.p[i] <= 'Z' ? (char)(host.p[i] + 32) : host.p[i];
	name[host.n] = 0;
	if (parse_numeric(name, ret))
		return 0;
	struct entry *e = find_or_make(d, name);
	e->users++;
	int r = settle(e);
	e->users--;
	if (r < 0)
		return r;
	*ret = e->answer;
	*why = e->why;
	return e->why ? -ENOENT : 0;
}
