/* json.c - what JSON costs: nanoseconds a KB for each way a record goes through base/json.h
 *
 * What this room is for: holding "near 1 us a KB on every path" against a document like those that APIs send,
 *   and against the shapes that hurt: indented, long text, numbers only, text that is not ASCII, escapes.
 * What flows through:    the documents below, or the files named as arguments; out comes a table.
 * What must hold:        each figure is the best of many rounds of at least 50 us, so that a busy machine
 *   shows in none of them. */
#include "base/json.h"
#include "base/clock.h"
#include <stdio.h>
#include <stdlib.h>

static const char api[] = "{\"id\":\"ord_8f14e45fceea167a\",\"object\":\"order\",\"created\":"
			  "1717171717,\"status\":\"paid\",\"amount\":12999,"
			  "\"currency\":\"eur\",\"customer\":{\"id\":\"cus_6512bd43d9caa6e0\","
			  "\"name\":\"Zo\u00eb M\u00fcller\",\"email\":"
			  "\"zoe.mueller@example.com\",\"phone\":null,\"address\":{\"line1\":"
			  "\"Karl-Marx-Allee 102\",\"city\":\"Berlin\","
			  "\"postal_code\":\"10243\",\"country\":\"DE\"}},\"items\":[{\"sku\":\"TS-"
			  "0001-BLK-M\",\"title\":\"T-shirt, black\","
			  "\"quantity\":2,\"unit_price\":24.99,\"tags\":[\"cotton\",\"basic\"]},{"
			  "\"sku\":\"MG-0417\",\"title\":\"Mug "
			  "\\\"Good "
			  "Morning\\\"\",\"quantity\":1,\"unit_price\":12.50,\"tags\":[]}],"
			  "\"shipping\":{\"method\":\"standard\","
			  "\"cost\":4.90,\"eta_days\":3,\"tracking\":null},\"metadata\":{"
			  "\"source\":\"web\",\"campaign\":\"spring-2026\","
			  "\"ab_test\":\"B\",\"gift\":false},\"note\":\"Please leave the parcel "
			  "with the neighbours on the second floor.\\n"
			  "Thank "
			  "you!\",\"risk_score\":0.0371,\"refunded\":false,\"updated\":\"2026-01-"
			  "31T12:30:00.123Z\",\"url\":"
			  "\"https://api.example.com/v1/orders/ord_8f14e45fceea167a\"}";

struct bench {
	struct slice text;
	struct arena *arena;
	struct buf out;
	struct json *tree;
};

static void must(int error)
{
	if (error >= 0)
		return;
	fprintf(stderr, "the document is not JSON or does not fit (%d)\n", error);
	exit(1);
}

static void run_check(struct bench *b)
{
	must(json_check(b->text, NULL));
}

static void run_compact(struct bench *b)
{
	buf_clear(&b->out);
	must(json_compact(b->text, &b->out, NULL));
}

static void run_parse(struct bench *b)
{
	arena_reset(b->arena);
	must(json_parse(b->arena, b->text, &b->tree, NULL));
}

static void run_write(struct bench *b)
{
	buf_clear(&b->out);
	must(json_write(b->tree, &b->out));
}

static void run_field(struct bench *b)
{
	struct slice value;
	if (json_field(b->text, S("updated"), &value))
		__asm__ volatile("" : : "r"(value.p)); /* the search is not to be optimised away */
}

static void run_splice(struct bench *b)
{
	struct slice path[] = { S("profile") };
	buf_clear(&b->out);
	must(json_splice(b->text, path, 1, S("{\"score\":12}"), &b->out));
}

static void run_quote(struct bench *b)
{
	buf_clear(&b->out);
	must(json_quote(b->text, &b->out));
}

static const struct path {
	const char *name;
	void (*run)(struct bench *);
	bool objects; /* is asked of objects only */
} paths[] = {
	{ "check", run_check }, { "compact", run_compact },   { "parse", run_parse },
	{ "write", run_write }, { "field", run_field, true }, { "splice", run_splice, true },
	{ "quote", run_quote },
};

