// The records of a panic, printed after the reset: those read before the list
// of variables ends with an error are printed, and that there may be more; and
// which parts of a record are missing.

#include "efi/firmware.h"
#include "efi/gate.h"
#include "efi/services.h"
#include "efi/services/utf16.h"
#include "kernel/history/history.h"
#include "kernel/options.h"
#include "kernel/pstore/parts.h"
#include "kernel/stage.h"
#include "lib/format.h"
#include "tests/unit/said.h"

#define RECORDS 3
#define HEAD    "Panic#1 Part1 of 1, Baton's log\n"
#define PART(n) "Panic#1 Part" n " of 3, Baton's log\nwords\n"
#define FIRST   "-1-1362177288-D" // names of records
#define SECOND  "-1-1362177999-D"

extern struct efi_firmware firmware_record;
struct gate_statistics gate_statistics;
struct options options;
struct gate_call *gate_current;
struct log_ring *history;

static const struct efi_guid crash_guid = {
    0xcfc8fc79,
    0xbe2e,
    0x4ddc,
    {0x97, 0xf0, 0x9f, 0x98, 0xbf, 0xe2, 0x98, 0xa0}};

static const char *content[RECORDS], *record[RECORDS];
static unsigned broken_at; // the call that fails: after so many records
static unsigned deleted;
static char written[PARTS_MAX][1025]; // in the order of writing
static unsigned parts_written;
static uint64_t free_bytes;

// They are named by their number and record: "dump-type0-0-1-1362177288-D", ….
static unsigned number_of(const struct efi_name *name) {
    return name->text[11] - '0';
}

efi_status_t efi_get_next_variable_name(struct efi_name *name,
                                        struct efi_guid *guid) {
    char text[64];
    unsigned next = name->words ? number_of(name) + 1 : 0;
    if (next == broken_at)
        return EFI_DEVICE_ERROR;
    if (next == RECORDS)
        return EFI_NOT_FOUND;
    format(text, sizeof(text), "dump-type0-%u%s", next, record[next]);
    *name = (struct efi_name){.words = 4};
    utf16_from_ascii(name->text, EFI_NAME_UNITS, text);
    *guid = crash_guid;
    return EFI_SUCCESS;
}

efi_status_t efi_get_variable(const struct efi_name *name,
                              const struct efi_guid *guid, uint32_t *attributes,
                              void *data, uint64_t *bytes) {
    (void)guid, (void)attributes;
    const char *text = content[number_of(name)];
    assert_true(strlen(text) < *bytes);
    *bytes = strlen(text);
    memcpy(data, text, *bytes);
    return EFI_SUCCESS;
}

efi_status_t efi_set_variable(const struct efi_name *name,
                              const struct efi_guid *guid, uint32_t attributes,
                              const void *data, uint64_t bytes) {
    (void)name, (void)guid, (void)attributes;
    if (bytes == 0) {
        deleted++;
        return EFI_SUCCESS;
    }
    assert_true(bytes < sizeof(written[0]) && parts_written < PARTS_MAX);
    memcpy(written[parts_written], data, bytes);
    written[parts_written++][bytes] = '\0';
    return EFI_SUCCESS;
}

efi_status_t efi_query_variable_info(uint32_t attributes, uint64_t *maximum,
                                     uint64_t *remaining, uint64_t *largest) {
    (void)attributes, (void)maximum, (void)largest;
    *remaining = free_bytes;
    return EFI_SUCCESS;
}

efi_status_t efi_get_time(struct efi_time *time) {
    (void)time;
    return EFI_UNSUPPORTED;
}

static int set_up(void **state) {
    (void)state;
    for (unsigned i = 0; i < RECORDS; i++)
        content[i] = HEAD "words\n", record[i] = FIRST;
    said[0] = '\0';
    broken_at = RECORDS + 1;
    deleted = parts_written = options.prove = 0;
    memset(written, 0, sizeof(written));
    free_bytes = 1 * MIB;
    firmware_record.ready = true;
    return 0;
}

