// Where people are: the serial port (16550 UART at COM1, 115200 8n1), and what
// annexes add. The log goes there, and so does what is typed and answered.

#pragma once

#include "lib/table.h"
#include "lib/types.h"

// A place to read from and to type at.
struct console {
    const char *name; // of what is typed on
    void (*write)(const char *text, size_t bytes);

    // Takes the next byte that was typed; false if there is none yet.
    bool (*read)(char *byte);

    // Is there anything to type on?
    bool (*answers)(void);

    // How much of the text stays in sight; NULL: all that scrolls away is kept.
    void (*size)(unsigned *columns, unsigned *rows);
};

TABLE(consoles, struct console);

void console_init(void);

// To all of them.
void console_write(const char *text, size_t bytes);

// Takes the next byte that was typed on any of them, and gives which; NULL:
// there is none yet.
const struct console *console_read(char *byte);
