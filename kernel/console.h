// The serial port: 16550 UART at COM1, 115200 8n1, polled.

#pragma once

#include "lib/types.h"

void console_init(void);
void console_write(const char *text, size_t bytes);

// Takes the next byte that was typed; false if there is none yet.
bool console_read(char *byte);
