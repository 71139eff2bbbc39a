// Notes which pages were used, and draws them: see the header.

#include "efi/trace/touch.h"

#include "efi/call.h"
#include "efi/firmware.h"
#include "efi/guard/memory.h"
#include "efi/observe.h"
#include "efi/space.h"
#include "kernel/stage.h"
#include "kernel/timer/timer.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/frames.h"
#include "mm/space.h"
#include "mm/visit/visit.h"

#define PAGES_PER_LINE 64
#define UNTOUCHED      0xaa

// What is known of a page, and its letter in the drawing, the strongest last.
enum mark { READ = 1, EXECUTED = 2, WRITTEN = 4 };

static unsigned wanted;

ROW(options, efi_touch) = {"efi.touch",
                           "log and draw which pages each service used",
                           .words = "off on", .choice = &wanted};

// For each service, a byte a page of all regions in their order; and how much
// of the stack it took, in bytes.
static uint8_t *notes;
static uint64_t note_count;
static uint64_t deepest[EFI_SERVICES];

// The work after one call.
struct harvest {
    enum efi_service service;
    bool private; // on a table that has the firmware at VA = PA
};

// The firmware in pages of 4 KiB, a byte of notes a page and service, and a
// pattern on its stack.
static status_t touch_begin(void) {
    if (!wanted)
        return STATUS_OK;
    kernel_table.leaf_max = 1; // and its clone's, which the firmware gets
    timer_ticks_due = 0;
    note_count = efi_regions_bytes(&firmware->regions) / PAGE_SIZE;
    uint64_t pages = pages_for(EFI_SERVICES * note_count);
    pa_t pa;
    TRY(frames_take("efi.touch", pages, &pa));
    notes = pa_to_va(pa);
    memset(notes, 0, pages * PAGE_SIZE);
    memset(efi_bounce.stack, UNTOUCHED, EFI_STACK_BYTES);
    return STATUS_OK;
}

// ---- taking the bits

static uint8_t *notes_of(enum efi_service service,
                         const struct efi_region *region) {
    uint8_t *note = notes + service * note_count;
    for (const struct efi_region *r = firmware->regions.region; r < region; r++)
        note += r->pages;
    return note;
}

static uint8_t mark_of(const struct leaf *leaf) {
    uint8_t mark = leaf->entry & PTE_NX ? READ : EXECUTED;
    return leaf->entry & PTE_DIRTY ? mark | WRITTEN : mark;
}

static void note(enum efi_service service, const struct efi_region *region,
                 const struct leaf *leaf) {
    uint64_t page = (leaf_pa(leaf) - region->pa) / PAGE_SIZE;
    notes_of(service, region)[page] |= mark_of(leaf);
}

// Boot-services memory in SetVirtualAddressMap, or what efi.fault=retry gave: a
// page that each call uses is reported once.
static void tell_outside(enum efi_service service, const struct leaf *leaf) {
    static uint64_t reported[EFI_SERVICES]; // number of the page, from 1
    uint64_t page = leaf_pa(leaf) / PAGE_SIZE + 1;
    if (reported[service] == page)
        return;
    reported[service] = page;
    event("efi.touch.outside", "svc=%s pa=%#lx owner=%s access=%s",
          efi_service_name(service), leaf_pa(leaf), efi_owner(leaf->va),
          leaf->entry & PTE_DIRTY ? "write" : "read");
}

// The bounce buffer, or what else the kernel's image has for calls.
static bool is_of_image(pa_t pa) {
    return pa - image_pa_of(text_start) < (uint64_t)(image_end - text_start);
}

