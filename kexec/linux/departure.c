// Any image but a Baton is described the machine as Linux wants it: with all
// that its header asks for and no more, on a command line with two words for
// the Baton after it, and with more mapped during the transition.

#include "efi/config/config.h"
#include "efi/firmware.h"
#include "kexec/kexec.h"
#include "kexec/linux/linux.h"
#include "kexec/linux/params.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/frames.h"
#include "mm/space.h"

// Where Linux finds the BIOS's data, and space for a trampoline.
#define CONVENTIONAL_MEMORY (640 * KIB)

// ---- its place

// What is where an image has to be, if that is not free.
static const char *kind_in_the_way(const struct memory_map *memory, pa_t pa,
                                   uint64_t bytes) {
    uint32_t other = ~MEMORY_FREE & memory_map_kinds(memory, pa, bytes);
    return other ? memory_kind_name(__builtin_ctz(other))
                 : "this kernel has taken them";
}

static status_t place(struct kexec_staged *staged) {
    const struct setup_header *header = &staged->image.header;
    pa_t fixed_pa = header->pref_address;
    uint64_t bytes = staged->reserved_bytes;
    if (staged->image.is_baton)
        return STATUS_OK;
    TRY(linux_can_enter(header, kernel_table.levels));
    if (header->relocatable_kernel)
        return STATUS_OK;
    if (fixed_pa >= FRAMES_END_PA || bytes > FRAMES_END_PA - fixed_pa)
        return fail(STATUS_NO_MEMORY,
                    "image %s: cannot be moved, and its %#lx bytes at %#lx do "
                    "not end below %#lx",
                    staged->name, bytes, fixed_pa, FRAMES_END_PA);
    if (frames_take_between(staged->name, pages_for(bytes), PAGE_SIZE, fixed_pa,
                            fixed_pa + pages_for(bytes) * PAGE_SIZE,
                            &staged->base_pa))
        return fail(STATUS_NO_MEMORY,
                    "image %s: cannot be moved, and of the %#lx bytes at %#lx "
                    "some are not free: %s",
                    staged->name, bytes, fixed_pa,
                    kind_in_the_way(staged->memory, fixed_pa, bytes));
    return STATUS_OK;
}

// ---- the machine, as it is described to it

static const struct linux_width *linux_width(void) {
    return linux_width_of(firmware->width->word_bytes);
}

static bool gets_firmware(const struct kexec_staged *staged) {
    return firmware->ready && linux_takes_efi(&staged->image.header) &&
           (firmware->svam == SVAM_NEVER || linux_width()->takes_over);
}

static void explain_absence(const struct kexec_staged *staged) {
    if (!linux_takes_efi(&staged->image.header))
        say("kexec: %s does not support EFI data (xloadflags %#x): it gets "
            "none",
            staged->name, staged->image.header.xloadflags);
    else if (firmware->ready)
        say("kexec: %s cannot call %u-bit firmware after another kernel's "
            "SetVirtualAddressMap: it gets none, and the Baton after it does",
            staged->name, 8 * firmware->width->word_bytes);
}

// Will Linux keep the firmware, and its own memory, if they are handed to it?
static status_t check_firmware(void) {
    pa_t table_pa = efi_config_pa(&efi_guid_memory_attributes);
    TRY(linux_can_believe(
        physical_read(table_pa, sizeof(struct efi_memory_attributes_table)),
        table_pa));
    if (firmware->svam == SVAM_NEVER)
        return STATUS_OK;
    if (!firmware->mode->hands_on)
        return fail(STATUS_REFUSED,
                    "Linux would lose the firmware: mode %s hands on no "
                    "virtual addresses",
                    firmware->mode->name);
    return linux_can_keep(&firmware->regions);
}

// It gets a firmware that this kernel calls itself, if it can call it; and all
// virtual addresses, where any are handed on: it knows nothing of runs.
static status_t describe_firmware(const struct kexec_staged *staged,
                                  const struct linux_content *to,
                                  struct boot_efi *efi) {
    if (!gets_firmware(staged)) {
        explain_absence(staged);
        efi->map_bytes = 0;
        return STATUS_OK;
    }
    efi_regions_write(&firmware->regions, efi->descriptor_bytes,
                      firmware->mode->hands_on, efi->map);
    efi->setup.smbios_pa = efi_config_pa(&efi_guid_smbios);
    if (firmware->svam == SVAM_NEVER && linux_width()->needs_ram)
        TRY(linux_describe_ram(to->memory, to->memory_bytes, efi));
    return check_firmware();
}

static void describe_bundle(const struct kexec_staged *staged,
                            struct handoff_needs *needs) {
    pa_t max_pa = linux_initrd_max(&staged->image.header);
    if (needs->bundle_bytes == 0 ||
        needs->bundle_pa + needs->bundle_bytes - 1 <= max_pa)
        return;
    say("kexec: %s takes an initrd up to %#lx: it gets no bundle, because that "
        "is at %#lx",
        staged->name, max_pa, needs->bundle_pa);
    needs->bundle_pa = needs->bundle_bytes = 0;
}

