// Faults of the firmware: what is reported of them, and what efi.fault= does.

#include "efi/firmware.h"
#include "efi/guard/guard.h"
#include "efi/guard/memory.h"
#include "efi/observe.h"
#include "efi/open.h"
#include "efi/space.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/string.h"
#include "lib/x86.h"

#define GRANTS_MAX 64 // pages; more are not granted

enum {
    FAULT_ABORT, // the call ends, with EFI_ABORTED
    FAULT_RETRY, // the missing page is mapped if nothing else uses it, and the
                 // call goes on; else as above
    FAULT_OFF,   // the call ends, and none is made any more
};

static unsigned on_fault = FAULT_ABORT;

ROW(options, efi_fault) = {"efi.fault", "what is done when the firmware faults",
                           .words = "abort retry off", .choice = &on_fault};

static const char *access_of(const struct gate_fault *fault) {
    static const char *const words[] = {"read", "write", "execute", "execute"};
    if (!fault->is_page_fault)
        return "none";
    return words[(fault->error >> 1 & 1) | (fault->error >> 3 & 2)];
}

// What is at the addresses of a fault, before anything is done about it.
struct fault_place {
    const char *at_va, *at_rip;
};

static struct fault_place place_of(const struct gate_fault *fault) {
    return (struct fault_place){
        fault->is_page_fault ? efi_owner(fault->address_va) : "none",
        efi_owner(fault->rip)};
}

static void report_fault(enum efi_service service,
                         const struct gate_fault *fault,
                         struct fault_place place, const char *action) {
    event("efi.fault",
          "svc=%s vector=%lu rip=%#lx va=%#lx access=%s owner=%s action=%s "
          "in=%s",
          efi_service_name(service), fault->vector, fault->rip,
          fault->address_va, access_of(fault), place.at_va, action,
          place.at_rip);
}

void efi_report_fault(enum efi_service service, const struct gate_fault *fault,
                      const char *action) {
    report_fault(service, fault, place_of(fault), action);
}

static bool has_granted_enough(void) {
    static bool reported;
    if (guard_statistics.recovered < GRANTS_MAX)
        return false;
    if (!reported)
        say("efi: efi.fault=retry has granted %d pages, and grants no more: "
            "from here on a fault ends its call",
            GRANTS_MAX);
    return reported = true;
}

static bool may_grant(pa_t table_pa, const struct gate_fault *fault) {
    return fault->is_page_fault && on_fault == FAULT_RETRY &&
           !has_granted_enough() &&
           efi_grant(table_pa, fault->address_va, fault->error & FAULT_FETCH) ==
               STATUS_OK;
}

// The firmware goes on as if it had always had the right that it lacked.
static bool repair(struct gate_call *call, const struct gate_fault *fault) {
    char kept[REASON_BYTES];
    str_copy(kept, sizeof(kept), why());
    struct fault_place place = place_of(fault);
    bool granted = may_grant(call->table_pa, fault);
    set_why("%s", kept);
    if (!granted)
        return false;
    guard_statistics.recovered++;
    report_fault(call->service, fault, place, "mapped");
    return true;
}

static bool faults_after(struct gate_call *call) {
    if (call->outcome != GATE_FAULTED)
        return false;
    efi_report_fault(call->service, &call->fault, "aborted");
    if (on_fault == FAULT_OFF) {
        say("efi: all services are off from here on");
        efi_close();
    }
    return false;
}

static status_t faults_begin(void) {
    if (firmware_aborted() > 0 && on_fault == FAULT_OFF)
        return fail(STATUS_REFUSED,
                    "it is tainted: %lu calls were aborted, and "
                    "efi.fault=off permits none",
                    firmware_aborted());
    return STATUS_OK;
}

ROW(observers, 20_faults) = {
    .begin = faults_begin, .fault = repair, .after = faults_after};
