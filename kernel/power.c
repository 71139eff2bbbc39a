// The end of a run.

#include "kernel/power.h"

#include "lib/log.h"
#include "lib/types.h"
#include "lib/x86.h"

#define DEBUG_EXIT_PORT 0xf4
#define RESET_POLLS     100000 // of a port: 0.1 s, for a reset to come through

const char *outcome_name(enum outcome outcome) {
    static const char *const names[] = {"pass", "fail", "refused", "none"};
    return names[outcome - OUTCOME_PASS];
}

void power_off_after(enum outcome outcome) {
    out32(DEBUG_EXIT_PORT, outcome);
    power_halt();
}

void power_halt(void) {
    interrupts_off();
    for (;;)
        halt();
}

// The chipset's reset control register (since the PIIX3, 1996), the keyboard
// controller's line to the CPU's reset pin (since the AT, 1984), and what the
// CPU does when it has no way out.
void power_reset(void) {
    static const struct {
        const char *name;
        uint16_t port;
        uint8_t value;
    } ways[] = {{"the chipset", 0xcf9, 0x02}, // a hard one, …
                {"the chipset", 0xcf9, 0x06}, // … now
                {"the keyboard controller", 0x64, 0xfe}};
    interrupts_off();
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        say("power: reset by %s: %#x to port %#x", ways[i].name, ways[i].value,
            ways[i].port);
        out8(ways[i].port, ways[i].value);
        for (unsigned poll = 0; poll < RESET_POLLS; poll++)
            in8(ways[i].port);
    }
    say("power: reset by a triple fault");
    load_idt(&(struct table_register){0, 0});
    for (;;)
        invalid_opcode();
}
