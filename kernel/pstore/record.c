// The end of the log, saved in flash after a panic: as
// variables named and laid out as Linux's efi-pstore does it, so that either
// kernel can show what the other one said. Without prove=write nothing is
// written or deleted.
//
// Parts are numbered from the newest on, as Linux does it, but written from the
// oldest: most firmware lists variables in the order in which they were
// written, and then the text can be read from top to bottom.

#include "efi/config/config.h"
#include "efi/firmware.h"
#include "efi/gate.h"
#include "efi/services/rest.h"
#include "efi/services/utf16.h"
#include "efi/services/variables.h"
#include "kernel/history/history.h"
#include "kernel/options.h"
#include "kernel/proof.h"
#include "kernel/pstore/parts.h"
#include "kernel/report/lines.h"
#include "kernel/stage.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

#define PART_BYTES    1024 // what efi-pstore reads, up to Linux 6.12
#define PART_COST     (PART_BYTES + 256) // with the name, and the store's own
#define STORE_RESERVE (5 * KIB)          // never used up: Linux's figure, too
#define NAME          "dump-type0-" // %u-%d-%llu-%c: part, count, time, 'D'
#define NAME_TEXT     64

// LINUX_EFI_CRASH_GUID of Linux (include/linux/efi.h).
static const struct efi_guid crash_guid = {
    0xcfc8fc79,
    0xbe2e,
    0x4ddc,
    {0x97, 0xf0, 0x9f, 0x98, 0xbf, 0xe2, 0x98, 0xa0}};

static char text[PART_BYTES + 1];

// ---- writing

// Seconds since 1970. A year that begins in March has its leap day at the end.
static uint64_t unix_time(const struct efi_time *t) {
    uint64_t year = t->year - (t->month <= 2), month = (t->month + 9) % 12;
    uint64_t days = 365 * year + year / 4 - year / 100 + year / 400 +
                    (153 * month + 2) / 5 + t->day - 1 - 719468;
    return ((days * 24 + t->hour) * 60 + t->minute) * 60 + t->second;
}

// Whole lines from where they fit into one part, up to `until`.
static uint64_t part_start(uint64_t until) {
    uint64_t from = history->start;
    while (until - from > PART_BYTES - PART_LINE_BYTES)
        if (!log_ring_next(history, &from))
            return until;
    return from;
}

static size_t fill(struct crash_part part, uint64_t from, uint64_t until) {
    const struct log_line *line;
    size_t used = crash_part_line(text, sizeof(text), part);
    while (from < until && (line = log_ring_next(history, &from)) &&
           used + line->bytes <= PART_BYTES) {
        memcpy(text + used, line->text, line->bytes);
        used += line->bytes;
    }
    return used;
}

static efi_status_t write_part(unsigned part, uint64_t time, size_t bytes) {
    static struct efi_name name;
    char ascii[NAME_TEXT];
    format(ascii, sizeof(ascii), NAME "%u-1-%lu-D", part, time);
    efi_name_of(ascii, &name);
    return efi_set_variable(&name, &crash_guid, BATON_ATTRIBUTES, text, bytes);
}

// A firmware that is in the middle of something, or has failed before, is not
// asked to write to flash.
static status_t check_firmware(void) {
    if (!options.prove)
        return fail(STATUS_REFUSED, "prove=write was not given");
    if (!firmware->ready)
        return fail(STATUS_UNSUPPORTED, "the firmware is not called here");
    if (gate_current || firmware_aborted())
        return fail(STATUS_REFUSED, "the firmware %s",
                    gate_current ? "was in a call" : "has faulted before");
    return STATUS_OK;
}

// How many parts the store has room for, which must never be full.
static status_t count_room(uint64_t *parts) {
    uint64_t maximum, free = 0, largest;
    efi_status_t status =
        efi_query_variable_info(BATON_ATTRIBUTES, &maximum, &free, &largest);
    if (status != EFI_SUCCESS)
        return fail(STATUS_FAILED, "QueryVariableInfo: %s",
                    efi_status_name(status));
    *parts = free > STORE_RESERVE ? (free - STORE_RESERVE) / PART_COST : 0;
    if (*parts == 0)
        return fail(STATUS_NO_MEMORY, "%lu bytes are free; %lu stay so", free,
                    STORE_RESERVE);
    return STATUS_OK;
}

