// A runtime driver that misbehaves, to be loaded by GRUB before the kernel:
//
//     chainloader /sins.efi NAME
//     boot
//
// NAME is the fault that it injects: a row in sins.c or registers.asm. In
// all other respects it is a correct driver: it has its pointers converted, and
// updates the CRC of the table that it changes.

#include "sins.h"

struct register_sin {
    const char *name;
    service instead; // of GetTime
};

extern const struct register_sin register_sins[], register_sins_end[];

struct table *system, *runtime;
service original[RT_ENTRIES];
service true_get_memory_map;

static struct table *boot_services;

static const struct guid loaded_image_guid = {
    0x5b1b31a1,
    0x9562,
    0x11d2,
    {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

const struct guid attributes_guid = {
    0xdcfa911d,
    0x26eb,
    0x469f,
    {0xa2, 0x20, 0x38, 0xb7, 0xdc, 0x46, 0x12, 0x20}};

// The compiler calls this to copy a structure.
void *memmove(void *to, const void *from, uintptr_t bytes);

void *memmove(void *to, const void *from, uintptr_t bytes) {
    uint8_t *target = to;
    const uint8_t *source = from;
    for (uintptr_t i = 0; i < bytes; i++) {
        uintptr_t at = to < from ? i : bytes - 1 - i;
        target[at] = source[at];
    }
    return to;
}

service boot(enum boot_entry entry) {
    return (service)boot_services->entry[entry];
}

void hook_memory_map(service instead) {
    true_get_memory_map = boot(BS_GET_MEMORY_MAP);
    boot_services->entry[BS_GET_MEMORY_MAP] = (word)instead;
}

void (*when_moved)(void);
static void (*when_left)(void);

void convert(void *pointer) {
    ((service)runtime->entry[RT_CONVERT_POINTER])(0, (word)pointer, 0, 0, 0);
}

// SetVirtualAddressMap is in progress (UEFI 2.10 §8.4). It and ConvertPointer
// stay where they are: for that, EDK II does not relocate its own two. This
// driver it does, and relocated 32-bit code cannot run at its old address.
static void move(void) {
    if (when_moved)
        when_moved();
    if (WORD_BITS == 32)
        runtime->entry[RT_SET_VIRTUAL_ADDRESS_MAP] =
            (word)original[RT_SET_VIRTUAL_ADDRESS_MAP];
    for (unsigned i = 0; i < RT_ENTRIES; i++)
        if (original[i] && i != RT_SET_VIRTUAL_ADDRESS_MAP &&
            i != RT_CONVERT_POINTER)
            convert(&original[i]);
}

// ExitBootServices is (§7.4.6).
static void leave(void) {
    if (when_left)
        when_left();
}

static int same(const char *name, const uint16_t *text, word units) {
    word i = 0;
    while (i < units && text[i] && name[i] && text[i] == (uint8_t)name[i])
        i++;
    return !name[i] && (i == units || !text[i]);
}

static struct sin find(const uint16_t *text, word units) {
    for (const struct sin *sin = sins; sin->name; sin++)
        if (same(sin->name, text, units))
            return *sin;
    for (const struct register_sin *row = register_sins + 1;
         row < register_sins_end; row++)
        if (same(row->name, text, units))
            return (struct sin){row->name, RT_GET_TIME, row->instead, 0, 0};
    return (struct sin){0, 0, 0, 0, 0};
}

static void commit(const struct sin *sin) {
    unsigned entry = sin->entry & ~KEEPS_ATTRIBUTES;
    if (!(sin->entry & KEEPS_ATTRIBUTES))
        boot(BS_INSTALL_CONFIGURATION_TABLE)((word)&attributes_guid, 0, 0, 0,
                                             0);
    if (sin->instead || entry)
        runtime->entry[entry] = (word)sin->instead;
    runtime->crc32 = 0;
    boot(BS_CALCULATE_CRC32)((word)runtime, runtime->header_bytes,
                             (word)&runtime->crc32, 0, 0);
    when_left = sin->leave;
    if (sin->prepare)
        sin->prepare();
}

status start(word image, struct table *system_table);

status start(word image, struct table *system_table) {
    struct loaded_image *self;
    word event;
    system = system_table;
    boot_services = (struct table *)system->entry[ST_BOOT];
    runtime = (struct table *)system->entry[ST_RUNTIME];
    boot(BS_HANDLE_PROTOCOL)(image, (word)&loaded_image_guid, (word)&self, 0,
                             0);
    struct sin sin = find(self->options, self->options_bytes / 2);
    if (!sin.name)
        return DEVICE_ERROR; // GRUB reports it, and continues
    for (unsigned i = 0; i < RT_ENTRIES; i++)
        original[i] = (service)runtime->entry[i];
    boot(BS_CREATE_EVENT)(EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE, TPL_NOTIFY,
                          (word)move, 0, (word)&event);
    boot(BS_CREATE_EVENT)(EVT_SIGNAL_EXIT_BOOT_SERVICES, TPL_NOTIFY,
                          (word)leave, 0, (word)&event);
    prepare_sins();
    commit(&sin);
    return SUCCESS;
}
