// Faults that can be written in C, one function each. A function replaces a
// service in the runtime table; most perform the service, and then misbehave.

#include "sins.h"

#include <stdbool.h>

#define NOWHERE    (WORD_BITS == 64 ? (word)0x00006eadbeef0000 : 0x6eadb000)
#define PCI_CONFIG 0xb0000000 // of QEMU's q35
#define UNLISTED   0xfee00030 // the local APIC's version: in no descriptor
#define OWN_DATA   0x6f776e21
#define MIB        0x100000

#define SERVICE_ARGUMENTS word a, word b, word c, word d, word e

static word boot_page, freed_page, data_page, reserved_page;

static void read_at(word address) {
    (void)*(volatile uint8_t *)address;
}

static void write_at(word address) {
    *(volatile uint8_t *)address = 0x5a;
}

static void execute_at(word address) {
    ((void (*)(void))address)();
}

// ---- memory that does not, or no longer, belong to the firmware

static word page(word type) {
    uint64_t address = 0;
    boot(BS_ALLOCATE_PAGES)(0, type, 1, (word)&address, 0);
    return (word)address;
}

// FreePages(address, pages): a physical address has 64 bits, so 32-bit firmware
// expects two words.
static void free_page(service free_pages, word address) {
    if (WORD_BITS == 64)
        free_pages(address, 1, 0, 0, 0);
    else
        free_pages(address, 0, 1, 0, 0);
}

