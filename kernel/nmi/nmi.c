// What NMIs report, and the count of those that report nothing.

#include "kernel/nmi/nmi.h"

#include "lib/log.h"
#include "lib/x86.h"

// NMI Status and Control Register (Intel 300 Series PCH datasheet vol. 2,
// §"NMI_STS_CNT"; on the PC/AT, parity errors). All ones: there is no such
// port.
#define NMI_STATUS  0x61
#define NMI_SERR    0x80
#define NMI_IOCHK   0x40
#define NMI_NO_PORT 0xff

extern volatile uint64_t nmi_unknown; // early.asm counts the first ones
extern va_t nmi_rip;

const char *nmi_reason(void) {
    uint8_t status = in8(NMI_STATUS);
    if (status == NMI_NO_PORT || !(status & (NMI_SERR | NMI_IOCHK)))
        return NULL;
    return status & NMI_SERR ? "NMI: SERR#, a bus or memory error"
                             : "NMI: IOCHK#, an error of an expansion card";
}

void nmi_count(va_t rip) {
    nmi_unknown++;
    nmi_rip = rip;
}

void nmi_report(void) {
    static uint64_t reported;
    if (reported == nmi_unknown)
        return;
    reported = nmi_unknown;
    event("nmi", "unknown=%lu rip=%#lx", reported, nmi_rip);
}
