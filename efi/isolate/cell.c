// Descriptor tables that a cell may show: copies of the kernel's, in pages of
// their own, with stubs that change CR3. The kernel uses them as well from then
// on, so a trap takes the same way wherever it comes from.

#include "efi/isolate/cell.h"

#include "efi/firmware.h"
#include "efi/isolate/emulate.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/layout.h"

_Static_assert(offsetof(struct cell_data, gdt) == PAGE_SIZE,
               "the IDT fills a page");
_Static_assert(offsetof(struct cell_data, ports) ==
                   offsetof(struct cell_data, tss) + sizeof(struct task_state),
               "the ports are a part of the TSS");

#define TSS_AVAILABLE 0x89

const struct isolation *isolation;
union cell cell __attribute__((aligned(PAGE_SIZE)));

static void fill_idt(void) {
    memcpy(cell.data.idt, trap_idt, sizeof(cell.data.idt));
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        va_t stub = cell_stubs[vector];
        cell.data.idt[vector].offset_low = (uint16_t)stub;
        cell.data.idt[vector].offset_middle = (uint16_t)(stub >> 16);
        cell.data.idt[vector].offset_high = (uint32_t)(stub >> 32);
    }
}

// The base of a TSS is scattered over five fields of a descriptor of two
// entries (SDM vol. 3 §7.2.3).
static va_t tss_base(const uint64_t entry[2]) {
    return (entry[0] >> 16 & 0xffffff) | entry[0] >> 56 << 24 | entry[1] << 32;
}

static void move_tss(uint64_t entry[2], const struct task_state *tss) {
    va_t base = (va_t)tss;
    entry[0] = (uint64_t)TSS_AVAILABLE << 40 |
               (sizeof(*tss) + sizeof(cell.data.ports) - 1) |
               (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
    entry[1] = base >> 32;
}

static void fill_gdt(void) {
    uint64_t *descriptor = &cell.data.gdt[TSS_SELECTOR / 8];
    memcpy(cell.data.gdt, trap_gdt, TSS_SELECTOR + 2 * sizeof(*descriptor));
    cell.data.gdt[USER_CS / 8] = 0x00affb000000ffff;
    cell.data.gdt[USER_DS / 8] = 0x00cff3000000ffff;
    cell.data.gdt[USER_CS32 / 8] = 0x00cffb000000ffff;
    memcpy(&cell.data.tss, (const void *)tss_base(descriptor),
           sizeof(cell.data.tss));
    move_tss(descriptor, &cell.data.tss);
    cell.data.tss.io_map = sizeof(cell.data.tss);
    cell.data.ports[CELL_PORTS / 8] = 0xff; // the end (SDM vol. 1 §19.5.2)
    ports_map(cell.data.ports, CELL_PORTS);
}

unsigned cell_stacks(void) {
    unsigned most = 0;
    for (unsigned vector = 0; vector < VECTORS; vector++)
        most =
            cell.data.idt[vector].ist > most ? cell.data.idt[vector].ist : most;
    return most;
}

void cell_segments_load(void) {
    load_gdt(&(struct table_register){sizeof(cell.data.gdt) - 1,
                                      (va_t)cell.data.gdt},
             KERNEL_CS, KERNEL_DS);
}

void cell_tables_load(void) {
    uint64_t flags = interrupts_off();
    fill_idt();
    fill_gdt();
    cell.data.enter = (struct cell_enter){
        .cs = firmware->width->entry ? isolation->cs_32 : isolation->cs,
        .ss = isolation->ss};
    load_idt(
        &(struct table_register){sizeof(cell.data.idt) - 1, (va_t)&cell.data});
    cell_segments_load();
    load_task_register(TSS_SELECTOR);
    interrupts_restore(flags);
}

pa_t cell_handle(struct trap_frame *frame, pa_t found);

// Called by cell.asm; returns the CR3 to go on with. A call that was ended goes
// on in the kernel, on the table of the mode: the GDT may still be one that the
// firmware has loaded.
pa_t cell_handle(struct trap_frame *frame, pa_t found) {
    trap_handler(frame);
    bool is_over = gate_current && gate_current->outcome == GATE_FAULTED;
    return is_over ? gate_current->table_pa : found;
}
