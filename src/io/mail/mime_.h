/* mime_.h - what mime.c and mime_check.c share */
#pragma once
#include "io/mime.h"

MUST int mime_check(const struct mail *, struct err *);
