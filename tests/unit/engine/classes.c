/* classes.c - which facts make which promise, and which promises are good enough for exactly_once */
#include "engine/plan/classes.h"
#include "check.h"
#include "fakes.h"

static struct place place_of(const struct port *port, enum role role, struct facts facts)
{
	return (struct place){ .port = port, .role = role, .facts = facts, .label = port->name };
}

static void check_promise(struct place p, const char *words, bool exact)
{
	const struct promise *promise = promise_of(&p);
	AUTO(buf_done) struct buf out = { 0 };
	CHECK(promise);
	if (!promise)
		return;
	CHECK_INT(promise_put(promise, &out), 0);
	CHECK_STR(out.p, words);
	CHECK_INT(promise->cure == NULL, exact);
}

TEST(sources)
{
	const struct port *from = &fake_jsonl_in;
	check_promise(place_of(from, ROLE_SOURCE, (struct facts){ .restart = RESTART_SEEKS }),
		      "R  replayable: goes on where it stopped", true);
	check_promise(place_of(from, ROLE_SOURCE, (struct facts){ .restart = RESTART_ASKS }),
		      "J  journaled: each page is kept, and not asked for again", true);
	check_promise(place_of(from, ROLE_SOURCE,
			       (struct facts){ .restart = RESTART_ASKS, .told = S("hooks") }),
		      "J  journaled: what comes is kept before anything is done with it", true);
	check_promise(place_of(from, ROLE_SOURCE, (struct facts){ .restart = RESTART_LOSES }),
		      "V  volatile: what was read is gone after a stop", false);
}

TEST(sinks)
{
	const struct port *to = &fake_jsonl_out;
	check_promise(place_of(to, ROLE_SINK, (struct facts){ .guarantee = TRANSACTIONAL }),
		      "T  transactional: each record's effect once", true);
	check_promise(place_of(to, ROLE_SINK, (struct facts){ .guarantee = IDEMPOTENT }),
		      "I  idempotent: a repeated record changes nothing", true);
	check_promise(place_of(to, ROLE_SINK, (struct facts){ .guarantee = APPEND_ONLY }),
		      "A  append-only: after a crash some may show twice or not", false);
}

/* Also a sink that calls: what makes it better is said to a call. */
TEST(calls_by_what_they_do_outside)
{
	static const enum role roles[] = { ROLE_STEP, ROLE_SINK };
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		struct place p =
			place_of(&fake_http, roles[i], (struct facts){ .effect = EFFECT_WRITES });
		check_promise(p, "A  append-only: what a crash cuts off may have happened or not",
			      false);
		CHECK_STR(promise_of(&p)->cure, "add `idempotency_key: auto`");
		p.facts.guarantee = IDEMPOTENT;
		check_promise(p, "I  idempotent: called again, it changes nothing more", true);
		p.facts.effect = EFFECT_READS;
		check_promise(p, "reads: it may ask again after a crash", true);
	}
}

/* A cure is an option that the place has. */
TEST(calls_that_bear_no_key)
{
	static const struct opt with[] = { { .name = "idempotent" }, { 0 } }, without[] = { { 0 } };
	const struct facts facts = { .effect = EFFECT_WRITES, .keyless = true };
	struct port port = { .name = "x", .options = with, .call = fake_http.call };
	struct place p = place_of(&port, ROLE_SINK, facts);
	CHECK_STR(promise_of(&p)->cure,
		  "say `idempotent: true` if running it twice changes nothing more");
	port.options = without;
	CHECK_STR(promise_of(&p)->cure,
		  "nothing makes it exactly once: what nobody knows is a dead letter, to be looked "
		  "up");
}

TEST(pure_steps_promise_nothing)
{
	struct place p = place_of(&fake_map, ROLE_STEP, (struct facts){ 0 });
	CHECK(!promise_of(&p));
}

static const struct test tests[] = {
	T(sources),
	T(sinks),
	T(calls_by_what_they_do_outside),
	T(calls_that_bear_no_key),
	T(pure_steps_promise_nothing),
};
int main(void)
{
	return RUN_TESTS(tests);
}
