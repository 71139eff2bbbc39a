// A plugin for QEMU's TCG that cuts the power: it counts instructions, and
// kills QEMU immediately before instruction number `at`. SIGKILL leaves QEMU no
// time to flush anything; a command to the flash that has been executed is in
// the file, because QEMU writes it before the next instruction.
//
// With `log` it notes instead when the flash was written, and when the
// instructions at the addresses `mark` were executed. The declarations are
// those of QEMU's qemu-plugin.h, which Debian does not package.
//
// QEMU 8.0 to 9.1 waits for itself for ever (its issue 2566) if a page walk
// sets an accessed bit within an instruction that has a callback for memory and
// calls a helper, as IRET does. So only stores by MOV have one, which call
// none; a driver for flash is compiled to them.

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CUTS_MAX  1024
#define MARKS_MAX 8

typedef uint64_t plugin_id;
struct insn;
struct tb;
struct hwaddr;
enum { NO_REGISTERS = 0, WRITES = 2 }; // QEMU_PLUGIN_CB_…, QEMU_PLUGIN_MEM_W

typedef void on_tb(plugin_id, struct tb *);
typedef void on_insn(unsigned cpu, void *data);
typedef void on_memory(unsigned cpu, uint32_t info, uint64_t va, void *data);
typedef void on_exit_of(plugin_id, void *data);

size_t qemu_plugin_tb_n_insns(const struct tb *tb);
struct insn *qemu_plugin_tb_get_insn(const struct tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct insn *insn);
#if QEMU_VERSION < 901
const void *qemu_plugin_insn_data(const struct insn *insn);
#else
size_t qemu_plugin_insn_data(const struct insn *insn, void *to, size_t size);
#endif
size_t qemu_plugin_insn_size(const struct insn *insn);
struct hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t va);
bool qemu_plugin_hwaddr_is_io(const struct hwaddr *address);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct hwaddr *address);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, on_tb *call);
void qemu_plugin_register_vcpu_insn_exec_cb(struct insn *insn, on_insn *call,
                                            int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct insn *insn, on_memory *call,
                                      int flags, int kind, void *data);
void qemu_plugin_register_atexit_cb(plugin_id id, on_exit_of *call, void *data);
int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

extern int qemu_plugin_version;
int qemu_plugin_version = QEMU_VERSION < 900 ? 1 : 2; // 9.0 no longer takes 1

static uint64_t count, flash, at[CUTS_MAX], mark[MARKS_MAX];
static size_t cuts, done, marks;
static FILE *notes;

static void copy(const char *from, const char *kind) {
    static char name[32], bytes[1 << 16];
    size_t size;
    snprintf(name, sizeof(name), "%" PRIu64 ".%s", count, kind);
    FILE *in = fopen(from, "rb"), *out = fopen(name, "wb");
    if (!in || !out)
        abort();
    while ((size = fread(bytes, 1, sizeof(bytes), in)) > 0)
        fwrite(bytes, 1, size, out);
    fclose(in);
    fclose(out);
}

static void count_it(unsigned cpu, void *data) {
    (void)cpu, (void)data;
    if (++count != at[done])
        return;
    if (++done == cuts)
        kill(getpid(), SIGKILL);
    copy("vars.fd", "fd");
    copy("serial.log", "log");
}

static void note_mark(unsigned cpu, void *data) {
    (void)cpu;
    fprintf(notes, "mark %" PRIu64 " %#" PRIx64 "\n", count, *(uint64_t *)data);
}

static void note_write(unsigned cpu, uint32_t info, uint64_t va, void *data) {
    (void)cpu, (void)data;
    struct hwaddr *to = qemu_plugin_get_hwaddr(info, va);
    if (to && qemu_plugin_hwaddr_is_io(to) &&
        qemu_plugin_hwaddr_phys_addr(to) >= flash)
        fprintf(notes, "flash %" PRIu64 " %#" PRIx64 "\n", count,
                qemu_plugin_hwaddr_phys_addr(to));
}

static void note_end(plugin_id id, void *data) {
    (void)id, (void)data;
    fprintf(notes, "end %" PRIu64 " 0\n", count);
    fclose(notes);
}

static void bytes_of(const struct insn *insn, uint8_t *bytes, size_t size) {
#if QEMU_VERSION < 901
    memcpy(bytes, qemu_plugin_insn_data(insn), size);
#else
    qemu_plugin_insn_data(insn, bytes, size);
#endif
}

// MOV to memory, SDM vol. 2 §4.3. 0x66 and REX may come before the opcode.
static bool is_store(const struct insn *insn) {
    uint8_t bytes[15];
    size_t i = 0, size = qemu_plugin_insn_size(insn);
    bytes_of(insn, bytes, size);
    while (i < size && (bytes[i] == 0x66 || (bytes[i] & 0xf0) == 0x40))
        i++;
    return i < size && memchr("\x88\x89\xa2\xa3\xc6\xc7", bytes[i], 6);
}

static void instrument(struct insn *insn) {
    qemu_plugin_register_vcpu_insn_exec_cb(insn, count_it, NO_REGISTERS, NULL);
    if (!notes)
        return;
    if (is_store(insn))
        qemu_plugin_register_vcpu_mem_cb(insn, note_write, NO_REGISTERS, WRITES,
                                         NULL);
    for (size_t i = 0; i < marks; i++)
        if (qemu_plugin_insn_vaddr(insn) == mark[i])
            qemu_plugin_register_vcpu_insn_exec_cb(insn, note_mark,
                                                   NO_REGISTERS, &mark[i]);
}

static void on_translation(plugin_id id, struct tb *tb) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
        instrument(qemu_plugin_tb_get_insn(tb, i));
}

static bool take(const char *word) {
    const char *value = strchr(word, '=');
    if (!value++)
        return false;
    if (!strncmp(word, "at=", 3) && cuts < CUTS_MAX)
        at[cuts++] = strtoull(value, NULL, 0);
    else if (!strncmp(word, "flash=", 6))
        flash = strtoull(value, NULL, 0);
    else if (!strncmp(word, "mark=", 5) && marks < MARKS_MAX)
        mark[marks++] = strtoull(value, NULL, 0);
    else if (!strncmp(word, "log=", 4))
        return (notes = fopen(value, "w")) != NULL;
    else
        return false;
    return true;
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++)
        if (!take(argv[i]))
            return fprintf(stderr, "powercut: %s?\n", argv[i]);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    if (notes)
        qemu_plugin_register_atexit_cb(id, note_end, NULL);
    return 0;
}
