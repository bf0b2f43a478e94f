/* hash.h - a 64-bit hash for fingerprints and tables (not against adversaries: use io's SHA-256 there) */
#pragma once
#include "base/slice.h"

#define HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t hash_add(uint64_t h, struct slice); /* FNV-1a, then mixed at the end by hash_end */
uint64_t hash_end(uint64_t h);
