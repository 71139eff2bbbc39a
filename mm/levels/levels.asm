; From four levels of page tables to five, or back.
;
; CR4.LA57 cannot change in long mode (SDM vol. 3 §4.1.2), and a processor that
; leaves long mode has neither paging nor more than 32 bits of an address. So
; this code runs in a page below 4 GiB, at VA = PA in the old table and in the
; new one: it is copied there, and must work at any address. Interrupts cannot
; be handled here, and a fault would be a triple fault.
;
;     void levels_change(pa_t root_pa, uint64_t cr4);

%include "layout.inc"

CODE32 equ 0x08
CR0_PG equ 1 << 31

global levels_start, levels_end

section .text
bits 64
levels_start:
    push rbx                    ; in 32-bit mode the upper halves get lost
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rel stack], rsp
    sgdt [rel kernel_gdtr]
    lea rax, [rel gdt]
    mov [rel gdtr.base], rax
    lgdt [rel gdtr]
    lea rax, [rel .long]
    mov [rel long_mode], eax
    lea rbx, [rel long_mode]
    lea rax, [rel .compatible]
    push CODE32
    push rax
    retfq

bits 32
.compatible:
    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax                ; paging and long mode are off,
    mov cr4, esi                ; so this may change,
    mov cr3, edi
    or eax, CR0_PG
    mov cr0, eax                ; and on again
    jmp far [ebx]

bits 64
.long:
    lgdt [rel kernel_gdtr]
    mov rsp, [rel stack]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

align 8
gdt:
    dq 0
    dq 0x00cf9b000000ffff       ; CODE32
    dq 0x00af9b000000ffff       ; KERNEL_CS: 64-bit code
gdtr:
    dw $ - gdt - 1
.base:
    dq 0
kernel_gdtr:
    dw 0
    dq 0
long_mode:
    dd 0
    dw KERNEL_CS
stack:
    dq 0
levels_end:
