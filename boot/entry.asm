; The first instructions: from the state that a loader leaves to C at -2 GiB,
; which is kernel_main() (kernel/main.c).
;
; Two ways in. GRUB enters `entry32` in 32-bit protected mode (Multiboot2 §3.3);
; a kexec, ours or Linux's, enters `entry64` in long mode on a page table of
; its own (boot.rst, "64-bit Boot Protocol"). The 32-bit way only switches to
; long mode; then both meet in `common64`, which builds the early page table. It
; maps the image alone, by one PT that two paths through the table lead to:
;
;     1:1            to survive the change of table
;     KERNEL_BASE    to run where we are linked
;
; The text is not writable, and nothing else is executable (if the CPU has NX,
; which early_start() checks). The table has as many levels as the loader's,
; since they cannot be changed here. Whatever else C reads is mapped later
; (mm/early.c).
;
; The image may be at any 2 MiB boundary, also above 4 GiB: the code finds its
; own address and keeps it in rbp, and uses no absolute address before the jump
; to `.high`.

%include "layout.inc"
%include "boot/header.inc"

PRESENT         equ 1
PRESENT_WRITE   equ 3
LARGE_PAGE      equ 0x83        ; present, writable, 2 MiB
CR4_PAE         equ 1 << 5
CR4_OSFXSR      equ 1 << 9      ; SSE: the firmware uses it, so may gate.asm
CR4_OSXMMEXCPT  equ 1 << 10
CR4_LA57        equ 1 << 12     ; five levels
CR0_PE_MP_ET_NE_PG equ 0x80000033
CR0_WP          equ 1 << 16
CPUID_EXTENDED  equ 0x80000001
CPUID_NX        equ 20          ; bit of edx
MSR_EFER        equ 0xc0000080
EFER_LME        equ 1 << 8
EFER_NXE        equ 1 << 11
PTE_NX          equ 63          ; bit

; Page tables within early_tables, one page each. The first five lead to this
; code, and each is the parent of the next.
PML5            equ 0x0000
PML4            equ 0x1000
PDPT_LOW        equ 0x2000
PD_LOW          equ 0x3000
PT_IMAGE        equ 0x4000
PDPT_HIGH       equ 0x5000
PD_HIGH         equ 0x6000
TABLES_END      equ 0x7000

extern kernel_main
extern early_tables_offset, boot_stack_offset, early_gdt_offset
extern early_hooks
extern text_pages, image_pages

; This is still section .head of header.inc: entry64 must be at +0x200 of the
; payload, and $$ is the payload's first byte.
global entry64, entry32

bits 64
entry64:
    cli
    cld
    xor edi, edi                ; no magic number: rsi points to a handoff
common64:                       ; edi = magic, rsi = physical information
    lea rsp, [rel boot_stack_end]
    call early_hooks
    lea rbp, [rel multiboot2_header]
    xor r9d, r9d                ; the NX bit of an entry, if there is one
    mov eax, CPUID_EXTENDED
    cpuid
    bt edx, CPUID_NX
    jnc .fill
    bts r9, PTE_NX
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_NXE
    wrmsr

.fill:
    lea rbx, [rel early_tables]
    lea rdx, [rbp + PRESENT]
    xor ecx, ecx
.page:
    mov [rbx + PT_IMAGE + rcx * 8], rdx
    add rdx, 0x1000
    inc ecx
    cmp ecx, text_pages
    jne .same
    lea rdx, [rdx + r9 + PRESENT_WRITE - PRESENT]
.same:
    cmp ecx, image_pages
    jb .page

    mov rdx, rbx                ; 1:1: nine bits of our address per level
    mov ecx, 48
.descend:
    mov rax, rbp
    shr rax, cl
    and eax, 511
    lea r8, [rdx + 0x1000 + PRESENT_WRITE]
    mov [rdx + rax * 8], r8
    add rdx, 0x1000
    sub ecx, 9
    cmp ecx, 21
    jae .descend

    lea rax, [rbx + PML4 + PRESENT_WRITE]
    mov [rbx + PML5 + 511 * 8], rax
    lea rax, [rbx + PDPT_HIGH + PRESENT_WRITE]
    mov [rbx + PML4 + 511 * 8], rax
    lea rax, [rbx + PD_HIGH + PRESENT_WRITE]
    mov [rbx + PDPT_HIGH + 510 * 8], rax
    mov [rbx + PD_HIGH], r8     ; the last one found on the way: PT_IMAGE

    lea rdx, [rbx + PML5]
    mov rax, cr4
    and eax, CR4_LA57
    jnz .table_found
    lea rdx, [rbx + PML4]
.table_found:
    or eax, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT
    mov cr4, rax
    mov eax, CR0_PE_MP_ET_NE_PG | CR0_WP
    mov cr0, rax
    mov cr3, rdx
    mov rax, .high
    jmp rax
.high:
    mov rsp, boot_stack_end
    mov rdx, rbp                ; kernel_main(magic, info_pa, image_pa)
    xor ebp, ebp                ; a backtrace ends here
    call kernel_main
    ud2

bits 32
entry32:                        ; eax = magic, ebx = physical information
    cli
    cld
    ; There is no stack yet, and only a call yields our own address. The second
    ; word of the multiboot2 information is reserved (zero): borrow it.
    lea esp, [ebx + 8]
    call .here
.here:
    pop ebp
    sub ebp, .here - $$         ; the payload starts with section .head
    mov dword [ebx + 4], 0
    lea esp, [ebp + boot_stack_offset]
    mov edi, eax
    mov esi, ebx
    lea ebx, [ebp + early_tables_offset]

    lea eax, [ebx + PDPT_LOW + PRESENT_WRITE]
    mov [ebx + PML4], eax
    lea eax, [ebx + PD_LOW + PRESENT_WRITE]
    mov ecx, ebp
    shr ecx, 30
    mov [ebx + PDPT_LOW + ecx * 8], eax
    lea eax, [ebp + LARGE_PAGE]
    mov ecx, ebp
    shr ecx, 21
    and ecx, 511
    mov [ebx + PD_LOW + ecx * 8], eax

    mov eax, CR4_PAE
    mov cr4, eax
    lea eax, [ebx + PML4]
    mov cr3, eax
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, CR0_PE_MP_ET_NE_PG
    mov cr0, eax

    lea eax, [ebp + early_gdt_offset]
    push eax
    push word early_gdt_limit
    lgdt [esp]
    lea eax, [ebp + common64 - $$]
    push dword KERNEL_CS
    push eax
    retf

align 8
global early_gdt, early_gdt_limit, early_gdt_pointer
early_gdt:                      ; "accessed" is set, so it may be read-only
    dq 0, 0
    dq 0x00af9b000000ffff       ; KERNEL_CS: 64-bit code
    dq 0x00cf93000000ffff       ; KERNEL_DS
early_gdt_limit equ $ - early_gdt - 1
early_gdt_pointer:              ; for LGDT where the kernel is linked
    dw early_gdt_limit
    dq early_gdt

; Early hooks run at the beginning of each kernel and before the jump to the
; next one, at any address, and may change rax and rsp. Each is a section
; .early.*, and the linker puts them in front of this one, so they fall through
; to its RET.
section .early.99_end progbits alloc exec nowrite
    ret

section .bss align=4096
global early_tables, boot_stack_end
early_tables:
    resb TABLES_END
boot_stack:
    resb 0x4000
boot_stack_end:
