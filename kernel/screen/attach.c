// Screen and keyboard as one console, and when they come into use.

#include "kernel/console/console.h"
#include "kernel/screen/keyboard.h"
#include "kernel/screen/screen.h"
#include "kernel/stage.h"
#include "mm/early.h"

static void size(unsigned *columns, unsigned *rows) {
    struct screen_size found = screen_size();
    *columns = found.columns;
    *rows = found.rows;
}

ROW(consoles, 50_screen) = {"keyboard", screen_write, keyboard_read,
                            keyboard_answers, size};

STAGE(FIRST, 50_screen_expect, "screen") {
    screen_expect(&kernel->boot.screen, &kernel->boot.memory, early_read);
    return STATUS_OK;
}

// A screen that is not to be trusted is not handed on either.
STAGE(SPACE, 50_screen_open, "screen") {
    struct boot_info *boot = &kernel->boot;
    status_t status = screen_open(&boot->screen, &boot->memory);
    if (status)
        boot->screen = (struct screen_info){0};
    return status;
}

STAGE(PANIC, 10_screen_rescue, "screen") {
    screen_rescue();
    return STATUS_OK;
}
