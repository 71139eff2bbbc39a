// The proofs of SetVirtualAddressMap: it refuses a second call, and the regions
// are mapped where it has put them.

#include "efi/firmware.h"
#include "efi/guard/memory.h"
#include "kernel/proof.h"

static enum verdict check_again(struct proof *proof) {
    if (firmware->svam == SVAM_NEVER)
        return proof_detail(proof, SKIP,
                            "never called, so it would not refuse");
    struct efi_memory_descriptor none = {0};
    efi_status_t status = efi_set_virtual_address_map(
        &none, sizeof(none), sizeof(none), EFI_DESCRIPTOR_VERSION);
    return proof_detail(
        proof, verdict_of(status == EFI_UNSUPPORTED),
        "SetVirtualAddressMap, asked again at its physical address: %s",
        efi_status_name(status));
}

ROW(proofs, 60_again) = {"again", check_again, 0};

static enum verdict check_mapping(struct proof *proof) {
    if (efi_verify())
        return proof_detail(proof, FAIL, "%s", why());
    return proof_detail(proof, PASS, "%lu pages lead where they should",
                        efi_regions_bytes(&firmware->regions) / PAGE_SIZE);
}

ROW(proofs, 70_mapping) = {"mapping", check_mapping, 0};
