/* testing.c - one case of `tests:`: run with a made-up world, then compared with what it expects
 *
 * What this room is for: the judge. The run is the engine's own; what it did is gathered from what sinks were given and from the ways
 *   of the records (journey.h).
 * What flows through:    a plan and one of its cases in; troubles out, each a sentence and, where two things differ, lines that say how.
 * What must hold:
 *  (1) a case has a run, a state and a store of objects of its own: nothing of one case is seen by the next. (2) nobody may be dead
 *  unless the test says so. (3) where the order of rows means nothing (`order: any`) it is not judged. */
#include "cli/testing.h"
#include "base/json.h"
#include "cli/difference.h"
#include "cli/expect.h"
#include "cli/journey_page.h"
#include "cli/mocking.h"
#include "cli/stock.h"
#include "io/object.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <stdlib.h>
#include <string.h>

enum { INDENT = 7, ROW_SHOWN = 400 };

struct texts {
	struct slice *v;
	size_t n, cap;
};
struct judging {
	const struct testing_options *options;
	const struct plan *plan;
	const struct test_case *test;
	struct mocking mocking;
	struct journeys journeys;
	struct object_store *objects;
	struct arena *arena;   /* what is gathered */
	struct texts *arrived; /* by step: what came to a sink that calls, and was accepted */
	struct texts *sent;    /* by step: requests, as "sent" compares them */
	struct texts dead;
	size_t shown;
	struct outcome *out;
};

/* ---- troubles ---- */
static struct trouble *add_trouble(struct judging *x, const char *fmt, ...) PRINTF(2, 3);
static struct trouble *add_trouble(struct judging *x, const char *fmt, ...)
{
	struct outcome *o = x->out;
	AUTO(buf_done) struct buf text = { 0 };
	va_list ap;
	if (o->n == o->cap) {
		o->cap = o->cap ? 2 * o->cap : 4;
		o->list = xrealloc(o->list, o->cap, sizeof *o->list);
	}
	va_start(ap, fmt);
	int r = buf_vprintf(&text, fmt, ap);
	va_end(ap);
	struct trouble *t = &o->list[o->n++];
	*t = (struct trouble){ .what = xstrndup(r < 0 ? "" : text.p, r < 0 ? 0 : text.n) };
	return t;
}

void outcome_done(struct outcome *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->list[i].what);
		buf_done(&o->list[i].diff);
	}
	free(o->list);
	buf_done(&o->ways);
	*o = (struct outcome){ 0 };
}

static struct pen pen_for(const struct judging *x, struct buf *out)
{
	out->max = 1u << 26;
	return (struct pen){ .out = out,
			     .color = x->options->color,
			     .whole = x->options->verbose,
			     .width = x->options->width };
}

/* ---- what is gathered ---- */
static void add_text(struct judging *x, struct texts *to, struct slice text)
{
	if (to->n == to->cap) {
		struct slice *old = to->v;
		to->cap = to->cap ? 2 * to->cap : 8;
		to->v = arena_zero(x->arena, to->cap * sizeof *to->v);
		if (to->n)
			memcpy(to->v, old, to->n * sizeof *old);
	}
	to->v[to->n++] = arena_copy(x->arena, text);
}

static void put_pair(struct json_writer *w, const char *key, struct slice json)
{
	json_key(w, key);
	json_put_raw(w, json_check(json, NULL) == 0 ? json_trim(json) : S("null"));
}

static void put_text(struct json_writer *w, const char *key, const char *text)
{
	json_key(w, key);
	json_put_string(w, slice_str(text));
}

/* {"$request": "POST https://...", "$body": {...}} */
static void gather_request(struct judging *x, const struct stop *s)
{
	AUTO(buf_done) struct buf text = { .max = 1u << 28 };
	struct json_writer w = json_writer(&text);
	json_open(&w, '{');
	put_text(&w, "$request", s->request);
	if (s->sends && json_check(slice_str(s->sends), NULL) == 0)
		put_pair(&w, "$body", slice_str(s->sends));
	else if (s->sends)
		put_text(&w, "$body", s->sends);
	json_close(&w, '}');
	if (json_writer_end(&w) == 0)
		add_text(x, &x->sent[s->step], buf_slice(&text));
}

