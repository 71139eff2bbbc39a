; The cell's way in and out. All of this is mapped in a cell as well, at the
; same address, and nothing else of the kernel's code is.
;
; In: the gate calls cell_around, which puts cell_enter in the place of the
; service. That loads the cell's CR3 and starts the service by IRETQ. It returns
; to cell_back, which loads the CR3 of the mode's table again.
;
; A trap comes in at any CR3. The stub saves the one that it found, and handles
; the trap on a table that has all of the kernel.

global cell_text, cell_text_end, cell_stubs, cell_around, cell_roots, cell_next
global cell_back, cell_lifted, cell_around_narrow, cell_narrow, cell_end
extern cell, cell_handle        ; cell.c
extern thunk_back               ; efi/width32/thunk.asm
extern kernel_table             ; struct page_table: CR3 comes first

%include "efi/gate.inc"
%include "efi/isolate/cell.inc"
%include "layout.inc"

VECTORS         equ 256
VECTOR_AT       equ 15 * 8      ; in struct trap_frame
PAGE_BITS       equ 12

%macro PUSH 1-*
%rep %0
    push %1
%rotate 1
%endrep
%endmacro

%macro POP 1-*
%rep %0
    pop %1
%rotate 1
%endrep
%endmacro

section .text align=4096

cell_text:
%assign vector 0
%rep VECTORS
cell_stub_ %+ vector:
    push vector
    jmp cell_trap
%assign vector vector + 1
%endrep

; The frame is that of kernel/trap.asm. It is at the top of a trap's stack, in
; the page of it that the cell has.
cell_trap:
    test spl, 8                 ; is there an error code?
    jnz .has_error_code
    push qword [rsp]
    mov qword [rsp + 8], 0
.has_error_code:
    PUSH rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    mov rsi, cr3
    mov rax, rsi
    xor rax, [rel cell + cell_data.root]
    shr rax, PAGE_BITS          ; below are flags: two caches, off or on
    jnz .home
    mov rax, [rel cell + cell_data.home]
    mov cr3, rax
.home:
    push 2                      ; DF, and AC, which would switch SMAP off,
    popfq                       ; are as the firmware has left them
    mov rdi, rsp
    call cell_handle            ; which CR3 to go on with
    mov [rsp + VECTOR_AT], rax
    POP r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx
    mov rax, [rsp + 8]
    mov cr3, rax
    pop rax
    add rsp, 16                 ; vector and error code
    iretq

cell_enter:                     ; on the firmware's stack, as the mode maps it
    pop qword [rel cell_return]
    lea r10, [rel cell_back]
    push r10
cell_go:                        ; the stack is as the service gets it
    mov [rel cell + cell_data.enter.rsp], rsp
    pushfq
    pop qword [rel cell + cell_data.enter.rflags]
    cli                         ; RSP will be where nothing can be pushed
    lea rsp, [rel cell + cell_data.enter]
    mov r10, [rel cell + cell_data.root]
    mov cr3, r10
    iretq

cell_lifted:                    ; from privilege level 3: IRETQ made these null
    mov r8d, KERNEL_DS
    mov ds, r8d
    mov es, r8d
    mov fs, r8d
    mov gs, r8d
cell_back:                      ; any register may be wrong, RSP too
    mov r8, cr3
    xor r8, [rel cell + cell_data.root]
    xor r8, [rel cell + cell_data.home] ; with what the firmware has changed
    mov cr3, r8                 ; in CR3, for the guard to see
    jmp [rel cell_return]
    align 4096, int3
cell_text_end:

; The rest is not mapped in a cell.

; rax: the record. The table that it names is loaded, and the arguments are in
; their registers.
cell_around:
    mov r10, [rax + gate_call.function]
    mov [rel cell + cell_data.enter.rip], r10
    lea r10, [rel cell_enter]
    mov [rax + gate_call.function], r10
cell_around_narrow:             ; 32-bit firmware: its thunk does the rest
    mov r10, [rax + gate_call.table_pa]
    mov [rel cell + cell_data.home], r10
    mov r11, [rel cell_roots]
    cmp r10, [rel kernel_table]
    cmove r11, [rel cell_roots + 8]
    mov [rel cell + cell_data.root], r11
    jmp [rel cell_next]

; In the place of the far return of efi/width32/thunk.asm. rax: the
; service; on the stack is what it returns to, where it cannot fetch.
cell_narrow:
    mov [rel cell + cell_data.enter.rip], rax
    mov ecx, [rsp]
    mov [rel cell_end], rcx
    lea rcx, [rel thunk_back]
    mov [rel cell_return], rcx
    mov ecx, [rel cell + cell_data.enter.ss]
    mov ds, ecx
    mov es, ecx
    mov fs, ecx
    mov gs, ecx
    jmp cell_go

section .rodata align=8
cell_stubs:
%assign vector 0
%rep VECTORS
    dq cell_stub_ %+ vector
%assign vector vector + 1
%endrep

section .bss align=8
cell_return:                    ; where the gate, or the guard, goes on
    resq 1
cell_roots:                     ; of the cell for a private table; for the
    resq 2                      ; kernel's
cell_next:                      ; what the gate called before: efi/guard
    resq 1
cell_end:                       ; a fetch from there is the end of a service
    resq 1
