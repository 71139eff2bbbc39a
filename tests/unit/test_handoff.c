// From one kernel to the next: handoff_read() reads what handoff_write() wrote;
// if any bit is damaged in transit, no firmware address is accepted. And what a
// Linux is given, and hands over.

#include <stdio.h>

#include "boot/damage/account.h"
#include "kexec/linux/linux.h"
#include "kexec/linux/params.h"
#include "lib/crc32.h"
#include "tests/unit/kinds.h"
#include "tests/unit/memory.h"

#define BLOCK        0x2000UL // where the block is in memory.at
#define BLOCK_PA     (MEMORY_PA + BLOCK)
#define COMMAND_LINE "efi=fixed generations=3"
#define LOADER_KEXEC 0xd0 // Linux's type_of_loader

// Offsets in memory.at that the block does not use.
enum { ELSEWHERE = 0x13000, FREE = 0x14000 };

static struct boot_info boot;
static struct boot_params *const params = (void *)(memory.at + BLOCK);

// ---- a node of this test

#define SETUP_TEST NODE_TYPE('X')

static uint32_t node_sent, node_received; // the content of the node

static status_t read_test(const void *payload, uint32_t bytes,
                          struct boot_info *to) {
    assert_ptr_equal(to, &boot);
    if (bytes != sizeof(node_received))
        return fail(STATUS_REFUSED, "the test's node has %u bytes", bytes);
    memcpy(&node_received, payload, bytes);
    return STATUS_OK;
}

static status_t write_test(struct block_writer *to,
                           const struct handoff_content *from) {
    assert_non_null(from->baton);
    return node_sent ? node_write(to, SETUP_TEST, &node_sent, sizeof(node_sent))
                     : STATUS_OK;
}

ROW(nodes, 60_test) = {SETUP_TEST, read_test, write_test};

// ---- what is sent

static uint8_t image[0x400];
static struct memory_map map;
static struct boot_efi efi;
static struct boot_info sender;
static struct handoff baton;
static struct handoff_content content;

static void fill(void *data, size_t bytes) {
    uint64_t random = 0x48414e44;
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)data)[i] = (uint8_t)next_random(&random);
}

// A file whose setup header ends at 0x26c, surrounded by bytes that must not be
// copied into boot_params: boot.rst requires them to be zero.
static void make_image(void) {
    memset(image, 0xee, sizeof(image));
    memset(image + 0x1f1, 0, 0x26c - 0x1f1);
    image[0x201] = 0x26c - 0x202;
    memcpy(image + 0x202, "HdrS", 4);
    image[0x232] = 0x20; // kernel_alignment: 2 MiB
}

static const struct memory_range sent_map[] = {
    {0x1000, 0x9f000, MEMORY_USABLE},
    {0x9f000, 0x100000, MEMORY_RESERVED},
    {0x100000, 0x800000, MEMORY_BOOT_SERVICES},
    {0x800000, 0x900000, MEMORY_IN_USE},
    {0x900000, 0xa00000, MEMORY_USABLE},
    {0xa00000, 0xa01000, MEMORY_ACPI},
    {0xa01000, 0xa02000, MEMORY_NVS},
    {0xa10000, 0xa20000, MEMORY_KEPT},
    {0xb00000, 0xc00000, MEMORY_BOOT_KEPT},
    {0xc00000, 0xd00000, MEMORY_RUNTIME},
    {0xd00000, 0xe00000, MEMORY_LOST},
    {0xffc00000, 0xffffffff, MEMORY_MMIO},
};

static const struct memory_range received_map[] = {
    {0x1000, 0x9f000, MEMORY_USABLE},
    {0x9f000, 0x100000, MEMORY_RESERVED},
    {0x100000, 0xa00000, MEMORY_USABLE},
    {0xa00000, 0xa01000, MEMORY_ACPI},
    {0xa01000, 0xa02000, MEMORY_NVS},
    {0xa02000, 0xa10000, MEMORY_HOLE},
    {0xa10000, 0xa20000, MEMORY_KEPT},
    {0xa20000, 0xb00000, MEMORY_HOLE},
    {0xb00000, 0xe00000, MEMORY_RESERVED},
    {0xe00000, 0xffc00000, MEMORY_HOLE},
    {0xffc00000, 0xffffffff, MEMORY_RESERVED},
};

static void make_baton(void) {
    fill(&baton, sizeof(baton));
    memcpy(baton.mode, "fixed\0\0\0\0\0\0\0\0\0\0", sizeof(baton.mode));
}

