"""Lab 7: what its hand-out lacks, and the errors that students make."""

from kit import seed
from kit.folder import Mutant, Tailored

TITLE = "The baton: from one kernel to the next"
FILES = ["kexec/kexec.c", "kexec/handoff.c", "boot/e820.c", "boot/efi_info.c",
         "kexec/jump.asm", "efi/mode.c"]
UNITS = []
GONE = {}
KEXEC, HANDOFF, E820, INFO, JUMP, MODE = FILES
EDITS = [(JUMP, "extern early_hooks, early_gdt_pointer\n",
          "extern early_hooks, early_gdt_pointer, panic\n"),
         (INFO, '#include "lib/string.h"\n',
          '#include "lib/log.h"\n#include "lib/string.h"\n')]
DAY0 = "transition params adopts"
SHAPED = "seal"


def tailor(of: int) -> Tailored:
    """What the CRC of the handoff is continued from."""
    start = seed.crc_start(of)
    says = (f"The CRC of your handoff does not begin with 0: it goes on from "
            f"{start:#x}, so that your kernels understand each other and no "
            "others. The receiver, `boot/boot_params.c`, does that already.")
    return Tailored(says, [
        ("boot/boot_params.c", "crc32(0, block, crc_at)",
         f"crc32({start:#x}, block, crc_at)")], "", [
        (HANDOFF, "    sealed->block_crc = crc32(0, block->block, "
         "block->used);\n", "    sealed->block_crc = "
         f"crc32({start:#x}, block->block, block->used);\n")])


MUTANTS = [
    Mutant("the code of the jump is not mapped", KEXEC, "build_transition",
           "align_up((va_t)head_end, PAGE_SIZE) - code, MAP_EXEC",
           "align_up((va_t)head_end, PAGE_SIZE) - code, MAP_READ",
           "transition"),
    Mutant("the image is mapped as far as its file goes", KEXEC,
           "build_transition", "pages_for(staged->image.header.init_size)",
           "pages_for(staged->image.payload_bytes)", "transition"),
    Mutant("the image cannot be executed", KEXEC, "build_transition",
           "MAP_ANY", "MAP_WRITE", "transition"),
    Mutant("only boot_params are mapped of the block", KEXEC,
           "build_transition", "HANDOFF_BLOCK_BYTES", "PAGE_SIZE",
           "transition"),
    Mutant("the whole setup header is copied, however long it is", HANDOFF,
           "write_params", "min_u64(0x202 + image[HEADER_END_AT],",
           "max_u64(0 * image[HEADER_END_AT],", "params"),
    Mutant("a header that is newer than the structure is copied as well",
           HANDOFF, "write_params", "sizeof(params->hdr));",
           "sizeof(params->hdr) + 64);", "params"),
    Mutant("the bundle is below 4 GiB, of course", HANDOFF, "write_params",
           "content->bundle_pa >> 32", "0", "params"),
    Mutant("the image's own loader type is left", HANDOFF, "write_params",
           "    params->hdr.type_of_loader = LOADER_UNDEFINED;\n",
           "    if (!params->hdr.type_of_loader)\n"
           "        params->hdr.type_of_loader = LOADER_UNDEFINED;\n",
           "params"),
    Mutant("the upper half of the command line's address is forgotten",
           HANDOFF, "write_command_line",
           "    params->ext_cmd_line_ptr = pa >> 32;\n", "", "params"),
    Mutant("ranges are joined over holes", E820, "e820_list",
           "last->type == type && last->addr + last->size == r->start",
           "last->type == type", "memory"),
    Mutant("holes are listed, too", E820, "e820_list",
           "else if (type)", "else", "memory"),
    Mutant("equal neighbours are not joined", E820, "e820_list",
           "last->type == type &&", "last->type == type + 99 &&", "memory"),
    Mutant("more entries are announced than there is room for", HANDOFF,
           "write_memory", "params->e820_entries = here;",
           "params->e820_entries = (uint8_t)content->entries;", "memory"),
    Mutant("the firmware's system table is below 4 GiB, of course", INFO,
           "efi_info_write", "efi->system_table_pa >> 32", "0", "efi"),
    Mutant("the step of the EFI map is that of the specification", INFO,
           "efi_info_write", "= efi->descriptor_bytes;", "= 40;", "efi"),
    Mutant("a node is as long as its head and its payload", HANDOFF,
           "handoff_write_nodes", "sizeof(*content->baton)));",
           "sizeof(*content->baton) +\n                       "
           "sizeof(struct setup_data)));", "chain"),
    Mutant("the rows of the table are not asked", HANDOFF,
           "handoff_write_nodes", "if (row->write)",
           "if (row->write && to->used == 0)", "chain"),
    Mutant("the CRC is over itself, too", HANDOFF, "handoff_seal",
           "    sealed->block_crc = 0;\n", "", "seal"),
    Mutant("the block is as long as its room", HANDOFF, "handoff_seal",
           "sealed->block_bytes = block->used;",
           "sealed->block_bytes = block->room;", "seal"),
    Mutant("the block does not say where it is", HANDOFF, "handoff_seal",
           "sealed->block_pa = block->block_pa;",
           "sealed->block_pa = (pa_t)block->block;", "seal"),
    Mutant("CR3 stays as it is", JUMP, "kexec_jump", "    mov cr3, rdx\n", "",
           "state"),
    Mutant("CR4 stays as it is", JUMP, "kexec_jump", "    mov cr4, rax\n", "",
           "state"),
    Mutant("write protection stays on", JUMP, "kexec_jump",
           "    mov cr0, rax\n", "", "state"),
    Mutant("interrupts stay on", JUMP, "kexec_jump", "    cli\n", "", "state"),
    Mutant("the kernel's own GDT stays", JUMP, "kexec_jump",
           "    lgdt [rel early_gdt_pointer]\n    call early_hooks",
           "    nop\n", "state"),
    Mutant("a register keeps an address of the old kernel", JUMP,
           "kexec_jump", "    xor r12d, r12d\n", "", "state"),
    Mutant("the next kernel does not get boot_params", JUMP, "kexec_jump",
           "    xor ebx, ebx\n", "    xor ebx, ebx\n    xor esi, esi\n",
           "state"),
    Mutant("what the rule says is not compared", MODE, "efi_adopt_by_rule",
           "if (region->va != given.region[i].va)",
           "if (region->va == 1)", "adopts"),
    Mutant("the last region is not compared", MODE, "efi_adopt_by_rule",
           "i < given.count", "i + 1 < given.count", "adopts"),
    Mutant("whatever was handed over is adopted", MODE, "efi_adopt_by_rule",
           "    TRY(mode->place(regions));\n", "    (void)mode;\n", "adopts"),
]
