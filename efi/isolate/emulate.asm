; Instructions that a service may ask for, and the rest of the kernel does not
; need: see emulate.c.

global emulate_in, emulate_out, emulate_flush

section .text

emulate_in:                     ; edi: port, esi: bytes
    mov edx, edi
    xor eax, eax
    cmp esi, 2
    je .two
    ja .four
    in al, dx
    ret
.two:
    in ax, dx
    ret
.four:
    in eax, dx
    ret

emulate_out:                    ; edi: port, esi: bytes, edx: value
    mov eax, edx
    mov edx, edi
    cmp esi, 2
    je .two
    ja .four
    out dx, al
    ret
.two:
    out dx, ax
    ret
.four:
    out dx, eax
    ret

emulate_flush:
    wbinvd
    ret
