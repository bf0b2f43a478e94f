/* markup.h - text into HTML and XML, and times as the formats write them */
#pragma once
#include "base/buf.h"

MUST int markup_put(struct buf *, struct slice text); /* & < > " escaped */
MUST int markup_put_mail_date(struct buf *, int64_t wall_ns); /* Mon, 02 Mar 2026 06:30:00 GMT: RSS, Last-Modified */
/* 2026-03-02T06:30:00Z, or with an offset of so many hours: the same moment. */
MUST int markup_put_date(struct buf *, int64_t wall_ns, int offset_hours);
