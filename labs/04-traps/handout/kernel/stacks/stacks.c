// Lab 4, step 2: every trap stays on the stack that it interrupts.

status_t stacks_init(void) {
    say("traps: lab 4, step 2: stacks_init() does not load the TSS yet, so a "
        "trap on a broken stack resets the machine");
    return STATUS_OK;
}
