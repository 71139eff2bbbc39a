// Lists in options, one word for each generation: wait=10,20*3,30 is 10 in
// generation 0, 20 in the next three, and 30 in all that follow.

#include "lib/format.h"
#include "lib/options.h"
#include "lib/string.h"

#define NUMBER_BYTES 32 // 2^64 - 1 in decimal, with a few leading zeros

// Copies up to one of two characters or the end, and returns where that is.
// NULL: that is longer than `size` allows.
static const char *take_part(const char *at, char a, char b, char *part,
                             size_t size) {
    size_t length = 0;
    while (at[length] && at[length] != a && at[length] != b)
        length++;
    mark_cut(part, size, format(part, size, "%.*s", (int)length, at));
    return length < size ? at + length : NULL;
}

static status_t pick(const char *key, const char *value, uint32_t generation,
                     char *word) {
    bool found = false;
    uint64_t left = generation; // until the part that is looked for

    for (const char *at = value;; at++) {
        char part[OPTION_WORD_BYTES], times_text[NUMBER_BYTES] = "1";
        uint64_t times;
        at = take_part(at, ',', '*', part, sizeof(part));
        if (at && *at == '*')
            at = take_part(at + 1, ',', ',', times_text, sizeof(times_text));
        if (!at)
            return fail(STATUS_INVALID,
                        "%s=: a word of more than %d characters, or a number "
                        "of more than %d: %s",
                        key, OPTION_WORD_BYTES - 1, NUMBER_BYTES - 1, part);
        if (!option_parse_number(times_text, &times) || times == 0)
            return fail(STATUS_INVALID, "%s=: %s*%s: not a number of times",
                        key, part, times_text);
        if (!found)
            str_copy(word, OPTION_WORD_BYTES, part);
        found |= left < times;
        left -= found ? 0 : times;
        if (!*at)
            return STATUS_OK;
    }
}

ROW(lists, generations) = {pick};
