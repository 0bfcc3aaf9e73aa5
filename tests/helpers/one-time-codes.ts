import { expect } from "bun:test";
import { createCodeSeal } from "../../src/core/otp-code.ts";
import type { TestApp } from "./app.ts";

/** Codes of test servers go nowhere unless a test runs the job that delivers them: `codeOf` takes them from the row. */
export const otpEnvironment = {
  OTP_DELIVERY: "webhook",
  OTP_WEBHOOK_URL: "http://127.0.0.1:9/",
  OTP_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString("base64")}`,
};

/** What POST /auth/otp answers. */
export type Challenge = Readonly<{
  challenge_id: string;
  destination: string;
  expires_at: string;
  retry_after_s: number;
}>;

/** Asks for a code, which must be granted. */
export async function requestCode(api: TestApp, token: string): Promise<Challenge> {
  const response = await api.send("POST", "/api/v1/auth/otp", { token, body: { purpose: "step_up" } });
  expect(response.status).toBe(202);
  return (await response.json()) as Challenge;
}

/** Tries a code. */
export const verifyCode = (
  api: TestApp,
  token: string,
  { challenge_id, code }: { challenge_id: string; code: string },
): Promise<Response> => api.send("POST", "/api/v1/auth/otp/verify", { token, body: { challenge_id, code } });

/** The code of a challenge that was not delivered yet. */
export async function codeOf({ sql, deps }: TestApp, challenge_id: string): Promise<string> {
  const [row]: { sealed_code: Uint8Array | null }[] =
    await sql`select sealed_code from core.otp_challenges where id = ${challenge_id}`;
  const sealed = row?.sealed_code ?? null;
  const code =
    sealed === null ? null : await createCodeSeal(deps.config.auth.jwt_secret).open(challenge_id, sealed);
  if (code === null) throw new Error(`challenge ${challenge_id} has no code that could be read`);
  return code;
}

/** Another code of six digits. */
export const wrongCode = (code: string): string => String((Number(code) + 1) % 1_000_000).padStart(6, "0");

/** Steps the session of a token up, as its person would. */
export async function stepUp(api: TestApp, token: string): Promise<void> {
  const { challenge_id } = await requestCode(api, token);
  const code = await codeOf(api, challenge_id);
  expect((await verifyCode(api, token, { challenge_id, code })).status).toBe(200);
}

/** A phone number or an e-mail address, as bodies name it. */
export type Contact = Readonly<{ phone: string }> | Readonly<{ email: string }>;

/** Asks for a code without a login, which must be granted; whoever has the destination. */
export async function requestEntryCode(api: TestApp, purpose: string, to: Contact): Promise<Response> {
  const response = await api.send("POST", "/api/v1/auth/otp", { body: { purpose, ...to } });
  expect(response.status).toBe(202);
  return response;
}

/** The code that was made for a destination last, as its challenge holds it before the delivery. */
export async function codeFor(api: TestApp, purpose: string, to: Contact): Promise<string> {
  const [destination = ""] = Object.values(to);
  const [row]: { id: string }[] = await api.sql`select id from core.otp_challenges
    where purpose::text = ${purpose} and destination = ${destination} and consumed_at is null`;
  return codeOf(api, row?.id ?? "");
}

/** Asks for a code, and reads it as whoever it is sent to would, if it is sent. */
export async function entryCode(api: TestApp, purpose: string, to: Contact): Promise<string> {
  await requestEntryCode(api, purpose, to);
  return codeFor(api, purpose, to);
}

/** Tries a code without a login. */
export const enter = (api: TestApp, body: Record<string, unknown>): Promise<Response> =>
  api.send("POST", "/api/v1/auth/otp/verify", { body });
