// Firmware with 32-bit words, called by a 64-bit kernel. Its code runs in
// compatibility mode, on the page table of its mapping mode and with the
// kernel's descriptor tables: so interrupts, the watchdog and the guard work as
// they do for 64-bit firmware. What it gets a pointer to has to be below 4 GiB:
// the kernel's image is, and in the kernel's page table the bounce buffer is
// mapped a second time.

#include "efi/call.h"
#include "efi/gate.h"
#include "efi/width.h"
#include "efi/width32/window.h"
#include "kernel/trap.h"
#include "lib/x86.h"
#include "mm/layout.h"
#include "mm/space.h"

// thunk.asm: the entry of each service, and where the landing page leads.
extern const va_t thunk_entry[EFI_SERVICES];
void thunk_back(void);

// Its table: the address of each service, and of the landing that the service
// returns to.
struct thunk_target {
    uint32_t function, landing_va;
};
extern struct thunk_target thunk_target[EFI_SERVICES];

// 32-bit code that enters 64-bit mode. A far jump contains its target (SDM
// vol. 2, JMP ptr16:32), so each place where it is mapped has its own.
struct landing {
    uint8_t far_jump;
    uint32_t next_va;
    uint16_t selector;
    uint8_t mov_rcx[2]; // 64-bit code from here on; any call may change RCX
    va_t back;
    uint8_t jmp_rcx[2];
} __attribute__((packed));

enum place { ON_PRIVATE, ON_KERNEL, PLACES };

static union {
    struct landing landing[PLACES];
    uint8_t page[PAGE_SIZE];
} page __attribute__((aligned(PAGE_SIZE)));

static va_t landing_va[PLACES];

static void fill(enum place place, va_t page_va) {
    va_t va = page_va + place * sizeof(struct landing);
    page.landing[place] = (struct landing){
        .far_jump = 0xea,
        .next_va = (uint32_t)va + offsetof(struct landing, mov_rcx),
        .selector = KERNEL_CS,
        .mov_rcx = {0x48, 0xb9},
        .back = (va_t)thunk_back,
        .jmp_rcx = {0xff, 0xe1}};
    landing_va[place] = va;
}

// The kernel's own mapping of the page is read-only from then on.
static status_t fill_page(uint64_t shift_on_kernel) {
    pa_t pa = image_pa_of(&page);
    if (landing_va[ON_KERNEL])
        return STATUS_OK;
    if (pa > EFI32_END - PAGE_SIZE)
        return fail(STATUS_REFUSED,
                    "the kernel is at %#lx, and 32-bit firmware has no "
                    "addresses from %#lx on",
                    pa, EFI32_END);
    fill(ON_PRIVATE, pa);
    fill(ON_KERNEL, (va_t)&page + shift_on_kernel);
    return page_table_protect(&kernel_table, (va_t)&page, PAGE_SIZE, MAP_READ);
}

status_t efi32_map_lower_half(struct page_table *table, const void *start,
                              uint64_t bytes) {
    va_t end = (va_t)start + bytes;
    pa_t pa;
    for (va_t va = align_down((va_t)start, PAGE_SIZE); va < end;
         va += PAGE_SIZE)
        if (!page_table_translate(table, (uint32_t)va, &pa))
            TRY(page_table_map(table, (uint32_t)va, image_pa_of((void *)va),
                               PAGE_SIZE, MAP_READ));
    return STATUS_OK;
}

static status_t map(struct page_table *table, uint64_t shift) {
    TRY(fill_page(firmware->width->bounce_shift));
    TRY(page_table_map(table, (va_t)&page + shift, image_pa_of(&page),
                       PAGE_SIZE, MAP_EXEC));
    TRY(efi32_map_lower_half(table, trap_gdt, TSS_SELECTOR + 16));
    return efi32_map_lower_half(table, trap_idt, sizeof(trap_idt));
}

static va_t entry(enum efi_service service, uint64_t function) {
    bool on_kernel = efi_calls[service].table_pa == kernel_table.root_pa;
    thunk_target[service] = (struct thunk_target){
        (uint32_t)function,
        (uint32_t)landing_va[on_kernel ? ON_KERNEL : ON_PRIVATE]};
    return thunk_entry[service];
}

// EDK II cuts an address that is too large for it, and returns EFI_SUCCESS: so
// this is checked before SetVirtualAddressMap, which can be called once.
static status_t check(const struct efi_regions *regions, const char *mode) {
    for (size_t i = 0; i < regions->count; i++) {
        const struct efi_region *r = &regions->region[i];
        if (!region_is_within(r, 0, EFI32_END))
            return fail(STATUS_REFUSED,
                        "mode %s puts the region at %#lx at va %#lx, and the "
                        "firmware has no addresses from %#lx on",
                        mode, r->pa, r->va, EFI32_END);
    }
    return STATUS_OK;
}

ROW(widths, 2_narrow) = {.word_bytes = 4,
                         .window_bottom = EFI32_BOTTOM,
                         .window_top = EFI32_TOP,
                         .run_bottom = EFI32_BOTTOM,
                         .run_top = EFI32_TOP,
                         .check = check,
                         .bounce_shift = EFI32_BOUNCE - KERNEL_BASE,
                         .map = map,
                         .entry = entry};

// A firmware that returns with the trap flag set traps at the landing first,
// and then in the kernel's code, where efi/guard/registers.c goes on.
static bool step_over(struct trap_frame *frame) {
    va_t at = frame->rip;
    bool is_landing =
        gate_current && (at - landing_va[ON_PRIVATE] < sizeof(struct landing) ||
                         at - landing_va[ON_KERNEL] < sizeof(struct landing));
    if (is_landing)
        frame->rflags |= RFLAGS_RF;
    return is_landing;
}

ROW(traps, 60_width32_step) = {VECTOR_DEBUG, VECTOR_DEBUG, .nested = true,
                               .handle = step_over};
