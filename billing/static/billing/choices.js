// Hides what does not belong to a choice: data-shown-for="field=value other=value".
"use strict";
(() => {
  const fits = (form, wanted) =>
    wanted.split(" ").some((word) => {
      const [name, value] = word.split("=");
      return form.elements[name] && form.elements[name].value === value;
    });

  const show = (form) => {
    for (const input of form.querySelectorAll("[data-shown-for]")) {
      input.closest(".form-row").hidden = !fits(form, input.dataset.shownFor);
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    const forms = new Set(
      [...document.querySelectorAll("[data-shown-for]")].map((input) => input.form));
    for (const form of forms) {
      show(form);
      form.addEventListener("change", () => show(form));
    }
  });
})();
