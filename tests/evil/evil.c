/* evil.c - every script of the evil server, played in four ways, read by curl, and counted
 *
 * Kernel sockets (descriptors and memory are counted there), simulated ones, the same in pieces of any size over a net that takes
 * its time, and byte by byte. A virtual clock makes an hour of silence cost nothing. A script has passed when it passed in all
 * of them; the table at the end is what docs/scorecard.md shows. */
#include "cancel.h"
#include "curl.h"
#include "play.h"
#include "tls_far.h"
#include "rt/real_loop.h"

static const struct family *const families[] = {
	/* the last two have tests of their own */
	&evil_heads,     &evil_lengths, &evil_chunks, &evil_bombs,   &evil_silence,    &evil_ends,
	&evil_redirects, &evil_waits,   &evil_tls,    &evil_proxies, &evil_handshakes, &evil_cuts,
};

enum { SCRIPTS_MOST = 512, ENDINGS_MOST = 256 };

struct record { /* of a script, over all plays */
	const struct family *family;
	const struct script *script;
	unsigned plays, failures;
	int64_t took_ns;
	size_t peak_bytes;
	uint64_t bytes_in;
};
static struct record records[SCRIPTS_MOST];
static size_t record_count;

static void make_records(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		for (size_t j = 0; j < families[i]->n; j++) {
			ASSERT(record_count < SCRIPTS_MOST);
			records[record_count++] =
				(struct record){ families[i], &families[i]->scripts[j] };
		}
}

/* Only the scripts with this word in their name, for who looks for a bug. */
static bool is_wanted(const struct record *r)
{
	const char *word = getenv("HOCKET_SCRIPT");
	return (!word || strstr(r->script->name, word)) && r->family != &evil_cuts &&
	       r->family != &evil_handshakes;
}

/* What plays ended with, by family. */
static struct ending {
	const struct family *family;
	char class[48];
	unsigned plays;
} endings[ENDINGS_MOST];
static size_t ending_count;

static void count_class(const struct family *family, const char *class)
{
	size_t i = 0;
	while (i < ending_count &&
	       (endings[i].family != family || strcmp(endings[i].class, class) != 0))
		i++;
	ASSERT(i < ENDINGS_MOST);
	if (i == ending_count)
		snprintf(endings[ending_count++].class, sizeof(endings[i].class), "%s", class);
	endings[i].family = family;
	endings[i].plays++;
}

static void add_play(struct record *r, const struct play *p, const char *way)
{
	r->plays++;
	count_class(r->family, p->class);
	if (p->took_ns > r->took_ns)
		r->took_ns = p->took_ns;
	if (p->memory && p->peak_bytes > r->peak_bytes)
		r->peak_bytes = p->peak_bytes;
	if (p->bytes_in > r->bytes_in)
		r->bytes_in = p->bytes_in;
	if (!p->why[0])
		return;
	r->failures++;
	test_failures_++;
	printf("# %s: %s, %s: %s\n", r->family->name, r->script->name, way, p->why);
}

/* ---- four ways ------------------------------------------------------------------------------------------ */

static void play_for_real(struct record *r, const struct script *script, const char *way)
{
	struct play p = { .script = script, .memory = true, .first_id = CUT_ID };
	int before = open_fds();
	(void)!hk_run(play_run, &p, &(struct hk_run_options){ .virtual_clock = true, .seed = 1 });
	if (open_fds() != before && !p.why[0])
		snprintf(p.why, sizeof(p.why), "%d descriptors are left", open_fds() - before);
	add_play(r, &p, way);
}

TEST(over_sockets_of_the_kernel)
{
	for (size_t i = 0; i < record_count; i++) {
		struct play p = { .script = records[i].script, .memory = true, .first_id = 100 };
		if (!is_wanted(&records[i]))
			continue;
		int before = open_fds();
		(void)!hk_run(play_run, &p,
			      &(struct hk_run_options){ .virtual_clock = true, .seed = 1 });
		if (open_fds() != before && !p.why[0])
			snprintf(p.why, sizeof(p.why), "%d descriptors are left",
				 open_fds() - before);
		add_play(&records[i], &p, "kernel sockets");
	}
}

struct simulated {
	struct play play;
	struct record *record;
	const struct script *script; /* NULL: the record's */
	const char *way;
};

static void before_seed(uint64_t seed, void *arg)
{
	struct simulated *s = arg;
	s->play = (struct play){ .script = s->script ? s->script : s->record->script,
				 .in_pieces = s->play.in_pieces,
				 .gap_ns = s->play.gap_ns,
				 .first_id = (unsigned)seed * CUT_ID };
}

