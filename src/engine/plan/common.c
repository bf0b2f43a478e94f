/* common.c - the options that every step understands, as tables
 *
 * What this room is for: which common option means something where. A pure step runs inside the fiber before it, so a cap or a
 *   retry on it would be a word without effect; the tables leave such words out, and the planner says so.
 * What must hold: (1) an option looks the same in every table: each is spelt once, as a macro. (2) what only makes a run faster or
 *   gentler is `tuning` and may change between a run and its resumption. (3) offsets are those of struct common. */
#include "engine/plan/common.h"

#include "base/banned.h"

#define TIMES                                                                                      \
	OPT("times", struct retry_options, times, OPT_INT, int64_t, .verb = true, .fallback = "4", \
	    .max = 100, .doc = "more attempts after the first")
static const struct opt retry_table[] = {
	TIMES,
	OPT("within", struct retry_options, within_ns, OPT_DURATION, int64_t,
	    .doc = "give up so long after the first attempt began"),
	OPT("unsafe", struct retry_options, unsafe, OPT_BOOL, bool,
	    .doc = "also POST and PATCH, and what may have been done already"),
	OPT_END,
};
static const struct opt source_retry_table[] = { TIMES, OPT_END };

#define CLOCKS                                                                                  \
	OPT("connect", struct timeout_options, connect_ns, OPT_DURATION, int64_t,               \
	    .doc = "until the connection stands"),                                              \
		OPT("tls", struct timeout_options, tls_ns, OPT_DURATION, int64_t,               \
		    .doc = "until TLS is agreed"),                                              \
		OPT("first_byte", struct timeout_options, first_byte_ns, OPT_DURATION, int64_t, \
		    .doc = "from the request to the answer's first byte"),                      \
		OPT("idle", struct timeout_options, idle_ns, OPT_DURATION, int64_t,             \
		    .doc = "between two reads of the answer")
static const struct opt timeout_table[] = {
	OPT("total", struct timeout_options, total_ns, OPT_DURATION, int64_t, .verb = true,
	    .doc = "of one attempt, from its start to the answer's last byte; 30s, for smtp 10m"),
	CLOCKS,
	OPT_END,
};
static const struct opt rows_timeout_table[] = {
	OPT("total", struct timeout_options, total_ns, OPT_DURATION, int64_t, .verb = true,
	    .fallback = "30s",
	    .doc = "of one attempt, a wait for a connection included; then the server is told to "
		   "stop"),
	OPT("connect", struct timeout_options, connect_ns, OPT_DURATION, int64_t,
	    .doc = "until a new connection stands; 10s"),
	OPT_END,
};
static const struct opt work_timeout_table[] = {
	OPT("total", struct timeout_options, total_ns, OPT_DURATION, int64_t, .verb = true,
	    .fallback = "30s",
	    .doc = "of one call, from the moment that a worker has it; then that worker is killed"),
	OPT_END,
};
static const struct opt source_timeout_table[] = { CLOCKS, OPT_END };

static const struct opt commit_table[] = {
	OPT("rows", struct commit_options, rows, OPT_INT, int64_t, .verb = true, .min = 1,
	    .max = 1000000, .doc = "at so many records"),
	OPT("bytes", struct commit_options, bytes, OPT_SIZE, uint64_t, .doc = "at so many bytes"),
	OPT("every", struct commit_options, every_ns, OPT_DURATION, int64_t,
	    .doc = "so long after the first record of a batch"),
	OPT_END,
};
static const char *const as_words[] = { "type", "json", "text", "blob", NULL };

static const char *const unknown_words[] = { "dead", "retry", "assume_delivered", NULL };
static const char *const remember_words[] = { "run", NULL };

#define NAME                                                                       \
	OPT("name", struct common, name, OPT_STRING, const char *, .tuning = true, \
	    .doc = "what messages, accounts and dead letters call this place; else the verb")
