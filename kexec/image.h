// A kernel file as it lies in the bundle: a bzImage by its header (boot.rst,
// "The Real-Mode Kernel Header"), whether it is a Baton or a Linux.

#pragma once

#include "lib/sha256.h"
#include "lib/status.h"
#include "lib/types.h"

struct kernel_image {
    const uint8_t *file; // all of it, `file_bytes` bytes
    uint64_t file_bytes;
    uint64_t payload_offset; // what is loaded starts here
    uint64_t payload_bytes;
    uint64_t run_bytes; // has to be free where it is loaded: header's init_size
    uint64_t alignment; // of where it is loaded
    uint16_t flags;     // XLF_…: where and how it may be entered
    bool is_baton;      // else it is a Linux: see kexec/linux.h
};

// Where any bzImage has its header (boot.rst), and boot_params a copy.
#define IMAGE_HEADER_OFFSET 0x1f1

// The 64-bit entry, from where the payload was put (boot.rst).
#define IMAGE_ENTRY_OFFSET 0x200

// Reads and checks the header. INVALID: not a kernel image; UNSUPPORTED: one
// without a 64-bit entry. The reason names the field and its value.
status_t image_parse(const void *file, uint64_t bytes,
                     struct kernel_image *image);

// Finds the digest of `name` in a list as sha256sum writes it. NOT_FOUND.
status_t image_digest_of(const char *list, uint64_t bytes, const char *name,
                         uint8_t digest[SHA256_BYTES]);
