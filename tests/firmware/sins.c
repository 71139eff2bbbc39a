// Sins that C can commit, one function each. A function stands in the runtime
// table in the place of a service; most do what was asked, then what they must
// not.

#include "sins.h"

#define KERNEL_TEXT 0xffffffff80001000
#define NOWHERE     0x00006eadbeef0000
#define MIB         0x100000

#define SERVICE_ARGUMENTS                                                      \
    uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e

static uint64_t boot_page, freed_page, data_page;

static void read_at(uint64_t address) {
    (void)*(volatile uint8_t *)address;
}

static void write_at(uint64_t address) {
    *(volatile uint8_t *)address = 0x5a;
}

static void execute_at(uint64_t address) {
    ((void (*)(void))address)();
}

// ---- memory that is not the firmware's, any more or at all

static uint64_t page(uint64_t type) {
    uint64_t address = 0;
    boot(BS_ALLOCATE_PAGES)(0, type, 1, (uint64_t)&address, 0);
    return address;
}

static void take_pages(void) {
    boot_page = page(BOOT_DATA);
    data_page = page(RUNTIME_DATA);
    freed_page = page(BOOT_DATA);
    boot(BS_FREE_PAGES)(freed_page, 1, 0, 0, 0);
    *(uint8_t *)boot_page = *(uint8_t *)data_page = 0xc3; // ret
}

static status get_time(SERVICE_ARGUMENTS) {
    return original[RT_GET_TIME](a, b, c, d, e);
}

static status read_boot_services(SERVICE_ARGUMENTS) {
    read_at(boot_page);
    return original[RT_GET_TIME](a, b, c, d, e);
}

static status write_boot_services(SERVICE_ARGUMENTS) {
    write_at(boot_page);
    return original[RT_GET_TIME](a, b, c, d, e);
}

static status execute_boot_services(SERVICE_ARGUMENTS) {
    execute_at(boot_page);
    return original[RT_GET_TIME](a, b, c, d, e);
}

static status write_conventional(SERVICE_ARGUMENTS) {
    write_at(freed_page);
    return original[RT_GET_TIME](a, b, c, d, e);
}

static status read_nowhere(SERVICE_ARGUMENTS) {
    read_at(NOWHERE);
    return original[RT_GET_TIME](a, b, c, d, e);
}

static status execute_null(SERVICE_ARGUMENTS) {
    volatile uint64_t null = 0; // or the compiler makes anything of it
    execute_at(null);
    return original[RT_GET_TIME](a, b, c, d, e);
}

static status execute_data(SERVICE_ARGUMENTS) {
    uint64_t code = 0xc3;
    execute_at((uint64_t)&code); // on the stack
    return original[RT_GET_TIME](a, b, c, d, e);
}

// A pointer that nobody converted.
static status physical_pointer(SERVICE_ARGUMENTS) {
    write_at(data_page);
    return original[RT_GET_TIME](a, b, c, d, e);
}

static status write_kernel(SERVICE_ARGUMENTS) {
    write_at(KERNEL_TEXT);
    return original[RT_GET_TIME](a, b, c, d, e);
}

// ---- answers

static status unknown_status(SERVICE_ARGUMENTS) {
    original[RT_GET_TIME](a, b, c, d, e);
    return 0x1234;
}

// One that exists, but which GetTime cannot mean (UEFI 2.10 §8.3).
static status strange_status(SERVICE_ARGUMENTS) {
    original[RT_GET_TIME](a, b, c, d, e);
    return ERROR(14);
}

static status month_13(SERVICE_ARGUMENTS) {
    status answer = original[RT_GET_TIME](a, b, c, d, e);
    ((uint8_t *)a)[2] = 13;
    return answer;
}

// GetVariable(name, guid, attributes, size, data): a byte too much.
static status overrun(SERVICE_ARGUMENTS) {
    uint64_t room = *(uint64_t *)d;
    status answer = original[RT_GET_VARIABLE](a, b, c, d, e);
    if (e)
        write_at(e + room);
    return answer;
}

static status claim_overrun(SERVICE_ARGUMENTS) {
    status answer = original[RT_GET_VARIABLE](a, b, c, d, e);
    *(uint64_t *)d = *(uint64_t *)d + 0x10000;
    return answer;
}

// ---- GetNextVariableName(size, name, guid)

