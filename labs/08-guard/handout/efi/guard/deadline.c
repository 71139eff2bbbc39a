// Lab 8, step 2.

bool deadline_is_over(uint64_t ran_us) {
    static bool logged;
    if (gate_current && !logged)
        say("lab 8, step 2: deadline_is_over() ends no call yet, at %lu us, "
            "efi.timeout=%lu",
            ran_us, timeout_s);
    logged = gate_current != NULL || logged;
    return false;
}
