// Reads the header of a kernel image: see kexec/image.h.

#include "kexec/image.h"

#include <asm/bootparam.h>

#include "lib/string.h"

#define HEADER_MAGIC    0x53726448 // "HdrS"
#define BOOT_FLAG       0xaa55
#define VERSION_MIN     0x020c  // the first with a 64-bit entry
#define FILE_MAGIC      "Baton" // where Linux has the "MZ" of its EFI stub
#define SECTOR          512
#define SECTORS_DEFAULT 4   // for a setup_sects of 0
#define COMMAND_LINE    255 // for a cmdline_size of 0: protocol 2.05 and before
#define RUN_BYTES_MAX   GIB
#define ALIGNMENT_MAX   GIB

static status_t check_header(const struct setup_header *h) {
    if (h->boot_flag != BOOT_FLAG || h->header != HEADER_MAGIC)
        return fail(STATUS_INVALID,
                    "image: boot flag %#x and magic %#x are no kernel's",
                    h->boot_flag, h->header);
    if (h->version < VERSION_MIN || !(h->xloadflags & XLF_KERNEL_64))
        return fail(STATUS_UNSUPPORTED,
                    "image: protocol %#x, xloadflags %#x: no 64-bit entry",
                    h->version, h->xloadflags);
    if (!(h->loadflags & LOADED_HIGH))
        return fail(STATUS_UNSUPPORTED,
                    "image: loadflags %#x: it wants to be below 640 KiB",
                    h->loadflags);
    return STATUS_OK;
}

// Where it may be put: at a multiple of kernel_alignment, or at pref_address.
static status_t check_place(const struct setup_header *h) {
    uint32_t step = h->kernel_alignment;
    pa_t fixed_pa = h->pref_address;
    bool fits = h->relocatable_kernel
                    ? step >= PAGE_SIZE && step <= ALIGNMENT_MAX &&
                          (step & (step - 1)) == 0
                    : fixed_pa && is_aligned(fixed_pa, PAGE_SIZE);
    if (fits)
        return STATUS_OK;
    if (h->relocatable_kernel)
        return fail(STATUS_UNSUPPORTED,
                    "image: can be moved only by %#x bytes, which is no power "
                    "of two from %#lx to %#lx",
                    step, PAGE_SIZE, ALIGNMENT_MAX);
    return fail(STATUS_UNSUPPORTED,
                "image: cannot be moved from %#lx, which is 0 or no page's "
                "start",
                fixed_pa);
}

status_t image_parse(const void *file, uint64_t bytes,
                     struct kernel_image *image) {
    struct setup_header h;
    if (bytes < IMAGE_HEADER_OFFSET + sizeof(h))
        return fail(STATUS_INVALID, "image: %lu bytes are too few for a header",
                    bytes);
    memcpy(&h, (const uint8_t *)file + IMAGE_HEADER_OFFSET, sizeof(h));
    TRY(check_header(&h));
    TRY(check_place(&h));
    unsigned sectors = h.setup_sects ? h.setup_sects : SECTORS_DEFAULT;
    uint64_t offset = (sectors + 1) * SECTOR;
    if (offset + IMAGE_ENTRY_OFFSET >= bytes)
        return fail(
            STATUS_INVALID,
            "image: %lu bytes end before the entry of a payload at %#lx", bytes,
            offset);
    if (h.init_size < bytes - offset || h.init_size > RUN_BYTES_MAX)
        return fail(STATUS_INVALID,
                    "image: init_size %#x, for a payload of %#lx bytes; "
                    "possible is up to %#lx",
                    h.init_size, bytes - offset, RUN_BYTES_MAX);
    bool anywhere = h.xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G;
    *image = (struct kernel_image){
        .file = file,
        .file_bytes = bytes,
        .payload_offset = offset,
        .payload_bytes = bytes - offset,
        .run_bytes = h.init_size,
        .fixed_pa = h.relocatable_kernel ? 0 : h.pref_address,
        .alignment = h.kernel_alignment,
        .initrd_max_pa = anywhere ? UINT64_MAX : h.initrd_addr_max,
        .command_line_max = h.cmdline_size ? h.cmdline_size : COMMAND_LINE,
        .flags = h.xloadflags,
        .is_baton = memcmp(file, FILE_MAGIC, sizeof(FILE_MAGIC)) == 0,
    };
    return STATUS_OK;
}

pa_t image_ceiling(const struct kernel_image *image) {
    return image->flags & XLF_CAN_BE_LOADED_ABOVE_4G ? UINT64_MAX : 4 * GIB;
}

bool image_takes_efi(const struct kernel_image *image) {
    return image->flags & XLF_EFI_KEXEC;
}
