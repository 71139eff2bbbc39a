// From a file in the bundle to the jump: see kexec/kexec.h.

#include "kexec/kexec.h"

#include <asm/bootparam.h>

#include "efi/firmware.h"
#include "efi/tables.h"
#include "kexec/handoff.h"
#include "kexec/linux/linux.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/frames.h"
#include "mm/space.h"

// The block, and behind it the page that a Linux keeps.
#define HANDOFF_PAGES (HANDOFF_BLOCK_BYTES / PAGE_SIZE + 1)

// Where Linux finds the BIOS's data, and room for a trampoline.
#define CONVENTIONAL_MEMORY (640 * KIB)

extern void kexec_jump(pa_t entry_pa, pa_t params_pa, pa_t table_pa)
    __attribute__((noreturn));
extern const char head_end[]; // of kexec_jump()'s section, which is the first
extern const char nmi_page[];

// ---- the image: found, checked, put in its place

status_t kexec_bundle(const struct boot_info *boot, struct cpio *bundle) {
    pa_t pa = boot->bundle_pa;
    uint64_t bytes = boot->bundle_bytes;
    const void *archive = bytes ? physical_read(pa, bytes) : NULL;
    *bundle = cpio_open(archive, bytes);
    if (archive)
        return STATUS_OK;
    if (boot->bundle_why[0])
        return fail(STATUS_NOT_FOUND, "no bundle: it was refused: %s",
                    boot->bundle_why);
    if (bytes)
        return fail(STATUS_NOT_FOUND,
                    "no bundle: %#lx bytes at %#lx are not in the direct map",
                    bytes, pa);
    return fail(STATUS_NOT_FOUND,
                "no bundle: the loader brought no cpio archive with the next "
                "kernel (module2 /bundle.cpio)");
}

static status_t find(const struct boot_info *boot, const char *name,
                     struct cpio_file *file) {
    struct cpio bundle;
    TRY(kexec_bundle(boot, &bundle));
    return cpio_find(bundle.data, bundle.bytes, name, file);
}

static status_t check_digest(const char *name, const uint8_t expected[],
                             const uint8_t actual[]) {
    if (memcmp(expected, actual, SHA256_BYTES) == 0)
        return STATUS_OK;
    char expected_text[SHA256_TEXT], actual_text[SHA256_TEXT];
    sha256_hex(expected, expected_text);
    sha256_hex(actual, actual_text);
    return fail(STATUS_REFUSED, "image %s: SHA-256 is %s, SHA256SUMS says %s",
                name, actual_text, expected_text);
}

// What is where an image has to be, if that is not free.
static const char *kind_in_the_way(const struct memory_map *memory, pa_t pa,
                                   uint64_t bytes) {
    const uint32_t free = 1u << MEMORY_USABLE | 1u << MEMORY_BOOT_SERVICES;
    uint32_t other = ~free & memory_map_kinds(memory, pa, bytes);
    return memory_kind_name(other ? __builtin_ctz(other) : MEMORY_IN_USE);
}

static status_t find_room(struct kexec_staged *staged) {
    const struct kernel_image *image = &staged->image;
    uint64_t bytes = staged->room_bytes, pages = pages_for(bytes);
    pa_t ceiling_pa = image_ceiling(image), fixed_pa = image->fixed_pa;
    if (fixed_pa == 0)
        staged->base_pa = frames_alloc(pages, image->alignment, ceiling_pa);
    else if (fixed_pa < ceiling_pa && bytes <= ceiling_pa - fixed_pa &&
             frames_alloc_at(fixed_pa, pages))
        staged->base_pa = fixed_pa;
    if (staged->base_pa)
        return STATUS_OK;
    if (fixed_pa)
        return fail(STATUS_NO_MEMORY,
                    "image %s: cannot be moved, and of the %#lx bytes at %#lx "
                    "some are not free: %s",
                    staged->name, bytes, fixed_pa,
                    kind_in_the_way(staged->memory, fixed_pa, bytes));
    return fail(STATUS_NO_MEMORY,
                "image %s: no %lu free bytes in a row below %#lx", staged->name,
                bytes, ceiling_pa);
}

