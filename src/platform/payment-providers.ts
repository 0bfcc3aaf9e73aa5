import { type CollectionMethod, collectionMethods } from "./enums.ts";
import { list } from "./variable.ts";

/** A secret with which a provider signs its events. */
export type WebhookSecret = Readonly<{
  provider: string;
  /** Code of the business whose events alone it signs; null: of any. */
  business_code: string | null;
  secret: string;
}>;

/** Where somebody pays by a method. */
export type Checkout = Readonly<{
  method: CollectionMethod;
  provider: string;
  /** With `{reference}`, and perhaps `{amount}`, `{currency}` and `{business}`. */
  url: string;
}>;

const secret_item =
  /^(?<provider>[a-z][a-z0-9_]{0,39})(?:@(?<business_code>[A-Z0-9]{4,10}))?=(?<secret>[\x21-\x7e]{16,256})$/;
const checkout_item =
  /^(?<method>[a-z_]+):(?<provider>[a-z][a-z0-9_]{0,39})=(?<url>https?:\/\/[\x21-\x7e]{1,500})$/;

/** Names of accounts beside `clearing:{provider}`, which a provider would share. */
const taken_names: ReadonlySet<string> = new Set(["payments", "unapplied", "bank"]);

/** One item of WEBHOOK_SECRETS, such as `paystack=sk_live_…` or `paystack@DEMO=sk_live_…`; null when it is none. */
export function webhookSecretOf(item: string): WebhookSecret | null {
  const { provider = "", business_code = null, secret = "" } = secret_item.exec(item)?.groups ?? {};
  return provider === "" || taken_names.has(provider) ? null : { provider, business_code, secret };
}

/** One item of CHECKOUT_URLS, such as `card:paystack=https://pay.example.com/{reference}`; null when it is none. */
export function checkoutOf(item: string): Checkout | null {
  const { method: name, provider = "", url = "" } = checkout_item.exec(item)?.groups ?? {};
  const method = collectionMethods.find((known) => known === name && known !== "cash");
  const parsed = URL.parse(url.replaceAll(/[{}]/g, ""));
  if (method === undefined || parsed === null || !url.includes("{reference}")) return null;
  const names = [...url.matchAll(/\{([^}]*)\}/g)].map(([, placeholder = ""]) => placeholder);
  return names.every((known) => placeholders.has(known)) ? { method, provider, url } : null;
}

const placeholders: ReadonlySet<string> = new Set(["reference", "amount", "currency", "business"]);

const section = "Online payments";

/** The variables of them, for the table of all. */
export const paymentVariables = {
  WEBHOOK_SECRETS: list({
    section,
    description:
      "Who confirms online payments at /api/v1/webhooks/{provider}, and with which secret each signs (HMAC-SHA512). " +
      "provider@CODE=secret signs for one business only, which several businesses of one installation need. Two of one " +
      "provider: both hold, while one is replaced by the other.",
    default: "",
    expected: "provider=secret with 16 to 256 characters",
    accepts: (item) => webhookSecretOf(item) !== null,
    secret: true,
  }),
  CHECKOUT_URLS: list({
    section,
    description:
      "Where customers pay who do not pay cash, one URL a method (transfer, card, mobile_money), with {reference}, and " +
      "perhaps {amount} (minor units), {currency} and {business} (its code). A method without one is refused.",
    default: "",
    expected: "method:provider=URL with {reference}",
    accepts: (item) => checkoutOf(item) !== null,
  }),
};

/** What is wrong with the two together; without a secret nobody could confirm what was paid. */
export function paymentProblems(secrets: readonly WebhookSecret[], checkouts: readonly Checkout[]): string[] {
  const problems: string[] = [];
  for (const { method, provider } of checkouts) {
    if (!secrets.some((known) => known.provider === provider)) {
      problems.push(
        `CHECKOUT_URLS: WEBHOOK_SECRETS has no secret of ${provider}, so nothing could be confirmed`,
      );
    }
    if (checkouts.filter((other) => other.method === method).length > 1) {
      problems.push(`CHECKOUT_URLS: ${method} is there more than once`);
    }
  }
  return [...new Set(problems)];
}
