/* err.c - tests of base/err.h */
#include "base/err.h"
#include "base/utf8.h"
#include "check.h"
#include <errno.h>

TEST(raising_says_fault_and_text)
{
	struct err e = { 0 };
	CHECK_INT(fail(&e, FAULT_CONFIG, "no table '%s'", "users"), -1);
	CHECK_INT(e.fault, FAULT_CONFIG);
	CHECK_STR(e.text, "no table 'users'");
	CHECK_INT(fail(NULL, FAULT_IO, "%s", "nobody listens"), -1);
	CHECK_INT(fail_errno(NULL, FAULT_IO, -EIO, "%s", "nobody listens"), -1);
	CHECK_INT(err_wrap(NULL, "%s", "nobody listens"), -1);
}

TEST(raising_keeps_what_was_set_before)
{
	struct err e = { .code = 404, .sent = true, .clock = CLOCK_IDLE, .retry_after_ns = 5 };
	CHECK_INT(fail(&e, FAULT_STATUS, "not found"), -1);
	CHECK_INT(e.code, 404);
	CHECK(e.sent);
	CHECK_INT(e.clock, CLOCK_IDLE);
	CHECK_INT(e.retry_after_ns, 5);
}

TEST(errno_speaks_in_the_middle_of_a_sentence)
{
	struct err e = { 0 };
	CHECK_INT(fail_errno(&e, FAULT_IO, -ENOSPC, "cannot write '%s'", "out.db"), -1);
	CHECK_STR(e.text, "cannot write 'out.db': no space left on device");
	CHECK_INT(e.code, ENOSPC);
	CHECK_INT(e.fault, FAULT_IO);
	fail_errno(&e, FAULT_IO, -ECANCELED, "cannot read");
	CHECK_INT(e.fault, FAULT_CANCELLED);
	fail_errno(&e, FAULT_IO, -EMSGSIZE, "cannot keep the answer");
	CHECK_INT(e.fault, FAULT_TOO_LARGE);
	fail_errno(&e, FAULT_IO, -99999, "odd");
	CHECK_STR(e.text, "odd: unknown error");
	fail_errno(&e, FAULT_IO, -ERFKILL, "radio");
	CHECK(strstr(e.text, ": operation not possible") != NULL);
	fail_errno(&e, FAULT_IO, -EDOTDOT, "odd");
	CHECK_STR(e.text, "odd: RFS specific error");
}

TEST(wrapping_puts_context_before)
{
	struct err e = { .code = 7 };
	fail(&e, FAULT_INVALID_JSON, "expected ':'");
	CHECK_INT(err_wrap(&e, "%s:%d", "users.jsonl", 3), -1);
	CHECK_STR(e.text, "users.jsonl:3: expected ':'");
	CHECK_INT(err_wrap(&e, "while reading: "), -1);
	CHECK_STR(e.text, "while reading: users.jsonl:3: expected ':'");
	CHECK_INT(e.fault, FAULT_INVALID_JSON);
	CHECK_INT(e.code, 7);
}

TEST(arguments_may_be_the_text_itself)
{
	struct err e = { 0 };
	fail(&e, FAULT_JQ, "first");
	fail(&e, FAULT_JQ, "[%s] [%s]", e.text, e.text);
	CHECK_STR(e.text, "[first] [first]");
	err_wrap(&e, "%s", e.text);
	CHECK_STR(e.text, "[first] [first]: [first] [first]");
}

/* Whatever the length, the text ends in the buffer and between characters. */
TEST(long_texts_end_between_characters)
{
	static const char *const characters[] = { "x", "\xc3\xa9", "\xe4\xb8\xad",
						  "\xf0\x9f\x98\x80" };
	for (size_t c = 0; c < ARRAY_SIZE(characters); c++) {
		for (size_t lead = 0; lead < 5; lead++) {
			char room[700];
			size_t n = 0;
			while (n < lead)
				room[n++] = 'a';
			while (n + 5 < sizeof(room))
				n += (size_t)snprintf(room + n, 5, "%s", characters[c]);
			struct err e = { 0 };
			fail(&e, FAULT_IO, "%s", room);
			struct slice text = slice_str(e.text);
			CHECK(text.n < sizeof(e.text) && text.n > sizeof(e.text) - 5);
			CHECK(utf8_valid(text));
			fail_errno(&e, FAULT_IO, -EIO, "%s", room);
			CHECK(utf8_valid(slice_str(e.text)));
			err_wrap(&e, "%.*s", (int)lead, "abcd");
			CHECK(utf8_valid(slice_str(e.text)));
			err_wrap(&e, "%s", room);
			CHECK(strlen(e.text) < sizeof(e.text));
			CHECK(utf8_valid(slice_str(e.text)));
		}
	}
}

