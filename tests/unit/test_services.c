// The functions that wrap the firmware's services: what the firmware gets, what
// the caller gets, and which results are rejected. The firmware is a function
// of the test, which sees the arguments of the call.

#include "efi/services.h"

#include "efi/call.h"
#include "efi/observe.h"
#include "efi/services/rest.h"
#include "lib/format.h"
#include "mm/layout.h"
#include "mm/space.h"
#include "tests/unit/frames.h"
#include "tests/unit/machine/lib/x86.h"
#include "tests/unit/said.h"

#define IMAGE_SHIFT  0x100000000000UL // from virtual to physical addresses
#define SECOND_SHIFT 0x200000000000UL // to the second virtual ones

extern struct efi_firmware firmware_record;
struct page_table kernel_table;
struct gate_statistics gate_statistics;
struct gate_call *gate_current;

static const struct efi_mode in_kernel_table = {.table = PAGE_TABLE_KERNEL};
static const struct efi_mode in_own_table = {.table = PAGE_TABLE_OWN};
static const struct efi_width width, shifted = {.bounce_shift = SECOND_SHIFT};
static const struct efi_guid guid = {0x12345678, 0x9abc, 0xdef0, {1, 2, 3}};

pa_t image_pa_of(const void *in_image) {
    return (va_t)in_image + IMAGE_SHIFT;
}

status_t gate_begin(void) {
    return STATUS_OK;
}

static bool interrupts = true;

uint64_t interrupts_off(void) {
    uint64_t flags = interrupts;
    interrupts = false;
    return flags;
}

void interrupts_restore(uint64_t flags) {
    interrupts = flags;
}

// ---- the firmware

static uint64_t arg[GATE_ARGUMENTS]; // of the last call
static unsigned calls[EFI_SERVICES];
static efi_status_t (*answer)(void);
static efi_status_t status; // of the answers that only return one

// How many arguments each service has; the others are 0.
static const uint8_t arguments[EFI_SERVICES] = {2, 1, 3, 2, 4, 2, 5,
                                                3, 5, 1, 4, 3, 4, 4};

void gate_enter(void) {
    struct gate_call *call = gate_current;
    assert_int_equal(call->function, firmware->entry[call->service]);
    memcpy(arg, call->argument, sizeof(arg));
    calls[call->service]++;
    for (unsigned n = arguments[call->service]; n < GATE_ARGUMENTS; n++)
        assert_int_equal(arg[n], 0);
    call->status = answer();
}

// ---- an observer

static bool looks_always;
static unsigned looks;
static enum gate_outcome outcome; // of the call that was looked at last

static bool look(struct gate_call *call) {
    outcome = call->outcome;
    looks++;
    return looks_always;
}

static bool look_away(struct gate_call *call) {
    (void)call;
    return false;
}

ROW(observers, 1_none) = {0};
ROW(observers, 2_test) = {.after = look};
ROW(observers, 3_test) = {.after = look_away};

// ---- its memory

// What an argument points to.
static void *at(unsigned n) {
    return (void *)(arg[n] - efi_bounce_shift);
}

static efi_status_t just_return(void) {
    return status;
}

// ---- the test

// What an earlier call may have left.
static void fill(uint8_t byte) {
    memset(&efi_bounce, byte, sizeof(efi_bounce));
}

static void set_up_for(const struct efi_mode *mode, const struct efi_width *w,
                       struct page_table *private_table) {
    kernel_table = new_table(4, 1);
    page_table_map(&kernel_table, (va_t)&efi_bounce, image_pa_of(&efi_bounce),
                   sizeof(efi_bounce), MAP_WRITE);
    page_table_init(private_table, 4, 1, &test_frames);
    firmware_record.mode = mode;
    firmware_record.width = w;
    assert_int_equal(efi_services_init(), STATUS_OK);
    assert_int_equal(efi_services_map(private_table), STATUS_OK);
}

// A virtual address of the kernel, one of the firmware, and the physical one
// are all different.
static int set_up(void **state) {
    (void)state;
    struct page_table private_table;
    set_up_for(&in_kernel_table, &shifted, &private_table);
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        firmware_record.entry[i] = 0x1000 + i;
    memset(calls, 0, sizeof(calls));
    fill(0xcc);
    answer = just_return;
    status = EFI_SUCCESS;
    said[0] = '\0';
    return 0;
}

