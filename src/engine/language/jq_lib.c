/* jq_lib.c - programs that libjq runs: compiled once per thread, fed with text, read back as text
 *
 * What this room is for: all of jq 1.6 that the native evaluator does not know: regular expressions, updates, paths, own
 *   functions. libjq is a guest: it runs on the loop's own stack or a pool's thread (jq_far.c), never prints, sees no environment and reads no input.
 * What flows through:    the record and the outer names that the program uses, as libjq's values; its values back as text.
 * What must hold:
 *  (1) compiling costs 16-22 ms: a state is kept per thread and way of running, and taken while it runs, so that evaluations
 *      may nest.
 *  (2) $res, $rows and $meta differ per evaluation: they come in beside the record, in one object. $vars and $secret are the
 *      same for the program's life: they are bound when it is compiled.
 *  (3) where numbers beyond 2^53 are about, a second form of the program runs, with a prelude in which they are numbers again
 *      as far as type, order and text go, and arithmetic on them raises.
 *  (4) libjq itself reads $HOME/.jq when it compiles, where a function can replace a builtin, and nothing switches that off.
 *      Where there is such a file, it is given an environment without HOME. */
#include <hocket/run.h>

#include "base/clock.h"
#include "engine/language/jq_eval.h"
#include "engine/language/jq_exchange.h"
#include <errno.h>
#include <jq.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/banned.h"

struct state {
	jq_state *jq;
	const void *thread;
	bool marks, busy;
	struct state *next;
};
struct library {
	pthread_mutex_t lock; /* guards the list only: several loops may share a program */
	struct state *states;
	struct slice program, marked_program, vars,
		secrets; /* with what surrounds them; in the program's arena */
	unsigned outer;
	bool big; /* numbers beyond 2^53 in the program or in $vars: always run with marks */
};

/* Where data could take libjq 1.6 down or make it lose memory: an empty text to look for, a time that is none, trimming what is
 * no text. Each builtin is kept under another name
 * first, because inside its own definition a name means itself. */
static const char guard[] =
	"def _hk_indices($i): indices($i);"
	"def indices($i): if $i == \"\" and type == \"string\" then [] else _hk_indices($i) end;"
	"def index($i): indices($i) | .[0]; def rindex($i): indices($i) | .[-1:][0];"
	"def _hk_time: if type == \"number\" and ((. < 1e13 and . > -1e13) | not)"
	" then tojson + \" is no time in seconds since 1970\" | error else . end;"
	"def _hk_strftime(f): strftime(f); def strftime(f): _hk_time | _hk_strftime(f);"
	"def _hk_local(f): strflocaltime(f); def strflocaltime(f): _hk_time | _hk_local(f);"
	"def _hk_ltrim($s): ltrimstr($s); def _hk_rtrim($s): rtrimstr($s);"
	"def ltrimstr($s): if type == \"string\" and ($s | type) == \"string\" then _hk_ltrim($s) "
	"else . end;"
	"def rtrimstr($s): if type == \"string\" and ($s | type) == \"string\" then _hk_rtrim($s) "
	"else . end;"
	"def todateiso8601: strftime(\"%Y-%m-%dT%H:%M:%SZ\"); def todate: todateiso8601;\n";

