import type { MemberRole } from "../platform/enums.ts";

/**
 * A legal move of something that one member hands over, spends or asks for. `maker`: that member alone may make it (`only`),
 * or everybody with the role but they (`never`: maker-checker).
 */
export type Move<S extends string, A extends string = string> = Readonly<{
  action: A;
  from: S;
  to: S;
  roles: readonly MemberRole[];
  maker?: "only" | "never";
}>;

/** The moves of an action in words, for its documentation. `maker`: what the member is called. */
export const describeMoves = (moves: readonly Move<string>[], action: string, maker: string): string =>
  moves
    .filter((move) => move.action === action)
    .map(({ from, to, roles, maker: may }) => {
      const who = may === "only" ? maker : `${roles.join(", ")}${may === "never" ? `, never ${maker}` : ""}`;
      return `\`${from}\` → \`${to}\` by ${who}`;
    })
    .join("; ");
