/* writer.c - Markdown on a topic, made from what is known of it and of its field
 *
 * What this room is for: answers that look like a language model's study notes and cost microseconds, so that what is
 *   measured is the pipeline.
 * What flows through:    a question; its topic is looked up (facts.h), and the sections are written one behind the other.
 * What must hold:
 *  (1) the text depends on the question alone.
 *  (2) a topic that is not known is written about all the same, with the words of a field that its name picks.
 *  (3) an outline names only sections that can be asked for. */
#include "writer.h"
#include "base/hash.h"
#include "base/json.h"
#include "facts.h"
#include <ctype.h>
#include <string.h>

/* ---- a page: text that is added to, and the first error ---- */

struct page {
	struct buf *out;
	int error;
};

static void put(struct page *p, struct slice text)
{
	if (p->error == 0)
		p->error = buf_add(p->out, text);
}

static void put_str(struct page *p, const char *text)
{
	put(p, slice_str(text));
}

/* ---- what is known of a topic ---- */

struct view {
	struct slice title; /* as it was asked for */
	const struct field *field;
	unsigned place; /* in the field; where its neighbours begin */
	const char *what, *fact;
};

static bool begins(struct slice text, const char *name)
{
	size_t n = strlen(name);
	return text.n >= n && slice_eq_nocase(slice_head(text, n), slice_str(name));
}

static struct view view_unknown(struct slice title)
{
	uint64_t lot = hash_end(hash_add(HASH_START, title));
	return (struct view){
		.title = title,
		.field = &fields[lot % FIELDS],
		.place = (unsigned)(lot >> 32) % TOPICS_EACH,
		.what = "is one of the ideas on which the others of its field are built.",
		.fact = "Whoever can explain it in three sentences has understood it.",
	};
}

/* "Quicksort, week 7" is about quicksort. */
static struct view view_of(struct slice title)
{
	for (unsigned f = 0; f < FIELDS; f++)
		for (unsigned t = 0; t < TOPICS_EACH; t++) {
			const struct topic *topic = &fields[f].topics[t];
			if (begins(title, topic->name))
				return (struct view){ title, &fields[f], t, topic->what,
						      topic->fact };
		}
	return view_unknown(title);
}

/* A text of the field, with the topic's name for each @. */
static void put_filled(struct page *p, const char *text, struct slice name)
{
	struct slice rest = slice_str(text), head;
	while (slice_cut(rest, '@', &head, &rest)) {
		put(p, head);
		put(p, name);
	}
	put(p, head);
}

/* ---- sections ---- */

static void put_idea(struct page *p, const struct view *v)
{
	put_filled(p, v->field->about, v->title);
	put_str(p, "\n\n**In one sentence.** ");
	put(p, v->title);
	put_str(p, " ");
	put_str(p, v->what);
	put_str(p, "\n\n**Worth remembering.** ");
	put_str(p, v->fact);
	put_str(p, "\n");
}

static void put_terms(struct page *p, const struct view *v)
{
	put_str(p, "These words are used below as if they were known:\n\n");
	put_str(p, v->field->terms);
}

static void put_method(struct page *p, const struct view *v)
{
	put_filled(p, "A way to work through @, and through most of what stands beside it:\n\n",
		   v->title);
	put_str(p, v->field->steps);
}

static void put_example(struct page *p, const struct view *v)
{
	put_str(p, "Short enough to be typed, and long enough to be wrong:\n\n```");
	put_str(p, v->field->language);
	put_str(p, "\n");
	put_str(p, v->field->code);
	put_str(p, "```\n\n");
	put_str(p, v->field->read_code);
	put_str(p, "\n");
}

static void put_mistakes(struct page *p, const struct view *v)
{
	put_str(p, v->field->mistakes);
	put_str(p, "\n> ");
	put_str(p, v->field->quote);
	put_str(p, "\n>\n> *");
	put_str(p, v->field->by);
	put_str(p, "*\n");
}

static void put_related(struct page *p, const struct view *v)
{
	for (unsigned i = 1; i <= 4; i++) {
		const struct topic *t = &v->field->topics[(v->place + i) % TOPICS_EACH];
		put_str(p, "- **");
		put_str(p, t->name);
		put_str(p, "** ");
		put_str(p, t->what);
		put_str(p, "\n");
	}
	put_str(p,
		"\nMore: [what an encyclopedia says](https://en.wikipedia.org/w/index.php?search=");
	for (size_t i = 0; i < v->title.n; i++) {
		char c = v->title.p[i];
		put(p, isalnum((unsigned char)c) ? (struct slice){ &c, 1 } : S("+"));
	}
	put_str(p, ").\n");
}

static void put_questions(struct page *p, const struct view *v)
{
	put_filled(p, v->field->questions, v->title);
}

