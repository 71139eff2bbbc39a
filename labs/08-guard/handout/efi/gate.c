// Lab 8, step 1.

bool gate_contain(struct trap_frame *frame) {
    struct gate_fault fault = {.vector = frame->vector, .rip = frame->rip};
    if (gate_current && !goes_on(gate_current, &fault))
        say("lab 8, step 1: gate_contain() does not end a call yet: vector %lu "
            "at %#lx; it would go on at %#lx",
            frame->vector, frame->rip, (va_t)recover);
    return false;
}
