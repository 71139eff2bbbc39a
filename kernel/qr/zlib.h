// Compression in zlib's format, for any zlib to read.

#pragma once

#include "lib/types.h"

// Compresses `bytes` bytes (32 KiB at most) into `out`. Returns the bytes of
// the result; 0: it does not fit into `size`.
size_t zlib_compress(const uint8_t *in, size_t bytes, uint8_t *out,
                     size_t size);
