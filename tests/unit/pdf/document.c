/* document.c - Markdown as a tree: blocks, spans, names of headings */
#include "pdf/document.h"
#include <errno.h>
#include "../check.h"
#include "plain_style.h"

static struct document d;
static struct arena *arena;

static void read_text(const char *markdown)
{
	arena_free(arena);
	arena = arena_new();
	CHECK_INT(document_read(&d, arena, slice_str(markdown), NULL, NULL), 0);
}

/* The tree in brackets: "h1'A' p'b' ul(li(p'c'))". */
static void put(const struct block *b, struct buf *out)
{
	static const char *const names[] = { "doc", "quote", "list", "item",  "rule", "page",
					     "h",   "code",  "p",    "table", "row",  "cell" };
	bool text = b->kind == BLOCK_HEADING || b->kind == BLOCK_CODE ||
		    b->kind == BLOCK_PARAGRAPH || b->kind == BLOCK_CELL;
	int r = buf_printf(out, "%s%s", names[b->kind], text ? "'" : "");
	if (text)
		r = buf_printf(out, "%.*s'", SLICE(b->prose.text));
	if (b->first)
		r = buf_printf(out, "(");
	for (const struct block *c = b->first; c; c = c->next) {
		put(c, out);
		r = c->next ? buf_add_char(out, ' ') : 0;
	}
	if (b->first)
		r = buf_printf(out, ")");
	CHECK_INT(r, 0);
}

static void check_tree(const char *markdown, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	read_text(markdown);
	put(d.root, &out);
	CHECK_SLICE(buf_slice(&out), slice_str(want));
}

TEST(blocks_stand_in_a_tree)
{
	check_tree("# A\n\nb\nc\n\n---\n", "doc(h'A' p'b c' rule)");
	check_tree("> a\n>\n> > b\n", "doc(quote(p'a' quote(p'b')))");
	check_tree("```c\nint x;\n```\n", "doc(code'int x;\n')");
	check_tree("|a|b|\n|-|-|\n|1|2|\n",
		   "doc(table(row(cell'a' cell'b') row(cell'1' cell'2')))");
}

TEST(a_table_s_rule_may_be_short)
{
	check_tree("|a|b|\n|:-|-:|\n|1|2|\n",
		   "doc(table(row(cell'a' cell'b') row(cell'1' cell'2')))");
	CHECK_INT(d.root->first->first->next->first->align, CELL_LEFT);
	CHECK_INT(d.root->first->first->next->first->next->align, CELL_RIGHT);
	check_tree("> a|b\n> -|-\n", "doc(quote(table(row(cell'a' cell'b'))))");
	check_tree("```\n|a|\n|-|\n```\n", "doc(code'|a|\n|-|\n')");
	check_tree("a\n\n|-|\n", "doc(p'a' p'|-|')");
}

TEST(a_tight_item_has_a_paragraph_all_the_same)
{
	check_tree("- a\n- b\n  - c\n", "doc(list(item(p'a') item(p'b' list(item(p'c')))))");
	check_tree("1. a\n\n   b\n", "doc(list(item(p'a' p'b')))");
	CHECK_INT(d.root->first->delimiter, '.');
	CHECK_INT(d.root->first->number, 1);
}

TEST(tasks_are_told)
{
	read_text("- [x] a\n- [ ] b\n- c\n");
	const struct block *item = d.root->first->first;
	CHECK(item->task && item->done);
	CHECK(item->next->task && !item->next->done);
	CHECK(!item->next->next->task);
}

static const struct span *span_at(size_t i)
{
	const struct prose *prose = &d.root->first->prose;
	static const struct span none;
	CHECK(i < prose->n);
	return i < prose->n ? &prose->spans[i] : &none;
}

TEST(spans_know_kind_and_target)
{
	read_text("a **b *c*** [d](http://x/?a&amp;b) `e` ~~f~~");
	CHECK_SLICE(d.root->first->prose.text, S("a b c d e f"));
	CHECK_INT(d.root->first->prose.n, 5);
	CHECK(span_at(0)->kind == SPAN_STRONG && span_at(0)->from == 2 && span_at(0)->to == 5);
	CHECK(span_at(1)->kind == SPAN_EMPHASIS && span_at(1)->from == 4 && span_at(1)->to == 5);
	CHECK(span_at(2)->kind == SPAN_LINK && span_at(2)->from == 6);
	CHECK_SLICE(span_at(2)->target, S("http://x/?a&b"));
	CHECK(span_at(3)->kind == SPAN_CODE);
	CHECK(span_at(4)->kind == SPAN_STRIKE);
}

TEST(an_image_is_one_sign)
{
	read_text("see ![a *b* c](x.png) there");
	CHECK_SLICE(d.root->first->prose.text, S("see \xef\xbf\xbc there"));
	CHECK_INT(d.root->first->prose.n, 1);
	CHECK(span_at(0)->kind == SPAN_IMAGE && span_at(0)->to - span_at(0)->from == 3);
	CHECK_SLICE(span_at(0)->alt, S("a b c"));
	CHECK_SLICE(span_at(0)->target, S("x.png"));
}

