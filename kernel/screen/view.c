// What a person sees of the log on the screen: the lines for people, and each
// proof with its verdict in a colour. The other lines for programs stay on the
// serial port. And a map of memory, with the firmware in it.

#include "kernel/screen/view.h"
#include "efi/firmware.h"
#include "efi/types.h"
#include "kernel/screen/screen.h"
#include "kernel/stage.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

#define PROOF     "@proof "
#define VALUE_MAX 256
#define BAR       32 // characters
#define BAR_FIRST 31 // the colour of the first kind below
#define OTHER     2  // the last kind below: neither code nor data

// The value of a key; empty if the line has none. (lib/log.h: logfmt.)
static void value_of(const char *line, size_t bytes, const char *key,
                     char value[VALUE_MAX]) {
    size_t length = strlen(key), used = 0;
    *value = '\0';
    for (size_t at = 0; at + length < bytes; at++) {
        if (memcmp(line + at, key, length) != 0)
            continue;
        at += length;
        char end = line[at] == '"' ? '"' : ' ';
        for (at += end == '"'; at < bytes && line[at] != end &&
                               line[at] != '\n' && used < VALUE_MAX - 1;)
            value[used++] = line[at++];
        value[used] = '\0';
        return;
    }
}

static void write(const char *text) {
    screen_write(text, strlen(text));
}

// Green, red or yellow; the word says the same without a colour.
static unsigned colour_of(const char *verdict) {
    return str_equal(verdict, "pass")   ? 32
           : str_equal(verdict, "fail") ? 31
                                        : 33;
}

static void show_proof(const char *line, size_t bytes) {
    char check[VALUE_MAX], verdict[VALUE_MAX], detail[VALUE_MAX];
    char text[VALUE_MAX + 64];
    value_of(line, bytes, "check=", check);
    value_of(line, bytes, "verdict=", verdict);
    value_of(line, bytes, "detail=", detail);
    format(text, sizeof(text), "  \033[%um%s\033[0m %-10s %s\n",
           colour_of(verdict), verdict, check, detail);
    write(text);
}

static void write_line(uint32_t generation, const char *line, size_t bytes) {
    (void)generation;
    if (line[0] != '@')
        screen_write(line, bytes);
    else if (bytes > sizeof(PROOF) &&
             memcmp(line, PROOF, sizeof(PROOF) - 1) == 0)
        show_proof(line, bytes);
}

ROW(sinks, 11_screen) = {.write = write_line};

// ---- the map

static const struct kind {
    char letter;
    const char *name;
    uint32_t type;
} kinds[] = {
    {'C', "code", EFI_RUNTIME_SERVICES_CODE},
    {'D', "data", EFI_RUNTIME_SERVICES_DATA},
    {'M', "other", 0},
};

static unsigned kind_of(const struct efi_region *region) {
    unsigned kind = 0;
    while (kind + 1 < ARRAY_SIZE(kinds) && kinds[kind].type != region->type)
        kind++;
    return kind;
}

// One character of a bar: the kind of region in this part of memory, or a dot.
static void draw_part(pa_t pa, uint64_t bytes) {
    char text[24] = ".";
    for (size_t i = 0; i < firmware->regions.count; i++) {
        const struct efi_region *region = &firmware->regions.region[i];
        unsigned kind = kind_of(region);
        if (region->pa < pa + bytes &&
            pa < region->pa + region->pages * PAGE_SIZE)
            format(text, sizeof(text), "\033[%um%c\033[0m", BAR_FIRST + kind,
                   kinds[kind].letter);
    }
    write(text);
}

static void draw_bar(pa_t from, pa_t to) {
    char text[96];
    uint64_t part = align_up((to - from) / BAR, PAGE_SIZE);
    format(text, sizeof(text), "  %#12lx ", from);
    write(text);
    for (unsigned i = 0; i < BAR; i++)
        draw_part(from + i * part, part);
    format(text, sizeof(text), " %#lx\n", to);
    write(text);
}

void view_map(const struct memory_map *memory) {
    const struct efi_regions *regions = &firmware->regions;
    pa_t top = 0, first = 0, last = 0;
    if (screen_size().columns == 0 || regions->count == 0)
        return;
    for (size_t i = 0; i < memory->count; i++)
        if (memory->range[i].kind == MEMORY_USABLE)
            top = max_u64(top, memory->range[i].end);
    for (size_t i = 0; i < regions->count; i++)
        if (kind_of(&regions->region[i]) < OTHER) {
            const struct efi_region *region = &regions->region[i];
            first = first ? first : region->pa;
            last = region->pa + region->pages * PAGE_SIZE;
        }
    write("  The firmware in memory: \033[31mC\033[0mode, \033[32mD\033[0mata,"
          " device \033[33mM\033[0memory\n");
    draw_bar(0, max_u64(top, last));
    if (last > first)
        draw_bar(first, last);
    for (size_t i = 0; i < regions->count; i++)
        if (regions->region[i].pa >= max_u64(top, last))
            draw_bar(regions->region[i].pa,
                     regions->region[i].pa +
                         regions->region[i].pages * PAGE_SIZE);
}

STAGE(READY, 50_screen_map, "screen") {
    view_map(&kernel->boot.memory);
    return STATUS_OK;
}
