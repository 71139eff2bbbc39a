// The services: each copies its arguments in, calls through the gate, and
// copies the results out.

#include "efi/services.h"

#include "efi/firmware.h"
#include "efi/gate.h"
#include "efi/judge.h"
#include "efi/touch.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/frames.h"
#include "mm/space.h"

#define ARGUMENTS_BYTES (10 * PAGE_SIZE)
#define STACK_OFFSET    (ARGUMENTS_BYTES + PAGE_SIZE)
#define BLOCK_BYTES     (STACK_OFFSET + EFI_STACK_BYTES)

// What the firmware gets is one piece of memory with two holes, in which it
// faults when it writes too much:
//
//   hole │ arguments, with data as the last │ hole │ stack
//
// What the pointers of a call point to. Data is put at the very end of it.
struct arguments {
    struct efi_guid guid;
    struct efi_time time;
    struct efi_time_capabilities capabilities;
    struct efi_capsule_header capsule;
    uint64_t capsule_list[1];
    uint64_t number[3];
    uint32_t attributes, reset;
    uint8_t flag[2];
    uint16_t name[EFI_NAME_UNITS];
    uint8_t data[EFI_DATA_BYTES] __attribute__((aligned(8)));
};

_Static_assert(sizeof(struct arguments) <= ARGUMENTS_BYTES, "it has to fit");
_Static_assert(offsetof(struct arguments, data) + EFI_DATA_BYTES ==
                   sizeof(struct arguments),
               "nothing comes after the data");

static struct arguments *args;
static pa_t args_pa;
static uint64_t args_at; // where the mode's services see them
static bool on_private_table;
static va_t block_va;
static pa_t block_pa;

// One for each service: which table and which stack it is called on stays.
static struct gate_call calls[EFI_SERVICES];

status_t efi_services_init(void) {
    uint64_t start = ARGUMENTS_BYTES - sizeof(*args);
    va_t top_va;
    TRY(space_stack(BLOCK_BYTES / PAGE_SIZE, &top_va, &block_pa));
    block_va = top_va - BLOCK_BYTES;
    args = (struct arguments *)(block_va + start);
    args_pa = block_pa + start;
    on_private_table = firmware.mode->table == TABLE_PRIVATE;
    args_at = on_private_table ? args_pa : (va_t)args;
    gate_init();
    efi_judge_init();
    TRY(page_table_protect(&kernel_table, block_va + ARGUMENTS_BYTES, PAGE_SIZE,
                           MAP_NONE));
    return efi_touch_wanted ? efi_touch_init() : STATUS_OK;
}

status_t efi_services_map(struct page_table *private_table) {
    pa_t stack_pa = efi_stack_pa();
    for (unsigned i = 0; i < EFI_SERVICES; i++) {
        bool private = on_private_table || efi_stays_physical(i);
        calls[i].table_pa = (private ? private_table : &kernel_table)->root_pa;
        calls[i].stack_top = (private ? block_pa : block_va) + BLOCK_BYTES;
    }
    TRY(page_table_map(private_table, stack_pa, stack_pa, EFI_STACK_BYTES,
                       MAP_WRITE));
    return page_table_map(private_table, block_pa, block_pa, ARGUMENTS_BYTES,
                          MAP_WRITE);
}

pa_t efi_stack_pa(void) {
    return block_pa + STACK_OFFSET;
}

bool efi_is_lent(pa_t pa) {
    return pa >= block_pa && pa < block_pa + BLOCK_BYTES;
}

bool efi_services_guard(uint64_t address) {
    uint64_t hole = on_private_table ? block_pa : block_va;
    hole += ARGUMENTS_BYTES;
    return address >= hole && address < hole + PAGE_SIZE;
}

static uint64_t at_physical(const void *field) {
    return args_pa + ((va_t)field - (va_t)args);
}

// The address of a field of `args` as the mode's services see it.
static uint64_t at(const void *field) {
    return args_at + ((va_t)field - (va_t)args);
}

// Inline, so that which service it is costs nothing at runtime.
static inline __attribute__((always_inline)) efi_status_t
call(enum efi_service service, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
     uint64_t e) {
    struct gate_call *call = &calls[service];
    if (!firmware.ready || firmware.service[service] == 0)
        return EFI_UNSUPPORTED;
    if (!gate_take(call))
        return EFI_NOT_READY;
    call->function = firmware.service[service];
    call->argument[0] = a;
    call->argument[1] = b;
    call->argument[2] = c;
    call->argument[3] = d;
    call->argument[4] = e;
    if (gate_run(call) == GATE_KEPT &&
        efi_last_answer[service] == ~call->status)
        return call->status;
    return efi_judge(service, call);
}

