// The kernel's command line: words between blanks, each `key` or `key=value`.
// Double quotes keep blanks inside a word (run="a b") and are not part of it.
// The last occurrence of a key wins, as in Linux.
//
// An option is a row of the table `options`, beside the variable that it sets:
//
//     static uint64_t seconds = 120; // the default
//     ROW(options, wait) = {.key = "wait",
//                           .help = "seconds to wait, 120 by default",
//                           .number = &seconds, .min = 1, .max = 3600};
//
// options_read() walks the table once, in the order of the ids, before memory
// is set up: a read() may look at the processor and set variables. A value may
// be a list, one word for each generation: wait=10,20*3,30.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/status.h"
#include "lib/table.h"

struct option {
    const char *key;
    const char *help; // README.md has it too, as the beginning of its row

    // One of these four says how a word is read. With none of them, other code
    // reads the option with option_get(): it is no list then.
    const char *words; // "off on": one of these words, the default first …
    unsigned *choice;  // … and its place among them, from 0
    uint64_t *number, min, max;
    char *text; // of `size` bytes, with the NUL
    size_t size;
    status_t (*read)(const char *word, uint32_t generation);
};

TABLE(options, struct option);

// Sets the variables of all options in `line` for that generation. INVALID, or
// what a read() returned: the reason has all mistakes of the line, each with
// what is accepted, and the variables concerned keep their defaults.
status_t options_read(const char *line, uint32_t generation);

// How many words of the line no row has as its key. The first of them go to the
// `size` bytes at `text`, with blanks between, without quotes and control
// characters.
size_t options_unknown(const char *line, char *text, size_t size);

// Is `key` there? Then its value goes to the `size` bytes at `value`: NUL-
// terminated, cut and marked if too long, "" for a key alone. Else `value` is
// left alone.
bool option_get(const char *line, const char *key, char *value, size_t size);

// A number alone, decimal or hex with 0x. False: it is none, or has more than
// 64 bits.
bool option_parse_number(const char *text, uint64_t *number);

// Splits a line of words in place: quotes go, each word gets its NUL. Returns
// how many there are, at most `max`; words[i] is where the i-th one began.
size_t option_words(char *line, const char **words, size_t max);
