// Problem Details for HTTP APIs: https://www.rfc-editor.org/rfc/rfc9457

/**
 * Every way a request can fail. `code` is stable; status and title belong to the code, the detail to the case.
 * The table is printed into the docs page, so a description says what the caller can do.
 */
export const problems = {
  malformed_json: [
    400,
    "Malformed JSON",
    "The body is not JSON. Check quoting, commas and the character encoding (UTF-8).",
  ],
  malformed_request: [
    400,
    "Malformed request",
    "The request cannot be read as HTTP, or could be read in two ways.",
  ],
  invalid_header: [400, "Invalid header", "A request header cannot be read; the detail names it."],
  invalid_cursor: [
    400,
    "Invalid cursor",
    "The cursor was altered or belongs to another list. Start again without one.",
  ],
  idempotency_key_required: [
    400,
    "Idempotency-Key required",
    "Send an Idempotency-Key header of 8 to 255 visible characters.",
  ],
  unauthenticated: [
    401,
    "Not authenticated",
    "Send Authorization: Bearer with an access token from /auth/login.",
  ],
  invalid_token: [
    401,
    "Invalid token",
    "The access token was not issued by this server or was altered. Log in again.",
  ],
  token_expired: [401, "Token expired", "The access token has expired. Use /auth/refresh."],
  session_revoked: [
    401,
    "Session ended",
    "The session was logged out, revoked or has expired. Log in again.",
  ],
  invalid_credentials: [401, "Wrong credentials", "The account or the password is wrong."],
  invalid_refresh_token: [
    401,
    "Invalid refresh token",
    "The refresh token is unknown, expired or was used before. Log in again.",
  ],
  invalid_code: [
    401,
    "Wrong code",
    "The one-time code is wrong, was used, has expired, or is somebody else's. Ask for another.",
  ],
  bad_signature: [401, "Wrong signature", "The body was not signed with the secret of this provider."],
  step_up_required: [
    401,
    "One-time code required",
    "Ask for a code with /auth/otp (purpose step_up), verify it in this session, and repeat the request.",
  ],
  forbidden: [403, "Forbidden", "Your role may not do this; the docs list which roles may."],
  maker_checker: [
    403,
    "Somebody else has to decide",
    "Who made it does not approve it, and who approved it does not review it.",
  ],
  operator_overlap: [409, "Operator busy", "The operator is working on another step."],
  machine_overlap: [409, "Machine busy", "The machine is running as much as it can."],
  dependent_started: [409, "Followed already", "A step that waited for this one has been started."],
  machine_unavailable: [422, "Machine unavailable", "The machine is not in use, or is down."],
  machine_process_mismatch: [422, "Wrong machine", "The machine cannot do this process."],
  over_production: [422, "Over-production", "More than the step's target and its allowance."],
  process_not_permitted: [
    403,
    "Process not permitted",
    "The step is another operator's, or the role may not do this with its process.",
  ],
  dependency_cycle: [422, "Dependency cycle", "Steps would wait for one another in a circle."],
  remittance_closed: [
    403,
    "For staff to undo",
    "Its day is over, its cash is handed over, or a provider has the money: only staff reverse it now.",
  ],
  signup_closed: [
    403,
    "Nobody signs up here",
    "Accounts of this server are made by owners and admins of a business (`POST /members`): ask one.",
  ],
  no_membership: [
    403,
    "No active membership",
    "You are not an active member of any business. Ask an owner to add or reactivate you.",
  ],
  not_found: [404, "Not found", "There is no such thing in your business."],
  upgrade_required: [426, "Upgrade required", "This path is a WebSocket: connect with `Upgrade: websocket`."],
  method_not_allowed: [405, "Method not allowed", "The Allow header lists the methods of this resource."],
  not_acceptable: [
    406,
    "Not acceptable",
    "This resource has no representation in a media type of your Accept header.",
  ],
  already_exists: [409, "Already exists", "Something with this unique value exists."],
  illegal_transition: [
    409,
    "Illegal transition",
    "The current state does not allow this move; `allowed` lists what it does.",
  ],
  in_use: [409, "In use", "It is referred to by something else and cannot be removed."],
  active_account_exists: [
    409,
    "Active account exists",
    "The customer has an active savings account of this product: one at a time.",
  ],
  payment_request_exists: [
    409,
    "Payment request exists",
    "A payment request of this account is under way, or was paid.",
  ],
  account_not_empty: [
    409,
    "Account not empty",
    "There is money in the account, or held in it. Move it out and settle what is held first.",
  ],
  idempotency_in_progress: [
    409,
    "Request in progress",
    "The first request with this Idempotency-Key is still running.",
  ],
  last_owner: [409, "Last owner", "A business keeps at least one active owner."],
  already_reversed: [409, "Already reversed", "It was undone before; a transaction is undone once."],
  already_resolved: [409, "Already resolved", "The hold was posted, voided or has expired: it ends once."],
  not_pending: [409, "Not a hold", "Only a pending transaction can be posted or voided."],
  pending_expired: [409, "Hold expired", "The time of the hold has passed: it can only be voided."],
  category_in_use: [
    409,
    "Category in use",
    "It has plans or transactions. Name the category that takes them over (`into`).",
  ],
  not_reversible: [409, "Not reversible", "Only what is posted can be undone, and a reversal cannot."],
  precondition_failed: [
    412,
    "Precondition failed",
    "It changed since you read it. Read it again and repeat with the new ETag.",
  ],
  payload_too_large: [413, "Body too large", "The request body is over the limit named in the detail."],
  uri_too_long: [414, "URL too long", "The URL is longer than 8 kB. Put what is long into the body."],
  unsupported_media_type: [
    415,
    "Unsupported media type",
    "Send the body in a media type that the documentation names.",
  ],
  validation: [422, "Validation failed", "`errors` points at each member that is wrong."],
  idempotency_mismatch: [422, "Idempotency-Key reused", "This Idempotency-Key was used for another request."],
  reference_not_found: [
    422,
    "Reference not found",
    "The body refers to something that is not in your business.",
  ],
  reference_exists: [422, "Reference used", "Something in the business has this reference."],
  insufficient_funds: [422, "Insufficient funds", "Too little is available in the account that pays."],
  limit_exceeded: [
    422,
    "Limit exceeded",
    "The account's limit for this window (`window`, `limit`, `used`) would be passed.",
  ],
  balance_ceiling: [422, "Balance ceiling", "The account may not hold so much."],
  account_full: [422, "Account full", "There are fewer free slots than markings; `remaining` says how many."],
  nothing_to_pay: [422, "Nothing to pay", "What was saved does not come to more than commission and fees."],
  too_few_markings: [
    422,
    "Too few markings",
    "The product asks for more markings before it pays (`required`, `paid`).",
  ],
  account_not_open: [
    422,
    "Account not open",
    "The account is pending, frozen or closed: nothing is posted to it.",
  ],
  unbalanced: [422, "Unbalanced", "Debits and credits of each currency must be equal."],
  partial_amount: [
    422,
    "Wrong part",
    "A hold of two lines may be posted in part, with at most what it holds; others are posted whole.",
  ],
  account_owned: [
    422,
    "Account of a module",
    "The account belongs to a record of a module, whose own endpoints move its money.",
  ],
  account_not_found: [422, "Account not found", "There is no such account in your business."],
  currency_mismatch: [422, "Currency mismatch", "The amount and the accounts are not in one currency."],
  same_account: [422, "Same account", "Money cannot be moved from an account to itself."],
  batch_refused: [
    422,
    "Batch refused",
    "Nothing was posted. `errors` names each item that was refused, and why.",
  ],
  kyc_required: [
    422,
    "KYC required",
    "The customer has not been identified as far as this needs: see /kyc/next-steps.",
  ],
  no_fx_rate: [
    422,
    "No exchange rate",
    "The business has no rate for this currency (setting bank.fx_rates).",
  ],
  weak_password: [
    422,
    "Weak password",
    "Choose at least 12 characters that are neither the old password, a name of yours, nor a common one.",
  ],
  no_code_destination: [
    422,
    "Nowhere to send a code",
    "You have neither a phone number nor an e-mail address here. Ask an owner to add one.",
  ],
  file_type_mismatch: [
    422,
    "File type mismatch",
    "The content of the file is not what its name or media type says.",
  ],
  file_type_not_allowed: [
    422,
    "File type not allowed",
    "Send a PDF, PNG, JPEG, WebP, GIF, CSV, text, XLSX or DOCX file.",
  ],
  import_refused: [
    422,
    "Import refused",
    "Nothing was imported. `errors` names each wrong line; correct the file and send it again.",
  ],
  kyc_incomplete: [
    422,
    "Identification incomplete",
    "Approved documents are missing for this decision; /kyc/next-steps names them.",
  ],
  kyc_document_outdated: [
    422,
    "Document outdated",
    "The document has expired, or has become too old to be approved. Reject it as `outdated`.",
  ],
  unknown_category: [422, "Unknown category", "The budget has no such category."],
  income_category: [
    422,
    "Category of income",
    "Nothing is planned for a category of income: its money is what is planned.",
  ],
  precondition_required: [428, "Precondition required", "Send If-Match with the ETag that you last read."],
  rate_limited: [
    429,
    "Too many requests",
    "Wait for the seconds in Retry-After; RateLimit tells what is left.",
  ],
  headers_too_large: [431, "Headers too large", "A header is larger than 8 kB, or all of them than 32 kB."],
  internal: [500, "Internal error", "Our fault. It is logged under the request id."],
  bad_gateway: [
    502,
    "Bad gateway",
    "No replica could answer. What was asked may have been done: repeat it with the same Idempotency-Key.",
  ],
  overloaded: [503, "Overloaded", "Too much work is waiting. Repeat after the seconds in Retry-After."],
  database_unavailable: [
    503,
    "Database unavailable",
    "The database cannot be reached now. Repeat after the seconds in Retry-After.",
  ],
  code_delivery_unavailable: [
    503,
    "Codes cannot be sent",
    "This server sends no one-time codes; its operator has to set OTP_DELIVERY.",
  ],
  chat_unavailable: [
    503,
    "Chat unavailable",
    "The service that answers chats cannot be reached, refuses, or took too long. Repeat after the seconds in Retry-After.",
  ],
  gateway_timeout: [
    504,
    "Gateway timeout",
    "No replica answered in time. What was asked may have been done: repeat it with the same Idempotency-Key.",
  ],
} as const satisfies Record<string, readonly [status: number, title: string, description: string]>;

