// Standard Webhooks 1.0.0: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
import type { Config } from "../platform/config.ts";
import type { Log } from "../platform/log.ts";
import { version } from "../platform/version.ts";
import { createMail } from "./code-mail.ts";
import type { CodeDelivery, CodeMessage } from "./code-message.ts";

/** The ways that the configuration names; null when there are none. E-mail has one of its own where there is a server. */
export function createCodeDelivery(
  { delivery, webhook, smtp }: Config["otp"],
  log: Pick<Log, "info">,
): CodeDelivery | null {
  const general = delivery === "console" ? toConsole(log) : webhook === null ? null : createWebhook(webhook);
  if (smtp === null) return general;
  const mail = createMail(smtp);
  return (message) => (message.channel === "email" ? mail : (general ?? nowhere))(message);
}

/** Of codes that were asked for while there was a way. */
const nowhere: CodeDelivery = () => Promise.resolve({ reason: "no way to phones", retry_after_ms: 0 });

/** For the demo: whoever runs the server reads it off the terminal. */
const toConsole =
  (log: Pick<Log, "info">): CodeDelivery =>
  ({ code, destination, purpose }) => {
    log.info(
      code === null
        ? `${destination} has an account already (${purpose})`
        : `one-time code for ${destination} (${purpose}): ${code}`,
    );
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

function payloadOf({ created_at, code, ...data }: CodeMessage): string {
  if (code === null) return JSON.stringify({ type: "account.exists", timestamp: created_at, data });
  return JSON.stringify({ type: "one_time_code.created", timestamp: created_at, data: { ...data, code } });
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
