// Is a deviation tolerated? See the header.

#include "efi/quirk.h"

#include "lib/log.h"
#include "lib/string.h"

bool efi_tolerates(const char *name) {
    static uint64_t logged; // bit n for row n
    FOR_EACH_ROW(quirks, quirk) {
        uint64_t bit = 1UL << (quirk - quirks_start);
        if (!str_equal(quirk->name, name))
            continue;
        if (!(logged & bit))
            event("efi.quirk",
                  "name=%s does=\"%s\" remedy=\"%s\" source=\"%s\"",
                  quirk->name, quirk->does, quirk->remedy, quirk->source);
        logged |= bit;
        return true;
    }
    return false;
}
