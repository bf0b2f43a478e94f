/* sheet_places.c - how each value of a template is written, decided when it is compiled
 *
 * What this room is for: one walk over the parts with the machine of sheet_markup.h.
 * What flows through:    parts, which get their `how`; mistakes into the report.
 * What must hold:
 *  (1) the branches of an \if end in the same place; a \for ends where it began: so that what follows is certain.
 *  (2) behind a mistake the walk goes on where it can: only where a place is lost it ends. */
#include "engine/language/sheet_part.h"
#include <stdarg.h>
#include <stdio.h>

#include "base/banned.h"

struct walk {
	struct markup now;
	enum sheet_kind kind;
	sheet_report *report;
	void *arg;
	bool failed, lost; /* lost: where the rest stands is not known */
};

static void complain(struct walk *w, const struct sheet_part *part, size_t at, size_t n,
		     const char *fmt, ...) PRINTF(5, 6);

static void complain(struct walk *w, const struct sheet_part *part, size_t at, size_t n,
		     const char *fmt, ...)
{
	struct expr_error error = { .offset = part->at + at, .length = n };
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(error.text, sizeof(error.text), fmt, ap);
	va_end(ap);
	w->report(w->arg, &error);
	w->failed = true;
}

static void place_value(struct walk *w, struct sheet_part *part)
{
	struct markup_mistake mistake = { 0 };
	bool markup = w->kind != SHEET_TEXT;
	if (part->trusted && !markup)
		complain(w, part, 0, part->n,
			 "nothing is escaped in this template: write \\( ) instead of \\raw( )");
	else if (markup && !markup_value(&w->now, part->trusted, &part->how, &mistake))
		complain(w, part, 0, part->n, "%s", mistake.text);
}

static void place_text(struct walk *w, const struct sheet_part *part)
{
	struct markup_mistake mistake = { 0 };
	if (w->kind == SHEET_TEXT || markup_pass(&w->now, part->text, &mistake))
		return;
	complain(w, part, mistake.at, mistake.n, "%s", mistake.text);
	w->lost = true;
}

static void place_list(struct walk *w, struct sheet_part *first);

static void place_for(struct walk *w, const struct sheet_part *part)
{
	struct markup before = w->now;
	place_list(w, part->body);
	if (w->lost || markup_same(&before, &w->now))
		return;
	complain(w, part, 0, part->n,
		 "what this repeats begins %s and ends %s: it must end where it began",
		 markup_where(&before), markup_where(&w->now));
	w->now = before;
}

static void place_if(struct walk *w, const struct sheet_part *part)
{
	struct markup before = w->now;
	place_list(w, part->body);
	struct markup then = w->now;
	w->now = before;
	place_list(w, part->other);
	if (w->lost || markup_same(&then, &w->now))
		return;
	complain(w, part, 0, part->n,
		 "behind this \\if it is not certain where the document is: %s, or %s%s",
		 markup_where(&then), part->other ? "" : "without it ", markup_where(&w->now));
	w->lost = true;
}

/* As deep as blocks are nested. */
static void place_list(struct walk *w, struct sheet_part *first)
{
	for (struct sheet_part *part = first; part && !w->lost; part = part->next) {
		switch (part->kind) {
		case PART_TEXT:
			place_text(w, part);
			break;
		case PART_VALUE:
			place_value(w, part);
			break;
		case PART_FOR:
			place_for(w, part);
			break;
		case PART_IF:
			place_if(w, part);
			break;
		}
	}
}

bool sheet_place(struct sheet *s, size_t end, sheet_report *report, void *arg)
{
	struct walk w = { .kind = s->kind, .report = report, .arg = arg };
	struct markup_mistake mistake = { 0 };
	markup_init(&w.now, s->kind == SHEET_XML);
	place_list(&w, s->first);
	if (!w.lost && !markup_end(&w.now, &mistake))
		complain(&w, &(struct sheet_part){ .at = end }, 0, 0, "%s", mistake.text);
	return !w.failed;
}
