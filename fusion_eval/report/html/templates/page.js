"use strict";
// Comforts only: everything can be read without them. All text goes in as text, never as markup.
const made = (name, text, attributes) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  return element;
};
const json = (id) => {
  const found = document.getElementById(id);
  return found ? JSON.parse(found.textContent) : null;
};
const keep = (query, hash) => {
  try { history.replaceState(null, "", (query ? "?" + query : location.pathname) + (hash ?? location.hash)); } catch { /* a sealed page keeps no address */ }
};

// Tables: sort by the number in a cell, and copy as data.
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
const hundred = new Set(["points", "difference", "whole points", "percent", "percent1"]);
const plainly = (data) => {
  const value = JSON.parse(data.value);
  return typeof value === "number" && hundred.has(data.dataset.kind) ? String(Number((100 * value).toPrecision(12))) : String(value);
};
// A cell `71.6 (68.3 to 74.6)` becomes three: value, low, high; numbers in full, without units.
const csv = (table) => {
  const heads = [...table.tHead.rows[0].cells].map((cell) => (cell.querySelector("button") || cell).textContent);
  const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => [...row.cells].map((cell) => {
    const numbers = [...cell.querySelectorAll("data")];
    const wordy = cell.classList.contains("word") || !numbers.length;
    return wordy ? [quoted(cell.textContent)] : numbers.map(plainly);
  }));
  const wide = heads.map((_, k) => Math.max(1, ...rows.map((row) => (row[k] || []).length)));
  const more = (head, count) => {
    if (count === 2) return [head, head + " (of)"];
    const ends = count > 3 ? [" (of)", " low", " high"] : [" low", " high"];
    return [head, ...ends.slice(0, count - 1).map((end) => head + end)];
  };
  const fill = (row) => row.flatMap((cell, k) => [...cell, ...Array(wide[k] - cell.length).fill("")]);
  return [heads.flatMap((head, k) => (wide[k] > 1 ? more(head, wide[k]) : [head])).map(quoted), ...rows.map(fill)]
    .map((row) => row.join(",")).join("\n");
};
for (const table of document.querySelectorAll("table.data, .ours table")) {
  if (table.tHead && table.tBodies.length) {
    [...table.tHead.rows[0].cells].forEach((header) => {
      const button = made("button", undefined, { type: "button" });
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => sort(table, header, header.cellIndex));
    });
  }
  const copy = made("button", "Copy as CSV", { type: "button", class: "copy" });
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(csv(table));
      copy.textContent = "Copied";
    } catch {
      const area = made("textarea", undefined, { "aria-label": "The table as CSV" });
      area.value = csv(table);
      copy.after(area);
      area.select();
      copy.textContent = "Press Ctrl+C";
    }
  });
  (table.closest(".scroll") || table).after(copy);
}

// Figures: what a point says stands below the figure, and beside the pointer.
for (const figure of document.querySelectorAll("figure")) {
  const tip = figure.querySelector(".tip");
  for (const point of figure.querySelectorAll(".point")) {
    const say = () => { if (tip) tip.textContent = point.getAttribute("aria-label"); };
    point.addEventListener("pointerenter", say);
    point.addEventListener("focus", say);
  }
}

// The choice: looked up in what was computed with the report.
{
  const form = document.getElementById("control");
  const grid = json("grid");
  if (form && grid) {
    const nearest = (value) => grid.values.reduce((best, one, k) =>
      Math.abs(Math.log(one / value)) < Math.abs(Math.log(grid.values[best] / value)) ? k : best, 0);
    const limits = grid.limits_s.map((limit, k) => [limit ?? Infinity, k]).sort((a, b) => a[0] - b[0]);
    const show = () => {
      const value = Number(form.point.value), within = Number(form.within?.value) || Infinity;
      const output = form.querySelector("output");
      const row = [...limits].reverse().find(([limit]) => limit <= within);
      for (const line of document.querySelectorAll("#frontier tbody tr")) line.classList.remove("chosen");
      if (!(value > 0)) { output.textContent = "Say what a point of score is worth, in dollars an answer."; return; }
      if (!row) { output.textContent = "No limit below " + limits[0][0] + " s was looked at: nearly all answers take longer."; return; }
      const column = nearest(value);
      const taken = grid.chosen[row[1]][column];
      if (taken === null) { output.textContent = "Nobody can be recommended there."; return; }
      const outside = value < grid.values[0] / 1.3 || value > grid.values.at(-1) * 1.3;
      const sure = grid.probability[row[1]][column];
      const said = sure > .995 && sure < 1 ? "> 99%" : sure < .005 && sure > 0 ? "< 1%" : Math.round(100 * sure) + "%";
      output.replaceChildren(
        "At $" + Number(grid.values[column].toPrecision(2)) + " a point" +
          (row[0] === Infinity ? "" : " and within " + row[0] + " s (late answers count 0)") + " take ",
        made("span", grid.recipes[taken], { class: "take" }),
        ": the best choice there with a probability of ", made("span", said, { class: "sure" }),
        outside ? ". That is the nearest value that was looked at." : ".",
      );
      for (const line of document.querySelectorAll("#frontier tbody tr")) {
        line.classList.toggle("chosen", line.cells[0].textContent.replace(/ ★$/, "") === grid.recipes[taken]);
      }
    };
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    show();
  }
}

