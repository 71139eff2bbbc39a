; NMIs while no kernel has its trap table: from the last instructions of one to
; trap_init() of the next.
;
; An NMI cannot be masked (SDM vol. 3 §6.7), and without a gate for it the
; machine resets. So both sides of the jump load a table with one gate, whose
; handler counts and returns: this is an early hook (boot/entry.asm). All of it
; also runs where the image is mapped 1:1, so each address is found from rip.
; The transition page table maps section .head and one page of .bss, which has
; the stack and the tables (kernel/nmi/attach.c).

%include "layout.inc"

VECTOR_NMI     equ 2
INTERRUPT_GATE equ 0x8e

extern early_gdt, early_gdt_limit
global nmi_page, nmi_unknown, nmi_rip

section .early.50_nmi progbits alloc exec nowrite
bits 64
    pop rax                     ; the caller's stack may not be mapped soon
    lea rsp, [rel nmi_stack_end]
    push rax
    lea rax, [rel nmi]
    mov [rel gate], ax
    mov dword [rel gate + 2], INTERRUPT_GATE << 24 | KERNEL_CS
    shr rax, 16
    mov [rel gate + 6], rax     ; its last two bytes are reserved: zero
    lea rax, [rel early_gdt]    ; IRET reads the segments again
    mov word [rel table], early_gdt_limit
    mov [rel table + 2], rax
    lgdt [rel table]
    lea rax, [rel idt]
    mov word [rel table], idt_end - idt - 1
    mov [rel table + 2], rax
    lidt [rel table]

section .head progbits alloc exec nowrite
nmi:
    inc qword [rel nmi_unknown]
    push qword [rsp]
    pop qword [rel nmi_rip]
    iretq

section .bss align=4096
nmi_page:
    resb 4096 - 96
nmi_stack_end:
idt:
    resb 16 * VECTOR_NMI
gate:
    resb 16
idt_end:
nmi_unknown:                    ; NMIs of unknown reason (kernel/nmi/nmi.c)
    resq 1
nmi_rip:                        ; what the last of them interrupted
    resq 1
table:                          ; for LGDT and LIDT: limit, base
    resb 4096 - ($ - nmi_page)
