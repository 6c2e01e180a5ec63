
// ---- choosing a key file on a page ----------------------------------------------------------------------------

let chosen = null;

function say(text) {
  at("problem").textContent = text;
  at("problem").hidden = !text;
}

async function choose(file) {
  chosen = null;
  say("");
  at("phrase").hidden = true;
  at("sign").disabled = true;
  try {
    if (file.size > FILE_BYTES_MAX) throw new Refused("This file is too large to be a key.");
    chosen = readKeyFile(await file.text());
    if (at("key-name")) at("key-name").textContent = file.name;
    at("phrase").hidden = !chosen.encrypted;
    at("sign").disabled = false;
    (chosen.encrypted ? at("phrase-text") : at("sign")).focus();
  } catch (error) {
    if (at("key-name")) at("key-name").textContent = "Choose your key file";
    say(error instanceof Refused ? error.message : "The file cannot be read.");
  }
}

async function canSign() {
  try {
    await pairOf(new Uint8Array(32).fill(1));
    return true;
  } catch { return false; }
}

const signed = async (key, text) =>
  hexOf(new Uint8Array(await crypto.subtle.sign("Ed25519", key, new TextEncoder().encode(text))));

// Shows what is for signing, and calls use({key, publicKey}) when its form is sent. Where a browser cannot
// sign, nothing is shown and false comes back.
async function offerSigning(form, use) {
  if (!await canSign()) return false;
  at("by-key").hidden = false;
  form.addEventListener("submit", async event => {
    event.preventDefault();
    if (!chosen || at("sign").disabled) return;
    say("");
    at("sign").disabled = true;
    try {
      await use(await pairOf(chosen.seed ?? await chosen.encrypted(at("phrase-text").value)));
    } catch (error) {
      say(error instanceof Refused ? error.message : "This browser could not sign with the key.");
      at("sign").disabled = false;
    }
  });
  at("key-file").addEventListener("change", () => { if (at("key-file").files[0]) choose(at("key-file").files[0]); });
  const drop = at("drop");
  if (!drop) return true;
  document.addEventListener("dragover", event => { event.preventDefault(); drop.classList.add("over"); });
  document.addEventListener("dragleave", event => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", event => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files[0]) choose(event.dataTransfer.files[0]);
  });
  return true;
}

// Signs the text of a form, and sends it with the public key and the signature.
async function sendSigned(form, { key, publicKey }) {
  at("signature").value = await signed(key, at("signing-text").value);
  at("key").value = hexOf(publicKey);
  form.submit();
}
