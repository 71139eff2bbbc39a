// The screen, on memory that ends where the framebuffer ends: the cells after
// various texts, and invalid framebuffers.

#include "kernel/screen/screen.h"

#include "tests/unit/unit.h"

#define BASE_PA 0x180000000UL
#define GLYPHS  256
#define HEIGHT  16

// A font in which each row of dots identifies its glyph, and a blank is blank.
struct {
    uint8_t head[4];
    uint8_t row[GLYPHS][HEIGHT];
    uint16_t table[2 * GLYPHS + 1];
} screen_font;
const uint32_t screen_font_bytes = sizeof(screen_font);

static uint8_t dots_of(unsigned glyph, unsigned y) {
    return (glyph ^ ' ') * (2 * y + 1);
}

static uint16_t character_of(unsigned glyph) {
    return glyph == 200   ? 0x2026 // …
           : glyph == 201 ? 0xe9   // é
           : glyph == 202 ? 0x416  // Ж
           : glyph < 128  ? glyph
                          : 0xe000 + glyph;
}

static void make_font(void) {
    uint16_t *entry = screen_font.table;
    for (unsigned glyph = 0; glyph < GLYPHS; glyph++) {
        for (unsigned y = 0; y < HEIGHT; y++)
            screen_font.row[glyph][y] = dots_of(glyph, y);
        *entry++ = character_of(glyph);
        *entry++ = 0xffff;
    }
}

// ---- the machine

static struct screen_info info;
static struct memory_map map;
static uint32_t *pixels;
static unsigned pitch; // in pixels

volatile void *space_device(pa_t pa, uint64_t bytes) {
    assert_int_equal(pa, BASE_PA);
    pixels = malloc(bytes);
    assert_non_null(pixels);
    memset(pixels, 0x5a, bytes);
    return pixels;
}

static int good(void **state) {
    (void)state;
    make_font();
    pitch = 1000;
    info = (struct screen_info){
        .orig_video_isVGA = VIDEO_TYPE_EFI,
        .capabilities = VIDEO_CAPABILITY_64BIT_BASE,
        .lfb_base = (uint32_t)BASE_PA,
        .ext_lfb_base = BASE_PA >> 32,
        .lfb_width = 647, // 80 columns and a rest
        .lfb_height = 411,
        .lfb_linelength = 4 * pitch,
        .lfb_depth = 32,
    };
    map.count = 0;
    return memory_map_put(&map, 0x4000000, 0x4000000, MEMORY_USABLE);
}

static int gone(void **state) {
    (void)state;
    free(pixels);
    pixels = NULL;
    return 0;
}

// Homes the cursor and clears the screen, which exists as long as the program.
static void open_with(const char *text) {
    assert_int_equal(screen_open(&info, &map), STATUS_OK);
    screen_write("\033[H\033[2J", 7);
    screen_write(text, strlen(text));
}

static bool inverted; // of the cell that was read last

// The glyph in a cell, checking all of its dots, each `zoom` pixels wide and
// high.
static unsigned glyph_at(unsigned row, unsigned column, unsigned zoom) {
    const uint32_t *cell =
        pixels + row * HEIGHT * zoom * pitch + column * 8 * zoom;
    uint8_t dots[HEIGHT] = {0};
    for (unsigned y = 0; y < HEIGHT * zoom; y++)
        for (unsigned x = 0; x < 8 * zoom; x++) {
            bool ink = cell[y * pitch + x] != 0;
            if (y % zoom == 0 && x % zoom == 0)
                dots[y / zoom] |= ink << (7 - x / zoom);
            assert_int_equal(ink, dots[y / zoom] >> (7 - x / zoom) & 1);
        }
    unsigned glyph = dots[0] ^ ' ';
    inverted = dots[1] != dots_of(glyph, 1);
    glyph ^= inverted ? 0xff : 0;
    for (unsigned y = 0; y < HEIGHT; y++)
        assert_int_equal(dots[y], dots_of(glyph, y) ^ (inverted ? 0xff : 0));
    return glyph;
}

