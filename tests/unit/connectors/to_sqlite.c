/* to_sqlite.c - tests of the SQLite sink: tables made, grown, keyed and refused; values; the mark; locks */
#include "fake_engine.h"
#include "base/banned.h"
#include "check.h"
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct folder folder;
static char path[100];

static void open_sink(struct fake_sink *s, const char *option)
{
	AUTO(buf_done) struct buf verb = { 0 };
	CHECK_INT(buf_printf(&verb, "sqlite=%s", path), 0);
	*s = (struct fake_sink){ .port = &to_sqlite };
	fake_site_open(&s->at, &to_sqlite, verb.p, "table=t", option, NULL);
	CHECK_INT(s->at.mistakes, 0);
	sink_start(s, true);
}

/* Rows as "a|b\n"; text quoted as SQL does, so that types show. */
static void check_query(const char *sql, const char *want)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	AUTO(buf_done) struct buf got = { 0 };
	CHECK_INT(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	CHECK_INT(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	while (q && sqlite3_step(q) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(q); i++)
			CHECK_INT(buf_printf(&got, "%s%s", i ? "|" : "",
					     sqlite3_column_text(q, i)
						     ? (const char *)sqlite3_column_text(q, i)
						     : "null"),
				  0);
		CHECK_INT(buf_add_char(&got, '\n'), 0);
	}
	sqlite3_finalize(q);
	sqlite3_close(db);
	CHECK_SLICE(buf_slice(&got), slice_str(want));
}