static status next_name(uint64_t size, uint64_t name, uint16_t letter) {
    ((uint16_t *)name)[0] = letter;
    ((uint16_t *)name)[1] = 0;
    *(uint64_t *)size = 4;
    return SUCCESS;
}

static status endless_names(SERVICE_ARGUMENTS) {
    (void)c, (void)d, (void)e;
    return next_name(a, b, 'A');
}

static status circle_of_names(SERVICE_ARGUMENTS) {
    (void)c, (void)d, (void)e;
    return next_name(a, b,
                     *(uint16_t *)b == 'A'   ? 'B'
                     : *(uint16_t *)b == 'B' ? 'C'
                                             : 'A');
}

static status unended_name(SERVICE_ARGUMENTS) {
    (void)c, (void)d, (void)e;
    for (uint64_t i = 0; i < *(uint64_t *)a / 2; i++)
        ((uint16_t *)b)[i] = 'A';
    return SUCCESS;
}

static status long_name(SERVICE_ARGUMENTS) {
    status answer = original[RT_GET_NEXT_VARIABLE_NAME](a, b, c, d, e);
    *(uint64_t *)a = 1ull << 40;
    return answer;
}

// ---- the end

static status reset_returns(SERVICE_ARGUMENTS) {
    (void)a, (void)b, (void)c, (void)d, (void)e;
    return SUCCESS;
}

static status reset_faults(SERVICE_ARGUMENTS) {
    read_at(NOWHERE);
    return original[RT_RESET_SYSTEM](a, b, c, d, e);
}

// ---- SetVirtualAddressMap(bytes, descriptor bytes, version, map)

static status move_fails(SERVICE_ARGUMENTS) {
    (void)a, (void)b, (void)c, (void)d, (void)e;
    return DEVICE_ERROR;
}

static status move_lies(SERVICE_ARGUMENTS) {
    (void)a, (void)b, (void)c, (void)d, (void)e;
    return SUCCESS;
}

static status move_hangs(SERVICE_ARGUMENTS) {
    original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
    for (;;)
        read_at(d);
}

static status move_faults(SERVICE_ARGUMENTS) {
    read_at(NOWHERE);
    return original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
}

// Done, but it says it was not.
static status move_denied(SERVICE_ARGUMENTS) {
    original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
    return DEVICE_ERROR;
}

// All but the last region, and nothing is said.
static status move_half(SERVICE_ARGUMENTS) {
    return original[RT_SET_VIRTUAL_ADDRESS_MAP](a - b, b, c, d, e);
}

static int moved;

// Boot-services memory in the midst of it: common, and tolerated.
static status move_in_boot_services(SERVICE_ARGUMENTS) {
    if (!moved++)
        execute_at(boot_page);
    return original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
}

// As firmware of Apple's was said to in 2013: it has to be moved elsewhere.
static status dislikes_identity(SERVICE_ARGUMENTS) {
    const struct descriptor *first = (const struct descriptor *)d;
    if (!moved++ && first->physical_start == first->virtual_start)
        read_at(NOWHERE);
    return original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
}

// ---- tables

static void break_crc(void) {
    runtime->crc32 ^= 1;
}

static void break_signature(void) {
    runtime->signature ^= 1;
}

static void break_header(void) {
    runtime->header_bytes = 0x7fffffff;
}

static void break_system_header(void) {
    system->header_bytes = 8;
}

// What the firmware announces (EFI_RT_PROPERTIES_TABLE, §4.6), where it is lost
// after generation 0.
static void announce(uint16_t version, uint16_t bytes, uint32_t supported) {
    static const struct guid guid = {
        0xeb66918a,
        0x7eef,
        0x402a,
        {0x84, 0x2e, 0x93, 0x1d, 0x21, 0xc3, 0x8a, 0xe9}};
    uint64_t table = boot_page + 8;
    *(uint64_t *)table = (uint64_t)supported << 32 | bytes << 16 | version;
    boot(BS_INSTALL_CONFIGURATION_TABLE)((uint64_t)&guid, table, 0, 0, 0);
}

static void announce_none(void) {
    announce(1, 8, 0);
}

static void announce_all(void) {
    announce(1, 8, 0x3fff);
}

static void announce_in_version_2(void) {
    announce(2, 8, 0);
}

static void announce_in_4_bytes(void) {
    announce(1, 4, 0);
}

static status unsupported(SERVICE_ARGUMENTS) {
    (void)a, (void)b, (void)c, (void)d, (void)e;
    return UNSUPPORTED;
}