static enum policy policy_of(enum fault fault, int code)
{
	struct err e = { .fault = fault, .code = code };
	return fault_policy(&e);
}

TEST(each_class_has_its_policy)
{
	static const enum fault retried[] = { FAULT_REFUSED,         FAULT_DNS,
					      FAULT_CONNECT_TIMEOUT, FAULT_TLS,
					      FAULT_RESET,           FAULT_TIMEOUT,
					      FAULT_RATE_LIMITED,    FAULT_TRUNCATED,
					      FAULT_PROTOCOL };
	static const enum fault dead[] = { FAULT_NOT_ACCEPTED, FAULT_TOO_LARGE,
					   FAULT_INVALID_JSON, FAULT_BAD_VALUE,
					   FAULT_JQ,           FAULT_FORBIDDEN,
					   FAULT_WORKER_ERROR, FAULT_WORKER_OUTPUT };
	static const enum fault alone[] = { FAULT_WORKER_CRASH, FAULT_WORKER_OOM,
					    FAULT_WORKER_TIMEOUT };
	static const enum fault stopped[] = { FAULT_IO, FAULT_CONFIG, FAULT_CERTIFICATE };
	for (size_t i = 0; i < ARRAY_SIZE(retried); i++)
		CHECK_INT(policy_of(retried[i], 0), POLICY_RETRY);
	for (size_t i = 0; i < ARRAY_SIZE(dead); i++)
		CHECK_INT(policy_of(dead[i], 0), POLICY_DEAD);
	for (size_t i = 0; i < ARRAY_SIZE(alone); i++)
		CHECK_INT(policy_of(alone[i], 0), POLICY_ALONE);
	for (size_t i = 0; i < ARRAY_SIZE(stopped); i++)
		CHECK_INT(policy_of(stopped[i], 0), POLICY_STOP);
	CHECK_INT(policy_of(FAULT_NONE, 0), POLICY_NONE);
	CHECK_INT(policy_of(FAULT_CANCELLED, 0), POLICY_NONE);
}

static enum policy policy_of_state(const char *state)
{
	struct err err = { .fault = FAULT_SQL, .code = 5 };
	snprintf(err.state, sizeof(err.state), "%s", state);
	return fault_policy(&err);
}

TEST(faults_of_a_connection)
{
	static const enum fault lost[] = { FAULT_REFUSED, FAULT_DNS,   FAULT_CONNECT_TIMEOUT,
					   FAULT_TLS,     FAULT_RESET, FAULT_TIMEOUT };
	size_t n = 0;
	for (int f = FAULT_NONE; f < FAULT_COUNT; f++)
		n += fault_of_connection((enum fault)f);
	CHECK_INT(n, ARRAY_SIZE(lost));
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++)
		CHECK(fault_of_connection(lost[i]) &&
		      fault_policy(&(struct err){ .fault = lost[i] }) == POLICY_RETRY);
}

TEST(sqlstates_decide_theirs)
{
	CHECK_INT(policy_of_state("40001"), POLICY_RETRY); /* serialization_failure */
	CHECK_INT(policy_of_state("40P01"), POLICY_RETRY); /* deadlock_detected */
	CHECK_INT(policy_of_state("08006"), POLICY_RETRY); /* connection_failure */
	CHECK_INT(policy_of_state("57P01"), POLICY_RETRY); /* admin_shutdown */
	CHECK_INT(policy_of_state("53300"), POLICY_RETRY); /* too_many_connections */
	CHECK_INT(policy_of_state("57014"), POLICY_DEAD);  /* query_canceled: it took too long */
	CHECK_INT(policy_of_state("23505"), POLICY_DEAD);  /* unique_violation, whatever its code */
	CHECK_INT(policy_of_state("28P01"), POLICY_STOP);  /* invalid_password */
	CHECK_INT(policy_of_state("3D000"), POLICY_STOP);  /* no such database */
}