// Rejected results become this status.
static void expect(efi_status_t found, bool is_right) {
    assert_int_equal(found, is_right ? status : EFI_DEVICE_ERROR);
}

// ---- mapping

static bool is_mapped(const struct page_table *table, const void *field,
                      va_t shift) {
    pa_t pa;
    if (!page_table_translate(table, (va_t)field + shift, &pa))
        return false;
    assert_int_equal(pa, image_pa_of(field));
    return true;
}

static void expect_bounce(const struct page_table *table, va_t shift) {
    const struct efi_bounce *b = &efi_bounce;
    const void *there[] = {
        b,       &b->args,          b->name,  b->name_guard - 1,
        b->data, b->data_guard - 1, b->stack, b->stack_guard - 1};
    const void *guards[] = {b->name_guard, b->data - 1, b->data_guard,
                            b->stack - 1, b->stack_guard};
    for (size_t i = 0; i < ARRAY_SIZE(there); i++)
        assert_true(is_mapped(table, there[i], shift));
    for (size_t i = 0; i < ARRAY_SIZE(guards); i++)
        assert_false(is_mapped(table, guards[i], shift));
}

static const struct {
    const struct efi_mode *mode;
    const struct efi_width *width;
    va_t shift;
} ways[] = {{&in_kernel_table, &width, 0},
            {&in_kernel_table, &shifted, SECOND_SHIFT},
            {&in_own_table, &width, IMAGE_SHIFT},
            {&in_own_table, &shifted, IMAGE_SHIFT}};

// In each table in which the firmware is called the buffer is mapped, and its
// guard pages are not.
static void the_buffer_is_mapped(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        struct page_table private_table;
        set_up_for(ways[i].mode, ways[i].width, &private_table);
        assert_int_equal(efi_bounce_shift, ways[i].shift);
        expect_bounce(&kernel_table, 0);
        expect_bounce(&private_table, IMAGE_SHIFT);
        if (ways[i].mode == &in_kernel_table)
            expect_bounce(&kernel_table, ways[i].shift);
    }
}

static void the_table_and_stack_of_a_call(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        struct page_table private_table;
        set_up_for(ways[i].mode, ways[i].width, &private_table);
        for (unsigned service = 0; service < EFI_SERVICES; service++) {
            bool own = ways[i].mode == &in_own_table ||
                       service == EFI_SET_VIRTUAL_ADDRESS_MAP ||
                       service == EFI_CONVERT_POINTER;
            const struct gate_call *call = &efi_calls[service];
            va_t top = (va_t)efi_bounce.stack_guard - GATE_FRAME;
            assert_int_equal(call->service, service);
            assert_int_equal(call->table_pa, own ? private_table.root_pa
                                                 : kernel_table.root_pa);
            assert_int_equal(call->stack_top,
                             top + (own ? IMAGE_SHIFT : ways[i].shift));
        }
    }
}

// ---- variables

static uint64_t returned_bytes;
static uint32_t returned_attributes;

static efi_status_t return_variable(void) {
    assert_int_equal(*(uint64_t *)at(3),
                     (va_t)efi_bounce.data_guard - (va_t)at(4));
    memcpy(at(2), &returned_attributes, sizeof(returned_attributes));
    memcpy(at(3), &returned_bytes, sizeof(returned_bytes));
    memset(at(4), 0x77, min_u64(returned_bytes, 16));
    return status;
}

static const struct efi_name name = EFI_NAME(u"Name");

static void expect_name(void) {
    assert_ptr_equal(at(0), efi_bounce.name + EFI_NAME_UNITS - 8);
    assert_memory_equal(at(0), u"Name", 10);
    assert_memory_equal(at(1), &guid, sizeof(guid));
}

static const struct {
    efi_status_t status;
    uint64_t given, returned;
    bool is_right;
} sizes[] = {
    {EFI_SUCCESS, 16, 0, true},
    {EFI_SUCCESS, 16, 16, true},
    {EFI_SUCCESS, 16, 17, false},
    {EFI_SUCCESS, EFI_DATA_BYTES, 1, true},
    {EFI_BUFFER_TOO_SMALL, 16, 17, true},
    {EFI_BUFFER_TOO_SMALL, 16, UINT32_MAX, true},
    {EFI_BUFFER_TOO_SMALL, 16, 16, false},
    {EFI_BUFFER_TOO_SMALL, 16, 15, false},
    {EFI_BUFFER_TOO_SMALL, 16, UINT32_MAX + 1UL, false},
    {EFI_NOT_FOUND, 16, 16, true},
    {EFI_NOT_FOUND, 16, UINT64_MAX, true},
};

