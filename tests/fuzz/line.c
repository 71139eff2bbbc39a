// The prompt's line editor: with any input, the line remains a line of
// printable text with the cursor in it.

#include "kernel/monitor/line.h"

#include "tests/fuzz/fuzz.h"

static struct line line;

static void swallow(const char *text, size_t bytes) {
    assert_int_equal(memchr(text, '\0', bytes) != NULL, false);
}

static bool offer(const char *typed, size_t n, char *text, size_t size) {
    static const char *const known[] = {"help", "efi vars", "efi vars read"};
    if (n >= ARRAY_SIZE(known) + strnlen(typed, 40))
        return false;
    snprintf(text, size, "%s", known[n % ARRAY_SIZE(known)]);
    return true;
}

static void check(void) {
    size_t length = strnlen(line.text, LINE_BYTES);
    assert_true(length < LINE_BYTES && line.cursor <= length);
    assert_true(line.shown < LINE_HISTORY);
    for (size_t i = 0; i < length; i++)
        assert_true((uint8_t)line.text[i] >= ' ' && line.text[i] != 0x7f);
    for (size_t i = 0; i < LINE_HISTORY; i++)
        assert_true(strnlen(line.history[i], LINE_BYTES) < LINE_BYTES);
}

static void fuzz(struct input in) {
    memset(&line, 0, sizeof(line));
    line.write = swallow;
    line.offer = offer;
    strcpy(line.prompt, "g0> ");
    line_begin(&line);
    while (in.left > 0) {
        // Repeated bytes, because otherwise no line would ever be full.
        unsigned times = take(&in, 1), byte = take(&in, 1);
        for (times = times < 200 ? 1 : times - 199; times > 0; times--)
            if (line_take(&line, byte)) {
                check();
                line_begin(&line);
            }
        check();
    }
}
