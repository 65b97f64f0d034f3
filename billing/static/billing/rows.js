// Rows of a form: added from the template beside them, removed on the spot. The server leaves
// gaps in the numbers and blank rows out.
"use strict";
(() => {
  let next = 1000;

  const changed = (rows) => rows.dispatchEvent(new Event("input", { bubbles: true }));

  const isBlank = (row) => [...row.querySelectorAll("input")].every((input) => !input.value);

  const wire = (row) => {
    const remove = row.querySelector(".mb-remove");
    remove.hidden = false;
    remove.addEventListener("click", () => {
      const rows = row.closest(".mb-rows");
      row.remove();
      changed(rows);
      rows.querySelector(".mb-add").focus();
    });
  };

  const add = (rows) => {
    const row = rows.querySelector("template").content.firstElementChild.cloneNode(true);
    for (const input of row.querySelectorAll("[name]")) {
      input.name = input.name.replace("__new__", next);
    }
    next += 1;
    rows.querySelector("tbody").append(row);
    wire(row);
    document.dispatchEvent(new CustomEvent("mb:row", { detail: row }));
    return row;
  };

  const start = (rows) => {
    const present = [...rows.querySelectorAll("tbody tr")];
    present.slice(1).filter(isBlank).forEach((row) => row.remove());
    rows.querySelectorAll("tbody tr").forEach(wire);
    const button = rows.querySelector(".mb-add");
    button.hidden = false;
    button.addEventListener("click", () => {
      const row = add(rows);
      row.querySelector("input, select").focus();
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".mb-rows").forEach(start);
  });
})();
