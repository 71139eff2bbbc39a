// A kernel file in the bundle: a bzImage by its header (boot.rst,
// "The Real-Mode Kernel Header"), whether it is a Baton, a Linux, or anything
// else that speaks the protocol. The header states what the image understands;
// it is loaded, and its handoff written, accordingly.

#pragma once

#include <asm/bootparam.h>

#include "lib/status.h"
#include "lib/types.h"

struct kernel_image {
    const uint8_t *file; // all of it, `file_bytes` bytes
    uint64_t file_bytes;
    uint64_t payload_offset; // what is loaded starts here
    uint64_t payload_bytes;
    struct setup_header header; // init_size bytes have to be free
    bool is_baton;              // else it may be a Linux (kexec/linux)
};

// Where any bzImage has its header (boot.rst), and boot_params a copy.
#define IMAGE_HEADER_OFFSET 0x1f1

// The 64-bit entry, from where the payload was put (boot.rst).
#define IMAGE_ENTRY_OFFSET 0x200

// Reads and checks the header. INVALID: not a kernel image; UNSUPPORTED: one
// without a 64-bit entry, or with an alignment that is impossible. The reason
// names the field and its value.
status_t image_parse(const void *file, uint64_t bytes,
                     struct kernel_image *image);