static void make_content(void) {
    map.count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(sent_map); i++)
        assert_int_equal(memory_map_put(&map, sent_map[i].start,
                                        sent_map[i].end - sent_map[i].start,
                                        sent_map[i].kind),
                         STATUS_OK);
    efi = (struct boot_efi){.system_table_pa = 0x11f9ee018,
                            .word_bytes = 8,
                            .descriptor_bytes = 48,
                            .descriptor_version = 1,
                            .has_setup = true,
                            .map_bytes = 5 * 48};
    fill(&efi.setup, sizeof(efi.setup));
    fill(efi.map, efi.map_bytes);
    sender.rsdp_pa = 0x11f77e014;
    sender.bundle_pa = 0x17c00000;
    sender.bundle_bytes = 0x112345678;
    fill(&sender.screen, sizeof(sender.screen));
    content = (struct handoff_content){.boot = &sender,
                                       .memory = &map,
                                       .command_line = COMMAND_LINE,
                                       .efi = &efi,
                                       .baton = &baton};
}

static status_t write(void) {
    memory_clear();
    return handoff_write(&content, memory.at + BLOCK, HANDOFF_BLOCK_MAX,
                         BLOCK_PA);
}

// The same for a Linux.
static status_t write_for_linux(void) {
    struct linux_content to = {.image = image,
                               .command_line = content.command_line,
                               .screen = &sender.screen,
                               .efi = &efi};
    to.memory = handoff_memory_of(&content, &to.memory_bytes);
    to.needs = to.memory->needs;
    memory_clear();
    return linux_params_write(&to, memory.at + BLOCK, BLOCK_PA);
}

static int sample(void **state) {
    (void)state;
    make_baton();
    make_content();
    node_sent = 0x12345678;
    assert_int_equal(write(), STATUS_OK);
    return 0;
}

// ---- what is received

static status_t parse(void) {
    node_received = 0;
    status_t status = handoff_read(BLOCK_PA, memory_read, &boot);
    memory_forget();
    return status;
}

static bool is_zero(const void *data, size_t bytes) {
    const uint8_t *byte = data;
    return bytes == 0 || (*byte == 0 && memcmp(byte, byte + 1, bytes - 1) == 0);
}

// No data remain with which the firmware could be called.
static bool is_dropped(void) {
    return boot.handoff_status != STATUS_OK && boot.handoff_why[0] &&
           boot.generation == 1 && !boot.has_handoff &&
           is_zero(&boot.handoff, sizeof(boot.handoff)) &&
           is_zero(&boot.efi, sizeof(boot.efi)) &&
           is_zero(&boot.screen, sizeof(boot.screen));
}

static void expect_refused(const char *reason) {
    assert_int_equal(parse(), STATUS_OK);
    assert_contains(boot.handoff_why, reason);
    assert_true(is_dropped());
}

static void expect_invalid(const char *reason) {
    assert_int_equal(parse(), STATUS_INVALID);
    assert_contains(why(), reason);
}

// ---- from Baton to Baton

static void small_things_arrive(void **state) {
    (void)state;
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.via, VIA_KEXEC);
    assert_string_equal(boot.command_line, COMMAND_LINE);
    assert_int_equal(boot.bundle_pa, 0x17c00000);
    assert_int_equal(boot.bundle_bytes, 0x112345678);
    assert_int_equal(boot.rsdp_pa, 0x11f77e014);
    assert_memory_equal(&boot.screen, &sender.screen, sizeof(boot.screen));
}

static void check_memory(const struct memory_range *expected, size_t count) {
    assert_int_equal(boot.memory.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(boot.memory.range[i].start, expected[i].start);
        assert_int_equal(boot.memory.range[i].end, expected[i].end);
        assert_int_equal(boot.memory.range[i].kind, expected[i].kind);
    }
}

static void the_memory_map_arrives(void **state) {
    (void)state;
    assert_int_equal(parse(), STATUS_OK);
    check_memory(received_map, ARRAY_SIZE(received_map));
}

static void the_firmware_arrives(void **state) {
    (void)state;
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.handoff_status, STATUS_OK);
    assert_memory_equal(&boot.efi, &efi, sizeof(efi));
}

// The whole node, except for fields that the writer sets itself.
static void the_baton_arrives(void **state) {
    (void)state;
    assert_int_equal(parse(), STATUS_OK);
    assert_true(boot.has_handoff);
    assert_string_equal(boot.loader, "baton");
    assert_int_equal(boot.handoff.block_pa, BLOCK_PA);
    struct handoff expected = baton;
    expected.magic = HANDOFF_MAGIC;
    expected.version = HANDOFF_VERSION;
    expected.bytes = sizeof(expected);
    expected.block_pa = BLOCK_PA;
    expected.block_bytes = boot.handoff.block_bytes;
    expected.block_crc = boot.handoff.block_crc;
    assert_memory_equal(&boot.handoff, &expected, sizeof(expected));
    assert_int_equal(boot.generation, baton.generation);
}

static void nodes_of_the_table_arrive(void **state) {
    (void)state;
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(node_received, node_sent);
    node_sent = 0; // it writes none
    assert_int_equal(write(), STATUS_OK);
    assert_int_equal(parse(), STATUS_OK);
    assert_true(boot.has_handoff && node_received == 0);
}

