; Faults that cannot be written in C: in registers, flags and tables of the CPU.
;
; Each replaces GetTime: it calls the original service, and then misbehaves. So
; the caller has a valid result, and a wrong state.
;
; A fault that firmware of both widths can have is written once, with the names
; of 64-bit registers and instructions, which mean the halves in 32-bit code.
; What only one width has is at the end.

extern original                 ; the services as they were, in driver.c
global register_sins, register_sins_end, allow_interrupts, await_interrupt

%ifidn __OUTPUT_FORMAT__, win64

%define WIDE
default rel
%define WORDS   dq
%define WORD    8
%define OTHER_FCW 0x027f        ; what 32-bit firmware has
%define LAST_XMM xmm15
%define ABOVE_STACK 56
%define CODE    0x00af9b000000ffff ; descriptors: of 64 bits
%define OTHER_CODE 0x00cf9b000000ffff ; of 32 bits

%macro CALL_ORIGINAL 0
    sub rsp, 0x28
    call [original]
    add rsp, 0x28
%endmacro

%else

%define WORDS   dd
%define WORD    4
%define OTHER_FCW 0x037f
%define LAST_XMM xmm7
%define ABOVE_STACK 84
%define CODE    0x00cf9b000000ffff
%define OTHER_CODE 0x00af9b000000ffff

%macro CALL_ORIGINAL 0
    push dword [esp + 8]        ; GetTime's two arguments
    push dword [esp + 8]
    call [original]
    add esp, 8
%endmacro

%define rax     eax
%define rbx     ebx
%define rcx     ecx
%define rdx     edx
%define rsi     esi
%define rdi     edi
%define rbp     ebp
%define rsp     esp
%define pushfq  pushfd
%define popfq   popfd
%define retfq   retf
%define movsq   movsd

%endif

%macro SIN 1                    ; its name on GRUB's `chainloader` line
section .data
    WORDS %%name, %%code
section .rdata rdata
%%name: db %1, 0
section .text
%%code:
    CALL_ORIGINAL
%endmacro

section .data align=8
register_sins:
scratch:
    WORDS 0, 0                  ; a row without a name: no sin

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
    push OTHER_FCW
    fldcw [rsp]
    pop rcx
    ret
SIN "xmm"                       ; alike: they must not make up for each other
    pcmpeqd xmm6, xmm6
    pcmpeqd LAST_XMM, LAST_XMM
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
    xor ecx, ecx
    mov gs, ecx
    ret
SIN "fs"
    xor ecx, ecx
    mov fs, ecx
    ret
SIN "stack-segment"             ; a fault in 32-bit code
    xor ecx, ecx
    mov ss, ecx
    ret
SIN "code-segment"              ; no interrupt would come back from there
    cli
    call borrow_gdt
    lea rcx, [other_code]
    push OTHER_CS
    push rcx
    retfq
other_code:
    lgdt [kernel_gdt]
    ret
SIN "task"                      ; the same one, by another descriptor
    call borrow_gdt
    mov ecx, OTHER_TASK
    ltr cx
    lgdt [kernel_gdt]
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
SIN "home-breakpoint"           ; on the first instruction of who called
    mov rcx, [rsp]
    mov dr0, rcx
    mov ecx, 0x401
    mov dr7, rcx
    ret
SIN "efer"                      ; SYSCALL on or off
    push rax
    mov ecx, 0xc0000080
    rdmsr
    xor eax, 1
    wrmsr
    pop rax
    ret
SIN "pat"                       ; entry 0 becomes uncached
    push rax
    mov ecx, 0x277
    rdmsr
    xor al, 6
    wrmsr
    pop rax
    ret

; State that the caller does not use.
SIN "debug-addresses"
    lea rcx, [scratch]
    mov dr1, rcx
    mov dr2, rcx
    mov dr3, rcx
    mov ecx, 0xffff4ff0
    mov dr6, rcx
    ret
SIN "fpu-stack"                 ; full
    times 8 fldz
    ret
SIN "segment-bases"             ; and where SYSCALL goes
    push rax
    mov eax, 0x1000
    xor edx, edx
    mov ecx, 0xc0000081         ; IA32_STAR, LSTAR
    wrmsr
    inc ecx
    wrmsr
    mov ecx, 0xc0000100         ; IA32_FS_BASE, GS_BASE, KERNEL_GS_BASE
    wrmsr
    inc ecx
    wrmsr
    inc ecx
    wrmsr
    pop rax
    ret

; Not registers of the CPU, but of its interrupt controllers.
SIN "pic"                       ; all that is connected may interrupt
    push rax
    xor eax, eax
    out 0x21, al
    out 0xa1, al
    pop rax
    ret
SIN "pit"                       ; channel 0, a square wave
    push rax
    mov al, 0x36
    out 0x43, al
    xor eax, eax
    out 0x40, al
    out 0x40, al
    pop rax
    ret

SIN "alignment"                 ; no sin: UEFI 2.10 §2.3.4.2 promises that
    movaps [rsp + WORD], xmm0
    ret

SIN "opcode"
    ud2
SIN "direction-fault"
    std
    ud2
SIN "interrupt-2"               ; looks like a machine check
    int 2
    ret
SIN "interrupt-14"              ; a page fault without an error code
    int 14
    ret
SIN "interrupt-32"              ; the timer's
    int 32
    ret
SIN "interrupt-128"
    int 128
    ret