// For each leaf of the table that the call was on.
static bool take(const struct leaf *leaf, void *context) {
    struct harvest *harvest = context;
    if (harvest->private && leaf->va >> 63)
        return false; // the kernel's half
    if (!(leaf->entry & PTE_ACCESSED))
        return true;
    const struct efi_region *region =
        harvest->private
            ? efi_region_of_pa(&firmware->regions, leaf->va, PAGE_SIZE)
            : efi_region_of_va(&firmware->regions, leaf->va, PAGE_SIZE);
    if (!harvest->private && !region)
        return true; // the kernel's own
    *leaf->at &= ~(PTE_ACCESSED | PTE_DIRTY);
    if (region)
        note(harvest->service, region, leaf);
    else if (!is_of_image(leaf_pa(leaf)))
        tell_outside(harvest->service, leaf);
    return true;
}

// The stack was filled with a pattern: what is left of it was not reached.
static uint64_t take_stack(void) {
    uint8_t *stack = efi_bounce.stack;
    uint64_t left = 0;
    while (left < EFI_STACK_BYTES && stack[left] == UNTOUCHED)
        left++;
    memset(stack + left, UNTOUCHED, EFI_STACK_BYTES - left);
    return EFI_STACK_BYTES - left;
}

// ---- the report

static char letter_of(uint8_t note) {
    return note & WRITTEN ? 'w' : note & EXECUTED ? 'x' : note ? 'r' : '.';
}

// A line for each 64 pages, but for those of which none was touched.
static void draw(const uint8_t *note, const struct efi_region *region) {
    char text[PAGES_PER_LINE + 1];
    for (uint64_t first = 0; first < region->pages; first += PAGES_PER_LINE) {
        uint64_t count = min_u64(region->pages - first, PAGES_PER_LINE), i;
        uint8_t all = 0;
        for (i = 0; i < count; i++) {
            text[i] = letter_of(note[first + i]);
            all |= note[first + i];
        }
        text[i] = '\0';
        if (all)
            say("efi:   %#12lx %s", region->pa + first * PAGE_SIZE, text);
    }
}

static uint64_t count(const uint8_t *note, uint64_t pages, enum mark mark) {
    uint64_t found = 0;
    for (uint64_t i = 0; i < pages; i++)
        found += (note[i] & mark) != 0;
    return found;
}

static void report_region(enum efi_service service,
                          const struct efi_region *region) {
    const uint8_t *note = notes_of(service, region);
    uint64_t read = count(note, region->pages, READ);
    uint64_t executed = count(note, region->pages, EXECUTED);
    if (read + executed == 0)
        return;
    event("efi.touch",
          "svc=%s type=%s pa=%#lx pages=%lu read=%lu executed=%lu written=%lu",
          efi_service_name(service), efi_memory_type_name(region->type),
          region->pa, region->pages, read, executed,
          count(note, region->pages, WRITTEN));
    draw(note, region);
}

static void report(enum efi_service service) {
    say("efi: pages of %s: x executed, r read, w written",
        efi_service_name(service));
    event("efi.touch.stack", "svc=%s bytes=%lu of=%lu",
          efi_service_name(service), deepest[service], EFI_STACK_BYTES);
    for (size_t i = 0; i < firmware->regions.count; i++)
        report_region(service, &firmware->regions.region[i]);
}

// Takes the bits away, and notes them.
static bool touch_after(struct gate_call *call) {
    enum efi_service service = call->service;
    struct harvest harvest = {service, call->table_pa != kernel_table.root_pa};
    if (!wanted)
        return false;
    deepest[service] = max_u64(take_stack(), deepest[service]);
    page_table_each(efi_space_in_call(call->table_pa), take, &harvest);
    write_cr3(kernel_table.root_pa); // the TLB has the bits as well
    return true;
}

ROW(observers, 90_touch) = {.begin = touch_begin, .after = touch_after};

status_t efi_touch_report(void) {
    if (!notes)
        return fail(STATUS_UNSUPPORTED, "nothing was recorded: this needs "
                                        "efi.touch=on on the command line");
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        if (deepest[i])
            report(i);
    return STATUS_OK;
}

STAGE(READY, 20_touch, "efi.touch") {
    return wanted ? efi_touch_report() : STATUS_OK;
}