static void gather_dead(struct judging *x, const struct journey *j, struct slice at_step)
{
	AUTO(buf_done) struct buf text = { .max = 1u << 28 };
	struct json_writer w = json_writer(&text);
	json_open(&w, '{');
	put_text(&w, "step", j->label);
	put_text(&w, "class", j->class);
	put_text(&w, "message", j->message);
	put_pair(&w, "record", rec_json(j->start));
	put_pair(&w, "at_step", at_step);
	json_close(&w, '}');
	if (json_writer_end(&w) == 0)
		add_text(x, &x->dead, buf_slice(&text));
}

static void gather_stop(struct judging *x, const struct stop *s, struct slice record)
{
	const struct place *p = &x->mocking.as.plan.steps[s->step];
	if (!s->request)
		return;
	gather_request(x, s);
	if (p->role == ROLE_SINK && !s->failed[0])
		add_text(x, &x->arrived[s->step], record);
}

static void gather(struct judging *x, const struct journey *j)
{
	struct slice record = rec_json(j->start);
	for (size_t i = 0; i < j->n; i++) {
		gather_stop(x, &j->stops[i], record);
		record = j->stops[i].after ? rec_json(j->stops[i].after) : record;
	}
	if (j->end == SIGHT_FAILED)
		gather_dead(x, j, record);
	for (const struct journey *c = j->first_child; c; c = c->sibling)
		gather(x, c);
}

static void journey_ends(void *arg, const struct journey *j)
{
	struct judging *x = arg;
	gather(x, j);
	x->shown += !j->made;
	if (!x->options->verbose)
		return;
	struct pen pen = pen_for(x, &x->out->ways);
	journey_put(&x->mocking.as, j, x->shown, &pen);
	if (pen_end(&pen) < 0)
		buf_clear(&x->out->ways);
}

/* ---- comparing ---- */
typedef bool match_fn(struct slice want, struct slice got, bool exact);

struct comparing {
	const char *what, *who; /* "'jsonl' got" "1 record", "`out` has 2" */
	struct case_values want;
	struct texts got;
	bool exact, any_order;
	match_fn *match;
};

/* Where the order means nothing, each expected one finds its own as far as it goes. */
static void put_in_order(struct comparing *c)
{
	for (size_t i = 0; i < c->want.n; i++)
		for (size_t k = i; k < c->got.n; k++) {
			if (!c->match(c->want.v[i], c->got.v[k], c->exact))
				continue;
			struct slice one = c->got.v[k];
			memmove(&c->got.v[i + 1], &c->got.v[i], (k - i) * sizeof one);
			c->got.v[i] = one;
			break;
		}
}

static void put_whole(struct pen *p, char sign, enum ink ink, struct slice value)
{
	pen_printf(p, "%*s", INDENT, "");
	pen_ink(p, ink);
	pen_printf(p, "%c ", sign);
	difference_put_value(p, value, p->width > 40 ? p->width - INDENT - 2 : 40);
	pen_ink(p, INK_PLAIN);
	pen_put(p, S("\n"));
}

static void compare_one(struct judging *x, const struct comparing *c, size_t i)
{
	AUTO(buf_done) struct buf got = { .max = 1u << 28 };
	if (c->match(c->want.v[i], c->got.v[i], c->exact))
		return;
	struct trouble *t = c->want.n == 1
				    ? add_trouble(x, "%s is not what %s expects", c->what, c->who)
				    : add_trouble(x, "%s: number %zu is not what %s expects",
						  c->what, i + 1, c->who);
	struct pen pen = pen_for(x, &t->diff);
	if (expect_put(c->want.v[i], c->got.v[i], c->exact, &got) == 0)
		difference_put(&pen, INDENT, c->want.v[i], buf_slice(&got));
	if (pen_end(&pen) < 0)
		buf_clear(&t->diff);
}

