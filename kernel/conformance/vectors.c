// Questions to the firmware whose answers are written down: in the
// specification (UEFI 2.10) and, where these say more, in the suites that
// firmware is tested with.
//
// A vector is a row: which service, what is unusual about the call, which
// answers are right, and who says so. The rows are tried in their order, for
// some rely on what those before them have written; in the end it is deleted.
// An answer that is not right is a difference of the firmware's, and no fault
// of the kernel's: docs/conformance.md lists them.

#include "efi/gate.h"
#include "efi/services.h"
#include "kernel/monitor/monitor.h"
#include "lib/format.h"
#include "lib/string.h"

// What arguments point to, made anew for each call.
struct room {
    uint16_t name[12], other[12], none[4];
    struct efi_guid guid, other_guid;
    uint64_t bytes;    // of `data`, or of a name
    uint64_t value[2]; // what is written: 1, 2, 3, …
    uint64_t data[2];  // where it is read to: UNTOUCHED before
    uint32_t attributes, count, reset;
    uint8_t enabled, pending;
    struct efi_time time; // now
    struct efi_time_capabilities capabilities;
    uint64_t number[3];
    struct efi_capsule_header capsule;
    uint64_t capsules[1];
    uint16_t found[EFI_NAME_UNITS];
};

// Arguments in this range are addresses in the room; others are what they are.
#define ROOM      0x5a000000UL
#define AT(field) (ROOM + offsetof(struct room, field))
#define WILD      (1UL << 63) // no address at all: it is not canonical
#define UNTOUCHED 0xee

#define NV       EFI_VARIABLE_NON_VOLATILE
#define BS       EFI_VARIABLE_BOOT_SERVICE
#define RT       EFI_VARIABLE_RUNTIME_ACCESS
#define ALL      (NV | BS | RT)
#define AUTH     0x10 // AUTHENTICATED_WRITE_ACCESS, which is deprecated
#define APPEND   0x40
#define RESERVED 0x40000000

#define SUCCESS     EFI_STATUS_SET(EFI_SUCCESS)
#define INVALID     EFI_STATUS_SET(EFI_INVALID_PARAMETER)
#define UNSUPPORTED EFI_STATUS_SET(EFI_UNSUPPORTED)
#define TOO_SMALL   EFI_STATUS_SET(EFI_BUFFER_TOO_SMALL)
#define NO_ROOM     EFI_STATUS_SET(EFI_OUT_OF_RESOURCES)
#define NOT_FOUND   EFI_STATUS_SET(EFI_NOT_FOUND)
#define ANY_ERROR   (~SUCCESS)

struct field {
    uint16_t offset, bytes;
    uint64_t value;
};

#define FIELD(field, value)                                                    \
    { offsetof(struct room, field), sizeof(((struct room *)0)->field), value }

struct vector {
    enum efi_service service;
    const char *what;
    uint32_t accepted;      // a set of answers
    const char *who;        // UEFI, FWTS, SCT, U-Boot's selftest: UFSB
    unsigned nth;           // this argument, counted from 1, …
    uint64_t is;            // … is not the usual one, but this
    struct field set, want; // what is changed in the room; what it then holds
};

// How each service is called but for what a row says.
static const uint64_t usual[EFI_SERVICES][GATE_ARGUMENTS] = {
    [EFI_GET_TIME] = {AT(time), AT(capabilities)},
    [EFI_SET_TIME] = {AT(time)},
    [EFI_GET_WAKEUP_TIME] = {AT(enabled), AT(pending), AT(time)},
    [EFI_SET_WAKEUP_TIME] = {1, AT(time)},
    [EFI_CONVERT_POINTER] = {0, AT(number[0])},
    [EFI_GET_VARIABLE] = {AT(name), AT(guid), AT(attributes), AT(bytes),
                          AT(data)},
    [EFI_GET_NEXT_VARIABLE_NAME] = {AT(bytes), AT(found), AT(guid)},
    [EFI_SET_VARIABLE] = {AT(name), AT(guid), ALL, 8, AT(value)},
    [EFI_GET_NEXT_HIGH_MONOTONIC_COUNT] = {AT(count)},
    [EFI_UPDATE_CAPSULE] = {AT(capsules), 1, 0},
    [EFI_QUERY_CAPSULE_CAPABILITIES] = {AT(capsules), 1, AT(number[0]),
                                        AT(reset)},
    [EFI_QUERY_VARIABLE_INFO] = {ALL, AT(number[0]), AT(number[1]),
                                 AT(number[2])},
};

