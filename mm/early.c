// The early page table, as boot/entry.asm leaves it, maps the image alone. A
// loader may put its data anywhere: Linux leaves it in the first MiB and at the
// top of RAM. So each read adds a 1:1 mapping to the table, by 2 MiB pages,
// with tables that are part of the image. page_table.c reaches them through
// `source` below.

#include "mm/early.h"

#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/layout.h"

#define TABLES 16 // one for each GiB that is looked at, and some above them

static uint8_t tables[TABLES][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static size_t taken;
static va_t image_offset; // from the image's physical addresses to its virtual

static pa_t take(void) {
    if (taken == TABLES) {
        say("mm: all %d tables of the early map are taken: nothing more can be "
            "read until there is another",
            TABLES);
        return 0;
    }
    return (va_t)memset(tables[taken++], 0, PAGE_SIZE) - image_offset;
}

static uint64_t *table_at(pa_t table_pa) {
    return (uint64_t *)(table_pa + image_offset);
}

static const struct frame_source source = {.alloc = take, .table_at = table_at};

struct page_table early_table(void) {
    return (struct page_table){read_cr3(), paging_levels(), 2, &source, 0};
}

void early_forget(void) {
    taken = 0;
    memset(table_at(read_cr3()), 0, PAGE_SIZE / 2); // the lower half
    write_cr3(read_cr3());
}

status_t early_start(pa_t image_pa) {
    if (!(read_msr(MSR_EFER) & EFER_NXE))
        return fail(STATUS_UNSUPPORTED,
                    "this CPU has no NX bit, or the firmware hides it (CPUID "
                    "80000001h, EDX bit 20)");
    image_offset = KERNEL_BASE - image_pa;
    early_forget();
    return STATUS_OK;
}

const void *early_read(pa_t pa, uint64_t bytes) {
    struct page_table table = early_table();
    pa_t limit = 1UL << cpuid_address_bits();
    if (pa == 0 || bytes > limit || pa > limit - bytes)
        return NULL;
    pa_t at = align_down(pa, LARGE_PAGE), there;
    for (; at < pa + bytes; at += LARGE_PAGE)
        if (!page_table_translate(&table, at, &there) &&
            page_table_map(&table, at, at, LARGE_PAGE, MAP_WRITE))
            return NULL;
    return (const void *)pa;
}
