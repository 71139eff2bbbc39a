// The way in of every kexec: Linux's boot_params (Documentation/x86/boot.rst),
// written by an earlier Baton or by Linux.
//
// A Baton's block has a CRC, which is checked before anything in it is used.
// Where it is wrong, all that concerns the firmware is dropped, with the
// reason, for firmware addresses are used only if they are beyond doubt; so is
// the framebuffer, an address that will be written to. Memory is needed to live
// at all: without an annex that finds it amid the damage (boot/damage), the
// kernel stops. Linux sends no CRC, and is believed within bounds (sender.h).

#include <asm/bootparam.h>

#include "boot/boot_info.h"
#include "boot/e820.h"
#include "boot/efi_info.h"
#include "boot/node.h"
#include "boot/sender.h"
#include "lib/crc32.h"
#include "lib/format.h"
#include "lib/string.h"

// ---- is the block as it was sent?

static bool has_shape(const struct handoff *handoff, uint32_t bytes) {
    return bytes == sizeof(*handoff) && handoff->magic == HANDOFF_MAGIC &&
           handoff->version == HANDOFF_VERSION &&
           handoff->bytes == sizeof(*handoff) &&
           handoff->block_bytes >= sizeof(*handoff) &&
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

static status_t check_crc(const struct sender *from, pa_t pa,
                          const struct handoff *handoff) {
    pa_t block_pa = handoff->block_pa;
    uint32_t block_bytes = handoff->block_bytes;
    const uint8_t *block = sender_read(from, block_pa, block_bytes);
    if (!block)
        return fail(STATUS_REFUSED,
                    "handoff: the block of %#x bytes at %#lx is not in memory, "
                    "or not where boot_params are",
                    block_bytes, block_pa);
    if (pa < block_pa || pa - block_pa > block_bytes - sizeof(*handoff))
        return fail(
            STATUS_REFUSED,
            "handoff: node at %#lx lies outside its block of %#x bytes at %#lx",
            pa, block_bytes, block_pa);
    size_t crc_at = pa - block_pa + offsetof(struct handoff, block_crc);
    uint32_t crc = block_crc(block, block_bytes, crc_at);
    if (crc == handoff->block_crc)
        return STATUS_OK;
    return fail(STATUS_REFUSED,
                "handoff: the block at %#lx has CRC %#x, its sender computed "
                "%#x: it was damaged on the way",
                block_pa, crc, handoff->block_crc);
}

static status_t read_seal(const struct sender *from,
                          const struct setup_data *node, pa_t pa, void *to) {
    struct boot_info *boot = to;
    if (node->type != SETUP_BATON || boot->has_handoff)
        return STATUS_OK;
    const struct handoff *handoff = sender_read(from, pa, sizeof(*handoff));
    if (!handoff || !is_aligned(pa, 8))
        return fail(STATUS_REFUSED,
                    "handoff: node of %u bytes at %#lx is not aligned, or not "
                    "in memory",
                    node->len, pa);
    if (!has_shape(handoff, node->len))
        return fail(STATUS_REFUSED,
                    "handoff: node of %u bytes at %#lx is not version %d of "
                    "Baton's own: magic %#lx, version %u, %u bytes, a block of "
                    "%#x",
                    node->len, pa, HANDOFF_VERSION, handoff->magic,
                    handoff->version, handoff->bytes, handoff->block_bytes);
    TRY(check_crc(from, pa, handoff));
    boot->handoff = *handoff;
    boot->has_handoff = true;
    return STATUS_OK;
}

// The node with the CRC vouches only for its own block.
status_t handoff_check(const struct sender *from, pa_t first_pa, pa_t block_pa,
                       struct boot_info *boot) {
    TRY(sender_visit_nodes(from, first_pa, read_seal, boot));
    if (!boot->has_handoff)
        return fail(STATUS_REFUSED,
                    "handoff: loader of type %#x is not Linux, but the node of "
                    "Baton's is missing: it was lost on the way",
                    from->params->hdr.type_of_loader);
    if (boot->handoff.block_pa != block_pa)
        return fail(STATUS_REFUSED,
                    "handoff: its node vouches for the block at %#lx, not for "
                    "that at %#lx",
                    boot->handoff.block_pa, block_pa);
    return STATUS_OK;
}

// ---- what is needed to live

static void read_places(const struct boot_params *params,
                        struct boot_info *boot) {
    const struct setup_header *hdr = &params->hdr;
    boot->bundle_pa =
        sender_join(params->ext_ramdisk_image, hdr->ramdisk_image);
    boot->bundle_bytes =
        sender_join(params->ext_ramdisk_size, hdr->ramdisk_size);
    boot->rsdp_pa = params->acpi_rsdp_addr;
}

// Asks the rows for what the block itself does not give.
static status_t find_elsewhere(const struct sender *from,
                               struct boot_info *boot) {
    FOR_EACH_ROW(nodes, row)
        if (row->find)
            TRY(row->find(from, boot));
    return STATUS_OK;
}

// Copies a text of at most `room` bytes with its NUL.
static status_t copy_text(const struct sender *from, pa_t pa, char *to,
                          size_t room) {
    for (size_t i = 0; i < room; i++) {
        const char *at =
            range_fits(pa, i) ? sender_read(from, pa + i, 1) : NULL;
        if (!at)
            return fail(STATUS_REFUSED,
                        "boot_params: command line at %#lx is not in memory",
                        pa);
        to[i] = *at;
        if (*at == '\0')
            return STATUS_OK;
    }
    return fail(STATUS_REFUSED,
                "boot_params: command line at %#lx is longer than %zu bytes",
                pa, room - 1);
}

// A Baton puts it where no pointer is needed.
static status_t read_command_line(const struct sender *from,
                                  struct boot_info *boot) {
    const struct boot_params *params = from->params;
    pa_t pa = sender_is_linux(from) ? sender_join(params->ext_cmd_line_ptr,
                                                  params->hdr.cmd_line_ptr)
                                    : from->params_pa + HANDOFF_COMMAND_LINE_AT;
    char *line = boot->command_line;
    status_t status =
        pa ? copy_text(from, pa, line, sizeof(boot->command_line)) : STATUS_OK;
    if (status)
        line[0] = '\0'; // half a line may say something else
    return status;
}

// ---- what is said of the firmware

// A handoff that a Linux preserved says nothing of what that Linux did.
static enum boot_svam svam_of(const struct boot_info *boot) {
    if (!boot->has_handoff || boot->through_linux)
        return boot->has_efi_setup ? BOOT_SVAM_LINUX : BOOT_SVAM_NONE;
    return boot->handoff.svam ? BOOT_SVAM_BATON : BOOT_SVAM_NONE;
}

// If any of it is refused, the kernel lives on without the firmware.
static status_t read_firmware(const struct sender *from,
                              struct boot_info *boot) {
    TRY(efi_info_read(from, &boot->efi));
    TRY(nodes_read(from, from->params->hdr.setup_data, boot->has_handoff,
                   boot));
    return sender_is_linux(from) ? find_elsewhere(from, boot) : STATUS_OK;
}

static void drop_firmware(struct boot_info *boot, status_t status) {
    memset(&boot->efi, 0, sizeof(boot->efi));
    memset(&boot->efi_setup, 0, sizeof(boot->efi_setup));
    memset(&boot->handoff, 0, sizeof(boot->handoff));
    memset(&boot->screen, 0, sizeof(boot->screen));
    boot->has_efi_setup = boot->has_handoff = boot->through_linux = false;
    boot->handoff_status = status;
    str_copy(boot->handoff_why, sizeof(boot->handoff_why), why());
}

// ---- both

static status_t read_sound(struct sender *from, struct boot_info *boot) {
    boot->screen = from->params->screen_info;
    read_places(from->params, boot);
    TRY(e820_read(from, &boot->memory));
    from->memory = &boot->memory;
    status_t status = read_command_line(from, boot);
    if (status == STATUS_OK)
        status = read_firmware(from, boot);
    if (status)
        drop_firmware(boot, status);
    return STATUS_OK;
}

static status_t read_damaged(const struct sender *from, status_t damage,
                             struct boot_info *boot) {
    drop_firmware(boot, damage);
    TRY(find_elsewhere(from, boot));
    if (boot->memory.count == 0)
        return fail(STATUS_INVALID,
                    "%s; nothing is linked that tells sound memory from damage "
                    "(boot/damage)",
                    boot->handoff_why);
    (void)read_command_line(from, boot); // or an empty one
    return STATUS_OK;
}

status_t boot_params_read(pa_t params_pa, memory_reader read,
                          struct boot_info *boot) {
    memset(boot, 0, sizeof(*boot));
    boot->via = VIA_BOOT_PARAMS;
    boot->generation = 1; // at least, after a kexec
    const struct boot_params *params = read(params_pa, sizeof(*params));
    struct sender from = {read, params, params_pa, NULL};
    if (!params)
        return fail(STATUS_INVALID, "boot_params at %#lx are not in memory",
                    params_pa);
    bool from_linux = sender_is_linux(&from);
    str_copy(boot->loader, sizeof(boot->loader),
             from_linux ? "linux" : "baton");
    status_t damage = from_linux ? STATUS_OK
                                 : handoff_check(&from, params->hdr.setup_data,
                                                 params_pa, boot);
    TRY(damage ? read_damaged(&from, damage, boot) : read_sound(&from, boot));
    if (boot->has_handoff)
        boot->generation = boot->handoff.generation;
    boot->svam = svam_of(boot);
    return STATUS_OK;
}
