// The services: each copies its arguments in, calls through the gate, and
// copies the results out.

#include "efi/services.h"

#include "efi/firmware.h"
#include "efi/gate.h"
#include "efi/guard/judge.h"
#include "efi/trace/touch.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/space.h"

// What the pointers of a call point to.
struct arguments {
    struct efi_guid guid;
    struct efi_time time;
    struct efi_time_capabilities capabilities;
    struct efi_capsule_header capsule;
    uint64_t capsule_list[1];
    uint64_t number[3];
    uint32_t attributes, reset;
    uint8_t flag[2];
};

// All that the firmware is lent. In each of the holes it faults, should it read
// or write too much, or call too deep. A name or data shorter than there is
// room for is put at the end.
static struct {
    uint8_t unused[PAGE_SIZE - 2 * EFI_NAME_UNITS - sizeof(struct arguments)];
    struct arguments args;
    uint16_t name[EFI_NAME_UNITS];
    uint8_t name_hole[PAGE_SIZE];
    uint8_t data[EFI_DATA_BYTES];
    uint8_t data_hole[PAGE_SIZE];
    uint8_t stack[EFI_STACK_BYTES];
    uint8_t stack_hole[PAGE_SIZE];
} lent __attribute__((aligned(PAGE_SIZE)));

_Static_assert(sizeof(lent) % PAGE_SIZE == 0 && EFI_DATA_BYTES % PAGE_SIZE == 0,
               "the holes are pages");

static const uint8_t *const holes[] = {lent.name_hole, lent.data_hole,
                                       lent.stack_hole};
static struct arguments *const args = &lent.args;
static bool on_private_table;
static uint64_t shift; // of what is lent, to where the mode's services see it

// One for each service: which table and which stack it is called on stays.
static struct gate_call calls[EFI_SERVICES];

status_t efi_services_init(void) {
    on_private_table = firmware.mode->table == PAGE_TABLE_OWN;
    shift = on_private_table ? image_pa_of(&lent) - (va_t)&lent : 0;
    gate_init();
    efi_judge_init();
    for (size_t i = 0; i < ARRAY_SIZE(holes); i++)
        TRY(page_table_protect(&kernel_table, (va_t)holes[i], PAGE_SIZE,
                               MAP_NONE));
    return efi_touch_wanted ? efi_touch_init() : STATUS_OK;
}

static status_t map_at_pa(struct page_table *table, const void *start,
                          const void *end) {
    pa_t pa = image_pa_of(start);
    return page_table_map(table, pa, pa, image_pa_of(end) - pa, MAP_WRITE);
}

static uint64_t timeout_s = 120; // as in Linux

ROW(options, efi_timeout) = {
    "efi.timeout", "seconds that a firmware call may take, 120 by default",
    .number = &timeout_s, .min = 1, .max = 86400};

// Seconds in which a service has to come back. Those that write to flash have
// longest: some firmware cleans it up meanwhile, and must not be stopped in the
// midst of that. In EDK II, the counts and times are variables as well.
static uint64_t limit_of(enum efi_service service) {
    static const uint32_t writing =
        1u << EFI_SET_VARIABLE | 1u << EFI_UPDATE_CAPSULE |
        1u << EFI_GET_NEXT_HIGH_MONOTONIC_COUNT | 1u << EFI_SET_TIME |
        1u << EFI_SET_WAKEUP_TIME | 1u << EFI_RESET_SYSTEM;
    return timeout_s * (writing >> service & 1 ? 5 : 1);
}

status_t efi_services_map(struct page_table *private_table) {
    for (unsigned i = 0; i < EFI_SERVICES; i++) {
        calls[i].limit_us = limit_of(i) * 1000000;
        bool private = on_private_table || efi_stays_physical(i);
        calls[i].table_pa = (private ? private_table : &kernel_table)->root_pa;
        calls[i].stack_top =
            (private ? image_pa_of(lent.stack_hole) : (va_t)lent.stack_hole) -
            GATE_FRAME;
    }
    TRY(map_at_pa(private_table, &lent, lent.name_hole));
    TRY(map_at_pa(private_table, lent.data, lent.data_hole));
    return map_at_pa(private_table, lent.stack, lent.stack_hole);
}

