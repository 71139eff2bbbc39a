// The services: each copies its arguments in, calls through the gate, and
// copies the results out.

#include "efi/services.h"

#include "efi/firmware.h"
#include "efi/gate.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/frames.h"
#include "mm/space.h"

#define STACK_PAGES 16 // UEFI 2.10 §2.3.4 asks for 4 KiB; OpenSSL wants more

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
    uint16_t name[EFI_NAME_UNITS];
    uint8_t data[EFI_DATA_BYTES];
};

static struct arguments *args;
static pa_t args_pa;
static uint64_t args_at; // where the mode's services see them
static bool on_private_table;
static va_t stack_top_va;
static pa_t stack_pa;

// Which table and which stack each service is called on.
static struct route {
    const struct page_table *table;
    uint64_t stack_top;
} routes[EFI_SERVICES];

status_t efi_services_init(void) {
    TRY(space_stack(STACK_PAGES, &stack_top_va, &stack_pa));
    args_pa = frames_alloc(pages_for(sizeof(*args)), PAGE_SIZE, UINT64_MAX);
    if (args_pa == 0)
        return fail(STATUS_NO_MEMORY, "efi: no frames for arguments");
    args = pa_to_va(args_pa);
    memset(args, 0, sizeof(*args));
    on_private_table = firmware.mode->table == TABLE_PRIVATE;
    args_at = on_private_table ? args_pa : (va_t)args;
    return STATUS_OK;
}

status_t efi_services_map(struct page_table *private_table) {
    uint64_t bytes = STACK_PAGES * PAGE_SIZE;
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        routes[i] = on_private_table || efi_stays_physical(i)
                        ? (struct route){private_table, stack_pa + bytes}
                        : (struct route){&kernel_table, stack_top_va};
    TRY(page_table_map(private_table, stack_pa, stack_pa, bytes, MAP_WRITE));
    return page_table_map(private_table, args_pa, args_pa,
                          pages_for(sizeof(*args)) * PAGE_SIZE, MAP_WRITE);
}

static uint64_t at_physical(const void *field) {
    return args_pa + ((va_t)field - (va_t)args);
}

// The address of a field of `args` as the mode's services see it.
static uint64_t at(const void *field) {
    return args_at + ((va_t)field - (va_t)args);
}

// Every deviation is counted, but each service's first one alone is told.
static void report_deviation(enum efi_service service,
                             const struct gate_call *call) {
    static bool told[EFI_SERVICES];
    const char *name = gate_count_deviations(call);
    if (!told[service])
        say("efi: %s changed %s; put back", efi_service_name(service), name);
    told[service] = true;
}

static const char *access_of(const struct gate_fault *fault) {
    static const char *const words[] = {"read", "write", "execute", "execute"};
    return words[(fault->error >> 1 & 1) | (fault->error >> 3 & 2)];
}

static const char *class_of(va_t va) {
    const struct efi_region *region =
        efi_region_of_va(&firmware.regions, va, 1);
    if (!region)
        region = efi_region_of_pa(&firmware.regions, va, 1);
    return region ? efi_memory_type_name(region->type) : "outside";
}

static void report_fault(enum efi_service service,
                         const struct gate_fault *fault) {
    event(
        "efi.fault",
        "svc=%s vector=%lu rip=%#lx va=%#lx access=%s class=%s action=aborted",
        efi_service_name(service), fault->vector, fault->rip, fault->address_va,
        access_of(fault), class_of(fault->address_va));
}

// The answers that each service gave last, inverted: 0 means none yet.
static efi_status_t told[EFI_SERVICES];

// All that is not the way which most calls go: that one is short, and a bench
// counts its instructions (docs/bench.md).
static __attribute__((cold, noinline)) efi_status_t
report(enum efi_service service, const struct gate_call *call) {
    efi_status_t answer = call->status;
    if (call->outcome == GATE_REFUSED)
        return EFI_NOT_READY;
    if (call->outcome == GATE_CHANGED)
        report_deviation(service, call);
    if (call->outcome == GATE_FAULTED) {
        report_fault(service, &call->fault);
        answer = EFI_ABORTED;
    }
    if (told[service] != ~answer)
        event("efi.call", "svc=%s status=%s", efi_service_name(service),
              efi_status_name(answer));
    told[service] = ~answer;
    return answer;
}

static efi_status_t call(enum efi_service service, uint64_t a, uint64_t b,
                         uint64_t c, uint64_t d, uint64_t e) {
    struct gate_call call;
    if (!firmware.ready || firmware.service[service] == 0)
        return EFI_UNSUPPORTED;
    call.function = firmware.service[service];
    call.argument[0] = a;
    call.argument[1] = b;
    call.argument[2] = c;
    call.argument[3] = d;
    call.argument[4] = e;
    call.table_pa = routes[service].table->root_pa;
    call.stack_top = routes[service].stack_top;
    if (gate_run(&call) == GATE_KEPT && told[service] == ~call.status)
        return call.status;
    return report(service, &call);
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
    args->guid = *guid;
    args->number[0] = room;
    efi_status_t status = call(EFI_GET_VARIABLE, name_at, at(&args->guid),
                               at(&args->attributes), at(&args->number[0]),
                               on_private_table ? at(args->data) : (va_t)data);
    *bytes = args->number[0];
    if (status == EFI_SUCCESS && *bytes > room)
        return EFI_DEVICE_ERROR; // it claims to have overrun the buffer
    if (status == EFI_SUCCESS && on_private_table)
        copy_bytes(data, args->data, *bytes);
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
    name[EFI_NAME_UNITS - 1] = 0; // whatever the firmware did
    *guid = args->guid;
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
