/* flow.c - where pages end
 *
 * Items without contents are put into a flow that only counts; what is on which page is seen from what the flow keeps. */
#include "../check.h"
#include "pdf/press.h"
#include "plain_style.h"

static struct pdf_job job;
static struct press press;

static void begin(void)
{
	flow_done(&press);
	job = (struct pdf_job){ .style = &plain_style };
	press = (struct press){ .job = &job, .style = &plain_style };
}

/* Of a page that is 320 high. */
static void put(double height, bool glued)
{
	struct item it = { .kind = ITEM_RULE, .height = height, .glued = glued };
	flow_put(&press, &it);
}

/* "3 2": items on each page. */
static void check_pages(const char *want)
{
	AUTO(buf_done) struct buf got = { 0 };
	flow_finish(&press);
	for (unsigned i = 0; i < press.flow.pages_n; i++)
		CHECK_INT(buf_printf(&got, "%s%zu", i ? " " : "", press.flow.pages[i].n), 0);
	CHECK_SLICE(buf_slice(&got), slice_str(want));
	flow_done(&press);
}

TEST(a_page_takes_what_fits)
{
	begin();
	for (int i = 0; i < 7; i++)
		put(100, false);
	check_pages("3 3 1");
}

TEST(a_gap_at_a_page_s_top_is_gone)
{
	begin();
	for (int i = 0; i < 6; i++) {
		put(100, false);
		flow_gap(&press, 10);
	}
	check_pages("3 3");
}

TEST(the_larger_of_two_gaps_counts)
{
	begin();
	put(100, false);
	flow_gap(&press, 60);
	flow_gap(&press, 20);
	put(100, false);
	put(60, false);
	put(1, false);
	check_pages("3 1");
}

TEST(what_is_glued_goes_along)
{
	begin();
	put(100, false);
	put(100, true);
	put(100, true);
	put(100, false);
	check_pages("1 3");
}

TEST(what_cannot_stay_together_is_parted)
{
	begin();
	for (int i = 0; i < 5; i++)
		put(100, true);
	check_pages("3 2");
}

TEST(what_is_higher_than_a_page_has_one_alone)
{
	begin();
	put(100, false);
	put(5000, false);
	put(100, false);
	check_pages("1 1 1");
}

TEST(nothing_is_one_empty_page)
{
	begin();
	check_pages("0");
}

TEST(a_page_can_be_asked_for)
{
	begin();
	flow_page(&press);
	put(10, false);
	flow_page(&press);
	flow_page(&press);
	put(10, false);
	check_pages("1 1");
}

TEST(a_frame_s_padding_takes_room_on_each_page)
{
	static const struct frame frame = { .depth = 1, .kind = FRAME_CODE, .pad = 20 };
	begin();
	for (int i = 0; i < 6; i++) {
		struct item it = { .kind = ITEM_RULE, .height = 100, .frame = &frame };
		flow_put(&press, &it);
	}
	check_pages("2 2 2");
}

static struct row *row_of(struct table *table, bool head)
{
	struct row *row = xcalloc(1, sizeof(*row));
	*row = (struct row){ .refs = 1, .table = table, .head = head };
	return row;
}

TEST(a_table_s_head_comes_again)
{
	struct item head = { .kind = ITEM_ROW, .height = 50, .glued = true };
	struct table table = { .heads = &head, .heads_n = 1 };
	begin();
	head.row = row_of(&table, true);
	struct item first = item_copy(&head);
	flow_put(&press, &first);
	for (int i = 0; i < 6; i++) {
		struct item it = { .kind = ITEM_ROW, .height = 100, .row = row_of(&table, false) };
		flow_put(&press, &it);
	}
	flow_finish(&press);
	CHECK_INT(press.flow.pages_n, 3);
	for (unsigned i = 0; i < press.flow.pages_n; i++) {
		CHECK_INT(press.flow.pages[i].n, 3);
		CHECK(press.flow.pages[i].items[0].row->head);
	}
	flow_done(&press);
	item_done(&head);
}

TEST(a_head_without_room_for_a_row_does_not_come_again)
{
	struct item head = { .kind = ITEM_ROW, .height = 200, .glued = true };
	struct table table = { .heads = &head, .heads_n = 1 };
	begin();
	head.row = row_of(&table, true);
	for (int i = 0; i < 3; i++) {
		struct item it = { .kind = ITEM_ROW, .height = 300, .row = row_of(&table, false) };
		flow_put(&press, &it);
	}
	check_pages("1 1 1");
	item_done(&head);
}

TEST(pages_are_limited)
{
	begin();
	job.max_pages = 2;
	for (int i = 0; i < 9; i++)
		put(300, false);
	CHECK_INT(press.outcome, PDF_TOO_LARGE);
	CHECK_STR(job.error, "the document has more than 2 pages");
	flow_done(&press);
}

TEST(a_long_document_is_only_counted)
{
	begin();
	for (int i = 0; i < 200; i++)
		put(300, false);
	flow_finish(&press);
	CHECK_INT(press.flow.pages_n, 200);
	CHECK_INT(press.flow.mode, PAGES_COUNTED);
	CHECK(!press.flow.pages);
	flow_done(&press);
}

static const struct test tests[] = {
	T(a_page_takes_what_fits),
	T(a_gap_at_a_page_s_top_is_gone),
	T(the_larger_of_two_gaps_counts),
	T(what_is_glued_goes_along),
	T(what_cannot_stay_together_is_parted),
	T(what_is_higher_than_a_page_has_one_alone),
	T(nothing_is_one_empty_page),
	T(a_page_can_be_asked_for),
	T(a_frame_s_padding_takes_room_on_each_page),
	T(a_table_s_head_comes_again),
	T(a_head_without_room_for_a_row_does_not_come_again),
	T(pages_are_limited),
	T(a_long_document_is_only_counted),
};

int main(void)
{
	return RUN_TESTS(tests);
}