static status_t place(struct kexec_staged *staged) {
    const struct kernel_image *image = &staged->image;
    if (kernel_table.levels == 5 && !(image->flags & XLF_5LEVEL))
        return fail(STATUS_UNSUPPORTED,
                    "image %s: xloadflags %#x: no entry for a machine with "
                    "5-level paging (la57=off)",
                    staged->name, image->flags);
    staged->room_bytes = max_u64(staged->room_bytes, image->run_bytes);
    TRY(find_room(staged));
    uint8_t *to = pa_to_va(staged->base_pa);
    memcpy(to, image->file + image->payload_offset, image->payload_bytes);
    memset(to + image->payload_bytes, 0,
           pages_for(image->run_bytes) * PAGE_SIZE - image->payload_bytes);
    return STATUS_OK;
}

status_t kexec_load(const struct boot_info *boot, const char *name,
                    uint64_t room_bytes, struct kexec_staged *staged) {
    struct cpio_file file, list;
    uint8_t digest[SHA256_BYTES];
    *staged = (struct kexec_staged){.room_bytes = room_bytes,
                                    .command_line = boot->command_line,
                                    .memory = &boot->memory};
    str_copy(staged->name, sizeof(staged->name), name);
    TRY(find(boot, name, &file));
    TRY(find(boot, "SHA256SUMS", &list));
    TRY(image_digest_of((const char *)list.data, list.bytes, name,
                        staged->digest));
    sha256(file.data, file.bytes, digest);
    TRY(check_digest(name, staged->digest, digest));
    TRY(image_parse(file.data, file.bytes, &staged->image));
    TRY(place(staged));

    char text[SHA256_TEXT];
    sha256_hex(staged->digest, text);
    event("kexec.load", "image=%s base=%#lx bytes=%lu sha256=%s", name,
          staged->base_pa, staged->image.run_bytes, text);
    return STATUS_OK;
}

void kexec_unload(struct kexec_staged *staged) {
    frames_free(staged->base_pa, pages_for(staged->room_bytes));
}

// ---- what the next kernel is told

// The firmware's regions as a memory map for the next kernel: with the
// addresses that it was bound to, if this mode hands all of them on, or
// anything to a kernel that knows nothing of runs.
static void describe_firmware(const struct boot_efi *given, bool for_baton,
                              struct boot_efi *efi) {
    *efi = *given;
    if (!firmware.ready)
        return;
    uint32_t step = given->descriptor_bytes;
    efi->map_bytes = firmware.regions.count * (uint64_t)step;
    enum efi_hands_on what = firmware.mode->hands_on;
    bool with_va = what == HANDS_ON_ALL || (what == HANDS_ON_RUN && !for_baton);
    efi_regions_write(&firmware.regions, step, with_va, efi->map);
}

static void describe_setup(const struct boot_info *boot,
                           struct handoff_content *content) {
    content->with_efi_setup = boot->has_efi_setup;
    content->efi_setup = boot->efi_setup;
    if (!firmware.ready || firmware.svam == SVAM_NEVER)
        return;
    content->with_efi_setup = true;
    content->efi_setup = firmware.setup;
}

// What the Baton after a Linux is told, by us, since Linux says nothing.
static void write_keepsake(const struct handoff *baton,
                           const struct kexec_staged *staged,
                           pa_t keepsake_pa) {
    static struct handoff kept;
    bool called = firmware.ready && image_takes_efi(&staged->image);
    enum efi_svam svam = !called                       ? SVAM_NEVER
                         : firmware.svam == SVAM_NEVER ? SVAM_CALLED
                                                       : SVAM_INHERITED;
    kept = *baton;
    handoff_add_life(&kept,
                     &(struct handoff_life){baton->generation, svam, "linux",
                                            staged->base_pa, read_tsc()});
    kept.generation++;
    handoff_keep(&kept, pa_to_va(keepsake_pa), keepsake_pa);
}

// Of the firmware, an image gets what it asks for; and a Linux only what we
// call ourselves and it can keep.
static status_t suit_firmware(struct handoff_content *content,
                              const struct kexec_staged *staged) {
    static struct boot_efi no_firmware;
    const struct kernel_image *image = &staged->image;
    bool asks = image_takes_efi(image);
    if (!asks)
        say("kexec: %s does not ask for EFI data (xloadflags %#x): it gets "
            "none",
            staged->name, image->flags);
    if (!asks || !(image->is_baton || firmware.ready)) {
        content->efi = &no_firmware;
        content->with_efi_setup = false;
        return STATUS_OK;
    }
    if (image->is_baton)
        return STATUS_OK;
    pa_t table_pa = efi_config_find(firmware.setup.config_tables_pa,
                                    firmware.config_table_count,
                                    &efi_guid_memory_attributes, physical_read);
    TRY(linux_can_believe(
        physical_read(table_pa, sizeof(struct efi_memory_attributes_table)),
        table_pa));
    return firmware.svam == SVAM_NEVER ? STATUS_OK
                                       : linux_can_keep(&firmware.regions);
}

