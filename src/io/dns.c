/* dns.c - names to addresses, off the loop, with a short memory
 *
 * What this room is for: getaddrinfo() is the only resolver that honours the machine's configuration (hosts file, search
 *   domains, nsswitch), and it blocks; so each question goes to the pool once and its answer is shared.
 * What flows through:    a name in, up to eight addresses out, in the order the resolver preferred (RFC 6724).
 *
 *   entry:   EMPTY --first asker--> ASKING --answer, late or not--> KNOWN --30 s or 1 s later, next asker--> ASKING
 *              ^----- cancelled before the call began ----+ (one of the waiters asks instead)
 *
 * What must hold:
 *  (1) a cancelled asker leaves at once, however long the resolver takes: the question is on the heap, belongs to the call
 *      then, and the late answer is remembered like any other.
 *  (2) an entry with waiters or a question is never freed; eviction takes only what nobody uses. The memory itself is
 *      freed by dns_free or by the last late answer, whichever comes last.
 *  (3) hanging name servers never take all threads of the pool: AT_ONCE is less. */
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
#define AT_ONCE         3 /* of the pool's 4 threads */

enum entry_state { ENTRY_EMPTY, ENTRY_ASKING, ENTRY_KNOWN };

struct entry {
	struct entry *next;
	char *host; /* owns */
	enum entry_state state;
	unsigned users; /* inside dns_lookup, and the question */
	int64_t until_ns;
	const char *why; /* KNOWN: NULL or why there is no address */
	struct dns_answer answer;
	struct hk_event changed;
};

struct dns {
	struct entry *buckets[BUCKETS];
	size_t count;
	dns_ask *resolve;
	void *resolve_arg;
	struct hk_sem at_once;
	unsigned questions;
	bool closed; /* dns_free was called: the last question frees it */
};

struct question { /* read and written by the pool's thread; belongs to the call once its asker was cancelled */
	struct dns *dns;
	struct entry *entry;
	bool asked; /* the call has run */
	const char *why;
	struct dns_answer answer;
	char host[DNS_NAME_MAX + 1];
};

static const char *ask_system(void *, const char *host, struct dns_answer *ret);

struct dns *dns_new_asking(dns_ask *ask, void *arg)
{
	struct dns *d = xcalloc(1, sizeof(*d));

	*d = (struct dns){ .resolve = ask, .resolve_arg = arg, .at_once = HK_SEM(AT_ONCE) };
	return d;
}

struct dns *dns_new(void)
{
	return dns_new_asking(ask_system, NULL);
}

static void destroy(struct dns *d)
{
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

void dns_free(struct dns *d)
{
	if (!d)
		return;
	d->closed = true;
	if (d->questions == 0)
		destroy(d);
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

bool dns_address_parse(struct slice host, union dns_address *ret)
{
	char text[64];
	*ret = (union dns_address){ 0 };
	if (host.n == 0 || host.n >= sizeof(text) || memchr(host.p, 0, host.n))
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = 0;
	if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1)
		ret->v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1)
		ret->v6.sin6_family = AF_INET6;
	else
		return false;
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
static const char *ask_system(void *arg, const char *host, struct dns_answer *ret)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list = NULL;
	int r = getaddrinfo(host, NULL, &hints, &list);
	(void)arg;
	if (r != 0 && r != EAI_AGAIN) {
		hints.ai_flags = 0;
		r = getaddrinfo(host, NULL, &hints, &list);
	}
	if (r != 0)
		return gai_why(r);
	copy_addresses(list, ret);
	freeaddrinfo(list);
	return ret->n > 0 ? NULL : "no address of a known family";
}

static int put_question(void *arg)
{
	struct question *q = arg;
	q->why = q->dns->resolve(q->dns->resolve_arg, q->host, &q->answer);
	q->asked = true;
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

/* ---- the question, in the loop -------------------------------------------------------------------- */

static struct question *question_new(struct dns *d, struct entry *e)
{
	struct question *q = xcalloc(1, sizeof(*q));
	ASSERT(e->state != ENTRY_ASKING && strlen(e->host) <= DNS_NAME_MAX);
	*q = (struct question){ .dns = d, .entry = e };
	memcpy(q->host, e->host, strlen(e->host));
	d->questions++;
	e->users++;
	e->state = ENTRY_ASKING;
	hk_event_clear(&e->changed);
	return q;
}

/* The question is over: its entry knows the answer, or that nobody asked. */
static void question_done(struct question *q)
{
	struct dns *d = q->dns;
	struct entry *e = q->entry;
	ASSERT(e->state == ENTRY_ASKING && e->users > 0 && d->questions > 0);
	e->state = q->asked ? ENTRY_KNOWN : ENTRY_EMPTY;
	e->answer = q->answer;
	e->why = q->why;
	e->until_ns = hk_now_exact_ns() + (q->why ? KEEP_FAILURE_NS : KEEP_NS);
	e->users--;
	hk_event_set(&e->changed);
	free(q);
	if (--d->questions == 0 && d->closed)
		destroy(d);
}

static void question_abandoned(void *arg)
{
	question_done(arg);
}

static int ask_for(struct dns *d, struct entry *e) SUSPENDS
{
	struct question *q = question_new(d, e);
	int r = hk_offload_with(put_question, q,
				&(struct hk_offload_options){ .name = "host name look-up",
							      .limiter = &d->at_once,
							      .abandoned = question_abandoned });
	if (r != -ECANCELED) /* else it is the call's now, and perhaps over */
		question_done(q);
	return r;
}

static int settle(struct dns *d, struct entry *e) SUSPENDS
{
	for (;;) {
		int r = 0;
		if (e->state == ENTRY_KNOWN && hk_now_ns() < e->until_ns)
			return 0;
		if (e->state == ENTRY_ASKING)
			r = hk_event_wait(&e->changed);
		else
			r = ask_for(d, e);
		if (r < 0)
			return r;
		if (e->state == ENTRY_KNOWN)
			return 0;
	}
}

int dns_lookup(struct dns *d, struct slice host, struct dns_answer *ret, const char **why)
{
	char name[DNS_NAME_MAX + 1];
	if (host.n == 0 || host.n > DNS_NAME_MAX) {
		*why = "not a host name";
		return -ENOENT;
	}
	for (size_t i = 0; i < host.n; i++)
		name[i] = host.p[i] >= 'A' && host.p[i] <= 'Z' ? (char)(host.p[i] + 32) : host.p[i];
	name[host.n] = 0;
	if (dns_address_parse(host, &ret->at[0])) {
		ret->n = 1;
		return 0;
	}
	struct entry *e = find_or_make(d, name);
	e->users++;
	int r = settle(d, e);
	e->users--;
	if (r < 0) {
		*why = "the look-up could not be started";
		return r == -ECANCELED ? r : -ENOENT;
	}
	*ret = e->answer;
	*why = e->why;
	return e->why ? -ENOENT : 0;
}
