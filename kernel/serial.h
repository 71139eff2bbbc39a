// The serial port, a 16550 UART at COM1 with 115200 8n1. The log goes there.

#pragma once

#include "lib/types.h"

#define SERIAL_PORT 0x3f8

void serial_init(void);

// A newline becomes CR and LF. From any context.
void serial_write(const char *text, size_t bytes);