static const struct section {
	const char *title, *about;
	void (*write)(struct page *, const struct view *);
} sections[] = {
	{ "The idea", "what it is, in one sentence, and what to remember", put_idea },
	{ "Words", "a table of terms", put_terms },
	{ "How to work with it", "a numbered method", put_method },
	{ "An example", "a short program, and how to read it", put_example },
	{ "Where it goes wrong", "common mistakes", put_mistakes },
	{ "Test yourself", "questions without answers", put_questions },
	{ "Related ideas", "what stands beside it", put_related },
};

static void put_section(struct page *p, const struct section *s, const struct view *v)
{
	put_str(p, "## ");
	put_str(p, s->title);
	put_str(p, "\n\n");
	s->write(p, v);
}

/* ---- answers ---- */

static int answer_notes(const struct view *v, struct buf *out)
{
	struct page p = { out, 0 };
	put_str(&p, "# ");
	put(&p, v->title);
	put_str(&p, "\n\n*Study notes: ");
	put_str(&p, v->field->name);
	put_str(&p, "*\n");
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		put_str(&p, "\n");
		put_section(&p, &sections[i], v);
	}
	return p.error;
}

/* Who asks for a section that is not in the outline gets the idea, under the heading that he asked for. */
static int answer_section(const struct view *v, struct slice title, struct buf *out)
{
	struct page p = { out, 0 };
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (slice_eq_nocase(title, slice_str(sections[i].title))) {
			put_section(&p, &sections[i], v);
			return p.error;
		}
	put_str(&p, "## ");
	put(&p, title);
	put_str(&p, "\n\n");
	put_idea(&p, v);
	return p.error;
}

/* Three to seven of them; the idea is always there. */
static bool in_outline(const struct view *v, size_t i)
{
	uint64_t lot = hash_end(hash_add(HASH_START + 1, v->title));
	return i % 3 == 0 || (lot >> i & 1) != 0;
}

static int answer_outline(const struct view *v, struct buf *out)
{
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "title");
	json_put_string(&w, v->title);
	json_key(&w, "field");
	json_put_string(&w, slice_str(v->field->name));
	json_key(&w, "sections");
	json_open(&w, '[');
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		if (!in_outline(v, i))
			continue;
		json_open(&w, '{');
		json_key(&w, "title");
		json_put_string(&w, slice_str(sections[i].title));
		json_key(&w, "about");
		json_put_string(&w, slice_str(sections[i].about));
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	return json_writer_end(&w);
}

int writer_answer(const struct question *q, struct buf *out)
{
	struct view v = view_of(q->topic);
	switch (q->wish) {
	case WISH_OUTLINE:
		return answer_outline(&v, out);
	case WISH_SECTION:
		return answer_section(&v, q->section, out);
	case WISH_NOTES:
		break;
	}
	return answer_notes(&v, out);
}

/* ---- questions ---- */

static const char *found(struct slice text, const char *word)
{
	return text.n ? memmem(text.p, text.n, word, strlen(word)) : NULL;
}

static struct slice quoted_behind(struct slice text, const char *word)
{
	const char *at = found(text, word);
	struct slice inside = { 0 }, rest;
	if (at)
		slice_cut(slice_from(text, (size_t)(at - text.p) + strlen(word)), '"', &inside,
			  &rest);
	return inside;
}

/* What stands behind the last " on ", to the end of that line. */
static struct slice topic_of(struct slice text)
{
	struct slice rest = text, line;
	for (const char *at; (at = found(rest, " on ")) != NULL;)
		rest = slice_from(rest, (size_t)(at - rest.p) + 4);
	slice_cut(rest, '\n', &line, &rest);
	line = slice_trim(line);
	while (line.n && (line.p[line.n - 1] == '.' || line.p[line.n - 1] == '?'))
		line.n--;
	return slice_head(line, 200);
}

struct question question_read(struct slice prompt, bool json)
{
	struct question q = { .topic = topic_of(slice_trim(prompt)) };
	q.section = quoted_behind(prompt, "section \"");
	q.wish = json ? WISH_OUTLINE : q.section.n ? WISH_SECTION : WISH_NOTES;
	return q;
}

/* ---- topics.jsonl ---- */

static void put_slug(struct page *p, const char *name)
{
	bool gap = false, begun = false;
	for (; *name; name++) {
		char c = (char)tolower((unsigned char)*name);
		if (c == '\'')
			continue;
		if (!isalnum((unsigned char)c)) {
			gap = begun;
			continue;
		}
		if (gap)
			put_str(p, "-");
		gap = false;
		begun = true;
		put(p, (struct slice){ &c, 1 });
	}
}

int writer_topics(struct buf *out)
{
	struct page p = { out, 0 };
	for (unsigned t = 0; t < TOPICS_EACH; t++)
		for (unsigned f = 0; f < FIELDS; f++) {
			put_str(&p, "{\"slug\":\"");
			put_slug(&p, fields[f].topics[t].name);
			put_str(&p, "\",\"topic\":\"");
			put_str(&p, fields[f].topics[t].name);
			put_str(&p, "\",\"field\":\"");
			put_str(&p, fields[f].name);
			put_str(&p, "\"}\n");
		}
	return p.error;
}
