"use strict";
(() => {
  document.documentElement.classList.add("js");
  const table = document.querySelector("table.matrix");
  const form = document.querySelector("form.filters");
  const items = [...table.querySelectorAll("tbody.item")];
  const headings = [...table.querySelectorAll("tbody.claim")];
  const bodies = [...table.tBodies];
  const texts = new Map(items.map((item) => [item, item.textContent.toLowerCase()]));
  const state = { verdicts: new Set(), sort: "order", down: false };

  // Where the MLflow UI serves the page, its links lead to that UI, whatever its port.
  if (location.hostname === "127.0.0.1") {
    for (const link of document.querySelectorAll('a[href*="/#/experiments/"]')) link.href = "/" + link.hash;
  }

  // A card opens from its row, by mouse or by keyboard, and from its address.
  const open = (item, yes) => {
    item.querySelector("details").open = yes;
    item.classList.toggle("open", yes);
    item.querySelector("a.opens").setAttribute("aria-expanded", String(yes));
  };
  const toggle = (item) => open(item, !item.classList.contains("open"));
  for (const item of items) {
    const opener = item.querySelector("a.opens");
    opener.setAttribute("aria-expanded", "false");
    item.querySelector("tr.row").addEventListener("click", (event) => {
      if (event.target.closest("a") && event.target.closest("a") !== opener) return;
      if (String(getSelection())) return;
      event.preventDefault();
      toggle(item);
      if (item.classList.contains("open")) history.replaceState(null, "", opener.hash);
    });
    item.querySelector("details").addEventListener("toggle", (event) => {
      if (event.target.parentElement.parentElement.classList.contains("card")) open(item, event.target.open);
    });
  }
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const item = target && target.closest("tbody.item");
    if (!item) return;
    item.hidden = false;
    open(item, true);
    item.scrollIntoView({ block: "start" });
    item.querySelector("a.opens").focus({ preventScroll: true });
  };
  addEventListener("hashchange", follow);

  // Filters narrow the rows; a claim without rows loses its heading.
  const apply = () => {
    const words = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const item of items) {
      const kept = (!state.verdicts.size || state.verdicts.has(item.dataset.verdict))
        && (!form.claim.value || item.dataset.claim === form.claim.value)
        && (!form.profile.value || item.dataset.profile === form.profile.value)
        && (!form.departs.checked || item.dataset.departs === "yes")
        && words.every((word) => texts.get(item).includes(word));
      item.hidden = !kept;
      count += kept;
    }
    const left = new Set(items.filter((item) => !item.hidden).map((item) => item.dataset.claim));
    for (const heading of headings) heading.hidden = state.sort !== "order" || !left.has(heading.dataset.claim);
    form.count.value = `${count} of ${items.length}`;
  };
  for (const button of form.querySelectorAll("[data-filter-verdict]")) {
    button.addEventListener("click", () => {
      const verdict = button.dataset.filterVerdict;
      const added = !state.verdicts.delete(verdict);
      if (added) state.verdicts.add(verdict);
      button.setAttribute("aria-pressed", String(added));
      apply();
    });
  }
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());

  // Sorting by a column drops the headings; "claim" brings them back.
  const key = (item) => item.dataset["sort" + state.sort[0].toUpperCase() + state.sort.slice(1)];
  const compare = (one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    const order = isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
    return state.down ? -order : order;
  };
  const sort = (by) => {
    state.down = by !== "order" && by === state.sort && !state.down;
    state.sort = by;
    form.sort.value = by;
    table.append(...(by === "order" ? bodies : [...headings, ...items.slice().sort(compare)]));
    for (const head of table.tHead.querySelectorAll("th")) {
      if (head.dataset.sort === by) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    apply();
  };
  for (const head of table.tHead.querySelectorAll("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head.dataset.sort));
    head.append(button);
  }
  form.sort.addEventListener("change", () => sort(form.sort.value));

  const all = form.querySelector("[data-open-all]");
  all.addEventListener("click", () => {
    const yes = all.textContent.startsWith("open");
    for (const item of items) if (!item.hidden) open(item, yes);
    all.textContent = yes ? "close all cards" : "open all cards";
  });

  form.hidden = false;
  apply();
  follow();
})();
