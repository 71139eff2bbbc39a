// The structures of UEFI 2.10 that Baton reads, with the specification's
// sections. Pointers are plain numbers here: whether one is physical or virtual
// depends on whether SetVirtualAddressMap was called, which is the subject of
// this project.

#pragma once

#include "lib/types.h"

typedef uint64_t efi_status_t;

#define EFI_ERROR              (1UL << 63)
#define EFI_SUCCESS            0UL
#define EFI_INVALID_PARAMETER  (EFI_ERROR | 2)
#define EFI_UNSUPPORTED        (EFI_ERROR | 3)
#define EFI_BUFFER_TOO_SMALL   (EFI_ERROR | 5)
#define EFI_NOT_READY          (EFI_ERROR | 6)
#define EFI_DEVICE_ERROR       (EFI_ERROR | 7)
#define EFI_WRITE_PROTECTED    (EFI_ERROR | 8)
#define EFI_OUT_OF_RESOURCES   (EFI_ERROR | 9)
#define EFI_NOT_FOUND          (EFI_ERROR | 14)
#define EFI_NO_MAPPING         (EFI_ERROR | 17)
#define EFI_ABORTED            (EFI_ERROR | 21)
#define EFI_SECURITY_VIOLATION (EFI_ERROR | 26)

struct efi_guid { // §A.1
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

struct efi_table_header { // §4.2
    uint64_t signature;
    uint32_t revision;
    uint32_t header_bytes;
    uint32_t crc32; // of header_bytes bytes, with this field as zero
    uint32_t reserved;
};

#define EFI_SYSTEM_TABLE_SIGNATURE  0x5453595320494249 // "IBI SYST"
#define EFI_RUNTIME_TABLE_SIGNATURE 0x56524553544e5552 // "RUNTSERV"

struct efi_system_table { // §4.3
    struct efi_table_header header;
    uint64_t firmware_vendor; // converted by SetVirtualAddressMap
    uint32_t firmware_revision, pad;
    uint64_t console_in_handle, console_in;
    uint64_t console_out_handle, console_out;
    uint64_t error_handle, error;
    uint64_t runtime_services; // converted
    uint64_t boot_services;
    uint64_t config_table_count;
    uint64_t config_tables; // converted
};

#define EFI_SYSTEM_WORDS 12 // behind the header, in firmware of either width

// One item of the lists below, in an enumeration.
#define EFI_ID(id, name) id,

// The services in the order of the runtime table (§4.5), with their names.
#define EFI_SERVICE_LIST(ITEM)                                                 \
    ITEM(EFI_GET_TIME, "GetTime")                                              \
    ITEM(EFI_SET_TIME, "SetTime")                                              \
    ITEM(EFI_GET_WAKEUP_TIME, "GetWakeupTime")                                 \
    ITEM(EFI_SET_WAKEUP_TIME, "SetWakeupTime")                                 \
    ITEM(EFI_SET_VIRTUAL_ADDRESS_MAP, "SetVirtualAddressMap")                  \
    ITEM(EFI_CONVERT_POINTER, "ConvertPointer")                                \
    ITEM(EFI_GET_VARIABLE, "GetVariable")                                      \
    ITEM(EFI_GET_NEXT_VARIABLE_NAME, "GetNextVariableName")                    \
    ITEM(EFI_SET_VARIABLE, "SetVariable")                                      \
    ITEM(EFI_GET_NEXT_HIGH_MONOTONIC_COUNT, "GetNextHighMonotonicCount")       \
    ITEM(EFI_RESET_SYSTEM, "ResetSystem")                                      \
    ITEM(EFI_UPDATE_CAPSULE, "UpdateCapsule")                                  \
    ITEM(EFI_QUERY_CAPSULE_CAPABILITIES, "QueryCapsuleCapabilities")           \
    ITEM(EFI_QUERY_VARIABLE_INFO, "QueryVariableInfo")

enum efi_service { EFI_SERVICE_LIST(EFI_ID) EFI_SERVICES };

// SetVirtualAddressMap and ConvertPointer are never converted, and only work in
// physical mode (§8.4).
static inline bool efi_stays_physical(enum efi_service service) {
    return service == EFI_SET_VIRTUAL_ADDRESS_MAP ||
           service == EFI_CONVERT_POINTER;
}

struct efi_runtime_services { // §4.5
    struct efi_table_header header;
    uint64_t service[EFI_SERVICES];
};

// §7.2.3. A map is walked in steps of its descriptor size, not of sizeof: EDK2
// deliberately has larger descriptors, of 48 bytes.
struct efi_memory_descriptor {
    uint32_t type, pad;
    uint64_t physical_start;
    uint64_t virtual_start;
    uint64_t pages;
    uint64_t attribute;
};

#define EFI_DESCRIPTOR_VERSION 1

#define EFI_MEMORY_TYPE_LIST(ITEM)                                             \
    ITEM(EFI_RESERVED, "Reserved")                                             \
    ITEM(EFI_LOADER_CODE, "LoaderCode")                                        \
    ITEM(EFI_LOADER_DATA, "LoaderData")                                        \
    ITEM(EFI_BOOT_SERVICES_CODE, "BootServicesCode")                           \
    ITEM(EFI_BOOT_SERVICES_DATA, "BootServicesData")                           \
    ITEM(EFI_RUNTIME_SERVICES_CODE, "RuntimeServicesCode")                     \
    ITEM(EFI_RUNTIME_SERVICES_DATA, "RuntimeServicesData")                     \
    ITEM(EFI_CONVENTIONAL, "Conventional")                                     \
    ITEM(EFI_UNUSABLE, "Unusable")                                             \
    ITEM(EFI_ACPI_RECLAIM, "ACPIReclaim")                                      \
    ITEM(EFI_ACPI_NVS, "ACPINVS")                                              \
    ITEM(EFI_MMIO, "MMIO")                                                     \
    ITEM(EFI_MMIO_PORTS, "MMIOPortSpace")                                      \
    ITEM(EFI_PAL_CODE, "PalCode")                                              \
    ITEM(EFI_PERSISTENT, "Persistent")                                         \
    ITEM(EFI_UNACCEPTED, "Unaccepted")

enum efi_memory_type { EFI_MEMORY_TYPE_LIST(EFI_ID) EFI_MEMORY_TYPES };

#define EFI_MEMORY_WB      (1UL << 3)  // it can be cached as RAM is
#define EFI_MEMORY_SP      (1UL << 18) // RAM for a specific purpose
#define EFI_MEMORY_RUNTIME (1UL << 63)

struct efi_time { // §8.3
    uint16_t year;
    uint8_t month, day, hour, minute, second, pad1;
    uint32_t nanosecond;
    int16_t zone;
    uint8_t daylight, pad2;
};

#define EFI_UNSPECIFIED_TIMEZONE 2047

struct efi_time_capabilities {
    uint32_t resolution_hz;
    uint32_t accuracy; // in millionths of a ppm
    uint8_t sets_to_zero;
};

#define EFI_VARIABLE_NON_VOLATILE   1u
#define EFI_VARIABLE_BOOT_SERVICE   2u
#define EFI_VARIABLE_RUNTIME_ACCESS 4u
#define EFI_VARIABLE_ANY            0xffu // all that §8.2 defines

// "EFI_SUCCESS", "EFI_NOT_FOUND", …; "EFI_UNKNOWN" for no known code.
const char *efi_status_name(efi_status_t status);

// "GetTime", …; "RuntimeServicesData", ….
const char *efi_service_name(enum efi_service service);
const char *efi_memory_type_name(uint32_t type);

// Is each field within its bounds, and the day in the calendar (§8.3)?
bool efi_is_time(const struct efi_time *time);
