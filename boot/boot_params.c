// The way in of every kexec: Linux's boot_params (Documentation/x86/boot.rst),
// written by an earlier Baton or by Linux.
//
// Two degrees of trust. Memory is needed to live at all, so of two lists that
// may be damaged the sound one is found (boot/damage/account.c). Firmware
// addresses are used only if they are beyond doubt: where Baton's own node
// fails its checks, all that concerns the firmware is dropped, with the reason,
// and the rest goes on. So is the framebuffer, an address that will be written
// to.

#include <asm/bootparam.h>

#include "boot/boot_info.h"
#include "boot/damage/account.h"
#include "boot/sender.h"
#include "lib/crc32.h"
#include "lib/format.h"
#include "lib/options.h"
#include "lib/string.h"

static uint64_t join(uint32_t high, uint32_t low) {
    return (uint64_t)high << 32 | low;
}

// ---- what is needed to live

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

static status_t read_command_line(const struct sender *from, pa_t pa,
                                  struct boot_info *boot) {
    char *line = boot->command_line;
    status_t status =
        pa ? copy_text(from, pa, line, sizeof(boot->command_line)) : STATUS_OK;
    if (status)
        line[0] = '\0'; // half a line may say something else
    return status;
}

static void take(const struct account *account, struct boot_info *boot) {
    boot->memory = account->memory;
    boot->bundle_pa = account->needs.bundle_pa;
    boot->bundle_bytes = account->needs.bundle_bytes;
    boot->rsdp_pa = account->needs.rsdp_pa;
}

// ---- what is said of the firmware

// struct efi_info: a map with the addresses that SetVirtualAddressMap was
// given.
static status_t read_efi_info(const struct sender *from,
                              struct boot_info *boot) {
    struct efi_info copy = from->params->efi_info, *efi = &copy;
    if (efi->efi_loader_signature == 0)
        return STATUS_OK;
    if (memcmp(&efi->efi_loader_signature, "EL32", 4) == 0)
        return fail(STATUS_REFUSED,
                    "boot_params: the firmware is 32-bit (EFI loader signature "
                    "EL32), and this kernel calls 64-bit services only");
    if (memcmp(&efi->efi_loader_signature, "EL64", 4) != 0)
        return fail(STATUS_REFUSED,
                    "boot_params: EFI loader signature %#x is not EL64",
                    efi->efi_loader_signature);
    pa_t map_pa = join(efi->efi_memmap_hi, efi->efi_memmap);
    if (efi->efi_memmap_size > sizeof(boot->efi.map))
        return fail(
            STATUS_REFUSED,
            "boot_params: EFI memory map of %u bytes; there is room for %zu",
            efi->efi_memmap_size, sizeof(boot->efi.map));
    const void *map = sender_read(from, map_pa, efi->efi_memmap_size);
    if (!map)
        return fail(STATUS_REFUSED,
                    "boot_params: EFI memory map at %#lx is not in memory",
                    map_pa);
    boot->efi.system_table_pa = join(efi->efi_systab_hi, efi->efi_systab);
    boot->efi.descriptor_bytes = efi->efi_memdesc_size;
    boot->efi.descriptor_version = efi->efi_memdesc_version;
    boot->efi.map_bytes = efi->efi_memmap_size;
    memcpy(boot->efi.map, map, efi->efi_memmap_size);
    return STATUS_OK;
}

// A block that has room for boot_params has room for the node, too.
_Static_assert(sizeof(struct handoff) <= sizeof(struct boot_params),
               "the check of block_bytes below relies on it");

