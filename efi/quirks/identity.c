// Firmware that fails where VA = PA. It is known by the vendor's name, or seen
// in the proofs: in mode identity its one SetVirtualAddressMap is spent then.

#include "efi/firmware.h"
#include "efi/gate.h"
#include "efi/guard/guard.h"
#include "efi/open.h"
#include "efi/quirk.h"
#include "efi/quirks/excluded.h"
#include "efi/quirks/vendor.h"
#include "kernel/stage.h"
#include "lib/string.h"
#include "mm/space.h"

#define NAME "fails-at-identity"

static const char *const vendors[] = {"Apple"};

static bool is_known(const char *vendor) {
    for (size_t i = 0; i < ARRAY_SIZE(vendors); i++)
        if (str_equal(vendor, vendors[i]))
            return true;
    return false;
}

// In each service but the two that may be called at any address.
static bool every_call_faulted(void) {
    const uint32_t anywhere =
        1u << EFI_SET_VIRTUAL_ADDRESS_MAP | 1u << EFI_CONVERT_POINTER;
    return gate_statistics.faults > 0 && !(efi_came_back & ~anywhere);
}

status_t efi_exclude_identity(const struct efi_mode *mode) {
    char vendor[EFI_VENDOR_BYTES];
    efi_vendor_name(firmware->setup.firmware_vendor_pa, physical_read, vendor);
    if (mode->table != PAGE_TABLE_OWN || firmware->svam == SVAM_INHERITED ||
        !is_known(vendor) || !efi_tolerates(NAME))
        return STATUS_OK;
    return fail(STATUS_REFUSED,
                "efi: firmware by %s is known to fail where VA = PA; "
                "efi=fixed moves it elsewhere",
                vendor);
}

STAGE(READY, 00_fails_at_identity, "efi") {
    if (!firmware->ready || firmware->mode->table != PAGE_TABLE_OWN ||
        !every_call_faulted() || !efi_tolerates(NAME))
        return STATUS_OK;
    efi_refuse();
    kernel->outcome = OUTCOME_REFUSED;
    return fail(STATUS_REFUSED,
                "efi: no call came back in mode %s, where VA = PA: the "
                "firmware fails there; efi=fixed moves it elsewhere",
                firmware->mode->name);
}

ROW(quirks, fails_at_identity) = {
    .name = NAME,
    .does =
        "the firmware fails if its virtual addresses equal the physical ones",
    .remedy = "modes physical and identity are refused",
    .source = "H. Peter Anvin, March 2013, about Apple machines"};