static void sizes_of_variables(void **state) {
    (void)state;
    answer = return_variable;
    returned_attributes = 7;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        static uint8_t data[EFI_DATA_BYTES];
        uint64_t bytes = sizes[i].given;
        uint32_t attributes = 99;
        memset(data, 0x11, sizeof(data));
        returned_bytes = sizes[i].returned;
        status = sizes[i].status;
        expect(efi_get_variable(&name, &guid, &attributes, data, &bytes),
               sizes[i].is_right);
        bool copied = sizes[i].is_right && status == EFI_SUCCESS;
        assert_int_equal(bytes, returned_bytes);
        assert_int_equal(attributes, copied ? 7 : 99);
        for (size_t j = 0; j < sizeof(data); j++)
            assert_int_equal(data[j],
                             copied && j < returned_bytes ? 0x77 : 0x11);
        expect_name();
        assert_ptr_equal((uint8_t *)at(4) + sizes[i].given,
                         efi_bounce.data_guard);
    }
    // Only the first one is logged.
    assert_contains(said, "svc=GetVariable why=\"EFI_SUCCESS, with 0x11 bytes "
                          "for 0x10\"");
    assert_null(strstr(strstr(said, "@efi.reject") + 1, "@efi.reject"));
}

static void attributes_of_variables(void **state) {
    (void)state;
    uint8_t data[16];
    uint64_t bytes = sizeof(data);
    answer = return_variable;
    returned_bytes = 0;
    for (unsigned bit = 0; bit < 32; bit++) {
        returned_attributes = 1u << bit;
        expect(efi_get_variable(&name, &guid, NULL, data, &bytes), bit < 8);
    }
    answer = just_return; // and leaves them unwritten
    fill(0);
    expect(efi_get_variable(&name, &guid, NULL, data, &bytes), false);
}

static void a_variable_is_written(void **state) {
    (void)state;
    static const char data[] = "some data";
    assert_int_equal(efi_set_variable(&name, &guid, 7, data, sizeof(data)),
                     EFI_SUCCESS);
    expect_name();
    assert_int_equal(arg[2], 7);
    assert_int_equal(arg[3], sizeof(data));
    assert_memory_equal(at(4), data, sizeof(data));
    assert_ptr_equal((uint8_t *)at(4) + sizeof(data), efi_bounce.data_guard);
    assert_int_equal(efi_bounce.data_guard[0], 0xcc);
    assert_int_equal(efi_bounce.name_guard[0], 0xcc);
}

// What does not fit in the buffers is not given to the firmware.
static void limits(void **state) {
    (void)state;
    static uint8_t data[EFI_DATA_BYTES + 1];
    struct efi_name longest = {.words = EFI_NAME_UNITS / 4}, longer = longest;
    const struct {
        const struct efi_name *name;
        uint64_t bytes;
        bool fits;
    } rows[] = {
        {&longest, EFI_DATA_BYTES, true},
        {&longest, EFI_DATA_BYTES + 1, false},
        {&longer, 1, false},
    };
    longer.words++;
    status = EFI_NOT_FOUND;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t bytes = rows[i].bytes;
        efi_status_t wanted = rows[i].fits ? status : EFI_INVALID_PARAMETER;
        assert_int_equal(efi_set_variable(rows[i].name, &guid, 7, data, bytes),
                         wanted);
        assert_int_equal(
            efi_get_variable(rows[i].name, &guid, NULL, data, &bytes), wanted);
        assert_int_equal(calls[EFI_SET_VARIABLE], 1);
        assert_int_equal(calls[EFI_GET_VARIABLE], 1);
    }
    assert_int_equal(
        efi_get_next_variable_name(&longest, &(struct efi_guid){0}), status);
    assert_int_equal(efi_get_next_variable_name(&longer, &(struct efi_guid){0}),
                     EFI_INVALID_PARAMETER);
    assert_int_equal(calls[EFI_GET_NEXT_VARIABLE_NAME], 1);
    assert_contains(said, "SetVariable was not called: a name of 512 units, "
                          "data of 36865 bytes; the "
                          "limits are 512 and 36864");
    assert_contains(said, "GetVariable was not called: a name of 516 units, "
                          "data of 1 bytes");
}