// How many parts were written, and how many bytes of the log are in them.
struct written {
    unsigned parts;
    uint64_t bytes;
};

static status_t write_parts(struct written *written) {
    uint64_t start[PARTS_MAX + 1] = {history->end}, room;
    struct efi_time time = {0};
    unsigned parts = 0;
    TRY(check_firmware());
    TRY(count_room(&room));
    efi_get_time(&time);
    while (parts < min_u64(room, PARTS_MAX) && start[parts] > history->start) {
        start[parts + 1] = part_start(start[parts]);
        parts++;
    }
    for (unsigned part = parts; part > 0; part--) {
        size_t bytes = fill((struct crash_part){.number = part, .of = parts},
                            start[part], start[part - 1]);
        efi_status_t status = write_part(part, unix_time(&time), bytes);
        if (status != EFI_SUCCESS)
            return fail(STATUS_FAILED, "SetVariable: %s",
                        efi_status_name(status));
        written->parts++;
        written->bytes += start[part - 1] - start[part];
    }
    return STATUS_OK;
}

// After a panic was reported: the end of the log, a KiB a variable, if the
// firmware can be called. Says how much was kept, or why nothing.
STAGE(PANIC, 30_record_write, "crash-record") {
    struct written written = {0};
    uint64_t all = history->end - history->start;
    status_t status = write_parts(&written);
    event("crash.saved", "parts=%u why=\"%s\" lost=%lu", written.parts,
          status ? why() : "", all - written.bytes);
    return STATUS_OK;
}

// ---- reading

// Is it what a Baton has left? Then gives its name and what its first line
// says, and fills `text`.
static bool read_part(const struct efi_variable *variable, char name[NAME_TEXT],
                      struct crash_part *part, uint64_t *bytes) {
    *bytes = PART_BYTES;
    utf16_to_utf8(name, NAME_TEXT, variable->name.text, EFI_NAME_UNITS);
    if (!efi_guid_equal(&variable->vendor, &crash_guid) ||
        !str_starts_with(name, NAME) || !name[strlen(NAME)] ||
        efi_get_variable(&variable->name, &crash_guid, NULL, text, bytes))
        return false;
    text[*bytes] = '\0';
    return crash_part_read(text, part);
}

static const char *delete_part(const struct efi_variable *part) {
    return efi_status_name(
        efi_set_variable(&part->name, &part->vendor, 0, NULL, 0));
}

static void report_missing(const struct crash_record *record) {
    char missing[2 * PARTS_MAX];
    if (!crash_record_missing(record, missing, sizeof(missing)))
        return;
    event("crash.incomplete", "record=%s of=%u missing=\"%s\"", record->name,
          record->of, missing);
    say("crash: this record is incomplete: of its %u parts, %s cannot be read "
        "(part 1 has the end of the log, with the panic). A reset or a power "
        "cut came while it was written or deleted, or the firmware failed.",
        record->of, missing);
}

// What a Baton before the reset has left: that one died. The records of a Linux
// stay for Linux. The firmware steps from name to name, so one is deleted when
// the next is known.
STAGE(READY, 10_record_report, "crash-record") {
    struct crash_record records[RECORDS_MAX] = {0};
    struct efi_variables all = {0};
    struct efi_variable variable;
    struct crash_part part;
    char name[NAME_TEXT];
    uint64_t bytes;
    const struct boot_info *boot = &kernel->boot;
    if (!firmware->ready || (boot->has_handoff && !boot->through_linux))
        return STATUS_OK;
    status_t status = efi_variables_next(&all);
    while (status == STATUS_OK) {
        variable = all.at;
        bool ours = read_part(&variable, name, &part, &bytes);
        status = efi_variables_next(&all);
        if (!ours)
            continue;
        event("crash.record", "name=%s bytes=%lu deleted=%s", name, bytes,
              options.prove ? delete_part(&variable) : "no");
        say_lines("crash: | ", text + PART_LINE_BYTES);
        // The record's own name follows the number of the part.
        if (!crash_record_add(records, name + sizeof(NAME), part))
            say("crash: it is not known if the record of this part is "
                "complete");
    }
    if (status != STATUS_NOT_FOUND)
        say("crash: there may be more records: GetNextVariableName ended with "
            "%s",
            why());
    for (unsigned i = 0; i < RECORDS_MAX; i++)
        report_missing(&records[i]);
    return STATUS_OK;
}