static void without_firmware(void **state) {
    (void)state;
    efi.map_bytes = 0;
    assert_int_equal(write(), STATUS_OK);
    assert_int_equal(parse(), STATUS_OK);
    assert_true(boot.has_handoff);
    assert_true(is_zero(&boot.efi, sizeof(boot.efi)));
}

static void fragmented_memory(void **state) {
    (void)state;
    map.count = 0;
    for (pa_t i = 0; i < MEMORY_MAP_GIVEN / 2; i++) {
        memory_map_put(&map, GIB + 2 * i * PAGE_SIZE, PAGE_SIZE, MEMORY_USABLE);
        assert_int_equal(write(), STATUS_OK);
        assert_int_equal(parse(), STATUS_OK);
        assert_int_equal(boot.handoff_status, STATUS_OK);
        check_memory(map.range, map.count);
    }
    map.count = 0; // the maximum of the kernel itself
    for (pa_t i = 0; i < MEMORY_MAP_MAX; i++)
        map.range[map.count++] =
            (struct memory_range){i * PAGE_SIZE, (i + 1) * PAGE_SIZE,
                                  i % 2 ? MEMORY_USABLE : MEMORY_RESERVED};
    assert_int_equal(write(), STATUS_OK);
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.handoff_status, STATUS_OK);
    assert_true(memory_map_bytes(&boot.memory, MEMORY_LOST, 0) > 0);
}

// ---- damage

static uint32_t block_bytes(void) {
    assert_int_equal(parse(), STATUS_OK);
    assert_true(boot.has_handoff);
    return boot.handoff.block_bytes;
}

// Everything that a kernel needs except the firmware has arrived unchanged.
static bool is_alive(void) {
    bool alive = boot.memory.count == ARRAY_SIZE(received_map) &&
                 boot.bundle_pa == sender.bundle_pa &&
                 boot.bundle_bytes == sender.bundle_bytes &&
                 boot.rsdp_pa == sender.rsdp_pa;
    for (size_t i = 0; alive && i < boot.memory.count; i++)
        alive = boot.memory.range[i].start == received_map[i].start &&
                boot.memory.range[i].end == received_map[i].end &&
                boot.memory.range[i].kind == received_map[i].kind;
    return alive;
}

// Any damaged bit loses the firmware, and nothing else.
static void every_bit_matters(void **state) {
    (void)state;
    uint32_t bytes = block_bytes();
    for (uint32_t bit = 0; bit < 8 * bytes; bit++) {
        uint8_t *at = &memory.at[BLOCK + bit / 8];
        *at ^= 1 << bit % 8;
        status_t status = parse();
        *at ^= 1 << bit % 8;
        if (status || !is_dropped() || !is_alive())
            print_error("bit %u of byte %#x\n", bit % 8, bit / 8);
        assert_true(status == STATUS_OK && is_dropped() && is_alive());
    }
}

// The three sources of the list of memory: two that agree are sufficient.
static uint8_t *payload_at(uint32_t type) {
    uint8_t *at = memory.at + BLOCK + sizeof(struct handoff);
    for (struct node_head *head = (void *)at; head->type != type;
         head = (void *)at)
        at += sizeof(*head) + align_up(head->bytes, NODE_ALIGNMENT);
    return at + sizeof(struct node_head);
}

static struct handoff_memory *first(void) {
    return (void *)payload_at(NODE_MEMORY);
}

static struct handoff_account *account(void) {
    return (void *)(memory.at + BLOCK + HANDOFF_SECOND_AT +
                    sizeof(struct node_head));
}

static void a_list_beyond_recognition(void **state) {
    (void)state;
    for (size_t i = 0; i < 8; i++)
        first()->range[i] =
            (struct memory_range){i << 40, 1UL << 58, MEMORY_USABLE};
    first()->needs.bundle_pa = 0;
    assert_int_equal(parse(), STATUS_OK);
    assert_true(is_dropped() && is_alive());
    assert_string_equal(boot.command_line, COMMAND_LINE);

    sample(state);
    memset((uint8_t *)first() - 8, 0xff, 200); // its type and length as well
    assert_int_equal(parse(), STATUS_OK);
    assert_true(is_dropped() && is_alive());

    sample(state);
    memset(&account()->bytes, 0xff, 200);
    assert_int_equal(parse(), STATUS_OK);
    assert_true(is_dropped() && is_alive());

    sample(state);
    account()->crc ^= 0x1234;
    assert_int_equal(parse(), STATUS_OK);
    assert_true(is_dropped() && is_alive());
}

static void kind_is(pa_t pa, enum memory_kind kind) {
    assert_int_equal(kind_at(&boot.memory, pa), kind);
}

