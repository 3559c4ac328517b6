{
  // The list: rows that hold the text of the filter; the filter stands in the address.
  const filter = document.querySelector("#filter");
  const rows = [...document.querySelectorAll("tr[data-text]")];
  const count = document.querySelector("#shown");
  if (filter && rows.length) {
    filter.addEventListener("input", () => {
      const text = filter.value.toLowerCase();
      for (const row of rows) row.hidden = !row.dataset.text.includes(text);
      const shown = rows.filter((row) => !row.hidden).length;
      if (count) count.textContent = shown + " of " + count.dataset.of + " runs";
      history.replaceState(null, "", text ? "?q=" + encodeURIComponent(filter.value) : location.pathname);
    });
  }
}
{
  // A run that goes on: the same page again, and what it says put in place of what it said.
  const region = document.querySelector("[data-live]");
  const fresh = async () => {
    const began = performance.now();
    let going = true;
    try {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.querySelector("[data-live]");
      if (answer.ok && next) {
        region.replaceChildren(...next.childNodes);
        going = next.dataset.live === "yes";
        document.title = page.title;
      }
    } catch {
      const said = region.querySelector(".tell");
      if (said) said.textContent = "The viewer does not answer; the run is not touched by that.";
    }
    if (going) setTimeout(fresh, Math.max(2000, 20 * (performance.now() - began)));
  };
  if (region && region.dataset.live === "yes") setTimeout(fresh, 2000);
}
{
  // Labelling: a key is answered when its mark is on disk; until then further keys do nothing.
  const main = document.querySelector("main[data-label]");
  let busy = false;
  const address = (at) => "?" + new URLSearchParams({ person: main.dataset.person, at });
  const tell = (text, bad) => {
    const line = main.querySelector(".tell");
    line.textContent = text;
    line.classList.toggle("bad", Boolean(bad));
  };
  const loaded = async (url) => {
    const answer = await fetch(url);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("main[data-label]");
    if (!answer.ok || !next) throw new Error("no item");
    return [page, next];
  };
  const show = async (at, said) => {
    const [page, next] = await loaded(address(at));
    for (const name of ["label", "token", "at", "of"]) main.dataset[name] = next.dataset[name];
    main.replaceChildren(...next.childNodes);
    document.title = page.title;
    history.replaceState(null, "", address(at));
    tell(said);
    main.querySelector("h2").focus();
  };
  const post = (what, value) =>
    fetch("/label/" + encodeURIComponent(main.dataset.run) + "/" + what, {
      method: "POST",
      headers: { "content-type": "application/json", "x-fusion-eval-token": main.dataset.token },
      body: JSON.stringify({ person: main.dataset.person, ...value }),
    });
  const send = async (what, value) => {
    let answer = await post(what, value);
    if (answer.status === 403) {
      const [, again] = await loaded(location.href);  // the server was started again
      main.dataset.token = again.dataset.token;
      answer = await post(what, value);
    }
    if (!answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      throw new Error(page.querySelector("#problem")?.textContent || "The mark was refused.");
    }
    return answer.json();
  };
  const only = async (work) => {
    if (busy) return;
    busy = true;
    main.setAttribute("aria-busy", "true");
    try {
      await work();
    } catch (problem) {
      tell(problem instanceof TypeError
        ? "The server does not answer. What was counted is kept; start it again, then press the key again."
        : problem.message, true);
    } finally {
      busy = false;
      main.removeAttribute("aria-busy");
    }
  };
  const mark = (word) => only(async () => {
    const kept = await send("mark", { label: main.dataset.label, mark: word });
    await show(kept.at, "Kept. " + kept.marked + " of " + kept.of + " are labelled.");
  });
  const undo = () => only(async () => {
    const kept = await send("undo", {});
    if (kept.at === null) tell("There is nothing to take back.");
    else await show(kept.at, "Taken back. " + kept.marked + " of " + kept.of + " are labelled.");
  });
  const go = (step) => only(async () => {
    const at = Number(main.dataset.at) + step;
    if (at >= 1 && at <= Number(main.dataset.of)) await show(at, "");
  });
  const end = () => only(async () => {
    tell("Taking the labels into the run …");
    await send("end", {});
    location.assign(location.pathname + "/agreement?" + new URLSearchParams({ person: main.dataset.person }));
  });
  const actions = {
    met: () => mark("met"), unmet: () => mark("unmet"), unsure: () => mark("?"), undo,
    before: () => go(-1), after: () => go(1), end,
  };
  const keys = {
    m: "met", u: "unmet", "?": "unsure", z: "undo", Backspace: "undo",
    p: "before", ArrowLeft: "before", n: "after", ArrowRight: "after",
  };
  if (main) {
    main.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (!button) return;
      event.preventDefault();
      actions[button.dataset.do]();
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, textarea, select");
      if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      const name = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!name) return;
      event.preventDefault();
      actions[name]();
    });
  }
}
