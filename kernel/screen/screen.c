// A grid of character cells over the framebuffer that the firmware left behind.
//
// Video memory is uncached: a pixel takes as long to write as a hundred
// instructions, and reading one is slower still. So what the screen shows is
// kept in RAM as well, a byte per cell, and only what changes is drawn. For the
// same reason it scrolls by half of its height at a time.

#include "kernel/screen/screen.h"

#include "lib/string.h"
#include "mm/vmap/vmap.h"

#define CELL_WIDTH  8
#define CELL_HEIGHT 16

// Screens of more cells than this have larger ones: 8x16 would be tiny there.
#define COLUMNS_MAX 240
#define ROWS_MAX    75
#define COLUMNS_MIN 80
#define ROWS_MIN    25

// A picture leaves so many columns of text, and has dots of so many pixels.
#define PICTURE_BESIDE  50
#define PICTURE_DOT_MIN 2

#define SCREEN_BYTES_MAX (128 * MIB) // 8K; the vmap has room for it

#define INVERTED   0xff
#define WHITE      0x00ffffffu // in whatever order the colours are
#define GREY_PIXEL 0x00c0c0c0u

// Inks, by the last digit of ECMA-48's colours 30 to 37: bit 0 red, 1 green, 2
// blue. Grey is what text has without any.
#define INKS   8
#define GREY   7
#define FULL   0xc0 // of a colour that the ink has,
#define PALE   0x50 // or has not: on black, pure blue could not be read
#define COLOUR 30   // the number of the first one in a control sequence

// The font in PSF1, the older of Linux's two formats: a head of four bytes, one
// byte per row of each glyph, and then the characters that each one stands for.
// (The Makefile sees to it that it is that, and of this size.)
#define GLYPHS_AT 4
#define GLYPHS    256
#define SEPARATOR 0xffff

extern const uint8_t screen_font[];
extern const uint32_t screen_font_bytes;

static struct screen {
    volatile uint32_t *pixels; // NULL: no screen, or not yet
    size_t pitch;              // pixels from one row to the next
    unsigned zoom;             // pixels per dot of a glyph, in both directions
    unsigned columns, rows;
    unsigned column, row;   // of the cursor; column may be one too far
    unsigned width, height; // in pixels
    uint32_t colour[INKS];  // as the framebuffer has it
    uint8_t ink;            // of what is printed
    bool busy;
} screen;

static uint8_t cells[ROWS_MAX][COLUMNS_MAX]; // glyphs
static uint8_t inks[ROWS_MAX][COLUMNS_MAX];

// What comes before the screen is open.
static char early[2 * KIB];
static size_t early_bytes;

static void draw(unsigned row, unsigned column, uint8_t inversion) {
    unsigned zoom = screen.zoom;
    const uint8_t *glyph =
        screen_font + GLYPHS_AT + cells[row][column] * CELL_HEIGHT;
    uint32_t colour = screen.colour[inks[row][column]];
    volatile uint32_t *line = screen.pixels +
                              row * CELL_HEIGHT * zoom * screen.pitch +
                              column * CELL_WIDTH * zoom;
    for (unsigned y = 0; y < CELL_HEIGHT * zoom; y++, line += screen.pitch) {
        uint8_t dots = glyph[y / zoom] ^ inversion;
        volatile uint32_t *pixel = line;
        for (unsigned bit = 0x80; bit; bit >>= 1)
            for (unsigned i = 0; i < zoom; i++)
                *pixel++ = dots & bit ? colour : 0;
    }
}

static void draw_cursor(uint8_t inversion) {
    draw(screen.row, min_u64(screen.column, screen.columns - 1), inversion);
}

static void put(unsigned row, unsigned column, uint8_t glyph, uint8_t ink) {
    if (cells[row][column] == glyph && inks[row][column] == ink)
        return;
    cells[row][column] = glyph;
    inks[row][column] = ink;
    draw(row, column, 0);
}

// Moves all rows up by `rows`; what comes in from below is empty.
static void scroll(unsigned rows) {
    for (unsigned row = 0; row < screen.rows; row++)
        for (unsigned column = 0; column < screen.columns; column++)
            if (row + rows < screen.rows)
                put(row, column, cells[row + rows][column],
                    inks[row + rows][column]);
            else
                put(row, column, ' ', GREY);
}

static void new_line(void) {
    screen.column = 0;
    if (++screen.row < screen.rows)
        return;
    unsigned half = screen.rows / 2;
    scroll(half);
    screen.row -= half;
}

static void print(uint8_t glyph) {
    if (screen.column == screen.columns)
        new_line();
    put(screen.row, screen.column++, glyph, screen.ink);
}

