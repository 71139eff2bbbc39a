// The log's second place: text on a framebuffer, where there is one. On a PC
// without a serial port it is all that can be seen.

#pragma once

#include <linux/screen_info.h>

#include "boot/boot_info.h"
#include "lib/memory_map.h"
#include "lib/status.h"

// Maps the framebuffer and clears it. From here on text is shown, the first
// few lines included that were written before. OK as well where `info` has
// none: screen_write() then does nothing.
// UNSUPPORTED: not 32 bits per pixel. INVALID: a size that no screen has.
// REFUSED: it is in memory that, by `memory`, is used for something else.
status_t screen_open(const struct screen_info *info,
                     const struct memory_map *memory);

// Where to look, and how, if there is a panic before screen_open(). `info` and
// `memory` may be filled in later, and have to stay.
void screen_expect(const struct screen_info *info,
                   const struct memory_map *memory, memory_reader reader);

// For a panic: opens the screen, if it is none yet, through the reader that
// screen_expect() was given. Tried once.
void screen_rescue(void);

// How many characters it shows; none where there is no screen.
struct screen_size {
    unsigned columns, rows;
};
struct screen_size screen_size(void);

// Shows UTF-8 text; what the font lacks becomes a question mark. Of a
// terminal's control sequences those are understood that a line editor needs:
// CR, LF, BS, ESC [ n C, ESC [ n D, ESC [ K, ESC [ H, ESC [ J; and ESC [ n m
// for the colours 30 to 37, any other n for grey.
void screen_write(const char *text, size_t bytes);

// Clears the screen, and draws squares at its right edge, as large as possible:
// `modules` rows of as many bytes, `stride` apart, of which bit 0 means black;
// with `quiet` white ones around. From then on text keeps to the left of it.
// False, and nothing is changed, where there is no screen, or one too small.
bool screen_picture(const uint8_t *module, size_t stride, unsigned modules,
                    unsigned quiet);
