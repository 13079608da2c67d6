// What somebody presses before the modules are there is kept, and done once they are: no press is lost on a slow line.
// Not a module itself, so that it is there before anything can be pressed.

{
  const kept = [];

  const keep = (event) => {
    const pressed = event.target.closest("button, input[type=file]");
    if (!pressed || (event.type === "click" && pressed.type === "file")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    kept.push(() => (event.type === "click" ? pressed.click() : pressed.dispatchEvent(new Event("change", { bubbles: true }))));
  };

  for (const type of ["click", "change"]) document.addEventListener(type, keep, true);

  // Modules run before this.
  document.addEventListener("DOMContentLoaded", () => {
    for (const type of ["click", "change"]) document.removeEventListener(type, keep, true);
    for (const again of kept) again();
  });
}
