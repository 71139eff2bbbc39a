// Sources of interrupts that another kernel has left: the interrupt
// controllers and the HPET are arrays, before and after.

#include "kernel/apic/apic.h"
#include "kernel/apic/io_apic.h"
#include "kernel/stage.h"
#include "mm/vmap/vmap.h"
#include "tests/unit/machine/lib/x86.h"
#include "tests/unit/unit.h"

#define SMI   (DELIVER_SMI | 0x33)
#define FIXED 0x33
#define PINS  24

static uint32_t local[0x400], pin[256], hpet[0x400];
static uint8_t in_service[256];
static unsigned acknowledged, pic_words, opened;
static uint8_t pic_port[16], pic_value[16];

uint32_t apic_read(uint32_t reg) {
    uint32_t bits = 0, first = (reg - APIC_IN_SERVICE) / 16 * 32;
    if (reg < APIC_IN_SERVICE || first >= 256)
        return local[reg];
    assert_true(is_aligned(reg, 16));
    for (unsigned i = 0; i < 32; i++)
        bits |= (uint32_t)in_service[first + i] << i;
    return bits;
}

// The one of the highest priority is acknowledged (SDM vol. 3 §11.8.5).
void apic_write(uint32_t reg, uint32_t value) {
    local[reg] = value;
    if (reg != APIC_EOI)
        return;
    assert_int_equal(value, 0);
    unsigned vector = 255;
    while (vector > 0 && !in_service[vector])
        vector--;
    in_service[vector] = 0;
    assert_true(++acknowledged <= 256);
}

uint32_t io_apic_read(uint32_t reg) {
    return reg == IOAPIC_VERSION ? (PINS - 1) << 16 | 0x20 : pin[reg];
}

void io_apic_write(uint32_t reg, uint32_t value) {
    pin[reg] = value;
}

status_t io_apic_open(void) {
    opened++;
    return STATUS_OK;
}

status_t apic_open(device_mapper map) {
    assert_ptr_equal(map, space_device);
    opened++;
    return STATUS_OK;
}

volatile void *space_device(pa_t pa, uint64_t bytes) {
    assert_int_equal(pa, 0xfed00000);
    assert_true(bytes >= PAGE_SIZE);
    return hpet;
}

void out8(uint16_t port, uint8_t value) {
    assert_true(pic_words < ARRAY_SIZE(pic_port));
    pic_port[pic_words] = (uint8_t)port;
    pic_value[pic_words++] = value;
}

static int set_up(void **state) {
    (void)state;
    memset(local, 0, sizeof(local));
    memset(in_service, 0, sizeof(in_service));
    local[APIC_IN_SERVICE + 16 * 8] = UINT32_MAX; // the next register
    for (unsigned i = 0; i < ARRAY_SIZE(hpet); i++)
        hpet[i] = UINT32_MAX; // no device
    for (unsigned i = 0; i < ARRAY_SIZE(pin); i++)
        pin[i] = FIXED;
    acknowledged = pic_words = opened = 0;
    return 0;
}

static void arrive(void) {
    static struct kernel kernel;
    FOR_EACH_ROW(stages, row)
        assert_int_equal(row->run(&kernel), STATUS_OK);
    assert_int_equal(opened, 2);
}

// One or more of these vectors, each plus `first`, are in service.
static void acknowledge(const uint8_t *vectors, unsigned count,
                        unsigned first) {
    for (unsigned set = 1; set < 1u << count; set++) {
        set_up(NULL);
        for (unsigned i = 0; i < count; i++)
            in_service[first + vectors[i]] = set >> i & 1;
        arrive();
        assert_int_equal(acknowledged, __builtin_popcount(set));
        for (unsigned vector = 0; vector < 256; vector++)
            assert_int_equal(in_service[vector], 0);
    }
}

// Those that have a word of the register together.
static void each_interrupt_is_acknowledged_once(void **state) {
    (void)state;
    static const uint8_t bits[] = {0, 1, 7, 16, 30, 31};
    arrive();
    assert_int_equal(acknowledged, 0);
    for (unsigned word = 0; word < 8; word++)
        acknowledge(bits, ARRAY_SIZE(bits), 32 * word);
}