static void compare(struct judging *x, struct comparing *c)
{
	if (c->any_order)
		put_in_order(c);
	size_t both = c->want.n < c->got.n ? c->want.n : c->got.n;
	for (size_t i = 0; i < both; i++)
		compare_one(x, c, i);
	if (c->want.n == c->got.n)
		return;
	struct trouble *t =
		add_trouble(x, "%s: %zu, and %s expects %zu", c->what, c->got.n, c->who, c->want.n);
	struct pen pen = pen_for(x, &t->diff);
	for (size_t i = both; i < c->want.n; i++)
		put_whole(&pen, '-', INK_RED, c->want.v[i]);
	for (size_t i = both; i < c->got.n; i++)
		put_whole(&pen, '+', INK_GREEN, c->got.v[i]);
	if (pen_end(&pen) < 0)
		buf_clear(&t->diff);
}

/* ---- out ---- */
static struct texts rows_of(struct judging *x, size_t sink)
{
	const struct capture *c = &x->mocking.captures[sink];
	struct texts ret = { 0 };
	for (size_t i = 0; i < c->n; i++) {
		AUTO(buf_done) struct buf row = { .max = 1u << 28 };
		if (journey_put_row(&x->plan->sinks[sink], rec_json(c->rows[i]), &row) == 0)
			add_text(x, &ret, buf_slice(&row));
	}
	return ret;
}

static void judge_sink(struct judging *x, const struct place *p, struct texts rows)
{
	AUTO(buf_done) struct buf what = { 0 };
	for (size_t i = 0; i < x->test->outs.n; i++) {
		const struct case_named *want = &x->test->outs.v[i];
		if (strcmp(want->name, p->label) != 0)
			continue;
		if (buf_printf(&what, "what '%s' gets", p->label) < 0)
			return;
		compare(x, &(struct comparing){ .what = what.p,
						.who = "`out`",
						.want = want->values,
						.got = rows,
						.exact = x->test->exact,
						.any_order = x->plan->any_order,
						.match = expect_matches });
	}
}

static void judge_out(struct judging *x)
{
	for (size_t i = 0; i < x->plan->sink_count; i++)
		judge_sink(x, &x->plan->sinks[i], rows_of(x, i));
	for (size_t i = 0; i < x->plan->step_count; i++)
		if (x->plan->steps[i].role == ROLE_SINK)
			judge_sink(x, &x->plan->steps[i], x->arrived[i]);
}

/* ---- dead ---- */
static struct slice string_of(struct slice object, const char *key, struct buf *out)
{
	struct slice value;
	if (!json_field(object, slice_str(key), &value) || json_unquote(json_trim(value), out) < 0)
		return S("");
	return buf_slice(out);
}

/* As it is; `class: status` is any status, `message:` a part of it. */
static bool letter_matches(struct slice want, struct slice got, bool exact)
{
	static const char *const parts[] = { "class", "message" };
	AUTO(buf_done) struct buf lenient = { .max = 1u << 28 };
	struct json_iter it = json_iter(want);
	struct slice key, value;
	struct json_writer w = json_writer(&lenient);
	json_open(&w, '{');
	while (json_next(&it, &key, &value)) {
		AUTO(buf_done) struct buf a = { 0 }, b = { 0 }, name = { 0 };
		bool met = false;
		if (json_unquote(key, &name) < 0)
			return false;
		for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
			if (!slice_eq_str(buf_slice(&name), parts[i]))
				continue;
			struct slice x = string_of(want, parts[i], &a),
				     y = string_of(got, parts[i], &b);
			met = i == 0 ? slice_starts(y, x) && (y.n == x.n || y.p[x.n] == '(')
				     : x.n > 0 && y.n > 0 && memmem(y.p, y.n, x.p, x.n);
		}
		if (met)
			continue;
		json_key(&w, name.p);
		json_put_raw(&w, value);
	}
	json_close(&w, '}');
	return json_writer_end(&w) == 0 && expect_matches(buf_slice(&lenient), got, exact);
}

