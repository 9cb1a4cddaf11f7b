for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const descending = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const value = (row) => row.cells[column].dataset.value;
    const order = (a, b) => {
      const [x, y] = [value(a), value(b)];
      const [i, j] = [Number(x), Number(y)];
      const missing = (x === "nan") - (y === "nan");
      if (missing) return missing;
      const by = Number.isNaN(i) || Number.isNaN(j) ? x.localeCompare(y) : i - j;
      return descending ? -by : by;
    };
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort(order));
  }));
}
