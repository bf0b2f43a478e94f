/* describe.c - caps, rates, queues and promises of a place, in words
 *
 * What this room is for: check and graph tell the same, in a line or in several.
 * What flows through:    places of a plan in, text out.
 * What must hold:        what is shown is what the run will do: numbers come from limits_of(), promises from promise_of(). */
#include "cli/describe.h"
#include "base/units.h"
#include "cli/term.h"
#include "engine/plan/classes.h"
#include "engine/plan/defaults.h"

static int put_span(const char *before, int64_t ns, struct buf *out)
{
	int r = buf_add(out, slice_str(before));
	return r < 0 ? r : units_put_duration(out, ns);
}

/* "500 in 1m per host, 200,000 tokens in 1m"; each with ", " before it. */
static int put_rate(const struct rate_option *rate, struct buf *out)
{
	int r = 0;
	if (rate->tokens > 0) {
		r = buf_printf(out, ", %lld tokens", (long long)rate->tokens);
		r = r < 0 ? r : put_span(" in ", rate->tokens_per_ns, out);
	}
	if (r < 0 || rate->starts.per_ns == 0)
		return r;
	r = buf_printf(out, ", %lld", (long long)rate->starts.count);
	r = r < 0 ? r : put_span(" in ", rate->starts.per_ns, out);
	if (r == 0 && rate->starts.per_host)
		r = buf_add(out, S(" per host"));
	if (r == 0 && rate->key)
		r = buf_add(out, S(" per key"));
	return r;
}

static int put_cap(const struct limits *l, struct buf *out)
{
	int r = buf_printf(out, "%s%u at a time", l->automatic ? "auto, at most " : "", l->cap);
	if (r < 0 || l->batch <= 1)
		return r;
	return buf_printf(out, ", up to %zu records each", l->batch);
}

static int put_retries(const struct limits *l, struct buf *out)
{
	return buf_printf(out, "%lld %s", (long long)l->retries,
			  l->retries == 1 ? "retry" : "retries");
}

int describe_limits(const struct place *p, struct buf *out)
{
	if (!p->port->call)
		return 0;
	const struct limits l = limits_of(p);
	int r = put_cap(&l, out);
	r = r < 0 ? r : put_rate(&p->common.rate, out);
	if (r < 0 || !p->common.retry)
		return r;
	r = buf_add(out, S(", "));
	return r < 0 ? r : put_retries(&l, out);
}

static int put_call(const struct place *p, struct buf *out)
{
	const struct limits l = limits_of(p);
	AUTO(buf_done) struct buf rate = { 0 };
	int r = put_cap(&l, out);
	r = r < 0 ? r : buf_printf(out, ", queue %zu\n", l.window);
	r = r < 0 ? r : put_retries(&l, out);
	r = r < 0 ? r : put_span(", ", l.timeout_ns, out);
	r = r < 0 ? r : buf_add(out, S(" for each attempt\n"));
	r = r < 0 ? r : put_rate(&p->common.rate, &rate);
	if (r == 0 && rate.n > 0)
		r = buf_printf(out, "never more than %s\n", rate.p + 2);
	return r;
}

static int put_field(const struct field_path *f, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < f->n; i++)
		r = buf_printf(out, ".%.*s", SLICE(f->keys[i]));
	return r;
}

static int put_conditions(const struct place *p, struct buf *out)
{
	const struct on_error *e = &p->common.on_error;
	int r = 0;
	if (p->common.when)
		r = buf_add(out, p->role == ROLE_SINK
					 ? S("only records that its `if` wants\n")
					 : S("records that its `if` does not want pass by\n"));
	if (r < 0 || e->kind == ON_ERROR_DEAD)
		return r;
	if (e->kind == ON_ERROR_STOP)
		return buf_add(out, S("a failure stops the run\n"));
	r = buf_add(out, S("a failure goes into "));
	r = r < 0 ? r : put_field(&e->into, out);
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int put_promise(const struct place *p, struct buf *out)
{
	const struct promise *promise = promise_of(p);
	if (!promise)
		return 0;
	int r = promise_put(promise, out);
	r = r < 0 ? r : buf_add_char(out, '\n');
	if (r == 0 && promise->cure && p->port->call)
		r = buf_printf(out, "   %s\n", promise->cure);
	return r;
}

static int put_warnings(const struct place *p, struct buf *out)
{
	bool again = schedule_is_given(&p->common.every);
	int r = 0;
	if (again) {
		r = buf_add(out, S("read "));
		r = r < 0 ? r : schedule_put(out, &p->common.every);
		r = r < 0 ? r : buf_add(out, S(", until it is stopped\n"));
	} else if (p->facts.endless) {
		r = buf_add(out, S("without end: it runs until it is stopped\n"));
	}
	if (r == 0 && p->facts.spelt)
		r = buf_add(out, S("a password stands in the file: write $secret.NAME\n"));
	if (r < 0 || !p->facts.insecure)
		return r;
	return buf_add(out, S("insecure: checks no certificates\n"));
}

/* When the windows of what holds records close, but for the end of the input. */
static int put_closing(const struct place *p, struct buf *out)
{
	if (!p->facts.closes)
		return 0;
	int r = buf_add(out, S("windows close "));
	r = r < 0 ? r : schedule_put(out, p->facts.closes);
	return r < 0 ? r : buf_add_char(out, '\n');
}

int describe_place(const struct place *p, struct buf *out)
{
	int r = p->port->call ? put_call(p, out) : 0;
	r = r < 0 ? r : put_conditions(p, out);
	r = r < 0 ? r : put_closing(p, out);
	r = r < 0 ? r : put_warnings(p, out);
	return r < 0 ? r : put_promise(p, out);
}

int describe_door(const struct place *p, struct buf *out)
{
	AUTO(buf_done) struct buf door = { 0 };
	struct slice verb = slice_str(p->port->name);
	if (!slice_starts(slice_str(p->label), verb)) {
		int r = buf_printf(out, "%s: ", p->port->name);
		if (r < 0)
			return r;
	}
	if (p->facts.door.n == 0)
		return buf_add(out, slice_str(p->port->doc));
	int r = buf_add(&door, p->facts.door);
	return r < 0 ? r : buf_add(out, slice_str(path_shown(door.p)));
}