static const struct vector vectors[] = {
    {EFI_GET_TIME, "as usual", SUCCESS, .who = "UFS"},
    {EFI_GET_TIME, "Capabilities=NULL", SUCCESS, "US", .nth = 2},
    {EFI_GET_TIME, "Time=NULL", INVALID, "UF", .nth = 1},
    {EFI_SET_TIME, "Time=NULL", INVALID, "", .nth = 1},
    {EFI_SET_TIME, "Year=1970", SUCCESS, "U", .set = FIELD(time.year, 1970)},
    {EFI_SET_TIME, "Year=2099", SUCCESS, "U", .set = FIELD(time.year, 2099)},
    {EFI_SET_TIME, "as it is", SUCCESS, .who = "UFS"},
    {EFI_GET_WAKEUP_TIME, "as usual", SUCCESS, .who = "UFS"},
    {EFI_GET_WAKEUP_TIME, "Enabled=NULL", INVALID, "UFS", .nth = 1},
    {EFI_GET_WAKEUP_TIME, "Pending=NULL", INVALID, "UFS", .nth = 2},
    {EFI_GET_WAKEUP_TIME, "Time=NULL", INVALID, "UFS", .nth = 3},
    {EFI_SET_WAKEUP_TIME, "Enable Time=NULL", INVALID, "UF", .nth = 2},
    {EFI_SET_WAKEUP_TIME, "Enable, this hour", SUCCESS, "UFS",
     .set = {offsetof(struct room, time.minute), 2, 59 << 8 | 59}},
    {EFI_GET_WAKEUP_TIME, "is enabled", SUCCESS, "FS",
     .want = FIELD(enabled, 1)},
    {EFI_SET_WAKEUP_TIME, "disable", SUCCESS, "UFS", .nth = 1},
    {EFI_GET_WAKEUP_TIME, "is disabled", SUCCESS, "FS",
     .want = FIELD(enabled, 0)},
    {EFI_QUERY_VARIABLE_INFO, "NV|BS|RT", SUCCESS, .who = "UFS"},
    {EFI_QUERY_VARIABLE_INFO, "no attributes", INVALID, "USB", .nth = 1},
    {EFI_QUERY_VARIABLE_INFO, "NV", INVALID, "USB", .nth = 1, .is = NV},
    {EFI_QUERY_VARIABLE_INFO, "RT", INVALID, "USB", .nth = 1, .is = RT},
    {EFI_QUERY_VARIABLE_INFO, "NV|RT", INVALID, "US", .nth = 1, .is = NV | RT},
    {EFI_QUERY_VARIABLE_INFO, "reserved attribute", INVALID, "B", .nth = 1,
     .is = RESERVED | ALL},
    {EFI_QUERY_VARIABLE_INFO, "AUTHENTICATED_WRITE", UNSUPPORTED, "UB",
     .nth = 1, .is = AUTH | ALL},
    {EFI_QUERY_VARIABLE_INFO, "Maximum=NULL", INVALID, "B", .nth = 2},
    {EFI_QUERY_VARIABLE_INFO, "Remaining=NULL", INVALID, "B", .nth = 3},
    {EFI_QUERY_VARIABLE_INFO, "MaximumVariable=NULL", INVALID, "B", .nth = 4},
    {EFI_SET_VARIABLE, "VariableName=NULL", INVALID, "U", .nth = 1},
    {EFI_SET_VARIABLE, "VariableName empty", INVALID, "US", .nth = 1,
     .is = AT(none)},
    {EFI_SET_VARIABLE, "VendorGuid=NULL", INVALID, "U", .nth = 2},
    {EFI_SET_VARIABLE, "Data=NULL", INVALID, "U", .nth = 5},
    {EFI_SET_VARIABLE, "DataSize=-1", INVALID, "S", .nth = 4, .is = UINT64_MAX},
    {EFI_SET_VARIABLE, "DataSize=1 MiB", INVALID | NO_ROOM, "UB", .nth = 4,
     .is = MIB},
    {EFI_SET_VARIABLE, "RT", INVALID, "US", .nth = 3, .is = RT},
    {EFI_SET_VARIABLE, "NV|RT", INVALID, "US", .nth = 3, .is = NV | RT},
    {EFI_SET_VARIABLE, "BS", ANY_ERROR, "UF", .nth = 3, .is = BS},
    {EFI_SET_VARIABLE, "NV|BS", ANY_ERROR, "UFB", .nth = 3, .is = NV | BS},
    {EFI_SET_VARIABLE, "BS|RT", ANY_ERROR, "UFB", .nth = 3, .is = BS | RT},
    {EFI_SET_VARIABLE, "AUTHENTICATED_WRITE", UNSUPPORTED, "UF", .nth = 3,
     .is = AUTH | ALL},
    {EFI_SET_VARIABLE, "TIME_BASED|ENHANCED", ANY_ERROR, "F", .nth = 3,
     .is = 0xa0 | ALL},
    {EFI_GET_VARIABLE, "none of these is there", NOT_FOUND, .who = "UFS"},
    {EFI_SET_VARIABLE, "8 bytes", SUCCESS, .who = "UFS"},
    {EFI_GET_VARIABLE, "its bytes", SUCCESS, "UFS",
     .want = FIELD(data[0], 0x0807060504030201)},
    {EFI_GET_VARIABLE, "its size", SUCCESS, "UFS", .want = FIELD(bytes, 8)},
    {EFI_GET_VARIABLE, "its attributes", SUCCESS, "UFS",
     .want = FIELD(attributes, ALL)},
    {EFI_GET_VARIABLE, "and not a byte more", SUCCESS, "B",
     .want = FIELD(data[1], 0xeeeeeeeeeeeeeeee)},
    {EFI_GET_VARIABLE, "Attributes=NULL", SUCCESS, "US", .nth = 3},
    {EFI_GET_VARIABLE, "DataSize=7", TOO_SMALL, "US", .set = FIELD(bytes, 7),
     .want = FIELD(bytes, 8)},
    {EFI_GET_VARIABLE, "DataSize=0", TOO_SMALL, "US", .set = FIELD(bytes, 0),
     .want = FIELD(bytes, 8)},
    {EFI_GET_VARIABLE, "DataSize=0 Data=NULL", TOO_SMALL, "US", .nth = 5,
     .set = FIELD(bytes, 0), .want = FIELD(bytes, 8)},
    {EFI_GET_VARIABLE, "Data=NULL", INVALID, "UFS", .nth = 5},
    {EFI_GET_VARIABLE, "VariableName=NULL", INVALID, "UFS", .nth = 1},
    {EFI_GET_VARIABLE, "VendorGuid=NULL", INVALID, "UFS", .nth = 2},
    {EFI_GET_VARIABLE, "DataSize=NULL", INVALID, "UFS", .nth = 4},
    {EFI_GET_VARIABLE, "VariableName empty", NOT_FOUND, "U", .nth = 1,
     .is = AT(none)},
    {EFI_GET_VARIABLE, "a similar name", NOT_FOUND, "US", .nth = 1,
     .is = AT(other)},
    {EFI_GET_VARIABLE, "another vendor", NOT_FOUND, "US", .nth = 2,
     .is = AT(other_guid)},
    {EFI_SET_VARIABLE, "other attributes than it has", INVALID, "US", .nth = 3,
     .is = NV | BS, .set = FIELD(value[0], 99)},
    {EFI_GET_VARIABLE, "is as it was", SUCCESS, "S",
     .want = FIELD(data[0], 0x0807060504030201)},
    {EFI_SET_VARIABLE, "the same again", SUCCESS, .who = "UFS"},
    {EFI_SET_VARIABLE, "5 bytes instead", SUCCESS, "UFS", .nth = 4, .is = 5},
    {EFI_SET_VARIABLE, "8 bytes more", SUCCESS, "UB", .nth = 3,
     .is = APPEND | ALL},
    {EFI_GET_VARIABLE, "all 13", SUCCESS, "UB", .want = FIELD(bytes, 13)},
    {EFI_GET_NEXT_VARIABLE_NAME, "the first", SUCCESS, "UFS",
     .set = FIELD(bytes, 2 * EFI_NAME_UNITS)},
    {EFI_GET_NEXT_VARIABLE_NAME, "VariableNameSize=NULL", INVALID, "UFS",
     .nth = 1},
    {EFI_GET_NEXT_VARIABLE_NAME, "VariableName=NULL", INVALID, "UFS", .nth = 2},
    {EFI_GET_NEXT_VARIABLE_NAME, "VendorGuid=NULL", INVALID, "UFS", .nth = 3},
    {EFI_GET_NEXT_VARIABLE_NAME, "VariableNameSize=0", TOO_SMALL | INVALID,
     "UF", .set = FIELD(bytes, 0)},
    {EFI_GET_NEXT_VARIABLE_NAME, "VariableNameSize=1", TOO_SMALL | INVALID,
     "UFB", .set = FIELD(bytes, 1)},
    {EFI_GET_NEXT_VARIABLE_NAME, "VariableNameSize=2", TOO_SMALL, "UFS",
     .set = FIELD(bytes, 2)},
    {EFI_GET_NEXT_VARIABLE_NAME, "no NUL in the name", INVALID, "USB", .nth = 2,
     .is = AT(name), .set = FIELD(bytes, 8)},
    {EFI_GET_NEXT_VARIABLE_NAME, "a name that is not there", INVALID, "US",
     .nth = 2, .is = AT(other), .set = FIELD(bytes, 24)},
    {EFI_SET_VARIABLE, "no attributes: delete", SUCCESS, "UFS", .nth = 3},
    {EFI_GET_VARIABLE, "is gone", NOT_FOUND, .who = "UFS"},
    {EFI_SET_VARIABLE, "delete again", NOT_FOUND, "USB", .nth = 3},
    {EFI_SET_VARIABLE, "append to nothing", SUCCESS, "UB", .nth = 3,
     .is = APPEND | ALL},
    {EFI_GET_VARIABLE, "created it", SUCCESS, .who = "UB"},
    {EFI_SET_VARIABLE, "no bytes: delete", SUCCESS, "UFS", .nth = 4},
    {EFI_GET_VARIABLE, "is gone, too", NOT_FOUND, .who = "UFS"},
    {EFI_GET_NEXT_HIGH_MONOTONIC_COUNT, "as usual", SUCCESS, .who = "UFS"},
    {EFI_GET_NEXT_HIGH_MONOTONIC_COUNT, "HighCount=NULL", INVALID, "UF",
     .nth = 1},
    {EFI_UPDATE_CAPSULE, "CapsuleCount=0", INVALID, "US", .nth = 2},
    {EFI_UPDATE_CAPSULE, "an unknown capsule", INVALID | UNSUPPORTED,
     .who = "US"},
    {EFI_UPDATE_CAPSULE, "POPULATE alone", INVALID | UNSUPPORTED, "US",
     .set = FIELD(capsule.flags, 0x20000)},
    {EFI_UPDATE_CAPSULE, "INITIATE_RESET alone", INVALID | UNSUPPORTED, "US",
     .set = FIELD(capsule.flags, 0x40000)},
    {EFI_UPDATE_CAPSULE, "PERSIST|POPULATE, no list", INVALID | UNSUPPORTED,
     "US", .set = FIELD(capsule.flags, 0x30000)},
    {EFI_QUERY_CAPSULE_CAPABILITIES, "MaximumCapsuleSize=NULL",
     INVALID | UNSUPPORTED, "US", .nth = 3},
    {EFI_QUERY_CAPSULE_CAPABILITIES, "Flags=0", SUCCESS | UNSUPPORTED,
     .who = "UFS"},
    {EFI_QUERY_CAPSULE_CAPABILITIES, "PERSIST", SUCCESS | UNSUPPORTED, "UFS",
     .set = FIELD(capsule.flags, 0x10000)},
    {EFI_CONVERT_POINTER, "Address=NULL", INVALID | UNSUPPORTED, "U", .nth = 2},
    {EFI_UPDATE_CAPSULE, "CapsuleHeaderArray=NULL", ANY_ERROR, "", .nth = 1},
    {EFI_UPDATE_CAPSULE, "no capsule in the array", ANY_ERROR, "",
     .set = FIELD(capsules[0], 0)},
    {EFI_QUERY_CAPSULE_CAPABILITIES, "CapsuleHeaderArray=NULL", ANY_ERROR, "",
     .nth = 1},
    {EFI_GET_TIME, "Time is no address", ANY_ERROR, "", .nth = 1, .is = WILD},
    {EFI_GET_VARIABLE, "VariableName is no address", ANY_ERROR, "", .nth = 1,
     .is = WILD},
    {EFI_GET_NEXT_VARIABLE_NAME, "VendorGuid is no address", ANY_ERROR, "",
     .nth = 3, .is = WILD, .set = FIELD(bytes, 2 * EFI_NAME_UNITS)},
    {EFI_SET_VARIABLE, "Data is no address", ANY_ERROR, "", .nth = 5,
     .is = WILD},
    {EFI_SET_VARIABLE, "and the store works as before", SUCCESS, .who = "U"},
    {EFI_GET_VARIABLE, "and finds it", SUCCESS, .who = "U"},
    {EFI_SET_VARIABLE, "and deletes it", SUCCESS, "U", .nth = 3},
};

