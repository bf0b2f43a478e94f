/* journey_page.c - a journey for people: the record, what each step did with it, what the sinks would get
 *
 *   1  users.jsonl:1
 *      {"id":1,"name":"Ana"}
 *   http   GET https://api.example.com/users/1 -> 200, 41 ms, 23 bytes
 *      + .profile  {"city":"Oslo"}
 *   where  unchanged
 *   => sqlite users.db
 *      {"id":1,"name":"Ana","profile":{"city":"Oslo"}}
 *
 * What this room is for: reading it once tells whether the pipeline does what was meant, and where it does not.
 * What flows through:    a journey in, text out.
 * What must hold:        each end is said: no record of those that are tried stops without a reason. */
#include "cli/journey_page.h"
#include "base/json.h"
#include "cli/difference.h"
#include "cli/term.h"
#include <string.h>

enum { CHILDREN_SHOWN = 5, BELOW = 3, TAB = 4 };

struct page {
	const struct rehearsal *of;
	struct pen *pen;
	unsigned indent;
	bool joined; /* what comes next stands on the line of its step */
};

static const struct place *place_of(const struct page *p, const struct stop *s)
{
	return &p->of->plan.steps[s->step];
}

/* ---- rows ---- */
static const struct opt_list *fields_of(const struct place *p)
{
	for (const struct opt *o = p->port->options; o && o->name; o++)
		if (o->type == OPT_LIST && o->of == OPT_STRING && strcmp(o->name, "fields") == 0)
			return (const void *)((const char *)p->options + o->offset);
	return NULL;
}

int journey_put_row(const struct place *p, struct slice record, struct buf *out)
{
	const struct opt_list *fields = fields_of(p);
	if (!fields || fields->n == 0)
		return buf_add(out, record);
	const char *const *names = fields->v;
	struct json_writer w = json_writer(out);
	struct slice value;
	json_open(&w, '{');
	for (size_t i = 0; i < fields->n; i++) {
		if (!json_field(record, slice_str(names[i]), &value))
			continue;
		json_key(&w, names[i]);
		json_put_raw(&w, value);
	}
	json_close(&w, '}');
	return json_writer_end(&w);
}

/* ---- pieces ---- */
static void begin(struct page *p, unsigned more)
{
	pen_printf(p->pen, "%*s", (int)(p->indent + more), "");
}

static void end(struct page *p)
{
	pen_ink(p->pen, INK_PLAIN);
	pen_put(p->pen, S("\n"));
}

/* On one line if it fits, else a line for each field. */
static void put_record(struct page *p, struct slice json)
{
	unsigned taken = p->indent + BELOW;
	size_t room = p->pen->width > taken + 20 ? p->pen->width - taken : 20;
	if (json_check(json, NULL) < 0) { /* a line that is no record */
		begin(p, BELOW);
		pen_data(p->pen, json, room);
		end(p);
		return;
	}
	if (json.n > room) {
		difference_put(p->pen, taken, S("{}"), json);
		return;
	}
	begin(p, BELOW);
	difference_put_value(p->pen, json, room);
	end(p);
}

static void put_label(struct page *p, const char *label)
{
	begin(p, 0);
	pen_ink(p->pen, INK_BOLD);
	pen_data(p->pen, slice_str(label), 60);
	pen_ink(p->pen, INK_PLAIN);
}

/* Its end, on a line of its own or on that of the step where it ended. */
static void begin_end(struct page *p, enum ink ink)
{
	if (p->joined)
		pen_put(p->pen, S("  "));
	else
		begin(p, 0);
	pen_ink(p->pen, ink);
}

/* ---- a step ---- */
static void put_answer(struct page *p, const struct stop *s)
{
	if (s->failed[0]) {
		pen_ink(p->pen, INK_RED);
		pen_put(p->pen, S(" -> "));
		pen_data(p->pen, slice_str(s->failed), 300);
		pen_ink(p->pen, INK_PLAIN);
	} else {
		pen_put(p->pen, S(" -> "));
		if (s->status)
			pen_printf(p->pen, "%d, ", s->status);
		pen_size(p->pen, s->bytes);
	}
	pen_put(p->pen, S(", "));
	pen_duration(p->pen, s->took_ns);
}

