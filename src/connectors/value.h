/* value.h - words for JSON values in messages, and the check that something can be a record */
#pragma once
#include "base/err.h"
#include "base/json.h"

const char *value_type_name(struct slice value); /* "a number", "an object" */
/* 0, or FAULT_BAD_VALUE: "map gave a number (3), not an object". */
MUST int value_check_object(struct slice value, const char *verb, struct err *);
