/* chat.c - a request becomes an effect at most once, and an answer, or the fault that its fate has for it
 *
 * What this room is for: what a pipeline can trust of a language model's API, and what it cannot.
 * What flows through:
 *
 *   request -> read -> refused 4xx
 *                |---> a key that is known: wait for its answer, send it again
 *                |---> over a limit: 429
 *                '---> fate: 500, 503 | effect -> latency -> answer | cut | torn | garbage
 * What must hold:
 *  (1) between looking up a key and marking it as worked on nothing suspends: two requests cannot both begin.
 *  (2) an effect is counted when the work begins: a client that goes away has paid.
 *  (3) an answer is made anew from its question each time: nothing of it is kept but when it was made. */
#include "chat.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "writer.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <inttypes.h>
#include <string.h>

static const char *const models[] = { "small", "large" };
enum { SLOW_TIMES = 5, BYTES_A_TOKEN = 4 };

/* ---- refusals, in OpenAI's words ---- */

static void refuse(struct http_reply *reply, int status, const char *type, const char *code,
		   const char *message)
{
	struct json_writer w = json_writer(&reply->body);
	json_open(&w, '{');
	json_key(&w, "error");
	json_open(&w, '{');
	json_key(&w, "message");
	json_put_string(&w, slice_str(message));
	json_key(&w, "type");
	json_put_string(&w, slice_str(type));
	json_key(&w, "param");
	json_put_raw(&w, S("null"));
	json_key(&w, "code");
	json_put_string(&w, slice_str(code));
	json_close(&w, '}');
	json_close(&w, '}');
	reply->status = status;
	reply->drop = json_writer_end(&w) < 0;
}

static int refuse_request(struct chat *c, struct http_reply *reply, const char *code,
			  const char *message)
{
	c->account.refused++;
	refuse(reply, 400, "invalid_request_error", code, message);
	return -EINVAL;
}

static void add_line(struct http_reply *reply, const char *name, const char *value)
{
	if (buf_printf(&reply->lines, "%s: %s\r\n", name, value) < 0)
		reply->drop = true;
}

/* ---- reading a request ---- */

struct ask {
	struct question question;
	struct slice model, key;
	uint64_t hash; /* of the body: the same question, asked again */
	uint64_t prompt_tokens, max_tokens;
};

static uint64_t tokens_of(size_t bytes)
{
	return (bytes + BYTES_A_TOKEN - 1) / BYTES_A_TOKEN;
}

/* A message's content is a text, or a list of parts, of which the first text counts. */
static struct slice content_of(const struct json *message)
{
	const struct json *content =
		message->type == JSON_OBJECT ? json_get(message, S("content")) : NULL;
	if (content && content->type == JSON_ARRAY && content->n > 0 &&
	    content->items[0].type == JSON_OBJECT)
		content = json_get(&content->items[0], S("text"));
	return content && content->type == JSON_STRING ? content->string : (struct slice){ 0 };
}

static bool is_true(const struct json *body, const char *key)
{
	const struct json *value = json_get(body, slice_str(key));
	return value && value->type == JSON_TRUE;
}

static bool wants_json(const struct json *body)
{
	const struct json *format = json_get(body, S("response_format"));
	const struct json *type =
		format && format->type == JSON_OBJECT ? json_get(format, S("type")) : NULL;
	return type && type->type == JSON_STRING && slice_eq_str(type->string, "json_object");
}

static bool model_known(struct slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(models); i++)
		if (slice_eq_str(name, models[i]))
			return true;
	return false;
}

static int read_messages(struct chat *c, const struct json *body, struct ask *ask,
			 struct http_reply *reply)
{
	const struct json *messages = json_get(body, S("messages"));
	if (!messages || messages->type != JSON_ARRAY || messages->n == 0)
		return refuse_request(c, reply, "missing_messages",
				      "'messages' must be a list with at least one message");
	struct slice last = content_of(&messages->items[messages->n - 1]);
	if (!last.n)
		return refuse_request(c, reply, "empty_content",
				      "the last message has no text in 'content'");
	size_t bytes = 0;
	for (uint32_t i = 0; i < messages->n; i++)
		bytes += content_of(&messages->items[i]).n;
	ask->prompt_tokens = tokens_of(bytes);
	ask->question = question_read(last, wants_json(body));
	return 0;
}