/* In the form with marks, `type` and its like see numbers, and operators refuse to round them. */
static const char prelude[] =
	"def _hk_type: type; def _hk_len: length; def _hk_str: tostring; def _hk_json: tojson; def "
	"_hk_tonum: tonumber;"
	"def _hk_fmt($f): format($f); def _hk_join($s): join($s);"
	"def _hk_add($a; $b): $a + $b; def _hk_sub($a; $b): $a - $b; def _hk_mul($a; $b): $a * $b;"
	"def _hk_div($a; $b): $a / $b; def _hk_mod($a; $b): $a % $b; def _hk_neg: -.;"
	"def _hk_lt($a; $b): $a < $b; def _hk_le($a; $b): $a <= $b;"
	"def _hk_is: type == \"string\" and startswith(\"" MARK_OPEN
	"\") and endswith(\"" MARK_CLOSE "\");"
	"def _hk_digits: if .[1:2] == \"-\" then .[1:-1] else .[6:-1] end;"
	"def _hk_no: \"arithmetic would lose digits of \" + _hk_digits | error;"
	"def _hk_ok: if _hk_is then _hk_no else . end;"
	"def _hk_num: if _hk_is then _hk_digits | _hk_tonum else . end;"
	"def _hk_before($a; $b): if ($a | _hk_is) and ($b | _hk_is) then"
	"   if ($a | .[1:2] == \"-\") and ($b | .[1:2] == \"-\") then"
	"     if ($a | _hk_len) == ($b | _hk_len) then _hk_lt($b; $a) else _hk_lt(($b | _hk_len); "
	"($a | _hk_len)) end"
	"   else _hk_lt($a; $b) end"
	" else _hk_lt(($a | _hk_num); ($b | _hk_num)) end;"
	"def type: if _hk_is then \"number\" else _hk_type end;"
	"def length: if _hk_is then (if .[1:2] == \"-\" then _hk_no else . end) else _hk_len end;"
	"def tostring: if _hk_is then _hk_digits else _hk_str end;"
	"def tojson: if _hk_is then _hk_digits else _hk_json end;"
	"def tonumber: if _hk_is then . else _hk_tonum end;"
	"def format(f): f as $f | if _hk_is then _hk_digits | if $f == \"json\" then . else "
	"_hk_fmt($f) end else _hk_fmt($f) end;"
	"def join(f): f as $s | map(if _hk_is then _hk_digits else . end) | _hk_join($s);"
	"def numbers: select(type == \"number\"); def strings: select(type == \"string\");"
	"def _plus(a; b): b as $b | a as $a | if $a == null then $b elif $b == null then $a"
	" else _hk_add(($a | _hk_ok); ($b | _hk_ok)) end;"
	"def _minus(a; b): b as $b | a as $a | _hk_sub(($a | _hk_ok); ($b | _hk_ok));"
	"def _multiply(a; b): b as $b | a as $a | _hk_mul(($a | _hk_ok); ($b | _hk_ok));"
	"def _divide(a; b): b as $b | a as $a | _hk_div(($a | _hk_ok); ($b | _hk_ok));"
	"def _mod(a; b): b as $b | a as $a | _hk_mod(($a | _hk_ok); ($b | _hk_ok));"
	"def _negate: _hk_ok | _hk_neg;"
	"def _less(a; b): b as $b | a as $a | _hk_before($a; $b);"
	"def _greater(a; b): b as $b | a as $a | _hk_before($b; $a);"
	"def _lesseq(a; b): b as $b | a as $a | _hk_before($b; $a) | not;"
	"def _greatereq(a; b): b as $b | a as $a | _hk_before($a; $b) | not;"
	"def add: reduce .[] as $x (null; . + $x);\n";

static const struct {
	enum outer bit;
	const char *name, *binding;
} outers[] = {
	{ OUTER_RES, "res", ".res as $res|" },
	{ OUTER_ROWS, "rows", ".rows as $rows|" },
	{ OUTER_META, "meta", ".meta as $meta|" },
};

/* ---- states ------------------------------------------------------------------------------------------- */

static const void *this_thread(void)
{
	static _Thread_local char mine;
	return &mine;
}

struct compiling {
	const struct library *lib;
	struct state *state;
	char text[160]; /* libjq's first complaint */
};

static void complain(void *arg, jv message)
{
	struct compiling *c = arg;
	jv text = jq_format_error(message);
	if (!c->text[0] && jv_get_kind(text) == JV_KIND_STRING) {
		const char *from = jv_string_value(text);
		if (strncmp(from, "jq: error: ", 11) == 0)
			from += 11;
		size_t n = strcspn(from, "\n");
		const char *place = strstr(from, " at <");
		if (place && (size_t)(place - from) < n)
			n = (size_t)(place - from);
		snprintf(c->text, sizeof(c->text), "%.*s", (int)n, from);
	}
	jv_free(text);
}

static void ignore(void *arg, jv message)
{
	(void)arg;
	jv_free(message);
}

/* The environment without HOME; made once and never freed: another thread may be looking at it any time. */
static char **make_homeless(void)
{
	size_t n = 0, kept = 0;
	while (environ && environ[n])
		n++;
	char **without = xcalloc(n + 1, sizeof(*without));
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "HOME=", 5) != 0)
			without[kept++] = environ[i];
	return without;
}

static bool home_has_functions(void)
{
	char path[PATH_MAX];
	const char *home = getenv("HOME");
	int n = home ? snprintf(path, sizeof(path), "%s/.jq", home) : 0;
	return n >= (int)sizeof(path) || (n > 0 && access(path, F_OK) == 0);
}

