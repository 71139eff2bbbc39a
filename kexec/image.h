// A kernel file as it lies in the bundle: a bzImage by its header (boot.rst,
// "The Real-Mode Kernel Header"), whether it is a Baton, a Linux, or anything
// else that speaks the protocol. The header states what the image understands;
// it is loaded and told accordingly.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

struct kernel_image {
    const uint8_t *file; // all of it, `file_bytes` bytes
    uint64_t file_bytes;
    uint64_t payload_offset; // what is loaded starts here
    uint64_t payload_bytes;
    uint64_t run_bytes; // has to be free where it is loaded: header's init_size
    pa_t fixed_pa;      // the one place where it can run; 0: it can be moved,
    uint64_t alignment; // to any multiple of this
    pa_t initrd_max_pa; // the last byte of an initrd may be here
    uint32_t command_line_max; // bytes, without the terminating zero
    uint16_t flags;            // XLF_…: where and how it may be entered
    bool is_baton; // else it may be a Linux: see kexec/linux/linux.h
};

// Where any bzImage has its header (boot.rst), and boot_params a copy.
#define IMAGE_HEADER_OFFSET 0x1f1

// The 64-bit entry, from where the payload was put (boot.rst).
#define IMAGE_ENTRY_OFFSET 0x200

// Where the image, and all that is handed to it, has to end (boot.rst, XLF_CAN_
// BE_LOADED_ABOVE_4G).
pa_t image_ceiling(const struct kernel_image *image);

// Does it take EFI data from a kexec (XLF_EFI_KEXEC)? One that does not may
// take virtual addresses for physical ones.
bool image_takes_efi(const struct kernel_image *image);

// Reads and checks the header. INVALID: not a kernel image; UNSUPPORTED: one
// without a 64-bit entry. The reason names the field and its value.
status_t image_parse(const void *file, uint64_t bytes,
                     struct kernel_image *image);
