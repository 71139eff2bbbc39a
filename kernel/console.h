// Where people are: the serial port (16550 UART at COM1, 115200 8n1), and the
// screen and the keyboard, where there are any.

#pragma once

#include "lib/types.h"

void console_init(void);
void console_write(const char *text, size_t bytes);

// Takes the next byte that was typed, on whichever of the two; false if there
// is none yet.
bool console_read(char *byte);
