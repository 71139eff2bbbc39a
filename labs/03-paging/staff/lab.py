"""Lab 3: what its hand-out lacks, and the errors that students make."""

from kit import seed
from kit.folder import Mutant, Tailored

TITLE = "Page tables"
FILES = ["mm/page_table.c", "mm/space.c"]
UNITS = ["test_page_table"]
GONE = {"mm/page_table.c": ["fitting_level"]}
EDITS = []
DAY0 = "wx large map guard"
SHAPED = "mark"
TABLE, SPACE = FILES


def tailor(of: int) -> Tailored:
    """What an entry looks like whose large page was split."""
    mark = seed.split_mark(of)
    says = (f"Your mark is **{mark:#x}**. An entry that was a large page, and "
            "points to the table of its parts now, has it in **bits 58 to "
            "52**. An entry for a table where nothing was mapped has zero "
            "there.")
    return Tailored(says, solved=[
        (TABLE, "    *entry = child_pa | PTE_PRESENT | PTE_WRITE;\n",
         f"    uint64_t mark = *entry & PTE_PRESENT ? {mark:#x}UL << 52 : 0;\n"
         "    *entry = child_pa | PTE_PRESENT | PTE_WRITE | mark;\n")])


MUTANTS = [
    Mutant("a page that splits loses its rights", TABLE, "add_table",
           "child[i] = first + i * level_bytes(level - 1);",
           "child[i] = (first & PTE_ADDRESS) + i * level_bytes(level - 1) + "
           "PTE_PRESENT;", "split"),
    Mutant("a split steps by the size of the page that it splits", TABLE,
           "add_table", "i * level_bytes(level - 1)", "i * level_bytes(level)",
           "split"),
    Mutant("a split of 1 GiB makes pages of 4 KiB", TABLE, "add_table",
           "level == 2 ? *entry & ~PTE_LARGE : *entry",
           "*entry & ~PTE_LARGE", "split"),
    Mutant("no-execute is set in the entry of a table", TABLE, "add_table",
           "child_pa | PTE_PRESENT | PTE_WRITE",
           "child_pa | PTE_PRESENT | PTE_WRITE | PTE_NX", "boots"),
    Mutant("PTE_LARGE is forgotten", TABLE, "page_table_map",
           "pa | flags | (level > 1 ? PTE_LARGE : 0)", "pa | flags", "boots"),
    Mutant("only the virtual address has to be aligned", TABLE,
           "page_table_map", "fitting_level(va | pa,", "fitting_level(va,",
           "map"),
    Mutant("all of a large page gets the new rights", TABLE,
           "page_table_protect",
           "fitting_level(va, bytes, min_u64(walk.level, table->leaf_max));",
           "walk.level; va = align_down(va, level_bytes(level));"
           " bytes = max_u64(bytes, level_bytes(level));", "split"),
    Mutant("maps over what is mapped", TABLE, "page_table_map",
           "if (*entry & PTE_PRESENT)", "if (*entry & 0)", "refuse"),
    Mutant("everything is writable", TABLE, "page_table_map",
           "*entry++ = pa | flags |", "*entry++ = pa | flags | PTE_WRITE |",
           "wx map"),
    Mutant("the guard page is mapped", SPACE, "space_stack",
           "page_table_map(&kernel_table, bottom_va, frames_pa,\n"
           "                          pages * PAGE_SIZE, MAP_WRITE);",
           "page_table_map(&kernel_table, bottom_va - PAGE_SIZE, frames_pa,\n"
           "                          pages * PAGE_SIZE, MAP_WRITE);",
           "boots"),
    Mutant("no hole below a stack", SPACE, "space_reserve",
           "va_t va = vmap_next + PAGE_SIZE;", "va_t va = vmap_next;",
           "guard"),
    Mutant("the last page is forgotten", TABLE, "page_table_map",
           "while (bytes > 0) {", "while (bytes > PAGE_SIZE) {", "boots"),
    Mutant("always pages of 4 KiB", TABLE, "fitting_level",
           "unsigned level = highest;", "unsigned level = highest > 0;",
           "large"),
    Mutant("no page is larger than 2 MiB", TABLE, "page_table_map",
           "fitting_level(va | pa, bytes, table->leaf_max)",
           "fitting_level(va | pa, bytes, min_u64(2, table->leaf_max))",
           "large"),
    Mutant("each split takes a frame too many", TABLE, "add_table",
           "pa_t child_pa = table->frames->alloc();",
           "pa_t child_pa = table->frames->alloc();\n"
           "    if (*entry & PTE_PRESENT)\n"
           "        child_pa = table->frames->alloc();", "frames"),
    Mutant("changes rights of one page too many", TABLE, "page_table_protect",
           "while (bytes > 0) {", "bytes += PAGE_SIZE;\n    while (bytes > 0) {",
           "split"),
    Mutant("every table has the mark", TABLE, "add_table",
           "*entry & PTE_PRESENT ? ", "true ? ", "mark"),
    Mutant("the mark is a bit too high", TABLE, "add_table", "UL << 52",
           "UL << 51 << 2", "mark"),
    Mutant("a hole is passed over in silence", TABLE, "page_table_protect",
           "return fail(STATUS_NOT_FOUND, \"page table: va %#lx is not mapped\","
           "\n                        va);", "return STATUS_OK;", "protect"),
]
