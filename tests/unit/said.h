// What the log says in a test: `said`, which the test empties.

#pragma once

#include "lib/log.h"
#include "tests/unit/unit.h"

static char said[1024];

static void hear(uint32_t generation, const char *text, size_t bytes) {
    (void)generation;
    size_t room = sizeof(said) - 1 - strlen(said);
    strncat(said, text, bytes < room ? bytes : room);
}

ROW(sinks, test) = {.write = hear};
