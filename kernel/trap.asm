; Exceptions and interrupts: 256 stubs, one common entry.
;
; The CPU aligns the stack to 16 bytes and pushes ss, rsp, rflags, cs, rip and,
; for some exceptions, an error code (SDM vol. 3 §6.14). Each stub pushes its
; vector. The common entry pushes a zero where there is no error code, saves the
; registers as struct trap_frame (lib/trap.h) and calls trap_handler(frame),
; which may change what is restored. The frame is 22 words, so the stack is as
; aligned at the call as the CPU has made it.

%include "layout.inc"

extern trap_handler
global trap_stubs, run_on_stack

VECTORS         equ 256

section .text

%assign vector 0
%rep VECTORS
stub_ %+ vector:
    push vector
    jmp trap_common
%assign vector vector + 1
%endrep

; The alignment of the stack shows whether there is an error code. The vector
; does not: `int 14` looks like a page fault and pushes none.
trap_common:
    test spl, 8
    jnz .has_error_code
    push qword [rsp]
    mov qword [rsp + 8], 0
.has_error_code:
    push rax
    push rcx
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    cld                         ; the interrupted code may have set DF
    mov rdi, rsp
    call trap_handler
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
    pop rcx
    pop rax
    add rsp, 16                 ; vector and error code
    iretq

; run_on_stack(top, function): leaves the present stack for good.
run_on_stack:
    mov rsp, rdi
    xor ebp, ebp                ; a backtrace ends here
    call rsi
    ud2

section .rodata align=8
trap_stubs:                     ; the address of each stub, for the IDT
%assign vector 0
%rep VECTORS
    dq stub_ %+ vector
%assign vector vector + 1
%endrep
