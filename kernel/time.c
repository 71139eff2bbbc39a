// The local APIC (SDM vol. 3 ch. 10), in whichever of its two modes it is, and
// one measurement against the PIT, whose frequency is the same on every PC.

#include "kernel/time.h"

#include "kernel/trap.h"
#include "lib/x86.h"
#include "mm/space.h"

#define APIC_ENABLED (1u << 11) // in MSR_APIC_BASE
#define APIC_X2APIC  (1u << 10)
#define APIC_BASE    0x000ffffffffff000UL
#define X2APIC_MSR   0x800

// Registers, by their offset in the xAPIC's page; the MSR is offset / 16.
#define APIC_ID            0x020
#define APIC_TASK_PRIORITY 0x080
#define APIC_EOI           0x0b0
#define APIC_SPURIOUS      0x0f0
#define APIC_TIMER         0x320
#define APIC_INITIAL_COUNT 0x380
#define APIC_CURRENT_COUNT 0x390
#define APIC_DIVIDE        0x3e0

#define SOFTWARE_ENABLE 0x100
#define TIMER_PERIODIC  (1u << 17)
#define TIMER_MASKED    (1u << 16)
#define DIVIDE_BY_16    0x3

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

// The I/O APIC where every chipset has the first one; the PIT's output is at
// its pin 2 (ACPI 6.4 §5.2.12.5 has that as its example of an override).
#define IOAPIC_PA    0xfec00000
#define IOAPIC_DATA  (0x10 / 4)
#define IOAPIC_PIN_2 0x14 // and where it goes: 0x15
#define DELIVER_NMI  (4u << 8)
#define PIN_MASKED   (1u << 16)

struct handoff_clock kernel_clock;
uint64_t tsc_here;

static volatile uint32_t *apic; // NULL: x2APIC, through MSRs
static volatile uint32_t *io_apic;
static volatile uint64_t ticks;

static void apic_write(uint32_t reg, uint32_t value) {
    if (apic)
        apic[reg / 4] = value;
    else
        write_msr(X2APIC_MSR + reg / 16, value);
}

static uint32_t apic_read(uint32_t reg) {
    return apic ? apic[reg / 4] : (uint32_t)read_msr(X2APIC_MSR + reg / 16);
}

static status_t apic_open(void) {
    uint64_t base = read_msr(MSR_APIC_BASE);
    if (!(base & APIC_ENABLED))
        return fail(STATUS_UNSUPPORTED,
                    "time: the local APIC is off (IA32_APIC_BASE %#lx)", base);
    if (!(base & APIC_X2APIC)) {
        apic = space_device(base & APIC_BASE, PAGE_SIZE);
        if (!apic)
            return STATUS_NO_MEMORY;
    }
    apic_write(APIC_SPURIOUS, SOFTWARE_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_DIVIDE, DIVIDE_BY_16);
    return STATUS_OK;
}

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
    apic_write(APIC_TIMER, TIMER_MASKED);
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

static void io_apic_write(uint32_t reg, uint32_t value) {
    io_apic[0] = reg;
    io_apic[IOAPIC_DATA] = value;
}

// Its mode as well: the firmware may have had another use for it.
static void watchdog_restart(void) {
    out8(PIT_COMMAND, PIT_ONE_SHOT_0);
    out8(PIT_CHANNEL_0, 0xff);
    out8(PIT_CHANNEL_0, 0xff);
}

static status_t watchdog_init(void) {
    io_apic = space_device(IOAPIC_PA, PAGE_SIZE);
    if (!io_apic)
        return STATUS_NO_MEMORY;
    uint32_t id = apic_read(APIC_ID);
    watchdog_restart();
    io_apic_write(IOAPIC_PIN_2 + 1, apic ? id : id << 24);
    io_apic_write(IOAPIC_PIN_2, DELIVER_NMI);
    return STATUS_OK;
}

// If interrupts were not off, the firmware has told the APIC to let none pass.
bool time_watchdog_barked(bool again) {
    out8(PIT_COMMAND, PIT_STATUS_0);
    bool barked = in8(PIT_CHANNEL_0) & PIT_STATUS_OUT;
    apic_write(APIC_TASK_PRIORITY, 0);
    if (barked && again)
        watchdog_restart();
    return barked;
}

// The old interrupt controllers have nothing to say. Should one speak all the
// same, it must not sound like an exception: so their vectors are 40 and 48 on
// (Intel 8259A: ICW1 to ICW4, then the mask).
static void pics_silence(void) {
    static const uint16_t words[][2] = {
        {0x20, 0x11}, {0x21, 40}, {0x21, 4}, {0x21, 1}, {0x21, 0xff},
        {0xa0, 0x11}, {0xa1, 48}, {0xa1, 2}, {0xa1, 1}, {0xa1, 0xff}};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        out8(words[i][0], (uint8_t)words[i][1]);
}

status_t time_init(void) {
    pics_silence();
    TRY(apic_open());
    if (kernel_clock.tsc_hz == 0)
        measure();
    apic_write(APIC_TIMER, TIMER_PERIODIC | VECTOR_TIMER);
    apic_write(APIC_INITIAL_COUNT,
               max_u64(kernel_clock.apic_hz / TICKS_PER_SECOND, 1));
    interrupts_on();
    return watchdog_init();
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
    io_apic_write(IOAPIC_PIN_2, PIN_MASKED);
    apic_write(APIC_TIMER, TIMER_MASKED);
    apic_write(APIC_INITIAL_COUNT, 0);
}
