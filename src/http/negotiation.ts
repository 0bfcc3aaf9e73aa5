// Content negotiation: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
import { Problem } from "./problem.ts";

/**
 * Refuses a request whose `Accept` names none of the media types of a resource. Nearly every client sends nothing,
 * `* / *` or JSON, and is let through by a string search.
 */
export function requireAcceptable(accept: string | null, produces: readonly string[]): void {
  if (accept === null || accept.includes("*/*") || produces.some((type) => accept.includes(type))) return;
  const ranges = new Set(accept.split(",").map((range) => range.split(";", 1)[0]?.trim().toLowerCase()));
  const matches = (type: string) => ranges.has(type) || ranges.has(`${type.split("/")[0]}/*`);
  if (!produces.some(matches)) {
    throw new Problem("not_acceptable", { detail: `Available: ${produces.join(", ")}` });
  }
}
