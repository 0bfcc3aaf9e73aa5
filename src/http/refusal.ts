import type { ProblemCode } from "./problem.ts";

/** What a name that the database refuses under means to a client. */
export type Refusal = Readonly<{
  code: ProblemCode;
  pointer?: string;
  detail?: string;
  /** The function that raises it says more, for the client, as JSON in DETAIL: members of the problem. */
  tells?: true;
  headers?: Readonly<Record<string, string>>;
}>;
