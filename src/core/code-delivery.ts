// Standard Webhooks 1.0.0: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
import type { Config } from "../platform/config.ts";
import type { OtpChannel, OtpPurpose } from "../platform/enums.ts";
import type { Log } from "../platform/log.ts";
import { version } from "../platform/version.ts";

/** A code, and where it goes. Instants are RFC 3339. */
export type CodeMessage = Readonly<{
  challenge_id: string;
  purpose: OtpPurpose;
  channel: OtpChannel;
  /** Phone number (E.164) or e-mail address. */
  destination: string;
  code: string;
  created_at: string;
  expires_at: string;
  /** BCP 47 tag of the language that the recipient reads, where it is known. */
  locale: string | null;
}>;

/** Null once it was taken; else why it was not, in a word that holds nothing secret, and when it may be tried again. */
export type CodeFailure = Readonly<{ reason: string; retry_after_ms: number }>;

/** A way to a person. Never rejects. */
export type CodeDelivery = (message: CodeMessage) => Promise<CodeFailure | null>;

/** The way that the configuration names; null when there is none. */
export function createCodeDelivery(
  { delivery, webhook }: Config["otp"],
  log: Pick<Log, "info">,
): CodeDelivery | null {
  if (delivery === "console") return toConsole(log);
  return webhook === null ? null : createWebhook(webhook);
}

/** For the demo: whoever runs the server reads it off the terminal. */
const toConsole =
  (log: Pick<Log, "info">): CodeDelivery =>
  ({ code, destination, purpose }) => {
    log.info(`one-time code for ${destination} (${purpose}): ${code}`);
    return Promise.resolve(null);
  };

/** Shorter than the standard advises: the code lives five minutes, and somebody waits for it. */
const deadlineMs = 5_000;
/** No receiver puts a code off for longer. */
const retryAfterMax_s = 60;

/** Posts to the operator's address, and follows it nowhere else. */
export function createWebhook(
  { url, secret }: { url: string; secret: string },
  options: { deadline_ms?: number } = {},
): CodeDelivery {
  const { deadline_ms = deadlineMs } = options;
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  return async (message) => {
    const body = payloadOf(message);
    try {
      const response = await fetch(url, {
        method: "POST",
        body,
        redirect: "manual",
        signal: AbortSignal.timeout(deadline_ms),
        headers: {
          "content-type": "application/json",
          "user-agent": `countinghouse/${version}`,
          ...signed(key, { id: message.challenge_id, timestamp_s: Math.floor(Date.now() / 1000), body }),
        },
      });
      await response.body?.cancel();
      if (response.ok) return null;
      return {
        reason: `status ${response.status}`,
        retry_after_ms: retryAfterMs(response.headers.get("retry-after")),
      };
    } catch (error) {
      // Its message names the URL.
      return { reason: reasonOf(error), retry_after_ms: 0 };
    }
  };
}

function payloadOf({ created_at, ...data }: CodeMessage): string {
  return JSON.stringify({ type: "one_time_code.created", timestamp: created_at, data });
}

/** The id is that of the challenge, the same at every try: receivers know by it what they have had already. */
function signed(
  key: Uint8Array,
  { id, timestamp_s, body }: { id: string; timestamp_s: number; body: string },
): Record<string, string> {
  const signature = new Bun.CryptoHasher("sha256", key)
    .update(`${id}.${timestamp_s}.${body}`)
    .digest("base64");
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp_s),
    "webhook-signature": `v1,${signature}`,
  };
}

/** Delta seconds only: a date would depend on two clocks. */
const retryAfterMs = (header: string | null): number =>
  /^\d{1,9}$/.test(header ?? "") ? Math.min(Number(header), retryAfterMax_s) * 1_000 : 0;

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