static int after_seed(uint64_t seed, int result, void *arg)
{
	struct simulated *s = arg;
	if (result < 0 && !s->play.why[0])
		snprintf(s->play.why, sizeof(s->play.why), "seed %u ended with %d", (unsigned)seed,
			 result);
	add_play(s->record, &s->play, s->way);
	return result;
}

static void simulate(struct simulated *s, unsigned seeds, const struct hk_sim_net *net)
{
	char replay[512];
	struct hk_sim_options o = { .seeds = seeds,
				    .before = before_seed,
				    .replay = replay,
				    .after = after_seed,
				    .net = *net,
				    .run = &(struct hk_run_options){ .report = sim_quiet_ } };
	int before = test_failures_;
	snprintf(replay, sizeof(replay), "HOCKET_SCRIPT='%s' %s", s->record->script->name,
		 program_invocation_name);
	if (hk_sim(play_run, s, &o) < 0 && test_failures_ == before)
		test_failures_++;
}

TEST(over_simulated_sockets)
{
	for (size_t i = 0; i < record_count; i++) {
		struct simulated s = { .record = &records[i], .way = "simulated" };
		if (is_wanted(&records[i]))
			simulate(&s, 5, &(struct hk_sim_net){ 0 });
	}
}

TEST(in_pieces_over_a_slow_net)
{
	struct hk_sim_net net = { .latency_ns = HK_MS,
				  .jitter_ns = 5 * HK_MS,
				  .loss_ppm = 1000,
				  .short_reads = true,
				  .window_bytes = 20000 };
	for (size_t i = 0; i < record_count; i++) {
		struct simulated s = { .record = &records[i],
				       .way = "in pieces",
				       .play = { .in_pieces = true, .gap_ns = 5 * HK_SEC } };
		if (is_wanted(&records[i]) && !records[i].script->whole_requests)
			simulate(&s, 10, &net);
	}
}

/* A window of one byte. What floods or uploads would take too long that way, and was seen in pieces. Where both sides speak at once
 * (greetings, TLS) each would wait for the other to read: a window that no system has. */
TEST(byte_by_byte)
{
	for (size_t i = 0; i < record_count; i++) {
		const struct script *script = records[i].script;
		struct simulated s = { .record = &records[i],
				       .way = "byte by byte",
				       .play = { .in_pieces = true, .gap_ns = 5 * HK_SEC } };
		bool large = script->body_bytes > 1000 || script->greets || script->https;
		for (size_t j = 0; j < ARRAY_SIZE(script->moves); j++)
			large |= script->moves[j].kind == MOVE_FLOOD ||
				 script->moves[j].kind == MOVE_MAKE;
		if (is_wanted(&records[i]) && !large && !script->whole_requests)
			simulate(&s, 2, &(struct hk_sim_net){ .window_bytes = 1 });
	}
}

TEST(ends_at_every_byte)
{
	for (size_t i = 0; i < record_count; i++) {
		struct record *r = &records[i];
		size_t n = r->family == &evil_cuts ? cut_bytes(r->script) + 1 : 0;
		for (size_t at = 0; at < n; at++) {
			struct cut cut = { 0 };
			struct simulated s = { .record = r, .script = &cut.script };
			char way[64];
			snprintf(way, sizeof(way), "byte %zu", at);
			s.way = way;
			cut_make(r->script, at, &cut);
			play_for_real(r, &cut.script, way);
			simulate(&s, 1, &(struct hk_sim_net){ .latency_ns = HK_MS });
		}
	}
}

/* More bytes than that the far side does not send before it is asked something. */
enum { HANDSHAKE_BYTES = 1500, HANDSHAKE_STEP = 7 };

TEST(handshakes_end_anywhere)
{
	for (size_t i = 0; i < record_count; i++) {
		struct record *r = &records[i];
		for (size_t at = 1; r->family == &evil_handshakes && at < HANDSHAKE_BYTES;
		     at += HANDSHAKE_STEP) {
			struct tls_manner manner = { .most = at };
			struct script script = *r->script;
			char way[64];
			snprintf(way, sizeof(way), "byte %zu", at);
			script.manner = &manner;
			play_for_real(r, &script, way);
		}
	}
}

/* ---- other witnesses --------------------------------------------------------------------------------------- */

static bool is_slow(const struct script *s)
{
	bool slow = s->class && strstr(s->class, "timeout");
	for (size_t i = 0; i < ARRAY_SIZE(s->moves); i++)
		slow |= s->moves[i].kind == MOVE_FLOOD || s->moves[i].ns > HK_MS;
	return slow || s->body_bytes > 0 || s->warm;
}

