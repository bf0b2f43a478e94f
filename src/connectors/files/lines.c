/* lines.c - lines out of a window of bytes, admitted one by one
 *
 * What this room is for: the hot loop of every file source. For a line of JSON it is one memchr, one rec_new and one admit;
 *   the text itself is checked by the engine, in the same pass that counts it.
 * What flows through:    slices of the input's window; a record is a copy.
 * What must hold:
 *  (1) the line's slice is skipped before admit parks: a cancelled admit leaves the input behind the line, but the split's
 *      position does not move, and positions are all that a retry looks at.
 *  (2) what exceeds max_line is never held: its first bytes are kept as evidence, the rest is read and forgotten. */
#include "connectors/files/lines.h"
#include "base/banned.h"

#include "base/json.h"
#include <inttypes.h>

#define EVIDENCE_BYTES 4096u
#define RECORD_MAX     (64u << 20)

struct reader {
	const struct lines *job;
	struct split *split;
	uint64_t line; /* of the last line seen, from 1 */
	struct charset *charset;
	struct buf text, decoded;
};

void lines_check_max(uint64_t max_line, struct diag *diag)
{
	if (max_line == 0 || max_line > RECORD_MAX)
		diag_error(diag, "max_line",
			   "a line has at least 1 byte and at most 64MB, which is what a record "
			   "may hold");
}

struct rec *lines_evidence(struct slice line)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct json_writer w = json_writer(&text);
	json_open(&w, '{');
	json_key(&w, "line");
	json_put_string(&w, slice_head(line, EVIDENCE_BYTES));
	json_close(&w, '}');
	return json_writer_end(&w) < 0 ? rec_new(S("{}")) : rec_take(&text);
}

static int admit_fault(struct reader *r, struct slice line, const struct err *why,
		       struct err *err) SUSPENDS
{
	return admit(r->job->intake,
		     &(struct arrival){
			     .rec = lines_evidence(line),
			     .split = r->split,
			     .next = input_position(r->job->input),
			     .line = r->line,
			     .fault = why,
		     },
		     err);
}

static int admit_text(struct reader *r, struct slice line, struct err *err) SUSPENDS
{
	struct json_writer w = json_writer(&r->text);
	struct err why = { 0 };
	if (charset_read(r->charset, line, &r->decoded, &line) < 0) {
		fail(&why, FAULT_BAD_VALUE, "%s:%" PRIu64 ": %s", r->job->name, r->line,
		     charset_advice(r->charset));
		return admit_fault(r, line, &why, err);
	}
	buf_clear(&r->text);
	json_open(&w, '{');
	json_key(&w, "line");
	json_put_string(&w, line);
	json_key(&w, "n");
	json_put_int(&w, (int64_t)r->line);
	json_close(&w, '}');
	int n = json_writer_end(&w);
	if (n < 0) {
		fail_errno(&why, FAULT_TOO_LARGE, n,
			   "%s:%" PRIu64 ": the line does not fit into a record", r->job->name,
			   r->line);
		return admit_fault(r, line, &why, err);
	}
	return admit(r->job->intake,
		     &(struct arrival){
			     .rec = rec_new(buf_slice(&r->text)),
			     .split = r->split,
			     .next = input_position(r->job->input),
			     .line = r->line,
		     },
		     err);
}

static int admit_json(struct reader *r, struct slice line, struct err *err) SUSPENDS
{
	if (line.n && ((unsigned char)line.p[0] <= ' ' || (unsigned char)line.p[line.n - 1] <= ' '))
		line = slice_trim(line);
	if (line.n == 0)
		return 0;
	return admit(r->job->intake,
		     &(struct arrival){
			     .rec = rec_new(line),
			     .split = r->split,
			     .next = input_position(r->job->input),
			     .line = r->line,
			     .unchecked = true,
		     },
		     err);
}

static int admit_too_long(struct reader *r, struct slice head, struct err *err) SUSPENDS
{
	struct err why = { 0 };
	fail(&why, FAULT_TOO_LARGE, "%s:%" PRIu64 ": the line is longer than max_line (%zu bytes)",
	     r->job->name, r->line, r->job->max_line);
	return admit_fault(r, head, &why, err);
}

static int give_line(struct reader *r, struct slice line, struct err *err) SUSPENDS
{
	r->line++;
	if (line.n > r->job->max_line)
		return admit_too_long(r, line, err);
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return r->job->form == LINE_JSON ? admit_json(r, line, err) : admit_text(r, line, err);
}

/* All lines that end inside the window. */
static int give_window(struct reader *r, struct err *err) SUSPENDS
{
	struct input *in = r->job->input;
	for (;;) {
		struct slice rest = input_peek(in);
		const char *end = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
		if (!end)
			return 0;
		size_t n = (size_t)(end - rest.p);
		input_skip(in, n + 1);
		if (give_line(r, (struct slice){ rest.p, n }, err) < 0)
			return -1;
	}
}

/* The window begins with a line that is too long already and has no end yet. */
static int give_endless(struct reader *r, struct err *err) SUSPENDS
{
	struct input *in = r->job->input;
	char head[EVIDENCE_BYTES];
	struct slice rest = slice_head(input_peek(in), sizeof(head));
	memcpy(head, rest.p, rest.n);
	r->line++;
	if (input_skip_line(in, err) < 0)
		return -1;
	return admit_too_long(r, (struct slice){ head, rest.n }, err);
}

static int give_all(struct reader *r, struct err *err) SUSPENDS
{
	struct input *in = r->job->input;
	for (;;) {
		if (give_window(r, err) < 0)
			return -1;
		if (input_peek(in).n > r->job->max_line) {
			if (give_endless(r, err) < 0)
				return -1;
			continue;
		}
		int more = input_more(in, r->job->max_line + 2 * INPUT_BLOCK, err);
		if (more <= 0)
			return more;
	}
}

static int give_last(struct reader *r, struct err *err) SUSPENDS
{
	struct slice rest = input_peek(r->job->input);
	if (rest.n == 0)
		return 0;
	input_skip(r->job->input, rest.n);
	return give_line(r, rest, err);
}

int lines_run(const struct lines *job, struct err *err)
{
	struct split *split = intake_split(job->intake, job->name);
	if (input_begin(job->input, split, err) < 0)
		return -1;
	struct reader r = { .job = job, .split = split, .line = split_line(split) };
	r.text.max = r.decoded.max = 2 * RECORD_MAX;
	r.charset = job->form == LINE_TEXT ? charset_new(job->encoding) : NULL;
	int done = give_all(&r, err);
	if (done == 0)
		done = give_last(&r, err);
	buf_done(&r.text);
	buf_done(&r.decoded);
	charset_free(r.charset);
	return done;
}
