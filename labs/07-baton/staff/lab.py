"""Lab 7: what its hand-out lacks, and the errors that students make."""

from kit import seed
from kit.folder import Mutant, Tailored

TITLE = "The baton: from one kernel to the next"
FILES = ["kexec/kexec.c", "boot/node.c", "boot/content.c", "boot/handoff.c",
         "kexec/jump.asm", "efi/mode.c"]
UNITS = []
GONE = {}
KEXEC, NODE, CONTENT, HANDOFF, JUMP, MODE = FILES
EDITS = [(JUMP, "extern early_hooks, early_gdt_pointer\n",
          "extern early_hooks, early_gdt_pointer, panic\n"),
         (CONTENT, '#include "lib/string.h"\n',
          '#include "lib/log.h"\n#include "lib/string.h"\n')]
DAY0 = "transition nodes memory adopts"
SHAPED = "seal"


def tailor(of: int) -> Tailored:
    """What the CRC of the handoff is continued from."""
    start = seed.crc_start(of)
    says = (f"The CRC of your handoff does not begin with 0: it goes on from "
            f"{start:#x}, so that your kernels understand each other and no "
            "others. The reader in `boot/handoff.c` calls your `crc_of()`.")
    return Tailored(says, [], "", [
        (HANDOFF, "crc32(crc32(0, &head, sizeof(head))",
         f"crc32(crc32({start:#x}, &head, sizeof(head))")])


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
    Mutant("only the first page of the block is mapped", KEXEC,
           "build_transition", "HANDOFF_BLOCK_MAX", "PAGE_SIZE",
           "transition"),
    Mutant("nodes stand wherever the last one ends", NODE, "node_write",
           "align_up(sizeof(head) + bytes, NODE_ALIGNMENT)",
           "sizeof(head) + bytes", "nodes"),
    Mutant("a node is as long as its head and its payload", NODE,
           "node_write", "= {type, bytes};",
           "= {type, bytes + sizeof(head)};", "nodes"),
    Mutant("the room is what is left after the node", NODE, "node_write",
           "if (all > to->size - to->used)", "if (all > to->size)", "nodes"),
    Mutant("each node begins at the start", NODE, "node_write",
           "    to->used += all;\n", "    to->used = all;\n", "nodes"),
    Mutant("ranges are joined over holes", CONTENT, "handoff_memory_of",
           "last->kind == r.kind && last->end == r.start",
           "last->kind == r.kind", "memory"),
    Mutant("holes are listed, too", CONTENT, "handoff_memory_of",
           "else if (r.kind != MEMORY_HOLE)", "else", "memory"),
    Mutant("equal neighbours are not joined", CONTENT, "handoff_memory_of",
           "last->kind == r.kind &&", "last->kind == MEMORY_KINDS &&",
           "memory"),
    Mutant("a range is to the receiver what it is to the sender", CONTENT,
           "handoff_memory_of", "r.kind = kind_received[r.kind];",
           "(void)kind_received;", "memory"),
    Mutant("the list is always as long as its room", CONTENT,
           "handoff_memory_of",
           "(uint8_t *)next - (uint8_t *)&memory", "sizeof(memory)",
           "memory"),
    Mutant("the whole structure is handed on, however short the map", CONTENT,
           "write_firmware", "EFI_HEAD_BYTES + efi->map_bytes",
           "sizeof(*efi)", "firmware"),
    Mutant("the map is handed on without its head", CONTENT, "write_firmware",
           "NODE_FIRMWARE, efi, ", "NODE_FIRMWARE, efi->map, ", "firmware"),
    Mutant("only the first row of the table is asked", HANDOFF,
           "handoff_write", "if (row->write)",
           "if (row->write && to.used == sizeof(*head))", "chain"),
    Mutant("the nodes begin at the start of the block", HANDOFF,
           "handoff_write", "= {block, size, sizeof(struct handoff)};",
           "= {block, size, 0};", "chain"),
    Mutant("the CRC is over itself, too", HANDOFF, "crc_of",
           "    head.block_crc = 0;\n", "    head.block_crc = 1;\n", "seal"),
    Mutant("the block is as long as its room", HANDOFF, "handoff_write",
           "head->block_bytes = to.used;", "head->block_bytes = size;",
           "seal"),
    Mutant("the block does not say where it is", HANDOFF, "handoff_write",
           "head->block_pa = block_pa;",
           "head->block_pa = (pa_t)block + 0 * block_pa;",
           "seal"),
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
    Mutant("the next kernel does not get the handoff", JUMP, "kexec_jump",
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
