// The specification's names for its numbers, and small functions about its
// types.

#include "efi/types.h"

static const char *const error_names[] = {
    // UEFI 2.10 appendix D
    "EFI_UNKNOWN",           "EFI_LOAD_ERROR",
    "EFI_INVALID_PARAMETER", "EFI_UNSUPPORTED",
    "EFI_BAD_BUFFER_SIZE",   "EFI_BUFFER_TOO_SMALL",
    "EFI_NOT_READY",         "EFI_DEVICE_ERROR",
    "EFI_WRITE_PROTECTED",   "EFI_OUT_OF_RESOURCES",
    "EFI_VOLUME_CORRUPTED",  "EFI_VOLUME_FULL",
    "EFI_NO_MEDIA",          "EFI_MEDIA_CHANGED",
    "EFI_NOT_FOUND",         "EFI_ACCESS_DENIED",
    "EFI_NO_RESPONSE",       "EFI_NO_MAPPING",
    "EFI_TIMEOUT",           "EFI_NOT_STARTED",
    "EFI_ALREADY_STARTED",   "EFI_ABORTED",
    "EFI_ICMP_ERROR",        "EFI_TFTP_ERROR",
    "EFI_PROTOCOL_ERROR",    "EFI_INCOMPATIBLE_VERSION",
    "EFI_SECURITY_VIOLATION"};

#define NAME(id, name) name,

static const char *const service_names[] = {EFI_SERVICE_LIST(NAME)};
static const char *const memory_type_names[] = {EFI_MEMORY_TYPE_LIST(NAME)};

const char *efi_status_name(efi_status_t status) {
    uint64_t code = status & ~EFI_ERROR;
    if (status == EFI_SUCCESS)
        return "EFI_SUCCESS";
    bool known = (status & EFI_ERROR) && code < ARRAY_SIZE(error_names);
    return error_names[known ? code : 0];
}

const char *efi_service_name(enum efi_service service) {
    return service < EFI_SERVICES ? service_names[service] : "none";
}

const char *efi_memory_type_name(uint32_t type) {
    return type < EFI_MEMORY_TYPES ? memory_type_names[type] : "Unknown";
}

bool efi_is_time(const struct efi_time *t) {
    bool leap = t->year % 4 == 0 && (t->year % 100 != 0 || t->year % 400 == 0);
    int longer = (t->month + t->month / 8) & 1; // July and August both are
    int days = t->month == 2 ? 28 + leap : 30 + longer;
    return t->year >= 1900 && t->year <= 9999 && t->month >= 1 &&
           t->month <= 12 && t->day >= 1 && t->day <= days && t->hour <= 23 &&
           t->minute <= 59 && t->second <= 59 && t->nanosecond <= 999999999 &&
           t->daylight <= 3 &&
           ((t->zone >= -1440 && t->zone <= 1440) ||
            t->zone == EFI_UNSPECIFIED_TIMEZONE);
}
