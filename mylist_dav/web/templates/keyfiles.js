"use strict";
// Reading key files and signing with them, for the pages that log in with a key: a file is read and used in the
// browser, and never sent.

const at = id => document.getElementById(id);
const hexOf = bytes => [...bytes].map(byte => byte.toString(16).padStart(2, "0")).join("");
const bytesOf = hex => Uint8Array.from(hex.match(/../g), pair => parseInt(pair, 16));
const sameBytes = (one, other) => one.length === other.length && one.every((byte, i) => byte === other[i]);

const FILE_BYTES_MAX = 65536;
const KIND = "ssh-ed25519";
const PKCS8_HEAD = bytesOf("302e020100300506032b657004220420"); // RFC 8410, 7: what stands before the 32 bytes

class Refused extends Error {}

// ---- key files ------------------------------------------------------------------------------------------------

// Reads a key file: {seed}, 32 bytes, or {encrypted: function of a pass phrase to a promise of a seed}.
function readKeyFile(text) {
  const armoured = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END OPENSSH PRIVATE KEY-----/.exec(text);
  if (armoured) return readOpenssh(armoured[1]);
  if (text.startsWith("mylist private key, version 1")) return readOwn(text);
  const pem = /-----BEGIN PRIVATE KEY-----([\s\S]*?)-----END PRIVATE KEY-----/.exec(text);
  if (pem) return readPem(pem[1]);
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text))
    throw new Refused("This is a private key in another format. An OpenSSH key (ssh-keygen -t ed25519) or one of mylist is expected.");
  if (/^\s*(ssh-|ecdsa-|sk-)\S+ AAAA/.test(text))
    throw new Refused("This is a public key. To log in, choose the private one: the file without .pub.");
  throw new Refused("This is no key file of mylist or OpenSSH.");
}

const DAMAGED = "The key file is damaged.";
const WRONG_PHRASE = "This is not the pass phrase of the key.";

function readOwn(text) {
  const fields = Object.fromEntries(text.split(/\r?\n/).slice(1).map(line => /^\s*(\w+)\s*:\s*(.*?)\s*$/.exec(line)?.slice(1) ?? ["", ""]));
  if (!/^[0-9a-f]{64}$/.test(fields.public ?? "")) throw new Refused(DAMAGED);
  if (/^[0-9a-f]{64}$/.test(fields.seed ?? "")) return { seed: bytesOf(fields.seed) };
  const sealed = /^pbkdf2-sha256 ([0-9]{1,8}) ([0-9a-f]{32}) ([0-9a-f]{24}) ([0-9a-f]{96})$/.exec(fields.sealed ?? "");
  if (!sealed) throw new Refused(DAMAGED);
  const iterations = Number(sealed[1]), [salt, iv, box] = sealed.slice(2).map(bytesOf);
  if (iterations < 1 || iterations > 10_000_000) throw new Refused(DAMAGED);
  return {
    encrypted: async phrase => {
      const secret = await crypto.subtle.importKey("raw", new TextEncoder().encode(phrase), "PBKDF2", false, ["deriveKey"]);
      const key = await crypto.subtle.deriveKey(
        { name: "PBKDF2", hash: "SHA-256", salt, iterations }, secret, { name: "AES-GCM", length: 256 }, false, ["decrypt"]);
      try {
        return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: bytesOf(fields.public) }, key, box));
      } catch { throw new Refused(WRONG_PHRASE); }
    },
  };
}

function readPem(base64) { // RFC 8410, 7, as OpenSSL writes it
  const bytes = fromBase64(base64), head = PKCS8_HEAD.length;
  if (bytes.length !== head + 32 || !sameBytes(bytes.subarray(0, head), PKCS8_HEAD))
    throw new Refused("Only Ed25519 keys are taken (mylist key new, ssh-keygen -t ed25519).");
  return { seed: bytes.slice(head) };
}

function fromBase64(text) {
  try {
    return Uint8Array.from(atob(text.replace(/\s+/g, "")), character => character.charCodeAt(0));
  } catch { throw new Refused(DAMAGED); }
}

