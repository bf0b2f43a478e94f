/* page.h - an article's page, with all that stands around an article: navigation, advertisements, scripts, teasers, comments */
#pragma once
#include "press.h"

MUST int page_put(const struct article *, struct buf *out);