// ASCII has its own places in every font of this kind.
static uint8_t glyph_of(uint32_t character) {
    unsigned glyph = 0;
    size_t at = GLYPHS_AT + GLYPHS * CELL_HEIGHT;
    for (; at + 1 < screen_font_bytes && glyph < GLYPHS; at += 2) {
        uint32_t entry = screen_font[at] | screen_font[at + 1] << 8;
        if (entry == SEPARATOR)
            glyph++;
        else if (entry == character)
            return glyph;
    }
    return '?';
}

// ---- from bytes to characters and commands

static struct {
    enum { TEXT, ESCAPE, SEQUENCE } state;
    uint32_t number;    // of a control sequence
    uint32_t character; // of which so many more bytes are to come:
    unsigned bytes_left;
} input;

static void control(uint8_t byte) {
    if (byte == '\n')
        new_line();
    else if (byte == '\r')
        screen.column = 0;
    else if (byte == '\b' && screen.column > 0)
        screen.column--;
    else if (byte == '\033')
        input.state = ESCAPE;
}

// ECMA-48 §8.3: CUF, CUB, EL, CUP and ED, the last two always for the whole
// screen; SGR for colours alone.
static void command(uint8_t letter, uint32_t number) {
    unsigned count = max_u64(number, 1), last = screen.columns - 1;
    if (letter == 'C')
        screen.column = min_u64(screen.column + count, last);
    else if (letter == 'D')
        screen.column -= min_u64(screen.column, count);
    else if (letter == 'K')
        for (unsigned column = screen.column; column <= last; column++)
            put(screen.row, column, ' ', GREY);
    else if (letter == 'H')
        screen.row = screen.column = 0;
    else if (letter == 'J')
        scroll(screen.rows);
    else if (letter == 'm')
        screen.ink = number - COLOUR < INKS ? number - COLOUR : GREY;
}

static void sequence(uint8_t byte) {
    if (input.state == ESCAPE) {
        input.state = byte == '[' ? SEQUENCE : TEXT;
        input.number = 0;
    } else if (byte >= '0' && byte <= '9') {
        input.number = min_u64(input.number * 10 + byte - '0', COLUMNS_MAX);
    } else if (byte >= '@') {
        input.state = TEXT;
        command(byte, input.number);
    }
}

static void take(uint8_t byte) {
    if (input.state != TEXT) {
        sequence(byte);
    } else if (byte < ' ') {
        control(byte);
    } else if (byte < 0x80) {
        print(byte);
    } else if (byte >= 0xc0) { // the first of two, three or four bytes
        input.bytes_left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        input.character = byte & 0x7f >> (input.bytes_left + 1);
    } else if (input.bytes_left > 0) {
        input.character = input.character << 6 | (byte & 0x3f);
        if (--input.bytes_left == 0)
            print(glyph_of(input.character));
    }
}

// A fault in here leads to a panic, whose report must not come here again.
void screen_write(const char *text, size_t bytes) {
    if (!screen.pixels && early_bytes + bytes <= sizeof(early)) {
        memcpy(early + early_bytes, text, bytes);
        early_bytes += bytes;
    }
    if (!screen.pixels || screen.busy)
        return;
    screen.busy = true;
    draw_cursor(0);
    for (size_t i = 0; i < bytes; i++)
        take(text[i]);
    draw_cursor(INVERTED);
    screen.busy = false;
}

static void fill(unsigned x, unsigned y, unsigned side, uint32_t colour) {
    for (unsigned row = 0; row < side; row++)
        for (unsigned column = 0; column < side; column++)
            screen.pixels[(y + row) * screen.pitch + x + column] = colour;
}

bool screen_picture(const uint8_t *module, size_t stride, unsigned modules,
                    unsigned quiet) {
    unsigned cell = CELL_WIDTH * screen.zoom, all = modules + 2 * quiet;
    if (!screen.pixels || screen.width <= PICTURE_BESIDE * cell)
        return false;
    unsigned dot =
        min_u64(screen.height, screen.width - PICTURE_BESIDE * cell) / all;
    if (dot < PICTURE_DOT_MIN)
        return false;
    unsigned left = screen.width - all * dot;
    draw_cursor(0);
    scroll(screen.rows);
    screen.row = screen.column = 0;
    screen.columns = min_u64(screen.columns, left / cell);
    for (unsigned y = 0; y < all; y++)
        for (unsigned x = 0; x < all; x++) {
            bool inside = y >= quiet && y < quiet + modules && x >= quiet &&
                          x < quiet + modules;
            bool dark = inside && module[(y - quiet) * stride + x - quiet] & 1;
            fill(left + x * dot, y * dot, dot, dark ? 0 : WHITE);
        }
    return true;
}

struct screen_size screen_size(void) {
    return (struct screen_size){screen.columns, screen.rows};
}

// ---- is it one?

static pa_t base_of(const struct screen_info *info) {
    bool wide = info->capabilities & VIDEO_CAPABILITY_64BIT_BASE;
    return (wide ? (pa_t)info->ext_lfb_base << 32 : 0) | info->lfb_base;
}

