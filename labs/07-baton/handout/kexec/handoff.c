// Lab 7: what you start from. Each function takes the place of its namesake.

// Step 2.
static void write_params(const struct handoff_content *content,
                         struct boot_params *params) {
    (void)content, (void)params;
}

// Step 2.
static status_t write_command_line(struct block_writer *to, const char *line,
                                   struct boot_params *params) {
    (void)to, (void)params;
    return fail(STATUS_UNSUPPORTED,
                "lab 7, step 2: boot_params are empty: write_params(), "
                "write_memory() and write_command_line() write nothing yet, "
                "not even \"%s\"",
                line);
}

// Step 2.
static void write_memory(const struct handoff_content *content,
                         struct boot_params *params) {
    (void)content, (void)params;
}

status_t handoff_write_nodes(struct block_writer *to,
                             const struct handoff_content *content,
                             struct handoff **sealed) {
    (void)content;
    *sealed = NULL;
    return fail(STATUS_UNSUPPORTED,
                "lab 7, step 3: handoff_write_nodes() writes no node yet, at "
                "%#lx or behind",
                to->block_pa + to->used);
}

// Step 3. Without a seal the next kernel believes nothing.
void handoff_seal(const struct block_writer *block, struct handoff *sealed) {
    (void)block, (void)sealed;
}
