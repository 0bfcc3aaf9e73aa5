import { invalidate, newOutboxId } from "../core/invalidation.ts";
import { jsonOf, textOf } from "../http/body.ts";
import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { RequestScope } from "../http/scope.ts";
import type { EventReason, EventResult } from "../platform/enums.ts";
import type { Tag } from "../platform/cache/index.ts";
import { handleEvent, receiveEvent } from "./statements.ts";
import { formOf, type PaymentEvent } from "./webhook-forms.ts";
import type { Signatures } from "./webhook-signature.ts";

/** What became of an event. `received`: it is kept, and will be worked on. */
export type EventAnswer = Readonly<{
  event_id: string;
  result: EventResult | "received";
  reason: EventReason | null;
}>;

/** The signed event of a provider. */
export type Delivery = Readonly<{ provider: string; bytes: Uint8Array<ArrayBuffer> }>;

/**
 * Takes an event of a payment provider. Nothing of it is parsed before its signature was found right. It is kept first, in a
 * transaction of its own, and worked on then; when that fails it is answered all the same, for the background job goes on
 * with it. An event that came before is answered with its first result.
 *
 * @throws {Problem} `not_found` (no such provider), `bad_signature`, `malformed_json`, `validation`
 */
export async function takeEvent(
  deps: Deps,
  signatures: Signatures,
  scope: RequestScope,
  { provider, bytes }: Delivery,
): Promise<EventAnswer> {
  if (!signatures.knows(provider)) throw new Problem("not_found", { detail: "There is no such provider" });
  const form = formOf(provider);
  const signed = await signatures.find(provider, scope.request.headers.get(form.signature_header), bytes);
  if (signed === null) {
    deps.metrics.payment("bad_signature");
    // RFC 9110 section 11.6.1: every 401 says what is asked for.
    throw new Problem("bad_signature", {
      headers: { "www-authenticate": `HMAC-SHA512 realm="webhooks", header="${form.signature_header}"` },
    });
  }
  const text = textOf(bytes);
  const { event_id, payment } = form.read(jsonOf(text), text);
  await keep(deps, { provider, event_id, payment }, { body: text, business_code: signed.business_code });
  try {
    const outbox_id = newOutboxId();
    const [handled] = await deps.db.write.query(handleEvent, { provider, event_id, outbox_id });
    if (handled?.result !== undefined) {
      // Also when it came again: whoever worked on it may have died before it told the cache.
      await invalidate(deps, { outbox_id, tags: JSON.parse(handled.tags) as Tag[] });
      deps.metrics.payment(handled.result);
      return { event_id, result: handled.result, reason: handled.reason };
    }
  } catch (error) {
    deps.log.warn(
      { err: error, request_id: scope.request_id, provider, event_id },
      "an event is left for later",
    );
  }
  return { event_id, result: "received", reason: null };
}

async function keep(
  deps: Deps,
  { provider, event_id, payment }: PaymentEvent & { provider: string },
  signed: Readonly<{ body: string; business_code: string | null }>,
): Promise<void> {
  const [row] = await deps.db.write.query(receiveEvent, {
    ...signed,
    provider,
    event_id,
    is_payment: payment !== null,
    reference: payment?.reference ?? null,
    amount: payment === null ? null : String(payment.amount),
    currency: payment?.currency ?? null,
    paid_at: payment?.paid_at ?? null,
  });
  if (row?.is_known === true) return;
  deps.log.warn(
    { provider, business_code: signed.business_code },
    "WEBHOOK_SECRETS names a business that is not there",
  );
  throw new Problem("not_found", { detail: "There is no such business" });
}
