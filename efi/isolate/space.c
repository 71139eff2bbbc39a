// The page tables of the cells. Each is empty but for the kernel's part, and
// fills on demand: where the firmware faults, the page is copied from the table
// that its mode uses, with the same rights. So all that other annexes decide
// about that table (W^X, pages granted, pages learned) holds in the cell.

#include "efi/isolate/cell.h"

#include "efi/call.h"
#include "efi/guard/memory.h"
#include "efi/space.h"
#include "efi/width32/window.h"
#include "lib/x86.h"
#include "mm/frames.h"
#include "mm/space.h"

// cell.asm: CR3 of each.
extern pa_t cell_roots[2];

// For calls on the firmware's private table, and for those on the kernel's.
static struct page_table cells[2];

static status_t map(struct page_table *table, const void *start, uint64_t bytes,
                    uint64_t flags) {
    pa_t pa;
    page_table_translate(&kernel_table, (va_t)start, &pa);
    return page_table_map(table, (va_t)start, pa, bytes, flags);
}

// Of each stack for traps, a cell has the page in which a trap begins.
static status_t map_kernel(struct page_table *table) {
    TRY(map(table, cell_text, cell_text_end - cell_text, MAP_EXEC));
    TRY(map(table, &cell, sizeof(cell), MAP_READ));
    for (unsigned i = 1; i <= cell_stacks(); i++)
        TRY(map(table, (const void *)(cell.data.tss.ist[i] - PAGE_SIZE),
                PAGE_SIZE, MAP_WRITE));
    return STATUS_OK;
}

struct cell_share cell_share(void) {
    uint64_t code = cell_text_end - cell_text, stacks = cell_stacks();
    return (struct cell_share){
        .read = (code + sizeof(cell)) / PAGE_SIZE + stacks, .write = stacks};
}

// The descriptor tables, as 32-bit firmware may leave them.
static status_t map_lower_half(struct page_table *table) {
    if (!firmware->width->entry || !table->root_pa)
        return STATUS_OK;
    return efi32_map_lower_half(table, &cell, sizeof(cell));
}

status_t cell_known_to_modes(void) {
    TRY(map_lower_half(&kernel_table));
    return map_lower_half(&firmware_table);
}

status_t cell_empty(void) {
    for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
        if (cells[i].root_pa)
            page_table_free(&cells[i]);
        TRY(page_table_init(&cells[i], kernel_table.levels, 1, &kernel_frames));
        TRY(map_kernel(&cells[i]));
        TRY(map_lower_half(&cells[i]));
        cell_roots[i] = cells[i].root_pa;
    }
    return STATUS_OK;
}

// Of the kernel's image, calls use the bounce buffer. For 32-bit firmware, more
// of it is in the lower half (efi/width32).
static bool is_kernels(pa_t pa) {
    uint64_t image = image_end - text_start;
    return pa - image_pa_of(text_start) < image &&
           pa - image_pa_of(&efi_bounce) >= sizeof(efi_bounce);
}

// In the lower half of either table is nothing else but what calls need.
static bool is_for_firmware(const struct page_walk *walk) {
    va_t va = walk->va;
    bool is_its_own = !(va >> 63) ||
                      efi_region_of_va(&firmware->regions, va, 1) ||
                      va - (va_t)&efi_bounce < sizeof(efi_bounce);
    return walk->mapped && is_its_own && !is_kernels(walk->pa);
}

static uint64_t leaf_flags(const struct page_walk *walk) {
    return walk->step[walk->count - 1].entry & MAP_FLAGS;
}

static bool suffices(const struct page_walk *walk, uint64_t error) {
    return (walk->write || !(error & FAULT_WRITE)) &&
           (walk->exec || !(error & FAULT_FETCH));
}

// A user page is one by the entries of all levels.
static void open_tables(struct page_table *table, va_t va) {
    struct page_walk walk;
    page_table_walk(table, va, &walk);
    pa_t at_pa = table->root_pa;
    for (unsigned i = 0; i + 1 < walk.count; i++) {
        uint64_t *entries = table->frames->table_at(at_pa);
        entries[walk.step[i].index] |= isolation->page;
        at_pa = walk.step[i].entry & PTE_ADDRESS;
    }
}

// The page may be there, with rights that were changed since. False: it has
// them already, and the fault has another cause.
static bool copy_page(struct page_table *table, const struct page_walk *walk) {
    va_t va = align_down(walk->va, PAGE_SIZE);
    uint64_t flags = leaf_flags(walk) | isolation->page;
    struct page_walk there;
    page_table_walk(table, va, &there);
    if (there.mapped)
        return leaf_flags(&there) != leaf_flags(walk) &&
               page_table_protect(table, va, PAGE_SIZE, flags) == STATUS_OK;
    if (page_table_map(table, va, align_down(walk->pa, PAGE_SIZE), PAGE_SIZE,
                       flags))
        return false;
    open_tables(table, va);
    return true;
}

struct page_table *cell_of(pa_t root_pa) {
    return &cells[root_pa == kernel_table.root_pa];
}

bool cell_fill(struct gate_call *call, const struct gate_fault *fault) {
    struct page_table *table = cell_of(call->table_pa);
    struct page_walk walk;
    page_table_walk(efi_space_table(call->table_pa), fault->address_va, &walk);
    return fault->is_page_fault && is_for_firmware(&walk) &&
           suffices(&walk, fault->error) && copy_page(table, &walk);
}
