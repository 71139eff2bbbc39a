// The reason of the latest failure: one buffer, overwritten by the next.

#include "lib/status.h"

#include <stdarg.h>
#include <stddef.h>

#include "lib/format.h"

static struct reason latest;

static char printable(char c) {
    if (c == '"')
        return '\'';
    return (unsigned char)c < ' ' || c == 0x7F ? ' ' : c;
}

void set_why(const char *reason, ...) {
    // The arguments may include why(), so the old reason must outlive them.
    char text[sizeof(latest.text)];
    va_list args;
    va_start(args, reason);
    mark_cut(text, sizeof(text), vformat(text, sizeof(text), reason, args));
    va_end(args);

    size_t n = 0;
    for (; text[n]; n++)
        latest.text[n] = printable(text[n]);
    latest.text[n] = '\0';
}

const char *why(void) {
    return latest.text;
}

struct reason why_keep(void) {
    return latest;
}

void why_restore(const struct reason *reason) {
    latest = *reason;
}
