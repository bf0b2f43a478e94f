/* reach.c - a connection to one of the addresses of a name, whichever answers first
 *
 * What this room is for: a name has several addresses, and some of them swallow packets: an IPv6 route that leads nowhere, a
 *   server that is down. Nobody should wait for them while another would answer.
 * What flows through:    addresses in the order of trying; one connected socket out.
 *
 *     0 ms    1st begins ...................... silence
 *   250 ms    2nd begins ..... refused
 *   300 ms    3rd begins at once .... connected: wins; the 1st is cancelled
 *
 * What must hold:
 *  (1) each attempt is a task of one group, which is closed before reach returns: no socket outlives it but the winner's.
 *  (2) a connect that succeeds though it was cancelled, or came second, is closed here.
 *  (3) the deadline is the caller's scope. */
#include "io/reach.h"
#include "io/http/http_pool.h"
#include <errno.h>
#include <hocket/fd.h>
#include <hocket/group.h>
#include <hocket/sync.h>
#include <string.h>

/* ---- the order of trying --------------------------------------------------------------------------- */

static bool same_host(const union dns_address *a, const union dns_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET6)
		return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
	return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

static void move_to_front(struct dns_answer *a, unsigned i)
{
	union dns_address it = a->at[i];
	memmove(&a->at[1], &a->at[0], i * sizeof(it));
	a->at[0] = it;
}

void reach_order(struct dns_answer *a, const union dns_address *last)
{
	struct dns_answer in = *a;
	bool taken[DNS_ADDRESSES] = { false };
	sa_family_t wanted = in.n ? in.at[0].any.sa_family : AF_UNSPEC;
	for (unsigned n = 0; n < in.n; n++) {
		unsigned first = in.n, i = 0; /* the first that is left, of any family */
		for (; i < in.n; i++) {
			if (taken[i])
				continue;
			first = first < i ? first : i;
			if (in.at[i].any.sa_family == wanted)
				break;
		}
		i = i < in.n ? i : first;
		taken[i] = true;
		a->at[n] = in.at[i];
		wanted = in.at[i].any.sa_family == AF_INET6 ? AF_INET : AF_INET6;
	}
	for (unsigned i = 1; last && i < a->n; i++)
		if (same_host(&a->at[i], last))
			move_to_front(a, i);
}

/* ---- the race ---------------------------------------------------------------------------------------- */

struct race {
	const struct dns_answer *to;
	struct http_pool *pool;
	struct hk_group runners;
	struct hk_event over; /* an attempt is */
	unsigned which;
	int fd;         /* the winner's; -1: nobody's yet */
	int error;      /* of the attempt that failed last; 0: none did */
	bool cancelled; /* an attempt was */
};

struct runner {
	struct race *race;
	unsigned index;
};

/* Out of descriptors: the oldest idle connection is closed and its descriptor used. */
static int connect_to(const union dns_address *a, struct http_pool *pool) SUSPENDS
{
	for (;;) {
		int fd = hk_connect(&a->any, dns_address_size(a));
		if ((fd != -EMFILE && fd != -ENFILE) || !http_pool_evict(pool))
			return fd;
	}
}

static int run(void *arg) SUSPENDS
{
	const struct runner *me = arg;
	struct race *r = me->race;
	int fd = connect_to(&r->to->at[me->index], r->pool);
	if (fd >= 0 && r->fd >= 0) {
		(void)hk_close(fd); /* nothing was sent on it */
	} else if (fd >= 0) {
		r->fd = fd;
		r->which = me->index;
		hk_group_cancel(&r->runners);
	} else if (fd == -ECANCELED) {
		r->cancelled = true;
	} else if (r->fd < 0) {
		r->error = fd;
		r->which = me->index;
	}
	hk_event_set(&r->over);
	return 0;
}

static int start_all(struct race *r, struct runner *runners) SUSPENDS
{
	for (unsigned i = 0; i < r->to->n; i++) {
		runners[i] = (struct runner){ r, i };
		hk_event_clear(&r->over);
		int e = hk_spawn(&r->runners, run, &runners[i]);
		if (e < 0)
			return e;
		if (r->error == 0)
			r->which = i;
		if (i + 1 == r->to->n)
			break;
		e = hk_event_wait_for(&r->over, REACH_PATIENCE_NS);
		if (r->fd >= 0 || e == -ECANCELED)
			break;
	}
	return 0;
}

int reach(const struct dns_answer *to, struct http_pool *pool, unsigned *ret_which)
{
	struct race r = { .to = to, .pool = pool, .fd = -1 };
	struct runner runners[DNS_ADDRESSES];
	ASSERT(to->n > 0 && to->n <= DNS_ADDRESSES);
	*ret_which = 0;
	if (to->n == 1)
		return connect_to(&to->at[0], pool);
	hk_group_open(&r.runners, &(struct hk_group_options){ .policy = HK_COLLECT });
	int e = hk_group_close(&r.runners, start_all(&r, runners));
	*ret_which = r.which;
	if (r.fd >= 0)
		return r.fd;
	if (r.cancelled) /* by nobody of ours: there is no winner */
		return -ECANCELED;
	ASSERT(e < 0 || r.error < 0);
	return e < 0 ? e : r.error;
}
