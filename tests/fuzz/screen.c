// An arbitrary framebuffer description, and any text: an accepted screen does
// not overlap other memory, and nothing is drawn beyond its end.

#include "kernel/screen/screen.h"

#include "tests/fuzz/fuzz.h"

#define PIXELS_MAX (4 * MIB) // as much as a kernel of this target can map

struct {
    uint8_t head[4], glyphs[256][16];
    uint16_t table[4];
} screen_font = {.table = {0x41, 0xffff, 0x2026, 0xffff}};
const uint32_t screen_font_bytes = sizeof(screen_font);

static struct memory_map map;
static pa_t ram_pa;
static uint64_t ram_bytes;

// Not freed before the next one exists: the kernel keeps its screen for ever.
volatile void *space_device(pa_t pa, uint64_t bytes) {
    static void *last;
    assert_true(bytes > 0 && range_fits(pa, bytes));
    assert_false(ram_bytes && pa < ram_pa + ram_bytes && ram_pa < pa + bytes);
    if (bytes > PIXELS_MAX) {
        fail(STATUS_NO_MEMORY, "%lu bytes", bytes);
        return NULL;
    }
    free(last);
    return last = malloc(bytes);
}

static void fuzz(struct input in) {
    struct screen_info info;
    for (size_t i = 0; i < sizeof(info); i++)
        ((uint8_t *)&info)[i] = take(&in, 1);
    map.count = 0;
    ram_pa = take(&in, 8);
    ram_bytes = take(&in, 8);
    if (memory_map_put(&map, ram_pa, ram_bytes, MEMORY_USABLE))
        ram_bytes = 0;
    check_why(screen_open(&info, &map));
    while (in.left > 0) {
        struct input text = take_part(&in, take(&in, 1));
        screen_write((const char *)text.at, text.left);
    }
}
