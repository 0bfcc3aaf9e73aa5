// One-time codes: https://pages.nist.gov/800-63-3/sp800-63b.html section 5.1.3.2
import { randomInt } from "node:crypto";

/** Digits of a code. With five tries at each of five an hour, guessing one takes years. */
export const codeDigits = 6;

/** A new code: decimal digits from the system's generator, all equally likely. */
export const newCode = (): string => String(randomInt(10 ** codeDigits)).padStart(codeDigits, "0");

/**
 * What the database keeps of a code. `about` (the id of the challenge, or purpose and destination) makes equal codes differ;
 * without the secret a million tries find nothing.
 */
export const hashOfCode = (secret: string, about: string, code: string): Uint8Array =>
  new Bun.CryptoHasher("sha256", secret).update(`one-time code\n${about}\n${code}`).digest();

/** Closes codes for the way through the database, and opens them for the delivery. */
export type CodeSeal = Readonly<{
  /** 12 bytes of nonce, then the code under AES-256-GCM with its tag. */
  seal(challenge_id: string, code: string): Promise<Uint8Array>;
  /** Null when it was sealed with another secret or for another challenge. */
  open(challenge_id: string, sealed: Uint8Array): Promise<string | null>;
}>;

/** https://csrc.nist.gov/pubs/sp/800/38/d/final section 8.2: the recommended length. */
const nonceBytes = 12;

/** The key is derived from the server's secret, which all replicas share and the database never sees. */
export function createCodeSeal(secret: string): CodeSeal {
  const key = deriveKey(secret);
  const parametersOf = (challenge_id: string, iv: Uint8Array<ArrayBuffer>) => ({
    name: "AES-GCM",
    iv,
    additionalData: bytesOf(challenge_id),
  });
  return {
    async seal(challenge_id, code) {
      const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
      const sealed = await crypto.subtle.encrypt(parametersOf(challenge_id, nonce), await key, bytesOf(code));
      return Buffer.concat([nonce, new Uint8Array(sealed)]);
    },
    async open(challenge_id, sealed) {
      const bytes = Uint8Array.from(sealed);
      const parameters = parametersOf(challenge_id, bytes.subarray(0, nonceBytes));
      try {
        const code = await crypto.subtle.decrypt(parameters, await key, bytes.subarray(nonceBytes));
        return new TextDecoder().decode(code);
      } catch {
        return null;
      }
    },
  };
}

/** HKDF (RFC 5869), which gives each use of the secret a key of its own. */
async function deriveKey(secret: string): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", bytesOf(secret), "HKDF", false, ["deriveKey"]);
  const hkdf = {
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(),
    info: bytesOf("one-time code delivery"),
  };
  return crypto.subtle.deriveKey(hkdf, material, { name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "decrypt",
  ]);
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
