// Content negotiation: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
import { Problem } from "./problem.ts";

/** How much a client wants a media type: quality 0 is not at all; `closeness` 2 named it, 1 its kind, 0 anything. */
type Preference = Readonly<{ quality: number; closeness: number; place: number }>;

const nothing: Preference = { quality: 0, closeness: -1, place: -1 };

/** The range of an `Accept` header that means a type most closely, with its quality (section 12.4.2). */
function preferenceOf(accept: string, type: string): Preference {
  const names = ["*/*", `${type.split("/", 1)[0]}/*`, type];
  let best = nothing;
  for (const [place, range] of accept.toLowerCase().split(",").entries()) {
    const closeness = names.indexOf(range.split(";", 1)[0]?.trim() ?? "");
    const quality = Number(/;\s*q=(\d(?:\.\d*)?)/.exec(range)?.[1] ?? 1);
    if (closeness > best.closeness) best = { quality, closeness, place };
  }
  return best;
}

/** Whether the client prefers one media type to another: by quality, then by closeness, then by order. */
export function prefers(accept: string, type: string, other: string): boolean {
  const [a, b] = [preferenceOf(accept, type), preferenceOf(accept, other)];
  if (a.quality !== b.quality || a.quality === 0) return a.quality > b.quality;
  if (a.closeness !== b.closeness) return a.closeness > b.closeness;
  return a.place < b.place;
}

/** Whether the client takes a media type at all. */
export const accepts = (accept: string, type: string): boolean => preferenceOf(accept, type).quality > 0;

/**
 * Refuses a request whose `Accept` wants none of the media types of a resource. Nearly every client sends nothing,
 * anything, or the one type, and is let through without a look.
 */
export function requireAcceptable(accept: string | null, produces: readonly string[]): void {
  if (accept === null || accept === "*/*" || produces.includes(accept)) return;
  if (produces.some((type) => preferenceOf(accept, type).quality > 0)) return;
  throw new Problem("not_acceptable", { detail: `Available: ${produces.join(", ")}` });
}