// ---- the memory map (EFI_BOOT_SERVICES.GetMemoryMap, §7.2.3)

#define MORE_MAX 700

static status (*map_sin)(uint8_t *map, uint64_t *bytes, uint64_t *step);

static status get_memory_map(SERVICE_ARGUMENTS) {
    uint64_t *bytes = (uint64_t *)a, *step = (uint64_t *)d, room = *bytes;
    status answer = true_get_memory_map(a, b, c, d, e);
    // Room for many more, and for larger ones.
    uint64_t wanted = *bytes + *bytes / 4 + MORE_MAX * *step;
    if (answer == SUCCESS && wanted > room)
        answer = BUFFER_TOO_SMALL;
    if (answer == BUFFER_TOO_SMALL)
        *bytes = wanted + *bytes;
    return answer == SUCCESS ? map_sin((uint8_t *)b, bytes, step) : answer;
}

static struct descriptor *at(uint8_t *map, uint64_t offset) {
    return (struct descriptor *)(map + offset);
}

static status reverse(uint8_t *map, uint64_t *bytes, uint64_t *step) {
    for (uint64_t i = 0, j = *bytes - *step; i < j; i += *step, j -= *step) {
        struct descriptor kept = *at(map, i);
        *at(map, i) = *at(map, j);
        *at(map, j) = kept;
    }
    return SUCCESS;
}

static status restride(uint8_t *map, uint64_t *bytes, uint64_t *step,
                       uint64_t wanted) {
    uint64_t count = *bytes / *step;
    for (uint64_t n = 0; n < count; n++) {
        uint64_t i = wanted > *step ? count - 1 - n : n;
        struct descriptor kept = *at(map, i * *step);
        *at(map, i * wanted) = kept;
    }
    *step = wanted;
    *bytes = count * wanted;
    return SUCCESS;
}

static status stride_40(uint8_t *map, uint64_t *bytes, uint64_t *step) {
    return restride(map, bytes, step, 40);
}

static status stride_56(uint8_t *map, uint64_t *bytes, uint64_t *step) {
    return restride(map, bytes, step, 56);
}

static struct descriptor *append(uint8_t *map, uint64_t *bytes, uint64_t step) {
    struct descriptor *new = at(map, *bytes);
    *new = *at(map, 0);
    *bytes += step;
    new->type = RUNTIME_DATA;
    new->attribute = 1ull << 63 | 8;
    new->pages = 1;
    return new;
}

// A runtime region over all memory up to the first page that is ours.
static status overlap(uint8_t *map, uint64_t *bytes, uint64_t *step) {
    struct descriptor *new = append(map, bytes, *step);
    new->physical_start = data_page;
    return SUCCESS;
}

static status no_pages(uint8_t *map, uint64_t *bytes, uint64_t *step) {
    append(map, bytes, *step)->pages = 0;
    return SUCCESS;
}

static status too_many_pages(uint8_t *map, uint64_t *bytes, uint64_t *step) {
    append(map, bytes, *step)->pages = ~0ull / 4096;
    return SUCCESS;
}

static status unaligned(uint8_t *map, uint64_t *bytes, uint64_t *step) {
    append(map, bytes, *step)->physical_start = MIB + 8;
    return SUCCESS;
}

// The end of the largest piece of free memory, page by page: each second one
// is boot-services data now.
static status shatter(uint8_t *map, uint64_t *bytes, uint64_t *step,
                      uint64_t pages) {
    struct descriptor *whole = at(map, 0);
    for (uint64_t i = 0; i < *bytes; i += *step)
        if (at(map, i)->type == CONVENTIONAL &&
            (whole->type != CONVENTIONAL || at(map, i)->pages > whole->pages))
            whole = at(map, i);
    for (uint64_t i = 0; i < pages; i++) {
        struct descriptor *new = at(map, *bytes);
        *new = *whole;
        *bytes += *step;
        whole->pages--;
        new->type = i % 2 ? CONVENTIONAL : BOOT_DATA;
        new->physical_start = whole->physical_start + whole->pages * 4096;
        new->pages = 1;
    }
    return SUCCESS;
}

static status many_pieces(uint8_t *map, uint64_t *bytes, uint64_t *step) {
    return shatter(map, bytes, step, 500);
}

