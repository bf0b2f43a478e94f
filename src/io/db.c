/* db.c - pools: who gets a connection when, and when one ends
 *
 * What this room is for: a hundred tasks share four connections, each in its turn. A taker waits for a permit; with it he gets the idle
 *   connection used last, or a new one. Giving back hands the permit to whoever waits longest.
 * What flows through:    connections, from idle to a taker and back:
 *
 *     (new) --connect--> LENT --give, idle--> IDLE --take, still quiet--> LENT
 *                          \--give, broken or in mid-way--> closed <--too old, or gone--/
 *
 * What must hold:
 *  (1) lent + permits = most; every idle connection is covered by a free permit.
 *  (2) first come, first served: the semaphore's promise.
 *  (3) there is no task here: what is too old is closed by whoever takes or gives next. */
#include "io/db/db_.h"
#include "base/units.h"
#include <errno.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <stdlib.h>

#define MOST       4
#define CONNECT_NS (10 * HK_SEC)
#define IDLE_NS    (60 * HK_SEC)

/* ---- opening and closing ------------------------------------------------------------------------------ */

int db_is_available(enum db_kind kind, struct err *err)
{
	return kind == DB_POSTGRES ? db_postgres_is_available(err) : 0;
}

static char *door_of(struct slice url)
{
	AUTO(buf_done) struct buf b = { 0 };

	return db_put_door(url, &b) < 0 ? xstrndup("the database", 12) : xstrndup(b.p, b.n);
}

static void pool_destroy(struct db_pool *p)
{
	p->ops->pool_end(p);
	free(p->url);
	free(p->door);
	free(p);
}

int db_pool_open(struct slice url, const struct db_pool_options *options, struct db_pool **ret,
		 struct err *err)
{
	struct db_pool *p = xcalloc(1, sizeof(*p));

	*ret = NULL;
	p->kind = db_kind_of(url);
	p->ops = p->kind == DB_POSTGRES ? &db_postgres : &db_sqlite;
	p->options = options ? *options : (struct db_pool_options){ 0 };
	if (!p->options.most)
		p->options.most = MOST;
	if (!p->options.connect_ns)
		p->options.connect_ns = CONNECT_NS;
	if (!p->options.idle_ns)
		p->options.idle_ns = IDLE_NS;
	p->free = HK_SEM(p->options.most);
	p->url = xstrndup(url.p, url.n);
	p->door = door_of(url);
	if (p->ops->pool_begin(p, err) < 0) {
		err_wrap(err, "%s", p->door);
		pool_destroy(p);
		return -1;
	}
	*ret = p;
	return 0;
}

enum db_kind db_pool_kind(const struct db_pool *p)
{
	return p->kind;
}

static struct db *idle_take(struct db_pool *p)
{
	struct db *d = p->idle;

	if (d)
		p->idle = d->next;
	return d;
}

void db_pool_free(struct db_pool *p)
{
	struct db *d;

	if (!p)
		return;
	ASSERT(p->lent == 0 && hk_sem_waiting(&p->free) == 0);
	while ((d = idle_take(p)) != NULL)
		p->ops->hang_up(d);
	pool_destroy(p);
}

/* The oldest are last. */
static void expire(struct db_pool *p)
{
	struct db **at = &p->idle;

	while (*at && hk_now_ns() - (*at)->idle_since_ns < p->options.idle_ns)
		at = &(*at)->next;
	while (*at) {
		struct db *old = *at;
		*at = old->next;
		p->ops->hang_up(old);
	}
}

/* ---- taking and giving --------------------------------------------------------------------------------- */

static int say_full(struct db_pool *p, struct err *err)
{
	AUTO(buf_done) struct buf wait = { 0 };

	ASSERT(units_put_duration(&wait, p->options.take_ns) == 0);
	return fail(err, FAULT_TIMEOUT,
		    "%s: no connection became free within %s: all %u are in use and %zu more wait "
		    "for one",
		    p->door, wait.p, p->options.most, hk_sem_waiting(&p->free));
}

static int take_permit(struct db_pool *p, struct err *err) SUSPENDS
{
	struct hk_scope scope;
	int r;

	hk_scope_open(&scope, p->options.take_ns ? p->options.take_ns : HK_FOREVER);
	r = hk_scope_close(&scope, hk_sem_acquire(&p->free));
	if (r == -ETIMEDOUT)
		return say_full(p, err);
	return r < 0 ? fail_errno(err, FAULT_IO, r, "%s", p->door) : 0;
}

