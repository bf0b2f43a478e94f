/* value.c - words for JSON values in messages
 *
 * What this room is for: steps that make records say the same thing when a program gives something else.
 * What flows through:    checked JSON text, borrowed.
 * What must hold:        a message shows the beginning of the value, never megabytes of it. */
#include "connectors/value.h"
#include "base/banned.h"
#include "base/utf8.h"

#define SHOWN_BYTES 60

const char *value_type_name(struct slice value)
{
	switch (json_type(value)) {
	case JSON_NULL:
		return "null";
	case JSON_FALSE:
	case JSON_TRUE:
		return "a boolean";
	case JSON_NUMBER:
		return "a number";
	case JSON_STRING:
		return "a string";
	case JSON_ARRAY:
		return "an array";
	case JSON_OBJECT:
		return "an object";
	}
	return "nothing known";
}

int value_check_object(struct slice value, const char *verb, struct err *err)
{
	value = json_trim(value);
	if (json_type(value) == JSON_OBJECT)
		return 0;
	struct slice shown = utf8_head(value, SHOWN_BYTES);
	return fail(err, FAULT_BAD_VALUE, "%s gave %s, not an object: %.*s%s", verb,
		    value_type_name(value), SLICE(shown), shown.n < value.n ? "..." : "");
}
