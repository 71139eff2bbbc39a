// Reads the header of a kernel image: see kexec/image.h.

#include "kexec/image.h"

#include "lib/string.h"

#define HEADER_MAGIC    0x53726448 // "HdrS"
#define BOOT_FLAG       0xaa55
#define VERSION_MIN     0x020c  // the first with a 64-bit entry
#define FILE_MAGIC      "Baton" // where Linux has the "MZ" of its EFI stub
#define SECTOR          512
#define SECTORS_DEFAULT 4 // for a setup_sects of 0
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
    return STATUS_OK;
}

// Where an image may be put that can be moved: at multiples of this.
static status_t check_alignment(const struct setup_header *h) {
    uint32_t step = h->kernel_alignment;
    if (!h->relocatable_kernel ||
        (step >= PAGE_SIZE && step <= ALIGNMENT_MAX && is_aligned(step, step)))
        return STATUS_OK;
    return fail(STATUS_UNSUPPORTED,
                "image: can be moved only by %#x bytes, which is no power of "
                "two from %#lx to %#lx",
                step, PAGE_SIZE, ALIGNMENT_MAX);
}

status_t image_parse(const void *file, uint64_t bytes,
                     struct kernel_image *image) {
    struct setup_header h;
    if (bytes < IMAGE_HEADER_OFFSET + sizeof(h))
        return fail(STATUS_INVALID, "image: %lu bytes are too few for a header",
                    bytes);
    memcpy(&h, (const uint8_t *)file + IMAGE_HEADER_OFFSET, sizeof(h));
    TRY(check_header(&h));
    TRY(check_alignment(&h));
    unsigned sectors = h.setup_sects ? h.setup_sects : SECTORS_DEFAULT;
    uint64_t offset = (sectors + 1) * SECTOR;
    if (offset + IMAGE_ENTRY_OFFSET >= bytes)
        return fail(
            STATUS_INVALID,
            "image: %lu bytes end before the entry of a payload at %#lx", bytes,
            offset);
    if (h.init_size < bytes - offset || h.init_size > RUN_BYTES_MAX)
        return fail(STATUS_INVALID,
                    "image: init_size %#x, for a payload of %#lx bytes; must "
                    "be at most %#lx",
                    h.init_size, bytes - offset, RUN_BYTES_MAX);
    *image = (struct kernel_image){
        .file = file,
        .file_bytes = bytes,
        .payload_offset = offset,
        .payload_bytes = bytes - offset,
        .header = h,
        .is_baton = memcmp(file, FILE_MAGIC, sizeof(FILE_MAGIC)) == 0,
    };
    return STATUS_OK;
}