SIN "interrupt-table"           ; without #GP and #PF: a double fault
    cli
    sub rsp, 16
    sidt [rsp]
    mov word [rsp], 9 * 16 - 1
    lidt [rsp]
    mov ecx, NO_SELECTOR
    mov ds, ecx
SIN "other-width"               ; code of 32 bits, or of 64
    call borrow_gdt
    lea rcx, [code_of_other_width]
    push OTHER_WIDTH_CS
    push rcx
    retfq
code_of_other_width:
    ud2
SIN "user"                      ; privilege level 3
    call borrow_gdt
    mov rdx, rsp
    lea rcx, [user_code]
    push USER_SS
    push rdx
    push USER_CS
    push rcx
    retfq
SIN "emulation"                 ; the caller's next FPU instruction faults
    mov rcx, cr0
    bts rcx, 2
    mov cr0, rcx
    ret
SIN "no-sse"                    ; the same for SSE
    mov rcx, cr4
    btr rcx, 9
    mov cr4, rcx
    ret
SIN "divide"
    xor ecx, ecx
    div ecx
    ret
SIN "selector"                  ; beyond the descriptor table
    mov ecx, NO_SELECTOR
    mov ds, ecx
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
SIN "stack-overflow"
    push rax
    jmp short $-1
SIN "stack-underflow"           ; one word above all of it
    mov [rsp + ABOVE_STACK], rax
    ret
SIN "hang"
    jmp $
SIN "halt-awake"
    sti
    hlt
    jmp short $-2
SIN "hang-deaf"
    cli
    jmp $
SIN "halt"
    cli
    hlt
    jmp short $-1

%ifdef WIDE

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
SIN "task-priority"             ; no interrupt is as urgent as that
    mov ecx, 15
    mov cr8, rcx
    ret

; What is harmless in each mode but `direct`, which is in the upper half and not
; in its last 512 GiB, and there ends the machine: nothing can contain it.
%macro EXCEPT_IN_DIRECT_MAP_RETURN 0
    lea rcx, [scratch]
    sar rcx, 39
    cmp rcx, -1
    jl %%there
    ret
%%there:
%endmacro

SIN "direct-resets"             ; by the chipset's reset control register
    EXCEPT_IN_DIRECT_MAP_RETURN
    mov edx, 0xcf9
    mov eax, 6
    out dx, al
    jmp $
SIN "direct-hangs"              ; restarting the PIT, which is the watchdog
    EXCEPT_IN_DIRECT_MAP_RETURN
    cli
again:
    mov eax, 0x30
    out 0x43, al
    out 0x40, al
    out 0x40, al
    jmp again

SIN "hang-urgent"
    mov ecx, 15
    mov cr8, rcx
    jmp $
SIN "address"                   ; which no table can map
    mov rcx, 0x8000000000000000
    mov rcx, [rcx]
    ret
SIN "jump-wild"
    mov rcx, 0x8000000000000000
    jmp rcx
SIN "stack-wild"                ; not canonical: a stack segment fault
    mov rsp, 0x8000000000000000
    push rax
    ret

%else

SIN "callee-pops"               ; another calling convention
    ret 8
SIN "task-switch"               ; as 32-bit kernels do; not in long mode
    call TASK:0
SIN "flat-segments"             ; no sin: UEFI 2.10 §2.3.2 promises that, even
    push eax                    ; if the call before has changed a base
    mov ecx, ss
    mov edx, fs
    cmp ecx, edx
    jne not_flat
    mov edx, gs
    cmp ecx, edx
    jne not_flat
    cmp dword [fs:flat], FLAT
    jne not_flat
    cmp dword [gs:flat], FLAT
    jne not_flat
    mov eax, 0x1000
    xor edx, edx
    mov ecx, 0xc0000100         ; IA32_FS_BASE, IA32_GS_BASE
    wrmsr
    inc ecx
    wrmsr
    pop eax
    ret
not_flat:
    ud2

%endif

section .text
user_code:
    ret

; A copy of the current GDT, with more descriptors, replaces it; kernel_gdt has
; the address of the original.
TASK            equ 0x20        ; TSS_SELECTOR in mm/layout.h
OTHER_CS        equ 0x30
OTHER_WIDTH_CS  equ 0x38
OTHER_TASK      equ 0x40
USER_CS         equ 0x53
USER_SS         equ 0x5b
NO_SELECTOR     equ 0xfff8
borrow_gdt:
    push rsi
    push rdi
    sgdt [kernel_gdt]
    mov rsi, [kernel_gdt + 2]
    lea rdi, [gdt]
    mov [other_gdt + 2], rdi
    mov ecx, OTHER_CS / WORD
    rep movsq
    mov rsi, [kernel_gdt + 2]
    add rsi, TASK
    lea rdi, [gdt + OTHER_TASK]
    mov ecx, 16 / WORD
    rep movsq
    and byte [gdt + OTHER_TASK + 5], ~2 ; not busy
    pop rdi
    pop rsi
    lgdt [other_gdt]
    ret

allow_interrupts:
    sti
    ret

await_interrupt:
    hlt
    ret

section .data
register_sins_end:
FLAT            equ 0x466c6174
flat:
    dd FLAT
other_gdt:
    dw gdt.end - gdt - 1
    dq 0
kernel_gdt:
    dw 0
    dq 0
    align 8
gdt:
    times OTHER_CS / 8 dq 0
    dq CODE, OTHER_CODE
    dq 0, 0                     ; OTHER_TASK
    dq CODE | LEVEL_3, DATA | LEVEL_3
.end:
DATA            equ 0x00cf93000000ffff
LEVEL_3         equ 3 << 45