static void exec(const char *sql)
{
	sqlite3 *db = NULL;
	CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void in_folder(void (*body)(void *))
{
	folder_make(&folder);
	snprintf(path, sizeof(path), "%s/out.db", folder.path);
	in_loop(body, NULL);
	folder_remove(&folder);
}
#define LOOP_TEST(name)                  \
	static void name##_body(void *); \
	TEST(name)                       \
	{                                \
		in_folder(name##_body);  \
	}                                \
	static void name##_body(void *unused __attribute__((unused)))

static void check_fault(const struct fake_sink *s, enum fault fault, bool whole, const char *why)
{
	CHECK_INT(s->result, -1);
	CHECK_INT(s->err.fault, fault);
	CHECK_INT(s->err.whole, whole);
	CHECK(strstr(s->err.text, why));
	if (!strstr(s->err.text, why))
		printf("# said: %s\n", s->err.text);
}

LOOP_TEST(a_missing_table_is_made_with_types)
{
	struct fake_sink s;
	open_sink(&s, NULL);
	CHECK_INT(s.result, 0);
	sink_commit(&s,
		    "{\"i\":1,\"r\":1.5,\"t\":\"x\",\"b\":true,\"j\":[1,{\"a\":null}],\"n\":null,"
		    "\"mix\":1,\"num\":1,\"big\":1} "
		    "{\"i\":-2,\"r\":2.5,\"t\":\"y\\u0041\",\"b\":false,\"j\":{},\"n\":null,"
		    "\"mix\":\"s\",\"num\":1.5,\"big\":12345678901234567890}",
		    "m1");
	CHECK_INT(s.result, 0);
	check_query("SELECT name, type FROM pragma_table_info('t')",
		    "i|INTEGER\nr|REAL\nt|TEXT\nb|INTEGER\nj|TEXT\nn|\nmix|\nnum|REAL\nbig|TEXT\n");
	check_query(
		"SELECT i, r, quote(t), b, quote(j), quote(n), quote(mix), num, quote(big) FROM t",
		"1|1.5|'x'|1|'[1,{\"a\":null}]'|NULL|1|1.0|'1'\n"
		"-2|2.5|'yA'|0|'{}'|NULL|'s'|1.5|'12345678901234567890'\n");
	check_query("PRAGMA journal_mode", "wal\n");
	sink_done(&s);
}

LOOP_TEST(a_new_field_is_a_new_column)
{
	struct fake_sink s;
	open_sink(&s, NULL);
	sink_commit(&s, "{\"id\":1}", "m");
	sink_commit(&s, "{\"id\":2,\"name\":\"x\"} {\"extra\\\"q\\\"\":1.5,\"id\":3}", "m");
	CHECK_INT(s.result, 0);
	check_query("SELECT name, type FROM pragma_table_info('t')",
		    "id|INTEGER\nname|TEXT\nextra\"q\"|REAL\n");
	check_query("SELECT * FROM t", "1|null|null\n2|x|null\n3|null|1.5\n");
	sink_stop(&s);
	sink_start(&s, false);
	sink_commit(&s, "{\"later\":true}", "m");
	CHECK_INT(s.result, 0);
	check_query("SELECT count(*), sum(later) FROM t", "4|1\n");
	sink_done(&s);
}

LOOP_TEST(a_key_updates_the_row)
{
	struct fake_sink s;
	open_sink(&s, "key=id");
	sink_commit(&s,
		    "{\"id\":1,\"a\":\"x\",\"b\":1} {\"id\":2,\"a\":\"y\",\"b\":2} "
		    "{\"id\":1,\"a\":\"z\"}",
		    "m");
	CHECK_INT(s.result, 0);
	check_query("SELECT * FROM t ORDER BY id", "1|z|1\n2|y|2\n");
	check_query("SELECT name FROM pragma_table_info('t') WHERE pk", "id\n");
	sink_commit(&s, "{\"id\":2} {\"b\":9,\"id\":2}", "m");
	check_query("SELECT * FROM t ORDER BY id", "1|z|1\n2|y|9\n");
	sink_done(&s);
}

LOOP_TEST(a_key_of_two_columns)
{
	struct fake_sink s;
	open_sink(&s, "key=a,b");
	sink_commit(&s,
		    "{\"a\":1,\"b\":\"x\",\"v\":1} {\"a\":1,\"b\":\"y\",\"v\":2} "
		    "{\"a\":1,\"b\":\"x\",\"v\":3}",
		    "m");
	check_query("SELECT * FROM t ORDER BY b", "1|x|3\n1|y|2\n");
	sink_done(&s);
}

LOOP_TEST(a_record_without_its_key_is_bad)
{
	struct fake_sink s;
	open_sink(&s, "key=id");
	sink_commit(&s, "{\"a\":1}", "m");
	check_fault(&s, FAULT_BAD_VALUE, true, "no field 'id'");
	sink_commit(&s, "{\"id\":1,\"a\":1}", "m");
	CHECK_INT(s.result, 0);
	sink_commit(&s, "{\"id\":2} {\"a\":1}", "m");
	check_fault(&s, FAULT_BAD_VALUE, true, "no field 'id', which `key` names for table 't'");
	sink_commit(&s, "{\"id\":null,\"a\":1}", "m");
	check_fault(&s, FAULT_BAD_VALUE, true, "'id' is null");
	check_query("SELECT count(*) FROM t", "1\n");
	sink_done(&s);
}

LOOP_TEST(an_existing_table_gets_an_index_for_its_key)
{
	struct fake_sink s;
	exec("CREATE TABLE t(id TEXT, n INTEGER); INSERT INTO t VALUES ('a', 1)");
	open_sink(&s, "key=ID");
	CHECK_INT(s.result, 0);
	sink_commit(&s, "{\"id\":\"a\",\"n\":2} {\"ID\":\"b\",\"n\":3}", "m");
	CHECK_INT(s.result, 0);
	check_query("SELECT * FROM t ORDER BY id", "a|2\nb|3\n");
	sink_done(&s);
}

LOOP_TEST(an_existing_table_that_cannot_have_the_key_is_refused)
{
	struct fake_sink s;
	exec("CREATE TABLE t(id TEXT); INSERT INTO t VALUES ('a'), ('a')");
	open_sink(&s, "key=id");
	check_fault(&s, FAULT_CONFIG, false, "several rows with the same key");
	sink_done(&s);
	open_sink(&s, "key=nr");
	check_fault(&s, FAULT_CONFIG, false, "has no column 'nr', which `key` names");
	sink_done(&s);
}

LOOP_TEST(a_foreign_table_is_never_changed)
{
	struct fake_sink s;
	exec("CREATE TABLE t(id INTEGER, email TEXT NOT NULL)");
	open_sink(&s, NULL);
	sink_commit(&s, "{\"id\":1,\"email\":\"e\",\"profile\":2}", "m");
	check_fault(&s, FAULT_CONFIG, false, "has no column 'profile' (it has id, email)");
	CHECK(strstr(s.err.text, "table 't'") && strstr(s.err.text, path));
	sink_commit(&s, "{\"id\":1,\"email\":\"e\"}", "m");
	CHECK_INT(s.result, 0);
	sink_commit(&s, "{\"id\":2,\"email\":\"e\"} {\"id\":1,\"email\":\"e\",\"profile\":2}", "m");
	check_fault(&s, FAULT_BAD_VALUE, true, "has no column 'profile'");
	check_query("SELECT count(*) FROM t", "1\n");
	sink_done(&s);
}

LOOP_TEST(a_constraint_belongs_to_a_record_of_the_batch)
{
	struct fake_sink s;
	exec("CREATE TABLE t(id INTEGER UNIQUE, email TEXT NOT NULL CHECK (email <> 'bad'))");
	open_sink(&s, NULL);
	sink_commit(&s, "{\"id\":1,\"email\":\"a\"} {\"id\":2}", "m1");
	check_fault(&s, FAULT_BAD_VALUE, true, "NOT NULL constraint failed: t.email");
	sink_commit(&s, "{\"id\":1,\"email\":\"bad\"}", "m1");
	check_fault(&s, FAULT_BAD_VALUE, true, "CHECK constraint failed");
	sink_commit(&s, "{\"id\":1,\"email\":\"a\"}", "m1");
	CHECK_INT(s.result, 0);
	sink_commit(&s, "{\"id\":1,\"email\":\"b\"}", "m2");
	check_fault(&s, FAULT_BAD_VALUE, true, "UNIQUE constraint failed: t.id");
	check_query("SELECT * FROM t", "1|a\n");
	check_query("SELECT mark FROM hocket_mark", "m1\n");
	sink_done(&s);
}

LOOP_TEST(rolled_back_tables_are_made_again)
{
	struct fake_sink s;
	open_sink(&s, "key=id");
	sink_commit(&s, "{\"id\":1,\"a\":1} {\"id\":null}", "m");
	check_fault(&s, FAULT_BAD_VALUE, true, "null");
	check_query("SELECT count(*) FROM sqlite_schema WHERE name = 't'", "0\n");
	sink_commit(&s, "{\"id\":1,\"a\":1}", "m");
	CHECK_INT(s.result, 0);
	sink_commit(&s, "{\"id\":2,\"grown\":1} {\"id\":null}", "m");
	check_fault(&s, FAULT_BAD_VALUE, true, "null");
	check_query("SELECT name FROM pragma_table_info('t')", "id\na\n");
	sink_commit(&s, "{\"id\":2,\"grown\":1}", "m");
	CHECK_INT(s.result, 0);
	check_query("SELECT * FROM t", "1|1|null\n2|null|1\n");
	sink_done(&s);
}

LOOP_TEST(the_mark_goes_with_its_rows_and_comes_back)
{
	struct fake_sink s;
	open_sink(&s, NULL);
	CHECK_INT(s.mark.n, 0);
	CHECK(s.at.facts.own_mark);
	sink_commit(&s, "{\"id\":1}", "position one");
	sink_commit(&s, NULL, "position two");
	CHECK_INT(s.result, 0);
	sink_stop(&s);
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	CHECK_SLICE(buf_slice(&s.mark), S("position two"));
	check_query("SELECT pipeline, mark FROM hocket_mark", "test|position two\n");
	sink_done(&s);
}

LOOP_TEST(text_is_never_turned_into_another_number)
{
	struct fake_sink s;
	exec("CREATE TABLE t(i INTEGER, r REAL, n NUMERIC, t TEXT, x)");
	open_sink(&s, NULL);
	sink_commit(&s, "{\"i\":\"42\",\"r\":\"1.50\",\"n\":\"7\",\"t\":\"007\",\"x\":\"007\"}",
		    "m");
	CHECK_INT(s.result, 0);
	check_query("SELECT quote(i), quote(r), quote(n), quote(t), quote(x) FROM t",
		    "42|1.5|7|'007'|'007'\n");
	sink_commit(&s, "{\"t\":1.10,\"x\":12345678901234567890}", "m");
	CHECK_INT(s.result, 0);
	check_query("SELECT quote(t), quote(x) FROM t WHERE i IS NULL",
		    "'1.10'|'12345678901234567890'\n");
	static const char *const refused[] = {
		"{\"i\":\"007\"}",
		"{\"i\":\"+7\"}",
		"{\"i\":\"12345678901234567890\"}",
		"{\"i\":12345678901234567890}",
		"{\"r\":9007199254740993}",
		"{\"i\":\"1e5\"}",
		"{\"n\":\"0.1234567890123456789\"}",
		"{\"i\":\"7\\n\"}",
	};
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		sink_commit(&s, refused[i], "m");
		check_fault(&s, FAULT_BAD_VALUE, true, "make the column TEXT");
	}
	sink_commit(&s, "{\"i\":\"abc\"} {\"i\":\"12a\"} {\"i\":\"\"} {\"i\":\"-\"}", "m");
	CHECK_INT(s.result, 0);
	check_query("SELECT quote(i) FROM t WHERE typeof(i) = 'text'", "'abc'\n'12a'\n''\n'-'\n");
	sink_done(&s);
}

LOOP_TEST(keys_that_are_one_column_are_refused)
{
	struct fake_sink s;
	open_sink(&s, NULL);
	sink_commit(&s, "{\"id\":1,\"id\":2}", "m");
	CHECK_INT(s.result, 0);
	check_query("SELECT * FROM t", "2\n");
	sink_commit(&s, "{\"id\":1,\"ID\":2}", "m");
	check_fault(&s, FAULT_BAD_VALUE, true, "are the same column");
	sink_commit(&s, "{\"a\\u0000b\":1}", "m");
	check_fault(&s, FAULT_BAD_VALUE, true, "zero byte");
	sink_commit(&s, "{}", "m");
	CHECK_INT(s.result, 0);
	check_query("SELECT count(*) FROM t", "2\n");
	sink_done(&s);
}

LOOP_TEST(more_shapes_than_statements_are_kept)
{
	struct fake_sink s;
	char record[64];
	open_sink(&s, NULL);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 40; i++) {
			snprintf(record, sizeof(record), "{\"c%d\":%d,\"all\":1}", i, round);
			sink_commit(&s, record, "m");
			CHECK_INT(s.result, 0);
		}
	check_query("SELECT count(*), sum(c0), sum(c39), sum(\"all\") FROM t", "120|3|3|120\n");
	sink_done(&s);
}