#define IF                                                  \
	OPT("if", struct common, when, OPT_JQ, struct jq *, \
	    .doc = "only records for which this is true; the others pass by")
#define CONCURRENCY                                                                                \
	OPT("concurrency", struct common, concurrency, OPT_CONCURRENCY, struct concurrency,        \
	    .tuning = true, .min = 1, .max = 100000,                                               \
	    .doc = "attempts in flight at once; 10, for sql and smtp 4. auto: as many as the far " \
		   "side "                                                                         \
		   "bears, at most 256 or {auto: {max: N}}")
#define QUEUE                                                                                      \
	OPT("queue", struct common, queue, OPT_INT, int64_t, .tuning = true, .min = 1,             \
	    .max = 1000000,                                                                        \
	    .doc = "records in this step at once, waiting ones included; a full queue holds back " \
		   "the source. max(100, 4 x concurrency)")
#define RATE                                                                                       \
	OPT("rate", struct common, rate, OPT_RATE, struct rate_option, .tuning = true,             \
	    .doc = "never more than N starts in any T, spread evenly: 500/min, 10/s burst 5, 1/s " \
		   "per host, 10/s per .customer, {per: 1m, requests: 500, tokens: 200000, cost: " \
		   "jq, used: jq}")
#define RETRY                                                                                     \
	OPT("retry", struct common, retry, OPT_TABLE, struct retry_options *, .sub = retry_table, \
	    .sub_size = sizeof(struct retry_options), .tuning = true,                             \
	    .doc = "more attempts after a failure that may pass; 4")
#define TIMEOUT                                                                               \
	OPT("timeout", struct common, timeout, OPT_TABLE, struct timeout_options *,           \
	    .sub = timeout_table, .sub_size = sizeof(struct timeout_options), .tuning = true, \
	    .doc = "of one attempt; 30s, for smtp 10m")
#define ON_ERROR                                                                                 \
	OPT("on_error", struct common, on_error, OPT_ON_ERROR, struct on_error, .tuning = true,  \
	    .doc = "dead: a dead letter (default); stop: the run ends; into .field: the record " \
		   "goes on with the error there")
#define COMMIT                                                                              \
	OPT("commit", struct common, commit, OPT_TABLE, struct commit_options *,            \
	    .sub = commit_table, .sub_size = sizeof(struct commit_options), .tuning = true, \
	    .doc = "when a batch is made durable, whichever comes first")
#define ACCEPT                                                                                     \
	OPT("accept", struct common, accept, OPT_JQ, struct jq *, .response = true, .truth = true, \
	    .doc = "what counts as success, instead of status 2xx; $res has status, headers, "     \
		   "body")
#define AS                                                             \
	OPT("as", struct common, as, OPT_ENUM, int, .words = as_words, \
	    .doc = "how to read the answer; by its content type")
#define INTO                                                           \
	OPT("into", struct common, into, OPT_FIELD, struct field_path, \
	    .doc = "the field that takes the whole answer")
#define RESULT                                                                                \
	OPT("result", struct common, result, OPT_ASSIGN, struct assignment, .response = true, \
	    .doc = "a field made from the answer: .notes = $res.body.text")
#define EMIT                                                                    \
	OPT("emit", struct common, emit, OPT_JQ, struct jq *, .response = true, \
	    .doc = "the records that take this one's place, made from the record and $res")

#define KEY                                                                                    \
	OPT("idempotency_key", struct common, idempotency_key, OPT_TEMPLATE, struct tpl *,     \
	    .tuning = true,                                                                    \
	    .doc = "sent along, so that the far side does twice what it was asked twice only " \
		   "once; auto: made from the record, the same after any restart")
#define REMEMBER                                                                                 \
	OPT("remember", struct common, remember_ns, OPT_DURATION, int64_t, .tuning = true,       \
	    .words = remember_words,                                                             \
	    .doc = "how long a good answer is kept. run: until its record is done, so that a "   \
		   "resumed run does not ask again (default of POST and PATCH); 30d: what asks " \
		   "the same gets the same answer, in later runs too")
