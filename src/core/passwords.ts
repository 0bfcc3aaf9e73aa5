// Password storage: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
import { availableParallelism } from "node:os";
import { Problem } from "../http/problem.ts";

/** OWASP's minimum for argon2id; Bun's own default asks for 64 MiB, of which a hundred logins at once want 6.4 GB. */
export const passwordParameters = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;

export const passwordMinLength = 12;
export const passwordMaxLength = 256;

/** Waiting places for each core. */
const queuePerCore = 50;
/** Who would wait longer for their turn, by what turns have taken lately, is refused at once. */
const waitMax_ms = 1_000;
/** What a turn takes on a core of its own; where several replicas share one, several times that. */
const turn_ms = 20;
/**
 * By the median of the latest turns: two for each place, so that those under way while the process stood still are not most
 * of them, and so many more.
 */
const moreTurns = 3;

export type Passwords = Readonly<{
  /** Hashes a new password: argon2id in PHC text form. */
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /**
   * Whether the password is the one of the hash. Without a hash (nobody there, no password set) it takes the same time
   * and is false. Never cached.
   */
  verify(password: string, hash: string | null, signal?: AbortSignal): Promise<boolean>;
  /** Whether a password could be looked at within the longest wait, as of now. @throws {Problem} `overloaded` */
  requireRoom(): void;
  stats(): { running: number; waiting: number; refused: number };
}>;

/**
 * Hashes on the thread pool, at most one at a time for each core. Whoever finds the queue full, would wait in it for over a
 * second, or has gone away when it is their turn, is refused (`overloaded`).
 */
export function createPasswords(
  options: { width?: number | undefined; queue_max?: number; wait_max_ms?: number } = {},
): Passwords {
  const wait_max_ms = options.wait_max_ms ?? waitMax_ms;
  const width = options.width ?? availableParallelism();
  const turns: number[] = Array.from({ length: 2 * width + moreTurns }, () => turn_ms);
  let usual_ms = turn_ms;
  const queue_max = options.queue_max ?? width * queuePerCore;
  const waiting: (() => void)[] = [];
  let running = 0;
  let refused = 0;

  // Who comes next does not wait for others, so there is always room for one, however long turns took when it was busy.
  const hasRoom = (): boolean =>
    running < width || (waiting.length < queue_max && (waiting.length * usual_ms) / width <= wait_max_ms);
  const requireRoom = (): void => {
    if (hasRoom()) return;
    refused += 1;
    throw overloaded();
  };

  const enter = async (signal: AbortSignal | undefined): Promise<void> => {
    requireRoom();
    if (running < width) running += 1;
    else await new Promise<void>((turn) => waiting.push(turn));
    if (signal?.aborted !== true) return;
    leave();
    throw overloaded();
  };
  // The place goes from hand to hand, so that nobody can slip in between.
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  };
  const guarded = async <T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> => {
    await enter(signal);
    const began = performance.now();
    try {
      return await work();
    } finally {
      turns.push(performance.now() - began);
      turns.shift();
      usual_ms = turns.toSorted((a, b) => a - b)[turns.length >> 1] ?? turn_ms;
      leave();
    }
  };

  const hash = (password: string, signal?: AbortSignal): Promise<string> =>
    guarded(signal, () => Bun.password.hash(normal(password), passwordParameters));
  // Made with the same parameters, of a password that nobody knows.
  const nobody = hash(crypto.randomUUID());
  nobody.catch(() => {});

  return {
    hash,
    requireRoom,
    async verify(password, stored, signal) {
      const against = stored ?? (await nobody);
      const matches = await guarded(signal, () => Bun.password.verify(normal(password), against));
      return matches && stored !== null;
    },
    stats: () => ({ running, waiting: waiting.length, refused }),
  };
}

/** The same text, however a keyboard composes it (NIST SP 800-63B section 5.1.1.2). */
const normal = (password: string): string => password.normalize("NFKC");

const overloaded = (): Problem =>
  new Problem("overloaded", { detail: "Too many logins are waiting", headers: { "retry-after": "1" } });

/** What everybody tries first; anything shorter than the minimum needs no line here. */
const common = [
  "123456789012",
  "1234567890123",
  "12345678901234",
  "administrator",
  "changemechangeme",
  "correcthorsebatterystaple",
  "iloveyouiloveyou",
  "letmeinletmein",
  "passw0rdpassw0rd",
  "password1234",
  "password12345",
  "password123456",
  "passwordpassword",
  "qwertyqwerty",
  "qwertyuiop12",
  "qwertyuiopasdfgh",
  "welcomewelcome",
] as const;

/** Fewest different characters: "aaaaaaaaaaaa" and "abababababab" are long, not strong. */
const distinctMin = 5;

/**
 * Why a new password is too weak, null when it is not. `names` are what the person is known by: none may be in it.
 * Length counts characters, not bytes.
 */
export function weaknessOf(
  password: string,
  known: { old?: string; names: readonly (string | null)[] },
): string | null {
  const characters = [...normal(password)];
  const lower = normal(password).toLowerCase();
  if (characters.length < passwordMinLength) return `must have at least ${passwordMinLength} characters`;
  if (known.old !== undefined && normal(known.old) === normal(password)) return "is the old one";
  if (new Set(characters).size < distinctMin) return "repeats too few characters";
  if ((common as readonly string[]).includes(lower.replaceAll(/[\s._-]/g, "")))
    return "is one of the first that are tried";
  const names = known.names.flatMap((name) => (name === null ? [] : [name, name.split("@")[0] ?? ""]));
  if (names.some((name) => name.length >= 4 && lower.includes(name.toLowerCase())))
    return "contains a name of yours";
  return null;
}

/** Refuses a weak password (`weak_password`), pointing at the member of the body that holds it. */
export function requireStrong(
  password: string,
  pointer: string,
  known: { old?: string; names: readonly (string | null)[] },
): void {
  const weakness = weaknessOf(password, known);
  if (weakness !== null) throw new Problem("weak_password", { errors: [{ pointer, detail: weakness }] });
}