// The action of the stage when the firmware is ready.
static void report(void) {
    static struct kernel kernel;
    FOR_EACH_ROW(stages, row)
        if (row->when == STAGE_READY)
            assert_int_equal(row->run(&kernel), STATUS_OK);
}

static unsigned times_said(const char *text) {
    unsigned times = 0;
    for (const char *at = said; (at = strstr(at, text)); at += strlen(text))
        times++;
    return times;
}

static void all_are_printed(void **state) {
    (void)state;
    report();
    assert_int_equal(times_said("@crash.record"), RECORDS);
    assert_int_equal(times_said("crash: | words\n"), RECORDS);
    assert_int_equal(times_said("more records"), 0);
    assert_int_equal(times_said("it is not known"), 0);
    assert_int_equal(deleted, 0);
}

static void a_list_that_breaks_off(void **state) {
    for (unsigned records = 0; records <= RECORDS; records++) {
        set_up(state);
        options.prove = 1;
        broken_at = records;
        report();
        assert_int_equal(times_said("@crash.record"), records);
        assert_int_equal(deleted, records);
        assert_int_equal(times_said("there may be more records"), 1);
        assert_contains(said, "ended with EFI_DEVICE_ERROR\n");
    }
}

// A record that ends within its header is not Baton's, and stays; one that ends
// right after it is empty, and is Baton's.
static void a_record_that_breaks_off(void **state) {
    (void)state;
    options.prove = 1;
    content[0] = "";
    content[1] = "Panic#1 Part1 of 1, Baton's log";
    content[2] = HEAD;
    report();
    assert_int_equal(times_said("@crash.record"), 1);
    assert_contains(said,
                    "name=dump-type0-2" FIRST " bytes=32 deleted=EFI_SUCCESS");
    assert_int_equal(times_said("crash: |"), 0);
    assert_int_equal(deleted, 1);
}

// The parts are in the order of writing; a power cut came after the first two.
static void parts_that_are_missing(void **state) {
    (void)state;
    content[0] = PART("3"), content[1] = PART("2"), content[2] = "";
    report();
    assert_int_equal(times_said("@crash.incomplete"), 1);
    assert_contains(said, "record=" FIRST " of=3 missing=\"1\"\n");
    assert_contains(said, "of its 3 parts, 1 cannot be read");
    said[0] = '\0';
    content[0] = PART("1"), content[1] = content[2] = "";
    report();
    assert_contains(said, "of=3 missing=\"2 3\"\n");
}

static void a_whole_record_in_any_order(void **state) {
    (void)state;
    content[0] = PART("2"), content[1] = PART("3"), content[2] = PART("1");
    report();
    assert_int_equal(times_said("@crash.record"), 3);
    assert_int_equal(times_said("incomplete"), 0);
}

// Parts of one do not complete the other.
static void two_records(void **state) {
    (void)state;
    content[0] = PART("3"), content[1] = PART("2"), content[2] = PART("1");
    record[1] = SECOND;
    report();
    assert_int_equal(times_said("@crash.incomplete"), 2);
    assert_contains(said, "record=" FIRST " of=3 missing=\"2\"\n");
    assert_contains(said, "record=" SECOND " of=3 missing=\"1 3\"\n");
}

// Lines that fill a part to its last byte, and those that take one more.
static void a_part_is_filled(void **state) {
    static _Alignas(8) uint8_t ring[16 * KIB];
    char line[LOG_LINE_MAX], head[PART_LINE_BYTES + 1];
    for (unsigned more = 0; more < 2; more++) {
        set_up(state);
        options.prove = 1;
        history = (struct log_ring *)ring;
        log_ring_init(history, sizeof(ring));
        memset(line, 'x', sizeof(line));
        // A line takes its bytes in the ring, and 12 before them.
        size_t first = 500, second = 1024 - PART_LINE_BYTES - first - 24 + more;
        log_ring_put(history, 1, line, first);
        log_ring_put(history, 1, line, second);
        FOR_EACH_ROW(stages, row)
            if (row->when == STAGE_PANIC)
                assert_int_equal(row->run(&(struct kernel){0}), STATUS_OK);
        assert_int_equal(parts_written, 1 + more);
        for (unsigned i = 0; i <= more; i++) {
            crash_part_line(head, sizeof(head),
                            (struct crash_part){1 + more - i, 1 + more});
            assert_memory_equal(written[i], head, PART_LINE_BYTES);
        }
        size_t bytes = strlen(written[more]) - PART_LINE_BYTES;
        assert_int_equal(bytes, more ? second : first + second);
        assert_contains(said, more ? "parts=2 why=\"\" lost=0"
                                   : "parts=1 why=\"\" lost=0");
    }
    history = NULL;
}

