// JSON Web Token: https://www.rfc-editor.org/rfc/rfc7519, profile for access tokens: https://www.rfc-editor.org/rfc/rfc9068
import { jwt } from "@elysiajs/jwt";
import { LRUCache } from "lru-cache";
import { Problem } from "./problem.ts";

/** What an access token says. Times are seconds since the epoch. `subject`: whom rate limits count. */
export type Claims = Readonly<{
  sub: string;
  sid: string;
  bid: string;
  iat: number;
  exp: number;
  subject: string;
}>;

export type Tokens = {
  readonly ttl_s: number;
  issue(claims: Pick<Claims, "sub" | "sid" | "bid">): Promise<string>;
  /** The claims of a token of ours that has not expired, else a 401 problem. Synchronous for a token seen before. */
  verify(token: string): Claims | Promise<Claims>;
};

const issuer = "countinghouse";
const audience = "countinghouse-api";
const maxTokenLength = 2_048;
const remembered = 20_000;

/**
 * Signs and verifies access tokens with HS256. Everything that the plugin leaves open is closed here: algorithm,
 * issuer, audience, required claims (it accepts HS512, no `exp` and any `iss` by default).
 * A signature does not change, so a verified token is remembered whole until it expires: one flipped byte misses.
 */
export function createTokens(options: { secret: string; ttl_s: number; now: () => number }): Tokens {
  const { jwt: signer } = jwt({
    name: "jwt",
    secret: options.secret,
    alg: "HS256",
    iss: issuer,
    aud: audience,
  }).decorator;
  const verified = new LRUCache<string, Claims>({ max: remembered });

  const verifyNew = async (token: string): Promise<Claims> => {
    if (token.length > maxTokenLength || !isCanonical(token)) throw refused("invalid_token");
    const payload = await signer.verify(token, {
      algorithms: ["HS256"],
      issuer,
      audience,
      requiredClaims: ["sub", "sid", "bid", "iat", "exp"],
      currentDate: new Date(options.now()),
    });
    if (payload === false) throw refused(isExpired(token, options.now()) ? "token_expired" : "invalid_token");
    const { sub, sid, bid, iat, exp } = payload as Record<string, unknown>;
    if (typeof sub !== "string" || typeof sid !== "string" || typeof bid !== "string")
      throw refused("invalid_token");
    const subject = `${bid}/${sub}`;
    const claims: Claims = { sub, sid, bid, iat: Number(iat), exp: Number(exp), subject };
    verified.set(token, claims);
    return claims;
  };

  return {
    ttl_s: options.ttl_s,
    issue({ sub, sid, bid }) {
      const exp = Math.floor(options.now() / 1000) + options.ttl_s;
      // `jti` makes two tokens of one second differ, so that forgetting one never forgets the other.
      return signer.sign({ sub, sid, bid, exp, jti: Bun.randomUUIDv7() });
    },
    verify(token) {
      const known = verified.get(token);
      if (known === undefined) return verifyNew(token);
      if (known.exp * 1000 > options.now()) return known;
      verified.delete(token);
      throw refused("token_expired");
    },
  };
}

/** Whether the signature is spelt as we spell it: its last character has bits that mean nothing, and `=` may follow. */
function isCanonical(token: string): boolean {
  const signature = token.slice(token.lastIndexOf(".") + 1);
  return Buffer.from(signature, "base64url").toString("base64url") === signature;
}

/** The bearer token of a request (RFC 6750 section 2.1), null when it sends no credentials. */
export function bearerOf(authorization: string | null): string | null {
  if (authorization === null) return null;
  // As nearly all write it; that it is a token at all is seen when it is verified.
  if (authorization.startsWith("Bearer ey")) return authorization.slice("Bearer ".length);
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization)?.[1];
  if (token === undefined) throw refused("invalid_token");
  return token;
}

/** A 401 with the `WWW-Authenticate` value that RFC 6750 section 3 asks for. */
export function refused(
  code: "invalid_token" | "token_expired" | "session_revoked" | "unauthenticated",
): Problem {
  const error = code === "unauthenticated" ? "" : ` error="invalid_token", error_description="${code}"`;
  return new Problem(code, {
    headers: { "www-authenticate": `Bearer realm="countinghouse"${error ? `,${error}` : ""}` },
  });
}

/**
 * The header of a 401 that wants a one-time code, verified within the last `max_age_s` seconds, before the request is
 * repeated with the same token. https://www.rfc-editor.org/rfc/rfc9470#section-3
 */
export const stepUpChallenge = (max_age_s: number): Readonly<Record<string, string>> => ({
  "www-authenticate":
    'Bearer realm="countinghouse", error="insufficient_user_authentication", ' +
    `error_description="A fresh one-time code is required", max_age=${max_age_s}`,
});

/** The plugin answers `false` to everything; an unverified look at `exp` only chooses the wording of the refusal. */
function isExpired(token: string, now_ms: number): boolean {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    const exp = typeof payload === "object" && payload !== null && "exp" in payload ? payload.exp : null;
    return typeof exp === "number" && exp * 1000 <= now_ms;
  } catch {
    return false;
  }
}
