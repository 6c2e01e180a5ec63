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

async function logIn({ key, publicKey }) {
  const publicHex = hexOf(publicKey);
  const { challenge } = await post("/api/v1/login/challenge", { key: publicHex, server: location.origin });
  checkChallenge(challenge, publicHex);
  const signature = await signed(key, challenge);
  const { token } = await post("/api/v1/login", { key: publicHex, challenge, signature });
  const form = at("token-form"), fresh = document.createElement("input");
  fresh.type = "hidden";
  fresh.name = "fresh";
  fresh.value = "1";
  form.append(fresh);
  at("token").value = token;
  form.submit();
}

offerSigning(at("key-form"), logIn).then(can => {
  if (!can && !window.isSecureContext)
    say(at("problem").textContent || "Over plain HTTP a browser does not sign. Log in with a token, or use https.");
});
