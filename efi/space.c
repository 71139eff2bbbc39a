// Maps the firmware: see the header.

#include "efi/space.h"

#include "efi/services.h"
#include "lib/log.h"
#include "lib/x86.h"
#include "mm/space.h"

unsigned efi_leaf_max = LEVELS_MAX;

// Before anything better is known, code regions hold code and data mixed:
// images of drivers, which the loader does not split (UEFI 2.10 §2.3.4).
static uint64_t flags_of(uint32_t type, uint64_t attribute) {
    uint64_t flags = type == EFI_RUNTIME_SERVICES_CODE ? MAP_ANY : MAP_WRITE;
    return attribute & EFI_MEMORY_WB ? flags : flags | MAP_UNCACHED;
}

// Under efi=direct the pages are there already, to be read only.
static status_t map_region(const struct page_table *in, va_t va,
                           const struct efi_region *region) {
    uint64_t flags = flags_of(region->type, region->attribute);
    struct page_table table = *in;
    pa_t pa;
    table.leaf_max = min_u64(table.leaf_max, efi_leaf_max);
    if (page_table_translate(&table, va, &pa) && pa == region->pa)
        return page_table_protect(&table, va, region_bytes(region), flags);
    return page_table_map(&table, va, region->pa, region_bytes(region), flags);
}

static status_t map_regions(struct page_table *table, bool at_va) {
    for (size_t i = 0; i < firmware.regions.count; i++) {
        const struct efi_region *r = &firmware.regions.region[i];
        TRY(map_region(table, at_va ? r->va : r->pa, r));
    }
    return STATUS_OK;
}

status_t efi_space_build(void) {
    struct page_table *table = &firmware.private_table;
    TRY(space_fork(table));
    TRY(map_regions(table, false));
    return efi_services_map(table);
}

void efi_space_drop(void) {
    page_table_free_lower(&firmware.private_table);
}

status_t efi_space_map_kernel(void) {
    return map_regions(&kernel_table, true);
}

status_t efi_space_protect(struct boot_info *boot) {
    FOR_EACH_ROW(protections, row)
        TRY(row->apply(boot));
    write_cr3(kernel_table.root_pa); // forget what was mapped more widely
    return STATUS_OK;
}

static status_t verify_region(const struct page_table *table,
                              const struct efi_region *region) {
    for (uint64_t offset = 0; offset < region_bytes(region);
         offset += PAGE_SIZE) {
        va_t va = region->va + offset;
        pa_t wanted_pa = region->pa + offset, pa;
        if (!page_table_translate(table, va, &pa))
            return fail(STATUS_FAILED,
                        "efi: va %#lx is not mapped; pa %#lx belongs there", va,
                        wanted_pa);
        if (pa != wanted_pa)
            return fail(STATUS_FAILED,
                        "efi: va %#lx leads to pa %#lx, not to %#lx", va, pa,
                        wanted_pa);
    }
    return STATUS_OK;
}

const struct page_table *efi_space_of_mode(void) {
    return firmware.mode->table == PAGE_TABLE_KERNEL ? &kernel_table
                                                     : &firmware.private_table;
}

status_t efi_space_verify(void) {
    for (size_t i = 0; i < firmware.regions.count; i++)
        TRY(verify_region(efi_space_of_mode(), &firmware.regions.region[i]));
    return STATUS_OK;
}

static enum memory_kind kind_at(pa_t pa) {
    const struct memory_range *range = memory_map_find(firmware.memory, pa);
    return range ? range->kind : MEMORY_HOLE;
}

const struct efi_region *efi_space_region(uint64_t address) {
    const struct efi_region *region =
        efi_region_of_va(&firmware.regions, address, 1);
    return region ? region : efi_region_of_pa(&firmware.regions, address, 1);
}

const char *efi_space_class(va_t va) {
    const struct efi_region *region = efi_space_region(va);
    if (region)
        return efi_memory_type_name(region->type);
    if (space_is_stack_guard(va) || efi_services_guard(va))
        return "guard";
    return va >> 63 ? "kernel" : memory_kind_name(kind_at(va));
}

// The rights of a page that the firmware may have; 0: it may not.
static uint64_t grant_of(const struct efi_region *region, pa_t page_pa) {
    static const uint64_t flags[MEMORY_KINDS] = {
        [MEMORY_BOOT_SERVICES] = MAP_ANY,
        [MEMORY_ACPI] = MAP_WRITE,
        [MEMORY_NVS] = MAP_WRITE,
        [MEMORY_RESERVED] = MAP_ANY,
        [MEMORY_MMIO] = MAP_WRITE | MAP_UNCACHED,
    };
    if (region)
        return flags_of(region->type, region->attribute);
    enum memory_kind kind = kind_at(page_pa);
    bool taken = kind == MEMORY_BOOT_SERVICES && firmware.boot_memory_free;
    return taken ? 0 : flags[kind];
}

bool efi_space_learn(pa_t table_pa, va_t va, bool execute) {
    bool learned = false;
    FOR_EACH_ROW(protections, row)
        learned |= row->learn(efi_space_table(table_pa), va, execute);
    if (learned)
        write_cr3(table_pa); // forget what it had before
    return learned;
}

struct page_table *efi_space_table(pa_t root_pa) {
    return root_pa == kernel_table.root_pa ? &kernel_table
                                           : &firmware.private_table;
}

status_t efi_space_grant(pa_t table_pa, va_t va, bool execute) {
    struct page_table *table = efi_space_table(table_pa);
    va_t page_va = align_down(va, PAGE_SIZE);
    const struct efi_region *region = efi_space_region(va);
    uint64_t flags = grant_of(region, page_va);
    struct page_walk walk;
    page_table_walk(table, va, &walk);
    if (flags == 0 || (execute && (flags & PTE_NX)) ||
        (walk.mapped && walk.write && walk.exec >= execute))
        return fail(STATUS_REFUSED, "efi: nothing can be granted at %#lx", va);
    if (!region)
        TRY(memory_map_put(firmware.memory, page_va, PAGE_SIZE,
                           MEMORY_RUNTIME));
    if (!walk.mapped)
        TRY(page_table_map(table, page_va, page_va, PAGE_SIZE, flags));
    else
        TRY(page_table_protect(table, page_va, PAGE_SIZE, flags));
    write_cr3(table_pa); // forget what it had before
    return STATUS_OK;
}
