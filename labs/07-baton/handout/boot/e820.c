// Lab 7, step 2: no memory at all.
uint32_t e820_list(const struct memory_map *memory,
                   struct boot_e820_entry *entry) {
    (void)memory, (void)entry, (void)e820_types;
    return 0;
}