// Both lists are damaged, each in another place: an entry that only one of them
// has is not used.
static void ranges_on_which_two_lists_agree(void **state) {
    (void)state;
    first()->range[0].start += GIB; // 0x1000 to 0x9f000 has moved
    first()->range[0].end += GIB;
    account()->copy.range[1].kind = MEMORY_USABLE; // 0x9f000 to 0x100000
    account()->copy.range[5].end <<= 4;            // the log is large
    account()->copy.needs.bundle_pa ^= 1;
    assert_int_equal(parse(), STATUS_OK);
    assert_true(is_dropped());
    kind_is(0x1000, MEMORY_LOST);
    kind_is(GIB + 0x1000, MEMORY_LOST);
    kind_is(0x9f000, MEMORY_LOST);
    kind_is(0x100000, MEMORY_USABLE);
    kind_is(0x9fffff, MEMORY_USABLE);
    kind_is(0xa00000, MEMORY_ACPI);
    kind_is(0xa10000, MEMORY_KEPT);
    kind_is(0xa20000, MEMORY_LOST);
    kind_is(0xc00000, MEMORY_RESERVED);
    assert_int_equal(boot.bundle_pa, 0);
    assert_int_equal(boot.rsdp_pa, sender.rsdp_pa);
}

static void no_memory_that_two_lists_agree_on(void **state) {
    (void)state;
    first()->range[2].start += GIB;
    account()->copy.range[0].kind = MEMORY_RESERVED;
    expect_invalid("handoff: two lists of memory agree on 0 KiB");
    memset(account(), 0, 8 * KIB);
    expect_invalid("agree on 0 KiB");
}

static void cut_everywhere(void **state) {
    (void)state;
    uint32_t bytes = block_bytes();
    for (uint32_t left = 0; left < bytes; left++) {
        memory.bytes = BLOCK + left;
        assert_true(parse() == STATUS_INVALID || is_dropped());
    }
}

// ---- a sender that computes a correct CRC over wrong values

static struct handoff *sent(void) {
    return (void *)(memory.at + BLOCK);
}

static void seal(void) {
    struct handoff *node = sent();
    if (!memory_has(node->block_pa, node->block_bytes))
        return;
    node->block_crc = 0;
    node->block_crc =
        crc32(0, memory.at + (node->block_pa - MEMORY_PA), node->block_bytes);
}

// A sender that seals a wrong length.
static void a_node_that_passes_the_end(void **state) {
    (void)state;
    struct node_head *head = (void *)(payload_at(SETUP_TEST) - sizeof(*head));
    head->bytes = 80;
    expect_refused("damaged in transit");
    seal();
    expect_refused("node of type 0x58544142 at offset ");
    head->bytes = ~0u;
    seal();
    expect_refused("has 4294967295 bytes, and the block ");
}

