; NMIs while no kernel has its trap table: from the last instructions of one to
; trap_init() of the next.
;
; An NMI cannot be masked (SDM vol. 3 §6.7), and without a gate for it the
; machine resets. So both sides of the jump load a table with one gate, whose
; handler counts and returns. All of it runs where the image is mapped 1:1, too:
; each address is found from rip. It lies in section .head and in one page of
; .bss, which is all that the jump's table maps of the sender (kexec/kexec.c).

%include "layout.inc"

VECTOR_NMI     equ 2
INTERRUPT_GATE equ 0x8e

global nmi_ignore, early_gdt, early_gdt_limit
global nmi_page, nmi_stack_end, nmi_unknown, nmi_rip

section .head progbits alloc exec nowrite
bits 64
nmi_ignore:                     ; needs a stack; changes rax
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
    ret

nmi:
    inc qword [rel nmi_unknown]
    push qword [rsp]
    pop qword [rel nmi_rip]
    iretq

align 8
early_gdt:                      ; "accessed" is set, so it may be read-only
    dq 0, 0
    dq 0x00af9b000000ffff       ; KERNEL_CS: 64-bit code
    dq 0x00cf93000000ffff       ; KERNEL_DS
early_gdt_limit equ $ - early_gdt - 1

section .bss align=4096
nmi_page:
    resb 4096 - 96
nmi_stack_end:
idt:
    resb 16 * VECTOR_NMI
gate:
    resb 16
idt_end:
nmi_unknown:                    ; NMIs of unknown reason (kernel/watchdog.c)
    resq 1
nmi_rip:                        ; what the last of them interrupted
    resq 1
table:                          ; for LGDT and LIDT: limit, base
    resb 4096 - ($ - nmi_page)