#define ON_UNKNOWN                                                                          \
	OPT("on_unknown", struct common, on_unknown, OPT_ENUM, int, .words = unknown_words, \
	    .tuning = true, .fallback = "dead",                                             \
	    .doc = "a POST or PATCH without a key was sent and its answer is lost: dead, "  \
		   "retry, or assume_delivered (goes on, with the answer null)")

/* The same where the answer is rows. */
#define ROWS_TIMEOUT                                                                               \
	OPT("timeout", struct common, timeout, OPT_TABLE, struct timeout_options *,                \
	    .sub = rows_timeout_table, .sub_size = sizeof(struct timeout_options), .tuning = true, \
	    .doc = "of one attempt; 30s")
#define ROWS_ACCEPT                                                                            \
	OPT("accept", struct common, accept, OPT_JQ, struct jq *, .rows = true, .truth = true, \
	    .doc = "what counts as success: $rows | length == 1; everything, if it is not given")
#define ROWS_INTO                                                      \
	OPT("into", struct common, into, OPT_FIELD, struct field_path, \
	    .doc = "the field that takes $rows, an array of objects")
#define ROWS_RESULT                                                                       \
	OPT("result", struct common, result, OPT_ASSIGN, struct assignment, .rows = true, \
	    .doc = "a field made from the rows: .email = $rows[0].email")
#define ROWS_EMIT                                                           \
	OPT("emit", struct common, emit, OPT_JQ, struct jq *, .rows = true, \
	    .doc = "the records that take this one's place: $rows[] as $r | {id, name: $r.name}")
#define ROWS_REMEMBER                                                                            \
	OPT("remember", struct common, remember_ns, OPT_DURATION, int64_t, .tuning = true,       \
	    .words = remember_words,                                                             \
	    .doc = "how long rows are kept. run: until their record is done, so that a resumed " \
		   "run does not ask again (default of statements that write); 1h: who binds "   \
		   "the same values gets the same rows, in later runs too")
#define ROWS_UNKNOWN                                                                         \
	OPT("on_unknown", struct common, on_unknown, OPT_ENUM, int, .words = unknown_words,  \
	    .tuning = true, .fallback = "dead",                                              \
	    .doc = "a statement that writes was sent and its outcome is lost: dead, retry, " \
		   "or assume_delivered (goes on, without rows)")
#define BATCH                                                                              \
	OPT("batch", struct common, batch, OPT_INT, int64_t, .tuning = true, .min = 1,     \
	    .max = 10000,                                                                  \
	    .doc = "most records in one call: they share a round trip, and each gets its " \
		   "own answer. What fails as a whole is divided until the bad record is " \
		   "alone")
#define LINGER                                                                         \
	OPT("linger", struct common, linger_ns, OPT_DURATION, int64_t, .tuning = true, \
	    .fallback = "5ms", .doc = "how long a call waits for more records, with `batch`")

/* The same where programs of this machine do the work. */
#define WORK_TIMEOUT                                                                               \
	OPT("timeout", struct common, timeout, OPT_TABLE, struct timeout_options *,                \
	    .sub = work_timeout_table, .sub_size = sizeof(struct timeout_options), .tuning = true, \
	    .doc = "of one call; 30s. Whoever needs longer is killed: worker_timeout")
#define WORK_RETRY                                                                                \
	OPT("retry", struct common, retry, OPT_TABLE, struct retry_options *, .sub = retry_table, \
	    .sub_size = sizeof(struct retry_options), .tuning = true,                             \
	    .doc = "0: a worker that crashed is not given the record once more")
#define WORK_AS                                                        \
	OPT("as", struct common, as, OPT_ENUM, int, .words = as_words, \
	    .doc = "how to read the answer: json, text, blob; as the step's kind says")