// Each of core's own, with a length that it cannot have.
static void nodes_of_a_wrong_size(void **state) {
    static const struct {
        uint32_t type, bytes;
        const char *reason;
    } rows[] = {
        {NODE_COMMAND_LINE, 0, "the command line in 0 bytes has no end"},
        {NODE_COMMAND_LINE, 8, "the command line in 8 bytes has no end"},
        {NODE_FIRMWARE, 127, "the firmware has 127 bytes"},
        {NODE_FIRMWARE, 128 + 5 * 48 - 1, "has 367 bytes, with an EFI memory "},
        {NODE_MEMORY, 23, "memory has 23 bytes"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        sample(state);
        memcpy(payload_at(rows[i].type) - 4, &rows[i].bytes, 4);
        seal();
        (void)parse();
        assert_contains(boot.handoff_why, rows[i].reason);
        assert_true(is_dropped());
    }
}

// A copy of it elsewhere.
static void a_node_of_another_block(void **state) {
    (void)state;
    memcpy(memory.at, memory.at + BLOCK, 8 * KIB);
    status_t status = handoff_read(MEMORY_PA, memory_read, &boot);
    memory_forget();
    assert_int_equal(status, STATUS_OK);
    assert_true(is_dropped());
    assert_contains(boot.handoff_why, "bytes at 0x1232000");
}

#define FIELD(name)                                                            \
    offsetof(struct handoff, name), sizeof(((struct handoff *)0)->name)
#define SHAPE  "nothing of version 10 of Baton's own"
#define ABSENT "is not in memory"

static const struct {
    size_t offset, bytes;
    uint64_t value;
    const char *reason;
} bad_fields[] = {
    {FIELD(magic), HANDOFF_MAGIC + 1, SHAPE},
    {FIELD(version), 0, SHAPE},
    {FIELD(version), HANDOFF_VERSION + 70, "version 80"},
    {FIELD(bytes), sizeof(struct handoff) - 1, SHAPE},
    {FIELD(bytes), sizeof(struct handoff) + 1, SHAPE},
    {FIELD(block_bytes), 0, SHAPE},
    {FIELD(block_bytes), sizeof(struct handoff) - 1, SHAPE},
    {FIELD(block_bytes), HANDOFF_BLOCK_MAX + 1, SHAPE},
    {FIELD(block_bytes), ~0u, SHAPE},
    {FIELD(mode), ~0ul, SHAPE}, // and no NUL behind: see below
    {FIELD(block_pa), 0, SHAPE},
    {FIELD(block_pa), ~0ul, SHAPE},
    {FIELD(block_pa), MEMORY_PA + ELSEWHERE, SHAPE},
    {FIELD(block_pa), BLOCK_PA + 16, " bytes at 0x1232010"},
};

static void bad_fields_are_refused(void **state) {
    for (size_t i = 0; i < ARRAY_SIZE(bad_fields); i++) {
        sample(state);
        uint8_t *field = (uint8_t *)sent() + bad_fields[i].offset;
        memset(field, 0xff, bad_fields[i].bytes);
        memcpy(field, &bad_fields[i].value,
               min_u64(bad_fields[i].bytes, sizeof(uint64_t)));
        seal();
        expect_refused(bad_fields[i].reason);
    }
}

// ---- what a Linux gets

static int sample_for_linux(void **state) {
    sample(state);
    make_image();
    assert_int_equal(write_for_linux(), STATUS_OK);
    return 0;
}

static void the_header_is_the_images(void **state) {
    (void)state;
    assert_memory_equal(&params->hdr.header, "HdrS", 4);
    assert_int_equal(params->hdr.kernel_alignment, 2 * MIB);
    assert_int_equal(params->hdr.type_of_loader, 0xff);
    assert_int_equal(params->sentinel, 0);
    assert_true(is_zero(params->_pad7, sizeof(params->_pad7)));
}

// As it would be if that Linux handed it on unchanged.
static void a_linux_gets_all_of_it(void **state) {
    params->hdr.type_of_loader = LOADER_KEXEC;
    params->e820_table[params->e820_entries++] =
        (struct boot_e820_entry){MEMORY_PA, MEMORY_BYTES, 2};
    small_things_arrive(state);
    the_firmware_arrives(state);
}

static void fragmented_memory_for_linux(void **state) {
    (void)state;
    map.count = 0;
    memory_map_put(&map, MEMORY_PA, MEMORY_BYTES, MEMORY_RESERVED);
    for (pa_t i = 0; i < MEMORY_MAP_GIVEN / 2 - 1; i++) {
        memory_map_put(&map, GIB + 2 * i * PAGE_SIZE, PAGE_SIZE, MEMORY_USABLE);
        assert_int_equal(write_for_linux(), STATUS_OK);
        params->hdr.type_of_loader = LOADER_KEXEC;
        assert_int_equal(parse(), STATUS_OK);
        assert_int_equal(boot.handoff_status, STATUS_OK);
        check_memory(map.range, map.count);
        assert_int_equal(params->e820_entries, min_u64(i + 2, 128));
    }
}

static void too_much_for_a_linux(void **state) {
    (void)state;
    static char line[COMMAND_LINE_MAX + 1];
    memset(line, 'x', sizeof(line) - 1);
    content.command_line = line;
    assert_int_equal(write_for_linux(), STATUS_NO_MEMORY);
    assert_contains(why(), "a command line of 2048 bytes; the limit is 2047");
    assert_int_equal(write(), STATUS_NO_MEMORY);
    assert_contains(why(), "a command line of 2048 bytes; the limit is 2047");
}

static void too_little_room(void **state) {
    (void)state;
    uint32_t bytes = block_bytes();
    for (uint32_t room = sizeof(struct handoff); room < bytes; room++) {
        memory_clear();
        assert_int_equal(
            handoff_write(&content, memory.at + BLOCK, room, BLOCK_PA),
            STATUS_NO_MEMORY);
        assert_contains(why(), "do not fit into ");
        assert_true(is_zero(memory.at + BLOCK + room, KIB));
    }
}

// ---- Linux's boot_params, and kinds of chains

// As `kexec -s` writes them: descriptors of 40 bytes, no node of ours.
static int linux_sample(void **state) {
    (void)state;
    memory_clear();
    memcpy(&params->hdr.header, "HdrS", 4);
    params->hdr.type_of_loader = LOADER_KEXEC;
    params->e820_entries = 1;
    params->e820_table[0] =
        (struct boot_e820_entry){MEMORY_PA, MEMORY_BYTES, 1};
    memcpy(&params->efi_info.efi_loader_signature, "EL64", 4);
    params->efi_info.efi_systab = 0x1f9ee018;
    params->efi_info.efi_memdesc_size = 40;
    params->efi_info.efi_memdesc_version = 1;
    params->efi_info.efi_memmap = MEMORY_PA + ELSEWHERE;
    params->efi_info.efi_memmap_size = 5 * 40;
    fill(memory.at + ELSEWHERE, 5 * 40);
    return 0;
}

// Puts a node at `offset` of the free memory; the payload is zero.
static void put_node(size_t offset, pa_t next, uint32_t type, uint32_t bytes) {
    struct setup_data node = {.next = next, .type = type, .len = bytes};
    memcpy(memory.at + FREE + offset, &node, sizeof(node));
}

static pa_t free_pa(size_t offset) {
    return MEMORY_PA + FREE + offset;
}

static void linux_is_understood(void **state) {
    (void)state;
    params->hdr.setup_data = free_pa(0);
    put_node(0, free_pa(0x100), 9, 32); // SETUP_RNG_SEED
    put_node(0x100, 0, SETUP_EFI, sizeof(struct efi_setup));
    put_u32(FREE + 0x100 + 16, 0x1fe12345); // its first word
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.handoff_status, STATUS_OK);
    assert_string_equal(boot.loader, "linux");
    assert_false(boot.has_handoff);
    assert_int_equal(boot.generation, 1);
    assert_true(boot.efi.has_setup);
    assert_int_equal(boot.efi.setup.firmware_vendor_pa, 0x1fe12345);
    assert_int_equal(boot.efi.system_table_pa, 0x1f9ee018);
    assert_int_equal(boot.efi.descriptor_bytes, 40);
    assert_int_equal(boot.efi.map_bytes, 5 * 40);
    assert_memory_equal(boot.efi.map, memory.at + ELSEWHERE, 5 * 40);
}

