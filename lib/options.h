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
// is set up: a read() may look at the processor and set variables.

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
    // reads the option with option_get(): it is never a list then.
    const char *words; // "off on": one of these words, the default first …
    unsigned *choice;  // … and its place among them, from 0
    uint64_t *number, min, max;
    char *text; // of `size` bytes, with the NUL
    size_t size;
    status_t (*read)(const char *word, uint32_t generation);
};

TABLE(options, struct option);

#define OPTION_WORD_BYTES 64 // of a word that a row reads, with its NUL

// At most one row: it says how a value may be a list, with a word for each
// generation. Without it, each generation reads the same word.
struct list {
    // Copies the word of that generation to the OPTION_WORD_BYTES bytes at
    // `word`. INVALID: a word is too long, or the list has an error anywhere.
    status_t (*pick)(const char *key, const char *value, uint32_t generation,
                     char *word);
};

TABLE(lists, struct list);

// Sets the variables of all options in `line` for that generation. INVALID, or
// what a read() returned: the reason has all mistakes of the line, each with
// what is accepted, and the variables concerned keep their defaults.
status_t options_read(const char *line, uint32_t generation);

// Is `key` there? Then its value goes to the `size` bytes at `value`: NUL-
// terminated, cut and marked if too long, "" for a key alone. Else `value` is
// left alone.
bool option_get(const char *line, const char *key, char *value, size_t size);

// A number alone, decimal or hex with 0x. False: it is none, or has more than
// 64 bits.
bool option_parse_number(const char *text, uint64_t *number);

// Copies the next word to the `size` bytes at `word`, without its quotes, and
// moves *line past it. A word that is cut is marked. `word` may be where the
// word begins. Quotes are dropped wherever they are, so "key=a b", the form in
// which GRUB passes it on, is the same as key="a b". False: the line is at its
// end.
bool option_next_word(const char **line, char *word, size_t size);
