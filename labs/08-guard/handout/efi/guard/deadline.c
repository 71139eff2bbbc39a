// Lab 8, step 2.

bool deadline_is_over(uint64_t ran_us) {
    static bool told;
    if (gate_current && !told)
        say("lab 8, step 2: deadline_is_over() ends no call yet, at %lu us, "
            "efi.timeout=%lu",
            ran_us, timeout_s);
    told = gate_current != NULL || told;
    return false;
}
