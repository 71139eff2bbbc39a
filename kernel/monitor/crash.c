// One row for each kind of crash. Each does what it is named after; what the
// panic then reports is what is tested.

#include "kernel/monitor/monitor.h"
#include "kernel/panic.h"
#include "kernel/stage.h"
#include "kexec/kexec.h"
#include "lib/format.h"
#include "lib/options.h"
#include "lib/string.h"
#include "lib/types.h"
#include "mm/frames.h"
#include "mm/space.h"

static volatile uint64_t victim;

static void crash_null(void) {
    *(volatile uint64_t *)victim = 1;
}

static void crash_write_code(void) {
    *(volatile char *)text_start = 0;
}

static void crash_write_constant(void) {
    *(volatile char *)rodata_start = 0;
}

static void crash_run_data(void) {
    static uint8_t code[] = {0xc3}; // ret
    ((void (*)(void))(va_t)code)();
}

static uint64_t crash_overflow_step(uint64_t depth) {
    volatile uint64_t room[64];
    room[depth % 64] = depth;
    if (depth == victim + 1000000) // never reached; the compiler cannot know
        return 0;
    return crash_overflow_step(depth + 1) + room[depth % 64];
}

static void crash_stack(void) {
    victim = crash_overflow_step(0);
}

static void crash_divide(void) {
    victim = (victim + 1) / victim;
}

static void crash_opcode(void) {
    __builtin_trap();
}

static void crash_address(void) {
    *(volatile uint64_t *)(victim + 0x8000000000000000) = 1;
}

static void crash_panic(void) {
    panic("crash=panic was asked for");
}

// The next kernel panics, and its panic cannot name the cause
// (docs/timetravel.md goes back to it): after the handoff was written, the page
// that it begins in is cleared, as by a pointer that is used after its memory
// was freed.
static bool clears_handoff;

static void crash_handoff(void) {
    clears_handoff = true;
}

static status_t clear_handoff(const struct kexec_staged *staged) {
    if (clears_handoff)
        memset(pa_to_va(staged->block_pa), 0, PAGE_SIZE);
    return STATUS_OK;
}

ROW(departures, 80_crash) = {.leaving = clear_handoff};

// (volatile: the compiler must not know which one is called, or it inlines it,
// and a backtrace would not name it.)
static const struct {
    const char *kind;
    void (*volatile run)(void);
} crashes[] = {
    {"null", crash_null},
    {"code", crash_write_code},
    {"constant", crash_write_constant},
    {"data", crash_run_data},
    {"stack", crash_stack},
    {"divide", crash_divide},
    {"opcode", crash_opcode},
    {"address", crash_address},
    {"panic", crash_panic},
    {"handoff", crash_handoff},
};

static status_t find(const char *kind, size_t *found) {
    char kinds[96] = "";
    for (size_t i = 0; i < ARRAY_SIZE(crashes); i++) {
        append(kinds, sizeof(kinds), "%s%s", i ? ", " : "", crashes[i].kind);
        if (str_equal(crashes[i].kind, kind)) {
            *found = i;
            return STATUS_OK;
        }
    }
    return fail(STATUS_INVALID, "crash=%s is none of: %s", kind, kinds);
}

static size_t wanted = ARRAY_SIZE(crashes); // none

static status_t read_crash(const char *kind, uint32_t generation) {
    (void)generation;
    return find(kind, &wanted);
}

ROW(options, crash) = {"crash",
                       "crash in a chosen way, to learn to read a panic",
                       .read = read_crash};

STAGE(LIVE, 60_crash, "crash") {
    if (wanted < ARRAY_SIZE(crashes))
        crashes[wanted].run();
    return STATUS_OK;
}

static const char *kind_at(size_t n) {
    return n < ARRAY_SIZE(crashes) ? crashes[n].kind : NULL;
}

COMMAND(crash, .name = "crash", .arguments = "KIND", .choice = kind_at,
        .help = "crash in this way, to read the panic") {
    size_t i;
    TRY(find(words->word[0], &i));
    crashes[i].run();
    return STATUS_OK;
}
