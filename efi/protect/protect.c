// W^X in the firmware: the Memory Attributes Table takes rights from its pages
// when it is opened. A page of code from which the table takes none shows by
// its use what it is.

#include "efi/firmware.h"
#include "efi/guard/guard.h"
#include "efi/guard/memory.h"
#include "efi/observe.h"
#include "efi/open.h"
#include "efi/protect/attributes.h"
#include "efi/quirk.h"
#include "efi/space.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/space.h"
#include "mm/visit/visit.h"

static struct efi_attributes *const attributes = &memory_attributes;

// Linux follows the pointer in the configuration table and believes what is
// there (efi_memattr_init()): so the table outlives boot services.
static status_t keep_table(struct memory_map *memory) {
    pa_t start = align_down(attributes->table_pa, PAGE_SIZE);
    pa_t end =
        align_up(attributes->table_pa + attributes->table_bytes, PAGE_SIZE);
    return memory_map_put(memory, start, end - start, MEMORY_RESERVED);
}

static status_t apply(struct boot_info *boot) {
    const struct efi_regions *regions = &firmware->regions;
    efi_attributes_take(boot);
    TRY(keep_table(&boot->memory));
    uint64_t open = efi_attributes_open_pages(attributes, regions);
    if (open > 0 && efi_tolerates("open-code"))
        say("efi: memory attributes: %lu pages of code are open", open);
    TRY(efi_attributes_apply(attributes, regions, false, &firmware_table));
    if (firmware->mode->table == PAGE_TABLE_KERNEL)
        TRY(efi_attributes_apply(attributes, regions, true, &kernel_table));
    write_cr3(kernel_table.root_pa); // drop wider rights from the TLB
    return STATUS_OK;
}

ROW(openings, 50_protect) = {OPENING_MAPPED, apply};

static bool is_open(const struct page_walk *walk, bool execute) {
    return walk->mapped && efi_space_region(walk->va) &&
           !(execute ? walk->exec : walk->write) &&
           efi_attributes_open(attributes, walk->pa);
}

// A page that is executed becomes read-only and executable; only if it is then
// written as well it is both. So it faults twice at most.
static bool learn(pa_t table_pa, va_t va, bool execute) {
    struct page_table *table = efi_space_table(table_pa);
    struct page_walk walk;
    page_table_walk(table, va, &walk);
    if (!is_open(&walk, execute) ||
        page_table_protect(table, align_down(va, PAGE_SIZE), PAGE_SIZE,
                           execute ? PTE_PRESENT : MAP_ANY))
        return false;
    write_cr3(table_pa); // drop the old rights from the TLB
    return true;
}

static bool learn_fault(struct gate_call *call,
                        const struct gate_fault *fault) {
    char kept[REASON_BYTES];
    str_copy(kept, sizeof(kept), why());
    bool learned =
        fault->is_page_fault &&
        learn(call->table_pa, fault->address_va, fault->error & FAULT_FETCH);
    set_why("%s", kept);
    if (learned)
        efi_report_fault(call->service, fault, "learned");
    return learned;
}

ROW(observers, 15_learn) = {.fault = learn_fault};

static bool count_wx(const struct leaf *leaf, void *count) {
    if (leaf_is_wx(leaf))
        *(uint64_t *)count += level_bytes(leaf->level) / PAGE_SIZE;
    return true;
}

uint64_t efi_protect_count_wx(void) {
    uint64_t count = 0;
    page_table_each(efi_space_of_mode(), count_wx, &count);
    return count;
}
