import { askUntilDefinite, type Bank } from "./bank.ts";
import type { Repeated } from "./judges.ts";
import { type Answered, isKept, isOpen, textOf } from "./movement.ts";

const WORKERS = 24;

/**
 * Asks for everything again under its key: what nobody knows the fate of until it is known, what was answered once, to see
 * that the answer is the same.
 *
 * @returns what was told, and every request with what it was answered in the end
 */
export async function settle(
  bank: Bank,
  answers: readonly Answered[],
): Promise<{ repeated: Repeated[]; settled: Answered[] }> {
  const repeated: Repeated[] = [];
  const settled: Answered[] = answers.filter((answer) => !isOpen(answer.fate));
  const waiting = answers.filter((answer) => isOpen(answer.fate) || isKept(answer));
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const { asked, fate } = next;
        const again = await askUntilDefinite(bank, bank.client, asked);
        repeated.push({
          key: asked.key,
          first: isOpen(fate) ? null : textOf(fate),
          again: again === null ? null : textOf(again),
        });
        if (isOpen(fate)) settled.push({ asked, fate: again ?? fate });
      }
    }),
  );
  return { repeated, settled };
}