static void put_request(struct page *p, const struct stop *s)
{
	unsigned taken = p->indent + BELOW + 6;
	pen_put(p->pen, S("  "));
	pen_data(p->pen, slice_str(s->request), 300);
	if (p->of->held[s->step]) {
		pen_ink(p->pen, INK_YELLOW);
		pen_put(p->pen, S("  not called"));
	} else {
		put_answer(p, s);
	}
	end(p);
	if (!s->sends)
		return;
	begin(p, BELOW);
	pen_put(p->pen, S("sends "));
	difference_put_value(p->pen, slice_str(s->sends),
			     p->pen->width > taken + 40 ? p->pen->width - taken : 40);
	end(p);
}

static void put_note(struct page *p, const char *text)
{
	pen_printf(p->pen, "  %s", text);
	end(p);
}

static void put_changes(struct page *p, struct slice before, struct slice after)
{
	if (difference_put(p->pen, p->indent + BELOW, before, after) > 0)
		return;
	begin(p, BELOW);
	pen_put(p->pen, S("unchanged"));
	end(p);
}

static void put_journey(struct page *p, const struct journey *j);

/* What it became here; what comes behind a join, it becomes itself again. */
static void put_children(struct page *p, const struct stop *s)
{
	const struct journey *c = s->first_child;
	size_t n = 0;
	if (s->request)
		begin(p, 0);
	pen_put(p->pen, S("  becomes "));
	pen_count(p->pen, s->children);
	pen_put(p->pen, s->children == 1 ? S(" record") : S(" records"));
	end(p);
	p->indent += TAB;
	for (; n < s->children && (p->pen->whole || n < CHILDREN_SHOWN); c = c->sibling) {
		begin(p, 0);
		pen_ink(p->pen, INK_BOLD);
		pen_printf(p->pen, "%zu of %zu", ++n, s->children);
		end(p);
		put_journey(p, c);
	}
	if (n < s->children) {
		begin(p, 0);
		pen_count(p->pen, s->children - n);
		pen_put(p->pen, S(" more: -v shows them"));
		end(p);
	}
	p->indent -= TAB;
}

static bool is_bare(const struct stop *s)
{
	return !s->passed_by && !s->request && !s->after && !s->first_child;
}

static void put_stop(struct page *p, const struct stop *s, struct slice *record, bool ends)
{
	put_label(p, place_of(p, s)->label);
	if (s->passed_by) {
		put_note(p, "passed by: its if: is not true");
		return;
	}
	if (s->request)
		put_request(p, s);
	if (s->first_child)
		put_children(p, s);
	else if (!s->request && s->after)
		end(p);
	else if (!s->request && !ends)
		put_note(p, "unchanged");
	if (!s->after)
		return;
	if (s->first_child) {
		begin(p, 0);
		put_note(p, "joined again:");
	}
	put_changes(p, *record, rec_json(s->after));
	*record = rec_json(s->after);
}

/* ---- its end ---- */
static bool is_held_back(const struct rehearsal *r, const struct journey *j)
{
	return j->end == SIGHT_FILTERED && j->n > 0 &&
	       rehearsal_ends_at(r, j->stops[j->n - 1].step);
}

static void put_death(struct page *p, const struct journey *j)
{
	begin_end(p, INK_RED);
	if (p->joined)
		pen_printf(p->pen, "dead: %s: ", j->class);
	else
		pen_printf(p->pen, "dead at %s: %s: ", j->label, j->class);
	pen_data(p->pen, slice_str(j->message), SIZE_MAX);
	end(p);
}

static void put_filtered(struct page *p, const struct journey *j)
{
	begin_end(p, INK_YELLOW);
	if (is_held_back(p->of, j))
		pen_put(p->pen, S("its way ends here: what comes behind needs the answer"));
	else
		pen_put(p->pen, p->joined ? S("filtered") : S("filtered: no sink wants it"));
	end(p);
}

