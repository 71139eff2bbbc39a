// Questions to the firmware whose answers are written down: in the
// specification (UEFI 2.10) and, where these say more, in the suites that
// firmware is tested with.
//
// A vector is a row: which service, what is unusual about the call, which
// answers are right, and who says so. The rows are tried in their order, for
// some rely on what those before them have written; in the end it is deleted.
// An answer that is not right is a difference of the firmware's, and no fault
// of the kernel's: docs/conformance.md lists them.

#include "efi/call.h"
#include "efi/firmware.h"
#include "efi/guard/guard.h"
#include "efi/services/properties.h"
#include "efi/services/rest.h"
#include "efi/services/utf16.h"
#include "kernel/monitor/monitor.h"
#include "kernel/proof.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/space.h"

// The data of pointer arguments, set again for each row; and the arguments, so
// that a row may change these in the same way.
struct scratch {
    uint64_t arg[GATE_ARGUMENTS];
    uint16_t name[13];
    struct efi_guid guid;
    uint64_t value[2]; // what is written
    uint32_t attributes, count, reset;
    uint8_t enabled, pending;
    struct efi_time time; // now
    struct efi_time_capabilities capabilities;
    uint64_t number[3];
    struct efi_capsule_header capsule;
    uint64_t capsules[1];
    unsigned odd, listed; // what was noticed in answers; names that are ours
    uint64_t bytes;       // of `found`, or `data`
    uint16_t found[EFI_NAME_UNITS];
    uint64_t data[2]; // where it is read to
};

// Arguments in this range are offsets into struct scratch; others are passed as
// they are.
#define SCRATCH   0x5a000000UL
#define AT(field) (SCRATCH + offsetof(struct scratch, field))
// No address at all: it is not canonical, and what 32-bit firmware sees of it
// is mapped nowhere.
#define WILD      0x800000007ffff000
#define UNTOUCHED 0xeeeeeeeeeeeeeeee
#define WRITTEN   0x0807060504030201
#define AND_MORE  0x100f0e0d0c0b0a09

#define NV  EFI_VARIABLE_NON_VOLATILE
#define BS  EFI_VARIABLE_BOOT_SERVICE
#define RT  EFI_VARIABLE_RUNTIME_ACCESS
#define ALL (NV | BS | RT)

#define SUCCESS     EFI_STATUS_SET(EFI_SUCCESS)
#define INVALID     EFI_STATUS_SET(EFI_INVALID_PARAMETER)
#define UNSUPPORTED EFI_STATUS_SET(EFI_UNSUPPORTED)
#define TOO_SMALL   EFI_STATUS_SET(EFI_BUFFER_TOO_SMALL)
#define NO_SPACE    EFI_STATUS_SET(EFI_OUT_OF_RESOURCES)
#define NOT_FOUND   EFI_STATUS_SET(EFI_NOT_FOUND)
#define INSECURE    EFI_STATUS_SET(EFI_SECURITY_VIOLATION)
#define REFUSED     (INVALID | UNSUPPORTED)
#define OPTIONAL    (SUCCESS | UNSUPPORTED)
#define ANY_ERROR   (~SUCCESS)

struct field {
    uint16_t offset, bytes;
    uint64_t value;
};

#define FIELD(field, value)                                                    \
    {                                                                          \
        offsetof(struct scratch, field), sizeof(((struct scratch *)0)->field), \
            value                                                              \
    }

