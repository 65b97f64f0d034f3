// The page of a rate card: only the fields of the chosen price model, what it costs while it is
// being written, and a curve that can be read. The server prices and draws; nothing is added up here.
"use strict";
(() => {
  const PAUSE = 250; // milliseconds after the last key

  const chosen = (form, name) => form.elements[name] ? form.elements[name].value : "";

  // data-for holds price models, or "field=value".
  const fits = (form, wanted) =>
    wanted.split(" ").some((word) => {
      const [name, value] = word.includes("=") ? word.split("=") : ["price_type", word];
      return chosen(form, name) === value;
    });

  const showFields = (form) => {
    for (const part of form.querySelectorAll("[data-for]")) {
      part.hidden = !fits(form, part.dataset.for);
    }
    for (const section of form.querySelectorAll("fieldset")) {
      const rows = [...section.querySelectorAll(".form-row")];
      section.hidden = rows.length > 0 && rows.every((row) => row.hidden);
    }
    const hasConversion = chosen(form, "operation") !== "";
    for (const name of ["conversion_factor", "rounding", "precision", "display_unit"]) {
      const row = form.querySelector(`[data-field="${name}"]`);
      row.hidden = row.hidden || !hasConversion;
    }
    const precision = form.querySelector('[data-field="precision"]');
    precision.hidden = precision.hidden || chosen(form, "rounding") === "none";
  };

  const nameRates = (form) => {
    const names = chosen(form, "dimensions").split(",").map((name) => name.trim()).filter(Boolean);
    const headings = [...form.querySelectorAll('[data-rows="rates"] thead th')];
    names.slice(0, headings.length - 2).forEach((name, place) => {
      headings[place].textContent = name;
    });
  };

  const filledRows = (form, name) =>
    [...form.querySelectorAll(`[data-rows="${name}"] tbody tr`)].filter((row) =>
      [...row.querySelectorAll("input")].some((input) => input.value));

  const cellOf = (form, problem) => {
    const row = filledRows(form, problem.field)[problem.row];
    return row && row.querySelector(`[name$="-${problem.column}"]`);
  };

  const markProblems = (form, problems) => {
    form.querySelectorAll(".mb-live").forEach((note) => note.remove());
    form.querySelectorAll("[data-live]").forEach((input) => {
      input.removeAttribute("aria-invalid");
      delete input.dataset.live;
    });
    for (const problem of problems) {
      const input = problem.row === null ? form.elements[problem.field] : cellOf(form, problem);
      if (!input || !input.setAttribute || input.closest("[hidden]")) continue;
      input.setAttribute("aria-invalid", "true");
      input.dataset.live = "";
      const note = document.createElement("p");
      note.className = "mb-problem mb-live";
      note.textContent = problem.detail;
      input.closest("td, .form-row").append(note);
    }
  };

  // --- The curve ---------------------------------------------------------------------
  const SVG = "http://www.w3.org/2000/svg";

  const drawn = (name, attributes, parent) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  };

  const nearest = (points, x) => {
    let best = points[0];
    for (const point of points) if (Math.abs(point[0] - x) <= Math.abs(best[0] - x)) best = point;
    return best;
  };

  const readCurve = (panel) => {
    const svg = panel.querySelector(".mb-curve");
    const readout = panel.querySelector(".mb-readout");
    if (!svg) return;
    const points = JSON.parse(svg.dataset.points);
    const line = drawn("line", { class: "mb-cursor", y1: svg.dataset.top, y2: svg.dataset.base }, svg);
    const dot = drawn("circle", { class: "mb-dot", r: 4 }, svg);
    line.style.display = dot.style.display = "none";
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      const [px, py, quantity, amount, average, next] = nearest(points, x);
      line.setAttribute("x1", px);
      line.setAttribute("x2", px);
      dot.setAttribute("cx", px);
      dot.setAttribute("cy", py);
      line.style.display = dot.style.display = "";
      const each = average ? ` · ${average} each on average` : "";
      readout.textContent = `${quantity}: ${amount}${each} · the next unit ${next}`;
    });
    svg.addEventListener("pointerleave", () => {
      line.style.display = dot.style.display = "none";
    });
  };

  // --- The preview -------------------------------------------------------------------
  const start = (form) => {
    const panel = form.querySelector(".mb-panel-live");
    let timer = 0;
    let asked = 0;

    const ask = async () => {
      const number = (asked += 1);
      let answer;
      try {
        const response = await fetch(form.dataset.preview, {
          method: "POST",
          body: new FormData(form),
          headers: { Accept: "application/json" },
        });
        if (!response.ok) throw new Error(response.statusText);
        answer = await response.json();
      } catch (error) {
        panel.classList.add("mb-stale");
        return;
      }
      if (number !== asked) return; // a later answer is on its way
      panel.classList.remove("mb-stale");
      panel.innerHTML = answer.panel; // escaped by the server's templates
      markProblems(form, answer.problems);
      readCurve(panel);
    };

    // What the server said of a field is over once the field is written anew.
    const forget = (input) => {
      const place = input.closest("td, .form-row");
      if (!place) return;
      place.querySelectorAll(".mb-problem:not(.mb-live), .errorlist").forEach((note) => note.remove());
      place.classList.remove("errors");
      input.removeAttribute("aria-invalid");
    };

    const changed = (event) => {
      if (event.target.name) forget(event.target);
      showFields(form);
      nameRates(form);
      clearTimeout(timer);
      timer = setTimeout(ask, PAUSE);
    };

    form.addEventListener("input", changed);
    form.addEventListener("change", changed);
    document.addEventListener("mb:row", () => showFields(form));
    showFields(form);
    nameRates(form);
    readCurve(panel);
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".mb-card-form").forEach(start);
  });
})();
