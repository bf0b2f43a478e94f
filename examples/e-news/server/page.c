/* page.c - three designs, none of which makes it easy to find the article
 *
 * What this room is for: whoever extracts text has to tell it from the rest by what it is, not by the name of its element.
 * What flows through:    an article, and headlines of others as teasers -> HTML.
 * What must hold: the article's paragraphs are each one element; whatever else has text is shorter, or has more links, than they are. */
#include "page.h"
#include "markup.h"

enum { TEASERS = 6 };

struct sheet {
	struct buf *out;
	const struct article *article;
	int error;
};

static void put(struct sheet *s, const char *text)
{
	if (s->error == 0)
		s->error = buf_add(s->out, slice_str(text));
}

static void put_text(struct sheet *s, struct slice text)
{
	if (s->error == 0)
		s->error = markup_put(s->out, text);
}

static void put_title(struct sheet *s)
{
	AUTO(buf_done) struct buf title = { 0 };
	if (s->error == 0)
		s->error = article_put_title(s->article, &title);
	put_text(s, buf_slice(&title));
}

static void put_byline(struct sheet *s)
{
	AUTO(buf_done) struct buf author = { 0 };
	if (s->error == 0)
		s->error = article_put_author(s->article, &author);
	put(s, "By ");
	put_text(s, buf_slice(&author));
	put(s, " | ");
	if (s->error == 0)
		s->error = markup_put_date(s->out, s->article->published_ns, 0);
}

/* Headlines of the same day, of papers with other subjects. */
static void put_teasers(struct sheet *s, const char *before, const char *after)
{
	const struct article *a = s->article;
	for (unsigned i = 1; s->error == 0 && i <= TEASERS; i++) {
		AUTO(buf_done) struct buf title = { 0 };
		struct article other =
			article_of(a->press, 1, (a->paper + i * 7) % PAPERS, i % FIRST_DAY_EACH);
		put(s, before);
		s->error = s->error < 0 ? s->error : article_put_path(&other, s->out);
		put(s, "\">");
		s->error = s->error < 0 ? s->error : article_put_title(&other, &title);
		put_text(s, buf_slice(&title));
		put(s, after);
	}
}

static void put_navigation(struct sheet *s)
{
	for (unsigned i = 0; i < BEATS; i++) {
		put(s, "<li><a href=\"/section/");
		put(s, press_beat(i)->slug);
		put(s, "\">");
		put_text(s, slice_str(press_beat(i)->name));
		put(s, "</a></li>\n");
	}
}

