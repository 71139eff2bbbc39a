// Lab 7, step 1.
static status_t build_transition(struct kexec_staged *staged) {
    return fail(STATUS_UNSUPPORTED,
                "lab 7, step 1: build_transition() maps nothing yet: the entry "
                "is at %#lx, the handoff at %#lx",
                staged->base_pa + IMAGE_ENTRY_OFFSET, staged->block_pa);
}
