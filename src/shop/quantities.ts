import { Problem } from "../http/problem.ts";

/**
 * Quantities have at most three decimals; a fourth one would be rounded away without a word. `given`: by pointer; what is no
 * number is left to its schema.
 *
 * @throws {Problem} `validation`
 */
export function requireThreeDecimals(given: Readonly<Record<string, unknown>>): void {
  const errors = Object.entries(given)
    .filter(([, value]) => typeof value === "number" && !/^\d+(\.\d{1,3})?$/.test(String(value)))
    .map(([pointer]) => ({ pointer, detail: "Has more than three decimals" }));
  if (errors.length > 0) throw new Problem("validation", { errors });
}
