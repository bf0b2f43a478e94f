/* message.c - what a server says becomes records
 *
 * What this room is for: the one place that decides what a message is: JSON, text or bytes.
 *
 *             text frame                         binary frame
 *   type      an object is the record,           {"message": blob}
 *             else {"message": "text"}
 *   json      an object is the record, else {"message": value}
 *   text      {"message": "text"}                the same, if it is UTF-8
 *   blob      {"message": blob}                  {"message": blob}
 *   each      its values, of the JSON or the text
 * What flows through:    a message, borrowed from the connection, into records.
 * What must hold:        each message ends as records or as one dead letter with its beginning; none is dropped. */
#include "connectors/socket/message.h"
#include "base/banned.h"
#include "base/json.h"
#include "connectors/value.h"
#include <inttypes.h>

enum { EVIDENCE_BYTES = 4096 };

const char *const message_as_words[] = { "type", "json", "text", "blob", NULL };

/* {"message": VALUE}; NULL: no memory for so much. */
static struct rec *wrap(struct slice value)
{
	AUTO(buf_done) struct buf text = { .max = SIZE_MAX / 2 };
	int r = buf_printf(&text, "{\"message\":");
	r = r < 0 ? r : buf_add(&text, value);
	r = r < 0 ? r : buf_add_char(&text, '}');
	return r < 0 ? NULL : rec_take(&text);
}

static struct rec *wrap_text(struct slice message)
{
	AUTO(buf_done) struct buf quoted = { .max = SIZE_MAX / 2 };
	return json_quote(message, &quoted) < 0 ? NULL : wrap(buf_slice(&quoted));
}

static struct rec *wrap_blob(struct slice bytes, bool text)
{
	AUTO(buf_done) struct buf copy = { .max = SIZE_MAX / 2 }, ref = { 0 }, json = { 0 };
	AUTO(rec_unrefp) struct rec *bare = rec_new(S("{}"));
	struct slice type = text ? S("text/plain") : S("application/octet-stream");
	int r = buf_add(&copy, bytes);
	r = r < 0 ? r : rec_add_blob(bare, S("message"), type, &copy, &ref);
	r = r < 0 ? r : buf_printf(&json, "{\"message\":%.*s}", SLICE(buf_slice(&ref)));
	return r < 0 ? NULL : rec_next(bare, &json);
}

static void add_evidence(struct hook_records *out, struct slice message, const struct err *why)
{
	struct rec *evidence = wrap_text(slice_head(message, EVIDENCE_BYTES));
	hook_records_add_fault(out, evidence ? evidence : rec_new(S("{}")), why);
}

static void add(struct hook_records *out, struct rec *gives, struct slice message)
{
	struct err why = { 0 };
	if (gives) {
		hook_records_add(out, gives);
		return;
	}
	(void)fail(&why, FAULT_TOO_LARGE, "a message of %zu bytes, for which there is no memory",
		   message.n);
	add_evidence(out, message, &why);
}

/* ---- each ------------------------------------------------------------------------------------------------- */

static int collect(void *arg, struct slice value, struct err *err)
{
	struct hook_records *out = arg;
	struct err why = { 0 };
	(void)err;
	if (value_check_object(value, "each", &why) == 0)
		hook_records_add(out, rec_new(value));
	else
		add_evidence(out, value, &why);
	return 0;
}

static int read_each(const struct message_rules *rules, struct slice message, struct slice json,
		     struct hook_records *out, struct err *err) SUSPENDS
{
	AUTO(hook_records_done) struct hook_records some = { 0 };
	const struct env env = { .record = json };
	struct err why = { 0 };
	if (jq_each(rules->each, &env, collect, &some, &why) == 0) {
		hook_records_join(out, &some);
		return 0;
	}
	if (why.fault == FAULT_CANCELLED) {
		*err = why;
		return -1;
	}
	add_evidence(out, message,
		     &why); /* what it gave before is not all that it would have given */
	return 0;
}

/* ---- kinds -------------------------------------------------------------------------------------------------- */

static int read_text(const struct message_rules *rules, const struct ws_message *m,
		     struct hook_records *out, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf quoted = { .max = SIZE_MAX / 2 };
	struct err why = { 0 };
	if (!m->text && !utf8_valid(m->data)) {
		(void)fail(&why, FAULT_BAD_VALUE, "a binary message that is not UTF-8 text");
		add_evidence(out, m->data, &why);
		return 0;
	}
	if (!rules->each) {
		add(out, wrap_text(m->data), m->data);
		return 0;
	}
	int r = json_quote(m->data, &quoted);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "a message")
		     : read_each(rules, m->data, buf_slice(&quoted), out, err);
}

static int read_json(const struct message_rules *rules, const struct ws_message *m,
		     struct hook_records *out, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf json = { .max = m->data.n + 1 };
	struct json_error where = { 0 };
	struct err why = { 0 };
	bool must = rules->as == MESSAGE_JSON || (!m->text && rules->each);
	if (json_compact(m->data, &json, &where) < 0) {
		if (!must)
			return read_text(rules, m, out, err);
		(void)fail(&why, FAULT_INVALID_JSON, "a message that is not JSON: %s at byte %zu",
			   where.what ? where.what : "too large", where.offset);
		add_evidence(out, m->data, &why);
		return 0;
	}
	struct slice value = buf_slice(&json);
	if (rules->each)
		return read_each(rules, m->data, value, out, err);
	if (json_type(value) == JSON_OBJECT)
		hook_records_add(out, rec_new(value));
	else
		add(out, must ? wrap(value) : wrap_text(m->data), m->data);
	return 0;
}

int message_read(const struct message_rules *rules, const struct ws_message *m,
		 struct hook_records *out, struct err *err)
{
	struct err why = { 0 };
	if (m->bytes > m->data.n) {
		(void)fail(&why, FAULT_TOO_LARGE,
			   "a message of %" PRIu64 " bytes; %" PRIu64
			   " are taken: raise `max_message`",
			   m->bytes, rules->most);
		add_evidence(out, m->data, &why);
		return 0;
	}
	if (rules->as == MESSAGE_BLOB || (rules->as == MESSAGE_TYPE && !m->text && !rules->each)) {
		add(out, wrap_blob(m->data, m->text), m->data);
		return 0;
	}
	return rules->as == MESSAGE_TEXT ? read_text(rules, m, out, err)
					 : read_json(rules, m, out, err);
}
