/* http_pages.c - from one page to the next
 *
 * What this room is for: the five ways in which APIs name their next page, and when there is none.
 *
 *     page, offset:  `more` false, or without it an empty page  ---> the end
 *     next, link, cursor:  `more` false, or no next one          ---> the end
 *     `more` true, and no next one                               ---> a mistake, not an end
 *
 * What flows through:    a page's answer and URL in; the next URL out, or none.
 * What must hold:        see http_pages.h. An offset moves by what came, not by what was asked for: an API that gives less than `size`
 *   loses nothing. What it counts may be others than the records of `each` (which may leave some out, or make several of one): `count`. */
#include "connectors/http/http_pages.h"
#include "base/banned.h"
#include "base/json.h"
#include "base/units.h"
#include "base/utf8.h"
#include "connectors/http/http_query.h"
#include "connectors/value.h"
#include "io/link.h"
#include "io/url.h"
#include <errno.h>
#include <inttypes.h>

static const char *const repeat_words[] = { "error", "end", "page", NULL };

const struct opt pages_option_table[] = {
	OPT("next", struct pages_options, next, OPT_JQ, struct jq *, .of_answer = true,
	    .response = true,
	    .doc = "where the answer holds the next page's URL; null, missing or empty: no more "
		   "pages"),
	OPT("link", struct pages_options, link, OPT_STRING, const char *,
	    .doc = "the relation of the Link header that leads to the next page: next"),
	OPT("page", struct pages_options, page, OPT_STRING, const char *,
	    .doc = "the parameter that holds the page's number; an empty page is the end"),
	OPT("offset", struct pages_options, offset, OPT_STRING, const char *,
	    .doc = "the parameter that says how many records to pass over; an empty page is the "
		   "end"),
	OPT("cursor", struct pages_options, cursor, OPT_STRING, const char *,
	    .doc = "the parameter that takes what `from` gives"),
	OPT("from", struct pages_options, from, OPT_JQ, struct jq *, .of_answer = true,
	    .response = true,
	    .doc = "where the answer holds the cursor of the next page; null, missing or empty: no "
		   "more pages"),
	OPT("start", struct pages_options, start, OPT_STRING, const char *,
	    .doc = "the first page's number (1 by default), offset (0) or cursor (none)"),
	OPT("size", struct pages_options, size, OPT_INT, int64_t, .min = 1, .max = 1000000,
	    .doc = "records a page to ask for, with page, offset and cursor"),
	OPT("limit", struct pages_options, limit, OPT_STRING, const char *,
	    .doc = "the parameter that `size` goes into: per_page; limit by default"),
	OPT("more", struct pages_options, more, OPT_JQ, struct jq *, .of_answer = true,
	    .response = true,
	    .doc = "are there more pages, true or false: .has_more, '.page < .total_pages'"),
	OPT("count", struct pages_options, count, OPT_JQ, struct jq *, .of_answer = true,
	    .response = true,
	    .doc = "how many records the page has, where `each` gives others: '.orders | length'"),
	OPT("end_status", struct pages_options, end_status, OPT_LIST, struct opt_list,
	    .of = OPT_INT, .min = 400, .max = 499,
	    .doc = "what is answered behind the last page, as an end: 404"),
	OPT("repeat", struct pages_options, repeat, OPT_ENUM, int, .words = repeat_words,
	    .fallback = "error",
	    .doc = "with page and offset, a page that is the same as the one before: a mistake "
		   "(error), the end of the list (end), or a page like any other (page)"),
	OPT("max", struct pages_options, max, OPT_INT, int64_t, .tuning = true, .min = 1,
	    .max = 1000000000,
	    .doc = "pages at most: a list that goes on behind them stops the run"),
	OPT_END,
};

/* ---- which form ------------------------------------------------------------------------------------ */

enum form { FORM_NEXT = 1, FORM_LINK = 2, FORM_PAGE = 4, FORM_OFFSET = 8, FORM_CURSOR = 16 };
#define FORMS_COUNTED (FORM_PAGE | FORM_OFFSET)
#define FORMS_ASKED   (FORMS_COUNTED | FORM_CURSOR)