TEST(statuses_and_sql_codes_decide_theirs)
{
	static const int passing[] = { 408, 425, 429, 500, 502, 503, 504, 599 };
	static const int lasting[] = { 400, 401, 403, 404, 409, 410, 422, 426, 301, 600, 0 };
	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		CHECK_INT(policy_of(FAULT_STATUS, passing[i]), POLICY_RETRY);
	for (size_t i = 0; i < ARRAY_SIZE(lasting); i++)
		CHECK_INT(policy_of(FAULT_STATUS, lasting[i]), POLICY_DEAD);
	CHECK_INT(policy_of(FAULT_SQL, 5), POLICY_RETRY);          /* SQLITE_BUSY */
	CHECK_INT(policy_of(FAULT_SQL, 5 | 2 << 8), POLICY_RETRY); /* SQLITE_BUSY_SNAPSHOT */
	CHECK_INT(policy_of(FAULT_SQL, 6), POLICY_RETRY);          /* SQLITE_LOCKED */
	CHECK_INT(policy_of(FAULT_SMTP, 451), POLICY_RETRY);
	CHECK_INT(policy_of(FAULT_SMTP, 552), POLICY_DEAD);
	CHECK_INT(policy_of(FAULT_SQL, 19 | 8 << 8), POLICY_DEAD); /* SQLITE_CONSTRAINT_UNIQUE */
}

static void check_class(struct err e, const char *want)
{
	char out[64];
	CHECK_INT(err_class(&e, out, sizeof(out)), strlen(want));
	CHECK_STR(out, want);
}

TEST(classes_are_the_words_of_the_guarantees)
{
	check_class((struct err){ .fault = FAULT_STATUS, .code = 404 }, "status(404)");
	check_class((struct err){ .fault = FAULT_TIMEOUT, .clock = CLOCK_IDLE }, "timeout(idle)");
	check_class((struct err){ .fault = FAULT_TIMEOUT, .clock = CLOCK_FIRST_BYTE },
		    "timeout(first byte)");
	check_class((struct err){ .fault = FAULT_TIMEOUT }, "timeout");
	check_class((struct err){ .fault = FAULT_CONNECT_TIMEOUT, .code = 110 }, "connect_timeout");
	check_class((struct err){ .fault = FAULT_SQL, .code = 2067 }, "sql(2067)");
	check_class((struct err){ .fault = FAULT_SMTP, .code = 550 }, "smtp(550)");
	check_class((struct err){ .fault = FAULT_WORKER_CRASH, .code = 11 },
		    "worker_crash(SIGSEGV)");
	check_class((struct err){ .fault = FAULT_WORKER_CRASH }, "worker_crash");
	check_class((struct err){ .fault = FAULT_WORKER_OOM, .code = 9 }, "worker_oom");
	check_class((struct err){ .fault = FAULT_SQL }, "sql");
	check_class((struct err){ .fault = FAULT_SQL, .code = 7, .state = "23505" }, "sql(23505)");
	char tiny[4];
	CHECK_INT(err_class(&(struct err){ .fault = FAULT_RESET }, tiny, sizeof(tiny)), 3);
	CHECK_STR(tiny, "res");
	for (int f = 0; f < FAULT_COUNT; f++)
		CHECK(fault_name((enum fault)f) && *fault_name((enum fault)f));
	for (int c = CLOCK_NONE; c <= CLOCK_TOTAL; c++)
		CHECK(err_clock_name((enum err_clock)c) && *err_clock_name((enum err_clock)c));
}

static const struct test tests[] = {
	T(raising_says_fault_and_text),
	T(raising_keeps_what_was_set_before),
	T(errno_speaks_in_the_middle_of_a_sentence),
	T(wrapping_puts_context_before),
	T(arguments_may_be_the_text_itself),
	T(long_texts_end_between_characters),
	T(each_class_has_its_policy),
	T(faults_of_a_connection),
	T(sqlstates_decide_theirs),
	T(statuses_and_sql_codes_decide_theirs),
	T(classes_are_the_words_of_the_guarantees),
};

int main(void)
{
	return RUN_TESTS(tests);
}
