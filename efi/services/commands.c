// The monitor's commands that call services, one by one, and those about
// variables.
//
// A variable is searched in the list of all: so the first digits of its
// vendor's GUID are enough, and a miss reports which vendor has one of that
// name.

#include "efi/call.h"
#include "efi/services/rest.h"
#include "efi/services/utf16.h"
#include "efi/services/variables.h"
#include "kernel/monitor/monitor.h"
#include "kernel/proof.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/space.h"

#define NAME_TEXT  256
#define DUMP_BYTES 16

static status_t answer(enum efi_service service, efi_status_t status) {
    if (status == EFI_SUCCESS)
        return STATUS_OK;
    return fail(STATUS_FAILED, "%s: %s", efi_service_name(service),
                efi_status_name(status));
}

// ---- single services

static void print_time(const char *state, const struct efi_time *t) {
    print("%s%04u-%02u-%02u %02u:%02u:%02u.%09u, zone %d, daylight %u", state,
          t->year, t->month, t->day, t->hour, t->minute, t->second,
          t->nanosecond, t->zone, t->daylight);
}

static status_t get_time(void) {
    struct efi_time time;
    const struct efi_time_capabilities *can = &efi_bounce.args.capabilities;
    TRY(need_firmware());
    TRY(answer(EFI_GET_TIME, efi_get_time(&time)));
    print_time("", &time);
    print("%u tick(s) a second, accurate to %u ppm", can->resolution_hz,
          can->accuracy / 1000000);
    return STATUS_OK;
}

COMMAND(efi_time, .name = "efi time", .help = "the firmware's clock") {
    return get_time();
}

COMMAND(efi_call_get_time, .name = "efi call GetTime",
        .help = "the same as efi time") {
    return get_time();
}

COMMAND(efi_call_get_wakeup_time, .name = "efi call GetWakeupTime",
        .help = "the time of the wake-up alarm") {
    struct efi_time time;
    bool enabled, pending;
    TRY(need_firmware());
    TRY(answer(EFI_GET_WAKEUP_TIME,
               efi_get_wakeup_time(&enabled, &pending, &time)));
    print_time(enabled ? "on, " : "off, ", &time);
    return STATUS_OK;
}

COMMAND(efi_call_get_count, .name = "efi call GetNextHighMonotonicCount",
        .help = "a number that is never repeated") {
    uint32_t count;
    TRY(need_firmware());
    TRY(answer(EFI_GET_NEXT_HIGH_MONOTONIC_COUNT,
               efi_get_next_high_monotonic_count(&count)));
    print("%#x", count);
    return STATUS_OK;
}

COMMAND(efi_call_query_variable_info, .name = "efi call QueryVariableInfo",
        .arguments = "[BITS]", .help = "the space for variables") {
    uint64_t attributes = BATON_ATTRIBUTES, maximum, free, largest;
    TRY(need_firmware());
    if (words->count > 0)
        TRY(word_number(words->word[0], &attributes));
    TRY(answer(EFI_QUERY_VARIABLE_INFO,
               efi_query_variable_info((uint32_t)attributes, &maximum, &free,
                                       &largest)));
    print("%lu of %lu bytes are free; the limit for one is %lu", free, maximum,
          largest);
    return STATUS_OK;
}

// ---- variables

struct variable {
    struct efi_variables all; // up to this one
    char name[NAME_TEXT], vendor[GUID_TEXT];
};

// Steps to the next variable. NOT_FOUND: there are no more.
static status_t next(struct variable *v) {
    status_t status = efi_variables_next(&v->all);
    if (status == STATUS_FAILED)
        return fail(status, "GetNextVariableName: %s", why());
    utf16_to_utf8(v->name, NAME_TEXT, v->all.at.name.text, EFI_NAME_UNITS);
    guid_text(&v->all.at.vendor, v->vendor);
    return status;
}

// By name, and by the first digits of the vendor's GUID.
static status_t find(const char *name, const char *vendor, struct variable *v) {
    char others[GUID_TEXT] = "";
    *v = (struct variable){0};
    status_t status;
    TRY(need_firmware());
    while ((status = next(v)) == STATUS_OK) {
        if (!str_equal(v->name, name))
            continue;
        if (str_starts_with(v->vendor, vendor))
            return STATUS_OK;
        memcpy(others, v->vendor, GUID_TEXT);
    }
    if (status != STATUS_NOT_FOUND)
        return status;
    return fail(STATUS_NOT_FOUND, "vendor %s has no variable %s%s%s", vendor,
                name, others[0] ? ", but this one has: " : "; see `efi vars`",
                others);
}

