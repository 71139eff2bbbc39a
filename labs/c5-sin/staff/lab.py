"""Challenge C5: nothing is cut; a firmware is written, not a kernel."""

from kit.folder import Mutant, Tailored

TITLE = "Challenge: a sin that nothing contains"
FILES = ["tests/firmware/sins.c"]
UNITS = []
NEEDS = ["build/sins.efi"]
GONE = {}
EDITS = []
DAY0 = "builds"

SIN = """static status mine(SERVICE_ARGUMENTS) {
    __asm__ volatile("mov %0, %%cr3" : : "r"(0ull)); // it maps nothing
    return original[RT_GET_TIME](a, b, c, d, e);
}

"""
TABLE, ROW = "const struct sin sins[] = {\n", '    {"none", 0, 0, 0, 0},\n'
MINE = '    {"mine", RT_GET_TIME, mine, 0, 0},\n'


def tailor(_of: int) -> Tailored:
    return Tailored("", solved=[(FILES[0], TABLE, SIN + TABLE),
                                (FILES[0], ROW, ROW + MINE)])


def wrong(error: str, old: str, new: str, caught: str) -> Mutant:
    return Mutant(error, FILES[0], "mine", old, new, caught)


LINE = ('    __asm__ volatile("mov %0, %%cr3" : : "r"(0ull)); '
        "// it maps nothing\n")

MUTANTS = [
    wrong("it does nothing", LINE, "", "mine"),
    wrong("a fault, which is contained", LINE, "    read_at(NOWHERE);\n",
          "mine"),
    wrong("a loop, which is ended", LINE, "    for (;;)\n        "
          "read_at((uint64_t)&runtime);\n", "mine"),
    wrong("a double fault, which is contained", LINE,
          '    __asm__ volatile("xor %%esp, %%esp\\n push %%rax" : : );\n',
          "mine"),
    wrong("it does not compile", LINE, "    read_at(nowhere);\n", "builds"),
    wrong("a debug exception, which is contained", LINE,
          '    __asm__ volatile("int3" : : );\n', "mine"),
    wrong("it returns nonsense", LINE, "    return 0x1234;\n", "mine"),
    wrong("it changes CR4, which is put back", LINE,
          '    __asm__ volatile("mov %%cr4, %%rax\\n xor $4, %%rax\\n"\n'
          '                     "mov %%rax, %%cr4" : : : "rax");\n', "mine"),
]
