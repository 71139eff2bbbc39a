// A Linux that waits in memory of its own until this kernel panics, and then
// looks at what is left of it: kdump, as Linux does it for itself. All that can
// fail is done when it is loaded; after a panic only its digest is checked, and
// the headers of the core are filled in.

#include "kernel/leave.h"
#include "kernel/panic.h"
#include "kernel/stage.h"
#include "kexec/capture/core.h"
#include "kexec/kexec.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/x86.h"
#include "mm/frames.h"
#include "mm/layout.h"
#include "mm/space.h"

// What Debian's Linux and the bundle as its initramfs take to come up.
#define CAPTURE_BYTES (160 * MIB)

static struct kexec_staged staged;
static const struct memory_map *all;
static struct core *core; // NULL: no kernel is loaded
static pa_t core_pa;

// Not what is free where no frames come from (mm/frames.h).
static bool is_our_ram(const struct memory_range *range) {
    enum memory_kind kind = range->kind;
    if (kind == MEMORY_USABLE)
        return range->start >= FRAMES_START_PA && range->end <= FRAMES_END_PA;
    return range->start >= FRAMES_START_PA &&
           (kind == MEMORY_BOOT_SERVICES || kind == MEMORY_KEPT ||
            kind == MEMORY_IN_USE);
}

// ---- loading

static status_t put(struct memory_map *memory, pa_t start, pa_t end,
                    enum memory_kind kind) {
    if (start >= end || kind == MEMORY_HOLE)
        return STATUS_OK;
    return memory_map_put(memory, start, end - start, kind);
}

// Memory as the capture kernel shall see it: ours is reserved, but for the
// space that it has.
static status_t describe_memory(struct memory_map *memory) {
    pa_t start = staged.base_pa, end = start + staged.reserved_bytes;
    for (size_t i = 0; i < all->count; i++) {
        const struct memory_range *r = &all->range[i];
        enum memory_kind kind = is_our_ram(r) ? MEMORY_RESERVED : r->kind;
        TRY(put(memory, r->start, min_u64(r->end, start), kind));
        TRY(put(memory, max_u64(r->start, end), r->end, kind));
    }
    return put(memory, start, end, MEMORY_USABLE);
}

// So that nothing writes there by mistake: Linux's
// arch_kexec_protect_crashkres().
static void protect(void) {
    if (page_table_protect(&kernel_table, (va_t)pa_to_va(staged.base_pa),
                           staged.reserved_bytes, MAP_READ))
        say("capture: not all of it is write-protected: %s", why());
    write_cr3(read_cr3());
}

static status_t prepare(const struct boot_info *boot,
                        const struct handoff *baton) {
    static struct memory_map memory;
    static char line[COMMAND_LINE_MAX];
    TRY(frames_take("capture", pages_for(sizeof(*core)), &core_pa));
    TRY(kexec_check(&staged));
    if (staged.image.is_baton)
        return fail(STATUS_REFUSED,
                    "capture: %s is a Baton, and only a Linux does not "
                    "overwrite other memory",
                    staged.name);
    size_t length =
        format(line, sizeof(line), "%s elfcorehdr=%#lx nr_cpus=1 reset_devices",
               boot->command_line, core_pa);
    if (length >= sizeof(line))
        return fail(STATUS_NO_MEMORY,
                    "capture: a command line of %zu bytes; the limit is %zu",
                    length, sizeof(line) - 1);
    staged.command_line = line;
    staged.memory = &memory;
    TRY(describe_memory(&memory));
    return kexec_prepare(boot, &staged, baton);
}

static char name[32];

ROW(options, capture) = {"capture",
                         "a Linux in the bundle to start after a panic",
                         .text = name, .size = sizeof(name)};

// With all it needs, where nothing else will be.
STAGE(READY, 50_capture_load, "capture") {
    const struct boot_info *boot = &kernel->boot;
    if (!name[0])
        return STATUS_OK;
    all = &boot->memory;
    TRY(kexec_load(boot, name, CAPTURE_BYTES, &staged));
    status_t status = prepare(boot, leave_description(kernel));
    if (status == STATUS_OK) {
        protect();
        core = pa_to_va(core_pa);
        return STATUS_OK;
    }
    kexec_unload(&staged);
    if (core_pa)
        frames_free(core_pa, pages_for(sizeof(*core)));
    return status;
}

// ---- after a panic

static void write_registers(void) {
    const struct trap_frame *f = &the_panic.frame;
    const uint64_t registers[CORE_REGISTERS] = {
        f->r15, f->r14, f->r13, f->r12, f->rbp,    f->rbx, f->r11,
        f->r10, f->r9,  f->r8,  f->rax, f->rcx,    f->rdx, f->rsi,
        f->rdi, 0,      f->rip, f->cs,  f->rflags, f->rsp, f->ss,
    };
    core_begin(core, core_pa, registers);
}

// All of our RAM, at its place in the direct map, but for free frames and the
// capture kernel's own.
static status_t add_memory(void) {
    static struct memory_map memory;
    const struct frame_pool *pool = frames_pool();
    memory = *all;
    TRY(put(&memory, staged.base_pa, staged.base_pa + staged.reserved_bytes,
            MEMORY_RESERVED));
    for (size_t i = 0; i < pool->count; i++)
        TRY(put(&memory, pool->extent[i].start, pool->extent[i].end,
                MEMORY_RESERVED));
    for (size_t i = 0; i < memory.count; i++) {
        const struct memory_range *r = &memory.range[i];
        if (is_our_ram(r))
            TRY(core_add(core, direct_map_base + r->start, r->start,
                         r->end - r->start));
    }
    return STATUS_OK;
}

// And once more what else is mapped: the kernel's image, the stacks.
static status_t add_mapped(va_t start, va_t end) {
    pa_t pa;
    for (va_t va = start; va < end; va += PAGE_SIZE) {
        if (!page_table_translate(&kernel_table, va, &pa))
            continue;
        struct memory_range page = {pa, pa + PAGE_SIZE, MEMORY_HOLE};
        page.kind = memory_map_kind_at(all, pa, &page.end);
        if (is_our_ram(&page))
            TRY(core_add(core, va, pa, PAGE_SIZE));
    }
    return STATUS_OK;
}

static status_t add_all(void) {
    TRY(add_mapped(KERNEL_BASE, (va_t)image_end));
    TRY(add_mapped(VMAP_BASE, space_reserve(0)));
    return add_memory();
}

STAGE(PANIC, 50_capture_enter, "capture") {
    if (!core)
        return STATUS_OK;
    write_registers();
    bool whole = add_all() == STATUS_OK;
    event("crash.capture", "image=%s core=%#lx pieces=%u why=\"%s\"",
          staged.name, core_pa, core->head.e_phnum, whole ? "" : why());
    return kexec_enter(&staged, leave_quiesce);
}
