// One generation from top to bottom: read what the loader passes on, set the
// machine up, open the firmware, prove that it can be called, and hand both on.

#include "boot/boot_info.h"
#include "efi/firmware.h"
#include "efi/open.h"
#include "efi/services.h"
#include "kernel/leave.h"
#include "kernel/memory.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/proof.h"
#include "kernel/serial.h"
#include "kernel/stage.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/x86.h"
#include "mm/early.h"
#include "mm/frames.h"
#include "mm/space.h"

#define MULTIBOOT2_BOOT    0x36d76289
#define KERNEL_STACK_PAGES 8
#define WRITES             10 // at least, in a long chain

static struct kernel kernel; // zero: other values would be in the image
static struct boot_info *const boot = &kernel.boot;

// ---- boot information

static void read_boot_info(uint32_t magic, pa_t info_pa, uint64_t tsc) {
    bool multiboot = magic == MULTIBOOT2_BOOT;
    kernel_clock.tsc_start = tsc_here = tsc;
    status_t status = multiboot ? multiboot2_read(info_pa, early_read, boot)
                                : handoff_read(info_pa, early_read, boot);
    log_generation(boot->generation);
    if (tolerate("boot", status))
        panic("cannot run with the loader's information: %s", why());
    if (boot->has_handoff) {
        kernel_clock = boot->handoff.clock;
        kernel.counter = boot->handoff.counter;
    }
}

static void announce(pa_t image_pa, uint64_t tsc) {
    uint64_t ram = memory_map_bytes(&boot->memory, MEMORY_USABLE, 0);
    event("boot",
          "via=%s by=%s paging=%u base=%#lx ram_mib=%lu tsc=%lu "
          "handoff=%u",
          boot->via == VIA_MULTIBOOT2 ? "multiboot2" : "kexec", boot->loader,
          paging_levels(), image_pa, ram / MIB, tsc, boot->handoff.block_bytes);
    if (boot->handoff_status)
        tolerate("handoff",
                 fail(boot->handoff_status, "%s", boot->handoff_why));
}

// ---- the machine

static status_t set_machine_up(pa_t image_pa) {
    TRY(memory_complete(boot, image_pa));
    frames_add(&boot->memory, MEMORY_USABLE);
    TRY(space_init(&boot->memory, image_pa));
    stage_run(STAGE_SPACE);
    event("space", "paging=%u direct=%#lx", kernel_table.levels,
          direct_map_base);
    return STATUS_OK;
}

// ---- the firmware

// What is written takes space in the store until the next reset, even if it is
// deleted (EDK2 only marks a record), and a full store has kept machines from
// booting. So a long chain writes about ten times, however long it is. NULL:
// the proofs may write now.
static const char *why_read_only(void) {
    uint64_t every = max_u64(options.generations / WRITES, 1);
    if (!options.prove)
        return "prove=write was not given";
    return boot->generation % every ? "a long chain writes ten times" : NULL;
}

static enum outcome prove(void) {
    say("efi: mode %s (%s)", firmware->mode->name, firmware->mode->proposal);
    bool proved = proof_run(boot, &kernel.counter, why_read_only());
    return proved ? OUTCOME_PASS : OUTCOME_FAIL;
}

static enum outcome take_firmware(void) {
    if (!options.call_firmware) {
        say("efi: services stay off");
        return options.mode_refused ? OUTCOME_REFUSED : OUTCOME_NONE;
    }
    status_t status = efi_open(boot, options.mode);
    if (status == STATUS_OK)
        return prove();
    if (boot->efi.system_table_pa == 0) {
        say("efi: no firmware to call: %s", why());
        return boot->handoff_status ? OUTCOME_REFUSED : OUTCOME_NONE;
    }
    tolerate("efi", status);
    return OUTCOME_REFUSED;
}

// ---- from a fresh stack to the next generation

// Here all is set up, nothing is locked, and the stack is fresh: a debugger can
// stop here, and have the kernel call any of its functions.
void live(void);

void live(void) {
    say("boot: generation %u of %lu at %#lx, command line: %s",
        boot->generation, options.generations, image_pa_of(text_start),
        boot->command_line);
    stage_run(STAGE_LIVE);
    event("mm", "at=start free=%lu", frames_pool()->free_pages);
    enum outcome found = take_firmware();
    if (kernel.outcome != OUTCOME_FAIL)
        kernel.outcome = found;
    frames_add(&boot->memory, MEMORY_BOOT_SERVICES);
    stage_run(STAGE_READY);
    event("mm", "at=ready free=%lu", frames_pool()->free_pages);
    if (boot->generation + 1 < options.generations) {
        leave_for(&kernel, options.next, boot->command_line);
        if (kernel.outcome != OUTCOME_FAIL)
            kernel.outcome = OUTCOME_REFUSED;
    }
    leave(&kernel);
}

// A function of its own, so that a debugger which stops at kernel_main() shows
// it, and not an instruction of lib/x86.h.
static __attribute__((noinline)) uint64_t time_of_arrival(void) {
    return read_tsc();
}

void kernel_main(uint32_t magic, pa_t info_pa, pa_t image_pa);

void kernel_main(uint32_t magic, pa_t info_pa, pa_t image_pa) {
    va_t stack_top_va;
    uint64_t tsc = time_of_arrival();
    serial_init();
    kernel.outcome = OUTCOME_NONE;
    stages_begin(&kernel);
    serial_write("\n", 1); // ends what firmware and GRUB have left on the line
    trap_init();
    stage_run(STAGE_FIRST);
    if (early_start(image_pa))
        panic("cannot run on this processor: %s", why());
    read_boot_info(magic, info_pa, tsc);
    announce(image_pa, tsc);
    stage_run(STAGE_EARLY);
    tolerate("cmdline", options_read(boot->command_line, boot->generation));
    if (set_machine_up(image_pa) ||
        space_stack(KERNEL_STACK_PAGES, &stack_top_va))
        panic("cannot set the machine up: %s", why());
    stage_run(STAGE_MACHINE);
    log_clock = time_microseconds;
    run_on_stack(stack_top_va, live);
}
