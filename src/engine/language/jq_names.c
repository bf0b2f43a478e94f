/* jq_names.c - what jq 1.6 knows by name, what is refused, and what came later
 *
 * What this room is for: a misspelt function is told at its place, with the nearest right name and the right number of
 *   arguments, instead of by libjq without a column.
 * What flows through:    names out of programs.
 * What must hold:
 *  (1) the table is jq 1.6's own list (`jq -n builtins`; a test compares them) without what touches the world.
 *  (2) names that begin with _ are jq's own affair and unknown here. */
#include "engine/plan/diag.h"
#include "engine/language/jq_ast.h"
#include <stdio.h>

#include "base/banned.h"

enum { A0 = 1, A1 = 2, A2 = 4, A3 = 8, A4 = 16 };

/* In the order in which people should learn them: of two equally near names the first is suggested. */
static const struct {
	const char *name;
	unsigned arities;
} functions[] = {
	{ "length", A0 },
	{ "keys", A0 },
	{ "values", A0 },
	{ "map", A1 },
	{ "select", A1 },
	{ "add", A0 },
	{ "has", A1 },
	{ "in", A1 },
	{ "type", A0 },
	{ "not", A0 },
	{ "empty", A0 },
	{ "error", A0 | A1 },
	{ "tostring", A0 },
	{ "tonumber", A0 },
	{ "tojson", A0 },
	{ "fromjson", A0 },
	{ "join", A1 },
	{ "split", A1 | A2 },
	{ "splits", A1 | A2 },
	{ "test", A1 | A2 },
	{ "match", A1 | A2 },
	{ "capture", A1 | A2 },
	{ "scan", A1 },
	{ "sub", A2 | A3 },
	{ "gsub", A2 | A3 },
	{ "startswith", A1 },
	{ "endswith", A1 },
	{ "ltrimstr", A1 },
	{ "rtrimstr", A1 },
	{ "ascii_downcase", A0 },
	{ "ascii_upcase", A0 },
	{ "any", A0 | A1 | A2 },
	{ "all", A0 | A1 | A2 },
	{ "first", A0 | A1 },
	{ "last", A0 | A1 },
	{ "nth", A1 | A2 },
	{ "limit", A2 },
	{ "range", A1 | A2 | A3 },
	{ "until", A2 },
	{ "while", A2 },
	{ "repeat", A1 },
	{ "recurse", A0 | A1 | A2 },
	{ "sort", A0 },
	{ "sort_by", A1 },
	{ "group_by", A1 },
	{ "unique", A0 },
	{ "unique_by", A1 },
	{ "min", A0 },
	{ "max", A0 },
	{ "min_by", A1 },
	{ "max_by", A1 },
	{ "reverse", A0 },
	{ "flatten", A0 | A1 },
	{ "contains", A1 },
	{ "inside", A1 },
	{ "index", A1 },
	{ "rindex", A1 },
	{ "indices", A1 },
	{ "to_entries", A0 },
	{ "from_entries", A0 },
	{ "with_entries", A1 },
	{ "map_values", A1 },
	{ "path", A1 },
	{ "paths", A0 | A1 },
	{ "getpath", A1 },
	{ "setpath", A2 },
	{ "delpaths", A1 },
	{ "del", A1 },
	{ "floor", A0 },
	{ "ceil", A0 },
	{ "round", A0 },
	{ "sqrt", A0 },
	{ "pow", A2 },
	{ "log", A0 },
	{ "now", A0 },
	{ "todate", A0 },
	{ "fromdate", A0 },
	{ "IN", A1 | A2 },
	{ "INDEX", A1 | A2 },
	{ "JOIN", A2 | A3 | A4 },
	{ "acos", A0 },
	{ "acosh", A0 },
	{ "arrays", A0 },
	{ "asin", A0 },
	{ "asinh", A0 },
	{ "atan", A0 },
	{ "atan2", A2 },
	{ "atanh", A0 },
	{ "booleans", A0 },
	{ "bsearch", A1 },
	{ "builtins", A0 },
	{ "cbrt", A0 },
	{ "combinations", A0 | A1 },
	{ "copysign", A2 },
	{ "cos", A0 },
	{ "cosh", A0 },
	{ "drem", A2 },
	{ "erf", A0 },
	{ "erfc", A0 },
	{ "exp", A0 },
	{ "exp10", A0 },
	{ "exp2", A0 },
	{ "explode", A0 },
	{ "expm1", A0 },
	{ "fabs", A0 },
	{ "fdim", A2 },
	{ "finites", A0 },
	{ "fma", A3 },
	{ "fmax", A2 },
	{ "fmin", A2 },
	{ "fmod", A2 },
	{ "format", A1 },
	{ "frexp", A0 },
	{ "fromdateiso8601", A0 },
	{ "fromstream", A1 },
	{ "gamma", A0 },
	{ "gmtime", A0 },
	{ "hypot", A2 },
	{ "implode", A0 },
	{ "infinite", A0 },
	{ "isempty", A1 },
	{ "isfinite", A0 },
	{ "isinfinite", A0 },
	{ "isnan", A0 },
	{ "isnormal", A0 },
	{ "iterables", A0 },
	{ "j0", A0 },
	{ "j1", A0 },
	{ "jn", A2 },
	{ "keys_unsorted", A0 },
	{ "ldexp", A2 },
	{ "leaf_paths", A0 },
	{ "lgamma", A0 },
	{ "lgamma_r", A0 },
	{ "localtime", A0 },
	{ "log10", A0 },
	{ "log1p", A0 },
	{ "log2", A0 },
	{ "logb", A0 },
	{ "mktime", A0 },
	{ "modf", A0 },
	{ "nan", A0 },
	{ "nearbyint", A0 },
	{ "nextafter", A2 },
	{ "nexttoward", A2 },
	{ "normals", A0 },
	{ "nulls", A0 },
	{ "numbers", A0 },
	{ "objects", A0 },
	{ "pow10", A0 },
	{ "recurse_down", A0 },
	{ "remainder", A2 },
	{ "rint", A0 },
	{ "scalars", A0 },
	{ "scalars_or_empty", A0 },
	{ "scalb", A2 },
	{ "scalbln", A2 },
	{ "significand", A0 },
	{ "sin", A0 },
	{ "sinh", A0 },
	{ "strflocaltime", A1 },
	{ "strftime", A1 },
	{ "strings", A0 },
	{ "strptime", A1 },
	{ "tan", A0 },
	{ "tanh", A0 },
	{ "tgamma", A0 },
	{ "todateiso8601", A0 },
	{ "tostream", A0 },
	{ "transpose", A0 },
	{ "trunc", A0 },
	{ "truncate_stream", A1 },
	{ "utf8bytelength", A0 },
	{ "walk", A1 },
	{ "y0", A0 },
	{ "y1", A0 },
	{ "yn", A2 },
};

