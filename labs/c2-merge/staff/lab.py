"""Challenge C2: nothing is cut."""

from harness import paths
from kit import cut
from kit.folder import Mutant, Tailored

TITLE = "Challenge: leaves that are alike become one"
FILES = ["mm/page_table.c"]
UNITS = ["test_page_table"]
ALSO = ["labs/03-paging/checks.py"]
GONE = {}
EDITS = []
DAY0 = "merge"
HERE = "labs/c2-merge/staff/solution/mm/page_table.c"


def tailor(_of: int) -> Tailored:
    """The tree's file with a new function, and another page_table_protect()."""
    tree = (paths.ROOT / FILES[0]).read_text()
    new = (paths.ROOT / HERE).read_text()
    merge, protect = cut.functions(new)
    old = cut.text_of(tree, cut.find(tree, "page_table_protect", FILES[0]))
    return Tailored("", solved=[(FILES[0], old, cut.text_of(new, merge) + "\n"
                                 + cut.text_of(new, protect))])


def wrong(error: str, old: str, new: str, caught: str,
          function: str = "merge") -> Mutant:
    return Mutant(error, FILES[0], function, old, new, caught)


MUTANTS = [
    wrong("the frame of the table is lost",
          "    table->frames->release(child_pa, 1);\n", "", "merge"),
    wrong("the leaf is no large one", "first | PTE_LARGE", "first", "merge"),
    wrong("it looks at the first page alone", "i < TABLE_ENTRIES; i++",
          "i < 1; i++", "split"),
    wrong("it does not look at the last page", "i < TABLE_ENTRIES; i++",
          "i < TABLE_ENTRIES - 1; i++", "apart"),
    wrong("frames need not be in a row", "first + i * PAGE_SIZE)",
          "first + i * PAGE_SIZE && i < 256)", "apart"),
    wrong("the physical address may be anything",
          "!is_aligned(first & PTE_ADDRESS, level_bytes(2))", "first == 0",
          "apart"),
    wrong("rights may differ", "~seen) != first", "~seen & PTE_ADDRESS) != "
          "(first & PTE_ADDRESS)", "split"),
    wrong("only the first 2 MiB are looked at",
          "at < end;\n", "at <= start;\n", "merge", "page_table_protect"),
]
