// The watchdog: a timer that every tick restarts, and whose NMI therefore comes
// only after 55 ms without a tick: interrupts are off, or the machine stood
// still. All other NMIs come here as well: only the time at which they arrive
// distinguishes them.

#pragma once

#include "kernel/timer/timer.h"
#include "lib/types.h"

// Microseconds without a tick after which it sends its NMI.
#define WATCHDOG_PERIOD_US TIME_SPAN_US

// Starts it; its NMI goes to this processor. The interrupt controllers are
// open. Returns whether its NMI came when it was tried: 0.1 ms, or 0.1 s if
// not.
bool watchdog_init(void);

// Starts its period again. From any context, NMIs included.
void watchdog_restart(void);

// Stops it. When this returns, no NMI of its is under way.
void watchdog_stop(void);

// For the handler of an NMI that was not raised by an instruction; `rip` is
// what it interrupted. True: it was the watchdog's, however late it came, or
// has no known reason, in which case it is counted; the interrupted code may go
// on. False: it reports a hardware error, see kernel/nmi/nmi.h.
bool watchdog_take_nmi(va_t rip);
