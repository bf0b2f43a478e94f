/* place.c - one source, step or sink of a run: its storage, its defaults, its door
 *
 * What this room is for: from a place of the plan to what the run keeps for it.
 * What must hold: what was initialised can be closed, whether or not it was opened. */
#include "engine/run/place.h"
#include "engine/call/turns.h"

#include "engine/plan/defaults.h"

#include <stdio.h>
#include <stdlib.h>

#define CONNECT_DEFAULT_NS (10 * HK_SEC)

void site_init(struct site *site, struct run *run, const struct place *place)
{
	*site = (struct site){ .options = place->options, .name = place->label, .run = run };
	site->shared = xcalloc(1, place->port->shared_size + 1);
}

int site_open(struct site *site, const struct place *place, struct err *err)
{
	return place->port->open ? place->port->open(site, err) : 0;
}

void site_close(struct site *site, const struct place *place)
{
	if (site->shared && place->port->close)
		place->port->close(site);
	free(site->shared);
	site->shared = NULL;
}

static bool wants_about(const struct common *o)
{
	return (o->accept && jq_wants_about(o->accept)) || (o->emit && jq_wants_about(o->emit)) ||
	       (o->result.value && jq_wants_about(o->result.value)) ||
	       (o->rate.used && jq_wants_about(o->rate.used));
}

static struct http_clocks clocks_of(const struct common *o)
{
	const struct timeout_options *t = o->timeout;
	return (struct http_clocks){ .connect_ns = t && t->connect_ns ? t->connect_ns
								      : CONNECT_DEFAULT_NS,
				     .tls_ns = t && t->tls_ns ? t->tls_ns : CONNECT_DEFAULT_NS,
				     .first_byte_ns = t ? t->first_byte_ns : 0,
				     .idle_ns = t ? t->idle_ns : 0 };
}

/* Of a step that asks one origin the rate binds all who ask there; of one that asks many, all that it asks, unless it is per
 * host: then each lane as it comes up. */
static void bind_rate(struct step *s)
{
	const struct rate_option *o = &s->place->common.rate;
	const struct rate *rate = &o->starts;
	struct token_rate tokens = { o->tokens, o->tokens_per_ns };
	char key[128];
	if (s->place->facts.origin.n) {
		lanes_bind(s->run->lanes, s->place->facts.origin, rate, &tokens);
	} else if (!rate->per_host) {
		snprintf(key, sizeof key, "step %s", s->place->label);
		s->own = lanes_get(s->run->lanes, slice_str(key));
		lane_limit(s->own, rate);
		lane_limit_tokens(s->own, &tokens);
	}
}

/* "http", "http 2", "to http": what the state calls it, so that a `name:` can be changed while a run is unfinished. A sink that
 * calls is another place than a step of its name: neither takes the other's answers, nor has its keys. */
static void name_itself(struct step *s)
{
	const struct plan *p = s->run->plan;
	const char *to = s->place->role == ROLE_SINK ? "to " : "";
	size_t n = 1;
	for (size_t i = 0; i < s->index && i < p->step_count; i++)
		n += p->steps[i].port == s->place->port && p->steps[i].role == s->place->role;
	if (n > 1)
		snprintf(s->own_name, sizeof s->own_name, "%s%.36s %zu", to, s->place->port->name,
			 n);
	else
		snprintf(s->own_name, sizeof s->own_name, "%s%.36s", to, s->place->port->name);
}

void step_init(struct step *s, struct run *run, const struct place *place, size_t index)
{
	const struct common *o = &place->common;
	*s = (struct step){ .run = run, .place = place, .index = index, .clocks = clocks_of(o) };
	name_itself(s);
	site_init(&s->site, run, place);
	s->site.clocks = &s->clocks;
	if ((o->rate.starts.per_ns || o->rate.tokens) && !o->rate.key)
		bind_rate(s);
}

/* Half of the window may have fibers (retries, lanes, a full next step), or as many as calls take, and one call more, where the next
 * ones meet; the rest waits without. */
static void set_living(struct step *s, size_t batch)
{
	size_t calls = batch > 1 ? (s->cap + (size_t)1) * batch : s->cap;
	size_t most = s->window > s->cap ? s->window : s->cap;
	s->eager_max = calls < most ? calls : most;
	s->living_max = s->window / 2 > s->eager_max ? s->window / 2 : s->eager_max;
	s->batch = batch < s->living_max ? batch : s->living_max;
}

int step_init_call(struct step *s, struct err *err)
{
	const struct common *o = &s->place->common;
	const struct limits limits = limits_of(s->place);
	s->cap = limits.cap;
	s->window = limits.window;
	s->slots = HK_SEM(s->cap);
	s->site.concurrency = s->cap;
	s->site.timeout_ns = limits.timeout_ns;
	s->notes = s->place->facts.paid || o->remember_ns == REMEMBER_RUN;
	s->keeps = s->notes || o->remember_ns > 0;
	s->wants_about = wants_about(o) || o->remember_ns > 0;
	set_living(s, limits.batch);
	s->site.batch = s->batch;
	s->linger_ns = limits.linger_ns;
	s->in = hk_queue_new(sizeof(struct item *),
			     s->window > s->living_max ? s->window - s->living_max : 1);
	return s->in ? 0 : fail(err, FAULT_IO, "out of memory");
}

size_t run_calls_at_once(const struct plan *p)
{
	size_t calls = 0;
	for (size_t i = 0; i < p->step_count; i++)
		if (p->steps[i].port->call)
			calls += limits_of(&p->steps[i]).cap;
	return calls;
}

void step_close(struct step *s)
{
	if (s->place)
		site_close(&s->site, s->place);
	hk_queue_free(s->in);
	turns_done(&s->turns);
	for (size_t i = 0; i < s->spare_count; i++)
		arena_free(s->spare[i]);
}