static int read_limits(struct chat *c, const struct json *body, struct ask *ask,
		       struct http_reply *reply)
{
	const struct json *most = json_get(body, S("max_completion_tokens"));
	int64_t n;
	if (!most)
		most = json_get(body, S("max_tokens"));
	ask->max_tokens = UINT64_MAX;
	if (!most || most->type == JSON_NULL)
		return 0;
	if (most->type != JSON_NUMBER || units_int(most->raw, &n) < 0 || n < 1)
		return refuse_request(c, reply, "invalid_value",
				      "'max_tokens' must be a whole number above 0");
	ask->max_tokens = (uint64_t)n;
	return 0;
}

static int read_ask(struct chat *c, struct arena *arena, const struct http_incoming *in,
		    struct ask *ask, struct http_reply *reply)
{
	struct json *body;
	if (json_parse(arena, in->body, &body, NULL) < 0 || body->type != JSON_OBJECT)
		return refuse_request(c, reply, "invalid_json",
				      "the body of this request is no JSON object");
	if (is_true(body, "stream"))
		return refuse_request(
			c, reply, "unsupported_value",
			"this server answers whole: leave 'stream' out, or send false");
	const struct json *model = json_get(body, S("model"));
	if (!model || model->type != JSON_STRING || !model_known(model->string)) {
		c->account.refused++;
		refuse(reply, 404, "invalid_request_error", "model_not_found",
		       "there is no such model here: GET /v1/models lists them");
		return -ENOENT;
	}
	ask->model = model->string;
	ask->hash = hash_end(hash_add(HASH_START, in->body));
	http_incoming_header(in, "Idempotency-Key", &ask->key);
	int r = read_messages(c, body, ask, reply);
	return r < 0 ? r : read_limits(c, body, ask, reply);
}

static bool allowed(struct chat *c, const struct http_incoming *in, struct http_reply *reply)
{
	struct slice sent = { 0 };
	const struct slice bearer = S("Bearer ");
	http_incoming_header(in, "Authorization", &sent);
	if (slice_starts(sent, bearer) && sent.n > bearer.n &&
	    (!c->key || slice_eq_str(slice_from(sent, bearer.n), c->key)))
		return true;
	c->account.refused++;
	refuse(reply, 401, "invalid_request_error", "invalid_api_key",
	       "send Authorization: Bearer and the key of this server");
	return false;
}

/* ---- an answer ---- */

/* At most so many tokens of it, cut where a line ends; true: it was longer. */
static bool shorten(struct buf *text, uint64_t most_tokens)
{
	if (tokens_of(text->n) <= most_tokens)
		return false;
	buf_truncate(text, (size_t)most_tokens * BYTES_A_TOKEN);
	char *end = memrchr(text->p, '\n', text->n);
	buf_truncate(text, end ? (size_t)(end - text->p) + 1 : 0);
	return true;
}

static void put_choice(struct json_writer *w, struct slice text, bool cut_short)
{
	json_open(w, '{');
	json_key(w, "index");
	json_put_int(w, 0);
	json_key(w, "message");
	json_open(w, '{');
	json_key(w, "role");
	json_put_string(w, S("assistant"));
	json_key(w, "content");
	json_put_string(w, text);
	json_key(w, "refusal");
	json_put_raw(w, S("null"));
	json_close(w, '}');
	json_key(w, "logprobs");
	json_put_raw(w, S("null"));
	json_key(w, "finish_reason");
	json_put_string(w, cut_short ? S("length") : S("stop"));
	json_close(w, '}');
}

static void put_usage(struct json_writer *w, uint64_t prompt, uint64_t completion)
{
	json_open(w, '{');
	json_key(w, "prompt_tokens");
	json_put_int(w, (int64_t)prompt);
	json_key(w, "completion_tokens");
	json_put_int(w, (int64_t)completion);
	json_key(w, "total_tokens");
	json_put_int(w, (int64_t)(prompt + completion));
	json_close(w, '}');
}

static int put_completion(const struct ask *ask, int64_t created_s, struct slice text,
			  bool cut_short, struct buf *out)
{
	char id[40];
	snprintf(id, sizeof(id), "chatcmpl-%016" PRIx64, ask->hash);
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "id");
	json_put_string(&w, slice_str(id));
	json_key(&w, "object");
	json_put_string(&w, S("chat.completion"));
	json_key(&w, "created");
	json_put_int(&w, created_s);
	json_key(&w, "model");
	json_put_string(&w, ask->model);
	json_key(&w, "choices");
	json_open(&w, '[');
	put_choice(&w, text, cut_short);
	json_close(&w, ']');
	json_key(&w, "usage");
	put_usage(&w, ask->prompt_tokens, tokens_of(text.n));
	json_close(&w, '}');
	return json_writer_end(&w);
}

