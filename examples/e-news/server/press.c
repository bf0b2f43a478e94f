/* press.c - articles, put together from the lines of a subject
 *
 * What this room is for: press.h says it.
 * What flows through:    (day, paper, slot) -> an event, which has its story, names and numbers, and a telling, which has its headline and words.
 * What must hold: two papers with one event have its names and numbers in common, and differ in headline, order of background and voices. */
#include "press.h"
#include "base/hash.h"
#include "base/units.h"
#include <ctype.h>
#include <hocket/types.h>
#include <stdlib.h>
#include <time.h>

/* Papers of a subject with one number share the event of their first slot; 0: each has its own. */
static const unsigned char wires[PAPERS / BEATS] = { 1, 2, 3, 1, 0, 0, 2, 0, 3, 0 };
enum { LATER_PAPERS = 3, DAY_S = 86400, HEADLINE_MAX = 60 };

static const struct beat *const beats[BEATS] = {
	&beat_software, &beat_energy, &beat_space, &beat_health,      &beat_markets, &beat_football,
	&beat_food,     &beat_travel, &beat_film,  &beat_archaeology, &beat_cities,  &beat_wildlife,
};

const struct beat *press_beat(unsigned paper)
{
	return beats[paper % BEATS];
}

struct slice press_name(unsigned paper)
{
	return grammar_pick(press_beat(paper)->papers, '|', paper / BEATS);
}

unsigned press_prints(const struct press *p, unsigned day, unsigned paper)
{
	if (paper == FLOODED && day == 1 && p->flood)
		return p->flood;
	if (day < 2)
		return FIRST_DAY_EACH;
	return (paper + paper / BEATS) % LATER_PAPERS == day % LATER_PAPERS;
}

unsigned press_changed(const struct press *p, unsigned paper)
{
	unsigned day = p->day;
	while (day > 1 && !press_prints(p, day, paper))
		day--;
	return day;
}

/* ---- which article ---- */

static uint64_t lot_of(const struct press *p, const char *kind, unsigned a, unsigned b, unsigned c)
{
	uint64_t of[] = { p->seed, a, b, c };
	return hash_end(hash_add(hash_add(HASH_START, slice_str(kind)),
				 (struct slice){ (const char *)of, sizeof(of) }));
}

struct article article_of(const struct press *p, unsigned day, unsigned paper, unsigned slot)
{
	struct article a = { p, press_beat(paper), day, paper, slot, 0, 0, 0 };
	unsigned wire = slot == 0 ? wires[paper / BEATS] : 0;
	a.telling = lot_of(p, "telling", day, paper, slot);
	a.event = wire ? lot_of(p, "wire", day, paper % BEATS, wire)
		       : lot_of(p, "event", day, paper, slot);
	int64_t minute = 5 * 60 + (int64_t)(a.telling % (17 * 60));
	a.published_ns = p->first_ns + ((int64_t)day - 1) * DAY_S * HK_SEC + minute * 60 * HK_SEC;
	return a;
}

static bool read_last(struct slice *text, unsigned *ret)
{
	int64_t n;
	size_t at = text->n;
	while (at && text->p[at - 1] != '-')
		at--;
	if (!at || units_int(slice_from(*text, at), &n) < 0 || n < 0 || n > INT32_MAX)
		return false;
	*ret = (unsigned)n;
	*text = slice_head(*text, at - 1);
	return true;
}

bool article_find(const struct press *p, struct slice path, struct article *ret)
{
	unsigned day, paper, slot;
	if (!slice_ends(path, S(".html")))
		return false;
	path.n -= 5;
	if (!read_last(&path, &slot) || !read_last(&path, &paper) || !read_last(&path, &day))
		return false;
	if (day > p->day || paper >= PAPERS || slot >= press_prints(p, day, paper))
		return false;
	*ret = article_of(p, day, paper, slot);
	return true;
}

/* ---- what stands in it ---- */

static struct grammar grammar_of(const struct article *a)
{
	return (struct grammar){ a->event, a->telling, a->beat->lists };
}

static const char *story_of(const struct article *a)
{
	return a->beat->stories[grammar_draw(a->event, S("story"), STORIES_EACH)];
}

/* The nth line of a kind, without its letter; empty when there are not so many. */
static struct slice line_of(const char *story, char kind, uint64_t nth)
{
	struct slice rest = slice_str(story), line;
	while (rest.n) {
		slice_cut(rest, '\n', &line, &rest);
		if (line.n && line.p[0] == kind && nth-- == 0)
			return slice_from(line, 1);
	}
	return (struct slice){ 0 };
}

int article_put_title(const struct article *a, struct buf *out)
{
	struct grammar g = grammar_of(a);
	/* Tellings of one event are of papers apart: each takes another headline. */
	return grammar_put(&g, line_of(story_of(a), 'H', (a->paper / BEATS / 2 + a->event) % 2),
			   out);
}

int article_put_lead(const struct article *a, struct buf *out)
{
	struct grammar g = grammar_of(a);
	return grammar_put(&g, line_of(story_of(a), 'L', 0), out);
}

int article_put_author(const struct article *a, struct buf *out)
{
	struct grammar g = { a->telling, a->telling, NULL };
	return grammar_put(&g, S("{first} {last}"), out);
}

static int put_one(const struct grammar *g, const char *lines, uint64_t nth, struct buf *out)
{
	int r = grammar_put(g, grammar_pick(lines, '\n', nth % grammar_count(lines, '\n')), out);
	return r < 0 ? r : buf_add_char(out, '\n');
}

int article_put_text(const struct article *a, struct buf *out)
{
	struct grammar g = grammar_of(a);
	const char *story = story_of(a);
	int r = article_put_lead(a, out);
	r = r < 0 ? r : buf_add_char(out, '\n');
	for (uint64_t i = 0; r == 0; i++) {
		struct slice line = line_of(story, 'P', i);
		if (!line.n)
			break;
		r = grammar_put(&g, line, out);
		r = r < 0 ? r : buf_add_char(out, '\n');
		if (r == 0 && i == 0)
			r = put_one(&g, a->beat->voices, a->event, out);
		if (r == 0 && i == 1)
			r = put_one(&g, a->beat->background, a->telling, out);
	}
	return r < 0 ? r : put_one(&g, a->beat->background, a->telling + 1 + a->event % 3, out);
}

/* ---- its address ---- */

static int put_slug(struct slice title, struct buf *out)
{
	bool gap = false;
	int r = 0;
	title = slice_head(title, HEADLINE_MAX);
	for (size_t i = 0, begun = 0; r == 0 && i < title.n; i++) {
		char c = (char)tolower((unsigned char)title.p[i]);
		if (!isalnum((unsigned char)c)) {
			gap |= begun > 0 && c != '\'';
			continue;
		}
		if (gap)
			r = buf_add_char(out, '-');
		gap = false;
		begun++;
		r = r < 0 ? r : buf_add_char(out, c);
	}
	return r;
}

int article_put_path(const struct article *a, struct buf *out)
{
	AUTO(buf_done) struct buf title = { 0 };
	char date[16];
	struct tm tm;
	time_t s = (time_t)(a->published_ns / HK_SEC);
	gmtime_r(&s, &tm);
	strftime(date, sizeof(date), "%Y/%m/%d", &tm);
	int r = article_put_title(a, &title);
	r = r < 0 ? r : buf_printf(out, "/%s/", date);
	r = r < 0 ? r : put_slug(buf_slice(&title), out);
	return r < 0 ? r : buf_printf(out, "-%u-%u-%u.html", a->day, a->paper, a->slot);
}