// An acknowledgement ends the highest of all, whatever word was just read.
static void those_of_several_words_are_acknowledged(void **state) {
    (void)state;
    static const uint8_t vectors[] = {32, 33, 63, 64, 81, 127, 223, 236, 255};
    acknowledge(vectors, ARRAY_SIZE(vectors), 0);
}

static const struct {
    uint16_t reg;
    uint8_t last; // a processor with fewer entries has none
    uint32_t value;
} entries[] = {
    {APIC_TIMER, 0, ENTRY_MASKED},    {APIC_LINT0, 0, ENTRY_MASKED},
    {APIC_LINT1, 0, DELIVER_NMI},     {APIC_ERROR, 3, ENTRY_MASKED},
    {APIC_COUNTERS, 4, ENTRY_MASKED}, {APIC_THERMAL, 5, ENTRY_MASKED},
    {APIC_CMCI, 6, ENTRY_MASKED}};

// But those that a processor does not have, and those that are the firmware's.
static void entries_are_masked(void **state) {
    for (unsigned last = 0; last < 8; last++)
        for (unsigned smi = 0; smi <= ARRAY_SIZE(entries); smi++) {
            set_up(state);
            local[APIC_VERSION] = last << 16 | 0x14;
            local[APIC_INITIAL_COUNT] = local[APIC_ERROR_STATUS] = 1;
            for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
                local[entries[i].reg] = i == smi ? SMI : FIXED;
            arrive();
            for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
                assert_int_equal(local[entries[i].reg], i == smi ? SMI
                                                        : entries[i].last > last
                                                            ? FIXED
                                                            : entries[i].value);
            assert_int_equal(local[APIC_INITIAL_COUNT], 0);
            assert_int_equal(local[APIC_ERROR_STATUS], 0);
        }
}

static void pins_are_masked(void **state) {
    (void)state;
    pin[IOAPIC_PIN(5)] = SMI;
    arrive();
    for (unsigned i = 0; i < PINS; i++) {
        assert_int_equal(pin[IOAPIC_PIN(i)], i == 5 ? SMI : ENTRY_MASKED);
        assert_int_equal(pin[IOAPIC_PIN_WHERE(i)], FIXED);
    }
    assert_int_equal(pin[IOAPIC_PIN(PINS)], FIXED); // there is none
}

// Words by their numbers: capabilities, period, configuration, three timers.
static void the_hpet_is_not_the_pit(void **state) {
    static const uint32_t periods[] = {0, 1, 100000000, 100000001, UINT32_MAX};
    for (unsigned i = 0; i < ARRAY_SIZE(periods); i++) {
        set_up(state);
        bool there = i == 1 || i == 2;
        hpet[0] = 2 << 8 | 1;
        hpet[1] = periods[i];
        arrive();
        for (unsigned word = 2; word < ARRAY_SIZE(hpet); word++) {
            bool is_timer = word == 0x40 || word == 0x48 || word == 0x50;
            uint32_t off = word == 4 ? 2 : is_timer ? 4 : 0;
            assert_int_equal(hpet[word], UINT32_MAX & ~(there ? off : 0));
        }
    }
}

// Initialized, with vectors that are none of exceptions, and all lines masked.
static void the_old_controllers_are_masked(void **state) {
    (void)state;
    static const uint8_t port[] = {0x20, 0x21, 0x21, 0x21, 0x21,
                                   0xa0, 0xa1, 0xa1, 0xa1, 0xa1};
    static const uint8_t value[] = {0x11, 40, 4, 1, 0xff, 0x11, 48, 2, 1, 0xff};
    arrive();
    assert_int_equal(pic_words, sizeof(port));
    assert_memory_equal(pic_port, port, sizeof(port));
    assert_memory_equal(pic_value, value, sizeof(value));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_interrupt_is_acknowledged_once, set_up),
        cmocka_unit_test_setup(those_of_several_words_are_acknowledged, set_up),
        cmocka_unit_test_setup(entries_are_masked, set_up),
        cmocka_unit_test_setup(pins_are_masked, set_up),
        cmocka_unit_test_setup(the_hpet_is_not_the_pit, set_up),
        cmocka_unit_test_setup(the_old_controllers_are_masked, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