// Times that there are not: neither to be set nor to be woken at.
static const struct {
    const char *what, *who;
    struct field set;
} no_times[] = {
    {"Year=1899", "UFS", FIELD(time.year, 1899)},
    {"Year=10000", "UFS", FIELD(time.year, 10000)},
    {"Year=65535", "US", FIELD(time.year, 0xffff)},
    {"Month=0", "UFS", FIELD(time.month, 0)},
    {"Month=13", "UFS", FIELD(time.month, 13)},
    {"Month=255", "US", FIELD(time.month, 255)},
    {"Day=0", "UFS", FIELD(time.day, 0)},
    {"Day=32", "UFS", FIELD(time.day, 32)},
    {"Day=255", "US", FIELD(time.day, 255)},
    {"31 April", "US", {offsetof(struct room, time.month), 2, 31 << 8 | 4}},
    {"29 February 2001",
     "US",
     {offsetof(struct room, time.year), 4, 29 << 24 | 2 << 16 | 2001}},
    {"Hour=24", "UFS", FIELD(time.hour, 24)},
    {"Hour=255", "US", FIELD(time.hour, 255)},
    {"Minute=60", "UFS", FIELD(time.minute, 60)},
    {"Minute=255", "US", FIELD(time.minute, 255)},
    {"Second=60", "UFS", FIELD(time.second, 60)},
    {"Second=255", "US", FIELD(time.second, 255)},
    {"Nanosecond=10^9", "UFS", FIELD(time.nanosecond, 1000000000)},
    {"Nanosecond=2^32-1", "US", FIELD(time.nanosecond, 0xffffffff)},
    {"TimeZone=-1441", "UFS", FIELD(time.zone, (uint16_t)-1441)},
    {"TimeZone=1441", "UFS", FIELD(time.zone, 1441)},
    {"Daylight=0xfc", "UF", FIELD(time.daylight, 0xfc)},
};