// Where Linux reads it, and where it writes it.
static void the_screen_is_linuxs(void **state) {
    sample_for_linux(state);
    assert_memory_equal(&params->screen_info, &sender.screen,
                        sizeof(sender.screen));
    linux_sample(state);
    params->screen_info.orig_video_isVGA = VIDEO_TYPE_EFI;
    params->screen_info.lfb_base = 0xc0000000;
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.screen.orig_video_isVGA, VIDEO_TYPE_EFI);
    assert_int_equal(boot.screen.lfb_base, 0xc0000000);
}

// Baton's nodes are valid only with a correct CRC.
static void nodes_without_a_crc(void **state) {
    (void)state;
    params->hdr.setup_data = free_pa(0);
    put_node(0, 0, SETUP_TEST, sizeof(node_sent));
    put_u32(FREE + 16, 1);
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.handoff_status, STATUS_OK);
    assert_int_equal(node_received, 0);
}

static void linux_without_efi(void **state) {
    (void)state;
    memset(&params->efi_info, 0, sizeof(params->efi_info));
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.handoff_status, STATUS_OK);
    assert_int_equal(boot.efi.system_table_pa, 0);
}

static void cyclic_chains(void **state) {
    (void)state;
    params->hdr.setup_data = free_pa(0);
    put_node(0, free_pa(0), 9, 0);
    expect_refused("0x1244000 is not in memory, or the chain goes on after 64");
    put_node(0, free_pa(0x20), 9, 0);
    put_node(0x20, free_pa(0), 9, 0);
    expect_refused("0x1244000 is not in memory, or the chain goes on after 64");
}

static void long_chains(void **state) {
    (void)state;
    params->hdr.setup_data = free_pa(0);
    for (size_t i = 0; i < 64; i++)
        put_node(i * 16, i < 63 ? free_pa((i + 1) * 16) : 0, 9, 0);
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.handoff_status, STATUS_OK);
    put_node(63 * 16, free_pa(64 * 16), 9, 0);
    expect_refused("0x1244400 is not in memory, or the chain goes on after 64");
}

static void chains_that_leave_memory(void **state) {
    (void)state;
    const pa_t places[] = {1, MEMORY_PA - 1, MEMORY_PA + MEMORY_BYTES - 15,
                           ~0ul, ~0ul - 15};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        params->hdr.setup_data = places[i];
        expect_refused("is not in memory");
        params->hdr.setup_data = free_pa(0);
        put_node(0, places[i], 9, 0);
        expect_refused("is not in memory");
    }
}

// A chain can start at any byte: other nodes are read at any alignment.
static void misaligned_nodes(void **state) {
    for (uint32_t by = 1; by < 16; by++) {
        linux_sample(state);
        params->hdr.setup_data = free_pa(by);
        put_node(by, 0, SETUP_EFI, sizeof(struct efi_setup));
        put_u32(FREE + by + 16, by);
        assert_int_equal(parse(), STATUS_OK);
        assert_int_equal(boot.efi.setup.firmware_vendor_pa, by);
    }
}

static void short_efi_nodes(void **state) {
    (void)state;
    const uint32_t sizes[] = {0, 1, sizeof(struct efi_setup) - 1};
    params->hdr.setup_data = free_pa(0);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        char reason[32];
        snprintf(reason, sizeof(reason), "has %u bytes, not 96", sizes[i]);
        put_node(0, 0, SETUP_EFI, sizes[i]);
        expect_refused(reason);
    }
    // Long enough by its own length field, but memory ends before it does.
    memory.bytes = FREE + 16 + sizeof(struct efi_setup) - 1;
    put_node(0, 0, SETUP_EFI, ~0u);
    expect_refused("has 4294967295 bytes");
}

static void an_unused_size(void **state) {
    (void)state;
    params->hdr.setup_data = free_pa(0);
    put_node(0, 0, 9, ~0u);
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.handoff_status, STATUS_OK);
}

