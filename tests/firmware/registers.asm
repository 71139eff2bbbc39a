; Sins that C cannot commit: against registers, flags and tables of the CPU.
;
; Each answers in the place of GetTime: first the true one, then the sin. So the
; caller has its answer, and what came back wrong beside it.

default rel

extern original                 ; the services as they were, in driver.c
global register_sins, register_sins_end

%macro SIN 1                    ; its name on GRUB's `chainloader` line
section .data
    dq %%name, %%code
section .rdata rdata
%%name: db %1, 0
section .text
%%code:
    sub rsp, 0x28
    call [original]
    add rsp, 0x28
%endmacro

section .data align=8
register_sins:
scratch:
    dq 0, 0                     ; a row without a name: no sin

SIN "rbx"
    not rbx
    ret
SIN "rbp"
    not rbp
    ret
SIN "rsi"
    not rsi
    ret
SIN "rdi"
    not rdi
    ret
SIN "r12"
    not r12
    ret
SIN "r13"
    not r13
    ret
SIN "r14"
    not r14
    ret
SIN "r15"
    not r15
    ret
SIN "rsp"                       ; comes back, with a stack of another height
    pop rcx
    add rsp, 64
    jmp rcx
SIN "direction-flag"
    std
    ret
SIN "interrupt-flag"
    cli
    ret
SIN "trap-flag"                 ; the step is taken when it is the kernel's turn
    pushfq
    or dword [rsp], 1 << 8
    popfq
    ret
SIN "alignment-flag"
    pushfq
    or dword [rsp], 1 << 18
    popfq
    ret
SIN "nested-flag"
    pushfq
    or dword [rsp], 1 << 14
    popfq
    ret
SIN "privilege-flags"
    pushfq
    or dword [rsp], 3 << 12
    popfq
    ret
SIN "sse-exceptions"
    push 0x1f00
    ldmxcsr [rsp]
    pop rcx
    ret
SIN "fpu-control"
    push 0x027f
    fldcw [rsp]
    pop rcx
    ret
SIN "xmm"                       ; alike: they must not make up for each other
    pcmpeqd xmm6, xmm6
    pcmpeqd xmm15, xmm15
    ret
SIN "write-protection"
    mov rcx, cr0
    btr rcx, 16
    mov cr0, rcx
    ret
SIN "task-switched"             ; the caller's next FPU instruction faults
    mov rcx, cr0
    bts rcx, 3
    mov cr0, rcx
    ret
SIN "cr4"
    mov rcx, cr4
    btc rcx, 2                  ; TSD: who may read the time stamp
    mov cr4, rcx
    ret
SIN "cr3"                       ; the same table, read past the caches
    mov rcx, cr3
    bts rcx, 4
    mov cr3, rcx
    ret
SIN "data-segments"
    xor ecx, ecx
    mov ds, ecx
    mov es, ecx
    ret
SIN "gs"
    mov ecx, ss
    mov gs, ecx
    ret
SIN "gdt"                       ; shorter by the kernel's task
    sub rsp, 16
    sgdt [rsp]
    mov word [rsp], 0x1f
    lgdt [rsp]
    add rsp, 16
    ret
SIN "idt"                       ; the next interrupt would be the last
    cli
    sub rsp, 16
    sidt [rsp]
    mov word [rsp], 0
    lidt [rsp]
    add rsp, 16
    ret
SIN "debug-register"            ; a breakpoint on nothing that is ever executed
    lea rcx, [scratch]
    mov dr0, rcx
    mov ecx, 0x402
    mov dr7, rcx
    ret
SIN "efer"                      ; SYSCALL on or off
    mov r8, rax
    mov ecx, 0xc0000080
    rdmsr
    xor eax, 1
    wrmsr
    mov rax, r8
    ret
SIN "pat"                       ; entry 0 becomes uncached
    mov r8, rax
    mov ecx, 0x277
    rdmsr
    xor al, 6
    wrmsr
    mov rax, r8
    ret

SIN "opcode"
    ud2
SIN "divide"
    xor ecx, ecx
    div ecx
    ret
SIN "address"                   ; which no table can map
    mov rcx, 0x8000000000000000
    mov rcx, [rcx]
    ret
SIN "no-fpu"
    mov rcx, cr0
    bts rcx, 3
    mov cr0, rcx
    fldz
    ret
SIN "fpu"                       ; 0 / 0 with all exceptions unmasked
    push 0x0340
    fldcw [rsp]
    pop rcx
    fldz
    fldz
    fdivp
    fwait
    ret
SIN "simd"                      ; 1 / 0 with all exceptions unmasked
    push 0
    ldmxcsr [rsp]
    pop rcx
    xorps xmm1, xmm1
    mov ecx, 1
    cvtsi2ss xmm0, ecx
    divss xmm0, xmm1
    ret
SIN "step"                      ; a single step in its own code
    pushfq
    or dword [rsp], 1 << 8
    popfq
    nop
    ret
SIN "breakpoint"
    int3
    ret
SIN "stack-lost"
    xor esp, esp
    push rax
    ret
SIN "stack-wild"                ; not canonical: a stack segment fault
    mov rsp, 0x8000000000000000
    push rax
    ret
SIN "stack-overflow"
    push rax
    jmp short $-1
SIN "hang"
    jmp $
SIN "hang-deaf"
    cli
    jmp $
SIN "halt"
    cli
    hlt
    jmp short $-1

section .data
register_sins_end:
