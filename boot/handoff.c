// A handoff, read and written as a whole: see boot/handoff.h for the drawing.
//
// The CRC is checked before anything else is used. If it is wrong, nothing in
// the block is used: a damaged address of the firmware or of the framebuffer
// must not be called or written to. Without memory no kernel can run, so core
// stops there, unless an annex recovers the memory map from a damaged block
// (boot/damage), or reads the data of another kernel, which has no CRC
// (kexec/linux).

#include "boot/boot_info.h"
#include "boot/node.h"
#include "lib/crc32.h"
#include "lib/string.h"

// Of the block, with the four bytes that hold it counted as zero.
static uint32_t crc_of(const uint8_t *block, uint32_t bytes) {
    struct handoff head;
    memcpy(&head, block, sizeof(head));
    head.block_crc = 0;
    return crc32(crc32(0, &head, sizeof(head)), block + sizeof(head),
                 bytes - sizeof(head));
}

// ---- writing

status_t handoff_write(const struct handoff_content *content, void *block,
                       uint64_t size, pa_t block_pa) {
    struct block_writer to = {block, size, sizeof(struct handoff)};
    struct handoff *head = block;
    FOR_EACH_ROW(nodes, row)
        if (row->write)
            TRY(row->write(&to, content));
    *head = *content->baton;
    head->magic = HANDOFF_MAGIC;
    head->version = HANDOFF_VERSION;
    head->bytes = sizeof(*head);
    head->block_pa = block_pa;
    head->block_bytes = to.used;
    head->block_crc = crc_of(block, to.used);
    return STATUS_OK;
}

// ---- reading

static bool has_shape(const struct handoff *handoff, pa_t block_pa) {
    return handoff->magic == HANDOFF_MAGIC &&
           handoff->version == HANDOFF_VERSION &&
           handoff->bytes == sizeof(*handoff) &&
           handoff->block_pa == block_pa &&
           handoff->block_bytes >= sizeof(*handoff) &&
           handoff->block_bytes <= HANDOFF_BLOCK_MAX &&
           strnlen(handoff->mode, sizeof(handoff->mode)) <
               sizeof(handoff->mode);
}

status_t handoff_take(pa_t block_pa, memory_reader read,
                      struct boot_info *boot) {
    struct handoff *handoff = &boot->handoff;
    const void *head = read(block_pa, sizeof(*handoff));
    if (head)
        memcpy(handoff, head, sizeof(*handoff));
    if (!head || !has_shape(handoff, block_pa))
        return fail(STATUS_REFUSED,
                    "handoff: nothing of version %d of Baton's own at %#lx: "
                    "magic %#lx, version %u, %u bytes, for the block of %u "
                    "bytes at %#lx",
                    HANDOFF_VERSION, block_pa, handoff->magic, handoff->version,
                    handoff->bytes, handoff->block_bytes, handoff->block_pa);
    uint32_t bytes = handoff->block_bytes;
    const uint8_t *block = read(block_pa, bytes);
    if (!block)
        return fail(STATUS_REFUSED,
                    "handoff: the block of %#x bytes at %#lx is not in memory",
                    bytes, block_pa);
    uint32_t crc = crc_of(block, bytes);
    if (crc != handoff->block_crc)
        return fail(STATUS_REFUSED,
                    "handoff: the block at %#lx has CRC %#x, its sender "
                    "computed %#x: it was damaged in transit",
                    block_pa, crc, handoff->block_crc);
    boot->has_handoff = true;
    return nodes_read(block, bytes, boot);
}

static status_t read_unsealed(pa_t pa, memory_reader read,
                              struct boot_info *boot) {
    FOR_EACH_ROW(unsealed, row) {
        TRY(row->read(pa, read, boot));
        if (boot->memory.count > 0)
            return STATUS_OK;
    }
    return fail(STATUS_INVALID,
                "%s; no annex that is linked reads it without a valid CRC "
                "(boot/damage, kexec/linux)",
                boot->handoff_why);
}

// If any of it is refused, the kernel continues without the firmware.
status_t handoff_read(pa_t block_pa, memory_reader read,
                      struct boot_info *boot) {
    memset(boot, 0, sizeof(*boot));
    boot->via = VIA_KEXEC;
    boot->generation = 1; // at least, after a kexec
    str_copy(boot->loader, sizeof(boot->loader), "baton");
    status_t status = handoff_take(block_pa, read, boot);
    if (status == STATUS_OK) {
        boot->generation = boot->handoff.generation;
        boot->svam = boot->handoff.svam ? BOOT_SVAM_BATON : BOOT_SVAM_NONE;
        return STATUS_OK;
    }
    handoff_drop(boot, status);
    return boot->memory.count > 0 ? STATUS_OK
                                  : read_unsealed(block_pa, read, boot);
}
