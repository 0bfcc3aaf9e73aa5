import type { PlatformDeps } from "../platform/deps.ts";
import type { CodeDelivery, CodeMessage } from "./code-message.ts";
import { createCodeSeal } from "./otp-code.ts";
import { type ClaimOtpDeliveriesRow, claimOtpDeliveries, settleOtpDelivery } from "./statements.ts";

/** Codes on their way at once. One that hangs holds the others of its round up for the deadline of the delivery. */
const atOnce = 16;
/** Longer than any delivery takes; a replica that dies with a code in hand delays it for so long. */
const lease_s = 20;
const firstRest_ms = 1_000;
const longestRest_ms = 20_000;

/**
 * Delivers the codes that are due, a bounded number of them: the background job of one-time codes. What fails is due again
 * after a rest that doubles, for as long as the code is good for anything; then nothing of it is kept. A code that was asked
 * for where nobody has any use for it goes nowhere.
 *
 * @returns whether more may wait
 */
export function createOtpCourier(deps: PlatformDeps, deliver: CodeDelivery): () => Promise<boolean> {
  const { write } = deps.db;
  const seal = createCodeSeal(deps.config.auth.jwt_secret);

  const settle = (due: ClaimOtpDeliveriesRow, retry_after_ms: number | null) => {
    const { challenge_id, delivery_attempts } = due;
    return write.query(settleOtpDelivery, { challenge_id, delivery_attempts, retry_after_ms });
  };
  const giveUp = async (due: ClaimOtpDeliveriesRow, reason: string): Promise<void> => {
    deps.metrics.codeDelivery("given_up");
    deps.log.warn({ ...named(due), reason }, "a one-time code was not delivered");
    await settle(due, null);
  };
  const bring = async (due: ClaimOtpDeliveriesRow): Promise<void> => {
    if (!due.is_living) return giveUp(due, "nobody can use it any more");
    if (due.content === "nothing") return void (await settle(due, null));
    const code = await seal.open(due.challenge_id, due.sealed_code);
    if (code === null) return giveUp(due, "sealed with another secret");
    const failure = await deliver(messageOf(due, code));
    deps.metrics.codeDelivery(failure === null ? "delivered" : "failed");
    if (failure === null) return void (await settle(due, null));
    const rest_ms = Math.max(failure.retry_after_ms, restOf(due.delivery_attempts));
    deps.log.warn(
      { ...named(due), reason: failure.reason, rest_ms },
      "a one-time code was refused and will be sent again",
    );
    await settle(due, rest_ms);
  };

  return async () => {
    const due = await write.query(claimOtpDeliveries, { limit_rows: atOnce, lease_s });
    const ended = await Promise.allSettled(due.map(bring));
    for (const { status, ...rest } of ended) if (status === "rejected" && "reason" in rest) throw rest.reason;
    return due.length === atOnce;
  };
}

const messageOf = (
  {
    content,
    challenge_id,
    purpose,
    channel,
    destination,
    created_at,
    expires_at,
    locale,
  }: ClaimOtpDeliveriesRow,
  code: string,
): CodeMessage => ({
  challenge_id,
  purpose,
  channel,
  destination,
  code: content === "code" ? code : null,
  created_at,
  expires_at,
  locale,
});

const named = ({ challenge_id, purpose, channel, delivery_attempts }: ClaimOtpDeliveriesRow) => ({
  challenge_id,
  purpose,
  channel,
  delivery_attempts,
});

/** Doubles from a second to twenty, varied by a fifth. */
const restOf = (attempts: number): number =>
  Math.round(Math.min(firstRest_ms * 2 ** (attempts - 1), longestRest_ms) * (0.8 + Math.random() * 0.4));
