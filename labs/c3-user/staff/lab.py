"""Challenge C3: nothing is cut; a mode begins in a file of its own."""

from pathlib import Path

from kit.folder import Mutant, Tailored

TITLE = "Challenge: the firmware in the user half"
FILES = ["efi/modes/user.c"]
UNITS = []
NEEDS = ["build/sins.efi"]
GONE = {}
EDITS = []
DAY0 = "empty"

HERE = Path(__file__).resolve().parent
BEGUN = (HERE.parent / "added" / FILES[0]).read_text()


def tailor(_of: int) -> Tailored:
    return Tailored("", solved=[(FILES[0], BEGUN,
                                 (HERE / "user.c").read_text())])


def wrong(error: str, function: str, old: str, new: str, caught: str
          ) -> Mutant:
    return Mutant(error, FILES[0], function, old, new, caught)


LETS_IN = "if (!is_out || fault->address_va != call->function)"
TAKES_OUT = "if (is_ours() && firmware->ready && !is_out)"

MUTANTS = [
    wrong("it stays until the first call", "opened", "if (is_ours())",
          "if (false)", "empty"),
    wrong("it stays from the first call on", "after", TAKES_OUT, "if (false)",
          "empty"),
    wrong("after a call that ends as expected, it stays", "after",
          "return is_ours();", "return false;", "empty"),
    wrong("the TLB still knows the firmware", "take_out",
          "    write_cr3(kernel_table.root_pa);\n", "", "stale"),
    wrong("elsewhere than in memory", "place", "region[i].pa;",
          "region[i].pa + (1UL << 40);", "svam"),
    wrong("it is never let in", "put_in", "if (!is_out ||", "if (is_out ||",
          "table"),
    wrong("each fault is taken for the expected one", "put_in", LETS_IN,
          "if (!is_ours() || !call->function || !fault->rip)", "fault"),
    wrong("it stays after a call that faulted", "after", TAKES_OUT,
          TAKES_OUT[:-1] + " && call->outcome != GATE_FAULTED)", "fault"),
    wrong("taken out while the firmware is opened", "after", TAKES_OUT,
          "if (is_ours() && !is_out)", "boots"),
    wrong("after a call on another table zeros are kept aside", "after",
          TAKES_OUT, "if (is_ours() && firmware->ready)", "other"),
]