static void expect_at(unsigned row, unsigned column, const char *text) {
    for (; *text; text++, column++)
        assert_int_equal(glyph_at(row, column, 1), (uint8_t)*text);
}

static void expect_cursor(unsigned row, unsigned column) {
    for (unsigned r = 0; r < 25; r++)
        for (unsigned c = 0; c < 80; c++) {
            glyph_at(r, c, 1);
            assert_int_equal(inverted, r == row && c == column);
        }
}

// ---- text

// The first test: text written before the screen existed comes first.
static void early_words_are_shown(void **state) {
    (void)state;
    screen_write("@boot\n", 6);
    screen_write("so far\n", 7);
    assert_int_equal(screen_open(&info, &map), STATUS_OK);
    expect_at(0, 0, "@boot ");
    expect_at(1, 0, "so far ");
    expect_cursor(2, 0);
}

static void nothing_outside_the_cells_changes(void **state) {
    (void)state;
    open_with("x");
    for (unsigned y = 0; y < info.lfb_height; y++)
        for (unsigned x = 0; x < pitch; x++)
            if (x >= 640 || y >= 400)
                assert_int_equal(pixels[y * pitch + x], 0);
}

static void lines_wrap_at_the_end(void **state) {
    (void)state;
    char line[161];
    memset(line, 'x', 160);
    line[79] = 'y';
    line[160] = '\0';
    open_with(line);
    expect_at(0, 78, "xy");
    expect_at(1, 0, "xx");
    expect_cursor(1, 79); // and not yet on a third line
    screen_write("\nz", 2);
    expect_at(2, 0, "z");
}

static void it_scrolls_by_half(void **state) {
    (void)state;
    open_with("first");
    for (char c = 'a'; c < 'a' + 24; c++)
        screen_write((char[]){'\n', c}, 2);
    expect_at(0, 0, "first");
    expect_at(24, 0, "x "); // the last of 25 rows
    screen_write("\nnext", 5);
    expect_at(0, 0, "l    ");
    expect_at(12, 0, "x ");
    expect_at(13, 0, "next");
    for (unsigned row = 14; row < 25; row++)
        expect_at(row, 0, "    ");
}

static void utf8_is_decoded(void **state) {
    (void)state;
    open_with("a…é–✓😀bЖ\xf0\x90\x96\x80.");
    expect_at(0, 0, "a\xc8\xc9???b\xca?. "); // not a Ж and the rest of a byte
}

// Only when its last byte has come: lines may be written in pieces.
static void characters_in_pieces(void **state) {
    (void)state;
    static const char *const characters[] = {
        "\u00e9", "\u07ff", "\u0800", "\uffff", "\U00010000", "\U000fffff"};
    for (size_t i = 0; i < ARRAY_SIZE(characters); i++) {
        size_t bytes = strlen(characters[i]);
        open_with("");
        for (size_t written = 0; written < bytes; written++) {
            expect_cursor(0, 0);
            screen_write(characters[i] + written, 1);
        }
        expect_cursor(0, 1);
        expect_at(0, 0, i ? "?" : "\xc9");
        free(pixels);
    }
    pixels = NULL;
}

static void broken_utf8_does_no_harm(void **state) {
    (void)state;
    open_with("\xc0\xbf"
              "a\xe2\x80"
              "b\x80\xff"
              "c\xc3"
              "d");
    expect_at(0, 0, "?ab?cd ");
}

static const struct {
    const char *text, *first_row;
    unsigned row, column; // of the cursor
} edits[] = {
    {"abc\rX", "Xbc ", 0, 1},
    {"abc\bX", "abX ", 0, 3},
    {"\b\b\bX", "X ", 0, 1},
    {"abc\033[2DX", "aXc ", 0, 2},
    {"abc\033[DX", "abX ", 0, 3},
    {"abc\033[99DX", "Xbc ", 0, 1},
    {"a\033[2CX", "a  X ", 0, 4},
    {"abcd\033[3D\033[K", "a    ", 0, 1},
    {"abc\033[HX", "Xbc ", 0, 1},
    {"abc\n\033[2JX", "    ", 1, 1},
    {"a\033[1;31mb\033[0mc", "abc ", 0, 3},
    {"a\033Xb", "ab ", 0, 2},
    {"a\033[?25hb\033[99999999999999Cc", "ab", 0, 79},
    {"a\x01\a-", "a- ", 0, 2},
};

