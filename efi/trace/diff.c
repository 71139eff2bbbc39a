// What SetVirtualAddressMap changed in the firmware: efi.diff=on. The firmware
// says no more than EFI_SUCCESS, so all its memory is copied before the call
// and compared after it: its two tables field by field, the rest word by word.
//
// A word was relocated if it was an address in a runtime region before and is
// the virtual address of the same byte now. It may start at any byte: pointers
// in code are not aligned. One that was an address and still is the same one
// stayed physical, unless it is no address but looks like one; for that, only
// aligned ones are counted.

#include "efi/firmware.h"
#include "efi/guard/memory.h"
#include "efi/observe.h"
#include "efi/tables.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/string.h"
#include "mm/frames.h"

static unsigned wanted;

ROW(options, efi_diff) = {
    "efi.diff", "log what SetVirtualAddressMap changed in the firmware",
    .words = "off on", .choice = &wanted};

// Bytes of a word of the firmware.
static unsigned word_bytes(void) {
    return firmware->width->word_bytes;
}

static pa_t copy_pa; // 0: there is none
static uint64_t copy_pages;

// Only memory is compared: flash has its address in other words.
static bool is_copied(const struct efi_region *r) {
    return efi_is_runtime_type(r->type) &&
           physical_read(r->pa, region_bytes(r));
}

// How many bytes the copies of the regions before this one take.
static uint64_t copied_before(const struct efi_region *region) {
    uint64_t bytes = 0;
    for (const struct efi_region *r = firmware->regions.region; r < region; r++)
        bytes += is_copied(r) ? region_bytes(r) : 0;
    return bytes;
}

static uint8_t *copy_of(const struct efi_region *region) {
    return (uint8_t *)pa_to_va(copy_pa) + copied_before(region);
}

// Copies the runtime regions aside. Without memory for that there will be
// nothing to compare.
static void copy_regions(void) {
    const struct efi_regions *regions = &firmware->regions;
    const struct efi_region *end = regions->region + regions->count;
    copy_pages = pages_for(copied_before(end));
    copy_pa = frames_alloc_high(copy_pages);
    if (copy_pa == 0)
        say("efi: diff: no %lu contiguous frames for the copy", copy_pages);
    for (const struct efi_region *r = regions->region; copy_pa && r < end; r++)
        if (is_copied(r))
            memcpy(copy_of(r), pa_to_va(r->pa), region_bytes(r));
}

static const struct efi_region *region_of(uint64_t address) {
    return efi_region_of_pa(&firmware->regions, address, 1);
}

// One instruction for either width, at any address.
static uint64_t word_at(const void *at) {
    uint32_t half;
    uint64_t word;
    if (word_bytes() == sizeof(word)) {
        __builtin_memcpy(&word, at, sizeof(word));
        return word;
    }
    __builtin_memcpy(&half, at, sizeof(half));
    return half;
}

// What was at the physical address `before` is at `after`, and that is new.
static bool is_moved(uint64_t before, uint64_t after) {
    const struct efi_region *r = before == after ? NULL : region_of(before);
    return r && region_va(r, before) == after;
}

// ---- the tables: a header, and words behind it

static const char *system_word(unsigned i) {
    static const char *const names[] = {
        "FirmwareVendor",       "FirmwareRevision",
        "ConsoleInHandle",      "ConIn",
        "ConsoleOutHandle",     "ConOut",
        "StandardErrorHandle",  "StdErr",
        "RuntimeServices",      "BootServices",
        "NumberOfTableEntries", "ConfigurationTable"};
    return names[i];
}

static const char *runtime_word(unsigned i) {
    return efi_service_name(i);
}

static void report(const char *table, const char *field, uint64_t before,
                   uint64_t after, const char *change) {
    event("efi.diff", "table=%s field=%s before=%#lx after=%#lx change=%s",
          table, field, before, after, change);
}

static void compare_table(const char *name, pa_t pa, unsigned count,
                          const char *(*name_of)(unsigned), status_t crc) {
    uint64_t bytes = efi_table_bytes(word_bytes(), count);
    const struct efi_region *region =
        efi_region_of_pa(&firmware->regions, pa, bytes);
    if (!region || !is_copied(region))
        return;
    const struct efi_table_header *after = pa_to_va(pa);
    const struct efi_table_header *before =
        (const void *)(copy_of(region) + (pa - region->pa));
    unsigned moved = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = efi_table_bytes(word_bytes(), i);
        uint64_t old = word_at((const uint8_t *)before + at);
        uint64_t new = word_at((const uint8_t *)after + at);
        bool is_new = is_moved(old, new);
        report(name, name_of(i), old, new,
               is_new       ? "moved"
               : old == new ? "none"
                            : "other");
        moved += is_new;
    }
    report(name, "CRC32", before->crc32, after->crc32, crc ? "wrong" : "right");
    say("efi: diff: %s table: %u of %u words moved, its CRC is %s", name, moved,
        count, crc ? "wrong" : "right");
}

// ---- the memory

static void compare_region(const struct efi_region *region) {
    const uint8_t *old = copy_of(region), *new = pa_to_va(region->pa);
    uint64_t moved = 0, unaligned = 0, physical = 0;
    for (uint64_t at = 0; at <= region_bytes(region) - word_bytes(); at++) {
        uint64_t before = word_at(old + at), after = word_at(new + at);
        bool aligned = is_aligned(at, word_bytes());
        if (before == after) {
            physical += aligned && region_of(after);
        } else if (is_moved(before, after)) {
            moved++;
            unaligned += !aligned;
            at += word_bytes() - 1;
        }
    }
    event("efi.diff.region",
          "type=%s pa=%#lx moved=%lu unaligned=%lu physical=%lu",
          efi_memory_type_name(region->type), region->pa, moved, unaligned,
          physical);
    say("efi: diff: %s at %#lx: %lu words relocated, %lu still physical",
        efi_memory_type_name(region->type), region->pa, moved, physical);
}

static status_t diff_begin(void) {
    bool calls = firmware->mode->calls_svam && firmware->svam == SVAM_NEVER;
    if (wanted && calls)
        copy_regions();
    else if (wanted)
        say("efi: diff: nothing to compare: SetVirtualAddressMap is %s here",
            firmware->svam == SVAM_NEVER ? "not called" : "not called again");
    return STATUS_OK;
}

// Field by field, region by region.
static void compare(void) {
    const struct efi_regions *regions = &firmware->regions;
    const struct efi_region *end = regions->region + regions->count;
    pa_t system_pa = firmware->system_table_pa;
    pa_t runtime_pa = firmware->runtime_table_pa;
    struct efi_system_table system;
    struct efi_runtime_services runtime;
    compare_table(
        "system", system_pa, EFI_SYSTEM_WORDS, system_word,
        efi_system_table_read(system_pa, word_bytes(), true, &system));
    compare_table(
        "runtime", runtime_pa, EFI_SERVICES, runtime_word,
        efi_runtime_table_read(runtime_pa, word_bytes(), true, &runtime));
    for (const struct efi_region *r = regions->region; r < end; r++)
        if (is_copied(r))
            compare_region(r);
    frames_free(copy_pa, copy_pages);
    copy_pa = 0;
}

static bool diff_after(struct gate_call *call) {
    if (call->service == EFI_SET_VIRTUAL_ADDRESS_MAP && copy_pa)
        compare();
    return false;
}

ROW(observers, 80_diff) = {.begin = diff_begin, .after = diff_after};