static void bad_efi_info(void **state) {
    memcpy(&params->efi_info.efi_loader_signature, "EL33", 4);
    expect_refused("signature 0x33334c45,");
    linux_sample(state);
    params->efi_info.efi_memmap_size = EFI_MAP_BYTES + 1;
    expect_refused("map of 32769 bytes at 0x1243000; expected EL64 "
                   "(0x34364c45) or EL32 (0x32334c45), and at most 32768");
    linux_sample(state);
    params->efi_info.efi_memmap_hi = 1;
    expect_refused("map of 200 bytes at 0x101243000; expected");
}

static void bad_memory_maps(void **state) {
    params->e820_entries = E820_MAX_ENTRIES_ZEROPAGE + 1;
    expect_invalid("129 e820 entries; the limit is 128");
    params->e820_entries = 255;
    expect_invalid("255 e820 entries");
    linux_sample(state);
    params->e820_table[0].addr = ~0xffful;
    expect_invalid("0x20000 bytes at 0xfffffffffffff000");
    linux_sample(state);
    params->hdr.setup_data = free_pa(0);
    put_node(0, 0, SETUP_E820_EXT, 20 * 1000);
    memory.bytes = FREE + 16 + 20 * 1000 - 1;
    expect_refused("node of type 0x1 at 0x1244010 has 20000 bytes");
}

static void bad_command_lines(void **state) {
    (void)state;
    params->hdr.cmd_line_ptr = 0x1000;
    params->ext_cmd_line_ptr = 2;
    expect_refused("command line at 0x200001000 is not in memory");
    params->ext_cmd_line_ptr = 0;
    params->hdr.cmd_line_ptr = free_pa(0);
    memset(memory.at + FREE, 'x', COMMAND_LINE_MAX);
    expect_refused("at 0x1244000 is longer than 2047 bytes");
    assert_string_equal(boot.command_line, "");
    memory.at[FREE + COMMAND_LINE_MAX - 1] = '\0';
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(strlen(boot.command_line), COMMAND_LINE_MAX - 1);

    // It ends where memory does, without its NUL.
    memory.at[MEMORY_BYTES - 1] = 'x';
    params->hdr.cmd_line_ptr = MEMORY_PA + MEMORY_BYTES - 1;
    expect_refused("is not in memory");
    assert_string_equal(boot.command_line, "");
}

// ---- data that Linux preserves for the next Baton

#define PRESERVED    0x8000UL // where the page is in memory.at
#define PRESERVED_PA (MEMORY_PA + PRESERVED)

// Linux's boot_params, from a Linux that a Baton started.
static void keep(const char *word, uint32_t e820_type) {
    make_baton();
    node_sent = 0x9abcdef0;
    struct handoff_content kept = {.baton = &baton};
    assert_int_equal(
        handoff_write(&kept, memory.at + PRESERVED, PAGE_SIZE, PRESERVED_PA),
        STATUS_OK);
    params->e820_table[params->e820_entries++] =
        (struct boot_e820_entry){PRESERVED_PA, PAGE_SIZE, e820_type};
    params->hdr.cmd_line_ptr = MEMORY_PA + ELSEWHERE;
    strcpy((char *)memory.at + ELSEWHERE, word);
}

static void a_preserved_handoff_is_found(void **state) {
    (void)state;
    keep("quiet handoff=0x1238000", 2);
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.handoff_status, STATUS_OK);
    assert_true(boot.has_handoff && boot.through_linux);
    assert_string_equal(boot.handoff.mode, "fixed");
    assert_int_equal(boot.handoff.counter, baton.counter);
    assert_int_equal(node_received, node_sent);
}

// A Baton reports in its node whether SetVirtualAddressMap was called, a Linux
// by SETUP_EFI: the preserved node does not contain Linux's own call.
static void a_baton_says_if_svam_was_called(void **state) {
    (void)state;
    for (baton.svam = 0; baton.svam < 3; baton.svam++) {
        assert_int_equal(write(), STATUS_OK);
        assert_int_equal(parse(), STATUS_OK);
        assert_int_equal(boot.svam,
                         baton.svam ? BOOT_SVAM_BATON : BOOT_SVAM_NONE);
    }
}

static void a_linux_says_if_svam_was_called(void **state) {
    (void)state;
    keep("handoff=0x1238000", 2);
    assert_int_equal(parse(), STATUS_OK);
    assert_true(boot.through_linux && boot.handoff.svam);
    assert_int_equal(boot.svam, BOOT_SVAM_NONE);
    params->hdr.setup_data = free_pa(0);
    put_node(0, 0, SETUP_EFI, sizeof(struct efi_setup));
    assert_int_equal(parse(), STATUS_OK);
    assert_true(boot.through_linux);
    assert_int_equal(boot.svam, BOOT_SVAM_LINUX);
}

