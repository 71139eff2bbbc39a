// The cell: a page table for the firmware alone, and what it shows of the
// kernel. docs/isolate.md explains why; cell.asm has the way in and out.

#pragma once

#include "efi/gate.h"
#include "kernel/trap.h"
#include "lib/status.h"
#include "mm/page_table.h"

// Descriptors: the kernel's, by the same selectors, and those of privilege
// level 3.
#define USER_CS          0x30
#define USER_DS          0x38
#define USER_CS32        0x40
#define CELL_GDT_ENTRIES 9
#define CELL_PORTS       0x100 // that a service may use without a trap

// How the firmware is kept away from the kernel: a row for each word of
// efi.isolate=.
struct isolation {
    const char *name;
    uint64_t page;          // bits of the pages of a cell
    uint64_t cs, cs_32, ss; // of a service
};

extern const struct isolation *isolation; // NULL: not yet

#define PTE_USER (1UL << 2)

struct task_state { // SDM vol. 3 §7.7
    uint32_t reserved0;
    uint64_t rsp[3];
    va_t ist[8]; // the top of each stack; [0] is reserved
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));

// All data of the kernel that is mapped in a cell, read-only there: what the
// processor reads when a trap comes, and what cell.asm needs while CR3 is a
// cell's. Nothing else is in its pages.
struct cell_data {
    struct idt_entry idt[VECTORS];
    uint64_t gdt[CELL_GDT_ENTRIES];
    struct task_state tss;
    uint8_t ports[CELL_PORTS / 8 + 1]; // behind the TSS: 1 is a trap
    pa_t root;                         // of the cell in use, or of the last one
    pa_t home; // the page table of the mode, for the call under way
    struct cell_enter {
        uint64_t rip, cs, rflags, rsp, ss;
    } enter; // for the IRETQ that begins a service
};

extern union cell {
    struct cell_data data;
    uint8_t page[2 * PAGE_SIZE];
} cell;

// cell.asm: the pages of code that a cell maps; in them, a stub for each
// vector.
extern const char cell_text[], cell_text_end[];
extern const va_t cell_stubs[VECTORS];

// Fills the descriptor tables and loads them, for good.
void cell_tables_load(void);

// Loads the GDT again, after others did.
void cell_segments_load(void);

// How many stacks the TSS has for traps: ist[1] and those that follow.
unsigned cell_stacks(void);

// Makes the two cells empty: they map nothing but the kernel's part. NO_MEMORY.
status_t cell_empty(void);

// The cell in which calls run that would run on the mode's table with this
// root.
struct page_table *cell_of(pa_t root_pa);

// Maps in the tables of the modes what 32-bit firmware makes the processor look
// for there. NO_MEMORY, REFUSED.
status_t cell_known_to_modes(void);

// How many pages of the kernel a cell has, and how many of these can be written
// at privilege level 0.
struct cell_share {
    uint64_t read, write;
} cell_share(void);

// The observer of faults: maps a page that the firmware may have, by the page
// table of its mode. False: it may not.
bool cell_fill(struct gate_call *call, const struct gate_fault *fault);
