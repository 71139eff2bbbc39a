// Lab 7, step 3: no firmware is handed on.
status_t efi_info_write(struct block_writer *to, const struct boot_efi *efi,
                        struct boot_params *params) {
    (void)to, (void)efi, (void)params;
    say("handoff: lab 7, step 3: efi_info_write() hands no firmware on yet");
    return STATUS_OK;
}