static int64_t time_rounds(struct bench *b, void (*run)(struct bench *), int64_t rounds)
{
	int64_t start = clock_mono_ns();
	for (int64_t n = 0; n < rounds; n++)
		run(b);
	return clock_mono_ns() - start;
}

static double best_ns(struct bench *b, void (*run)(struct bench *))
{
	int64_t rounds = 1;
	while (time_rounds(b, run, rounds) < 50000)
		rounds *= 2;
	int64_t best = INT64_MAX;
	for (int i = 0; i < 500; i++) {
		int64_t took = time_rounds(b, run, rounds);
		best = took < best ? took : best;
	}
	return (double)best / (double)rounds;
}

static void measure(const char *name, struct slice text)
{
	AUTO(buf_done) struct buf out = { .max = (size_t)1 << 30 };
	AUTO(arena_freep) struct arena *arena = arena_new();
	struct bench b = { .text = text, .arena = arena, .out = out };
	run_parse(&b);
	printf("%-12s %8zu", name, text.n);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (paths[i].objects && json_type(json_trim(text)) != JSON_OBJECT)
			printf(" %8s", "-");
		else
			printf(" %8.0f", best_ns(&b, paths[i].run) * 1024 / (double)text.n);
	}
	printf("\n");
	buf_done(&b.out);
}

/* A document made of one element many times: [element,element,...] */
static void measure_many(const char *name, const char *element, int times)
{
	AUTO(buf_done) struct buf text = { 0 };
	must(buf_add_char(&text, '['));
	for (int i = 0; i < times; i++)
		must(buf_printf(&text, "%s%s", i ? "," : "", element));
	must(buf_add_char(&text, ']'));
	measure(name, buf_slice(&text));
}

static void measure_indented(void)
{
	AUTO(buf_done) struct buf text = { 0 };
	for (const char *p = api; *p; p++) {
		must(buf_add_char(&text, *p));
		if (*p == ':')
			must(buf_add_char(&text, ' '));
		else if (*p == ',' || *p == '{')
			must(buf_add(&text, S("\n      ")));
	}
	/* Blanks inside strings were added too, among them line ends: those are not JSON. */
	for (size_t i = 0, quoted = 0; i < text.n; i++) {
		quoted ^= text.p[i] == '"' && text.p[i - 1] != '\\';
		if (quoted && text.p[i] == '\n')
			text.p[i] = ' ';
	}
	measure("indented", buf_slice(&text));
}

static int measure_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file) {
		fprintf(stderr, "cannot open '%s'\n", path);
		return -1;
	}
	AUTO(buf_done) struct buf text = { .max = (size_t)1 << 30 };
	size_t n;
	do {
		must(buf_reserve(&text, 65536));
		n = fread(text.p + text.n, 1, 65536, file);
		buf_added(&text, n);
	} while (n);
	fclose(file);
	measure(path, buf_slice(&text));
	return 0;
}

int main(int argc, char **argv)
{
	printf("ns per KB    %8s", "bytes");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		printf(" %8s", paths[i].name);
	printf("\n");
	for (int i = 1; i < argc; i++)
		if (measure_file(argv[i]) < 0)
			return 1;
	if (argc > 1)
		return 0;
	measure("api", S(api));
	measure_indented();
	measure_many("many", api, 1000);
	measure_many("numbers", "[12.345678,-98.7654321,417]", 40);
	measure_many("text",
		     "\"The quick brown fox jumps over the lazy dog, again and again and again.\"",
		     12);
	measure_many("japanese",
		     "\"\u540d\u524d\u306f\u307e\u3060\u7121\u3044\u3002\u3069\u3053\u3067\u751f"
		     "\u308c\u305f\u304b\"",
		     20);
	measure_many("escapes", "\"line\\none\\ttwo \\\"three\\\" \\u00e9\\u4e2d\"", 25);
	measure_many("tiny", "0", 450);
	return 0;
}
