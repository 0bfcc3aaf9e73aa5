import type { Config } from "../platform/config.ts";

/**
 * Where the methods other than cash are paid, for the statements that record a payment:
 * `{"card": {"provider": "paystack", "url": "https://…{reference}"}}`. A method that is not there cannot be used.
 * `savings.checkout_url` fills a URL in; the reference is the collection's id, by which the provider's event finds it
 * (`provider`, `provider_ref`).
 */
export function checkoutsOf({ payments }: Pick<Config, "payments">): string {
  const entries = payments.checkouts.map(({ method, provider, url }) => [method, { provider, url }] as const);
  return JSON.stringify(Object.fromEntries(entries));
}
