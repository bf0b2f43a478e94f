/* plain_style.h - a style for tests: small pages, so that there are many of them, and fonts that are always there */
#pragma once
#include "pdf/pdf.h"

static const struct pdf_style plain_style = {
	.width = 300,
	.height = 400,
	.top = 40,
	.right = 30,
	.bottom = 40,
	.left = 30,
	.body = { "DejaVu Serif", 10, 1.4, 0x111111, PDF_LEFT, PDF_AUTO },
	.heading = { "DejaVu Sans", { 18, 15, 13, 12, 11, 10 }, 0x222222, false, 0 },
	.code = { "DejaVu Sans Mono", 0.85, 0x333333, 0xeeeeee, true },
	.link = { 0x0000ee, false },
	.quote = { 0x444444, 0xcccccc },
	.table = { 0.9, 0xdddddd, 0xeeeeee, false },
	.title = { 24, 0x222222, PDF_LEFT, true, true },
	.accent = 0x3366aa,
	.faint = 0x777777,
	.footer = { NULL, "{page} / {pages}", NULL, true },
};

extern const struct pdf_module hocket_pdf_module;

/* What fontconfig and Pango keep for the process, they keep where LeakSanitizer does not look. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libfontconfig\nleak:libpango\nleak:libglib\n";
}