// On 19 May 2017, at this hour, 47 minutes; with 7 bytes, and no seconds.
#define IN_MAY(hour, bytes)                                                    \
    { offsetof(struct scratch, time), bytes, 0x2f00130507e1 | (hour##UL) << 32 }

struct vector {
    enum efi_service service;
    const char *what;
    uint32_t accepted; // a set of answers
    const char *who;   // UEFI, FWTS, SCT, U-Boot's selftest: UFSB
    unsigned nth;      // these arguments, a digit each from 1 on, …
    uint64_t is;       // … are not the usual ones, but this
    struct field set,
        want; // what is changed in scratch; what it then holds
    void (*look)(struct scratch *scratch,
                 efi_status_t status); // at each answer
    unsigned times, step; // it is called that often, unless one call has no
                          // success; `set` is `step` more each time
};

#define GET     EFI_GET_VARIABLE
#define NEXT    EFI_GET_NEXT_VARIABLE_NAME
#define SET     EFI_SET_VARIABLE
#define INFO    EFI_QUERY_VARIABLE_INFO
#define COUNT   EFI_GET_NEXT_HIGH_MONOTONIC_COUNT
#define CAPSULE EFI_UPDATE_CAPSULE
#define QUERY   EFI_QUERY_CAPSULE_CAPABILITIES

// How each service is called but for what a row says.
static const uint64_t usual[EFI_SERVICES][GATE_ARGUMENTS] = {
    [EFI_GET_TIME] = {AT(time), AT(capabilities)},
    [EFI_SET_TIME] = {AT(time)},
    [EFI_GET_WAKEUP_TIME] = {AT(enabled), AT(pending), AT(time)},
    [EFI_SET_WAKEUP_TIME] = {1, AT(time)},
    [EFI_CONVERT_POINTER] = {0, AT(number[0])},
    [GET] = {AT(name), AT(guid), AT(attributes), AT(bytes), AT(data)},
    [NEXT] = {AT(bytes), AT(found), AT(guid)},
    [SET] = {AT(name), AT(guid), ALL, 8, AT(value)},
    [COUNT] = {AT(count)},
    [CAPSULE] = {AT(capsules), 1, 0},
    [QUERY] = {AT(capsules), 1, AT(number[0]), AT(reset)},
    [INFO] = {ALL, AT(number[0]), AT(number[1]), AT(number[2])},
};

static void look_at_time(struct scratch *scratch, efi_status_t status) {
    scratch->odd += status == EFI_SUCCESS && !efi_is_time(&scratch->time);
}

// There is free space, and the total never changes.
static void look_at_space(struct scratch *scratch, efi_status_t status) {
    static uint64_t maximum;
    const uint64_t *number = scratch->number;
    maximum = maximum ? maximum : number[0];
    scratch->odd +=
        status == EFI_SUCCESS && (number[0] != maximum || number[1] > maximum ||
                                  !number[1] || !number[2]);
}

// A name takes as many bytes as it says, and ends in them, or wants more than
// there were.
static void look_at_name(struct scratch *scratch, efi_status_t status) {
    bool found = status == EFI_SUCCESS;
    size_t units = 1; // with the NUL
    while (units < EFI_NAME_UNITS && scratch->found[units - 1])
        units++;
    scratch->listed += found && utf16_equal(scratch->found, scratch->name);
    bool ends = !scratch->found[units - 1] && scratch->bytes == 2 * units;
    scratch->odd += found ? !ends : scratch->bytes <= 2;
}

// What a row may say beside, of an argument and of fields of scratch.
#define ARG(n, value)     .nth = n, .is = value
#define IN(field, value)  .set = FIELD(field, value)
#define OUT(field, value) .want = FIELD(field, value)
#define SOUND(what)       .look = look_at_##what, OUT(odd, 0)
#define EACH(n, more)     .times = n, .step = more

static const struct vector vectors[] = {
    {EFI_GET_TIME, "normal call", SUCCESS, "UFS", SOUND(time)},
    {EFI_GET_TIME, "64 times", SUCCESS, "S", .times = 64},
    {EFI_GET_TIME, "Capabilities=NULL", SUCCESS, "US", ARG(2, 0)},
    {EFI_GET_TIME, "Time=NULL", INVALID, "UF", ARG(1, 0)},
    {EFI_GET_TIME, "all NULL", INVALID, "UFS", ARG(12, 0)},
    {EFI_SET_TIME, "Time=NULL", INVALID, "", ARG(1, 0)},
    {EFI_SET_TIME, "Year=1970", SUCCESS, "U", IN(time.year, 1970)},
    {EFI_SET_TIME, "Year=2099", SUCCESS, "U", IN(time.year, 2099)},
    {EFI_SET_TIME, "2017-05-19 13:47", SUCCESS, "UFSB", .set = IN_MAY(13, 7)},
    {EFI_GET_TIME, "is that time", SUCCESS, "UFSB", .want = IN_MAY(13, 6)},
    {EFI_GET_WAKEUP_TIME, "normal call", SUCCESS, "UFS", SOUND(time)},
    {EFI_GET_WAKEUP_TIME, "Enabled=NULL", INVALID, "UFS", ARG(1, 0)},
    {EFI_GET_WAKEUP_TIME, "Pending=NULL", INVALID, "UFS", ARG(2, 0)},
    {EFI_GET_WAKEUP_TIME, "Time=NULL", INVALID, "UFS", ARG(3, 0)},
    {EFI_GET_WAKEUP_TIME, "all NULL", INVALID, "UF", ARG(123, 0)},
    {EFI_SET_WAKEUP_TIME, "Enable Time=NULL", INVALID, "UF", ARG(2, 0)},
    {EFI_SET_WAKEUP_TIME, "Enable 14:47", SUCCESS, "UFS", .set = IN_MAY(14, 7)},
    {EFI_GET_WAKEUP_TIME, "is enabled", SUCCESS, "FS", OUT(enabled, 1)},
    {EFI_GET_WAKEUP_TIME, "not pending", SUCCESS, "FS", OUT(pending, 0)},
    {EFI_GET_WAKEUP_TIME, "is 14:47", SUCCESS, "FS", .want = IN_MAY(14, 6)},
    {EFI_SET_WAKEUP_TIME, "disable", SUCCESS, "UFS", ARG(1, 0)},
    {EFI_GET_WAKEUP_TIME, "is disabled", SUCCESS, "FS", OUT(enabled, 0)},
    {EFI_SET_TIME, "TimeZone=60", SUCCESS, "UFS", IN(time.zone, 60)},
    {EFI_GET_TIME, "is in that zone", SUCCESS, "UFS", OUT(time.zone, 60)},
    {EFI_SET_TIME, "Daylight=3", SUCCESS, "UFS", IN(time.daylight, 3)},
    {EFI_GET_TIME, "is daylight time", SUCCESS, "UFS", OUT(time.daylight, 3)},
    {EFI_SET_TIME, "restored", SUCCESS, .who = "UFS"},
    {INFO, "NV|BS|RT", SUCCESS, "UFSB", SOUND(space)},
    {INFO, "64 times", SUCCESS, "F", .times = 64},
    {INFO, "no attributes", INVALID, "USB", ARG(1, 0)},
    {INFO, "NV", INVALID, "USB", ARG(1, NV)},
    {INFO, "RT", INVALID, "USB", ARG(1, RT)},
    {INFO, "NV|RT", INVALID, "US", ARG(1, NV | RT)},
    {INFO, "reserved attribute", INVALID, "B", ARG(1, 0x40000000 | ALL)},
    {INFO, "AUTHENTICATED_WRITE", UNSUPPORTED, "UB", ARG(1, 0x10 | ALL)},
    {INFO, "TIME_BASED", OPTIONAL, "S", ARG(1, 0x20 | ALL)},
    {INFO, "Maximum=NULL", INVALID, "B", ARG(2, 0)},
    {INFO, "Remaining=NULL", INVALID, "B", ARG(3, 0)},
    {INFO, "MaximumVariable=NULL", INVALID, "B", ARG(4, 0)},
    {SET, "VariableName=NULL", INVALID, "U", ARG(1, 0)},
    {SET, "VariableName empty", INVALID, "US", IN(name[0], 0)},
    {SET, "VendorGuid=NULL", INVALID, "U", ARG(2, 0)},
    {SET, "Data=NULL", INVALID, "U", ARG(5, 0)},
    {SET, "RT", INVALID, "US", ARG(3, RT)},
    {SET, "NV|RT", INVALID, "US", ARG(3, NV | RT)},
    {SET, "BS", ANY_ERROR, "UF", ARG(3, BS)},
    {SET, "NV|BS", ANY_ERROR, "UFB", ARG(3, NV | BS)},
    {SET, "BS|RT", ANY_ERROR, "UFB", ARG(3, BS | RT)},
    {SET, "HARDWARE_ERROR|RT", INVALID, "S", ARG(3, 0x08 | RT)},
    {SET, "HARDWARE_ERROR|NV|RT", INVALID, "S", ARG(3, 0x08 | NV | RT)},
    // A firmware without Secure Boot knows neither attribute.
    {SET, "AUTHENTICATED_WRITE", REFUSED, "UF", ARG(3, 0x10 | ALL)},
    {SET, "TIME_BASED, not signed", INSECURE | INVALID, "US",
     ARG(3, 0x20 | ALL)},
    {SET, "TIME_BASED|ENHANCED", ANY_ERROR, "F", ARG(3, 0xa0 | ALL)},
    {SET, "append no bytes", SUCCESS, "B", ARG(3, 0x40 | ALL), IN(arg[3], 0)},
    {GET, "none of these exists", NOT_FOUND, .who = "UFSB"},
    {SET, "11 lengths", SUCCESS, "F", IN(arg[0], AT(name)), EACH(11, 2)},
    {GET, "finds those", SUCCESS, "F", IN(arg[0], AT(name)), EACH(11, 2)},
    {SET, "delete", SUCCESS, "F", ARG(3, 0), IN(arg[0], AT(name)), EACH(11, 2)},
    {SET, "8 bytes", SUCCESS, .who = "UFS"},
    {GET, "its bytes", SUCCESS, "UFS", OUT(data[0], WRITTEN)},
    {GET, "its size", SUCCESS, "UFS", OUT(bytes, 8)},
    {GET, "its attributes", SUCCESS, "UFS", OUT(attributes, ALL)},
    {GET, "not a byte more", SUCCESS, "B", OUT(data[1], UNTOUCHED)},
    {GET, "64 times", SUCCESS, "F", .times = 64},
    {GET, "Attributes=NULL", SUCCESS, "US", ARG(3, 0)},
    {GET, "DataSize=7", TOO_SMALL, "US", IN(bytes, 7), OUT(bytes, 8)},
    {GET, "DataSize=0", TOO_SMALL, "US", IN(bytes, 0), OUT(bytes, 8)},
    {GET, "DataSize=0 Data=NULL", TOO_SMALL, "US", ARG(5, 0), IN(bytes, 0),
     OUT(bytes, 8)},
    {GET, "and its attributes", TOO_SMALL, "US", ARG(5, 0), IN(bytes, 0),
     OUT(attributes, ALL)},
    {GET, "Data=NULL", INVALID, "UFS", ARG(5, 0)},
    {GET, "VariableName=NULL", INVALID, "UFS", ARG(1, 0)},
    {GET, "VendorGuid=NULL", INVALID, "UFS", ARG(2, 0)},
    {GET, "DataSize=NULL", INVALID, "UFS", ARG(4, 0)},
    {GET, "all NULL", INVALID, "F", ARG(12345, 0)},
    {GET, "VariableName empty", NOT_FOUND, "U", IN(name[0], 0)},
    {GET, "another vendor", NOT_FOUND, "US", IN(guid.b, 0)},
    {GET, "a similar name", NOT_FOUND, "US", IN(name[10], 's')},
    {GET, "a shorter one", NOT_FOUND, "US", IN(name[10], 0)},
    {GET, "a longer one", NOT_FOUND, "US", IN(name[11], 's')},
    {SET, "as NV|BS", INVALID, "US", ARG(3, NV | BS), IN(value[0], 99)},
    {SET, "as BS|RT", INVALID, "US", ARG(3, BS | RT), IN(value[0], 99)},
    {SET, "DataSize=-1", INVALID, "S", ARG(4, UINT64_MAX)},
    {SET, "DataSize=1 MiB", INVALID | NO_SPACE, "UB", ARG(4, MIB)},
    {GET, "is unchanged", SUCCESS, "SB", OUT(data[0], WRITTEN)},
    {SET, "another vendor", SUCCESS, "UFS", ARG(4, 5), IN(guid.b, 0)},
    {GET, "that vendor's", SUCCESS, "UFS", IN(guid.b, 0), OUT(bytes, 5)},
    {SET, "4 similar ones", SUCCESS, "UFS", IN(name[10], 'a'), EACH(4, 1)},
    {GET, "finds these", SUCCESS, "UFS", IN(name[10], 'a'), EACH(4, 1)},
    {GET, "the first is unchanged", SUCCESS, "UFS", OUT(data[0], WRITTEN)},
    {NEXT, "64 times", SUCCESS, "UFS", IN(found[0], 0), .times = 64},
    {NEXT, "to the end", NOT_FOUND, "UFSB", .times = 4096, SOUND(name)},
    {NEXT, "one of each vendor", NOT_FOUND, "UF", .times = 4096,
     .look = look_at_name, OUT(listed, 2)},
    {NEXT, "VariableNameSize=NULL", INVALID, "UFS", ARG(1, 0)},
    {NEXT, "VariableName=NULL", INVALID, "UFS", ARG(2, 0)},
    {NEXT, "VendorGuid=NULL", INVALID, "UFS", ARG(3, 0)},
    {NEXT, "VariableNameSize=0", TOO_SMALL | INVALID, "UF", IN(bytes, 0)},
    {NEXT, "VariableNameSize=1", TOO_SMALL | INVALID, "UFB", IN(bytes, 1)},
    {NEXT, "VariableNameSize=2", TOO_SMALL, "UFS", IN(bytes, 2), SOUND(name)},
    {NEXT, "without a NUL", INVALID, "USB", ARG(2, AT(name)), IN(bytes, 8)},
    {NEXT, "no such name", INVALID, "US", ARG(2, AT(name)), IN(name[10], 's')},
    {NEXT, "no such vendor", INVALID, "US", ARG(2, AT(name)), IN(guid.c, 0)},
    {SET, "delete that vendor's", SUCCESS, "FS", ARG(3, 0), IN(guid.b, 0)},
    {SET, "delete 4", SUCCESS, "FS", ARG(3, 0), IN(name[10], 'a'), EACH(4, 1)},
    {SET, "the same, 8 times", SUCCESS, "UFS", .times = 8},
    {SET, "5 bytes instead", SUCCESS, "UFS", ARG(4, 5)},
    {GET, "all 5", SUCCESS, "UFS", OUT(bytes, 5)},
    {SET, "8 bytes more", SUCCESS, "UB", ARG(3, 0x40 | ALL)},
    {GET, "all 13", SUCCESS, "UB", OUT(bytes, 13)},
    {GET, "in this order", SUCCESS, "UB", OUT(data[0], 0x0302010504030201)},
    {SET, "2 to 16 bytes", SUCCESS, "FS", IN(arg[3], 2), EACH(8, 2)},
    {GET, "the last one's", SUCCESS, "FS", OUT(data[1], AND_MORE)},
    {INFO, "in total as before", SUCCESS, "S", SOUND(space)},
    {SET, "no attributes: delete", SUCCESS, "UFSB", ARG(3, 0)},
    {GET, "is deleted", NOT_FOUND, .who = "UFSB"},
    {SET, "delete again", NOT_FOUND, "USB", ARG(3, 0)},
    {SET, "append to nothing", SUCCESS, "UB", ARG(3, 0x40 | ALL)},
    {GET, "created it", SUCCESS, .who = "UB"},
    {SET, "no bytes: delete", SUCCESS, "UFSB", ARG(4, 0)},
    {GET, "is deleted, too", NOT_FOUND, .who = "UFSB"},
    {INFO, "after that, too", SUCCESS, "S", SOUND(space)},
    {COUNT, "normal call", SUCCESS, .who = "UFS"},
    {COUNT, "8 times", SUCCESS, "F", .times = 8},
    {COUNT, "HighCount=NULL", INVALID, "UF", ARG(1, 0)},
    {CAPSULE, "CapsuleCount=0", INVALID, "US", ARG(2, 0)},
    {CAPSULE, "an unknown capsule", REFUSED, .who = "US"},
    {CAPSULE, "POPULATE", REFUSED, "US", IN(capsule.flags, 0x20000)},
    {CAPSULE, "INITIATE_RESET", REFUSED, "US", IN(capsule.flags, 0x40000)},
    {CAPSULE, "PERSIST|POPULATE", REFUSED, "US", IN(capsule.flags, 0x30000)},
    {QUERY, "MaximumCapsuleSize=NULL", REFUSED, "US", ARG(3, 0)},
    {QUERY, "Flags=0", OPTIONAL, .who = "UFS"},
    {QUERY, "PERSIST", OPTIONAL, "UFS", IN(capsule.flags, 0x10000)},
    {QUERY, "PERSIST|POPULATE", OPTIONAL, "UF", IN(capsule.flags, 0x30000)},
    {QUERY, "PERSIST|RESET", OPTIONAL, "UF", IN(capsule.flags, 0x50000)},
    {QUERY, "all three", OPTIONAL, "UF", IN(capsule.flags, 0x70000)},
    {EFI_CONVERT_POINTER, "Address=NULL", REFUSED, "U", ARG(2, 0)},
    {CAPSULE, "CapsuleHeaderArray=NULL", ANY_ERROR, "", ARG(1, 0)},
    {CAPSULE, "no capsule in the array", ANY_ERROR, "", IN(capsules[0], 0)},
    {QUERY, "CapsuleHeaderArray=NULL", ANY_ERROR, "", ARG(1, 0)},
    {EFI_GET_TIME, "Time is an invalid address", ANY_ERROR, "", ARG(1, WILD)},
    {GET, "VariableName is an invalid address", ANY_ERROR, "", ARG(1, WILD)},
    {NEXT, "VendorGuid is an invalid address", ANY_ERROR, "", ARG(3, WILD)},
    {SET, "Data is an invalid address", ANY_ERROR, "", ARG(5, WILD)},
    {SET, "and the store works as before", SUCCESS, .who = "U"},
    {GET, "and finds it", SUCCESS, .who = "U"},
    {SET, "and deletes it", SUCCESS, "U", ARG(3, 0)},
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
    {"31 April", "US", {offsetof(struct scratch, time.month), 2, 31 << 8 | 4}},
    {"29 February 2001",
     "US",
     {offsetof(struct scratch, time.year), 4, 29 << 24 | 2 << 16 | 2001}},
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

static void init_scratch(struct scratch *scratch, uint64_t seen_at) {
    *scratch = (struct scratch){.name = u"BatonVector", .guid = baton_guid};
    scratch->value[0] = WRITTEN;
    scratch->value[1] = AND_MORE;
    scratch->data[0] = scratch->data[1] = UNTOUCHED;
    scratch->enabled = scratch->pending = (uint8_t)UNTOUCHED;
    scratch->time = now;
    scratch->capsule = (struct efi_capsule_header){baton_guid, 28, 0, 28};
    scratch->capsules[0] = seen_at + offsetof(struct scratch, capsule);
}

// What changes from call to call: arguments, and the field that a row sets.
static void set_arguments(struct scratch *scratch, uint64_t seen_at,
                          const struct vector *v, unsigned n) {
    uint64_t value = v->set.value + n * v->step;
    memcpy(scratch->arg, usual[v->service], sizeof(scratch->arg));
    for (unsigned nth = v->nth; nth; nth /= 10)
        scratch->arg[nth % 10 - 1] = v->is;
    scratch->bytes = sizeof(scratch->found);
    memcpy((uint8_t *)scratch + v->set.offset, &value, v->set.bytes);
    for (unsigned i = 0; i < GATE_ARGUMENTS; i++)
        if (scratch->arg[i] - SCRATCH < sizeof(*scratch))
            scratch->arg[i] += seen_at - SCRATCH;
}

// Calls; *left is what is found in scratch where something is wanted.
static efi_status_t ask(const struct vector *v, uint64_t *left) {
    struct scratch *scratch = (struct scratch *)efi_bounce.data;
    uint64_t *arg = scratch->arg;
    uint64_t seen_at =
        efi_stays_physical(v->service) ? image_pa_of(scratch) : efi_at(scratch);
    efi_status_t status;
    unsigned n = 0;
    init_scratch(scratch, seen_at);
    do {
        set_arguments(scratch, seen_at, v, n);
        status = efi_call(v->service, arg[0], arg[1], arg[2], arg[3], arg[4]);
        if (v->look)
            v->look(scratch, status);
    } while (status == EFI_SUCCESS && ++n < v->times);
    *left = 0;
    memcpy(left, (uint8_t *)scratch + v->want.offset, v->want.bytes);
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
    return *text ? text : "none";
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

enum result { RIGHT, DIFFERENT, SKIPPED, RESULTS };

// What is not wrong though it is not what was asked for: a service that is not
// there after all, as FWTS sees it; a full store; and what none has written.
static uint32_t excused(enum efi_service service) {
    uint32_t lost = efi_lacks(EFI_SET_VARIABLE) ? NOT_FOUND : 0;
    return efi_lacks(service) ? 0 : UNSUPPORTED | NO_SPACE | lost;
}

static enum result try(unsigned n, const struct vector *v) {
    char note[200] = "";
    uint64_t left;
    efi_status_t status = ask(v, &left);
    bool absent = efi_lacks(v->service);
    uint32_t accepted = absent ? UNSUPPORTED : v->accepted;
    enum result result = absent ? SKIPPED : RIGHT;
    if (!efi_status_in(status, accepted))
        format(note, sizeof(note), ", not %s", say_wanted(accepted));
    else if (!absent && left != v->want.value)
        format(note, sizeof(note), ", with %#lx, not %#lx", left,
               v->want.value);
    if (*note)
        result =
            efi_status_in(status, excused(v->service)) ? SKIPPED : DIFFERENT;
    else if (status == EFI_ABORTED)
        str_copy(note, sizeof(note), ", a fault, contained");
    print("%sok %u %s %s # %s%s%s (%s)", result == DIFFERENT ? "not " : "", n,
          efi_service_name(v->service), v->what,
          result == SKIPPED ? "SKIP " : "", efi_status_name(status), note,
          say_who(v));
    return result;
}

COMMAND(efi_vectors, .name = "efi vectors",
        .help = "actual and correct results, in KTAP") {
    unsigned count[RESULTS] = {0}, n = 0;
    TRY(need_firmware());
    efi_get_time(&now);
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
    print("# %u as expected, %u different, %u skipped", count[RIGHT],
          count[DIFFERENT], count[SKIPPED]);
    return STATUS_OK;
}