static void first_lines(void **state) {
    (void)state;
    static const char *const others[] = {"",
                                         "Panic#1 Part1",
                                         "Panic#1 Part1 of 3",
                                         "Panic#1 Part0 of 3, Baton's log\n",
                                         "Panic#1 Part4 of 3, Baton's log\n",
                                         "Panic#1 Part1 of 9, Baton's log\n",
                                         "Panic#1 Part1 of x, Baton's log\n",
                                         "Panic#1 Part1 of 3; Baton's log",
                                         "Panic#2 Part1 of 3, Baton's log\n",
                                         "Panic#1 Part1 of 3; Baton's log\n"};
    char line[PART_LINE_BYTES + 1];
    struct crash_part part;
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
        assert_false(crash_part_read(others[i], &part));
    for (unsigned of = 1; of <= PARTS_MAX; of++)
        for (unsigned number = 1; number <= of; number++) {
            struct crash_part written = {.number = number, .of = of};
            assert_int_equal(crash_part_line(line, sizeof(line), written),
                             PART_LINE_BYTES);
            assert_true(crash_part_read(line, &part));
            assert_int_equal(part.number, number);
            assert_int_equal(part.of, of);
        }
}

static void missing_parts_are_counted(void **state) {
    (void)state;
    char text[2 * PARTS_MAX];
    struct crash_record none = {.of = PARTS_MAX}, two = {.of = 4, .found = 10},
                        all = {.of = PARTS_MAX, .found = 0x1fe};
    assert_int_equal(crash_record_missing(&none, text, sizeof(text)), 8);
    assert_string_equal(text, "1 2 3 4 5 6 7 8");
    assert_int_equal(crash_record_missing(&two, text, sizeof(text)), 2);
    assert_string_equal(text, "2 4");
    assert_int_equal(crash_record_missing(&all, text, sizeof(text)), 0);
    assert_string_equal(text, "");
}

static void too_many_records(void **state) {
    (void)state;
    struct crash_record records[RECORDS_MAX] = {0};
    struct crash_part part = {.number = 1, .of = 1};
    char name[RECORD_NAME + 1] = "0";
    for (; name[0] < '0' + RECORDS_MAX; name[0]++)
        assert_true(crash_record_add(records, name, part));
    assert_false(crash_record_add(records, name, part));
    name[0] = '0';
    assert_true(crash_record_add(records, name, part));
    memset(name, '0', RECORD_NAME);
    assert_false(crash_record_add(records, name, part));
}

// Those of earlier kernels count as well: the firmware stays tainted.
static void aborted_calls_add_up(void **state) {
    (void)state;
    firmware_record.aborted_before = 3;
    gate_statistics.faults = 2;
    assert_int_equal(firmware_aborted(), 5);
    firmware_record.aborted_before = gate_statistics.faults = 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_are_printed, set_up),
        cmocka_unit_test_setup(a_list_that_breaks_off, set_up),
        cmocka_unit_test_setup(a_record_that_breaks_off, set_up),
        cmocka_unit_test_setup(parts_that_are_missing, set_up),
        cmocka_unit_test_setup(a_whole_record_in_any_order, set_up),
        cmocka_unit_test_setup(two_records, set_up),
        cmocka_unit_test(a_part_is_filled),
        cmocka_unit_test(first_lines),
        cmocka_unit_test(missing_parts_are_counted),
        cmocka_unit_test(too_many_records),
        cmocka_unit_test(aborted_calls_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
