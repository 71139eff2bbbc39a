// The headers of a core file, against the C library's own structures.

#include "kexec/capture/core.h"

#include <stddef.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include "tests/unit/unit.h"

#define CORE_PA 0x1018000

static struct core core;

static void begin(void) {
    uint64_t registers[CORE_REGISTERS];
    for (size_t i = 0; i < CORE_REGISTERS; i++)
        registers[i] = 100 + i;
    core_begin(&core, CORE_PA, registers);
}

static void the_note_is_a_prstatus(void **state) {
    (void)state;
    begin();
    const Elf64_Phdr *note = &core.segment[0];
    const uint8_t *at = (const uint8_t *)&core + (note->p_offset - CORE_PA);
    Elf64_Nhdr head;
    struct elf_prstatus status;
    struct user_regs_struct r;
    memcpy(&head, at, sizeof(head));
    assert_int_equal(note->p_type, PT_NOTE);
    assert_int_equal(head.n_type, NT_PRSTATUS);
    assert_int_equal(head.n_descsz, sizeof(status));
    assert_string_equal((const char *)at + sizeof(head), "CORE");
    assert_int_equal(note->p_filesz, sizeof(head) + 8 + sizeof(status));
    memcpy(&status, at + sizeof(head) + 8, sizeof(status));
    memcpy(&r, status.pr_reg, sizeof(r));
    assert_int_equal(status.pr_pid, 1);
    assert_int_equal(r.r15, 100);
    assert_int_equal(r.rip, 116);
    assert_int_equal(r.rsp, 119);
    assert_int_equal(r.gs, 126);
}

static void neighbours_become_one_piece(void **state) {
    (void)state;
    begin();
    assert_int_equal(core_add(&core, 0x8000, 0x1000, 0x1000), STATUS_OK);
    assert_int_equal(core_add(&core, 0x9000, 0x2000, 0x3000), STATUS_OK);
    assert_int_equal(core.head.e_phnum, 2);
    assert_int_equal(core.segment[1].p_memsz, 0x4000);
    assert_int_equal(core.segment[1].p_filesz, 0x4000);
    core_add(&core, 0xc000, 0x6000, 0x1000); // not contiguous physically
    core_add(&core, 0xe000, 0x7000, 0x1000); // not contiguous virtually
    assert_int_equal(core.head.e_phnum, 4);
    assert_int_equal(core.segment[3].p_offset, 0x7000);
    assert_int_equal(core.segment[3].p_vaddr, 0xe000);
}

static void there_is_an_end_to_it(void **state) {
    (void)state;
    begin();
    for (uint64_t i = 1; i < CORE_SEGMENTS; i++)
        assert_int_equal(core_add(&core, i << 16, i << 20, 1), STATUS_OK);
    assert_int_equal(core_add(&core, 0, 0x42000, 1), STATUS_NO_MEMORY);
    assert_contains(why(), "0x1 bytes at 0x42000");
    assert_int_equal(core.head.e_phnum, CORE_SEGMENTS);
    uint64_t last = CORE_SEGMENTS - 1; // it can still grow
    assert_int_equal(core_add(&core, (last << 16) + 1, (last << 20) + 1, 1),
                     STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_note_is_a_prstatus),
        cmocka_unit_test(neighbours_become_one_piece),
        cmocka_unit_test(there_is_an_end_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