/* The list of variables is exchanged as a whole, by one store, instead of being changed: whoever calls getenv() meanwhile
 * sees one list or the other. A child process that another thread starts just then has no HOME, so this is done only where
 * there is such a file. */
static int compile_homeless(jq_state *jq, const char *text, jv args)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char **homeless;
	if (!home_has_functions())
		return jq_compile_args(jq, text, args);
	pthread_mutex_lock(&lock);
	char **former = environ;
	if (!homeless)
		homeless = make_homeless();
	environ = homeless;
	int compiled = jq_compile_args(jq, text, args);
	environ = former;
	pthread_mutex_unlock(&lock);
	return compiled;
}

static bool contains_one_of(struct slice program, const char *const *names)
{
	for (; *names; names++)
		if (memmem(program.p, program.n, *names, strlen(*names)))
			return true;
	return false;
}

static void match_once(void)
{
	jq_state *jq = jq_init();
	ASSERT(jq);
	if (compile_homeless(jq, "test(\"\")", jv_object())) {
		jq_start(jq, jv_string(""), 0);
		jv_free(jq_next(jq));
	}
	jq_teardown(&jq);
}

/* The library behind libjq's regular expressions sets itself up at the first one, unguarded against other threads. */
static void prepare_matching(struct slice program)
{
	static const char *const names[] = { "test",  "match", "capture", "scan",
					     "split", "sub",   NULL };
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	if (contains_one_of(program, names))
		pthread_once(&once, match_once);
}

static int compile_state(void *arg)
{
	struct compiling *c = arg;
	struct exchange x = { .arena = arena_new() };
	jv args = jv_object();
	if (c->lib->vars.n)
		args = jv_object_set(args, jv_string("vars"), exchange_in(&x, c->lib->vars));
	if (c->lib->secrets.n)
		args = jv_object_set(args, jv_string("secret"), exchange_in(&x, c->lib->secrets));
	struct slice text = c->state->marks ? c->lib->marked_program : c->lib->program;
	prepare_matching(c->lib->program);
	c->state->jq = jq_init();
	ASSERT(c->state->jq);
	jq_set_error_cb(c->state->jq, complain, c);
	int compiled = compile_homeless(c->state->jq, text.p, args);
	jq_set_error_cb(c->state->jq, ignore, NULL);
	arena_free(x.arena);
	return compiled;
}

static void state_free(struct state *s)
{
	if (s->jq)
		jq_teardown(&s->jq);
	free(s);
}

static struct state *state_find(struct library *lib, bool marks)
{
	struct state *s;
	pthread_mutex_lock(&lib->lock);
	for (s = lib->states; s; s = s->next)
		if (s->thread == this_thread() && s->marks == marks && !s->busy)
			break;
	pthread_mutex_unlock(&lib->lock);
	return s;
}

/* NULL: libjq does not take the program; *why says so. */
static struct state *state_get(struct library *lib, bool marks, char *why, size_t room)
{
	struct state *s = state_find(lib, marks);
	if (s)
		return s;
	s = xcalloc(1, sizeof(*s));
	*s = (struct state){ .thread = this_thread(), .marks = marks };
	struct compiling c = { .lib = lib, .state = s };
	if (!hk_bigstack(compile_state, &c)) {
		snprintf(why, room, "%s", c.text[0] ? c.text : "jq 1.6 does not take this program");
		state_free(s);
		return NULL;
	}
	pthread_mutex_lock(&lib->lock);
	s->next = lib->states;
	lib->states = s;
	pthread_mutex_unlock(&lib->lock);
	return s;
}

void library_free(struct library *lib)
{
	if (!lib)
		return;
	while (lib->states) {
		struct state *s = lib->states;
		lib->states = s->next;
		ASSERT(!s->busy);
		state_free(s);
	}
	pthread_mutex_destroy(&lib->lock);
	free(lib);
}

/* ---- the text that libjq gets ------------------------------------------------------------------------------ */