LOOP_TEST(blobs_are_bytes)
{
	struct fake_sink s;
	AUTO(buf_done) struct buf bytes = { 0 }, ref = { 0 }, text = { 0 };
	AUTO(rec_unrefp) struct rec *rec = rec_new(S("{}"));
	CHECK_INT(buf_add(&bytes, S("\x89PNG\0x")), 0);
	CHECK_INT(rec_add_blob(rec, S("image"), S("image/png"), &bytes, &ref), 0);
	CHECK_INT(buf_printf(&text, "{\"id\":1,\"image\":%.*s,\"data\":{\"x\":1}}",
			     SLICE(buf_slice(&ref))),
		  0);
	AUTO(rec_unrefp) struct rec *next = rec_next(rec, &text);
	struct batch b = { .pipeline = "test", .recs = &next, .n = 1, .mark = S("m") };
	open_sink(&s, NULL);
	CHECK_INT(to_sqlite.commit(&s.at.site, &b, &s.receipt, &s.err), 0);
	check_query("SELECT quote(image), data FROM t", "X'89504E470078'|{\"x\":1}\n");
	check_query("SELECT type FROM pragma_table_info('t')", "INTEGER\nBLOB\nTEXT\n");
	sink_done(&s);
}

LOOP_TEST(files_that_are_no_database_say_so)
{
	struct fake_sink s;
	file_write(path, S("this is a text file, long enough to be looked at as a database header "
			   "would be"));
	open_sink(&s, NULL);
	check_fault(&s, FAULT_CONFIG, false, "is not a SQLite database");
	sink_done(&s);
	snprintf(path, sizeof(path), "%s/no/such/folder.db", folder.path);
	open_sink(&s, NULL);
	check_fault(&s, FAULT_IO, false, "does its folder exist");
	sink_done(&s);
}

