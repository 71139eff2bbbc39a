// The kernel command line: words between blanks, each `key` or `key=value`.
// Double quotes keep blanks inside a word (run="a b") and are not part of it.
// The last occurrence of a key wins, as in Linux.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/status.h"

// Is `key` there? Then its value goes to the `size` bytes at `value`: NUL-
// terminated, cut if too long, "" for a key alone. Else `value` is left alone.
bool option_get(const char *line, const char *key, char *value, size_t size);

// Takes the next word from the front of *line: without its quotes, cut to the
// `size` bytes at `word`, NUL-terminated. False, and `word` left alone, where
// there are no more. *line is read only, and moved behind the word.
bool option_next(const char **line, char *word, size_t size);

// The value of `key` as a number, decimal or hex with 0x, from `min` to `max`;
// `otherwise` if the key is not there. STATUS_INVALID: not such a number; the
// reason names the option and the range, and *out is left alone.
status_t option_number(const char *line, const char *key, uint64_t min,
                       uint64_t max, uint64_t otherwise, uint64_t *out);

// A number alone, decimal or hex with 0x. False: it is none, or has more than
// 64 bits.
bool option_parse_number(const char *text, uint64_t *number);

// Splits a line of words in place: quotes go, each word gets its NUL. Returns
// how many there are, at most `max`; words[i] is where the i-th one began.
size_t option_words(char *line, const char **words, size_t max);

// The value of `key` as a list, "a*3,b": words between commas, each of which
// may say how many places it takes. Copies the word at place `index`, from 0,
// or the last one if there are fewer, and counts all places. STATUS_INVALID: a
// number that is none, or more than `max` places; the reason names it.
// STATUS_NOT_FOUND: no `key`. Word and count stay what they were then.
status_t option_list(const char *line, const char *key, uint64_t index,
                     uint64_t max, char *word, size_t size, uint64_t *count);
