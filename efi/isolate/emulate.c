// Privileged instructions of a service at privilege level 3. What does no harm
// is done for it; what would change the machine under the kernel ends the call.
// Each is logged once for a service.

#include "efi/isolate/emulate.h"

#include "efi/isolate/decode.h"
#include "kernel/acpi/acpi.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/x86.h"
#include "mm/space.h"

#define ALL_SERVICES UINT32_MAX
#define MSR_TSC      0x10
#define SEEN_MAX     128 // different ones; more are not logged

// emulate.asm
uint32_t emulate_in(uint16_t port, unsigned bytes);
void emulate_out(uint16_t port, unsigned bytes, uint32_t value);
void emulate_flush(void);

static unsigned all_ports;

ROW(options, efi_ports) = {"efi.ports", "ports that isolated firmware may use",
                           .words = "listed all", .choice = &all_ports};

#define RESET (1u << EFI_RESET_SYSTEM)

// What firmware of a PC uses at runtime (docs/isolate.md). Where the ports of
// ACPI are, its tables say: until then, and if they do not, a row has no port.
static struct port_row {
    uint16_t first, last;
    uint32_t services;
    bool read_only;
} ports[] = {
    {0x70, 0x71, ALL_SERVICES, false}, // clock and CMOS
    {0xb2, 0xb3, ALL_SERVICES, false}, // the system management interrupt
    {0xcf9, 0xcf9, RESET, false},      // the chipset's reset register
    {0x64, 0x64, RESET, false},        // the keyboard controller: the same
    {1, 0, ALL_SERVICES, true},        // PM timer
    {1, 0, RESET, false},              // PM1a control: off
};
#define ROW_TIMER   4
#define ROW_CONTROL 5

static bool is_listed(uint16_t port, unsigned bytes, uint32_t services,
                      bool write) {
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
        if (port >= ports[i].first && port + bytes - 1 <= ports[i].last &&
            (ports[i].services & services) == services &&
            !(write && ports[i].read_only))
            return true;
    return false;
}

static void open_row(unsigned row, uint16_t port, unsigned bytes) {
    ports[row].first = port;
    ports[row].last = (uint16_t)(port + bytes - 1);
}

void ports_open(const struct boot_info *boot) {
    pa_t rsdp_pa = acpi_find_rsdp(boot);
    uint16_t port;
    if (acpi_find_timer(rsdp_pa, physical_read, &port) == STATUS_OK)
        open_row(ROW_TIMER, port, 4);
    if (acpi_find_control(rsdp_pa, physical_read, &port) == STATUS_OK)
        open_row(ROW_CONTROL, port, 2);
}

void ports_map(uint8_t *bits, unsigned count) {
    for (unsigned port = 0; port < count; port++)
        if (all_ports || !is_listed((uint16_t)port, 1, ALL_SERVICES, true))
            bits[port / 8] |= (uint8_t)(1 << port % 8);
}

// ---- what is logged

static bool is_new(uint64_t key) {
    static uint64_t seen[SEEN_MAX];
    static unsigned count;
    for (unsigned i = 0; i < count; i++)
        if (seen[i] == key)
            return false;
    if (count == SEEN_MAX)
        return false;
    seen[count++] = key;
    return true;
}

static void tell(const struct trap_frame *frame, enum efi_service service,
                 const struct instruction *it, uint32_t operand, bool done) {
    char text[32];
    uint64_t key = (va_t)it->name << 32 ^ (uint64_t)service << 56 ^ operand;
    if (!is_new(key))
        return;
    format(text, sizeof(text), it->operand ? "%s %#x" : "%s", it->name,
           operand);
    event("efi.privileged", "svc=%s instruction=\"%s\" action=%s rip=%#lx",
          efi_service_name(service), text, done ? "emulated" : "ended",
          frame->rip);
}

// ---- what is done

static uint64_t *general(struct trap_frame *f, unsigned number) {
    uint64_t *const registers[] = {
        &f->rax, &f->rcx, &f->rdx, &f->rbx, &f->rsp, &f->rbp, &f->rsi, &f->rdi,
        &f->r8,  &f->r9,  &f->r10, &f->r11, &f->r12, &f->r13, &f->r14, &f->r15};
    return registers[number];
}

// Those that every processor of 64 bits has.
static bool is_readable(uint32_t msr) {
    static const uint32_t readable[] = {MSR_TSC, MSR_APIC_BASE, MSR_PAT,
                                        MSR_EFER};
    for (size_t i = 0; i < ARRAY_SIZE(readable); i++)
        if (msr == readable[i])
            return true;
    return false;
}

static void read_register(struct trap_frame *frame, uint32_t msr) {
    uint64_t value = read_msr(msr);
    frame->rax = (uint32_t)value;
    frame->rdx = value >> 32;
}

// A part of RAX is replaced; of 32 bits, all of it (SDM vol. 1 §3.4.1.1).
static void input(struct trap_frame *frame, uint16_t port, unsigned bytes) {
    uint64_t kept = bytes == 4 ? 0 : frame->rax >> 8 * bytes << 8 * bytes;
    frame->rax = kept | emulate_in(port, bytes);
}

static uint32_t operand_of(const struct trap_frame *frame,
                           const struct instruction *it) {
    if (it->operand == OPERAND_PORT)
        return it->port_in_dx ? (uint16_t)frame->rdx : it->port;
    if (it->operand == OPERAND_MSR)
        return (uint32_t)frame->rcx;
    return it->operand == OPERAND_CONTROL ? it->control : 0;
}

static bool is_allowed(enum efi_service service, const struct instruction *it,
                       uint32_t operand) {
    switch (it->effect) {
    case EFFECT_END:
        return false;
    case EFFECT_READ_MSR:
        return is_readable(operand);
    case EFFECT_READ_CR:
        return operand == 0 || operand == 4;
    case EFFECT_IN:
    case EFFECT_OUT:
        return all_ports || is_listed((uint16_t)operand, it->width,
                                      1u << service, it->effect == EFFECT_OUT);
    default:
        return true;
    }
}

static void perform(struct trap_frame *frame, const struct instruction *it,
                    uint32_t operand) {
    if (it->effect == EFFECT_FLUSH)
        emulate_flush();
    else if (it->effect == EFFECT_READ_MSR)
        read_register(frame, operand);
    else if (it->effect == EFFECT_READ_CR)
        *general(frame, it->general) = operand ? read_cr4() : read_cr0();
    else if (it->effect == EFFECT_IN)
        input(frame, (uint16_t)operand, it->width);
    else if (it->effect == EFFECT_OUT)
        emulate_out((uint16_t)operand, it->width, (uint32_t)frame->rax);
    frame->rip += it->length;
}

// It is logged first: an output may reset the machine.
bool emulate(struct trap_frame *frame, enum efi_service service, size_t count) {
    struct instruction it;
    if (!decode((const uint8_t *)frame->rip, count, &it))
        return false;
    uint32_t operand = operand_of(frame, &it);
    bool allowed = is_allowed(service, &it, operand);
    tell(frame, service, &it, operand, allowed);
    if (allowed)
        perform(frame, &it, operand);
    return allowed;
}
