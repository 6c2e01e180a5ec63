
// ---- coming in to a site with a key ---------------------------------------------------------------------------

// What is signed must be a text for this very site, and for coming in to it.
function checkText(text) {
  const lines = text.split("\n");
  if (lines[0] !== "mylist visit by key, version 1" || lines[2] !== `site: ${location.hostname}`)
    throw new Refused("The server wants something else signed than a visit of this site. Nothing was signed.");
}

// In an old browser, or over plain HTTP, it works with a token.
offerSigning(at("signed"), pair => {
  checkText(at("signing-text").value);
  return sendSigned(at("signed"), pair);
});
