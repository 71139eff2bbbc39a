// Five levels of page tables where the machine came with four, or the reverse
// (la57=). The kernel's own table needs little for it: all that is mapped lies
// below one entry of the fifth level, so a table of five levels is one of four
// with a root above it.

#include "kernel/stage.h"
#include "lib/options.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/frames.h"
#include "mm/space.h"

#define LAST (TABLE_ENTRIES - 1) // in a root: where the kernel is

extern const char levels_start[], levels_end[]; // levels.asm

static unsigned wanted; // 0: as many as there are

static bool cpu_has_la57(void) {
    return cpuid(0, 0).eax >= 7 && cpuid(7, 0).ecx & 1u << 16;
}

static status_t read_la57(const char *word, uint32_t generation) {
    (void)generation;
    bool on = str_equal(word, "on"), off = str_equal(word, "off");
    if (!on && !off && !str_equal(word, "auto"))
        return fail(STATUS_INVALID, "la57=%s is none of: auto off on", word);
    if (on && !cpu_has_la57())
        return fail(STATUS_UNSUPPORTED,
                    "la57=on: this CPU has no 5-level paging (CPUID 7, ECX "
                    "bit 16)");
    wanted = on ? 5 : off ? 4 : 0;
    return STATUS_OK;
}

ROW(options, la57) = {"la57",
                      "five levels of page tables: auto (as found), on or off",
                      .read = read_la57};

// Gives kernel_table its other root. The old one is in use until CR3 changes.
static status_t change_root(void) {
    pa_t old_pa = kernel_table.root_pa;
    uint64_t *root = pa_to_va(old_pa);
    if (wanted == 5) {
        pa_t root_pa = frame_alloc();
        if (root_pa == 0)
            return fail(STATUS_NO_MEMORY, "la57: no frame for a fifth level");
        root = pa_to_va(root_pa);
        root[LAST] = old_pa | PTE_PRESENT | PTE_WRITE;
        kernel_table.root_pa = root_pa;
    } else {
        kernel_table.root_pa = root[LAST] & PTE_ADDRESS;
    }
    kernel_table.levels = wanted;
    return STATUS_OK;
}

// A clone of kernel_table that has the code for the change at VA = PA.
static status_t clone_with(pa_t code_pa, struct page_table *table) {
    TRY(space_clone(table));
    return page_table_map(table, code_pa, code_pa, PAGE_SIZE, MAP_ANY);
}

static status_t prepare(pa_t code_pa, struct page_table *here,
                        struct page_table *there) {
    if (code_pa == 0)
        return fail(STATUS_NO_MEMORY, "la57: no frame for the code");
    memcpy(pa_to_va(code_pa), levels_start, levels_end - levels_start);
    TRY(clone_with(code_pa, here));
    TRY(change_root());
    return clone_with(code_pa, there);
}

// All frames are below 4 GiB, as that code needs it (mm/frames.h). Where they
// do not suffice, kernel_table has to be again what CR3 says.
STAGE(SPACE, 00_levels, "la57") {
    struct page_table before = kernel_table, here, there;
    if (!wanted || wanted == before.levels)
        return STATUS_OK;
    pa_t code_pa = frame_alloc();
    status_t status = prepare(code_pa, &here, &there);
    if (status) {
        kernel_table = before;
        return status;
    }

    void (*change)(pa_t root_pa, uint64_t cr4) =
        (void (*)(pa_t, uint64_t))code_pa;
    write_cr3(here.root_pa);
    change(there.root_pa, read_cr4() ^ CR4_LA57);
    write_cr3(kernel_table.root_pa);

    page_table_free(&here);
    page_table_free(&there);
    frames_free(code_pa, 1);
    if (wanted == 4)
        frames_free(before.root_pa, 1);
    return STATUS_OK;
}
