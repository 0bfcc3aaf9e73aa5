// HMAC: https://www.rfc-editor.org/rfc/rfc2104, compared in constant time: https://w3c.github.io/webcrypto/#hmac-operations-verify
import type { WebhookSecret } from "../platform/payment-providers.ts";

/** What the providers of the configuration sign with. */
export type Signatures = Readonly<{
  knows(provider: string): boolean;
  /** The secret with which the bytes were signed; null when it was none of this provider's. */
  find(
    provider: string,
    signature: string | null,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<WebhookSecret | null>;
}>;

const algorithm = { name: "HMAC", hash: "SHA-512" } as const;
/** SHA-512 in hexadecimal. */
const form = /^[0-9a-f]{128}$/i;

type Signer = Readonly<{ secret: WebhookSecret; key: Promise<CryptoKey> }>;

export function createSignatures(secrets: readonly WebhookSecret[]): Signatures {
  const signers = secrets.map((secret): Signer => ({ secret, key: keyOf(secret) }));
  return {
    knows: (provider) => secrets.some((known) => known.provider === provider),
    async find(provider, signature, bytes) {
      if (signature === null || !form.test(signature)) return null;
      const given = Uint8Array.fromHex(signature);
      for (const { secret, key } of signers) {
        if (secret.provider !== provider) continue;
        if (await crypto.subtle.verify(algorithm, await key, given, bytes)) return secret;
      }
      return null;
    },
  };
}

const keyOf = ({ secret }: WebhookSecret): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", new TextEncoder().encode(secret), algorithm, false, ["verify"]);
