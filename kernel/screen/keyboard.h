// The PS/2 keyboard, or whatever the PC shows as one, as if it were a terminal.

#pragma once

#include <stdbool.h>

// The next byte, if a key has been pressed: ASCII of the US layout, or a byte
// of what a terminal sends for an arrow, Home, End, Delete (ESC [ A, …). False
// if there is none, or no keyboard. Does not wait.
bool keyboard_read(char *byte);

// Does a keyboard answer? Asks it to, and waits 0.1 s for that at most. A key
// that is pressed meanwhile is lost.
bool keyboard_answers(void);