/* The text, as long as it may be; what was cut short the first time is so each time. */
static int write_text(const struct ask *ask, bool cut_short, struct buf *text, bool *ret_short)
{
	int r = writer_answer(&ask->question, text);
	uint64_t most = cut_short ? tokens_of(text->n) / 2 : UINT64_MAX;
	if (r == 0)
		*ret_short = shorten(text, most < ask->max_tokens ? most : ask->max_tokens);
	return r;
}

static void reply_with(struct chat *c, const struct ask *ask, struct slice text, int64_t created_s,
		       bool cut_short, struct http_reply *reply)
{
	c->account.answered++;
	if (put_completion(ask, created_s, text, cut_short, &reply->body) < 0)
		reply->drop = true;
}

/* ---- limits ---- */

static void add_left(struct http_reply *reply, const char *what, struct limit *l)
{
	char line[80];
	if (l->each_minute <= 0)
		return;
	limit_wait_ns(l, 0);
	snprintf(line, sizeof(line), "x-ratelimit-limit-%s: %.0f\r\n", what, l->each_minute);
	int r = buf_add(&reply->lines, slice_str(line));
	snprintf(line, sizeof(line), "x-ratelimit-remaining-%s: %.0f\r\n", what,
		 l->level > 0 ? l->level : 0);
	r = r < 0 ? r : buf_add(&reply->lines, slice_str(line));
	snprintf(line, sizeof(line), "x-ratelimit-reset-%s: %.3fs\r\n", what,
		 (l->each_minute - l->level) * 60 / l->each_minute);
	r = r < 0 ? r : buf_add(&reply->lines, slice_str(line));
	reply->drop |= r < 0;
}

static bool within_limits(struct chat *c, uint64_t tokens, struct http_reply *reply)
{
	char seconds[24];
	int64_t a = limit_wait_ns(&c->requests, 1), b = limit_wait_ns(&c->tokens, (double)tokens);
	int64_t wait = a > b ? a : b;
	if (wait == 0) {
		limit_use(&c->requests, 1);
		limit_use(&c->tokens, (double)tokens);
		return true;
	}
	c->account.limited++;
	refuse(reply, 429, a > b ? "requests" : "tokens", "rate_limit_exceeded",
	       "you are over the limit: come back after Retry-After");
	snprintf(seconds, sizeof(seconds), "%" PRId64, (wait + HK_SEC - 1) / HK_SEC);
	add_line(reply, "Retry-After", seconds);
	snprintf(seconds, sizeof(seconds), "%" PRId64, (wait + HK_MS - 1) / HK_MS);
	add_line(reply, "Retry-After-Ms", seconds);
	return false;
}

/* ---- one attempt ---- */

static void answer_again(struct chat *c, const struct ask *ask, const struct entry *key,
			 struct http_reply *reply)
{
	AUTO(buf_done) struct buf text = { 0 };
	bool cut_short = false;
	if (key->prompt != ask->hash) {
		refuse_request(c, reply, "idempotency_key_reused",
			       "this Idempotency-Key was sent with another body before");
		return;
	}
	c->account.replayed++;
	add_line(reply, "Idempotent-Replayed", "true");
	if (write_text(ask, key->cut_short, &text, &cut_short) < 0)
		reply->drop = true;
	else
		reply_with(c, ask, buf_slice(&text), key->created_s, cut_short, reply);
}

/* What was done reaches the client, or it does not. */
static void deliver(struct chat *c, enum fault_kind fault, struct http_reply *reply)
{
	switch (fault) {
	case FATE_CUT:
		c->account.cut++;
		reply->drop = true;
		return;
	case FATE_TORN:
		c->account.torn++;
		reply->truncate = reply->body.n / 2;
		return;
	case FATE_GARBAGE:
		c->account.garbage++;
		buf_truncate(&reply->body, reply->body.n * 2 / 3);
		return;
	default:
		return;
	}
}

static bool fails_before(struct chat *c, enum fault_kind fault, struct http_reply *reply)
{
	if (fault == FATE_500) {
		c->account.failed_500++;
		refuse(reply, 500, "server_error", "internal_error",
		       "the server had an error while processing your request");
	} else if (fault == FATE_503) {
		c->account.failed_503++;
		refuse(reply, 503, "server_error", "overloaded",
		       "the engine is currently overloaded: try again later");
		add_line(reply, "Retry-After", "1");
	}
	return fault == FATE_500 || fault == FATE_503;
}

