// Numbers and rights in words. Addresses are numbers of pages of 4 KiB.

const LEVEL_NAMES = ["", "PT", "PD", "PDPT", "PML4", "PML5"];
const LEAF_NAMES = ["", "4 KiB", "2 MiB", "1 GiB"];
const ATTRIBUTES = { // UEFI 2.10 §7.2.3
  UC: 0, WC: 1, WT: 2, WB: 3, UCE: 4, WP: 12, RP: 13, XP: 14, NV: 15,
  MORE_RELIABLE: 16, RO: 17, SP: 18, CPU_CRYPTO: 19, RUNTIME: 63,
};
const RIGHTS = {
  "r--": "read only", "rw-": "read and write", "r-x": "read and execute",
  "rwx": "WRITE AND EXECUTE at once",
};
const CHANGES = {
  new: "new: it was not mapped before",
  rights: "it had other rights, or another cache attribute",
  moved: "it led to other memory before",
};
const SIGNS = {new: "+", rights: "~", moved: "→", gone: "−"};

const number = d3.format(",");

function hex(page) {
  return "0x" + (page ? page.toString(16) + "000" : "0");
}

function lastByte(page) {
  return "0x" + (page - 1).toString(16) + "fff";
}

function size(pages) {
  const units = [["TiB", 28], ["GiB", 18], ["MiB", 8]];
  for (const [unit, bits] of units)
    if (pages >= 2 ** bits)
      return `${+(pages / 2 ** bits).toFixed(pages % 2 ** bits ? 1 : 0)} ${unit}`;
  return `${number(pages * 4)} KiB`;
}

function count(n, noun) {
  return `${number(n)} ${noun}${n === 1 ? "" : "s"}`;
}

// "r-x" -> "rx", as a class name.
function rightsClass(rights) {
  return rights.replaceAll("-", "");
}

function attributes(text) {
  const bits = BigInt(text);
  const names = Object.keys(ATTRIBUTES)
    .filter((name) => bits >> BigInt(ATTRIBUTES[name]) & 1n);
  return `${text} (${names.join(" ") || "none"})`;
}

// The way down to a span's first page, a line a level (SDM vol. 3 §4.5).
function walk(span, levels) {
  return span.path.map((text, step) => {
    const level = levels - step;
    const index = Math.floor(span.page / 512 ** (level - 1)) % 512;
    const name = LEVEL_NAMES[level].padEnd(4);
    const entry = BigInt(text);
    return `${name}[${String(index).padStart(3)}] = `
      + `${entry.toString(16).padStart(16, "0")}  `
      + explain(entry, level, step === span.path.length - 1);
  });
}

function explain(entry, level, last) {
  const frame = entry & 0x000ffffffffff000n;
  const has = (bit) => Boolean(entry >> BigInt(bit) & 1n);
  if (!last)
    return `table at 0x${frame.toString(16)}`;
  const start = frame & -(4096n << BigInt(9 * (level - 1)));
  return [`${LEAF_NAMES[level]} at 0x${start.toString(16)}`,
    has(1) ? "writable" : "read-only", has(63) ? "no execute" : "executable",
    has(4) && "uncached", has(5) && "accessed", has(6) && "dirty"]
    .filter(Boolean).join(", ");
}