TEST(entities_are_letters)
{
	check_tree("&copy;&nbsp;&#65;&#x42; &amp;&lt;&gt;&quot; &nosuch;", "doc(p'\xc2\xa9\xc2\xa0"
									   "AB &<>\" &nosuch;')");
	check_tree("&#38; &#60;", "doc(p'& <')");
}

TEST(html_is_understood_or_left_out)
{
	check_tree("H<sub>2</sub>O <blink>x</blink><br>y", "doc(p'H2O x\xe2\x80\xa8y')");
	CHECK(span_at(0)->kind == SPAN_BELOW && span_at(0)->from == 1 && span_at(0)->to == 2);
	check_tree("<div>\na <b>c</b>\n</div>\n", "doc(p'a c')");
	check_tree("<script>\nalert(1)\n</script>\n\na\n", "doc(p'' p'a')");
	check_tree("a <!-- b --> c", "doc(p'a  c')");
	check_tree("<!-- one\ntwo -->\n\na\n", "doc(p'' p'a')");
	check_tree("a\n\n<!-- page -->\n\nb\n", "doc(p'a' page p'b')");
}

TEST(headings_have_names)
{
	read_text("# One Two!\n\n## One two\n\n# \xc3\x84pfel & `x`\n");
	CHECK_INT(d.headings_n, 3);
	CHECK(document_anchor(&d, S("one-two")) == d.headings[0]);
	CHECK(document_anchor(&d, S("one-two-1")) == d.headings[1]);
	CHECK(document_anchor(&d, S("\xc3\xa4pfel--x")) == d.headings[2]);
	CHECK(!document_anchor(&d, S("one-two-2")));
	CHECK(!document_anchor(&d, S("")));
}

TEST(what_is_too_deep_stands_at_the_edge)
{
	AUTO(buf_done) struct buf text = { 0 };
	for (int i = 0; i < 500; i++)
		CHECK_INT(buf_add(&text, S("> ")), 0);
	CHECK_INT(buf_add(&text, S("deep")), 0);
	read_text(text.p);
	const struct block *b = d.root;
	while (b->first)
		b = b->first;
	CHECK_INT(b->depth, DEPTH_MAX + 1);
	CHECK_SLICE(b->prose.text, S("deep"));
}

static bool always(void *arg)
{
	++*(int *)arg;
	return true;
}

TEST(reading_can_be_stopped)
{
	AUTO(buf_done) struct buf text = { 0 };
	int asked = 0;
	for (int i = 0; i < 2000; i++)
		CHECK_INT(buf_add(&text, S("a\n\n")), 0);
	arena_free(arena);
	arena = arena_new();
	CHECK_INT(document_read(&d, arena, buf_slice(&text), always, &asked), -1);
	CHECK_INT(asked, 1);
}

/* Rows that are shorter than the head's are filled up, and a reference says a link again. */
TEST(what_unfolds_has_a_limit)
{
	AUTO(buf_done) struct buf table = { 0 }, links = { 0 };
	int r = 0;
	for (size_t line = 0; line < 2; line++)
		for (size_t i = 0; i < 1200 && r == 0; i++)
			r = buf_printf(&table, "%s|%s", line ? "---" : "a", i < 1199 ? "" : "\n");
	for (size_t i = 0; i < 1000 && r == 0; i++)
		r = buf_printf(&table, "|b\n");
	r = r ? r : buf_printf(&links, "[a]: x%%26%060000d\n[b]: x&amp;%060000d\n\n", 1, 1);
	for (size_t i = 0; i < 2000 && r == 0; i++)
		r = buf_printf(&links, "[a] ");
	CHECK_INT(r, 0);
	arena_free(arena);
	arena = arena_new();
	CHECK_INT(document_read(&d, arena, buf_slice(&links), NULL, NULL), 0);
	CHECK(arena_bytes(arena) < (8u << 20));
	for (size_t i = 0; i < 2000 && r == 0; i++)
		r = buf_printf(&links, "[b] ");
	CHECK_INT(document_read(&d, arena, buf_slice(&links), NULL, NULL), -EMSGSIZE);
	CHECK_INT(document_read(&d, arena, buf_slice(&table), NULL, NULL), -EMSGSIZE);
}

static const struct test tests[] = {
	T(blocks_stand_in_a_tree),
	T(a_table_s_rule_may_be_short),
	T(a_tight_item_has_a_paragraph_all_the_same),
	T(tasks_are_told),
	T(spans_know_kind_and_target),
	T(an_image_is_one_sign),
	T(entities_are_letters),
	T(html_is_understood_or_left_out),
	T(headings_have_names),
	T(what_is_too_deep_stands_at_the_edge),
	T(reading_can_be_stopped),
	T(what_unfolds_has_a_limit),
};

int main(void)
{
	int r = RUN_TESTS(tests);
	arena_free(arena);
	return r;
}
