"use strict";
// Turns the steps of each counterexample: by its slider, its buttons, a click on a step, and the arrow keys.
document.documentElement.classList.add("live");
const examples = [...document.querySelectorAll(".counterexample")].map((section) => {
  const slider = section.querySelector("input");
  const last = Number(slider.max);
  const turn = (wanted, follow) => {
    const step = Math.min(Math.max(wanted, 0), last);
    slider.value = step;
    section.querySelector("output").textContent = step === 0 ? "start" : `step ${step} of ${last}`;
    section.querySelector(".back").disabled = step === 0;
    section.querySelector(".onward").disabled = step === last;
    for (const part of section.querySelectorAll("[data-step]")) {
      part.classList.toggle("on", Number(part.dataset.step) === step);
    }
    if (follow) show();
  };
  // Scrolls the step to between the names of the lanes and, where they stand under it, the differences.
  const show = () => {
    const box = (part) => section.querySelector(part).getBoundingClientRect();
    const step = box(".step.on");
    const panel = box(".panel");
    const top = box(".head").height + 4;
    const bottom = (panel.left < step.right ? panel.top : innerHeight) - 8;
    if (step.top < top) scrollBy(0, step.top - top);
    else if (step.bottom > bottom) scrollBy(0, step.bottom - bottom);
  };
  const example = { section, by: (more) => turn(Number(slider.value) + more, true) };
  slider.addEventListener("input", () => turn(Number(slider.value), true));
  section.querySelector(".back").addEventListener("click", () => example.by(-1));
  section.querySelector(".onward").addEventListener("click", () => example.by(1));
  for (const part of section.querySelectorAll(".step")) {
    part.addEventListener("click", () => turn(Number(part.dataset.step), false));
  }
  turn(1, false);
  return example;
});
// The arrow keys turn the counterexample that is in view, also where nothing of it has the focus.
document.addEventListener("keydown", (event) => {
  const more = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const plain = !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey;
  if (!more || !plain || event.target instanceof HTMLInputElement) return;
  const seen = examples.find(({ section }) => {
    const { top, bottom } = section.getBoundingClientRect();
    return bottom > innerHeight / 2 && top < innerHeight;
  });
  if (seen) seen.by(more);
});