// The tasks: searched, filtered and sorted from the data of the page; the filter stands in the address.
{
  const form = document.getElementById("filter");
  const all = json("task-data");
  if (form && all) {
    const table = document.querySelector("#tasks table"), body = table.tBodies[0];
    const output = form.querySelector("output"), more = made("button", "", { type: "button", class: "copy" });
    const reset = made("button", "Show all", { type: "reset", class: "copy" });
    output.before(reset);
    document.getElementById("more").append(more);
    document.getElementById("more").hidden = false;
    const names = ["q", "domain", "what", "a", "b", "least", "sort"];
    const start = body.rows.length;
    const text = all.tasks.map((task) => (task.id + " " + task.domain).toLowerCase());
    let room = start, order = [], head = null;
    for (const name of all.recipes) for (const side of [form.a, form.b]) side.append(made("option", name, { value: name }));
    for (const domain of [...new Set(all.tasks.map((task) => task.domain))].filter(Boolean).sort()) form.domain.append(made("option", domain, { value: domain }));
    const points = (value) => (100 * value).toFixed(1).replace("-", "−");
    const fill = (cell, value) => {
      if (value === null) cell.append(made("span", "none", { class: "none" }));
      else {
        cell.append(made("data", points(value), { value: String(value), "data-kind": "points" }));
        cell.className = "h" + Math.min(5, Math.max(0, Math.round(5 * value)));
      }
    };
    const line = (k, gap) => {
      const task = all.tasks[k], row = document.createElement("tr");
      const first = made("th", undefined, { scope: "row" }), link = made("a", task.id, { href: task.file });
      link.dataset.at = k;
      first.append(link);
      row.append(first);
      if (gap) {
        const cell = row.insertCell();
        if (gap[k] === null) cell.append(made("span", "none", { class: "none" }));
        else cell.append(made("data", (gap[k] > 0 ? "+" : "") + points(gap[k]), { value: String(gap[k]), "data-kind": "difference" }));
      }
      for (const value of task.scores) fill(row.insertCell(), value);
      return row;
    };
    const wanted = () => Object.fromEntries(names.map((name) => [name, form[name].value]));
    const filtered = (state) => {
      const a = all.recipes.indexOf(state.a), b = all.recipes.indexOf(state.b);
      const gap = a >= 0 && b >= 0
        ? all.tasks.map(({ scores }) => (scores[a] === null || scores[b] === null ? null : scores[a] - scores[b])) : null;
      const bit = 1 << all.flags.indexOf(state.what), q = state.q.trim().toLowerCase(), least = Number(state.least) / 100;
      const found = [];
      for (let k = 0; k < all.tasks.length; k += 1) {
        const task = all.tasks[k];
        if (q && !text[k].includes(q)) continue;
        if (state.domain && task.domain !== state.domain) continue;
        if (state.what === "saturated" && !task.saturated) continue;
        if (state.what && state.what !== "saturated") {
          const flags = a >= 0 || b >= 0 ? [a, b].filter((one) => one >= 0).map((one) => task.flags[one]) : task.flags;
          if (!flags.some((one) => one & bit)) continue;
        }
        if (gap && least > 0 && !(gap[k] !== null && Math.abs(gap[k]) >= least - 1e-12)) continue;
        found.push(k);
      }
      if (gap && state.sort) {
        const sign = state.sort === "up" ? -1 : 1;
        found.sort((x, y) => (gap[x] === null) - (gap[y] === null) || sign * (gap[x] - gap[y]) || x - y);
      }
      return [found, gap];
    };
    const column = (gap, state) => {
      if (head) { head.remove(); head = null; }
      if (gap) {
        head = made("th", "A − B", { scope: "col", title: state.a + " less " + state.b });
        table.tHead.rows[0].cells[0].after(head);
      }
    };
    const apply = () => {
      const began = performance.now(), state = wanted();
      const [found, gap] = filtered(state);
      order = found;
      column(gap, state);
      body.replaceChildren(...found.slice(0, room).map((k) => line(k, gap)));
      more.hidden = found.length <= room;
      more.textContent = "Show all " + found.length.toLocaleString("en") + " tasks";
      output.textContent = found.length.toLocaleString("en") + " of " + all.tasks.length.toLocaleString("en") + " tasks";
      keep(new URLSearchParams(Object.entries(state).filter(([, value]) => value)).toString());
      form.dataset.took = performance.now() - began;
    };
    const given = new URLSearchParams(location.search);
    for (const name of names) if (given.has(name)) form[name].value = given.get(name);
    form.hidden = false;
    more.addEventListener("click", () => { room = all.tasks.length; apply(); });
    form.addEventListener("input", () => { room = Math.max(start, 200); apply(); });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => { room = Math.max(start, 200); apply(); }));
    // The page of a task goes on to the next task of the filter: it is told those around it.
    body.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-at]");
      if (!link) return;
      const place = order.indexOf(Number(link.dataset.at));
      const around = order.slice(Math.max(0, place - 40), place + 41).map((k) => all.tasks[k].file.split("/").pop());
      const state = wanted();
      const told = new URLSearchParams({ list: around.join(","), back: location.search });
      for (const side of ["a", "b"]) if (state[side]) told.set(side, state[side]);
      link.href = all.tasks[Number(link.dataset.at)].file + "#" + told;
    });
    if ([...given.keys()].some((name) => names.includes(name))) apply();
    else {
      order = all.tasks.map((_, k) => k);
      [...body.rows].forEach((row, k) => { row.querySelector("a").dataset.at = k; });
      more.hidden = all.tasks.length <= start;
      more.textContent = "Show all " + all.tasks.length.toLocaleString("en") + " tasks";
      output.textContent = all.tasks.length.toLocaleString("en") + " tasks";
    }
  }
}

