// The source of an NMI. The machine is a time-stamp counter and a PIT, and may
// be stopped at every access to a port.

#include "kernel/watchdog/watchdog.h"

#include <stdio.h>

#include "kernel/apic/apic.h"
#include "kernel/apic/io_apic.h"
#include "kernel/nmi/nmi.h"
#include "kernel/time.h"
#include "lib/log.h"
#include "tests/unit/machine/lib/x86.h"
#include "tests/unit/unit.h"

#define MS 1000UL // the counter counts microseconds

volatile uint64_t nmi_unknown; // kernel/nmi/early.asm
va_t nmi_rip;

static uint64_t now, expires; // 0: the PIT does not count
static uint8_t status;        // port 0x61
static unsigned bytes;        // of the PIT's count that were written
static uint32_t io_apic[64];
static char line[128];      // the last log line
static unsigned in_and_out; // accesses so far; at `stop_at` the host stops
static unsigned stop_at;
static uint64_t stop_us;
static unsigned nmi_at; // an NMI comes after this one
static bool delivers;   // the I/O APIC forwards the PIT's interrupt
static bool sent;       // an NMI that was not handled yet

static void go_on(void) {
    now++;
    if (++in_and_out == stop_at)
        now += stop_us;
    if (expires && now >= expires) {
        expires = 0;
        sent = true;
    }
}

uint64_t read_tsc(void) {
    go_on();
    return now;
}

uint8_t in8(uint16_t port) {
    go_on();
    return port == 0x61 ? status : 0;
}

void out8(uint16_t port, uint8_t value) {
    (void)value;
    go_on();
    bytes = port == 0x43 ? 0 : bytes + 1;
    expires = bytes == 2 ? now + WATCHDOG_PERIOD_US : 0;
    if (in_and_out == nmi_at)
        watchdog_take_nmi(0);
}

void write_cr8(uint64_t value) {
    assert_int_equal(value, 0);
}

void spin_hint(void) {
    if (sent && delivers)
        watchdog_take_nmi(0);
}

uint64_t time_ran(void) {
    return read_tsc();
}

uint64_t time_of(uint64_t cycles) {
    return cycles;
}

static bool is_xapic = true;
static uint32_t apic_id; // the register

uint32_t apic_read(uint32_t reg) {
    assert_int_equal(reg, APIC_ID);
    return apic_id;
}

bool apic_is_xapic(void) {
    return is_xapic;
}

uint32_t io_apic_read(uint32_t reg) {
    return io_apic[reg];
}

void io_apic_write(uint32_t reg, uint32_t value) {
    io_apic[reg] = value;
}

void event(const char *name, const char *pairs, ...) {
    va_list arguments;
    va_start(arguments, pairs);
    assert_string_equal(name, "nmi");
    vsnprintf(line, sizeof(line), pairs, arguments);
    va_end(arguments);
}

static int start(void **state) {
    (void)state;
    now = 1000 * MS;
    status = 0;
    stop_at = nmi_at = 0;
    delivers = true;
    watchdog_init();
    delivers = sent = false;
    nmi_report();
    line[0] = '\0';
    return 0;
}

// To the processor that it watches, and as an NMI; no other entry changes.
static void test_where_it_is_sent(void **state) {
    for (unsigned xapic = 0; xapic < 2; xapic++) {
        memset(io_apic, 0x5a, sizeof(io_apic));
        is_xapic = xapic;
        apic_id = xapic ? 5u << 24 : 5;
        start(state);
        for (unsigned reg = 0; reg < ARRAY_SIZE(io_apic); reg++)
            assert_int_equal(io_apic[reg], reg == IOAPIC_PIN(2) ? DELIVER_NMI
                                           : reg == IOAPIC_PIN_WHERE(2)
                                               ? 5u << 24
                                               : 0x5a5a5a5a);
    }
    is_xapic = true;
    apic_id = 0;
}

// The log line about NMIs without a reason.
static const char *report(void) {
    nmi_report();
    return line;
}

static void test_its_own(void **state) {
    (void)state;
    now += 60 * MS;
    read_tsc();
    assert_true(sent);
    assert_true(watchdog_take_nmi(0));
    assert_string_equal(report(), "");
}

// Its PIT may be a tenth faster than the counter, but no more.
static void test_a_fast_pit(void **state) {
    now += WATCHDOG_PERIOD_US / 100 * 92;
    assert_true(watchdog_take_nmi(0x1234));
    assert_string_equal(report(), "");
    start(state);
    now += WATCHDOG_PERIOD_US / 100 * 88;
    assert_true(watchdog_take_nmi(0x1234));
    assert_contains(report(), "unknown=");
}

// The tick comes first, after any stop by the host; the NMI, once sent, comes
// after it.
static void test_its_own_after_a_tick(void **state) {
    for (unsigned place = 1; place < 8; place++)
        for (stop_us = 40 * MS; stop_us < 200 * MS; stop_us += 1000) {
            start(state);
            now += 10 * MS;
            sent = false;
            stop_at = in_and_out + place;
            watchdog_restart();
            for (unsigned i = 0; i < 8; i++)
                read_tsc();
            if (sent)
                assert_true(watchdog_take_nmi(0));
            assert_string_equal(report(), "");
        }
}

static void test_no_reason(void **state) {
    (void)state;
    assert_true(watchdog_take_nmi(0x1234));
    assert_string_equal(report(), "unknown=1 rip=0x1234");
    line[0] = '\0';
    assert_string_equal(report(), ""); // reported once
    status = 0xff;                     // there is no port 0x61
    assert_true(watchdog_take_nmi(0x5678));
    assert_string_equal(report(), "unknown=2 rip=0x5678");
}

static void test_hardware_errors(void **state) {
    (void)state;
    status = 0x80;
    assert_false(watchdog_take_nmi(0));
    assert_contains(nmi_reason(), "SERR#");
    status = 0x40 | 0x0c;
    assert_false(watchdog_take_nmi(0));
    assert_contains(nmi_reason(), "IOCHK#");
    now += 60 * MS; // an error, even if the watchdog's is due as well
    assert_false(watchdog_take_nmi(0));
    status = 0x3f; // the other bits are irrelevant
    assert_null(nmi_reason());
}

// An NMI between two writes of a restart: the PIT still counts afterwards.
static void test_in_the_midst_of_a_restart(void **state) {
    for (unsigned place = 1; place <= 3; place++) {
        start(state);
        nmi_at = in_and_out + place;
        watchdog_restart();
        assert_int_equal(bytes, 2);
        assert_true(expires > now);
    }
}

static void test_whether_it_works_is_tried(void **state) {
    (void)state;
    assert_false(watchdog_init());
    delivers = true;
    assert_true(watchdog_init());
    delivers = false;
    assert_string_equal(report(), "");
}

static void test_stop(void **state) {
    (void)state;
    watchdog_stop();
    assert_int_equal(expires, 0);
    assert_int_equal(io_apic[IOAPIC_PIN(2)], ENTRY_MASKED);
    watchdog_restart(); // a last tick does not start it again
    watchdog_take_nmi(0);
    assert_int_equal(expires, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_it_is_sent),
        cmocka_unit_test_setup(test_no_reason, start),
        cmocka_unit_test_setup(test_its_own, start),
        cmocka_unit_test_setup(test_a_fast_pit, start),
        cmocka_unit_test_setup(test_its_own_after_a_tick, start),
        cmocka_unit_test_setup(test_hardware_errors, start),
        cmocka_unit_test_setup(test_in_the_midst_of_a_restart, start),
        cmocka_unit_test_setup(test_whether_it_works_is_tried, start),
        cmocka_unit_test_setup(test_stop, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
