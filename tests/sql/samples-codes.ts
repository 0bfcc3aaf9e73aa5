import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const hash = new Uint8Array(32).fill(7);

/** Values for one-time codes, and for the sessions that they open. */
export function ofCodes(rows: Populated): Samples["statements"] {
  const session = JSON.stringify({
    session_id: id,
    token_hash: "07".repeat(32),
    ip: "192.0.2.1",
    user_agent: "sample",
    idle_ttl_s: 3_600,
    absolute_ttl_s: 86_400,
    request_id: "sample",
  });
  const challenge = { challenge_id: rows.challenge_id, code_hash: hash };
  const made = { challenge_id: id, code_hash: hash, sealed_code: hash, ttl_s: 300 };
  const tried = { channel: "sms", destination: "+971000007", code_hash: hash, resend_s: 30 };
  const mail = { channel: "email", destination: "grown8@example.test" };
  return {
    "core/change_contact": [tried, { ...tried, ...mail }],
    "core/claim_otp_deliveries": [{ lease_s: 20 }],
    "core/create_contact_challenge": [{ ...made, ...mail }],
    "core/create_otp_challenge": [
      { ...made, purpose: "step_up", channels: ["sms", "email"] },
      { ...made, purpose: "step_up", channels: ["email"] },
    ],
    "core/create_public_challenge": [{ ...made, ...mail, purpose: "login", resend_s: 29 }],
    "core/delete_expired_otp_challenges": [{ retention_s: 3_600 }],
    "core/enter_by_code": [
      { ...tried, purpose: "login", account: "{}", session },
      { ...tried, ...mail, purpose: "reset_password", account: '{"password_hash":"hash"}', session },
    ],
    "core/get_step_up": [{ max_age_s: 300 }],
    "core/settle_otp_delivery": [
      { ...challenge, delivery_attempts: 1, retry_after_ms: 1_000 },
      { ...challenge, delivery_attempts: 1, retry_after_ms: null },
    ],
    "core/start_session": [{ session }],
    "core/verify_otp_challenge": [{ ...challenge, resend_s: 30, max_age_s: 300 }],
  };
}
