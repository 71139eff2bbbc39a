// Runs a fuzz target over files: its corpus, and all inputs that ever failed.
// libFuzzer's program could do that as well; this one needs no clang, and uses
// GCC's sanitizers.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX 0x100000

const char *__asan_default_options(void);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const char *__asan_default_options(void) {
    return "handle_abort=1"; // a failed assertion shows its stack
}

// The bytes are in memory of their exact size, so that ASan checks its end.
static int replay(const char *name) {
    static uint8_t all[INPUT_MAX];
    FILE *file = fopen(name, "rb");
    if (!file) {
        perror(name);
        return 1;
    }
    size_t size = fread(all, 1, sizeof(all), file);
    fclose(file);
    uint8_t *data = malloc(size + !size);
    for (size_t i = 0; i < size; i++)
        data[i] = all[i];
    fprintf(stderr, "%s\n", name); // the last name is that of the culprit
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

int main(int count, char **names) {
    int failures = 0;
    for (int i = 1; i < count; i++)
        failures += replay(names[i]);
    return failures != 0;
}
