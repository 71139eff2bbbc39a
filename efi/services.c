// The services that the kernel itself needs, and the bounce buffer: each copies
// its arguments in, calls through the gate, and copies the results out.

#include "efi/services.h"

#include <stdarg.h>

#include "efi/call.h"
#include "efi/observe.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/space.h"

struct efi_bounce efi_bounce __attribute__((aligned(PAGE_SIZE)));
uint64_t efi_bounce_shift;

_Static_assert(sizeof(efi_bounce) % PAGE_SIZE == 0 &&
                   EFI_DATA_BYTES % PAGE_SIZE == 0,
               "guards are whole pages");

static struct efi_arguments *const args = &efi_bounce.args;

struct gate_call efi_calls[EFI_SERVICES];

static status_t unmap_guard(const uint8_t *page) {
    return page_table_protect(&kernel_table, (va_t)page, PAGE_SIZE, MAP_NONE);
}

// From the kernel's address of the bounce buffer to that in the table of a
// call.
static uint64_t shift_in(bool private) {
    return private ? image_pa_of(&efi_bounce) - (va_t)&efi_bounce
                   : firmware->width->bounce_shift;
}

static status_t map_piece(struct page_table *table, uint64_t shift,
                          const void *start, const void *end) {
    return page_table_map(table, (va_t)start + shift, image_pa_of(start),
                          (va_t)end - (va_t)start, MAP_WRITE);
}

static status_t map_bounce(struct page_table *table, uint64_t shift) {
    const struct efi_bounce *all = &efi_bounce;
    TRY(map_piece(table, shift, all, all->name_guard));
    TRY(map_piece(table, shift, all->data, all->data_guard));
    TRY(map_piece(table, shift, all->stack, all->stack_guard));
    return firmware->width->map ? firmware->width->map(table, shift)
                                : STATUS_OK;
}

status_t efi_services_init(void) {
    bool on_private_table = firmware->mode->table == PAGE_TABLE_OWN;
    efi_bounce_shift = shift_in(on_private_table);
    if (!on_private_table && efi_bounce_shift)
        TRY(map_bounce(&kernel_table, efi_bounce_shift));
    TRY(unmap_guard(efi_bounce.name_guard));
    TRY(unmap_guard(efi_bounce.data_guard));
    TRY(unmap_guard(efi_bounce.stack_guard));
    return gate_begin();
}

status_t efi_services_map(struct page_table *private_table) {
    for (unsigned i = 0; i < EFI_SERVICES; i++) {
        efi_calls[i].service = i;
        efi_calls[i].expected = GATE_LOOK;
        bool private =
            firmware->mode->table == PAGE_TABLE_OWN || efi_stays_physical(i);
        efi_calls[i].table_pa =
            (private ? private_table : &kernel_table)->root_pa;
        efi_calls[i].stack_top =
            (va_t)efi_bounce.stack_guard + shift_in(private) - GATE_FRAME;
    }
    return map_bounce(private_table, shift_in(true));
}

__attribute__((cold)) efi_status_t efi_not_called(enum efi_service service) {
    return firmware->entry[service] ? EFI_NOT_READY : EFI_UNSUPPORTED;
}

// Not inline, or its constant would be loaded with each call.
static __attribute__((noinline, cold)) efi_status_t
too_large(enum efi_service service, uint64_t words, uint64_t bytes) {
    say("efi: %s was not called: a name of %lu units, data of %lu bytes; the "
        "limits are %d and %lu",
        efi_service_name(service), 4 * words, bytes, EFI_NAME_UNITS,
        EFI_DATA_BYTES);
    return EFI_INVALID_PARAMETER;
}

// Not inline, or its callers would save registers for its loop in each call.
__attribute__((noinline)) efi_status_t efi_look_at(struct gate_call *call) {
    bool always = false;
    FOR_EACH_ROW(observers, row)
        if (row->after)
            always |= row->after(call);
    call->expected = always ? GATE_LOOK : call->status;
    call->outcome = GATE_KEPT;
    return call->status;
}

