"use strict";
// Turns the steps of each counterexample: by its slider, its buttons, a click on a step, and the arrow keys. Where one goes round in
// a loop for ever, its last step is followed by the first of the loop.
document.documentElement.classList.add("live");
const examples = [...document.querySelectorAll(".counterexample")].map((section) => {
  const slider = section.querySelector("input");
  const last = Number(slider.max);
  // After which step the loop begins. Without a loop: after none.
  const begins = Number(section.dataset.begins ?? last);
  let round = 1;
  const turn = (wanted, follow) => {
    const step = Math.min(Math.max(wanted, 0), last);
    if (step <= begins) round = 1;
    slider.value = step;
    section.querySelector("output").textContent =
      step === 0 ? "start" : `step ${step} of ${last}` + (step > begins ? `, round ${round}` : "");
    section.querySelector(".back").disabled = step === 0;
    section.querySelector(".onward").disabled = step === last && begins === last;
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
  const by = (more) => {
    let step = Number(slider.value) + more;
    if (step > last && begins < last) {
      step = begins + 1;
      round += 1;
    } else if (step === begins && round > 1 && more < 0) {
      step = last;
      round -= 1;
    }
    turn(step, true);
  };
  slider.addEventListener("input", () => turn(Number(slider.value), true));
  section.querySelector(".back").addEventListener("click", () => by(-1));
  section.querySelector(".onward").addEventListener("click", () => by(1));
  for (const part of section.querySelectorAll(".step")) {
    part.addEventListener("click", () => turn(Number(part.dataset.step), false));
  }
  turn(1, false);
  return { section, by };
});
// The arrow keys turn the counterexample whose slider has the focus, or else the one that is in view. A slider of its own would stop where
// a loop closes.
document.addEventListener("keydown", (event) => {
  const more = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const plain = !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey;
  if (!more || !plain) return;
  const mine = event.target instanceof HTMLInputElement;
  const seen = examples.find(({ section }) => {
    const { top, bottom } = section.getBoundingClientRect();
    return mine ? section.contains(event.target) : bottom > innerHeight / 2 && top < innerHeight;
  });
  if (!seen) return;
  if (mine) event.preventDefault();
  seen.by(more);
});