static status too_many_pieces(uint8_t *map, uint64_t *bytes, uint64_t *step) {
    return shatter(map, bytes, step, MORE_MAX);
}

#define MAP_SIN(name)                                                          \
    static void name##_map(void) {                                             \
        map_sin = name;                                                        \
        hook_memory_map(get_memory_map);                                       \
    }
MAP_SIN(reverse)
MAP_SIN(stride_40)
MAP_SIN(stride_56)
MAP_SIN(overlap)
MAP_SIN(no_pages)
MAP_SIN(too_many_pages)
MAP_SIN(unaligned)
MAP_SIN(many_pieces)
MAP_SIN(too_many_pieces)

const struct sin sins[] = {
    {"none", 0, 0, 0},
    {"attributes", KEEPS_ATTRIBUTES, get_time, 0},
    {"read-boot-services", RT_GET_TIME, read_boot_services, 0},
    {"write-boot-services", RT_GET_TIME, write_boot_services, 0},
    {"execute-boot-services", RT_GET_TIME, execute_boot_services, 0},
    {"write-conventional", RT_GET_TIME, write_conventional, 0},
    {"read-nowhere", RT_GET_TIME, read_nowhere, 0},
    {"execute-null", RT_GET_TIME, execute_null, 0},
    {"execute-data", RT_GET_TIME, execute_data, 0},
    {"physical-pointer", RT_GET_TIME, physical_pointer, 0},
    {"write-kernel", RT_GET_TIME, write_kernel, 0},
    {"unknown-status", RT_GET_TIME, unknown_status, 0},
    {"strange-status", RT_GET_TIME, strange_status, 0},
    {"month-13", RT_GET_TIME, month_13, 0},
    {"overrun", RT_GET_VARIABLE, overrun, 0},
    {"claim-overrun", RT_GET_VARIABLE, claim_overrun, 0},
    {"endless-names", RT_GET_NEXT_VARIABLE_NAME, endless_names, 0},
    {"circle-of-names", RT_GET_NEXT_VARIABLE_NAME, circle_of_names, 0},
    {"unended-name", RT_GET_NEXT_VARIABLE_NAME, unended_name, 0},
    {"long-name", RT_GET_NEXT_VARIABLE_NAME, long_name, 0},
    {"reset-returns", RT_RESET_SYSTEM, reset_returns, 0},
    {"reset-faults", RT_RESET_SYSTEM, reset_faults, 0},
    {"move-fails", RT_SET_VIRTUAL_ADDRESS_MAP, move_fails, 0},
    {"move-lies", RT_SET_VIRTUAL_ADDRESS_MAP, move_lies, 0},
    {"move-hangs", RT_SET_VIRTUAL_ADDRESS_MAP, move_hangs, 0},
    {"move-faults", RT_SET_VIRTUAL_ADDRESS_MAP, move_faults, 0},
    {"move-denied", RT_SET_VIRTUAL_ADDRESS_MAP, move_denied, 0},
    {"move-half", RT_SET_VIRTUAL_ADDRESS_MAP, move_half, 0},
    {"move-boot", RT_SET_VIRTUAL_ADDRESS_MAP, move_in_boot_services, 0},
    {"move-identity", RT_SET_VIRTUAL_ADDRESS_MAP, dislikes_identity, 0},
    {"no-service", RT_QUERY_CAPSULE, 0, 0},
    {"crc", 0, 0, break_crc},
    {"signature", 0, 0, break_signature},
    {"header", 0, 0, break_header},
    {"system-header", 0, 0, break_system_header},
    {"announces-none", 0, 0, announce_none},
    {"announces-all", RT_GET_TIME, unsupported, announce_all},
    {"announces-v2", 0, 0, announce_in_version_2},
    {"announces-short", 0, 0, announce_in_4_bytes},
    {"map-reversed", 0, 0, reverse_map},
    {"map-of-40", 0, 0, stride_40_map},
    {"map-of-56", 0, 0, stride_56_map},
    {"map-overlap", 0, 0, overlap_map},
    {"map-empty-entry", 0, 0, no_pages_map},
    {"map-huge-entry", 0, 0, too_many_pages_map},
    {"map-unaligned", 0, 0, unaligned_map},
    {"map-long", 0, 0, many_pieces_map},
    {"map-too-long", 0, 0, too_many_pieces_map},
    {0, 0, 0, 0},
};

void prepare_sins(void) {
    take_pages();
}
