// Where people type: the serial port, and what other annexes add. What they
// type is answered on all of them.

#pragma once

#include "lib/table.h"
#include "lib/types.h"

// A place to type at, and to read the answer.
struct console {
    const char *name; // of the device that is typed on
    void (*write)(const char *text, size_t bytes);

    // Takes the next byte that was typed; false if there is none yet.
    bool (*read)(char *byte);

    // Is that device there?
    bool (*answers)(void);

    // How much of the text stays in sight; NULL: all of it.
    void (*size)(unsigned *columns, unsigned *rows);
};

TABLE(consoles, struct console);

// To all of them.
void console_write(const char *text, size_t bytes);

// Takes the next byte that was typed on any of them, and gives which; NULL:
// there is none yet.
const struct console *console_read(char *byte);
