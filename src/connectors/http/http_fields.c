/* http_fields.c - `query:` and `form:`
 *
 * What this room is for: parameters that come from records, without anybody writing `?` and `&`.
 * What flows through:    templates in; percent-encoded text behind what stands in the caller's buffer out.
 * What must hold:        see http_fields.h. */
#include "connectors/http/http_fields.h"
#include "base/banned.h"
#include "base/json.h"
#include "io/url.h"

static int put_pair(struct slice key, struct slice value, struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 };
	char last = out->n ? out->p[out->n - 1] : '?';
	int r = last == '?' || last == '&' ? 0 : buf_add_char(out, '&');
	if (json_type(value) == JSON_STRING)
		r = r < 0 ? r : json_unquote(value, &text);
	else
		r = r < 0 ? r : buf_add(&text, value);
	r = r < 0 ? r : url_put_segment(key, out);
	r = r < 0 ? r : buf_add_char(out, '=');
	return r < 0 ? r : url_put_segment(buf_slice(&text), out);
}

static int put_value(const char *key, struct slice value, struct buf *out, struct err *err)
{
	int r = 0;
	switch (json_type(value)) {
	case JSON_NULL:
		return 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return fail(err, FAULT_BAD_VALUE,
			    "'%s' wants a text, a number or a list of them, not: %.*s", key,
			    SLICE(slice_head(value, 80)));
	default:
		r = put_pair(slice_str(key), value, out);
		return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "'%s' does not fit", key) : 0;
	}
}

int fields_put(const struct opt_map *templates, const struct env *env, struct buf *out,
	       struct err *err)
{
	struct tpl *const *values = templates->v;
	for (size_t i = 0; i < templates->n; i++) {
		AUTO(buf_done) struct buf json = { 0 };
		const char *key = templates->keys[i];
		struct slice none, element;
		if (tpl_json(values[i], env, &json, err) < 0)
			return -1;
		struct slice value = json_trim(buf_slice(&json));
		struct json_iter it = json_iter(value);
		bool list = json_type(value) == JSON_ARRAY;
		if (!list && put_value(key, value, out, err) < 0)
			return -1;
		while (list && json_next(&it, &none, &element))
			if (put_value(key, element, out, err) < 0)
				return -1;
	}
	return 0;
}

int fields_put_query(const struct opt_map *templates, const struct env *env, struct buf *url,
		     struct err *err)
{
	AUTO(buf_done) struct buf fragment = { 0 };
	if (templates->n == 0)
		return 0;
	const char *mark = memchr(url->p, '#', url->n);
	size_t end = mark ? (size_t)(mark - url->p) : url->n;
	int r = buf_add(&fragment, slice_from(buf_slice(url), end));
	buf_truncate(url, end);
	if (!memchr(url->p, '?', url->n))
		r = r < 0 ? r : buf_add_char(url, '?');
	if (r == 0 && fields_put(templates, env, url, err) < 0)
		return -1;
	if (url->p[url->n - 1] == '?') /* nothing came behind it */
		buf_truncate(url, url->n - 1);
	r = r < 0 ? r : buf_add(url, buf_slice(&fragment));
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the URL does not fit") : 0;
}
