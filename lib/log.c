// Formats a line on the stack and writes it out in one go.

#include "lib/log.h"

#include <stdarg.h>

#include "lib/format.h"
#include "lib/string.h"

uint64_t (*log_clock)(void);

static uint32_t generation;

void log_generation(uint32_t number) {
    generation = number;
}

// A line that is too long loses its end, which is marked, never its newline.
// Names and command lines in it come from outside: their control characters
// must neither end the line, and so forge an event, nor control the terminal.
__attribute__((format(printf, 3, 0))) static void
finish(char *line, size_t head, const char *text, va_list rest) {
    size_t size = LOG_LINE_MAX - 1;
    mark_cut(line, size, head + vformat(line + head, size - head, text, rest));
    size_t length = strnlen(line, size);
    for (size_t i = 0; i < length; i++)
        if ((uint8_t)line[i] < ' ' || line[i] == 0x7f)
            line[i] = ' ';
    line[length] = '\n';
    FOR_EACH_ROW(sinks, sink)
        if (sink->write)
            sink->write(generation, line, length + 1);
}

void log_prepare(void) {
    FOR_EACH_ROW(sinks, sink)
        if (sink->before)
            sink->before();
}

static size_t line_head(char *line) {
    uint64_t us = log_clock ? log_clock() : 0;
    return format(line, LOG_LINE_MAX, "g%u [%5lu.%06lu] ", generation,
                  us / 1000000, us % 1000000);
}

void say(const char *text, ...) {
    char line[LOG_LINE_MAX];
    log_prepare();
    size_t length = line_head(line);
    va_list arguments;
    va_start(arguments, text);
    finish(line, length, text, arguments);
    va_end(arguments);
}

void event(const char *name, const char *pairs, ...) {
    char line[LOG_LINE_MAX];
    log_prepare();
    size_t length = format(line, sizeof(line), "@%s gen=%u ", name, generation);
    va_list arguments;
    va_start(arguments, pairs);
    finish(line, length, pairs, arguments);
    va_end(arguments);
}