static struct efi_time now;
static uint32_t unsupported; // services that say so, a bit each

static const struct efi_guid vendor =
    EFI_GUID(0c3fa1b2, 6d44, 4b2f, 935e, 1a7720c58e64);

static void furnish(struct room *room, uint64_t seen_at) {
    memset(room, 0, sizeof(*room));
    memcpy(room->name, u"BatonVector", sizeof(room->name));
    memcpy(room->other, u"BatonVectos", sizeof(room->other));
    room->guid = room->other_guid = vendor;
    room->other_guid.a++;
    room->bytes = sizeof(room->data);
    for (unsigned i = 0; i < sizeof(room->value); i++)
        ((uint8_t *)room->value)[i] = i + 1;
    memset(room->data, UNTOUCHED, sizeof(room->data));
    room->enabled = room->pending = UNTOUCHED;
    room->time = now;
    room->capsule = (struct efi_capsule_header){vendor, sizeof(room->capsule),
                                                0, sizeof(room->capsule)};
    room->capsules[0] = seen_at + offsetof(struct room, capsule);
}

// Calls; *left is what is found in the room where something is wanted.
static efi_status_t ask(const struct vector *v, uint64_t *left) {
    uint64_t seen_at, argument[GATE_ARGUMENTS];
    struct room *room = efi_room(v->service, &seen_at);
    furnish(room, seen_at);
    memcpy((uint8_t *)room + v->set.offset, &v->set.value, v->set.bytes);
    memcpy(argument, usual[v->service], sizeof(argument));
    if (v->nth)
        argument[v->nth - 1] = v->is;
    for (unsigned i = 0; i < GATE_ARGUMENTS; i++)
        if (argument[i] - ROOM < sizeof(*room))
            argument[i] += seen_at - ROOM;
    efi_status_t status = efi_call(v->service, argument);
    *left = 0;
    memcpy(left, (uint8_t *)room + v->want.offset, v->want.bytes);
    return status;
}