static void a_line_can_be_edited(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
        open_with(edits[i].text);
        expect_at(0, 0, edits[i].first_row);
        expect_cursor(edits[i].row, edits[i].column);
        free(pixels);
    }
    pixels = NULL;
}

// Arbitrary bytes, under the sanitizers.
static void noise(void **state) {
    (void)state;
    uint64_t random = 1;
    open_with("");
    for (unsigned i = 0; i < 20000; i++) {
        static const char often[] = "\033[[0129CDKHJ\n\r\b";
        uint32_t number = next_random(&random);
        char byte =
            number & 0x100 ? (char)number : often[number % (sizeof(often) - 1)];
        screen_write(&byte, 1);
    }
}

// ---- colours, and a picture

static void colours_are_where_the_framebuffer_has_them(void **state) {
    (void)state;
    info.red_pos = 0;
    info.green_pos = 8;
    info.blue_pos = 16;
    open_with("\033[31mR\033[32mG\033[0mx\033[38mx\033[31m\033[29mx");
    const uint32_t colour[] = {0x5050c0, 0x50c050, 0xc0c0c0, 0xc0c0c0,
                               0xc0c0c0};
    for (unsigned column = 0; column < ARRAY_SIZE(colour); column++)
        for (unsigned y = 0; y < HEIGHT; y++)
            for (unsigned x = 0; x < 8; x++) {
                uint32_t pixel = pixels[y * pitch + column * 8 + x];
                assert_true(pixel == 0 || pixel == colour[column]);
            }
    expect_at(0, 0, "RGxxx");
}

static void a_picture_is_at_the_right_edge(void **state) {
    (void)state;
    static uint8_t module[21][30];
    open_with("text that goes away");
    module[0][0] = 1;
    module[20][20] = 3;
    assert_true(screen_picture(module[0], 30, 21, 4));
    const unsigned dot = 8, left = 647 - 29 * dot; // 647 - 400 pixels are free
    for (unsigned y = 0; y < 411; y++)
        for (unsigned x = left; x < 647; x++) {
            unsigned row = y / dot, column = (x - left) / dot;
            bool black = (row == 4 && column == 4) ||
                         (row == 24 && column == 24) || row >= 29;
            assert_int_equal(pixels[y * pitch + x], black ? 0 : 0xffffff);
        }
    assert_int_equal(screen_size().columns, left / 8);
    expect_at(0, 0, " ");
    screen_write("beside it", 9);
    expect_at(0, 0, "beside it");
}

static void a_picture_that_does_not_fit(void **state) {
    (void)state;
    static uint8_t module[125][125];
    open_with("x");
    assert_false(screen_picture(module[0], 125, 125, 4));
    expect_at(0, 0, "x");
    assert_int_equal(screen_size().columns, 80);
}

// ---- screens large, odd, and impossible

static void large_screens_have_large_cells(void **state) {
    (void)state;
    info.lfb_width = 3840;
    info.lfb_height = 2160;
    pitch = 3840;
    info.lfb_linelength = 4 * pitch;
    open_with("4K\r");
    assert_int_equal(glyph_at(0, 1, 2), 'K');
    assert_int_equal(glyph_at(0, 239, 2), ' ');
}

static void machines_without_a_screen(void **state) {
    (void)state;
    info.orig_video_isVGA = 1; // a text mode
    assert_int_equal(screen_open(&info, &map), STATUS_OK);
    info = (struct screen_info){0};
    assert_int_equal(screen_open(&info, &map), STATUS_OK);
    assert_null(pixels);
}

