// Looks an address up in the symbol table that tools/symbols makes of the first
// link of the kernel: offsets into the image in ascending order, and names.

#include "kernel/report/symbols.h"

#include "lib/format.h"
#include "lib/string.h"
#include "mm/layout.h"
#include "mm/space.h"

struct symbol {
    uint32_t offset;      // from KERNEL_BASE
    uint32_t name_offset; // from symbol_names
};

extern const uint32_t symbol_count;
extern const struct symbol symbol_table[];
extern const char symbol_names[];

size_t symbol_format(va_t va, char *text, size_t size) {
    uint32_t low = 0, high = symbol_count;
    if (!is_kernel_text(va))
        return format(text, size, "%#lx", va);
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (KERNEL_BASE + symbol_table[middle].offset <= va)
            low = middle;
        else
            high = middle;
    }
    if (symbol_count == 0)
        return format(text, size, "%#lx", va);
    size_t length = format(text, size, "%s+%#lx",
                           symbol_names + symbol_table[low].name_offset,
                           va - KERNEL_BASE - symbol_table[low].offset);
    mark_cut(text, size, length);
    return length;
}

bool symbol_find(const char *name, va_t *va) {
    for (uint32_t i = 0; i < symbol_count; i++)
        if (str_equal(symbol_names + symbol_table[i].name_offset, name)) {
            *va = KERNEL_BASE + symbol_table[i].offset;
            return true;
        }
    return false;
}
