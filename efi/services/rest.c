// Each function copies its arguments into the bounce buffer, calls, and copies
// the results out.

#include "efi/services/rest.h"

#include "efi/call.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/space.h"

static struct efi_arguments *const args = &efi_bounce.args;

// The status, unless it is EFI_SUCCESS without a result.
static efi_status_t check_written(enum efi_service service, efi_status_t status,
                                  bool written) {
    if (status != EFI_SUCCESS || written)
        return status;
    return efi_reject(service, "EFI_SUCCESS, and a result was not written");
}

efi_status_t efi_set_time(const struct efi_time *time) {
    args->time = *time;
    return efi_call(EFI_SET_TIME, efi_at(&args->time), 0, 0, 0, 0);
}

efi_status_t efi_get_wakeup_time(bool *enabled, bool *pending,
                                 struct efi_time *time) {
    const uint8_t unwritten = (uint8_t)EFI_UNWRITTEN;
    args->flag[0] = args->flag[1] = unwritten;
    args->time = (struct efi_time){0};
    efi_status_t status =
        efi_call(EFI_GET_WAKEUP_TIME, efi_at(&args->flag[0]),
                 efi_at(&args->flag[1]), efi_at(&args->time), 0, 0);
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
    return efi_call(EFI_SET_WAKEUP_TIME, enable, time ? efi_at(&args->time) : 0,
                    0, 0, 0);
}

efi_status_t efi_convert_pointer(uint64_t disposition, uint64_t *address) {
    args->number[0] = *address;
    efi_status_t status = efi_call(EFI_CONVERT_POINTER, disposition,
                                   image_pa_of(&args->number[0]), 0, 0, 0);
    *address = args->number[0];
    return status;
}

static __attribute__((noinline, cold)) uint64_t search_end(uint64_t returned) {
    if (returned > sizeof(efi_bounce.name))
        return 0;
    for (uint64_t units = 1; units <= EFI_NAME_UNITS; units++)
        if (efi_bounce.name[units - 1] == 0)
            return 2 * units;
    return 0;
}

// Size of the name in the buffer, with its NUL. It is what the firmware
// returned, but some firmware returns the size of the buffer. 0: the name has
// no end.
static uint64_t name_bytes(uint64_t returned) {
    uint64_t last = returned / 2 - 1;
    if (last < EFI_NAME_UNITS && efi_bounce.name[last] == 0)
        return returned;
    return search_end(returned);
}

efi_status_t efi_get_next_variable_name(struct efi_name *name,
                                        struct efi_guid *guid) {
    if (name->words > EFI_NAME_UNITS / 4)
        return EFI_INVALID_PARAMETER;
    efi_bounce.name[0] = 0;
    copy_words(efi_bounce.name, name->text, name->words);
    args->guid = *guid;
    args->number[0] = sizeof(efi_bounce.name);
    efi_status_t status =
        efi_call(EFI_GET_NEXT_VARIABLE_NAME, efi_at(&args->number[0]),
                 efi_at(efi_bounce.name), efi_at(&args->guid), 0, 0);
    if (status != EFI_SUCCESS)
        return status;
    uint64_t bytes = name_bytes(args->number[0]);
    if (bytes == 0)
        return efi_reject(EFI_GET_NEXT_VARIABLE_NAME,
                          "a name longer than the buffer");
    name->words = (bytes + 7) / 8;
    copy_words(name->text, efi_bounce.name, name->words);
    *guid = args->guid;
    return status;
}

efi_status_t efi_query_variable_info(uint32_t attributes, uint64_t *maximum,
                                     uint64_t *remaining,
                                     uint64_t *largest_variable) {
    bool written = true;
    for (size_t i = 0; i < ARRAY_SIZE(args->number); i++)
        args->number[i] = EFI_UNWRITTEN;
    efi_status_t status =
        efi_call(EFI_QUERY_VARIABLE_INFO, attributes, efi_at(&args->number[0]),
                 efi_at(&args->number[1]), efi_at(&args->number[2]), 0);
    for (size_t i = 0; i < ARRAY_SIZE(args->number); i++)
        written &= args->number[i] != EFI_UNWRITTEN;
    *maximum = args->number[0];
    *remaining = args->number[1];
    *largest_variable = args->number[2];
    return check_written(EFI_QUERY_VARIABLE_INFO, status, written);
}

efi_status_t efi_get_next_high_monotonic_count(uint32_t *count) {
    efi_status_t status = efi_call(EFI_GET_NEXT_HIGH_MONOTONIC_COUNT,
                                   efi_at(&args->attributes), 0, 0, 0, 0);
    *count = args->attributes;
    return status;
}

struct capsule_arguments {
    struct efi_capsule_header capsule;
    uint64_t list[1];
};

// A list of one capsule, or of none.
static uint64_t capsule_list(const struct efi_capsule_header *capsule) {
    struct capsule_arguments *there = (void *)efi_bounce.data;
    there->capsule = *capsule;
    there->list[0] = efi_at(&there->capsule);
    return efi_at(there->list);
}

efi_status_t efi_update_capsule(const struct efi_capsule_header *capsule,
                                uint64_t count) {
    return efi_call(EFI_UPDATE_CAPSULE, capsule_list(capsule), count, 0, 0, 0);
}

efi_status_t
efi_query_capsule_capabilities(const struct efi_capsule_header *capsule,
                               uint64_t count, uint64_t *largest_bytes,
                               enum efi_reset_type *reset) {
    args->number[0] = EFI_UNWRITTEN;
    args->reset = (uint32_t)EFI_UNWRITTEN;
    efi_status_t status =
        efi_call(EFI_QUERY_CAPSULE_CAPABILITIES, capsule_list(capsule), count,
                 efi_at(&args->number[0]), efi_at(&args->reset), 0);
    *largest_bytes = args->number[0];
    *reset = args->reset;
    return check_written(EFI_QUERY_CAPSULE_CAPABILITIES, status,
                         args->number[0] != EFI_UNWRITTEN &&
                             args->reset <= EFI_RESET_PLATFORM_SPECIFIC);
}

efi_status_t efi_reset_system(enum efi_reset_type type) {
    return efi_call(EFI_RESET_SYSTEM, type, EFI_SUCCESS, 0, 0, 0);
}
