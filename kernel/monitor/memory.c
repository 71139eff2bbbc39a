// Memory: what it is, physically, and how it is mapped.

#include "efi/firmware.h"
#include "efi/space.h"
#include "kernel/monitor/monitor.h"
#include "kernel/report/symbols.h"
#include "kernel/report/walk.h"
#include "kernel/stage.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/layout.h"
#include "mm/space.h"
#include "mm/visit/visit.h"
#include "mm/vmap/vmap.h"

#define CANONICAL_HOLE 0x0000800000000000 // with 4 levels
#define PICTURE_WIDTH  56
#define SIZE_BYTES     24

// The areas of mm/layout.h, from the top down.
static const struct area {
    va_t start;
    const char *name;
} areas[] = {
    {VMAP_BASE, "vmap: stacks, devices"},
    {KERNEL_BASE, "kernel image"},
    {EFI_WINDOW_START, "nothing"},
    {EFI_WINDOW_END, "firmware window: efi=fixed, efi=table, efi=naive"},
    {DIRECT_MAP_END, "nothing"},
    {DIRECT_MAP_BASE, "direct map of RAM, efi=direct"},
    {CANONICAL_HOLE, "nothing: with 4 levels not even canonical"},
    {EFI_CONTIGUOUS, "second quadrant: efi=contiguous, and the policies"},
    {0, "for VA = PA: efi=physical, efi=identity"},
};

static size_t area_of(va_t va) {
    size_t i = 0;
    while (va < areas[i].start)
        i++;
    return i;
}

// "512 KiB", "64 GiB": in the largest unit that leaves four digits.
static const char *size_words(uint64_t bytes, char text[SIZE_BYTES]) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (bytes /= KIB; bytes > 9999 && unit + 1 < ARRAY_SIZE(units); unit++)
        bytes /= KIB;
    format(text, SIZE_BYTES, "%lu %s", bytes, units[unit]);
    return text;
}

STAGE(LIVE, 00_memory, "memory") {
    const struct memory_map *map = &kernel->boot.memory;
    uint64_t above = memory_map_bytes(map, MEMORY_USABLE, FRAMES_END_PA);
    for (unsigned kind = MEMORY_USABLE; kind < MEMORY_KINDS; kind++) {
        uint64_t bytes = memory_map_bytes(map, kind, 0);
        if (bytes)
            say("mm: %8lu KiB %s", bytes / KIB, memory_kind_name(kind));
    }
    if (above)
        say("mm: %8lu KiB of that are above 4 GiB: not used here, but handed "
            "on",
            above / KIB);
    return STATUS_OK;
}

COMMAND(memory, .name = "memory", .help = "physical memory, by range") {
    char size[SIZE_BYTES];
    const struct memory_map *map = &monitored->boot.memory;
    for (size_t i = 0; i < map->count; i++) {
        const struct memory_range *r = &map->range[i];
        if (r->kind != MEMORY_HOLE)
            print("  0x%012lx - 0x%012lx %9s  %s", r->start, r->end,
                  size_words(r->end - r->start, size),
                  memory_kind_name(r->kind));
    }
    return STATUS_OK;
}

COMMAND(frames, .name = "frames", .help = "free frames, by extent") {
    char size[SIZE_BYTES];
    const struct frame_pool *pool = frames_pool();
    for (size_t i = 0; i < pool->count; i++) {
        const struct frame_extent *extent = &pool->extent[i];
        print("  0x%012lx - 0x%012lx %9s", extent->start, extent->end,
              size_words(extent->end - extent->start, size));
    }
    print("%lu frames of 4 KiB are free", pool->free_pages);
    return STATUS_OK;
}

// ---- one address

static void explain_frame(pa_t pa) {
    const struct boot_info *boot = &monitored->boot;
    pa_t end;
    enum memory_kind kind = memory_map_kind_at(&boot->memory, pa, &end);
    const struct efi_region *region =
        efi_region_of_pa(&firmware->regions, pa, 1);
    print("physically %#lx: %s", pa,
          kind ? memory_kind_name(kind) : "no memory");
    if (region)
        print("in the firmware's %s at %#lx, %lu pages, attributes %#lx",
              efi_memory_type_name(region->type), region->pa, region->pages,
              region->attribute);
}

static status_t explain(const struct page_table *table, const char *word) {
    struct page_walk walk;
    char text[512];
    va_t va;
    TRY(word_address(word, &va));
    page_table_walk(table, va, &walk);
    page_walk_explain(&walk, text, sizeof(text));
    print("%.*s", (int)strlen(text) - 1, text); // which ends in a newline
    print("in the area: %s", areas[area_of(va)].name);
    if (is_kernel_text(va)) {
        symbol_format(va, text, sizeof(text));
        print("in the kernel's code: %s", text);
    }
    if (space_is_stack_guard(va))
        print("in the guard page below a stack");
    if (walk.mapped)
        explain_frame(walk.pa);
    return STATUS_OK;
}

static status_t table_of_firmware(const struct page_table **table) {
    *table = &firmware_table;
    if ((*table)->root_pa == 0)
        return fail(STATUS_UNSUPPORTED, "this generation does not call the "
                                        "firmware, so it has no table for it");
    return STATUS_OK;
}

COMMAND(pt, .name = "pt", .arguments = "ADDRESS",
        .help = "walk the page table, explain the address") {
    return explain(&kernel_table, words->word[0]);
}

COMMAND(pt_firmware, .name = "pt firmware", .arguments = "ADDRESS",
        .help = "the same in the firmware's own table") {
    const struct page_table *table;
    TRY(table_of_firmware(&table));
    return explain(table, words->word[0]);
}

// ---- all addresses

static const char *const rights[] = {"r--", "rw-", "r-x", "rwx"};

struct picture {
    uint64_t bytes[ARRAY_SIZE(areas)][ARRAY_SIZE(rights)];
};

static bool add_leaf(const struct leaf *leaf, void *context) {
    struct picture *picture = context;
    unsigned write = (leaf->entry & PTE_WRITE) != 0;
    unsigned exec = (leaf->entry & PTE_NX) == 0;
    picture->bytes[area_of(leaf->va)][2 * exec + write] +=
        level_bytes(leaf->level);
    return true;
}

static void draw_edge(va_t va) {
    char edge[PICTURE_WIDTH + 1];
    memset(edge, '-', PICTURE_WIDTH);
    edge[PICTURE_WIDTH] = '\0';
    print("  0x%016lx +%s+", va, edge);
}

static status_t draw(const struct page_table *table) {
    struct picture picture = {0};
    char size[SIZE_BYTES], line[PICTURE_WIDTH];
    page_table_each(table, add_leaf, &picture);
    draw_edge(UINT64_MAX);
    for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
        print("  %18s | %-*s|", "", PICTURE_WIDTH - 1, areas[i].name);
        for (size_t kind = 0; kind < ARRAY_SIZE(rights); kind++) {
            if (picture.bytes[i][kind] == 0)
                continue;
            format(line, sizeof(line), "%s %9s", rights[kind],
                   size_words(picture.bytes[i][kind], size));
            print("  %18s |   %-*s|", "", PICTURE_WIDTH - 3, line);
        }
        draw_edge(areas[i].start);
    }
    return STATUS_OK;
}

COMMAND(map, .name = "map",
        .help = "the kernel's address space, as a picture") {
    return draw(&kernel_table);
}

COMMAND(map_firmware, .name = "map firmware",
        .help = "the same for the firmware's own table") {
    const struct page_table *table;
    TRY(table_of_firmware(&table));
    return draw(table);
}
