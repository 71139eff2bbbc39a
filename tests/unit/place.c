// A tool for a test: the addresses that efi=fixed gives to the regions of a
// map. Reads lines of "pa pages" in ascending order, writes lines of "pa va".

#include <inttypes.h>
#include <stdio.h>

#include "efi/mode.h"
#include "mm/layout.h"

va_t direct_map_base = DIRECT_MAP_BASE; // the kernel has it in mm/space.c

static struct efi_regions regions;

int main(void) {
    struct efi_region *region = regions.region;
    while (regions.count < EFI_REGIONS_MAX &&
           scanf("%" SCNx64 " %" SCNu64, &region->pa, &region->pages) == 2) {
        region++;
        regions.count++;
    }
    if (!feof(stdin) || efi_place_fixed(&regions) != STATUS_OK)
        return 1;
    for (size_t i = 0; i < regions.count; i++)
        printf("%#" PRIx64 " %#" PRIx64 "\n", regions.region[i].pa,
               regions.region[i].va);
    return 0;
}
