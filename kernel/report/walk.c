// Entries of page tables in words, bit by bit (SDM vol. 3 §4.5).

#include "kernel/report/walk.h"

#include "lib/format.h"

static const char *const level_name[] = {"",     "PT",   "PD",
                                         "PDPT", "PML4", "PML5"};

// One entry, e.g. "2 MiB at 0x200000, read-only, no execute".
static void explain_entry(uint64_t entry, unsigned level, char *text,
                          size_t size) {
    static const char *const unit[] = {"", "4 KiB", "2 MiB", "1 GiB"};
    if (!(entry & PTE_PRESENT))
        append(text, size, "not present\n");
    else if (!page_is_leaf(entry, level))
        append(text, size, "table at %#lx\n", entry & PTE_ADDRESS);
    else
        append(text, size, "%s at 0x%lx, %s%s%s%s%s\n", unit[level],
               page_pa(entry, level),
               entry & PTE_WRITE ? "writable" : "read-only",
               entry & PTE_NX ? ", no execute" : ", executable",
               entry & PTE_PCD ? ", uncached" : "",
               entry & PTE_ACCESSED ? ", accessed" : "",
               entry & PTE_DIRTY ? ", dirty" : "");
}

void page_walk_explain(const struct page_walk *walk, char *text, size_t size) {
    *text = '\0';
    if (walk->count == 0)
        append(text, size, "%#lx is not canonical\n", walk->va);
    for (unsigned i = 0; i < walk->count; i++) {
        uint64_t entry = walk->step[i].entry;
        unsigned level = walk->step[i].level;
        append(text, size, "%-4s[%3u] = %016lx  ", level_name[level],
               walk->step[i].index, entry);
        explain_entry(entry, level, text, size);
    }
}