export type ProblemCode = keyof typeof problems;

/** One member that is wrong; `pointer` is a JSON pointer (RFC 6901) into the body, or the name of a parameter. */
export type ProblemError = { pointer: string; detail: string };

type ProblemOptions = {
  detail?: string | undefined;
  errors?: readonly ProblemError[];
  /** Extension members, such as `{from, to, allowed}` of `illegal_transition`. */
  extra?: Readonly<Record<string, unknown>>;
  /** Headers that the answer carries beside those every problem has. */
  headers?: Readonly<Record<string, string>>;
  cause?: unknown;
};

/** A refusal on its way to the client: thrown anywhere, turned into a response in one place (`pipeline.ts`). */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: ProblemCode;
  readonly status: number;
  readonly detail: string;
  readonly errors: readonly ProblemError[];
  readonly extra: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    const [status, title, description] = problems[code];
    super(title, { cause: options.cause });
    this.code = code;
    this.status = status;
    this.detail = options.detail ?? description;
    this.errors = options.errors ?? [];
    this.extra = options.extra ?? {};
    this.headers = options.headers ?? {};
  }
}

/** The response of a problem. `instance` is the path that was asked, `request_id` finds the log line. */
export function problemResponse(problem: Problem, request: { path: string; request_id: string }): Response {
  const body = {
    type: `/docs/errors#${problem.code}`,
    title: problem.message,
    status: problem.status,
    detail: problem.detail,
    instance: request.path,
    code: problem.code,
    request_id: request.request_id,
    ...problem.extra,
    ...(problem.errors.length > 0 ? { errors: problem.errors } : {}),
  };
  return new Response(JSON.stringify(body), {
    status: problem.status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...problem.headers },
  });
}

/** What the catalogue says of these codes, as JSON, for problem documents that are made in the database. */
export const problemDocuments = (codes: readonly ProblemCode[]): string =>
  JSON.stringify(
    Object.fromEntries(
      codes.map((code) => {
        const [status, title, detail] = problems[code];
        return [code, { status, title, detail }];
      }),
    ),
  );
