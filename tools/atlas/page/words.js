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

// The way down to a page of a span, a line a level (SDM vol. 3 §4.5).
function walk(phase, span, page) {
  const table = phase.tables[span.tables & 1 ? 0 : 1];
  table.known ??= new Map(table.links.map(([level, first, entry]) =>
    [`${level} ${first}`, BigInt(entry)]));
  return d3.range(table.levels, span.level - 1, -1).map((level) => {
    const pages = 512 ** (level - 1);
    const first = page - page % pages;
    const entry = level > span.level ? table.known.get(`${level} ${first}`)
      : leaf(span, (first - span.page) / pages);
    return `${LEVEL_NAMES[level].padEnd(4)}`
      + `[${String(first / pages % 512).padStart(3)}] = `
      + `${entry.toString(16).padStart(16, "0")}  `
      + explain(entry, level, level === span.level);
  });
}

// The entry for a span's nth leaf: that of the first, but for frame and marks.
function leaf(span, n) {
  const first = BigInt(span.entry) & ~(3n << 5n);
  const mark = span.marks.find(([from, count]) =>
    from <= n && n < from + count);
  return (first + (BigInt(n) << BigInt(12 + 9 * (span.level - 1))))
    | BigInt(mark ? mark[2] : 0) << 5n;
}

function leavesOf(span) {
  return span.pages / 512 ** (span.level - 1);
}

function marked(span, mark) {
  return number(d3.sum(span.marks, ([, count, marks]) => marks & mark && count));
}

// The page at an address that a person typed; null: it is none.
function pageOf(address) {
  return /^\s*(0x)?[0-9a-f]{1,16}\s*$/i.test(address)
    ? Number(BigInt(`0x${address.trim().replace(/^0x/i, "")}`) >> 12n) : null;
}

const holds = (span, page) =>
  span.page <= page && page < span.page + span.pages;

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