static status_t describe_command_line(const struct kexec_staged *staged,
                                      const char **command_line) {
    static char line[COMMAND_LINE_MAX];
    size_t max = linux_command_line_max(&staged->image.header);
    TRY(linux_command_line(line, sizeof(line), *command_line,
                           staged->generation, staged->preserved_pa,
                           firmware->ready ? linux_width()->more_words : ""));
    *command_line = line;
    if (strlen(line) <= max)
        return STATUS_OK;
    return fail(STATUS_NO_MEMORY,
                "image %s: a command line of %zu bytes; the limit is %zu",
                staged->name, strlen(line), max);
}

// ---- what it keeps for the Baton after it, since it hands on nothing itself

// With the firmware, if that has its addresses: none can be changed any more,
// and not every Linux calls it and hands it on.
static status_t write_preserved(const struct kexec_staged *staged,
                                const struct handoff_content *content) {
    enum efi_svam svam = !gets_firmware(staged)         ? SVAM_NEVER
                         : firmware->svam == SVAM_NEVER ? SVAM_CALLED
                                                        : SVAM_INHERITED;
    struct handoff next = *content->baton;
    struct lineage_entry linux_entry = {next.generation++, svam, "linux",
                                        staged->base_pa, read_tsc()};
    struct handoff_content kept = {.efi = next.svam ? content->efi : NULL,
                                   .baton = &next,
                                   .between = &linux_entry};
    void *block = pa_to_va(staged->preserved_pa);
    memset(block, 0, HANDOFF_BLOCK_MAX);
    return handoff_write(&kept, block, HANDOFF_BLOCK_MAX, staged->preserved_pa);
}

static status_t preserve(struct kexec_staged *staged,
                         struct handoff_content *content) {
    static struct memory_map memory;
    TRY(frames_take("preserved handoff", HANDOFF_PAGES, &staged->preserved_pa));
    TRY(write_preserved(staged, content));
    memory = *content->memory;
    content->memory = &memory;
    return memory_map_put(&memory, staged->preserved_pa, HANDOFF_BLOCK_MAX,
                          MEMORY_RESERVED);
}

// ---- what is mapped for it

// Maps what is not mapped yet, for reading.
static status_t show(struct page_table *table, pa_t pa, uint64_t bytes) {
    pa_t end = pa + bytes, there;
    for (pa_t at = align_down(pa, PAGE_SIZE); at < end; at += PAGE_SIZE)
        if (!page_table_translate(table, at, &there))
            TRY(page_table_map(table, at, at, PAGE_SIZE, MAP_READ));
    return STATUS_OK;
}

// Before a Linux handles page faults, it reads ACPI tables (5.1 to 5.9),
// searches the firmware's configuration tables (where it may be an encrypted
// guest), and with five levels reads the root of this table; up to 6.4 it runs
// a trampoline below 640 KiB. Its own kexec maps all that for it
// (machine_kexec_64.c).
static status_t map_more(struct kexec_staged *staged) {
    struct page_table *table = &staged->transition;
    TRY(page_table_map(table, 0, 0, CONVENTIONAL_MEMORY, MAP_ANY));
    TRY(show(table, table->root_pa, PAGE_SIZE));
    for (size_t i = 0; i < staged->memory->count; i++) {
        const struct memory_range *range = &staged->memory->range[i];
        if (range->kind == MEMORY_ACPI || range->kind == MEMORY_NVS)
            TRY(show(table, range->start, range->end - range->start));
    }
    if (!gets_firmware(staged))
        return STATUS_OK;
    struct efi_config_list list = efi_config_list();
    TRY(show(table, firmware->system_table_pa,
             sizeof(struct efi_system_table)));
    return show(table, list.pa, efi_config_bytes(&list));
}

static status_t describe(struct kexec_staged *staged,
                         const struct handoff_content *given) {
    struct handoff_content content = *given;
    struct linux_content to = {.image = staged->image.file,
                               .command_line = given->command_line,
                               .screen = &given->boot->screen,
                               .efi = given->efi};
    if (staged->image.is_baton)
        return STATUS_OK;
    staged->is_served = true;
    TRY(preserve(staged, &content));
    to.memory = handoff_memory_of(&content, &to.memory_bytes);
    to.needs = to.memory->needs;
    TRY(describe_firmware(staged, &to, given->efi));
    describe_bundle(staged, &to.needs);
    TRY(describe_command_line(staged, &to.command_line));
    TRY(linux_params_write(&to, pa_to_va(staged->block_pa), staged->block_pa));
    return map_more(staged);
}

ROW(departures, 50_linux) = {.place = place, .describe = describe};
