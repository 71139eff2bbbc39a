// The part of UEFI 2.10 that the driver needs, for firmware of 64 and of 32
// bits: what the specification calls UINTN, a pointer or a status is a `word`.
// Baton's own headers do not fit: this is built for the ABI of Windows, where
// `long` has 32 bits.

#pragma once

#include <stdint.h>

typedef uintptr_t word;
typedef word status;
typedef status (*service)(word a, word b, word c, word d, word e);

#define WORD_BITS        (8 * sizeof(word))
#define ERROR(code)      ((word)1 << (WORD_BITS - 1) | (code))
#define SUCCESS          0
#define UNSUPPORTED      ERROR(3)
#define BUFFER_TOO_SMALL ERROR(5)
#define DEVICE_ERROR     ERROR(7)
#define OUT_OF_RESOURCES ERROR(9)

struct guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

struct table { // §4.2: header, then one pointer after the other
    uint64_t signature;
    uint32_t revision, header_bytes, crc32, reserved;
    word entry[];
};

enum system_entry { // §4.3
    ST_VENDOR = 0,
    ST_REVISION = 1,
    ST_RUNTIME = 8,
    ST_BOOT = 9,
    ST_CONFIG_TABLES = 10, // how many
};

enum boot_entry { // §4.4
    BS_ALLOCATE_PAGES = 2,
    BS_FREE_PAGES = 3,
    BS_GET_MEMORY_MAP = 4,
    BS_CREATE_EVENT = 7,
    BS_HANDLE_PROTOCOL = 16,
    BS_INSTALL_CONFIGURATION_TABLE = 21,
    BS_CALCULATE_CRC32 = 40,
};

enum runtime_entry { // §4.5
    RT_GET_TIME = 0,
    RT_SET_TIME = 1,
    RT_GET_WAKEUP_TIME = 2,
    RT_SET_WAKEUP_TIME = 3,
    RT_SET_VIRTUAL_ADDRESS_MAP = 4,
    RT_CONVERT_POINTER = 5,
    RT_GET_VARIABLE = 6,
    RT_GET_NEXT_VARIABLE_NAME = 7,
    RT_SET_VARIABLE = 8,
    RT_COUNT = 9,
    RT_RESET_SYSTEM = 10,
    RT_UPDATE_CAPSULE = 11,
    RT_QUERY_CAPSULE = 12,
    RT_QUERY_VARIABLES = 13,
    RT_ENTRIES = 14,
};

enum { // §7.2.1
    RESERVED = 0,
    BOOT_CODE = 3,
    BOOT_DATA = 4,
    RUNTIME_CODE = 5,
    RUNTIME_DATA = 6,
    CONVENTIONAL = 7,
};

#define EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE 0x60000202
#define EVT_SIGNAL_EXIT_BOOT_SERVICES     0x00000201
#define TPL_NOTIFY                        16

struct descriptor { // §7.2.3
    uint32_t type, pad;
    uint64_t physical_start, virtual_start, pages, attribute;
};

struct loaded_image { // §9.1
    uint32_t revision;
    word parent, system_table, device, file_path, reserved;
    uint32_t options_bytes;
    const uint16_t *options;
    word image_base;
    uint64_t image_bytes;
};