static const struct {
	const char *name, *why;
} refused[] = {
	{ "env", "environment variables come in through vars: {name: $env.NAME}" },
	{ "input", "a program sees one record at a time" },
	{ "inputs", "a program sees one record at a time" },
	{ "debug", "use 'hocket try' to see records after each step" },
	{ "stderr", "use 'hocket try' to see records after each step" },
	{ "halt", "a program cannot end the run; use where: to drop records" },
	{ "halt_error", "a program cannot end the run; error(...) makes a dead letter" },
	{ "input_filename", "$meta.source names the source" },
	{ "input_line_number", "$meta.position tells the position" },
	{ "get_search_list", "a program reads no files" },
	{ "modulemeta", "a program reads no files" },
	{ "get_jq_origin", "a program reads no files" },
	{ "get_prog_origin", "a program reads no files" },
};

/* Of jq 1.7 and later, with what 1.6 has instead. */
static const struct {
	const char *name, *instead;
} later[] = {
	{ "abs", "fabs" },
	{ "ascii", "[.] | implode" },
	{ "have_decnum", "nothing: digits are kept" },
	{ "have_literal_numbers", "nothing: digits are kept" },
	{ "ltrim", "sub(\"^\\\\s+\"; \"\")" },
	{ "pick", "{a, b}" },
	{ "rtrim", "sub(\"\\\\s+$\"; \"\")" },
	{ "skip", "[...][n:][]" },
	{ "toarray", "if type == \"array\" then . else [.] end" },
	{ "trim", "gsub(\"^\\\\s+|\\\\s+$\"; \"\")" },
	{ "trimstr", "ltrimstr(...) | rtrimstr(...)" },
};

