/* What the console adds where there is JavaScript; without it, every link and form does its work alone.
 *
 * - Parts that refresh themselves (hx-trigger="every …, console:refresh") pause while the window is hidden,
 *   and catch up when it is seen again.
 * - "Select all" boxes, and the count of what is selected.
 */
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("has-script");

  // -- refreshing

  document.addEventListener("htmx:before:request", (event) => {
    if (document.hidden) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const part of document.querySelectorAll("[data-refreshes]")) {
      part.dispatchEvent(new CustomEvent("console:refresh"));
    }
  });
  // A refresh that fails is said once, quietly, and forgotten when the next one succeeds.
  const told = (text) => {
    const place = document.getElementById("refresh-problem");
    if (place && place.textContent !== text) place.textContent = text;
  };
  const failed = () => told("This page cannot be refreshed at the moment; what it shows may be old.");
  document.addEventListener("htmx:response:error", failed);
  document.addEventListener("htmx:error", failed);
  // The banners cannot tell that they are not answered; the next answer takes the sentence away.
  const unanswered = (event) => {
    const part = event.detail?.ctx?.sourceElement ?? event.target;
    if (part?.id !== "banners" || part.querySelector("[data-unanswered]")) return;
    const sentence = document.createElement("p");
    sentence.dataset.unanswered = "yes";
    sentence.textContent = "! The console does not answer; what this page shows may be old.";
    part.append(sentence);
  };
  document.addEventListener("htmx:response:error", unanswered);
  document.addEventListener("htmx:error", unanswered);
  document.addEventListener("htmx:after:request", (event) => {
    const { response, sourceElement } = event.detail?.ctx ?? {};
    // That the banners come tells nothing about the rest.
    if (response && response.status < 400 && sourceElement?.id !== "banners") told("");
  });

  // -- selecting

  const members = (box) =>
    document.querySelectorAll(`input[type=checkbox][data-group="${CSS.escape(box.dataset.selects)}"]`);
  const count = () => {
    for (const place of document.querySelectorAll("[data-selected-count]")) {
      const number = document.querySelectorAll("input[type=checkbox][data-group]:checked").length;
      place.textContent = number ? `${number} selected` : "Nothing selected";
    }
    for (const box of document.querySelectorAll("input[data-selects]")) {
      const all = [...members(box)];
      const chosen = all.filter((one) => one.checked).length;
      box.checked = chosen > 0 && chosen === all.length;
      box.indeterminate = chosen > 0 && chosen < all.length;
    }
  };
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.matches?.("input[data-selects]")) {
      for (const one of members(box)) one.checked = box.checked;
    }
    count();
  });
  document.addEventListener("htmx:after:swap", count);
  document.addEventListener("DOMContentLoaded", count);
  count();

  // A form is sent once, even if its button is pressed twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 3000);
  });
})();
