/* style.h - a style file becomes the renderer's style
 *
 * What this room is for: fonts, sizes, margins and colours in a small YAML file; every word of it has a default.
 * What must hold: a style never changes once read, and is shared by the calls of its place; the last one frees it. */
#pragma once
#include "base/arena.h"
#include "engine/port.h"
#include "pdf/pdf.h"

struct pdf_sheet {
	unsigned refs; /* of one loop */
	struct arena *arena;
	struct pdf_style style;
	uint8_t digest[32]; /* of all that it says */
};

extern const struct opt pdf_style_options[];

/* path NULL: the defaults. -1: each mistake is a line of `mistakes`. */
MUST int pdf_sheet_read(const char *path, const struct pdf_module *, struct pdf_sheet **ret,
			struct buf *mistakes);
struct pdf_sheet *pdf_sheet_ref(struct pdf_sheet *);
void pdf_sheet_unref(struct pdf_sheet *); /* accepts NULL */