static void judge_dead(struct judging *x)
{
	if (x->test->has_dead) {
		compare(x, &(struct comparing){ .what = "what is dead",
						.who = "`dead`",
						.want = x->test->dead,
						.got = x->dead,
						.any_order = x->plan->any_order,
						.match = letter_matches });
		return;
	}
	for (size_t i = 0; i < x->dead.n; i++) {
		AUTO(buf_done) struct buf step = { 0 }, class = { 0 }, message = { 0 };
		struct slice at = string_of(x->dead.v[i], "step", &step),
			     of = string_of(x->dead.v[i], "class", &class),
			     why = string_of(x->dead.v[i], "message", &message), record;
		struct trouble *t = add_trouble(x, "a record is dead at %.*s: %.*s: %.*s",
						SLICE(at), SLICE(of), SLICE(why));
		struct pen pen = pen_for(x, &t->diff);
		if (json_field(x->dead.v[i], S("at_step"), &record))
			put_whole(&pen, ' ', INK_PLAIN, record);
		if (pen_end(&pen) < 0)
			buf_clear(&t->diff);
	}
}

/* ---- sent ---- */
static bool names_request(struct slice want)
{
	struct slice ignored;
	return json_type(want) == JSON_OBJECT && (json_field(want, S("$request"), &ignored) ||
						  json_field(want, S("$body"), &ignored));
}

/* What is expected is a body alone, or {$request: ..., $body: ...}. */
static struct texts bodies_of(struct judging *x, const struct case_values *want, struct texts got)
{
	struct texts ret = { 0 };
	for (size_t i = 0; i < got.n; i++) {
		struct slice body;
		bool whole = i < want->n && names_request(want->v[i]);
		add_text(x, &ret,
			 !whole && json_field(got.v[i], S("$body"), &body) ? body : got.v[i]);
	}
	return ret;
}

static void judge_sent(struct judging *x)
{
	for (size_t i = 0; i < x->test->sent.n; i++) {
		const struct case_named *want = &x->test->sent.v[i];
		AUTO(buf_done) struct buf what = { 0 };
		struct texts all = { 0 };
		for (size_t s = 0; s < x->plan->step_count; s++) {
			if (case_find(&x->test->sent, &x->plan->steps[s]) != want)
				continue;
			for (size_t k = 0; k < x->sent[s].n; k++)
				add_text(x, &all, x->sent[s].v[k]);
		}
		if (buf_printf(&what, "what '%s' sends", want->name) < 0)
			return;
		compare(x, &(struct comparing){ .what = what.p,
						.who = "`sent`",
						.want = want->values,
						.got = bodies_of(x, &want->values, all),
						.any_order = x->plan->any_order,
						.match = expect_matches });
	}
}

/* ---- stored ---- */
static void judge_stored(struct judging *x) SUSPENDS
{
	for (size_t i = 0; i < x->test->stored.n; i++) {
		const struct case_named *want = &x->test->stored.v[i];
		AUTO(buf_done) struct buf got = { .max = 1u << 28 };
		struct err err = { 0 };
		struct texts one = { 0 };
		if (stock_put_found(x->objects, want, &got, &err) < 0) {
			add_trouble(x, "%s", err.text);
			continue;
		}
		add_text(x, &one, buf_slice(&got));
		compare(x, &(struct comparing){ .what = want->name,
						.who = "`stored`",
						.want = want->values,
						.got = one,
						.match = expect_matches });
	}
}

