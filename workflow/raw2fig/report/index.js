"use strict";
const bar = document.getElementById("toolbar");
const claims = [...document.querySelectorAll("tbody.claim")].map((body) => ({
  key: body.id,
  verdict: body.dataset.verdict,
  group: body.dataset.group,
  text: body.textContent.toLowerCase(),
  shown: [body, ...document.querySelectorAll(`[data-claim="${CSS.escape(body.id)}"]`)],
  paper: body.closest("section"),
}));

function filter() {
  const verdict = bar.elements.verdict.value;
  const group = bar.elements.group.value;
  const words = bar.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const left = new Map();
  for (const claim of claims) {
    const kept =
      (!verdict || claim.verdict === verdict) &&
      (!group || claim.group === group) &&
      words.every((word) => claim.text.includes(word));
    for (const element of claim.shown) element.hidden = !kept;
    left.set(claim.paper, (left.get(claim.paper) || 0) + (kept ? 1 : 0));
  }
  for (const [paper, number] of left) {
    paper.querySelector(".none").hidden = number > 0;
    for (const table of paper.querySelectorAll("table.forest, table.claims")) table.hidden = number === 0;
  }
  const number = [...left.values()].reduce((sum, one) => sum + one, 0);
  document.getElementById("shown").textContent = `${number} of ${claims.length} claims`;
}

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  if (target.closest("[hidden]")) {
    bar.reset();
    filter();
  }
  target.scrollIntoView();
}

bar.hidden = false;
bar.addEventListener("input", filter);
bar.addEventListener("reset", () => setTimeout(filter));
bar.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", reveal);
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const box of closed) box.open = true;
});
addEventListener("afterprint", () => {
  for (const box of closed) box.open = false;
});
filter();
reveal();
