/* module.h - finding the renderer
 *
 * What this room is for: libhocket-pdf.so loads some twenty libraries; it is opened when a plan names `pdf:`, and never closed.
 * What must hold: the first answer is kept: present or missing. */
#pragma once
#include "base/err.h"
#include "pdf/pdf.h"

/* NULL: FAULT_CONFIG with the package that is missing. */
const struct pdf_module *pdf_module_find(struct err *);
/* Is one of these families (by commas) installed, or a word of fontconfig's (serif)? If not, *ret_near is the nearest name, or NULL. */
bool pdf_module_has_font(const struct pdf_module *, const char *families, const char **ret_near);