uint8_t *efi_stack(void) {
    return lent.stack;
}

bool efi_is_lent(pa_t pa) {
    return pa - image_pa_of(&lent) < sizeof(lent);
}

// The address of something lent, as the mode's services see it.
static uint64_t at(const void *field) {
    return (va_t)field + shift;
}

bool efi_services_guard(uint64_t address) {
    for (size_t i = 0; i < ARRAY_SIZE(holes); i++)
        if (address - at(holes[i]) < PAGE_SIZE)
            return true;
    return false;
}

// Out of line, for it is not the way that a call usually takes.
static __attribute__((noinline, cold)) efi_status_t
not_called(enum efi_service service) {
    return firmware.service[service] ? EFI_NOT_READY : EFI_UNSUPPORTED;
}

// Likewise: inline, its constant would be loaded with each call.
static __attribute__((noinline, cold)) efi_status_t
too_large(enum efi_service service, uint64_t words, uint64_t bytes) {
    say("efi: %s was not called: a name of %lu units, data of %lu bytes; there "
        "is room for %d and %lu",
        efi_service_name(service), 4 * words, bytes, EFI_NAME_UNITS,
        EFI_DATA_BYTES);
    return EFI_INVALID_PARAMETER;
}

// A service's record is its own: an argument that is never but 0 is there.
#define ARGUMENT(n, value)                                                     \
    if (!__builtin_constant_p(value) || (value))                               \
    call->argument[n] = (value)

// Inline, so that which service it is costs nothing at runtime.
static inline __attribute__((always_inline)) efi_status_t
call(enum efi_service service, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
     uint64_t e) {
    struct gate_call *call = &calls[service];
    if (firmware.service[service] == 0 || !gate_take(call))
        return not_called(service);
    call->function = firmware.service[service];
    ARGUMENT(0, a);
    ARGUMENT(1, b);
    ARGUMENT(2, c);
    ARGUMENT(3, d);
    ARGUMENT(4, e);
    if (gate_run(call) == GATE_KEPT && efi_last_answer[service] == call->status)
        return call->status;
    return efi_judge(service, call);
}

// What a result holds before the call. A service that answers EFI_SUCCESS and
// leaves it there has done nothing.
#define UNWRITTEN 0xa5a5a5a5a5a5a5a5

static efi_status_t check_written(enum efi_service service, efi_status_t status,
                                  bool written) {
    if (status != EFI_SUCCESS || written)
        return status;
    return efi_reject(service, "EFI_SUCCESS, and a result was not written");
}

efi_status_t efi_get_time(struct efi_time *time,
                          struct efi_time_capabilities *capabilities) {
    args->time = (struct efi_time){0}; // no time at all
    // Capabilities are optional, but some firmware crashes without.
    efi_status_t status =
        call(EFI_GET_TIME, at(&args->time), at(&args->capabilities), 0, 0, 0);
    *time = args->time;
    if (capabilities)
        *capabilities = args->capabilities;
    return status;
}

efi_status_t efi_set_time(const struct efi_time *time) {
    args->time = *time;
    return call(EFI_SET_TIME, at(&args->time), 0, 0, 0, 0);
}

efi_status_t efi_get_wakeup_time(bool *enabled, bool *pending,
                                 struct efi_time *time) {
    const uint8_t unwritten = (uint8_t)UNWRITTEN;
    args->flag[0] = args->flag[1] = unwritten;
    args->time = (struct efi_time){0};
    efi_status_t status = call(EFI_GET_WAKEUP_TIME, at(&args->flag[0]),
                               at(&args->flag[1]), at(&args->time), 0, 0);
    *enabled = args->flag[0];
    *pending = args->flag[1];
    *time = args->time;
    return check_written(EFI_GET_WAKEUP_TIME, status,
                         args->flag[0] != unwritten &&
                             args->flag[1] != unwritten);
}

efi_status_t efi_set_wakeup_time(bool enable, const struct efi_time *time) {
    if (time)
        args->time = *time;
    return call(EFI_SET_WAKEUP_TIME, enable, time ? at(&args->time) : 0, 0, 0,
                0);
}

