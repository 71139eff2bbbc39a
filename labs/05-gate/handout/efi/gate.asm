; Lab 5: no service is called, and each answers EFI_UNSUPPORTED. rax is the
; record when gate_around is called, and what returns from there need not be
; where you called it: the register guard goes straight to gate_home.
gate_enter:
    mov rax, [rel gate_current]
    mov rcx, 0x8000000000000003
    mov [rax + gate_call.status], rcx
    ret
