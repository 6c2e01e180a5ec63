
// ---- coming in to a site with a key ---------------------------------------------------------------------------

let chosen = null;

function say(text) {
  at("problem").textContent = text;
  at("problem").hidden = !text;
}

async function choose(file) {
  chosen = null;
  say("");
  at("sign").disabled = true;
  try {
    if (file.size > FILE_BYTES_MAX) throw new Refused("This file is too large to be a key.");
    chosen = readKeyFile(await file.text());
    at("opening").hidden = !chosen.encrypted;
    at("sign").disabled = false;
  } catch (error) {
    say(error instanceof Refused ? error.message : "The file cannot be read.");
  }
}

// What is signed must be a text for this very site, and for coming in to it.
function checkText(text) {
  const lines = text.split("\n");
  if (lines[0] !== "mylist visit by key, version 1" || lines[2] !== `site: ${location.hostname}`)
    throw new Refused("The server wants something else signed than a visit of this site. Nothing was signed.");
}

async function comeIn(event) {
  event.preventDefault();
  if (!chosen) return;
  say("");
  at("sign").disabled = true;
  try {
    const text = at("text").value;
    checkText(text);
    const { key, publicKey } = await pairOf(chosen.seed ?? await chosen.encrypted(at("opening-phrase").value));
    const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", key, new TextEncoder().encode(text)));
    at("key").value = hexOf(publicKey);
    at("signature").value = hexOf(signature);
    at("signed").submit();
  } catch (error) {
    say(error instanceof Refused ? error.message : "This browser could not sign with the key.");
    at("sign").disabled = false;
  }
}

(async () => {
  try {
    await pairOf(new Uint8Array(32).fill(1));
  } catch { return; } // an old browser, or plain HTTP: with a token it works
  at("by-key").hidden = false;
  at("signed").addEventListener("submit", comeIn);
  at("key-file").addEventListener("change", () => { if (at("key-file").files[0]) choose(at("key-file").files[0]); });
})();
