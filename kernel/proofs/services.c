// The proof of the services that no other proof calls: each returns a status
// that fits its arguments.

#include "efi/firmware.h"
#include "efi/guard/guard.h"
#include "efi/quirk.h"
#include "efi/services/properties.h"
#include "efi/services/rest.h"
#include "kernel/proof.h"

#define YEARS 4 // that the clock is set ahead: a leap year stays one

// A year may end between two calls.
static bool is_in(const struct efi_time *time, uint16_t year) {
    return time->year == year || time->year == year + 1;
}

// Sets the clock ahead, reads it, and sets it back by as much.
static efi_status_t try_set_time(void) {
    struct efi_time was, moved, now;
    efi_status_t status = efi_get_time(&was);
    if (status != EFI_SUCCESS)
        return status;
    if (!efi_is_time(&was))
        return efi_reject(EFI_GET_TIME, "no time that could be put back");
    moved = was;
    moved.year += YEARS;
    status = efi_set_time(&moved);
    if (status != EFI_SUCCESS)
        return status;
    efi_get_time(&now);
    bool has_moved = is_in(&now, moved.year);
    struct efi_time back = has_moved ? now : was;
    back.year -= has_moved ? YEARS : 0;
    status = efi_set_time(&back);
    if (!has_moved)
        return efi_reject(EFI_SET_TIME, "the clock was set to %u and shows %u",
                          moved.year, now.year);
    efi_get_time(&now);
    if (status != EFI_SUCCESS || !is_in(&now, back.year))
        return efi_reject(EFI_SET_TIME,
                          "the clock was set back to %u and shows %u",
                          back.year, now.year);
    return status;
}

struct alarm {
    bool enabled, pending;
    struct efi_time time;
};

static efi_status_t read_alarm(struct alarm *alarm) {
    return efi_get_wakeup_time(&alarm->enabled, &alarm->pending, &alarm->time);
}

static efi_status_t try_get_wakeup(void) {
    struct alarm alarm;
    return read_alarm(&alarm);
}

static bool is_at(const struct alarm *alarm, const struct efi_time *time) {
    return alarm->enabled && alarm->time.hour == time->hour &&
           alarm->time.minute == time->minute &&
           alarm->time.second == time->second;
}

// Sets the alarm to the end of today, as some clocks have no date for it; reads
// it, and restores it. If it cannot be read, it is not changed.
static efi_status_t try_set_wakeup(void) {
    struct alarm was, now;
    struct efi_time time;
    efi_status_t status = read_alarm(&was);
    if (status == EFI_SUCCESS)
        status = efi_get_time(&time);
    if (status != EFI_SUCCESS)
        return status;
    time.hour = 23;
    time.minute = time.second = 59;
    status = efi_set_wakeup_time(true, &time);
    if (status != EFI_SUCCESS)
        return status;
    bool is_set = read_alarm(&now) == EFI_SUCCESS && is_at(&now, &time);
    status = efi_set_wakeup_time(was.enabled, was.enabled ? &was.time : NULL);
    if (!is_set)
        return efi_reject(EFI_SET_WAKEUP_TIME,
                          "set to 23:59:59, the alarm is %s, at %02u:%02u:%02u",
                          now.enabled ? "on" : "off", now.time.hour,
                          now.time.minute, now.time.second);
    if (status != EFI_SUCCESS || read_alarm(&now) != EFI_SUCCESS ||
        now.enabled != was.enabled)
        return efi_reject(EFI_SET_WAKEUP_TIME, "the alarm cannot be put back");
    return status;
}

// With a descriptor version that does not exist: refused before and after the
// firmware was moved (UEFI 2.10 §8.4). Some firmware has the function in
// boot-services memory, which was freed: there it is not called.
static efi_status_t try_move(void) {
    va_t entry = firmware->runtime.service[EFI_SET_VIRTUAL_ADDRESS_MAP];
    struct efi_memory_descriptor none = {0};
    if (!efi_region_of_pa(&firmware->regions, entry, 1))
        return EFI_UNSUPPORTED;
    return efi_set_virtual_address_map(&none, sizeof(none), sizeof(none),
                                       EFI_DESCRIPTOR_VERSION + 1);
}