// "UEFI 2.10 §8.2, FWTS, SCT"
static const char *say_who(const struct vector *v) {
    static const char sections[] = "33334422255552"; // of chapter 8
    static const char *const suites[] = {
        ['F'] = "FWTS", ['S'] = "SCT", ['B'] = "U-Boot"};
    static char text[64];
    *text = '\0';
    for (const char *at = v->who; *at; at++)
        if (*at == 'U')
            append(text, sizeof(text), "UEFI 2.10 §8.%c", sections[v->service]);
        else
            append(text, sizeof(text), "%s%s", *text ? ", " : "",
                   suites[(uint8_t)*at]);
    return *text ? text : "nobody";
}

static const char *say_wanted(uint32_t accepted) {
    static char text[160];
    *text = '\0';
    if (accepted == ANY_ERROR)
        return "an error";
    for (unsigned code = 0; code < 32; code++)
        if (accepted >> code & 1)
            append(text, sizeof(text), "%s%s", *text ? " or " : "",
                   efi_status_name(code ? EFI_ERROR | code : 0));
    return text;
}

// A service need not be there at runtime, if it says so (UEFI 2.10 §8.1); and
// what could not be written is not found.
static bool is_missing(const struct vector *v, efi_status_t status) {
    if (status == EFI_UNSUPPORTED)
        unsupported |= 1u << v->service;
    return status == EFI_UNSUPPORTED ||
           (status == EFI_NOT_FOUND && unsupported >> EFI_SET_VARIABLE & 1);
}