static uint64_t bytes_of(const struct screen_info *info) {
    return (uint64_t)info->lfb_linelength * info->lfb_height;
}

static status_t check_shape(const struct screen_info *info) {
    if (info->lfb_depth != 32)
        return fail(STATUS_UNSUPPORTED,
                    "screen: %u bits per pixel; only 32 are supported",
                    info->lfb_depth);
    if (info->lfb_width < COLUMNS_MIN * CELL_WIDTH ||
        info->lfb_height < ROWS_MIN * CELL_HEIGHT ||
        info->lfb_linelength < info->lfb_width * sizeof(uint32_t) ||
        info->lfb_linelength % sizeof(uint32_t) ||
        bytes_of(info) > SCREEN_BYTES_MAX)
        return fail(STATUS_INVALID,
                    "screen: %ux%u pixels in rows of %u bytes are not a screen",
                    info->lfb_width, info->lfb_height, info->lfb_linelength);
    return STATUS_OK;
}

// Device memory is a hole in the map, or reserved.
static status_t check_place(const struct screen_info *info,
                            const struct memory_map *memory) {
    const uint32_t device =
        1u << MEMORY_HOLE | 1u << MEMORY_RESERVED | 1u << MEMORY_MMIO;
    pa_t pa = base_of(info);
    uint64_t bytes = bytes_of(info);
    if (pa == 0 || !is_aligned(pa, sizeof(uint32_t)) || !range_fits(pa, bytes))
        return fail(STATUS_INVALID, "screen: no framebuffer can be at %#lx",
                    pa);
    uint32_t other = memory_map_kinds(memory, pa, bytes) & ~device;
    if (other)
        return fail(STATUS_REFUSED,
                    "screen: %#lx bytes at %#lx overlap memory that is %s",
                    bytes, pa, memory_kind_name(__builtin_ctz(other)));
    return STATUS_OK;
}

static void clear(const struct screen_info *info) {
    for (size_t i = 0; i < bytes_of(info) / sizeof(uint32_t); i++)
        screen.pixels[i] = 0;
    memset(cells, ' ', sizeof(cells));
    memset(inks, GREY, sizeof(inks));
}

static uint32_t colour_of(const struct screen_info *info, uint8_t ink) {
    const uint8_t at[] = {info->red_pos, info->green_pos, info->blue_pos};
    uint32_t colour = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(at); i++)
        if (at[i] < 32)
            colour |= (uint32_t)(ink >> i & 1 ? FULL : PALE) << at[i];
    return ink == GREY ? GREY_PIXEL : colour;
}

static void lay_out(const struct screen_info *info) {
    unsigned zoom = 1;
    while (info->lfb_width / (CELL_WIDTH * zoom) > COLUMNS_MAX ||
           info->lfb_height / (CELL_HEIGHT * zoom) > ROWS_MAX)
        zoom++;
    screen = (struct screen){
        .pixels = screen.pixels,
        .pitch = info->lfb_linelength / sizeof(uint32_t),
        .zoom = zoom,
        .columns = info->lfb_width / (CELL_WIDTH * zoom),
        .rows = info->lfb_height / (CELL_HEIGHT * zoom),
        .width = info->lfb_width,
        .height = info->lfb_height,
        .ink = GREY,
    };
    for (uint8_t ink = 0; ink < INKS; ink++)
        screen.colour[ink] = colour_of(info, ink);
}

static struct {
    const struct screen_info *info;
    const struct memory_map *memory;
    memory_reader reader; // NULL: nothing more is expected
} expected;

static status_t open_by(const struct screen_info *info,
                        const struct memory_map *memory, memory_reader reader) {
    size_t bytes = early_bytes;
    early_bytes = sizeof(early); // nothing is early any more
    expected.reader = NULL;
    if (info->orig_video_isVGA != VIDEO_TYPE_EFI &&
        info->orig_video_isVGA != VIDEO_TYPE_VLFB)
        return STATUS_OK;
    TRY(check_shape(info));
    TRY(check_place(info, memory));
    pa_t pa = base_of(info);
    screen.pixels = reader ? (volatile uint32_t *)reader(pa, bytes_of(info))
                           : space_device(pa, bytes_of(info));
    if (!screen.pixels)
        return STATUS_NO_MEMORY;
    lay_out(info);
    clear(info);
    screen_write(early, bytes);
    return STATUS_OK;
}

status_t screen_open(const struct screen_info *info,
                     const struct memory_map *memory) {
    return open_by(info, memory, NULL);
}

void screen_expect(const struct screen_info *info,
                   const struct memory_map *memory, memory_reader reader) {
    expected.info = info;
    expected.memory = memory;
    expected.reader = reader;
}

void screen_rescue(void) {
    if (expected.reader)
        open_by(expected.info, expected.memory, expected.reader);
}