// NAME [GUID]: without one it is Baton's.
static status_t find_by_words(const struct words *words, struct variable *v) {
    char ours[GUID_TEXT];
    guid_text(&baton_guid, ours);
    return find(words->word[0], words->count > 1 ? words->word[1] : ours, v);
}

// What the latest variable that was read holds.
static struct {
    uint8_t *data;
    uint64_t bytes;
    uint32_t attributes;
} value;

static status_t read(const struct variable *v) {
    if (!value.data) {
        pa_t pa;
        TRY(frames_take("its value", pages_for(EFI_DATA_BYTES), &pa));
        value.data = pa_to_va(pa);
    }
    value.bytes = EFI_DATA_BYTES;
    return answer(EFI_GET_VARIABLE,
                  efi_get_variable(&v->all.at.name, &v->all.at.vendor,
                                   &value.attributes, value.data,
                                   &value.bytes));
}

static const char *attribute_words(uint32_t attributes, char text[12]) {
    format(text, 12, "%s %s %s",
           attributes & EFI_VARIABLE_NON_VOLATILE ? "NV" : "--",
           attributes & EFI_VARIABLE_BOOT_SERVICE ? "BS" : "--",
           attributes & EFI_VARIABLE_RUNTIME_ACCESS ? "RT" : "--");
    return text;
}

static void dump(const uint8_t *data, uint64_t bytes) {
    for (uint64_t at = 0; at < bytes; at += DUMP_BYTES) {
        char hex[3 * DUMP_BYTES + 1], text[DUMP_BYTES + 1] = "";
        for (size_t i = 0; i < DUMP_BYTES && at + i < bytes; i++) {
            uint8_t byte = data[at + i];
            format(hex + 3 * i, 4, " %02x", byte);
            text[i] = byte >= ' ' && byte < 0x7f ? (char)byte : '.';
        }
        print("  %04lx %-*s  %s", at, 3 * DUMP_BYTES, hex, text);
    }
}

static status_t print_variable(const struct words *words) {
    struct variable v;
    char attributes[12];
    TRY(find_by_words(words, &v));
    TRY(read(&v));
    print("%s of %s, %s, %lu bytes", v.name, v.vendor,
          attribute_words(value.attributes, attributes), value.bytes);
    dump(value.data, value.bytes);
    return STATUS_OK;
}

COMMAND(efi_vars, .name = "efi vars",
        .help = "all variables: vendor, attributes, bytes") {
    struct variable v = {0};
    char attributes[12];
    status_t status;
    TRY(need_firmware());
    while ((status = next(&v)) == STATUS_OK) {
        TRY(read(&v));
        print("  %s %s %5lu  %s", v.vendor,
              attribute_words(value.attributes, attributes), value.bytes,
              v.name);
    }
    print("%lu variables; NV: in flash, RT: accessible at runtime",
          v.all.count);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

COMMAND(efi_call_get_variable, .name = "efi call GetVariable",
        .arguments = "NAME [GUID]", .help = "the same as efi vars read") {
    return print_variable(words);
}

COMMAND(efi_vars_read, .name = "efi vars read", .arguments = "NAME [GUID]",
        .help = "the data of one; default vendor: Baton") {
    return print_variable(words);
}

COMMAND(efi_vars_write, .name = "efi vars write", .arguments = "NAME TEXT",
        .help = "write a non-volatile one of vendor Baton") {
    struct efi_name name;
    TRY(need_firmware());
    TRY(efi_name_of(words->word[0], &name));
    return answer(EFI_SET_VARIABLE,
                  efi_set_variable(&name, &baton_guid, BATON_ATTRIBUTES,
                                   words->word[1], strlen(words->word[1])));
}

COMMAND(efi_vars_delete, .name = "efi vars delete", .arguments = "NAME [GUID]",
        .help = "delete one; default vendor: Baton") {
    struct variable v;
    TRY(find_by_words(words, &v));
    return answer(
        EFI_SET_VARIABLE,
        efi_set_variable(&v.all.at.name, &v.all.at.vendor, 0, NULL, 0));
}
