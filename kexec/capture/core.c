// An ELF core file without its contents: those stay where they are, and the
// offset of each piece in the "file" is its physical address.

#include "kexec/capture/core.h"

#include "lib/string.h"

_Static_assert(sizeof(struct core_status) == 336, "as Linux's elf_prstatus");
_Static_assert(offsetof(struct core_status, registers) == 112, "pr_reg");

void core_begin(struct core *core, pa_t core_pa,
                const uint64_t registers[CORE_REGISTERS]) {
    memset(core, 0, sizeof(*core));
    core->head = (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                    EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_phoff = offsetof(struct core, segment),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 1,
    };
    pa_t note_pa = core_pa + offsetof(struct core, note);
    core->segment[0] = (Elf64_Phdr){.p_type = PT_NOTE,
                                    .p_offset = note_pa,
                                    .p_paddr = note_pa,
                                    .p_filesz = sizeof(core->note),
                                    .p_memsz = sizeof(core->note)};
    core->note.head =
        (Elf64_Nhdr){sizeof("CORE"), sizeof(core->note.status), NT_PRSTATUS};
    memcpy(core->note.name, "CORE", sizeof("CORE"));
    core->note.status.pid = 1;
    memcpy(core->note.status.registers, registers,
           sizeof(core->note.status.registers));
}

status_t core_add(struct core *core, va_t va, pa_t pa, uint64_t bytes) {
    Elf64_Phdr *last = &core->segment[core->head.e_phnum - 1];
    if (last->p_type != PT_LOAD || last->p_vaddr + last->p_memsz != va ||
        last->p_paddr + last->p_memsz != pa) {
        if (core->head.e_phnum == CORE_SEGMENTS)
            return fail(STATUS_NO_MEMORY,
                        "core: no space for %#lx bytes at %#lx: there are %d "
                        "pieces already",
                        bytes, pa, CORE_SEGMENTS);
        core->head.e_phnum++;
        *++last = (Elf64_Phdr){.p_type = PT_LOAD,
                               .p_flags = PF_R | PF_W | PF_X,
                               .p_offset = pa,
                               .p_vaddr = va,
                               .p_paddr = pa};
    }
    last->p_memsz = last->p_filesz = last->p_filesz + bytes;
    return STATUS_OK;
}