#define WORK_EMIT                                                                            \
	OPT("emit", struct common, emit, OPT_JQ, struct jq *, .response = true,              \
	    .doc = "the records that take this one's place, made from the record and $res: " \
		   "'$res.body[]'")
#define WORK_REMEMBER                                                                            \
	OPT("remember", struct common, remember_ns, OPT_DURATION, int64_t, .tuning = true,       \
	    .words = remember_words,                                                             \
	    .doc = "how long a good answer is kept. run: until its record is done, so that a "   \
		   "resumed run does not ask again (default with `writes`); 30d: the same work " \
		   "is done once, in later runs too")
#define WORK_UNKNOWN                                                                          \
	OPT("on_unknown", struct common, on_unknown, OPT_ENUM, int, .words = unknown_words,   \
	    .tuning = true, .fallback = "dead",                                               \
	    .doc = "with `writes`: the work was begun and its outcome is lost: dead, retry, " \
		   "or assume_delivered (goes on, with the answer null)")

/* A source's attempt is as long as the source: it has no total, and a retry begins where it stopped. */
#define SOURCE_RETRY                                                                             \
	OPT("retry", struct common, retry, OPT_TABLE, struct retry_options *,                    \
	    .sub = source_retry_table, .sub_size = sizeof(struct retry_options), .tuning = true, \
	    .doc = "more attempts after a failure that may pass")
#define SOURCE_TIMEOUT                                                               \
	OPT("timeout", struct common, timeout, OPT_TABLE, struct timeout_options *,  \
	    .sub = source_timeout_table, .sub_size = sizeof(struct timeout_options), \
	    .tuning = true, .doc = "clocks of each request")

#define EVERY                                                                                     \
	OPT("every", struct common, every, OPT_SCHEDULE, struct schedule, .tuning = true,         \
	    .doc = "read again for ever: 30m, as cron says (\"0 6 * * 1-5\", @daily), or {cron: " \
		   "..., zone: Europe/Berlin}. `hocket run --once` reads once")
const struct opt common_source_options[] = { NAME, SOURCE_RETRY, SOURCE_TIMEOUT, EVERY, OPT_END };
const struct opt common_step_options[] = { NAME, IF, QUEUE, OPT_END };
const struct opt common_call_options[] = {
	NAME, IF,     CONCURRENCY, QUEUE,    RATE, RETRY,    TIMEOUT,    ACCEPT,  AS,
	INTO, RESULT, EMIT,        ON_ERROR, KEY,  REMEMBER, ON_UNKNOWN, OPT_END,
};
const struct opt common_rows_options[] = {
	NAME,          IF,           CONCURRENCY, QUEUE,       RATE,      RETRY,
	ROWS_TIMEOUT,  ROWS_ACCEPT,  ROWS_INTO,   ROWS_RESULT, ROWS_EMIT, ON_ERROR,
	ROWS_REMEMBER, ROWS_UNKNOWN, BATCH,       LINGER,      OPT_END,
};
const struct opt common_work_options[] = {
	NAME,          IF,           QUEUE, RATE,   WORK_RETRY, WORK_TIMEOUT,
	ACCEPT,        WORK_AS,      INTO,  RESULT, WORK_EMIT,  ON_ERROR,
	WORK_REMEMBER, WORK_UNKNOWN, BATCH, LINGER, OPT_END,
};
const struct opt common_sink_options[] = { NAME, IF, COMMIT, OPT_END };
const struct opt common_call_sink_options[] = {
	NAME, IF, CONCURRENCY, QUEUE, RATE, RETRY, TIMEOUT, ACCEPT, AS, KEY, ON_UNKNOWN, OPT_END,
};

bool common_key_is_auto(const struct common *c)
{
	const struct tpl *key = c->idempotency_key;
	return key && tpl_constant(key) && slice_eq(tpl_head(key), S("auto"));
}