static bool handoff_has_shape(const struct handoff *handoff, uint32_t bytes) {
    return bytes == sizeof(*handoff) && handoff->magic == HANDOFF_MAGIC &&
           handoff->version == HANDOFF_VERSION &&
           handoff->bytes == sizeof(*handoff) &&
           handoff->block_bytes >= sizeof(struct boot_params) &&
           handoff->block_bytes <= HANDOFF_BLOCK_MAX &&
           handoff->life_count <= HANDOFF_LINEAGE_MAX &&
           handoff->attribute_count <= HANDOFF_ATTRIBUTES_MAX &&
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

static status_t read_handoff(const struct sender *from, pa_t pa, uint32_t bytes,
                             void *to) {
    struct boot_info *boot = to;
    const struct handoff *handoff = sender_read(from, pa, sizeof(*handoff));
    if (!handoff || !is_aligned(pa, 8) || !handoff_has_shape(handoff, bytes))
        return fail(STATUS_REFUSED,
                    "handoff: node of %u bytes at %#lx is not version %d of "
                    "Baton's own",
                    bytes, pa, HANDOFF_VERSION);

    pa_t block_pa = handoff->block_pa;
    uint32_t block_bytes = handoff->block_bytes;
    const uint8_t *block = sender_read(from, block_pa, block_bytes);
    if (!block || pa < block_pa ||
        pa - block_pa > block_bytes - sizeof(*handoff))
        return fail(
            STATUS_REFUSED,
            "handoff: node at %#lx lies outside its block of %#x bytes at %#lx",
            pa, block_bytes, block_pa);

    size_t crc_at = pa - block_pa + offsetof(struct handoff, block_crc);
    uint32_t crc = block_crc(block, block_bytes, crc_at);
    if (crc != handoff->block_crc)
        return fail(STATUS_REFUSED,
                    "handoff: the block at %#lx has CRC %#x, its sender "
                    "computed %#x: it was damaged on the way",
                    block_pa, crc, handoff->block_crc);
    boot->handoff = *handoff;
    boot->has_handoff = true;
    return STATUS_OK;
}

static status_t read_efi_setup(const struct sender *from, pa_t pa,
                               uint32_t bytes, void *to) {
    struct boot_info *boot = to;
    struct efi_setup *setup = &boot->efi_setup;
    const void *found = sender_read(from, pa, sizeof(*setup));
    if (!found || bytes < sizeof(*setup))
        return fail(STATUS_REFUSED,
                    "handoff: SETUP_EFI at %#lx has %u bytes; it takes %zu", pa,
                    bytes, sizeof(*setup));
    memcpy(setup, found, sizeof(*setup));
    boot->has_efi_setup = true;
    return STATUS_OK;
}

static const struct node_reader node_readers[] = {
    {SETUP_EFI, read_efi_setup},
    {SETUP_BATON, read_handoff},
};

// Only Linux sends no node of ours. If Baton's is missing, the chain was
// damaged where no checksum sees it; and a node vouches only for the block it
// lies in.
static status_t check_sender(const struct sender *from,
                             const struct boot_info *boot) {
    if (!boot->has_handoff && !sender_is_linux(from))
        return fail(STATUS_REFUSED,
                    "handoff: loader of type %#x is not Linux, but sent no "
                    "node of Baton's either: it was lost on the way",
                    from->params->hdr.type_of_loader);
    if (boot->has_handoff && boot->handoff.block_pa != from->params_pa)
        return fail(STATUS_REFUSED,
                    "handoff: its node vouches for the boot_params at %#lx, "
                    "not for those at %#lx",
                    boot->handoff.block_pa, from->params_pa);
    return STATUS_OK;
}

ROW(options, preserved) = {
    .key = PRESERVED_WORD,
    .help = "where a Linux in between kept the handoff: a Baton adds it"};

// Linux drops our node but keeps the page with a copy, since e820 says that it
// is reserved, and the word on the command line that says where it is.
static status_t read_preserved(const struct sender *from,
                               struct boot_info *boot) {
    pa_t pa = 0;
    char text[32];
    if (!option_get(boot->command_line, PRESERVED_WORD, text, sizeof(text)) ||
        boot->has_handoff)
        return STATUS_OK;
    if (!option_parse_number(text, &pa))
        return fail(STATUS_INVALID,
                    "handoff: " PRESERVED_WORD "=%s is no address", text);
    const struct memory_range *range = memory_map_find(&boot->memory, pa);
    if (!range || range->kind != MEMORY_RESERVED || range->end - pa < PAGE_SIZE)
        return fail(STATUS_REFUSED,
                    "handoff: " PRESERVED_WORD "=%#lx is no reserved memory: "
                    "what was there was not preserved",
                    pa);
    boot->through_linux = true;
    return read_handoff(from, pa, sizeof(struct handoff), boot);
}

// A handoff that a Linux kept says nothing of what that Linux did.
static enum boot_svam svam_of(const struct boot_info *boot) {
    if (!boot->has_handoff || boot->through_linux)
        return boot->has_efi_setup ? BOOT_SVAM_LINUX : BOOT_SVAM_NONE;
    return boot->handoff.svam ? BOOT_SVAM_BATON : BOOT_SVAM_NONE;
}

// Whatever of it is refused, the kernel lives on without the firmware.
static status_t read_firmware(const struct sender *from,
                              struct boot_info *boot) {
    TRY(read_efi_info(from, boot));
    TRY(sender_read_nodes(from, node_readers, ARRAY_SIZE(node_readers), boot));
    TRY(check_sender(from, boot));
    return read_preserved(from, boot);
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

status_t boot_params_read(pa_t params_pa, memory_reader read,
                          struct boot_info *boot) {
    static struct account account;
    memset(boot, 0, sizeof(*boot));
    boot->via = VIA_BOOT_PARAMS;
    boot->generation = 1; // at least, after a kexec
    const struct boot_params *params = read(params_pa, sizeof(*params));
    struct sender from = {read, params, params_pa, NULL};
    if (!params)
        return fail(STATUS_INVALID, "boot_params at %#lx are not in memory",
                    params_pa);

    TRY(account_read(&from, &account));
    take(&account, boot);
    boot->screen = params->screen_info;
    from.memory = &boot->memory;
    status_t status =
        read_command_line(&from, account.needs.command_line_pa, boot);
    if (status == STATUS_OK)
        status = read_firmware(&from, boot);
    if (status)
        drop_firmware(boot, status);
    if (boot->has_handoff)
        boot->generation = boot->handoff.generation;
    boot->svam = svam_of(boot);
    bool from_linux = params->hdr.type_of_loader == LOADER_KEXEC;
    str_copy(boot->loader, sizeof(boot->loader),
             from_linux ? "linux" : "baton");
    return STATUS_OK;
}
