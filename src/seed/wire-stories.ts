import type { WirePlan } from "./plan.ts";

/** Who makes a move: never one person two of them. */
export type Part = "creator" | "approver" | "reviewer";

/** A move of a wire, so long after the one before. */
type Step = Readonly<{ to: string; after_min: number; by: Part; note?: string }>;

const made: Step = { to: "pending_approval", after_min: 0, by: "creator" };
const approved: Step = { to: "compliance_review", after_min: 120, by: "approver" };
const cleared: Step = { to: "approved", after_min: 180, by: "reviewer" };
const settled: readonly Step[] = [
  { to: "submitted", after_min: 60, by: "approver" },
  { to: "completed", after_min: 1_200, by: "approver" },
];
/** As bank.move_wire of 0018 words it. */
const waved = "Below the threshold, and no watched name is like it";

const stories: Readonly<Record<WirePlan["story"], readonly Step[]>> = {
  waved: [made, approved, { to: "approved", after_min: 0, by: "approver", note: waved }, ...settled],
  reviewed: [made, approved, cleared, ...settled],
  held: [
    made,
    approved,
    { to: "on_hold", after_min: 120, by: "reviewer", note: "A watched name: asked for a proof of identity" },
    { to: "compliance_review", after_min: 1_200, by: "reviewer", note: "Born elsewhere, another person" },
    cleared,
    ...settled,
  ],
  returned: [
    made,
    approved,
    cleared,
    ...settled,
    { to: "returned", after_min: 4_320, by: "approver", note: "The account there is closed" },
  ],
  rejected: [
    made,
    approved,
    { to: "rejected", after_min: 240, by: "reviewer", note: "No invoice was shown for it" },
  ],
  cancelled: [made, { to: "cancelled", after_min: 60, by: "creator" }],
};

/** A move that has happened. */
export type WireEvent = Readonly<{
  at_ms: number;
  from: string | null;
  to: string;
  by: Part;
  note: string | null;
}>;

/** The moves of a wire that was made at an instant, those that lie behind `until_ms`. */
export function tell({ story, stays }: WirePlan, made_ms: number, until_ms: number): WireEvent[] {
  const events: WireEvent[] = [];
  let at_ms = made_ms;
  for (const { to, after_min, by, note = null } of stories[story]) {
    at_ms += after_min * 60_000;
    if (at_ms > until_ms) break;
    events.push({ at_ms, from: events.at(-1)?.to ?? null, to, by, note });
    if (to === stays) break;
  }
  return events;
}
