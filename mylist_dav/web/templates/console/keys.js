
// ---- adding a key ---------------------------------------------------------------------------------------------

// What is signed must be a text for adding a key to this very account.
function checkText(text, account) {
  const lines = text.split("\n");
  if (lines[0] !== "mylist key of an account, version 1" || lines[3] !== `account: ${account}`)
    throw new Refused("The server wants something else signed than that this key is yours. Nothing was signed.");
}

const adding = at("by-key");
if (adding) {
  offerSigning(adding, pair => {
    checkText(at("signing-text").value, adding.dataset.account);
    return sendSigned(adding, pair);
  }).then(can => { if (!can) say("This browser does not sign: over plain HTTP none does. An admin can add a key."); });
}