// Reads the fields of OpenSSH's formats: numbers of four bytes, and strings with their length before them.
class Fields {
  constructor(bytes) { this.bytes = bytes; this.at = 0; }
  take(length) {
    if (this.at + length > this.bytes.length) throw new Refused(DAMAGED);
    return this.bytes.subarray(this.at, this.at += length);
  }
  number() { const four = this.take(4); return ((four[0] << 24) | (four[1] << 16) | (four[2] << 8) | four[3]) >>> 0; }
  string() { return this.take(this.number()); }
  text() { return new TextDecoder().decode(this.string()); }
}

function readOpenssh(base64) { // PROTOCOL.key of OpenSSH
  const fields = new Fields(fromBase64(base64));
  if (new TextDecoder().decode(fields.take(15)) !== "openssh-key-v1\0") throw new Refused(DAMAGED);
  const cipher = fields.text(), kdf = fields.text(), options = new Fields(fields.string());
  if (fields.number() !== 1) throw new Refused("The file holds more than one key.");
  const kind = new Fields(fields.string()).text();
  if (kind !== KIND) throw new Refused(`This is a key of the kind ${kind}. Only Ed25519 keys are taken (ssh-keygen -t ed25519).`);
  const sealed = fields.string();
  if (cipher === "none") return { seed: seedOf(sealed, DAMAGED) };
  if (kdf !== "bcrypt" || !["aes256-ctr", "aes256-cbc"].includes(cipher))
    throw new Refused(`The key is encrypted with ${cipher}, which is not understood here. Use mylist login, or a token.`);
  const salt = options.string(), rounds = options.number();
  if (rounds > 512) throw new Refused("Opening this key would take too long here. Use mylist login, or a token.");
  return {
    encrypted: async phrase => {
      const derived = await bcryptKey(new TextEncoder().encode(phrase), salt, rounds, 48);
      const opened = await openSealed(cipher, derived.subarray(0, 32), derived.subarray(32), sealed);
      return seedOf(opened, WRONG_PHRASE);
    },
  };
}

async function openSealed(cipher, keyBytes, iv, sealed) {
  if (sealed.length % 16) throw new Refused(DAMAGED);
  if (cipher === "aes256-ctr") {
    const key = await crypto.subtle.importKey("raw", keyBytes, "AES-CTR", false, ["decrypt"]);
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-CTR", counter: iv, length: 128 }, key, sealed));
  }
  // WebCrypto wants PKCS 7 at the end of CBC: a last block is added that gives just that.
  const key = await crypto.subtle.importKey("raw", keyBytes, "AES-CBC", false, ["encrypt", "decrypt"]);
  const last = sealed.slice(-16);
  const padding = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CBC", iv: last }, key, new Uint8Array(0)));
  const whole = new Uint8Array([...sealed, ...padding]);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-CBC", iv }, key, whole));
}

// The seed in the opened part of an OpenSSH key. refusal: what is said when it is not one.
function seedOf(bytes, refusal) {
  const fields = new Fields(bytes);
  if (fields.number() !== fields.number()) throw new Refused(refusal);
  if (fields.text() !== KIND) throw new Refused(refusal);
  const publicKey = fields.string(), secret = fields.string();
  if (secret.length !== 64 || !sameBytes(secret.subarray(32), publicKey)) throw new Refused(refusal);
  return secret.slice(0, 32);
}

// ---- bcrypt_pbkdf, by which OpenSSH makes a key of a pass phrase ------------------------------------------------

// The first words of the fraction of pi, which Blowfish begins with: 18 and 4 times 256.
function wordsOfPi(count) {
  const bits = BigInt(count * 32), guard = 64n, one = 1n << (bits + guard);
  const arctan = inverse => {
    let term = one / inverse, sum = term, divisor = 1n, sign = -1n;
    for (const square = inverse * inverse; term; sign = -sign) {
      term /= square;
      divisor += 2n;
      sum += sign * (term / divisor);
    }
    return sum;
  };
  const pi = 4n * (4n * arctan(5n) - arctan(239n)); // Machin
  const digits = ((pi - 3n * one) >> guard).toString(16).padStart(count * 8, "0");
  return Uint32Array.from({ length: count }, (_, i) => parseInt(digits.slice(i * 8, i * 8 + 8), 16));
}

