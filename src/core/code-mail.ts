// Message Submission for Mail: https://www.rfc-editor.org/rfc/rfc6409, over TLS: https://www.rfc-editor.org/rfc/rfc8314
import { createTransport } from "nodemailer";
import { isLoopback, mailboxPattern } from "../platform/code-variables.ts";
import type { OtpPurpose } from "../platform/enums.ts";
import type { CodeDelivery, CodeMessage } from "./code-message.ts";

/** From the first byte to the server's last word; shorter than the lease of a delivery. */
const deadlineMs = 10_000;
const submission_port = { "smtp:": 587, "smtps:": 465 } as const;

/**
 * Sends codes as e-mails through the operator's server, one connection each. Its certificate is checked, and nothing is said
 * to it in clear but on this machine. `ca`: in place of the authorities that this machine trusts (PEM).
 */
export function createMail(
  { url, from }: { url: string; from: string },
  options: { deadline_ms?: number; ca?: string } = {},
): CodeDelivery {
  const { deadline_ms = deadlineMs, ca } = options;
  const { protocol, hostname, port, username, password } = new URL(url);
  const isTlsFirst = protocol === "smtps:";
  const step_ms = deadline_ms / 2;
  const transport = createTransport({
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? submission_port[isTlsFirst ? "smtps:" : "smtp:"] : Number(port),
    secure: isTlsFirst,
    ...(isLoopback(hostname) ? { ignoreTLS: true } : { requireTLS: true }),
    tls: { minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) },
    ...(username === ""
      ? {}
      : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    dnsTimeout: step_ms,
    connectionTimeout: step_ms,
    greetingTimeout: step_ms,
    socketTimeout: step_ms,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return async (message) => {
    const { destination } = message;
    if (!mailboxPattern.test(destination)) return { reason: "no mailbox", retry_after_ms: 0 };
    try {
      await transport.sendMail({
        ...textOf(message),
        from,
        to: destination,
        envelope: { from, to: [destination] },
        // The same at every try, so that a mailbox shows it once.
        messageId: `<${message.challenge_id}@${from.slice(from.indexOf("@") + 1)}>`,
        date: new Date(message.created_at),
        // RFC 3834: nobody's absence answers it.
        headers: { "Auto-Submitted": "auto-generated" },
        signal: AbortSignal.timeout(deadline_ms),
      });
      return null;
    } catch (error) {
      // Its message quotes the server, which may quote the address.
      return { reason: reasonOf(error), retry_after_ms: 0 };
    }
  };
}

const uses: Readonly<Record<OtpPurpose, string>> = {
  login: "to log in",
  signup: "to make your account",
  reset_password: "to set a new password",
  step_up: "to confirm what you are doing",
  change_contact: "to make this address yours",
};

/** The subject, which servers log, says nothing of the code. */
function textOf({ code, purpose, created_at, expires_at }: CodeMessage): { subject: string; text: string } {
  if (code === null) {
    return {
      subject: "You have an account already",
      text:
        "Somebody, perhaps you, wanted to use this address for an account. It belongs to one already: log in with a " +
        "code or your password, or set a new password.\n\nIf it was not you, there is nothing to do.\n",
    };
  }
  const minutes = Math.round((Date.parse(expires_at) - Date.parse(created_at)) / 60_000);
  return {
    subject: "Your one-time code",
    text:
      `${code} is your code ${uses[purpose]}. It is good once, for ${minutes} minutes.\n\n` +
      "Nobody of us ever asks you for it. If it was not you who wanted it, there is nothing to do.\n",
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown };
  const named = typeof code === "string" ? code : error.name;
  return typeof responseCode === "number" ? `${named} ${responseCode}` : named;
}
