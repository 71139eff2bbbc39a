// Kernel images and the digests that vouch for them.

#include "kexec/image.h"

#include <asm/bootparam.h>

#include "lib/string.h"

#define HEADER_MAGIC    0x53726448 // "HdrS"
#define BOOT_FLAG       0xaa55
#define VERSION_MIN     0x020c  // the first with a 64-bit entry
#define FILE_MAGIC      "Baton" // where Linux has the "MZ" of its EFI stub
#define SECTOR          512
#define SECTORS_DEFAULT 4 // for a setup_sects of 0
#define RUN_BYTES_MAX   GIB
#define ALIGNMENT_MAX   GIB
#define DIGEST_DIGITS   (2 * SHA256_BYTES)
#define NAME_OFFSET     (DIGEST_DIGITS + 2)

static status_t check_header(const struct setup_header *h) {
    if (h->boot_flag != BOOT_FLAG || h->header != HEADER_MAGIC)
        return fail(STATUS_INVALID,
                    "image: boot flag %#x and magic %#x are no kernel's",
                    h->boot_flag, h->header);
    if (h->version < VERSION_MIN || !(h->xloadflags & XLF_KERNEL_64))
        return fail(STATUS_UNSUPPORTED,
                    "image: protocol %#x, xloadflags %#x: no 64-bit entry",
                    h->version, h->xloadflags);
    if (!h->relocatable_kernel || h->kernel_alignment < PAGE_SIZE ||
        h->kernel_alignment > ALIGNMENT_MAX ||
        (h->kernel_alignment & (h->kernel_alignment - 1)) != 0)
        return fail(STATUS_UNSUPPORTED,
                    "image: cannot be moved, or only by %#x bytes",
                    h->kernel_alignment);
    return STATUS_OK;
}

status_t image_parse(const void *file, uint64_t bytes,
                     struct kernel_image *image) {
    struct setup_header h;
    if (bytes < IMAGE_HEADER_OFFSET + sizeof(h))
        return fail(STATUS_INVALID, "image: %lu bytes are too few for a header",
                    bytes);
    memcpy(&h, (const uint8_t *)file + IMAGE_HEADER_OFFSET, sizeof(h));
    TRY(check_header(&h));
    unsigned sectors = h.setup_sects ? h.setup_sects : SECTORS_DEFAULT;
    uint64_t offset = (sectors + 1) * SECTOR;
    if (offset + IMAGE_ENTRY_OFFSET >= bytes)
        return fail(
            STATUS_INVALID,
            "image: %lu bytes end before the entry of a payload at %#lx", bytes,
            offset);
    if (h.init_size < bytes - offset || h.init_size > RUN_BYTES_MAX)
        return fail(STATUS_INVALID,
                    "image: init_size %#x, for a payload of %#lx bytes",
                    h.init_size, bytes - offset);
    *image = (struct kernel_image){
        file,         bytes,
        offset,       bytes - offset,
        h.init_size,  h.kernel_alignment,
        h.xloadflags, memcmp(file, FILE_MAGIC, sizeof(FILE_MAGIC)) == 0,
    };
    return STATUS_OK;
}

static bool read_digest(const char *text, uint8_t digest[SHA256_BYTES]) {
    for (unsigned i = 0; i < SHA256_BYTES; i++) {
        unsigned high = digit_value(text[2 * i]);
        unsigned low = digit_value(text[2 * i + 1]);
        if ((high | low) > 15)
            return false;
        digest[i] = high << 4 | low;
    }
    return true;
}

static uint64_t line_length(const char *text, uint64_t bytes) {
    uint64_t length = 0;
    while (length < bytes && text[length] != '\n')
        length++;
    return length;
}

// A line: 64 digits, a blank, a blank or '*', the name.
static bool is_line_of(const char *line, uint64_t length, const char *name) {
    uint64_t name_length = strlen(name);
    return length == NAME_OFFSET + name_length && line[DIGEST_DIGITS] == ' ' &&
           (line[DIGEST_DIGITS + 1] == ' ' || line[DIGEST_DIGITS + 1] == '*') &&
           memcmp(line + NAME_OFFSET, name, name_length) == 0;
}

status_t image_digest_of(const char *list, uint64_t bytes, const char *name,
                         uint8_t digest[SHA256_BYTES]) {
    while (bytes > 0) {
        uint64_t length = line_length(list, bytes);
        if (is_line_of(list, length, name) && read_digest(list, digest))
            return STATUS_OK;
        uint64_t step = min_u64(length + 1, bytes);
        list += step;
        bytes -= step;
    }
    return fail(STATUS_NOT_FOUND, "image: SHA256SUMS has no digest for %s",
                name);
}