/* ---- the run ---- */
/* false: it broke off, and nothing else of it says anything. */
static bool judge_end(struct judging *x, const struct run_result *result)
{
	const char *stops = x->test->stops, *text = result->err.text;
	bool whole = result->end == RUN_FINISHED;
	if (!whole && stops && strstr(text, stops))
		return true;
	if (whole && stops)
		add_trouble(x, "the run is finished, and `stops` expects it to end early");
	else if (!whole && stops)
		add_trouble(x, "the run ends early, but not as `stops` expects: %s", text);
	else if (!whole)
		add_trouble(x, "the run ends early: %s", text[0] ? text : "it was cut off");
	x->out->error = !whole && !stops;
	return whole;
}

static void judge(struct judging *x, const struct run_result *result) SUSPENDS
{
	if (x->mocking.err.fault) {
		x->out->error = true;
		add_trouble(x, "%s", x->mocking.err.text);
		return;
	}
	if (!judge_end(x, result))
		return;
	judge_dead(x);
	if (x->test->has_dead || x->dead.n == 0) /* else that is why rows are missing */
		judge_out(x);
	judge_sent(x);
	judge_stored(x);
}

static void run_it(struct judging *x) SUSPENDS
{
	struct run_result result = { 0 };
	struct run *run = NULL;
	struct err err = { 0 };
	const struct run_options o = {
		.state_path = ":memory:",
		.tool_version = HOCKET_VERSION,
		.watch = &x->journeys.watch,
		.objects = x->objects,
		.stand_in = &x->mocking.stand_in,
		.now_ns = x->test->now_ns,
	};
	if (stock_fill(x->objects, &x->test->objects, &err) < 0 ||
	    run_open(&x->mocking.as.plan, &o, &run, &err) < 0) {
		x->out->error = true;
		add_trouble(x, "%s", err.text);
		return;
	}
	run_go(run, &result);
	journeys_end(&x->journeys);
	run_close(take(run));
	judge(x, &result);
}

static void run_case(struct judging *x) SUSPENDS
{
	size_t steps = x->plan->step_count + 1;
	x->arena = arena_new();
	x->arrived = arena_zero(x->arena, steps * sizeof *x->arrived);
	x->sent = arena_zero(x->arena, steps * sizeof *x->sent);
	mocking_init(&x->mocking, x->plan, x->test);
	journeys_init(&x->journeys, journey_ends, x);
	if (object_store_open_memory(&x->objects) < 0)
		add_trouble(x, "no memory for a store of objects");
	else
		run_it(x);
	object_store_free(x->objects);
	mocking_done(&x->mocking);
	arena_free(x->arena);
}

/* The same file with the case's vars: they are part of programs and templates. */
static int with_vars(const struct testing_options *o, const struct plan *of,
		     const struct test_case *c, struct plan **ret) SUSPENDS
{
	struct plan_settings settings = o->loading->settings;
	const char **sets = xcalloc(settings.set_count + c->set_count + 1, sizeof *sets);
	struct diag *diag = diag_new(of->file);
	if (settings.set_count)
		memcpy(sets, settings.sets, settings.set_count * sizeof *sets);
	memcpy(sets + settings.set_count, c->sets, c->set_count * sizeof *sets);
	settings.sets = sets;
	settings.set_count += c->set_count;
	*ret = plan_parse(of->text, of->file, of->folder, &settings, diag);
	if (!*ret)
		loading_tell(diag);
	diag_free(diag);
	free(sets);
	return *ret ? 0 : -1;
}

int testing_run(const struct testing_options *o, const struct plan *plan, size_t i,
		struct outcome *ret)
{
	AUTO(loading_drop) struct plan *other = NULL;
	const struct test_case *c = &plan->tests[i];
	*ret = (struct outcome){ 0 };
	if (c->set_count > 0 && with_vars(o, plan, c, &other) < 0)
		return -1;
	const struct plan *used = other ? other : plan;
	struct judging x = { .options = o, .plan = used, .test = &used->tests[i], .out = ret };
	run_case(&x);
	return 0;
}
