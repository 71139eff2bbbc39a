// Words of a line: of a command, and of the kernel's command line those that no
// option has. Pure code.

#pragma once

#include <stddef.h>

// Splits a line of words in place: quotes go, each word gets its NUL. Returns
// how many there are, at most `max`; words[i] is where the i-th one began.
size_t words_split(char *line, const char **words, size_t max);

// How many words of the line are no option. The first of them go to the `size`
// bytes at `text`, with blanks between, without quotes and control characters.
size_t words_unknown(const char *line, char *text, size_t size);