LOOP_TEST(a_view_is_no_table)
{
	struct fake_sink s;
	exec("CREATE TABLE base(id INTEGER); CREATE VIEW t AS SELECT id FROM base");
	open_sink(&s, NULL);
	sink_commit(&s, "{\"id\":1}", "m");
	check_fault(&s, FAULT_CONFIG, false, "it is a view");
	sink_done(&s);
}

LOOP_TEST(a_locked_database_is_told_after_a_while)
{
	struct fake_sink s;
	sqlite3 *other = NULL;
	open_sink(&s, NULL);
	CHECK_INT(sqlite3_open(path, &other), SQLITE_OK);
	CHECK_INT(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	sink_commit(&s, "{\"id\":1}", "m");
	check_fault(&s, FAULT_SQL, false, "is locked by another process");
	CHECK_INT(fault_policy(&s.err), POLICY_RETRY);
	CHECK_INT(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	sink_commit(&s, "{\"id\":1}", "m");
	CHECK_INT(s.result, 0);
	sink_done(&s);
}

LOOP_TEST(a_read_only_database_is_io)
{
	struct fake_sink s;
	exec("CREATE TABLE t(id)");
	CHECK_INT(chmod(path, 0400), 0);
	if (access(path, W_OK) == 0) { /* root may write everywhere */
		CHECK_INT(chmod(path, 0600), 0);
		return;
	}
	open_sink(&s, NULL);
	check_fault(&s, FAULT_IO, false, "read-only");
	sink_done(&s);
}

static size_t mistakes(const char *table, const char *key)
{
	struct fake_site f;
	fake_site_open(&f, &to_sqlite, "sqlite=x.db", table, key, NULL);
	size_t n = f.mistakes;
	fake_site_done(&f, &to_sqlite);
	return n;
}

TEST(options_are_checked)
{
	CHECK_INT(mistakes("table=t", "key=id"), 0);
	CHECK_INT(mistakes("table=", NULL), 1);
	CHECK_INT(mistakes("table=SQLite_x", NULL), 1);
	CHECK_INT(mistakes("table=hocket_mark", NULL), 1);
	CHECK_INT(mistakes("table=t", "key=id,ID"), 1);
}

LOOP_TEST(rows_are_added_to_those_of_a_finished_run)
{
	struct fake_sink s;
	open_sink(&s, NULL);
	sink_commit(&s, NULL, "{}");
	CHECK_INT(s.receipt.n, 0); /* no row, no table */
	sink_stop(&s);
	CHECK_INT(sink_stands(&s), 1);
	sink_start(&s, false);
	sink_commit(&s, "{\"a\":1}", "{}");
	CHECK(s.receipt.n > 0);
	sink_stop(&s);
	CHECK_INT(sink_stands(&s), 1);
	sink_start_more(&s);
	sink_commit(&s, "{\"a\":2}", "{}");
	sink_stop(&s);
	check_query("SELECT a FROM t ORDER BY a", "1\n2\n");
	sink_done(&s);
}

LOOP_TEST(a_table_that_is_gone_does_not_stand)
{
	struct fake_sink s;
	open_sink(&s, NULL);
	sink_commit(&s, "{\"a\":1}", "{}");
	sink_stop(&s);
	exec("DELETE FROM hocket_mark");
	CHECK_INT(sink_stands(&s), 0);
	CHECK(strstr(s.err.text, "knows nothing of this pipeline any more"));
	exec("DROP TABLE t");
	CHECK_INT(sink_stands(&s), 0);
	CHECK(strstr(s.err.text, "table 't'") && strstr(s.err.text, "is gone"));
	sink_start(&s, false); /* nor can an unfinished run go on without it */
	CHECK_INT(s.result, -1);
	CHECK(strstr(s.err.text, "is gone; --fresh"));
	sink_stop(&s);
	CHECK_INT(buf_add(&s.receipt, S("{\"table\":true}")), 0);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(sink_stands(&s), 0);
	CHECK(strstr(s.err.text, "is gone"));
	sink_done(&s);
}

static const struct test tests[] = {
	T(a_missing_table_is_made_with_types),
	T(a_new_field_is_a_new_column),
	T(a_key_updates_the_row),
	T(a_key_of_two_columns),
	T(a_record_without_its_key_is_bad),
	T(an_existing_table_gets_an_index_for_its_key),
	T(an_existing_table_that_cannot_have_the_key_is_refused),
	T(a_foreign_table_is_never_changed),
	T(a_constraint_belongs_to_a_record_of_the_batch),
	T(rolled_back_tables_are_made_again),
	T(the_mark_goes_with_its_rows_and_comes_back),
	T(text_is_never_turned_into_another_number),
	T(keys_that_are_one_column_are_refused),
	T(more_shapes_than_statements_are_kept),
	T(blobs_are_bytes),
	T(files_that_are_no_database_say_so),
	T(a_view_is_no_table),
	T(a_locked_database_is_told_after_a_while),
	T(a_read_only_database_is_io),
	T(rows_are_added_to_those_of_a_finished_run),
	T(a_table_that_is_gone_does_not_stand),
	T(options_are_checked),
};

int main(void)
{
	return RUN_TESTS(tests);
}
