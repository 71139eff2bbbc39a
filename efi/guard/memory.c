// Memory that the firmware accesses: see the header.

#include "efi/guard/memory.h"

#include "efi/call.h"
#include "efi/firmware.h"
#include "efi/open.h"
#include "efi/space.h"
#include "kernel/stage.h"
#include "lib/x86.h"
#include "mm/space.h"
#include "mm/vmap/vmap.h"

static struct memory_map *memory; // boot_info's
static bool boot_services_free;   // their memory is in the allocator

static status_t take_memory(struct boot_info *boot) {
    memory = &boot->memory;
    return STATUS_OK;
}

ROW(openings, 10_memory) = {OPENING_FOUND, take_memory};

STAGE(READY, 00_boot_services, "memory") {
    boot_services_free = true;
    return STATUS_OK;
}

struct page_table *efi_space_table(pa_t root_pa) {
    return root_pa == kernel_table.root_pa ? &kernel_table : &firmware_table;
}

struct page_table *(*efi_space_in_call)(pa_t root_pa) = efi_space_table;

const struct page_table *efi_space_of_mode(void) {
    return firmware->mode->table == PAGE_TABLE_KERNEL ? &kernel_table
                                                      : &firmware_table;
}

const struct efi_region *efi_space_region(uint64_t address) {
    const struct efi_region *region =
        efi_region_of_va(&firmware->regions, address, 1);
    return region ? region : efi_region_of_pa(&firmware->regions, address, 1);
}

static enum memory_kind kind_at(pa_t pa) {
    pa_t end;
    return memory_map_kind_at(memory, pa, &end);
}

// Is it behind a piece of the bounce buffer, as the services see that?
static bool is_guard(va_t va) {
    return va - efi_at(efi_bounce.name_guard) < PAGE_SIZE ||
           va - efi_at(efi_bounce.data_guard) < PAGE_SIZE ||
           va - efi_at(efi_bounce.stack_guard) < PAGE_SIZE;
}

// The upper half; and with 32-bit firmware, what is mapped a second time below
// 4 GiB (efi/width32/). The firmware's own pages outside its regions are 1:1.
static bool is_of_kernel(va_t va) {
    pa_t pa;
    bool is_mapped = page_table_translate(efi_space_of_mode(), va, &pa);
    return va >> 63 || (is_mapped && pa != va);
}

const char *efi_owner(va_t va) {
    const struct efi_region *region = efi_space_region(va);
    if (region)
        return efi_memory_type_name(region->type);
    if (space_is_stack_guard(va) || is_guard(va))
        return "guard";
    return is_of_kernel(va) ? "kernel" : memory_kind_name(kind_at(va));
}

// The rights that the firmware may have to a page; 0: none.
static uint64_t rights_to(const struct efi_region *region, pa_t page_pa) {
    static const uint64_t flags[MEMORY_KINDS] = {
        [MEMORY_BOOT_SERVICES] = MAP_ANY,
        [MEMORY_ACPI] = MAP_WRITE,
        [MEMORY_NVS] = MAP_WRITE,
        [MEMORY_RESERVED] = MAP_ANY,
        [MEMORY_MMIO] = MAP_WRITE | MAP_UNCACHED,
    };
    if (region)
        return efi_space_rights(region);
    if (is_of_kernel(page_pa))
        return 0;
    enum memory_kind kind = kind_at(page_pa);
    bool is_used = kind == MEMORY_BOOT_SERVICES && boot_services_free;
    return is_used ? 0 : flags[kind];
}

status_t efi_grant(pa_t table_pa, va_t va, bool execute) {
    struct page_table *table = efi_space_table(table_pa);
    va_t page_va = align_down(va, PAGE_SIZE);
    const struct efi_region *region = efi_space_region(va);
    uint64_t flags = rights_to(region, page_va);
    struct page_walk walk;
    page_table_walk(table, va, &walk);
    if (flags == 0 || (execute && (flags & PTE_NX)) ||
        (walk.mapped && walk.write && walk.exec >= execute))
        return fail(STATUS_REFUSED, "efi: no page can be granted at %#lx", va);
    if (!region)
        TRY(memory_map_put(memory, page_va, PAGE_SIZE, MEMORY_RUNTIME));
    if (!walk.mapped)
        TRY(page_table_map(table, page_va, page_va, PAGE_SIZE, flags));
    else
        TRY(page_table_protect(table, page_va, PAGE_SIZE, flags));
    write_cr3(table_pa); // drop the old translation from the TLB
    return STATUS_OK;
}
