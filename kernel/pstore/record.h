// A panic's last words, kept in flash for who comes after the reset: as
// variables named and laid out as Linux's efi-pstore does it, so that either
// kernel can show what the other one said. Without prove=write nothing is
// written or deleted.

#pragma once
// After a panic was reported: writes the end of the log, a KiB a variable, if
// the firmware can be called. Says how much was kept, or why nothing.
void record_write(void);

// Prints what a Baton before the reset has left, and deletes it if it may. The
// records of a Linux stay for Linux.
void record_report(void);