static size_t units; // of the next name, without its NUL
static const struct efi_guid next_guid = {1, 2, 3, {4}};

// Without a NUL if it fills the buffer.
static efi_status_t return_name(void) {
    uint16_t *text = at(1);
    for (size_t i = 0; i < EFI_NAME_UNITS; i++)
        text[i] = i < units ? 'a' + i % 26 : i == units ? 0 : 'x';
    memcpy(at(0), &returned_bytes, sizeof(returned_bytes));
    memcpy(at(2), &next_guid, sizeof(next_guid));
    return status;
}

// Returns how long the next name is, with its NUL, in bytes; 0: rejected.
static uint64_t next_name(void) {
    struct efi_name next = name;
    struct efi_guid vendor = guid;
    efi_status_t found = efi_get_next_variable_name(&next, &vendor);
    expect(found, found == EFI_SUCCESS);
    const struct efi_guid *wanted = found == EFI_SUCCESS ? &next_guid : &guid;
    assert_memory_equal(&vendor, wanted, sizeof(vendor));
    if (found != EFI_SUCCESS)
        return 0;
    assert_int_equal(next.words, (2 * units + 2 + 7) / 8);
    for (size_t i = 0; i <= units; i++)
        assert_int_equal(next.text[i], i < units ? 'a' + i % 26 : 0);
    return 2 * units + 2;
}

// Some firmware returns the size of the buffer, or none at all: then the end is
// searched.
static void names_of_any_length(void **state) {
    (void)state;
    answer = return_name;
    for (units = 0; units < EFI_NAME_UNITS; units++) {
        const uint64_t sizes_returned[] = {2 * units + 2, 2 * EFI_NAME_UNITS,
                                           2 * units};
        for (size_t i = 0; i < ARRAY_SIZE(sizes_returned); i++) {
            returned_bytes = sizes_returned[i];
            assert_int_equal(next_name(), 2 * units + 2);
        }
    }
    assert_int_equal(said[0], '\0');
    returned_bytes = 2 * EFI_NAME_UNITS; // and no NUL
    assert_int_equal(next_name(), 0);
    units = 3;
    returned_bytes = 2 * EFI_NAME_UNITS + 1; // more than there is
    assert_int_equal(next_name(), 0);
    assert_contains(said, "a name longer than the buffer");
}

static efi_status_t check_name(void) {
    assert_memory_equal(at(1), u"Name", 10);
    assert_int_equal(*(uint64_t *)at(0), 2 * EFI_NAME_UNITS);
    assert_memory_equal(at(2), &guid, sizeof(guid));
    return status;
}

static efi_status_t check_no_name(void) {
    assert_int_equal(*(uint16_t *)at(1), 0);
    return status;
}

static void the_name_before(void **state) {
    (void)state;
    struct efi_name none = {0}, some = name;
    struct efi_guid vendor = guid;
    status = EFI_NOT_FOUND;
    answer = check_name;
    assert_int_equal(efi_get_next_variable_name(&some, &vendor), EFI_NOT_FOUND);
    assert_memory_equal(&some, &name, sizeof(some));
    answer = check_no_name;
    assert_int_equal(efi_get_next_variable_name(&none, &vendor), EFI_NOT_FOUND);
}

static unsigned unwritten; // this one of several results

static efi_status_t return_space(void) {
    assert_int_equal(arg[0], 7);
    for (unsigned i = 0; i < 3; i++)
        if (i != unwritten)
            *(uint64_t *)at(i + 1) = 100 + i;
    return status;
}

