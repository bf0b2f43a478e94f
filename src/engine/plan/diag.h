/* diag.h - mistakes in a pipeline file, collected and shown like a good compiler's
 *
 *   enrich.yaml:5:5: error: unknown option 'concurency' for step 'http'
 *     5 |     concurency: 20
 *       |     ^~~~~~~~~~ did you mean 'concurrency'?
 *
 * What must hold: all mistakes are kept, in the file's order, each once; nothing here prints by itself. */
#pragma once
#include "base/buf.h"

struct diag;

struct diag *diag_new(const char *file_shown);
void diag_free(struct diag *);
void diag_text(struct diag *,
	       struct slice text); /* copies the file's text, for the lines under the messages */
/* For mistakes in a file that this one names: printed behind its own, with lines of their own, and counted with them. One a
 * name; it belongs to the diag. */
struct diag *diag_file(struct diag *, const char *file_shown, struct slice text);
#define DIAG_NOWHERE SIZE_MAX /* as offset: about the file as a whole; no line is shown */
/* A mistake at a byte range of the file. hint (may be NULL) is printed behind the caret. */
void diag_add(struct diag *, size_t offset, size_t length, const char *hint, const char *fmt, ...)
	PRINTF(5, 6);
size_t diag_count(const struct diag *); /* of mistakes added, muted ones included */
/* From now on nothing is kept of what is found between the two offsets: the reader has put something else there, because
 * what stands there cannot be read, and has said so. */
void diag_mute(struct diag *, size_t from, size_t to);
/* Where diag_error (port.h) places what a connector's plan() says: set while one place is planned, NULL after. The
 * option may be dotted ("pages.next"); NULL means the verb. */
typedef void diag_locate(void *arg, const char *option, size_t *ret_offset, size_t *ret_length);
void diag_place(struct diag *, diag_locate *, void *arg);
/* Each mistake on one line, with its place: for a file that another one names. */
MUST int diag_put_lines(const struct diag *, struct buf *out);
MUST int diag_print(const struct diag *, bool color, struct buf *out);
/* The nearest of the words within a sensible edit distance; NULL: none is near. */
const char *nearest(struct slice word, const char *const *words, size_t n);
/* Is one letter wrong, missing, too much, or are two swapped? */
bool one_edit_apart(struct slice word, const char *other);
