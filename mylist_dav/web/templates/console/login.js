// Logging in with a key: the file is read and used here, and never sent. What goes out is the public key and a
// signature over the challenge of the server; what comes back is a token, which the form of this page turns into a
// session.

// ---- the login ------------------------------------------------------------------------------------------------

async function post(address, document) {
  let answer, told;
  try {
    answer = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(document),
      credentials: "omit",
    });
    told = await answer.json();
  } catch { throw new Refused("The server does not answer."); }
  if (!answer.ok) throw new Refused(told.detail || told.title || `The server answered with ${answer.status}.`);
  return told;
}

// What is signed must name this very server: else somebody between us and another one asks for a login there.
function checkChallenge(text, publicHex) {
  const lines = text.split("\n");
  const named = name => lines.filter(line => line.startsWith(`${name}: `)).map(line => line.slice(name.length + 2));
  const servers = named("server"), keys = named("key");
  if (!lines[0].startsWith("mylist login by challenge") || servers.length !== 1 || keys.length !== 1 || keys[0] !== publicHex)
    throw new Refused("The server wants something else signed than a login. Nothing was signed.");
  if (servers[0] !== location.origin)
    throw new Refused(`The server calls itself ${servers[0]}, and you are at ${location.origin}. Nothing was signed. Log in at ${servers[0]}/login, if that is where you want to be.`);
}

async function logIn(seed) {
  const { key, publicKey } = await pairOf(seed);
  const publicHex = hexOf(publicKey);
  const { challenge } = await post("/api/v1/login/challenge", { key: publicHex, server: location.origin });
  checkChallenge(challenge, publicHex);
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", key, new TextEncoder().encode(challenge)));
  const { token } = await post("/api/v1/login", { key: publicHex, challenge, signature: hexOf(signature) });
  const form = at("token-form"), fresh = document.createElement("input");
  fresh.type = "hidden";
  fresh.name = "fresh";
  fresh.value = "1";
  form.append(fresh);
  at("token").value = token;
  form.submit();
}

// ---- the page -------------------------------------------------------------------------------------------------

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
    at("key-name").textContent = file.name;
    at("phrase").hidden = !chosen.encrypted;
    at("sign").disabled = false;
    (chosen.encrypted ? at("phrase-text") : at("sign")).focus();
  } catch (error) {
    at("key-name").textContent = "Choose your key file";
    say(error instanceof Refused ? error.message : "The file cannot be read.");
  }
}

async function submitted(event) {
  event.preventDefault();
  if (!chosen || at("sign").disabled) return;
  say("");
  at("sign").disabled = true;
  try {
    await logIn(chosen.seed ?? await chosen.encrypted(at("phrase-text").value));
  } catch (error) {
    say(error instanceof Refused ? error.message : "This browser could not sign with the key.");
    at("sign").disabled = false;
  }
}

async function canSign() {
  try {
    await pairOf(new Uint8Array(32).fill(1));
    return true;
  } catch { return false; }
}

(async () => {
  if (!await canSign()) {
    if (!window.isSecureContext) say(at("problem").textContent || "Over plain HTTP a browser does not sign. Log in with a token, or use https.");
    return;
  }
  at("by-key").hidden = false;
  at("key-form").addEventListener("submit", submitted);
  at("key-file").addEventListener("change", () => { if (at("key-file").files[0]) choose(at("key-file").files[0]); });
  const drop = at("drop");
  document.addEventListener("dragover", event => { event.preventDefault(); drop.classList.add("over"); });
  document.addEventListener("dragleave", event => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", event => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files[0]) choose(event.dataTransfer.files[0]);
  });
})();
