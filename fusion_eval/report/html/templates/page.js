"use strict";
// Comforts only: everything can be read without them.
const number = (cell) => {
  const data = cell.querySelector("data");
  if (data) return JSON.parse(data.value);
  const found = /^[≥<]? ?([+−-]?)\$?(\d[\d,]*(?:\.\d+)?)(?= |%|$)/.exec(cell.textContent.trim());
  return found ? Number((found[1] === "−" ? "-" : found[1]) + found[2].replaceAll(",", "")) : NaN;
};
const key = (row, column) => {
  const cell = row.cells[column];
  const value = number(cell);
  return Number.isNaN(value) ? cell.textContent.trim() : value;
};
const compare = (a, b) =>
  typeof a === "number" && typeof b === "number" ? a - b
    : typeof a === "number" ? -1 : typeof b === "number" ? 1 : a.localeCompare(b);
const sort = (table, header, column) => {
  const falling = header.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((a, b) => compare(key(a, column), key(b, column)) * (falling ? -1 : 1));
  body.append(...rows);
};
const quoted = (text) => {
  const flat = text.replace(/\s+/g, " ").trim();
  const harmless = /^[=+@\t]|^-(?![\d.])/.test(flat) ? "'" + flat : flat;
  return /[",\n]/.test(harmless) ? '"' + harmless.replace(/"/g, '""') + '"' : harmless;
};
const csv = (table) => [...table.rows]
  .map((row) => [...row.cells].map((cell) => quoted((cell.querySelector("button") || cell).textContent)).join(","))
  .join("\n");
for (const table of document.querySelectorAll("table.data, .ours table")) {
  if (table.tHead && table.tBodies.length) {
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => sort(table, header, column));
    });
  }
  const copy = document.createElement("button");
  copy.type = "button";
  copy.className = "copy";
  copy.textContent = "Copy as CSV";
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(csv(table));
      copy.textContent = "Copied";
    } catch {
      const area = document.createElement("textarea");
      area.value = csv(table);
      copy.after(area);
      area.select();
      copy.textContent = "Press Ctrl+C";
    }
  });
  (table.closest(".scroll") || table).before(copy);
}
for (const figure of document.querySelectorAll("figure")) {
  const tip = figure.querySelector(".tip");
  for (const point of figure.querySelectorAll(".point")) {
    const say = () => { if (tip) tip.textContent = point.getAttribute("aria-label"); };
    point.addEventListener("pointerenter", say);
    point.addEventListener("focus", say);
  }
}