/* What our parser reads and libjq's does not, or reads otherwise, is written in another way. */
static int put_program(const struct jq *jq, bool marks, struct buf *out)
{
	size_t at = 0;
	int error = 0;
	for (const struct edit *e = jq->edits; e && !error; e = e->next) {
		if (e->kind == EDIT_FRACTION || (e->kind == EDIT_BIG_NUMBER && !marks))
			continue;
		struct slice old = { jq->text.p + e->at, e->n };
		error = buf_add(out, (struct slice){ jq->text.p + at, e->at - at });
		at = e->at + e->n;
		if (!error && e->kind == EDIT_FIELD) {
			error = buf_printf(out, ".\"%.*s\"",
					   SLICE(((struct slice){ old.p + 1, old.n - 1 })));
		} else if (!error) {
			error = buf_add_char(out, '"');
			error = error ? error : exchange_mark(old, out);
			error = error ? error : buf_add_char(out, '"');
		}
	}
	return error ? error : buf_add(out, (struct slice){ jq->text.p + at, jq->text.n - at });
}

static bool needs_guard(struct slice program)
{
	static const char *const names[] = { "ind", "time", "date", "trimstr", NULL };
	return contains_one_of(program, names);
}

static int put_whole(const struct jq *jq, bool marks, struct slice *ret)
{
	AUTO(buf_done) struct buf text = { 0 };
	bool inside = false;
	int error = needs_guard(jq->text) ? buf_add(&text, S(guard)) : 0;
	if (!error && marks)
		error = buf_add(&text, S(prelude));
	for (size_t i = 0; i < ARRAY_SIZE(outers) && !error; i++) {
		if (!(jq->outer >> outers[i].bit & 1))
			continue;
		inside = true;
		error = buf_add(&text, slice_str(outers[i].binding));
	}
	if (!error)
		error = buf_add(&text, inside ? S(".record|(\n") : S("(\n"));
	if (!error)
		error = put_program(jq, marks, &text);
	if (!error)
		error = buf_add(&text, S("\n)"));
	*ret = arena_copy(jq->arena, buf_slice(&text));
	return error;
}

static struct slice object_of(struct arena *arena, struct slice members)
{
	return members.n ? slice_str(arena_printf(arena, "{%.*s}", SLICE(members))) : members;
}

int library_compile(struct jq *jq, size_t place, struct expr_error *error)
{
	struct library *lib = xcalloc(1, sizeof(*lib));
	char why[200] = "the program is too long";
	pthread_mutex_init(&lib->lock, NULL);
	jq->library = lib;
	lib->outer = jq->outer;
	lib->vars = jq->vars;
	lib->secrets = object_of(jq->arena, jq->secrets);
	lib->big = exchange_needs_marks(lib->vars);
	for (const struct edit *e = jq->edits; e; e = e->next)
		lib->big |= e->kind == EDIT_BIG_NUMBER;
	if (put_whole(jq, false, &lib->program) == 0 &&
	    put_whole(jq, true, &lib->marked_program) == 0 &&
	    state_get(lib, lib->big, why, sizeof(why)))
		return 0;
	*error = (struct expr_error){ .offset = place, .length = jq->text.n };
	snprintf(error->text, sizeof(error->text), "%s", why);
	return -1;
}

/* ---- running ------------------------------------------------------------------------------------------------- */

struct running {
	const struct jq *program;
	const struct env *env;
	struct state *state;
	struct scratch *scratch;
	struct exchange exchange;
	bool started, more;
	int rc; /* of what the step did: 0, -1 with *err set */
	struct err *err;
};

static jv response_value(struct exchange *x, const struct env_response *res)
{
	if (!res)
		return jv_null();
	jv v = jv_object();
	v = jv_object_set(v, jv_string("status"), jv_number(res->status));
	v = jv_object_set(v, jv_string("headers"),
			  exchange_in(x, json_trim(res->headers.n ? res->headers : S("{}"))));
	return jv_object_set(v, jv_string("body"),
			     exchange_in(x, json_trim(res->body.n ? res->body : S("null"))));
}

static jv meta_value(const struct env_meta *meta)
{
	AUTO(buf_done) struct buf time = { 0 };
	if (!meta)
		return jv_null();
	jv v = jv_object();
	bool known = clock_put_utc(&time, meta->wall_ns) == 0;
	v = jv_object_set(v, jv_string("id"),
			  jv_string_sized(meta->id.n ? meta->id.p : "", (int)meta->id.n));
	v = jv_object_set(
		v, jv_string("source"),
		jv_string_sized(meta->source.n ? meta->source.p : "", (int)meta->source.n));
	v = jv_object_set(v, jv_string("position"), jv_number((double)meta->position));
	v = jv_object_set(v, jv_string("attempt"), jv_number(meta->attempt));
	return jv_object_set(v, jv_string("time"),
			     known ? jv_string_sized(time.p, (int)time.n) : jv_null());
}