enum result { RIGHT, DIFFERENT, MISSING, RESULTS };

static enum result try(unsigned n, const struct vector *v) {
    char note[200] = "";
    uint64_t left;
    enum result result = RIGHT;
    efi_status_t status = ask(v, &left);
    if (!efi_status_in(status, v->accepted)) {
        result = is_missing(v, status) ? MISSING : DIFFERENT;
        format(note, sizeof(note), ", not %s", say_wanted(v->accepted));
    } else if (status == EFI_ABORTED) {
        str_copy(note, sizeof(note), ", a fault, contained");
    } else if (left != v->want.value) {
        result = DIFFERENT;
        format(note, sizeof(note), ", with %#lx, not %#lx", left,
               v->want.value);
    }
    print("%sok %u - %s %s: %s%s (%s)%s", result == DIFFERENT ? "not " : "", n,
          efi_service_name(v->service), v->what, efi_status_name(status),
          result == MISSING ? "" : note, say_who(v),
          result == MISSING ? " # SKIP not at runtime" : "");
    return result;
}

COMMAND(efi_vectors, .name = "efi vectors",
        .help = "what it answers, beside what it should, in KTAP") {
    unsigned count[RESULTS] = {0}, n = 0;
    TRY(need_firmware());
    efi_get_time(&now, NULL);
    print("KTAP version 1\n1..%zu",
          ARRAY_SIZE(vectors) + 2 * ARRAY_SIZE(no_times));
    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
        count[try(++n, &vectors[i])]++;
    for (unsigned i = 0; i < ARRAY_SIZE(no_times); i++) {
        struct vector v = {EFI_SET_TIME, no_times[i].what, INVALID,
                           no_times[i].who, .set = no_times[i].set};
        count[try(++n, &v)]++;
        v.service = EFI_SET_WAKEUP_TIME;
        count[try(++n, &v)]++;
    }
    print("# %u as they should be, %u different, %u not at runtime",
          count[RIGHT], count[DIFFERENT], count[MISSING]);
    return STATUS_OK;
}