// With interrupts off, as Linux does: in the middle of this call the firmware
// is neither here nor there.
efi_status_t efi_set_virtual_address_map(const void *map, uint64_t bytes,
                                         uint64_t descriptor_bytes,
                                         uint32_t descriptor_version) {
    if (bytes > sizeof(lent.data))
        return EFI_OUT_OF_RESOURCES;
    memcpy(lent.data, map, bytes);
    uint64_t flags = interrupts_off();
    efi_status_t status =
        call(EFI_SET_VIRTUAL_ADDRESS_MAP, bytes, descriptor_bytes,
             descriptor_version, image_pa_of(lent.data), 0);
    interrupts_restore(flags);
    return status;
}

efi_status_t efi_convert_pointer(uint64_t disposition, uint64_t *address) {
    args->number[0] = *address;
    efi_status_t status = call(EFI_CONVERT_POINTER, disposition,
                               image_pa_of(&args->number[0]), 0, 0, 0);
    *address = args->number[0];
    return status;
}

// Room for so many bytes that ends where the hole begins.
static uint8_t *room_for(uint64_t bytes) {
    return lent.data + sizeof(lent.data) - bytes;
}

// Gives where the services see it.
static uint64_t lend_name(const struct efi_name *name) {
    uint16_t *copy = lent.name + EFI_NAME_UNITS - 4 * name->words;
    copy_words(copy, name->text, name->words);
    return at(copy);
}

// The size that a variable is said to have must be the reason.
static efi_status_t check_needed(efi_status_t status, uint64_t room,
                                 uint64_t bytes) {
    if (status != EFI_BUFFER_TOO_SMALL || (bytes > room && bytes <= UINT32_MAX))
        return status;
    return efi_reject(EFI_GET_VARIABLE, "%#lx bytes do not fit into %#lx",
                      bytes, room);
}

efi_status_t efi_get_variable(const struct efi_name *name,
                              const struct efi_guid *guid, uint32_t *attributes,
                              void *data, uint64_t *bytes) {
    uint64_t room = *bytes;
    if (name->words > EFI_NAME_UNITS / 4 || room > sizeof(lent.data))
        return too_large(EFI_GET_VARIABLE, name->words, room);
    uint8_t *copy = room_for(room);
    args->guid = *guid;
    args->number[0] = room;
    args->attributes = (uint32_t)UNWRITTEN; // no attributes at all
    efi_status_t status =
        call(EFI_GET_VARIABLE, lend_name(name), at(&args->guid),
             at(&args->attributes), at(&args->number[0]), at(copy));
    *bytes = args->number[0];
    if (status != EFI_SUCCESS)
        return check_needed(status, room, *bytes);
    if (*bytes > room)
        return efi_reject(EFI_GET_VARIABLE, "more data than there was room");
    if (args->attributes & ~EFI_VARIABLE_ANY)
        return efi_reject(EFI_GET_VARIABLE, "attributes %#x", args->attributes);
    copy_bytes(data, copy, *bytes);
    if (attributes)
        *attributes = args->attributes;
    return status;
}

static __attribute__((noinline, cold)) uint64_t search_end(uint64_t said) {
    if (said > sizeof(lent.name))
        return 0;
    for (uint64_t units = 1; units <= EFI_NAME_UNITS; units++)
        if (lent.name[units - 1] == 0)
            return 2 * units;
    return 0;
}

// What the name that came takes, with its NUL. The firmware says so, but some
// says how much room there was. 0: it has no end.
static uint64_t name_bytes(uint64_t said) {
    uint64_t last = said / 2 - 1;
    if (last < EFI_NAME_UNITS && lent.name[last] == 0)
        return said;
    return search_end(said);
}