static jv input_value(struct running *r)
{
	const struct env *env = r->env;
	unsigned outer = r->program->outer;
	for (const struct edit *e = r->program->edits; e; e = e->next)
		if (e->kind == EDIT_FRACTION)
			jv_free(exchange_in(&r->exchange,
					    (struct slice){ r->program->text.p + e->at, e->n }));
	jv record = exchange_in(&r->exchange, json_trim(env->record.n ? env->record : S("null")));
	if (!(outer & (1u << OUTER_RES | 1u << OUTER_ROWS | 1u << OUTER_META)))
		return record;
	jv v = jv_object_set(jv_object(), jv_string("record"), record);
	if (outer >> OUTER_RES & 1)
		v = jv_object_set(v, jv_string("res"), response_value(&r->exchange, env->res));
	if (outer >> OUTER_ROWS & 1)
		v = jv_object_set(
			v, jv_string("rows"),
			exchange_in(&r->exchange, json_trim(env->rows.n ? env->rows : S("null"))));
	if (outer >> OUTER_META & 1)
		v = jv_object_set(v, jv_string("meta"), meta_value(env->meta));
	return v;
}

static int failed(struct running *r, jv message)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct buf *value = &r->scratch->buf;
	buf_clear(value);
	if (jv_get_kind(message) == JV_KIND_STRING) {
		struct slice words = { jv_string_value(message),
				       (size_t)jv_string_length_bytes(jv_copy(message)) };
		int error = exchange_clean(words, &text);
		jv_free(message);
		return error < 0 ? fail(r->err, FAULT_JQ, "the program raised an error")
				 : jq_fail(r->err, buf_slice(&text));
	}
	if (exchange_out(&r->exchange, message, value) < 0)
		return fail(r->err, FAULT_JQ, "the program raised an error");
	return fail(r->err, FAULT_JQ, "error(%.*s)", SLICE(utf8_head(buf_slice(value), 200)));
}

/* One value into the scratch's buffer; more is false at the end. Runs on the loop's own stack. */
static int step(void *arg)
{
	struct running *r = arg;
	ASSERT(r->state->busy && r->state->thread == this_thread());
	if (!r->started)
		jq_start(r->state->jq, input_value(r), 0);
	r->started = true;
	jv v = jq_next(r->state->jq);
	r->more = jv_is_valid(v);
	r->rc = 0;
	if (r->more) {
		buf_clear(&r->scratch->buf);
		int error = exchange_out(&r->exchange, v, &r->scratch->buf);
		if (error < 0)
			r->rc = fail(r->err, FAULT_TOO_LARGE,
				     "the program's value is too large or nested more than %d deep",
				     JSON_MAX_DEPTH);
		return 0;
	}
	bool raised = jv_invalid_has_msg(jv_copy(v));
	if (raised)
		r->rc = failed(r, jv_invalid_get_msg(v));
	else
		jv_free(v);
	return 0;
}

static bool has_big_numbers(const struct jq *jq, const struct env *env)
{
	if (jq->library->big || exchange_needs_marks(env->record))
		return true;
	if ((jq->outer >> OUTER_RES & 1) && env->res &&
	    (exchange_needs_marks(env->res->body) || exchange_needs_marks(env->res->headers)))
		return true;
	return (jq->outer >> OUTER_ROWS & 1) && exchange_needs_marks(env->rows);
}

static int run(struct running *r, jq_yield *yield, void *arg)
{
	for (;;) {
		hk_bigstack(step, r);
		if (r->rc < 0 || !r->more)
			return r->rc;
		int rc = yield(arg, buf_slice(&r->scratch->buf), r->err);
		if (rc)
			return rc;
	}
}

int library_each(const struct jq *jq, const struct env *env, jq_yield *yield, void *arg,
		 struct err *err)
{
	char why[200];
	bool marks = has_big_numbers(jq, env);
	struct state *state = state_get(jq->library, marks, why, sizeof(why));
	if (!state)
		return fail(err, FAULT_JQ, "%s", why);
	struct scratch *scratch = scratch_take();
	struct running r = {
		.program = jq, .env = env, .state = state, .scratch = scratch, .err = err
	};
	r.exchange = (struct exchange){ .arena = scratch->arena, .marked = marks };
	state->busy = true;
	int rc = run(&r, yield, arg);
	state->busy = false;
	scratch_give(scratch);
	return rc;
}