static int work(struct chat *c, uint64_t prompt, uint64_t attempt, uint64_t tokens,
		bool slow) SUSPENDS
{
	struct account *a = &c->account;
	int64_t ns = fate_latency_ns(&c->fate, prompt, attempt, tokens);
	if (++a->in_flight > a->most_at_once)
		a->most_at_once = a->in_flight;
	a->slow += slow;
	int r = hk_sleep(slow ? SLOW_TIMES * ns : ns);
	a->in_flight--;
	return r;
}

static void attempt(struct chat *c, const struct ask *ask, struct entry *key,
		    struct http_reply *reply) SUSPENDS
{
	struct entry *prompt = account_prompt(&c->account, ask->hash);
	AUTO(buf_done) struct buf text = { 0 };
	uint64_t nth = prompt->requests++;
	enum fault_kind fault = fate_of(&c->fate, ask->hash, nth);
	bool cut_short = false;
	if (fails_before(c, fault, reply))
		return;
	if (write_text(ask, fault == FATE_LENGTH, &text, &cut_short) < 0) {
		reply->drop = true;
		return;
	}
	uint64_t tokens = tokens_of(text.n);
	if (!within_limits(c, ask->prompt_tokens + tokens, reply))
		return;
	int64_t created_s = clock_wall_ns() / HK_SEC;
	account_effect(&c->account, prompt, key, ask->prompt_tokens, tokens);
	c->account.cut_short += cut_short;
	if (key) {
		key->job = JOB_WORKING;
		key->prompt = ask->hash;
		key->created_s = created_s;
		key->cut_short = fault == FATE_LENGTH;
	}
	int r = work(c, ask->hash, nth, tokens, fault == FATE_SLOW);
	if (key) {
		key->job = JOB_DONE;
		hk_event_set(&key->done);
	}
	reply_with(c, ask, buf_slice(&text), created_s, cut_short, reply);
	deliver(c, fault, reply);
	reply->drop |= r < 0;
}

static void serve_chat(struct chat *c, const struct http_incoming *in,
		       struct http_reply *reply) SUSPENDS
{
	AUTO(arena_freep) struct arena *arena = arena_new();
	struct ask ask = { 0 };
	c->account.requests++;
	if (!allowed(c, in, reply) || read_ask(c, arena, in, &ask, reply) < 0)
		return;
	struct entry *key = ask.key.n ? account_key(&c->account, ask.key) : NULL;
	if (key)
		key->requests++;
	if (!key || key->job == JOB_NONE)
		attempt(c, &ask, key, reply);
	else if (hk_event_wait(&key->done) < 0)
		reply->drop = true;
	else
		answer_again(c, &ask, key, reply);
	add_left(reply, "requests", &c->requests);
	add_left(reply, "tokens", &c->tokens);
}

/* ---- everything else ---- */

static void serve_models(struct http_reply *reply)
{
	struct json_writer w = json_writer(&reply->body);
	json_open(&w, '{');
	json_key(&w, "object");
	json_put_string(&w, S("list"));
	json_key(&w, "data");
	json_open(&w, '[');
	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		json_open(&w, '{');
		json_key(&w, "id");
		json_put_string(&w, slice_str(models[i]));
		json_key(&w, "object");
		json_put_string(&w, S("model"));
		json_key(&w, "created");
		json_put_int(&w, 1735689600);
		json_key(&w, "owned_by");
		json_put_string(&w, S("demo"));
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	reply->drop = json_writer_end(&w) < 0;
}

static void serve_keys(const struct chat *c, struct http_reply *reply)
{
	reply->content_type = "application/jsonl";
	reply->drop = account_write_keys(&c->account, &reply->body) < 0;
}

void chat_handle(void *arg, const struct http_incoming *in, struct http_reply *reply) SUSPENDS
{
	struct chat *c = arg;
	bool get = slice_eq(in->method, S("GET"));
	if (slice_eq(in->method, S("POST")) && slice_eq(in->path, S("/v1/chat/completions")))
		serve_chat(c, in, reply);
	else if (get && slice_eq(in->path, S("/v1/models")))
		serve_models(reply);
	else if (get && slice_eq(in->path, S("/admin/account")))
		reply->drop = account_write(&c->account, &reply->body) < 0;
	else if (get && slice_eq(in->path, S("/admin/keys")))
		serve_keys(c, reply);
	else
		refuse(reply, 404, "invalid_request_error", "unknown_url",
		       "try POST /v1/chat/completions, or GET /v1/models, /admin/account, "
		       "/admin/keys");
}