efi_status_t efi_get_time(struct efi_time *time,
                          struct efi_time_capabilities *capabilities) {
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
    efi_status_t status = call(EFI_GET_WAKEUP_TIME, at(&args->flag[0]),
                               at(&args->flag[1]), at(&args->time), 0, 0);
    *enabled = args->flag[0];
    *pending = args->flag[1];
    *time = args->time;
    return status;
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
    if (bytes > sizeof(args->data))
        return EFI_OUT_OF_RESOURCES;
    memcpy(args->data, map, bytes);
    uint64_t flags = interrupts_off();
    efi_status_t status =
        call(EFI_SET_VIRTUAL_ADDRESS_MAP, bytes, descriptor_bytes,
             descriptor_version, at_physical(args->data), 0);
    interrupts_restore(flags);
    return status;
}

efi_status_t efi_convert_pointer(uint64_t disposition, uint64_t *address) {
    args->number[0] = *address;
    efi_status_t status = call(EFI_CONVERT_POINTER, disposition,
                               at_physical(&args->number[0]), 0, 0, 0);
    *address = args->number[0];
    return status;
}

// The address of the kernel's memory as the mode's services see it: where it
// is, if they are on the kernel's table; else that of a copy.
static uint64_t lend(const void *memory, void *copy, uint64_t bytes) {
    if (!on_private_table)
        return (va_t)memory;
    copy_bytes(copy, memory, bytes);
    return at(copy);
}

// 0: it is too long.
static uint64_t lend_name(const uint16_t *name) {
    if (!on_private_table)
        return (va_t)name;
    size_t units = units_to_zero(name, EFI_NAME_UNITS);
    return name[units - 1] ? 0 : lend(name, args->name, 2 * units);
}

efi_status_t efi_get_variable(const uint16_t *name, const struct efi_guid *guid,
                              uint32_t *attributes, void *data,
                              uint64_t *bytes) {
    uint64_t name_at = lend_name(name), room = *bytes;
    if (!name_at || room > sizeof(args->data))
        return EFI_INVALID_PARAMETER;
    uint8_t *copy = args->data + sizeof(args->data) - room;
    args->guid = *guid;
    args->number[0] = room;
    efi_status_t status =
        call(EFI_GET_VARIABLE, name_at, at(&args->guid), at(&args->attributes),
             at(&args->number[0]), at(copy));
    *bytes = args->number[0];
    if (status == EFI_SUCCESS && *bytes > room)
        return efi_reject(EFI_GET_VARIABLE, "more data than there was room");
    if (status == EFI_SUCCESS)
        copy_bytes(data, copy, *bytes);
    if (attributes)
        *attributes = args->attributes;
    return status;
}

efi_status_t efi_get_next_variable_name(uint16_t *name, struct efi_guid *guid) {
    uint64_t name_at = lend_name(name);
    if (!name_at)
        return EFI_INVALID_PARAMETER;
    args->guid = *guid;
    args->number[0] = sizeof(args->name);
    efi_status_t status = call(EFI_GET_NEXT_VARIABLE_NAME, at(&args->number[0]),
                               name_at, at(&args->guid), 0, 0);
    if (on_private_table)
        copy_bytes(name, args->name,
                   2 * units_to_zero(args->name, EFI_NAME_UNITS));
    bool unended = name[EFI_NAME_UNITS - 1] != 0;
    name[EFI_NAME_UNITS - 1] = 0;
    *guid = args->guid;
    if (status == EFI_SUCCESS &&
        (unended || args->number[0] > sizeof(args->name)))
        return efi_reject(EFI_GET_NEXT_VARIABLE_NAME,
                          "a name longer than there was room");
    return status;
}

efi_status_t efi_set_variable(const uint16_t *name, const struct efi_guid *guid,
                              uint32_t attributes, const void *data,
                              uint64_t bytes) {
    uint64_t name_at = lend_name(name);
    if (!name_at || bytes > sizeof(args->data))
        return EFI_INVALID_PARAMETER;
    args->guid = *guid;
    return call(EFI_SET_VARIABLE, name_at, at(&args->guid), attributes, bytes,
                lend(data, args->data, bytes));
}

efi_status_t efi_query_variable_info(uint32_t attributes, uint64_t *maximum,
                                     uint64_t *remaining,
                                     uint64_t *largest_variable) {
    efi_status_t status =
        call(EFI_QUERY_VARIABLE_INFO, attributes, at(&args->number[0]),
             at(&args->number[1]), at(&args->number[2]), 0);
    *maximum = args->number[0];
    *remaining = args->number[1];
    *largest_variable = args->number[2];
    return status;
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
    efi_status_t status =
        call(EFI_QUERY_CAPSULE_CAPABILITIES, capsule_list(capsule), count,
             at(&args->number[0]), at(&args->reset), 0);
    *largest_bytes = args->number[0];
    *reset = args->reset;
    return status;
}

efi_status_t efi_reset_system(enum efi_reset_type type) {
    return call(EFI_RESET_SYSTEM, type, EFI_SUCCESS, 0, 0, 0);
}

void *efi_room(enum efi_service service, uint64_t *seen_at) {
    *seen_at =
        efi_stays_physical(service) ? at_physical(args->data) : at(args->data);
    return args->data;
}

efi_status_t efi_call(enum efi_service service,
                      const uint64_t a[GATE_ARGUMENTS]) {
    return call(service, a[0], a[1], a[2], a[3], a[4]);
}
