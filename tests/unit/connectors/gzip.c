/* gzip.c - tests of compressed output: a row of members, whole wherever a commit ends */
#include "text_sink.h"
#include "base/banned.h"
#include <zlib.h>

/* By zlib's own reader: the text of all members, or NULL when the file does not end with a whole one. */
static void check_packed(const char *path, const char *want)
{
	AUTO(buf_done) struct buf file = file_read(path);
	static char text[1 << 20];
	z_stream z = { .next_in = (Bytef *)file.p, .avail_in = (unsigned)file.n };
	z.next_out = (Bytef *)text;
	z.avail_out = sizeof(text);
	int r = Z_STREAM_END;
	CHECK(file.n > 0);
	CHECK_INT(inflateInit2(&z, 15 + 16), Z_OK);
	while (z.avail_in > 0 && r == Z_STREAM_END) {
		CHECK_INT(inflateReset(&z), Z_OK);
		r = inflate(&z, Z_FINISH);
	}
	CHECK_INT(r, Z_STREAM_END);
	CHECK_SLICE(((struct slice){ text, sizeof(text) - z.avail_out }), slice_str(want));
	inflateEnd(&z);
}

LOOP_TEST(compressed_it_is_whole_wherever_a_commit_ends)
{
	struct fake_sink s;
	open_sink(&s, &to_csv, "compress=gzip", "level=9");
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1}", NULL);
	check_packed(part, "a\n1\n");
	sink_commit(&s, NULL, NULL);
	sink_commit(&s, "{\"a\":2} {\"a\":3}", NULL);
	check_packed(part, "a\n1\n2\n3\n");
	sink_stop(&s);
	append_to(part, "\x1f\x8b torn");
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	check_packed(part, "a\n1\n2\n3\n");
	sink_commit(&s, "{\"b\":4}", NULL);
	CHECK_INT(s.err.fault, FAULT_BAD_VALUE); /* the header is known again */
	sink_commit(&s, "{\"a\":4}", NULL);
	sink_finish(&s);
	check_packed(out, "a\n1\n2\n3\n4\n");
	sink_stop(&s);
	CHECK_INT(sink_stands(&s), 1);
	sink_start_more(&s);
	sink_commit(&s, "{\"a\":5}", NULL);
	sink_finish(&s);
	check_packed(out, "a\n1\n2\n3\n4\n5\n");
	sink_done(&s);
}

LOOP_TEST(compressed_nothing_is_a_gzip_file)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, "compress=gzip", NULL);
	sink_start(&s, true);
	sink_finish(&s);
	check_packed(out, "");
	sink_done(&s);
	open_sink(&s, &to_csv, "compress=gzip", "fields=a");
	sink_start(&s, true);
	sink_finish(&s);
	check_packed(out, "a\n");
	sink_stop(&s);
	sink_start(&s, false); /* a crash before it was noted */
	CHECK_INT(s.result, 0);
	sink_commit(&s, "{\"a\":1}", NULL);
	sink_finish(&s);
	check_packed(out, "a\n1\n");
	sink_done(&s);
}

/* Its first piece was compressed already when the bad record was met. */
LOOP_TEST(compressed_a_batch_that_fails_leaves_no_trace)
{
	struct fake_sink s;
	AUTO(buf_done) struct buf batch = { .max = 32 << 20 };
	open_sink(&s, &to_csv, "compress=gzip", "level=1");
	sink_start(&s, true);
	for (int i = 0; i < 5; i++)
		CHECK_INT(buf_printf(&batch, "{\"a\":\"%01000000d\"} ", i), 0);
	CHECK_INT(buf_printf(&batch, "{\"b\":1}"), 0);
	sink_commit(&s, batch.p, NULL);
	CHECK_INT(s.err.fault, FAULT_BAD_VALUE);
	sink_commit(&s, "{\"a\":1}", NULL);
	CHECK_INT(s.result, 0);
	sink_finish(&s);
	check_packed(out, "a\n1\n");
	sink_done(&s);
}

LOOP_TEST(compressed_members_are_appended_behind_whole_ones)
{
	struct fake_sink s;
	AUTO(buf_done) struct buf file = { 0 };
	snprintf(out, sizeof(out), "%s/out.gz", folder.path);
	for (int i = 0; i < 2; i++) {
		open_sink(&s, &to_jsonl, "mode=append", NULL);
		sink_start(&s, true);
		CHECK_INT(s.result, 0);
		sink_commit(&s, i ? "{\"b\":2}" : "{\"a\":1}", NULL);
		sink_finish(&s);
		sink_done(&s);
	}
	check_packed(out, "{\"a\":1}\n{\"b\":2}\n");
	file = file_read(out);
	CHECK_INT(truncate(out, (off_t)file.n - 3), 0);
	open_sink(&s, &to_jsonl, "mode=append", NULL);
	sink_start(&s, true);
	CHECK_INT(s.result, -1);
	CHECK(strstr(s.err.text, "cut off at byte"));
	sink_done(&s);
	file_write(out, S("plain\n"));
	open_sink(&s, &to_jsonl, "mode=append", NULL);
	sink_start(&s, true);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	CHECK(strstr(s.err.text, "is not gzip"));
	sink_done(&s);
}

LOOP_TEST(zstd_is_not_written)
{
	struct fake_site f;
	fake_site_open(&f, &to_jsonl, "jsonl=out.zst", NULL);
	CHECK_INT(f.mistakes, 1);
	fake_site_done(&f, &to_jsonl);
	fake_site_open(&f, &to_jsonl, "jsonl=out.zst", "compress=none", NULL);
	CHECK_INT(f.mistakes, 0);
	fake_site_done(&f, &to_jsonl);
}

static const struct test tests[] = {
	T(compressed_it_is_whole_wherever_a_commit_ends),
	T(compressed_nothing_is_a_gzip_file),
	T(compressed_a_batch_that_fails_leaves_no_trace),
	T(compressed_members_are_appended_behind_whole_ones),
	T(zstd_is_not_written),
};

int main(void)
{
	return RUN_TESTS(tests);
}
