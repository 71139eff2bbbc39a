// For broken invariants only: any other error is returned as a status_t. The
// kernel's panic() is in kernel/panic.c; tests on the host bring their own.

#pragma once

void panic(const char *reason, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
