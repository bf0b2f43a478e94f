/* journey_json.c - a journey for programs: one JSON object a line
 *
 * What this room is for: a test in CI, or an editor, looks at what a pipeline does with a few records.
 * What flows through:    a journey in, one line out.
 * What must hold:        all of it is there, nothing is cut: every version of the record that a step made, every row. */
#include "base/json.h"
#include "cli/journey_page.h"
#include <stdio.h>

static void put_text(struct json_writer *w, const char *key, const char *text)
{
	json_key(w, key);
	json_put_string(w, slice_str(text));
}

static void put_body(struct json_writer *w, const char *sends)
{
	json_key(w, "sends");
	if (json_check(slice_str(sends), NULL) == 0)
		json_put_raw(w, json_trim(slice_str(sends)));
	else
		json_put_string(w, slice_str(sends));
}

static void put_call(struct json_writer *w, const struct stop *s, bool held)
{
	put_text(w, "request", s->request);
	if (s->sends)
		put_body(w, s->sends);
	json_key(w, "called");
	json_put_bool(w, !held);
	if (held)
		return;
	if (s->status) {
		json_key(w, "status");
		json_put_int(w, s->status);
	}
	json_key(w, "ms");
	json_put_int(w, s->took_ns / 1000000);
	if (s->failed[0])
		put_text(w, "failed", s->failed);
}

static void put_journey(const struct rehearsal *r, const struct journey *j, struct json_writer *w);

static void put_children(const struct rehearsal *r, const struct stop *s, struct json_writer *w)
{
	const struct journey *c = s->first_child;
	json_key(w, "children");
	json_open(w, '[');
	for (size_t i = 0; i < s->children; i++, c = c->sibling)
		put_journey(r, c, w);
	json_close(w, ']');
}

static void put_stop(const struct rehearsal *r, const struct stop *s, struct json_writer *w)
{
	const struct place *p = &r->plan.steps[s->step];
	json_open(w, '{');
	put_text(w, "step", p->label);
	if (s->passed_by) {
		json_key(w, "passed_by");
		json_put_bool(w, true);
	}
	if (s->request)
		put_call(w, s, r->held[s->step]);
	if (s->first_child)
		put_children(r, s, w);
	if (s->after) {
		json_key(w, "record");
		json_put_raw(w, rec_json(s->after));
	}
	json_close(w, '}');
}

static void put_rows(const struct rehearsal *r, const struct journey *j, struct slice record,
		     struct json_writer *w)
{
	const struct plan *plan = &r->plan;
	json_key(w, "rows");
	json_open(w, '[');
	for (size_t i = 0; i < plan->sink_count; i++) {
		AUTO(buf_done) struct buf row = { 0 };
		if (!(j->sinks & (UINT64_C(1) << i)))
			continue;
		if (w->error == 0)
			w->error = journey_put_row(&r->of->sinks[i], record, &row);
		json_open(w, '{');
		put_text(w, "to", plan->sinks[i].label);
		json_key(w, "row");
		json_put_raw(w, buf_slice(&row));
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void put_end(const struct rehearsal *r, const struct journey *j, struct slice record,
		    struct json_writer *w)
{
	put_text(w, "end", journey_end_name(r, j));
	if (j->end == SIGHT_FAILED) {
		json_key(w, "error");
		json_open(w, '{');
		put_text(w, "step", j->label);
		put_text(w, "class", j->class);
		put_text(w, "message", j->message);
		json_close(w, '}');
	} else if (j->end == SIGHT_ROW) {
		put_rows(r, j, record, w);
	}
}

static void put_journey(const struct rehearsal *r, const struct journey *j, struct json_writer *w)
{
	struct slice record = rec_json(j->start);
	char id[20];
	json_open(w, '{');
	if (j->source) {
		put_text(w, "source", j->source);
		json_key(w, "position");
		json_put_int(w, (int64_t)j->line);
	}
	snprintf(id, sizeof id, "%016llx", (unsigned long long)j->id);
	put_text(w, "id", id);
	json_key(w, "record");
	json_put_raw(w, json_check(record, NULL) == 0 ? record : S("null"));
	json_key(w, "steps");
	json_open(w, '[');
	for (size_t i = 0; i < j->n; i++) {
		if (j->stops[i].step < r->first)
			continue;
		put_stop(r, &j->stops[i], w);
		record = j->stops[i].after ? rec_json(j->stops[i].after) : record;
	}
	json_close(w, ']');
	put_end(r, j, record, w);
	json_close(w, '}');
}

int journey_put_json(const struct rehearsal *r, const struct journey *j, struct buf *out)
{
	struct json_writer w = json_writer(out);
	put_journey(r, j, &w);
	int e = json_writer_end(&w);
	return e < 0 ? e : buf_add_char(out, '\n');
}