static efi_status_t try_convert(void) {
    uint64_t address = 0;
    return efi_convert_pointer(0, &address);
}

static efi_status_t try_count(void) {
    uint32_t first, second;
    efi_status_t status = efi_get_next_high_monotonic_count(&first);
    if (status == EFI_SUCCESS)
        status = efi_get_next_high_monotonic_count(&second);
    if (status == EFI_SUCCESS && second <= first)
        return efi_reject(EFI_GET_NEXT_HIGH_MONOTONIC_COUNT, "%#x after %#x",
                          second, first);
    return status;
}

static efi_status_t try_update_capsule(void) {
    struct efi_capsule_header none = {.header_bytes = sizeof(none)};
    return efi_update_capsule(&none, 0);
}

static efi_status_t try_query_capsule(void) {
    struct efi_capsule_header none = {.header_bytes = sizeof(none),
                                      .image_bytes = sizeof(none)};
    uint64_t largest;
    enum efi_reset_type reset;
    return efi_query_capsule_capabilities(&none, 1, &largest, &reset);
}

// The statuses that each may return here (UEFI 2.10 ch. 8). Any service may be
// unsupported at runtime if EFI_RT_PROPERTIES_TABLE says so; those that have
// UNSUPPORTED here may return it in any case. `changes`: the trial changes the
// machine, if only for a moment; it is skipped without prove=write.
#define SUCCESS     EFI_STATUS_SET(EFI_SUCCESS)
#define INVALID     EFI_STATUS_SET(EFI_INVALID_PARAMETER)
#define UNSUPPORTED EFI_STATUS_SET(EFI_UNSUPPORTED)
#define NOT_FOUND   EFI_STATUS_SET(EFI_NOT_FOUND)

static const struct {
    enum efi_service service;
    efi_status_t (*try)(void);
    uint32_t accepted;
    bool changes;
} trials[] = {
    {EFI_SET_TIME, try_set_time, SUCCESS, true},
    {EFI_GET_WAKEUP_TIME, try_get_wakeup, SUCCESS | UNSUPPORTED, false},
    {EFI_SET_WAKEUP_TIME, try_set_wakeup, SUCCESS | UNSUPPORTED, true},
    {EFI_SET_VIRTUAL_ADDRESS_MAP, try_move, INVALID | UNSUPPORTED, true},
    {EFI_CONVERT_POINTER, try_convert, INVALID | NOT_FOUND, false},
    {EFI_GET_NEXT_HIGH_MONOTONIC_COUNT, try_count, SUCCESS, true},
    {EFI_UPDATE_CAPSULE, try_update_capsule, INVALID | UNSUPPORTED, true},
    {EFI_QUERY_CAPSULE_CAPABILITIES, try_query_capsule, SUCCESS | UNSUPPORTED,
     false},
};

// A service that the firmware announces as missing must return EFI_UNSUPPORTED.
// Others must not, unless that is accepted; some firmware does.
static bool is_accepted(enum efi_service service, uint32_t accepted,
                        efi_status_t status) {
    bool is_missing = status == EFI_UNSUPPORTED;
    if (efi_lacks(service) && !is_missing)
        efi_tolerates("promise-too-small"); // if so: no proof uses it
    if (efi_lacks(service))
        return is_missing;
    if (is_missing && !(accepted & UNSUPPORTED))
        return efi_tolerates("promise-not-kept");
    return efi_status_in(status, accepted);
}

static enum verdict check_services(struct proof *proof) {
    size_t tried = 0, unsupported = 0;
    for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
        enum efi_service service = trials[i].service;
        if (trials[i].changes && proof->read_only)
            continue;
        efi_status_t status = trials[i].try();
        tried++;
        unsupported += status == EFI_UNSUPPORTED;
        if (!is_accepted(service, trials[i].accepted, status))
            proof_detail(proof, FAIL, "%s: %s; ", efi_service_name(service),
                         efi_status_name(status));
    }
    if (proof->detail[0])
        return FAIL;
    proof_detail(
        proof, PASS,
        "%zu more services answer as UEFI says, %zu with EFI_UNSUPPORTED",
        tried, unsupported);
    return proof->read_only ? proof_read_only(proof) : PASS;
}

ROW(proofs, 50_services) = {"services", check_services, 0};