static void put_head(struct sheet *s)
{
	put(s, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\n<title>");
	put_title(s);
	put(s, " | ");
	put_text(s, press_name(s->article->paper));
	put(s, "</title>\n<meta property=\"og:title\" content=\"");
	put_title(s);
	put(s,
	    "\">\n<style>body{font:16px serif}.ad{background:#ffc}</style>\n"
	    "<script>window.dataLayer=[];function "
	    "track(a){if(a<3&&window.x>2){dataLayer.push({'event':'view'})}}</script>\n</head>\n");
}

static const char advertisement[] =
	"<div class=\"ad\"><span>Advertisement</span> <a href=\"/ad?id=77\">Mattresses you will "
	"not want to leave. 30 % off "
	"until Sunday!</a></div>\n";
static const char comments[] =
	"<section id=\"comments\"><h2>Comments (3)</h2>\n<div class=\"c\"><b>marlow77</b> "
	"First!</div>\n"
	"<div class=\"c\"><b>Quiet Reader</b> I have read this twice and still disagree. <a "
	"href=\"#r\">Reply</a> <a href=\"#f\">Report</a></div>\n"
	"<div class=\"c\"><b>gb</b> Could the editors please turn off the autoplay? <a "
	"href=\"#r\">Reply</a> <a href=\"#f\">Report</a></div>\n"
	"</section>\n";
static const char footer[] =
	"<footer><p>&copy; 2026 The publishers. <a href=\"/imprint\">Imprint</a> <a "
	"href=\"/privacy\">Privacy</a> <a href=\"/terms\">Terms</a> "
	"<a href=\"/jobs\">Jobs</a></p></footer>\n<script>track(2 < 3 ? 1 : 0); "
	"document.write('<p>Tracking paragraph that is not text.</p>');</script>\n";
static const char consent[] =
	"<div role=\"dialog\"><p>We and our 843 partners value your privacy. <button>Accept "
	"all</button> <a href=\"/cookies\">Settings</a></p></div>\n";

/* Each paragraph between two tags; an advertisement behind the second. */
static void put_paragraphs(struct sheet *s, const char *open, const char *close)
{
	AUTO(buf_done) struct buf text = { 0 };
	if (s->error == 0)
		s->error = article_put_text(s->article, &text);
	struct slice rest = buf_slice(&text), line;
	for (unsigned i = 0; s->error == 0 && rest.n; i++) {
		slice_cut(rest, '\n', &line, &rest);
		put(s, open);
		put_text(s, line);
		put(s, close);
		if (i == 1)
			put(s, advertisement);
	}
}

/* ---- the designs ---- */

static void put_broadsheet(struct sheet *s)
{
	put(s, "<body>\n<nav><ul>\n");
	put_navigation(s);
	put(s, "</ul></nav>\n<main><article>\n<h1>");
	put_title(s);
	put(s, "</h1>\n<p class=\"byline\">");
	put_byline(s);
	put(s, "</p>\n");
	put_paragraphs(s, "<p>", "</p>\n");
	put(s, "</article></main>\n<aside><h3>Most read</h3><ol>\n");
	put_teasers(s, "<li><a href=\"", "</a></li>\n");
	put(s, "</ol></aside>\n");
	put(s, comments);
	put(s, footer);
}

/* No element says what it is, and paragraphs are never closed. */
static void put_tabloid(struct sheet *s)
{
	put(s, "<body onload=\"track(1)\">\n");
	put(s, consent);
	put(s, "<div id=\"w\"><div class=\"menu\"><ul>\n");
	put_navigation(s);
	put(s, "</ul></div>\n<div class=\"x1\"><div class=\"x2\"><h1>");
	put_title(s);
	put(s, "</h1><div class=\"meta\">");
	put_byline(s);
	put(s, "</div>\n<div class=\"share\"><a href=\"#\">Share</a> <a href=\"#\">Mail</a> <a "
	       "href=\"#\">Print</a></div>\n");
	put_paragraphs(s, "<p>", "\n");
	put(s, "</div><div class=\"x3\"><h3>You may also like</h3>\n");
	put_teasers(s, "<p><a href=\"", "</a></p>\n");
	put(s, "</div></div>\n");
	put(s, comments);
	put(s, "</div>\n");
	put(s, footer);
}

/* Paragraphs are divisions with spans in them. */
static void put_portal(struct sheet *s)
{
	put(s, "<body>\n<div class=\"header\"><a href=\"/\">");
	put_text(s, press_name(s->article->paper));
	put(s, "</a> <form><input name=\"q\" placeholder=\"Search\"></form></div>\n<table "
	       "class=\"layout\"><tr><td class=\"left\"><ul>\n");
	put_navigation(s);
	put(s, "</ul></td><td>\n<h1><span>");
	put_title(s);
	put(s, "</span></h1>\n<div class=\"by\">");
	put_byline(s);
	put(s, "</div>\n<div class=\"body\">\n");
	put_paragraphs(s, "<div class=\"par\"><span>", "</span></div>\n");
	put(s, "</div>\n<div class=\"news\"><p>Get our newsletter every morning. <input "
	       "type=\"email\"> <button>Sign up</button></p></div>\n</td>"
	       "<td class=\"right\">\n");
	put_teasers(s, "<div><a href=\"", "</a></div>\n");
	put(s, "</td></tr></table>\n");
	put(s, comments);
	put(s, footer);
}

int page_put(const struct article *a, struct buf *out)
{
	static void (*const designs[])(struct sheet *) = { put_broadsheet, put_tabloid,
							   put_portal };
	struct sheet s = { out, a, 0 };
	put_head(&s);
	designs[(a->paper + a->paper / BEATS) % ARRAY_SIZE(designs)](&s);
	put(&s, "</body>\n</html>\n");
	return s.error;
}