class Blowfish {
  constructor(pi) { this.p = pi.slice(0, 18); this.s = pi.slice(18); }
  // Encrypts the two words at an index, in place.
  encrypt(words, at) {
    const { p, s } = this;
    let left = words[at], right = words[at + 1];
    for (let i = 0; i < 16; i += 2) {
      left ^= p[i];
      right ^= ((s[left >>> 24] + s[256 + ((left >>> 16) & 255)] ^ s[512 + ((left >>> 8) & 255)]) + s[768 + (left & 255)]) | 0;
      right ^= p[i + 1];
      left ^= ((s[right >>> 24] + s[256 + ((right >>> 16) & 255)] ^ s[512 + ((right >>> 8) & 255)]) + s[768 + (right & 255)]) | 0;
    }
    words[at] = right ^ p[17];
    words[at + 1] = left ^ p[16];
  }
  // Mixes a key in, and data if there is some; both as words, read round and round.
  expand(key, data) {
    const { p, s } = this;
    for (let i = 0; i < 18; i += 1) p[i] ^= key[i % key.length];
    const pair = new Uint32Array(2);
    let read = 0;
    for (const table of [p, s])
      for (let i = 0; i < table.length; i += 2) {
        if (data) {
          pair[0] ^= data[read % data.length];
          pair[1] ^= data[(read + 1) % data.length];
          read += 2;
        }
        this.encrypt(pair, 0);
        table[i] = pair[0];
        table[i + 1] = pair[1];
      }
  }
}

const wordsOf = bytes => Uint32Array.from({ length: bytes.length / 4 }, (_, i) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(i * 4));
const sha512 = async bytes => new Uint8Array(await crypto.subtle.digest("SHA-512", bytes));

function bcryptHash(pi, hashedPhrase, hashedSalt) {
  const state = new Blowfish(pi), phrase = wordsOf(hashedPhrase), salt = wordsOf(hashedSalt);
  state.expand(phrase, salt);
  for (let i = 0; i < 64; i += 1) { state.expand(salt); state.expand(phrase); }
  const words = wordsOf(new TextEncoder().encode("OxychromaticBlowfishSwatDynamite"));
  for (let i = 0; i < 64; i += 1) for (let at = 0; at < 8; at += 2) state.encrypt(words, at);
  const out = new Uint8Array(32), view = new DataView(out.buffer);
  words.forEach((word, i) => view.setUint32(i * 4, word, true));
  return out;
}

async function bcryptKey(phrase, salt, rounds, length) {
  if (!phrase.length) throw new Refused("The key is encrypted: its pass phrase is needed.");
  const pi = wordsOfPi(18 + 1024), hashed = await sha512(phrase);
  const blocks = Math.ceil(length / 32), key = new Uint8Array(length);
  for (let number = 1; number <= blocks; number += 1) {
    const first = new Uint8Array([...salt, number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255]);
    let last = bcryptHash(pi, hashed, await sha512(first));
    const sum = last.slice();
    for (let round = 1; round < rounds; round += 1) {
      last = bcryptHash(pi, hashed, await sha512(last));
      last.forEach((byte, i) => { sum[i] ^= byte; });
    }
    for (let i = 0; i < 32; i += 1) { // the blocks are spread over the key, not put one behind the other
      const place = i * blocks + number - 1;
      if (place < length) key[place] = sum[i];
    }
  }
  return key;
}

// ---- signing ---------------------------------------------------------------------------------------------------

async function pairOf(seed) {
  const encoded = new Uint8Array([...PKCS8_HEAD, ...seed]);
  const key = await crypto.subtle.importKey("pkcs8", encoded, { name: "Ed25519" }, true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", key);
  return { key, publicKey: fromBase64(x.replace(/-/g, "+").replace(/_/g, "/")) };
}
