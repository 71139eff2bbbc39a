// Editing a line: bytes from a terminal in, bytes for a terminal out, nothing
// else. Pure code, so that the tests can type at it on the host.
//
// The terminal has to know CR, LF, BEL and three sequences of ECMA-48: ESC[K
// (clear to the end of the line), ESC[nD (n to the left), ESC[H ESC[2J (clear
// all). A line that is wider than the terminal is shown in part.

#pragma once

#include "lib/types.h"

#define LINE_BYTES   512 // with the NUL
#define LINE_COLUMNS 79  // what is used of a terminal of the usual width
#define LINE_NARROW  20  // the least that there may be
#define LINE_HISTORY 16

struct line {
    // To be filled once.
    void (*write)(const char *text, size_t bytes);
    // Completion: the n-th whole line, counted from 0, that one may want who
    // has typed `typed`. It may offer others as well; false past the last one.
    bool (*offer)(const char *typed, size_t n, char *text, size_t size);

    size_t columns; // what is used of the terminal's width; 0: LINE_COLUMNS
    char prompt[16];
    char text[LINE_BYTES];
    size_t cursor;

    // Where in an escape sequence the last byte was, and its parameter.
    enum { TYPING, ESCAPED, IN_SEQUENCE, IN_STRING } state;
    char parameter;

    // Finished lines, the last one at 1; the line that is being written waits
    // at 0 while an older one is shown.
    char history[LINE_HISTORY][LINE_BYTES];
    size_t shown;
};

// Begins an empty line and shows the prompt.
void line_begin(struct line *line);

// Takes in what the terminal sent. True: the line is finished, in line->text.
bool line_take(struct line *line, char byte);
