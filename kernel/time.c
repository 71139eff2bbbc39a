// The local APIC's timer, and one measurement against the PIT, whose frequency
// is the same on every PC.

#include "kernel/time.h"

#include "kernel/apic.h"
#include "kernel/arrival.h"
#include "kernel/trap.h"
#include "lib/log.h"
#include "lib/x86.h"

#define DIVIDE_BY_16 0x3

#define PIT_HZ          1193182
#define PIT_CHANNEL_0   0x40
#define PIT_CHANNEL_2   0x42
#define PIT_COMMAND     0x43
#define PIT_GATE        0x61
#define PIT_GATE_ON     0x01
#define PIT_SPEAKER     0x02
#define PIT_OUTPUT      0x20
#define PIT_ONE_SHOT    0xb0 // channel 2, both bytes, mode 0
#define PIT_ONE_SHOT_0  0x30 // the same for channel 0
#define PIT_STATUS_0    0xe2 // latch channel 0's status
#define PIT_STATUS_OUT  0x80
#define MEASURE_PER_SEC 100 // for 1/100 s
#define POLLS_MAX       10000000
#define FALLBACK_HZ     1000000000

// The PIT's output at the I/O APIC (ACPI 6.4 §5.2.12.5 has that as its example
// of an override).
#define PIT_PIN 2

struct handoff_clock kernel_clock;
uint64_t tsc_here;

static volatile uint64_t ticks;

// Lets PIT channel 2 count 1/100 s down. False if it never ends: newer chipsets
// can have the PIT's clock gated.
static bool wait_for_pit(void) {
    uint16_t count = PIT_HZ / MEASURE_PER_SEC;
    uint8_t gate = in8(PIT_GATE) & ~(PIT_SPEAKER | PIT_GATE_ON);
    out8(PIT_GATE, gate);
    out8(PIT_COMMAND, PIT_ONE_SHOT);
    out8(PIT_CHANNEL_2, (uint8_t)count);
    out8(PIT_CHANNEL_2, (uint8_t)(count >> 8));
    out8(PIT_GATE, gate | PIT_GATE_ON);
    for (unsigned i = 0; i < POLLS_MAX; i++)
        if (in8(PIT_GATE) & PIT_OUTPUT)
            return true;
    return false;
}

static void measure(void) {
    apic_write(APIC_TIMER, ENTRY_MASKED);
    apic_write(APIC_INITIAL_COUNT, UINT32_MAX);
    uint64_t tsc = read_tsc();
    bool measured = wait_for_pit();
    tsc = read_tsc() - tsc;
    uint32_t apic_count = UINT32_MAX - apic_read(APIC_CURRENT_COUNT);
    apic_write(APIC_INITIAL_COUNT, 0);
    kernel_clock.tsc_hz = measured ? tsc * MEASURE_PER_SEC : FALLBACK_HZ;
    kernel_clock.apic_hz =
        measured ? (uint64_t)apic_count * MEASURE_PER_SEC : FALLBACK_HZ / 16;
}

// Its mode as well: the firmware may have had another use for it.
static void watchdog_restart(void) {
    out8(PIT_COMMAND, PIT_ONE_SHOT_0);
    out8(PIT_CHANNEL_0, 0xff);
    out8(PIT_CHANNEL_0, 0xff);
}

static void watchdog_init(void) {
    uint32_t id = apic_read(APIC_ID);
    watchdog_restart();
    io_apic_write(IOAPIC_PIN_WHERE(PIT_PIN), apic_is_xapic() ? id : id << 24);
    io_apic_write(IOAPIC_PIN(PIT_PIN), DELIVER_NMI);
}

// If interrupts were not off, the firmware has told the APIC to let none pass.
bool time_watchdog_barked(bool again) {
    out8(PIT_COMMAND, PIT_STATUS_0);
    bool barked = in8(PIT_CHANNEL_0) & PIT_STATUS_OUT;
    write_cr8(0);
    if (barked && again)
        watchdog_restart();
    return barked;
}

status_t time_init(void) {
    TRY(arrival_silence());
    apic_write(APIC_DIVIDE, DIVIDE_BY_16);
    if (kernel_clock.tsc_hz == 0)
        measure();
    apic_write(APIC_TIMER, TIMER_PERIODIC | VECTOR_TIMER);
    apic_write(APIC_INITIAL_COUNT,
               max_u64(kernel_clock.apic_hz / TICKS_PER_SECOND, 1));
    interrupts_on();
    watchdog_init();
    return STATUS_OK;
}

uint64_t time_of(uint64_t cycles) {
    uint64_t hz = kernel_clock.tsc_hz;
    if (hz == 0)
        return 0;
    return cycles / hz * 1000000 + cycles % hz * 1000000 / hz;
}

uint64_t time_microseconds(void) {
    return time_of(read_tsc() - kernel_clock.tsc_start);
}

void time_tick(void) {
    ticks++;
    watchdog_restart();
    time_acknowledge();
}

void time_acknowledge(void) {
    apic_write(APIC_EOI, 0);
}

uint64_t time_ticks(void) {
    return ticks;
}

void time_stop(void) {
    interrupts_off();
    if (apic_stop_others())
        say("time: other processors: %s", why());
    io_apic_write(IOAPIC_PIN(PIT_PIN), ENTRY_MASKED);
    apic_write(APIC_TIMER, ENTRY_MASKED);
    apic_write(APIC_INITIAL_COUNT, 0);
}
