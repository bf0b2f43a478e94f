/* embedded.h - files that the program carries along (tools/embed), for workers */
#pragma once
#include <stddef.h>

extern const char hocket_worker_py[];
extern const size_t hocket_worker_py_n;
extern const char hocket_weasy_py[];
extern const size_t hocket_weasy_py_n;