static void suit_bundle(struct handoff_content *content,
                        const struct kexec_staged *staged) {
    pa_t max_pa = staged->image.initrd_max_pa;
    if (content->bundle_bytes == 0 ||
        content->bundle_pa + content->bundle_bytes - 1 <= max_pa)
        return;
    say("kexec: %s takes an initrd up to %#lx: it gets no bundle, for that is "
        "at %#lx",
        staged->name, max_pa, content->bundle_pa);
    content->bundle_pa = content->bundle_bytes = 0;
}

// Any image but a Baton gets its generation, and the address of the keepsake.
static status_t suit_command_line(struct handoff_content *content,
                                  const struct kexec_staged *staged,
                                  pa_t keepsake_pa) {
    static char line[COMMAND_LINE_MAX];
    size_t max = staged->image.command_line_max;
    if (!staged->image.is_baton) {
        TRY(linux_command_line(line, sizeof(line), content->command_line,
                               content->baton->generation, keepsake_pa));
        content->command_line = line;
    }
    if (strlen(content->command_line) <= max)
        return STATUS_OK;
    return fail(STATUS_NO_MEMORY,
                "image %s: a command line of %zu bytes; it takes %zu",
                staged->name, strlen(content->command_line), max);
}

// The page that a Linux keeps for the Baton after it.
static status_t suit_memory(struct handoff_content *content, pa_t keepsake_pa) {
    static struct memory_map memory;
    memory = *content->memory;
    TRY(memory_map_put(&memory, keepsake_pa, PAGE_SIZE, MEMORY_RESERVED));
    content->memory = &memory;
    return STATUS_OK;
}

// The receiver gets what its header says that it understands.
static status_t suit(struct handoff_content *content,
                     const struct kexec_staged *staged, pa_t keepsake_pa) {
    TRY(suit_firmware(content, staged));
    suit_bundle(content, staged);
    TRY(suit_command_line(content, staged, keepsake_pa));
    if (staged->image.is_baton)
        return STATUS_OK;
    write_keepsake(content->baton, staged, keepsake_pa);
    return suit_memory(content, keepsake_pa);
}

static status_t write_handoff(const struct boot_info *boot,
                              const struct kexec_staged *staged,
                              const struct handoff *baton) {
    static struct boot_efi efi;
    pa_t block_pa = staged->block_pa;
    struct handoff_content content = {
        .image = staged->image.file,
        .memory = staged->memory,
        .command_line = staged->command_line,
        .bundle_pa = boot->bundle_pa,
        .bundle_bytes = boot->bundle_bytes,
        .rsdp_pa = firmware.rsdp_pa ? firmware.rsdp_pa : boot->rsdp_pa,
        .screen = boot->screen,
        .efi = &efi,
        .baton = baton,
    };
    describe_firmware(&boot->efi, staged->image.is_baton, &efi);
    describe_setup(boot, &content);
    memset(pa_to_va(block_pa), 0, HANDOFF_PAGES * PAGE_SIZE);
    TRY(suit(&content, staged, block_pa + HANDOFF_BLOCK_BYTES));
    return handoff_write(&content, pa_to_va(block_pa), block_pa);
}

// ---- the jump

// Maps what is not mapped yet, for reading.
static status_t show(struct page_table *bridge, pa_t pa, uint64_t bytes) {
    pa_t end = pa + bytes, there;
    for (pa_t at = align_down(pa, PAGE_SIZE); at < end; at += PAGE_SIZE)
        if (!page_table_translate(bridge, at, &there))
            TRY(page_table_map(bridge, at, at, PAGE_SIZE, MAP_READ));
    return STATUS_OK;
}

