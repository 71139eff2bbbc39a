// The reason of the latest failure: one buffer, overwritten by the next.

#include "lib/status.h"

#include <stdarg.h>
#include <stddef.h>

#include "lib/format.h"

static char latest[REASON_BYTES];

static char printable(char c) {
    if (c == '"')
        return '\'';
    return (unsigned char)c < ' ' || c == 0x7F ? ' ' : c;
}

void set_why(const char *reason, ...) {
    // The arguments may include why(), so the old reason must outlive them.
    char text[sizeof(latest)];
    va_list args;
    va_start(args, reason);
    mark_cut(text, sizeof(text), vformat(text, sizeof(text), reason, args));
    va_end(args);

    size_t n = 0;
    for (; text[n]; n++)
        latest[n] = printable(text[n]);
    latest[n] = '\0';
}

const char *why(void) {
    return latest;
}