static void take_pages(void) {
    boot_page = page(BOOT_DATA);
    data_page = page(RUNTIME_DATA);
    reserved_page = page(RESERVED);
    freed_page = page(BOOT_DATA);
    free_page(boot(BS_FREE_PAGES), freed_page);
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

// Memory that should have been announced as the firmware's, but was not.
static status read_reserved(SERVICE_ARGUMENTS) {
    read_at(reserved_page);
    return original[RT_GET_TIME](a, b, c, d, e);
}

static status read_device(SERVICE_ARGUMENTS) {
    read_at(PCI_CONFIG);
    return original[RT_GET_TIME](a, b, c, d, e);
}

// This pointer is all that is left of boot services.
static service free_pages;

static status call_boot_services(SERVICE_ARGUMENTS) {
    free_page(free_pages, data_page);
    return original[RT_GET_TIME](a, b, c, d, e);
}

static void keep_boot_services(void) {
    free_pages = boot(BS_FREE_PAGES);
}

static status read_nowhere(SERVICE_ARGUMENTS) {
    read_at(NOWHERE);
    return original[RT_GET_TIME](a, b, c, d, e);
}

static status execute_null(SERVICE_ARGUMENTS) {
    volatile word null = 0; // otherwise this is undefined for the compiler
    execute_at(null);
    return original[RT_GET_TIME](a, b, c, d, e);
}

static status execute_data(SERVICE_ARGUMENTS) {
    word code = 0xc3;
    execute_at((word)&code); // on the stack
    return original[RT_GET_TIME](a, b, c, d, e);
}

// A pointer that was not converted.
static status physical_pointer(SERVICE_ARGUMENTS) {
    write_at(data_page);
    return original[RT_GET_TIME](a, b, c, d, e);
}

// The kernel's code, where this service was called.
static status write_kernel(SERVICE_ARGUMENTS) {
    write_at((word)__builtin_return_address(0));
    return original[RT_GET_TIME](a, b, c, d, e);
}

// ---- results

static status unknown_status(SERVICE_ARGUMENTS) {
    original[RT_GET_TIME](a, b, c, d, e);
    return 0x1234;
}

// A status that exists, but is invalid for GetTime (UEFI 2.10 §8.3).
static status strange_status(SERVICE_ARGUMENTS) {
    original[RT_GET_TIME](a, b, c, d, e);
    return ERROR(14);
}

static status month_13(SERVICE_ARGUMENTS) {
    status answer = original[RT_GET_TIME](a, b, c, d, e);
    ((uint8_t *)a)[2] = 13;
    return answer;
}

// Year and month only; the rest is not written.
static status half_a_time(SERVICE_ARGUMENTS) {
    uint8_t time[16];
    status answer = original[RT_GET_TIME]((word)time, b, c, d, e);
    *(uint16_t *)a = *(uint16_t *)time;
    ((uint8_t *)a)[2] = time[2];
    return answer;
}

// Success without an effect, in place of any service.
static status idle(SERVICE_ARGUMENTS) {
    (void)a, (void)b, (void)c, (void)d, (void)e;
    return SUCCESS;
}

// ConvertPointer(disposition, address). Drivers need it to be relocated, and
// none of their pointers is 0. It is called only at physical addresses, so this
// copy is never converted.
static service true_convert_pointer;

static status idle_convert(SERVICE_ARGUMENTS) {
    return *(word *)b ? true_convert_pointer(a, b, c, d, e) : SUCCESS;
}

static void keep_convert_pointer(void) {
    true_convert_pointer = original[RT_CONVERT_POINTER];
}

// The second argument is optional.
static status needs_capabilities(SERVICE_ARGUMENTS) {
    write_at(b);
    return original[RT_GET_TIME](a, b, c, d, e);
}

static int is_moved;

static void note_move(void) {
    is_moved = 1;
}

static status needs_move(SERVICE_ARGUMENTS) {
    return is_moved ? original[RT_GET_TIME](a, b, c, d, e) : DEVICE_ERROR;
}

static void wait_for_move(void) {
    when_moved = note_move;
}

static word calls;

static status count_down(SERVICE_ARGUMENTS) {
    (void)b, (void)c, (void)d, (void)e;
    *(uint32_t *)a = (uint32_t)--calls;
    return SUCCESS;
}

// QueryVariableInfo(attributes, maximum, remaining, largest)
static status more_than_all(SERVICE_ARGUMENTS) {
    status answer = original[RT_QUERY_VARIABLES](a, b, c, d, e);
    *(uint64_t *)c = *(uint64_t *)b + 1;
    return answer;
}

// SetVariable(name, guid, attributes, size, data)
static status full(SERVICE_ARGUMENTS) {
    (void)a, (void)b, (void)c, (void)d, (void)e;
    return OUT_OF_RESOURCES;
}

static status read_past_name(SERVICE_ARGUMENTS) {
    const uint16_t *name = (const uint16_t *)a;
    while (*name)
        name++;
    read_at((word)(name + 4)); // bounce buffers are whole words
    return original[RT_SET_VARIABLE](a, b, c, d, e);
}

static status read_past_data(SERVICE_ARGUMENTS) {
    if (d)
        read_at(e + d);
    return original[RT_SET_VARIABLE](a, b, c, d, e);
}

// EDK II's GetWakeupTime also calls GetVariable, with a buffer on its stack:
// the byte after that may be a saved register, depending on the compiler.
static bool is_on_stack(word address) {
    return address - (word)__builtin_frame_address(0) < 4096;
}

// GetVariable(name, guid, attributes, size, data): a byte too much.
static status overrun(SERVICE_ARGUMENTS) {
    word room = *(word *)d;
    status answer = original[RT_GET_VARIABLE](a, b, c, d, e);
    if (e && !is_on_stack(e))
        write_at(e + room);
    return answer;
}

static status claim_overrun(SERVICE_ARGUMENTS) {
    status answer = original[RT_GET_VARIABLE](a, b, c, d, e);
    *(word *)d = *(word *)d + 0x10000;
    return answer;
}

static status absurd_size(SERVICE_ARGUMENTS) {
    (void)a, (void)b, (void)c, (void)e;
    *(word *)d = (word)1 << (WORD_BITS - 2);
    return BUFFER_TOO_SMALL;
}

static status odd_attributes(SERVICE_ARGUMENTS) {
    status answer = original[RT_GET_VARIABLE](a, b, c, d, e);
    if (c)
        *(uint32_t *)c = 0xdeadbeef;
    return answer;
}

// ---- GetNextVariableName(size, name, guid)

static status next_name(word size, word name, uint16_t letter) {
    ((uint16_t *)name)[0] = letter;
    ((uint16_t *)name)[1] = 0;
    *(word *)size = 4;
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
    for (word i = 0; i < *(word *)a / 2; i++)
        ((uint16_t *)b)[i] = 'A';
    return SUCCESS;
}

static status long_name(SERVICE_ARGUMENTS) {
    status answer = original[RT_GET_NEXT_VARIABLE_NAME](a, b, c, d, e);
    *(word *)a = (word)1 << WORD_BITS / 8 * 5;
    return answer;
}

static status no_name(SERVICE_ARGUMENTS) {
    (void)c, (void)d, (void)e;
    *(word *)a = 0;
    *(uint16_t *)b = 0;
    return SUCCESS;
}

static status overrun_name(SERVICE_ARGUMENTS) {
    word room = *(word *)a;
    status answer = original[RT_GET_NEXT_VARIABLE_NAME](a, b, c, d, e);
    write_at(b + room);
    return answer;
}

static status odd_name_size(SERVICE_ARGUMENTS) {
    status answer = original[RT_GET_NEXT_VARIABLE_NAME](a, b, c, d, e);
    *(word *)a |= 1;
    return answer;
}

// Slow, as some flash is; 52 s by the kernel's timer. This is allowed.
static void take_long(void) {
    for (unsigned tick = 0; tick < 52 * 100; tick++)
        await_interrupt();
}

static status slow_time(SERVICE_ARGUMENTS) {
    take_long();
    return original[RT_GET_TIME](a, b, c, d, e);
}

static status slow_write(SERVICE_ARGUMENTS) {
    take_long();
    return original[RT_SET_VARIABLE](a, b, c, d, e);
}

// The kernel's count can be written, but not read any more once it is 2.
static status unreadable(SERVICE_ARGUMENTS) {
    status answer = original[RT_GET_VARIABLE](a, b, c, d, e);
    if (answer == SUCCESS && *(const uint16_t *)a == 'B' && *(word *)d == 4 &&
        *(uint32_t *)e == 2)
        return DEVICE_ERROR;
    return answer;
}

static status never_enough(SERVICE_ARGUMENTS) {
    (void)b, (void)c, (void)d, (void)e;
    *(word *)a += 2;
    return BUFFER_TOO_SMALL;
}

// Allowed: a name may contain anything, such as a newline or half of a pair.
static void make_garbled_name(void) {
    static const uint16_t name[] = {'a',    '\n', '@', 'e', 'n', 'd',    ' ',
                                    0xd800, 0x1b, '[', 'm', '"', 0xffff, 0};
    original[RT_SET_VARIABLE]((word)name, (word)&attributes_guid, 6,
                              sizeof(boot_page), (word)&boot_page);
}

// Each name comes twice, by counting calls, because the list is not known here.
static status each_name_twice(SERVICE_ARGUMENTS) {
    uint16_t *name = (uint16_t *)b;
    if (!name[0])
        calls = 0;
    return calls++ % 2 ? SUCCESS
                       : original[RT_GET_NEXT_VARIABLE_NAME](a, b, c, d, e);
}

// ---- the end

static status reset_faults(SERVICE_ARGUMENTS) {
    read_at(NOWHERE);
    return original[RT_RESET_SYSTEM](a, b, c, d, e);
}

static status reset_hangs(SERVICE_ARGUMENTS) {
    (void)a, (void)b, (void)c, (void)d, (void)e;
    for (;;)
        read_at((word)&runtime);
}

// ---- SetVirtualAddressMap(bytes, descriptor bytes, version, map)

static status move_fails(SERVICE_ARGUMENTS) {
    (void)a, (void)b, (void)c, (void)d, (void)e;
    return DEVICE_ERROR;
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

// Done, but it reports an error.
static status move_denied(SERVICE_ARGUMENTS) {
    original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
    return DEVICE_ERROR;
}

// Done completely, and then a fault.
static status move_faults_late(SERVICE_ARGUMENTS) {
    original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
    read_at(NOWHERE);
    return SUCCESS;
}

static status move_breaks_table(SERVICE_ARGUMENTS) {
    status answer = original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
    runtime->signature ^= 1;
    return answer;
}

static status move_interrupted(SERVICE_ARGUMENTS) {
    allow_interrupts();
    return original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
}

// In the middle of it: a driver's event handler.
static void read_nowhere_now(void) {
    read_at(NOWHERE);
}

static void read_boot_now(void) {
    read_at(boot_page);
    read_at(0);
}

static void handler_faults(void) {
    when_moved = read_nowhere_now;
}

static void handler_in_boot_services(void) {
    when_moved = read_boot_now;
}

// All but the last region, with success.
static status move_half(SERVICE_ARGUMENTS) {
    return original[RT_SET_VIRTUAL_ADDRESS_MAP](a - b, b, c, d, e);
}

static int moved;

// Boot-services memory in the middle of it: common, and tolerated.
static status move_in_boot_services(SERVICE_ARGUMENTS) {
    if (!moved++)
        execute_at(boot_page);
    return original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
}

// As reported for Apple's firmware in 2013: it must be moved elsewhere.
static status dislikes_identity(SERVICE_ARGUMENTS) {
    const struct descriptor *first = (const struct descriptor *)d;
    if (!moved++ && first->physical_start == first->virtual_start)
        read_at(NOWHERE);
    return original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
}

// Requires the order of its own map, which is reversed here. VMware's loader
// for ESXi keeps the order, since some firmware requires it.
static status wants_map_order(SERVICE_ARGUMENTS) {
    uint64_t last = ~0ull;
    for (word at = d; !moved && at < d + a; at += b) {
        const struct descriptor *entry = (const struct descriptor *)at;
        if (entry->physical_start >= last)
            return ERROR(2); // EFI_INVALID_PARAMETER
        last = entry->physical_start;
    }
    moved++;
    return original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
}

// ---- old and new addresses while it runs

static volatile uint32_t own_data = OWN_DATA;

static void return_at_once(void) {
}

// A driver that uses what it has just converted. No specification allows that,
// and a loader that maps both old and new addresses makes it work.
static void use_new_now(void) {
    word data = (word)&own_data, code = (word)return_at_once;
    convert(&data);
    convert(&code);
    read_at(data);
    execute_at(code);
}

static void use_new_early(void) {
    when_moved = use_new_now;
}

// All is converted, and a driver still uses an old pointer.
static status use_old_late(SERVICE_ARGUMENTS) {
    word old = data_page;
    status answer = original[RT_SET_VIRTUAL_ADDRESS_MAP](a, b, c, d, e);
    write_at(old);
    return answer;
}

// As reported for Dell's PowerEdge T320: memory that no descriptor names is
// expected to move by the same distance as the rest.
static void use_unlisted_now(void) {
    word moved_to = (word)&own_data;
    convert(&moved_to);
    read_at(UNLISTED + (moved_to - (word)&own_data));
}

static void use_unlisted(void) {
    when_moved = use_unlisted_now;
}

// Its data may be elsewhere than its code expects.
static status read_own_data(SERVICE_ARGUMENTS) {
    return own_data == OWN_DATA ? original[RT_GET_TIME](a, b, c, d, e)
                                : DEVICE_ERROR;
}

static void sign_runtime_table(void) {
    runtime->crc32 = 0;
    boot(BS_CALCULATE_CRC32)((word)runtime, runtime->header_bytes,
                             (word)&runtime->crc32, 0, 0);
}

// ---- a firmware that fails at VA = PA: each service, after ExitBootServices

static void be_elsewhere(void);

static volatile word home; // a number, which is never converted

static void note_leaving(void) {
    home = (word)be_elsewhere;
}

static void be_elsewhere(void) {
    if ((word)be_elsewhere == home)
        read_at(NOWHERE);
}

#define ELSEWHERE(entry)                                                       \
    static status elsewhere_##entry(SERVICE_ARGUMENTS) {                       \
        be_elsewhere();                                                        \
        return original[entry](a, b, c, d, e);                                 \
    }
ELSEWHERE(RT_GET_TIME)
ELSEWHERE(RT_SET_TIME)
ELSEWHERE(RT_GET_WAKEUP_TIME)
ELSEWHERE(RT_SET_WAKEUP_TIME)
ELSEWHERE(RT_GET_VARIABLE)
ELSEWHERE(RT_GET_NEXT_VARIABLE_NAME)
ELSEWHERE(RT_SET_VARIABLE)
ELSEWHERE(RT_COUNT)
ELSEWHERE(RT_RESET_SYSTEM)
ELSEWHERE(RT_UPDATE_CAPSULE)
ELSEWHERE(RT_QUERY_CAPSULE)
ELSEWHERE(RT_QUERY_VARIABLES)

static const service elsewhere[RT_ENTRIES] = {
    [RT_GET_TIME] = elsewhere_RT_GET_TIME,
    [RT_SET_TIME] = elsewhere_RT_SET_TIME,
    [RT_GET_WAKEUP_TIME] = elsewhere_RT_GET_WAKEUP_TIME,
    [RT_SET_WAKEUP_TIME] = elsewhere_RT_SET_WAKEUP_TIME,
    [RT_GET_VARIABLE] = elsewhere_RT_GET_VARIABLE,
    [RT_GET_NEXT_VARIABLE_NAME] = elsewhere_RT_GET_NEXT_VARIABLE_NAME,
    [RT_SET_VARIABLE] = elsewhere_RT_SET_VARIABLE,
    [RT_COUNT] = elsewhere_RT_COUNT,
    [RT_RESET_SYSTEM] = elsewhere_RT_RESET_SYSTEM,
    [RT_UPDATE_CAPSULE] = elsewhere_RT_UPDATE_CAPSULE,
    [RT_QUERY_CAPSULE] = elsewhere_RT_QUERY_CAPSULE,
    [RT_QUERY_VARIABLES] = elsewhere_RT_QUERY_VARIABLES,
};

static void fail_at_identity(void) {
    for (unsigned i = 0; i < RT_ENTRIES; i++)
        if (elsewhere[i])
            runtime->entry[i] = (word)elsewhere[i];
    sign_runtime_table();
}

static void become_apple(void) {
    static const uint16_t name[] = {'A', 'p', 'p', 'l', 'e', 0};
    system->entry[ST_VENDOR] = (word)name;
    note_leaving();
}

// ---- tables

static void break_crc(void) {
    runtime->crc32 ^= 1;
}

static void forget_crc(void) {
    runtime->crc32 = 0;
}

// Longer than in any specification: it covers the following bytes that do not
// change any more.
static void lengthen_header(void) {
    runtime->header_bytes += 16;
    sign_runtime_table();
}

// EFI 1.10's ended before UpdateCapsule.
static void short_header(void) {
    runtime->header_bytes = 24 + 11 * sizeof(word);
    sign_runtime_table();
}

// Fields that are not needed. (The CRC of the system table is updated when boot
// services end.)
static void odd_header(void) {
    system->revision = runtime->revision = ~0u;
    system->reserved = runtime->reserved = ~0u;
    system->entry[ST_REVISION] = ~(word)0;
    sign_runtime_table();
}

static void no_vendor(void) {
    system->entry[ST_VENDOR] = 0;
}

static void vendor_nowhere(void) {
    system->entry[ST_VENDOR] = NOWHERE;
}

static void vendor_in_boot_services(void) {
    static const uint16_t name[] = {'N', 'o', 'b', 'o', 'd', 'y', 0};
    for (unsigned i = 0; i < sizeof(name) / 2; i++)
        ((uint16_t *)boot_page)[i] = name[i];
    system->entry[ST_VENDOR] = boot_page;
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

static void break_system_signature(void) {
    system->signature ^= 1;
}

static void runtime_table_nowhere(void) {
    system->entry[ST_RUNTIME] = freed_page;
}

static void many_tables(void) {
    system->entry[ST_CONFIG_TABLES] = (word)1 << WORD_BITS / 8 * 5;
}

static void tables_nowhere(void) {
    system->entry[ST_CONFIG_TABLES + 1] = NOWHERE;
}

static void no_tables(void) {
    system->entry[ST_CONFIG_TABLES] = system->entry[ST_CONFIG_TABLES + 1] = 0;
}

static void tables_in_boot_services(void) {
    word bytes = (16 + sizeof(word)) * system->entry[ST_CONFIG_TABLES];
    for (word i = 0; i < bytes; i++)
        ((uint8_t *)boot_page)[i] =
            ((uint8_t *)system->entry[ST_CONFIG_TABLES + 1])[i];
    system->entry[ST_CONFIG_TABLES + 1] = boot_page;
}

// An invalid Memory Attributes Table (§4.6.3), and one at an invalid address.
static void attributes_at(word address) {
    boot(BS_INSTALL_CONFIGURATION_TABLE)((word)&attributes_guid, address, 0, 0,
                                         0);
}

static void garbled_attributes(void) {
    for (unsigned i = 0; i < 512; i++)
        ((uint64_t *)boot_page)[i] = 0x5a5a5a5a5a5a5a5a;
    attributes_at(boot_page);
}

static void attributes_nowhere(void) {
    attributes_at(NOWHERE);
}

// The firmware's announcement (EFI_RT_PROPERTIES_TABLE, §4.6), in memory that
// is lost after generation 0.
static void announce(uint16_t version, uint16_t bytes, uint32_t supported) {
    static const struct guid guid = {
        0xeb66918a,
        0x7eef,
        0x402a,
        {0x84, 0x2e, 0x93, 0x1d, 0x21, 0xc3, 0x8a, 0xe9}};
    word table = boot_page + 8;
    *(uint64_t *)table = (uint64_t)supported << 32 | bytes << 16 | version;
    boot(BS_INSTALL_CONFIGURATION_TABLE)((word)&guid, table, 0, 0, 0);
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

static status (*map_sin)(uint8_t *map, word *bytes, word *step);
static uint32_t *map_version;

static status get_memory_map(SERVICE_ARGUMENTS) {
    word *bytes = (word *)a, *step = (word *)d, room = *bytes;
    status answer = true_get_memory_map(a, b, c, d, e);
    map_version = (uint32_t *)e;
    // Space for many more, and for larger ones.
    word wanted = *bytes + *bytes / 4 + MORE_MAX * *step;
    if (answer == SUCCESS && wanted > room)
        answer = BUFFER_TOO_SMALL;
    if (answer == BUFFER_TOO_SMALL)
        *bytes = wanted + *bytes;
    return answer == SUCCESS ? map_sin((uint8_t *)b, bytes, step) : answer;
}

static struct descriptor *at(uint8_t *map, word offset) {
    return (struct descriptor *)(map + offset);
}

static status reverse(uint8_t *map, word *bytes, word *step) {
    for (word i = 0, j = *bytes - *step; i < j; i += *step, j -= *step) {
        struct descriptor kept = *at(map, i);
        *at(map, i) = *at(map, j);
        *at(map, j) = kept;
    }
    return SUCCESS;
}

static status restride(uint8_t *map, word *bytes, word *step, word wanted) {
    word count = *bytes / *step;
    for (word n = 0; n < count; n++) {
        word i = wanted > *step ? count - 1 - n : n;
        struct descriptor kept = *at(map, i * *step);
        *at(map, i * wanted) = kept;
    }
    *step = wanted;
    *bytes = count * wanted;
    return SUCCESS;
}

static status stride_40(uint8_t *map, word *bytes, word *step) {
    return restride(map, bytes, step, 40);
}

static status stride_56(uint8_t *map, word *bytes, word *step) {
    return restride(map, bytes, step, 56);
}

static struct descriptor *append(uint8_t *map, word *bytes, word step) {
    struct descriptor *new = at(map, *bytes);
    *new = *at(map, 0);
    *bytes += step;
    new->type = RUNTIME_DATA;
    new->attribute = 1ull << 63 | 8;
    new->pages = 1;
    return new;
}

// A runtime region over all memory up to the driver's first page.
static status overlap(uint8_t *map, word *bytes, word *step) {
    struct descriptor *new = append(map, bytes, *step);
    new->physical_start = data_page;
    return SUCCESS;
}

// One that was ours is not; as if the bit were not set.
static status no_runtime(uint8_t *map, word *bytes, word *step) {
    for (word i = 0; i < *bytes; i += *step)
        if (at(map, i)->type == RUNTIME_CODE ||
            at(map, i)->type == RUNTIME_DATA)
            at(map, i)->attribute &= ~(1ull << 63);
    return SUCCESS;
}

// The largest piece of free memory is the firmware's, by its attributes.
static status runtime_everywhere(uint8_t *map, word *bytes, word *step) {
    struct descriptor *largest = at(map, 0);
    for (word i = 0; i < *bytes; i += *step)
        if (at(map, i)->type == CONVENTIONAL &&
            at(map, i)->pages > largest->pages)
            largest = at(map, i);
    largest->attribute |= 1ull << 63;
    return SUCCESS;
}

// Code and data of this driver get a descriptor each, as in UEFI 2.5, and the
// second one is at the end of the map.
static status split(uint8_t *map, word *bytes, word *step) {
    word middle = (word)&own_data & ~(word)4095;
    for (word i = 0; i < *bytes; i += *step) {
        struct descriptor *whole = at(map, i);
        uint64_t pages = (middle - whole->physical_start) / 4096;
        if (whole->type != RUNTIME_CODE || pages >= whole->pages)
            continue;
        struct descriptor *new = append(map, bytes, *step);
        *new = *whole;
        new->physical_start = middle;
        new->pages = whole->pages - pages;
        whole->pages = pages;
        break;
    }
    return SUCCESS;
}

static status version_2(uint8_t *map, word *bytes, word *step) {
    (void)map, (void)bytes, (void)step;
    *map_version = 2;
    return SUCCESS;
}

// VirtualStart means nothing before anybody has set it.
static status virtual_starts(uint8_t *map, word *bytes, word *step) {
    for (word i = 0; i < *bytes; i += *step)
        at(map, i)->virtual_start = 0xdeadbeef;
    return SUCCESS;
}

static status unknown_type(uint8_t *map, word *bytes, word *step) {
    struct descriptor *new = append(map, bytes, *step);
    new->type = 0x80000001;
    new->physical_start = freed_page;
    new->attribute = 8;
    return SUCCESS;
}

// Correct, but beyond what some modes have addresses for.
static status far(uint8_t *map, word *bytes, word *step) {
    append(map, bytes, *step)->physical_start = (1ull << 46) + (1ull << 32);
    return SUCCESS;
}

static status no_pages(uint8_t *map, word *bytes, word *step) {
    append(map, bytes, *step)->pages = 0;
    return SUCCESS;
}

static status too_many_pages(uint8_t *map, word *bytes, word *step) {
    append(map, bytes, *step)->pages = ~0ull / 4096;
    return SUCCESS;
}

static status unaligned(uint8_t *map, word *bytes, word *step) {
    append(map, bytes, *step)->physical_start = MIB + 8;
    return SUCCESS;
}

// The end of the largest piece of free memory, page by page: each second one
// is boot-services data now.
static status shatter(uint8_t *map, word *bytes, word *step, word pages) {
    struct descriptor *whole = at(map, 0);
    for (word i = 0; i < *bytes; i += *step)
        if (at(map, i)->type == CONVENTIONAL &&
            (whole->type != CONVENTIONAL || at(map, i)->pages > whole->pages))
            whole = at(map, i);
    for (word i = 0; i < pages; i++) {
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

static status many_pieces(uint8_t *map, word *bytes, word *step) {
    return shatter(map, bytes, step, 500);
}

static status too_many_pieces(uint8_t *map, word *bytes, word *step) {
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
MAP_SIN(far)
MAP_SIN(no_pages)
MAP_SIN(too_many_pages)
MAP_SIN(unaligned)
MAP_SIN(many_pieces)
MAP_SIN(too_many_pieces)
MAP_SIN(no_runtime)
MAP_SIN(runtime_everywhere)
MAP_SIN(unknown_type)
MAP_SIN(virtual_starts)
MAP_SIN(version_2)
MAP_SIN(split)

const struct sin sins[] = {
    {"none", 0, 0, 0, 0},
    {"unmoved", RT_GET_TIME, get_time, 0, 0}, // a sin of firmware.mk
    {"attributes", KEEPS_ATTRIBUTES, get_time, 0, 0},
    {"read-boot-services", RT_GET_TIME, read_boot_services, 0, 0},
    {"write-boot-services", RT_GET_TIME, write_boot_services, 0, 0},
    {"execute-boot-services", RT_GET_TIME, execute_boot_services, 0, 0},
    {"write-conventional", RT_GET_TIME, write_conventional, 0, 0},
    {"read-nowhere", RT_GET_TIME, read_nowhere, 0, 0},
    {"read-reserved", RT_GET_TIME, read_reserved, 0, 0},
    {"read-device", RT_GET_TIME, read_device, 0, 0},
    {"call-boot-services", RT_GET_TIME, call_boot_services, keep_boot_services,
     0},
    {"execute-null", RT_GET_TIME, execute_null, 0, 0},
    {"execute-data", RT_GET_TIME, execute_data, 0, 0},
    {"physical-pointer", RT_GET_TIME, physical_pointer, 0, 0},
    {"write-kernel", RT_GET_TIME, write_kernel, 0, 0},
    {"idle-set-time", RT_SET_TIME, idle, 0, 0},
    {"idle-get-wakeup", RT_GET_WAKEUP_TIME, idle, 0, 0},
    {"idle-set-wakeup", RT_SET_WAKEUP_TIME, idle, 0, 0},
    {"idle-convert", RT_CONVERT_POINTER, idle_convert, keep_convert_pointer, 0},
    {"idle-get-variable", RT_GET_VARIABLE, idle, 0, 0},
    {"idle-next-name", RT_GET_NEXT_VARIABLE_NAME, idle, 0, 0},
    {"idle-count", RT_COUNT, idle, 0, 0},
    {"idle-update-capsule", RT_UPDATE_CAPSULE, idle, 0, 0},
    {"idle-query-capsule", RT_QUERY_CAPSULE, idle, 0, 0},
    {"idle-query-variables", RT_QUERY_VARIABLES, idle, 0, 0},
    {"unknown-status", RT_GET_TIME, unknown_status, 0, 0},
    {"strange-status", RT_GET_TIME, strange_status, 0, 0},
    {"month-13", RT_GET_TIME, month_13, 0, 0},
    {"half-a-time", RT_GET_TIME, half_a_time, 0, 0},
    {"no-time", RT_GET_TIME, idle, 0, 0},
    {"needs-capabilities", RT_GET_TIME, needs_capabilities, 0, 0},
    {"needs-move", RT_GET_TIME, needs_move, wait_for_move, 0},
    {"count-down", RT_COUNT, count_down, 0, 0},
    {"more-than-all", RT_QUERY_VARIABLES, more_than_all, 0, 0},
    {"full", RT_SET_VARIABLE, full, 0, 0},
    {"forgets", RT_SET_VARIABLE, idle, 0, 0},
    {"read-past-name", RT_SET_VARIABLE, read_past_name, 0, 0},
    {"read-past-data", RT_SET_VARIABLE, read_past_data, 0, 0},
    {"wild-service", RT_QUERY_VARIABLES, (service)NOWHERE, 0, 0},
    {"overrun", RT_GET_VARIABLE, overrun, 0, 0},
    {"claim-overrun", RT_GET_VARIABLE, claim_overrun, 0, 0},
    {"absurd-size", RT_GET_VARIABLE, absurd_size, 0, 0},
    {"odd-attributes", RT_GET_VARIABLE, odd_attributes, 0, 0},
    {"no-name", RT_GET_NEXT_VARIABLE_NAME, no_name, 0, 0},
    {"overrun-name", RT_GET_NEXT_VARIABLE_NAME, overrun_name, 0, 0},
    {"odd-name-size", RT_GET_NEXT_VARIABLE_NAME, odd_name_size, 0, 0},
    {"slow-time", RT_GET_TIME, slow_time, 0, 0},
    {"slow-write", RT_SET_VARIABLE, slow_write, 0, 0},
    {"unreadable", RT_GET_VARIABLE, unreadable, 0, 0},
    {"never-enough", RT_GET_NEXT_VARIABLE_NAME, never_enough, 0, 0},
    {"garbled-name", 0, 0, make_garbled_name, 0},
    {"each-name-twice", RT_GET_NEXT_VARIABLE_NAME, each_name_twice, 0, 0},
    {"endless-names", RT_GET_NEXT_VARIABLE_NAME, endless_names, 0, 0},
    {"circle-of-names", RT_GET_NEXT_VARIABLE_NAME, circle_of_names, 0, 0},
    {"unended-name", RT_GET_NEXT_VARIABLE_NAME, unended_name, 0, 0},
    {"long-name", RT_GET_NEXT_VARIABLE_NAME, long_name, 0, 0},
    {"reset-returns", RT_RESET_SYSTEM, idle, 0, 0},
    {"reset-faults", RT_RESET_SYSTEM, reset_faults, 0, 0},
    {"reset-hangs", RT_RESET_SYSTEM, reset_hangs, 0, 0},
    {"move-faults-late", RT_SET_VIRTUAL_ADDRESS_MAP, move_faults_late, 0, 0},
    {"move-breaks", RT_SET_VIRTUAL_ADDRESS_MAP, move_breaks_table, 0, 0},
    {"move-interrupted", RT_SET_VIRTUAL_ADDRESS_MAP, move_interrupted, 0, 0},
    {"handler-faults", 0, 0, handler_faults, 0},
    {"handler-boot", 0, 0, handler_in_boot_services, 0},
    {"move-fails", RT_SET_VIRTUAL_ADDRESS_MAP, move_fails, 0, 0},
    {"move-lies", RT_SET_VIRTUAL_ADDRESS_MAP, idle, 0, 0},
    {"move-hangs", RT_SET_VIRTUAL_ADDRESS_MAP, move_hangs, 0, 0},
    {"move-faults", RT_SET_VIRTUAL_ADDRESS_MAP, move_faults, 0, 0},
    {"move-denied", RT_SET_VIRTUAL_ADDRESS_MAP, move_denied, 0, 0},
    {"move-half", RT_SET_VIRTUAL_ADDRESS_MAP, move_half, 0, 0},
    {"move-boot", RT_SET_VIRTUAL_ADDRESS_MAP, move_in_boot_services, 0, 0},
    {"move-identity", RT_SET_VIRTUAL_ADDRESS_MAP, dislikes_identity, 0, 0},
    {"new-early", 0, 0, use_new_early, 0},
    {"old-late", RT_SET_VIRTUAL_ADDRESS_MAP, use_old_late, 0, 0},
    {"handler-unlisted", 0, 0, use_unlisted, 0},
    {"fails-at-identity", 0, 0, fail_at_identity, note_leaving},
    {"apple", 0, 0, fail_at_identity, become_apple},
    {"no-service", RT_QUERY_CAPSULE, 0, 0, 0},
    {"crc", 0, 0, break_crc, 0},
    {"crc-zero", 0, 0, forget_crc, 0},
    {"header-long", 0, 0, 0, lengthen_header},
    {"header-short", 0, 0, short_header, 0},
    {"header-odd", 0, 0, odd_header, 0},
    {"no-vendor", 0, 0, 0, no_vendor},
    {"vendor-nowhere", 0, 0, 0, vendor_nowhere},
    {"vendor-boot", 0, 0, vendor_in_boot_services, 0},
    {"no-tables", 0, 0, 0, no_tables},
    {"tables-boot", 0, 0, 0, tables_in_boot_services},
    {"signature", 0, 0, break_signature, 0},
    {"header", 0, 0, break_header, 0},
    {"system-header", 0, 0, break_system_header, 0},
    {"system-signature", 0, 0, break_system_signature, 0},
    {"runtime-pointer", 0, 0, 0, runtime_table_nowhere},
    {"many-tables", 0, 0, 0, many_tables},
    {"tables-nowhere", 0, 0, 0, tables_nowhere},
    {"garbled-attributes", 0, 0, garbled_attributes, 0},
    {"attributes-nowhere", 0, 0, attributes_nowhere, 0},
    {"announces-none", 0, 0, announce_none, 0},
    {"announces-all", RT_GET_TIME, unsupported, announce_all, 0},
    {"announces-v2", 0, 0, announce_in_version_2, 0},
    {"announces-short", 0, 0, announce_in_4_bytes, 0},
    {"map-reversed", 0, 0, reverse_map, 0},
    {"map-ordered", RT_SET_VIRTUAL_ADDRESS_MAP, wants_map_order, reverse_map,
     0},
    {"map-split", RT_GET_TIME, read_own_data, split_map, 0},
    {"map-of-40", 0, 0, stride_40_map, 0},
    {"map-of-56", 0, 0, stride_56_map, 0},
    {"map-overlap", 0, 0, overlap_map, 0},
    {"map-far", 0, 0, far_map, 0},
    {"map-empty-entry", 0, 0, no_pages_map, 0},
    {"map-huge-entry", 0, 0, too_many_pages_map, 0},
    {"map-unaligned", 0, 0, unaligned_map, 0},
    {"map-long", 0, 0, many_pieces_map, 0},
    {"map-too-long", 0, 0, too_many_pieces_map, 0},
    {"map-version", 0, 0, version_2_map, 0},
    {"map-no-runtime", 0, 0, no_runtime_map, 0},
    {"map-runtime-all", 0, 0, runtime_everywhere_map, 0},
    {"map-virtual", 0, 0, virtual_starts_map, 0},
    {"map-unknown-type", 0, 0, unknown_type_map, 0},
    {0, 0, 0, 0, 0},
};

void prepare_sins(void) {
    take_pages();
}
