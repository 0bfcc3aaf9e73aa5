import { Problem } from "../http/problem.ts";
import type { OtpChannel } from "../platform/enums.ts";
import type { Account, Entry, EntryPurpose } from "./otp-entry.ts";
import { type Destination, destinationOf, type Names } from "./otp-request.ts";

/** The body of a request for a code, whatever for. */
type Asked = Names & Readonly<{ purpose: string; channel?: OtpChannel | undefined }>;

/** The body with a code, whatever it is for. */
type Tried = Names &
  Partial<Omit<Account, "full_name">> &
  Readonly<{
    purpose?: string | undefined;
    challenge_id?: string | undefined;
    code: string;
    full_name?: string | undefined;
    new_password?: string | undefined;
  }>;

/** What each purpose takes beside its name, the code, and where that was sent to. */
const taken = {
  login: [],
  signup: ["full_name", "password", "locale", "timezone", "currency", "business_name"],
  reset_password: ["new_password"],
  step_up: ["challenge_id"],
} as const satisfies Record<string, readonly (keyof Tried)[]>;

/** @throws {Problem} `validation` unless there is exactly one destination, and no channel */
export function entryRequestOf(
  purpose: EntryPurpose,
  { channel, ...names }: Asked,
): Destination & { purpose: EntryPurpose } {
  if (channel !== undefined) throw unwanted("channel", purpose);
  return { purpose, ...destinationOf(names) };
}

/** @throws {Problem} `validation` for a destination: codes that step a session up go to its own person */
export function stepUpRequestOf({ phone, email, channel }: Asked): { channel: OtpChannel | null } {
  if (phone !== undefined) throw unwanted("phone", "step_up");
  if (email !== undefined) throw unwanted("email", "step_up");
  return { channel: channel ?? null };
}

/** @throws {Problem} `validation` for what is missing, and for what the purpose does not take */
export function entryOf(purpose: EntryPurpose, body: Tried): Entry {
  requireOnly(body, purpose);
  const { code, full_name, new_password, password, locale, timezone, currency, business_name } = body;
  const to = { ...destinationOf(body), code };
  if (purpose === "login") return { ...to, purpose };
  if (purpose === "reset_password") {
    if (new_password === undefined) throw missing("new_password");
    return { ...to, purpose, new_password };
  }
  if (full_name === undefined) throw missing("full_name");
  const account = { full_name, password, locale, timezone, currency, business_name };
  return { ...to, purpose, account };
}

/** @throws {Problem} `validation` for what is missing, and for what the purpose does not take */
export function stepUpOf(body: Tried): { challenge_id: string; code: string } {
  requireOnly(body, "step_up");
  if (body.phone !== undefined) throw unwanted("phone", "step_up");
  if (body.email !== undefined) throw unwanted("email", "step_up");
  if (body.challenge_id === undefined) throw missing("challenge_id");
  return { challenge_id: body.challenge_id, code: body.code };
}

function requireOnly(body: Tried, purpose: keyof typeof taken): void {
  const own = new Set<string>([...taken[purpose], "purpose", "code", "phone", "email"]);
  for (const name in body) if (!own.has(name)) throw unwanted(name, purpose);
}

const unwanted = (member: string, purpose: string): Problem =>
  new Problem("validation", { errors: [{ pointer: `/${member}`, detail: `is not taken by ${purpose}` }] });

const missing = (member: string): Problem =>
  new Problem("validation", { errors: [{ pointer: `/${member}`, detail: "is missing" }] });
