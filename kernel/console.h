// Where people are: the serial port (16550 UART at COM1, 115200 8n1), and the
// screen and the keyboard, where there are any.

#pragma once

#include "lib/types.h"

void console_init(void);
void console_write(const char *text, size_t bytes);

// Takes the next byte that was typed, on whichever of the two; false if there
// is none yet.
bool console_read(char *byte);

// What there is to type on.
struct console_input {
    bool serial, keyboard;
};
struct console_input console_input(void);

// Did the last byte that was taken come from the keyboard? Then whoever typed
// it looks at the screen.
bool console_is_keyboard(void);

// Rows of text that the screen shows at once, 0 without one; and how many of
// them a line of so many bytes takes.
size_t console_rows(void);
size_t console_rows_of(size_t bytes);
