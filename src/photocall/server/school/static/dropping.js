// Files that are chosen in a field, or dropped on the box around it.

// fields: one, or several.
export function onFiles(box, fields, take) {
  for (const field of [fields].flat()) {
    field.addEventListener("change", () => {
      if (field.files.length) take([...field.files]);
      field.value = ""; // so that the same file can be chosen again
    });
  }
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    box.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) box.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    box.classList.remove("over");
    if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
  });
}

// A form of files, as the routes take them. names: under which ones; their own if it is left out.
export function formOf(files, names = files.map((file) => file.name)) {
  const form = new FormData();
  files.forEach((file, at) => form.append("file", file, names[at]));
  return form;
}
