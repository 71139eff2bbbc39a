// The proof that no page of the firmware is both writable and executable.

#include "kernel/proof.h"
#include "efi/protect/attributes.h"

static enum verdict check_wx(struct proof *proof) {
    uint64_t pages = efi_protect_count_wx();
    if (memory_attributes.count == 0)
        return proof_detail(proof, SKIP,
                            "%s: %lu pages stay writable and executable",
                            memory_attributes.absence, pages);
    return proof_detail(
        proof, verdict_of(pages == 0),
        "%lu pages are writable and executable at once; %zu rows of attributes",
        pages, memory_attributes.count);
}

ROW(proofs, 80_wx) = {"wx", check_wx, 0};
