// boot_params that a Linux left (Documentation/x86/boot.rst). No CRC vouches
// for them, so they are believed within bounds: the parts may be anywhere, but
// only in memory that Linux's own list has.

#include "boot/e820.h"
#include "boot/efi_info.h"
#include "boot/node.h"
#include "kexec/linux/linux.h"
#include "lib/string.h"

#define LOADER_KEXEC   0xd0       // type_of_loader of both of Linux's kexecs
#define SIGNATURE_EL32 0x32334c45 // "EL32" in efi_loader_signature

static memory_reader read_any;
static const struct memory_map *listed; // NULL: not read yet

static const void *read_listed(pa_t pa, uint64_t bytes) {
    bool absent =
        listed && memory_map_kinds(listed, pa, bytes) & 1u << MEMORY_HOLE;
    return absent ? NULL : read_any(pa, bytes);
}

static status_t read_command_line(const struct sender *from, char *line) {
    pa_t pa = sender_join(from->params->ext_cmd_line_ptr,
                          from->params->hdr.cmd_line_ptr);
    for (size_t i = 0; pa && i < COMMAND_LINE_MAX; i++) {
        const char *at =
            range_fits(pa, i) ? sender_read(from, pa + i, 1) : NULL;
        if (!at)
            return fail(STATUS_REFUSED,
                        "boot_params: command line at %#lx is not in memory",
                        pa);
        line[i] = *at;
        if (*at == '\0')
            return STATUS_OK;
    }
    if (pa == 0)
        return STATUS_OK;
    return fail(STATUS_REFUSED,
                "boot_params: command line at %#lx is longer than %d bytes", pa,
                COMMAND_LINE_MAX - 1);
}

static bool is_e820(uint32_t type) {
    return type == SETUP_E820_EXT;
}

// Baton's own count only in a block with a CRC.
static bool is_linuxs(uint32_t type) {
    const uint32_t any_letter = 0xffffff;
    return type != SETUP_E820_EXT &&
           (type & any_letter) != (NODE_TYPE(0) & any_letter);
}

static status_t read_firmware(const struct sender *from,
                              struct boot_info *boot) {
    if (from->params->efi_info.efi_loader_signature == SIGNATURE_EL32)
        return fail(STATUS_REFUSED,
                    "boot_params: the firmware is 32-bit (EFI loader signature "
                    "EL32), and this kernel calls 64-bit services only");
    TRY(efi_info_read(from, &boot->efi));
    TRY(nodes_read(from, from->params->hdr.setup_data, is_linuxs, boot));
    TRY(linux_preserved(from, boot));
    // Of Linux's own call, a handoff from before it knows nothing.
    boot->svam = boot->has_efi_setup ? BOOT_SVAM_LINUX : BOOT_SVAM_NONE;
    return STATUS_OK;
}

static status_t read(const struct sender *sealed, struct boot_info *boot) {
    const struct boot_params *params = sealed->params;
    struct sender from = {read_listed, params, 0, UINT64_MAX};
    if (params->hdr.type_of_loader != LOADER_KEXEC)
        return STATUS_OK;
    read_any = sealed->read;
    listed = NULL;
    boot->handoff_status = STATUS_OK;
    boot->handoff_why[0] = boot->command_line[0] = '\0';
    str_copy(boot->loader, sizeof(boot->loader), "linux");
    TRY(boot_params_copy(params, boot));
    status_t status = nodes_read(&from, params->hdr.setup_data, is_e820, boot);
    if (status == STATUS_INVALID)
        return status;
    listed = &boot->memory;
    if (status == STATUS_OK)
        status = read_command_line(&from, boot->command_line);
    if (status)
        boot->command_line[0] = '\0'; // half a line may say something else
    else
        status = read_firmware(&from, boot);
    if (status)
        handoff_drop(boot, status);
    return STATUS_OK;
}

ROW(unsealed, 50_linux) = {read};
