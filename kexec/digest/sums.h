// The list of digests in the bundle, SHA256SUMS, as sha256sum(1) writes it.

#pragma once

#include "kexec/digest/sha256.h"
#include "lib/status.h"

// Finds the digest of `name` in the `bytes` bytes of `list`. NOT_FOUND.
status_t sums_find(const char *list, uint64_t bytes, const char *name,
                   uint8_t digest[SHA256_BYTES]);
