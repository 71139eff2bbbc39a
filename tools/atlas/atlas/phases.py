"""The moments of a generation at which the atlas looks.

A phase is where a function is entered, or where it has returned; the functions
are the kernel's own, found by their symbols. What a phase says is shown to the
reader of the page.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    id: str
    short: str  # under the slider
    title: str
    says: str
    enter: str = ""  # stopped at this function's first instruction …
    leave: str = ""  # … or right behind a call of this one
    table: str = "the kernel's table"  # what the main table is called
    compare: bool = False  # can all modes be put side by side here?
    inherits: bool = False  # only where an earlier kernel had the firmware


GRUB = Phase(
    "grub", "GRUB", "GRUB's hand-over",
    "The kernel's first instruction in 32-bit mode. Paging is off: an address "
    "is where it leads, and nothing is protected.",
    enter="entry32", table="no table")
ARRIVAL = Phase(
    "arrival", "arrival", "The next kernel's first instruction",
    "Another kernel runs, still on the table that the one before it built for "
    "the jump: its own image, the block it is handed, and the page it came "
    "from.",
    enter="entry64", table="the jump's table")

PHASES = [
    Phase("early", "early", "Early table",
          "The table that boot/entry.asm builds before any C: the image at "
          "-2 GiB, and once more at its physical address, to survive the "
          "change of table.",
          enter="kernel_main", table="the early table"),
    Phase("own", "own", "Own table",
          "The kernel's own table: each section of the image with its rights, "
          "and RAM in the direct map.",
          leave="space_init"),
    Phase("mapped", "mapped", "Firmware mapped",
          "The firmware's regions are mapped: in the kernel's table, where the "
          "mode calls the firmware there, and at VA = PA in a table of its "
          "own. Before any rights are known, its code is writable.",
          leave="efi_space_build"),
    Phase("moving", "in SVAM", "Inside SetVirtualAddressMap",
          "The firmware runs at VA = PA, for the last time. Boot-services memory "
          "and page 0 are there too, for this one call.",
          enter="SetVirtualAddressMap", table="the kernel's table"),
    Phase("svam", "after SVAM", "After SetVirtualAddressMap",
          "The firmware's pointers are virtual now. The table that showed it "
          "boot-services memory is about to be dropped.",
          leave="efi_virtual_enter"),
    Phase("wx", "W^X", "W^X applied",
          "The Memory Attributes Table is applied: code becomes read-only, "
          "data is not executable.",
          leave="efi_verify", compare=True),
    Phase("adopted", "adopted", "Adopted",
          "This generation has taken the firmware over where the one before "
          "had it, or has refused to.",
          leave="efi_open", compare=True, inherits=True),
    Phase("call", "in a call", "Inside a call",
          "GetTime's first instruction: CR3 shows which table the firmware "
          "runs on in this mode.",
          enter="GetTime", compare=True),
    Phase("transition", "jump", "Transition table",
          "This generation's last instruction. The jump's table has its page, "
          "one for NMIs, the next image, and what that is handed.",
          enter="kexec_last_instruction", table="the jump's table"),
]

GATE = "gate_enter"  # through which each service is entered …
CALL = "gate_current"  # … with a struct gate_call there
SERVICES = {"SetVirtualAddressMap": "EFI_SET_VIRTUAL_ADDRESS_MAP",
            "GetTime": "EFI_GET_TIME"}
END = "leave"  # the last generation's end
DEATH = "panic"

# The variables of the kernel that are read.
BOOT = "kernel.boot"  # struct boot_info: the memory map, the EFI map
KERNEL_TABLE = "kernel_table"
FIRMWARE_TABLE = "firmware_table"  # struct page_table, like the one above
FIRMWARE = "firmware_record"  # struct efi_firmware
ATTRIBUTES = "memory_attributes"  # UEFI 2.10 §4.6.3; of an annex