#define BAD(field, value, reason)                                              \
    {                                                                          \
        offsetof(struct screen_info, field),                                   \
            sizeof(((struct screen_info *)0)->field), value, reason            \
    }

static const struct {
    size_t offset, bytes;
    uint32_t value;
    const char *reason;
} bad[] = {
    BAD(lfb_depth, 24, "24 bits per pixel"),
    BAD(lfb_depth, 0, "0 bits per pixel"),
    BAD(lfb_width, 0, "0x411 pixels"),
    BAD(lfb_width, 639, "639x411 pixels"),
    BAD(lfb_width, 1001, "1001x411 pixels in rows of 4000 bytes"),
    BAD(lfb_width, 65535, "65535x411 pixels in rows of 4000 bytes"),
    BAD(lfb_height, 0, "647x0 pixels"),
    BAD(lfb_height, 399, "647x399 pixels"),
    BAD(lfb_height, 65535, "647x65535 pixels in rows of 4000 bytes"),
    BAD(lfb_linelength, 0, "in rows of 0 bytes"),
    BAD(lfb_linelength, 2584, "in rows of 2584 bytes"),
    BAD(lfb_linelength, 4001, "in rows of 4001 bytes"),
    BAD(lfb_linelength, 65535, "in rows of 65535 bytes"),
    BAD(lfb_base, 2, "can be at 0x100000002"),
};

static void bad_values_are_refused(void **state) {
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        good(state);
        memcpy((uint8_t *)&info + bad[i].offset, &bad[i].value, bad[i].bytes);
        assert_int_not_equal(screen_open(&info, &map), STATUS_OK);
        assert_contains(why(), bad[i].reason);
    }
    assert_null(pixels);
}

static void refuse_at(pa_t pa, const char *reason) {
    info.lfb_base = (uint32_t)pa;
    info.ext_lfb_base = pa >> 32;
    assert_int_not_equal(screen_open(&info, &map), STATUS_OK);
    assert_contains(why(), reason);
}

static void bad_places_are_refused(void **state) {
    (void)state;
    const uint64_t bytes = 411 * 4000;
    refuse_at(0, "can be at 0");
    refuse_at(~3UL, "can be at 0xfffffffffffffffc");
    refuse_at(0x5000000, "0x1915e0 bytes at 0x5000000 overlap memory that is "
                         "usable");
    refuse_at(0x4000004 - bytes, "overlap memory that is usable");
    refuse_at(0x7fffffc, "overlap memory that is usable");
    for (unsigned kind = MEMORY_USABLE; kind < MEMORY_KINDS; kind++) {
        map.count = 0;
        memory_map_put(&map, BASE_PA + bytes - 1, 1, kind);
        if (kind != MEMORY_RESERVED && kind != MEMORY_MMIO)
            refuse_at(BASE_PA, memory_kind_name(kind));
    }
    assert_null(pixels);
}

// Framebuffers are in reserved memory and in holes of the map.
static void good_places_are_taken(void **state) {
    (void)state;
    memory_map_put(&map, BASE_PA, 0x100000, MEMORY_RESERVED);
    memory_map_put(&map, 2 * BASE_PA, 0x100000, MEMORY_USABLE);
    open_with("x");
    expect_at(0, 0, "x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, good, gone)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(early_words_are_shown),
        TEST(nothing_outside_the_cells_changes),
        TEST(lines_wrap_at_the_end),
        TEST(it_scrolls_by_half),
        TEST(utf8_is_decoded),
        TEST(characters_in_pieces),
        TEST(broken_utf8_does_no_harm),
        TEST(a_line_can_be_edited),
        TEST(noise),
        TEST(colours_are_where_the_framebuffer_has_them),
        TEST(a_picture_is_at_the_right_edge),
        TEST(a_picture_that_does_not_fit),
        TEST(large_screens_have_large_cells),
        TEST(machines_without_a_screen),
        TEST(bad_values_are_refused),
        TEST(bad_places_are_refused),
        TEST(good_places_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
