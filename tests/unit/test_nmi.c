// What an NMI and a machine check are taken for: a panic, one of no known
// reason, or an instruction that looks like one.

#include "kernel/nmi/nmi.h"

#include "kernel/panic.h"
#include "kexec/kexec.h"
#include "lib/format.h"
#include "mm/space.h"
#include "tests/unit/machine/lib/x86.h"
#include "tests/unit/unit.h"

volatile uint64_t nmi_unknown;
va_t nmi_rip;
const char nmi_page[] __attribute__((aligned(PAGE_SIZE))) = "";

static uint8_t status_port,
    code[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static bool is_kernel;
static jmp_buf panicked;
static const char *reason; // of the panic

uint8_t in8(uint16_t port) {
    assert_int_equal(port, 0x61);
    return status_port;
}

bool is_kernel_text(va_t va) {
    (void)va;
    return is_kernel;
}

pa_t image_pa_of(const void *in_image) {
    return (va_t)in_image;
}

status_t page_table_map(struct page_table *table, va_t va, pa_t pa,
                        uint64_t bytes, uint64_t flags) {
    (void)table, (void)va, (void)pa, (void)bytes, (void)flags;
    return STATUS_OK;
}

void panic_trap(const struct trap_frame *frame, const char *what) {
    (void)frame;
    reason = what;
    longjmp(panicked, 1);
}

static int set_up(void **state) {
    (void)state;
    status_port = 0;
    is_kernel = false;
    nmi_unknown = nmi_rip = 0;
    memset(code, 0x90, sizeof(code));
    return 0;
}

static struct trap_frame frame_at(uint8_t vector, size_t at, uint16_t cs) {
    return (struct trap_frame){
        .vector = vector, .rip = (va_t)code + at, .cs = cs};
}

// A trap at `at` in the code: false if no row of NMIs has handled it. The
// reason is NULL if it was no panic.
static bool trap(uint8_t vector, size_t at, uint16_t cs) {
    struct trap_frame frame = frame_at(vector, at, cs);
    volatile bool handled = false;
    reason = NULL;
    if (setjmp(panicked))
        return true;
    FOR_EACH_ROW(traps, row)
        if (vector >= row->first && vector <= row->last)
            handled = handled || row->handle(&frame);
    return handled;
}

static void put_instruction(size_t at, uint8_t vector) {
    code[at - 2] = 0xcd;
    code[at - 1] = vector;
}

static void a_machine_check_is_a_panic(void **state) {
    (void)state;
    assert_true(trap(VECTOR_MACHINE, 100, 0x10));
    assert_string_equal(reason, "machine check");
    put_instruction(100, VECTOR_MACHINE);
    assert_false(trap(VECTOR_MACHINE, 100, 0x10));
    assert_null(reason);
}

static void an_nmi_is_counted(void **state) {
    (void)state;
    for (unsigned i = 1; i < 3; i++) {
        assert_true(trap(VECTOR_NMI, 100 + i, 0x10));
        assert_null(reason);
        assert_int_equal(nmi_unknown, i);
        assert_int_equal(nmi_rip, (va_t)code + 100 + i);
    }
    put_instruction(100, VECTOR_NMI);
    assert_false(trap(VECTOR_NMI, 100, 0x10));
    assert_int_equal(nmi_unknown, 2);
}

static void an_nmi_with_a_reason_is_a_panic(void **state) {
    (void)state;
    static const struct {
        uint8_t port;
        const char *reason;
    } rows[] = {{0x80, "SERR#"},
                {0xc0, "SERR#"},
                {0x40, "IOCHK#"},
                {0x3f, NULL},
                {0xff, NULL}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        status_port = rows[i].port;
        assert_true(trap(VECTOR_NMI, 100, 0x10));
        if (rows[i].reason)
            assert_contains(reason, rows[i].reason);
        else
            assert_null(reason);
    }
    status_port = 0x80; // and still an instruction is not the hardware's
    put_instruction(100, VECTOR_NMI);
    assert_false(trap(VECTOR_NMI, 100, 0x10));
}

static bool is_instruction(uint8_t vector, size_t at, uint16_t cs) {
    struct trap_frame frame = frame_at(vector, at, cs);
    return nmi_is_instruction(&frame);
}

// The two bytes before it say so, where they can be read.
static void what_is_an_instruction(void **state) {
    (void)state;
    put_instruction(100, 2);
    assert_true(is_instruction(2, 100, 0x10));
    assert_false(is_instruction(18, 100, 0x10)); // of another vector
    assert_false(is_instruction(2, 99, 0x10));
    assert_false(is_instruction(2, 101, 0x10));
    assert_false(is_instruction(2, 100, 0x13)); // privilege level 3
    assert_false(is_instruction(2, 100, 0x11));
    is_kernel = true;
    assert_false(is_instruction(2, 100, 0x10));
    is_kernel = false;
    put_instruction(PAGE_SIZE + 2, 2);
    assert_true(is_instruction(2, PAGE_SIZE + 2, 0x10));
    put_instruction(PAGE_SIZE + 1, 2); // the page before it need not be there
    assert_false(is_instruction(2, PAGE_SIZE + 1, 0x10));
    code[101] = 0xcc;
    code[102] = 2;
    assert_false(is_instruction(2, 103, 0x10));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_machine_check_is_a_panic, set_up),
        cmocka_unit_test_setup(an_nmi_is_counted, set_up),
        cmocka_unit_test_setup(an_nmi_with_a_reason_is_a_panic, set_up),
        cmocka_unit_test_setup(what_is_an_instruction, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
