/* sheet.h - templates of whole documents: text with \( ), and lines that repeat or choose parts of it
 *
 *   <ul>
 *   \for .items[] as $item
 *     <li><a href="\($item.url)">\($item.title)</a>
 *     \if $item.author
 *       by \($item.author)
 *     \end
 *   \end
 *   </ul>
 *
 * What this room is for: a mail, a page, a note made from a record. One sheet is one jq program, in which the literal parts are
 *   numbers: names, destructuring and what `.` is are jq's own.
 * What flows through: the text at plan time; for each record an env in, the document out.
 * What must hold:
 *  (1) every mistake is found when the sheet is compiled, and placed in its text.
 *  (2) in HTML and XML what data brings stays data, wherever it stands: sheet_markup.h says how. Where that cannot be
 *      decided the sheet does not compile.
 *  (3) a value that is null is never written as the word. */
#pragma once
#include "engine/expr.h"

struct sheet;
enum sheet_kind { SHEET_TEXT, SHEET_HTML, SHEET_XML }; /* what is escaped: nothing, HTML, XML */
#define SHEET_MAX_BYTES ((size_t)100 << 20)            /* of one document */

/* A mistake; they come in the order in which they are found. */
typedef void sheet_report(void *arg, const struct expr_error *);
/* name: of the file, for messages when a record fails; "template". 0, or -1 when something was reported. Copies the text. */
MUST int sheet_compile(struct slice text, enum sheet_kind, const char *name,
		       const struct expr_names *, sheet_report *, void *arg, struct sheet **ret);
void sheet_free(struct sheet *);
enum sheet_kind sheet_kind(const struct sheet *);
/* blank: null is written as nothing; else it fails. Appends; 0, or -1 with FAULT_JQ, FAULT_BAD_VALUE, FAULT_TOO_LARGE. */
MUST int sheet_render(const struct sheet *, const struct env *, bool blank, struct buf *out,
		      struct err *) SUSPENDS;