static void the_space_for_variables(void **state) {
    (void)state;
    uint64_t number[3];
    answer = return_space;
    fill(0);
    for (unwritten = 0; unwritten <= 3; unwritten++, fill(0))
        expect(efi_query_variable_info(7, &number[0], &number[1], &number[2]),
               unwritten == 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(number[i], 100 + i);
    status = EFI_UNSUPPORTED; // then nothing needs to be written
    unwritten = 0;
    expect(efi_query_variable_info(7, &number[0], &number[1], &number[2]),
           true);
}

// ---- time

static const struct efi_time some_time = {2017, 5, 19, 13, 47, 1, .zone = 60};

static efi_status_t return_time(void) {
    memcpy(at(0), &some_time, sizeof(some_time));
    assert_ptr_equal(at(1), &efi_bounce.args.capabilities);
    return status;
}

static void the_time(void **state) {
    (void)state;
    const struct efi_time none = {0};
    struct efi_time time = some_time;
    assert_int_equal(efi_get_time(&time), EFI_SUCCESS);
    assert_memory_equal(&time, &none, sizeof(time)); // nothing was written
    answer = return_time;
    assert_int_equal(efi_get_time(&time), EFI_SUCCESS);
    assert_memory_equal(&time, &some_time, sizeof(time));
    answer = just_return;
    status = EFI_DEVICE_ERROR;
    fill(0);
    assert_int_equal(efi_set_time(&some_time), EFI_DEVICE_ERROR);
    assert_memory_equal(at(0), &some_time, sizeof(time));
}

static efi_status_t return_alarm(void) {
    for (unsigned i = 0; i < 2; i++)
        if (i != unwritten)
            *(uint8_t *)at(i) = i;
    memcpy(at(2), &some_time, sizeof(some_time));
    return status;
}

static void the_alarm(void **state) {
    (void)state;
    bool enabled, pending;
    struct efi_time time;
    answer = return_alarm;
    fill(0);
    for (unwritten = 0; unwritten <= 2; unwritten++, fill(0))
        expect(efi_get_wakeup_time(&enabled, &pending, &time), unwritten == 2);
    assert_true(!enabled && pending);
    assert_memory_equal(&time, &some_time, sizeof(time));
    answer = just_return;
    status = EFI_DEVICE_ERROR; // and no time
    assert_int_equal(efi_get_wakeup_time(&enabled, &pending, &time), status);
    assert_int_equal(time.year, 0);
    status = EFI_SUCCESS;
    assert_int_equal(efi_set_wakeup_time(true, &some_time), EFI_SUCCESS);
    assert_int_equal(arg[0], 1);
    assert_memory_equal(at(1), &some_time, sizeof(time));
    assert_int_equal(efi_set_wakeup_time(false, NULL), EFI_SUCCESS);
    assert_true(arg[0] == 0 && arg[1] == 0);
}

// ---- the others

static efi_status_t return_count(void) {
    *(uint32_t *)at(0) = 0x12345678;
    return status;
}

static void the_count(void **state) {
    (void)state;
    uint32_t count;
    answer = return_count;
    assert_int_equal(efi_get_next_high_monotonic_count(&count), EFI_SUCCESS);
    assert_int_equal(count, 0x12345678);
}

static const struct efi_capsule_header capsule = {{9, 8, 7, {6}}, 28, 0, 28};

static void expect_capsule(void) {
    const uint64_t *list = at(0);
    assert_memory_equal((void *)(list[0] - efi_bounce_shift), &capsule,
                        sizeof(capsule));
    assert_int_equal(arg[1], 1);
}

static enum efi_reset_type returned_reset;

static efi_status_t return_limit(void) {
    if (unwritten != 0)
        *(uint64_t *)at(2) = 1000;
    if (unwritten != 1)
        *(uint32_t *)at(3) = returned_reset;
    return status;
}

static void capsules(void **state) {
    (void)state;
    uint64_t largest;
    enum efi_reset_type reset;
    assert_int_equal(efi_update_capsule(&capsule, 1), EFI_SUCCESS);
    expect_capsule();
    answer = return_limit;
    for (unwritten = 0; unwritten <= 2; unwritten++)
        for (returned_reset = 0; returned_reset < 6; returned_reset++) {
            fill(0);
            bool is_right =
                unwritten == 2 && returned_reset <= EFI_RESET_PLATFORM_SPECIFIC;
            expect(
                efi_query_capsule_capabilities(&capsule, 1, &largest, &reset),
                is_right);
            expect_capsule();
            if (is_right)
                assert_true(largest == 1000 && reset == returned_reset);
        }
}

static efi_status_t check_reset(void) {
    assert_int_equal(arg[0], EFI_RESET_SHUTDOWN);
    assert_int_equal(arg[1], EFI_SUCCESS);
    assert_int_equal(arg[2], 0);
    assert_int_equal(arg[3], 0);
    return EFI_UNSUPPORTED;
}

static void a_reset(void **state) {
    (void)state;
    answer = check_reset;
    assert_int_equal(efi_reset_system(EFI_RESET_SHUTDOWN), EFI_UNSUPPORTED);
}

static efi_status_t convert(void) {
    uint64_t *address = (void *)(arg[1] - IMAGE_SHIFT); // physical in any mode
    assert_int_equal(arg[0], 1);
    assert_int_equal(*address, 0x1000);
    *address = 0x2000;
    return status;
}

static void a_pointer_is_converted(void **state) {
    (void)state;
    uint64_t address = 0x1000;
    answer = convert;
    assert_int_equal(efi_convert_pointer(1, &address), EFI_SUCCESS);
    assert_int_equal(address, 0x2000);
}

static uint8_t map[EFI_DATA_BYTES + 1];

static efi_status_t check_map(void) {
    assert_false(interrupts);
    assert_int_equal(arg[1], 48);
    assert_int_equal(arg[2], 1);
    assert_memory_equal((void *)(arg[3] - IMAGE_SHIFT), map, arg[0]);
    return status;
}

static void the_map_of_virtual_addresses(void **state) {
    (void)state;
    answer = check_map;
    status = EFI_NOT_FOUND;
    memset(map, 0x5a, sizeof(map));
    assert_int_equal(efi_set_virtual_address_map(map, EFI_DATA_BYTES, 48, 1),
                     EFI_NOT_FOUND);
    assert_int_equal(arg[0], EFI_DATA_BYTES);
    assert_true(interrupts);
    assert_int_equal(
        efi_set_virtual_address_map(map, EFI_DATA_BYTES + 1, 48, 1),
        EFI_OUT_OF_RESOURCES);
    assert_int_equal(calls[EFI_SET_VIRTUAL_ADDRESS_MAP], 1);
}

static efi_status_t call_again(void) {
    struct efi_time time;
    unsigned before = calls[EFI_GET_TIME];
    assert_int_equal(efi_get_time(&time), EFI_NOT_READY);
    assert_int_equal(calls[EFI_GET_TIME], before);
    return EFI_SUCCESS;
}

static void what_cannot_be_called(void **state) {
    (void)state;
    answer = call_again;
    assert_int_equal(efi_set_time(&some_time), EFI_SUCCESS);
    firmware_record.entry[EFI_SET_TIME] = 0;
    assert_int_equal(efi_set_time(&some_time), EFI_UNSUPPORTED);
    assert_int_equal(calls[EFI_SET_TIME], 1);
}

// Only a status that differs from the last one is looked at, unless an observer
// wants to see each call.
static void what_is_looked_at(void **state) {
    (void)state;
    static const struct {
        bool always;
        efi_status_t status;
        unsigned looks;
    } rows[] = {{false, EFI_SUCCESS, 1},      {false, EFI_SUCCESS, 1},
                {false, EFI_DEVICE_ERROR, 2}, {false, EFI_DEVICE_ERROR, 2},
                {true, EFI_SUCCESS, 3},       {true, EFI_SUCCESS, 4},
                {false, EFI_SUCCESS, 5},      {false, EFI_SUCCESS, 5}};
    efi_calls[EFI_SET_TIME].outcome = GATE_CHANGED;
    looks = 0;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        looks_always = rows[i].always;
        status = rows[i].status;
        assert_int_equal(efi_set_time(&some_time), status);
        assert_int_equal(looks, rows[i].looks);
        assert_int_equal(outcome, i < 2 ? GATE_CHANGED : GATE_KEPT);
    }
    looks_always = false;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_buffer_is_mapped),
        cmocka_unit_test(the_table_and_stack_of_a_call),
        cmocka_unit_test_setup(sizes_of_variables, set_up),
        cmocka_unit_test_setup(attributes_of_variables, set_up),
        cmocka_unit_test_setup(a_variable_is_written, set_up),
        cmocka_unit_test_setup(limits, set_up),
        cmocka_unit_test_setup(names_of_any_length, set_up),
        cmocka_unit_test_setup(the_name_before, set_up),
        cmocka_unit_test_setup(the_space_for_variables, set_up),
        cmocka_unit_test_setup(the_time, set_up),
        cmocka_unit_test_setup(the_alarm, set_up),
        cmocka_unit_test_setup(the_count, set_up),
        cmocka_unit_test_setup(capsules, set_up),
        cmocka_unit_test_setup(a_reset, set_up),
        cmocka_unit_test_setup(a_pointer_is_converted, set_up),
        cmocka_unit_test_setup(the_map_of_virtual_addresses, set_up),
        cmocka_unit_test_setup(what_is_looked_at, set_up),
        cmocka_unit_test_setup(what_cannot_be_called, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
