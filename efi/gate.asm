; The call gate's inside: see efi/gate.h for what it promises.
;
; After the call no register can be trusted, the stack pointer least of all. So
; what the kernel needs again is in the call's record, and the record is found
; through memory. A fault in the firmware continues at gate_recover, with any
; registers.

global gate_enter, gate_plain, gate_recover, gate_home, gate_mxcsr
extern gate_current             ; struct gate_call *, in gate.c
extern gate_around              ; the code that calls the service
extern kernel_table             ; struct page_table: CR3 comes first

%include "efi/gate.inc"

; What the MS x64 calling convention reserves for the four register arguments,
; and the fifth one above it; 16-byte aligned together (UEFI 2.10 §2.3.4.2):
; GATE_FRAME.
SHADOW          equ 32

section .text

gate_enter:
    mov rax, [rel gate_current]
    mov [rax + gate_call.saved.rbx], rbx
    mov [rax + gate_call.saved.rbp], rbp
    mov [rax + gate_call.saved.rsi], rsi
    mov [rax + gate_call.saved.rdi], rdi
    mov [rax + gate_call.saved.r12], r12
    mov [rax + gate_call.saved.r13], r13
    mov [rax + gate_call.saved.r14], r14
    mov [rax + gate_call.saved.r15], r15
    pushfq
    mov [rax + gate_call.kernel_rsp], rsp

    mov rcx, [rax + gate_call.table_pa] ; both tables map this code
    cmp rcx, [rel kernel_table]
    je .same_table              ; writing CR3 empties the TLB even then
    mov cr3, rcx
.same_table:
    mov rsp, [rax + gate_call.stack_top]
    fninit                      ; the state of UEFI 2.10 §2.3.4
    ldmxcsr [rel gate_mxcsr]         ; and the direction flag is clear in C

    mov rcx, [rax + gate_call.argument + 0x20]
    mov [rsp + SHADOW], rcx
    mov rcx, [rax + gate_call.argument + 0x00]
    mov rdx, [rax + gate_call.argument + 0x08]
    mov r8, [rax + gate_call.argument + 0x10]
    mov r9, [rax + gate_call.argument + 0x18]
    call [rel gate_around]

    mov r8, [rel gate_current]
    mov [r8 + gate_call.status], rax
gate_recover:                   ; nothing is known but memory
    mov r8, [rel gate_current]
    mov rbx, [r8 + gate_call.saved.rbx] ; what a C function has to keep
    mov rbp, [r8 + gate_call.saved.rbp]
    mov r12, [r8 + gate_call.saved.r12]
    mov r13, [r8 + gate_call.saved.r13]
    mov r14, [r8 + gate_call.saved.r14]
    mov r15, [r8 + gate_call.saved.r15]
gate_home:                      ; r8: the record. These registers are right
    mov rsp, [r8 + gate_call.kernel_rsp]
    mov rax, cr3
    cmp rax, [rel kernel_table]
    je .home
    mov rax, [rel kernel_table]
    mov cr3, rax
.home:
    popfq
    ret

gate_plain:                     ; rax: the record
    jmp [rax + gate_call.function]

section .rodata align=4
gate_mxcsr:
    dd 0x1f80                   ; all exceptions masked, round to nearest