static const char *const format_names[FORMAT_COUNT] = { "text", "json", "csv",    "tsv",    "html",
							"uri",  "sh",   "base64", "base64d" };

int names_format(struct slice name)
{
	for (int i = 0; i < FORMAT_COUNT; i++)
		if (slice_eq_str(name, format_names[i]))
			return i;
	return -1;
}

const char *names_nearest_format(struct slice name)
{
	return nearest(name, format_names, FORMAT_COUNT);
}

bool names_reads_nothing(struct slice name)
{
	static const char *const blind[] = {
		"empty", "now", "nan", "infinite", "builtins", "range"
	};
	for (size_t i = 0; i < ARRAY_SIZE(blind); i++)
		if (slice_eq_str(name, blind[i]))
			return true;
	return false;
}

/* "2 or 3 arguments, separated by ';'" */
static void say_arity(struct slice name, unsigned arities, size_t got, char *text, size_t room)
{
	char list[40] = "";
	unsigned most = 0, left = arities;
	for (unsigned n = 0; left; n++) {
		if (!(left >> n & 1))
			continue;
		left &= ~(1u << n);
		size_t used = strlen(list);
		if (n == 0)
			snprintf(list + used, sizeof(list) - used, "no");
		else
			snprintf(list + used, sizeof(list) - used, "%s%u", used ? " or " : "", n);
		most = n;
	}
	snprintf(text, room, "'%.*s' takes %s argument%s%s, not %zu", SLICE(name), list,
		 most == 1 ? "" : "s", most > 1 ? " (separated by ';')" : "", got);
}

/* A bare name may be a field without its dot: only a slip of a function that stands without arguments is taken for one. */
static const char *find_nearest(struct slice name, size_t arity)
{
	const char *words[ARRAY_SIZE(functions)];
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (arity > 0 || (name.n > 3 && (functions[i].arities & A0) &&
				  one_edit_apart(name, functions[i].name)))
			words[n++] = functions[i].name;
	return nearest(name, words, n);
}

enum name_fault names_function(struct slice name, size_t arity, char *text, size_t room)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		if (!slice_eq_str(name, functions[i].name))
			continue;
		if (arity < 8 && functions[i].arities >> arity & 1)
			return NAME_KNOWN;
		say_arity(name, functions[i].arities, arity, text, room);
		return NAME_ARITY;
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		if (slice_eq_str(name, refused[i].name)) {
			snprintf(text, room, "'%.*s' is refused: %s", SLICE(name), refused[i].why);
			return NAME_REFUSED;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		if (slice_eq_str(name, later[i].name)) {
			snprintf(text, room, "'%.*s' came after jq 1.6: write %s", SLICE(name),
				 later[i].instead);
			return NAME_UNKNOWN;
		}
	}
	const char *near = find_nearest(name, arity);
	if (near)
		snprintf(text, room, "unknown function '%.*s'; did you mean '%s'?", SLICE(name),
			 near);
	else if (arity == 0)
		snprintf(text, room,
			 "unknown function '%.*s' in jq: a field is written .%.*s, a text \"%.*s\"",
			 SLICE(name), SLICE(name), SLICE(name));
	else
		snprintf(text, room, "unknown function '%.*s' with %zu argument%s", SLICE(name),
			 arity, arity == 1 ? "" : "s");
	return NAME_UNKNOWN;
}