static struct db *open_or_reuse(struct db_pool *p, struct err *err) SUSPENDS
{
	struct db *d;

	expire(p);
	while ((d = idle_take(p)) != NULL) {
		if (p->ops->is_quiet(d))
			return d;
		p->ops->hang_up(d);
	}
	return p->ops->connect(p, err);
}

int db_take(struct db_pool *p, struct db **ret, struct err *err)
{
	*ret = NULL;
	if (take_permit(p, err) < 0)
		return -1;
	p->lent++;
	*ret = open_or_reuse(p, err);
	if (!*ret) {
		p->lent--;
		hk_sem_release(&p->free);
		return -1;
	}
	ASSERT(!(*ret)->broken && !(*ret)->lent && (*ret)->pool == p);
	(*ret)->lent = true;
	return 0;
}

void db_give(struct db *d)
{
	struct db_pool *p;

	if (!d)
		return;
	p = d->pool;
	ASSERT(d->lent && p->lent > 0);
	d->lent = false;
	p->lent--;
	if (d->broken || !p->ops->is_idle(d)) {
		p->ops->hang_up(d);
	} else {
		d->idle_since_ns = hk_now_ns();
		d->next = p->idle;
		p->idle = d;
	}
	expire(p);
	hk_sem_release(&p->free);
}

bool db_is_broken(const struct db *d)
{
	return d->broken;
}

/* ---- what each kind does in its own way ------------------------------------------------------------------ */

/* A call on a connection that was lost is told, not tried. */
static int check(const struct db *d, struct err *err)
{
	ASSERT(d->lent);
	if (!d->broken)
		return 0;
	return fail(err, FAULT_RESET, "%s: the connection was lost before: take another one",
		    d->pool->door);
}

static int no_copy(const struct db *d, struct err *err)
{
	return fail(err, FAULT_CONFIG, "%s: only PostgreSQL has COPY", d->pool->door);
}

int db_run(struct db *d, struct db_call *calls, size_t n, uint64_t max_bytes, struct err *err)
{
	if (check(d, err) < 0)
		return -1;
	return n > 0 ? d->ops->run(d, calls, n, max_bytes, err) : 0;
}

int db_exec(struct db *d, struct slice text, struct err *err)
{
	return check(d, err) < 0 ? -1 : d->ops->exec(d, text, err);
}

int db_describe(struct db *d, struct slice text, struct db_shape *ret, struct err *err)
{
	*ret = (struct db_shape){ 0 };
	return check(d, err) < 0 ? -1 : d->ops->ask_shape(d, text, ret, err);
}

void db_shape_done(struct db_shape *s)
{
	for (size_t i = 0; i < s->column_count; i++) {
		free(s->columns[i].name);
		free(s->columns[i].type);
	}
	for (size_t i = 0; i < s->param_count; i++)
		free(s->param_types[i]);
	free(s->columns);
	free(s->param_types);
	*s = (struct db_shape){ 0 };
}

int db_stream_open(struct db *d, struct slice text, const struct slice *params, size_t n,
		   struct db_stream **ret, struct err *err)
{
	*ret = NULL;
	return check(d, err) < 0 ? -1 : d->ops->stream_open(d, text, params, n, ret, err);
}

int db_stream_next(struct db_stream *s, struct buf *out, struct err *err)
{
	return check(s->db, err) < 0 ? -1 : s->db->ops->stream_next(s, out, err);
}

void db_stream_free(struct db_stream *s)
{
	if (s)
		s->db->ops->stream_free(s);
}

int db_copy_begin(struct db *d, struct slice text, struct err *err)
{
	if (!d->ops->copy_begin)
		return no_copy(d, err);
	return check(d, err) < 0 ? -1 : d->ops->copy_begin(d, text, err);
}

int db_copy_put(struct db *d, struct slice data, struct err *err)
{
	ASSERT(d->ops->copy_put);
	return check(d, err) < 0 ? -1 : d->ops->copy_put(d, data, err);
}

int db_copy_end(struct db *d, uint64_t *rows, struct err *err)
{
	ASSERT(d->ops->copy_end);
	return check(d, err) < 0 ? -1 : d->ops->copy_end(d, rows, err);
}

void db_copy_give_up(struct db *d)
{
	if (!d->broken && d->ops->copy_give_up)
		d->ops->copy_give_up(d);
}
