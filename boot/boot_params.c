// The way in of every kexec: Linux's boot_params (Documentation/x86/boot.rst),
// written by an earlier Baton.
//
// A Baton's block has a CRC, which is checked before anything in it is used.
// Where it is wrong, nothing is believed: firmware addresses are used only if
// they are beyond doubt, and so is the framebuffer, an address that will be
// written to. Without memory no kernel can run, so core stops there, unless an
// annex finds memory amid the damage (boot/damage), or knows another kernel,
// which sends no CRC (kexec/linux).

#include "boot/boot_info.h"
#include "boot/e820.h"
#include "boot/efi_info.h"
#include "boot/node.h"
#include "lib/crc32.h"
#include "lib/string.h"

// ---- is the block as it was sent?

static bool has_shape(const struct handoff *handoff, pa_t block_pa) {
    return handoff->magic == HANDOFF_MAGIC &&
           handoff->version == HANDOFF_VERSION &&
           handoff->bytes == sizeof(*handoff) &&
           handoff->block_pa == block_pa &&
           handoff->block_bytes <= HANDOFF_BLOCK_MAX &&
           strnlen(handoff->mode, sizeof(handoff->mode)) <
               sizeof(handoff->mode);
}

// The CRC of the block, with the four bytes that hold it counted as zero.
static uint32_t block_crc(const uint8_t *block, uint32_t bytes, size_t crc_at) {
    static const uint8_t zero[sizeof(uint32_t)];
    uint32_t crc = crc32(0, block, crc_at);
    crc = crc32(crc, zero, sizeof(zero));
    size_t after = crc_at + sizeof(zero);
    return crc32(crc, block + after, bytes - after);
}

status_t handoff_check(struct sender *from, uint64_t seal_at,
                       struct boot_info *boot) {
    struct handoff *handoff = &boot->handoff;
    pa_t block_pa = from->start_pa;
    const void *found = sender_read(from, block_pa + seal_at, sizeof(*handoff));
    if (found)
        memcpy(handoff, found, sizeof(*handoff));
    if (!found || !has_shape(handoff, block_pa))
        return fail(STATUS_REFUSED,
                    "handoff: nothing of version %d of Baton's own at %#lx: "
                    "magic %#lx, version %u, %u bytes, for the block at %#lx",
                    HANDOFF_VERSION, block_pa + seal_at, handoff->magic,
                    handoff->version, handoff->bytes, handoff->block_pa);
    uint32_t bytes = handoff->block_bytes;
    const uint8_t *block = bytes < seal_at + sizeof(*handoff)
                               ? NULL
                               : sender_read(from, block_pa, bytes);
    if (!block)
        return fail(STATUS_REFUSED,
                    "handoff: the block of %#x bytes at %#lx is too short, or "
                    "not in memory",
                    bytes, block_pa);
    uint32_t crc =
        block_crc(block, bytes, seal_at + offsetof(struct handoff, block_crc));
    if (crc != handoff->block_crc)
        return fail(STATUS_REFUSED,
                    "handoff: the block at %#lx has CRC %#x, its sender "
                    "computed %#x: it was damaged in transit",
                    block_pa, crc, handoff->block_crc);
    boot->has_handoff = true;
    from->end_pa = block_pa + bytes;
    return STATUS_OK;
}

// ---- what is in it

status_t boot_params_copy(const struct boot_params *params,
                          struct boot_info *boot) {
    const struct setup_header *hdr = &params->hdr;
    boot->bundle_pa =
        sender_join(params->ext_ramdisk_image, hdr->ramdisk_image);
    boot->bundle_bytes =
        sender_join(params->ext_ramdisk_size, hdr->ramdisk_size);
    boot->rsdp_pa = params->acpi_rsdp_addr;
    boot->screen = params->screen_info;
    if (params->e820_entries > E820_MAX_ENTRIES_ZEROPAGE)
        return fail(STATUS_INVALID,
                    "boot_params: %u e820 entries; the limit is %u",
                    params->e820_entries, E820_MAX_ENTRIES_ZEROPAGE);
    return e820_add(params->e820_table, params->e820_entries, &boot->memory);
}

// At a place that no pointer can miss: it is read even where the CRC is wrong.
static void read_command_line(const struct sender *from,
                              struct boot_info *boot) {
    const char *line = sender_read(
        from, from->start_pa + HANDOFF_COMMAND_LINE_AT, COMMAND_LINE_MAX);
    if (line && strnlen(line, COMMAND_LINE_MAX) < COMMAND_LINE_MAX)
        str_copy(boot->command_line, COMMAND_LINE_MAX, line);
}

// If any of it is refused, the kernel lives on without the firmware.
static void read_firmware(const struct sender *from, struct boot_info *boot) {
    status_t status = efi_info_read(from, &boot->efi);
    if (status == STATUS_OK)
        status = nodes_read(from, from->params->hdr.setup_data, NULL, boot);
    if (status) {
        handoff_drop(boot, status);
        return;
    }
    boot->generation = boot->handoff.generation;
    boot->svam = boot->handoff.svam ? BOOT_SVAM_BATON : BOOT_SVAM_NONE;
}

static status_t read_unsealed(const struct sender *from,
                              struct boot_info *boot) {
    FOR_EACH_ROW(unsealed, row) {
        TRY(row->read(from, boot));
        if (boot->memory.count > 0)
            return STATUS_OK;
    }
    return fail(STATUS_INVALID,
                "%s; no annex is linked that reads boot_params of a loader of "
                "type %#x without a CRC (boot/damage, kexec/linux)",
                boot->handoff_why, from->params->hdr.type_of_loader);
}

status_t boot_params_read(pa_t params_pa, memory_reader read,
                          struct boot_info *boot) {
    memset(boot, 0, sizeof(*boot));
    boot->via = VIA_BOOT_PARAMS;
    boot->generation = 1; // at least, after a kexec
    str_copy(boot->loader, sizeof(boot->loader), "baton");
    const struct boot_params *params = read(params_pa, sizeof(*params));
    if (!params)
        return fail(STATUS_INVALID, "boot_params at %#lx are not in memory",
                    params_pa);
    struct sender from = {read, params, params_pa,
                          params_pa + HANDOFF_BLOCK_MAX};
    read_command_line(&from, boot);
    status_t status =
        handoff_check(&from, HANDOFF_SEAL_AT + sizeof(struct setup_data), boot);
    if (status) {
        handoff_drop(boot, status);
        return read_unsealed(&from, boot);
    }
    TRY(boot_params_copy(params, boot));
    read_firmware(&from, boot);
    return STATUS_OK;
}
