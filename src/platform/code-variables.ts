import type { OtpChannel } from "./enums.ts";
import { choice, text, url } from "./variable.ts";

const section = "One-time codes";

const deliveries = ["none", "console", "webhook", "smtp"] as const;

/** One address and nothing that a mail header could be made of: no quotes, no white space, no list. */
export const mailboxPattern =
  /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;

/** The variables of one-time codes, for the table of all. */
export const codeVariables = {
  OTP_DELIVERY: choice({
    section,
    description:
      "How they reach people. console: written to the log, with demo data only. webhook: posted to OTP_WEBHOOK_URL, which " +
      "sends them on; with SMTP_URL those to e-mail addresses go there instead. smtp: by e-mail only. none: nobody gets " +
      "one. Default: console with the embedded database, none with DATABASE_URL.",
    default: null,
    choices: deliveries,
  }),
  OTP_WEBHOOK_URL: url({
    section,
    description:
      "Takes each code as a POST in the form of Standard Webhooks; https, or http on this machine. A delivery that fails is " +
      "tried again until the code expires.",
    protocols: ["https:", "http:"],
    secret: false,
  }),
  OTP_WEBHOOK_SECRET: text({
    section,
    description: "Signs what is posted. Make one: echo whsec_$(head -c 36 /dev/urandom | base64)",
    default: null,
    pattern: /^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/,
    expected: "whsec_ and 24 to 64 bytes in base64",
    secret: true,
  }),
  SMTP_URL: url({
    section,
    description:
      "The mail server that takes e-mails, with the user and password it wants. smtps: TLS from the first byte (port 465); " +
      "smtp: STARTTLS (port 587), which only a server on this machine may do without.",
    protocols: ["smtp:", "smtps:"],
    secret: true,
  }),
  SMTP_FROM: text({
    section,
    description: "The e-mail address that they come from.",
    default: null,
    pattern: mailboxPattern,
    expected: "an e-mail address such as codes@example.com",
  }),
} as const;

type Delivery = (typeof deliveries)[number];

/** How codes leave the server; what the way in use does not need is null. */
export type CodeRoutes = Readonly<{
  delivery: Delivery;
  webhook: Readonly<{ url: string; secret: string }> | null;
  smtp: Readonly<{ url: string; from: string }> | null;
  /** Those that a code can be sent by, the one that is preferred first. */
  channels: readonly OtpChannel[];
}>;

type Values = Readonly<{
  OTP_DELIVERY: Delivery | null;
  OTP_WEBHOOK_URL: string | null;
  OTP_WEBHOOK_SECRET: string | null;
  SMTP_URL: string | null;
  SMTP_FROM: string | null;
}>;

/** What is wrong with the variables of one-time codes together. `has`: whether one was given at all. */
export function codeProblems(
  values: Values & Readonly<{ DEMO: boolean | null }>,
  { production, has }: Readonly<{ production: boolean; has: (name: keyof Values) => boolean }>,
): string[] {
  const { OTP_DELIVERY: delivery, OTP_WEBHOOK_URL: address, SMTP_URL: server } = values;
  const problems: string[] = [];
  if (delivery === "console" && production && values.DEMO !== true) {
    problems.push("OTP_DELIVERY: console writes codes to the log, which only demo data allows (DEMO=true)");
  }
  for (const name of ["OTP_WEBHOOK_URL", "OTP_WEBHOOK_SECRET"] as const) {
    if (delivery === "webhook" && !has(name)) problems.push(`${name}: is required by OTP_DELIVERY=webhook`);
  }
  if (delivery === "smtp" && !has("SMTP_URL")) problems.push("SMTP_URL: is required by OTP_DELIVERY=smtp");
  if (has("SMTP_URL") && !has("SMTP_FROM")) problems.push("SMTP_FROM: is required by SMTP_URL");
  return [
    ...problems,
    ...(address === null ? [] : webhookProblems(new URL(address))),
    ...(server === null ? [] : serverProblems(new URL(server))),
  ];
}

function webhookProblems({ protocol, hostname, username, password }: URL): string[] {
  const problems: string[] = [];
  if (protocol !== "https:" && !isLoopback(hostname)) {
    problems.push("OTP_WEBHOOK_URL: codes leave this machine by https only");
  }
  if (username !== "" || password !== "") {
    problems.push("OTP_WEBHOOK_URL: cannot hold a user and password; OTP_WEBHOOK_SECRET signs what is sent");
  }
  return problems;
}

function serverProblems({ hostname, pathname, search, hash }: URL): string[] {
  if (hostname === "") return ["SMTP_URL: names no server"];
  const isBare = /^\/?$/.test(pathname) && search === "" && hash === "";
  return isBare ? [] : ["SMTP_URL: takes nothing behind the server and its port"];
}

/** Whether a host is this machine, by its name or number as a URL spells it. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);

/** How codes leave a server of this configuration, which has no `codeProblems`. */
export function codeRoutesOf(values: Values, mode: "embedded" | "production"): CodeRoutes {
  const delivery = values.OTP_DELIVERY ?? (mode === "embedded" ? "console" : "none");
  const { OTP_WEBHOOK_URL: address, OTP_WEBHOOK_SECRET: secret, SMTP_URL: server, SMTP_FROM: from } = values;
  const posts = delivery === "webhook" && address !== null && secret !== null;
  const mails = (delivery === "smtp" || delivery === "webhook") && server !== null && from !== null;
  const reaches: Readonly<Record<Delivery, readonly OtpChannel[]>> = {
    none: [],
    console: ["sms", "email"],
    webhook: ["sms", "email"],
    smtp: ["email"],
  };
  return Object.freeze({
    delivery,
    webhook: posts ? Object.freeze({ url: address, secret }) : null,
    smtp: mails ? Object.freeze({ url: server, from }) : null,
    channels: Object.freeze([...reaches[delivery]]),
  });
}
