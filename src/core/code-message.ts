import type { OtpChannel, OtpPurpose } from "../platform/enums.ts";

/** A code, and where it goes; or the word that there is an account already. Instants are RFC 3339. */
export type CodeMessage = Readonly<{
  challenge_id: string;
  purpose: OtpPurpose;
  channel: OtpChannel;
  /** Phone number (E.164) or e-mail address. */
  destination: string;
  /** Null: somebody has this destination already, so that no code makes it a new account's or somebody else's. */
  code: string | null;
  created_at: string;
  expires_at: string;
  /** BCP 47 tag of the language that the recipient reads, where it is known. */
  locale: string | null;
}>;

/** Null once it was taken; else why it was not, in a word that holds nothing secret, and when it may be tried again. */
export type CodeFailure = Readonly<{ reason: string; retry_after_ms: number }>;

/** A way to a person. Never rejects. */
export type CodeDelivery = (message: CodeMessage) => Promise<CodeFailure | null>;
