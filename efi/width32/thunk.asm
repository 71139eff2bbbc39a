; Services of 32-bit firmware, behind entries with the calling convention of
; 64-bit ones (UEFI 2.10 §2.3.4.2): the gate and the guard call them like any
; other. The way there is a far return into compatibility mode, on the
; firmware's stack; the way back is a far jump in the landing page (width32.c).
;
; 32-bit code keeps EBX, EBP, ESI and EDI (UEFI 2.10 §2.3.2.2). The upper halves
; of these are undefined after it (SDM vol. 1 §3.4.1.1): they are put back where
; the lower half is what it was, so that the guard sees what the firmware did.

global thunk_entry, thunk_back, thunk_target, thunk_leave, thunk_way
extern gate_current

%include "efi/gate.inc"
%include "layout.inc"

SERVICES        equ 14
FIFTH           equ 32          ; behind the space of the register arguments
ARGUMENTS_BYTES equ 32          ; five words, 16-byte aligned

section .text

%assign n 0
%rep SERVICES
thunk_entry_ %+ n:
    mov eax, n
    jmp thunk
%assign n n + 1
%endrep

thunk:
    lea r10, [rel thunk_target]
    mov r11d, [r10 + 8 * rax + 4] ; the landing
    mov eax, [r10 + 8 * rax]
    pop qword [rel return_va]
    mov r10, [rsp + FIFTH]
    sub rsp, 4 + ARGUMENTS_BYTES
    mov [rsp + 0x00], r11d      ; where the firmware's RET leads
    mov [rsp + 0x04], ecx
    mov [rsp + 0x08], edx
    mov [rsp + 0x0c], r8d
    mov [rsp + 0x10], r9d
    mov [rsp + 0x14], r10d
    fldcw [rel fcw_32]
    mov ecx, ss                 ; FS and GS with base 0 (UEFI 2.10 §2.3.2), even
    mov fs, ecx                 ; if the firmware has changed it
    mov gs, ecx
    jmp [rel thunk_way]
thunk_straight:                 ; rax: the service
    push CODE32_CS
    push rax
thunk_leave:                    ; for a stopwatch
    o64 retf

thunk_back:                     ; the landing leads here
    mov esp, esp
    add rsp, ARGUMENTS_BYTES
    add eax, eax                ; an error: bit 31, and bit 63 for 64-bit code
    rcr rax, 1
    mov r8, [rel gate_current]
%macro WIDEN 3
    mov rdx, [r8 + %3]
    cmp %2, edx
    cmove %1, rdx
%endmacro
    WIDEN rbx, ebx, gate_call.saved.rbx
    WIDEN rbp, ebp, gate_call.saved.rbp
    WIDEN rsi, esi, gate_call.saved.rsi
    WIDEN rdi, edi, gate_call.saved.rdi
    fnstcw [rel fcw]
    xor word [rel fcw], FCW_32 ^ FCW_64 ; the guard sees any other one
    fldcw [rel fcw]
    jmp [rel return_va]

; UEFI 2.10 §2.3.2 and §2.3.4: IA-32 firmware computes with 53 bits.
FCW_32          equ 0x027f
FCW_64          equ 0x037f

section .rodata align=8
thunk_entry:
%assign n 0
%rep SERVICES
    dq thunk_entry_ %+ n
%assign n n + 1
%endrep
fcw_32:
    dw FCW_32

section .data align=8
thunk_way:                      ; efi/isolate has another one
    dq thunk_straight

section .bss align=8
thunk_target:                   ; struct thunk_target: two words of 32 bits
    resq SERVICES
return_va:
    resq 1
fcw:
    resw 1