static const struct {
	const char *word, *option;
	enum form form;
} forms[] = {
	{ "next", "pages.next", FORM_NEXT },       { "link", "pages.link", FORM_LINK },
	{ "page", "pages.page", FORM_PAGE },       { "offset", "pages.offset", FORM_OFFSET },
	{ "cursor", "pages.cursor", FORM_CURSOR },
};

static unsigned forms_of(const struct pages_options *o)
{
	return (o->next ? FORM_NEXT : 0u) | (o->link ? FORM_LINK : 0u) |
	       (o->page ? FORM_PAGE : 0u) | (o->offset ? FORM_OFFSET : 0u) |
	       (o->cursor ? FORM_CURSOR : 0u);
}

/* The parameter that is set from page to page; NULL: none is. */
static const char *parameter_of(const struct pages_options *o)
{
	return o->page ? o->page : o->offset ? o->offset : o->cursor;
}

static void check_one_form(unsigned given, struct diag *diag)
{
	const char *first = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (!(given & forms[i].form))
			continue;
		if (first)
			diag_error(diag, forms[i].option,
				   "pages go on in one way, and these have two: '%s' and '%s'",
				   first, forms[i].word);
		first = first ? first : forms[i].word;
	}
	if (!first)
		diag_error(diag, "pages",
			   "'pages' wants one of next, link, page, offset, cursor: how does the "
			   "API name its next page?");
}

static void check_belongs(const struct pages_options *o, unsigned given, struct diag *diag)
{
	const struct {
		const char *option, *with;
		bool is_given;
		unsigned forms;
	} all[] = {
		{ "pages.from", "cursor", o->from != NULL, FORM_CURSOR },
		{ "pages.start", "page, offset and cursor", o->start != NULL, FORMS_ASKED },
		{ "pages.size", "page, offset and cursor", o->size > 0, FORMS_ASKED },
		{ "pages.limit", "page, offset and cursor", o->limit != NULL, FORMS_ASKED },
		{ "pages.count", "page and offset", o->count != NULL, FORMS_COUNTED },
		{ "pages.repeat", "page and offset", o->repeat != REPEAT_ERROR, FORMS_COUNTED },
	};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].is_given && !(given & all[i].forms))
			diag_error(diag, all[i].option, "'%s' goes with %s only",
				   all[i].option + strlen("pages."), all[i].with);
}

void pages_check(const struct pages_options *o, struct diag *diag)
{
	int64_t n = 0;
	if (!o)
		return;
	unsigned given = forms_of(o);
	check_one_form(given, diag);
	if (given)
		check_belongs(o, given, diag);
	if (o->cursor && !o->from)
		diag_error(diag, "pages.cursor", "where is the next cursor? from: .next_cursor");
	if (o->limit && !o->size)
		diag_error(diag, "pages.limit", "'limit' names the parameter that takes 'size'");
	if (o->start && (given & FORMS_COUNTED) &&
	    (units_int(slice_str(o->start), &n) < 0 || n < 0))
		diag_error(diag, "pages.start", "'start' is a whole number here, not '%s'",
			   o->start);
	const char *param = parameter_of(o);
	if (param && param[0] == 0)
		diag_error(diag, "pages", "the name of the parameter is empty");
}

bool pages_want_headers(const struct pages_options *o)
{
	if (!o)
		return false;
	const struct jq *all[] = { o->next, o->from, o->more, o->count };
	bool wanted = o->link != NULL;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		wanted |= all[i] && jq_wants_about(all[i]);
	return wanted;
}

/* ---- the first ------------------------------------------------------------------------------------- */

static int replace(struct buf *url, const char *name, struct slice value, struct err *err)
{
	AUTO(buf_done) struct buf next = { 0 };
	int r = query_set(buf_slice(url), slice_str(name), value, &next);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "the URL does not fit");
	buf_done(url);
	*url = buf_take(&next);
	return 0;
}