// The page of a task: two answers side by side, their words compared, their verdicts aligned.
{
  const form = document.getElementById("pair");
  const answers = [...document.querySelectorAll("article.answer")];
  if (form && answers.length > 1) {
    const told = new URLSearchParams(location.hash.slice(1));
    const list = (told.get("list") || "").split(",").filter((name) => /^[\w-]+\.html$/.test(name));
    const own = decodeURIComponent(location.pathname.split("/").pop());
    const step = (rel, by) => {
      const link = document.querySelector('a[rel="' + rel + '"]');
      const target = list[list.indexOf(own) + by];
      if (!link || !list.includes(own)) return;
      link.hidden = !target;
      if (target) link.href = target + "#" + told;
    };
    const back = document.querySelector("header a[data-back]");
    if (back && /^\?[\w=&%.+~*-]*$/.test(told.get("back") || "")) back.href += told.get("back") + "#tasks";
    const title = (article) => article.querySelector("h3").textContent;
    answers.forEach((article, k) => {
      for (const side of [form.a, form.b]) side.append(made("option", title(article), { value: String(k) }));
    });
    const words = (article) => (article.querySelector(".hostile")?.textContent || "").match(/\S+\s*/g) || [];
    // Longest common subsequence of words, after what both begin and end with; long texts by lines.
    const changes = (a, b) => {
      let first = 0, last = 0;
      while (first < a.length && first < b.length && a[first] === b[first]) first += 1;
      while (last < a.length - first && last < b.length - first && a.at(-1 - last) === b.at(-1 - last)) last += 1;
      const x = a.slice(first, a.length - last), y = b.slice(first, b.length - last);
      const kept = [[], []];
      if (x.length * y.length <= 4e6) {
        const wide = y.length + 1, sums = new Uint16Array((x.length + 1) * wide);
        for (let i = x.length - 1; i >= 0; i -= 1) for (let j = y.length - 1; j >= 0; j -= 1) {
          sums[i * wide + j] = x[i] === y[j] ? sums[(i + 1) * wide + j + 1] + 1 : Math.max(sums[(i + 1) * wide + j], sums[i * wide + j + 1]);
        }
        for (let i = 0, j = 0; i < x.length && j < y.length;) {
          if (x[i] === y[j]) { kept[0][i] = kept[1][j] = true; i += 1; j += 1; } else if (sums[(i + 1) * wide + j] >= sums[i * wide + j + 1]) i += 1; else j += 1;
        }
      }
      const marked = (all, part) => all.map((word, k) => k < first || k >= all.length - last || Boolean(part[k - first]));
      return [marked(a, kept[0]), marked(b, kept[1])];
    };
    const drawn = (all, same, name) => {
      const box = made("div", undefined, { class: "hostile diff" });
      for (let k = 0; k < all.length;) {
        let end = k;
        while (end < all.length && same[end] === same[k]) end += 1;
        const part = all.slice(k, end).join("");
        box.append(same[k] || !part.trim() ? part : made(name, part));
        k = end;
      }
      return box;
    };
    const verdicts = (article) => new Map([...article.querySelectorAll("li[data-criterion]")].map((one) => [one.dataset.criterion, one]));
    const aligned = (a, b) => {
      const table = made("table", undefined, { class: "data" });
      const head = table.createTHead().insertRow();
      for (const name of ["criterion", title(a), title(b)]) head.append(made("th", name, { scope: "col", class: "word" }));
      const [one, two] = [verdicts(a), verdicts(b)], body = table.createTBody();
      const word = (item) => item?.firstElementChild.textContent || "–";
      const rows = [...new Set([...one.keys(), ...two.keys()])].map((name) => [name, one.get(name), two.get(name)]);
      rows.sort((x, y) => (word(x[1]) === word(x[2])) - (word(y[1]) === word(y[2])));
      for (const [name, left, right] of rows) {
        const row = body.insertRow();
        row.append(made("th", name, { scope: "row" }));
        row.classList.toggle("differs", word(left) !== word(right));
        for (const item of [left, right]) {
          const cell = row.insertCell();
          cell.className = "word";
          if (item) cell.append(...[...item.childNodes].map((node) => node.cloneNode(true)));
          else cell.textContent = "–";
        }
      }
      return rows.length ? table : null;
    };
    const place = document.getElementById("beside");
    const show = () => {
      const pair = [form.a, form.b].map((side) => (side.value === "" ? null : answers[Number(side.value)]));
      place.replaceChildren();
      document.querySelector(".answers").classList.toggle("hushed", pair.every(Boolean));
      for (const side of ["a", "b"]) {
        if (form[side].value === "") told.delete(side); else told.set(side, form[side].selectedOptions[0].textContent);
      }
      try { history.replaceState(null, "", told.size ? "#" + told : location.pathname + location.search); } catch { /* sealed */ }
      step("prev", -1);
      step("next", 1);
      if (!pair.every(Boolean)) return;
      const texts = pair.map(words);
      const same = form.diff.checked ? changes(...texts.map((all) => all.map((word) => word.trim()))) : null;
      pair.forEach((article, k) => {
        const copy = made("article", undefined, { class: "answer" });
        copy.append(...[...article.children].filter((one) => !one.matches(".hostile, details")).map((one) => one.cloneNode(true)));
        if (same) copy.append(drawn(texts[k], same[k], k ? "ins" : "del"));
        else if (article.querySelector(".hostile")) copy.append(article.querySelector(".hostile").cloneNode(true));
        const calls = article.querySelector("details.calls");
        if (calls) copy.append(calls.cloneNode(true));
        place.append(copy);
      });
      const table = aligned(...pair);
      if (table) {
        const frame = made("div", undefined, { class: "scroll both", tabindex: "0", role: "region", "aria-label": "Verdicts side by side" });
        frame.append(table);
        place.append(frame);
      }
    };
    const chosen = (side) => {
      const name = told.get(side);
      return name === null ? -1 : answers.findIndex((one) => title(one) === name || title(one).startsWith(name + ", repeat"));
    };
    for (const side of ["a", "b"]) if (chosen(side) >= 0) form[side].value = String(chosen(side));
    form.hidden = false;
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    show();
  }
}
