// Starts the machine again: see the header.

#include "kernel/reboot/reboot.h"

#include "kernel/acpi/acpi.h"
#include "lib/log.h"
#include "lib/x86.h"
#include "mm/space.h"
#include "mm/vmap/vmap.h"

#define WAIT_PORT   0x64   // any: reading one takes 1 us
#define RESET_POLLS 100000 // of a port: 0.1 s, for a reset to come through

static void wait_for_reset(void) {
    for (unsigned poll = 0; poll < RESET_POLLS; poll++)
        in8(WAIT_PORT);
}

// A register in memory may be one of any device: it is mapped for this.
static status_t put(const struct acpi_reset *reset) {
    if (!reset->is_memory) {
        out8((uint16_t)reset->address, reset->value);
        return STATUS_OK;
    }
    volatile uint8_t *at = space_device(reset->address, 1);
    if (!at)
        return STATUS_UNSUPPORTED; // space_device() says why
    *at = reset->value;
    return STATUS_OK;
}

static status_t reset_by_acpi(pa_t rsdp_pa) {
    struct acpi_reset reset;
    TRY(acpi_find_reset(rsdp_pa, physical_read, &reset));
    say("power: reset by ACPI: %#x to %s %#lx", reset.value,
        reset.is_memory ? "address" : "port", reset.address);
    TRY(put(&reset));
    wait_for_reset();
    return STATUS_OK;
}

// The chipset's reset control register (since the PIIX3, 1996), the keyboard
// controller's line to the CPU's reset pin (since the AT, 1984), and what the
// CPU does when it has no way out.
void reboot(pa_t rsdp_pa) {
    static const struct {
        const char *name;
        uint16_t port;
        uint8_t value;
    } ways[] = {{"the chipset", 0xcf9, 0x02}, // a hard one, …
                {"the chipset", 0xcf9, 0x06}, // … now
                {"the keyboard controller", 0x64, 0xfe}};
    interrupts_off();
    if (reset_by_acpi(rsdp_pa))
        say("power: no reset by ACPI: %s", why());
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        say("power: reset by %s: %#x to port %#x", ways[i].name, ways[i].value,
            ways[i].port);
        out8(ways[i].port, ways[i].value);
        wait_for_reset();
    }
    say("power: reset by a triple fault");
    load_idt(&(struct table_register){0, 0});
    for (;;)
        invalid_opcode();
}