static int put_size(const struct pages_options *o, struct buf *url, struct err *err)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%" PRId64, o->size);
	return o->size ? replace(url, o->limit ? o->limit : "limit",
				 (struct slice){ text, (size_t)n }, err)
		       : 0;
}

/* What stands in the file's URL counts as a start, too. */
int pages_first(const struct pages_options *o, struct buf *url, struct err *err)
{
	AUTO(buf_done) struct buf was = { 0 };
	const char *name = o ? parameter_of(o) : NULL;
	if (!name)
		return 0;
	int there = query_get(buf_slice(url), slice_str(name), &was);
	if (there < 0)
		return fail_errno(err, FAULT_TOO_LARGE, there, "the URL does not fit");
	const char *start = o->start ? o->start : o->cursor || there ? NULL : o->page ? "1" : "0";
	if (start && replace(url, name, slice_str(start), err) < 0)
		return -1;
	return put_size(o, url, err);
}

/* ---- the end ---------------------------------------------------------------------------------------- */

bool pages_end_at(const struct pages_options *o, int status)
{
	const int64_t *v = o ? o->end_status.v : NULL;
	for (size_t i = 0; o && i < o->end_status.n; i++)
		if (v[i] == status)
			return true;
	return false;
}

bool pages_may_repeat(const struct pages_options *o)
{
	return o && (forms_of(o) & FORMS_COUNTED) && o->repeat != REPEAT_PAGE;
}

int pages_judge_repeat(const struct pages_options *o, struct slice shown_url, struct err *err)
{
	ASSERT(pages_may_repeat(o));
	if (o->repeat == REPEAT_END)
		return 1;
	return fail(err, FAULT_CONFIG,
		    "%.*s is the same as the page before it: the API does not heed '%s', or gives "
		    "its last page again (then write `repeat: end`; if such pages are right, "
		    "`repeat: page`)",
		    SLICE(shown_url), parameter_of(o));
}

/* 1, 0, -1; the word of the file, without which it is `otherwise`. */
static int says_more(const struct pages_options *o, const struct env *env, int otherwise,
		     struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf value = { 0 };
	if (!o->more)
		return otherwise;
	int n = jq_one(o->more, env, &value, err);
	if (n < 0)
		return err_wrap(err, "pages.more");
	struct slice text = n ? json_trim(buf_slice(&value)) : S("null");
	enum json_type type = json_type(text);
	if (type == JSON_TRUE || type == JSON_FALSE)
		return type == JSON_TRUE;
	return fail(err, FAULT_BAD_VALUE,
		    "pages.more gave %s, not true or false: %.*s (where the last page lacks it: "
		    "'... // false')",
		    value_type_name(text), SLICE(utf8_head(text, 80)));
}

/* ---- counted ------------------------------------------------------------------------------------------ */

static int count_of(const struct pages_options *o, const struct pages_answer *a, int64_t *ret,
		    struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf value = { 0 };
	*ret = (int64_t)a->records;
	if (!o->count)
		return 0;
	int n = jq_one(o->count, a->env, &value, err);
	if (n < 0)
		return err_wrap(err, "pages.count");
	struct slice text = json_trim(buf_slice(&value));
	if (n && units_int(text, ret) == 0 && *ret >= 0)
		return 0;
	return fail(err, FAULT_BAD_VALUE, "pages.count gave %s, not a whole number: %.*s",
		    n ? value_type_name(text) : "nothing", SLICE(utf8_head(text, 80)));
}

static int next_number(const struct pages_options *o, const struct pages_answer *a,
		       struct buf *next, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf now = { 0 };
	const char *name = parameter_of(o);
	int64_t n = 0, count = 0;
	char text[24];
	if (count_of(o, a, &count, err) < 0)
		return -1;
	int more = says_more(o, a->env, count > 0, err);
	if (more <= 0)
		return more;
	if (query_get(a->asked, slice_str(name), &now) <= 0 || units_int(buf_slice(&now), &n) < 0 ||
	    n < 0 || n > INT64_MAX - count - 1)
		return fail(err, FAULT_CONFIG, "'%s' in the URL is not a whole number: '%.*s'",
			    name, SLICE(utf8_head(buf_slice(&now), 80)));
	int size = snprintf(text, sizeof text, "%" PRId64, o->page ? n + 1 : n + count);
	int r = query_set(a->asked, slice_str(name), (struct slice){ text, (size_t)size }, next);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the next page's URL is too long") : 0;
}

