// Several lines of a text for people: see the header.

#include "kernel/report/lines.h"

#include "lib/log.h"

void say_lines(const char *prefix, const char *text) {
    while (*text) {
        int length = 0;
        while (text[length] && text[length] != '\n')
            length++;
        say("%s%.*s", prefix, length, text);
        text += length + (text[length] == '\n');
    }
}