efi_status_t efi_get_next_variable_name(struct efi_name *name,
                                        struct efi_guid *guid) {
    if (name->words > EFI_NAME_UNITS / 4)
        return too_large(EFI_GET_NEXT_VARIABLE_NAME, name->words, 0);
    lent.name[0] = 0;
    copy_words(lent.name, name->text, name->words);
    args->guid = *guid;
    args->number[0] = sizeof(lent.name);
    efi_status_t status = call(EFI_GET_NEXT_VARIABLE_NAME, at(&args->number[0]),
                               at(lent.name), at(&args->guid), 0, 0);
    if (status != EFI_SUCCESS)
        return status;
    uint64_t bytes = name_bytes(args->number[0]);
    if (bytes == 0)
        return efi_reject(EFI_GET_NEXT_VARIABLE_NAME,
                          "a name longer than there was room");
    name->words = (bytes + 7) / 8;
    copy_words(name->text, lent.name, name->words);
    *guid = args->guid;
    return status;
}

efi_status_t efi_set_variable(const struct efi_name *name,
                              const struct efi_guid *guid, uint32_t attributes,
                              const void *data, uint64_t bytes) {
    if (name->words > EFI_NAME_UNITS / 4 || bytes > sizeof(lent.data))
        return too_large(EFI_SET_VARIABLE, name->words, bytes);
    args->guid = *guid;
    copy_bytes(room_for(bytes), data, bytes);
    return call(EFI_SET_VARIABLE, lend_name(name), at(&args->guid), attributes,
                bytes, at(room_for(bytes)));
}

efi_status_t efi_query_variable_info(uint32_t attributes, uint64_t *maximum,
                                     uint64_t *remaining,
                                     uint64_t *largest_variable) {
    bool written = true;
    for (size_t i = 0; i < ARRAY_SIZE(args->number); i++)
        args->number[i] = UNWRITTEN;
    efi_status_t status =
        call(EFI_QUERY_VARIABLE_INFO, attributes, at(&args->number[0]),
             at(&args->number[1]), at(&args->number[2]), 0);
    for (size_t i = 0; i < ARRAY_SIZE(args->number); i++)
        written &= args->number[i] != UNWRITTEN;
    *maximum = args->number[0];
    *remaining = args->number[1];
    *largest_variable = args->number[2];
    return check_written(EFI_QUERY_VARIABLE_INFO, status, written);
}

efi_status_t efi_get_next_high_monotonic_count(uint32_t *count) {
    efi_status_t status = call(EFI_GET_NEXT_HIGH_MONOTONIC_COUNT,
                               at(&args->attributes), 0, 0, 0, 0);
    *count = args->attributes;
    return status;
}

// A list of one capsule, or of none.
static uint64_t capsule_list(const struct efi_capsule_header *capsule) {
    args->capsule = *capsule;
    args->capsule_list[0] = at(&args->capsule);
    return at(args->capsule_list);
}

efi_status_t efi_update_capsule(const struct efi_capsule_header *capsule,
                                uint64_t count) {
    return call(EFI_UPDATE_CAPSULE, capsule_list(capsule), count, 0, 0, 0);
}

efi_status_t
efi_query_capsule_capabilities(const struct efi_capsule_header *capsule,
                               uint64_t count, uint64_t *largest_bytes,
                               enum efi_reset_type *reset) {
    args->number[0] = UNWRITTEN;
    args->reset = (uint32_t)UNWRITTEN;
    efi_status_t status =
        call(EFI_QUERY_CAPSULE_CAPABILITIES, capsule_list(capsule), count,
             at(&args->number[0]), at(&args->reset), 0);
    *largest_bytes = args->number[0];
    *reset = args->reset;
    return check_written(EFI_QUERY_CAPSULE_CAPABILITIES, status,
                         args->number[0] != UNWRITTEN &&
                             args->reset <= EFI_RESET_PLATFORM_SPECIFIC);
}

efi_status_t efi_reset_system(enum efi_reset_type type) {
    return call(EFI_RESET_SYSTEM, type, EFI_SUCCESS, 0, 0, 0);
}

void *efi_room(enum efi_service service, uint64_t *seen_at) {
    *seen_at =
        efi_stays_physical(service) ? image_pa_of(lent.data) : at(lent.data);
    return lent.data;
}

efi_status_t efi_call(enum efi_service service,
                      const uint64_t a[GATE_ARGUMENTS]) {
    return call(service, a[0], a[1], a[2], a[3], a[4]);
}