/* ---- named by the answer ---------------------------------------------------------------------------- */

/* The word that a program gives: a text or a number; none: there is no next page. */
static int word_of(const struct jq *jq, const char *option, const struct env *env, bool number,
		   struct buf *word, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf value = { 0 };
	int n = jq_one(jq, env, &value, err);
	if (n <= 0)
		return n < 0 ? err_wrap(err, "%s", option) : 0;
	struct slice text = json_trim(buf_slice(&value));
	enum json_type type = json_type(text);
	if (type == JSON_NULL || type == JSON_FALSE)
		return 0;
	int r = -EINVAL;
	if (type == JSON_STRING)
		r = json_unquote(text, word);
	else if (type == JSON_NUMBER && number)
		r = buf_add(word, text);
	else
		return fail(err, FAULT_CONFIG, "%s gave %s, not %s: %.*s", option,
			    value_type_name(text), number ? "a cursor" : "a URL",
			    SLICE(utf8_head(text, 80)));
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the next page's URL is too long") : 0;
}

static int find_link(const struct pages_options *o, const struct env *env, struct buf *word,
		     struct err *err)
{
	AUTO(buf_done) struct buf field = { 0 };
	struct link_error why = { 0 };
	struct slice raw, target;
	int r = 0;
	if (!json_field(env->res->headers, S("link"), &raw))
		return 0;
	r = json_unquote(raw, &field);
	int found = r < 0 ? r : link_find(buf_slice(&field), slice_str(o->link), &target, &why);
	if (found == -EBADMSG && why.what) {
		struct slice at = slice_from(buf_slice(&field), why.offset);
		return fail(err, FAULT_BAD_VALUE,
			    "the Link header cannot be read: %s at byte %zu: '%.*s'", why.what,
			    why.offset, SLICE(utf8_head(at, 60)));
	}
	r = found == 1 ? buf_add(word, slice_trim(target)) : found;
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the Link header does not fit") : 0;
}

static int resolve(const char *option, struct slice here, struct slice text, struct buf *next,
		   struct err *err)
{
	struct url url;
	const char *why = "it does not parse";
	if (url_resolve(here, text, next) == 0 && url_parse(buf_slice(next), &url, &why) == 0)
		return 0;
	return fail(err, FAULT_CONFIG, "%s gave '%.*s', which is not a URL: %s", option,
		    SLICE(utf8_head(text, 200)), why);
}

static int next_named(const struct pages_options *o, const struct pages_answer *a, struct buf *next,
		      struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf word = { 0 };
	const char *option = o->next ? "pages.next" : o->cursor ? "pages.from" : "pages.link";
	int r, more = says_more(o, a->env, 1, err);
	if (more <= 0)
		return more;
	if (o->link)
		r = find_link(o, a->env, &word, err);
	else
		r = word_of(o->next ? o->next : o->from, option, a->env, o->cursor != NULL, &word,
			    err);
	struct slice text = slice_trim(buf_slice(&word));
	if (r < 0)
		return -1;
	if (text.n == 0)
		return o->more ? fail(err, FAULT_BAD_VALUE,
				      "pages.more says that there are more pages, and %s gives "
				      "none",
				      option)
			       : 0;
	if (!o->cursor)
		return resolve(option, a->url, text, next, err);
	r = query_set(a->asked, slice_str(o->cursor), text, next);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the next page's URL is too long") : 0;
}

int pages_next(const struct pages_options *o, const struct pages_answer *a, struct buf *next,
	       struct err *err)
{
	if (!o)
		return 0;
	return forms_of(o) & FORMS_COUNTED ? next_number(o, a, next, err)
					   : next_named(o, a, next, err);
}
