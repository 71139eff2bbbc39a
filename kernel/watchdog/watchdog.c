// PIT channel 0 counts down once, and the I/O APIC delivers the end of it as an
// NMI.
//
// Is an NMI the watchdog's? The PIT cannot be asked: it may have expired, and a
// tick may have restarted it before the NMI arrives, for instance on a host
// that did not run us for a while. But the time can: an NMI is the watchdog's
// if a period was over when it arrived, or when the PIT was last restarted.

#include "kernel/watchdog/watchdog.h"

#include "kernel/apic/apic.h"
#include "kernel/apic/io_apic.h"
#include "kernel/nmi/nmi.h"
#include "kernel/time.h"
#include "lib/x86.h"

// Intel 8254: mode 0, both bytes of the count. The count starts with the second
// byte; the command alone stops the channel, with its output low.
#define PIT_CHANNEL_0  0x40
#define PIT_COMMAND    0x43
#define PIT_ONE_SHOT_0 0x30
#define PIT_COUNT_MAX  0xffff
#define TRIAL_COUNT    120 // 0.1 ms
#define TRIAL_US       100000

// The PIT's output at the I/O APIC (ACPI 6.4 §5.2.12.5 has that as its example
// of an override).
#define PIT_PIN 2

static volatile bool running;
static volatile uint64_t restarted_at; // TSC; 0: never
static volatile bool restarted_late;   // a period was over then
static volatile bool on_trial;         // its NMI is awaited
static volatile uint64_t taken;        // NMIs

// 9/10 of it: two clocks measure it, the PIT and the TSC.
static bool period_is_over(uint64_t tsc) {
    return restarted_at &&
           time_of(tsc - restarted_at) >= WATCHDOG_PERIOD_US / 10 * 9;
}

static void pit_load(uint16_t count) {
    out8(PIT_COMMAND, PIT_ONE_SHOT_0);
    out8(PIT_CHANNEL_0, (uint8_t)count);
    out8(PIT_CHANNEL_0, (uint8_t)(count >> 8));
}

// An NMI in the middle of this restarts the PIT itself, between the two bytes
// of our count, perhaps. Then all of it is done again.
void watchdog_restart(void) {
    uint64_t before;
    if (!running)
        return;
    do {
        before = taken;
        pit_load(PIT_COUNT_MAX);
        uint64_t now = read_tsc();
        restarted_late = period_is_over(now);
        restarted_at = now;
    } while (taken != before);
}

// There is no other way to find out whether there is a PIT, and an I/O APIC
// with it at that pin.
static bool try_it(void) {
    uint64_t before = taken, deadline = time_ran() + TRIAL_US;
    on_trial = true;
    pit_load(TRIAL_COUNT);
    while (taken == before && time_ran() < deadline)
        spin_hint();
    on_trial = false;
    watchdog_restart();
    return taken != before;
}

// An ID of 8 bits is the upper part of the word, in xAPIC mode that of the
// local APIC's register as well.
bool watchdog_init(void) {
    uint32_t id = apic_read(APIC_ID);
    restarted_at = read_tsc();
    running = true;
    watchdog_restart();
    io_apic_write(IOAPIC_PIN_WHERE(PIT_PIN), apic_is_xapic() ? id : id << 24);
    io_apic_write(IOAPIC_PIN(PIT_PIN), DELIVER_NMI);
    return try_it();
}

// The read makes sure that the I/O APIC has taken the write; and what it had
// sent before arrives before the answer.
void watchdog_stop(void) {
    if (!running)
        return;
    running = false; // an NMI shall not restart it
    io_apic_write(IOAPIC_PIN(PIT_PIN), ENTRY_MASKED);
    io_apic_read(IOAPIC_PIN(PIT_PIN));
    out8(PIT_COMMAND, PIT_ONE_SHOT_0);
}

// Interrupts that are not off, and yet no tick: then the firmware has set the
// APIC to let none pass.
bool watchdog_take_nmi(va_t rip) {
    if (nmi_reason())
        return false;
    taken++;
    if (!on_trial && !restarted_late && !period_is_over(read_tsc()))
        nmi_count(rip);
    write_cr8(0);
    watchdog_restart();
    return true;
}
