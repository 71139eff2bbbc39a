// Lab 4, step 5: only the walk is printed.
static void print_page_fault(const struct trap_frame *f) {
    va_t va = read_cr2();
    say("panic: lab 4, step 5: print_page_fault() does not explain the error "
        "code %#lx at 0x%lx yet",
        f->error, va);

    if (kernel_table.root_pa == 0)
        return;
    struct page_walk walk;
    char text[512];
    page_table_walk(&kernel_table, va, &walk);
    page_walk_explain(&walk, text, sizeof(text));
    say_lines("panic:   ", text);
}