efi_status_t efi_get_time(struct efi_time *time) {
    args->time = (struct efi_time){0}; // no valid time, if none is written
    // Capabilities are optional, but some firmware crashes without.
    efi_status_t status = efi_call(EFI_GET_TIME, efi_at(&args->time),
                                   efi_at(&args->capabilities), 0, 0, 0);
    *time = args->time;
    return status;
}

// With interrupts off, as Linux does: during this call some of the firmware's
// pointers are physical, and some virtual.
efi_status_t efi_set_virtual_address_map(const void *map, uint64_t bytes,
                                         uint64_t descriptor_bytes,
                                         uint32_t descriptor_version) {
    if (bytes > sizeof(efi_bounce.data))
        return EFI_OUT_OF_RESOURCES;
    memcpy(efi_bounce.data, map, bytes);
    uint64_t flags = interrupts_off();
    efi_status_t status =
        efi_call(EFI_SET_VIRTUAL_ADDRESS_MAP, bytes, descriptor_bytes,
                 descriptor_version, image_pa_of(efi_bounce.data), 0);
    interrupts_restore(flags);
    return status;
}

// That many bytes before the guard page.
static uint8_t *bounce_tail(uint64_t bytes) {
    return efi_bounce.data + sizeof(efi_bounce.data) - bytes;
}

// Copies a name to the end of its buffer, and returns its address for services.
static uint64_t bounce_name(const struct efi_name *name) {
    uint16_t *copy = efi_bounce.name + EFI_NAME_UNITS - 4 * name->words;
    copy_words(copy, name->text, name->words);
    return efi_at(copy);
}

efi_status_t efi_get_variable(const struct efi_name *name,
                              const struct efi_guid *guid, uint32_t *attributes,
                              void *data, uint64_t *bytes) {
    uint64_t size = *bytes;
    if (name->words > EFI_NAME_UNITS / 4 || size > sizeof(efi_bounce.data))
        return too_large(EFI_GET_VARIABLE, name->words, size);
    uint8_t *copy = bounce_tail(size);
    args->guid = *guid;
    args->number[0] = size;
    args->attributes = (uint32_t)EFI_UNWRITTEN; // more than EFI_VARIABLE_ANY
    efi_status_t status = efi_call(
        EFI_GET_VARIABLE, bounce_name(name), efi_at(&args->guid),
        efi_at(&args->attributes), efi_at(&args->number[0]), efi_at(copy));
    *bytes = args->number[0];
    bool is_possible = status == EFI_SUCCESS
                           ? *bytes <= size
                           : status != EFI_BUFFER_TOO_SMALL ||
                                 (*bytes > size && *bytes <= UINT32_MAX);
    if (!is_possible)
        return efi_reject(EFI_GET_VARIABLE, "%s, with %#lx bytes for %#lx",
                          efi_status_name(status), *bytes, size);
    if (status != EFI_SUCCESS)
        return status;
    if (args->attributes & ~EFI_VARIABLE_ANY)
        return efi_reject(EFI_GET_VARIABLE, "attributes %#x", args->attributes);
    copy_bytes(data, copy, *bytes);
    if (attributes)
        *attributes = args->attributes;
    return status;
}

efi_status_t efi_set_variable(const struct efi_name *name,
                              const struct efi_guid *guid, uint32_t attributes,
                              const void *data, uint64_t bytes) {
    if (name->words > EFI_NAME_UNITS / 4 || bytes > sizeof(efi_bounce.data))
        return too_large(EFI_SET_VARIABLE, name->words, bytes);
    args->guid = *guid;
    copy_bytes(bounce_tail(bytes), data, bytes);
    return efi_call(EFI_SET_VARIABLE, bounce_name(name), efi_at(&args->guid),
                    attributes, bytes, efi_at(bounce_tail(bytes)));
}

efi_status_t efi_reject(enum efi_service service, const char *reason, ...) {
    static bool reported[EFI_SERVICES];
    char text[96];
    va_list values;
    va_start(values, reason);
    mark_cut(text, sizeof(text), vformat(text, sizeof(text), reason, values));
    va_end(values);
    if (!reported[service])
        event("efi.reject", "svc=%s why=\"%s\"", efi_service_name(service),
              text);
    reported[service] = true;
    return EFI_DEVICE_ERROR;
}