static void ask_curl(const struct record *r, bool must_agree)
{
	struct curl c = { .script = r->script, .id = 4711, .seconds = must_agree ? 20 : 2 };
	if (hk_run(curl_run, &c, NULL) < 0)
		test_failures_++,
			printf("# %s: %s: curl cannot be run\n", r->family->name, r->script->name);
	else if (must_agree && !curl_agrees(&c))
		test_failures_++,
			printf("# %s: %s: curl ends with %d and reads [%.*s]\n", r->family->name,
			       r->script->name, c.exit >> 8, SLICE(buf_slice(&c.out)));
	else if (!must_agree && r->script->class && c.exit == 0)
		printf("# curl reads what we refuse: %s: %s: [%.*s]\n", r->family->name,
		       r->script->name, SLICE(slice_head(buf_slice(&c.out), 60)));
	curl_done(&c);
}

/* HOCKET_CURL=all: also tells which of the refused answers curl would have taken. */
TEST(curl_reads_legal_answers_alike)
{
	bool all = getenv("HOCKET_CURL") != NULL;
	unsigned n = 0;
	if (!curl_is_there()) {
		printf("# the curl program is not there: nothing compared\n");
		return;
	}
	for (size_t i = 0; i < record_count; i++) {
		bool legal = records[i].script->legal;
		if (is_wanted(&records[i]) && (legal || (all && !is_slow(records[i].script))))
			ask_curl(&records[i], legal);
		n += legal;
	}
	printf("# curl: %u legal answers compared\n", n);
}

/* HOCKET_CANCELLATIONS=100000: so many. */
TEST(cancelled_at_random)
{
	const char *many = getenv("HOCKET_CANCELLATIONS");
	struct cancellations c = { .wanted = 10000 };
	if (many)
		c.wanted = strtoull(many, NULL, 10);
	CHECK_INT(cancellations_run(&c), 0);
	CHECK_INT(c.crossed, 0);
	CHECK_INT(c.other, 0);
	CHECK(c.in_the_middle > c.cancelled / 10);
	CHECK(c.answers > c.requests / 10);
	printf("# cancellations: %ju of %ju requests (%ju of them while the server was answering), "
	       "%ju answers, %ju crossed; "
	       "seeds 1 to %ju\n",
	       (uintmax_t)c.cancelled, (uintmax_t)c.requests, (uintmax_t)c.in_the_middle,
	       (uintmax_t)c.answers, (uintmax_t)c.crossed, (uintmax_t)c.seeds);
}

/* ---- the table -------------------------------------------------------------------------------------------- */

struct tally {
	const char *name;
	unsigned scripts, passed, plays;
	int64_t took_ns;
	size_t peak_bytes;
	uint64_t bytes_in;
};

static void tally_add(struct tally *t, const struct record *r)
{
	t->scripts++;
	t->passed += r->failures == 0 && r->plays > 0;
	t->plays += r->plays;
	t->took_ns = r->took_ns > t->took_ns ? r->took_ns : t->took_ns;
	t->peak_bytes = r->peak_bytes > t->peak_bytes ? r->peak_bytes : t->peak_bytes;
	t->bytes_in = r->bytes_in > t->bytes_in ? r->bytes_in : t->bytes_in;
}

static void print_tally(const struct tally *t)
{
	printf("# | %s | %u | %u | %u | %.1f | %zu | %ju |", t->name, t->scripts, t->passed,
	       t->plays, (double)t->took_ns / (double)HK_SEC, t->peak_bytes >> 10,
	       (uintmax_t)(t->bytes_in >> 10));
}

static void print_endings(const struct family *family)
{
	const char *comma = " ";
	for (size_t i = 0; i < ending_count; i++)
		if (endings[i].family == family) {
			printf("%s%s %u", comma, endings[i].class, endings[i].plays);
			comma = ", ";
		}
	printf(" |\n");
}

static void print_families(void)
{
	struct tally all = { .name = "all" };
	printf("# | misbehaviours | n | passed | plays | longest (virtual s) | memory at most "
	       "(KiB) | taken at most (KiB) | plays by their end |\n");
	printf("# |---|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct tally t = { .name = families[i]->name };
		for (size_t j = 0; j < record_count; j++)
			if (records[j].family == families[i])
				tally_add(&t, &records[j]);
		print_tally(&t);
		print_endings(families[i]);
	}
	for (size_t j = 0; j < record_count; j++)
		tally_add(&all, &records[j]);
	print_tally(&all);
	print_endings(NULL);
}

static const struct test tests[] = {
	T(over_sockets_of_the_kernel),
	T(over_simulated_sockets),
	T(in_pieces_over_a_slow_net),
	T(byte_by_byte),
	T(ends_at_every_byte),
	T(handshakes_end_anywhere),
	T(curl_reads_legal_answers_alike),
	T(cancelled_at_random),
};

int main(void)
{
	alarm(3000); /* a client that hangs is a failure, too */
	make_records();
	tls_world_open();
	int r = RUN_TESTS(tests);
	tls_world_close();
	print_families();
	return r;
}