// As kept by a Linux, which may have used it as well, and describes it then.
static void the_firmware_is_preserved(void **state) {
    (void)state;
    keep("handoff=0x1238000", 2);
    struct handoff_content kept = {.baton = &baton, .efi = &efi};
    make_content();
    assert_int_equal(handoff_write(&kept, memory.at + PRESERVED,
                                   HANDOFF_BLOCK_MAX, PRESERVED_PA),
                     STATUS_OK);
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.efi.system_table_pa, 0x1f9ee018);
    assert_false(boot.efi.has_setup);
    assert_int_equal(boot.svam, BOOT_SVAM_NONE);

    memset(&params->efi_info, 0, sizeof(params->efi_info));
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(boot.handoff_status, STATUS_OK);
    assert_memory_equal(&boot.efi, &efi, sizeof(efi));
    assert_int_equal(boot.svam, BOOT_SVAM_BATON);
}

static void a_baton_needs_no_preserved_handoff(void **state) {
    (void)state;
    content.command_line = "handoff=0x1238000";
    assert_int_equal(write(), STATUS_OK);
    assert_int_equal(parse(), STATUS_OK);
    assert_true(boot.has_handoff && !boot.through_linux);
}

static void a_page_that_was_not_preserved(void **state) {
    (void)state;
    keep("handoff=0x1238000", 1);
    expect_refused("handoff=0x1238000 is not reserved memory");
}

static void an_invalid_preserved_handoff(void **state) {
    const char *const words[] = {"handoff=banana", "handoff=0x1238008",
                                 "handoff=0xfffffffffffff000",
                                 // One that would be, but is too long.
                                 "handoff=0x000000000000000000000001238000"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        linux_sample(state);
        keep(words[i], 2);
        expect_refused("handoff");
    }
}

static void every_bit_of_a_preserved_handoff_matters(void **state) {
    linux_sample(state);
    keep("handoff=0x1238000", 2);
    assert_int_equal(parse(), STATUS_OK);
    uint32_t bytes = boot.handoff.block_bytes;
    for (size_t byte = 0; byte < bytes; byte++) {
        linux_sample(state);
        keep("handoff=0x1238000", 2);
        memory.at[PRESERVED + byte] ^= 1 << byte % 8;
        expect_refused("handoff: ");
    }
}

static void nowhere(void **state) {
    (void)state;
    assert_int_equal(handoff_read(0x1000, memory_read, &boot), STATUS_INVALID);
    assert_contains(why(), "nothing of version 10 of Baton's own at 0x1000");
}

#define FROM_BATON(name) cmocka_unit_test_setup(name, sample)
#define FOR_LINUX(name)  cmocka_unit_test_setup(name, sample_for_linux)
#define FROM_LINUX(name) cmocka_unit_test_setup(name, linux_sample)

int main(void) {
    const struct CMUnitTest tests[] = {
        FROM_BATON(small_things_arrive),
        FROM_BATON(the_memory_map_arrives),
        FROM_BATON(the_firmware_arrives),
        FROM_BATON(the_baton_arrives),
        FROM_BATON(a_baton_says_if_svam_was_called),
        FROM_BATON(nodes_of_the_table_arrive),
        FROM_BATON(without_firmware),
        FROM_BATON(fragmented_memory),
        FROM_BATON(every_bit_matters),
        FROM_BATON(a_list_beyond_recognition),
        FROM_BATON(ranges_on_which_two_lists_agree),
        FROM_BATON(no_memory_that_two_lists_agree_on),
        FROM_BATON(cut_everywhere),
        FROM_BATON(a_node_that_passes_the_end),
        FROM_BATON(nodes_of_a_wrong_size),
        FROM_BATON(a_node_of_another_block),
        FROM_BATON(bad_fields_are_refused),
        FROM_BATON(too_little_room),
        FOR_LINUX(the_header_is_the_images),
        FOR_LINUX(a_linux_gets_all_of_it),
        FOR_LINUX(fragmented_memory_for_linux),
        FOR_LINUX(too_much_for_a_linux),
        FROM_LINUX(linux_is_understood),
        FROM_LINUX(the_screen_is_linuxs),
        FROM_LINUX(nodes_without_a_crc),
        FROM_LINUX(linux_without_efi),
        FROM_LINUX(cyclic_chains),
        FROM_LINUX(long_chains),
        FROM_LINUX(chains_that_leave_memory),
        FROM_LINUX(misaligned_nodes),
        FROM_LINUX(short_efi_nodes),
        FROM_LINUX(an_unused_size),
        FROM_LINUX(bad_efi_info),
        FROM_LINUX(bad_memory_maps),
        FROM_LINUX(bad_command_lines),
        FROM_LINUX(a_preserved_handoff_is_found),
        FROM_LINUX(a_linux_says_if_svam_was_called),
        FROM_LINUX(the_firmware_is_preserved),
        FROM_BATON(a_baton_needs_no_preserved_handoff),
        FROM_LINUX(a_page_that_was_not_preserved),
        FROM_LINUX(an_invalid_preserved_handoff),
        FROM_LINUX(every_bit_of_a_preserved_handoff_matters),
        FROM_LINUX(nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