static void put_rows(struct page *p, const struct journey *j, struct slice record)
{
	const struct plan *plan = &p->of->plan;
	for (size_t i = 0; i < plan->sink_count; i++) {
		AUTO(buf_done) struct buf row = { 0 };
		const struct place *of = &p->of->of->sinks[i];
		if (!(j->sinks & (UINT64_C(1) << i)))
			continue;
		begin(p, 0);
		pen_ink(p->pen, INK_GREEN);
		pen_printf(p->pen, "=> %s", of->label);
		if (of->facts.door.n && !slice_eq_str(of->facts.door, of->label)) {
			AUTO(buf_done) struct buf door = { 0 };
			pen_put(p->pen, S(" "));
			p->pen->error =
				p->pen->error < 0 ? p->pen->error : buf_add(&door, of->facts.door);
			pen_put(p->pen, slice_str(path_shown(door.p ? door.p : "")));
		}
		end(p);
		if (journey_put_row(of, record, &row) == 0)
			put_record(p, buf_slice(&row));
	}
}

static void put_last_words(struct page *p, const char *words)
{
	begin_end(p, INK_YELLOW);
	pen_put(p->pen, slice_str(words));
	end(p);
}

static void put_end(struct page *p, const struct journey *j, struct slice record)
{
	switch (j->end) {
	case SIGHT_FAILED:
		put_death(p, j);
		break;
	case SIGHT_FILTERED:
		put_filtered(p, j);
		break;
	case SIGHT_EXPANDED: /* its children have said the rest */
		break;
	case SIGHT_DUPLICATE:
		put_last_words(p, "duplicate: another record has this key");
		break;
	case SIGHT_MERGED:
		put_last_words(p, "merged: goes on in another record");
		break;
	case SIGHT_READY:
		put_last_words(p, "through all steps");
		break;
	case SIGHT_ROW:
		put_rows(p, j, record);
		break;
	default:
		put_last_words(p, "its way was cut off here");
	}
}

/* Did it end where it made its last stop, and nothing else is to be said there? */
static bool ends_at_stop(const struct page *p, const struct journey *j)
{
	const struct stop *last = j->n > 0 ? &j->stops[j->n - 1] : NULL;
	if (!last || last->step < p->of->first || !is_bare(last))
		return false;
	bool here = j->end != SIGHT_FAILED || strcmp(j->label, place_of(p, last)->label) == 0;
	return here && j->end != SIGHT_ROW && j->end != SIGHT_READY;
}

static void put_journey(struct page *p, const struct journey *j)
{
	struct slice record = rec_json(j->start);
	bool joins = ends_at_stop(p, j);
	put_record(p, record);
	for (size_t i = 0; i < j->n; i++)
		if (j->stops[i].step >= p->of->first)
			put_stop(p, &j->stops[i], &record, joins && i + 1 == j->n);
	p->joined = joins;
	put_end(p, j, record);
	p->joined = false;
}

void journey_put(const struct rehearsal *r, const struct journey *j, size_t n, struct pen *pen)
{
	struct page p = { .of = r, .pen = pen };
	pen_ink(pen, INK_BOLD);
	if (j->made)
		pen_put(pen, S("made of these  "));
	else
		pen_printf(pen, "%zu  ", n);
	pen_data(pen, slice_str(j->source), 200);
	pen_printf(pen, ":%llu", (unsigned long long)j->line);
	end(&p);
	put_journey(&p, j);
	pen_put(pen, S("\n"));
}

const char *journey_end_name(const struct rehearsal *r, const struct journey *j)
{
	switch (j->end) {
	case SIGHT_FAILED:
		return "dead";
	case SIGHT_FILTERED:
		return is_held_back(r, j) ? "not_called" : "filtered";
	case SIGHT_EXPANDED:
		return "expanded";
	case SIGHT_DUPLICATE:
		return "duplicate";
	case SIGHT_MERGED:
		return "merged";
	case SIGHT_ROW:
	case SIGHT_READY:
		return "delivered";
	default:
		return "left";
	}
}
