"use strict";
// What the console does more comfortably with a script: copying addresses, and uploads with progress.

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const field = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch { // plain HTTP from another machine has no clipboard
      field.select();
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}
for (const field of document.querySelectorAll(".address input")) {
  field.addEventListener("focus", () => field.select());
}

const folder = document.getElementById("writing");
if (folder) {
  const form = document.getElementById("upload");
  const [card, line, bar, problems, stop] =
    ["progress", "progress-text", "progress-bar", "progress-problems", "progress-stop"]
      .map(id => document.getElementById(id));
  const PLAIN = { Accept: "text/plain" };
  let running = null; // the request of the file that is on its way
  let busy = false;

  const addressOf = path => folder.dataset.href + path.map(encodeURIComponent).join("/");

  // Sends one file; resolves to [status, text of the answer].
  const send = (path, file, replace, progressed) => new Promise(done => {
    const request = running = new XMLHttpRequest();
    const modified = file.lastModified > 0 ? `&modified=${Math.floor(file.lastModified)}` : "";
    request.open("PUT", `${addressOf(path)}?${replace ? "replace=1" : ""}${modified}`);
    request.setRequestHeader("Accept", PLAIN.Accept);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", event => progressed(event.loaded));
    request.addEventListener("load", () => done([request.status, request.responseText.trim()]));
    request.addEventListener("error", () => done([0, "the connection broke"]));
    request.addEventListener("abort", () => done([-1, "stopped"]));
    request.send(file);
  });

  // Makes a folder that was dropped; one that is there already is as good.
  const makeFolder = async path => {
    const body = new URLSearchParams({ do: "folder", name: path.at(-1) });
    const answer = await fetch(addressOf(path.slice(0, -1)), { method: "POST", headers: PLAIN, body, redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.ok || answer.status === 409) return "";
    return (await answer.text()).trim();
  };

  const complain = (path, text) => {
    const item = document.createElement("li");
    item.textContent = `${path.join("/")}: ${text}`;
    problems.append(item);
  };

  // files: [{path, file}], and {path, file: null} for folders, before what is in them.
  const upload = async files => {
    if (busy || !files.length) return;
    busy = true;
    let replace = form.elements.replace.checked, asked = false, stopped = false, sent = 0, number = 0;
    const total = files.reduce((sum, { file }) => sum + (file ? file.size : 0), 0);
    const many = files.filter(({ file }) => file).length;
    problems.replaceChildren();
    card.hidden = false;
    stop.onclick = () => { stopped = true; running?.abort(); };
    for (const { path, file } of files) {
      if (stopped) break;
      if (!file) {
        const trouble = await makeFolder(path);
        if (trouble) complain(path, trouble);
        continue;
      }
      number += 1;
      line.textContent = many > 1 ? `${number} of ${many}: ${path.join("/")}` : path.join("/");
      const progressed = loaded => { bar.value = total ? (sent + Math.min(loaded, file.size)) / total : 1; };
      let [status, text] = await send(path, file, replace, progressed);
      if (status === 412 && !asked) {
        asked = true;
        replace = confirm(`${path.join("/")} is there already. Replace what is there? Its history is kept.`);
        if (replace) [status, text] = await send(path, file, true, progressed);
      }
      if (status === 401) { location.reload(); return; }
      if (status < 200 || status > 299) { if (!stopped) complain(path, text || `answered with ${status}`); }
      sent += file.size;
      progressed(0);
    }
    busy = false;
    running = null;
    if (!problems.children.length && !stopped) { location.reload(); return; }
    line.textContent = stopped ? "Stopped. What had arrived whole is there." : "Done, but for these:";
    stop.textContent = "Show the folder";
    stop.onclick = () => location.reload();
  };

  form.addEventListener("submit", event => {
    event.preventDefault();
    upload([...form.elements.file.files].map(file => ({ path: [file.name], file })));
  });

  // The files and folders below an entry that was dropped, folders first.
  const below = async (entry, path) => {
    const here = [...path, entry.name];
    if (entry.isFile) {
      const file = await new Promise((done, failed) => entry.file(done, failed));
      return [{ path: here, file }];
    }
    const reader = entry.createReader(), members = [];
    for (;;) { // a reader gives some hundred at a time
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) break;
      members.push(...some);
    }
    const found = [{ path: here, file: null }];
    for (const member of members) found.push(...await below(member, here));
    return found;
  };

  const hasFiles = event => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  document.getElementById("drop-hint").hidden = false;
  document.addEventListener("dragenter", event => {
    if (!hasFiles(event)) return;
    depth += 1;
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", event => {
    if (hasFiles(event) && --depth <= 0) { depth = 0; document.body.classList.remove("dropping"); }
  });
  document.addEventListener("dragover", event => { if (hasFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", async event => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    document.body.classList.remove("dropping");
    const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry?.()).filter(entry => entry);
    const files = [...event.dataTransfer.files].map(file => ({ path: [file.name], file }));
    if (!entries.length) { upload(files); return; }
    const found = [];
    for (const entry of entries) found.push(...await below(entry, []));
    upload(found);
  });
  window.addEventListener("beforeunload", event => { if (busy) event.preventDefault(); });
}
