for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const next = { none: "ascending", ascending: "descending", descending: "none" };
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const order = next[head.getAttribute("aria-sort")];
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", order);
    const value = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => {
      const [x, y] = [value(a), value(b)];
      const [i, j] = [Number(x), Number(y)];
      const missing = (x === "nan") - (y === "nan");
      if (missing) return missing;
      const by = Number.isNaN(i) || Number.isNaN(j) ? x.localeCompare(y) : i - j;
      return order === "descending" ? -by : by;
    };
    body.append(...(order === "none" ? original : [...original].sort(compare)));
  }));
}

const unfold = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
};
addEventListener("hashchange", unfold);
unfold();

addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details.tables")) folded.open = true;
});