// For any image but a Baton. Before a Linux handles page faults, it reads ACPI
// tables (5.1 to 5.9), searches the firmware's configuration tables (where it
// may be an encrypted guest), and with five levels reads the root of this
// table; up to 6.4 it runs a trampoline below 640 KiB. Its own kexec maps all
// that for it (machine_kexec_64.c).
static status_t map_for_linux(struct page_table *bridge,
                              const struct kexec_staged *staged) {
    TRY(page_table_map(bridge, 0, 0, CONVENTIONAL_MEMORY, MAP_ANY));
    TRY(show(bridge, bridge->root_pa, PAGE_SIZE));
    for (size_t i = 0; i < staged->memory->count; i++) {
        const struct memory_range *range = &staged->memory->range[i];
        if (range->kind == MEMORY_ACPI || range->kind == MEMORY_NVS)
            TRY(show(bridge, range->start, range->end - range->start));
    }
    if (!firmware.ready || !image_takes_efi(&staged->image))
        return STATUS_OK;
    TRY(show(bridge, firmware.system_table_pa,
             sizeof(struct efi_system_table)));
    return show(bridge, firmware.setup.config_tables_pa,
                firmware.config_table_count * sizeof(struct efi_config_table));
}

// The table of the jump maps the code that loads it, where that runs, with a
// page for NMIs (boot/nmi.asm); and 1:1 what boot.rst asks for: the image,
// which may write wherever it runs, until it has a table of its own;
// boot_params and the command line.
static status_t build_bridge(struct kexec_staged *staged) {
    struct page_table *bridge = &staged->bridge;
    va_t code = (va_t)text_start, page = (va_t)nmi_page;
    TRY(page_table_init(bridge, kernel_table.levels, kernel_table.leaf_max,
                        &kernel_frames));
    TRY(page_table_map(bridge, code, image_pa_of(text_start),
                       align_up((va_t)head_end, PAGE_SIZE) - code, MAP_EXEC));
    TRY(page_table_map(bridge, page, image_pa_of(nmi_page), PAGE_SIZE,
                       MAP_WRITE));
    TRY(page_table_map(bridge, staged->base_pa, staged->base_pa,
                       pages_for(staged->image.run_bytes) * PAGE_SIZE,
                       MAP_ANY));
    TRY(page_table_map(bridge, staged->block_pa, staged->block_pa,
                       HANDOFF_BLOCK_BYTES, MAP_WRITE));
    return staged->image.is_baton ? STATUS_OK : map_for_linux(bridge, staged);
}

// Is the file, with the payload as it lies staged, still what SHA256SUMS says?
static status_t verify_staged(const struct kexec_staged *staged) {
    const struct kernel_image *image = &staged->image;
    uint8_t digest[SHA256_BYTES];
    struct sha256 hash;
    sha256_init(&hash);
    sha256_update(&hash, image->file, image->payload_offset);
    sha256_update(&hash, pa_to_va(staged->base_pa), image->payload_bytes);
    sha256_final(&hash, digest);
    return check_digest(staged->name, staged->digest, digest);
}

static status_t make_ready(const struct boot_info *boot,
                           struct kexec_staged *staged,
                           const struct handoff *baton) {
    pa_t ceiling_pa = image_ceiling(&staged->image);
    staged->block_pa = frames_alloc(HANDOFF_PAGES, PAGE_SIZE, ceiling_pa);
    if (staged->block_pa == 0)
        return fail(STATUS_NO_MEMORY,
                    "handoff: no %lu frames in a row below %#lx", HANDOFF_PAGES,
                    ceiling_pa);
    TRY(write_handoff(boot, staged, baton));
    return build_bridge(staged);
}

static void release(struct kexec_staged *staged) {
    if (staged->bridge.root_pa)
        page_table_free(&staged->bridge);
    if (staged->block_pa)
        frames_free(staged->block_pa, HANDOFF_PAGES);
}

status_t kexec_prepare(const struct boot_info *boot,
                       struct kexec_staged *staged,
                       const struct handoff *baton) {
    staged->generation = baton->generation;
    status_t status = make_ready(boot, staged, baton);
    if (status)
        release(staged);
    return status;
}

status_t kexec_enter(const struct kexec_staged *staged, void (*silence)(void)) {
    pa_t entry_pa = staged->base_pa + IMAGE_ENTRY_OFFSET;
    TRY(verify_staged(staged));
    silence();
    event("kexec.jump", "to=%u entry=%#lx tsc=%lu", staged->generation,
          entry_pa, read_tsc());
    kexec_jump(entry_pa, staged->block_pa, staged->bridge.root_pa);
}

status_t kexec_run(const struct boot_info *boot, struct kexec_staged *staged,
                   const struct handoff *baton, void (*silence)(void)) {
    TRY(kexec_prepare(boot, staged, baton));
    status_t status = kexec_enter(staged, silence);
    release(staged);
    return status;
}
