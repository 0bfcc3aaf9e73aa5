import type { Fate } from "../fleet/client.ts";
import { askUntilDefinite, type Bank } from "./bank.ts";
import type { Repeated } from "./judges.ts";
import { type Answered, type Asked, isKept, isOpen, textOf } from "./movement.ts";

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
  const ask = async (asked: Asked): Promise<Fate | null> => askUntilDefinite(bank, bank.client, asked);
  const note = (asked: Asked, first: Fate | null, again: Fate | null): void => {
    const [one, other] = [first, again].map((fate) => (fate === null ? null : textOf(fate)));
    repeated.push({ key: asked.key, first: one ?? null, again: other ?? null });
  };
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const { asked, fate } = next;
        const again = await ask(asked);
        note(asked, isOpen(fate) ? null : fate, again);
        if (!isOpen(fate)) continue;
        settled.push({ asked, fate: again ?? fate });
        // What has become known stays as it is, too.
        if (again !== null && isKept({ asked, fate: again })) note(asked, again, await ask(asked));
      }
    }),
  );
  return { repeated, settled };
}
